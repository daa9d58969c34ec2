"""Monitors in PostgreSQL: loaded and saved by the batch, with few statements however many there are."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.check_secrets import CheckSecrets, secrets_of
from probes.adapters.documents import (
    edge_documents,
    edges_of,
    failure_documents,
    failures_of,
    finding_documents,
    findings_of,
    gap_documents,
    gaps_of,
    run_document,
    run_of,
)
from probes.adapters.heartbeat_rows import replan_heartbeat, watch_heartbeat
from probes.adapters.monitor_groups import group_news
from probes.domain.dependencies import DEEPEST
from probes.domain.flapping import QUIET
from probes.domain.groups import GroupNews
from probes.domain.monitors import HEARTBEAT, Cadence, Monitor, Source, Subject
from probes.domain.states import (
    Applied,
    BecameUnknown,
    Blip,
    LineChange,
    LocationState,
    MonitorState,
    Outage,
    Paused,
    PauseReason,
    Recovered,
    Restored,
    State,
    Transition,
    Verdict,
    WentDown,
)
from shared.kernel.intervals import Interval

MONITORS_CHANGED = "upheld_probes_monitors"
"""The LISTEN/NOTIFY channel on which the scheduler hears that monitors have changed."""

_OF_MONITORS = """
select monitor_id, location, stale_since, verdict, verdict_since, uncertainty_seconds, confirmed_at, failures,
       last_due, last_at, last_interval_seconds, run, blocked_at
from probes.location_state where monitor_id = any(:ids) order by monitor_id, location
"""
_LOCATIONS = text(_OF_MONITORS)
_HELD_LOCATIONS = text(f"{_OF_MONITORS} for update")
_MONITORS = text("""
select m.monitor_id, m.number, m.tenant_id, m.client_id, m.contract_id, m.site_id, m.environment_id, m.deliverable,
       m.counts_for_sla, m.name, m.url, m.configuration, m.source, m.scheduled, m.third_party, m.interval_seconds,
       m.timeout_seconds, m.rechecks, m.recheck_spacing_seconds, m.recoveries, m.created_at, m.watched_since, m.state,
       m.since, m.version, m.outage_id, m.edges, m.flapping_since, m.parent_id, m.adjustments, m.edition,
       m.removed_at is not null as removed, m.group_id, m.critical_periods,
       o.caused_by, o.down_since, o.down_since_uncertainty_seconds, o.confirmed_at, o.failures, o.locations, o.gaps
from probes.monitor m left join probes.outage o on o.outage_id = m.outage_id
where m.monitor_id = any(:ids) order by m.monitor_id
""")
# Windows that matter: not over before the present state began, or hardly, and the next ones. The state changes at the
# edges of every window, so that few are ever behind it.
_WINDOWS = text("""
select m.monitor_id, w.starts_at, w.ends_at
from probes.monitor m cross join lateral (
    select o.starts_at, o.ends_at from probes.maintenance_occurrence o
    where o.covers in (m.environment_id, m.site_id, m.client_id) and o.ends_at > m.since - interval '1 hour'
    order by o.starts_at limit 50
) w
where m.monitor_id = any(:ids)
""")
_SUSPICIOUS = text("select monitor_id from probes.location_state where location = :location and run is not null")
_ABOVE = text("""
with recursive above (monitor_id, depth) as (
    select m.monitor_id, 0 from probes.monitor m where m.monitor_id = any(:ids)
    union
    select m.parent_id, depth + 1 from probes.monitor m join above a on m.monitor_id = a.monitor_id
    where m.parent_id is not null and depth < :deepest
)
select distinct monitor_id from above
""")
_PARENTS = text("""
with recursive above (monitor_id, parent_id, depth) as (
    select monitor_id, parent_id, 0 from probes.monitor where monitor_id = :monitor_id
    union all
    select m.monitor_id, m.parent_id, depth + 1 from probes.monitor m join above a on m.monitor_id = a.parent_id
    where depth < 100
)
select monitor_id, parent_id from above
""")
_DEPEND = text("""
update probes.monitor set parent_id = :parent_id, edition = edition + 1 where monitor_id = :monitor_id
""")
_TOUCH = text("""
update probes.location_state l
set last_due = t.last_due, last_at = t.last_at, last_interval_seconds = t.interval
from unnest(cast(:ids as uuid[]), cast(:locations as text[]), cast(:dues as timestamptz[]), cast(:ats as timestamptz[]),
            cast(:intervals as float8[])) as t (monitor_id, location, last_due, last_at, interval)
