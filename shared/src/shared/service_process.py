"""The command line of a service and the processes behind it: servers, signals, draining.

``api`` answers requests; ``worker`` runs relay, consumers and jobs; ``all`` does both in one process; ``migrate``
brings the schema up and ends. Every failure to start is one sentence on standard error and exit status 1, or 2 when
the command line or the settings are at fault.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import gc
import json
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from uuid import UUID

import psycopg
import sqlalchemy.exc
import structlog
import uvicorn
from fastapi import FastAPI
from nats.aio.client import Client
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError
from prometheus_client import REGISTRY
from prometheus_client.exposition import choose_encoder
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.consumer import EventProcessor, PermanentError, replay
from shared.dead_letters import DeadLetter, DeadLetters
from shared.http_edge import RequestEdge
from shared.http_server import KEEP_ALIVE_SECONDS, BoundedHttp
from shared.jetstream import close, connect
from shared.migrations import migrate, newer_revision
from shared.operations import command_operation
from shared.relay import ForeignWriter, Relay
from shared.schema_docs import asyncapi_of, schemas_of, serialized, write_documents
from shared.service import READINESS_CACHE_SECONDS, Readiness, Service, create_app, liveness_response, openapi_of
from shared.settings import InvalidSettings, ServiceSettings, load_settings
from shared.span_export import start_export
from shared.telemetry import configure_logging
from shared.time_source import clock_from
from shared.worker import Liveness, Runtime, build_runtime, pause, run_worker, tell_of_nothing_yet

_log = structlog.get_logger(__name__)


COMMAND_NATS_SECONDS = 10.0


class CannotStart(Exception):
    """The message says in one sentence why, and what to do."""


# --- ports and servers -----------------------------------------------------------------------------------------------


def _listen(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket, opened before anything else starts so that a taken port is one sentence."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise CannotStart(
            f"cannot listen on {host}:{port} ({error.strerror or error}): stop what uses the port or set {setting}."
        ) from None


class _Server(uvicorn.Server):
    """uvicorn without signal handlers of its own: two of them share a process, and we decide the order of stopping."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: Any, settings: ServiceSettings, *, lifespan: str) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            # uvicorn alone would believe whoever connects from loopback.
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=[str(network) for network in settings.trusted_proxies],
            http=BoundedHttp,
            ws="none",  # nobody here speaks it
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            lifespan=lifespan,  # type: ignore[arg-type]
            timeout_graceful_shutdown=max(1, int(settings.drain_seconds)),
        )
    )


class ReadyResponse(Protocol):
    """The answer of ``/readyz``."""

    async def __call__(self, *, verbose: bool) -> Response: ...


def ops_app(liveness: Liveness, ready: ReadyResponse) -> Starlette:
    """The second port, for the platform only: ``/livez``, ``/readyz`` and ``/metrics`` (OpenMetrics if asked for)."""

    async def livez(_request: Request) -> Response:
        return liveness_response(liveness)

    async def readyz(request: Request) -> Response:
        return await ready(verbose="verbose" in request.query_params)

    async def metrics(request: Request) -> Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(REGISTRY), headers={"Content-Type": content_type})

    app = Starlette(routes=[Route("/livez", livez), Route("/readyz", readyz), Route("/metrics", metrics)])
    app.add_middleware(RequestEdge, errors={})
    return app


@contextlib.asynccontextmanager
async def serving_ops(settings: ServiceSettings, liveness: Liveness, ready: ReadyResponse) -> AsyncIterator[None]:
    """The port for the platform alone, for a process that is no service, where the settings name one.

    Raises :class:`CannotStart` when it is taken.
    """
    if not settings.ops_port:
        yield
        return
    prefix = str(settings.model_config.get("env_prefix", ""))
    listener = _listen(settings.host, settings.ops_port, f"{prefix}OPS_PORT")
    server, task = _start(_server(ops_app(liveness, ready), settings, lifespan="off"), listener)
    try:
        yield
    finally:
        server.should_exit = True
        await asyncio.gather(task, return_exceptions=True)


