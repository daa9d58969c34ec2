"""Consuming events: at least once from JetStream, exactly once in effect.

Inbox row, effects and the consumer's own events are one transaction; the acknowledgement comes after the commit, never
before. Delivery order is nobody's promise: handlers are written so that it does not matter.
"""

import asyncio
import contextlib
import math
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar, get_args, get_type_hints
from uuid import UUID

import psycopg
import sqlalchemy.exc
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig
from nats.js.errors import FetchTimeoutError, NotFoundError
from prometheus_client import Counter, Gauge
from pydantic import AwareDatetime, BaseModel, ValidationError

from shared.dead_letters import DeadLetters
from shared.events import Envelope, EventName, ReceivedEvent
from shared.inbox import is_taken, take_once
from shared.jetstream import (
    ADVISORIES,
    ADVISORY_STREAM,
    FOR_EVER,
    ConsumerDeclaration,
    declare_consumer,
    declare_stream,
)
from shared.telemetry import TRACEPARENT, TraceContext, tell_span, traced
from shared.unit_of_work import UnitOfWork, UnitsOfWork

log = structlog.get_logger()

RETRY_DELAYS = (1.0, 2.0, 5.0, 15.0, 60.0, 180.0, 600.0)
"""Seconds before the next try of an event whose handler failed."""
MAX_DELIVER = len(RETRY_DELAYS) + 1
ACK_WAIT = 30.0
ACK_TIMEOUT = 5.0
FETCH_SECONDS = 5.0
HEARTBEAT_SECONDS = 1.0
DATABASE_RETRY_SECONDS = 0.5
STREAM_MISSING_SECONDS = 0.5
OBSERVE_SECONDS = 15.0

CONSUMED = Counter("events_consumed", "Deliveries of events, by outcome", ["consumer", "event", "outcome"])
DEAD = Gauge("dead_letters_open", "Events that could not be handled and wait for somebody", ["consumer"])
PENDING = Gauge(
    "events_pending", "Events on a stream that this consumer has not been given yet", ["consumer", "stream"]
)

Handler = Callable[[ReceivedEvent[Any], UnitOfWork], Awaitable[None]]
T = TypeVar("T")
H = TypeVar("H", bound=Callable[..., Awaitable[None]])


class PermanentError(Exception):
    """This event can never be handled: it becomes a dead letter at once, without further tries."""


@dataclass(frozen=True)
class Subscription:
    """One handler of one event, with the consumer's own model of its data; `model` None takes any data as a dict."""

    name: EventName
    model: type[BaseModel] | None
    handle: Handler


class Handlers:
    """What a service consumes. One consumer name per service: its durables and inbox rows carry it."""

    def __init__(self, consumer: str) -> None:
        self.consumer = consumer
        self._subscriptions: dict[EventName, list[Subscription]] = {}
        self._streams: dict[str, Handler] = {}

    def on(self, name: str) -> Callable[[H], H]:
        """Registers a handler for `service.aggregate.event.vN`; the model is read from its first parameter's type.

        Several parts of a service may read one event, each what it needs: they run in one transaction, in this order.
        """
        parsed = EventName.parse(name)

        def register(handle: H) -> H:
            self._subscriptions.setdefault(parsed, []).append(Subscription(parsed, _model_of(handle), handle))
            return handle

        return register

    def on_every(self, *services: str) -> Callable[[H], H]:
        """Registers one handler that sees every event of these services, before the event's own handler."""

        def register(handle: H) -> H:
            for service in services:
                self._streams[service] = handle
            return handle

        return register

    def __iter__(self) -> Iterator[Subscription]:
        return (subscription for found in self._subscriptions.values() for subscription in found)

    def for_event(self, name: EventName) -> list[Subscription]:
        """The handlers of an event, in the order in which they run; none for an event that is not ours."""
        found = []
        if name.service in self._streams:
            found.append(Subscription(name, None, self._streams[name.service]))
        return [*found, *self._subscriptions.get(name, [])]

    def declarations(self) -> list[ConsumerDeclaration]:
        """One durable consumer per stream, filtered to what is handled."""
        filters: dict[str, set[str]] = defaultdict(set)
        for name in self._subscriptions:
            filters[name.service].add(name.subject_filter)
        for service in self._streams:
            filters[service] = {f"{service}.>"}
        return [
            ConsumerDeclaration(
                stream=EventName(service, "", "", 1).stream,
                durable=self.consumer,
                filter_subjects=sorted(subjects),
                ack_wait=ACK_WAIT,
                max_deliver=MAX_DELIVER,
            )
            for service, subjects in sorted(filters.items())
        ]


