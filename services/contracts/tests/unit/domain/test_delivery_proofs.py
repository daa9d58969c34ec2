"""What was promised and never delivered."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.contract_term import add_months
from contracts.domain.delivery_proofs import Frequency, Window, judge_called_for, judge_recurring, windows

JUNE, JULY = date(2026, 6, 1), date(2026, 7, 1)
BEGAN = date(2026, 4, 20)


def status(frequency: Frequency, delivered: list[date], month: date = JUNE, today: date = date(2027, 1, 1)) -> str:
    due = windows(frequency, month, BEGAN)
    return judge_recurring(due, delivered, add_months(month, 1), today).status


def test_a_month_without_a_proof_is_never_delivered_once_it_is_over() -> None:
    assert status("monthly", [], today=JULY) == "never_delivered"
    assert status("monthly", [], today=JULY - timedelta(days=1)) == "not_due"
    assert status("monthly", [date(2026, 6, 30)]) == "proved"
    assert status("monthly", [date(2026, 5, 31), JULY]) == "never_delivered"


def test_a_quarter_is_counted_from_the_month_of_the_contract_and_due_in_its_last_one() -> None:
    assert windows("quarterly", JUNE, BEGAN) == [Window(date(2026, 4, 1), JULY)]
    assert status("quarterly", [], date(2026, 5, 1)) == "not_due"
    assert status("quarterly", [date(2026, 5, 2)], date(2026, 5, 1)) == "proved"
    assert status("quarterly", [date(2026, 5, 2)]) == "proved"
    assert status("quarterly", []) == "never_delivered"


def test_every_week_that_ends_in_the_month_needs_a_proof() -> None:
    sundays = [window.end - timedelta(days=1) for window in windows("weekly", JUNE, BEGAN)]
    assert sundays == [date(2026, 6, day) for day in (7, 14, 21, 28)]
    missing = judge_recurring(windows("weekly", JUNE, BEGAN), [*sundays[:2], sundays[3]], JULY, JULY).missing
    assert missing == (Window(date(2026, 6, 15), date(2026, 6, 22)),)


@pytest.mark.parametrize(
    ("calls", "delivered", "expected"),
    [([], [], "not_called_for"), ([1], [1], "proved"), ([1, 2], [1], "never_delivered"), ([], [3], "proved")],
)
def test_what_nothing_called_for_is_not_missing(calls: list[int], delivered: list[int], expected: str) -> None:
    assert judge_called_for(calls, delivered).status == expected


@given(
    st.sampled_from(["weekly", "monthly", "quarterly", "yearly"]),
    st.dates(date(2020, 1, 1), date(2024, 1, 1)),
    st.integers(1, 40),
)
def test_over_its_months_every_window_is_due_exactly_once(frequency: Frequency, began: date, months: int) -> None:
    first = began.replace(day=1)
    due: list[Window] = []
    for each in range(months):
        month = add_months(first, each)
        end = add_months(month, 1)
        due += judge_recurring(windows(frequency, month, began), [], end, date(2030, 1, 1)).missing
    assert len(set(due)) == len(due)
    assert all(left.end == right.first for left, right in pairwise(due))


@pytest.mark.parametrize(
    ("frequency", "over_on", "missing"),
    [
        ("monthly", date(2026, 6, 20), 0),
        ("monthly", JULY, 1),
        ("quarterly", date(2026, 6, 30), 0),
        ("weekly", date(2026, 6, 20), 2),
        ("weekly", date(2026, 6, 15), 2),
        ("weekly", date(2026, 6, 14), 1),
    ],
)
def test_what_the_end_of_the_contract_cuts_short_asks_for_nothing(
    frequency: Frequency, over_on: date, missing: int
) -> None:
    due = windows(frequency, JUNE, BEGAN)
    judged = judge_recurring(due, [], JULY, date(2027, 1, 1), over_on)
    assert (len(judged.missing), judged.status) == (missing, "never_delivered" if missing else "not_due")
    assert judge_recurring(due, [date(2026, 6, 17)], JULY, date(2027, 1, 1), date(2026, 6, 18)).status != "not_due"
