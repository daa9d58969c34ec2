"""The commands for whoever runs the installation, and the schema that the migrations make."""

import json
from collections.abc import Callable

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from contracts.adapters.tables import metadata
from contracts.api.commands import bootstrap, signing_keys, tenant, tenants
from contracts.settings import ContractsSettings
from shared.database import Database
from shared.migrations import drift
from shared.testing.databases import DatabaseUrls


@pytest.fixture
def urls(service_database: Callable[[str], DatabaseUrls]) -> DatabaseUrls:
    return service_database("contracts")


@pytest.fixture
def settings(urls: DatabaseUrls) -> ContractsSettings:
    return ContractsSettings(database_url=SecretStr(urls.app), secret_key=SecretStr("x" * 32))


async def test_bootstrap_makes_the_first_tenant_once(
    settings: ContractsSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await bootstrap(["--json"], settings) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["client_secret"].startswith(made["client_id"])
    assert made["key_id"] == made["client_id"]
    assert await bootstrap(["--json"], settings) == 1
    assert "tenant create" in capsys.readouterr().err


async def test_more_tenants_are_made_by_name(settings: ContractsSettings, capsys: pytest.CaptureFixture[str]) -> None:
    assert await tenant(["create", "--name", "Agence Lumière", "--json"], settings) == 0
    assert json.loads(capsys.readouterr().out)["tenant_name"] == "Agence Lumière"
    assert await tenant(["create", "--name", "Agence Aurore"], settings) == 0
    assert "client_secret" in capsys.readouterr().out
    assert await tenant(["create", "--name", "\n"], settings) == 2


async def test_tenants_are_listed_page_by_page(settings: ContractsSettings, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("Agence Lumière", "Agence Aurore"):
        await tenant(["create", "--name", name], settings)
    capsys.readouterr()
    assert await tenants(["--json", "--limit", "1"], settings) == 0
    first = json.loads(capsys.readouterr().out)
    assert first["name"] == "Agence Lumière"
    assert await tenants(["--after", first["tenant_id"]], settings) == 0
    assert capsys.readouterr().out.rstrip().endswith("Agence Aurore")


async def test_signing_keys_can_be_rotated_and_reset_by_hand(settings: ContractsSettings) -> None:
    assert await signing_keys(["rotate"], settings) == 0
    assert await signing_keys(["rotate"], settings) == 0
    database = Database(settings.database_url)
    count = text("select count(*) from contracts.signing_key")
    async with database.engine.connect() as connection:
        assert await connection.scalar(count) == 2
    assert await signing_keys(["reset"], settings) == 0
    async with database.engine.connect() as connection:
        assert await connection.scalar(count) == 1
    await database.dispose()


def test_the_migrations_make_the_tables_that_the_code_knows(urls: DatabaseUrls) -> None:
    assert drift(urls.owner, "contracts", metadata) == []


async def test_every_table_of_a_tenant_has_row_level_security(urls: DatabaseUrls) -> None:
    database = Database(urls.owner)
    async with database.engine.connect() as connection:
        unprotected = (
            await connection.scalars(
                text(
                    "select c.relname from pg_class c join pg_namespace n on n.oid = c.relnamespace"
                    " where n.nspname = 'contracts' and c.relkind = 'r' and not c.relrowsecurity"
                    " and exists (select 1 from pg_attribute a where a.attrelid = c.oid and a.attname = 'tenant_id')"
                )
            )
        ).all()
        protected = await connection.scalar(
            text("select count(distinct tablename) from pg_policies where schemaname = 'contracts'")
        )
    await database.dispose()
    assert unprotected == []
    assert protected == 66
