"""A service made by the factory, over a real PostgreSQL: what it answers, and when it may answer."""

import asyncio
import io
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
import structlog
from alembic.migration import MigrationContext
from alembic.operations import Operations
from fastapi import FastAPI
from prometheus_client import REGISTRY
from pydantic import SecretStr, ValidationError
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncSession
from structlog.testing import capture_logs

from shared.caller_limit import CallerLimit
from shared.consumer import EventProcessor, Handlers
from shared.database import driver_url, plan_by_client, protect_rows, set_scope
from shared.events import ReceivedEvent
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.migrations import head_revision, migrate
from shared.service import create_app
from shared.settings import InvalidSettings, load_settings
from shared.telemetry import REQUESTS, configure_logging
from shared.testing.databases import DatabaseUrls, ServiceDatabases
from shared.testing.tokens import TokenMint
from shared.unit_of_work import UnitOfWork, UnitsOfWork
from shared.worker import build_runtime

from .library.service import SERVICE, BookAdded, LibrarySettings

TENANT = UUID("0190a000-0000-7000-8000-0000000000aa")
OTHER_TENANT = UUID("0190a000-0000-7000-8000-0000000000bb")
CLIENT = UUID("0190a000-0000-7000-8000-0000000000cc")


@pytest.fixture(scope="module")
def database(service_databases: ServiceDatabases) -> Iterator[DatabaseUrls]:
    urls = service_databases.create_empty("library")
    migrate(urls.owner, SERVICE.migrations, "library", SERVICE.metadata)
    yield urls
    service_databases.drop(urls)


@pytest.fixture
def empty(database: DatabaseUrls) -> DatabaseUrls:
    with psycopg.connect(database.superuser) as connection:
        connection.execute("truncate library.book, library.outbox, library.inbox, library.idempotency_key")
    return database


@pytest.fixture
async def app(empty: DatabaseUrls, clock: FixedClock, tokens: TokenMint) -> AsyncIterator[FastAPI]:
    settings = LibrarySettings(database_url=SecretStr(empty.app), migration_database_url=SecretStr(empty.owner))
    runtime = build_runtime(settings, SERVICE.registry, clock)
    app = tokens.trust(create_app(SERVICE, settings, runtime=runtime))
    yield app
    await runtime.close()


@pytest.fixture
async def client(app: FastAPI, tokens: TokenMint) -> AsyncIterator[httpx.AsyncClient]:
    headers = tokens.headers(tenant_id=TENANT)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://library.test", headers=headers
    ) as client:
        yield client


