"""A contract, its monitors and its incidents as other services tell of them, and the real service that listens."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from fastapi import FastAPI
from pydantic import SecretStr

from reporting.main import SERVICE
from reporting.settings import ReportingSettings
from shared.consumer import EventProcessor
from shared.events import Envelope, EventName, schema_address
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.mailbox import Mailbox
from shared.testing.tokens import TokenMint
from shared.worker import Runtime, build_runtime

PLAIN_RULE = {
    "minimum_outage": "PT0S",
    "whole_minutes": False,
    "maintenance": "exclude",
    "unknown": "exclude",
    "degraded_weight": "0",
    "service_window": None,
}


def text(instant: datetime) -> str:
    """An instant as events write it."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def stamp(at: datetime | None, name: str = "Upheld", kind: str = "system") -> dict[str, Any] | None:
    """A timestamp of an incident."""
    return None if at is None else {"at": text(at), "actor": {"kind": kind, "id": name, "name": name}, "source": kind}


@dataclass
class Story:
    """What happens to one contract. Every method gives the bytes of one event; versions count up by themselves."""

    tenant_id: UUID = field(default_factory=new_id)
    client_id: UUID = field(default_factory=new_id)
    contract_id: UUID = field(default_factory=new_id)
    site_id: UUID = field(default_factory=new_id)
    environment_id: UUID = field(default_factory=new_id)
    staging_id: UUID = field(default_factory=new_id)
    monitor_id: UUID = field(default_factory=new_id)
    staging_monitor_id: UUID = field(default_factory=new_id)
    slug: str = "boulangerie-martin"
    language: str = "fr"
    time_zone: str = "Europe/Paris"
    target: str | None = "99.9"
    rule: dict[str, Any] = field(default_factory=lambda: dict(PLAIN_RULE))
    client_name: str = "Boulangerie Martin"
    site_name: str = "boulangerie-martin.example"
    versions: dict[UUID, int] = field(default_factory=dict)
    numbers: int = 0
    measures_availability: bool = True
    make_id: Callable[[], UUID] = new_id

    def event(self, name: str, aggregate_id: UUID, at: datetime, data: dict[str, Any], version: int) -> bytes:
        """The bytes of any event."""
        parsed = EventName.parse(name)
        return Envelope(
            id=self.make_id(),
            source=f"/services/{parsed.service}",
            type=parsed.type,
            subject=f"{parsed.aggregate}/{aggregate_id}",
            time=at,
            dataschema=schema_address(parsed),
            tenantid=self.tenant_id,
            aggregateversion=version,
            data=data,
        ).to_bytes()

    def _next(self, aggregate_id: UUID) -> int:
        self.versions[aggregate_id] = self.versions.get(aggregate_id, 0) + 1
        return self.versions[aggregate_id]

    def contract(self, event: str, at: datetime, **changes: Any) -> bytes:
        """`activated`, `amended`, `suspended` or `terminated`."""
        version = self._next(self.contract_id)
        status = {"suspended": "suspended", "terminated": "terminated"}.get(event, "active")
        state = {
            "contract_id": str(self.contract_id),
            "version": version,
            "number": "C-2026-0001",
            "status": status,
            "effective_from": text(at),
            "starts_on": at.date().isoformat(),
            "ends_on": None,
            "agency": {"name": "Atelier Numérique"},
            "client": {
                "client_id": str(self.client_id),
                "name": self.client_name,
                "language": self.language,
                "time_zone": self.time_zone,
                "currency": "EUR",
                "country": "FR",
            },
            "contacts": [],
            "plan": {
                "plan_id": str(new_id()),
                "code": "premium",
                "name": {"fr": "Formule Premium", "en": "Premium plan"},
                "priority": 1,
            },
            "sites": [
                {
                    "site_id": str(self.site_id),
                    "name": self.site_name,
                    "kind": "website",
                    "environments": [
                        {
                            "environment_id": str(self.environment_id),
                            "name": "production",
                            "url": "https://boulangerie-martin.example/",
                            "counts_for_sla": True,
                        },
                        {
                            "environment_id": str(self.staging_id),
                            "name": "recette",
                            "url": "https://recette.boulangerie-martin.example/",
                            "counts_for_sla": False,
                        },
                    ],
                }
            ],
            "deliverables": [],
            "monitoring": None,
            "response": None,
            "uptime": {"target_percent": self.target, "rule": self.rule} if self.target is not None else None,
            "calendars": {},
            "alerts": {"emails": []},
            "status_page": {
                "slug": self.slug,
                "name": self.client_name,
                "logo_url": None,
                "colours": {"primary": "#7c2d12", "background": "#ffffff", "text": "#1c1917"},
            },
            "reports": {"monthly": True},
            "price": {"amount": "300.00", "currency": "EUR", "period": "month"},
            "signature": {"version_hash": "00" * 32, "signed_at": text(at), "signatories": []},
        }
        state.update(changes)
        return self.event(f"contracts.contract.{event}.v1", self.contract_id, at, state, version)

    def _monitor(self, *, staging: bool = False) -> dict[str, Any]:
        return {
            "monitor_id": str(self.staging_monitor_id if staging else self.monitor_id),
            "contract_id": str(self.contract_id),
            "client_id": str(self.client_id),
            "site_id": str(self.site_id),
            "environment_id": str(self.staging_id if staging else self.environment_id),
            "counts_for_sla": not staging and self.measures_availability,
            "measures_availability": self.measures_availability,
            "name": "Staging home page" if staging else "Home page",
            "url": "https://boulangerie-martin.example/",
        }

    def _say(self, event: str, at: datetime, data: dict[str, Any], *, staging: bool) -> bytes:
        monitor_id = self.staging_monitor_id if staging else self.monitor_id
        fields = self._monitor(staging=staging) | data
        return self.event(f"probes.monitor.{event}.v1", monitor_id, at, fields, self._next(monitor_id))

    def unknown(
        self,
        at: datetime,
        *,
        reason: str = "not_yet_checked",
        outage: tuple[UUID, datetime] | None = None,
        staging: bool = False,
    ) -> bytes:
        """No fresh result from then on. `outage` stays open: its id and beginning."""
        data = {
            "previous_state": None,
            "since": text(at),
            "reason": reason,
            "outage_id": str(outage[0]) if outage else None,
            "down_since": text(outage[1]) if outage else None,
        }
        return self._say("unknown", at, data, staging=staging)

    def restored(
        self,
        since: datetime,
        at: datetime,
        *,
        was: str = "unknown",
        state: str = "up",
        outage: tuple[UUID, datetime] | None = None,
        staging: bool = False,
    ) -> bytes:
        """What was no outage is over. `outage` goes on then: its id and beginning."""
        data = {
            "previous_state": was,
            "since": text(since),
            "restored_at": text(at),
            "state": state,
            "outage_id": str(outage[0]) if outage else None,
            "down_since": text(outage[1]) if outage else None,
        }
        return self._say("restored", at, data, staging=staging)

    def measured(self, hour: datetime, *, version: int = 100) -> bytes:
        """Probes was there in the hour that begins then."""
        monitor = {
            "monitor_id": str(self.monitor_id),
            "environment_id": str(self.environment_id),
            "expected": 120,
            "executed": 120,
            "missed": 0,
            "blocked": 0,
        }
        rollup_id = new_id()
        data = {
            "rollup_id": str(rollup_id),
            "contract_id": str(self.contract_id),
            "client_id": str(self.client_id),
            "starts_at": text(hour),
            "ends_at": text(hour + timedelta(hours=1)),
            "monitors": [monitor],
        }
        return self.event("probes.rollup.hourly.v1", rollup_id, hour + timedelta(minutes=65), data, version)

    def in_maintenance(self, at: datetime) -> bytes:
        """A window of planned work opens."""
        return self._say("maintenance", at, {"previous_state": "up", "since": text(at)}, staging=False)

    def _outage(self, outage_id: UUID, since: datetime) -> dict[str, Any]:
        return {
            "previous_state": "up",
            "outage_id": str(outage_id),
            "down_since": text(since),
            "down_since_uncertainty_seconds": 30,
            "confirmed_at": text(since + timedelta(seconds=20)),
            "locations": [{"location": "paris", "verdict": "down", "failing_since": text(since)}],
            "reason": "connect",
            "detail": "connection refused by 10.0.0.7",
            "evidence": {"checked_at": text(since), "status_code": None, "error": "connection refused by 10.0.0.7"},
        }

    def down(self, outage_id: UUID, since: datetime, *, staging: bool = False) -> bytes:
        """A confirmed outage."""
        at = since + timedelta(seconds=20)
        return self._say("down", at, self._outage(outage_id, since), staging=staging)

    def recovered(
        self,
        outage_id: UUID,
        since: datetime,
        at: datetime,
        *,
        gaps: Sequence[tuple[datetime, datetime]] = (),
        staging: bool = False,
    ) -> bytes:
        """The end of an outage, with the silences in it."""
        data = self._outage(outage_id, since) | {
            "previous_state": "down",
            "previous_since": text(gaps[-1][1] if gaps else since),
            "gaps": [{"start": text(start), "end": text(end)} for start, end in gaps],
            "recovered_at": text(at),
            "recovered_uncertainty_seconds": 30,
            "recovery_confirmed_at": text(at),
            "duration_seconds": (at - since).total_seconds(),
        }
        return self._say("recovered", at, data, staging=staging)

    def paused(
        self,
        at: datetime,
        *,
        reason: str = "contract_suspended",
        outage: tuple[UUID, datetime] | None = None,
        silent_since: datetime | None = None,
    ) -> bytes:
        """Nothing is checked from then on. `outage` is cut off: its id and beginning; silent until the pause or not."""
        data: dict[str, Any] = {
            "previous_state": "unknown" if silent_since else "down" if outage else "up",
            "since": text(at),
            "reason": reason,
            "outage_id": str(outage[0]) if outage else None,
            "down_since": text(outage[1]) if outage else None,
            "outage": None,
        }
        if outage:
            gaps = [{"start": text(silent_since), "end": None}] if silent_since else []
            data["outage"] = self._outage(*outage) | {"gaps": gaps}
        return self._say("paused", at, data, staging=False)

    def flapping(self, at: datetime, since: datetime) -> bytes:
        """It goes up and down, and has since then."""
        return self._say("flapping", at, {"since": text(since), "state": "down", "edges": 7}, staging=False)

    def settled(self, at: datetime, since: datetime, outage_id: UUID) -> bytes:
        """It does so no longer; its last outage is over or not."""
        data = {"flapping_since": text(since), "settled_at": text(at), "state": "up", "outage_id": str(outage_id)}
        return self._say("settled", at, data, staging=False)

    def incident(
        self,
        incident_id: UUID,
        outage_id: UUID | None,
        since: datetime,
        *,
        acknowledged: datetime | None = None,
        monitoring_paused: datetime | None = None,
        recovered: datetime | None = None,
        resolved: datetime | None = None,
        title: str = "Home page does not answer (10.0.0.7 refused)",
        severity: str = "critical",
    ) -> Iterable[bytes]:
        """The events of an incident, each the full state of then."""
        self.numbers += 1
        number = f"INC-2026-{self.numbers:04}"
        confirmed = since + timedelta(seconds=20)
        ends = [at for at in (recovered, resolved) if at is not None]
        steps = [
            ("opened", confirmed),
            ("acknowledged", acknowledged),
            ("monitoring_paused", monitoring_paused),
            ("recovered", recovered),
            ("resolved", resolved),
        ]
        for step, at in sorted(((s, a) for s, a in steps if a is not None), key=lambda pair: pair[1]):

            def then(instant: datetime | None, until: datetime = at) -> datetime | None:
                return instant if instant is not None and instant <= until else None

            status = "resolved" if then(resolved) else "acknowledged" if then(acknowledged) else "open"
            clocks = [
                self._clock("response", incident_id, confirmed, then(acknowledged), 1800),
                self._clock("repair", incident_id, confirmed, then(min(ends)) if ends else None, 14400),
            ]
            if then(monitoring_paused):
                clocks = [clock | {"state": clock["verdict"] or "paused"} for clock in clocks]
            version = self._next(incident_id)
            state = {
                "incident_id": str(incident_id),
                "number": number,
                "version": version,
                "contract_id": str(self.contract_id),
                "client_id": str(self.client_id),
                "site_id": str(self.site_id),
                "environment_id": str(self.environment_id),
                "counts_for_sla": True,
                "source": {
                    "kind": "monitor" if outage_id else "person",
                    "outage_id": str(outage_id) if outage_id else None,
                    "monitor_id": str(self.monitor_id) if outage_id else None,
                },
                "title": title,
                "severity": severity,
                "status": status,
                "timestamps": {
                    "first_failure": stamp(since),
                    "detected": stamp(confirmed),
                    "opened": stamp(confirmed),
                    "alerted": stamp(confirmed + timedelta(seconds=1)),
                    "acknowledged": stamp(then(acknowledged), "Léa Dubois", "user"),
                    "mitigated": None,
                    "monitoring_paused": stamp(then(monitoring_paused)),
                    "recovered": stamp(then(recovered)),
                    "resolved": stamp(then(resolved), "Léa Dubois", "user"),
                    "closed": None,
                },
                "clocks": clocks,
            }
            yield self.event(f"incidents.incident.{step}.v1", incident_id, at, state, version)

    def _clock(
        self, metric: str, incident_id: UUID, start: datetime, stopped: datetime | None, target: int
    ) -> dict[str, Any]:
        elapsed = (stopped - start).total_seconds() if stopped else 0
        verdict = None if stopped is None else ("met" if elapsed <= target else "breached")
        return {
            "clock_id": str(UUID(int=incident_id.int ^ (1 if metric == "response" else 2))),
            "metric": metric,
            "policy": f"critical {metric}",
            "target_seconds": target,
            "state": verdict or "running",
            "due_at": text(start + timedelta(seconds=target)),
            "breach_after": text(start + timedelta(seconds=target)),
            "elapsed_seconds": elapsed,
            "verdict": verdict,
        }

    def maintenance(
        self,
        at: datetime,
        *occurrences: tuple[datetime, datetime],
        window_id: UUID,
        title: str = "Montée de version du serveur",
        environment_ids: Sequence[UUID] = (),
        cancelled: bool = False,
    ) -> bytes:
        """Planned work as it is known from then on; a cancelled one keeps what has been of it."""
        version = self._next(window_id)
        state = {
            "window_id": str(window_id),
            "client_id": str(self.client_id),
            "version": version,
            "status": "cancelled" if cancelled else "scheduled",
            "title": title,
            "description": "Passer par le bastion 10.0.0.7.",
            "site_ids": [],
            "environment_ids": [str(each) for each in environment_ids],
            "time_zone": self.time_zone,
            "starts": "2026-06-10T02:00",
            "ends": "2026-06-10T04:00",
            "recurrence": None,
            "cancelled_at": text(at) if cancelled else None,
            "occurrences": [{"starts_at": text(start), "ends_at": text(end)} for start, end in occurrences],
        }
        name = f"contracts.maintenance.{'cancelled' if cancelled else 'scheduled'}.v1"
        return self.event(name, window_id, at, state, version)

    def golden_june(self) -> list[bytes]:
        """June 2026 in Paris: monitored all month, two outages of 10 and 5 minutes, both answered and repaired."""
        began = datetime(2026, 5, 20, 8, 0, tzinfo=UTC)
        events = [
            self.contract("activated", began),
            self.unknown(began),
            self.restored(began, began + timedelta(seconds=30)),
            self.unknown(began, staging=True),
            self.restored(began, began + timedelta(seconds=30), staging=True),
        ]
        for day, minutes in ((9, 10), (18, 5)):
            since = datetime(2026, 6, day, 1, 30, tzinfo=UTC)
            back = since + timedelta(minutes=minutes)
            outage_id, incident_id = self.make_id(), self.make_id()
            events += [self.down(outage_id, since), self.recovered(outage_id, since, back)]
            events += self.incident(
                incident_id,
                outage_id,
                since,
                acknowledged=since + timedelta(minutes=3),
                recovered=back,
                resolved=back + timedelta(minutes=2),
            )
        return events


