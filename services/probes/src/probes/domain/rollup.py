"""An hour of checks of one monitor at one location, in figures that add up to days, months and years.

What was expected follows from the schedule alone, so that silence shows: a slot that nobody recorded is neither good
nor bad, and counts as unrecorded. Durations are those of checks that were good.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from probes.domain.slots import EPOCH, Schedule
from probes.domain.states import Outcome
from shared.kernel.sketch import EMPTY, Sketch

HOUR: Final = timedelta(hours=1)
GRACE: Final = timedelta(minutes=5)
"""An hour is looked at this long after its end. A check that begins later than this is not a check of its slot."""


class Durations(NamedTuple):
    """One value per phase: sketches here, microseconds of one check elsewhere."""

    name_lookup: Sketch = EMPTY
    connect: Sketch = EMPTY
    tls: Sketch = EMPTY
    first_byte: Sketch = EMPTY
    total: Sketch = EMPTY


PHASES: Final = Durations._fields


class Watch(NamedTuple):
    """A stretch `[start, end)` in which a monitor was to be checked, on one schedule."""

    start: datetime
    end: datetime
    schedule: Schedule


def hour_of(instant: datetime) -> int:
    """The number of the hour (UTC) that holds an instant, counted from 1970."""
    return (instant - EPOCH) // HOUR


def beginning_of(hour: int) -> datetime:
    """The first instant of the hour with this number."""
    return EPOCH + hour * HOUR


def is_closed(hour: int, now: datetime) -> bool:
    """Whether everything that is in time has been recorded of an hour."""
    return beginning_of(hour + 1) + GRACE <= now


def slots_of(watches: Iterable[Watch], start: datetime, end: datetime) -> tuple[range, ...]:
    """The slots that begin in `[start, end)` while the monitor is watched, schedule by schedule."""
    found = []
    for watch in watches:
        first, last = max(start, watch.start), min(end, watch.end)
        if first < last:
            slots = range(watch.schedule.first_from(first), watch.schedule.first_from(last))
            if slots:
                found.append(slots)
    return tuple(found)


def watched(
    schedules: Sequence[tuple[datetime, Schedule]], paused: Iterable[tuple[datetime, datetime | None]], until: datetime
) -> list[Watch]:
    """When a monitor was to be checked, until an instant. `schedules` says from when on each holds, in that order."""
    ends = [start for start, _ in schedules[1:]] + [until]
    watches = [Watch(start, end, schedule) for (start, schedule), end in zip(schedules, ends, strict=True)]
    for pause_start, pause_end in paused:
        left = []
        for watch in watches:
            left.append(watch._replace(end=min(watch.end, pause_start)))
            if pause_end is not None:
                left.append(watch._replace(start=max(watch.start, pause_end)))
        watches = left
    return [watch for watch in watches if watch.start < watch.end]


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of some time of checks.

    `expected` scheduled checks; of these `executed` looked, `missed` could not start in time, `blocked` were kept from
    seeing the target, and the rest was not recorded. `outcomes` counts every check that began, re-checks included, by
    its outcome, a bad one by its reason.
    """

    expected: int
    executed: int
    missed: int
    blocked: int
    outcomes: Mapping[str, int]
    durations: Durations

    @property
    def unrecorded(self) -> int:
        """Expected checks of which nothing is known."""
        return self.expected - self.executed - self.missed - self.blocked

    @property
    def recorded(self) -> int:
        """Grows with every result that is added, and with nothing else."""
        return self.executed + self.missed + self.blocked + sum(self.outcomes.values())

    def __add__(self, other: "Figures") -> "Figures":
        return Figures(
            self.expected + other.expected,
            self.executed + other.executed,
            self.missed + other.missed,
            self.blocked + other.blocked,
            Counter(self.outcomes) + Counter(other.outcomes),
            Durations._make(mine + theirs for mine, theirs in zip(self.durations, other.durations, strict=True)),
        )


NOTHING: Final = Figures(0, 0, 0, 0, {}, Durations())


class Tally:
    """Collects the checks of one monitor at one location in one stretch of time. Each check is to be told once."""

    def __init__(self, slots: Sequence[range]) -> None:
        self._slots = slots
        self._due: dict[int, str] = {}
        self._outcomes: Counter[str] = Counter()
        self._good: list[tuple[int, int, int, int, int]] = []

    def began(self, outcome: str, durations: tuple[int, int, int, int, int]) -> None:
        """A check that began in the stretch: its outcome or reason, and the microseconds of its phases."""
        self._outcomes[outcome] += 1
        if outcome == Outcome.GOOD:
            self._good.append(durations)

    def was_due(self, slot: int, outcome: str) -> None:
        """The scheduled check of a slot, whenever it began. Slots of another stretch are passed over."""
        if any(slot in slots for slots in self._slots):
            self._due[slot] = outcome

    def figures(self) -> Figures:
        """What has been told so far."""
        due = Counter(self._due.values())
        missed, blocked = due[Outcome.MISSED], due[Outcome.BLOCKED]
        return Figures(
            expected=sum(map(len, self._slots)),
            executed=len(self._due) - missed - blocked,
            missed=missed,
            blocked=blocked,
            outcomes=dict(self._outcomes),
            durations=Durations._make(map(Sketch.of, zip(*self._good, strict=True))) if self._good else Durations(),
        )
