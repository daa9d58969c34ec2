"""The scheduler: one process of many puts the checks that are due on the work queue of each location.

It works a little ahead, so that a runner has its work before it is due and starts it on the instant. The advisory lock
chooses who schedules; should two believe that they do, the identity of a check makes the second one a duplicate.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import psycopg
import structlog
from nats.errors import Error as NatsError
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError
from prometheus_client import Counter, Gauge, Histogram
from pydantic import BaseModel

from probes.adapters.check_secrets import CheckSecrets
from probes.adapters.messages import (
    CheckResult,
    ResultBatch,
    WorkBatch,
    WorkItem,
    declare_streams,
    declare_work_queues,
    publish,
    result_subject,
    to_bytes,
    work_subject,
)
from probes.adapters.monitors import MONITORS_CHANGED
from probes.adapters.plan import Watched, watched_monitors
from probes.application.schedule import DueCheck, Timetable
from probes.domain.states import Outcome
from shared.database import FOUND_GONE, libpq_url
from shared.ids import new_id
from shared.kernel.clock import Clock

log = structlog.get_logger()

AHEAD = timedelta(milliseconds=600)
"""How long before it is due a check is handed out."""
TICK_SECONDS = 0.2
STANDBY_SECONDS = 1.0
RELOAD_SECONDS = 60.0
"""How long until all monitors are read again although no notice came: whoever changes one sends a notice."""
BATCH = 100
DECLARE_SECONDS = 5.0
PUBLISH_RETRY_SECONDS = 0.25
SCHEDULER = "scheduler"

SCHEDULED = Counter("probes_checks_scheduled", "Checks put on a work queue", ["location"])
UNSCHEDULED = Counter("probes_checks_unscheduled", "Checks that the scheduler could not hand out in time", ["location"])
WAITING = Gauge(
    "probes_work_waiting", "Batches of checks that no runner has taken yet, where this process schedules", ["location"]
)
WATCHED = Gauge("probes_monitors_watched", "Monitors on the timetable of this process")
LATENESS = Histogram(
    "probes_schedule_lateness_seconds",
    "How late the scheduler's tick came",
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5),
)


class Scheduler:
    """Runs for ever; raises when the database or NATS fails, and is started again."""

    def __init__(
        self,
        database_url: str,
        js: JetStreamContext,
        clock: Clock,
        secrets: CheckSecrets,
        *,
        locations: Sequence[str],
        replicas: int = 1,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._database_url = libpq_url(database_url)
        self._js = js
        self._clock = clock
        self._secrets = secrets
        self._locations = locations
        self._replicas = replicas
        self._progress = progress
        for location in locations:  # a counter that begins with its first check would show none
            UNSCHEDULED.labels(location)

    async def run(self) -> None:
        """Schedules while it holds the lock, waits for the lock otherwise.

        While the database is away it goes on with the monitors that it knows: what they find waits in the stream.
        """
        timetable: Timetable[Watched] = Timetable()
        leading: asyncio.Task[None] | None = None
        try:
            while True:
                self._progress(SCHEDULER)
                try:
                    async with await self._connect() as connection:
                        if await self._try_lead(connection):
                            await connection.execute(f"listen {MONITORS_CHANGED}")
                            timetable.update(await watched_monitors(connection, self._clock.now()), self._clock.now())
                            if leading is None:
                                log.info("scheduler_leads", monitors=len(timetable))
                                leading = asyncio.create_task(self._lead(timetable))
                            await self._follow(connection, timetable, leading)
                except psycopg.OperationalError as error:
                    log.warning("scheduler_database_away", error=str(error).strip()[:200])
                else:
                    # Another process leads. What we handed out meanwhile it hands out too: the same checks.
                    _cancelled(leading)
                    leading, timetable = None, Timetable()
                await asyncio.sleep(STANDBY_SECONDS)
        finally:
            _cancelled(leading)
            WATCHED.set(0)

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            self._database_url, autocommit=True, application_name="probes scheduler", **FOUND_GONE
        )

    async def _try_lead(self, connection: psycopg.AsyncConnection[Any]) -> bool:
        cursor = await connection.execute("select pg_try_advisory_lock(hashtext('upheld probes scheduler'))")
        row = await cursor.fetchone()
        return bool(row and row[0])

    async def _follow(
        self, connection: psycopg.AsyncConnection[Any], timetable: Timetable[Watched], leading: asyncio.Task[None]
    ) -> None:
        """Keeps the timetable at what the database says. Raises when the database or the task fails."""
        loop = asyncio.get_running_loop()
        reload_at = loop.time() + RELOAD_SECONDS
        while True:
            WATCHED.set(len(timetable))
            changed = False
            notifications: AsyncIterator[Any] = connection.notifies(timeout=1.0, stop_after=1)
            async for _ in notifications:
                changed = True
            if leading.done():
                leading.result()
            if changed or loop.time() >= reload_at:
                timetable.update(await watched_monitors(connection, self._clock.now()), self._clock.now())
                reload_at = loop.time() + RELOAD_SECONDS

    async def _lead(self, timetable: Timetable[Watched]) -> None:
        queues = asyncio.create_task(self._keep_queues())
        try:
            await self._keep_time(timetable)
        finally:
            queues.cancel()
            WAITING.clear()  # the next one that leads tells it

    async def _keep_queues(self) -> None:
        """Declares what runners take their work from, again and again: a server that lost its volume has none.

        Told with it how much waits there.
        """
        while True:
            try:
                await self._declare()
            except (NatsError, TimeoutError, OSError) as error:
                log.warning("scheduler_cannot_declare", error=f"{type(error).__name__}: {error}"[:200])
            await asyncio.sleep(DECLARE_SECONDS)

    async def _declare(self) -> None:
        try:
            waiting = await declare_work_queues(self._js, self._locations)
        except NotFoundError:
            await declare_streams(self._js, self._replicas)
            waiting = await declare_work_queues(self._js, self._locations)
        for location, batches in waiting.items():
            WAITING.labels(location).set(batches)

    async def _keep_time(self, timetable: Timetable[Watched]) -> None:
        loop = asyncio.get_running_loop()
        tick_at = loop.time()
        while True:
            self._progress(SCHEDULER)
            now = self._clock.now()
            await self._hand_out(timetable.take(now, now + AHEAD))
            tick_at = max(tick_at + TICK_SECONDS, loop.time())
            await asyncio.sleep(tick_at - loop.time())
            LATENESS.observe(max(0.0, loop.time() - tick_at))

    async def _hand_out(self, due: Sequence[DueCheck[Watched]]) -> None:
        work: dict[str, list[WorkItem]] = {}
        missed: dict[str, list[CheckResult]] = {}
        for check in due:
            for location in check.monitor.locations:
                if check.missed:
                    missed.setdefault(location, []).append(_missed(check))
                else:
                    work.setdefault(location, []).append(_item(check, location, self._secrets))
        for location, items in work.items():
            for batch in _batches(items):
                await self._publish(work_subject(location), WorkBatch(items=tuple(batch)))
                SCHEDULED.labels(location).inc(len(batch))
        for location, results in missed.items():
            log.warning("checks_missed", location=location, count=len(results))
            UNSCHEDULED.labels(location).inc(len(results))
            for batch in _batches(results):
                message = ResultBatch(
                    runner=SCHEDULER, location=location, sent_at=self._clock.now(), results=tuple(batch)
                )
                await self._publish(result_subject(location), message)

    async def _publish(self, subject: str, message: BaseModel) -> None:
        """Waits for NATS as long as it takes. Checks that are late by then are missed, and recorded as such."""
        message_id = str(new_id())
        while True:
            try:
                await publish(self._js, subject, to_bytes(message), message_id)
                return
            except NotFoundError:
                await self._declare()
            except (NatsError, TimeoutError, OSError) as error:
                log.warning("scheduler_cannot_publish", subject=subject, error=f"{type(error).__name__}: {error}"[:200])
                self._progress(SCHEDULER)
                await asyncio.sleep(PUBLISH_RETRY_SECONDS)


def _cancelled(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()


def _item(check: DueCheck[Watched], location: str, secrets: CheckSecrets) -> WorkItem:
    manner = check.monitor.manner_at(check.due_at)
    return WorkItem(
        monitor_id=check.monitor.monitor_id,
        slot=check.slot,
        due_at=check.due_at,
        interval_seconds=manner.schedule.interval.total_seconds(),
        check=secrets.for_location(manner.check(secrets), location),
        timeout_seconds=manner.timeout_seconds,
        conclusive=not manner.rechecks,
    )


def _missed(check: DueCheck[Watched]) -> CheckResult:
    return CheckResult(
        monitor_id=check.monitor.monitor_id,
        slot=check.slot,
        due_at=check.due_at,
        started_at=_utc_milliseconds(check.due_at),
        took_us=0,
        outcome=Outcome.MISSED,
    )


def _utc_milliseconds(instant: datetime) -> datetime:
    return instant - timedelta(microseconds=instant.microsecond % 1000)


def _batches(items: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (items[start : start + BATCH] for start in range(0, len(items), BATCH))