@pytest.fixture
def story() -> Story:
    """A client in Paris with a Premium contract, production and staging."""
    return Story()


@pytest.fixture
def another_story() -> Callable[..., Story]:
    """More of them, each of a tenant of its own."""
    return Story


@dataclass
class Service:
    """The service in this process, over a real database."""

    runtime: Runtime
    settings: ReportingSettings
    app: FastAPI
    clock: FixedClock
    urls: DatabaseUrls
    tokens: TokenMint
    open_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]

    async def hear(self, *payloads: bytes) -> int:
        """Gives events to the handlers, one transaction each; returns how many took effect."""
        assert SERVICE.handlers is not None
        processor = EventProcessor(SERVICE.handlers, self.runtime.units, "reporting")
        return sum([await processor.process(payload) for payload in payloads])

    def client(self, story: Story | None = None, **how: Any) -> AbstractAsyncContextManager[httpx.AsyncClient]:
        """Calls the API as the owner of a story's tenant, or as `how` says; without a story, as nobody."""
        token = self.tokens.mint(tenant_id=story.tenant_id, **how) if story is not None else None
        return self.open_client(self.app, token)


ServiceMaker = Callable[..., Awaitable[Service]]


@pytest.fixture
async def start_service(
    service_database: Callable[[str], DatabaseUrls],
    clock: FixedClock,
    tokens: TokenMint,
    api_client: Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]],
) -> AsyncIterator[ServiceMaker]:
    """Starts services, each over a fresh database; settings may be given by name."""
    started: list[Runtime] = []

    async def start(**changes: Any) -> Service:
        urls = service_database("reporting")
        settings = ReportingSettings.model_validate(
            {
                "database_url": SecretStr(urls.app),
                "secret_key": SecretStr(secrets.token_urlsafe(32)),
                "public_url": "https://reports.agency.example",
                "allowed_networks": ("127.0.0.0/8",),
                **changes,
            }
        )
        runtime = build_runtime(settings, SERVICE.registry, clock)
        started.append(runtime)
        app = tokens.trust(create_app(SERVICE, settings, runtime=runtime))
        return Service(runtime, settings, app, clock, urls, tokens, api_client)

    yield start
    for runtime in started:
        await runtime.close()