where l.monitor_id = t.monitor_id and l.location = t.location
""")
_KEEP_LOCATION = text("""
insert into probes.location_state (monitor_id, location, tenant_id, client_id, stale_since, verdict, verdict_since,
    uncertainty_seconds, confirmed_at, failures, last_due, last_at, last_interval_seconds, run, blocked_at)
values (:monitor_id, :location, :tenant_id, :client_id, :stale_since, :verdict, :verdict_since, :uncertainty,
    :confirmed_at, cast(:failures as jsonb), :last_due, :last_at, :last_interval, cast(:run as jsonb),
    :blocked_at)
on conflict (monitor_id, location) do update set stale_since = excluded.stale_since, verdict = excluded.verdict,
    verdict_since = excluded.verdict_since, uncertainty_seconds = excluded.uncertainty_seconds,
    confirmed_at = excluded.confirmed_at, failures = excluded.failures, last_due = excluded.last_due,
    last_at = excluded.last_at, last_interval_seconds = excluded.last_interval_seconds, run = excluded.run,
    blocked_at = excluded.blocked_at
""")
_ADD = text("""
insert into probes.monitor (monitor_id, tenant_id, client_id, contract_id, site_id, environment_id, deliverable,
    counts_for_sla, kind, name, url, configuration, source, scheduled, third_party, interval_seconds, timeout_seconds,
    rechecks, recheck_spacing_seconds, recoveries, created_at, watched_since, state, since, version, group_id)
values (:monitor_id, :tenant_id, :client_id, :contract_id, :site_id, :environment_id, :deliverable, :counts_for_sla,
    :kind, :name, :url, cast(:configuration as jsonb), :source, :scheduled, :third_party, :interval_seconds,
    :timeout_seconds, :rechecks, :recheck_spacing_seconds, :recoveries, :at, :at, :state, :at, :version, :group_id)
""")
_REVISE = text("""
update probes.monitor set site_id = :site_id, counts_for_sla = :counts_for_sla, kind = :kind, name = :name, url = :url,
    configuration = cast(:configuration as jsonb), third_party = :third_party,
    interval_seconds = :interval_seconds, timeout_seconds = :timeout_seconds, rechecks = :rechecks,
    recheck_spacing_seconds = :recheck_spacing_seconds, recoveries = :recoveries, edition = edition + 1
where monitor_id = :monitor_id
""")
_ADJUST = text("update probes.monitor set adjustments = cast(:adjustments as jsonb) where monitor_id = :monitor_id")
_REMOVE = text("""
update probes.monitor set removed_at = :at, reason = :reason, edition = edition + 1 where monitor_id = :monitor_id
""")
_KEEP_RULES = text("""
insert into probes.monitor_rules (monitor_id, effective_from, tenant_id, client_id, contract_version, interval_seconds,
    timeout_seconds, rechecks, recheck_spacing_seconds, recoveries)
values (:monitor_id, :effective_from, :tenant_id, :client_id, :contract_version, :interval_seconds, :timeout_seconds,
    :rechecks, :recheck_spacing_seconds, :recoveries)
on conflict (monitor_id, effective_from) do update set contract_version = excluded.contract_version,
    interval_seconds = excluded.interval_seconds, timeout_seconds = excluded.timeout_seconds,
    rechecks = excluded.rechecks, recheck_spacing_seconds = excluded.recheck_spacing_seconds,
    recoveries = excluded.recoveries
""")
_KEEP_STATE = text("""
update probes.monitor set state = :state, since = :since, version = :version, watched_since = :watched_since,
    reason = case when :moved then cast(:reason as text) else reason end,
    outage_id = :outage_id, edges = cast(:edges as jsonb), flapping_since = :flapping_since
