"""Quiet hours of a person: when he is not disturbed, and by what he is all the same.

They are the person's, not the work's: clocks run and levels fire meanwhile, only the message to him waits.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.kernel.calendar import Calendar
from shared.kernel.intervals import total

_WEEK = timedelta(days=7)
_SEARCHED = timedelta(days=15)
_ANY_WEEK = datetime(2026, 1, 5, tzinfo=UTC)


class AlwaysQuietError(ValueError):
    """Hours that leave no instant of the week: nobody could ever be told anything."""

    def __init__(self) -> None:
        super().__init__(
            "These hours leave no instant of the week. Leave some, or take the person off the schedules and policies."
        )


@dataclass(frozen=True)
class QuietHours:
    """The calendar is open when the person is quiet. A severity in `breaks_through` does not wait.

    Raises AlwaysQuietError for hours without an end.
    """

    calendar: Calendar
    breaks_through: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if total(self.calendar.open_between(_ANY_WEEK, _ANY_WEEK + _WEEK)) >= _WEEK:
            raise AlwaysQuietError

    def until(self, instant: datetime, severity: str) -> datetime | None:
        """When a message of this severity may reach him; None is: now."""
        if severity in self.breaks_through:
            return None
        first = next(iter(self.calendar.open_between(instant, instant + _SEARCHED)), None)
        return first.end if first is not None and first.start == instant else None
