"""The business calendar: when somebody is there.

A calendar says in the local time of one zone when it is open: weekly windows, without holidays and closures, with
openings that win over everything. :class:`Calendar` turns that into intervals of UTC instants, :class:`CalendarHistory`
does it over the versions of a calendar. All arithmetic is on instants; local time exists in this module only.

Instants beyond the years 2 to 9998 are outside of every weekly calendar: nothing is open there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

import holidays

from shared.kernel.intervals import Interval, union

MINUTES_OF_A_DAY = 24 * 60

ClosedReason = Literal["holiday", "closure", "closed"]
Reason = Literal["open", "holiday", "closure", "closed"]

_DAY = timedelta(days=1)
_EARLIEST = datetime(2, 1, 1, tzinfo=UTC)
_LATEST = datetime(9998, 12, 31, tzinfo=UTC)
_DAYS_REMEMBERED = 40_000  # more than a century; beyond it the memory is emptied and filled again


class CalendarError(ValueError):
    """These windows, dates or versions make no calendar; the message says what is wrong and how to write it."""


# --- Local time ------------------------------------------------------------------------------------------------------


def opening_instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The instant at which something starts that starts at this local time.

    :param minute: minutes after midnight, 1440 or more for the days after. A local time that does not exist (spring)
        moves forward by the length of the gap; of one that exists twice (autumn) it is the first occurrence.
    """
    return _local(day, minute, zone).astimezone(UTC)


def closing_instant(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """The instant at which something ends that ends at this local time.

    As :func:`opening_instant`, but of a local time that exists twice it is the second occurrence.
    """
    first = _local(day, minute, zone)
    # In a gap fold=1 would move backwards and in an overlap fold=0 is too early: the later of the two is right in both.
    return max(first.astimezone(UTC), first.replace(fold=1).astimezone(UTC))


def _local(day: date, minute: int, zone: ZoneInfo) -> datetime:
    days, minute = divmod(minute, MINUTES_OF_A_DAY)
    return datetime.combine(day + days * _DAY, time(*divmod(minute, 60)), zone)


# --- Holidays --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HolidayRegion:
    """The legal public holidays of a country, or of one of its subdivisions, observed days included.

    The codes are those of the package ``holidays`` (ISO 3166); an unknown one raises :class:`CalendarError`.
    """

    country: str
    subdivision: str | None = None

    def __post_init__(self) -> None:
        if self.country not in _countries():
            raise CalendarError(f"{self.country!r} is no country with known holidays; FR is one")
        if not _has_subdivision(self.country, self.subdivision):
            raise CalendarError(
                f"{self.subdivision!r} is no subdivision of {self.country} with known holidays; leave it out for those"
                " of the whole country"
            )

    def __contains__(self, day: date) -> bool:
        return day in _holidays_of(self.country, self.subdivision, day.year)


@lru_cache(maxsize=1)
def _countries() -> frozenset[str]:
    return frozenset(holidays.list_supported_countries(include_aliases=True))


@lru_cache(maxsize=4096)
def _has_subdivision(country: str, subdivision: str | None) -> bool:
    try:
        holidays.country_holidays(country, subdiv=subdivision)
    except NotImplementedError:
        return False
    return True


@lru_cache(maxsize=4096)
def _holidays_of(country: str, subdivision: str | None, year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, subdiv=subdivision, years=year, expand=False))


