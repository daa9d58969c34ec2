"""Terms of a contract: how long it runs, how it renews, until when notice must be given, and its monthly periods.

The law is the term section of ``calculators.md``. Every boundary is the start plus a number of months, never the
boundary before plus some: a contract that starts on the 31st has periods that end on the last day of short months and
on the 31st of the others.

All dates are local ones, in the zone of the contract; :mod:`contracts.domain.billing_periods` turns them into instants.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, date, timedelta
from itertools import pairwise
from typing import Literal, NamedTuple

RenewalKind = Literal["tacit", "express", "none"]
TermStatus = Literal["upcoming", "active", "ended"]

_OUT_OF_REACH = "this leads out of the years 1 to 9999"


class TermRefusedError(ValueError):
    """These dates and numbers make no term.

    :param path: where the fault is, as keys of the calculator's request: ``("renewal", "months")``.
    """

    def __init__(self, detail: str, *path: str) -> None:
        super().__init__(detail)
        self.path = path


class Days(NamedTuple):
    """Local dates from ``first`` on, ``end`` not included."""

    first: date
    end: date


# --- Months ----------------------------------------------------------------------------------------------------------


def add_months(day: date, months: int) -> date:
    """The same day that many months later (earlier when negative), or the last day of a month that has no such day.

    Raises ``OverflowError`` outside of the years 1 to 9999.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not MINYEAR <= year <= MAXYEAR:
        raise OverflowError(_OUT_OF_REACH)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def whole_months(start: date, day: date) -> int:
    """How many months after the start have begun by this day: the largest n with start + n months not after it."""
    months = (day.year - start.year) * 12 + day.month - start.month
    return months if add_months(start, months) <= day else months - 1


def monthly_periods(start: date, count: int) -> list[Days]:
    """The first periods of a month each, anchored on the start day.

    Raises :class:`TermRefusedError` beyond the year 9999.
    """
    try:
        boundaries = [add_months(start, number) for number in range(count + 1)]
    except OverflowError:
        raise TermRefusedError(_OUT_OF_REACH, "monthly_periods") from None
    return [Days(first, end) for first, end in pairwise(boundaries)]


# --- Terms -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Renewal:
    """What happens at the end of a term: ``tacit`` renews for ``months`` at a time, ``express`` and ``none`` end.

    Raises :class:`TermRefusedError` for a tacit renewal without a length, and for a length below one month.
    """

    kind: RenewalKind
    months: int | None = None

    def __post_init__(self) -> None:
        if self.kind == "tacit" and self.months is None:
            raise TermRefusedError("a tacit renewal needs the length of the terms that follow", "renewal", "months")
        if self.months is not None and self.months < 1:
            raise TermRefusedError("a term is at least one month", "renewal", "months")


@dataclass(frozen=True, slots=True)
class ContractTerm:
    """The term that was agreed on. ``initial_months`` is at least 1, the other numbers at least 0."""

    start: date
    initial_months: int
    renewal: Renewal
    notice_months: int
    alert_days: int


@dataclass(frozen=True, slots=True)
class TermReading:
    """Where a contract stands on a day.

    :param notice_deadline: the day before which notice must be given not to enter the next term.
    :param alert_on: the day on which somebody should be told that it comes.
    """

    status: TermStatus
    current_term: Days
    notice_deadline: date
    alert_on: date


def read_term(term: ContractTerm, as_of: date, renewed: Sequence[int] = ()) -> TermReading:
    """The term that a day lies in, the first before the start and the last after the end.

    :param renewed: lengths in months of the terms that were agreed on expressly, one after the other.

    Raises :class:`TermRefusedError` when a date lies out of the years 1 to 9999.
    """
    current = _current_term(term, as_of, renewed)
    try:
        deadline = add_months(current.end, -term.notice_months)
    except OverflowError:
        raise TermRefusedError(_OUT_OF_REACH, "notice_months") from None
    try:
        alert_on = deadline - timedelta(days=term.alert_days)
    except OverflowError:
        raise TermRefusedError(_OUT_OF_REACH, "alert_days") from None
    status: TermStatus = "active"
    if as_of < term.start:
        status = "upcoming"
    elif as_of >= current.end:
        status = "ended"
    return TermReading(status, current, deadline, alert_on)


def end_by_notice(term: ContractTerm, given_on: date, renewed: Sequence[int] = ()) -> date:
    """The first day on which the contract does not run any more when notice is given on a day.

    It is in time before the deadline of the current term; after that tacit renewals come first, of which several can be
    shorter than the notice. A contract that does not renew by itself ends with its term all the same. Raises
    :class:`TermRefusedError` beyond the year 9999.
    """
    reading = read_term(term, given_on, renewed)
    while term.renewal.kind == "tacit" and given_on >= reading.notice_deadline:
        reading = read_term(term, reading.current_term.end, renewed)
    return reading.current_term.end


def _current_term(term: ContractTerm, as_of: date, renewed: Sequence[int]) -> Days:
    begins, ends = 0, term.initial_months
    elapsed = whole_months(term.start, as_of)
    for months in renewed:
        if elapsed >= ends:
            begins, ends = ends, ends + months
    if term.renewal.kind == "tacit" and elapsed >= ends:
        assert term.renewal.months is not None
        begins = ends + (elapsed - ends) // term.renewal.months * term.renewal.months
        ends = begins + term.renewal.months
    try:
        return Days(add_months(term.start, begins), add_months(term.start, ends))
    except OverflowError:
        path = ("renewal", "months") if begins else ("initial_months",)
        raise TermRefusedError(_OUT_OF_REACH, *path) from None
