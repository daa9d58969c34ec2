"""The service in this process over a real database, with a real mail server and the publishers' facts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Any
from uuid import UUID

import httpx
import pytest
from aiosmtpd.smtp import SMTP
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from incidents.adapters.defaults import default_recipients
from incidents.handlers import handlers
from incidents.jobs.clocks import DueClocks
from incidents.jobs.notifications import Outbound
from incidents.main import SERVICE
from incidents.settings import IncidentsSettings
from shared.consumer import EventProcessor
from shared.events import Envelope, EventName
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.tokens import TokenMint
from shared.worker import Runtime, build_runtime


class Mailbox:
    """What a real SMTP server in this process has accepted. `replies` are given first, one per message."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []
        self.replies: list[str] = []
        self.refused: set[str] = set()
        self.delay = 0.0
        self.asked = asyncio.Event()

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.asked.set()
        await asyncio.sleep(self.delay)
        reply = self.replies.pop(0) if self.replies else "250 OK"
        if reply.startswith("250"):
            message = message_from_bytes(envelope.content, policy=SMTP_POLICY)
            assert isinstance(message, EmailMessage)
            self.messages.append(message)
        return reply

    def to(self, recipient: str) -> list[EmailMessage]:
        return [message for message in self.messages if message["To"] == recipient]


@pytest.fixture
async def mailbox() -> AsyncIterator[tuple[Mailbox, int]]:
    box = Mailbox()
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(box, hostname="mail.test"), "127.0.0.1", 0)
    yield box, server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()


PARIS_OFFICE = {
    "time_zone": "Europe/Paris",
    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
    "holidays": {"country": "FR"},
}
ALWAYS = {"time_zone": "Europe/Paris", "always": True}
PLAIN_DESK = {
    "warnings_percent": [75],
    "urgent": {"severities": ["critical"], "quota_percent": 100},
    "post_mortem": {"severities": [], "recurrences": 100},
}
"""A service desk of one warning, no arbitration and no post-mortems: tests of these say so themselves."""


