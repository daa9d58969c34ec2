"""How the desk of a contract may work, and what the document says of it."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

import contracts
from contracts.application.service_desk import CRITICALITIES, IMPACTS, ServiceDesk
from contracts.application.service_desk_words import catalogues, in_words
from contracts.application.values import Texts
from contracts.published.v1 import ContractActivated, ContractState, registry
from shared.i18n import untranslated

MATRIX = [entry.model_dump() for entry in ServiceDesk().priority.matrix]
OFFICE = Texts(fr="Heures ouvrables", en="Business hours")


def desk(**values: Any) -> ServiceDesk:
    return ServiceDesk.model_validate(values)


def faults(**values: Any) -> list[tuple[str, str]]:
    """Where and why a desk is refused; empty when it is taken."""
    try:
        desk(**values)
    except ValidationError as error:
        return [("/".join(str(step) for step in fault["loc"]), fault["msg"]) for fault in error.errors()]
    return []


def severity(code: str, rank: int, **values: Any) -> dict[str, Any]:
    return {"code": code, "rank": rank, "names": {"fr": f"{code} fr", "en": code}, **values}


def test_a_desk_that_says_nothing_has_four_severities_a_whole_matrix_and_promises_no_time() -> None:
    plain = desk()
    assert [(entry.code, entry.names.fr) for entry in plain.severities] == [
        ("critical", "bloquant"),
        ("major", "majeur"),
        ("minor", "mineur"),
        ("temporary", "temporaire"),
    ]
    assert {(entry.impact, entry.criticality) for entry in plain.priority.matrix} == {
        (impact, criticality) for impact in IMPACTS for criticality in CRITICALITIES
    }
    assert plain.targets == []
    assert (plain.hotline_calendar, plain.assigned_user_ids, plain.round_the_clock) == (None, [], False)


@given(st.permutations(MATRIX))
def test_a_whole_matrix_is_taken_in_any_order(matrix: list[dict[str, str]]) -> None:
    assert faults(priority={"matrix": matrix}) == []


@given(st.permutations(MATRIX), st.integers(0, 11))
def test_a_matrix_with_a_hole_is_refused_and_the_hole_is_named(matrix: list[dict[str, str]], hole: int) -> None:
    gone = matrix[hole]
    found = faults(priority={"matrix": [*matrix[:hole], *matrix[hole + 1 :]]})
    assert found == [
        ("priority/matrix", f"has no entry for impact {gone['impact']} with criticality {gone['criticality']}")
    ]


@pytest.mark.parametrize(
    ("values", "places"),
    [
        ({"priority": {"matrix": [*MATRIX[:3], {**MATRIX[3], "severity": "huge"}, *MATRIX[4:]]}},
         ["priority/matrix/3/severity"]),
        ({"priority": {"matrix": [*MATRIX[:11], MATRIX[0]]}}, ["priority/matrix/11", "priority/matrix"]),
        ({"priority": {"rank": 0}}, ["priority/rank"]),
        ({"severities": []}, ["severities"]),
        ({"targets": [{"severity": "huge", "mitigation": "PT1H"}]}, ["targets/0/severity"]),
        ({"targets": [{"severity": "major"}]}, ["targets/0"]),
        ({"targets": [{"severity": "major", "mitigation": "PT1H"}, {"severity": "major", "next_reply": "PT1H"}]},
         ["targets/1"]),
        ({"targets": [{"severity": "major", "mitigation": "P1D"}]}, ["targets/0/mitigation"]),
        ({"urgent": {"severities": ["critical", "huge"]}}, ["urgent/severities/1"]),
        ({"urgent": {"quota_percent": 101}}, ["urgent/quota_percent"]),
        ({"post_mortem": {"severities": ["critical", "critical"]}}, ["post_mortem/severities/1"]),
        ({"warnings_percent": [50, 75, 50]}, ["warnings_percent/2"]),
        ({"warnings_percent": [0]}, ["warnings_percent/0"]),
        ({"micro_evolution_limit_minutes": 241, "change_size_cap_minutes": 240}, ["change_size_cap_minutes"]),
        ({"freezes": [{"name": "Admissions", "from": "2026-03-31", "to": "2026-03-01"}]}, ["freezes/0"]),
        ({"freezes": [{"name": "Admissions", "from": "2026-02-30", "to": "2026-03-01"}]}, ["freezes/0/from"]),
        ({"escalation": [{"level": 2, "role": "manager"}]}, ["escalation/0/level"]),
        ({"escalation": [{"level": 1, "role": "a", "percent": 90}, {"level": 2, "role": "b", "percent": 50}]},
         ["escalation/1/percent"]),
        ({"round_the_clock": True, "escalation": []}, ["round_the_clock"]),
        ({"assigned_user_ids": ["0190b5c8-7d4e-7c3a-9a51-000000000009"] * 2}, ["assigned_user_ids/1"]),
        ({"surprise": 1}, ["surprise"]),
    ],
)  # fmt: skip
def test_a_desk_that_contradicts_itself_is_refused_at_the_place(values: dict[str, Any], places: list[str]) -> None:
    assert [place for place, _ in faults(**values)] == places


@pytest.mark.parametrize(
    "second",
    [
        severity("critical", 2),
        severity("major", 1),
        severity("major", 2, synonyms=["CRITICAL"]),
        severity("major", 2, synonyms=["tres grave"]),
    ],
)
def test_a_word_and_a_rank_mean_one_severity(second: dict[str, Any]) -> None:
    first = severity("critical", 1, synonyms=["Très grave"])
    matrix = [{**entry, "severity": "critical"} for entry in MATRIX]
    assert [place for place, _ in faults(severities=[first, second], priority={"matrix": matrix})] == ["severities/1"]


def test_severities_of_ones_own_need_a_matrix_that_names_them() -> None:
    own = [severity("urgent", 1), severity("normal", 2)]
    places = {place for place, _ in faults(severities=own)}
    assert {f"priority/matrix/{index}/severity" for index in range(12)} <= places
    matrix = [{**entry, "severity": "urgent" if entry["criticality"] == "high" else "normal"} for entry in MATRIX]
    rest: dict[str, Any] = {"urgent": {"severities": ["urgent"]}, "post_mortem": {"severities": []}}
    assert faults(severities=own, priority={"matrix": matrix}, **rest) == []


@pytest.mark.parametrize(
    ("hours", "targets", "round_the_clock"), [("always", 1, True), ("office", 1, False), (None, 0, False)]
)
def test_a_plans_desk_keeps_in_a_contract_only_what_its_hours_can_bear(
    hours: str | None, targets: int, round_the_clock: bool
) -> None:
    offered = desk(targets=[{"severity": "critical", "mitigation": "PT2H"}], round_the_clock=True)
    agreed = offered.fitted(hours, "always")
    assert (len(agreed.targets), agreed.round_the_clock) == (targets, round_the_clock)
    assert ServiceDesk.model_validate(agreed.model_dump(mode="json", by_alias=True)) == agreed


def test_the_document_says_the_promises_in_french_and_english() -> None:
    said = in_words(
        desk(
            priority={"rank": 1},
            targets=[{"severity": "critical", "mitigation": "PT2H", "next_reply": "PT1H30M"}],
            freezes=[{"name": "Admissions", "from": "2026-03-01", "to": "2026-03-31"}],
            escalation=[{"level": 1, "role": "on_call", "percent": 50}, {"level": 2, "role": "dean"}],
            round_the_clock=True,
            hotline_calendar="business_hours",
        ),
        hours=OFFICE,
        hotline=OFFICE,
        people=["Nadia Benali", "Paul Girard"],
    )
    assert set(said) == {"fr", "en"}
    assert len(said["fr"]) == len(said["en"])
    for sentence in (
        "bloquant : solution de contournement sous 2 heures.",
        "bloquant : réponse à chaque nouveau message sous 1 heure et 30 minutes.",
        "Les délais se comptent en heures d’ouverture du calendrier Heures ouvrables.",
        "Admissions, du 1er mars 2026 au 31 mars 2026 : aucune évolution sans approbation particulière.",
        "Une astreinte est assurée à toute heure, tous les jours.",
        "Travaillent pour le client : Nadia Benali et Paul Girard.",
    ):
        assert sentence in [each.replace("\N{NO-BREAK SPACE}", " ") for each in said["fr"]]
    for sentence in (
        "critical: a workaround within 2 hours.",
        "Impact on data: major when criticality is low, major when it is medium, critical when it is high.",
        "What was delivered counts as accepted when the client has not refused it within 45 hours.",
        "Escalation, level 1: on-call person, when 50% of the time is used.",
        "Escalation, level 2: dean, when the level before hands the item up.",
        "The hotline answers in the open hours of the calendar Business hours.",
    ):
        assert sentence in said["en"]


def test_without_a_response_commitment_the_document_says_nothing_of_times() -> None:
    said = in_words(desk(), hours=None, hotline=None, people=[])
    assert not any("post-mortem" in sentence or "accepted" in sentence for sentence in said["en"])
    assert said["en"][0] == "Severities, the most urgent one first: critical, major, minor and temporary."


def test_every_sentence_is_translated() -> None:
    assert untranslated(Path(contracts.__file__).parent, catalogues()) == []


def test_a_state_that_was_published_before_there_was_a_service_desk_is_still_valid() -> None:
    before = {key: value for key, value in ContractActivated.EXAMPLE.items() if key != "service_desk"}
    assert ContractActivated.model_validate(before).service_desk is None
    states = [event for event in registry.events if issubclass(event, ContractState)]
    assert len(states) == 4
    assert not any("service_desk" in event.model_json_schema()["required"] for event in states)


def test_what_the_examples_say_of_the_desk_is_what_a_contract_may_say() -> None:
    example = ContractActivated.EXAMPLE["service_desk"]
    published = ContractActivated.model_validate(ContractActivated.EXAMPLE).model_dump(mode="json")["service_desk"]
    assert ServiceDesk.model_validate(example).model_dump(mode="json", by_alias=True) == published == example


def test_the_examples_name_the_defaults_that_consumers_compare_theirs_with() -> None:
    example = ServiceDesk.model_validate(ContractActivated.EXAMPLE["service_desk"])
    default = desk()
    assert (example.severities, example.priority.matrix) == (default.severities, default.priority.matrix)
    assert (example.urgent, example.post_mortem) == (default.urgent, default.post_mortem)
    assert (example.acceptance, example.backlog) == (default.acceptance, default.backlog)
    assert example.warnings_percent == default.warnings_percent
    assert example.escalation[:2] == default.escalation
