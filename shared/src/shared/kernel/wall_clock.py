"""Windows of local time: what people say about the clocks on their walls, expanded to the instants that it means.

A window begins and ends at a local time of a zone, once or as its recurrence (RFC 5545) says. On a night on which the
clocks change it is as long as the clocks say: 02:00 to 04:00 lasts one hour in spring and three in autumn.
"""

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Literal
from zoneinfo import ZoneInfo

from dateutil.rrule import DAILY, MO, MONTHLY, WEEKLY, YEARLY, rrule, weekday, weekdays

from shared.kernel.calendar import closing_instant, opening_instant
from shared.kernel.intervals import Interval

MOST_OCCURRENCES = 400
"""A daily window for a year, or a weekly one for over seven; then somebody should say it again."""
FURTHEST = timedelta(days=8 * 366)

Frequency = Literal[0, 1, 2, 3]
_BEGINS_ELSEWHERE = "The window must begin on a day on which the recurrence has it begin."
_FREQUENCIES: Mapping[str, Frequency] = {"DAILY": DAILY, "WEEKLY": WEEKLY, "MONTHLY": MONTHLY, "YEARLY": YEARLY}
_DAYS = {str(day): day for day in weekdays}
_NUMBERS = {"BYMONTHDAY": (1, 31), "BYMONTH": (1, 12), "BYSETPOS": (1, 366)}
_LONG = frozenset({"MONTHLY", "YEARLY"})
_MAY_COUNT_BACK = frozenset({"BYMONTHDAY", "BYSETPOS"})


