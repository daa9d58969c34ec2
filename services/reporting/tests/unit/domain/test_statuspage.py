"""Nothing is told better than it is, in a vocabulary that has no word for not knowing."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.public_words import Impact, ShownState, shown_state
from reporting.domain.state_line import State
from reporting.domain.statuspage import Indicator, component_status, impact_status, overall

STATES = (*get_args(State), "partial")
WORSE = ("none", "maintenance", "minor", "major", "critical")


@pytest.mark.parametrize(
    ("states", "told"),
    [
        (["up", "up"], ("none", "All Systems Operational")),
        (["up", "maintenance"], ("maintenance", "Service Under Maintenance")),
        (["degraded", "maintenance"], ("minor", "Minor Service Outage")),
        (["down", "up"], ("major", "Partial System Outage")),
        (["down", "down"], ("critical", "Major Service Outage")),
        (["partial"], ("major", "Partial System Outage")),
        (["partial", "degraded"], ("major", "Partial System Outage")),
        (["up", "unknown"], ("minor", "Status Unknown")),
        (["paused"], ("minor", "Status Unknown")),
        ([], ("minor", "Status Unknown")),
    ],
)
def test_the_page_is_told_by_its_worst_component(states: list[ShownState], told: tuple[str, str]) -> None:
    assert overall(states, contract_status="active") == told


@given(st.lists(st.sampled_from(STATES), min_size=1, max_size=6))
def test_good_is_said_only_of_what_is_all_up_whatever_the_order(states: list[ShownState]) -> None:
    indicator, _ = overall(states, contract_status="active")
    assert (indicator == "none") == (set(states) == {"up"})
    assert overall(states[::-1], contract_status="active")[0] == indicator
    assert indicator in get_args(Indicator)


@given(st.lists(st.sampled_from(STATES), min_size=1, max_size=6), st.integers(0, 5))
def test_a_component_that_goes_down_never_makes_the_page_better(states: list[ShownState], which: int) -> None:
    worse = [*states]
    worse[which % len(states)] = "down"
    before, after = (overall(each, contract_status="active")[0] for each in (states, worse))
    assert WORSE.index(after) >= WORSE.index(before)


@given(st.sampled_from(STATES))
def test_only_up_is_operational(state: ShownState) -> None:
    assert (component_status(state) == "operational") == (state == "up")


@pytest.mark.parametrize("status", ["suspended", "ended"])
def test_what_is_no_longer_watched_is_not_told_as_good(status: str) -> None:
    assert overall(["up"], contract_status=status) == ("minor", "Status Unknown")


@pytest.mark.parametrize("impact", get_args(Impact))
def test_an_impact_makes_of_a_component_that_is_up_what_the_component_is_told_as(impact: Impact) -> None:
    assert impact_status(impact) == component_status(shown_state("up", impact))
    assert impact_status(None) == component_status("up")
