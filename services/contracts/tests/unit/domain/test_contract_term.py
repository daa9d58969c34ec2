"""Terms and periods against a calendar that is walked month by month and day by day."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.contract_term import (
    ContractTerm,
    Days,
    Renewal,
    TermRefusedError,
    add_months,
    end_by_notice,
    monthly_periods,
    read_term,
    whole_months,
)

DAY = timedelta(days=1)

days = st.dates(date(1999, 12, 1), date(2032, 3, 31)) | st.sampled_from([date(2024, 2, 29), date(2026, 1, 31)])
terms = st.builds(
    ContractTerm,
    start=days,
    initial_months=st.integers(1, 40),
    renewal=st.builds(Renewal, st.just("tacit"), st.integers(1, 25))
    | st.sampled_from([Renewal("express"), Renewal("none")]),
    notice_months=st.integers(0, 15),
    alert_days=st.integers(0, 60),
)


def walked(day: date, months: int) -> date:
    """The same day some months on, found by walking: first over the months, then back to a day that exists."""
    year, month = day.year, day.month
    for _ in range(abs(months)):
        month += 1 if months > 0 else -1
        if month in (0, 13):
            year, month = (year - 1, 12) if month == 0 else (year + 1, 1)
    for number in range(day.day, 0, -1):
        try:
            return date(year, month, number)
        except ValueError:
            continue
    raise AssertionError("a month without days")


@given(days, st.integers(-400, 400))
def test_adding_months_is_what_walking_finds(day: date, months: int) -> None:
    assert add_months(day, months) == walked(day, months)


@given(days, days)
def test_whole_months_are_those_that_have_begun(start: date, day: date) -> None:
    months = whole_months(start, day)
    assert walked(start, months) <= day < walked(start, months + 1)


@given(terms, days)
def test_a_reading_is_what_walking_from_term_to_term_finds(term: ContractTerm, as_of: date) -> None:
    ends = term.initial_months
    current = Days(term.start, walked(term.start, ends))
    while term.renewal.kind == "tacit" and current.end <= as_of:
        assert term.renewal.months is not None
        begins, ends = ends, ends + term.renewal.months
        current = Days(walked(term.start, begins), walked(term.start, ends))
    reading = read_term(term, as_of)
    assert reading.current_term == current
    assert reading.status == ("upcoming" if as_of < term.start else "ended" if as_of >= current.end else "active")
    assert reading.notice_deadline == walked(current.end, -term.notice_months)
    alert_on = reading.notice_deadline
    for _ in range(term.alert_days):
        alert_on -= DAY
    assert reading.alert_on == alert_on


@given(days, st.integers(1, 40), st.lists(st.integers(1, 25), max_size=6), days)
def test_terms_that_are_agreed_on_expressly_follow_one_another(
    start: date, initial: int, renewed: list[int], as_of: date
) -> None:
    boundaries = [walked(start, sum([0, initial, *renewed][: number + 1])) for number in range(len(renewed) + 2)]
    begun = [pair for pair in pairwise(boundaries) if pair[0] <= as_of]
    reading = read_term(ContractTerm(start, initial, Renewal("express"), 0, 0), as_of, renewed)
    assert reading.current_term == (begun[-1] if begun else (boundaries[0], boundaries[1]))


@given(days, st.integers(1, 40), st.integers(1, 25), days)
def test_a_tacit_renewal_is_what_renewing_expressly_for_as_long_each_time_would_be(
    start: date, initial: int, months: int, as_of: date
) -> None:
    tacit = ContractTerm(start, initial, Renewal("tacit", months), 3, 21)
    express = ContractTerm(start, initial, Renewal("express"), 3, 21)
    assert read_term(tacit, as_of) == read_term(express, as_of, [months] * 500)


@given(terms, days)
def test_notice_ends_the_term_that_it_is_in_time_for(term: ContractTerm, given_on: date) -> None:
    reading = read_term(term, given_on)
    end = end_by_notice(term, given_on)
    if term.renewal.kind != "tacit" or given_on < reading.notice_deadline:
        assert end == reading.current_term.end
    else:
        ended = read_term(term, end - DAY)
        assert ended.current_term.first >= reading.current_term.end
        assert read_term(term, ended.current_term.first - DAY).notice_deadline <= given_on < ended.notice_deadline


def test_renewals_that_are_shorter_than_the_notice_do_not_shorten_it() -> None:
    monthly = ContractTerm(date(2026, 1, 1), 12, Renewal("tacit", 1), notice_months=3, alert_days=0)
    assert end_by_notice(monthly, date(2026, 9, 30)) == date(2027, 1, 1)
    assert end_by_notice(monthly, date(2026, 11, 15)) == date(2027, 3, 1)


@given(terms, days)
def test_every_boundary_is_the_start_plus_a_number_of_months(term: ContractTerm, as_of: date) -> None:
    boundaries = {walked(term.start, months) for months in range(40 + 12 * 34 + 25)}
    reading = read_term(term, as_of)
    assert set(reading.current_term) <= boundaries
    assert {day for period in monthly_periods(term.start, 30) for day in period} <= boundaries


@given(days, st.integers(0, 60))
def test_periods_follow_one_another_and_are_as_many_as_asked(start: date, count: int) -> None:
    periods = monthly_periods(start, count)
    assert len(periods) == count
    assert all(before.end == after.first for before, after in pairwise(periods))
    assert [period.first for period in periods] == [walked(start, number) for number in range(count)]


def test_outside_of_the_calendar_there_are_no_months() -> None:
    assert add_months(date(9999, 1, 31), 11) == date(9999, 12, 31)
    assert add_months(date(1, 12, 31), -11) == date(1, 1, 31)
    for day, months in ((date(9999, 12, 31), 1), (date(1, 1, 1), -1), (date(2026, 1, 1), 10**9)):
        with pytest.raises(OverflowError):
            add_months(day, months)


def test_a_tacit_renewal_needs_a_length() -> None:
    with pytest.raises(TermRefusedError) as refused:
        Renewal("tacit")
    assert refused.value.path == ("renewal", "months")
