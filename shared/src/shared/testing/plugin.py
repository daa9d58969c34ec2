"""The pytest plugin: fixtures that every test of the workspace may ask for.

Servers are real and shared by a session (each xdist worker has its own); databases are fresh per test.
"""

import gc
import importlib
import os
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, settings

from shared.kernel.clock import FixedClock
from shared.stack.nats_server import SERVICES, NatsServer
from shared.stack.postgres_server import PostgresServer
from shared.testing.databases import DatabaseUrls, ServiceDatabases
from shared.testing.running_stack import RunningStack, Tenant, running_stack_over
from shared.testing.servers import running_nats, running_postgres
from shared.testing.tokens import TokenMint

MONDAY_MORNING = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)
"""Where the clock of a test stands at its beginning: a working day like any other."""

# How long an example takes is the machine's affair: on a busy one a sound rule would fail.
settings.register_profile("upheld", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("upheld")


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands at Monday 2026-06-08 09:00 UTC until the test moves it."""
    return FixedClock(MONDAY_MORNING)


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for the session. Do not kill it: `own_postgres_server` is for that."""
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def nats_server() -> Iterator[NatsServer]:
    """A NATS with JetStream for the session; streams stay from test to test. Do not kill it."""
    with running_nats() as server:
        yield server


@pytest.fixture
def own_postgres_server() -> Iterator[PostgresServer]:
    """A PostgreSQL for this test alone (about half a second): `.kill()`, `.start()` on the same port and data."""
    with running_postgres() as server:
        yield server


@pytest.fixture
def own_nats_server() -> Iterator[NatsServer]:
    """A NATS for this test alone (some 50 ms): no streams yet; `.kill()`, `.wipe()`, `.start()` on the same port."""
    with running_nats() as server:
        yield server


@pytest.fixture(scope="session")
def service_databases(postgres_server: PostgresServer) -> Iterator[ServiceDatabases]:
    """Makes and drops databases; for fixtures with a scope of their own."""
    databases = ServiceDatabases(postgres_server)
    yield databases
    databases.close()


@pytest.fixture
def service_database(service_databases: ServiceDatabases) -> Iterator[Callable[[str], DatabaseUrls]]:
    """`service_database("contracts")`: a migrated database for this test, without what others put there."""
    yield from _databases(service_databases)


@pytest.fixture(scope="module")
def module_service_database(service_databases: ServiceDatabases) -> Iterator[Callable[[str], DatabaseUrls]]:
    """The same for a whole module."""
    yield from _databases(service_databases)


def _databases(databases: ServiceDatabases) -> Iterator[Callable[[str], DatabaseUrls]]:
    made: list[tuple[str, DatabaseUrls]] = []

    def make(service: str) -> DatabaseUrls:
        made.append((service, databases.create(service)))
        return made[-1][1]

    yield make
    for service, urls in made:
        databases.give_back(service, urls)


_SESSION_STACK = "running_stack"
_STACK = pytest.StashKey[RunningStack]()


@pytest.fixture(scope="session")
def running_stack(
    request: pytest.FixtureRequest, postgres_server: PostgresServer, nats_server: NatsServer
) -> Iterator[RunningStack]:
    """The four services as processes on free ports. One for the session: do not kill its parts."""
    with running_stack_over(postgres_server, nats_server) as stack:
        request.config.stash[_STACK] = stack
        yield stack
        stack.go_on()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Let the services go on before a test that uses them."""
    if _SESSION_STACK in getattr(item, "fixturenames", ()) and _STACK in item.config.stash:
        item.config.stash[_STACK].go_on()


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Hold the services while other tests run: what they watch goes on costing CPU."""
    if _STACK in item.config.stash and nextitem and _SESSION_STACK not in getattr(nextitem, "fixturenames", ()):
        item.config.stash[_STACK].hold()


@pytest.fixture
def own_running_stack(own_postgres_server: PostgresServer, own_nats_server: NatsServer) -> Iterator[RunningStack]:
    """The same for this test alone, with servers that may be killed and wiped."""
    with running_stack_over(own_postgres_server, own_nats_server) as stack:
        yield stack


@pytest.fixture
def new_tenant(running_stack: RunningStack) -> Callable[[str], Tenant]:
    """`new_tenant("Agency")`: a tenant of the running stack with its owner's key."""
    return running_stack.new_tenant


STACKS = (_SESSION_STACK, "own_running_stack")


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--any-request=long`: requests made from the OpenAPI documents, with every boundary and for things that exist."""
    parser.addoption(
        "--any-request",
        choices=("short", "long"),
        default="short",
        help="long: every boundary of every schema, and every operation with things that exist",
    )


_configurations: list[pytest.Config] = []


def pytest_configure(config: pytest.Config) -> None:
    """For `only_in_the_long_run_of_any_request`, which is called where no fixture is in reach.

    And lets one credential ask as fast as it can, which is what tests do: whoever is about that limit sets it.
    """
    _configurations.append(config)
    for service in SERVICES:
        os.environ.setdefault(f"{service.upper()}_REQUEST_RATE", "0")


def pytest_unconfigure() -> None:
    """A run inside of a test ends before the one around it."""
    _configurations.pop()


def only_in_the_long_run_of_any_request() -> None:
    """Called by a module before it makes its tests: skips it unless the long run is asked for.

    Its tests take minutes, and `make any-request` runs them; to make them takes half a minute already.
    """
    if _configurations[-1].getoption("--any-request") != "long":
        pytest.skip("takes minutes: `make any-request`", allow_module_level=True)


@pytest.hookimpl(tryfirst=True)
def pytest_collection() -> None:
    """Nothing of what is imported is garbage: do not look for any until all tests are there."""
    gc.disable()


def pytest_collection_finish() -> None:
    """Leave what is there by now out of the search for garbage, or each search looks through seven thousand tests."""
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """With several workers and `--dist loadfile`: modules stay together, and the modules of `e2e` with one another.

    Module fixtures are then made once, and the four services start only once. Marks of groups (`xdist_group`) would say
    the same, but what they add to a test's id is not seen by xdist 3.8 under pytest 9.2.
    """
    if config.getoption("dist") != "loadfile":
        return None
    # Not everybody who uses these fixtures has xdist.
    scheduling = importlib.import_module("xdist.scheduler.loadfile").LoadFileScheduling(config, log)
    scheduling._split_scope = _kept_together
    return scheduling


def _kept_together(nodeid: str) -> str:
    """What must run on one worker with this test."""
    module = nodeid.partition("::")[0]
    return "e2e" if "/e2e/" in module else module


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Show the services' logs with the report of a test that failed on a running stack."""
    outcome = yield
    report = outcome.get_result()  # type: ignore[attr-defined]
    if report.failed:
        for name in STACKS:
            stack = getattr(item, "funcargs", {}).get(name)
            if isinstance(stack, RunningStack):
                report.sections.append(("logs of the services", stack.logs()))


@pytest.fixture
def tokens(clock: FixedClock) -> TokenMint:
    """Mints tokens at the test's clock; `tokens.trust(app)` makes an application accept them."""
    return TokenMint(clock)


ApiClient = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def api_client() -> ApiClient:
    """`async with api_client(app, token) as client`: calls an application in this process, without a socket.

    The application's lifespan runs; an exception that escapes it is a 500 answer, as for a real client.
    """

    @asynccontextmanager
    async def open_client(
        app: FastAPI, token: str | None = None, *, headers: dict[str, str] | None = None
    ) -> AsyncIterator[httpx.AsyncClient]:
        sent = {**({"Authorization": f"Bearer {token}"} if token else {}), **(headers or {})}
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://service.test", headers=sent) as client,
        ):
            yield client

    return open_client
