"""Heartbeats and their reports in PostgreSQL, and since when somebody has been there to take reports."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.notices import is_new
from probes.application.heartbeats import Judged, TakenPing, WatchedBeat
from probes.domain.heartbeats import Deafness, Heartbeat, Late, Missed, Ping, Signal, Standing
from probes.domain.monitors import Subject
from probes.published.v1 import HeartbeatLate, HeartbeatMissed
from shared.unit_of_work import UnitOfWork

PRESENT = timedelta(seconds=10)
"""Whoever takes reports says so more often than this; a longer silence means that nobody was there."""
MOST_PINGS = 500
"""Reports of one heartbeat that are considered together."""

_WATCH = text("""
insert into probes.heartbeat (monitor_id, tenant_id, client_id, due_at, replan, seen_until, taken_number, newest_at,
    standing, since, overran)
values (:monitor_id, :tenant_id, :client_id, :at, false, :at, 0, :at, 'new', :at, false)
""")
_REPLAN = text("update probes.heartbeat set replan = true, due_at = least(due_at, :at) where monitor_id = :monitor_id")
_DUE = text("""
select h.* from probes.heartbeat h where h.due_at <= :now order by h.due_at limit :limit for update skip locked
""")
_PINGS = text("""
select p.* from unnest(cast(:ids as uuid[]), cast(:taken as bigint[])) as t (monitor_id, taken)
cross join lateral (
    select * from probes.ping p where p.monitor_id = t.monitor_id and p.number > t.taken order by p.number limit :limit
) p
""")
_SAVE = text("""
update probes.heartbeat set due_at = :due_at, watched_since = :watched_since, replan = false, seen_until = :seen_until,
    taken_number = coalesce(:taken_number, taken_number), standing = :standing, since = :since,
    expected_at = :expected_at, started_at = :started_at, overran = :overran, last_report_at = :last_report_at,
    last_success_at = :last_success_at, last_size_bytes = :last_size_bytes
where monitor_id = :monitor_id
""")
_POSTPONE = text("update probes.heartbeat set due_at = :until where monitor_id = any(:ids)")
# The row of the heartbeat is the lock: whoever judges it sees every report before the instant up to which he judges.
_TAKE = text("""
with source as (
    select monitor_id, tenant_id, client_id from probes.report_token where token_hash = :hash
), beat as (
    update probes.heartbeat h set due_at = least(h.due_at, :now),
        newest_at = greatest(:now, h.newest_at + interval '1 microsecond', h.seen_until)
    from source s where h.monitor_id = s.monitor_id returning h.monitor_id, h.newest_at
)
insert into probes.ping (monitor_id, tenant_id, client_id, received_at, signal, payload)
select s.monitor_id, s.tenant_id, s.client_id, b.newest_at, :signal, cast(:payload as jsonb)
from source s join beat b using (monitor_id) returning received_at
""")
_STILL_HERE = text("update probes.receiving set seen_at = greatest(seen_at, :now) where seen_at >= :since")
_HERE_AGAIN = text("insert into probes.receiving (started_at, seen_at) values (:now, :now) on conflict do nothing")
_RECEIVING = text("""
select started_at, seen_at from probes.receiving where seen_at >= :since order by started_at
""")


async def watch_heartbeat(session: AsyncSession, subject: Subject, at: datetime) -> None:
    """A new heartbeat, which is judged from `at` on."""
    await session.execute(
        _WATCH,
        {
            "monitor_id": subject.monitor_id,
            "tenant_id": subject.tenant_id,
            "client_id": subject.client_id,
            "at": at,
        },
    )


async def replan_heartbeat(session: AsyncSession, monitor_id: UUID, at: datetime) -> None:
    """The configuration of a heartbeat has changed: what is expected next is worked out anew."""
    await session.execute(_REPLAN, {"monitor_id": monitor_id, "at": at})


async def take_ping(
    session: AsyncSession, token_hash: bytes, signal: Signal, payload: Mapping[str, Any], now: datetime
) -> datetime | None:
    """Keeps a report and has its heartbeat judged; returns the instant it counts from, None without a heartbeat."""
    found: datetime | None = await session.scalar(
        _TAKE, {"hash": token_hash, "signal": signal.value, "payload": json.dumps(payload), "now": now}
    )
    return found


async def say_receiving(session: AsyncSession, now: datetime) -> None:
    """Somebody is there to take reports, at `now`."""
    here = await session.execute(_STILL_HERE, {"now": now, "since": now - PRESENT})
    if not here.rowcount:  # type: ignore[attr-defined]
        await session.execute(_HERE_AGAIN, {"now": now})


class SqlHeartbeats:
    """The `Heartbeats` of one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def due(self, now: datetime, limit: int) -> Sequence[WatchedBeat]:
        """See the port. Reports are read after the rows are held: none of them can be added meanwhile."""
        rows = (await self._session.execute(_DUE, {"now": now, "limit": limit})).all()
        pings: dict[UUID, list[TakenPing]] = {}
        if rows:
            ids, taken = [row.monitor_id for row in rows], [row.taken_number for row in rows]
            for row in await self._session.execute(_PINGS, {"ids": ids, "taken": taken, "limit": MOST_PINGS}):
                pings.setdefault(row.monitor_id, []).append(TakenPing(row.number, ping_of(row), _versions(row)))
        return [_watched(row, pings.get(row.monitor_id, [])) for row in rows]

    async def save(self, judged: Sequence[Judged]) -> None:
        """See the port."""
        rows = [
            {
                "monitor_id": entry.monitor_id,
                "due_at": entry.due_at,
                "watched_since": entry.watched_since,
                "seen_until": entry.seen_until,
                "taken_number": entry.taken_number,
                "standing": entry.beat.standing.value,
                "since": entry.beat.since,
                "expected_at": entry.beat.expected_at,
                "started_at": entry.beat.started_at,
                "overran": entry.beat.overran,
                "last_report_at": entry.beat.last_report_at,
                "last_success_at": entry.beat.last_success_at,
                "last_size_bytes": entry.beat.last_size_bytes,
            }
            for entry in judged
        ]
        if rows:
            await self._session.execute(_SAVE, rows)

    async def postpone(self, monitor_ids: Sequence[UUID], until: datetime) -> None:
        """See the port."""
        if monitor_ids:
            await self._session.execute(_POSTPONE, {"ids": list(monitor_ids), "until": until})

    async def receiving(self, since: datetime, now: datetime) -> tuple[Sequence[Deafness], datetime]:
        """See the port. Whether the last word of whoever takes reports was his last is known after a while."""
        deaf: list[Deafness] = []
        heard_until = since
        for row in await self._session.execute(_RECEIVING, {"since": since}):
            if row.started_at > heard_until:
                deaf.append(Deafness(heard_until, row.started_at))
            heard_until = max(heard_until, row.seen_at)
        if now - heard_until <= PRESENT:
            return deaf, min(heard_until, now)
        return [*deaf, Deafness(heard_until, now)], now


