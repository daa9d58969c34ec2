"""A runner: takes the work of one location, starts each check on the instant, hands in what was found.

Needs its key, the address of NATS and outbound network, nothing else. Work is acknowledged when its results are stored
by JetStream: a runner that dies leaves it to the others.
"""

import asyncio
import contextlib
import json
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from hashlib import blake2b
from uuid import UUID

import structlog
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeout
from nats.js import JetStreamContext
from nats.js.errors import FetchTimeoutError, NotFoundError, ServiceUnavailableError
from prometheus_client import Counter, Gauge
from pydantic import ValidationError

from probes.adapters.check_secrets import LocationSecrets
from probes.adapters.checks.control_targets import ControlTargets
from probes.adapters.checks.executors import Executors
from probes.adapters.checks.finding import Finding, could_not_look
from probes.adapters.messages import (
    WORK_ACK_SECONDS,
    CheckResult,
    ControlReading,
    ResultBatch,
    WorkItem,
    parse_work,
    publish,
    result_subject,
    runner_consumer,
    to_bytes,
)
from probes.domain.slots import is_missed
from probes.domain.states import Outcome
from shared.ids import new_id
from shared.kernel.clock import Clock

log = structlog.get_logger()

FETCH_SECONDS = 5.0
HEARTBEAT_SECONDS = 1.0
LINGER_SECONDS = 0.5
ENOUGH = 25
"""How long a good result waits for so many to travel with: what is recorded together costs less, and what is much too
much at once keeps the next checks from starting on the instant. A bad one does not wait."""
BATCH = 250
MOST_UNSENT = 50_000
QUEUE_MISSING_SECONDS = 0.5
PUBLISH_RETRY_SECONDS = 0.25
TELL_AGAIN_SECONDS = 3600.0
MOST_OBSERVED = 50_000
DIAGNOSIS_SECONDS = 2.5
"""How long a check that confirms an outage waits for what is found out about it."""

DROPPED = Counter("probes_results_dropped", "Results given up because NATS was away for too long", ["location"])
UNDER_WAY = Gauge("probes_checks_under_way", "Checks being executed", ["location"])


@dataclass(slots=True)
class _Delivery:
    """A batch of work and how many of its checks have not been handed in yet."""

    message: Msg
    left: int


class Observed:
    """What a runner has told of each monitor's observations. The same again is told once an hour: it may be lost."""

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[UUID, str], tuple[bytes, float, object]] = OrderedDict()

    def news(self, monitor_id: UUID, observations: Mapping[str, object]) -> dict[str, object]:
        """Those that have to be told now."""
        found = {}
        now = time.monotonic()
        for name, value in observations.items():
            known, at, same = self._told.get((monitor_id, name), (b"", 0.0, None))
            if value is same and now - at <= TELL_AGAIN_SECONDS:
                # A description that is kept between checks is the same object: there is nothing to compare.
                self._told.move_to_end((monitor_id, name))
                continue
            digest = blake2b(json.dumps(value, sort_keys=True).encode(), digest_size=12).digest()
            if known != digest or now - at > TELL_AGAIN_SECONDS:
                at = now
                found[name] = value
            self._told[monitor_id, name] = (digest, at, value)
            self._told.move_to_end((monitor_id, name))
        while len(self._told) > MOST_OBSERVED:
            self._told.popitem(last=False)
        return found


