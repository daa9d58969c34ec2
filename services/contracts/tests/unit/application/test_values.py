"""What requests may contain."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from contracts.application.commitments import ResponseCommitment
from contracts.application.deliverables import PARAMETERS, PlanDeliverable, checked_parameters
from contracts.application.patches import merged
from contracts.application.values import Duration, Email, Name, Price, TimeZone, WebAddress
from contracts.published.v1 import registry


def accepts(kind: Any, value: object) -> bool:
    try:
        TypeAdapter(kind).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "value", "fine"),
    [
        (Name, "Hôtel du Lac", True),
        (Name, "   ", False),
        (Name, "two\nlines", False),
        (Name, "\x00", False),
        (Email, "lea@hotel.example", True),
        (Email, "lea@hotel.example\nBcc: everybody@example.org", False),
        (Email, "a, b@example.org", False),
        (WebAddress, "https://hotel.example:8443/fr?x=1", True),
        (WebAddress, "http://127.0.0.1:8080/", True),
        (WebAddress, "ftp://hotel.example/", False),
        (WebAddress, "https://user:secret@hotel.example/", False),
        (WebAddress, "https://hotel.example:99999/", False),
        (WebAddress, "http://[", False),
        (WebAddress, "https://hôtel.example/été", True),
        (WebAddress, "https://a..b/", False),
        (WebAddress, f"https://{'a' * 64}.example/", False),
        (WebAddress, "https://☃☃.\u2028.example/", False),
        (TimeZone, "Europe/Paris", True),
        (TimeZone, "localtime", False),
        (TimeZone, "Mars/Olympus", False),
        (Duration, "PT1H30M", True),
        (Duration, "PT", False),
        (Duration, "P1D", False),
    ],
)
def test_a_value_is_taken_or_refused(kind: Any, value: object, fine: bool) -> None:
    assert accepts(kind, value) is fine


def test_an_amount_is_written_as_its_currency_is() -> None:
    assert Price(amount="600", currency="EUR").amount == "600.00"
    assert Price(amount="600", currency="JPY").amount == "600"
    for amount, currency in (("600.001", "EUR"), ("600.5", "JPY"), ("600", "XXX"), ("-1", "EUR"), ("1e3", "EUR")):
        with pytest.raises(ValidationError):
            Price(amount=amount, currency=currency)


def test_a_commitment_has_one_target_a_severity_and_each_promises_something() -> None:
    target = {"severity": "critical", "response": "PT1H"}
    ResponseCommitment.model_validate({"calendar": "office", "targets": [target]})
    for targets in ([], [target, target], [{"severity": "minor"}]):
        with pytest.raises(ValidationError):
            ResponseCommitment.model_validate({"calendar": "office", "targets": targets})


def test_parameters_of_the_wrong_type_are_refused_where_they_stand() -> None:
    with pytest.raises(ValidationError) as refusal:
        PlanDeliverable.model_validate(
            {
                "code": "monitoring",
                "type": "uptime_monitoring",
                "name": {"fr": "a", "en": "b"},
                "maintenance_type": "preventive",
                "proof": "check_results",
                "parameters": {"interval_seconds": "often", "unknown": 1},
            }
        )
    places = {error["loc"] for error in refusal.value.errors()}
    assert places == {("parameters", "interval_seconds"), ("parameters", "unknown")}


def test_defaults_of_parameters_are_filled_in() -> None:
    assert checked_parameters("uptime_monitoring", {"interval_seconds": 30}) == {
        "interval_seconds": 30,
        "timeout_seconds": 10,
        "rechecks": 2,
        "recheck_spacing_seconds": 5,
        "recoveries": 1,
    }
    with pytest.raises(ValidationError):
        checked_parameters("uptime_monitoring", {"interval_seconds": 10})


def test_every_type_of_deliverable_says_what_it_is() -> None:
    assert all((model.__doc__ or "").strip() for model in PARAMETERS.values())


@pytest.mark.parametrize(
    ("target", "patch", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [1, 2]}, {"a": [3]}, {"a": [3]}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_a_merge_patch_means_what_its_standard_says(
    target: dict[str, object], patch: dict[str, object], result: dict[str, object]
) -> None:
    assert merged(target, patch) == result


def test_every_published_event_has_an_example_that_is_valid() -> None:
    for event in registry.events:
        event.model_validate(event.EXAMPLE)