class RecurrenceError(ValueError):
    """A recurrence rule that cannot be followed; the message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Recurrence:
    """A recurrence rule of RFC 5545, of days and longer, with an end."""

    frequency: Frequency
    interval: int
    days: tuple[weekday, ...]
    month_days: tuple[int, ...]
    months: tuple[int, ...]
    positions: tuple[int, ...]
    week_start: weekday
    count: int | None
    until: datetime | None

    @classmethod
    def parse(cls, text: str) -> "Recurrence":
        """From `FREQ=WEEKLY;BYDAY=TU;COUNT=10`. `UNTIL` is local time, as the window is. Raises RecurrenceError."""
        parts: dict[str, str] = {}
        for part in text.split(";"):
            name, equals, value = part.partition("=")
            if not equals or not value or name in parts:
                raise RecurrenceError(f"{part!r} is not one of NAME=VALUE, each name once, separated by semicolons.")
            parts[name] = value
        unknown = parts.keys() - {"FREQ", "INTERVAL", "BYDAY", "COUNT", "UNTIL", "WKST", *_NUMBERS}
        if unknown:
            raise RecurrenceError(
                f"{min(unknown)} is not known here: use FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, WKST, "
                "and COUNT or UNTIL."
            )
        if parts.get("FREQ") not in _FREQUENCIES:
            raise RecurrenceError("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY.")
        if "BYSETPOS" in parts and parts["FREQ"] not in _LONG:
            raise RecurrenceError("BYSETPOS can be said where FREQ is MONTHLY or YEARLY.")
        if ("COUNT" in parts) == ("UNTIL" in parts):
            raise RecurrenceError("Say when it ends: with COUNT or with UNTIL, and not with both.")
        return cls(
            frequency=_FREQUENCIES[parts["FREQ"]],
            interval=_number("INTERVAL", parts.get("INTERVAL", "1"), 1, 1000),
            days=tuple(_day(value, parts["FREQ"]) for value in parts.get("BYDAY", "").split(",") if value),
            month_days=_list("BYMONTHDAY", parts),
            months=_list("BYMONTH", parts),
            positions=_list("BYSETPOS", parts),
            week_start=_day(parts["WKST"], "") if "WKST" in parts else MO,
            count=_number("COUNT", parts["COUNT"], 1, MOST_OCCURRENCES) if "COUNT" in parts else None,
            until=_local("UNTIL", parts["UNTIL"]) if "UNTIL" in parts else None,
        )

    def starts(self, first: datetime) -> list[datetime]:
        """The local beginnings from `first` on. Raises RecurrenceError when it is not the first, or there are too many.

        However seldom the rule matches, no more than some years are looked at.
        """
        if not self._may_begin_on(first):
            raise RecurrenceError(_BEGINS_ELSEWHERE)
        horizon = first + FURTHEST
        rule = rrule(
            self.frequency,
            dtstart=first,
            interval=self.interval,
            byweekday=self.days or None,
            wkst=self.week_start,
            until=min(self.until, horizon) if self.until else horizon,
            bymonthday=self.month_days or None,
            bymonth=self.months or None,
            bysetpos=self.positions or None,
        )
        found = list(islice(rule, self.count or MOST_OCCURRENCES + 1))
        if not found or found[0] != first:
            raise RecurrenceError(_BEGINS_ELSEWHERE)
        if len(found) > MOST_OCCURRENCES:
            raise RecurrenceError(f"It recurs more than {MOST_OCCURRENCES} times: let it end earlier.")
        return found

    def _may_begin_on(self, first: datetime) -> bool:
        """Whether nothing speaks against this day at first sight. A rule without any match is walked for centuries."""
        from_the_end = first.day - monthrange(first.year, first.month)[1] - 1
        return (
            (not self.months or first.month in self.months)
            and (not self.month_days or first.day in self.month_days or from_the_end in self.month_days)
            and (not self.days or first.weekday() in {day.weekday for day in self.days})
        )


@dataclass(frozen=True, slots=True)
class WallClockWindow:
    """A stretch of local time, once or again and again: `starts` and `ends` are naive, `ends` is later by the clock."""

    zone: ZoneInfo
    starts: datetime
    ends: datetime
    recurrence: Recurrence | None = None

    def occurrences(self) -> list[Interval]:
        """The instants, in order; one that lies wholly in an hour that does not exist is none.

        Raises RecurrenceError.
        """
        length = self.ends - self.starts
        local = self.recurrence.starts(self.starts) if self.recurrence else [self.starts]
        spans = (Interval(_opening(start, self.zone), _closing(start + length, self.zone)) for start in local)
        return [span for span in spans if span.start < span.end]


def _opening(local: datetime, zone: ZoneInfo) -> datetime:
    return opening_instant(local.date(), local.hour * 60 + local.minute, zone)


def _closing(local: datetime, zone: ZoneInfo) -> datetime:
    return closing_instant(local.date(), local.hour * 60 + local.minute, zone)


def _number(name: str, text: str, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 4 or not least <= int(text) <= most:
        raise RecurrenceError(f"{name} is a whole number from {least} to {most}.")
    return int(text)


def _list(name: str, parts: Mapping[str, str]) -> tuple[int, ...]:
    least, most = _NUMBERS[name]
    found = []
    for part in parts[name].split(",") if name in parts else ():
        backwards = part.startswith("-") and name in _MAY_COUNT_BACK
        number = _number(name, part.removeprefix("-") if backwards else part, least, most)
        found.append(-number if backwards else number)
    return tuple(found)


def _day(text: str, frequency: str) -> weekday:
    day, which = _DAYS.get(text[-2:]), text[:-2]
    if day is None:
        raise RecurrenceError("Days are MO, TU, WE, TH, FR, SA and SU.")
    if not which:
        return day
    if frequency not in _LONG:
        raise RecurrenceError("Which day of its kind, as in 2TU, can be said where FREQ is MONTHLY or YEARLY.")
    number = _number("BYDAY", which.removeprefix("-").removeprefix("+"), 1, 53)
    return day(-number if which.startswith("-") else number)


def _local(name: str, text: str) -> datetime:
    for form in ("%Y%m%dT%H%M%S", "%Y%m%d"):
        try:
            found = datetime.strptime(text, form)  # noqa: DTZ007  (local time of the window's zone)
        except ValueError:
            continue
        return found if "T" in text else found + timedelta(hours=23, minutes=59, seconds=59)
    raise RecurrenceError(f"{name} is a local date or time such as 20261231 or 20261231T180000, without a zone.")
