"""Preventive work that recurs: the days of a rule, and where a day goes on which nobody works.

A rule is RFC 5545's, of days and longer, in the local calendar of the contract: it names days, not instants. A day is a
working day when the contract's calendar opens on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from itertools import islice
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

from shared.kernel.calendar import CalendarHistory, opening_instant

LONGEST_RULE = 200
FURTHEST = timedelta(days=8 * 366)
MOST_MOVED = 31
"""Days that a job is moved at most; where nobody works for longer, the day is left out."""

_NAMES = frozenset({"FREQ", "INTERVAL", "BYDAY", "BYMONTHDAY", "BYMONTH", "BYSETPOS", "WKST", "COUNT"})
_FREQUENCIES = frozenset({"DAILY", "WEEKLY", "MONTHLY", "YEARLY"})


class NonWorkingDay(StrEnum):
    """What becomes of a day on which nobody works."""

    SKIP = "skip"
    NEXT = "next_business_day"
    PREVIOUS = "previous_business_day"


class RecurrenceError(ValueError):
    """A recurrence rule that cannot be followed; the message says what to write instead."""


def check(rule: str, first: date) -> None:
    """Raises RecurrenceError unless the rule can be followed and names its first day."""
    parts = dict(part.partition("=")[::2] for part in rule.split(";"))
    if len(rule) > LONGEST_RULE or not parts.keys() <= _NAMES or len(parts) != rule.count(";") + 1:
        raise RecurrenceError(
            f"Write NAME=VALUE, each name once, separated by semicolons: {', '.join(sorted(_NAMES))}."
        )
    if parts.get("FREQ") not in _FREQUENCIES:
        raise RecurrenceError("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY.")
    numbers = [parts.get(name, "1") for name in ("INTERVAL", "COUNT")]
    if not all(each.isdecimal() and len(each) < 4 and int(each) > 0 for each in numbers):
        raise RecurrenceError("INTERVAL and COUNT are whole numbers from 1 to 999.")
    try:
        found = next(days_of(rule, first), None)
    except (ValueError, TypeError, OverflowError, KeyError, IndexError):
        raise RecurrenceError("A value of this rule cannot be read.") from None
    if found != first:
        raise RecurrenceError("The first day must be one that the rule names.")


def days_of(rule: str, first: date) -> Iterator[date]:
    """The days that the rule names from its first day on, as far as some years."""
    begins = datetime.combine(first, time())
    parts = [part for part in rule.split(";") if not part.startswith("COUNT=")]
    count = next((int(part[6:]) for part in rule.split(";") if part.startswith("COUNT=")), None)
    parsed = rrulestr(";".join(parts), dtstart=begins)
    assert isinstance(parsed, rrule)
    # With an end, or a rule that never matches would be walked for centuries; dateutil takes no COUNT beside it.
    for each in islice(parsed.replace(until=begins + FURTHEST), count):
        yield each.date()


def following(rule: str, first: date, after: date) -> date | None:
    """The rule's next day after one; None when it has ended."""
    return next((day for day in days_of(rule, first) if day > after), None)


def planned_on(day: date, how: NonWorkingDay, works: Callable[[date], bool]) -> date | None:
    """When the work of a day is done; None when it is left out."""
    if works(day):
        return day
    step = {NonWorkingDay.SKIP: 0, NonWorkingDay.NEXT: 1, NonWorkingDay.PREVIOUS: -1}[how]
    if step == 0:
        return None
    return next((moved for n in range(1, MOST_MOVED) if works(moved := day + timedelta(days=step * n))), None)


def works_by(calendar: CalendarHistory | None, zone: ZoneInfo) -> Callable[[date], bool]:
    """Whether a calendar opens on a local day, by its version then; without a calendar, on the weekdays."""

    def works(day: date) -> bool:
        if calendar is None:
            return day.weekday() < 5
        starts, ends = (opening_instant(each, 0, zone) for each in (day, day + timedelta(days=1)))
        return bool(calendar.open_between(starts, ends))

    return works
