"""Leaving after the minimum term with notice, and what leaving before that costs."""

from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.contract_term import add_months, monthly_periods
from contracts.domain.early_termination import LeavingRule, compensation, first_regular_end

START = date(2026, 1, 31)
THREE_MONTHS = LeavingRule(minimum_months=3, notice_months=1)

rules = st.builds(LeavingRule, st.integers(0, 24), st.integers(0, 6), st.booleans())
days = st.dates(date(2025, 1, 1), date(2029, 12, 31))


@pytest.mark.parametrize(
    ("notice_on", "end"),
    [
        ("2025-12-01", "2026-04-30"),  # before it even began: the minimum term holds
        ("2026-01-31", "2026-04-30"),
        ("2026-03-30", "2026-04-30"),
        ("2026-03-31", "2026-04-30"),
        ("2026-04-01", "2026-05-01"),
        ("2026-12-31", "2027-01-31"),
    ],
)
def test_a_contract_of_three_months_at_least_ends_when_both_have_run(notice_on: str, end: str) -> None:
    assert first_regular_end(THREE_MONTHS, START, date.fromisoformat(notice_on)) == date.fromisoformat(end)


def test_it_may_end_with_a_monthly_period_only() -> None:
    rule = LeavingRule(minimum_months=3, notice_months=1, whole_periods=True)
    assert first_regular_end(rule, START, date(2026, 3, 31)) == date(2026, 4, 30)
    assert first_regular_end(rule, START, date(2026, 4, 1)) == date(2026, 5, 31)


@given(rules, days, days)
def test_no_earlier_day_satisfies_minimum_and_notice(rule: LeavingRule, start: date, notice_on: date) -> None:
    ends = {period.end for period in monthly_periods(start, 12 * 8)}
    day = min(start, notice_on)
    while not (
        day >= add_months(start, rule.minimum_months)
        and day >= add_months(notice_on, rule.notice_months)
        and (not rule.whole_periods or day == start or day in ends)
    ):
        day += timedelta(days=1)
    assert first_regular_end(rule, start, notice_on) == day


def paid(leaves_on: str, regular_end: str = "2026-07-31", percent: str = "50") -> str:
    rule = LeavingRule(12, 3, compensation_percent=Decimal(percent))
    exact = Fraction(300)
    return compensation(rule, START, date.fromisoformat(leaves_on), date.fromisoformat(regular_end), exact, "EUR").text


def test_leaving_early_costs_a_percentage_of_the_fees_up_to_the_regular_end() -> None:
    assert paid("2026-04-30") == "450.00"
    assert paid("2026-07-31") == "0.00"
    assert paid("2026-08-31") == "0.00"
    assert paid("2026-04-30", percent="0") == "0.00"
    # ten of the thirty days from 31 March to 30 April are left, and three months
    assert paid("2026-04-20") == "500.00"


@given(days, st.integers(0, 400), st.integers(0, 400))
def test_waiting_never_costs_more(start: date, first: int, more: int) -> None:
    rule = LeavingRule(12, 3, compensation_percent=Decimal(100))
    end = add_months(start, 12)
    early, late = start + timedelta(days=first), start + timedelta(days=first + more)
    costs = [compensation(rule, start, day, end, Fraction(100), "EUR").amount for day in (early, late)]
    assert costs[0] >= costs[1] >= 0
