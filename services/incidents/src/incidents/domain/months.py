"""Calendar months as spans of time in a zone: they follow one another without holes or overlaps."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from shared.kernel.intervals import Interval


def month_span(month: date, zone: ZoneInfo) -> Interval:
    """From the first local midnight of a month, named by any day of it, to that of the next one."""
    return Interval(_midnight(month.replace(day=1), zone), _midnight(months_later(month, 1), zone))


def months_later(month: date, count: int) -> date:
    """The first day of the month that is so many months later; earlier when negative."""
    years, index = divmod(month.year * 12 + month.month - 1 + count, 12)
    return date(years, index + 1, 1)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
