"""The recorder: takes results off the stream in order, records them, and then lets them go.

One process of many records, chosen by an advisory lock, so that a check that failed is evaluated before its re-check.
Whatever waits is taken together: one transaction however much has piled up. When the database is away, it all waits.
When everything that was handed in is recorded, monitors that have fallen silent are told of.
"""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.errors import FetchTimeoutError, NotFoundError
from pydantic import ValidationError

from probes.adapters.announce import EventAnnouncer
from probes.adapters.messages import (
    RESULTS,
    ResultBatch,
    WorkBatch,
    WorkItem,
    declare_streams,
    observed_by,
    parse_results,
    publish,
    recorder_consumer,
    result_subject,
    to_bytes,
    told,
    work_subject,
)
from probes.adapters.monitors import SqlMonitors
from probes.adapters.suspicions import SqlSuspicions
from probes.application.recording import record_silence
from probes.domain.states import Disposition, Outcome
from probes.jobs.batches import RECORDED, BatchRecorder, HandedIn
from probes.jobs.quarantine import SUSPECTED
from shared.consumer import is_database_away
from shared.database import FOUND_GONE, libpq_url
from shared.dead_letters import DeadLetters
from shared.ids import new_id
from shared.jetstream import declare_consumer
from shared.kernel.clock import Clock
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

RECORDER = "recorder"
SCHEMA = "probes"
STANDBY_SECONDS = 1.0
FETCH_SECONDS = 2.0
HEARTBEAT_SECONDS = 0.5
SILENCE_EVERY_SECONDS = 2.0
MOST_MESSAGES = 40
"""Batches that are recorded in one transaction."""
MORE_SECONDS = 0.5
PROOF_SECONDS = 5.0
"""How long the database may take to answer whoever holds the lock."""
MOST_TRIES = 3
TRY_AGAIN_SECONDS = 0.5
"""A batch that fails is tried so often, the database being there; then what is at fault in it is a dead letter."""


class ForeignResults(Exception):
    """A runner handed in results on the subject of another location."""


@dataclass(frozen=True, slots=True)
class _Taken:
    """A message with its batch; `bad` is what in it is neither a result nor an observation, each with why."""

    message: Msg
    entry: HandedIn
    bad: Sequence[tuple[Any, str]]


