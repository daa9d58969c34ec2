"""The fixtures that all other tests stand on do what they say."""

from collections.abc import Callable
from typing import Annotated

import psycopg
import pytest
from fastapi import Depends, FastAPI

from shared.auth import TOKEN_LIFETIME, Principal, require
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.problems import install_problem_handlers
from shared.stack.nats_server import SERVICES
from shared.testing.databases import DatabaseUrls, ServiceDatabases
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_database_is_migrated_by_the_owner_and_used_by_the_application(
    service_database: Callable[[str], DatabaseUrls], service: str
) -> None:
    urls = service_database(service)
    with psycopg.connect(urls.app) as connection:
        assert connection.execute(f"select count(*) from {service}.alembic_version").fetchone() == (1,)
        assert connection.execute(f"select count(*) from {service}.outbox").fetchone() == (0,)
        owners = connection.execute(
            "select distinct tableowner from pg_tables where schemaname = %s", [service]
        ).fetchall()
        assert owners == [(f"{service}_owner",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(f"create table {service}.mine (id int)")


def test_every_test_has_a_database_of_its_own(service_database: Callable[[str], DatabaseUrls]) -> None:
    one, other = service_database("contracts"), service_database("contracts")
    with psycopg.connect(one.superuser, autocommit=True) as connection:
        connection.execute("create table contracts.only_here (id int)")
    with psycopg.connect(other.superuser) as connection:
        assert connection.execute("select to_regclass('contracts.only_here')").fetchone() == (None,)


def test_a_database_that_is_given_back_comes_again_as_it_was(service_databases: ServiceDatabases) -> None:
    urls = service_databases.create("probes")
    look = (
        "select (select array_agg(l order by l::text) from probes.location l)::text,"
        " (select count(*) from probes.outbox), (select max(last_value) from pg_sequences where schemaname = 'probes')"
    )
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        before = connection.execute(look).fetchone()
        assert before is not None and before[0] is not None, "what migrations wrote stays"
        connection.execute("delete from probes.location")
        connection.execute(
            "insert into probes.inbox (event_id, consumer, received_at) values (gen_random_uuid(), 'x', now())"
        )
        sequences = "select schemaname, sequencename from pg_sequences where schemaname = 'probes'"
        connection.execute(f"select nextval(format('%I.%I', schemaname, sequencename)) from ({sequences}) as each")
    left_open = psycopg.connect(urls.superuser)
    left_open.execute("lock table probes.outbox")
    service_databases.give_back("probes", urls)  # whoever is still connected is not waited for
    left_open.close()
    assert service_databases.create("probes") == urls
    with psycopg.connect(urls.superuser) as connection:
        assert connection.execute(look).fetchone() == before
        assert connection.execute("select count(*) from probes.inbox").fetchone() == (0,)


@pytest.mark.parametrize(
    "change",
    [
        "drop policy {policy} on contracts.client",
        "alter table contracts.client disable row level security",
        "create table contracts.more ()",
        "alter table contracts.client add column more text",
        "revoke select on contracts.client from contracts_app",
        "update contracts.alembic_version set version_num = '0000'",
    ],
)
def test_a_database_whose_schema_was_changed_does_not_come_again(
    service_databases: ServiceDatabases, change: str
) -> None:
    urls = service_databases.create("contracts")
    with psycopg.connect(urls.superuser, autocommit=True) as connection:
        policy = connection.execute("select polname from pg_policy where polrelid = 'contracts.client'::regclass")
        connection.execute(change.format(policy=policy.fetchone()[0]))  # type: ignore[index]
    service_databases.give_back("contracts", urls)
    assert service_databases.create("contracts") != urls


def test_one_more_installation_in_the_cluster_locks_nobody_out(service_databases: ServiceDatabases) -> None:
    first = service_databases.create("contracts")
    service_databases.create_empty("contracts")
    ServiceDatabases(service_databases.server).create_empty("contracts")
    with psycopg.connect(first.app) as connection:
        assert connection.execute("select current_user").fetchone() == ("contracts_app",)


async def test_an_application_accepts_minted_tokens_as_long_as_the_clock_stands(
    api_client: ApiClient, tokens: TokenMint, clock: FixedClock
) -> None:
    app = FastAPI()
    install_problem_handlers(app, {})

    @app.get("/who")
    async def read_who(principal: Annotated[Principal, Depends(require("contracts:read"))]) -> dict[str, str]:
        return {"tenant": str(principal.tenant_id), "role": principal.role}

    tenant = new_id()
    async with api_client(tokens.trust(app), tokens.mint(role="viewer", tenant_id=tenant)) as client:
        assert (await client.get("/who")).json() == {"tenant": str(tenant), "role": "viewer"}
        clock.advance(TOKEN_LIFETIME * 2)
        assert (await client.get("/who")).status_code == 401
    async with api_client(app) as client:
        assert (await client.get("/who")).status_code == 401
