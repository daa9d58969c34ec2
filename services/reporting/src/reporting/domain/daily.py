"""Stretches of time, told by the days of a zone."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.kernel.calendar import opening_instant


def lengths_by_day(
    spans: Iterable[tuple[datetime, datetime]], start: datetime, end: datetime, zone: ZoneInfo
) -> Sequence[tuple[date, timedelta]]:
    """How much of the spans lies in each local day that `[start, end)` touches; days are whole or cut at its bounds.

    The spans do not overlap. What of them lies outside of the period is left out.
    """
    known = list(spans)
    days: list[tuple[date, timedelta]] = []
    day, left = start.astimezone(zone).date(), start
    while left < end:
        right = min(end, opening_instant(day + timedelta(days=1), 0, zone))
        inside = (min(span_end, right) - max(span_start, left) for span_start, span_end in known)
        days.append((day, sum((length for length in inside if length > timedelta()), timedelta())))
        day, left = day + timedelta(days=1), right
    return days
