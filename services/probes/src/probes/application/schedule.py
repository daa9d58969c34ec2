"""Which checks are due: a timetable in memory over the monitors that are watched."""

import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, Protocol, TypeVar
from uuid import UUID

from probes.domain.slots import Succession, is_missed

MOST_MISSED = 5
"""Slots of one monitor that are recorded one by one after a stall; a longer one is a gap, which is unknown time."""
FIRST_CHECKS_AT_ONCE = 100
"""New monitors that are checked at once, in one go; beyond that they wait for their slots."""


class Scheduled(Protocol):
    """What a timetable needs of a monitor."""

    @property
    def monitor_id(self) -> UUID: ...

    @property
    def schedule(self) -> Succession: ...

    @property
    def checked(self) -> bool: ...


S = TypeVar("S", bound=Scheduled)


@dataclass(frozen=True, slots=True)
class DueCheck(Generic[S]):
    """One slot of one monitor. `missed` when nobody could have started it within one interval."""

    monitor: S
    slot: int
    due_at: datetime
    missed: bool = False


class Timetable(Generic[S]):
    """Hands out every slot of every monitor once, in the order of their beginnings.

    It begins at the instant at which it is told about a monitor: earlier slots are nobody's, and what is missing
    there is unknown time. So after a restart the first checks spread over one interval by themselves.
    """

    def __init__(self) -> None:
        self._monitors: dict[UUID, S] = {}
        self._entries: list[tuple[datetime, int, UUID, int]] = []
        self._placed: dict[UUID, tuple[int, int, datetime]] = {}
        self._edition = 0
        self._latest: datetime | None = None

    def __len__(self) -> int:
        return len(self._monitors)

    def update(self, monitors: Iterable[S], now: datetime) -> None:
        """Makes these the monitors of the timetable. What has not changed keeps its place."""
        known, self._monitors = self._monitors, {monitor.monitor_id: monitor for monitor in monitors}
        starting = 0
        for monitor_id, monitor in self._monitors.items():
            before = known.get(monitor_id)
            if before is not None and before.schedule == monitor.schedule:
                continue
            if before is None and not monitor.checked and starting < FIRST_CHECKS_AT_ONCE:
                # Somebody has just ordered this: he need not wait for the first slot to begin.
                starting += 1
                self._place(monitor_id, monitor.schedule.at(now).slot_at(now), now)
            elif before is None or not self._stands(monitor_id, monitor.schedule, now):
                self._place(monitor_id, *monitor.schedule.next_after(self._from(now)))
        for monitor_id in known.keys() - self._monitors.keys():
            self._placed.pop(monitor_id, None)

    def take(self, now: datetime, until: datetime) -> list[DueCheck[S]]:
        """The checks that are due by `until` and have not been taken, with those that are too late by `now`."""
        if self._latest is not None and until < self._latest - timedelta(seconds=5):
            self._restart(now)  # the clock was set back
        self._latest = max(until, self._latest) if self._latest is not None else until
        due: list[DueCheck[S]] = []
        while self._entries and self._entries[0][0] <= until:
            due_at, edition, monitor_id, slot = heapq.heappop(self._entries)
            if self._placed.get(monitor_id, (0,))[0] != edition:
                continue
            monitor = self._monitors[monitor_id]
            interval = monitor.schedule.at(due_at).interval
            if now - due_at > MOST_MISSED * interval:
                self._place(monitor_id, *monitor.schedule.next_after(now))
                continue
            due.append(DueCheck(monitor, slot, due_at, is_missed(due_at, now, interval)))
            self._place(monitor_id, *monitor.schedule.next_after(due_at))
        return due

    def _stands(self, monitor_id: UUID, schedule: Succession, now: datetime) -> bool:
        """Whether what is handed out next stays that under another schedule. What is due already was due before it."""
        _, slot, due_at = self._placed[monitor_id]
        return due_at <= now or (slot, due_at) == schedule.next_after(self._from(now))

    def _from(self, now: datetime) -> datetime:
        return max(now, self._latest) if self._latest is not None else now

    def _restart(self, now: datetime) -> None:
        self._latest = None
        self._entries.clear()
        for monitor_id, monitor in self._monitors.items():
            self._place(monitor_id, *monitor.schedule.next_after(now))

    def _place(self, monitor_id: UUID, slot: int, due_at: datetime) -> None:
        self._edition += 1
        self._placed[monitor_id] = (self._edition, slot, due_at)
        heapq.heappush(self._entries, (due_at, self._edition, monitor_id, slot))
