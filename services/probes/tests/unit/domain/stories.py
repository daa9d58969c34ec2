"""A monitor to which things happen, and all that came of them: shared by the tests of the state line."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar
from uuid import UUID

from probes.domain.dependencies import Above
from probes.domain.slots import Schedule
from probes.domain.state_line import apply_check, apply_silence, begin
from probes.domain.states import (
    Applied,
    Check,
    Failure,
    LineChange,
    MonitorState,
    Outcome,
    Reason,
    Rules,
    State,
    Transition,
    UnknownReason,
)
from shared.kernel.intervals import Interval

MONITOR = UUID("0197a3b0-0000-7000-8000-000000000001")
START = datetime(2026, 6, 8, 9, tzinfo=UTC)
FAILED = Failure(Reason.HTTP_STATUS, "The site answered 503.", {"status_code": 503})
T = TypeVar("T")


def rules(*, interval: int = 30, rechecks: int = 2, recoveries: int = 1) -> Rules:
    return Rules(
        schedule=Schedule(timedelta(seconds=interval), timedelta(0)),
        timeout=timedelta(seconds=10),
        rechecks=rechecks,
        recheck_spacing=timedelta(seconds=5),
        recoveries=recoveries,
    )


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def window(start: float, end: float) -> Interval:
    return Interval(at(start), at(end))


def check(seconds: float, good: bool, location: str = "here") -> Check:
    return Check(
        location,
        int(seconds),
        0,
        at(seconds),
        at(seconds),
        at(seconds) + timedelta(milliseconds=100),
        Outcome.GOOD if good else Outcome.BAD,
        None if good else FAILED,
    )


class Story:
    """Checks at seconds of the morning, each at once when it is due."""

    def __init__(
        self, *locations: str, under: Rules | None = None, windows: Sequence[Interval] = (), above: Above | None = None
    ) -> None:
        self.rules = under or rules()
        self.windows = windows
        self.above = above
        self.steps = [begin(MONITOR, locations or ("here",), at(-1))]

    @property
    def state(self) -> MonitorState:
        return self.steps[-1].state

    def then(self, applied: Applied) -> Applied:
        self.steps.append(applied)
        return applied

    def check(self, seconds: float, good: bool, location: str = "here") -> Applied:
        return self.then(
            apply_check(self.state, check(seconds, good, location), self.rules, windows=self.windows, above=self.above)
        )

    def checks(self, seconds: Iterable[float], good: bool, *locations: str) -> None:
        for second in seconds:
            for place in locations or ("here",):
                self.check(second, good, place)

    def time(self, seconds: float) -> Applied:
        reason = UnknownReason.NO_FRESH_RESULT
        return self.then(apply_silence(self.state, at(seconds), self.rules, reason, windows=self.windows))

    @property
    def transitions(self) -> list[Transition]:
        return [transition for step in self.steps for transition in step.transitions]

    def said(self, kind: type[T]) -> list[T]:
        return [transition for transition in self.transitions if isinstance(transition, kind)]

    @property
    def line(self) -> list[tuple[State, float, float | None]]:
        """The stretches as a store keeps them, in seconds of the morning."""
        kept: list[LineChange] = []
        for change in (change for step in self.steps for change in step.line):
            kept = [earlier for earlier in kept if earlier.at < change.at]
            kept.append(change)
        ends = [_seconds(change.at) for change in kept[1:]]
        return [(c.state, _seconds(c.at), end) for c, end in zip(kept, [*ends, None], strict=True)]

    def state_at(self, seconds: float) -> State:
        (found,) = [
            state for state, begins, ends in self.line if begins <= seconds and (ends is None or seconds < ends)
        ]
        return found


def _seconds(instant: datetime) -> float:
    return (instant - START).total_seconds()
