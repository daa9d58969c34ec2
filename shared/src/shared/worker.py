"""The worker role: relay, consumers and jobs as supervised loops of one process.

A loop that fails is logged and started again with growing waits; the others go on. Liveness is the progress of the
loops, not the health of what they talk to, and not how long a job takes: while one is at work its loop says so.
"""

import asyncio
import contextlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import structlog
from nats.aio.client import Client
from prometheus_client import Counter, Gauge, Histogram
from sqlalchemy import ColumnExpressionArgument, Executable, Select, func, select, text

from shared import inbox
from shared.consumer import Consumer, EventProcessor, Handlers
from shared.database import SETTINGS, Database
from shared.events import EventRegistry
from shared.jetstream import close, connect
from shared.kernel.clock import Clock
from shared.outbound_http import guarded_client
from shared.relay import LEADING, Relay
from shared.settings import ServiceSettings
from shared.time_source import clock_from
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

JOB_SECONDS = 1.0
FIRST_WAIT, LONGEST_WAIT = 0.2, 10.0
STALLED_AFTER_SECONDS = 120.0
CLEAN_EVERY_SECONDS = 600.0
LAST_WORD_SECONDS = 1.0
DRAIN_SECONDS = 5.0
OBSERVE_SECONDS = 15.0
STILL_AT_IT_SECONDS = 10.0

LOOP_FAILURES = Counter(
    "worker_loop_failures", "Times that a loop of the worker failed and was started again", ["loop"]
)
JOB_RUNS = Histogram(
    "job_run_seconds", "How long a run of a job took", ["work"], buckets=(0.01, 0.05, 0.25, 1, 5, 15, 60, 300)
)
OLDEST_DUE = Gauge("job_oldest_due_seconds", "How long what has been due longest already waits for its job", ["work"])
JOB_DONE = Gauge(
    "job_last_done_timestamp_seconds", "When a job last came to the end of a run; before the first, its start", ["work"]
)
NATS_CONNECTED = Gauge("nats_connected", "1 while all connections of the process to NATS stand", ["service"])
IN_USE = Gauge("database_connections_in_use", "Connections of the pool that somebody works with", ["service"])
POOL = Gauge("database_connections_most", "How many connections the pool of the process may have", ["service"])


class Liveness:
    """When each loop last made progress, by the monotonic clock."""

    def __init__(self) -> None:
        self._progress: dict[str, float] = {}

    def tick(self, name: str) -> None:
        self._progress[name] = time.monotonic()

    def forget(self, name: str) -> None:
        self._progress.pop(name, None)

    def stalled(self) -> list[str]:
        """Loops that have made no progress for two minutes."""
        before = time.monotonic() - STALLED_AFTER_SECONDS
        return sorted(name for name, at in self._progress.items() if at < before)


class Links:
    """Whether relay and consumers reach NATS, for readiness: not before both connections have been made."""

    def __init__(self) -> None:
        self._clients: Sequence[Client] = ()

    def watch(self, *clients: Client) -> None:
        self._clients = clients

    @property
    def up(self) -> bool:
        return bool(self._clients) and all(client.is_connected for client in self._clients)