async def run_process(service: Service, settings: ServiceSettings, *, api: bool, worker: bool) -> None:
    """Serve until SIGTERM or SIGINT, then drain: readiness turns false, requests and handlers finish, all closes.

    Raises :class:`CannotStart` when a port is taken.
    """
    prefix = str(settings.model_config.get("env_prefix", ""))
    api_socket = _listen(settings.host, settings.port, f"{prefix}PORT") if api else None
    ops_socket = _listen(settings.host, settings.ops_port, f"{prefix}OPS_PORT") if settings.ops_port else None
    runtime = build_runtime(settings, service.registry)
    spans = start_export(service.name, service.version)
    stop = runtime.stopping
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    app: FastAPI | None = create_app(service, settings, runtime=runtime) if api else None
    readiness = app.state.readiness if app else Readiness(service, runtime, needs_nats=True)
    servers: list[tuple[_Server, asyncio.Task[None]]] = []
    ops: tuple[_Server, asyncio.Task[None]] | None = None
    tasks: list[asyncio.Task[Any]] = []
    try:
        if app is not None and api_socket is not None:
            servers.append(_start(_server(app, settings, lifespan="on"), api_socket))
        if ops_socket is not None:
            ops = _start(_server(ops_app(runtime.liveness, readiness.response), settings, lifespan="off"), ops_socket)
        if worker:
            tasks.append(asyncio.create_task(_work(service, runtime, readiness)))
        _log.info("service_started", service=service.name, api=api, worker=worker, port=settings.port if api else None)
        await _until_stopped(stop, [*tasks, *(task for _, task in servers)])
    finally:
        readiness.draining = True
        stop.set()
        _log.info("service_draining", service=service.name)
        for server, _ in servers:
            server.should_exit = True
        await asyncio.gather(*(task for _, task in servers), *tasks, return_exceptions=True)
        if ops is not None:
            ops[0].should_exit = True
            await asyncio.gather(ops[1], return_exceptions=True)
        await runtime.close()
        if spans is not None:
            await asyncio.to_thread(spans.shutdown)
        _log.info("service_stopped", service=service.name)


async def _work(service: Service, runtime: Runtime, readiness: Readiness) -> None:
    """The worker, once the schema is there: over an older one handlers fail, and events become dead letters."""
    tell_of_nothing_yet(runtime)
    told, stop = "", runtime.stopping
    while not stop.is_set() and (schema := (await readiness.checks())["schema"]) != "ok":
        if schema != told:
            _log.warning("worker_waits_for_schema", service=service.name, schema=schema)
            told = schema
        await pause(READINESS_CACHE_SECONDS, stop)
    if not stop.is_set():
        extra_loops = service.extra_loops(runtime) if service.extra_loops else None
        await run_worker(runtime, service.handlers, service.jobs(runtime), extra_loops=extra_loops)


def _start(server: _Server, listener: socket.socket) -> tuple[_Server, asyncio.Task[None]]:
    return server, asyncio.create_task(server.serve(sockets=[listener]))


