"""The hours ledger: what a contract includes each month, what was drawn from it, and what is owed beyond it.

The law is the hours section of ``calculators.md``; how minutes worked become minutes accounted is the kernel's
(:mod:`shared.kernel.hours`). :func:`draw_month` draws what was accounted from what is there: the ledger of contracts
(:mod:`contracts.domain.contract_hours`) uses it one month after another, and :func:`fold_hours`, which the calculator
uses, over many months.

What is unused is a **lot**. A lot can be used for a number of further months (none, one, or as many as ``fifo`` says)
and what is left of it is lost at the end of the last one. There is one account for the pool, or one for each line.

Whoever takes an entry back enters it again with negative minutes. When that leaves a month with less than nothing, the
minutes that come back are the month's own, to be used and rolled over as such.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from shared.kernel.hours import Accounting, Minutes, Work, account
from shared.kernel.money import Money

RolloverPolicy = Literal["none", "one_period", "fifo"]


class HoursRefusedError(ValueError):
    """These lines, months and entries make no ledger.

    :param path: where the fault is, as keys and indices into the calculator's request: ``("months", 0, "entries", 3)``.
    """

    def __init__(self, detail: str, *path: str | int) -> None:
        super().__init__(detail)
        self.path = path


# --- What goes in ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HoursLine:
    """A line of the contract's hours, with the whole minutes that every month includes."""

    code: str
    included_minutes: int


@dataclass(frozen=True, slots=True)
class Rollover:
    """What becomes of unused minutes. ``months`` belongs to ``fifo`` and is how long they can be used after their own.

    Raises :class:`HoursRefusedError` when the number is missing, is below one, or stands with another policy.
    """

    policy: RolloverPolicy = "none"
    months: int | None = None

    def __post_init__(self) -> None:
        if self.policy == "fifo" and (self.months is None or self.months < 1):
            raise HoursRefusedError("say in how many months after its own a minute can be used", "rollover", "months")
        if self.policy != "fifo" and self.months is not None:
            raise HoursRefusedError("a number of months belongs to the policy fifo: leave it out", "rollover", "months")

    @property
    def lifetime(self) -> int:
        """In how many months after its own an unused minute can be used."""
        return self.months or (1 if self.policy == "one_period" else 0)


@dataclass(frozen=True, slots=True)
class HoursTerms:
    """What the contract says of hours. ``pooled`` is one envelope for all lines.

    ``overage_cap_minutes`` is how much overage of a month is billed at most; None is all of it.

    Raises :class:`HoursRefusedError` when two lines have one code.
    """

    lines: tuple[HoursLine, ...]
    pooled: bool
    rollover: Rollover
    overage_rate_per_hour: Money
    accounting: Accounting
    overage_cap_minutes: int | None = None

    def __post_init__(self) -> None:
        codes: set[str] = set()
        for index, line in enumerate(self.lines):
            if line.code in codes:
                raise HoursRefusedError(f"there are two lines {line.code}: codes are unique", "lines", index, "code")
            codes.add(line.code)


class Lot(NamedTuple):
    """Unused minutes of one month, and for how many months they can be used after the one that follows."""

    minutes: int
    months: int


Carried: TypeAlias = Mapping[str | None, tuple[Lot, ...]]
"""What earlier months left: the pool's lots under None, or each line's under its code; the first to be lost first."""

NOTHING_CARRIED: Carried = MappingProxyType({})


class MonthOfWork(NamedTuple):
    """A calendar month, as its first day, and everything that was worked in it."""

    month: date
    works: Sequence[Work]


# --- What comes out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class MonthFigures:
    """A month of the ledger. ``accounted`` consumes hours; ``real`` holds the ``covered`` minutes too, which do not.

    ``by_line`` has a value for every line of the contract. ``carried`` is what the next month begins with.
    ``billed_minutes`` is the overage up to its cap, and ``overage_amount`` what these come to.
    """

    month: date
    available_minutes: int
    real_minutes: int
    accounted_minutes: int
    covered_minutes: int
    overage_minutes: int
    billed_minutes: int
    overage_amount: Money
    expired_minutes: int
    lines_over: tuple[str, ...]
    by_line: Mapping[str, Minutes]
    carried: Carried

    @property
    def rolled_over_minutes(self) -> int:
        """What can be used next month beside that month's own."""
        return sum(lot.minutes for lots in self.carried.values() for lot in lots)


# --- The rule --------------------------------------------------------------------------------------------------------


