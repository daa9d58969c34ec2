"""Periods of a contract: months and days in its zone, and which of its versions was in force when."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Literal, TypeAlias
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


Zones: TypeAlias = Sequence[tuple[datetime, ZoneInfo]]
"""Since when which zone holds, in the order of time, at least one. The first one held before, too."""


def always(zone: ZoneInfo) -> Zones:
    """One zone that never changes."""
    return ((datetime.min.replace(tzinfo=UTC), zone),)


def month_bounds(month: date, zones: Zones) -> tuple[datetime, datetime]:
    """A calendar month: from its first local midnight to the first of the next month.

    Each of the two is a midnight of the zone that holds until then. So a month that is over does not move when the
    zone changes later, and the months follow one another without hole or overlap: the one in which the zone changed is
    longer or shorter by the difference.
    """
    return _month_begins(month, zones), _month_begins(next_month(month), zones)


def month_of(instant: datetime, zones: Zones) -> date:
    """The first day of the month that an instant lies in."""
    local = instant.astimezone(zone_at(instant, zones)).date().replace(day=1)
    # Where the zone moved west just after a month had begun, the local date lies in the month that is over.
    following = next_month(local)
    return following if _month_begins(following, zones) <= instant else local


def zone_at(instant: datetime, zones: Zones) -> ZoneInfo:
    """The zone that holds at an instant."""
    return next((zone for since, zone in reversed(zones) if since <= instant), zones[0][1])


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def _month_begins(month: date, zones: Zones) -> datetime:
    first = month.replace(day=1)
    begins = opening_instant(first, 0, zones[0][1])
    for since, zone in zones[1:]:
        if begins <= since:
            break
        begins = max(since, opening_instant(first, 0, zone))
    return begins


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