where monitor_id = :monitor_id
""")
_OPEN_OUTAGE = text("""
insert into probes.outage (outage_id, tenant_id, client_id, contract_id, site_id, environment_id, monitor_id,
    counts_for_sla, third_party, caused_by, name, url, down_since, down_since_uncertainty_seconds, confirmed_at, reason,
    detail, failures, locations, gaps)
values (:outage_id, :tenant_id, :client_id, :contract_id, :site_id, :environment_id, :monitor_id, :counts_for_sla,
    :third_party, :caused_by, :name, :url, :down_since, :uncertainty, :confirmed_at, :reason, :detail,
    cast(:failures as jsonb), cast(:locations as jsonb), cast(:gaps as jsonb))
on conflict (outage_id) do nothing
""")
_KEEP_GAPS = text("update probes.outage set gaps = cast(:gaps as jsonb) where outage_id = :outage_id")
_END_OUTAGE = text("""
update probes.outage set ended_at = :ended_at, ended_at_uncertainty_seconds = :uncertainty,
    recovery_confirmed_at = :confirmed_at, ending = :ending, gaps = cast(:gaps as jsonb)
where outage_id = :outage_id and ended_at is null
""")
_KEEP_BLIP = text("""
insert into probes.blip (monitor_id, location, first_at, tenant_id, client_id, last_at, ended_at, failures)
values (:monitor_id, :location, :first_at, :tenant_id, :client_id, :last_at, :ended_at, cast(:failures as jsonb))
on conflict do nothing
""")
_ADD_STRETCH = text("""
insert into probes.stretch
    (monitor_id, version, tenant_id, client_id, state, started_at, ended_at, reason, outage_id)
values (:monitor_id, :version, :tenant_id, :client_id, :state, :started_at, :ended_at, :reason, :outage_id)
""")
_CUT_AWAY = text("""
delete from probes.stretch s using unnest(cast(:ids as uuid[]), cast(:ats as timestamptz[])) as t (monitor_id, at)
where s.monitor_id = t.monitor_id and s.started_at >= t.at
""")
_CUT_SHORT = text("""
update probes.stretch s set ended_at = t.at
from unnest(cast(:ids as uuid[]), cast(:ats as timestamptz[])) as t (monitor_id, at)
where s.monitor_id = t.monitor_id and (s.ended_at is null or s.ended_at > t.at)
""")
# What time alone does: results fall due, windows open and close, flapping ends.
# Hardly a location is overdue by the interval of its last check alone, which is the least: only those are joined.
_SILENT = text("""
with overdue as materialized (
    select monitor_id, last_due, last_interval_seconds from probes.location_state
    where (stale_since is null or run is not null)
      and last_due + 2 * coalesce(last_interval_seconds, 0) * interval '1 second' < :now)
select l.monitor_id from overdue l join probes.monitor m using (monitor_id)
where m.state <> 'paused' and m.scheduled
  and l.last_due + (2 * greatest(l.last_interval_seconds, m.interval_seconds) + m.timeout_seconds)
      * interval '1 second' < :now
union
select m.monitor_id from probes.maintenance_occurrence w
join probes.monitor m on m.environment_id = w.covers or m.site_id = w.covers or m.client_id = w.covers
where m.state not in ('paused', 'maintenance') and w.starts_at <= :now and w.ends_at > greatest(:now, m.since)
union
select m.monitor_id from probes.monitor m
where m.state = 'maintenance' and not exists (
    select from probes.maintenance_occurrence w
    where w.covers in (m.environment_id, m.site_id, m.client_id) and w.starts_at <= :now and w.ends_at > :now)
union
select m.monitor_id from probes.monitor m where m.flapping_since is not null and m.state <> 'paused'
  and cast(m.edges -> -1 ->> 'at' as timestamptz) <= cast(:now as timestamptz) - cast(:quiet as interval)
