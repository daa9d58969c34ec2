"""The recorder: turns results into rows, states and events, one batch and one transaction at a time.

Batches are taken in the order of the stream and acknowledged after the commit. When the database is away, they wait.
When everything that was handed in is recorded, it looks for monitors that have fallen silent.
"""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.errors import FetchTimeoutError, NotFoundError
from prometheus_client import Counter, Histogram
from pydantic import ValidationError
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.announce import EventAnnouncer
from probes.adapters.locations import SqlLocations
from probes.adapters.messages import (
    RESULTS,
    CheckResult,
    ResultBatch,
    WorkBatch,
    WorkItem,
    declare_streams,
    parse_results,
    publish,
    recorder_consumer,
    result_subject,
    to_bytes,
    told,
    work_subject,
)
from probes.adapters.monitors import SqlMonitors
from probes.adapters.result_rows import Partitions, StoredResult, copy_results, day_of, is_stored
from probes.application.recording import Evaluated, record_checks, record_silence
from probes.domain.monitors import Monitor
from probes.domain.slots import clock_is_off
from probes.domain.states import Check, Disposition, Failure, Outcome, Reason
from shared.consumer import is_database_away
from shared.dead_letters import DeadLetters
from shared.jetstream import declare_consumer
from shared.kernel.clock import Clock
from shared.unit_of_work import UnitOfWork, UnitsOfWork

log = structlog.get_logger()

RECORDER = "recorder"
SCHEMA = "probes"
FETCH_SECONDS = 2.0
HEARTBEAT_SECONDS = 0.5
SILENCE_EVERY_SECONDS = 2.0
ACK_TIMEOUT = 5.0
DATABASE_RETRY_SECONDS = 0.5
MOST_DELIVERIES = 4
"""A batch that failed so often, with the database there, is a dead letter."""

RECORDED = Counter("probes_results", "Results, by what became of them", ["location", "disposition"])
SECONDS = Histogram(
    "probes_record_seconds", "From a check's end to its commit", buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60)
)


class ForeignResults(Exception):
    """A runner handed in results on the subject of another location."""


