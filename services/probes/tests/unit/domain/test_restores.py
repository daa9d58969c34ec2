"""Periods of a promise: without gaps and overlaps, at local midnights, on the day of the month on which it began."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from probes.domain.restores import Frequency, RestorePeriods

PARIS = ZoneInfo("Europe/Paris")
PERIODS = st.builds(
    RestorePeriods,
    st.sampled_from(list(Frequency)),
    st.dates(date(2020, 1, 1), date(2030, 12, 31)),
    st.sampled_from([PARIS, ZoneInfo("Pacific/Auckland"), ZoneInfo("America/New_York"), ZoneInfo("UTC")]),
)


@given(PERIODS, st.integers(0, 60), st.integers(0, 999))
def test_every_instant_lies_in_exactly_one_period(periods: RestorePeriods, number: int, share: int) -> None:
    begins, ends = periods.beginning_of(number), periods.beginning_of(number + 1)
    assert begins < ends and begins.astimezone(periods.zone).hour == 0
    assert periods.number_at(begins) == number
    assert periods.number_at(begins + (ends - begins) * share / 1000) == number


def test_a_month_that_is_shorter_ends_on_its_last_day_and_the_next_one_as_it_began() -> None:
    monthly = RestorePeriods.since(Frequency.MONTHLY, datetime(2026, 1, 30, 23, 30, tzinfo=UTC), PARIS)
    days = [monthly.beginning_of(number).astimezone(PARIS).date() for number in range(4)]
    assert days == [date(2026, 1, 31), date(2026, 2, 28), date(2026, 3, 31), date(2026, 4, 30)]


def test_whatever_comes_before_the_promise_counts_for_its_first_period() -> None:
    weekly = RestorePeriods(Frequency.WEEKLY, date(2026, 6, 8), PARIS)
    assert weekly.number_at(datetime(2026, 1, 1, tzinfo=UTC)) == 0
    assert weekly.beginning_of(1) == datetime(2026, 6, 14, 22, tzinfo=UTC)
