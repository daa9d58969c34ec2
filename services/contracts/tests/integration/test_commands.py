"""The commands for whoever runs the installation, and the schema that the migrations make."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from contracts.adapters.tables import metadata
from contracts.api.commands import bootstrap, reseal_secrets, signing_keys, tenant, tenants
from contracts.main import SERVICE
from contracts.settings import ContractsSettings
from shared.database import Database
from shared.migrations import drift
from shared.service import create_app
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


@asynccontextmanager
async def serving(settings: ContractsSettings) -> AsyncIterator[httpx.AsyncClient]:
    """A process of the API with these settings."""
    app = create_app(SERVICE, settings)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://contracts.test") as http:
            yield http


async def test_the_secret_key_is_changed_while_tokens_are_issued_and_then_the_old_one_is_not_needed(
    settings: ContractsSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    await bootstrap(["--json"], settings)
    key = json.loads(capsys.readouterr().out)
    form = {"grant_type": "client_credentials", "client_id": key["client_id"], "client_secret": key["client_secret"]}
    tokens: list[str] = []
    old, new = settings.secret_key, SecretStr("y" * 32)

    def with_keys(present: SecretStr, previous: SecretStr | None) -> ContractsSettings:
        return settings.model_copy(update={"secret_key": present, "previous_secret_key": previous})

    async def works(*, of: ContractsSettings) -> None:
        """Tokens are issued there, and all that were issued before are good."""
        async with serving(of) as http:
            answer = await http.post("/v1/oauth/token", data=form)
            assert answer.status_code == 200, answer.text
            tokens.append(answer.json()["access_token"])
            for token in tokens:
                read = await http.get("/v1/tenant", headers={"Authorization": f"Bearer {token}"})
                assert read.status_code == 200, read.text

    await works(of=with_keys(old, None))
    # First every process is told the new key beside the old one, then they change places: at no time is something
    # sealed that another process cannot open.
    await works(of=with_keys(old, new))
    await works(of=with_keys(new, old))
    assert await signing_keys(["rotate"], with_keys(new, old)) == 0
    await works(of=with_keys(old, new))
    assert await reseal_secrets([], with_keys(new, old)) == 0
    assert "sealed 1 secrets with the present key" in capsys.readouterr().out
    await works(of=with_keys(old, new))
    await works(of=with_keys(new, None))
    assert await reseal_secrets([], with_keys(new, None)) == 0
    assert "sealed 0 secrets" in capsys.readouterr().out
    async with serving(with_keys(old, None)) as http:
        assert (await http.post("/v1/oauth/token", data=form)).status_code == 503


async def test_a_signing_key_that_neither_secret_opens_is_named(
    settings: ContractsSettings, capsys: pytest.CaptureFixture[str]
) -> None:
    await signing_keys(["rotate"], settings)
    kid = capsys.readouterr().out.split()[-1]
    assert await reseal_secrets([], settings.model_copy(update={"secret_key": SecretStr("y" * 32)})) == 1
    assert f"neither key opens signing key {kid}" in capsys.readouterr().out


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