def problem(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The document of an answer that must be this problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["content-language"] == "en"
    document: dict[str, Any] = answer.json()
    assert document["code"] == code
    assert document["type"] == f"https://upheld.dev/problems/{code}"
    assert document["status"] == status
    assert document["instance"] == answer.request.url.raw_path.decode().partition("?")[0]
    assert document["request_id"] == answer.headers["x-request-id"]
    assert len(document["trace_id"]) == 32
    return document


def rows(urls: DatabaseUrls, query: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(urls.superuser) as connection:
        return connection.execute(query).fetchall()


# --- commit and answer -----------------------------------------------------------------------------------------------


async def test_a_success_is_committed_before_it_is_answered(client: httpx.AsyncClient, empty: DatabaseUrls) -> None:
    answer = await client.post("/v1/books", json={"title": "Candide"})
    assert answer.status_code == 201
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["location"] == f"/v1/books/{answer.json()['book_id']}"
    assert rows(empty, "select title from library.book") == [("Candide",)]
    assert rows(empty, "select aggregate_type from library.outbox order by id") == [("book",), ("operation",)]


async def test_a_commit_that_fails_never_answers_with_success(client: httpx.AsyncClient, empty: DatabaseUrls) -> None:
    # The constraint is deferred: the insert works, the route returns normally, COMMIT fails.
    answer = await client.post("/v1/books", json={"title": "Zadig", "shelf_id": str(new_id())})
    problem(answer, 409, "conflict")
    assert rows(empty, "select count(*) from library.book") == [(0,)]
    assert rows(empty, "select count(*) from library.outbox") == [(0,)]


async def test_a_commit_that_the_database_never_confirms_is_not_a_success(
    client: httpx.AsyncClient, app: FastAPI, empty: DatabaseUrls
) -> None:
    app.state.gate = asyncio.Event()
    request = asyncio.create_task(client.post("/v1/books", json={"title": "Micromégas"}))
    await _until_waiting(empty)
    with psycopg.connect(empty.superuser, autocommit=True) as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'library_app'")
    app.state.gate.set()
    answer = await request
    problem(answer, 503, "unavailable")
    assert answer.headers["retry-after"]
    assert rows(empty, "select count(*) from library.book") == [(0,)]


async def _until_waiting(urls: DatabaseUrls) -> None:
    """Until a request holds a transaction open."""
    query = (
        "select 1 from pg_stat_activity where usename = 'library_app' and state = 'idle in transaction' "
        "and query ilike 'insert into library.book%'"
    )
    async with asyncio.timeout(10):
        while not rows(urls, query):  # noqa: ASYNC110  (the other process has no event to wait for)
            await asyncio.sleep(0.02)


async def test_a_refused_request_changes_nothing(client: httpx.AsyncClient, empty: DatabaseUrls) -> None:
    answer = await client.post("/v1/books", json={"title": "Out of print"})
    assert problem(answer, 409, "conflict")["detail"] == "Out of print is out of print."
    assert rows(empty, "select count(*) from library.book") == [(0,)]


async def test_the_event_of_a_request_carries_its_trace_and_its_id(
    client: httpx.AsyncClient, empty: DatabaseUrls
) -> None:
    trace = "0af7651916cd43dd8448eb211c80319c"
    headers = {"traceparent": f"00-{trace}-b7ad6b7169203331-01", "x-request-id": "order-7"}
    answer = await client.post("/v1/books", json={"title": "Émile"}, headers=headers)
    assert answer.headers["x-request-id"] == "order-7"
    ((envelope, traceparent),) = rows(
        empty, "select envelope, traceparent from library.outbox where aggregate_type = 'book'"
    )
    assert traceparent.split("-")[1] == trace
    assert envelope["traceparent"] == traceparent
    assert envelope["correlationid"] == "order-7"
    assert envelope["tenantid"] == str(TENANT)


async def test_request_event_and_handler_share_one_trace(
    client: httpx.AsyncClient, app: FastAPI, empty: DatabaseUrls
) -> None:
    heard: list[dict[str, str]] = []
    handlers = Handlers("reader")

    @handlers.on("library.book.added.v1")
    async def hear(event: ReceivedEvent[BookAdded], uow: UnitOfWork) -> None:
        heard.append(structlog.contextvars.get_contextvars() | {"next": str(uow.traceparent)})

    answer = await client.post("/v1/books", json={"title": "Candide"})
    assert answer.status_code == 201
    ((payload,),) = rows(empty, "select envelope::text from library.outbox where aggregate_type = 'book'")
    assert await EventProcessor(handlers, app.state.runtime.units, "library").process(payload.encode())
    trace = json.loads(payload)["traceparent"].split("-")[1]
    (context,) = heard
    assert context["trace_id"] == trace
    assert context["next"].split("-")[1] == trace
    assert context["tenant_id"] == str(TENANT)


# --- tenants ---------------------------------------------------------------------------------------------------------


async def test_another_tenant_sees_nothing(client: httpx.AsyncClient, tokens: TokenMint) -> None:
    book = (await client.post("/v1/books", json={"title": "Candide"})).json()
    stranger = tokens.headers(tenant_id=OTHER_TENANT)
    problem(await client.get(f"/v1/books/{book['book_id']}", headers=stranger), 404, "not-found")
    assert (await client.get("/v1/books", headers=stranger)).json() == {"data": [], "next_cursor": None}
    assert (await client.get("/v1/public/count")).json() == {"count": 1}


def add_books_of_a_hundred_tenants(database: DatabaseUrls) -> None:
    """A hundred books each."""
    with psycopg.connect(database.superuser) as connection:
        connection.execute(
            "insert into library.book (book_id, tenant_id, title, pages, added_at, version) "
            "select gen_random_uuid(), case mod(n, 100) when 0 then %s else md5(mod(n, 100)::text)::uuid end, "
            "n::text, 1, now(), 1 from generate_series(1, 10000) n",
            [TENANT],
        )
        connection.execute("analyze library.book")


async def test_a_tenant_finds_its_rows_by_an_index_among_those_of_all_tenants(
    app: FastAPI, empty: DatabaseUrls
) -> None:
    add_books_of_a_hundred_tenants(empty)
    units: UnitsOfWork = app.state.runtime.units

    async def seen(session: AsyncSession) -> int:
        return int((await session.execute(text("select count(*) from library.book"))).scalar_one())

    async with units.for_tenant(TENANT) as unit:
        assert await seen(unit.session) == 100
        plan = "\n".join(await unit.session.scalars(text("explain select * from library.book order by added_at")))
        assert "Index Scan" in plan
        assert "Index Cond: ((tenant_id >=" in plan
        assert "Filter" not in plan
    async with units.for_tenant(OTHER_TENANT) as unit:
        assert await seen(unit.session) == 0
    async with units.for_every_tenant() as unit:
        assert await seen(unit.session) == 10_000
        await set_scope(unit.session, "", "")
        assert await seen(unit.session) == 0
    async with app.state.runtime.database.sessions() as session:
        assert await seen(session) == 0  # whoever forgets to say whose rows he may see


async def test_a_statement_is_planned_for_as_many_rows_as_its_unit_of_work_sees(
    app: FastAPI, empty: DatabaseUrls
) -> None:
    add_books_of_a_hundred_tenants(empty)
    units: UnitsOfWork = app.state.runtime.units

    async def expected(session: AsyncSession) -> int:
        (plan,) = await session.scalar(text("explain (format json) select * from library.book"))
        return int(plan["Plan"]["Plan Rows"])

    async with units.for_tenant(TENANT) as unit:
        assert 50 <= await expected(unit.session) <= 200
    async with units.for_every_tenant() as unit:
        assert 9_000 <= await expected(unit.session) <= 11_000


SEEN_BEFORE = """
    (nullif(current_setting('upheld.client_id', true), '') is null
        or client_id::text = nullif(current_setting('upheld.client_id', true), ''))
"""
"""The condition of `client_isolation` of before, as migrations made it."""


@pytest.fixture
def notes_of_clients(empty: DatabaseUrls) -> Iterator[Operations]:
    """A hundred clients of one tenant with a hundred notes each, and a note of which nobody knows the client."""
    engine = create_engine(driver_url(empty.superuser))
    with engine.begin() as connection:
        op = Operations(MigrationContext.configure(connection))
        op.execute("create table library.note (tenant_id uuid not null, client_id uuid)")
        protect_rows(op, "library", "note", client_column="client_id")
        op.execute(
            "insert into library.note select '0190a000-0000-7000-8000-0000000000aa', "
            f"case mod(n, 100) when 0 then '{CLIENT}' else md5(mod(n, 100)::text)::uuid end "
            "from generate_series(1, 10000) n"
        )
        op.execute("insert into library.note values ('0190a000-0000-7000-8000-0000000000aa', null)")
        op.execute("analyze library.note")
        op.execute("grant select on library.note to public")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection)
        with context.begin_transaction():
            yield Operations(context)
    with engine.begin() as connection:
        connection.execute(text("drop table library.note"))
    engine.dispose()


async def test_whoever_is_bound_to_no_client_has_his_statements_planned_for_the_rows_of_all(
    app: FastAPI, notes_of_clients: Operations
) -> None:
    units: UnitsOfWork = app.state.runtime.units

    async def expected_and_seen(session: AsyncSession) -> tuple[int, int]:
        (plan,) = await session.scalar(text("explain (format json) select * from library.note"))
        seen = await session.scalar(text("select count(*) from library.note"))
        return int(plan["Plan"]["Plan Rows"]), int(seen)

    async with units.for_tenant(TENANT) as unit:
        expected, seen = await expected_and_seen(unit.session)
        assert seen == 10_001  # with the one of no client
        assert 9_000 <= expected <= 11_000
        await set_scope(unit.session, str(TENANT), str(CLIENT))
        expected, seen = await expected_and_seen(unit.session)
        assert seen == 100
        assert expected <= 1_000
        await set_scope(unit.session, str(OTHER_TENANT), str(CLIENT))
        assert (await expected_and_seen(unit.session))[1] == 0


def test_a_policy_of_before_becomes_what_is_made_now(notes_of_clients: Operations) -> None:
    def policies() -> list[Any]:
        found = "select policyname, permissive, qual from pg_policies where tablename = 'note' order by 1"
        return [tuple(row) for row in notes_of_clients.get_bind().execute(text(found))]

    made_now = policies()
    notes_of_clients.execute(f"alter policy client_isolation on library.note using {SEEN_BEFORE}")
    assert policies() != made_now
    plan_by_client(notes_of_clients, "library")
    assert policies() == made_now


def test_a_table_that_somebody_reads_keeps_no_other_from_its_new_policy_and_the_next_try_does_the_rest(
    notes_of_clients: Operations, empty: DatabaseUrls
) -> None:
    def of_before() -> list[str]:
        found = "select tablename from pg_policies where qual like '%)::text = %' order by 1"
        return list(notes_of_clients.get_bind().scalars(text(found)))

    with notes_of_clients.get_context().autocommit_block():
        notes_of_clients.execute("create table library.excerpt (tenant_id uuid not null, client_id uuid)")
        protect_rows(notes_of_clients, "library", "excerpt", client_column="client_id")
        for table in ("excerpt", "note"):
            notes_of_clients.execute(f"alter policy client_isolation on library.{table} using {SEEN_BEFORE}")
        notes_of_clients.execute("set lock_timeout = '100ms'")
    with psycopg.connect(empty.superuser) as reader:
        reader.execute("select count(*) from library.note")
        with pytest.raises(OperationalError, match="lock timeout"):
            plan_by_client(notes_of_clients, "library")
        assert of_before() == ["note"]
    plan_by_client(notes_of_clients, "library")
    assert of_before() == []
    notes_of_clients.execute("drop table library.excerpt")


async def test_a_page_is_sorted_by_the_tenant_first_so_that_an_index_gives_it(
    client: httpx.AsyncClient, app: FastAPI
) -> None:
    said: list[str] = []
    event.listen(
        app.state.runtime.database.engine.sync_engine,
        "before_cursor_execute",
        lambda _c, _cursor, statement, *_: said.append(statement),
    )
    assert (await client.get("/v1/books")).status_code == 200
    (listed,) = (statement for statement in said if "FROM library.book" in statement)
    assert "ORDER BY library.book.tenant_id DESC, library.book.added_at DESC, " in listed


# --- problems --------------------------------------------------------------------------------------------------------


async def test_an_unknown_address_is_a_problem(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/nothing"), 404, "not-found")
    problem(await client.get("/v1/books/"), 404, "not-found")


async def test_a_wrong_method_lists_the_methods_of_every_route_of_the_path(client: httpx.AsyncClient) -> None:
    answer = await client.patch("/v1/books", json={})
    problem(answer, 405, "method-not-allowed")
    assert answer.headers["allow"] == "GET, POST"
    answer = await client.post(f"/v1/books/{new_id()}", json={})
    assert answer.headers["allow"] == "DELETE, GET, PUT"


@pytest.mark.parametrize(
    "body",
    [b"{", b"", b'{"a": NaN}', b'{"a": Infinity}', b"\xff\xfe", b"[" * 100_000, b'{"a": ' + b"1" * 5000 + b"}"],
    ids=["cut", "empty", "nan", "infinity", "not utf-8", "deep", "long number"],
)
async def test_a_body_that_is_not_json_is_refused(client: httpx.AsyncClient, body: bytes) -> None:
    answer = await client.post("/v1/books", content=body, headers={"content-type": "application/json"})
    if body:
        problem(answer, 400, "invalid-json")
    else:
        assert problem(answer, 422, "validation-failed")["errors"] == [{"detail": "Field required", "pointer": "#"}]


async def test_each_fault_of_a_body_has_its_pointer(client: httpx.AsyncClient) -> None:
    answer = await client.post("/v1/books", json={"pages": 0, "a/b~c": 1})
    errors = problem(answer, 422, "validation-failed")["errors"]
    assert {error["pointer"] for error in errors} == {"#/title", "#/pages", "#/a~1b~0c"}


async def test_pointers_name_the_document_and_not_the_members_of_a_union(client: httpx.AsyncClient) -> None:
    body = {"shapes": [{"kind": "circle", "radius": 1}, {"kind": "square", "side": 0}]}
    errors = problem(await client.post("/v1/drawings", json=body), 422, "validation-failed")["errors"]
    assert {"detail": "Input should be greater than 0", "pointer": "#/shapes/1/side"} in errors
    assert all(error["pointer"].startswith("#/shapes/1") for error in errors)


async def test_faults_of_parameters_and_headers_name_them(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/books", params={"limit": "0"})
    assert problem(answer, 422, "validation-failed")["errors"][0]["parameter"] == "limit"
    answer = await client.get("/v1/books/17")
    assert problem(answer, 422, "validation-failed")["errors"][0]["parameter"] == "book_id"
    answer = await client.post("/v1/books", json={"title": "x"}, headers={"Idempotency-Key": "k" * 400})
    assert problem(answer, 422, "validation-failed")["errors"][0]["header"] == "Idempotency-Key"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b'{"title": "a\\u0000b"}', "#/title"),
        (b'{"title": "\\ud800"}', "#/title"),
        (b'{"title": "x", "\\u0000": 1}', "#"),
        (b'{"title": "x", "\\udfff": 1}', "#"),
    ],
)
async def test_characters_that_cannot_be_stored_are_refused(
    client: httpx.AsyncClient, body: bytes, pointer: str
) -> None:
    answer = await client.post("/v1/books", content=body, headers={"content-type": "application/json"})
    assert problem(answer, 422, "validation-failed")["errors"][0]["pointer"] == pointer