limit :limit
""")


class SqlMonitors:
    """The `Monitors` of one transaction. They have their secrets; the database has them sealed."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session
        self._secrets = secrets_of(session)

    async def locked(self, monitor_ids: Sequence[UUID]) -> Mapping[UUID, Monitor]:
        """See the port. The rows of the locations are the lock, taken in one order."""
        return await self._read(list(monitor_ids), _HELD_LOCATIONS) if monitor_ids else {}

    async def _read(self, ids: Sequence[UUID], locations_of: TextClause) -> Mapping[UUID, Monitor]:
        locations: dict[UUID, dict[str, LocationState]] = {}
        for row in await self._session.execute(locations_of, {"ids": ids}):
            locations.setdefault(row.monitor_id, {})[row.location] = _location(row)
        # A statement of its own: it sees what was committed while we waited for the lock.
        rows = list(await self._session.execute(_MONITORS, {"ids": ids}))
        windows: dict[UUID, list[Interval]] = {}
        for row in await self._session.execute(_WINDOWS, {"ids": ids}):
            windows.setdefault(row.monitor_id, []).append(Interval(row.starts_at, row.ends_at))
        return {
            row.monitor_id: _monitor(
                row, locations.get(row.monitor_id, {}), windows.get(row.monitor_id, ()), self._secrets
            )
            for row in rows
        }

    async def suspicious(self, location: str) -> Sequence[UUID]:
        """See the port."""
        return list(await self._session.scalars(_SUSPICIOUS, {"location": location}))

    async def seen(self, monitor_ids: Sequence[UUID]) -> Mapping[UUID, Monitor]:
        """See the port."""
        if not monitor_ids:
            return {}
        found = await self._session.scalars(_ABOVE, {"ids": list(monitor_ids), "deepest": DEEPEST})
        return await self._read(list(found), _LOCATIONS)

    async def parents_of(self, monitor_id: UUID) -> Mapping[UUID, UUID | None]:
        """See the port."""
        rows = await self._session.execute(_PARENTS, {"monitor_id": monitor_id})
        return {row.monitor_id: row.parent_id for row in rows}

    async def depend(self, monitor_id: UUID, parent_id: UUID | None) -> None:
        """See the port."""
        await self._session.execute(_DEPEND, {"monitor_id": monitor_id, "parent_id": parent_id})

    async def of_contract(self, contract_id: UUID) -> Mapping[UUID, Monitor]:
        """See the port."""
        found = await self._session.scalars(
            text(
                "select monitor_id from probes.monitor where contract_id = :contract_id and removed_at is null "
                "order by monitor_id"
            ),
            {"contract_id": contract_id},
        )
        return await self.locked(list(found))

    async def silent(self, now: datetime, limit: int) -> Sequence[UUID]:
        """See the port."""
        return list(await self._session.scalars(_SILENT, {"now": now, "quiet": QUIET, "limit": limit}))

    async def add(self, subject: Subject, cadence: Cadence, applied: Applied, contract_version: int) -> None:
        """See the port."""
        state = applied.state
        values = self._kept(subject) | _cadence_values(cadence)
        await self._session.execute(_ADD, values | {"at": state.since, "state": state.state.value, "version": 0})
        await self._keep_rules(subject, cadence, state.since, contract_version)
        await self._keep_locations([(subject, location) for location in state.locations.values()])
        await self._keep_lines([(subject, applied.line)])
        await self._keep_states([(state, applied.line)])
        if subject.kind == HEARTBEAT:
            await watch_heartbeat(self._session, subject, state.since)

    async def revise(
        self, monitor: Monitor, subject: Subject, cadence: Cadence, effective_from: datetime, contract_version: int
    ) -> None:
        """See the port."""
        await self._session.execute(_REVISE, self._kept(subject) | _cadence_values(cadence))
        if subject.kind == HEARTBEAT:
            await replan_heartbeat(self._session, subject.monitor_id, effective_from)
        if cadence != monitor.cadence:
            await self._keep_rules(subject, cadence, effective_from, contract_version)

    def _kept(self, subject: Subject) -> dict[str, Any]:
        return _subject_values(subject) | {"configuration": json.dumps(self._secrets.closed(subject.configuration))}

    async def adjust(self, monitor_id: UUID, adjustments: Mapping[str, object]) -> None:
        """See the port."""
        values = {"monitor_id": monitor_id, "adjustments": json.dumps(self._secrets.closed(adjustments))}
        await self._session.execute(_ADJUST, values)

    async def remove(self, monitor_id: UUID, at: datetime) -> None:
        """See the port."""
        values = {"monitor_id": monitor_id, "at": at, "reason": PauseReason.REMOVED.value}
        await self._session.execute(_REMOVE, values)

    async def save(self, changes: Sequence[tuple[Monitor, Sequence[Applied]]]) -> None:
        """See the port. A statement of each kind serves all monitors: a restart changes every one of them at once."""
        seen: list[tuple[UUID, LocationState]] = []
        changed: list[tuple[Subject, LocationState]] = []
        blips: list[tuple[Subject, Blip]] = []
        lines: list[tuple[Subject, Sequence[LineChange]]] = []
        states: list[tuple[MonitorState, Sequence[LineChange]]] = []
        outages: list[tuple[Subject, Transition]] = []
        for before, steps in changes:
            subject, after = before.subject, steps[-1].state
            for location, only_seen in _changes(before.state, after):
                if only_seen:
                    seen.append((subject.monitor_id, location))
                else:
                    changed.append((subject, location))
            blips += [(subject, blip) for step in steps for blip in step.blips]
            outages += [(subject, transition) for step in steps for transition in step.transitions]
            line = [change for step in steps for change in step.line]
            if line:
                lines.append((subject, line))
            if line or after.version != before.state.version:
                states.append((after, line))
        await self._touch(seen)
        await self._keep_locations(changed)
        await self._keep_blips(blips)
        for subject, transition in outages:
            await self._keep_outage(subject, transition)
        await self._keep_lines(lines)
        await self._keep_states(states)

    async def follow_groups(self, changes: Sequence[tuple[Monitor, Sequence[Applied]]]) -> Sequence[GroupNews]:
        """See the port."""
        moved: dict[UUID, list[tuple[datetime, Monitor, State]]] = {}
        for monitor, steps in changes:
            line = [change for step in steps for change in step.line]
            if monitor.subject.group_id is not None and line:
                moved.setdefault(monitor.subject.group_id, []).extend(
                    (change.at, monitor, change.state) for change, _ in stretches_of(line)
                )
        return await group_news(self._session, moved)

    async def wake_scheduler(self) -> None:
        """See the port."""
        await self._session.execute(text("select pg_notify(:channel, '')"), {"channel": MONITORS_CHANGED})

    async def _touch(self, seen: Sequence[tuple[UUID, LocationState]]) -> None:
        if not seen:
            return
        await self._session.execute(
            _TOUCH,
            {
                "ids": [monitor_id for monitor_id, _ in seen],
                "locations": [location.location for _, location in seen],
                "dues": [location.last_due for _, location in seen],
                "ats": [location.last_at for _, location in seen],
                "intervals": [
                    location.last_interval.total_seconds() if location.last_interval else None for _, location in seen
                ],
            },
        )

    async def _keep_locations(self, changed: Sequence[tuple[Subject, LocationState]]) -> None:
        if changed:
            await self._session.execute(
                _KEEP_LOCATION, [_location_values(subject, location) for subject, location in changed]
            )

    async def _keep_rules(self, subject: Subject, cadence: Cadence, since: datetime, contract_version: int) -> None:
        await self._session.execute(
            _KEEP_RULES,
            _subject_values(subject)
            | _cadence_values(cadence)
            | {"effective_from": since, "contract_version": contract_version},
        )

    async def _keep_states(self, states: Sequence[tuple[MonitorState, Sequence[LineChange]]]) -> None:
        rows = [
            {
                "monitor_id": state.monitor_id,
                "state": state.state.value,
                "since": state.since,
                "moved": bool(line),
                "reason": line[-1].reason if line else None,
                "version": state.version,
                "watched_since": state.watched_since,
                "outage_id": state.outage.outage_id if state.outage else None,
                "edges": json.dumps(edge_documents(state.edges)),
                "flapping_since": state.flapping_since,
            }
            for state, line in states
        ]
        if rows:
            await self._session.execute(_KEEP_STATE, rows)

    async def _keep_lines(self, lines: Sequence[tuple[Subject, Sequence[LineChange]]]) -> None:
        """Each line ends what holds at its first instant and takes the place of whatever was said for later ones."""
        if not lines:
            return
        cuts = {
            "ids": [subject.monitor_id for subject, _ in lines],
            "ats": [min(change.at for change in line) for _, line in lines],
        }
        await self._session.execute(_CUT_AWAY, cuts)
        await self._session.execute(_CUT_SHORT, cuts)
        rows = [
            {
                "monitor_id": subject.monitor_id,
                "version": change.version,
                "tenant_id": subject.tenant_id,
                "client_id": subject.client_id,
                "state": change.state.value,
                "started_at": change.at,
                "ended_at": ended_at,
                "reason": change.reason,
                "outage_id": change.outage_id,
            }
            for subject, line in lines
            for change, ended_at in stretches_of(line)
        ]
        await self._session.execute(_ADD_STRETCH, rows)

    async def _keep_outage(self, subject: Subject, transition: Transition) -> None:
        match transition:
            case WentDown(outage=outage):
                await self._open(subject, outage)
            case BecameUnknown(outage=outage) if outage is not None:
                await self._session.execute(
                    _KEEP_GAPS, {"outage_id": outage.outage_id, "gaps": json.dumps(gap_documents(outage.gaps))}
                )
            case Recovered(outage=outage):
                await self._end(outage, transition.recovered_at, "recovered", transition)
            case Paused(outage=outage) if outage is not None:
                await self._end(outage, transition.since, "paused", None)
            case Restored(outage=outage) if outage is not None:
                await self._session.execute(
                    _KEEP_GAPS, {"outage_id": outage.outage_id, "gaps": json.dumps(gap_documents(outage.gaps))}
                )
            case _:
                return

    async def _open(self, subject: Subject, outage: Outage) -> None:
        await self._session.execute(
            _OPEN_OUTAGE,
            _subject_values(subject)
            | {
                "outage_id": outage.outage_id,
                "down_since": outage.down_since,
                "uncertainty": outage.uncertainty.total_seconds(),
                "caused_by": outage.caused_by,
                "confirmed_at": outage.confirmed_at,
                "reason": outage.failure.reason.value,
                "detail": outage.failure.detail,
                "failures": json.dumps(failure_documents(outage.failures)),
                "locations": json.dumps(finding_documents(outage.locations)),
                "gaps": json.dumps(gap_documents(outage.gaps)),
            },
        )

    async def _end(self, outage: Outage, at: datetime, ending: str, recovered: Recovered | None) -> None:
        await self._session.execute(
            _END_OUTAGE,
            {
                "outage_id": outage.outage_id,
                "ended_at": max(at, outage.down_since),
                "uncertainty": recovered.uncertainty.total_seconds() if recovered else 0.0,
                "confirmed_at": recovered.confirmed_at if recovered else None,
                "ending": ending,
                "gaps": json.dumps(gap_documents(outage.gaps)),
            },
        )

    async def _keep_blips(self, blips: Sequence[tuple[Subject, Blip]]) -> None:
        rows = [
            {
                "monitor_id": subject.monitor_id,
                "location": blip.location,
                "first_at": blip.first_at,
                "tenant_id": subject.tenant_id,
                "client_id": subject.client_id,
                "last_at": blip.last_at,
                "ended_at": blip.ended_at,
                "failures": json.dumps(failure_documents(blip.failures)),
            }
            for subject, blip in blips
        ]
        if rows:
            await self._session.execute(_KEEP_BLIP, rows)


