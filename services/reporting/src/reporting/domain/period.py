"""Periods of a contract: months and days in its zone, and which of its versions was in force when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Literal
from zoneinfo import ZoneInfo

from shared.kernel.calendar import opening_instant

Status = Literal["active", "suspended", "terminated", "expired"]


@dataclass(frozen=True, slots=True)
class Version:
    """One version of a contract: its number, since when it is in force, and in which status it puts the contract."""

    number: int
    effective_from: datetime
    status: Status

    @property
    def promises(self) -> bool:
        """Whether anything is promised while it is in force; a suspension pauses a promise, an end ends it."""
        return self.status in {"active", "suspended"}


def month_bounds(month: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A calendar month in a zone: from its first local midnight to the first of the next month."""
    following = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return opening_instant(date(month.year, month.month, 1), 0, zone), opening_instant(following, 0, zone)


def month_of(instant: datetime, zone: ZoneInfo) -> date:
    """The first day of the local month that an instant lies in."""
    return instant.astimezone(zone).date().replace(day=1)


def days_until(instant: datetime, zone: ZoneInfo, count: int) -> list[tuple[date, datetime, datetime]]:
    """The last `count` local days, the one of the instant last and cut at it: date, start, end."""
    today = instant.astimezone(zone).date()
    days = [today - timedelta(days=back) for back in reversed(range(count))]
    bounds = [(day, opening_instant(day, 0, zone), opening_instant(day + timedelta(days=1), 0, zone)) for day in days]
    return [(day, start, min(end, instant)) for day, start, end in bounds if start < instant]


def in_force(versions: Sequence[Version], start: datetime, end: datetime) -> list[tuple[datetime, datetime, Version]]:
    """Which version was in force when, within `[start, end)`: the highest number that had taken effect.

    Time before any version took effect is left out: nothing was promised then. A version whose number is higher and
    whose effect is earlier replaces the one before it, so that a correction needs no special case.
    """
    instants = sorted({start, end} | {v.effective_from for v in versions if start < v.effective_from < end})
    pieces: list[tuple[datetime, datetime, Version]] = []
    for left, right in pairwise(instants):
        effective = [version for version in versions if version.effective_from <= left]
        if not effective:
            continue
        version = max(effective, key=lambda each: each.number)
        if pieces and pieces[-1][2] == version and pieces[-1][1] == left:
            pieces[-1] = (pieces[-1][0], right, version)
        else:
            pieces.append((left, right, version))
    return pieces