class Runner:
    """Executes the checks of one location. `run` never returns; cancel it to stop."""

    def __init__(
        self,
        name: str,
        location: str,
        js: JetStreamContext,
        executors: Executors,
        clock: Clock,
        *,
        secrets: LocationSecrets,
        max_concurrent: int = 500,
        control_targets: Sequence[str] = (),
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._name = name
        self._location = location
        self._js = js
        self._secrets = secrets
        self._executors = executors
        self._clock = clock
        self._slots = asyncio.Semaphore(max_concurrent)
        self._most_waiting = 4 * max_concurrent
        self._controls = ControlTargets(control_targets, executors, clock)
        self._progress = progress
        self._observed = Observed()
        self._unsent: list[tuple[CheckResult, _Delivery]] = []
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._open: dict[int, _Delivery] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._room.set()
        DROPPED.labels(location)  # at nought: nothing rises from nothing

    async def run(self) -> None:
        """Takes work, executes it, hands in results; raises when NATS fails for good: start it again."""
        loops = (self._hand_in(), self._say_in_progress(), self._controls.run())
        helpers = [asyncio.create_task(loop) for loop in loops]
        try:
            await self._take_work()
        finally:
            for task in [*helpers, *self._tasks]:
                task.cancel()
            await asyncio.gather(*helpers, *self._tasks, return_exceptions=True)

    async def _take_work(self) -> None:
        declaration = runner_consumer(self._location)
        subscription = await self._js.pull_subscribe_bind(declaration.durable, stream=declaration.stream)
        waiting = False
        try:
            while True:
                self._progress("runner")
                await self._room.wait()
                try:
                    messages = await subscription.fetch(1, timeout=FETCH_SECONDS, heartbeat=HEARTBEAT_SECONDS)
                except (FetchTimeoutError, NatsTimeout, TimeoutError):
                    continue
                except ServiceUnavailableError:
                    if not waiting:
                        log.warning("runner_waits_for_queue", location=self._location)
                    waiting = True  # the scheduler makes it
                    await asyncio.sleep(QUEUE_MISSING_SECONDS)
                    continue
                waiting = False
                for message in messages:
                    await self._accept(message)
        finally:
            with contextlib.suppress(NatsError, OSError):
                await subscription.unsubscribe()

    async def _accept(self, message: Msg) -> None:
        try:
            batch = parse_work(message.data)
        except ValidationError as error:
            log.error("work_is_not_understood", location=self._location, errors=error.error_count())
            await message.term()
            return
        delivery = _Delivery(message, len(batch.items))
        self._open[id(delivery)] = delivery
        for item in batch.items:
            task = asyncio.create_task(self._execute(item, delivery))
            self._tasks.add(task)
            task.add_done_callback(self._done)
        if len(self._tasks) >= self._most_waiting:
            self._room.clear()
        if not batch.items:
            await self._acknowledge(delivery)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if len(self._tasks) < self._most_waiting:
            self._room.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("check_failed_unexpectedly", exc_info=task.exception())

    async def _execute(self, item: WorkItem, delivery: _Delivery) -> None:
        wait = (item.due_at - self._clock.now()).total_seconds()
        if wait > 0:
            await asyncio.sleep(wait)
        finding: Finding | None = None
        async with self._slots:
            started_at = self._clock.now()
            if is_missed(item.due_at, started_at, timedelta(seconds=item.interval_seconds)):
                result = _missed(item)
            else:
                UNDER_WAY.labels(self._location).inc()
                began = time.perf_counter_ns()
                try:
                    finding = await self._executors.check(
                        self._secrets.as_far_as_known(item.check), item.timeout_seconds
                    )
                finally:
                    UNDER_WAY.labels(self._location).dec()
                took_us = (time.perf_counter_ns() - began) // 1000
        if finding is not None:
            result = await self._completed(item, started_at.isoformat(), took_us, finding)
        self._keep(result, delivery)

    async def _completed(self, item: WorkItem, started_at: str, took_us: int, finding: Finding) -> CheckResult:
        try:
            if not item.test:
                # Not so long that the next check of the monitor would overtake this one.
                patience = min(DIAGNOSIS_SECONDS, item.interval_seconds / 2) if item.conclusive else 0.0
                finding = await self._executors.diagnostics.complete(item.monitor_id, finding, patience=patience)
            news = self._observed.news(item.monitor_id, finding.observations)
            return _result(item, started_at, took_us, finding, news)
        except Exception as error:
            # Whatever a target makes of us: without a result the whole batch of work would stay open.
            log.error("finding_cannot_be_told", monitor_id=str(item.monitor_id), exc_info=error)
            return _result(item, started_at, took_us, could_not_look(error), {})

    def _keep(self, result: CheckResult, delivery: _Delivery) -> None:
        if len(self._unsent) >= MOST_UNSENT:
            # The work is not acknowledged: it comes again, and is missed if it is too late by then.
            self._open.pop(id(delivery), None)
            DROPPED.labels(self._location).inc()
            return
        self._unsent.append((result, delivery))
        if result.outcome is Outcome.BAD:
            self._controls.failed()
        if result.outcome is Outcome.BAD or len(self._unsent) >= ENOUGH:
            self._full.set()
        self._arrived.set()

    async def _hand_in(self) -> None:
        """Sends what has been found, in order, one batch at a time."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LINGER_SECONDS):
                    await self._full.wait()
            self._full.clear()
            taken, self._unsent = self._unsent, []
            for start in range(0, len(taken), BATCH):
                await self._send(taken[start : start + BATCH])

    async def _send(self, results: list[tuple[CheckResult, _Delivery]]) -> None:
        message_id = str(new_id())
        waiting = False
        while True:
            read = self._controls.reading_near(max(result.started_at for result, _ in results))
            batch = ResultBatch(
                runner=self._name,
                location=self._location,
                sent_at=self._clock.now(),
                results=tuple(result for result, _ in results),
                controls=ControlReading(at=read.at, reached=read.reached) if read else None,
            )
            try:
                await publish(self._js, result_subject(self._location), to_bytes(batch), message_id)
                break
            except (NatsError, NotFoundError, TimeoutError, OSError) as error:
                if not waiting:
                    log.warning("results_wait", location=self._location, error=f"{type(error).__name__}: {error}"[:200])
                waiting = True
                self._progress("runner")
                await asyncio.sleep(PUBLISH_RETRY_SECONDS)
        for _, delivery in results:
            delivery.left -= 1
            if delivery.left == 0:
                await self._acknowledge(delivery)

    async def _acknowledge(self, delivery: _Delivery) -> None:
        self._open.pop(id(delivery), None)
        # A lost acknowledgement means that the work is done twice: the second results are duplicates.
        with contextlib.suppress(NatsError, OSError):
            await delivery.message.ack()

    async def _say_in_progress(self) -> None:
        while True:
            await asyncio.sleep(WORK_ACK_SECONDS / 3)
            for delivery in list(self._open.values()):
                with contextlib.suppress(NatsError, OSError):
                    await delivery.message.in_progress()


def _missed(item: WorkItem) -> CheckResult:
    return CheckResult(
        monitor_id=item.monitor_id,
        slot=item.slot,
        attempt=item.attempt,
        due_at=item.due_at,
        started_at=item.due_at,
        took_us=0,
        outcome=Outcome.MISSED,
    )


def _result(
    item: WorkItem, started_at: str, took_us: int, finding: Finding, observations: Mapping[str, object]
) -> CheckResult:
    failure, timings = finding.failure, finding.timings
    evidence = failure.evidence if failure else _account(finding) if item.test else None
    return CheckResult.model_validate(
        {
            "monitor_id": item.monitor_id,
            "slot": item.slot,
            "attempt": item.attempt,
            "due_at": item.due_at,
            "started_at": started_at,
            "took_us": took_us,
            "outcome": finding.outcome,
            "reason": failure.reason if failure else None,
            "detail": failure.detail if failure else "",
            "evidence": {"checked_at": started_at, **evidence} if evidence is not None else None,
            "status_code": finding.status_code,
            "name_lookup_us": timings.name_lookup,
            "connect_us": timings.connect,
            "tls_us": timings.tls,
            "first_byte_us": timings.first_byte,
            "observations": observations or None,
            "test": item.test,
        }
    )


def _account(finding: Finding) -> Mapping[str, object]:
    return finding.account() if finding.account else {"remote_address": finding.remote_address}
