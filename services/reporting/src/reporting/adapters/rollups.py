"""The hourly roll-ups of probes, kept for evidence: that somebody looked, how often, and how often in vain.

One per contract and hour, for ever: the newest of each hour only, compressed, and without an entry in the audit log.
"""

import zlib
from collections.abc import AsyncGenerator, Collection, Iterable
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import BigInteger, Index, and_, or_, select, text
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.kept_rows import keep
from reporting.adapters.tables import HEARD, Base, VouchedRow
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

AT_A_TIME: Final = 200
"""How many roll-ups are read at once."""


class RollupRow(Base):
    """What was last said of an hour of a contract. `payload` is the event byte for byte, compressed by zlib."""

    __tablename__ = "rollup"

    rollup_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    starts_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(BigInteger)
    event_id: Mapped[UUID]
    payload: Mapped[bytes]
    heard: Mapped[int | None] = mapped_column(BigInteger, server_default=HEARD.next_value())

    __table_args__ = (
        Index("ix_rollup_contract_id", "contract_id", "starts_at", "rollup_id"),
        Index("ix_rollup_heard", "heard", postgresql_where=text("heard IS NOT NULL")),
    )


async def remember_rollup(
    uow: UnitOfWork, event: ReceivedEvent[Any], *, rollup_id: UUID, contract_id: UUID, client_id: UUID, at: datetime
) -> bool:
    """Keeps a roll-up of the hour that begins at `at`, unless a newer one of it is there.

    False when nothing follows from it, because a rebuild hears it again.
    """
    row = {
        "rollup_id": rollup_id,
        "tenant_id": event.tenant_id,
        "client_id": client_id,
        "contract_id": contract_id,
        "starts_at": at,
        "version": event.aggregate_version,
        "event_id": event.id,
        "payload": zlib.compress(event.payload),
    }
    return await keep(uow, RollupRow, row)


async def rollups_of(
    uow: UnitOfWork, contract_id: UUID, start: datetime, end: datetime | None, named: Iterable[UUID]
) -> AsyncGenerator[tuple[UUID, bytes]]:
    """The roll-ups of the hours that begin in `[start, end)`, and those that are `named`: event and payload, oldest
    first, some at a time. Without an end, to the newest.
    """
    row = RollupRow
    within = and_(row.starts_at >= start, *([row.starts_at < end] if end is not None else []))
    query = (
        select(row.event_id, row.payload)
        .where(row.contract_id == contract_id, or_(within, row.event_id.in_(list(named))))
        .order_by(row.starts_at, row.rollup_id)
        .execution_options(yield_per=AT_A_TIME)
    )
    rows = await uow.session.stream(query)
    try:
        async for each in rows:
            yield each.event_id, zlib.decompress(each.payload)
    finally:
        await rows.close()


async def vouched_after(uow: UnitOfWork, monitor_ids: Collection[UUID], instant: datetime) -> set[UUID]:
    """Which of these monitors were measured after an instant as well."""
    row = VouchedRow
    found = await uow.session.scalars(
        select(row.monitor_id).where(row.monitor_id.in_(monitor_ids), row.until > instant)
    )
    return set(found)
