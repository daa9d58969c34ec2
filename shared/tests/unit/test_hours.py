"""Minutes worked and minutes accounted: the law of the hours section, from examples and from properties."""

import math
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.hours import Accounting, Minutes, Work, account, rounded_up, weighted_minutes

MONDAY = date(2026, 1, 5)

multipliers = st.lists(st.decimals("0", "4", places=3), max_size=3).map(tuple)
works = st.lists(
    st.builds(
        Work,
        line=st.sampled_from(["technical", "web"]),
        minutes=st.integers(0, 2000),
        on=st.sampled_from([MONDAY, date(2026, 1, 6)]),
        ticket=st.sampled_from([None, "T-1", "T-2"]),
        covered=st.booleans(),
        multipliers=multipliers,
    ),
    max_size=12,
)
accountings = st.builds(Accounting, st.integers(1, 480), st.sampled_from(["entry", "ticket_day"]))


def test_the_largest_multiplier_counts_and_never_their_product() -> None:
    work = Work("technical", 90, MONDAY, multipliers=(Decimal("1.5"), Decimal("2"), Decimal("1.25")))
    assert account([work], Accounting()) == {"technical": Minutes(real=90, accounted=180)}


def test_a_multiplier_below_one_counts_when_it_is_the_only_one() -> None:
    assert account([Work("technical", 90, MONDAY, multipliers=(Decimal("0.5"),))], Accounting())["technical"] == (
        Minutes(real=90, accounted=45)
    )


def test_each_entry_is_rounded_up_to_the_unit() -> None:
    entries = [Work("technical", minutes, MONDAY, "T-1") for minutes in (1, 14, 16)]
    assert account(entries, Accounting(15))["technical"].accounted == 15 + 15 + 30


def test_a_ticket_is_rounded_up_once_a_day_and_line() -> None:
    entries = [
        Work("technical", 5, MONDAY, "T-1"),
        Work("technical", 6, MONDAY, "T-1", multipliers=(Decimal("1.5"),)),  # 14 minutes with the one before
        Work("technical", 5, date(2026, 1, 6), "T-1"),
        Work("web", 5, MONDAY, "T-1"),
        Work("technical", 5, MONDAY),  # without a ticket it stands alone
        Work("technical", 5, MONDAY),
    ]
    figures = account(entries, Accounting(15, "ticket_day"))
    assert figures["technical"] == Minutes(real=26, accounted=15 + 15 + 15 + 15)
    assert figures["web"] == Minutes(real=5, accounted=15)


def test_thirds_are_added_exactly_before_they_are_rounded() -> None:
    entries = [Work("technical", 1, MONDAY, "T-1", multipliers=(Decimal("0.1"),)) for _ in range(10)]
    assert account(entries, Accounting(1, "ticket_day"))["technical"].accounted == 1


def test_covered_work_is_real_and_consumes_nothing() -> None:
    figures = account([Work("technical", 50, MONDAY, covered=True, multipliers=(Decimal("2"),))], Accounting(15))
    assert figures == {"technical": Minutes(real=50, accounted=0, covered=50)}


def test_a_unit_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one minute"):
        Accounting(0)


@given(works, accountings)
def test_accounted_minutes_are_what_the_law_says(entries: list[Work], accounting: Accounting) -> None:
    expected = {"technical": 0, "web": 0}

    def group(numbered: tuple[int, Work]) -> tuple[str, str, str]:
        index, work = numbered
        alone = accounting.per == "entry" or work.ticket is None
        return (work.line, f"entry {index}", "") if alone else (work.line, f"ticket {work.ticket}", work.on.isoformat())

    for (line, _, _), members in groupby(sorted(enumerate(entries), key=group), key=group):
        exact = sum(
            (Fraction(w.minutes) * (max(Fraction(m) for m in w.multipliers) if w.multipliers else 1))
            for _, w in members
            if not w.covered
        )
        expected[line] += math.ceil(exact / accounting.unit_minutes) * accounting.unit_minutes
    figures = account(entries, accounting)
    assert {line: figures[line].accounted for line in figures} == {line: expected[line] for line in figures}
    for line, minutes in figures.items():
        assert minutes.real == sum(work.minutes for work in entries if work.line == line)
        assert minutes.covered == sum(work.minutes for work in entries if work.line == line and work.covered)


@given(works, accountings)
def test_what_is_taken_back_leaves_nothing(entries: list[Work], accounting: Accounting) -> None:
    back = [Work(w.line, -w.minutes, w.on, w.ticket, w.covered, w.multipliers) for w in entries]
    assert all(minutes == Minutes() for minutes in account(entries + back, accounting).values())


@given(works, st.integers(1, 480))
def test_rounding_once_a_day_never_costs_more_than_rounding_each_entry(entries: list[Work], unit: int) -> None:
    by_entry = account(entries, Accounting(unit))
    by_day = account(entries, Accounting(unit, "ticket_day"))
    assert all(by_day[line].accounted <= by_entry[line].accounted for line in by_entry)


@given(st.fractions(-10_000, 10_000), st.integers(1, 480))
def test_rounding_goes_up_by_less_than_a_unit(exact: Fraction, unit: int) -> None:
    rounded = rounded_up(exact, unit)
    assert rounded % unit == 0
    assert 0 <= abs(rounded) - abs(exact) < unit
    assert rounded == -rounded_up(-exact, unit)


def test_the_weight_of_work_is_exact() -> None:
    assert weighted_minutes(Work("technical", 1, MONDAY, multipliers=(Decimal("1.001"),))) == Fraction(1001, 1000)
