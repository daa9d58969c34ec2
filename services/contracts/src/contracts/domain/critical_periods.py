"""Critical periods: the local days on which a client's business depends most on his system, and what is stricter then.

A period is named by month and day and comes back every year (a season, an exam), or by two dates and comes once. Both
days are included. What a contract promises more of within a period holds from the first local midnight to the one after
the last day, and not a second before or after.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import MAXYEAR, date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.kernel.calendar import opening_instant

_DAY = timedelta(days=1)
_AN_INSTANT = timedelta(microseconds=1)
_MORE_THAN_A_YEAR = timedelta(days=400)
"""Within it every yearly period begins and ends at least once."""


@dataclass(frozen=True, slots=True)
class DayOfYear:
    """A day that comes back; 29 February is the last day of February where there is none."""

    month: int
    day: int

    def of(self, year: int) -> date:
        """The day in a year. Raises OverflowError beyond the year 9999."""
        if year > MAXYEAR:
            raise OverflowError("this leads out of the years 1 to 9999")
        return date(year, self.month, min(self.day, monthrange(year, self.month)[1]))


@dataclass(frozen=True, slots=True)
class CriticalPeriod:
    """A period from one day to another, both included: dates, or days that come back and may lie across New Year."""

    code: str
    first: date | DayOfYear
    last: date | DayOfYear

    @property
    def once(self) -> bool:
        """Whether it does not come back."""
        return isinstance(self.first, date)

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
        _occurrence(period.code, first, last, zone)
        for period in periods
        for first, last in period.occurrences(since.astimezone(zone).date(), until.astimezone(zone).date() + _DAY)
    ]
    return sorted(
        (each for each in found if each.starts_at < until and each.ends_at > since),
        key=lambda each: (each.starts_at, each.ends_at, each.code),
    )


def _occurrence(code: str, first: date, last: date, zone: ZoneInfo) -> Occurrence:
    return Occurrence(code, first, last, opening_instant(first, 0, zone), opening_instant(last + _DAY, 0, zone))


def next_edge(periods: Sequence[CriticalPeriod], after: datetime, zone: ZoneInfo) -> datetime | None:
    """When the next of the periods begins or ends, however far ahead; None when none does any more."""
    coming = occurrences((each for each in periods if not each.once), after, after + _MORE_THAN_A_YEAR, zone)
    return min((edge for edge in _edges([*coming, *_once(periods, zone)]) if edge > after), default=None)


def last_edge(periods: Sequence[CriticalPeriod], after: datetime, until: datetime, zone: ZoneInfo) -> datetime | None:
    """When one of the periods began or ended last, after an instant and not after another; None when none did."""
    since = max(after, until - _MORE_THAN_A_YEAR)
    past = occurrences((each for each in periods if not each.once), since, until + _AN_INSTANT, zone)
    return max((edge for edge in _edges([*past, *_once(periods, zone)]) if after < edge <= until), default=None)


def _once(periods: Iterable[CriticalPeriod], zone: ZoneInfo) -> list[Occurrence]:
    """The times that those come which come once."""
    return [
        _occurrence(each.code, each.first, each.last, zone)
        for each in periods
        if isinstance(each.first, date) and isinstance(each.last, date)
    ]


def _edges(found: Iterable[Occurrence]) -> Iterator[datetime]:
    return (edge for each in found for edge in (each.starts_at, each.ends_at))


def shortened(target: timedelta, percent: int) -> timedelta:
    """A share of a target, in whole seconds, rounded down: what is promised is never later than the exact share."""
    return timedelta(seconds=target // timedelta(seconds=1) * percent // 100)
