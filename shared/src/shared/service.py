"""The factory of the four services: what a service is, its application, and the dependencies that its routes use.

A service describes itself once, in ``main.py``::

    SERVICE = Service(name="contracts", settings_class=ContractsSettings, routers=[...], ...)

    def build_app(settings: ContractsSettings | None = None) -> FastAPI:
        return create_app(SERVICE, settings or load_settings(ContractsSettings))

and its ``__main__.py`` is ``raise SystemExit(service_cli(SERVICE))``.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

import httpx
from alembic.config import Config
from alembic.script import ScriptDirectory
from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.routing import APIRoute
from pydantic import SecretStr
from sqlalchemy import MetaData
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from shared.api_document import html_page, openapi_document
from shared.auth import Authenticated, KeySource, Principal, TokenVerifier, require, verifier_for
from shared.caller_limit import CallerLimit
from shared.consumer import Handlers
from shared.events import EventRegistry
from shared.http_edge import BodyGuard, RequestEdge
from shared.migrations import head_revision
from shared.operations import OperationRecorder, correlation_of, request_operation
from shared.outbound_http import usual_authorities
from shared.problems import (
    ErrorMapping,
    NotFound,
    Problem,
    Unavailable,
    catalogue,
    install_problem_handlers,
)
from shared.settings import ServiceSettings
from shared.telemetry import current_traceparent
from shared.unit_of_work import UnitOfWork
from shared.worker import Job, Liveness, LoopsFor, Runtime, build_runtime

__all__ = [
    "Authenticated",
    "CurrentRuntime",
    "Now",
    "PublicUnit",
    "Readiness",
    "Service",
    "Unit",
    "create_app",
    "openapi_of",
    "require",
    "service_cli",
]

READINESS_CACHE_SECONDS = 1.0
JWKS_TIMEOUT_SECONDS = 5.0

CORS_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
CORS_REQUEST_HEADERS = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-Match",
    "If-Modified-Since",
    "If-None-Match",
    "Last-Event-ID",
    "traceparent",
    "X-Correlation-ID",
    "X-Request-ID",
)
"""What our routes read; a browser asks before it sends anything else."""
CORS_ANSWER_HEADERS = (
    "Accept-Post",
    "Allow",
    "Content-Disposition",
    "ETag",
    "Idempotency-Replayed",
    "Link",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
)
"""What our routes answer besides the fields that a browser shows to its page anyway."""

Command = Callable[[list[str], Any], Awaitable[int]]
"""A command of a service's own: the arguments after its name and the settings; returns the exit status."""


@dataclass(frozen=True)
class Service:
    """Everything that the shared code needs to know about one service."""

    name: str
    title: str
    description: str
    version: str
    settings_class: type[ServiceSettings]
    routers: Sequence[APIRouter]
    metadata: MetaData
    migrations: Path
    """Folder of the Alembic environment (``<package>/migrations``)."""
    registry: EventRegistry
    errors: ErrorMapping = field(default_factory=dict)
    """``api/errors.py``'s table from domain errors to problems."""
    handlers: Handlers | None = None
    jobs: Callable[[Runtime], Sequence[Job]] = lambda _runtime: ()
    extra_loops: Callable[[Runtime], LoopsFor] | None = None
    commands: Mapping[str, Command] = field(default_factory=dict)
    tags: Sequence[Mapping[str, str]] = ()
    """``{"name": …, "description": …}`` of every tag that the routes use, in the order of the document."""
    key_source: Callable[[Runtime], KeySource] | None = None
    """Only contracts: reads the public keys of our own tokens from its database instead of over HTTP."""
    webhooks: APIRouter | None = None
    """Only for the OpenAPI document: the requests that this service sends to others."""
    other_content_types: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Path to the media types of bodies accepted there besides JSON."""
    raw_bodies: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    """Template of a path to the media types whose bodies its route reads by itself, with the largest size in bytes."""
    further_schemas: Mapping[str, Callable[[], Mapping[str, Any]]] = field(default_factory=dict)
    """Name of a file below ``schemas/`` to what makes its JSON Schema: of what people write, not of events."""
    around: Callable[..., ASGIApp] | None = None
    """Called with what is inside and the runtime: stands before all else, where one path is another way to a route."""
    recorded_readings: frozenset[str] = frozenset()
    """Operation ids of what is not read unrecorded: exports, evidence, who has access (see `shared.operations`)."""
    unrecorded_changes: frozenset[str] = frozenset()
    """Operation ids, and commands, that change nothing or only deliver measurements: they leave no record."""

    @property
    def folder(self) -> Path:
        """The service's folder in the repository, with its generated documents: ``services/<name>``."""
        return self.migrations.resolve().parents[2]

    @cached_property
    def routes(self) -> Sequence[BaseRoute]:
        """The routes of all routers, made ready at their first use: every application of this process shares them.

        They are taken as they are: to include a router makes each of its routes anew, which took a third of the start,
        and looks through all of them twice for each request.
        """
        return [_named(route) for router in self.routers for route in router.routes]


