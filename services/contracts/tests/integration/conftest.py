"""An agency with its API over a real database; requests go through the whole application."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest
import pytest_asyncio
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from contracts.adapters.workspace import workspace_of
from contracts.application.identity import IssuedApiKey
from contracts.application.provisioning import NewTenant, create_tenant
from contracts.main import SERVICE
from contracts.settings import ContractsSettings
from shared.database import libpq_url
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import MONDAY_MORNING
from shared.worker import Runtime, build_runtime

FIT = {
    "in_production": True,
    "business_dependency": True,
    "availability_required": True,
    "sensitive_or_regulated_data": False,
    "continuity_and_evolution_required": True,
    "not_stabilized": False,
    "experimental": False,
    "no_governance": False,
}
PORTAL_SECRET = "what the portal of the tests shows to contracts"
ASSET = {"criticality": "medium", "dependency": "medium", "risk_tolerance": "medium"}
PARTY = {"legal_name": "Lumière SAS", "address": {"lines": ["1 rue A"], "city": "Paris", "country": "FR"}}


@dataclass
class Api:
    """One caller of the API, who gets himself a new token when the test's clock has moved on."""

    installation: "Installation"
    tenant_id: UUID
    key: IssuedApiKey
    headers: dict[str, str] = field(default_factory=dict)
    token_until: datetime | None = None

    async def call(self, method: str, path: str, **how: Any) -> httpx.Response:
        now = self.installation.runtime.clock.now()
        if self.token_until is None or now >= self.token_until:
            self.headers = await self.installation.bearer(self.key.prefix, self.key.client_secret)
            self.token_until = now + timedelta(minutes=9)
        headers = {**self.headers, **how.pop("headers", {})}
        return await self.installation.http.request(method, path, headers=headers, **how)

    async def get(self, path: str, **how: Any) -> Any:
        answer = await self.call("GET", path, **how)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def make(self, path: str, body: Any = None, *, status: int = 201, **how: Any) -> Any:
        answer = (
            await self.call("POST", path, json=body, **how)
            if body is not None
            else await self.call("POST", path, **how)
        )
        assert answer.status_code == status, answer.text
        return answer.json()

    async def refused(self, status: int, method: str, path: str, **how: Any) -> Any:
        """The problem document of a request that must be refused with this status."""
        answer = await self.call(method, path, **how)
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        return answer.json()


@dataclass
class Agency(Api):
    """An agency's owner, with short ways to what most tests need."""

    async def client(self, **values: Any) -> Any:
        contacts = [{"name": "Léa Martin", "email": "lea@hotel.example", "language": "fr", "roles": ["decider"]}]
        return await self.make("/v1/clients", {"name": "Hôtel du Lac", "contacts": contacts, **values})

    async def site(self, client: Any, **values: Any) -> Any:
        environments = [
            {"name": "production", "url": "https://hotel.example/", "counts_for_sla": True},
            {"name": "staging", "url": "https://staging.hotel.example/", "counts_for_sla": False},
        ]
        return await self.make(
            "/v1/sites",
            {"client_id": client["client_id"], "name": "hotel.example", "environments": environments, **values},
        )

    async def draft(self, plan: str = "premium", amount: str = "600.00", **values: Any) -> Any:
        client = await self.client()
        site = await self.site(client)
        return await self.make("/v1/contracts", self.terms(client, site, plan, amount, **values))

    def terms(self, client: Any, site: Any, plan: str, amount: str, **values: Any) -> dict[str, Any]:
        return {
            "client_id": client["client_id"],
            "plan_code": plan,
            "site_ids": [site["site_id"]],
            "starts_on": "2026-06-08",
            "price": {"amount": amount, "currency": "EUR"},
            "alert_emails": ["alerts@agency.example"],
            "status_page": {"slug": f"hotel-{client['client_id'][-12:]}", "name": "Hôtel du Lac"},
            "signatories": {
                "agency": {"name": "Nadia Benali", "email": "nadia@agency.example"},
                "client": {"name": "Léa Martin", "email": "lea@hotel.example"},
            },
            **values,
        }

    async def ready_for_support(self, client: Any) -> None:
        """What a level of support asks for beside the contract: the client is a fit, and who the parties are in law."""
        contact = client["contacts"][0]["contact_id"]
        assessment = {"client_id": client["client_id"], "answers": FIT, "asset": ASSET}
        await self.make("/v1/assessments", assessment | {"business_owner_contact_id": contact})
        for path in ("/v1/tenant/party", f"/v1/clients/{client['client_id']}/party"):
            answer = await self.call("PUT", path, json=PARTY, headers={"If-Match": "*"})
            assert answer.status_code == 200, answer.text

    async def step(self, contract: Any, step: str, body: Any = None, status: int = 200) -> Any:
        return await self.make(f"/v1/contracts/{contract['contract_id']}/{step}", body, status=status)

    async def signed(self, **values: Any) -> Any:
        contract = await self.step(await self.draft(**values), "propose")
        for party in ("agency", "client"):
            contract = await self.step(
                contract, "sign", {"party": party, "document_hash": contract["document"]["hash"]}
            )
        return contract

    async def active(self, **values: Any) -> Any:
        return await self.step(await self.signed(**values), "activate")


