"""The hours ledger against one that lays out every minute on its own, and over the size of a large contract."""

import time
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.hours_ledger import (
    NOTHING_CARRIED,
    HoursLine,
    HoursRefusedError,
    HoursTerms,
    Lot,
    MonthOfWork,
    Rollover,
    close_month,
    fold_hours,
)
from shared.kernel.hours import Accounting, Work
from shared.kernel.money import Money

RATE = Money(Decimal("88.80"), "EUR")
CODES = ("technical", "web", "mobile")

rollovers = st.sampled_from([Rollover(), Rollover("one_period")]) | st.builds(
    Rollover, st.just("fifo"), st.integers(1, 3)
)
all_terms = st.builds(
    HoursTerms,
    lines=st.tuples(*(st.builds(HoursLine, st.just(code), st.integers(0, 30)) for code in CODES)),
    pooled=st.booleans(),
    rollover=rollovers,
    overage_rate_per_hour=st.just(RATE),
    accounting=st.builds(Accounting, st.integers(1, 8), st.sampled_from(["entry", "ticket_day"])),
)


@st.composite
def worked_months(draw: st.DrawFn) -> list[MonthOfWork]:
    first = draw(st.integers(1, 12))
    months = []
    for number in range(draw(st.integers(1, 5))):
        month = date(2026 + (first - 1 + number) // 12, (first - 1 + number) % 12 + 1, 1)
        entry = st.builds(
            Work,
            line=st.sampled_from(CODES),
            minutes=st.integers(0, 25),
            on=st.sampled_from([month, month.replace(day=28)]),
            ticket=st.sampled_from([None, "T-1", "T-2"]),
            covered=st.booleans(),
            multipliers=st.lists(st.sampled_from([Decimal("0.5"), Decimal("1.3"), Decimal(2)]), max_size=2).map(tuple),
        )
        months.append(MonthOfWork(month, draw(st.lists(entry, max_size=5))))
    return months


def accounted_by_hand(works: list[Work], line: str, accounting: Accounting) -> int:
    """Minutes of a line: what belongs together is looked for, and units are added while they are too few."""
    left = [work for work in works if work.line == line and not work.covered]
    minutes = 0
    while left:
        first = left.pop(0)
        group = [first]
        if accounting.per == "ticket_day" and first.ticket is not None:
            group += [work for work in left if (work.ticket, work.on) == (first.ticket, first.on)]
            left = [work for work in left if work not in group]
        exact = sum((Fraction(max(work.multipliers, default=Decimal(1))) * work.minutes for work in group), Fraction())
        rounded = 0
        while rounded < exact:
            rounded += accounting.unit_minutes
        minutes += rounded
    return minutes


@dataclass
class Envelope:
    """Every unused minute by itself, as the number of the month that included it."""

    included: int
    minutes: list[int] = field(default_factory=list)

    def month(self, number: int, wanted: int, rollover: Rollover) -> tuple[int, int, int, int]:
        """available, overage, rolled over, expired"""
        self.minutes += [number] * self.included
        available, overage = len(self.minutes), 0
        for _ in range(wanted):
            oldest_first = sorted(self.minutes)
            own_first = sorted(self.minutes, key=lambda of: (of != number, of))
            order = oldest_first if rollover.policy == "fifo" else own_first
            if order:
                self.minutes.remove(order[0])
            else:
                overage += 1
        life = {"none": 0, "one_period": 1, "fifo": rollover.months}[rollover.policy]
        assert life is not None
        expired = [of for of in self.minutes if of + life <= number]
        self.minutes = [of for of in self.minutes if of + life > number]
        return available, overage, len(self.minutes), len(expired)


@given(all_terms, worked_months())
def test_the_ledger_is_what_laying_out_every_minute_finds(terms: HoursTerms, months: list[MonthOfWork]) -> None:
    pool = Envelope(sum(line.included_minutes for line in terms.lines))
    own = {line.code: Envelope(line.included_minutes) for line in terms.lines}
    for number, (figures, month) in enumerate(zip(fold_hours(terms, months), months, strict=True)):
        works = list(month.works)
        accounted = {code: accounted_by_hand(works, code, terms.accounting) for code in CODES}
        if terms.pooled:
            drawn = {"pool": pool.month(number, sum(accounted.values()), terms.rollover)}
            over = [line.code for line in terms.lines if accounted[line.code] > line.included_minutes]
        else:
            drawn = {code: own[code].month(number, accounted[code], terms.rollover) for code in CODES}
            over = [code for code in CODES if drawn[code][1] > 0]
        available, overage, rolled, expired = (sum(column) for column in zip(*drawn.values(), strict=True))
        assert figures.available_minutes == available
        assert figures.overage_minutes == overage
        assert figures.rolled_over_minutes == rolled
        assert figures.expired_minutes == expired
        assert figures.lines_over == tuple(over)
        assert figures.accounted_minutes == sum(accounted.values())
        assert figures.real_minutes == sum(work.minutes for work in works)
        assert figures.covered_minutes == sum(work.minutes for work in works if work.covered)
        assert figures.overage_amount == Money.rounded(Fraction(overage, 60) * Fraction(RATE.amount), "EUR")


@given(all_terms, worked_months(), st.randoms(use_true_random=False))
def test_shuffling_the_entries_of_a_month_changes_no_figure(
    terms: HoursTerms, months: list[MonthOfWork], random: Random
) -> None:
    expected = fold_hours(terms, months)
    shuffled = [MonthOfWork(month, random.sample(works, len(works))) for month, works in months]
    assert fold_hours(terms, shuffled) == expected


@given(all_terms, worked_months())
def test_closing_months_one_by_one_and_folding_them_at_once_are_the_same(
    terms: HoursTerms, months: list[MonthOfWork]
) -> None:
    carried = NOTHING_CARRIED
    for month, figures in zip(months, fold_hours(terms, months), strict=True):
        assert close_month(terms, month, carried) == figures
        carried = figures.carried


@given(all_terms, worked_months())
def test_no_minute_is_lost_or_made(terms: HoursTerms, months: list[MonthOfWork]) -> None:
    rolled = 0
    for figures in fold_hours(terms, months):
        used = figures.accounted_minutes - figures.overage_minutes
        assert figures.available_minutes == rolled + sum(line.included_minutes for line in terms.lines)
        assert figures.available_minutes == used + figures.rolled_over_minutes + figures.expired_minutes
        rolled = figures.rolled_over_minutes


JANUARY, FEBRUARY = date(2026, 1, 1), date(2026, 2, 1)


def terms_of(rollover: Rollover, *, pooled: bool = True, minutes: int = 60) -> HoursTerms:
    return HoursTerms((HoursLine("technical", minutes),), pooled, rollover, RATE, Accounting(15))


def test_an_entry_taken_back_in_a_later_month_gives_its_minutes_to_that_month() -> None:
    terms = terms_of(Rollover("one_period"))
    worked, reversed_later = Work("technical", 80, JANUARY), Work("technical", -80, FEBRUARY)
    first, second = fold_hours(terms, [MonthOfWork(JANUARY, [worked]), MonthOfWork(FEBRUARY, [reversed_later])])
    assert (first.accounted_minutes, first.overage_minutes) == (90, 30)
    assert (second.accounted_minutes, second.available_minutes, second.rolled_over_minutes) == (-90, 150, 150)
    within = fold_hours(terms, [MonthOfWork(JANUARY, [worked, Work("technical", -80, JANUARY)])])
    assert (within[0].accounted_minutes, within[0].overage_minutes) == (0, 0)


def test_an_amendment_keeps_what_was_carried_and_loses_what_has_no_place_any_more() -> None:
    month = MonthOfWork(JANUARY, [])
    carried = close_month(terms_of(Rollover("fifo", 12)), month).carried
    assert carried == {None: (Lot(60, 11),)}
    more = close_month(terms_of(Rollover("fifo", 2), minutes=90), MonthOfWork(FEBRUARY, []), carried)
    assert (more.available_minutes, more.expired_minutes) == (150, 0)
    assert more.carried == {None: (Lot(90, 1), Lot(60, 10))}
    split = close_month(terms_of(Rollover("fifo", 2), pooled=False), MonthOfWork(FEBRUARY, []), carried)
    assert (split.available_minutes, split.expired_minutes, split.carried) == (60, 60, {"technical": (Lot(60, 1),)})


def test_a_refusal_names_the_entry() -> None:
    elsewhere = MonthOfWork(FEBRUARY, [Work("technical", 1, FEBRUARY), Work("technical", 1, JANUARY)])
    with pytest.raises(HoursRefusedError) as refused:
        fold_hours(terms_of(Rollover()), [MonthOfWork(JANUARY, []), elsewhere])
    assert refused.value.path == ("months", 1, "entries", 1, "date")


def test_a_year_of_ten_thousand_entries_a_month_takes_seconds() -> None:
    terms = HoursTerms(
        tuple(HoursLine(f"line-{number}", 6000) for number in range(20)),
        pooled=False,
        rollover=Rollover("fifo", 12),
        overage_rate_per_hour=RATE,
        accounting=Accounting(15, "ticket_day"),
    )
    multipliers = (Decimal("1.25"), Decimal("1.5"))
    months = [
        MonthOfWork(
            date(2026, month, 1),
            [
                Work(f"line-{n % 20}", n % 90, date(2026, month, n % 28 + 1), f"T-{n % 700}", n % 9 == 0, multipliers)
                for n in range(10_000)
            ],
        )
        for month in range(1, 13)
    ]
    start = time.perf_counter()
    figures = fold_hours(terms, months)
    assert time.perf_counter() - start < 60
    assert sum(month.real_minutes for month in figures) == sum(n % 90 for n in range(10_000)) * 12