# --- dependencies ----------------------------------------------------------------------------------------------------


async def current_runtime(request: Request) -> Runtime:
    """Dependency: what this process works with."""
    runtime: Runtime = request.app.state.runtime
    return runtime


CurrentRuntime = Annotated[Runtime, Depends(current_runtime)]


async def current_instant(runtime: CurrentRuntime) -> datetime:
    """Dependency: the injected clock's instant, for routes without a unit of work (calculators)."""
    return runtime.clock.now()


Now = Annotated[datetime, Depends(current_instant)]


async def unit_of_work(
    request: Request, response: Response, runtime: CurrentRuntime, principal: Authenticated
) -> AsyncIterator[UnitOfWork]:
    """Dependency: a transaction that sees the caller's tenant and, for client roles, the caller's client only."""
    if (operation := request_operation()) is not None:
        operation.response = response
    async with callers_unit(request, runtime, principal) as unit:
        yield unit


def callers_unit(
    request: Request, runtime: Runtime, principal: Principal, *, recorded: bool = True
) -> AbstractAsyncContextManager[UnitOfWork]:
    """A unit like the one of `unit_of_work`, for a route that asks a server elsewhere between two of its own.

    :param recorded: as in `UnitsOfWork.for_tenant`.
    """
    return runtime.units.for_tenant(
        principal.tenant_id,
        client_id=principal.client_id,
        actor=principal.actor,
        correlation_id=correlation_of(request.headers),
        traceparent=current_traceparent(),
        recorded=recorded,
    )


async def public_unit_of_work(request: Request, runtime: CurrentRuntime) -> AsyncIterator[UnitOfWork]:
    """Dependency: a transaction that sees every tenant, for public pages; the query itself must narrow it down."""
    async with runtime.units.for_every_tenant(
        correlation_id=correlation_of(request.headers), traceparent=current_traceparent()
    ) as unit:
        yield unit


# scope="function": the commit happens before the answer is sent. With FastAPI's default the answer would be on its way
# already, and a failing commit would still look like success.
Unit = Annotated[UnitOfWork, Depends(unit_of_work, scope="function")]
PublicUnit = Annotated[UnitOfWork, Depends(public_unit_of_work, scope="function")]


# --- readiness -------------------------------------------------------------------------------------------------------


