"""The timetable: every slot once, whatever happens to the clock and to the monitors."""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from hypothesis import given
from hypothesis import strategies as st

from probes.application.schedule import FIRST_CHECKS_AT_ONCE, MOST_MISSED, Timetable
from probes.domain.slots import Schedule, Succession

START = datetime(2026, 6, 8, 9, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Watched:
    monitor_id: UUID
    schedule: Succession
    checked: bool = True


def watched(seconds: int = 30, *, checked: bool = True) -> Watched:
    identity = uuid4()
    return Watched(identity, Succession(Schedule.of(identity, timedelta(seconds=seconds))), checked)


def timetable(*monitors: Watched) -> Timetable[Watched]:
    made: Timetable[Watched] = Timetable()
    made.update(monitors, START)
    return made


@given(st.lists(st.integers(1, 900), min_size=1, max_size=40))
def test_every_slot_is_handed_out_once_in_order_however_uneven_the_ticks(ticks: list[int]) -> None:
    monitors = [watched(5), watched(7)]
    table, now, taken = timetable(*monitors), START, []
    for tick in ticks:
        now += timedelta(milliseconds=10 * tick)
        taken += table.take(now, now)
    assert [check.due_at for check in taken] == sorted(check.due_at for check in taken)
    for monitor in monitors:
        expected = [slot for slot, _ in monitor.schedule.first.due_between(START, now)]
        assert [check.slot for check in taken if check.monitor is monitor] == expected


def test_after_a_restart_the_first_checks_spread_over_one_interval() -> None:
    table = timetable(*(watched(20) for _ in range(1000)))
    taken = table.take(START, START + 20 * SECOND)
    assert len(taken) == 1000
    per_second = Counter(int((check.due_at - START).total_seconds()) for check in taken)
    assert max(per_second.values()) < 90


def test_a_new_monitor_is_checked_at_once_unless_there_are_very_many() -> None:
    table = timetable(*(watched(3600, checked=False) for _ in range(FIRST_CHECKS_AT_ONCE + 50)))
    assert len(table.take(START, START)) == FIRST_CHECKS_AT_ONCE


def test_a_short_stall_is_recorded_as_missed_and_a_long_one_is_a_gap() -> None:
    table = timetable(watched(10))
    late = START + 35 * SECOND
    assert [check.missed for check in table.take(late, late)][:2] == [True, True]
    table = timetable(watched(10))
    assert table.take(START + timedelta(days=20), START + timedelta(days=20)) == []
    after = START + timedelta(days=20, seconds=10)
    (check,) = table.take(after, after)
    assert not check.missed
    assert MOST_MISSED >= 2


def test_what_has_not_changed_keeps_its_place_and_a_new_interval_begins_within_itself() -> None:
    monitor, other = watched(60), watched(60)
    table = timetable(monitor, other)
    now = START + 30 * SECOND
    before = table.take(now, now)
    faster = replace(monitor, schedule=Succession(Schedule.of(monitor.monitor_id, 5 * SECOND)))
    table.update([faster, other], now)
    taken = table.take(now + 5 * SECOND, now + 5 * SECOND)
    assert [check.monitor for check in taken if check.monitor is not other] == [faster]
    rest = table.take(START + 60 * SECOND, START + 60 * SECOND)
    assert sum(check.monitor is other for check in [*before, *taken, *rest]) == 1


def test_a_monitor_that_is_gone_is_not_handed_out() -> None:
    monitor = watched(10)
    table = timetable(monitor)
    table.update([], START)
    assert table.take(START + 60 * SECOND, START + 60 * SECOND) == [] and len(table) == 0


def test_a_clock_that_is_set_back_does_not_stop_the_checks() -> None:
    table = timetable(watched(10))
    ahead = START + timedelta(days=30)
    table.take(ahead, ahead)
    table.take(START, START)
    assert len(table.take(START + 10 * SECOND, START + 10 * SECOND)) == 1
