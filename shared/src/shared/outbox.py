"""The outbox: what a service has said, in the order in which it may be published. The stream is a copy of it.

Read by "not yet published, by id", never by "id greater than the last": identity values are taken before commit, so
a cursor would skip a row that commits late, for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import class_row
from sqlalchemy import TextClause, text

RETENTION = timedelta(days=14)
"""How long published rows stay: longer than it takes to notice that a stream has lost events."""


def insert_statement(schema: str) -> TextClause:
    """Inserts one event. The envelope comes as text and stays the same bytes: json, not jsonb."""
    return text(
        f"insert into {schema}.outbox (event_id, type, subject, aggregate_type, aggregate_id, aggregate_version, "  # noqa: S608
        "envelope, traceparent, occurred_at) values (:event_id, :type, :subject, :aggregate_type, :aggregate_id, "
        ":aggregate_version, cast(:envelope as json), :traceparent, :occurred_at)"
    )


def outbox_channel(schema: str) -> str:
    """The LISTEN/NOTIFY channel that wakes the relay of a service."""
    return f"upheld_outbox_{schema}"


@dataclass(frozen=True)
class OutboxRow:
    id: int
    event_id: UUID
    type: str
    subject: str
    payload: bytes
    traceparent: str | None


class OutboxStore:
    """The relay's view of the outbox, over one dedicated autocommit connection of plain psycopg."""

    def __init__(self, connection: AsyncConnection[Any], schema: str) -> None:
        self._connection = connection
        self._table = f"{schema}.outbox"

    async def unpublished(self, limit: int) -> list[OutboxRow]:
        """The oldest rows that the stream does not have yet, in the order in which to publish them."""
        async with self._connection.cursor(row_factory=class_row(OutboxRow)) as cursor:
            await cursor.execute(
                f"select id, event_id, type, subject, convert_to(envelope::text, 'UTF8') as payload, traceparent "  # noqa: S608
                f"from {self._table} where published_at is null order by id limit %s",
                (limit,),
            )
            return await cursor.fetchall()

    async def last_sequence(self) -> int:
        """The highest stream sequence that a row is known to have; 0 before the first."""
        row = await self._one(f"select coalesce(max(stream_seq), 0) from {self._table}")  # noqa: S608
        return int(row[0])

    async def mark_published(self, published: Sequence[tuple[UUID, int]], at: datetime) -> list[UUID]:
        """Records (event id, stream sequence) pairs; returns the ids that are not in this outbox."""
        if not published:
            return []
        cursor = await self._connection.execute(
            f"update {self._table} o set published_at = %s, stream_seq = p.sequence "  # noqa: S608
            "from unnest(%s::uuid[], %s::bigint[]) as p (event_id, sequence) where o.event_id = p.event_id "
            "returning o.event_id",
            (at, [event_id for event_id, _ in published], [sequence for _, sequence in published]),
        )
        known = {row[0] for row in await cursor.fetchall()}
        return [event_id for event_id, _ in published if event_id not in known]

    async def rewind(self, head: int) -> int:
        """Puts rows that the stream has lost (sequence over `head`) back among the unpublished; returns how many."""
        cursor = await self._connection.execute(
            f"update {self._table} set published_at = null, stream_seq = null where stream_seq > %s",  # noqa: S608
            (head,),
        )
        return cursor.rowcount

    async def oldest_unpublished(self) -> datetime | None:
        row = await self._one(f"select min(occurred_at) from {self._table} where published_at is null")  # noqa: S608
        oldest: datetime | None = row[0]
        return oldest

    async def prune(self, now: datetime) -> int:
        """Deletes rows published before the retention, never the newest published one: its sequence is the fence.

        Looks at the beginning of the stream only. To look for what is old would read the whole table, and as long as
        that takes nothing is published.
        """
        cursor = await self._connection.execute(
            f"delete from {self._table} where id in ("  # noqa: S608
            f"select id from (select id, published_at from {self._table} "
            f"where stream_seq < (select max(stream_seq) from {self._table}) order by stream_seq limit 10000) first "
            "where published_at < %s)",
            (now - RETENTION,),
        )
        return cursor.rowcount

    async def _one(self, query: str) -> tuple[Any, ...]:
        cursor = await self._connection.execute(query)
        row = await cursor.fetchone()
        assert row is not None
        return tuple(row)
