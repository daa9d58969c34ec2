"""What contracts say of obligations, and what registers are called in both languages."""

import ast
import inspect
from collections.abc import Mapping
from enum import EnumMeta
from typing import Any, Literal, get_args, get_origin

import pytest
from pydantic import ValidationError

from contracts.application import register_words
from contracts.application.advice import Advisory
from contracts.application.client_registers import RegisterEntry
from contracts.application.configuration import ConfigurationItem, ConfigurationVersion, NewSupportEnd
from contracts.application.deliveries import Delivery
from contracts.application.obligation_terms import REGISTERS, ObligationTerms, in_words, register_code
from contracts.application.obligations import Breach, LiabilityDecision, Obligation
from contracts.application.register_words import named
from contracts.published import registers_v1
from contracts.published.v1 import registry

ROTATION = {
    "code": "hosting_password",
    "owner": "client",
    "kind": "credential_rotation",
    "title": {"fr": "Changer le mot de passe", "en": "Change the password"},
    "every_days": 90,
}


def faults(**values: Any) -> list[str]:
    """Where terms are refused; empty when they are taken."""
    try:
        ObligationTerms.model_validate(values)
    except ValidationError as error:
        return ["/".join(str(step) for step in fault["loc"]) for fault in error.errors()]
    return []


def test_terms_without_anything_ask_for_no_list_and_repeat_advice_every_week() -> None:
    plain = ObligationTerms()
    assert [plain.client_registers.days_of(register) for register in REGISTERS] == [None, None, None]
    assert (plain.agreed, plain.advice_resent_after_days) == ([], 7)


@pytest.mark.parametrize(
    ("values", "where"),
    [
        ({"agreed": [ROTATION]}, []),
        ({"agreed": [ROTATION, ROTATION]}, [""]),
        ({"agreed": [ROTATION | {"every_days": None}]}, ["agreed/0"]),
        ({"agreed": [ROTATION | {"code": "works_register"}]}, ["agreed/0"]),
        ({"agreed": [ROTATION | {"every_days": 0}]}, ["agreed/0/every_days"]),
        ({"client_registers": {"functions": "30"}}, ["client_registers/functions"]),
        ({"client_registers": {"people": 30}}, ["client_registers/people"]),
    ],
)
def test_what_makes_no_sense_is_refused_where_it_stands(values: dict[str, Any], where: list[str]) -> None:
    assert faults(**values) == where


def test_the_document_says_every_obligation_in_both_languages() -> None:
    terms = ObligationTerms.model_validate(
        {
            "agreed": [ROTATION | {"first_due_on": "2026-07-01"}],
            "client_registers": {"functions": 180, "anomalies": 30, "works": 1},
        }
    )
    said = in_words(terms)
    assert said["en"] == [
        "Owed by the client until 1 July 2026: Change the password.",
        "Owed by the client again within 90 days after it was last done: Change the password.",
        "The client updates or confirms the list of functions within 180 days.",
        "The client updates or confirms the list of anomalies within 30 days.",
        "The client updates or confirms the list of works within 1 day.",
        "Advice that the client has not acknowledged is sent again after 7 days.",
    ]
    assert said["fr"][0] == "Dû par le client jusqu’au 1er juillet 2026\u00a0: Changer le mot de passe."
    assert len(said["fr"]) == len(said["en"])
    assert not set(said["fr"]) & set(said["en"])


def test_only_what_the_provider_owes_has_a_worth_and_the_document_says_it() -> None:
    worth = {"worth": {"amount": "12000.00", "currency": "EUR"}, "title": {"fr": "Refonte", "en": "Redesign"}}
    assert faults(agreed=[ROTATION | worth]) == ["agreed/0"]
    said = in_words(ObligationTerms.model_validate({"agreed": [ROTATION | worth | {"owner": "provider"}]}))
    assert said["en"][1] == "For its lateness, Redesign is worth €12,000.00."
    assert said["fr"][1] != said["en"][1] and "Refonte" in said["fr"][1]


def codes_of(annotation: Any) -> list[str]:
    """The values of a Literal or an enumeration, whether it may be null or not."""
    if get_origin(annotation) is Literal:
        return list(get_args(annotation))
    if isinstance(annotation, EnumMeta):
        members: Mapping[str, object] = annotation.__members__
        return [str(code) for code in members.values()]
    return [code for part in get_args(annotation) for code in codes_of(part)]


@pytest.mark.parametrize("record", [ConfigurationItem, Obligation, Breach, Advisory, RegisterEntry, Delivery])
def test_every_code_that_a_client_reads_is_called_something_in_french_and_in_english(record: type[Any]) -> None:
    for field in record.NAMED:
        codes = codes_of(record.model_fields[field].annotation)
        assert codes
        for code in codes:
            words = named(code)
            assert words.fr and words.en


def test_every_name_is_used_by_some_code() -> None:
    records: list[Any] = [ConfigurationItem, Obligation, Breach, Advisory, RegisterEntry, Delivery]
    used = {
        code for record in records for field in record.NAMED for code in codes_of(record.model_fields[field].annotation)
    }
    used |= set(codes_of(ConfigurationVersion.model_fields["state"].annotation)) | set(REGISTERS)
    (returned,) = (
        node for node in ast.walk(ast.parse(inspect.getsource(register_words._names))) if isinstance(node, ast.Dict)
    )
    assert {key.value for key in returned.keys if isinstance(key, ast.Constant)} == used


def test_the_code_of_a_register_is_the_kind_of_its_obligation() -> None:
    kinds = codes_of(Obligation.model_fields["kind"].annotation)
    assert {register_code(register) for register in REGISTERS} <= set(kinds)


@pytest.mark.parametrize(("provider", "client", "taken"), [(50, 50, True), (0, 100, True), (60, 50, False)])
def test_a_decision_shares_the_whole_of_a_breach(provider: int, client: int, taken: bool) -> None:
    values = {"provider_percent": provider, "client_percent": client, "reason": "The access came late"}
    try:
        LiabilityDecision.model_validate(values)
    except ValidationError:
        assert not taken
    else:
        assert taken


@pytest.mark.parametrize(
    "dates",
    [{}, {"end_of_support_on": "2026-07-01", "end_of_life_on": "2026-06-30"}, {"end_of_life_on": "2026-02-30"}],
)
def test_an_end_of_support_has_a_date_and_its_dates_have_an_order(dates: dict[str, str]) -> None:
    values = {
        "configuration_item_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a21",
        "versions": "8.1.*",
        "source": "php.net",
    }
    with pytest.raises(ValidationError):
        NewSupportEnd.model_validate(values | dates)


def test_every_event_of_the_registers_has_an_example_of_its_own_data() -> None:
    for event in registers_v1.REGISTER_EVENTS:
        assert registry.name_of(event).service == "contracts"
        event.model_validate(event.EXAMPLE)
