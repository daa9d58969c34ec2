"""An hour of checks against what was expected of it."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from probes.domain.rollup import (
    NOTHING,
    Tally,
    Watch,
    beginning_of,
    hour_of,
    is_closed,
    slots_of,
    watched,
)
from probes.domain.slots import Schedule
from probes.domain.states import Outcome, Reason

MONITOR = UUID("5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11")
NINE = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
EVERY_30_SECONDS = Schedule.of(MONITOR, timedelta(seconds=30))
EVERY_MINUTE = Schedule.of(MONITOR, timedelta(seconds=60))
TOOK = (1, 2, 3, 4, 10)


def expected(slots: tuple[range, ...]) -> int:
    return sum(map(len, slots))


def test_an_hour_expects_one_check_per_interval() -> None:
    assert expected(slots_of([Watch(NINE - HOUR, NINE + 5 * HOUR, EVERY_30_SECONDS)], NINE, NINE + HOUR)) == 120
    assert expected(slots_of([], NINE, NINE + HOUR)) == 0


@given(st.lists(st.integers(0, 7200), min_size=3, max_size=3).map(sorted), st.integers(1, 4000))
def test_neighbouring_stretches_share_no_slot_and_leave_none_out(cuts: list[int], interval: int) -> None:
    schedule = Schedule.of(MONITOR, timedelta(seconds=interval))
    first, middle, last = (NINE + timedelta(seconds=cut) for cut in cuts)
    watches = [Watch(NINE - HOUR, NINE + 3 * HOUR, schedule)]
    whole = {slot for slots in slots_of(watches, first, last) for slot in slots}
    left = {slot for slots in slots_of(watches, first, middle) for slot in slots}
    right = {slot for slots in slots_of(watches, middle, last) for slot in slots}
    assert left | right == whole and not left & right
    assert all(first <= schedule.start_of(slot) < last for slot in whole)
    assert {schedule.slot_at(first + n * schedule.interval) + 1 for n in range(1, len(whole) - 1)} <= whole


def test_an_amendment_within_the_hour_changes_what_is_expected_from_its_instant_on() -> None:
    watches = watched([(NINE - HOUR, EVERY_MINUTE), (NINE + HOUR / 2, EVERY_30_SECONDS)], [], NINE + HOUR)
    assert expected(slots_of(watches, NINE, NINE + HOUR)) == 30 + 60


def test_nothing_is_expected_while_the_contract_pauses() -> None:
    paused = [(NINE + HOUR / 4, NINE + HOUR / 2), (NINE + HOUR, None)]
    watches = watched([(NINE, EVERY_MINUTE)], paused, NINE + 2 * HOUR)
    assert expected(slots_of(watches, NINE, NINE + HOUR)) == 45
    assert expected(slots_of(watches, NINE + HOUR, NINE + 2 * HOUR)) == 0


def test_checks_are_counted_by_what_they_found_and_slots_by_whether_anybody_looked() -> None:
    slots = slots_of([Watch(NINE, NINE + HOUR, EVERY_MINUTE)], NINE, NINE + HOUR)
    first = slots[0][0]
    tally = Tally(slots)
    for slot, outcome in ((first, Outcome.GOOD), (first + 1, Reason.TIMEOUT), (first + 2, Outcome.BLOCKED)):
        tally.began(outcome, TOOK)
        tally.was_due(slot, outcome)
    tally.began(Reason.TIMEOUT, TOOK)  # the re-check of the second slot
    tally.was_due(first + 3, Outcome.MISSED)
    tally.was_due(first - 1, Outcome.GOOD)  # it was due in the hour before
    figures = tally.figures()
    assert (figures.expected, figures.executed, figures.missed, figures.blocked) == (60, 2, 1, 1)
    assert figures.unrecorded == 56
    assert figures.outcomes == {"good": 1, "timeout": 2, "blocked": 1}
    assert figures.durations.total.count == 1 and figures.durations.total.greatest == 10
    assert figures.recorded == 4 + 4


def test_hours_add_up() -> None:
    def an_hour(outcome: str) -> Tally:
        tally = Tally((range(10, 20),))
        tally.began(outcome, TOOK)
        tally.was_due(10, outcome)
        return tally

    sum_of_both = an_hour(Outcome.GOOD).figures() + an_hour(Reason.DNS).figures() + NOTHING
    assert (sum_of_both.expected, sum_of_both.executed, sum_of_both.unrecorded) == (20, 2, 18)
    assert sum_of_both.outcomes == {"good": 1, "dns": 1}
    assert sum_of_both.durations.connect.sum == 2


def test_a_slot_that_came_twice_is_one_slot() -> None:
    tally = Tally((range(10, 20),))
    tally.was_due(10, Outcome.GOOD)
    tally.was_due(10, Outcome.GOOD)
    assert tally.figures().executed == 1


def test_an_hour_is_closed_a_while_after_its_end() -> None:
    hour = hour_of(NINE)
    assert beginning_of(hour) == NINE
    assert not is_closed(hour, NINE + HOUR + timedelta(minutes=4))
    assert is_closed(hour, NINE + HOUR + timedelta(minutes=5))