class Recorder:
    """Records what runners hand in. `run` raises when NATS fails: start it again."""

    def __init__(
        self,
        units: UnitsOfWork,
        js: JetStreamContext,
        clock: Clock,
        *,
        replicas: int = 1,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._units = units
        self._js = js
        self._clock = clock
        self._replicas = replicas
        self._progress = progress
        self._partitions = Partitions()
        self._location_numbers: dict[str, int] = {}
        self._running_since = clock.now()

    async def run(self) -> None:
        """Records until it is cancelled."""
        await self._declare()
        loop = asyncio.get_running_loop()
        subscription = await self._js.pull_subscribe_bind(recorder_consumer().durable, stream=RESULTS.name)
        look_at = loop.time()
        try:
            while True:
                self._progress(RECORDER)
                everything = False
                try:
                    (message,) = await subscription.fetch(1, timeout=FETCH_SECONDS, heartbeat=HEARTBEAT_SECONDS)
                except FetchTimeoutError:
                    everything = True
                except (NatsTimeout, TimeoutError):
                    # Silence without heartbeats: a restarted server may have lost the consumer. Say it again.
                    await self._declare()
                else:
                    await self._take(message)
                    everything = message.metadata.num_pending == 0
                if everything and loop.time() >= look_at:
                    await self._look_for_silence()
                    look_at = loop.time() + SILENCE_EVERY_SECONDS
        finally:
            with contextlib.suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _declare(self) -> None:
        await declare_streams(self._js, self._replicas)
        await declare_consumer(self._js, recorder_consumer())

    async def _take(self, message: Msg) -> None:
        """One batch: recorded and acknowledged, tried again later, or put among the dead letters."""
        try:
            await self._while_database_is_away(message, lambda: self._record(message))
        except (ValidationError, ForeignResults) as error:
            await self._bury(message, message.data, told(error) if isinstance(error, ValidationError) else str(error))
            await message.term()
        except Exception as error:
            self._partitions.forget()
            if int(message.metadata.num_delivered or 1) < MOST_DELIVERIES:
                log.warning("results_failed", error=f"{type(error).__name__}: {error}"[:500], exc_info=error)
                await message.nak(delay=1.0)
            else:
                log.error("results_are_dead", error=f"{type(error).__name__}: {error}"[:500], exc_info=error)
                await self._bury(message, message.data, f"{type(error).__name__}: {error}")
                await message.term()
        else:
            await message.ack_sync(timeout=ACK_TIMEOUT)

    async def _while_database_is_away(self, message: Msg, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                return await work()
            except Exception as error:
                if not is_database_away(error):
                    raise
                log.warning("recorder_database_away", error=type(error).__name__)
                self._partitions.forget()
                self._progress(RECORDER)
                with contextlib.suppress(NatsError, OSError):
                    await message.in_progress()
                await asyncio.sleep(DATABASE_RETRY_SECONDS)

    async def _record(self, message: Msg) -> None:
        batch, bad = parse_results(message.data)
        if message.subject != result_subject(batch.location):
            raise ForeignResults(f"{batch.runner} handed in results of {batch.location} on {message.subject}")
        for item, why in bad:
            await self._bury(message, json.dumps(item).encode(), why)
        skew = self._skew(batch, message)
        async with self._units.for_every_tenant() as unit:
            monitors = SqlMonitors(unit.session)
            checks = [(result.monitor_id, _check(batch.location, result)) for result in batch.results]
            if skew > timedelta(seconds=1):
                known = await monitors.locked(sorted({monitor_id for monitor_id, _ in checks}))
                checks = self._trusted(batch, checks, known, skew)
            evaluated = await record_checks(checks, monitors, EventAnnouncer(unit), running_since=self._running_since)
            found = {(result.monitor_id, result.due_at): result for result in batch.results}
            await self._store(unit, batch.location, evaluated, found)
        for entry in evaluated:
            RECORDED.labels(batch.location, entry.disposition.value).inc()
        if evaluated:
            last = max(entry.check.finished_at for entry in evaluated)
            SECONDS.observe(max(0.0, (self._clock.now() - last).total_seconds()))
        await self._ask_again(batch.location, evaluated)

    def _skew(self, batch: ResultBatch, message: Msg) -> timedelta:
        """How far the runner's clock was off when it sent the batch. Its age is what the server says it is."""
        waited = max(timedelta(0), datetime.now(UTC) - message.metadata.timestamp)
        return abs(batch.sent_at - (self._clock.now() - waited))

    def _trusted(
        self, batch: ResultBatch, checks: Sequence[tuple[Any, Check]], known: Any, skew: timedelta
    ) -> list[tuple[Any, Check]]:
        """The checks of monitors for whose interval the runner's clock is good enough."""
        trusted = []
        for monitor_id, check in checks:
            monitor: Monitor | None = known.get(monitor_id)
            if monitor is not None and clock_is_off(skew, monitor.rules.interval):
                RECORDED.labels(batch.location, "clock_is_off").inc()
            else:
                trusted.append((monitor_id, check))
        if len(trusted) < len(checks):
            log.error(
                "runner_clock_is_off",
                runner=batch.runner,
                location=batch.location,
                seconds=round(skew.total_seconds(), 3),
                refused=len(checks) - len(trusted),
            )
        return trusted

    async def _store(
        self,
        unit: UnitOfWork,
        location: str,
        evaluated: Sequence[Evaluated],
        found: dict[tuple[Any, datetime], CheckResult],
    ) -> None:
        number = await self._number_of(unit.session, location)
        if number is None:
            return
        rows = []
        for entry in evaluated:
            if entry.monitor is None or entry.disposition in (Disposition.DUPLICATE, Disposition.OUTSIDE):
                continue
            row = _row(entry, entry.monitor, number, found[entry.monitor.subject.monitor_id, entry.check.due_at])
            rows.append((entry.disposition, row))
        await self._partitions.ensure(unit.session, {day_of(row.started_at) for _, row in rows})
        # What is in order is new, as its due instant was not reached before. The rest may have come before.
        fresh: list[StoredResult] = []
        for disposition, row in rows:
            if disposition is Disposition.APPLIED or not (row in fresh or await is_stored(unit.session, row)):
                fresh.append(row)
        if fresh:
            await copy_results(unit.session, fresh)

    async def _number_of(self, session: AsyncSession, location: str) -> int | None:
        if location not in self._location_numbers:
            self._location_numbers = dict(await SqlLocations(session).numbers())
        return self._location_numbers.get(location)

    async def _ask_again(self, location: str, evaluated: Sequence[Evaluated]) -> None:
        """Puts re-checks on the work queue. One that gets lost is made good by the next slot."""
        for entry in evaluated:
            if entry.recheck is None or entry.monitor is None:
                continue
            monitor, recheck = entry.monitor, entry.recheck
            item = WorkItem(
                monitor_id=monitor.subject.monitor_id,
                slot=recheck.slot,
                attempt=recheck.attempt,
                due_at=recheck.due_at,
                interval_seconds=monitor.cadence.interval_seconds,
                kind=monitor.subject.kind,
                url=monitor.subject.url,
                timeout_seconds=monitor.cadence.timeout_seconds,
            )
            message_id = f"{monitor.subject.monitor_id}/{location}/{recheck.slot}/{recheck.attempt}"
            try:
                await publish(self._js, work_subject(location), to_bytes(WorkBatch(items=(item,))), message_id)
            except (NatsError, NotFoundError, TimeoutError, OSError) as error:
                log.warning("recheck_not_published", error=f"{type(error).__name__}: {error}"[:200])

    async def _look_for_silence(self) -> None:
        while True:
            try:
                async with self._units.for_every_tenant() as unit:
                    found = await record_silence(
                        self._clock.now(),
                        SqlMonitors(unit.session),
                        EventAnnouncer(unit),
                        running_since=self._running_since,
                    )
            except Exception as error:
                if not is_database_away(error):
                    raise
                log.warning("recorder_database_away", error=type(error).__name__)
                return
            if not found:
                return

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


def _check(location: str, result: CheckResult) -> Check:
    failure = None
    if result.outcome is Outcome.BAD:
        failure = Failure(result.reason or Reason.PROTOCOL, result.detail, result.evidence or {})
    return Check(
        location=location,
        slot=result.slot,
        attempt=result.attempt,
        due_at=result.due_at,
        started_at=result.started_at,
        finished_at=result.started_at + timedelta(microseconds=result.took_us),
        outcome=result.outcome,
        failure=failure,
    )


def _row(entry: Evaluated, monitor: Monitor, location_number: int, result: CheckResult) -> StoredResult:
    return StoredResult(
        monitor_number=monitor.number,
        location_number=location_number,
        slot=result.slot,
        attempt=result.attempt,
        started_at=result.started_at,
        outcome=result.outcome,
        reason=entry.check.failure.reason if entry.check.failure else None,
        status_code=result.status_code,
        name_lookup=result.name_lookup_us,
        connect=result.connect_us,
        tls=result.tls_us,
        first_byte=result.first_byte_us,
        total=result.took_us,
    )
