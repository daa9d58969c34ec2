"""The hours of one contract: what a month includes under terms that change, and what the facts of work come to.

Months are calendar months in the client's zone. What a month includes is each line's minutes by the part of the month,
in local days, during which the contract was in force with them: an amendment in mid-month counts from its instant, and
the same line before and after adds up. Each line is rounded once, to whole minutes. Pool, rollover, rate and cap of a
month are those that were in force last in it.

A fact of work is accounted by the terms of its own day: unit, multipliers, covered classes. What is then told late of a
month that is closed is the difference between what that month comes to now and what was booked for it, and it lands in
the first month that is open. So the sum of everything booked is what the facts come to, in whatever order they arrive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import NamedTuple, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from contracts.domain.billing_periods import share_of
from contracts.domain.contract_term import Days, add_months
from contracts.domain.hours_ledger import HoursLine, HoursTerms, Rollover
from shared.kernel.calendar import opening_instant
from shared.kernel.hours import Accounting, Minutes, Work, account
from shared.kernel.intervals import Interval
from shared.kernel.money import Money, round_half_away

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)

ByLine: TypeAlias = Mapping[str, Minutes]


# --- what was agreed -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AgreedLine:
    """A line with the minutes of a whole month, and the classes of work that land on it when no line is named."""

    code: str
    included_minutes: int
    work_classes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AgreedHours:
    """What a contract says of hours at an instant; lines that are conditional on what it lacks are left out already."""

    lines: tuple[AgreedLine, ...]
    pooled: bool
    rollover: Rollover
    overage_rate_per_hour: Money
    accounting: Accounting
    overage_cap_minutes: int | None = None
    thresholds_percent: tuple[int, ...] = ()
    multipliers: Mapping[str, Decimal] = field(default_factory=dict)
    covered_classes: frozenset[str] = frozenset()

    def line_of(self, named: str | None, work_class: str) -> str | None:
        """The line that work draws on: the one that is named, else the one that covers its class; None: there is none.

        A line that is named and not there is never replaced by another one: nobody agreed to that.
        """
        if named is not None:
            return named if any(line.code == named for line in self.lines) else None
        return next((line.code for line in self.lines if work_class in line.work_classes), None)


class Held(NamedTuple):
    """What was in force in ``[start, end)``; without ``end`` it still is."""

    start: datetime
    end: datetime | None
    hours: AgreedHours


@dataclass(frozen=True)
class MonthTerms:
    """What a month includes, and the terms that were in force last in it."""

    month: date
    terms: HoursTerms
    agreed: AgreedHours

    @property
    def included_minutes(self) -> int:
        """The total of the lines."""
        return sum(line.included_minutes for line in self.terms.lines)


def days_of(month: date) -> Days:
    """The days of a calendar month, which is given as its first day."""
    return Days(month, add_months(month, 1))


def month_of(day: date) -> date:
    """The first day of its month."""
    return day.replace(day=1)


def month_terms(
    month: date, held: Sequence[Held], zone: ZoneInfo, booked_lines: Iterable[str] = ()
) -> MonthTerms | None:
    """What a month includes; None before there were hours at all.

    :param held: one after the other, the earliest first.
    :param booked_lines: lines that adjustments of earlier months need, whether or not the month has them.
    """
    days = days_of(month)
    whole = Interval(opening_instant(days.first, 0, zone), opening_instant(days.end, 0, zone))
    begun = [each for each in held if each.start < whole.end]
    if not begun:
        return None
    agreed = begun[-1].hours
    included: dict[str, Fraction] = {line.code: Fraction(0) for line in agreed.lines}
    for each in begun:
        part = Interval(each.start, each.end or whole.end)
        share = share_of(part, whole, zone)
        if share:
            for line in each.hours.lines:
                included[line.code] = included.get(line.code, Fraction(0)) + line.included_minutes * share
    for code in booked_lines:
        included.setdefault(code, Fraction(0))
    return MonthTerms(
        month=month,
        terms=HoursTerms(
            lines=tuple(HoursLine(code, int(round_half_away(exact, 0))) for code, exact in included.items()),
            pooled=agreed.pooled,
            rollover=agreed.rollover,
            overage_rate_per_hour=agreed.overage_rate_per_hour,
            accounting=agreed.accounting,
            overage_cap_minutes=agreed.overage_cap_minutes,
        ),
        agreed=agreed,
    )


def over_at(month: date, ended_at: datetime | None, zone: ZoneInfo) -> datetime:
    """The instant at which a month of the ledger is over: its end, or that of a contract that ended in it."""
    begins, ends = (opening_instant(day, 0, zone) for day in days_of(month))
    return ended_at if ended_at is not None and begins < ended_at < ends else ends


def last_day(month: date, ended_at: datetime | None, zone: ZoneInfo) -> date:
    """The day with which a month of the ledger is over: its last one, or the one on which the contract ended in it."""
    return (over_at(month, ended_at, zone) - _MICROSECOND).astimezone(zone).date()


def agreed_on(day: date, held: Sequence[Held], zone: ZoneInfo) -> AgreedHours | None:
    """What was in force last on a local day; None when nothing was on it, or the contract said nothing of hours."""
    begins, ends = opening_instant(day, 0, zone), opening_instant(day + _DAY, 0, zone)
    of_day = (each for each in reversed(held) if each.start < ends and (each.end is None or each.end > begins))
    return next((each.hours for each in of_day), None)


# --- what was done ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoursFact:
    """Work as it was told. Negative ``minutes`` take other work back.

    ``consumes`` is whether it may draw on the included hours: what is out of scope only once the client approved it.
    """

    entry_id: UUID
    line: str | None
    work_class: str
    minutes: int
    on: date
    ticket: str | None
    covered: bool
    multipliers: tuple[Decimal, ...]
    consumes: bool


@dataclass(frozen=True)
class Accounted:
    """What the facts of a month come to, and which of them count for nothing, and why."""

    by_line: ByLine
    out_of_scope: tuple[HoursFact, ...]
    unplaced: tuple[HoursFact, ...]
    """Work that no line of the contract takes, or of a day on which it was not in force: nothing of it is billed."""


def accounted(facts: Iterable[HoursFact], held: Sequence[Held], zone: ZoneInfo) -> Accounted:
    """What these facts, all of one month, are accounted by the terms of their days."""
    works: dict[Accounting, list[Work]] = {}
    out_of_scope: list[HoursFact] = []
    unplaced: list[HoursFact] = []
    known: dict[date, AgreedHours | None] = {}
    for fact in facts:
        if fact.on not in known:
            known[fact.on] = agreed_on(fact.on, held, zone)
        agreed = known[fact.on]
        if not fact.consumes:
            out_of_scope.append(fact)
            continue
        line = None if agreed is None else agreed.line_of(fact.line, fact.work_class)
        if agreed is None or line is None:
            unplaced.append(fact)
            continue
        works.setdefault(agreed.accounting, []).append(_work(fact, line, agreed))
    totals: dict[str, Minutes] = {}
    for rule, of_rule in works.items():
        totals = _sum(totals, account(of_rule, rule))
    return Accounted(totals, tuple(out_of_scope), tuple(unplaced))


def _work(fact: HoursFact, line: str, agreed: AgreedHours) -> Work:
    of_class = agreed.multipliers.get(fact.work_class)
    return Work(
        line=line,
        minutes=fact.minutes,
        on=fact.on,
        ticket=fact.ticket,
        covered=fact.covered or fact.work_class in agreed.covered_classes,
        multipliers=fact.multipliers if of_class is None else (*fact.multipliers, of_class),
    )


# --- what was booked -------------------------------------------------------------------------------------------------


def difference(now: ByLine, booked: ByLine) -> dict[str, Minutes]:
    """What is still to be booked of a closed month, by line; lines without a difference are left out."""
    negated = {line: Minutes(-each.real, -each.accounted, -each.covered) for line, each in booked.items()}
    return {line: each for line, each in _sum(now, negated).items() if each != Minutes()}


def added(parts: Iterable[ByLine]) -> dict[str, Minutes]:
    """The sums by line."""
    total: dict[str, Minutes] = {}
    for part in parts:
        total = _sum(total, part)
    return total


def _sum(one: ByLine, other: ByLine) -> dict[str, Minutes]:
    result = dict(one)
    for line, each in other.items():
        before = result.get(line, Minutes())
        result[line] = Minutes(
            before.real + each.real, before.accounted + each.accounted, before.covered + each.covered
        )
    return result


# --- thresholds ------------------------------------------------------------------------------------------------------


def reached(thresholds_percent: Iterable[int], accounted_minutes: int, available_minutes: int) -> list[int]:
    """The thresholds that are reached, compared exactly; where nothing is included, any work reaches all of them."""
    if accounted_minutes <= 0:
        return []
    return [percent for percent in thresholds_percent if accounted_minutes * 100 >= available_minutes * percent]


# --- a year of use ---------------------------------------------------------------------------------------------------


class ReviewedLine(NamedTuple):
    """A line over a year: what it included each month, what was used on average, and what is proposed."""

    code: str
    included_minutes: int
    average_minutes: Fraction
    proposed_minutes: int


REVIEW_STEP_MINUTES = 30
KEEPS_WITHIN_PERCENT = 10


def review_line(code: str, included_minutes: int, used_by_month: Sequence[int]) -> ReviewedLine:
    """The volume that fits a year of real use: the average month, up to the next half hour.

    Within ten percent of what is agreed, what is agreed stays: nobody signs an amendment for minutes.
    """
    average = Fraction(sum(used_by_month), len(used_by_month))
    steps = -(-max(average, Fraction(0)) // REVIEW_STEP_MINUTES)
    near = abs(average - included_minutes) * 100 <= included_minutes * KEEPS_WITHIN_PERCENT
    return ReviewedLine(code, included_minutes, average, included_minutes if near else int(steps) * REVIEW_STEP_MINUTES)


def contract_year(starts_on: date, number: int) -> Days:
    """The contract's year of this number, 1 for the first; anchored on the start day."""
    return Days(add_months(starts_on, 12 * (number - 1)), add_months(starts_on, 12 * number))


def months_of_year(year: Days) -> list[date]:
    """The twelve calendar months whose last days lie in a contract year: those whose work is known at its end."""
    first = month_of(year.first)
    months = [add_months(first, number) for number in range(13)]
    return [month for month in months if year.first < add_months(month, 1) <= year.end]