def _model_of(handle: Callable[..., Awaitable[None]]) -> type[BaseModel] | None:
    """The `T` of the handler's `event: ReceivedEvent[T]`."""
    hints = get_type_hints(handle)
    first = next(iter(hints.values()))
    (model,) = get_args(first)
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


class EventProcessor:
    """Gives one event to its handlers in one transaction. The consumer, replay and tests all use this."""

    def __init__(self, handlers: Handlers, units: UnitsOfWork, schema: str) -> None:
        self.handlers = handlers
        self.units = units
        self.schema = schema

    async def process(self, payload: bytes, traceparent: str | None = None) -> bool:
        """True when the event took effect now, False when it had before or concerns nobody here.

        `traceparent`: of the message, where it has one; else the trace goes on from where the event was said. Raises
        PermanentError when it can never be handled, or whatever a handler raises.
        """
        envelope, name = parse_envelope(payload)
        subscriptions = self.handlers.for_event(name)
        if not subscriptions:
            return False
        received = [(subscription, received_by(subscription, envelope, payload)) for subscription in subscriptions]
        facts = {"tenant_id": str(envelope.tenantid), "event_id": str(envelope.id)}
        with traced(traceparent or envelope.traceparent, **facts) as trace, self._told(envelope, trace):
            async with self.units.for_tenant(
                envelope.tenantid,
                correlation_id=envelope.correlationid,
                causation_id=str(envelope.id),
                traceparent=trace.traceparent,
            ) as unit:
                if not await take_once(unit.session, self.schema, self.handlers.consumer, envelope.id, unit.now):
                    return False
                for subscription, event in received:
                    await subscription.handle(event, unit)
        return True

    @contextlib.contextmanager
    def _told(self, envelope: Envelope, trace: TraceContext) -> Iterator[None]:
        """Tells the span of a delivery, whatever comes of it."""
        began, failed = time.perf_counter(), None
        try:
            yield
        except BaseException as error:
            failed = type(error).__name__
            raise
        finally:
            tell_span(
                f"process {envelope.type}",
                "consumer",
                trace,
                time.perf_counter() - began,
                lambda: {
                    "messaging.system": "nats",
                    "messaging.operation.name": "process",
                    "messaging.operation.type": "process",
                    "messaging.consumer.group.name": self.handlers.consumer,
                    "messaging.message.id": str(envelope.id),
                    "upheld.tenant_id": str(envelope.tenantid),
                },
                error=failed,
            )


def parse_envelope(payload: bytes) -> tuple[Envelope, EventName]:
    """Raises PermanentError for bytes that are not one of our events."""
    try:
        envelope = Envelope.parse(payload)
        return envelope, envelope.name
    except (ValidationError, ValueError) as error:
        raise PermanentError(f"not an event of Upheld: {_told(error)}") from error


def received_by(subscription: Subscription, envelope: Envelope, payload: bytes) -> ReceivedEvent[Any]:
    """What a handler is given. Raises PermanentError when its model does not know such data."""
    data: Any = envelope.data
    if subscription.model is not None:
        try:
            data = subscription.model.model_validate(envelope.data)
        except ValidationError as error:
            raise PermanentError(f"{envelope.name} does not have the expected data: {_told(error)}") from error
    return ReceivedEvent(
        id=envelope.id,
        type=envelope.type,
        time=envelope.time,
        tenant_id=envelope.tenantid,
        aggregate_version=envelope.aggregateversion,
        correlation_id=envelope.correlationid,
        data=data,
        envelope=envelope,
        payload=payload,
    )


