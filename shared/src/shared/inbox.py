"""The inbox: which events a consumer has already taken effect of. An event counts once, however often it arrives."""

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

LONGEST_STREAM = timedelta(days=45)
"""No stream may keep its events for longer."""
RETENTION = timedelta(days=60)
"""More than any stream keeps plus the outbox's rewind window (14 days)."""


async def take_once(session: AsyncSession, schema: str, consumer: str, event_id: UUID, now: datetime) -> bool:
    """True for the first delivery of an event to a consumer; its effects commit with this row or not at all."""
    result = await session.execute(
        text(
            f"insert into {schema}.inbox (consumer, event_id, received_at) "  # noqa: S608
            "values (:consumer, :event_id, :now) on conflict do nothing returning true"
        ),
        {"consumer": consumer, "event_id": event_id, "now": now},
    )
    return bool(result.scalar())


async def is_taken(session: AsyncSession, schema: str, consumer: str, event_id: UUID) -> bool:
    """True when the event has taken effect in this consumer."""
    result = await session.execute(
        text(f"select 1 from {schema}.inbox where consumer = :consumer and event_id = :event_id"),  # noqa: S608
        {"consumer": consumer, "event_id": event_id},
    )
    return result.first() is not None


async def prune(session: AsyncSession, schema: str, now: datetime) -> int:
    """Deletes up to 10,000 rows older than the retention; returns how many."""
    result = await session.execute(
        text(
            f"delete from {schema}.inbox where (consumer, event_id) in "  # noqa: S608
            f"(select consumer, event_id from {schema}.inbox where received_at < :before limit 10000)"
        ),
        {"before": now - RETENTION},
    )
    return int(result.rowcount)  # type: ignore[attr-defined]
