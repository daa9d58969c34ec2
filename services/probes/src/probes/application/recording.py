"""From results to states: what a batch of checks, or their absence, does to the monitors."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from probes.application.ports import Announcer, Monitors
from probes.domain.blocking import note_block
from probes.domain.dependencies import DEEPEST, above
from probes.domain.monitors import Monitor
from probes.domain.state_line import apply_check, apply_silence, distrust
from probes.domain.states import Applied, Check, Disposition, MonitorState, Outcome, Recheck, UnknownReason


@dataclass(frozen=True, slots=True)
class Evaluated:
    """A check with what it did, and the monitor as it stands in the database. `monitor` is None for an unknown one."""

    monitor: Monitor | None
    check: Check
    disposition: Disposition
    recheck: Recheck | None = None


async def record_checks(
    checks: Sequence[tuple[UUID, Check]],
    monitors: Monitors,
    announcer: Announcer,
    *,
    running_since: datetime,
    suspects: Collection[str] = (),
) -> list[Evaluated]:
    """Applies checks in their order and saves what they change. A check counts once, however often it comes.

    `running_since` is when this installation began to record: silence that began before it is a restart. What comes
    from the locations of `suspects` is put aside.
    """
    known = await monitors.locked(sorted({monitor_id for monitor_id, _ in checks}))
    states = {monitor_id: monitor.state for monitor_id, monitor in known.items()}
    family = await monitors.seen(sorted({m.parent_id for m in known.values() if m.parent_id is not None}))
    steps: dict[UUID, list[Applied]] = {monitor_id: [] for monitor_id in known}
    evaluated = []
    for monitor_id, check in checks:
        monitor = known.get(monitor_id)
        if monitor is None:
            evaluated.append(Evaluated(None, check, Disposition.OUTSIDE))
            continue
        if check.location in suspects:
            evaluated.append(Evaluated(monitor, check, Disposition.QUARANTINED))
            continue
        state = states[monitor_id]
        applied = apply_check(
            state,
            check,
            monitor.rules,
            silence=_why_silent(state, running_since, suspects),
            windows=monitor.windows,
            above=above(_ancestors(monitor, states, family)) if monitor.parent_id is not None else None,
        )
        if applied.disposition is Disposition.MISSED and check.outcome is Outcome.BLOCKED:
            applied = note_block(state, check)
        evaluated.append(Evaluated(monitor, check, applied.disposition, applied.recheck))
        if applied.state is not state:
            states[monitor_id] = applied.state
            steps[monitor_id].append(applied)
    await keep([(monitor, steps[monitor_id]) for monitor_id, monitor in known.items()], monitors, announcer)
    return evaluated


async def record_silence(
    now: datetime,
    monitors: Monitors,
    announcer: Announcer,
    *,
    running_since: datetime,
    suspects: Collection[str] = (),
    limit: int = 200,
) -> int:
    """Tells what time alone has done by `now`, such as results that did not come; returns how many were looked at.

    Only to be called when every result that has been delivered is recorded.
    """
    overdue = await monitors.silent(now, limit)
    known = await monitors.locked(sorted(overdue))
    changes = [
        (monitor, [_as_time_passes(monitor, now, _why_silent(monitor.state, running_since, suspects))])
        for monitor in known.values()
    ]
    await keep(changes, monitors, announcer)
    return len(overdue)


async def put_aside(location: str, at: datetime, monitors: Monitors, announcer: Announcer) -> None:
    """Forgets, at every monitor, what a location that has come under suspicion has raised and not confirmed."""
    known = await monitors.locked(sorted(await monitors.suspicious(location)))
    changes = [(monitor, [distrust(monitor.state, location, at)]) for monitor in known.values()]
    await keep(changes, monitors, announcer)


async def keep(changes: Sequence[tuple[Monitor, Sequence[Applied]]], monitors: Monitors, announcer: Announcer) -> None:
    """Saves what happened to monitors, and tells of their transitions and of what becomes of their groups."""
    happened = [(monitor, steps) for monitor, steps in changes if steps]
    await monitors.save(happened)
    for monitor, steps in happened:
        announcer.announce(monitor.subject, [transition for step in steps for transition in step.transitions])
    for news in await monitors.follow_groups(happened):
        announcer.announce_group(news)


def _as_time_passes(monitor: Monitor, now: datetime, reason: UnknownReason) -> Applied:
    return apply_silence(monitor.state, now, monitor.rules, reason, windows=monitor.windows)


def _ancestors(
    monitor: Monitor, states: Mapping[UUID, MonitorState], family: Mapping[UUID, Monitor]
) -> Iterator[MonitorState]:
    """The monitors above one, the nearest first, as they stand after the checks that were applied before."""
    for _ in range(DEEPEST):
        if monitor.parent_id is None or monitor.parent_id not in family:
            return
        monitor = family[monitor.parent_id]
        yield states.get(monitor.subject.monitor_id, monitor.state)


def _why_silent(state: MonitorState, running_since: datetime, suspects: Collection[str]) -> UnknownReason:
    if any(location in suspects for location in state.locations):
        return UnknownReason.LOCATION_SUSPECTED
    last = max((location.last_at for location in state.locations.values() if location.last_at), default=None)
    blocked = max((location.blocked_at for location in state.locations.values() if location.blocked_at), default=None)
    if blocked is not None and (last is None or blocked > last):
        return UnknownReason.BLOCKED
    if last is not None and last < running_since:
        return UnknownReason.RUNNER_RESTARTED
    return UnknownReason.NO_FRESH_RESULT
