"""Critical periods: which days they are, as instants, and what is stricter within them."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.critical_periods import (
    CriticalPeriod,
    DayOfYear,
    last_edge,
    next_edge,
    occurrences,
    shortened,
)

PARIS = ZoneInfo("Europe/Paris")
SUMMER = CriticalPeriod("summer", DayOfYear(7, 1), DayOfYear(8, 31))
HOLIDAYS = CriticalPeriod("holidays", DayOfYear(12, 15), DayOfYear(1, 5))
ONCE = CriticalPeriod("exam", date(2026, 6, 10), date(2026, 6, 10))
A_YEAR = timedelta(days=400)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def test_a_season_comes_every_year_from_its_first_local_midnight_to_the_one_after_its_last_day() -> None:
    (first, second) = occurrences([SUMMER], at("2026-06-08T00:00+00:00"), at("2027-08-01T00:00+00:00"), PARIS)
    assert (first.starts_at, first.ends_at) == (at("2026-06-30T22:00+00:00"), at("2026-08-31T22:00+00:00"))
    assert second.first == date(2027, 7, 1)


def test_a_period_across_new_year_that_has_begun_last_year_goes_on() -> None:
    (found, *_) = occurrences([HOLIDAYS], at("2027-01-02T00:00+00:00"), at("2027-01-03T00:00+00:00"), PARIS)
    assert (found.first, found.last) == (date(2026, 12, 15), date(2027, 1, 5))


def test_one_with_dates_comes_once() -> None:
    found = occurrences([ONCE], at("2026-01-01T00:00+00:00"), at("2036-01-01T00:00+00:00"), PARIS)
    assert [(each.first, each.last) for each in found] == [(date(2026, 6, 10), date(2026, 6, 10))]
    assert found[0].ends_at - found[0].starts_at == timedelta(hours=24)


def test_the_last_of_february_is_the_29th_in_leap_years() -> None:
    period = CriticalPeriod("a", DayOfYear(2, 1), DayOfYear(2, 29))
    found = occurrences([period], at("2027-01-01T00:00+00:00"), at("2029-01-01T00:00+00:00"), PARIS)
    assert [each.last for each in found] == [date(2027, 2, 28), date(2028, 2, 29)]


def test_the_next_edge_is_the_end_of_what_goes_on_or_the_beginning_of_what_comes() -> None:
    now = at("2026-06-08T00:00+00:00")
    assert next_edge([SUMMER, ONCE], now, PARIS) == at("2026-06-09T22:00+00:00")
    assert next_edge([SUMMER, ONCE], at("2026-06-09T22:00+00:00"), PARIS) == at("2026-06-10T22:00+00:00")
    assert next_edge([], now, PARIS) is None


def test_a_period_that_comes_once_is_not_forgotten_however_far_ahead_it_is() -> None:
    exam = CriticalPeriod("exam", date(2029, 6, 1), date(2029, 6, 2))
    assert next_edge([exam], at("2026-06-08T00:00+00:00"), PARIS) == at("2029-05-31T22:00+00:00")
    assert next_edge([exam], at("2029-06-03T00:00+00:00"), PARIS) is None


def test_the_last_edge_is_the_newest_one_of_a_stretch_of_time_and_none_before_it() -> None:
    start = at("2026-06-10T22:00+00:00")
    assert last_edge([SUMMER, ONCE], start, at("2026-06-20T00:00+00:00"), PARIS) is None
    assert last_edge([ONCE], start - timedelta(days=9), at("2036-01-01T00:00+00:00"), PARIS) == start
    (summer,) = occurrences([SUMMER], at("2030-06-01T00:00+00:00"), at("2030-09-30T00:00+00:00"), PARIS)
    assert last_edge([SUMMER, ONCE], start, summer.starts_at, PARIS) == summer.starts_at
    assert last_edge([SUMMER, ONCE], start, summer.ends_at - timedelta(seconds=1), PARIS) == summer.starts_at


def test_a_share_of_a_target_is_rounded_down_to_the_second() -> None:
    assert shortened(timedelta(minutes=30), 50) == timedelta(minutes=15)
    assert shortened(timedelta(seconds=101), 50) == timedelta(seconds=50)


@given(
    st.dates(date(2001, 1, 1), date(2199, 12, 31)),
    st.tuples(st.integers(1, 12), st.integers(1, 28)),
    st.tuples(st.integers(1, 12), st.integers(1, 28)),
)
def test_a_local_noon_is_covered_exactly_on_the_days_between_first_and_last(
    day: date, first: tuple[int, int], last: tuple[int, int]
) -> None:
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=PARIS).astimezone(UTC)
    period = CriticalPeriod("a", DayOfYear(*first), DayOfYear(*last))
    found = occurrences([period], noon, noon + timedelta(seconds=1), PARIS)
    here = (day.month, day.day)
    inside = first <= here <= last if first <= last else here >= first or here <= last
    assert any(each.covers(noon) for each in found) is inside
