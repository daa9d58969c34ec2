"""Planned work: the newest version of each window, and those that touch a stretch of time."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.kept_rows import keep
from reporting.adapters.tables import Base
from reporting.application.maintenance import KnownWindow, Window
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


class MaintenanceWindow(Base):
    """A window; `begins_at` and `ends_at` span its occurrences and are null when none is left."""

    __tablename__ = "maintenance_window"

    window_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(BigInteger)
    announced_at: Mapped[datetime]
    begins_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    state: Mapped[dict[str, Any]]

    __table_args__ = (Index("ix_maintenance_window_client_id", "client_id", "ends_at"),)


async def remember_window(uow: UnitOfWork, event: ReceivedEvent[Window]) -> None:
    """Keeps a window unless a newer version of it is there."""
    window = event.data
    row = {
        "window_id": window.window_id,
        "tenant_id": event.tenant_id,
        "client_id": window.client_id,
        "version": event.aggregate_version,
        "announced_at": event.time,
        "begins_at": min((each.starts_at for each in window.occurrences), default=None),
        "ends_at": max((each.ends_at for each in window.occurrences), default=None),
        "state": window.model_dump(mode="json"),
    }
    await keep(uow, MaintenanceWindow, row)


async def windows_between(
    session: AsyncSession, client_id: UUID, start: datetime, until: datetime
) -> Sequence[KnownWindow]:
    """The windows of a client that may touch `[start, until)`; one that recurs may pause exactly then."""
    rows = await session.scalars(
        select(MaintenanceWindow)
        .where(
            MaintenanceWindow.client_id == client_id,
            MaintenanceWindow.begins_at < until,
            MaintenanceWindow.ends_at > start,
        )
        .order_by(MaintenanceWindow.begins_at, MaintenanceWindow.window_id)
    )
    return [KnownWindow(Window.model_validate(row.state), row.announced_at) for row in rows]
