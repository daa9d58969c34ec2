"""When a monitor is due: interval, phase and slot number.

A monitor is checked in slots of one interval. The phase, a stable hash of the monitor's identity, moves its slots away
from those of other monitors, so that load spreads evenly over the interval without anybody coordinating it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from uuid import UUID

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LONGEST_INTERVAL = timedelta(days=1)
_MICROSECOND = timedelta(microseconds=1)


def phase_of(monitor_id: UUID, interval: timedelta) -> timedelta:
    """The offset, below one interval and in whole milliseconds, that this monitor keeps from the epoch."""
    milliseconds = interval // timedelta(milliseconds=1)
    digest = int.from_bytes(blake2b(monitor_id.bytes, digest_size=8).digest(), "big")
    return timedelta(milliseconds=digest % milliseconds)


@dataclass(frozen=True, slots=True)
class CheckIdentity:
    """What one check is called from the schedule to the database.

    `attempt` is 0 for the scheduled check of the slot and counts its re-checks from 1.
    """

    monitor_id: UUID
    location: str
    slot: int
    attempt: int = 0


@dataclass(frozen=True, slots=True)
class Schedule:
    """The slots of one monitor: slot n begins at epoch + phase + n × interval."""

    interval: timedelta
    phase: timedelta

    @classmethod
    def of(cls, monitor_id: UUID, interval: timedelta) -> "Schedule":
        """The schedule of a monitor that is checked once per `interval` (at least one millisecond)."""
        if interval < timedelta(milliseconds=1):
            raise ValueError(f"An interval is at least one millisecond; this one is {interval}.")
        return cls(interval=interval, phase=phase_of(monitor_id, interval))

    def slot_at(self, instant: datetime) -> int:
        """The number of the slot that contains `instant`."""
        return (instant - EPOCH - self.phase) // self.interval

    def start_of(self, slot: int) -> datetime:
        """The instant at which slot number `slot` begins: its check is due then."""
        return EPOCH + self.phase + slot * self.interval

    def first_from(self, instant: datetime) -> int:
        """The first slot that begins at `instant` or later."""
        return -((EPOCH + self.phase - instant) // self.interval)

    def next_after(self, instant: datetime) -> tuple[int, datetime]:
        """The first slot that begins strictly after `instant`, and the instant at which it begins."""
        slot = self.slot_at(instant) + 1
        return slot, self.start_of(slot)

    def due_between(self, after: datetime, until: datetime) -> Iterator[tuple[int, datetime]]:
        """Every slot that begins in `(after, until]`, in order, with its beginning."""
        slot, start = self.next_after(after)
        while start <= until:
            yield slot, start
            slot += 1
            start += self.interval


@dataclass(frozen=True, slots=True)
class Succession:
    """Schedules of one monitor that follow one another: `later` ones hold each from its instant on, in that order.

    A slot belongs to the schedule that holds when it begins, so that a change leaves no slot out and has none twice.
    """

    first: Schedule
    later: tuple[tuple[datetime, Schedule], ...] = ()

    def at(self, instant: datetime) -> Schedule:
        """The schedule that holds at an instant."""
        return next((schedule for since, schedule in reversed(self.later) if since <= instant), self.first)

    def next_after(self, instant: datetime) -> tuple[int, datetime]:
        """The first slot that begins strictly after `instant`, and the instant at which it begins."""
        slot, start = self.at(instant).next_after(instant)
        for since, schedule in self.later:
            if instant < since <= start:
                slot = schedule.first_from(since)
                start = schedule.start_of(slot)
        return slot, start


def is_missed(due_at: datetime, now: datetime, interval: timedelta) -> bool:
    """Whether a check that has not started by `now` is recorded as missed: it could not start within one interval."""
    return now - due_at > interval


def clock_is_off(skew: timedelta, interval: timedelta) -> bool:
    """Whether a runner's clock differs so much (more than a quarter of the interval) that its results are refused."""
    return abs(skew) * 4 > interval
