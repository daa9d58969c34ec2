"""When a deliverable must have been delivered, and whether what is there proves it.

A deliverable is promised again and again (every week, month, quarter, year), or whenever something calls for it. Weeks
begin on Monday and count in the month in which they end; quarters and years are counted from the month in which the
contract began. A window that the end of the contract cuts short asks for nothing: of a month that ended on the 20th a
weekly deliverable was due for the whole weeks, a monthly one was not. Days are those of the client's zone.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from contracts.domain.contract_term import add_months

Frequency = Literal["weekly", "monthly", "quarterly", "yearly"]
Status = Literal["proved", "never_delivered", "not_called_for", "not_due"]

_MONTHS = {"monthly": 1, "quarterly": 3, "yearly": 12}
_DAY = timedelta(days=1)
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Window:
    """The days in which something must be delivered once; ``end`` is the first day after them."""

    first: date
    end: date

    def holds(self, day: date) -> bool:
        """Whether a day is one of them."""
        return self.first <= day < self.end


def windows(frequency: Frequency, month: date, began_on: date) -> list[Window]:
    """The windows that a month is looked at by: the weeks that end in it, else the one that it is part of.

    :param month: its first day.
    :param began_on: the contract's first day; a week that began before it is none.
    """
    month_end = add_months(month, 1)
    if frequency == "weekly":
        monday = month - _DAY * month.weekday()
        weeks = [Window(monday + _WEEK * each, monday + _WEEK * (each + 1)) for each in range(6)]
        return [week for week in weeks if month < week.end <= month_end and week.first >= began_on]
    length = _MONTHS[frequency]
    first_month = began_on.replace(day=1)
    passed = (month.year - first_month.year) * 12 + month.month - first_month.month
    first = add_months(first_month, passed - passed % length)
    return [Window(first, add_months(first, length))]


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a deliverable was delivered; ``missing`` are the windows in which it was due and was not."""

    status: Status
    missing: tuple[Window, ...] = ()


def judge_recurring(
    due: Sequence[Window], delivered_on: Collection[date], month_end: date, today: date, over_on: date | None = None
) -> Judged:
    """Something that comes back, by the days on which it was delivered.

    It is due once a window has ended, in the month that is looked at or before, and that day is over.

    :param over_on: the first day on which the contract did not run to its end; None while it goes on.
    """
    last = min(day for day in (month_end, today, over_on) if day is not None)
    ended = [window for window in due if window.end <= last]
    missing = tuple(window for window in ended if not any(map(window.holds, delivered_on)))
    if missing:
        return Judged("never_delivered", missing)
    return Judged("proved" if any(window.holds(day) for window in due for day in delivered_on) else "not_due")


def judge_called_for(calls: Collection[object], delivered: Collection[object]) -> Judged:
    """Something that is delivered when it is called for: every call has been answered, or there was none."""
    if any(call not in delivered for call in calls):
        return Judged("never_delivered")
    return Judged("proved" if delivered else "not_called_for")