@dataclass
class Installation:
    """The service in this process, over a fresh database."""

    app: FastAPI
    runtime: Runtime
    http: httpx.AsyncClient
    owner_url: str

    async def provision(self, name: str = "Agence Lumière") -> NewTenant:
        async with self.runtime.units.for_tenant(new_id()) as uow:
            return await create_tenant(workspace_of(uow), name)

    async def token(self, client_id: str, client_secret: str, **fields: str) -> httpx.Response:
        form = {
            "grant_type": "client_credentials",
            "client_id": client_id,
            "client_secret": client_secret,
            **fields,
        }
        return await self.http.post("/v1/oauth/token", data=form)

    async def agency(self, name: str = "Agence Lumière") -> Agency:
        made = await self.provision(name)
        return Agency(self, made.tenant.tenant_id, made.key)

    async def bearer(self, client_id: str, client_secret: str) -> dict[str, str]:
        answer = await self.token(client_id, client_secret)
        assert answer.status_code == 200, answer.text
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    async def caller(self, agency: Agency, **key: Any) -> Api:
        """Somebody else of the agency, by a key of his own."""
        made = await agency.make("/v1/api-keys", {"name": "Somebody else", **key})
        return Api(self, agency.tenant_id, IssuedApiKey.model_validate(made))

    async def as_owner(self, statement: str) -> None:
        """Runs a statement as the role that owns the schema, whom row-level security does not bind."""
        async with await psycopg.AsyncConnection.connect(libpq_url(self.owner_url)) as connection:
            await connection.execute(statement.encode())

    async def transactions_wait_for_rows(self, number: int) -> None:
        """Returns once that many transactions in this database wait for rows that others have locked."""
        async with asyncio.timeout(10):
            async with await psycopg.AsyncConnection.connect(libpq_url(self.owner_url), autocommit=True) as connection:
                while True:
                    waiting = await connection.execute(
                        "select count(distinct wanted.pid) from pg_locks wanted"
                        " join pg_stat_activity who on who.pid = wanted.pid and who.datname = current_database()"
                        " where wanted.locktype in ('transactionid', 'tuple') and not wanted.granted"
                    )
                    found = await waiting.fetchone()
                    if found and found[0] >= number:
                        return
                    await asyncio.sleep(0.02)

    async def events(self, aggregate_id: str | None = None) -> list[dict[str, Any]]:
        """The envelopes in the outbox, in their order, without the records of operations."""
        async with self.runtime.units.for_every_tenant() as uow:
            rows = await uow.session.execute(
                text("select envelope::text from contracts.outbox where aggregate_type <> 'operation' order by id")
            )
            envelopes = [json.loads(row[0]) for row in rows]
        return [
            envelope
            for envelope in envelopes
            if aggregate_id is None or envelope["subject"].endswith(f"/{aggregate_id}")
        ]


@pytest.fixture(scope="module")
def clock() -> FixedClock:
    """The clock of a module's installation; `monday_morning` sets it back before each test."""
    return FixedClock(MONDAY_MORNING)


@pytest.fixture(autouse=True)
def monday_morning(clock: FixedClock) -> None:
    clock.set(MONDAY_MORNING)


@pytest.fixture(scope="module")
def settings(module_service_database: Callable[[str], DatabaseUrls]) -> ContractsSettings:
    urls = module_service_database("contracts")
    return ContractsSettings(
        database_url=SecretStr(urls.app),
        migration_database_url=SecretStr(urls.owner),
        secret_key=SecretStr("a secret of the tests, long enough to be one"),
        portal_secret=SecretStr(PORTAL_SECRET),
        database_pool_size=4,
    )


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(settings: ContractsSettings, clock: FixedClock) -> AsyncIterator[Installation]:
    """One installation for the tests of a module: each has an agency of its own in it, which sees none of the others.

    Making the application costs more than most tests.
    """
    runtime = build_runtime(settings, SERVICE.registry, clock)
    app = create_app(SERVICE, settings, runtime=runtime)
    assert settings.migration_database_url is not None
    async with AsyncExitStack() as stack:
        stack.push_async_callback(runtime.close)
        await stack.enter_async_context(app.router.lifespan_context(app))
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        http = await stack.enter_async_context(httpx.AsyncClient(transport=transport, base_url="http://contracts.test"))
        yield Installation(app, runtime, http, settings.migration_database_url.get_secret_value())


@pytest_asyncio.fixture(loop_scope="module")
async def agency(installation: Installation) -> Agency:
    return await installation.agency()
