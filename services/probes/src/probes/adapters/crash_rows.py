"""Crash reports in PostgreSQL: counted once per period, whatever is reported again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.tables import CrashReportRow, MonitorRow, ReportTokenRow
from probes.domain.crashes import CrashCount

_KEEP = text("""
insert into probes.crash_report (monitor_id, period_start, period_end, platform, version, tenant_id, client_id,
    received_at, sessions, crashes, users, crash_free_users)
values (:monitor_id, :start, :end, :platform, :version, :tenant_id, :client_id, :now, :sessions, :crashes, :users,
    :crash_free_users)
on conflict (monitor_id, period_start, period_end, platform, version) do update set received_at = excluded.received_at,
    sessions = excluded.sessions, crashes = excluded.crashes, users = excluded.users,
    crash_free_users = excluded.crash_free_users
""")
_WINDOW = text("""
select period_start, period_end, platform, version, sessions, crashes, users, crash_free_users
from probes.crash_report where monitor_id = :monitor_id and period_end > :since
""")


async def monitor_reported_to(session: AsyncSession, token_hash: bytes, kind: str) -> UUID | None:
    """The monitor of this kind whose address it is, None when it is nobody's."""
    found: UUID | None = await session.scalar(
        select(ReportTokenRow.monitor_id)
        .join(MonitorRow, MonitorRow.monitor_id == ReportTokenRow.monitor_id)
        .where(ReportTokenRow.token_hash == token_hash, MonitorRow.kind == kind)
    )
    return found


async def keep_counts(
    session: AsyncSession,
    monitor_id: UUID,
    tenant_id: UUID,
    client_id: UUID,
    counts: Sequence[CrashCount],
    now: datetime,
) -> None:
    """Keeps what was counted; a period that is known already is counted as it was told last."""
    await session.execute(
        _KEEP,
        [
            {
                "monitor_id": monitor_id,
                "tenant_id": tenant_id,
                "client_id": client_id,
                "now": now,
                "start": count.start,
                "end": count.end,
                "platform": count.platform,
                "version": count.version,
                "sessions": count.sessions,
                "crashes": count.crashes,
                "users": count.users,
                "crash_free_users": count.crash_free_users,
            }
            for count in counts
        ],
    )


async def counts_since(session: AsyncSession, monitor_id: UUID, since: datetime) -> list[CrashCount]:
    """What was counted in the periods that end after an instant."""
    return [
        CrashCount(
            start=row.period_start,
            end=row.period_end,
            platform=row.platform,
            version=row.version,
            sessions=row.sessions,
            crashes=row.crashes,
            users=row.users,
            crash_free_users=row.crash_free_users,
        )
        for row in await session.execute(_WINDOW, {"monitor_id": monitor_id, "since": since})
    ]


def crash_reports(monitor_id: UUID, since: datetime | None, until: datetime | None) -> Select[Any]:
    """What was counted in the periods of a monitor that end in `[since, until)`."""
    selected = select(CrashReportRow).where(CrashReportRow.monitor_id == monitor_id)
    if since is not None:
        selected = selected.where(CrashReportRow.period_end >= since)
    return selected.where(CrashReportRow.period_end < until) if until is not None else selected