async def test_nul_and_broken_utf8_in_an_address_are_refused(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/books?title=a%00b"), 422, "validation-failed")
    problem(await client.get("/v1/books?title=%ff"), 422, "validation-failed")
    problem(await client.get("/v1/books/%00"), 422, "validation-failed")


async def test_numbers_that_no_column_holds_are_not_a_fault_of_ours(client: httpx.AsyncClient) -> None:
    problem(await client.get(f"/v1/overflow/{2**40}"), 422, "validation-failed")
    problem(await client.get(f"/v1/overflow/{2**80}"), 422, "validation-failed")
    body = b'{"shapes": [], "anything": {"deep": [1e999]}}'
    answer = await client.post("/v1/drawings", content=body, headers={"content-type": "application/json"})
    assert problem(answer, 422, "validation-failed")["errors"][0]["pointer"] == "#/anything/deep/0"


async def test_a_collision_in_the_database_is_a_conflict(client: httpx.AsyncClient) -> None:
    problem(await client.get("/v1/collide"), 409, "conflict")
    await client.post("/v1/books", json={"title": "Candide"})
    problem(await client.post("/v1/books", json={"title": "Candide"}), 409, "conflict")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "application/xml", ""])
async def test_other_media_types_are_refused(client: httpx.AsyncClient, content_type: str) -> None:
    answer = await client.post("/v1/books", content=b"{}", headers={"content-type": content_type})
    problem(answer, 415, "unsupported-media-type")
    assert answer.headers["accept-post"] == "application/json"


