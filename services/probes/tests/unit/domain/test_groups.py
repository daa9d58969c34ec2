"""A group stands as its worst page does, and says every change of that once."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.groups import Standing, follow, judge, worst
from probes.domain.states import State

START = datetime(2026, 6, 8, 9, tzinfo=UTC)
A, B, C = (UUID(int=number) for number in (1, 2, 3))
UP, DOWN, UNKNOWN, PAUSED = State.UP, State.DOWN, State.UNKNOWN, State.PAUSED


def at(minute: int) -> datetime:
    return START + timedelta(minutes=minute)


@pytest.mark.parametrize(
    ("states", "found"),
    [
        ([UP, UP, DOWN, UNKNOWN], DOWN),
        ([UP, State.DEGRADED, UNKNOWN], State.DEGRADED),
        ([UP, UNKNOWN, State.MAINTENANCE], UNKNOWN),
        ([UP, State.MAINTENANCE], State.MAINTENANCE),
        ([UP, PAUSED], UP),
        ([PAUSED, PAUSED], PAUSED),
        ([], PAUSED),
    ],
)
def test_a_group_stands_as_its_worst_page_does(states: list[State], found: State) -> None:
    assert worst(states) is found


def test_a_second_page_that_fails_and_the_first_that_recovers_change_nothing() -> None:
    changes = follow(
        Standing(UP, START, 4),
        {A: UP, B: UP, C: UP},
        [(at(1), A, DOWN), (at(2), B, DOWN), (at(3), A, UP), (at(4), B, UP)],
    )
    assert [(change.state, change.since, change.version) for change in changes] == [(DOWN, at(1), 5), (UP, at(4), 6)]
    assert changes[0].counts == {DOWN: 1, UP: 2} and changes[0].pages == (A,)
    assert (changes[1].previous_state, changes[1].previous_since) == (DOWN, at(1))


def test_what_happens_at_one_instant_is_one_change() -> None:
    states = {A: DOWN, B: UP}
    assert follow(Standing(DOWN, START, 1), states, [(at(1), A, UP), (at(1), B, DOWN)]) == []
    (change,) = follow(Standing(DOWN, START, 1), states, [(at(1), page, State.MAINTENANCE) for page in (A, B)])
    assert change.state is State.MAINTENANCE and change.counts == {State.MAINTENANCE: 2}


def test_what_turns_out_to_have_been_earlier_does_not_reach_behind_what_was_said() -> None:
    change = judge(Standing(UP, at(10), 1), {A: DOWN}, at(5))
    assert change is not None and change.since == at(10)


moves = st.lists(st.tuples(st.integers(0, 50), st.sampled_from([A, B, C]), st.sampled_from(list(State))), max_size=30)


@given(st.lists(moves, max_size=5))
def test_however_changes_come_in_each_is_said_once_and_the_last_is_how_the_group_stands(
    batches: list[list[tuple[int, UUID, State]]],
) -> None:
    pages, standing, said = {A: UNKNOWN, B: UNKNOWN, C: UNKNOWN}, Standing(UNKNOWN, START), []
    for number, batch in enumerate(batches):
        # A page is in one state at an instant.
        single = {(minute, page): state for minute, page, state in batch}
        changes = [(at(100 * number + minute), page, state) for (minute, page), state in single.items()]
        found = follow(standing, pages, changes)
        for _, page, state in sorted(changes):
            pages[page] = state
        standing = found[-1].standing if found else standing
        said += found
        assert standing.state is worst(pages.values())
    assert [change.version for change in said] == list(range(1, len(said) + 1))
    for before, after in pairwise(said):
        assert (after.previous_state, after.previous_since) == (before.state, before.since)
        assert after.state is not before.state and before.since <= after.since


def test_a_group_without_pages_is_paused() -> None:
    change = judge(Standing(UP, START, 1), {}, at(1))
    assert change is not None and change.state is PAUSED and change.pages == ()