def stretches_of(line: Sequence[LineChange]) -> list[tuple[LineChange, datetime | None]]:
    """The stretches that a series of changes leaves, each with its end: a change replaces what was said for later."""
    kept: list[LineChange] = []
    for change in line:
        kept = [*(earlier for earlier in kept if earlier.at < change.at), change]
    return list(zip(kept, [*(change.at for change in kept[1:]), None], strict=True))


def _location_values(subject: Subject, location: LocationState) -> dict[str, Any]:
    return {
        "monitor_id": subject.monitor_id,
        "location": location.location,
        "tenant_id": subject.tenant_id,
        "client_id": subject.client_id,
        "stale_since": location.stale_since,
        "verdict": location.verdict.value if location.verdict else None,
        "verdict_since": location.verdict_since,
        "uncertainty": location.uncertainty.total_seconds(),
        "confirmed_at": location.confirmed_at,
        "failures": json.dumps(failure_documents(location.failures)),
        "last_due": location.last_due,
        "last_at": location.last_at,
        "last_interval": location.last_interval.total_seconds() if location.last_interval else None,
        "run": json.dumps(run_document(location.run)) if location.run else None,
        "blocked_at": location.blocked_at,
    }


def _changes(before: MonitorState, after: MonitorState) -> Iterator[tuple[LocationState, bool]]:
    """The locations that differ, each with whether only its last check is new."""
    for name, location in after.locations.items():
        known = before.locations.get(name)
        if location is known or location == known:
            continue
        seen = known and replace(
            known, last_due=location.last_due, last_at=location.last_at, last_interval=location.last_interval
        )
        yield location, seen == location


