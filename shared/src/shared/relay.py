"""The relay: the only writer of a service's stream. It publishes the outbox in order, behind a fence.

Each publish says which sequence it expects the stream to be at. A mismatch means that we crashed after a publish, that
somebody else writes, or that the stream lost events: `reconcile` handles all three. The advisory lock only chooses who
works; a paused process can wake up still believing that it leads, and the fence stops it.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from uuid import UUID

import psycopg
import structlog
from nats.js import JetStreamContext
from nats.js.api import Header
from nats.js.errors import APIError, NotFoundError
from prometheus_client import Counter, Gauge

from shared.database import FOUND_GONE, libpq_url
from shared.events import CONTENT_TYPE, stream_of
from shared.jetstream import STREAM_DAYS, WRONG_LAST_SEQUENCE, declare_stream, event_stream
from shared.kernel.clock import Clock
from shared.outbox import OutboxRow, OutboxStore, outbox_channel
from shared.telemetry import TRACEPARENT, Attributes, TraceContext, tell_span

log = structlog.get_logger()

BATCH = 200
POLL_SECONDS = 1.0
STANDBY_SECONDS = 1.0
PUBLISH_TIMEOUT = 5.0
COMPARE_EVERY_SECONDS = 5.0
PRUNE_EVERY_SECONDS = 600.0

PUBLISHED = Counter("outbox_published", "Events that the relay has put on its stream", ["service"])
REWOUND = Counter(
    "outbox_rewound", "Events put back to be published again because the stream had lost them", ["service"]
)
OLDEST = Gauge("outbox_oldest_unpublished_seconds", "Age of the oldest event that is not on the stream", ["service"])
LEADING = Gauge("outbox_relay_leading", "1 in the process whose relay publishes", ["service"])


class ForeignWriter(Exception):
    """The stream holds a message that is not ours. Publishing stops until somebody has looked."""


class Relay:
    """Publishes one service's outbox to its stream. `run` never returns; cancel it to stop."""

    def __init__(
        self,
        service: str,
        database_url: str,
        js: JetStreamContext,
        clock: Clock,
        *,
        replicas: int = 1,
        stream_days: int = STREAM_DAYS,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        self._service = service
        self._stream = stream_of(service)
        self._database_url = libpq_url(database_url)
        self._js = js
        self._clock = clock
        self._replicas = replicas
        self._stream_days = stream_days
        self._progress = progress
        # A counter that begins with its first loss would show none: nothing rises from nothing.
        REWOUND.labels(service)

    async def run(self) -> None:
        """Leads when it can, waits when another relay leads. Raises when the database or NATS fails: start it again."""
        connection = await psycopg.AsyncConnection.connect(
            self._database_url, autocommit=True, application_name=f"{self._service} relay", **FOUND_GONE
        )
        async with connection:
            store = OutboxStore(connection, self._service)
            # Told by whoever waits, too, and before NATS is asked for anything: what waits because of it must show.
            await self._observe(store)
            while not await self._try_lead(connection):
                self._progress()
                await asyncio.sleep(STANDBY_SECONDS)
                await self._observe(store)
            log.info("relay_leads", service=self._service)
            LEADING.labels(self._service).set(1)
            try:
                await self._lead(store, connection)
            finally:
                LEADING.labels(self._service).set(0)

    async def compare(self) -> bool:
        """Makes outbox and stream agree once, as the leading relay does all the time.

        False when another relay leads: then it compares every few seconds by itself. Raises ForeignWriter.
        """
        connection = await psycopg.AsyncConnection.connect(
            self._database_url, autocommit=True, application_name=f"{self._service} reconcile", **FOUND_GONE
        )
        async with connection:
            if not await self._try_lead(connection):
                return False
            store = OutboxStore(connection, self._service)
            await self.reconcile(store, await store.last_sequence())
            return True

    async def _try_lead(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        cursor = await connection.execute(
            "select pg_try_advisory_lock(hashtext(%s))", (f"upheld relay {self._service}",)
        )
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def _lead(self, store: OutboxStore, connection: psycopg.AsyncConnection[Any]) -> None:
        await self._declare()
        await connection.execute(f"listen {outbox_channel(self._service)}")
        last = await self.reconcile(store, await store.last_sequence())
        now = asyncio.get_running_loop().time
        prune_at = now()
        compare_at = now() + COMPARE_EVERY_SECONDS
        while True:
            self._progress()
            last, published = await self._publish_batch(store, last)
            await self._observe(store)
            if published == BATCH:
                continue
            if now() >= compare_at:
                # With nothing to publish no fence would tell that the stream has lost events.
                compare_at = now() + COMPARE_EVERY_SECONDS
                last = await self.reconcile(store, last)
            if now() >= prune_at:
                prune_at = now() + PRUNE_EVERY_SECONDS
                await store.prune(self._clock.now())
            await _wait_for_notification(connection, POLL_SECONDS)

    async def _publish_batch(self, store: OutboxStore, last: int) -> tuple[int, int]:
        """Publishes the oldest unpublished rows; returns the stream's last sequence and how many were published."""
        rows = await store.unpublished(BATCH)
        done: list[tuple[UUID, int]] = []
        fenced = False
        try:
            for row in rows:
                sequence, last = await self._publish(row, last)
                done.append((row.event_id, sequence))
        except APIError as error:
            if error.err_code != WRONG_LAST_SEQUENCE:
                raise
            log.warning("relay_wrong_last_sequence", service=self._service, expected=last)
            fenced = True
        finally:
            # What the server has acknowledged is recorded even when the next publish fails.
            with contextlib.suppress(psycopg.OperationalError):
                await store.mark_published(done, self._clock.now())
            PUBLISHED.labels(self._service).inc(len(done))
        if fenced:
            # After the acknowledged rows are recorded: reconcile may have to put those very rows back.
            return await self.reconcile(store, last), len(done)
        return last, len(rows)

    async def _publish(self, row: OutboxRow, last: int) -> tuple[int, int]:
        """One row to the stream, behind the fence; returns the sequence that it has and the stream's last one."""
        headers = {
            Header.MSG_ID.value: str(row.event_id),
            Header.EXPECTED_STREAM.value: self._stream,
            Header.EXPECTED_LAST_SEQUENCE.value: str(last),
            "content-type": CONTENT_TYPE,
            "ce-type": row.type,
        }
        # The event keeps the context in which it was said; its way to whoever handles it goes through this step.
        trace = TraceContext.continue_from(row.traceparent)
        headers[TRACEPARENT] = trace.traceparent
        began = time.perf_counter()
        acknowledgement = await self._js.publish(row.subject, row.payload, timeout=PUBLISH_TIMEOUT, headers=headers)
        tell_span(f"publish {row.type}", "producer", trace, time.perf_counter() - began, partial(_attributes, row))
        # A duplicate (an event republished by hand) keeps its first sequence, and the stream stays where it was.
        return acknowledgement.seq, last if acknowledgement.duplicate else acknowledgement.seq

    async def reconcile(self, store: OutboxStore, last: int) -> int:
        """Makes outbox and stream agree; returns the stream's last sequence.

        A head below `last`: the stream lost events, so their rows are to be published again. A head above: messages
        that we stored before we crashed and did not record; one that is not ours raises ForeignWriter.
        """
        info = await self._stream_info()
        head = int(info.state.last_seq)
        if head < last:
            rewound = await store.rewind(head)
            REWOUND.labels(self._service).inc(rewound)
            log.error("stream_lost_events", service=self._service, stream=self._stream, head=head, rewound=rewound)
            return head
        for sequence in range(last + 1, head + 1):
            await self._adopt(store, sequence)
        return head

    async def _declare(self) -> None:
        await declare_stream(self._js, event_stream(self._service, self._stream_days), self._replicas)

    async def _stream_info(self) -> Any:
        try:
            return await self._js.stream_info(self._stream)
        except NotFoundError:
            # The whole stream is gone (a new volume): an empty one takes its place and is filled from the outbox.
            await self._declare()
            return await self._js.stream_info(self._stream)

    async def _adopt(self, store: OutboxStore, sequence: int) -> None:
        try:
            message = await self._js.get_msg(self._stream, sequence)
        except NotFoundError:
            return  # aged out of the stream
        event_id = _event_id(message.headers or {})
        unknown = event_id is None or await store.mark_published([(event_id, sequence)], self._clock.now())
        if unknown:
            log.critical("foreign_message", service=self._service, stream=self._stream, sequence=sequence)
            raise ForeignWriter(
                f"message {sequence} of stream {self._stream} is not in the outbox of {self._service}: "
                "find out who wrote it before publishing goes on"
            )

    async def _observe(self, store: OutboxStore) -> None:
        oldest = await store.oldest_unpublished()
        age = (self._clock.now() - oldest).total_seconds() if oldest else 0.0
        OLDEST.labels(self._service).set(max(0.0, age))


def _attributes(row: OutboxRow) -> Attributes:
    return {
        "messaging.system": "nats",
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
        "messaging.destination.name": row.subject,
        "messaging.message.id": str(row.event_id),
    }


def _event_id(headers: dict[str, str]) -> UUID | None:
    try:
        return UUID(headers[Header.MSG_ID.value])
    except (KeyError, ValueError):
        return None


async def _wait_for_notification(connection: psycopg.AsyncConnection[Any], seconds: float) -> None:
    """Returns at the first notification, or after the time."""
    notifications: AsyncIterator[Any] = connection.notifies(timeout=seconds, stop_after=1)
    async for _ in notifications:
        pass