class Recorder:
    """Records what runners hand in. `run` raises when NATS or the database fails: start it again."""

    def __init__(
        self,
        units: UnitsOfWork,
        database_url: str,
        js: JetStreamContext,
        clock: Clock,
        *,
        locations: Sequence[str] = (),
        replicas: int = 1,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        """`locations`: metrics tell of them from the beginning, before anything was missed or suspected there."""
        self._units = units
        self._database_url = libpq_url(database_url)
        self._js = js
        self._clock = clock
        self._replicas = replicas
        self._progress = progress
        self._batches = BatchRecorder(units, clock)
        self._locations = locations
        for location in locations:
            RECORDED.labels(location, Outcome.MISSED.value, Disposition.MISSED.value)

    async def run(self) -> None:
        """Records while it holds the lock, waits for the lock otherwise."""
        connection = await psycopg.AsyncConnection.connect(
            self._database_url,
            autocommit=True,
            application_name="probes recorder",
            **FOUND_GONE,
        )
        async with connection:
            while not await self._try_lead(connection):
                self._progress(RECORDER)
                await asyncio.sleep(STANDBY_SECONDS)
            log.info("recorder_leads")
            for location in self._locations:
                SUSPECTED.labels(location)
            await self._declare()
            subscription = await self._js.pull_subscribe_bind(recorder_consumer().durable, stream=RESULTS.name)
            try:
                await self._lead(subscription, connection)
            finally:
                SUSPECTED.clear()  # from here on whoever leads knows
                with contextlib.suppress(NatsError, OSError):
                    await subscription.unsubscribe()

    async def _try_lead(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> bool:
        cursor = await connection.execute("select pg_try_advisory_lock(hashtext('upheld probes recorder'))")
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def _declare(self) -> None:
        await declare_streams(self._js, self._replicas)
        await declare_consumer(self._js, recorder_consumer())

    async def _prove_lead(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        """Raises when the session that holds the lock is gone: somebody else may be recording by now.

        Being asked every turn also keeps the connection from looking idle to whatever is on the way.
        """
        async with asyncio.timeout(PROOF_SECONDS):
            await connection.execute("select 1")

    async def _lead(
        self,
        subscription: JetStreamContext.PullSubscription,
        connection: psycopg.AsyncConnection[tuple[object, ...]],
    ) -> None:
        loop = asyncio.get_running_loop()
        look_at = loop.time()
        while True:
            self._progress(RECORDER)
            everything = False
            # Before the wait: of a process that was paused in it, nobody knows what was handed in meanwhile.
            asked_at = self._clock.now()
            messages: list[Msg] = []
            try:
                messages = await subscription.fetch(1, timeout=FETCH_SECONDS, heartbeat=HEARTBEAT_SECONDS)
                waiting = min(int(messages[0].metadata.num_pending or 0), MOST_MESSAGES - 1)
                if waiting:
                    with contextlib.suppress(NatsTimeout, TimeoutError):
                        messages += await subscription.fetch(waiting, timeout=MORE_SECONDS)
            except FetchTimeoutError:
                everything = True  # the server is there and has nothing for us
            except (NatsTimeout, TimeoutError):
                # Silence without heartbeats: a restarted server may have lost the consumer. Say it again.
                await self._declare()
            # Behind the wait, so that a process that was paused in it does not record beside its successor.
            try:
                await self._prove_lead(connection)
            except BaseException:
                await self._give_back(messages)
                raise
            if messages:
                await self._take(messages)
                everything = not messages[-1].metadata.num_pending
            if everything and loop.time() >= look_at:
                await self._look_for_silence(asked_at)
                look_at = loop.time() + SILENCE_EVERY_SECONDS

    async def _take(self, messages: Sequence[Msg]) -> None:
        """Batches recorded and let go, tried again later, or put among the dead letters.

        Raises when the database is away: the batches come again, to whoever leads then.
        """
        taken: list[_Taken] = []
        try:
            for message in messages:
                try:
                    taken.append(self._understood(message))
                except (ValidationError, ForeignResults) as error:
                    await self._bury(
                        message, message.data, told(error) if isinstance(error, ValidationError) else str(error)
                    )
                    await message.term()
            rechecks = await self._batches.record([each.entry for each in taken])
            for each in taken:
                await self._bury_bad(each)
        except Exception as error:
            if is_database_away(error):
                await self._give_back(messages)
                raise
            if len(taken) > 1:
                for each in taken:  # one of them is the culprit; the others go on
                    await self._take([each.message])
            elif taken:
                await self._insist(taken[0], error)
            return
        # A lost acknowledgement makes a batch come again, and then everything in it is a duplicate.
        for each in taken:
            await each.message.ack()
        await self._ask_again(rechecks)

    async def _give_back(self, messages: Sequence[Msg]) -> None:
        """Soon and together, so that they come again before what is handed in later."""
        for message in messages:
            with contextlib.suppress(NatsError, OSError):
                await message.nak(delay=0.5)

    def _understood(self, message: Msg) -> _Taken:
        """The batch of a message, and what in it is no result. Raises ValidationError or ForeignResults."""
        batch, bad = parse_results(message.data)
        if message.subject != result_subject(batch.location):
            raise ForeignResults(f"{batch.runner} handed in results of {batch.location} on {message.subject}")
        return _Taken(message, HandedIn(batch, self._skew(batch, message)), bad)

    def _skew(self, batch: ResultBatch, message: Msg) -> timedelta:
        """How far the runner's clock was off when it sent the batch, against the clock that rules here.

        How long the batch has waited is between the broker's machine and ours; no shifted clock moves that.
        """
        waited = max(datetime.now(UTC) - message.metadata.timestamp, timedelta(0))
        return batch.sent_at - (self._clock.now() - waited)

    async def _insist(self, taken: _Taken, error: Exception) -> None:
        """Tries a batch that failed again, here and now: later ones wait, for they must not be evaluated before it."""
        for _ in range(MOST_TRIES - 1):
            log.warning("results_failed", error=f"{type(error).__name__}: {error}"[:500], exc_info=error)
            await asyncio.sleep(TRY_AGAIN_SECONDS)
            await taken.message.in_progress()
            try:
                rechecks = await self._batches.record([taken.entry])
            except Exception as trouble:
                if is_database_away(trouble):
                    raise
                error = trouble
            else:
                await self._ask_again(rechecks)
                break
        else:
            await self._without_culprits(taken.message, taken.entry, error)
        await self._bury_bad(taken)
        await taken.message.ack()

    async def _without_culprits(self, message: Msg, entry: HandedIn, error: Exception) -> None:
        """Halves a batch that cannot be recorded until what is at fault is alone, buries that and records the rest.

        What a single check observed is given up before the check itself.
        """
        results = entry.batch.results
        half = len(results) // 2
        parts = [results[:half], results[half:]]
        if half == 0:
            why = f"{type(error).__name__}: {error}"
            log.error("result_is_dead", error=why[:500], exc_info=error)
            if not results or not results[0].observations:
                await self._bury(message, results[0].model_dump_json().encode() if results else message.data, why)
                return
            await self._bury(message, json.dumps(observed_by(results[0], results[0].observations)).encode(), why)
            parts = [(results[0].model_copy(update={"observations": None}),)]
        for part in parts:
            smaller = HandedIn(entry.batch.model_copy(update={"results": part}), entry.skew)
            try:
                await self._ask_again(await self._batches.record([smaller]))
            except Exception as trouble:
                if is_database_away(trouble):
                    raise
                await self._without_culprits(message, smaller, trouble)

    async def _ask_again(self, rechecks: Mapping[str, Sequence[WorkItem]]) -> None:
        """Puts re-checks on the work queues. One that gets lost is made good by the next slot."""
        for location, items in rechecks.items():
            batch = WorkBatch(items=tuple(items))
            try:
                await publish(self._js, work_subject(location), to_bytes(batch), str(new_id()))
            except (NatsError, NotFoundError, TimeoutError, OSError) as error:
                why = f"{type(error).__name__}: {error}"[:200]
                log.warning("rechecks_not_published", count=len(batch.items), error=why)

    async def _look_for_silence(self, asked_at: datetime) -> None:
        """Tells of what did not come by `asked_at`; everything that was handed in until then is recorded."""
        found = 1
        while found:
            async with self._units.for_every_tenant() as unit:
                found = await record_silence(
                    asked_at,
                    SqlMonitors(unit.session),
                    EventAnnouncer(unit),
                    running_since=self._batches.running_since,
                    suspects=await SqlSuspicions(unit).suspects(),
                )

    async def _bury_bad(self, taken: _Taken) -> None:
        for item, why in taken.bad:
            await self._bury(taken.message, json.dumps(item).encode(), why)

    async def _bury(self, message: Msg, payload: bytes, why: str) -> None:
        async with self._units.for_every_tenant() as unit:
            await DeadLetters(unit.session, SCHEMA).add(
                consumer=RECORDER,
                event_id=None,
                subject=message.subject,
                stream=RESULTS.name,
                stream_seq=int(message.metadata.sequence.stream),
                payload=payload,
                error=why,
                deliveries=int(message.metadata.num_delivered or 1),
                now=unit.now,
            )