@pytest.fixture
async def service(start_service: ServiceMaker) -> Service:
    """The service over a fresh database, its clock on 8 June 2026, 09:00 UTC."""
    return await start_service()


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """A mail server that keeps what it is given."""
    with Mailbox() as box:
        yield box


@pytest.fixture
def eventually() -> Callable[..., Awaitable[Any]]:
    """Waits until a condition holds and gives what it gave; fails after some seconds."""

    async def wait(condition: Callable[[], Awaitable[Any]], seconds: float = 15.0) -> Any:
        async with asyncio.timeout(seconds):
            while True:
                found = await condition()
                if found:
                    return found
                await asyncio.sleep(0.05)

    return wait


Serve = Callable[[Service], Awaitable[str]]


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """Puts a service on a socket and gives its address."""
    async with AsyncExitStack() as stack:

        async def start(service: Service) -> str:
            server = uvicorn.Server(uvicorn.Config(service.app, port=0, log_config=None, access_log=False))
            serving = asyncio.create_task(server.serve())

            async def stop() -> None:
                server.should_exit = True
                await serving

            stack.push_async_callback(stop)
            async with asyncio.timeout(10):
                while not server.started:  # noqa: ASYNC110  (the server says it nowhere else)
                    await asyncio.sleep(0.01)
            return f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"

        yield start
