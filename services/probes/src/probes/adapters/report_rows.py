"""What reports to us by itself, as the API reads and changes it. Row-level security says whose rows these are."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.tables import HeartbeatRow, MonitorRow, PingRow, ReportTokenRow


def heartbeats(
    *,
    monitor_id: UUID | None = None,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    standing: str | None = None,
) -> Select[Any]:
    """The heartbeats that fit, each with its monitor; None is any."""
    wanted = [
        column == value
        for column, value in (
            (HeartbeatRow.monitor_id, monitor_id),
            (HeartbeatRow.client_id, client_id),
            (MonitorRow.contract_id, contract_id),
            (HeartbeatRow.standing, standing),
        )
        if value is not None
    ]
    joined: Any = select(HeartbeatRow, MonitorRow).join(MonitorRow, MonitorRow.monitor_id == HeartbeatRow.monitor_id)
    selected: Select[Any] = joined.where(*wanted)
    return selected


def pings(monitor_id: UUID, since: datetime | None, until: datetime | None) -> Select[Any]:
    """The reports of one heartbeat that came in during `[since, until)`."""
    selected = select(PingRow).where(PingRow.monitor_id == monitor_id)
    if since is not None:
        selected = selected.where(PingRow.received_at >= since)
    return selected.where(PingRow.received_at < until) if until is not None else selected


async def issue_token(session: AsyncSession, monitor: MonitorRow, hashed: bytes, now: datetime) -> None:
    """Makes this the only token of a monitor."""
    values = insert(ReportTokenRow).values(
        monitor_id=monitor.monitor_id,
        token_hash=hashed,
        tenant_id=monitor.tenant_id,
        client_id=monitor.client_id,
        issued_at=now,
    )
    kept = {"token_hash": values.excluded.token_hash, "issued_at": values.excluded.issued_at}
    await session.execute(values.on_conflict_do_update(index_elements=["monitor_id"], set_=kept))
