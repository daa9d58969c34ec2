"""The state line of a monitor: what its locations say together, and what is told when that changes.

`apply_check` is the reducer; `apply_silence` is its counterpart for what time alone brings: results that did not
come, maintenance windows that open and close, flapping that ends. Both are pure. A duplicate, a late result or one from
before the monitor was watched changes nothing.

Inside a maintenance window the line says maintenance whatever the checks find. An outage that began before the window
goes on beneath it; one that only began inside is none unless a check after the window still fails.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from uuid import UUID

from probes.domain.confirmation import expire, observe, recheck_after, unconfirmed
from probes.domain.dependencies import Above
from probes.domain.flapping import Edge, is_flapping, is_quiet, with_edge
from probes.domain.quorum import Consensus, dispute_ended_at, findings, opinion
from probes.domain.states import (
    Applied,
    BecameDegraded,
    BecameUnknown,
    BeganFlapping,
    Blip,
    Check,
    DegradedReason,
    Disposition,
    EnteredMaintenance,
    LineChange,
    LocationState,
    MonitorState,
    Outage,
    Paused,
    PauseReason,
    Recovered,
    Restored,
    Rules,
    Settled,
    State,
    Transition,
    UnknownReason,
    Verdict,
    WentDown,
    outage_id,
)
from shared.kernel.intervals import Interval, union

_TOLD_WHEN_OVER = frozenset({State.UNKNOWN, State.DEGRADED, State.MAINTENANCE})
"""States whose end is a transition of its own (`Restored`), whatever comes next."""


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
    windows: Sequence[Interval] = (),
    above: Above | None = None,
) -> Applied:
    """The state after one check. `silence` says why results were missing, if it turns out that some were.

    `windows` are the maintenance windows that have not ended before the present state began, in any order;
    `above` is how the monitors stand that this one depends on. Where theirs may be the fault, the word "down" waits
    until they have been looked at too, at most two intervals. A check of a location that the monitor does not have, of
    a paused monitor, or that started before the monitor was watched has the disposition `OUTSIDE`.
    """
    location = state.locations.get(check.location)
    if location is None or state.state is State.PAUSED or check.started_at < state.watched_since:
        return Applied(state, Disposition.OUTSIDE)
    unchanged = observe(location, check, rules).disposition
    if unchanged is not Disposition.APPLIED:
        return Applied(state, unchanged)
    draft = _Draft.of(state, silence, above, 2 * rules.interval + rules.timeout)
    for name, other in state.locations.items():
        allowance = timedelta(0) if name == check.location else rules.timeout
        draft.expire(other, check.due_at, rules, allowance)
    draft.follow(windows, check.started_at)
    draft.settle(check.started_at)
    step = observe(draft.locations[check.location], check, rules)
    draft.locations[check.location] = step.location
    if step.blip is not None:
        draft.blips.append(step.blip)
    draft.settle(check.started_at)
    return draft.applied(recheck=recheck_after(step.location, check, rules))


def apply_silence(
    state: MonitorState, now: datetime, rules: Rules, reason: UnknownReason, *, windows: Sequence[Interval] = ()
) -> Applied:
    """The state at `now`, when every result that can be expected by then has been applied. As in `apply_check`."""
    if state.state is State.PAUSED:
        return Applied(state)
    draft = _Draft.of(state, reason)
    for location in state.locations.values():
        draft.expire(location, now, rules, rules.timeout)
    draft.follow(windows, now)
    draft.settle(now)
    if draft.flapping_since is not None and is_quiet(draft.edges, now):
        draft.calm(now)
    return draft.applied()


def distrust(state: MonitorState, location: str, at: datetime) -> Applied:
    """The state once it turns out that what a location lately saw was its own failure.

    A suspicion that it had raised is forgotten, and from its first check on nothing is known there.
    """
    known = state.locations.get(location)
    if state.state is State.PAUSED or known is None or known.run is None or known.verdict is Verdict.DOWN:
        return Applied(state)
    draft = _Draft.of(state, UnknownReason.LOCATION_SUSPECTED)
    draft.locations[location] = replace(known, run=None, stale_since=known.stale_since or known.run.first_at)
    draft.settle(at)
    return draft.applied()


def lose_sight(state: MonitorState, since: datetime, reason: UnknownReason) -> Applied:
    """The state once it turns out that from `since` on nothing could be seen from anywhere."""
    if state.state is State.PAUSED:
        return Applied(state)
    draft = _Draft.of(state, reason)
    draft.locations = {
        name: replace(location, run=None, stale_since=location.stale_since or max(since, state.since))
        for name, location in draft.locations.items()
    }
    draft.settle(since)
    return draft.applied()


def pause(state: MonitorState, at: datetime, reason: PauseReason) -> Applied:
    """The monitor is not checked from `at` on. An open outage ends for the state line; it did not recover.

    What has been seen stays: a pause that is dated before the present state began, begins with it.
    """
    if state.state is State.PAUSED:
        return Applied(state)
    at = max(at, state.since)
    draft = _Draft.of(state)
    if draft.flapping_since is not None:
        draft.calm(at)
    if draft.state in _TOLD_WHEN_OVER:
        draft.restore(State.PAUSED, at)
    draft.version += 1
    draft.transitions.append(Paused(draft.version, state.state, state.since, at, reason, draft.outage))
    draft.move(State.PAUSED, at, reason.value)
    draft.outage, draft.edges = None, ()
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
    """A state being changed, with what is to be told about it. `silence` says why results are missing, if they are."""

    monitor_id: UUID
    state: State
    since: datetime
    version: int
    watched_since: datetime
    locations: dict[str, LocationState]
    outage: Outage | None
    edges: tuple[Edge, ...]
    flapping_since: datetime | None
    silence: UnknownReason
    above: Above
    patience: timedelta
    transitions: list[Transition] = field(default_factory=list)
    line: list[LineChange] = field(default_factory=list)
    blips: list[Blip] = field(default_factory=list)
    windows: Sequence[Interval] = ()

    @classmethod
    def of(
        cls,
        state: MonitorState,
        silence: UnknownReason = UnknownReason.NO_FRESH_RESULT,
        above: Above | None = None,
        patience: timedelta = timedelta(0),
    ) -> "_Draft":
        return cls(
            state.monitor_id,
            state.state,
            state.since,
            state.version,
            state.watched_since,
            dict(state.locations),
            state.outage,
            state.edges,
            state.flapping_since,
            silence,
            above or Above(),
            patience,
        )

    def applied(self, **rest: object) -> Applied:
        state = MonitorState(
            self.monitor_id,
            self.state,
            self.since,
            self.version,
            self.watched_since,
            self.locations,
            self.outage,
            self.edges,
            self.flapping_since,
        )
        return Applied(
            state,
            transitions=tuple(self.transitions),
            line=tuple(self.line),
            blips=tuple(self.blips),
            **rest,  # type: ignore[arg-type]
        )

    def next_version(self) -> int:
        self.version += 1
        return self.version

    def expire(self, location: LocationState, now: datetime, rules: Rules, allowance: timedelta) -> None:
        expired, blip = expire(location, now, rules, allowance=allowance)
        self.locations[location.location] = expired
        if blip is not None:
            self.blips.append(blip)

    def follow(self, windows: Sequence[Interval], at: datetime) -> None:
        """Opens and closes maintenance windows, merged where they overlap, as of `at`."""
        self.windows = union(windows)
        if self.state is State.MAINTENANCE and not any(start <= self.since < end for start, end in self.windows):
            self._leave_maintenance(at)  # it was called off
        for start, end in self.windows:
            if end <= self.since or start > at:
                continue
            if self.state is not State.MAINTENANCE:
                self._settle_as_of(start)
                self._enter_maintenance(max(start, self.since))
            if end <= at:
                self._leave_maintenance(end)

    def settle(self, at: datetime) -> None:
        """Brings the line in agreement with the locations, `at` being the instant of the check that was applied."""
        found = opinion(self.locations.values(), self.since, outage=self.outage is not None)
        if self.state is State.MAINTENANCE:
            if found.consensus is Consensus.UP and self.outage is not None and found.leading and found.since:
                self._recover_across(found.leading, found.since)
            elif found.consensus is Consensus.DOWN and self.outage is None and found.leading and found.since:
                self._go_down_beneath(found.leading, found.since)
        elif found.consensus is Consensus.SILENT:
            self._fall_silent()
        elif found.leading is None or found.since is None:
            pass
        elif found.consensus is Consensus.DOWN:
            self._agree_down(found.leading, found.since, at)
        elif found.consensus is Consensus.DISPUTED:
            self._degrade(found.since)
        elif found.consensus is Consensus.UP:
            self._agree_up(found.leading, found.since, at)

    def _settle_as_of(self, at: datetime) -> None:
        """Settles what is due at the edge of a window. Silence that fell later is told in its turn."""
        if not any(location.stale_since and location.stale_since > at for location in self.locations.values()):
            self.settle(at)

    def move(self, state: State, at: datetime, reason: str | None = None, outage: UUID | None = None) -> None:
        self.state, self.since = state, at
        self.line.append(LineChange(state, at, self.version, reason, outage))

    def restore(self, to: State, at: datetime) -> None:
        """Ends the present stretch, which was no outage, at `at`."""
        at = max(at, self.since)
        outage = self.outage if to is State.DOWN else None
        self.transitions.append(Restored(self.next_version(), self.state, self.since, at, to, outage))
        self.move(to, at, outage=outage.outage_id if outage else None)

    def calm(self, at: datetime) -> None:
        """Says that the flapping is over."""
        assert self.flapping_since is not None
        last = self.edges[-1].outage_id if self.edges else None
        self.transitions.append(Settled(self.next_version(), self.state, self.flapping_since, at, last))
        self.flapping_since, self.edges = None, ()

    def _fall_silent(self) -> None:
        if self.state is State.UNKNOWN:
            return
        since = max(location.stale_since for location in self.locations.values() if location.stale_since is not None)
        since = max(since, self.since)
        previous, previous_since = self.state, self.since
        if previous in _TOLD_WHEN_OVER:
            self.restore(State.UNKNOWN, since)
        if self.outage is not None:
            self.outage = self.outage.with_gap(since)
        self.transitions.append(
            BecameUnknown(self.next_version(), previous, previous_since, since, self.silence, self.outage)
        )
        self.move(State.UNKNOWN, since, self.silence.value, self.outage.outage_id if self.outage else None)

    def _degrade(self, agreed: datetime) -> None:
        if self.state is State.DEGRADED:
            return
        since = max(agreed, self.since)
        previous, previous_since = self.state, self.since
        if previous in _TOLD_WHEN_OVER:
            self.restore(State.DEGRADED, since)
        reason = DegradedReason.REGIONAL
        self.transitions.append(
            BecameDegraded(self.next_version(), previous, previous_since, since, reason, findings(self.locations))
        )
        self.move(State.DEGRADED, since, reason.value)

    def _agree_down(self, leading: LocationState, agreed: datetime, at: datetime) -> None:
        if self.outage is not None:
            self._end_gap(at)
            return
        assert leading.confirmed_at is not None
        since = max(agreed, self.since)
        previous, previous_since = self.state, self.since
        if previous is State.UNKNOWN and leading.confirmed_at < previous_since:
            since = max(at, previous_since)  # an old verdict says nothing about the silence
        elif agreed < previous_since <= leading.confirmed_at and self._follows_window():
            self._go_down_across(leading, agreed)
            return
        if self.above.known_until is not None and self.above.known_until < since and at - since <= self.patience:
            return  # what it depends on may turn out to be what is down
        if previous in _TOLD_WHEN_OVER:
            self.restore(State.DOWN, since)
        self._go_down(leading, since, previous, previous_since, at if self.above != Above() else since)

    def _go_down(
        self, leading: LocationState, since: datetime, previous: State, previous_since: datetime, waited_until: datetime
    ) -> None:
        assert leading.verdict_since is not None and leading.confirmed_at is not None
        version = self.next_version()
        self.outage = Outage(
            outage_id=outage_id(self.monitor_id, since),
            down_since=since,
            # Where the present state, or the silence of somebody who contradicted, cuts the run short, that is exact.
            uncertainty=leading.uncertainty if since == leading.verdict_since else timedelta(0),
            confirmed_at=max(leading.confirmed_at, since, waited_until),
            failure=leading.failures[0],
            failures=leading.failures,
            locations=findings(self.locations),
            caused_by=self.above.outage_id,
        )
        flapping = self.flapping_since is not None
        self.transitions.append(WentDown(version, previous, previous_since, self.outage, flapping))
        self.move(State.DOWN, since, self.outage.failure.reason.value, self.outage.outage_id)
        self._note_edge(self.outage.confirmed_at, self.outage.outage_id)

    def _agree_up(self, leading: LocationState, agreed: datetime, at: datetime) -> None:
        if self.outage is None:
            if self.state is State.UNKNOWN:
                self.restore(State.UP, agreed)
            elif self.state is State.DEGRADED:
                self.restore(State.UP, dispute_ended_at(self.locations.values(), self.since))
            return
        if self.state is State.DOWN and agreed < self.since and self._follows_window():
            self._recover_across(leading, agreed)
            return
        self._end_gap(min(at, agreed))
        self._recover(leading, max(agreed, self.since))

    def _recover(self, leading: LocationState, at: datetime) -> None:
        assert self.outage is not None and leading.confirmed_at is not None
        ended = self.outage
        self.transitions.append(
            Recovered(
                self.next_version(),
                self.state,
                self.since,
                ended,
                at,
                leading.uncertainty if at == leading.verdict_since else timedelta(0),
                max(leading.confirmed_at, at),
                self.flapping_since is not None,
            )
        )
        self.outage = None
        self.move(State.UP, at)
        self._note_edge(leading.confirmed_at, ended.outage_id)

    def _end_gap(self, at: datetime) -> None:
        if self.state is State.UNKNOWN and self.outage is not None:
            at = max(at, self.since)
            self.outage = self.outage.with_gap_closed(at)
            self.restore(State.DOWN, at)

    def _enter_maintenance(self, since: datetime) -> None:
        previous, previous_since = self.state, self.since
        if previous is State.UNKNOWN and self.outage is not None:
            self.outage = self.outage.with_gap_closed(since)
        if previous in _TOLD_WHEN_OVER:
            self.restore(State.MAINTENANCE, since)
        self._say_maintenance(since, previous, previous_since)

    def _say_maintenance(self, since: datetime, previous: State, previous_since: datetime) -> None:
        until = max([since, *(end for start, end in self.windows if start <= since)])
        self.transitions.append(
            EnteredMaintenance(self.next_version(), previous, previous_since, since, until, self.outage)
        )
        self.move(State.MAINTENANCE, since, outage=self.outage.outage_id if self.outage else None)

    def _leave_maintenance(self, at: datetime) -> None:
        """What holds now is what held beneath; what the last checks said about it, settles it."""
        self.restore(State.DOWN if self.outage is not None else State.UP, at)
        self._settle_as_of(self.since)

    def _go_down_beneath(self, leading: LocationState, agreed: datetime) -> None:
        """An outage is confirmed inside a window: it is one if it began before."""
        assert leading.confirmed_at is not None
        if agreed < self.since <= leading.confirmed_at:
            self._go_down_across(leading, agreed)

    def _go_down_across(self, leading: LocationState, since: datetime) -> None:
        """An outage whose first failing check lies before a window, and the last one in it or after it."""
        until = self.since
        begins = next((end for start, end in self.windows if start <= since < end), since)
        self._go_down(leading, begins, self.state, self.since, begins)
        self._say_again(State.DOWN, begins, until)

    def _say_again(self, state: State, since: datetime, until: datetime) -> None:
        """Lays the windows from `since` to `until` over what turned out, too late, to hold from `since` on."""
        for start, end in self.windows:
            if start <= until and since < end:
                self._say_maintenance(start, state, min(start, since))
                if end <= until:
                    self.restore(state, end)

    def _follows_window(self) -> bool:
        return any(end == self.since for _, end in self.windows)

    def _recover_across(self, leading: LocationState, agreed: datetime) -> None:
        """An outage ended inside a window, or before it and that is confirmed only now."""
        assert self.outage is not None
        until, at = self.since, max(agreed, self.outage.down_since)
        self._recover(leading, at)
        self._say_again(State.UP, at, until)

    def _note_edge(self, at: datetime, outage: UUID) -> None:
        self.edges = with_edge(self.edges, Edge(at, outage))
        if self.flapping_since is None and is_flapping(self.edges):
            self.flapping_since = self.edges[0].at
            self.transitions.append(
                BeganFlapping(self.next_version(), self.state, self.flapping_since, len(self.edges))
            )
