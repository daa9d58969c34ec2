"""Months and days of a zone, and which version of a contract was in force."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from reporting.domain.period import Version, days_until, in_force, month_bounds, month_of

PARIS = ZoneInfo("Europe/Paris")
START = datetime(2026, 6, 1, tzinfo=UTC)


def day(number: float) -> datetime:
    return START + timedelta(days=number)


def test_a_month_is_measured_in_its_zone() -> None:
    start, end = month_bounds(date(2026, 3, 17), PARIS)
    assert (start, end) == (datetime(2026, 2, 28, 23, tzinfo=UTC), datetime(2026, 3, 31, 22, tzinfo=UTC))
    assert (end - start) == timedelta(hours=743)
    assert month_bounds(date(2026, 12, 1), PARIS)[1] == datetime(2026, 12, 31, 23, tzinfo=UTC)


def test_the_month_of_an_instant_is_the_local_one() -> None:
    assert month_of(datetime(2026, 6, 30, 22, tzinfo=UTC), PARIS) == date(2026, 7, 1)


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