def _subject_values(subject: Subject) -> dict[str, Any]:
    return {
        "monitor_id": subject.monitor_id,
        "tenant_id": subject.tenant_id,
        "client_id": subject.client_id,
        "contract_id": subject.contract_id,
        "site_id": subject.site_id,
        "environment_id": subject.environment_id,
        "deliverable": subject.deliverable,
        "counts_for_sla": subject.counts_for_sla,
        "kind": subject.kind,
        "name": subject.name,
        "url": subject.url,
        "source": subject.source.value,
        "scheduled": subject.scheduled,
        "third_party": subject.third_party,
        "group_id": subject.group_id,
    }


def _cadence_values(cadence: Cadence) -> dict[str, Any]:
    return {
        "interval_seconds": cadence.interval_seconds,
        "timeout_seconds": cadence.timeout_seconds,
        "rechecks": cadence.rechecks,
        "recheck_spacing_seconds": cadence.recheck_spacing_seconds,
        "recoveries": cadence.recoveries,
    }


def _location(row: Any) -> LocationState:
    return LocationState(
        location=row.location,
        stale_since=row.stale_since,
        verdict=Verdict(row.verdict) if row.verdict else None,
        verdict_since=row.verdict_since,
        uncertainty=timedelta(seconds=row.uncertainty_seconds),
        confirmed_at=row.confirmed_at,
        failures=failures_of(row.failures),
        last_due=row.last_due,
        last_at=row.last_at,
        last_interval=timedelta(seconds=row.last_interval_seconds) if row.last_interval_seconds is not None else None,
        run=run_of(row.run) if row.run else None,
        blocked_at=row.blocked_at,
    )


