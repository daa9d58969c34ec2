"""Slots: spread over the interval, stable, and the same whoever computes them."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.domain.slots import Schedule, clock_is_off, is_missed, phase_of

INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 (naive bounds)
INTERVALS = st.integers(5, 3600).map(lambda seconds: timedelta(seconds=seconds))


@given(st.uuids(), INTERVALS, INSTANTS)
def test_a_slot_contains_the_instant_that_it_is_the_slot_of(monitor: UUID, interval: timedelta, at: datetime) -> None:
    schedule = Schedule.of(monitor, interval)
    start = schedule.start_of(schedule.slot_at(at))
    assert start <= at < start + interval
    assert timedelta(0) <= schedule.phase < interval


@given(st.uuids(), INTERVALS, INSTANTS, st.integers(0, 86_400))
def test_a_period_cut_anywhere_has_the_same_slots(monitor: UUID, interval: timedelta, at: datetime, cut: int) -> None:
    schedule = Schedule.of(monitor, interval)
    middle, end = at + timedelta(seconds=cut / 24), at + timedelta(hours=1)
    whole = list(schedule.due_between(at, max(middle, end)))
    assert whole == [*schedule.due_between(at, middle), *schedule.due_between(middle, max(middle, end))]
    assert all(schedule.slot_at(start) == slot for slot, start in whole)


def test_a_thousand_monitors_are_spread_evenly_over_their_interval() -> None:
    interval = timedelta(seconds=20)
    tenths = [0] * 10
    for _ in range(1000):
        tenths[int(phase_of(uuid4(), interval) / interval * 10)] += 1
    assert min(tenths) > 50 and max(tenths) < 170


def test_an_interval_below_a_millisecond_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one millisecond"):
        Schedule.of(uuid4(), timedelta(microseconds=3))


def test_a_check_is_missed_only_after_a_whole_interval() -> None:
    due, interval = datetime(2026, 6, 8, tzinfo=UTC), timedelta(seconds=30)
    assert not is_missed(due, due + interval, interval)
    assert is_missed(due, due + interval + timedelta(milliseconds=1), interval)


def test_a_runner_clock_is_off_beyond_a_quarter_of_the_interval() -> None:
    interval = timedelta(seconds=20)
    assert not clock_is_off(timedelta(seconds=5), interval)
    assert clock_is_off(timedelta(seconds=-5, milliseconds=-1), interval)
