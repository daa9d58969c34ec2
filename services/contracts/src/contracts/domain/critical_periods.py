"""Critical periods: the local days on which a client's business depends most on his system, and what is stricter then.

A period is named by month and day and comes back every year (a season, an exam), or by two dates and comes once. Both
days are included. What a contract promises more of within a period holds from the first local midnight to the one after
the last day, and not a second before or after.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.kernel.calendar import opening_instant

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class DayOfYear:
    """A day that comes back; 29 February is the last day of February where there is none."""

    month: int
    day: int

    def of(self, year: int) -> date:
        """The day in a year."""
        return date(year, self.month, min(self.day, monthrange(year, self.month)[1]))


@dataclass(frozen=True, slots=True)
class CriticalPeriod:
    """A period from one day to another, both included: dates, or days that come back and may lie across New Year."""

    code: str
    first: date | DayOfYear
    last: date | DayOfYear

    def occurrences(self, after: date, before: date) -> Iterator[tuple[date, date]]:
        """First and last days of those that touch the days from `after` up to `before`, the earliest first."""
        if isinstance(self.first, date) and isinstance(self.last, date):
            if self.last >= after and self.first < before:
                yield self.first, self.last
            return
        assert isinstance(self.first, DayOfYear)
        assert isinstance(self.last, DayOfYear)
        for year in range(after.year - 1, before.year + 1):
            first, last = self.first.of(year), self.last.of(year)
            if last < first:
                last = self.last.of(year + 1)
            if last >= after and first < before:
                yield first, last


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time that a period comes: its days, and the half-open stretch of instants that they are."""

    code: str
    first: date
    last: date
    starts_at: datetime
    ends_at: datetime

    def covers(self, at: datetime) -> bool:
        """Whether it is in force at an instant."""
        return self.starts_at <= at < self.ends_at


def occurrences(
    periods: Iterable[CriticalPeriod], since: datetime, until: datetime, zone: ZoneInfo
) -> list[Occurrence]:
    """Every time that one of the periods comes that touches `[since, until)`, in the order of their beginnings."""
    found = [
        Occurrence(period.code, first, last, opening_instant(first, 0, zone), opening_instant(last + _DAY, 0, zone))
        for period in periods
        for first, last in period.occurrences(since.astimezone(zone).date(), until.astimezone(zone).date() + _DAY)
    ]
    return sorted(
        (each for each in found if each.starts_at < until and each.ends_at > since),
        key=lambda each: (each.starts_at, each.ends_at, each.code),
    )


def next_edge(found: Sequence[Occurrence], after: datetime) -> datetime | None:
    """When the next of them begins or ends; None when none does any more."""
    edges = (edge for each in found for edge in (each.starts_at, each.ends_at))
    return min((edge for edge in edges if edge > after), default=None)


def shortened(target: timedelta, percent: int) -> timedelta:
    """A share of a target, in whole seconds, rounded down: what is promised is never later than the exact share."""
    return timedelta(seconds=target // timedelta(seconds=1) * percent // 100)
