"""Heartbeats followed: what came in and what did not become findings on the state line of their monitors."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from pydantic import ValidationError

from probes.application.checks.reported import HeartbeatReports
from probes.application.ports import Announcer, Monitors
from probes.application.recording import keep, record_checks
from probes.domain.heartbeats import Advanced, Blind, Deafness, Found, Happening, Heartbeat, Late, Missed, Ping
from probes.domain.heartbeats import advance as advance_beat
from probes.domain.heartbeats import begin as begin_beat
from probes.domain.heartbeats import replan as replan_beat
from probes.domain.monitors import Monitor, Subject
from probes.domain.state_line import lose_sight
from probes.domain.states import Check, Outcome, State, UnknownReason

PAUSED_FOR = timedelta(minutes=1)
"""A paused heartbeat is looked at again after this long; what came in meanwhile waits."""


@dataclass(frozen=True, slots=True)
class TakenPing:
    """A report, its number in the order of their arrival, and the versions of components that it tells."""

    number: int
    ping: Ping
    versions: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class WatchedBeat:
    """A heartbeat that is due, held against others, with the reports that have not been considered yet.

    `watched_since` is that of its monitor when it was judged last, None if never; `replan` is set when the monitor's
    configuration has changed since.
    """

    monitor_id: UUID
    beat: Heartbeat
    watched_since: datetime | None
    replan: bool
    seen_until: datetime
    pings: Sequence[TakenPing]


@dataclass(frozen=True, slots=True)
class Judged:
    """Where a heartbeat stands now, and when to look again."""

    monitor_id: UUID
    beat: Heartbeat
    watched_since: datetime
    seen_until: datetime
    due_at: datetime
    taken_number: int | None


class Heartbeats(Protocol):
    """The heartbeats of one transaction."""

    async def due(self, now: datetime, limit: int) -> Sequence[WatchedBeat]:
        """At most `limit` that have to be looked at, held; those that somebody else holds are left out."""
        ...

    async def save(self, judged: Sequence[Judged]) -> None:
        """Keeps where they stand."""
        ...

    async def postpone(self, monitor_ids: Sequence[UUID], until: datetime) -> None:
        """Leaves them as they are until then."""
        ...

    async def receiving(self, since: datetime, now: datetime) -> tuple[Sequence[Deafness], datetime]:
        """When nobody could take reports since an instant, and until when absence may be judged."""
        ...


class HeartbeatNotices(Protocol):
    """Says what a heartbeat does beside the state line, once."""

    async def late(self, subject: Subject, notice: Late) -> None:
        """The expected instant has passed."""
        ...

    async def missed(self, subject: Subject, notice: Missed) -> None:
        """And the grace too."""
        ...


async def follow_heartbeats(
    now: datetime,
    heartbeats: Heartbeats,
    monitors: Monitors,
    announcer: Announcer,
    notices: HeartbeatNotices,
    *,
    running_since: datetime,
    limit: int = 50,
) -> tuple[int, Sequence[tuple[Subject, TakenPing]]]:
    """Judges heartbeats that are due; returns how many, and the reports that were considered."""
    due = await heartbeats.due(now, limit)
    if not due:
        return 0, ()
    known = await monitors.locked(sorted(watched.monitor_id for watched in due))
    deaf, until = await heartbeats.receiving(min(_reaches_back_to(watched) for watched in due), now)
    happenings: dict[UUID, list[Happening]] = {}
    judged: list[Judged] = []
    taken: list[tuple[Subject, TakenPing]] = []
    waiting: list[UUID] = []
    for watched in due:
        monitor = known.get(watched.monitor_id)
        reports = _configuration(monitor) if monitor is not None else None
        if monitor is None or reports is None or monitor.state.state is State.PAUSED:
            waiting.append(watched.monitor_id)
            continue
        done, considered, entry = _judge(watched, monitor, reports, until, deaf)
        happenings[watched.monitor_id] = list(done.happenings)
        taken += [(monitor.subject, ping) for ping in considered]
        judged.append(entry)
    for monitor_id, told in happenings.items():
        for happening in told:
            if isinstance(happening, Late):
                await notices.late(known[monitor_id].subject, happening)
            elif isinstance(happening, Missed):
                await notices.missed(known[monitor_id].subject, happening)
    await _record(happenings, known, monitors, announcer, running_since)
    await heartbeats.save(judged)
    await heartbeats.postpone(waiting, now + PAUSED_FOR)
    return len(due), taken


def _reaches_back_to(watched: WatchedBeat) -> datetime:
    """The earliest instant of which it must be known whether reports could come in: a year covers every grace."""
    beat = watched.beat
    begins = [at for at in (beat.expected_at, beat.started_at) if at is not None]
    return min(begins, default=watched.seen_until) - timedelta(days=366)


def _configuration(monitor: Monitor) -> HeartbeatReports | None:
    try:
        return HeartbeatReports.model_validate(monitor.subject.configuration)
    except ValidationError:
        return None


def _judge(
    watched: WatchedBeat, monitor: Monitor, reports: HeartbeatReports, until: datetime, deaf: Sequence[Deafness]
) -> tuple[Advanced, Sequence[TakenPing], Judged]:
    plan, since = reports.plan(), monitor.state.watched_since
    beat = watched.beat
    if watched.watched_since != since:
        beat = begin_beat(plan, since)
    elif watched.replan:
        beat = replan_beat(beat, plan, watched.seen_until)
    # What came in before the monitor was watched, as while its contract was suspended, says nothing.
    counting = [each for each in watched.pings if each.ping.received_at >= since]
    done = advance_beat(beat, plan, [each.ping for each in counting], until, deaf)
    complete = done.taken == len(counting)
    if complete:
        last = watched.pings[-1].number if watched.pings else None
    else:
        last = counting[done.taken - 1].number if done.taken else None
    considered = counting[: done.taken]
    seen = [watched.seen_until, *(each.ping.received_at for each in considered), *([until] if complete else [])]
    entry = Judged(watched.monitor_id, done.beat, since, max(seen), done.due_at, last)
    return done, considered, entry


async def _record(
    happenings: Mapping[UUID, list[Happening]],
    known: Mapping[UUID, Monitor],
    monitors: Monitors,
    announcer: Announcer,
    running_since: datetime,
) -> None:
    """Findings go on the line as checks, in order; where nothing could come in, sight is lost in between."""
    left = {
        monitor_id: [each for each in told if isinstance(each, Found | Blind)]
        for monitor_id, told in happenings.items()
    }
    while any(left.values()):
        checks: list[tuple[UUID, Check]] = []
        blind: list[tuple[UUID, datetime]] = []
        for monitor_id, told in left.items():
            while told and isinstance(found := told[0], Found):
                checks.append((monitor_id, _check(known[monitor_id].subject, found)))
                told.pop(0)
            if told and isinstance(lost := told.pop(0), Blind):
                blind.append((monitor_id, lost.since))
        await record_checks(checks, monitors, announcer, running_since=running_since)
        seen = await monitors.locked(sorted(monitor_id for monitor_id, _ in blind))
        reason = UnknownReason.REPORTS_NOT_RECEIVED
        await keep(
            [(seen[monitor_id], [lose_sight(seen[monitor_id].state, since, reason)]) for monitor_id, since in blind],
            monitors,
            announcer,
        )


def _check(subject: Subject, found: Found) -> Check:
    failure = found.failure
    if failure is not None:
        failure = replace(failure, evidence=_evidence(subject, found.confirmed_at) | dict(failure.evidence))
    return Check(
        location=subject.kind,
        slot=0,
        attempt=0,
        due_at=found.at,
        started_at=found.at,
        finished_at=found.confirmed_at,
        outcome=Outcome.BAD if failure else Outcome.GOOD,
        failure=failure,
    )


def _evidence(subject: Subject, at: datetime) -> dict[str, object]:
    """What every evidence of an outage has; nothing was connected to here."""
    return {
        "checked_at": at.isoformat(),
        "url": subject.url[:2000],
        "addresses": [],
        "refused_addresses": [],
        "timings_ms": {},
        "headers": {},
    }
