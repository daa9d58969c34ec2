"""Calendar months as spans of time in a zone: they follow one another without holes or overlaps."""

from datetime import date
from zoneinfo import ZoneInfo

from shared.kernel.calendar import opening_instant
from shared.kernel.intervals import Interval


def month_span(month: date, zone: ZoneInfo) -> Interval:
    """From the first local midnight of a month, named by any day of it, to that of the next one."""
    return Interval(opening_instant(month.replace(day=1), 0, zone), opening_instant(months_later(month, 1), 0, zone))


def months_later(month: date, count: int) -> date:
    """The first day of the month that is so many months later; earlier when negative."""
    years, index = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(years, index + 1, 1)