# --- The calendar ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """One opening of a day, in minutes after local midnight: 540 to 1080 is 09:00 to 18:00.

    It starts on its day; it ends on it (at most at 1440, midnight) or on the next day (1320 to 1800 is 22:00 to 06:00),
    then at most 24 hours later on the wall. Anything else raises :class:`CalendarError`.
    """

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < MINUTES_OF_A_DAY:
            raise CalendarError("a window starts between 00:00 and 23:59")
        if self.end <= self.start:
            raise CalendarError("a window ends after it starts; one that crosses midnight needs `to_next_day: true`")
        if self.end > self.start + MINUTES_OF_A_DAY:
            raise CalendarError("a window that ends on the next day ends there no later than it starts")

    def __str__(self) -> str:
        return f"{_hh_mm(self.start)}-{_hh_mm(self.end)}"


def _hh_mm(minute: int) -> str:
    return "24:00" if minute == MINUTES_OF_A_DAY else "{:02}:{:02}".format(*divmod(minute % MINUTES_OF_A_DAY, 60))


def in_order(windows: Sequence[Window]) -> tuple[Window, ...]:
    """The windows that start on one day, ascending; raises :class:`CalendarError` when two of them overlap."""
    ordered = tuple(sorted(windows))
    for earlier, later in pairwise(ordered):
        if later.start < earlier.end:
            raise CalendarError(f"the windows {earlier} and {later} overlap; write them as one")
    return ordered


MonthDay = tuple[int, int]


class Piece(NamedTuple):
    """The instants of ``[start, end)``, all open, or all closed for one reason."""

    start: datetime
    end: datetime
    why: Reason


@dataclass(frozen=True)
class Calendar:
    """Opening hours in one zone.

    :param weekly: seven tuples of windows, Monday first; ``None`` is around the clock, and then nothing else is given.
    :param closures: local dates, both ends included.
    :param yearly_closures: (month, day) pairs, both ends included; from 24 December to 2 January wraps the year.
    :param openings: the windows of a date, instead of its weekly ones and in spite of holidays and closures.

    Immutable, but for a memory of the days that were computed: keep a calendar and use it again, that makes it fast.
    """

    zone: ZoneInfo
    weekly: tuple[tuple[Window, ...], ...] | None
    holidays: HolidayRegion | None = None
    closures: tuple[tuple[date, date], ...] = ()
    yearly_closures: tuple[tuple[MonthDay, MonthDay], ...] = ()
    openings: Mapping[date, tuple[Window, ...]] = field(default_factory=dict)

    _closure_starts: list[date] = field(init=False, repr=False, compare=False)
    _closure_ends: list[date] = field(init=False, repr=False, compare=False)
    _days: dict[date, tuple[Interval, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _days_in_pieces: dict[date, tuple[Piece, ...]] = field(init=False, repr=False, compare=False, default_factory=dict)

    def __post_init__(self) -> None:
        if self.weekly is None:
            if self.holidays or self.closures or self.yearly_closures or self.openings:
                raise CalendarError("a calendar that is always open has no holidays, closures or openings")
        elif len(self.weekly) != 7 or not any(self.weekly):
            raise CalendarError("a calendar has at least one weekly window; `always: true` is around the clock")
        for windows in (*(self.weekly or ()), *self.openings.values()):
            in_order(windows)
        if any(last < first for first, last in self.closures):
            raise CalendarError("a closure ends on or after the date on which it starts")
        # Merged, so that a day is looked up in logarithmic time however many closures there are.
        starts: list[date] = []
        ends: list[date] = []
        for first, last in sorted(self.closures):
            if ends and first <= ends[-1]:
                ends[-1] = max(ends[-1], last)
            else:
                starts.append(first)
                ends.append(last)
        object.__setattr__(self, "_closure_starts", starts)
        object.__setattr__(self, "_closure_ends", ends)

    @property
    def windows_a_week(self) -> int:
        """How many windows an ordinary week has: what walking over a long time costs."""
        return 1 if self.weekly is None else sum(map(len, self.weekly))

    def open_between(self, start: datetime, end: datetime) -> list[Interval]:
        """The instants of ``[start, end)`` that are open, in normal form (see :mod:`shared.kernel.intervals`)."""
        if self.weekly is None:
            return [Interval(start, end)] if start < end else []
        start, end = max(start, _EARLIEST), min(end, _LATEST)
        if start >= end:
            return []
        windows: list[Interval] = []
        # Two days before: a night runs into the next day, and a zone that skipped a whole day shifts them.
        day = start.astimezone(self.zone).date() - 2 * _DAY
        last = end.astimezone(self.zone).date()
        while day <= last:
            windows += self._windows_of(day)
            day += _DAY
        return [
            each if start <= each.start and each.end <= end else Interval(max(each.start, start), min(each.end, end))
            for each in union(windows)
            if each.start < end and each.end > start
        ]

    def pieces(self, start: datetime, end: datetime) -> Iterator[Piece]:
        """``[start, end)`` cut into what is open and, for the rest, why it is closed; adjacent pieces may be alike."""
        if self.weekly is None:
            if start < end:
                yield Piece(start, end, "open")
            return
        at = start
        if at < min(_EARLIEST, end):
            at = min(_EARLIEST, end)
            yield Piece(start, at, "closed")
        day = min(at, _LATEST).astimezone(self.zone).date()
        while at < min(_LATEST, end):
            for piece in self._pieces_of(day):
                if piece.end <= at:
                    continue
                until = min(piece.end, end)
                yield piece if at == piece.start and until == piece.end else Piece(at, until, piece.why)
                at = until
                if at >= end:
                    return
            day += _DAY
        if at < end:
            yield Piece(at, end, "closed")

    def why_closed(self, day: date) -> ClosedReason:
        """Why the time that is not open on this local date is not."""
        if day in self.openings:
            return "closed"
        if self.holidays is not None and day in self.holidays:
            return "holiday"
        return "closure" if self._is_closure(day) else "closed"

    def _pieces_of(self, day: date) -> tuple[Piece, ...]:
        """A local date, from midnight to midnight, in pieces."""
        known = self._days_in_pieces.get(day)
        if known is None:
            why = self.why_closed(day)
            start = opening_instant(day, 0, self.zone)
            end = opening_instant(day, MINUTES_OF_A_DAY, self.zone)
            pieces: list[Piece] = []
            at = start
            for opens, closes in self.open_between(start, end):
                if at < opens:
                    pieces.append(Piece(at, opens, why))
                pieces.append(Piece(opens, closes, "open"))
                at = closes
            if at < end:
                pieces.append(Piece(at, end, why))
            known = self._days_in_pieces[day] = tuple(pieces)
        return known

    def _is_closure(self, day: date) -> bool:
        index = bisect_right(self._closure_starts, day) - 1
        if index >= 0 and day <= self._closure_ends[index]:
            return True
        here = (day.month, day.day)
        return any(
            first <= here <= last if first <= last else here >= first or here <= last
            for first, last in self.yearly_closures
        )

    def _windows_of(self, day: date) -> tuple[Interval, ...]:
        known = self._days.get(day)
        if known is not None:
            return known
        windows = self.openings.get(day)
        if windows is None:
            windows = () if self.weekly is None else self.weekly[day.weekday()]
            if windows and self.why_closed(day) != "closed":
                windows = ()
        result = tuple(
            Interval(opens, closes)
            for opens, closes in (
                (opening_instant(day, window.start, self.zone), closing_instant(day, window.end, self.zone))
                for window in windows
            )
            if opens < closes  # a window inside the hour that spring skips is not there
        )
        if len(self._days) >= _DAYS_REMEMBERED:
            self._days.clear()
            self._days_in_pieces.clear()
        self._days[day] = result
        return result


# --- Versions --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CalendarVersion:
    """A calendar from an instant on; ``None`` is "since ever"."""

    effective_from: datetime | None
    calendar: Calendar


@dataclass(frozen=True)
class CalendarHistory:
    """The versions of one calendar: each instant belongs to the version in force then, and to none before the first."""

    versions: tuple[CalendarVersion, ...]

    def __post_init__(self) -> None:
        if not self.versions:
            raise CalendarError("a calendar has at least one version")
        if any(version.effective_from is None for version in self.versions[1:]):
            raise CalendarError("only the first version of a calendar may be in force since ever")
        instants = [version.effective_from for version in self.versions if version.effective_from is not None]
        if any(later <= earlier for earlier, later in pairwise(instants)):
            raise CalendarError("the versions of a calendar are in strictly ascending order of `effective_from`")

    @classmethod
    def constant(cls, calendar: Calendar) -> CalendarHistory:
        """One calendar that never changed."""
        return cls((CalendarVersion(None, calendar),))

    @property
    def windows_a_week(self) -> int:
        """Of the busiest version, see :attr:`Calendar.windows_a_week`."""
        return max(version.calendar.windows_a_week for version in self.versions)

    def spans(self, start: datetime, end: datetime) -> Iterator[tuple[datetime, datetime, int, Calendar | None]]:
        """``[start, end)`` cut by version: from, to, the number of the version (the first is 1), its calendar.

        Before the first version the number is 0 and there is no calendar.
        """
        at = start
        for number, version in enumerate((*self.versions, None)):
            begins = version.effective_from if version else None
            until = end if version is None else at if begins is None else min(begins, end)
            if at < until:
                yield at, until, number, self.versions[number - 1].calendar if number else None
                at = until

    def open_between(self, start: datetime, end: datetime) -> list[Interval]:
        """The instants of ``[start, end)`` that are open in the version in force then; ascending, without overlaps.

        An interval ends, and the next begins, where one version follows another in the midst of open time.
        """
        return [
            interval
            for begins, ends, _, calendar in self.spans(start, end)
            if calendar is not None
            for interval in calendar.open_between(begins, ends)
        ]
