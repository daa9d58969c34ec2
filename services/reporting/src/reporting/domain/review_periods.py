"""Which months are reviewed together, when such a period closes, and when what is told of it goes out.

Quarters and years are counted from the month in which the contract began, as the proofs of its deliverables are: the
first one is whole although the contract began in the middle of its first month.
"""

from datetime import date, datetime
from typing import Final, Literal, TypeAlias, get_args
from zoneinfo import ZoneInfo

from reporting.domain.period import next_month
from shared.kernel.calendar import opening_instant

ReviewKind: TypeAlias = Literal["quarterly", "annual", "institutional"]
ScheduledKind: TypeAlias = Literal["hours", "access", "decisions"]
"""Documents that an agency has sent after every month where it wants them: hours, who accessed what, the log of
decisions, risks and actions."""
ReportKind: TypeAlias = Literal["monthly", "message"] | ReviewKind | ScheduledKind
"""Everything that is told in editions; of messages about a contract each is one, and counts within its month."""
SCHEDULED: Final[tuple[ScheduledKind, ...]] = get_args(ScheduledKind)
LENGTHS: Final[dict[ReviewKind, int]] = {"quarterly": 3, "annual": 12, "institutional": 1}
"""In months."""
GOES_OUT: Final = 9 * 60
"""Minutes after midnight of the day after the period: its last month has been told for hours then."""


def months_from(first_month: date, kind: ReviewKind) -> list[date]:
    """The months of the period that begins with a month."""
    months = [first_month]
    while len(months) < LENGTHS[kind]:
        months.append(next_month(months[-1]))
    return months


def first_month_of(kind: ReviewKind, month: date, began_on: date) -> date:
    """The first month of the period that a month is part of, for a contract that began on a day."""
    passed = (month.year - began_on.year) * 12 + month.month - began_on.month
    return _months_before(month, passed % LENGTHS[kind])


def closes(kind: ReviewKind, month: date, began_on: date) -> bool:
    """Whether a period is over when a month is."""
    return months_from(first_month_of(kind, month, began_on), kind)[-1] == month.replace(day=1)


def goes_out_at(last_month: date, zone: ZoneInfo) -> datetime:
    """When what is told of a period goes out: in the morning of the day after it, where the client lives."""
    return opening_instant(next_month(last_month), GOES_OUT, zone)


def _months_before(month: date, count: int) -> date:
    years, index = divmod(month.year * 12 + month.month - 1 - count, 12)
    return date(years, index + 1, 1)
