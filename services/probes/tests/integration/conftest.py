"""The whole service against a real PostgreSQL and a real NATS: settings, a running worker, and what contracts says."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import UUID, uuid4

import pytest
from nats.aio.client import Client
from pydantic import SecretStr
from sqlalchemy import text

from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.events import Envelope, EventName
from shared.ids import new_id
from shared.jetstream import connect, declare_stream, event_stream
from shared.stack.nats_server import NatsServer
from shared.testing.databases import DatabaseUrls
from shared.worker import Runtime, build_runtime, run_worker

from ..keys import SERVICE_KEY


async def eventually(check: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What the (asynchronous) check gives as soon as that is true."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        found = await check()
        if found:
            return found
        assert asyncio.get_running_loop().time() < deadline, f"not within {seconds} s; last: {found!r}"
        await asyncio.sleep(0.05)


@dataclass
class Contract:
    """A contract as contracts would tell of it, with one site on loopback."""

    url: str
    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    environment_id: UUID

    def state(self, version: int = 1, status: str = "active", **changes: Any) -> dict[str, Any]:
        monitoring = {
            "interval_seconds": 1,
            "timeout_seconds": 1,
            "rechecks": 1,
            "recheck_spacing_seconds": 0,
            "recoveries": 1,
        } | changes.pop("monitoring", {})
        return {
            "contract_id": str(self.contract_id),
            "version": version,
            "status": status,
            "effective_from": (datetime.now(UTC) - timedelta(seconds=1)).isoformat(),
            "client": {"client_id": str(self.client_id), "name": "Hôtel Bellevue", "language": "fr"},
            "sites": [
                {
                    "site_id": str(self.client_id),
                    "name": "Bellevue",
                    "kind": "website",
                    "environments": [
                        {
                            "environment_id": str(self.environment_id),
                            "name": "production",
                            "url": self.url,
                            "counts_for_sla": True,
                        }
                    ],
                }
            ],
            "monitoring": monitoring,
            "something_new": {"that": "probes does not know"},
            **changes,
        }


def contract(url: str, tenant_id: UUID | None = None) -> Contract:
    return Contract(url, tenant_id or uuid4(), uuid4(), uuid4(), uuid4())


class Service:
    """Probes, running, and the broker as a neighbour sees it."""

    def __init__(self, runtime: Runtime, neighbour: Client) -> None:
        self.runtime = runtime
        self.neighbour = neighbour
        self.js = neighbour.jetstream()

    async def tell(self, contract: Contract, event: str, state: dict[str, Any]) -> UUID:
        """Says an event of contracts; returns its id."""
        name = EventName("contracts", "contract", event, 1)
        envelope = Envelope(
            id=new_id(),
            source="/services/contracts",
            type=name.type,
            subject=f"contract/{contract.contract_id}",
            time=datetime.now(UTC),
            dataschema="urn:upheld:schema:test",
            tenantid=contract.tenant_id,
            aggregateversion=state["version"],
            data=json.loads(json.dumps(state)),
        )
        await self.js.publish(name.subject(str(contract.contract_id)), envelope.to_bytes())
        return envelope.id

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.runtime.units.for_every_tenant() as unit:
            return list((await unit.session.execute(text(query), values)).mappings())

    async def one(self, query: str, **values: Any) -> Any:
        async with self.runtime.units.for_every_tenant() as unit:
            return await unit.session.scalar(text(query), values)

    async def events(self) -> list[Envelope]:
        """What probes has published, in the order of its stream."""
        try:
            info = await self.js.stream_info("PROBES")
        except Exception:
            return []
        messages = [await self.js.get_msg("PROBES", number) for number in range(1, info.state.last_seq + 1)]
        return [Envelope.parse(message.data or b"") for message in messages]

    async def said(self, *names: str) -> list[str]:
        """The names of the events published but records of operations, once the last ones are these."""

        async def look() -> list[str]:
            found = [event.name.event for event in await self.events() if event.name.aggregate != "operation"]
            return found if found[-len(names) :] == list(names) else []

        found: list[str] = await eventually(look)
        return found


def settings_for(database: DatabaseUrls, nats: NatsServer, **more: Any) -> ProbesSettings:
    return ProbesSettings(
        database_url=SecretStr(database.app),
        nats_url=SecretStr(nats.url("probes")),
        allowed_networks=(ip_network("127.0.0.0/8"),),
        drain_seconds=5,
        **{"secret_key": SERVICE_KEY, **more},
    )


@asynccontextmanager
async def working(settings: ProbesSettings, neighbour_url: str) -> AsyncIterator[Service]:
    """The worker role with a runner, in this process."""
    runtime = build_runtime(settings, SERVICE.registry)
    neighbour = await connect(neighbour_url, "neighbour")
    await declare_stream(neighbour.jetstream(), event_stream("contracts"))
    assert SERVICE.extra_loops is not None
    worker = asyncio.create_task(
        run_worker(runtime, SERVICE.handlers, SERVICE.jobs(runtime), extra_loops=SERVICE.extra_loops(runtime))
    )
    try:
        yield Service(runtime, neighbour)
    finally:
        runtime.stopping.set()
        await worker
        await neighbour.close()
        await runtime.close()


@pytest.fixture
def settings(service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer) -> ProbesSettings:
    return settings_for(service_database("probes"), own_nats_server)


@pytest.fixture
async def service(settings: ProbesSettings, own_nats_server: NatsServer) -> AsyncIterator[Service]:
    async with working(settings, own_nats_server.url()) as running:
        yield running


@pytest.fixture
async def idle(service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer) -> AsyncIterator[Service]:
    """The worker without a runner: nothing is executed, results are handed in by the test."""
    settings = settings_for(service_database("probes"), own_nats_server, execute_checks=False)
    async with working(settings, own_nats_server.url()) as running:
        yield running
