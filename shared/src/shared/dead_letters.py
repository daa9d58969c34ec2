"""Dead letters: events that could not be handled, kept with their bytes until somebody replays or discards them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from shared.ids import new_id

ERROR_LENGTH = 4_000


@dataclass(frozen=True)
class DeadLetter:
    id: UUID
    consumer: str
    event_id: UUID | None
    subject: str
    stream: str
    stream_seq: int
    payload: bytes
    error: str
    deliveries: int
    failed_at: datetime
    resolved_at: datetime | None
    resolution: str | None


COLUMNS = (
    "id, consumer, event_id, subject, stream, stream_seq, payload, error, deliveries, failed_at, "
    "resolved_at, resolution"
)


class DeadLetters:
    """The dead letters of one service, in the caller's transaction."""

    def __init__(self, session: AsyncSession, schema: str) -> None:
        self._session = session
        self._table = f"{schema}.dead_letter"

    async def add(
        self,
        *,
        consumer: str,
        event_id: UUID | None,
        subject: str,
        stream: str,
        stream_seq: int,
        payload: bytes,
        error: str,
        deliveries: int,
        now: datetime,
    ) -> None:
        """Keeps an event that failed. The same event failing again updates its open dead letter.

        Bytes that are no event have no id: the same ones are known by their place in the stream.
        """
        await self._session.execute(
            text(
                f"with repeated as (update {self._table} set error = :error, deliveries = :deliveries, "  # noqa: S608
                "failed_at = :now where resolved_at is null and event_id is null and cast(:event_id as uuid) is null "
                "and consumer = :consumer and stream = :stream and stream_seq = :stream_seq and payload = :payload "
                f"returning id) insert into {self._table} (id, consumer, event_id, subject, stream, stream_seq, "
                "payload, error, deliveries, failed_at) select :id, :consumer, cast(:event_id as uuid), :subject, "
                ":stream, :stream_seq, :payload, :error, :deliveries, :now where not exists (select from repeated) "
                "on conflict (consumer, stream, event_id) where resolved_at is null "
                "do update set error = excluded.error, deliveries = excluded.deliveries, "
                "failed_at = excluded.failed_at, stream_seq = excluded.stream_seq"
            ),
            {
                "id": new_id(),
                "consumer": consumer,
                "event_id": event_id,
                "subject": subject,
                "stream": stream,
                "stream_seq": stream_seq,
                "payload": payload,
                "error": error.replace("\x00", "")[:ERROR_LENGTH],
                "deliveries": deliveries,
                "now": now,
            },
        )

    async def open(self, *, after: UUID | None = None, limit: int = 100) -> Sequence[DeadLetter]:
        """Unresolved dead letters in the order of their ids, which is that of their failing."""
        result = await self._session.execute(
            text(
                f"select {COLUMNS} from {self._table} where resolved_at is null "  # noqa: S608
                "and (cast(:after as uuid) is null or id > :after) order by id limit :limit"
            ),
            {"after": after, "limit": limit},
        )
        return [DeadLetter(**row) for row in result.mappings()]

    async def find(self, letter_id: UUID) -> DeadLetter | None:
        result = await self._session.execute(
            text(f"select {COLUMNS} from {self._table} where id = :id for update"),  # noqa: S608
            {"id": letter_id},
        )
        row = result.mappings().first()
        return DeadLetter(**row) if row else None

    async def resolve(self, letter_id: UUID, resolution: str, now: datetime) -> None:
        """Closes a dead letter: `replayed` or `discarded: why`."""
        await self._session.execute(
            text(f"update {self._table} set resolved_at = :now, resolution = :resolution where id = :id"),  # noqa: S608
            {"id": letter_id, "resolution": resolution[:ERROR_LENGTH], "now": now},
        )

    async def count_open(self) -> int:
        result = await self._session.execute(text(f"select count(*) from {self._table} where resolved_at is null"))  # noqa: S608
        return int(result.scalar_one())
