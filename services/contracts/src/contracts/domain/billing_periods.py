"""The monthly periods that a contract is settled by, in its own zone, and which part of one counts.

A period is a month: from the start day of the contract to the same day of the next month, or a calendar month, as the
contract says. A calendar month in which the contract begins or ends is covered in part only; so is the last period
of a contract that ends early.

A part is weighed in local days: every day is worth the same, however many hours the clocks give it, and part of a day
is worth its share of that day. So a contract that begins on the 16th of a month of 30 days owes half of it, an
amendment counts from its very instant on, and cutting a part in two never changes what the two are worth together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import count
from typing import Literal
from zoneinfo import ZoneInfo

from contracts.domain.contract_term import Days, add_months
from shared.kernel.calendar import opening_instant
from shared.kernel.intervals import Interval

Anchor = Literal["start_day", "calendar_month"]

_DAY = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class BillingPeriod:
    """A monthly period.

    :param number: 0 for the first one of the contract.
    :param whole: the whole month.
    :param covered: the days of it on which the contract runs; never none.
    """

    number: int
    whole: Days
    covered: Days

    @property
    def share(self) -> Fraction:
        """Which part of the month is covered, in days: 1 for all of it."""
        return Fraction(_length(self.covered), _length(self.whole))


def billing_periods(starts_on: date, ends_before: date | None, anchored_on: Anchor) -> Iterator[BillingPeriod]:
    """The periods of a contract, the first one first; without an end they go on to the last year that dates have.

    :param ends_before: the first day on which the contract does not run any more, after ``starts_on``.
    """
    anchor = starts_on if anchored_on == "start_day" else starts_on.replace(day=1)
    for number in count():
        try:
            whole = Days(add_months(anchor, number), add_months(anchor, number + 1))
        except OverflowError:
            return
        covered = Days(max(whole.first, starts_on), whole.end if ends_before is None else min(whole.end, ends_before))
        if covered.first >= covered.end:
            return
        yield BillingPeriod(number, whole, covered)


def instants_of(days: Days, zone: ZoneInfo) -> Interval:
    """From the first instant of the first local day to the first one of the day that is not included."""
    return Interval(opening_instant(days.first, 0, zone), opening_instant(days.end, 0, zone))


def begin_of_day(instant: datetime, zone: ZoneInfo) -> datetime:
    """The first instant of its local day: the day on which a contract begins counts whole."""
    return opening_instant(instant.astimezone(zone).date(), 0, zone)


def local_days(start: datetime, end: datetime, zone: ZoneInfo) -> Fraction:
    """How many local days lie between two instants; part of a day is its share of that day."""
    return _position(end, zone) - _position(start, zone)


def whole_days(start: datetime, end: datetime, zone: ZoneInfo, without: Iterable[Interval] = ()) -> int:
    """How many local days passed whole between two instants: from an hour to the same hour by the clock of the zone.

    :param without: what does not count of them, in parts that do not overlap.
    """

    def passed(since: datetime, until: datetime) -> timedelta:
        return until.astimezone(zone).replace(tzinfo=None) - since.astimezone(zone).replace(tzinfo=None)

    parts = [(max(start, part.start), min(end, part.end)) for part in without]
    taken_off = sum((passed(*part) for part in parts if part[0] < part[1]), timedelta(0))
    return max((passed(start, end) - taken_off).days, 0)


def share_of(part: Interval, whole: Interval, zone: ZoneInfo) -> Fraction:
    """Which part of a period lies in ``part``, in local days; what reaches out of the period does not count."""
    start, end = max(part.start, whole.start), min(part.end, whole.end)
    return local_days(start, end, zone) / local_days(*whole, zone) if start < end else Fraction(0)


def _position(instant: datetime, zone: ZoneInfo) -> Fraction:
    """Days since the day 0, with the share of the day that is over."""
    day = instant.astimezone(zone).date()
    # Where the clocks go back over midnight a local date is there twice: what comes after the next day began is of it.
    if opening_instant(day + _DAY, 0, zone) <= instant:
        day += _DAY
    begins, ends = opening_instant(day, 0, zone), opening_instant(day + _DAY, 0, zone)
    return day.toordinal() + Fraction((instant - begins) // _MICROSECOND, (ends - begins) // _MICROSECOND)


def _length(days: Days) -> int:
    return (days.end - days.first).days