class SqlHeartbeatNotices:
    """The `HeartbeatNotices` of a unit of work."""

    def __init__(self, unit: UnitOfWork) -> None:
        self._unit = unit

    async def late(self, subject: Subject, notice: Late) -> None:
        """See the port."""
        notice_id = await is_new(subject, "heartbeat.late", notice.expected_at.isoformat(), self._unit)
        if notice_id is not None:
            event = HeartbeatLate(**_told(subject, notice_id), expected_at=notice.expected_at, deadline=notice.deadline)
            self._unit.publish(event, version=1, tenant_id=subject.tenant_id)

    async def missed(self, subject: Subject, notice: Missed) -> None:
        """See the port."""
        notice_id = await is_new(subject, "heartbeat.missed", notice.expected_at.isoformat(), self._unit)
        if notice_id is not None:
            event = HeartbeatMissed(
                **_told(subject, notice_id),
                expected_at=notice.expected_at,
                deadline=notice.deadline,
                last_success_at=notice.last_success_at,
            )
            self._unit.publish(event, version=1, tenant_id=subject.tenant_id)


def _told(subject: Subject, notice_id: UUID) -> dict[str, Any]:
    return {
        "notice_id": notice_id,
        "monitor_id": subject.monitor_id,
        "contract_id": subject.contract_id,
        "client_id": subject.client_id,
        "site_id": subject.site_id,
        "environment_id": subject.environment_id,
        "name": subject.name[:300],
    }


def ping_of(row: Any) -> Ping:
    """A report as it was kept."""
    payload: Mapping[str, Any] = row.payload
    return Ping(
        received_at=row.received_at,
        signal=Signal(row.signal),
        size_bytes=payload.get("size_bytes"),
        duration=_length(payload.get("duration_seconds")),
        age=_length(payload.get("age_seconds")),
        message=payload.get("message"),
    )


def _versions(row: Any) -> list[tuple[str, str]]:
    return [(each["component"], each["version"]) for each in row.payload.get("versions", ())]


def _length(seconds: float | None) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds is not None else None


def _watched(row: Any, pings: Sequence[TakenPing]) -> WatchedBeat:
    return WatchedBeat(
        monitor_id=row.monitor_id,
        beat=Heartbeat(
            standing=Standing(row.standing),
            since=row.since,
            expected_at=row.expected_at,
            started_at=row.started_at,
            overran=row.overran,
            last_report_at=row.last_report_at,
            last_success_at=row.last_success_at,
            last_size_bytes=row.last_size_bytes,
        ),
        watched_since=row.watched_since,
        replan=row.replan,
        seen_until=row.seen_until,
        pings=pings,
    )
