"""Months and days of a zone, and which version of a contract was in force."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.period import Version, always, days_until, in_force, month_bounds, month_of

PARIS, NEW_YORK = ZoneInfo("Europe/Paris"), ZoneInfo("America/New_York")
START = datetime(2026, 6, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def test_a_month_is_measured_in_its_zone() -> None:
    start, end = month_bounds(date(2026, 3, 17), always(PARIS))
    assert (start, end) == (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert (end - start) == timedelta(hours=743)
    assert month_bounds(date(2026, 12, 1), always(PARIS))[1] == datetime(2026, 12, 31, 23, tzinfo=UTC)


def test_the_month_of_an_instant_is_the_local_one() -> None:
    assert month_of(datetime(2026, 6, 30, 22, tzinfo=UTC), always(PARIS)) == date(2026, 7, 1)


MIDNIGHT = datetime(2026, 6, 30, 22, tzinfo=UTC)
"""When July begins in Paris; in New York it does six hours later."""


@pytest.mark.parametrize(
    ("change", "july"),
    [
        (timedelta(days=-10), timedelta(hours=6)),
        (timedelta(minutes=-1), timedelta(hours=6)),
        (timedelta(0), timedelta(0)),
        (timedelta(hours=1), timedelta(0)),
        (timedelta(days=10), timedelta(0)),
    ],
)
def test_a_month_ends_by_the_zone_that_holds_until_then_and_the_next_follows_at_once(
    change: timedelta, july: timedelta
) -> None:
    zones = [(START - timedelta(days=90), PARIS), (MIDNIGHT + change, NEW_YORK)]
    bounds = [month_bounds(date(2026, month, 1), zones) for month in (5, 6, 7, 8)]
    assert bounds[1][1] == MIDNIGHT + july
    assert bounds[0][0] == datetime(2026, 4, 30, 22, tzinfo=UTC)
    assert bounds[-1] == (datetime(2026, 8, 1, 4, tzinfo=UTC), datetime(2026, 9, 1, 4, tzinfo=UTC))
    assert all(before[1] == after[0] for before, after in pairwise(bounds))
    for month, (start, end) in zip((5, 6, 7, 8), bounds, strict=True):
        assert month_of(start, zones) == month_of(end - timedelta(seconds=1), zones) == date(2026, month, 1)


def test_a_month_that_has_begun_in_the_east_goes_on_when_the_zone_moves_there() -> None:
    change = MIDNIGHT + timedelta(hours=1)  # in New York it is still June then, in Paris already July
    zones = [(START, NEW_YORK), (change, PARIS)]
    assert month_bounds(date(2026, 7, 1), zones)[0] == change
    assert month_of(change, zones) == date(2026, 7, 1)
    assert month_of(change - timedelta(seconds=1), zones) == date(2026, 6, 1)


ZONES = st.sampled_from(
    [PARIS, NEW_YORK, ZoneInfo("Pacific/Kiritimati"), ZoneInfo("Pacific/Pago_Pago"), ZoneInfo("UTC")]
)


@given(
    st.lists(st.tuples(st.integers(0, 120 * 24), ZONES), min_size=1, max_size=5, unique_by=lambda each: each[0]),
    st.integers(0, 120 * 24),
    ZONES,
)
def test_no_change_of_zone_moves_a_month_that_is_over(
    told: list[tuple[int, ZoneInfo]], hours: int, zone: ZoneInfo
) -> None:
    zones = [(START + timedelta(hours=after), each) for after, each in sorted(told, key=lambda each: each[0])]
    change = START + timedelta(hours=hours)
    changed = [each for each in zones if each[0] < change] + [(change, zone)]
    if len(changed) == 1:
        return
    for month in range(5, 11):
        before = month_bounds(date(2026, month, 1), zones)
        if before[1] <= change:
            assert month_bounds(date(2026, month, 1), changed) == before


def test_days_end_with_today_so_far() -> None:
    now = datetime(2026, 3, 30, 8, tzinfo=UTC)
    days = days_until(now, PARIS, 3)
    assert [day for day, _, _ in days] == [date(2026, 3, 28), date(2026, 3, 29), date(2026, 3, 30)]
    assert [(end - start) / timedelta(hours=1) for _, start, end in days] == [24, 23, 10]
    at_midnight = days_until(datetime(2026, 3, 29, 22, tzinfo=UTC), PARIS, 2)
    assert [day for day, _, _ in at_midnight] == [date(2026, 3, 29)]


def test_the_highest_version_that_took_effect_is_in_force() -> None:
    first = Version(1, day(2), "active")
    amended = Version(2, day(5), "active")
    corrected = Version(3, day(4), "active")
    ended = Version(4, day(8), "terminated")
    assert in_force([first, amended], START, day(10)) == [(day(2), day(5), first), (day(5), day(10), amended)]
    assert in_force([amended, ended, corrected, first], START, day(10)) == [
        (day(2), day(4), first),
        (day(4), day(8), corrected),
        (day(8), day(10), ended),
    ]
    assert in_force([first], START, day(2)) == []
    assert not ended.promises
    assert Version(5, day(1), "suspended").promises
