"""How finely a period is shown: steps of minutes, of hours, of days or of months (UTC)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from probes.domain.slots import EPOCH


class Resolution(StrEnum):
    """The length of a step, as ISO 8601 writes it; `RAW` is every check by itself."""

    RAW = "raw"
    MINUTE = "PT1M"
    FIVE_MINUTES = "PT5M"
    QUARTER = "PT15M"
    HOUR = "PT1H"
    SIX_HOURS = "PT6H"
    DAY = "P1D"
    MONTH = "P1M"


LENGTHS: Final = {
    Resolution.MINUTE: timedelta(minutes=1),
    Resolution.FIVE_MINUTES: timedelta(minutes=5),
    Resolution.QUARTER: timedelta(minutes=15),
    Resolution.HOUR: timedelta(hours=1),
    Resolution.SIX_HOURS: timedelta(hours=6),
    Resolution.DAY: timedelta(days=1),
}
"""Steps of one length. Months have none."""
MOST_STEPS: Final = 1000
"""Steps that are shown at once; more would be no picture."""
GOOD_STEPS: Final = 200
"""Steps at which a picture shows what there is to see."""


@dataclass(frozen=True, slots=True)
class Steps:
    """A period in whole steps: `bounds` are the beginnings of the steps in order, and the end of the last one."""

    resolution: Resolution
    bounds: Sequence[datetime]

    @property
    def start(self) -> datetime:
        """The beginning of the first step."""
        return self.bounds[0]

    @property
    def end(self) -> datetime:
        """The end of the last step."""
        return self.bounds[-1]


def from_hours(resolution: Resolution) -> bool:
    """Whether a step is made of whole hours, so that roll-ups suffice."""
    return resolution is Resolution.MONTH or LENGTHS.get(resolution, timedelta(0)) >= LENGTHS[Resolution.HOUR]


def fitting(start: datetime, end: datetime, interval: timedelta, first_kept: datetime) -> Resolution:
    """The finest resolution that gives a picture, steps no shorter than the interval between checks.

    Before `first_kept` there are no single checks any more, and so nothing finer than an hour.
    """
    for resolution, length in LENGTHS.items():
        known = start >= first_kept or from_hours(resolution)
        if known and length >= min(interval, LENGTHS[Resolution.DAY]) and (end - start) / length <= GOOD_STEPS:
            return resolution
    return Resolution.MONTH if (end - start) / LENGTHS[Resolution.DAY] > MOST_STEPS else Resolution.DAY


def steps(resolution: Resolution, start: datetime, end: datetime) -> Steps | None:
    """The whole steps that cover `[start, end)`; None when they are too many to be shown."""
    bounds = list(_bounds(resolution, start, end))
    return Steps(resolution, bounds) if len(bounds) <= MOST_STEPS + 1 else None


def _bounds(resolution: Resolution, start: datetime, end: datetime) -> Iterator[datetime]:
    count = 0
    if resolution is Resolution.MONTH:
        month = datetime(start.year, start.month, 1, tzinfo=UTC)
        while month < end and count <= MOST_STEPS:
            yield month
            month = datetime(month.year + month.month // 12, month.month % 12 + 1, 1, tzinfo=UTC)
            count += 1
        yield month
        return
    length = LENGTHS[resolution]
    at = EPOCH + (start - EPOCH) // length * length
    while at < end and count <= MOST_STEPS:
        yield at
        at += length
        count += 1
    yield at