def fold_hours(terms: HoursTerms, months: Sequence[MonthOfWork]) -> list[MonthFigures]:
    """The figures of months that follow one another, under the same terms, with nothing carried into the first.

    Raises :class:`HoursRefusedError` for months that are not consecutive, and as :func:`close_month`.
    """
    figures: list[MonthFigures] = []
    for index, each in enumerate(months):
        if figures and _number(each.month) != _number(figures[-1].month) + 1:
            raise HoursRefusedError("months follow one another, the earliest first", "months", index, "month")
        try:
            figures.append(close_month(terms, each, figures[-1].carried if figures else NOTHING_CARRIED))
        except HoursRefusedError as refused:
            raise HoursRefusedError(str(refused), "months", index, *refused.path) from None
    return figures


def close_month(terms: HoursTerms, month: MonthOfWork, carried: Carried = NOTHING_CARRIED) -> MonthFigures:
    """The figures of one month that began with what the month before carried over.

    Minutes carried for a line or pool that the terms no longer have cannot be used: they are lost with this month.
    Raises :class:`HoursRefusedError` for work outside of the month or on a line that the contract does not have.
    """
    _check(terms, month)
    return draw_month(terms, month.month, account(month.works, terms.accounting), carried)


def draw_month(
    terms: HoursTerms, month: date, worked: Mapping[str, Minutes], carried: Carried = NOTHING_CARRIED
) -> MonthFigures:
    """The figures of a month in which this much was accounted on its lines; every line worked on is one of them.

    Minutes carried for a line or pool that the terms no longer have cannot be used: they are lost with this month.
    """
    by_line = {line.code: worked.get(line.code, Minutes()) for line in terms.lines}
    accounted = sum(minutes.accounted for minutes in by_line.values())
    drawn: dict[str | None, _Drawn]
    if terms.pooled:
        included = sum(line.included_minutes for line in terms.lines)
        drawn = {None: _draw(terms.rollover, included, accounted, carried.get(None, ()))}
        over = [line.code for line in terms.lines if by_line[line.code].accounted > line.included_minutes]
    else:
        drawn = {
            line.code: _draw(
                terms.rollover, line.included_minutes, by_line[line.code].accounted, carried.get(line.code, ())
            )
            for line in terms.lines
        }
        over = [line.code for line in terms.lines if drawn[line.code].overage]
    overage = sum(each.overage for each in drawn.values())
    stranded = sum(lot.minutes for key, lots in carried.items() if key not in drawn for lot in lots)
    billed = overage if terms.overage_cap_minutes is None else min(overage, terms.overage_cap_minutes)
    rate = terms.overage_rate_per_hour
    return MonthFigures(
        month=month,
        available_minutes=sum(each.available for each in drawn.values()),
        real_minutes=sum(minutes.real for minutes in by_line.values()),
        accounted_minutes=accounted,
        covered_minutes=sum(minutes.covered for minutes in by_line.values()),
        overage_minutes=overage,
        billed_minutes=billed,
        overage_amount=Money.rounded(Fraction(billed, 60) * Fraction(rate.amount), rate.currency),
        expired_minutes=stranded + sum(each.expired for each in drawn.values()),
        lines_over=tuple(over),
        by_line=by_line,
        carried={key: each.left for key, each in drawn.items() if each.left},
    )


def _check(terms: HoursTerms, month: MonthOfWork) -> None:
    codes = {line.code for line in terms.lines}
    for index, work in enumerate(month.works):
        if work.line not in codes:
            raise HoursRefusedError(f"the contract has no hours line {work.line}", "entries", index, "line")
        if (work.on.year, work.on.month) != (month.month.year, month.month.month):
            raise HoursRefusedError(
                f"{work.on} does not lie in the month {month.month:%Y-%m}", "entries", index, "date"
            )


class _Drawn(NamedTuple):
    """What became of one account in a month."""

    available: int
    overage: int
    expired: int
    left: tuple[Lot, ...]


def _draw(rollover: Rollover, included: int, accounted: int, lots: Sequence[Lot]) -> _Drawn:
    own = Lot(included + max(0, -accounted), rollover.lifetime)
    order = (*lots, own) if rollover.policy == "fifo" else (own, *lots)
    wanted = max(0, accounted)
    unused: list[Lot] = []
    for lot in order:
        taken = min(lot.minutes, wanted)
        wanted -= taken
        unused.append(Lot(lot.minutes - taken, lot.months))
    kept = [Lot(lot.minutes, lot.months - 1) for lot in unused if lot.months and lot.minutes]
    return _Drawn(
        available=sum(lot.minutes for lot in order),
        overage=wanted,
        expired=sum(lot.minutes for lot in unused if not lot.months),
        left=tuple(sorted(kept, key=lambda lot: lot.months)),
    )


def _number(month: date) -> int:
    return month.year * 12 + month.month
