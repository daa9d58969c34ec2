"""Percentiles are times that were measured, and a month has what fell in it."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.reactivity import Reaction, nearest_rank, reaction, reactivity
from incidents.domain.sla_clock import ClockEvent, ClockRules, Opened, Policy, Reopened, Reopening, Stopped, fold_clock
from shared.kernel.calendar import Calendar, CalendarHistory
from shared.kernel.intervals import Interval

NINE = datetime(2026, 6, 8, 9, tzinfo=UTC)


@given(st.lists(st.integers(0, 10**6).map(lambda count: timedelta(seconds=count)), min_size=1), st.integers(1, 100))
def test_so_many_percent_take_no_longer_and_fewer_take_less(took: list[timedelta], percent: int) -> None:
    found = nearest_rank(sorted(took), percent)
    assert found in took
    assert sum(each <= found for each in took) * 100 >= percent * len(took)
    assert sum(each < found for each in took) * 100 < percent * len(took)


def test_nothing_has_no_percentile() -> None:
    assert nearest_rank([], 50) is None


def test_a_month_begins_with_its_first_instant_and_ends_before_its_last() -> None:
    month = Interval(NINE, NINE + timedelta(days=30))
    for at, counted in ((month.start, 1), (month.end, 0)):
        found = reactivity([Reaction("met", at, at, timedelta(minutes=5))], month)
        assert (found.met, found.answered) == (counted, counted)


@pytest.mark.parametrize("on_reopen", ["resume", "count_through", "new_cycle"])
def test_the_first_answer_counts_however_often_the_item_is_reopened(on_reopen: Reopening) -> None:
    always = CalendarHistory.constant(Calendar(ZoneInfo("UTC"), None))
    times = [NINE + timedelta(minutes=count) for count in (0, 90, 120, 130)]
    events: list[ClockEvent] = [Opened(times[0], "p"), Stopped(times[1]), Reopened(times[2]), Stopped(times[3])]
    policies = {"p": Policy(timedelta(hours=1), "always", frozenset())}
    reading = fold_clock({"always": always}, policies, ClockRules("retroactive", on_reopen), (), events, times[3])
    over = NINE + timedelta(hours=1)
    assert reaction(reading) == Reaction("breached", over, times[1], timedelta(minutes=90))