def _told(error: Exception) -> str:
    """What went wrong, without the values: they may be personal data."""
    if isinstance(error, ValidationError):
        parts = error.errors(include_input=False, include_url=False, include_context=False)
        return "; ".join(f"{'.'.join(str(piece) for piece in part['loc'])}: {part['msg']}" for part in parts[:10])
    return f"{type(error).__name__}: {error}"


AWAY = ("08", "57P", "53300")
"""SQLSTATEs of a server that cannot be reached, starts, stops or has no connection left."""


def is_database_away(error: BaseException) -> bool:
    """True for failures of the database itself, which say nothing about the event: wait and try again.

    psycopg calls more than that operational (a statement that is too complex, our own time-outs, a deadlock): those
    are tries of this event that failed, or one bad event would hold up its stream for ever.
    """
    if isinstance(error, sqlalchemy.exc.DBAPIError):
        if error.connection_invalidated and not isinstance(error.orig, psycopg.errors.IdleInTransactionSessionTimeout):
            return True
        cause: BaseException | None = error.orig
    else:
        cause = error
    if isinstance(cause, psycopg.OperationalError):
        return cause.sqlstate is None or cause.sqlstate.startswith(AWAY)
    return isinstance(cause, sqlalchemy.exc.TimeoutError)


class Consumer:
    """Runs a service's handlers over the streams that they need, one durable consumer per stream."""

    def __init__(
        self,
        processor: EventProcessor,
        js: JetStreamContext,
        *,
        replicas: int = 1,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._processor = processor
        self._js = js
        self._replicas = replicas
        self._progress = progress
        self._consumer = processor.handlers.consumer

    def loops(self) -> dict[str, Callable[[], Awaitable[None]]]:
        """The loops to run, by name. Each runs for ever, and raises when NATS fails: start it again."""
        loops: dict[str, Callable[[], Awaitable[None]]] = {}
        for declaration in self._processor.handlers.declarations():
            name = _loop_name(declaration.stream)
            loops[name] = self._loop(name, declaration, self._deliver)
        # What the server gave up on is found by its advisory only: that one is delivered until it has been handled.
        # Of every stream, whichever we read: in a roll-out a release that reads fewer declares the same consumer, and
        # nobody may ask what it has declared.
        given_up = ConsumerDeclaration(
            stream=ADVISORIES,
            durable=self._consumer,
            filter_subjects=[f"$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.*.{self._consumer}"],
            ack_wait=ACK_WAIT,
            max_deliver=FOR_EVER,
        )
        name = _loop_name(ADVISORIES)
        loops[name] = self._loop(name, given_up, self._bury_given_up)
        loops["observe consumers"] = self._observe
        return loops

    async def _observe(self) -> None:
        """Tells metrics how far behind its streams the service is, and how many dead letters wait for somebody."""
        while True:
            self._progress("observe consumers")
            async with self._processor.units.for_every_tenant() as unit:
                DEAD.labels(self._consumer).set(await DeadLetters(unit.session, self._processor.schema).count_open())
            for declaration in self._processor.handlers.declarations():
                pending = PENDING.labels(self._consumer, declaration.stream)
                try:
                    info = await self._js.consumer_info(declaration.stream, declaration.durable)
                    pending.set(info.num_pending or 0)
                    await self._hear_the_rest(declaration, info.config)
                except (NatsError, TimeoutError):  # nobody can tell: better no figure than an old one
                    pending.set(math.nan)
            await asyncio.sleep(OBSERVE_SECONDS)

    async def _hear_the_rest(self, declaration: ConsumerDeclaration, there: ConsumerConfig) -> None:
        """Says again what we read, if a process of another release has said since that it reads less.

        In a roll-out both take from one consumer. What only the other one reads stays: it would say so again.
        """
        heard = {*(there.filter_subjects or []), *filter(None, [there.filter_subject])}
        ours = set(declaration.filter_subjects)
        if heard and not ours <= heard:
            log.warning("consumer_reads_less", stream=declaration.stream, subjects=sorted(ours - heard))
            await declare_consumer(self._js, replace(declaration, filter_subjects=sorted(ours | heard)))

    def _loop(
        self, name: str, declaration: ConsumerDeclaration, deliver: Callable[[str, Msg], Awaitable[None]]
    ) -> Callable[[], Awaitable[None]]:
        async def run() -> None:
            await self._declare(name, declaration)
            subscription = await self._js.pull_subscribe_bind(declaration.durable, stream=declaration.stream)
            try:
                while True:
                    self._progress(name)
                    try:
                        messages = await subscription.fetch(1, timeout=FETCH_SECONDS, heartbeat=HEARTBEAT_SECONDS)
                    except FetchTimeoutError:
                        continue  # the server is there and has nothing for us
                    except (NatsTimeout, TimeoutError):
                        # Silence without heartbeats: a restarted server may have lost the consumer. Say it again.
                        await self._declare(name, declaration)
                        continue
                    for message in messages:
                        await deliver(declaration.stream, message)
            finally:
                with contextlib.suppress(NatsError, OSError):
                    await subscription.unsubscribe()

        return run

    async def _declare(self, name: str, declaration: ConsumerDeclaration) -> None:
        while True:
            try:
                if declaration.stream == ADVISORIES:  # which no publisher makes, nor makes again when it is lost
                    await declare_stream(self._js, ADVISORY_STREAM, self._replicas)
                await declare_consumer(self._js, declaration)
                return
            except NotFoundError:
                # Its publisher has not declared the stream yet.
                self._progress(name)
                await asyncio.sleep(STREAM_MISSING_SECONDS)

    async def _deliver(self, stream: str, message: Msg) -> None:
        """Handles one delivery: acknowledged after the commit, tried again later, or put among the dead letters."""
        deliveries = int(message.metadata.num_delivered or 1)
        traceparent = (message.headers or {}).get(TRACEPARENT)
        before = TraceContext.parse(traceparent)  # of what we say of a delivery when its handler has failed
        known = {"trace_id": before.trace_id} if before is not None else {}
        structlog.contextvars.bind_contextvars(subject=message.subject, deliveries=deliveries, **known)
        try:
            try:
                process = partial(self._processor.process, message.data, traceparent)
                done = await self._while_in_progress(stream, message, process)
                outcome = "done" if done else "repeated"
            except asyncio.CancelledError:
                raise
            except Exception as error:
                outcome = await self._fail(stream, message, deliveries, error)
            else:
                await self._acknowledge(message)
            CONSUMED.labels(self._consumer, _event_label(message.subject), outcome).inc()
        finally:
            structlog.contextvars.unbind_contextvars("subject", "deliveries", "trace_id")

    async def _while_in_progress(self, stream: str, message: Msg, work: Callable[[], Awaitable[T]]) -> T:
        """Does the work of a message, telling the server meanwhile that we are at it; waits out an absent database."""
        keeper = asyncio.create_task(self._keep(stream, message))
        try:
            while True:
                try:
                    return await work()
                except Exception as error:
                    if not is_database_away(error):
                        raise
                    log.warning("database_away", error=type(error).__name__)
                    await asyncio.sleep(DATABASE_RETRY_SECONDS)
        finally:
            keeper.cancel()

    async def _keep(self, stream: str, message: Msg) -> None:
        while True:
            await asyncio.sleep(ACK_WAIT / 3)
            self._progress(_loop_name(stream))
            with contextlib.suppress(NatsError, OSError):
                await message.in_progress()

    async def _fail(self, stream: str, message: Msg, deliveries: int, error: Exception) -> str:
        permanent = isinstance(error, PermanentError)
        if not permanent and deliveries < MAX_DELIVER:
            delay = RETRY_DELAYS[min(deliveries, len(RETRY_DELAYS)) - 1]
            log.warning("event_failed", error=type(error).__name__, retry_seconds=delay, exc_info=error)
            await message.nak(delay=delay)
            return "failed"
        log.error("event_is_dead", error=type(error).__name__, exc_info=None if permanent else error)
        sequence = int(message.metadata.sequence.stream)
        bury = partial(self._bury, stream, sequence, message.subject, message.data, deliveries, error)
        await self._while_in_progress(stream, message, bury)
        await message.term()
        return "dead"

    async def _bury(
        self, stream: str, sequence: int, subject: str, payload: bytes, deliveries: int, error: Exception
    ) -> None:
        event_id: UUID | None = None
        with contextlib.suppress(PermanentError):
            event_id = parse_envelope(payload)[0].id
        async with self._processor.units.for_every_tenant() as unit:
            letters = DeadLetters(unit.session, self._processor.schema)
            await letters.add(
                consumer=self._consumer,
                event_id=event_id,
                subject=subject,
                stream=stream,
                stream_seq=sequence,
                payload=payload,
                error=_told(error),
                deliveries=deliveries,
                now=unit.now,
            )
            DEAD.labels(self._consumer).set(await letters.count_open())

    async def _bury_given_up(self, _: str, message: Msg) -> None:
        """Keeps an event that the server gave up on: its handler killed the process every time."""
        advisory = Advisory.model_validate_json(message.data)
        if advisory.stream == ADVISORIES:  # of a release that gave up on advisories: it is about no event
            return await self._acknowledge(message)
        try:
            original = await self._js.get_msg(advisory.stream, advisory.stream_seq)
        except NotFoundError:
            log.error("given_up_event_is_gone", stream=advisory.stream, sequence=advisory.stream_seq)
        else:
            if original.time is not None and original.time > advisory.timestamp:
                # The stream was lost and filled again since: this is about whatever had the number before.
                log.warning("given_up_event_was_replaced", stream=advisory.stream, sequence=advisory.stream_seq)
                return await self._acknowledge(message)
            payload = original.data or b""
            keep = partial(self._keep_given_up, advisory, original.subject or "", payload)
            await self._while_in_progress(ADVISORIES, message, keep)
        return await self._acknowledge(message)

    async def _keep_given_up(self, advisory: "Advisory", subject: str, payload: bytes) -> None:
        if await self._took_effect(payload):
            return
        error = PermanentError(f"given up after {advisory.deliveries} deliveries: the handler never came to an end")
        await self._bury(advisory.stream, advisory.stream_seq, subject, payload, advisory.deliveries, error)

    async def _took_effect(self, payload: bytes) -> bool:
        """True when only the acknowledgements got lost: the effects are there, nothing is dead."""
        try:
            envelope, _ = parse_envelope(payload)
        except PermanentError:
            return False
        async with self._processor.units.for_every_tenant() as unit:
            return await is_taken(unit.session, self._processor.schema, self._consumer, envelope.id)

    async def _acknowledge(self, message: Msg) -> None:
        await message.ack_sync(timeout=ACK_TIMEOUT)


def _loop_name(stream: str) -> str:
    return f"consume {stream}"


class Advisory(BaseModel):
    """The part of JetStream's MAX_DELIVERIES advisory that we read.

    `stream_seq` names the message only within the life of one stream: another one counts from 1 again. `timestamp` is
    the server's time, as is the time of a message.
    """

    stream: str
    stream_seq: int
    deliveries: int
    timestamp: AwareDatetime


def _event_label(subject: str) -> str:
    """`contracts.contract.activated` of a subject: without the id, so that a metric has few labels."""
    parts = subject.split(".")
    return ".".join([*parts[:2], *parts[3:4]])


async def replay(processor: EventProcessor, letter_id: UUID) -> bool:
    """Runs the handlers on a dead letter's bytes and closes it; the inbox still protects from a second effect.

    Raises LookupError when there is no such open dead letter, or what the handler raises; the letter then stays open.
    """
    async with processor.units.for_every_tenant() as unit:
        letters = DeadLetters(unit.session, processor.schema)
        letter = await letters.find(letter_id)
        if letter is None or letter.resolved_at is not None:
            raise LookupError(f"no open dead letter {letter_id}")
        took_effect = await processor.process(letter.payload)
        await letters.resolve(letter_id, "replayed", unit.now)
    return took_effect