async def _until_stopped(stop: asyncio.Event, tasks: Sequence[asyncio.Task[Any]]) -> None:
    """Wait for the signal; a part that ends by itself ends the process, with its error."""
    waiting = asyncio.create_task(stop.wait())
    done, _ = await asyncio.wait({waiting, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    for task in done - {waiting}:
        await task
        raise CannotStart("a part of the service ended by itself; the log says more.")


# --- commands --------------------------------------------------------------------------------------------------------


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")


def _migrate(service: Service, settings: ServiceSettings) -> None:
    if settings.migration_database_url is None:
        prefix = str(settings.model_config.get("env_prefix", ""))
        raise CannotStart(f"set {prefix}MIGRATION_DATABASE_URL to the database URL of the role that owns the schema.")
    url = settings.migration_database_url
    try:
        if newer := newer_revision(url, service.migrations, service.name):  # after a roll-back: nothing is taken back
            _say(f"The schema of {service.name} stands at {newer}, which a newer release made: nothing to do.")
            return
        migrate(url, service.migrations, service.name, service.metadata)
    except (sqlalchemy.exc.OperationalError, psycopg.OperationalError) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        raise CannotStart(f"the database of {service.name} cannot be migrated: {reason}") from None


async def _dead_letters(service: Service, settings: ServiceSettings, arguments: argparse.Namespace) -> int:
    runtime = build_runtime(settings, service.registry)
    try:
        if arguments.action == "list":
            async with runtime.units.for_every_tenant() as unit:
                letters = DeadLetters(unit.session, service.name)
                for letter in await letters.open(after=arguments.after, limit=arguments.limit):
                    failed, why = letter.failed_at.strftime("%Y-%m-%dT%H:%M:%SZ"), letter.error.partition("\n")[0]
                    line = f"{letter.id} {failed} {letter.subject} {why}"
                    _say(json.dumps(_facts(letter), ensure_ascii=False) if arguments.json else line)
            return 0
        if arguments.action == "show":
            return await _show(service, runtime, arguments.id)
        if arguments.action == "discard":
            return await _discard(service, runtime, arguments.id, arguments.reason)
        return await _replay(service, runtime, arguments.id)
    finally:
        await runtime.close()


async def _show(service: Service, runtime: Runtime, letter_id: UUID) -> int:
    async with runtime.units.for_every_tenant() as unit:
        letter = await DeadLetters(unit.session, service.name).find(letter_id)
    if letter is None:
        raise CannotStart(f"there is no dead letter {letter_id}.")
    payload = letter.payload.decode("utf-8", "replace")
    _say(json.dumps(_facts(letter) | {"payload": payload}, indent=2, ensure_ascii=False))
    return 0


def _facts(letter: DeadLetter) -> dict[str, str]:
    """What is known of a dead letter, all but its bytes."""
    return {key: str(value) for key, value in vars(letter).items() if key != "payload" and value is not None}


async def _discard(service: Service, runtime: Runtime, letter_id: UUID, reason: str) -> int:
    async with runtime.units.for_every_tenant() as unit:
        letters = DeadLetters(unit.session, service.name)
        letter = await letters.find(letter_id)
        if letter is None or letter.resolved_at is not None:
            raise CannotStart(f"there is no open dead letter {letter_id}.")
        await letters.resolve(letter_id, f"discarded: {reason}", unit.now)
    _say(f"{letter_id} discarded")
    return 0


async def _replay(service: Service, runtime: Runtime, letter_id: UUID) -> int:
    if service.handlers is None:
        raise CannotStart(f"{service.name} consumes nothing.")
    try:
        took_effect = await replay(EventProcessor(service.handlers, runtime.units, service.name), letter_id)
    except (LookupError, PermanentError) as error:
        raise CannotStart(f"{error}.") from None
    _say(f"{letter_id} {'replayed' if took_effect else 'had taken effect before; closed'}")
    return 0


async def _republish(service: Service, settings: ServiceSettings, since: datetime) -> int:
    """Put published events back among the unpublished; the relay sends them again, consumers know them by id."""
    runtime = build_runtime(settings, service.registry)
    try:
        async with runtime.units.for_every_tenant() as unit:
            result = await unit.session.execute(
                text(
                    f"update {service.name}.outbox set published_at = null "  # noqa: S608  (a name from the code)
                    "where occurred_at >= :since and published_at is not null returning 1"
                ),
                {"since": since},
            )
            count = len(result.all())
    finally:
        await runtime.close()
    _say(f"{count} events of {service.name} will be published again")
    return 0


async def _reconcile(service: Service, settings: ServiceSettings) -> int:
    """Outbox and stream agree afterwards: after a restore, or when no worker runs."""
    nats = await _nats(service, settings)
    try:
        url = settings.database_url.get_secret_value()
        clock = clock_from(settings.clock_file)
        days, replicas = settings.stream_days, settings.nats_replicas
        relay = Relay(service.name, url, nats.jetstream(), clock, replicas=replicas, stream_days=days)
        compared = await relay.compare()
    except ForeignWriter as error:
        raise CannotStart(f"{error}.") from None
    except (NatsError, psycopg.OperationalError) as error:
        raise CannotStart(f"the database or NATS of {service.name} failed: {error}.") from None
    finally:
        await close(nats)
    done = "outbox and stream agree" if compared else "the worker's relay leads, and compares every few seconds"
    _say(f"{service.name}: {done}; {await _waiting(service, settings)} events wait to be published")
    return 0


async def _nats(service: Service, settings: ServiceSettings) -> Client:
    """A connection for a command, which does not wait for ever."""
    try:
        async with asyncio.timeout(COMMAND_NATS_SECONDS):
            return await connect(settings.nats_url, f"{service.name} command", ca_file=settings.nats_ca_file)
    except TimeoutError:
        raise CannotStart(f"NATS does not answer: is it running, and {service.name} known to it?") from None


async def _waiting(service: Service, settings: ServiceSettings) -> int:
    return int((await _outbox(service, settings))["unpublished"])


async def _outbox(service: Service, settings: ServiceSettings) -> dict[str, Any]:
    """What the database says: revision, unpublished events and the age of the oldest, open dead letters."""
    runtime = build_runtime(settings, service.registry)
    try:
        async with runtime.units.for_every_tenant() as unit:
            row = (
                await unit.session.execute(
                    text(
                        f"select count(*), min(occurred_at) from {service.name}.outbox "  # noqa: S608
                        "where published_at is null"
                    )
                )
            ).one()
            letters = await DeadLetters(unit.session, service.name).count_open()
            age = (unit.now - row[1]).total_seconds() if row[1] else 0.0
        revision = await runtime.database.revision(service.name)
        return {
            "service": service.name,
            "version": service.version,
            "revision": revision,
            "unpublished": int(row[0]),
            "oldest_unpublished_seconds": max(0.0, age),
            "dead_letters": letters,
        }
    finally:
        await runtime.close()


async def _status(service: Service, settings: ServiceSettings) -> int:
    """One JSON object: what the database says, and how far each consumer is behind its stream.

    `consumers` is null when NATS does not say: what the database says is worth telling all the more then.
    """
    facts = await _outbox(service, settings)
    facts["consumers"] = None
    with contextlib.suppress(CannotStart, NatsError):
        nats = await _nats(service, settings)
        try:
            declarations = service.handlers.declarations() if service.handlers is not None else []
            facts["consumers"] = [await _behind(nats, one.stream, one.durable) for one in declarations]
        finally:
            await close(nats)
    _say(json.dumps(facts))
    return 0


async def _behind(nats: Client, stream: str, durable: str) -> dict[str, Any]:
    """`pending` events were not given out yet, `unacknowledged` ones are being handled; None: nobody consumes."""
    try:
        info = await nats.jetstream().consumer_info(stream, durable)
    except NotFoundError:
        return {"stream": stream, "pending": None, "unacknowledged": None}
    return {"stream": stream, "pending": info.num_pending, "unacknowledged": info.num_ack_pending}


def _instant(given: str) -> datetime:
    instant = datetime.fromisoformat(given)
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _parser(service: Service) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {service.name}", description=service.title)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("api", help="answer requests")
    commands.add_parser("worker", help="publish and consume events, run jobs")
    commands.add_parser("all", help="api and worker in one process")
    commands.add_parser("migrate", help="bring the database schema to the newest revision")
    for name, what in (("openapi", "the OpenAPI document"), ("asyncapi", "the AsyncAPI document")):
        document = commands.add_parser(name, help=f"print {what}")
        document.add_argument("file", nargs="?", type=Path, help="write it there instead")
    schemas = commands.add_parser("schemas", help="write JSON Schemas and examples of the published events")
    schemas.add_argument("folder", nargs="?", type=Path, help="default: the service's folder")
    documents = commands.add_parser("documents", help="write all generated documents")
    documents.add_argument("folder", nargs="?", type=Path, help="default: the service's folder")
    letters = commands.add_parser("dead-letters", help="events that could not be handled")
    actions = letters.add_subparsers(dest="action", required=True, metavar="ACTION")
    listing = actions.add_parser("list", help="the open ones, oldest first")
    listing.add_argument("--limit", type=int, default=100)
    listing.add_argument("--after", type=UUID, metavar="ID", help="those that failed after this one")
    listing.add_argument("--json", action="store_true", help="one JSON object a line")
    for name, what in (("show", "everything about one"), ("replay", "run its handlers again")):
        actions.add_parser(name, help=what).add_argument("id", type=UUID)
    discard = actions.add_parser("discard", help="close one without handling it")
    discard.add_argument("id", type=UUID)
    discard.add_argument("--reason", required=True)
    again = commands.add_parser("republish", help="publish events again; consumers know them by id")
    again.add_argument("--since", type=_instant, required=True, help="instant, e.g. 2026-11-01T00:00:00Z")
    commands.add_parser("reconcile", help="make outbox and stream agree now: after a restore, or without a worker")
    commands.add_parser("status", help="print what waits, failed or lags, as JSON")
    for name, command in service.commands.items():
        commands.add_parser(name, help=(command.__doc__ or name).strip().splitlines()[0])
    return parser


def _write(file: Path | None, document: object) -> None:
    content = serialized(document)
    if file is None:
        sys.stdout.write(content)
    else:
        file.write_text(content, encoding="utf-8")


def _documents(service: Service, arguments: argparse.Namespace) -> bool:
    """The commands that need neither settings nor a database; False when the command is another one."""
    if arguments.command == "openapi":
        _write(arguments.file, openapi_of(service))
    elif arguments.command == "asyncapi":
        _write(arguments.file, asyncapi_of(service))
    elif arguments.command in ("schemas", "documents"):
        folder = arguments.folder or service.folder
        wanted = schemas_of(service) if arguments.command == "schemas" else None
        for path in write_documents(service, folder, wanted):
            _say(str(path))
    else:
        return False
    return True


def _run(service: Service, arguments: argparse.Namespace, settings: ServiceSettings) -> int:
    command = arguments.command
    if command == "migrate":
        _migrate(service, settings)
        return 0
    work: Awaitable[int | None]
    processes = ("api", "worker", "all")
    if command in processes:
        work = run_process(service, settings, api=command != "worker", worker=command != "api")
    elif command == "dead-letters":
        work = _dead_letters(service, settings, arguments)
    elif command == "republish":
        work = _republish(service, settings, arguments.since)
    elif command == "reconcile":
        work = _reconcile(service, settings)
    elif command == "status":
        work = _status(service, settings)
    else:
        work = service.commands[command](arguments.rest, settings)
    looking = command == "status" or (command == "dead-letters" and arguments.action in ("list", "show"))
    recorded = command not in processes and not looking and command not in service.unrecorded_changes
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(_finished(work, command if recorded else None)) or 0


async def _finished(work: Awaitable[int | None], command: str | None) -> int | None:
    """Awaits it; what a command changes is recorded as done by the command."""
    if command is None:
        return await work
    with command_operation(command):
        return await work


def new_loop() -> asyncio.AbstractEventLoop:
    """The event loop of every process of ours: uvloop where there is one."""
    try:
        import uvloop  # noqa: PLC0415  (not on Windows)
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def imported() -> None:
    """Called when a process has all that it needs: if it looked for no garbage it does now, but not among that."""
    if not gc.isenabled():
        gc.freeze()
        gc.enable()


def run_command(service: Service, argv: Sequence[str] | None = None) -> int:
    """Run one command; see :func:`shared.service.service_cli`."""
    imported()
    words = list(sys.argv[1:] if argv is None else argv)
    if words and words[0] in service.commands:
        # What follows is the command's own; argparse's REMAINDER would not take an option that comes first.
        arguments = argparse.Namespace(command=words[0], rest=words[1:])
    else:
        arguments = _parser(service).parse_args(words)
    if _documents(service, arguments):
        return 0
    try:
        settings = load_settings(service.settings_class)
    except InvalidSettings as error:
        sys.stderr.write(f"{service.name} cannot start. Set these environment variables:\n{error}\n")
        return 2
    configure_logging(settings, service=service.name)
    try:
        return _run(service, arguments, settings)
    except CannotStart as error:
        sys.stderr.write(f"{service.name}: {error}\n")
        return 1
    except (sqlalchemy.exc.OperationalError, psycopg.OperationalError) as error:
        reason = str(getattr(error, "orig", error)).strip().splitlines()[0]
        sys.stderr.write(f"{service.name}: the database does not answer: {reason}\n")
        return 1
