"""Restores that a contract promises to try: one in every period, or something that was promised is missing."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo


class Frequency(StrEnum):
    """How long a period is."""

    WEEKLY = "weekly"
    MONTHLY = "monthly"
    QUARTERLY = "quarterly"
    YEARLY = "yearly"


_MONTHS = {Frequency.MONTHLY: 1, Frequency.QUARTERLY: 3, Frequency.YEARLY: 12}
_WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class RestorePeriods:
    """The periods of a promise: from the local day of its beginning on, at midnight in a zone.

    A period of months ends on the day of the month on which the first one began, or on the last day of a shorter month.
    """

    frequency: Frequency
    first_day: date
    zone: ZoneInfo

    @classmethod
    def since(cls, frequency: Frequency, begins_at: datetime, zone: ZoneInfo) -> "RestorePeriods":
        """The periods of a promise that is given at an instant."""
        return cls(frequency, begins_at.astimezone(zone).date(), zone)

    def beginning_of(self, number: int) -> datetime:
        """The instant at which period `number` begins and the one before ends; the first one is number 0."""
        if self.frequency is Frequency.WEEKLY:
            day = self.first_day + number * _WEEK
        else:
            day = _months_later(self.first_day, number * _MONTHS[self.frequency])
        return datetime.combine(day, time(), self.zone).astimezone(UTC)

    def number_at(self, instant: datetime) -> int:
        """The number of the period that contains an instant; the first one for whatever comes before it."""
        days = (instant.astimezone(self.zone).date() - self.first_day).days
        longest = 7 if self.frequency is Frequency.WEEKLY else 31 * _MONTHS[self.frequency]
        number = max(0, days // longest)
        while self.beginning_of(number + 1) <= instant:
            number += 1
        return number


def _months_later(day: date, months: int) -> date:
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
