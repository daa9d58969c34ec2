"""Which months are reviewed together, and when what is told of them goes out."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.period import next_month
from reporting.domain.review_periods import LENGTHS, ReviewKind, closes, first_month_of, goes_out_at, months_from

DAYS = st.dates(date(2000, 1, 1), date(2100, 12, 31))
MONTHS = DAYS.map(lambda day: day.replace(day=1))
KINDS = st.sampled_from(list(LENGTHS))
PARIS = ZoneInfo("Europe/Paris")


@given(KINDS, MONTHS, DAYS)
def test_every_month_is_part_of_exactly_one_period(kind: ReviewKind, month: date, began_on: date) -> None:
    first = first_month_of(kind, month, began_on)
    months = months_from(first, kind)
    assert month in months
    assert {first_month_of(kind, each, began_on) for each in months} == {first}
    assert first_month_of(kind, next_month(months[-1]), began_on) == next_month(months[-1])


@given(KINDS, MONTHS, DAYS)
def test_a_period_closes_with_its_last_month_and_with_no_other(kind: ReviewKind, month: date, began_on: date) -> None:
    months = months_from(first_month_of(kind, month, began_on), kind)
    assert [each for each in months if closes(kind, each, began_on)] == [months[-1]]


@given(KINDS, DAYS)
def test_the_first_period_begins_with_the_month_in_which_the_contract_began(kind: ReviewKind, began_on: date) -> None:
    assert first_month_of(kind, began_on.replace(day=1), began_on) == began_on.replace(day=1)


@given(KINDS, MONTHS, st.sampled_from(["Europe/Paris", "Pacific/Apia", "America/New_York", "Asia/Kathmandu", "UTC"]))
def test_it_goes_out_at_nine_in_the_morning_of_a_first_day_wherever_the_client_lives(
    kind: ReviewKind, month: date, zone: str
) -> None:
    last = months_from(month, kind)[-1]
    local = goes_out_at(last, ZoneInfo(zone)).astimezone(ZoneInfo(zone))
    assert (local.date(), local.hour, local.minute) == (next_month(last), 9, 0)


@pytest.mark.parametrize(
    ("last_month", "instant"),
    [
        (date(2026, 2, 1), datetime(2026, 3, 1, 8, tzinfo=UTC)),
        (date(2026, 3, 1), datetime(2026, 4, 1, 7, tzinfo=UTC)),  # summer time began on 29 March
        (date(2026, 9, 1), datetime(2026, 10, 1, 7, tzinfo=UTC)),
        (date(2026, 10, 1), datetime(2026, 11, 1, 8, tzinfo=UTC)),  # it ended on 25 October
    ],
)
def test_it_is_nine_on_the_clock_on_the_wall_in_summer_and_in_winter(last_month: date, instant: datetime) -> None:
    assert goes_out_at(last_month, PARIS) == instant