async def test_a_large_body_is_refused_with_and_without_a_length(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/books", content=b"x" * 10_000_000), 413, "too-large")

    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield b"x" * 50_000

    problem(await client.post("/v1/books", content=chunks()), 413, "too-large")


async def test_a_faulty_body_at_an_unknown_address_is_still_an_unknown_address(client: httpx.AsyncClient) -> None:
    problem(await client.post("/v1/nothing", content=b"<x/>"), 404, "not-found")


async def test_a_fault_of_ours_tells_nothing_of_the_inside(client: httpx.AsyncClient) -> None:
    answer = await client.get("/v1/broken")
    document = problem(answer, 500, "internal-error")
    assert "hunter2" not in answer.text
    assert "RuntimeError" not in answer.text
    assert "request_id" in document["detail"]


async def test_every_problem_type_can_be_looked_up(client: httpx.AsyncClient) -> None:
    listed = (await client.get("/problems")).json()["data"]
    for entry in listed:
        assert (await client.get(f"/problems/{entry['code']}")).json() == entry
        assert entry["description"]
    problem(await client.get("/problems/none"), 404, "not-found")


# --- browsers --------------------------------------------------------------------------------------------------------

FRONTEND = "https://app.agency.example"


@asynccontextmanager
async def browser(
    urls: DatabaseUrls, clock: FixedClock, tokens: TokenMint, *origins: str
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the library with these origins, at the page of a frontend."""
    settings = LibrarySettings(database_url=SecretStr(urls.app), cors_origins=origins)
    runtime = build_runtime(settings, SERVICE.registry, clock)
    app = tokens.trust(create_app(SERVICE, settings, runtime=runtime))
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    headers = {"Origin": FRONTEND}
    async with httpx.AsyncClient(transport=transport, base_url="http://library.test", headers=headers) as client:
        yield client
    await runtime.close()


def cors(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name.startswith("access-control-")}


async def test_no_frontend_is_let_in_unless_it_is_named(
    empty: DatabaseUrls, clock: FixedClock, tokens: TokenMint
) -> None:
    preflight = {"Access-Control-Request-Method": "PUT"}
    async with browser(empty, clock, tokens) as page:
        assert cors(await page.get("/v1/public/count")) == {}
        assert (await page.options("/v1/books", headers=preflight)).status_code == 405
    async with browser(empty, clock, tokens, "https://other.example") as page:
        assert "access-control-allow-origin" not in cors(await page.get("/v1/public/count"))
        answer = await page.options("/v1/books", headers=preflight)
        assert answer.status_code == 400
        assert "access-control-allow-origin" not in cors(answer)


async def test_a_browser_may_ask_before_it_has_a_token(
    empty: DatabaseUrls, clock: FixedClock, tokens: TokenMint
) -> None:
    async with browser(empty, clock, tokens, FRONTEND) as page:
        asked = "authorization, content-type, idempotency-key, if-match, if-none-match, traceparent, x-correlation-id"
        preflight = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": asked}
        answer = await page.options(f"/v1/books/{new_id()}", headers=preflight)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == FRONTEND
        assert "PUT" in answer.headers["access-control-allow-methods"].split(", ")
        assert "access-control-allow-credentials" not in answer.headers


async def test_a_frontend_reads_what_the_answer_says_in_its_headers(
    empty: DatabaseUrls, clock: FixedClock, tokens: TokenMint
) -> None:
    async with browser(empty, clock, tokens, FRONTEND) as page:
        answer = await page.post("/v1/books", json={"title": "Candide"}, headers=tokens.headers(tenant_id=TENANT))
        assert answer.status_code == 201
        assert answer.headers["access-control-allow-origin"] == FRONTEND
        assert "Origin" in answer.headers["vary"]
        shown = answer.headers["access-control-expose-headers"].lower().split(", ")
        assert {"etag", "link", "location", "retry-after", "x-request-id", "idempotency-replayed"} <= set(shown)
        assert {"ratelimit", "ratelimit-policy"} <= set(shown)


@pytest.mark.parametrize(("path", "status"), [("/v1/whoami", 401), ("/v1/nothing", 404), ("/v1/broken", 500)])
async def test_a_frontend_reads_problems_too(
    empty: DatabaseUrls, clock: FixedClock, tokens: TokenMint, path: str, status: int
) -> None:
    async with browser(empty, clock, tokens, FRONTEND) as page:
        answer = await page.get(path)
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (status, FRONTEND)


@pytest.mark.parametrize("text", ["https://app.example/", "app.example", "https://App.example", "https://a.example/x"])
def test_an_origin_that_no_browser_sends_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValidationError, match="is no origin"):
        LibrarySettings(database_url=SecretStr("postgresql://x/x"), cors_origins=(text,))


def test_origins_and_proxies_are_written_with_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBRARY_DATABASE_URL", "postgresql://x/x")
    monkeypatch.setenv("LIBRARY_CORS_ORIGINS", f"{FRONTEND}, http://127.0.0.1:5173")
    monkeypatch.setenv("LIBRARY_TRUSTED_PROXIES", "10.0.0.0/8, 2001:db8::1")
    settings = load_settings(LibrarySettings)
    assert settings.cors_origins == (FRONTEND, "http://127.0.0.1:5173")
    assert [str(network) for network in settings.trusted_proxies] == ["10.0.0.0/8", "2001:db8::1/128"]


def test_a_file_of_authorities_that_is_not_there_is_told_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIBRARY_DATABASE_URL", "postgresql://x/x")
    monkeypatch.setenv("LIBRARY_NATS_CA_FILE", str(tmp_path / "absent.pem"))
    with pytest.raises(InvalidSettings, match=r"^LIBRARY_NATS_CA_FILE: Path does not point to a file$"):
        load_settings(LibrarySettings)


# --- how often a caller may ask --------------------------------------------------------------------------------------


async def test_whoever_asks_too_often_waits_as_long_as_he_is_told_and_holds_nobody_else_back(
    client: httpx.AsyncClient, app: FastAPI, tokens: TokenMint, empty: DatabaseUrls
) -> None:
    now = 0.0
    app.state.caller_limit = CallerLimit(0.5, 2, lambda: now)
    before = REGISTRY.get_sample_value("http_requests_held_back_total", {"limit": "credential"}) or 0
    assert (await client.get("/v1/public/count")).status_code == 200, "only whoever shows a token is counted"
    answers = [await client.post("/v1/books", json={"title": title}) for title in ("Candide", "Zadig", "Micromégas")]

    assert [answer.status_code for answer in answers] == [201, 201, 429]
    assert [answer.headers["ratelimit"] for answer in answers] == [
        '"credential";r=1',
        '"credential";r=0',
        '"credential";r=0;t=2',
    ]
    assert {answer.headers["ratelimit-policy"] for answer in answers} == {'"credential";q=2;w=4'}
    document = problem(answers[-1], 429, "too-many-requests")
    assert answers[-1].headers["retry-after"] == "2"
    assert document["limit"] == "credential"
    assert "Each process of this service" in document["detail"] and "2 seconds" in document["detail"]
    assert rows(empty, "select count(*) from library.book") == [(2,)]
    assert REGISTRY.get_sample_value("http_requests_held_back_total", {"limit": "credential"}) == before + 1

    # Another token of the same person counts on; another person, and the same one of another agency, do not.
    assert (await client.get("/v1/books", headers=tokens.headers(tenant_id=TENANT, name="Again"))).status_code == 429
    for other in ({"tenant_id": TENANT, "subject": str(new_id())}, {}):
        assert (await client.get("/v1/books", headers=tokens.headers(**other))).status_code == 200

    now = 2.0
    assert (await client.get("/v1/books")).status_code == 200
    assert (await client.get("/v1/books")).status_code == 429


async def test_a_forged_token_uses_up_nothing_of_whom_it_names(
    client: httpx.AsyncClient, app: FastAPI, clock: FixedClock
) -> None:
    app.state.caller_limit = CallerLimit(1, 1, lambda: 0.0)
    forged = TokenMint(clock).headers(tenant_id=TENANT)
    assert (await client.get("/v1/books", headers=forged)).status_code == 401
    assert (await client.get("/v1/books")).status_code == 200


@pytest.mark.parametrize(
    ("settings", "statuses"), [({"request_burst": 1}, [200, 429]), ({"request_rate": 0}, [200, 200])]
)
async def test_the_settings_say_how_often(
    empty: DatabaseUrls, clock: FixedClock, tokens: TokenMint, settings: dict[str, Any], statuses: list[int]
) -> None:
    made = LibrarySettings(database_url=SecretStr(empty.app), **{"request_rate": 0.001, **settings})
    runtime = build_runtime(made, SERVICE.registry, clock)
    transport = httpx.ASGITransport(tokens.trust(create_app(SERVICE, made, runtime=runtime)))
    headers = tokens.headers(tenant_id=TENANT)
    async with httpx.AsyncClient(transport=transport, base_url="http://library.test", headers=headers) as client:
        answers = [await client.get("/v1/books") for _ in range(2)]
    await runtime.close()
    assert [answer.status_code for answer in answers] == statuses
    assert ("ratelimit" in answers[0].headers) == (429 in statuses)


@pytest.mark.parametrize(("proxies", "told"), [((), ["LIBRARY_TRUSTED_PROXIES"]), (("10.0.0.0/8",), [])])
async def test_a_service_that_is_told_of_no_proxy_says_so_when_one_stands_before_it(
    empty: DatabaseUrls, clock: FixedClock, proxies: tuple[str, ...], told: list[str]
) -> None:
    made = LibrarySettings.model_validate({"database_url": SecretStr(empty.app), "trusted_proxies": proxies})
    runtime = build_runtime(made, SERVICE.registry, clock)
    transport = httpx.ASGITransport(create_app(SERVICE, made, runtime=runtime))
    with capture_logs() as logged:
        async with httpx.AsyncClient(transport=transport, base_url="http://library.test") as client:
            await client.get("/v1/public/count", headers={"X-Forwarded-For": "203.0.113.7"})
    await runtime.close()
    assert [each["setting"] for each in logged if each["event"] == "proxy_is_not_believed"] == told


# --- who calls -------------------------------------------------------------------------------------------------------


async def test_without_a_good_token_there_is_a_challenge(client: httpx.AsyncClient, tokens: TokenMint) -> None:
    answer = await client.get("/v1/whoami", headers={"Authorization": ""})
    problem(answer, 401, "unauthorized")
    assert answer.headers["www-authenticate"] == 'Bearer realm="upheld"'
    answer = await client.get("/v1/whoami", headers={"Authorization": "Bearer nonsense"})
    problem(answer, 401, "unauthorized")
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_tokens_expire_by_the_injected_clock(client: httpx.AsyncClient, clock: FixedClock) -> None:
    assert (await client.get("/v1/whoami")).json()["now"] == clock.now().isoformat()
    clock.advance(timedelta(minutes=16))
    problem(await client.get("/v1/whoami"), 401, "unauthorized")


async def test_without_the_scope_it_is_forbidden(client: httpx.AsyncClient, tokens: TokenMint) -> None:
    viewer = tokens.headers(tenant_id=TENANT, role="viewer")
    answer = await client.post("/v1/books", json={"title": "x"}, headers=viewer)
    problem(answer, 403, "forbidden")
    assert 'error="insufficient_scope", scope="contracts:write"' in answer.headers["www-authenticate"]
    assert (await client.get("/v1/books", headers=viewer)).status_code == 200


# --- versions --------------------------------------------------------------------------------------------------------


async def test_changes_need_the_version_that_they_are_based_on(client: httpx.AsyncClient) -> None:
    book = (await client.post("/v1/books", json={"title": "Candide"})).json()
    address = f"/v1/books/{book['book_id']}"
    problem(await client.put(address, json={"title": "Zadig"}), 428, "precondition-required")
    for stale in ('"7"', 'W/"1"', "1"):
        answer = await client.put(address, json={"title": "Zadig"}, headers={"If-Match": stale})
        problem(answer, 412, "precondition-failed")
        assert answer.headers["etag"] == '"1"'
    answer = await client.put(address, json={"title": "Zadig"}, headers={"If-Match": '"9", "1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, '"2"')
    answer = await client.get(address, headers={"If-None-Match": 'W/"2"'})
    assert (answer.status_code, answer.headers["etag"], answer.content) == (304, '"2"', b"")
    assert (await client.get(address, headers={"If-None-Match": '"1"'})).status_code == 200
    assert (await client.delete(address, headers={"If-Match": "*"})).status_code == 204


# --- pages -----------------------------------------------------------------------------------------------------------


async def test_pages_show_every_item_once_while_others_are_added(client: httpx.AsyncClient, clock: FixedClock) -> None:
    for number in range(7):
        await client.post("/v1/books", json={"title": f"Tome {number}"})
        if number % 2:
            clock.advance(timedelta(seconds=1))
    seen: list[str] = []
    address: str | None = "/v1/books?limit=3"
    while address:
        answer = await client.get(address)
        seen += [book["title"] for book in answer.json()["data"]]
        await client.post("/v1/books", json={"title": f"Late {len(seen)}"})
        address = answer.links["next"]["url"] if "next" in answer.links else None
        assert (address is None) == (answer.json()["next_cursor"] is None)
    assert [title for title in seen if title.startswith("Tome")] == [f"Tome {n}" for n in range(6, -1, -1)]


async def test_a_cursor_is_good_for_its_own_list_only(client: httpx.AsyncClient) -> None:
    for number in range(3):
        await client.post("/v1/books", json={"title": f"Tome {number}"})
    cursor = (await client.get("/v1/books", params={"limit": 1})).json()["next_cursor"]
    assert (await client.get("/v1/books", params={"cursor": cursor, "limit": 2})).status_code == 200
    problem(await client.get("/v1/books", params={"cursor": cursor, "title": "T"}), 400, "invalid-cursor")
    for bad in (cursor[:-3], "AAAA", "e30", cursor[::-1]):
        problem(await client.get("/v1/books", params={"cursor": bad}), 400, "invalid-cursor")
    problem(await client.get("/v1/books", params={"cursor": "%"}), 422, "validation-failed")
    problem(await client.get("/v1/books", params={"limit": "201"}), 422, "validation-failed")


# --- idempotency -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ['"8e03978e-40d5"', "8e03978e-40d5", '"with \\"quotes\\""'])
async def test_a_repeated_request_has_the_effect_of_one(
    client: httpx.AsyncClient, empty: DatabaseUrls, key: str
) -> None:
    first = await client.post("/v1/books", json={"title": "Candide"}, headers={"Idempotency-Key": key})
    again = await client.post("/v1/books", json={"title": "Candide"}, headers={"Idempotency-Key": key})
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    for name in ("etag", "location", "content-type"):
        assert first.headers[name] == again.headers[name]
    assert first.headers["x-request-id"] != again.headers["x-request-id"]
    assert rows(empty, "select count(*) from library.book") == [(1,)]


async def test_a_key_belongs_to_one_request_and_one_caller(
    client: httpx.AsyncClient, tokens: TokenMint, clock: FixedClock
) -> None:
    key = {"Idempotency-Key": '"k"'}
    await client.post("/v1/books", json={"title": "Candide"}, headers=key)
    answer = await client.post("/v1/books", json={"title": "Zadig"}, headers=key)
    problem(answer, 422, "idempotency-key-reused")
    stranger = tokens.headers(tenant_id=OTHER_TENANT)
    answer = await client.post("/v1/books", json={"title": "Zadig"}, headers=key | stranger)
    assert answer.status_code == 201
    clock.advance(timedelta(hours=24, seconds=1))
    fresh = tokens.headers(tenant_id=TENANT)
    answer = await client.post("/v1/books", json={"title": "Micromégas"}, headers=key | fresh)
    assert answer.status_code == 201
    assert "idempotency-replayed" not in answer.headers


async def test_a_stored_answer_is_not_for_a_token_without_the_scope(
    client: httpx.AsyncClient, tokens: TokenMint
) -> None:
    key = {"Idempotency-Key": '"k"'}
    assert (await client.post("/v1/books", json={"title": "Candide"}, headers=key)).status_code == 201
    narrowed = tokens.headers(tenant_id=TENANT, scopes=frozenset({"contracts:read"}))
    answer = await client.post("/v1/books", json={"title": "Candide"}, headers=key | narrowed)
    problem(answer, 403, "forbidden")
    again = await client.post("/v1/books", json={"title": "Candide"}, headers=key)
    assert again.headers["idempotency-replayed"] == "true"


async def test_a_repetition_during_the_first_request_is_told_so_at_once(
    client: httpx.AsyncClient, app: FastAPI, empty: DatabaseUrls
) -> None:
    app.state.gate = asyncio.Event()
    key = {"Idempotency-Key": '"k"'}
    first = asyncio.create_task(client.post("/v1/books", json={"title": "Candide"}, headers=key))
    await _until_waiting(empty)
    answer = await client.post("/v1/books", json={"title": "Candide"}, headers=key)
    problem(answer, 409, "idempotency-key-in-use")
    app.state.gate.set()
    assert (await first).status_code == 201
    answer = await client.post("/v1/books", json={"title": "Candide"}, headers=key)
    assert answer.headers["idempotency-replayed"] == "true"


async def test_a_failed_request_leaves_its_key_free(client: httpx.AsyncClient, empty: DatabaseUrls) -> None:
    key = {"Idempotency-Key": '"k"'}
    shelf = str(new_id())
    body = {"title": "Candide", "shelf_id": shelf}
    problem(await client.post("/v1/books", json=body, headers=key), 409, "conflict")
    with psycopg.connect(empty.superuser) as connection:
        connection.execute("insert into library.shelf values (%s)", [shelf])
    answer = await client.post("/v1/books", json=body, headers=key)
    assert answer.status_code == 201


@pytest.mark.parametrize("key", ['"open', "two words", '""', "é"])
async def test_a_malformed_key_is_refused(client: httpx.AsyncClient, key: str) -> None:
    answer = await client.post("/v1/books", json={"title": "x"}, headers={b"Idempotency-Key": key.encode("latin-1")})
    problem(answer, 400, "invalid-idempotency-key")


# --- readiness, logs, metrics ----------------------------------------------------------------------------------------


async def test_readiness_is_the_database_and_the_schema(
    client: httpx.AsyncClient, app: FastAPI, empty: DatabaseUrls, service_databases: ServiceDatabases, clock: FixedClock
) -> None:
    assert (await client.get("/readyz?verbose")).json() == {
        "status": "ready",
        "checks": {"database": "ok", "schema": "ok", "draining": "ok"},
        "service": "library",
        "version": SERVICE.version,
        "revision": head_revision(SERVICE.migrations),
        "now": clock.now().isoformat(),
    }
    app.state.readiness.draining = True
    problem(await client.get("/readyz"), 503, "unavailable")
    blank = service_databases.create_empty("library")
    settings = LibrarySettings(database_url=SecretStr(blank.app))
    runtime = build_runtime(settings, SERVICE.registry, clock)
    unmigrated = create_app(SERVICE, settings, runtime=runtime)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(unmigrated), base_url="http://library.test") as other:
        assert "run `migrate`" in problem(await other.get("/readyz"), 503, "unavailable")["detail"]
        assert (await other.get("/livez")).json() == {"status": "alive"}
    await runtime.close()


async def test_a_schema_of_a_newer_release_is_good_enough(
    client: httpx.AsyncClient, service_databases: ServiceDatabases, clock: FixedClock
) -> None:
    urls = service_databases.create_empty("library")
    migrate(urls.owner, SERVICE.migrations, "library", SERVICE.metadata)
    with psycopg.connect(urls.owner) as connection:
        connection.execute("update library.alembic_version set version_num = '0002'")
    settings = LibrarySettings(database_url=SecretStr(urls.app))
    runtime = build_runtime(settings, SERVICE.registry, clock)
    newer = create_app(SERVICE, settings, runtime=runtime)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(newer), base_url="http://library.test") as other:
        assert (await other.get("/readyz")).status_code == 200
    await runtime.close()


async def test_each_request_is_one_line_with_the_template_of_its_route(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch, empty: DatabaseUrls
) -> None:
    lines = io.StringIO()
    monkeypatch.setattr("sys.stdout", lines)
    before = structlog.get_config()
    handlers = list(logging.getLogger().handlers)
    level = logging.getLogger().level
    try:
        configure_logging(LibrarySettings(database_url=SecretStr(empty.app)), service="library")
        trace = "0af7651916cd43dd8448eb211c80319c"
        await client.get(
            f"/v1/books/{new_id()}?token=hunter2", headers={"traceparent": f"00-{trace}-b7ad6b7169203331-01"}
        )
    finally:
        structlog.configure(**before)
        logging.getLogger().handlers[:] = handlers
        logging.getLogger().setLevel(level)
    (line,) = [entry for entry in map(json.loads, lines.getvalue().splitlines()) if entry["event"] == "request"]
    assert line["route"] == "/v1/books/{book_id}"
    assert (line["method"], line["status"], line["level"], line["service"]) == ("GET", 404, "info", "library")
    assert line["tenant_id"] == str(TENANT)
    assert line["trace_id"] == trace
    assert line["request_id"]
    assert "hunter2" not in lines.getvalue()


async def test_metrics_count_by_template_and_never_by_id(client: httpx.AsyncClient) -> None:
    def count(route: str, status: str) -> float:
        samples = REQUESTS.labels("GET", route, status)._child_samples()
        return next(sample.value for sample in samples if sample.name == "_count")

    refused = REQUESTS.labels("POST", "/v1/books", "415")
    before = count("/v1/books/{book_id}", "404"), count("unmatched", "404")
    await client.get(f"/v1/books/{new_id()}")
    await client.get(f"/{new_id()}")
    assert (count("/v1/books/{book_id}", "404"), count("unmatched", "404")) == (before[0] + 1, before[1] + 1)
    await client.post("/v1/books", content=b"<book/>")
    assert any(sample.value for sample in refused._child_samples() if sample.name == "_count")