def _monitor(
    row: Any, locations: Mapping[str, LocationState], windows: Sequence[Interval], secrets: CheckSecrets
) -> Monitor:
    subject = Subject(
        row.monitor_id,
        row.tenant_id,
        row.client_id,
        row.contract_id,
        row.site_id,
        row.environment_id,
        row.deliverable,
        row.counts_for_sla,
        row.name,
        row.url,
        secrets.as_far_as_known(row.configuration),
        Source(row.source),
        row.scheduled,
        row.third_party,
        row.group_id,
    )
    cadence = Cadence(
        row.interval_seconds, row.timeout_seconds, row.rechecks, row.recheck_spacing_seconds, row.recoveries
    )
    state = MonitorState(
        monitor_id=row.monitor_id,
        state=State(row.state),
        since=row.since,
        version=row.version,
        watched_since=row.watched_since,
        locations=locations,
        outage=_outage(row) if row.outage_id is not None else None,
        edges=edges_of(row.edges),
        flapping_since=row.flapping_since,
    )
    return Monitor(
        row.number,
        subject,
        cadence,
        row.created_at,
        state,
        tuple(windows),
        row.parent_id,
        secrets.as_far_as_known(row.adjustments),
        row.edition,
        row.removed,
        tuple(row.critical_periods),
    )


def _outage(row: Any) -> Outage:
    failures = failures_of(row.failures)
    return Outage(
        outage_id=row.outage_id,
        down_since=row.down_since,
        uncertainty=timedelta(seconds=row.down_since_uncertainty_seconds),
        confirmed_at=row.confirmed_at,
        failure=failures[0],
        failures=failures,
        locations=findings_of(row.locations),
        gaps=gaps_of(row.gaps),
        caused_by=row.caused_by,
    )
