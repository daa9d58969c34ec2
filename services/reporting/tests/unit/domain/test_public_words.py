"""What visitors are told."""

from itertools import product
from typing import get_args

import pytest

from reporting.domain.public_words import Impact, ShownState, headline, public_incident_status, shown_state, worst
from reporting.domain.state_line import State
from reporting.domain.statuspage import overall


@pytest.mark.parametrize(
    ("states", "contract", "told"),
    [
        (["up", "up"], "active", "operational"),
        (["up", "down"], "active", "partial_outage"),
        (["down", "down"], "active", "major_outage"),
        (["partial"], "active", "partial_outage"),
        (["partial", "down"], "active", "partial_outage"),
        (["partial", "degraded"], "active", "partial_outage"),
        (["up", "degraded", "unknown"], "active", "degraded"),
        (["up", "unknown"], "active", "unknown"),
        ([], "active", "unknown"),
        (["paused", "paused"], "active", "paused"),
        (["up", "paused"], "active", "unknown"),
        (["paused", "degraded"], "active", "degraded"),
        (["up", "maintenance"], "active", "maintenance"),
        (["maintenance", "paused"], "active", "unknown"),
        (["maintenance", "unknown"], "active", "unknown"),
        (["maintenance", "degraded"], "active", "degraded"),
        (["down"], "suspended", "paused"),
        (["up"], "ended", "ended"),
    ],
)
def test_the_headline_is_never_better_than_what_is_known(states: list[str], contract: str, told: str) -> None:
    assert headline(states, contract_status=contract) == told  # type: ignore[arg-type]


@pytest.mark.parametrize("states", list(product((*get_args(State), "partial"), repeat=2)))
def test_a_page_is_never_told_as_better_to_people_than_to_programs(states: tuple[ShownState, ...]) -> None:
    told = headline(states, contract_status="active")
    indicator, description = overall(states, contract_status="active")
    assert (told == "operational") == (indicator == "none")
    assert (told == "maintenance") == (indicator == "maintenance")
    assert (told in {"unknown", "paused"}) == (description == "Status Unknown")


@pytest.mark.parametrize(
    ("status", "recovered", "told"),
    [
        ("open", False, "investigating"),
        ("acknowledged", False, "identified"),
        ("mitigated", False, "identified"),
        ("resolved", False, "identified"),
        ("closed", False, "identified"),
        ("open", True, "monitoring"),
        ("acknowledged", True, "monitoring"),
        ("mitigated", True, "monitoring"),
        ("resolved", True, "resolved"),
        ("closed", True, "resolved"),
        ("something new", False, "investigating"),
        ("something new", True, "monitoring"),
    ],
)
def test_an_incident_is_not_called_back_in_service_or_resolved_before_it_answers_again(
    status: str, recovered: bool, told: str
) -> None:
    assert public_incident_status(status, recovered=recovered) == told


@pytest.mark.parametrize(
    ("measured", "impact", "told"),
    [
        ("up", None, "up"),
        ("up", "degraded", "degraded"),
        ("up", "partial", "partial"),
        ("up", "major", "down"),
        ("down", "degraded", "down"),
        ("degraded", "partial", "partial"),
        ("unknown", "degraded", "degraded"),
        ("maintenance", "partial", "partial"),
        ("paused", None, "paused"),
    ],
)
def test_visitors_are_told_the_worse_of_what_is_measured_and_what_people_say(
    measured: State, impact: Impact | None, told: str
) -> None:
    assert shown_state(measured, impact) == told


@pytest.mark.parametrize("measured", get_args(State))
def test_nobody_talks_an_outage_away(measured: State) -> None:
    told = [headline([shown_state(measured, impact)], contract_status="active") for impact in (None, "major")]
    assert told[1] == "major_outage"
    assert told[0] == headline([measured], contract_status="active")


def test_of_several_impacts_the_worst_counts() -> None:
    assert worst(["degraded", None, "major", "partial"]) == "major"
    assert worst([None]) is worst([]) is None
