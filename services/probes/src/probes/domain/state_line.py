"""The state line of a monitor: what its locations say together, and what is told when that changes.

`apply_check` is the reducer; `apply_silence` is its counterpart for results that did not come. Both are pure. A
duplicate, a late result or one from before the monitor was watched changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from probes.domain.confirmation import expire, observe, recheck_after, unconfirmed
from probes.domain.states import (
    Applied,
    BecameUnknown,
    Blip,
    Check,
    Disposition,
    LineChange,
    LocationFinding,
    LocationState,
    MonitorState,
    Outage,
    Paused,
    PauseReason,
    Recovered,
    Restored,
    Rules,
    State,
    Transition,
    UnknownReason,
    Verdict,
    WentDown,
    outage_id,
)


def begin(monitor_id: UUID, locations: Iterable[str], at: datetime) -> Applied:
    """A monitor that is watched from `at` on and about which nothing is known yet."""
    state = MonitorState(
        monitor_id=monitor_id,
        state=State.UNKNOWN,
        since=at,
        version=1,
        watched_since=at,
        locations={name: LocationState(name, stale_since=at) for name in locations},
    )
    reason = UnknownReason.NOT_YET_CHECKED
    return Applied(
        state,
        transitions=(BecameUnknown(1, State.UNKNOWN, at, at, reason, None),),
        line=(LineChange(State.UNKNOWN, at, 1, reason.value),),
    )


def apply_check(
    state: MonitorState,
    check: Check,
    rules: Rules,
    *,
    silence: UnknownReason = UnknownReason.NO_FRESH_RESULT,
) -> Applied:
    """The state after one check. `silence` says why results were missing, if it turns out that some were.

    A check of a location that the monitor does not have, of a paused monitor, or that started before the monitor was
    watched has the disposition `OUTSIDE`.
    """
    location = state.locations.get(check.location)
    if location is None or state.state is State.PAUSED or check.started_at < state.watched_since:
        return Applied(state, Disposition.OUTSIDE)
    unchanged = observe(location, check, rules).disposition
    if unchanged is not Disposition.APPLIED:
        return Applied(state, unchanged)
    draft = _Draft.of(state)
    for name, other in state.locations.items():
        allowance = timedelta(0) if name == check.location else rules.timeout
        draft.expire(other, check.due_at, rules, allowance)
    draft.settle(check.started_at, silence)
    step = observe(draft.locations[check.location], check, rules)
    draft.locations[check.location] = step.location
    if step.blip is not None:
        draft.blips.append(step.blip)
    draft.settle(check.started_at, silence)
    return draft.applied(recheck=recheck_after(step.location, check, rules))


def apply_silence(state: MonitorState, now: datetime, rules: Rules, reason: UnknownReason) -> Applied:
    """The state at `now`, when every result that can be expected by then has been applied."""
    if state.state is State.PAUSED:
        return Applied(state)
    draft = _Draft.of(state)
    for location in state.locations.values():
        draft.expire(location, now, rules, rules.timeout)
    draft.settle(now, reason)
    return draft.applied()


def pause(state: MonitorState, at: datetime, reason: PauseReason) -> Applied:
    """The monitor is not checked from `at` on. An open outage ends for the state line; it did not recover.

    What has been seen stays: a pause that is dated before the present state began, begins with it.
    """
    if state.state is State.PAUSED:
        return Applied(state)
    at = max(at, state.since)
    draft = _Draft.of(state)
    if draft.state is State.UNKNOWN:
        draft.restore(State.PAUSED, at)
    draft.version += 1
    draft.transitions.append(Paused(draft.version, state.state, state.since, at, reason, draft.outage))
    draft.move(State.PAUSED, at, reason.value)
    draft.outage = None
    draft.blips += [blip for blip in (unconfirmed(location, at) for location in draft.locations.values()) if blip]
    draft.locations = {name: LocationState(name, stale_since=at) for name in draft.locations}
    return draft.applied()


def resume(state: MonitorState, locations: Iterable[str], at: datetime) -> Applied:
    """The monitor is watched again from `at` on, and nothing is known until its first check."""
    if state.state is not State.PAUSED:
        return Applied(state)
    draft = _Draft.of(replace(state, watched_since=at))
    draft.locations = {name: LocationState(name, stale_since=at) for name in locations}
    draft.restore(State.UNKNOWN, at)
    draft.version += 1
    draft.transitions.append(
        BecameUnknown(draft.version, State.PAUSED, state.since, at, UnknownReason.NOT_YET_CHECKED, None)
    )
    draft.move(State.UNKNOWN, at, UnknownReason.NOT_YET_CHECKED.value)
    return draft.applied()


@dataclass
class _Draft:
    """A state being changed, with what is to be told about it."""

    monitor_id: UUID
    state: State
    since: datetime
    version: int
    watched_since: datetime
    locations: dict[str, LocationState]
    outage: Outage | None
    transitions: list[Transition] = field(default_factory=list)
    line: list[LineChange] = field(default_factory=list)
    blips: list[Blip] = field(default_factory=list)

    @classmethod
    def of(cls, state: MonitorState) -> "_Draft":
        return cls(
            state.monitor_id,
            state.state,
            state.since,
            state.version,
            state.watched_since,
            dict(state.locations),
            state.outage,
        )

    def applied(self, **rest: object) -> Applied:
        state = MonitorState(
            self.monitor_id, self.state, self.since, self.version, self.watched_since, self.locations, self.outage
        )
        return Applied(
            state,
            transitions=tuple(self.transitions),
            line=tuple(self.line),
            blips=tuple(self.blips),
            **rest,  # type: ignore[arg-type]
        )

    def expire(self, location: LocationState, now: datetime, rules: Rules, allowance: timedelta) -> None:
        expired, blip = expire(location, now, rules, allowance=allowance)
        self.locations[location.location] = expired
        if blip is not None:
            self.blips.append(blip)

    def settle(self, at: datetime, silence: UnknownReason) -> None:
        """Brings the line in agreement with the locations, `at` being the instant of the check that was applied."""
        fresh = [location for location in self.locations.values() if location.fresh]
        down = [location for location in fresh if location.verdict is Verdict.DOWN]
        up = [location for location in fresh if location.verdict is Verdict.UP]
        if not fresh:
            self._fall_silent(silence)
        elif 2 * len(down) > len(fresh):
            self._agree_down(_when_majority(down, len(fresh)), at)
        elif 2 * len(up) > len(fresh):
            self._agree_up(_when_majority(up, len(fresh)), at)

    def move(self, state: State, at: datetime, reason: str | None = None, outage: UUID | None = None) -> None:
        self.state, self.since = state, at
        self.line.append(LineChange(state, at, self.version, reason, outage))

    def restore(self, to: State, at: datetime) -> None:
        """Ends the present stretch, of unknown or paused time, at `at`."""
        at = max(at, self.since)
        self.version += 1
        outage = self.outage if to is State.DOWN else None
        self.transitions.append(Restored(self.version, self.state, self.since, at, to, outage))
        self.move(to, at, outage=outage.outage_id if outage else None)

    def _fall_silent(self, reason: UnknownReason) -> None:
        if self.state is State.UNKNOWN:
            return
        since = max(location.stale_since for location in self.locations.values() if location.stale_since is not None)
        since = max(since, self.since)
        self.version += 1
        if self.outage is not None:
            self.outage = self.outage.with_gap(since)
        self.transitions.append(BecameUnknown(self.version, self.state, self.since, since, reason, self.outage))
        self.move(State.UNKNOWN, since, reason.value, self.outage.outage_id if self.outage else None)

    def _agree_down(self, leading: LocationState, at: datetime) -> None:
        if self.outage is not None:
            self._end_gap(at)
            return
        previous, previous_since = self.state, self.since
        assert leading.verdict_since is not None and leading.confirmed_at is not None
        since = max(leading.verdict_since, self.since)
        if previous is State.UNKNOWN:
            self.restore(State.DOWN, since)
        self.version += 1
        self.outage = Outage(
            outage_id=outage_id(self.monitor_id, since),
            down_since=since,
            uncertainty=leading.uncertainty,
            confirmed_at=leading.confirmed_at,
            failure=leading.failures[0],
            failures=leading.failures,
            locations=findings(self.locations),
        )
        self.transitions.append(WentDown(self.version, previous, previous_since, self.outage))
        self.move(State.DOWN, since, self.outage.failure.reason.value, self.outage.outage_id)

    def _agree_up(self, leading: LocationState, at: datetime) -> None:
        assert leading.verdict_since is not None and leading.confirmed_at is not None
        if self.outage is None:
            if self.state is State.UNKNOWN:
                self.restore(State.UP, leading.verdict_since)
            return
        self._end_gap(at if leading.verdict_since > at else leading.verdict_since)
        recovered_at = max(leading.verdict_since, self.since)
        self.version += 1
        self.transitions.append(
            Recovered(
                self.version,
                self.state,
                self.since,
                self.outage,
                recovered_at,
                leading.uncertainty,
                leading.confirmed_at,
            )
        )
        self.outage = None
        self.move(State.UP, recovered_at)

    def _end_gap(self, at: datetime) -> None:
        if self.state is State.UNKNOWN and self.outage is not None:
            at = max(at, self.since)
            self.outage = self.outage.with_gap_closed(at)
            self.restore(State.DOWN, at)


def findings(locations: Mapping[str, LocationState]) -> tuple[LocationFinding, ...]:
    """What each location says now, in the order of their names."""
    return tuple(
        LocationFinding(
            location.location,
            location.verdict if location.fresh else None,
            location.verdict_since if location.fresh and location.verdict is Verdict.DOWN else None,
        )
        for _, location in sorted(locations.items())
    )


def _when_majority(agreeing: list[LocationState], fresh: int) -> LocationState:
    """The location whose verdict completed the strict majority of `fresh` locations."""
    in_order = sorted(agreeing, key=lambda location: (location.verdict_since is not None, location.verdict_since))
    return in_order[fresh // 2]
