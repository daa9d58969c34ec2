"""Who did what: one record of each operation, in the transaction that has its effect, and no word of its content."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.migrations import migrate
from shared.operations import INSTALLATION, Caller, command_operation
from shared.service import create_app
from shared.testing.databases import DatabaseUrls, ServiceDatabases
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from .library.service import SERVICE, BookAdded, LibrarySettings

TENANT = UUID("0190a000-0000-7000-8000-0000000000aa")
CLIENT = UUID("0190a000-0000-7000-8000-0000000000cc")
WATCHED = replace(SERVICE, recorded_readings=frozenset({"read_book"}), unrecorded_changes=frozenset({"delete_book"}))


@pytest.fixture(scope="module")
def database(service_databases: ServiceDatabases) -> Iterator[DatabaseUrls]:
    urls = service_databases.create_empty("library")
    migrate(urls.owner, SERVICE.migrations, "library", SERVICE.metadata)
    yield urls
    service_databases.drop(urls)


@pytest.fixture
async def app(database: DatabaseUrls, clock: FixedClock, tokens: TokenMint) -> AsyncIterator[FastAPI]:
    with psycopg.connect(database.superuser) as connection:
        connection.execute("truncate library.book, library.outbox, library.inbox, library.idempotency_key")
    settings = LibrarySettings(database_url=SecretStr(database.app), migration_database_url=SecretStr(database.owner))
    runtime = build_runtime(settings, SERVICE.registry, clock)
    yield tokens.trust(create_app(WATCHED, settings, runtime=runtime))
    await runtime.close()


@pytest.fixture
async def client(app: FastAPI, tokens: TokenMint) -> AsyncIterator[httpx.AsyncClient]:
    headers = tokens.headers(tenant_id=TENANT, subject="nadia", name="Nadia Benali")
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://library.test", headers=headers
    ) as client:
        yield client


def records(urls: DatabaseUrls) -> list[dict[str, Any]]:
    """What was recorded: the data of the events, with tenant and correlation id."""
    with psycopg.connect(urls.superuser) as connection:
        rows = connection.execute(
            "select envelope from library.outbox where aggregate_type = 'operation' order by id"
        ).fetchall()
    return [
        row[0]["data"] | {"tenant": row[0]["tenantid"], "correlation_id": row[0].get("correlationid")} for row in rows
    ]


async def test_a_change_is_recorded_with_who_what_and_which_version(
    client: httpx.AsyncClient, database: DatabaseUrls
) -> None:
    made = await client.post("/v1/books", json={"title": "Candide", "pages": 99}, headers={"x-request-id": "order-7"})
    path = made.headers["location"]
    changed = await client.put(path, json={"title": "Zadig"}, headers={"if-match": '"1"', "x-correlation-id": "mine"})
    assert changed.status_code == 200, changed.text
    added, replaced = records(database)
    assert added.pop("record_id") != replaced.pop("record_id")
    with psycopg.connect(database.superuser) as connection:
        event = connection.execute("select event_id from library.outbox where aggregate_type = 'book'").fetchone()
    assert event is not None
    same = {
        "tenant": str(TENANT),
        "kind": "change",
        "actor": {"kind": "user", "id": "nadia", "name": "Nadia Benali"},
        "role": "owner",
        "client_id": None,
        "resource": path,
        "resource_id": path.rpartition("/")[2],
        "outcome": "done",
    }
    assert added == same | {
        "operation": "create_book",
        "version_before": None,
        "version_after": 1,
        "fields": ["pages", "title"],
        "events": [str(event[0])],
        "correlation_id": "order-7",
    }
    assert replaced == same | {
        "operation": "replace_book",
        "version_before": 1,
        "version_after": 2,
        "fields": ["title"],
        "events": [],
        "correlation_id": "mine",
    }


async def test_what_was_written_is_not_recorded(client: httpx.AsyncClient, database: DatabaseUrls) -> None:
    await client.post("/v1/books", json={"title": "My secret"}, params={"note": "My secret"})
    assert "My secret" not in str(records(database))


@pytest.mark.parametrize("body", [{"title": "Out of print"}, {"title": "Zadig", "shelf_id": str(new_id())}, {}])
async def test_what_took_no_effect_is_not_recorded(
    client: httpx.AsyncClient, database: DatabaseUrls, body: dict[str, str]
) -> None:
    answer = await client.post("/v1/books", json=body)
    assert answer.status_code in (409, 422)
    assert records(database) == []


async def test_a_repeated_request_is_recorded_once(client: httpx.AsyncClient, database: DatabaseUrls) -> None:
    for _ in range(2):
        answer = await client.post("/v1/books", json={"title": "Candide"}, headers={"Idempotency-Key": '"k"'})
        assert answer.status_code == 201
    assert len(records(database)) == 1


async def test_a_watched_reading_is_recorded_and_no_other(client: httpx.AsyncClient, database: DatabaseUrls) -> None:
    path = (await client.post("/v1/books", json={"title": "Candide"})).headers["location"]
    for address in (path, "/v1/books", "/public/count", f"/v1/books/{new_id()}"):
        await client.get(address)
    _, reading = records(database)
    assert (reading["kind"], reading["operation"], reading["resource"]) == ("reading", "read_book", path)
    assert (reading["version_after"], reading["fields"]) == (1, [])


async def test_a_change_that_is_a_measurement_is_not_recorded(
    client: httpx.AsyncClient, database: DatabaseUrls
) -> None:
    path = (await client.post("/v1/books", json={"title": "Candide"})).headers["location"]
    assert (await client.delete(path, headers={"if-match": "*"})).status_code == 204
    assert [each["operation"] for each in records(database)] == ["create_book"]


async def test_what_somebody_may_not_do_is_recorded_without_the_words_of_his_path_or_body(
    client: httpx.AsyncClient, database: DatabaseUrls, tokens: TokenMint
) -> None:
    headers = tokens.headers(tenant_id=TENANT, role="client_staff", client_id=CLIENT, subject="leo")
    for method, path in (("PUT", f"/v1/books/{new_id()}"), ("GET", f"/v1/books/{new_id()}"), ("GET", "/v1/books")):
        body = {"title": "Mine", "a_word_of_his": 1}
        answer = await client.request(method, path, json=body, headers=headers | {"if-match": "*"})
        assert answer.status_code == 403
    found = records(database)
    assert [(each["operation"], each["kind"], each["outcome"]) for each in found] == [
        ("replace_book", "change", "refused"),
        ("read_book", "reading", "refused"),
    ]
    for each in found:
        assert (each["resource"], each["resource_id"], each["fields"]) == ("/v1/books/{book_id}", None, [])
        assert (each["actor"]["id"], each["role"], each["client_id"]) == ("leo", "client_staff", str(CLIENT))


async def test_a_route_that_opens_its_own_units_is_recorded_in_each(app: FastAPI, database: DatabaseUrls) -> None:
    """Without a token too: the unit itself says for whom it works."""
    units = app.state.runtime.units

    @app.post("/v1/on-its-own/{token}", name="act_alone")
    async def act_alone(token: str) -> None:
        async with units.for_every_tenant():
            pass  # looks for whom it is
        async with units.for_tenant(TENANT):
            pass
        async with units.for_every_tenant() as unit:
            unit.caller = Caller(TENANT, unit.actor, "owner")

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://library.test") as stranger:
        assert (await stranger.post("/v1/on-its-own/s3cret")).status_code == 200
    found = records(database)
    assert [(each["operation"], each["tenant"], each["role"]) for each in found] == [
        ("act_alone", str(TENANT), None),
        ("act_alone", str(TENANT), "owner"),
    ]
    assert found[0]["resource"] == "/v1/on-its-own/{token}"
    assert "s3cret" not in str(found)


async def test_a_command_is_recorded_for_each_tenant_that_it_concerns(app: FastAPI, database: DatabaseUrls) -> None:
    units = app.state.runtime.units
    with command_operation("tidy"):
        for _ in range(2):
            async with units.for_tenant(TENANT):
                pass
        async with units.for_every_tenant() as unit:
            book_id = new_id()
            unit.publish(BookAdded(book_id=book_id, title="Candide", version=1), version=1, tenant_id=CLIENT)
        async with units.for_every_tenant():
            pass
    async with units.for_tenant(TENANT):
        pass  # a job
    found = records(database)
    assert [(each["operation"], each["tenant"], each["actor"]["kind"]) for each in found] == [
        ("command: tidy", str(TENANT), "system"),
        ("command: tidy", str(CLIENT), "system"),
        ("command: tidy", str(INSTALLATION), "system"),
    ]