@dataclass
class Agreement:
    """A contract of one client with one site, as contracts publishes it."""

    tenant_id: UUID = field(default_factory=new_id)
    contract_id: UUID = field(default_factory=new_id)
    client_id: UUID = field(default_factory=new_id)
    site_id: UUID = field(default_factory=new_id)
    environment_id: UUID = field(default_factory=new_id)
    staging_id: UUID = field(default_factory=new_id)
    monitor_id: UUID = field(default_factory=new_id)

    def state(self, version: int = 1, **changes: Any) -> dict[str, Any]:
        return {
            "contract_id": str(self.contract_id),
            "version": version,
            "number": "C-2026-0001",
            "status": "active",
            "effective_from": "2026-06-01T00:00:00Z",
            "starts_on": "2026-06-01",
            "ends_on": None,
            "agency": {"name": "Atelier"},
            "client": {
                "client_id": str(self.client_id),
                "name": "Boulangerie Martin",
                "language": "fr",
                "time_zone": "Europe/Paris",
                "currency": "EUR",
                "country": "FR",
            },
            "contacts": [
                {
                    "contact_id": str(new_id()),
                    "name": "Ada",
                    "email": "ada@client.example",
                    "language": "en",
                    "roles": ["technical"],
                }
            ],
            "sites": [
                {
                    "site_id": str(self.site_id),
                    "name": "Boutique",
                    "kind": "website",
                    "environments": [
                        {
                            "environment_id": str(self.environment_id),
                            "name": "production",
                            "url": "https://shop.example",
                            "counts_for_sla": True,
                        },
                        {
                            "environment_id": str(self.staging_id),
                            "name": "staging",
                            "url": "https://staging.shop.example",
                            "counts_for_sla": False,
                        },
                    ],
                }
            ],
            "response": {
                "calendar": "support",
                "pausable": ["waiting_customer_info"],
                "rules": {"on_policy_change": "retroactive", "on_reopen": "resume"},
                "targets": [
                    {"severity": "critical", "response": "PT30M", "repair": "PT4H"},
                    {"severity": "major", "response": "PT4H", "repair": None},
                ],
            },
            "service_desk": PLAIN_DESK,
            "calendars": {"support": [{"effective_from": None, "calendar": ALWAYS}]},
            "alerts": {"emails": ["direction@client.example", "ada@client.example"]},
        } | changes

    def down(self, outage_id: UUID, **changes: Any) -> dict[str, Any]:
        return {
            "monitor_id": str(self.monitor_id),
            "contract_id": str(self.contract_id),
            "client_id": str(self.client_id),
            "site_id": str(self.site_id),
            "environment_id": str(self.environment_id),
            "counts_for_sla": True,
            "name": "Boutique",
            "url": "https://shop.example",
            "previous_state": "up",
            "outage_id": str(outage_id),
            "down_since": "2026-06-08T08:58:50Z",
            "down_since_uncertainty_seconds": 60,
            "confirmed_at": "2026-06-08T09:00:00Z",
            "locations": [],
            "reason": "http_status",
            "detail": "503 Service Unavailable",
            "evidence": {"checked_at": "2026-06-08T09:00:00Z", "status_code": 503},
        } | changes

    def recovered(self, outage_id: UUID, **changes: Any) -> dict[str, Any]:
        return (
            self.down(outage_id)
            | {
                "recovered_at": "2026-06-08T09:15:00Z",
                "recovered_uncertainty_seconds": 60,
                "recovery_confirmed_at": "2026-06-08T09:15:00Z",
                "duration_seconds": 970,
                "previous_state": "down",
            }
            | changes
        )

    def paused(self, outage_id: UUID | None, **changes: Any) -> dict[str, Any]:
        """The pause of the monitor, which ends the outage if there is one."""
        told = self.down(outage_id) if outage_id else {}
        outage = {
            name: told.get(name)
            for name in ("outage_id", "down_since", "confirmed_at", "locations", "reason", "detail", "evidence")
        }
        watched = {name: value for name, value in self.down(new_id()).items() if name not in outage}
        return (
            watched
            | {
                "previous_state": "down" if outage_id else "up",
                "since": "2026-06-08T09:10:00Z",
                "reason": "contract_suspended",
                "outage_id": outage["outage_id"],
                "down_since": outage["down_since"],
                "outage": outage if outage_id else None,
            }
            | changes
        )


