"""What PostgreSQL ends by itself: statements and transactions of a service that go on for too long."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr, ValidationError
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.consumer import is_database_away
from shared.database import Database
from shared.problems import Unavailable, problem_of
from shared.testing.databases import DatabaseUrls, ServiceDatabases
from shared.worker import build_runtime

from .library.service import SERVICE, LibrarySettings


@pytest.fixture(scope="module")
def urls(service_databases: ServiceDatabases) -> Iterator[DatabaseUrls]:
    urls = service_databases.create_empty("library")
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        connection.execute("create table public.thing as select 1 as number")
        connection.execute("grant select, update on public.thing to public")
    yield urls
    service_databases.drop(urls)


@asynccontextmanager
async def database(urls: DatabaseUrls, **limits: Any) -> AsyncIterator[Database]:
    made = Database(urls.app, pool_size=2, **limits)
    yield made
    await made.dispose()


async def told(found: Database, *names: str) -> list[Any]:
    async with found.sessions() as session:
        return [await session.scalar(text(f"show {name}")) for name in names]


LIMITS = ("statement_timeout", "idle_in_transaction_session_timeout", "timezone")
UPDATE = text("update public.thing set number = number + 1")


@pytest.mark.parametrize(
    ("settings", "limits"),
    [
        ({}, ["30s", "1min", "UTC"]),
        ({"database_statement_seconds": 7, "database_idle_transaction_seconds": 0}, ["7s", "0", "UTC"]),
    ],
)
async def test_every_session_of_a_service_has_the_limits_of_its_settings(
    urls: DatabaseUrls, settings: dict[str, int], limits: list[str]
) -> None:
    made = LibrarySettings.model_validate({"database_url": SecretStr(urls.app), **settings})
    runtime = build_runtime(made, SERVICE.registry)
    assert await told(runtime.database, *LIMITS) == limits
    await runtime.close()


def test_a_statement_without_any_limit_cannot_be_set() -> None:
    with pytest.raises(ValidationError):
        LibrarySettings(database_url=SecretStr("postgresql://x/x"), database_statement_seconds=0)


async def test_a_transaction_in_which_nothing_happens_lets_go_of_what_it_holds(urls: DatabaseUrls) -> None:
    async with database(urls, idle_transaction_seconds=1) as forgotten, database(urls) as other:
        async with forgotten.sessions() as session:
            await session.execute(UPDATE)
            async with other.sessions() as waiting, waiting.begin():
                async with asyncio.timeout(10):
                    await waiting.execute(UPDATE)
            with pytest.raises(DBAPIError) as ended:
                await session.execute(UPDATE)
        assert isinstance(problem_of(ended.value), Unavailable)
        assert not is_database_away(ended.value), "an event that takes so long must not hold up its stream"
        assert await told(forgotten, "timezone") == ["UTC"], "the pool goes on with another connection"


async def test_a_transaction_that_says_so_may_wait(urls: DatabaseUrls) -> None:
    async with database(urls, idle_transaction_seconds=1) as found, found.sessions() as session, session.begin():
        await session.execute(text("set local idle_in_transaction_session_timeout = 0"))
        await asyncio.sleep(1.5)
        await session.execute(UPDATE)


async def test_a_statement_ends_at_its_limit_and_waiting_for_a_lock_counts(urls: DatabaseUrls) -> None:
    async with database(urls, statement_seconds=1) as found, database(urls) as other, other.sessions() as holding:
        await holding.execute(UPDATE)
        for statement in (UPDATE, text("select pg_sleep(5)")):
            with pytest.raises(DBAPIError) as ended:
                async with found.sessions() as session:
                    await session.execute(statement)
            assert isinstance(problem_of(ended.value), Unavailable)