@dataclass(frozen=True)
class Runtime:
    """What a process of a service works with. Made once, at start; closed once, at the end."""

    settings: ServiceSettings
    database: Database
    units: UnitsOfWork
    clock: Clock
    http: httpx.AsyncClient
    """For addresses that a user gave: refuses private networks."""
    liveness: Liveness = field(default_factory=Liveness)
    links: Links = field(default_factory=Links)
    stopping: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the process is told to stop: a run of a job that goes on for long begins nothing more then."""

    async def close(self) -> None:
        await self.http.aclose()
        await self.database.dispose()


def build_runtime(settings: ServiceSettings, registry: EventRegistry, clock: Clock | None = None) -> Runtime:
    """The runtime that the settings describe. Connects to nothing yet."""
    clock = clock or clock_from(settings.clock_file)
    database = Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        application_name=settings.SERVICE,
        statement_seconds=settings.database_statement_seconds,
        idle_transaction_seconds=settings.database_idle_transaction_seconds,
        info={SETTINGS: settings},
    )
    IN_USE.labels(settings.SERVICE).set_function(database.connections_in_use)
    POOL.labels(settings.SERVICE).set(settings.database_pool_size)
    return Runtime(
        settings=settings,
        database=database,
        units=UnitsOfWork(database, registry, clock),
        clock=clock,
        http=guarded_client(settings.allowed_networks),
    )


@dataclass(frozen=True)
class Job:
    """Work over due rows. `run` does what is due now and returns the seconds until it wants to run again.

    None stands for the default of one second. A job that did a full batch returns 0 and runs again at once. A job that
    leaves something under way when `run` returns waits for it in `finish`, which is called once, when the process ends.
    """

    name: str
    run: Callable[[], Awaitable[float | None]]
    finish: Callable[[], Awaitable[None]] | None = None
    due: Sequence[Executable] = ()
    """One query for each of its queues, as `oldest` makes them: since when something is due. Metrics tell how long."""


def oldest(due_at: Any, *open_: ColumnExpressionArgument[bool]) -> Select[Any]:
    """The earliest instant of a column, over the rows that may be worked off. Null when there is none."""
    return select(func.min(due_at)).where(*open_)


@dataclass(frozen=True)
class Connections:
    """NATS connections of a worker: one to publish with, one to consume with, so that neither waits for the other."""

    publishing: Client
    consuming: Client

    async def drain(self) -> None:
        """Ends both. What cannot be drained in time (a broker that hangs, messages that nobody takes) is closed."""
        for client in (self.consuming, self.publishing):
            with contextlib.suppress(Exception):
                await asyncio.wait_for(client.drain(), timeout=DRAIN_SECONDS)
            await close(client)


LoopsFor = Callable[[Connections], dict[str, Callable[[], Awaitable[None]]]]


def tell_of_nothing_yet(runtime: Runtime) -> None:
    """Begins the series of a worker that has done nothing: without them, alerts about one that waits are silent."""
    service = runtime.settings.SERVICE
    NATS_CONNECTED.labels(service).set_function(lambda: float(runtime.links.up))
    LEADING.labels(service).set(0)


async def run_worker(
    runtime: Runtime,
    handlers: Handlers | None,
    jobs: Sequence[Job],
    *,
    extra_loops: LoopsFor | None = None,
) -> None:
    """Runs relay, consumers, jobs and a service's extra loops until it is told to stop, then drains.

    Jobs do not wait for NATS: what is due is worked off while the broker is away.
    """
    service = runtime.settings.SERVICE
    tell_of_nothing_yet(runtime)
    supervisor = _Supervisor(runtime.liveness)
    for job in [*jobs, _cleaning(runtime, service)]:
        supervisor.start(f"job {job.name}", _job_loop(runtime.liveness, job, supervisor.stopping), patient=True)
    # In a loop of its own: a job that hangs or fails says nothing.
    supervisor.start("observe due work", lambda: _observe_due(runtime, jobs))
    connecting = asyncio.create_task(_connect(runtime, service))
    stopping = asyncio.create_task(runtime.stopping.wait())
    connections: Connections | None = None
    try:
        await asyncio.wait({connecting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if connecting.done():
            connections = connecting.result()
            runtime.links.watch(connections.publishing, connections.consuming)
            for name, loop in _event_loops(runtime, handlers, connections).items():
                supervisor.start(name, loop)
            if extra_loops is not None:
                for name, loop in extra_loops(connections).items():
                    supervisor.start(name, loop)
            await stopping
    finally:
        connecting.cancel()
        stopping.cancel()
        try:
            await supervisor.stop(runtime.settings.drain_seconds)
        finally:
            if connections is not None:
                await connections.drain()
        log.info("worker_stopped", service=service)


async def _connect(runtime: Runtime, service: str) -> Connections:
    url, ca_file = runtime.settings.nats_url, runtime.settings.nats_ca_file
    publishing = await connect(url, f"{service} relay", ca_file=ca_file)
    try:
        return Connections(publishing, await connect(url, f"{service} consumer", ca_file=ca_file))
    except BaseException:  # the worker ends before it has begun
        await close(publishing)
        raise


def _event_loops(
    runtime: Runtime, handlers: Handlers | None, connections: Connections
) -> dict[str, Callable[[], Awaitable[None]]]:
    settings = runtime.settings
    relay = Relay(
        settings.SERVICE,
        settings.database_url.get_secret_value(),
        connections.publishing.jetstream(),
        runtime.clock,
        replicas=settings.nats_replicas,
        stream_days=settings.stream_days,
        progress=lambda: runtime.liveness.tick("relay"),
    )
    loops: dict[str, Callable[[], Awaitable[None]]] = {"relay": relay.run}
    if handlers is not None:
        processor = EventProcessor(handlers, runtime.units, settings.SERVICE)
        consumer = Consumer(
            processor,
            connections.consuming.jetstream(),
            replicas=settings.nats_replicas,
            progress=runtime.liveness.tick,
        )
        loops |= consumer.loops()
    return loops


def _job_loop(liveness: Liveness, job: Job, stopping: asyncio.Event) -> Callable[[], Awaitable[None]]:
    # A job that fails from its first run on, or hangs in it, has a last end too: an alert is about its age.
    JOB_DONE.labels(job.name).set_to_current_time()

    async def loop() -> None:
        while not stopping.is_set():
            async with _at_work(liveness, f"job {job.name}"):
                with JOB_RUNS.labels(job.name).time():
                    wait = await job.run()
            JOB_DONE.labels(job.name).set_to_current_time()
            await pause(JOB_SECONDS if wait is None else max(0.0, min(wait, STALLED_AFTER_SECONDS / 2)), stopping)
        if job.finish is not None:
            await job.finish()

    return loop


async def _observe_due(runtime: Runtime, jobs: Sequence[Job]) -> None:
    """Tells metrics how long what is due waits for each job that says what is."""
    watched = [job for job in jobs if job.due]
    try:
        while True:
            runtime.liveness.tick("observe due work")
            for job in watched:
                OLDEST_DUE.labels(job.name).set(await _waits(runtime, job))
            await asyncio.sleep(OBSERVE_SECONDS)
    finally:
        for job in watched:  # nobody can tell: better no figure than an old one
            OLDEST_DUE.labels(job.name).set(math.nan)


async def _waits(runtime: Runtime, job: Job) -> float:
    """Seconds; 0 when nothing is due yet."""
    async with runtime.units.for_every_tenant() as unit:
        due: list[datetime | None] = [await unit.session.scalar(query) for query in job.due]
    return max([(unit.now - since).total_seconds() for since in due if since is not None] + [0.0])


@contextlib.asynccontextmanager
async def _at_work(liveness: Liveness, name: str) -> AsyncIterator[None]:
    """Tells progress for as long as it lasts: the settlement of a month may take many minutes and is no standstill.

    Work that holds up the event loop tells none, and then `/livez` does not answer either.
    """

    async def say_so() -> None:
        while True:
            await asyncio.sleep(STILL_AT_IT_SECONDS)
            liveness.tick(name)

    liveness.tick(name)
    saying = asyncio.create_task(say_so())
    try:
        yield
    finally:
        saying.cancel()


def _cleaning(runtime: Runtime, service: str) -> Job:
    """Deletes inbox rows and idempotency keys that have served their time."""
    due = 0.0

    async def clean() -> float:
        nonlocal due
        if time.monotonic() < due:
            return 30.0
        async with runtime.units.for_every_tenant() as unit:
            deleted = await inbox.prune(unit.session, service, unit.now)
            expired = text(f"delete from {service}.idempotency_key where expires_at < :now")  # noqa: S608
            await unit.session.execute(expired, {"now": unit.now})
        if deleted == 0:
            due = time.monotonic() + CLEAN_EVERY_SECONDS
        return 0.0 if deleted else 30.0

    return Job("clean event tables", clean)


class _Supervisor:
    """Keeps loops running. At the end a patient loop (a job) may finish what it is at; the others are cancelled."""

    def __init__(self, liveness: Liveness) -> None:
        self._liveness = liveness
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._patient: set[asyncio.Task[None]] = set()
        self.stopping = asyncio.Event()

    def start(self, name: str, loop: Callable[[], Awaitable[None]], *, patient: bool = False) -> None:
        LOOP_FAILURES.labels(name)  # a counter that begins with its first failure would show none
        task = asyncio.create_task(self._keep_running(name, loop), name=name)
        self._tasks[name] = task
        if patient:
            self._patient.add(task)

    async def _keep_running(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        wait = FIRST_WAIT
        while not self.stopping.is_set():
            started = time.monotonic()
            # A loop that tells no progress of its own is not watched: an old word of ours must not count against it.
            self._liveness.forget(name)
            try:
                await loop()
                log.info("worker_loop_ended", loop=name)
            except asyncio.CancelledError:
                raise
            except Exception as error:
                LOOP_FAILURES.labels(name).inc()
                log.warning(
                    "worker_loop_failed", loop=name, error=f"{type(error).__name__}: {error}"[:500], exc_info=error
                )
            if time.monotonic() - started > LONGEST_WAIT:
                wait = FIRST_WAIT
            # Waiting to start again is progress: an absent broker must not make the pod restart.
            self._liveness.tick(name)
            await pause(wait, self.stopping)
            wait = min(wait * 2, LONGEST_WAIT)

    async def stop(self, seconds: float) -> None:
        """Ends every loop within about this time.

        A mail or a webhook that is under way is finished and noted; cut off, it would be sent again.
        """
        # A cancellation can get lost: asyncio.wait_for (before Python 3.12) drops one that meets its result, and
        # nats-py turns one on a closed connection into an error. It is said again, and what ends is not restarted.
        self.stopping.set()
        deadline = time.monotonic() + seconds
        pending = set(self._tasks.values())
        while pending and (left := deadline - time.monotonic()) > 0:
            for task in pending:
                if task not in self._patient or left <= LAST_WORD_SECONDS:
                    task.cancel()
            _, pending = await asyncio.wait(pending, timeout=min(LAST_WORD_SECONDS, left))
        for task in pending:
            task.cancel()


async def pause(seconds: float, stopping: asyncio.Event) -> None:
    """Sleeps, but not longer than until the end of the process is asked for."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stopping.wait()