@dataclass
class Desk:
    """The whole service in this process: consumer, jobs and API over one database and one clock."""

    runtime: Runtime
    clock: FixedClock
    urls: DatabaseUrls
    mailbox: Mailbox
    app: FastAPI
    tokens: TokenMint
    processor: EventProcessor
    due_clocks: DueClocks
    outbound: Outbound

    async def hear(
        self,
        name: str,
        data: dict[str, Any],
        *,
        tenant_id: UUID,
        version: int = 1,
        event_id: UUID | None = None,
    ) -> bool:
        """An event arrives; True when it took effect now."""
        event = EventName.parse(name)
        envelope = Envelope(
            id=event_id or new_id(),
            source=f"/services/{event.service}",
            type=event.type,
            subject=f"{event.aggregate}/x",
            time=self.clock.now(),
            dataschema="urn:test",
            tenantid=tenant_id,
            aggregateversion=version,
            data=data,
        )
        return await self.processor.process(envelope.to_bytes())

    async def activate(self, agreement: Agreement, version: int = 1, **changes: Any) -> None:
        event = "activated" if version == 1 else "amended"
        state = agreement.state(version, **changes)
        await self.hear(
            f"contracts.contract.{event}.v1", state, tenant_id=agreement.tenant_id, version=state["version"]
        )

    async def break_down(self, agreement: Agreement, outage_id: UUID | None = None, **changes: Any) -> UUID:
        outage = outage_id or new_id()
        data = agreement.down(outage, **changes)
        await self.hear("probes.monitor.down.v1", data, tenant_id=agreement.tenant_id)
        return outage

    async def recover(self, agreement: Agreement, outage_id: UUID, **changes: Any) -> None:
        data = agreement.recovered(outage_id, **changes)
        await self.hear("probes.monitor.recovered.v1", data, tenant_id=agreement.tenant_id, version=2)

    async def pause(self, agreement: Agreement, outage_id: UUID | None, **changes: Any) -> None:
        data = agreement.paused(outage_id, **changes)
        await self.hear("probes.monitor.paused.v1", data, tenant_id=agreement.tenant_id, version=3)

    async def suspend(self, agreement: Agreement, version: int = 2, **changes: Any) -> None:
        state = agreement.state(
            version, **({"status": "suspended", "effective_from": "2026-06-08T09:10:00Z"} | changes)
        )
        await self.hear("contracts.contract.suspended.v1", state, tenant_id=agreement.tenant_id, version=version)

    async def said(self, tenant_id: UUID) -> list[tuple[str, int, dict[str, Any]]]:
        """What the service has published, in order: name, version, data. Without the records of operations."""
        rows = await self.rows(
            "select type, aggregate_version, envelope from incidents.outbox where aggregate_type <> 'operation' "
            "order by id"
        )
        return [
            (row["type"].removeprefix("dev.upheld.incidents."), row["aggregate_version"], row["envelope"]["data"])
            for row in rows
            if row["envelope"]["tenantid"] == str(tenant_id)
        ]

    async def rows(self, query: str) -> list[dict[str, Any]]:
        async with self.runtime.units.for_every_tenant() as unit:
            return [dict(row) for row in (await unit.session.execute(text(query))).mappings()]

    async def execute(self, statement: str) -> None:
        async with self.runtime.units.for_every_tenant() as unit:
            await unit.session.execute(text(statement))

    def client(self, agreement: Agreement, role: Any = "operator", **how: Any) -> httpx.AsyncClient:
        client_id = agreement.client_id if role.startswith("client_") else None
        token = self.tokens.mint(
            role=role,
            **({"tenant_id": agreement.tenant_id, "client_id": client_id, "lifetime": timedelta(days=2)} | how),
        )
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app, raise_app_exceptions=False),
            base_url="http://incidents.test",
            headers={"Authorization": f"Bearer {token}"},
        )

    async def only_incident(self, agreement: Agreement) -> dict[str, Any]:
        async with self.client(agreement) as client:
            listed = (await client.get("/v1/incidents")).json()["data"]
            assert len(listed) == 1, listed
            return dict((await client.get(f"/v1/incidents/{listed[0]['incident_id']}")).json())


def settings_for(urls: DatabaseUrls, **changes: Any) -> IncidentsSettings:
    return IncidentsSettings.model_validate(
        {
            "database_url": SecretStr(urls.app),
            "secret_key": SecretStr("k" * 32),
            "database_pool_size": 4,
            "smtp_from": "alerts@agency.example",
            "smtp_starttls": "never",
            "alert_emails": "oncall@agency.example",
        }
        | changes
    )


@pytest.fixture
async def make_desk(
    service_database: Callable[[str], DatabaseUrls],
    clock: FixedClock,
    tokens: TokenMint,
    mailbox: tuple[Mailbox, int],
) -> AsyncIterator[Callable[..., Desk]]:
    runtimes: list[Runtime] = []

    def make(urls: DatabaseUrls | None = None, **changes: Any) -> Desk:
        urls = urls or service_database("incidents")
        box, port = mailbox
        settings = settings_for(urls, **({"smtp_host": "127.0.0.1", "smtp_port": port} | changes))
        runtime = build_runtime(settings, SERVICE.registry, clock)
        runtimes.append(runtime)
        SERVICE.jobs(runtime)  # tells the handlers the settings, as a starting worker does
        app = tokens.trust(create_app(SERVICE, settings, runtime=runtime))
        return Desk(
            runtime=runtime,
            clock=clock,
            urls=urls,
            mailbox=box,
            app=app,
            tokens=tokens,
            processor=EventProcessor(handlers, runtime.units, "incidents"),
            due_clocks=DueClocks(runtime.units, clock, default_recipients(settings)),
            outbound=Outbound(runtime.units, settings, runtime.stopping),
        )

    yield make
    for runtime in runtimes:
        await runtime.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk()


@pytest.fixture
def agreement() -> Agreement:
    return Agreement()