class Readiness:
    """Whether this process should get requests: database reachable, schema new enough, not draining.

    `needs_nats` is for a worker without an API: an API that can write its outbox is healthy while NATS is away. Answers
    are kept for a second, so that probes do not become load.
    """

    def __init__(self, service: Service, runtime: Runtime, *, needs_nats: bool = False) -> None:
        self._service = service
        self._runtime = runtime
        self._needs_nats = needs_nats
        self._checked_at = float("-inf")
        self._checks: dict[str, str] = {}
        self._revision: str | None = None
        self._lock = asyncio.Lock()
        self.draining = False

    @cached_property
    def _known_revisions(self) -> tuple[str, frozenset[str]]:
        config = Config()
        config.set_main_option("script_location", str(self._service.migrations).replace("%", "%%"))
        scripts = ScriptDirectory.from_config(config)
        return head_revision(self._service.migrations), frozenset(s.revision for s in scripts.walk_revisions())

    async def checks(self) -> dict[str, str]:
        """Name of a check to ``ok`` or to what is wrong."""
        async with self._lock:
            if time.monotonic() - self._checked_at >= READINESS_CACHE_SECONDS:
                self._checks = await self._look()
                self._checked_at = time.monotonic()
        nats = {"nats": "ok" if self._runtime.links.up else "is not connected"} if self._needs_nats else {}
        return self._checks | nats | {"draining": "this process is stopping" if self.draining else "ok"}

    async def _look(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(3):
                revision = self._revision = await self._runtime.database.revision(self._service.name)
        except Exception as error:  # whatever it is, we are not ready, and the probe says why
            return {"database": f"does not answer ({type(error).__name__})", "schema": "unknown"}
        head, known = self._known_revisions
        # A revision that we do not know is newer than this code: expand, migrate, contract keeps it compatible.
        behind = revision is None or (revision != head and revision in known)
        schema = f"stands at {revision or 'nothing'}, needs {head}: run `migrate`" if behind else "ok"
        return {"database": "ok", "schema": schema}

    async def response(self, *, verbose: bool) -> Response:
        """The answer of ``/readyz``: 200, or a 503 problem document that says what is missing.

        With `verbose` it also says what runs here: the version, the revision of the schema as it was last seen, and
        what time it is for this process.
        """
        checks = await self.checks()
        running: dict[str, Any] = {
            "service": self._service.name,
            "version": self._service.version,
            "revision": self._revision,
            "now": self._runtime.clock.now().isoformat(),
        }
        facts = running if verbose else {}
        wrong = {name: state for name, state in checks.items() if state != "ok"}
        if wrong:
            detail = "Not ready: " + "; ".join(f"{name} {state}" for name, state in wrong.items()) + "."
            return Unavailable(detail, checks=checks, **facts).response("/readyz")
        body: dict[str, Any] = {"status": "ready"}
        if verbose:
            body |= {"checks": checks, **facts}
        return JSONResponse(body, headers={"Cache-Control": "no-store"})


def liveness_response(liveness: Liveness) -> Response:
    """The answer of ``/livez``: the loop runs, and so do the worker's loops if this process has any."""
    stalled = liveness.stalled()
    if stalled:
        return Unavailable(f"No progress for two minutes: {', '.join(stalled)}.").response("/livez")
    return JSONResponse({"status": "alive"}, headers={"Cache-Control": "no-store"})


# --- the application -------------------------------------------------------------------------------------------------


def create_app(service: Service, settings: ServiceSettings, *, runtime: Runtime | None = None) -> FastAPI:
    """The API of a service. Connects to nothing before the first request.

    With ``runtime`` the caller closes it; without, it is built from the settings and closed when the lifespan ends.
    ``app.state`` holds ``service``, ``settings``, ``runtime``, ``verifier`` (replace it in tests to accept test keys),
    ``caller_limit`` and ``readiness``.
    """
    own_runtime = runtime is None
    running = runtime or build_runtime(settings, service.registry)
    # Our own issuer is inside the network, so that this client is not the guarded one.
    jwks_http = httpx.AsyncClient(
        timeout=JWKS_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False, verify=usual_authorities()
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await jwks_http.aclose()
            if own_runtime:
                await running.close()

    app = FastAPI(
        title=service.title,
        version=service.version,
        description=service.description,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=lifespan,
        generate_unique_id_function=operation_id,
    )
    app.state.service = service
    app.state.settings = settings
    app.state.runtime = running
    app.state.readiness = Readiness(service, running)
    app.state.verifier = _verifier(service, settings, running, jwks_http)
    app.state.caller_limit = (
        CallerLimit(settings.request_rate, settings.request_burst) if settings.request_rate else None
    )
    install_problem_handlers(app, service.errors)
    app.router.routes.extend(service.routes)
    _add_own_routes(app, service, settings)
    # The last one added is the outermost.
    app.add_middleware(BodyGuard, api=app, other_types=service.other_content_types, raw_bodies=service.raw_bodies)
    app.add_middleware(
        OperationRecorder,
        units=running.units,
        readings=service.recorded_readings,
        unrecorded=service.unrecorded_changes,
    )
    app.add_middleware(
        RequestEdge,
        errors=service.errors,
        callers_choose_traces=settings.callers_choose_traces,
        unbelieved=None if settings.trusted_proxies else f"{service.name.upper()}_TRUSTED_PROXIES",
    )
    if service.around is not None:
        app.add_middleware(service.around, runtime=running)
    if settings.cors_origins:
        # Around everything: without its headers a browser hides even the problem document of a fault from its page.
        app.add_middleware(
            CORSMiddleware,
            allow_origins=settings.cors_origins,
            allow_methods=CORS_METHODS,
            allow_headers=CORS_REQUEST_HEADERS,
            expose_headers=CORS_ANSWER_HEADERS,
        )
    return app


def _named(route: BaseRoute) -> BaseRoute:
    if isinstance(route, APIRoute):
        route.unique_id = operation_id(route)
        if route.response_field is not None:
            route.response_field.name = f"Response_{route.unique_id}"
    return route


def operation_id(route: APIRoute) -> str:
    """Operation ids are function names: generated clients call their methods like this, so renaming breaks them."""
    return route.name


def _verifier(service: Service, settings: ServiceSettings, runtime: Runtime, http: httpx.AsyncClient) -> TokenVerifier:
    own_keys = service.key_source(runtime) if service.key_source else None
    return verifier_for(settings, runtime.clock, http, own_keys=own_keys)


def _document(app: FastAPI, service: Service, server: str) -> dict[str, Any]:
    return openapi_document(
        app,
        title=service.title,
        version=service.version,
        description=service.description,
        tags=service.tags,
        servers=[{"url": server, "description": f"The {service.name} service"}],
        webhooks=service.webhooks.routes if service.webhooks else (),
    )


def _add_own_routes(app: FastAPI, service: Service, settings: ServiceSettings) -> None:
    """What every service answers besides its routers; none of it is part of the OpenAPI document."""
    own = APIRouter(include_in_schema=False)
    state: dict[str, Any] = {}

    def openapi() -> dict[str, Any]:
        if not state:
            state.update(_document(app, service, settings.public_url))
        return state

    @own.get("/openapi.json")
    async def read_openapi() -> JSONResponse:
        return JSONResponse(openapi())

    @own.get("/docs", response_class=HTMLResponse)
    async def read_docs() -> HTMLResponse:
        return HTMLResponse(html_page(openapi()))

    @own.get("/livez")
    async def read_liveness(runtime: CurrentRuntime) -> Response:
        return liveness_response(runtime.liveness)

    @own.get("/readyz")
    async def read_readiness(request: Request) -> Response:
        readiness: Readiness = request.app.state.readiness
        return await readiness.response(verbose="verbose" in request.query_params)

    @own.get("/problems")
    async def list_problem_types() -> JSONResponse:
        return JSONResponse({"data": [entry.model_dump() for entry in catalogue()]})

    @own.get("/problems/{slug}")
    async def read_problem_type(slug: str) -> JSONResponse:
        if slug not in Problem.CATALOGUE:
            raise NotFound("There is no such problem type. /problems lists them.")
        return JSONResponse(next(entry for entry in catalogue() if entry.code == slug).model_dump())

    app.include_router(own)
    app.openapi = openapi  # type: ignore[method-assign]


def documentation_settings(service: Service) -> ServiceSettings:
    """Settings made of defaults only, whatever the environment says: for documents that must not vary."""
    return service.settings_class.model_construct(database_url=SecretStr("postgresql://localhost/documents"))


def openapi_of(service: Service) -> dict[str, Any]:
    """The OpenAPI document of a service as it is committed: independent of the environment."""
    settings = documentation_settings(service)
    app = create_app(service, settings)
    return _document(app, service, f"http://127.0.0.1:{settings.port}")


def principal_of(request: Request) -> Principal | None:
    """Who was found to call, once the route's dependencies have run; None on public routes."""
    return getattr(request.state, "principal", None)


def service_cli(service: Service, argv: Sequence[str] | None = None) -> int:
    """The command line of a service: ``python -m <service> api|worker|all|migrate|…``. Returns the exit status."""
    from shared.service_process import run_command  # noqa: PLC0415  (imports this module)

    return run_command(service, argv)
