"""One product for all end-to-end tests of a session, with an agency whose site has been through an outage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest

from shared.testing.running_stack import RunningStack, Tenant
from shared.testing.small_site import SmallSite

from .isolation import harvest
from .openapi_walk import Operation, operations_of
from .repeatable import planned_work, watched_pages
from .thread_client import FAST_MONITORING, RESPONSE_AND_REPAIR, SignedContract, ThreadClient, client_month, eventually

SERVICES = ("contracts", "probes", "incidents", "reporting")


@dataclass(frozen=True)
class World:
    """An agency with everything that a tenant can have, for tests that only look."""

    tenant: Tenant
    contract: SignedContract
    incident: dict[str, Any]
    webhook_id: str
    delivery_id: str
    reports: dict[str, str]
    """Where a heartbeat reports to, and its id; the ids of a window of planned work and of a group of pages."""


@pytest.fixture(scope="session")
def small_site() -> Iterator[SmallSite]:
    with SmallSite() as site:
        yield site


@pytest.fixture(scope="session")
def agency(running_stack: RunningStack) -> Tenant:
    """An agency for tests that do things."""
    return running_stack.new_tenant("Agency of the thread")


@pytest.fixture
def thread(running_stack: RunningStack, agency: Tenant) -> Iterator[ThreadClient]:
    """The owner of that agency."""
    with ThreadClient(running_stack, running_stack.token(agency)) as client:
        yield client


@pytest.fixture(scope="session")
def world(running_stack: RunningStack, small_site: SmallSite) -> World:
    """An agency whose site broke and recovered, with an incident, clocks, a webhook and its deliveries."""
    tenant = running_stack.new_tenant("Agency of the world")
    page = "/world"
    with ThreadClient(running_stack, running_stack.token(tenant)) as thread:
        webhook = thread.post("reporting", "/v1/webhooks", {"url": small_site.url("/hook"), "event_types": []})
        client = thread.create_client("World client")
        contract = thread.activate_contract(
            client, [("World site", small_site.url(page))], monitoring=FAST_MONITORING, response=RESPONSE_AND_REPAIR
        )
        thread.wait_for_monitors(contract, "up")
        small_site.break_page(page)
        incident = thread.wait_for_incident(contract)
        small_site.mend_page(page)
        thread.act(incident["incident_id"], "acknowledge")
        thread.wait_for_incident(contract, lambda incident: incident["timestamps"]["recovered"] is not None)

        def delivered() -> str | None:
            deliveries = thread.get("reporting", f"/v1/webhooks/{webhook['webhook_id']}/deliveries")["data"]
            return deliveries[0]["delivery_id"] if deliveries else None

        reports = _heartbeat(thread, contract) | {"group_id": _group(thread, contract, small_site.url(page))}
        window = thread.post("contracts", "/v1/maintenance-windows", planned_work(contract.client_id))
        delivery = eventually(delivered, 20, "an event is delivered to the webhook")
        incident = thread.get("incidents", f"/v1/incidents/{incident['incident_id']}")
    return World(
        tenant, contract, incident, webhook["webhook_id"], delivery, reports | {"window_id": window["window_id"]}
    )


def _heartbeat(thread: ThreadClient, contract: SignedContract) -> dict[str, str]:
    """A job that has reported once, a restore that was tried, and a check that was made by hand."""
    environment_id = thread.get("probes", "/v1/monitors")["data"][0]["environment_id"]
    covered = {"contract_id": contract.contract_id, "environment_id": environment_id}
    configuration = {"kind": "heartbeat", "every_seconds": 86_400}
    heartbeat = thread.post("probes", "/v1/monitors", covered | {"name": "Backup", "configuration": configuration})
    address = thread.post("probes", f"/v1/monitors/{heartbeat['monitor_id']}/report-address")
    thread.post("probes", address["path"], {"size_bytes": 1, "versions": [{"component": "php", "version": "8.1.0"}]})
    tried = {"performed_at": "2026-01-01T00:00:00Z", "scope": "All", "duration_seconds": 60, "result": "succeeded"}
    proof = {"performed_by": "Nadia Benali", "notes": "Compared row counts."}
    thread.post("probes", "/v1/restore-verifications", covered | tried | proof)
    thread.post("probes", "/v1/check-tests", {"configuration": {"kind": "tcp", "host": "127.0.0.1", "port": 9}})
    return {"heartbeat_id": heartbeat["monitor_id"], "token": address["token"]}


def _group(thread: ThreadClient, contract: SignedContract, site: str) -> str:
    """Two pages of the site that are watched alike."""
    environment_id = thread.get("probes", "/v1/monitors")["data"][0]["environment_id"]
    covered = {"contract_id": contract.contract_id, "environment_id": environment_id}
    group = thread.post("probes", "/v1/monitor-groups", covered | {"name": "Offers", **watched_pages(site)})
    return str(group["group_id"])


@pytest.fixture(scope="session")
def documents(running_stack: RunningStack) -> dict[str, dict[str, Any]]:
    """Service to the OpenAPI document that it serves."""
    return {
        service: httpx.get(f"{running_stack.url(service)}/openapi.json", trust_env=False, timeout=30).json()
        for service in SERVICES
    }


@pytest.fixture(scope="session")
def every_operation(documents: dict[str, dict[str, Any]]) -> list[Operation]:
    """Every operation of the four services."""
    return [one for service, document in documents.items() for one in operations_of(service, document)]


@pytest.fixture(scope="session")
def owned(running_stack: RunningStack, world: World, every_operation: list[Operation]) -> dict[str, str]:
    """What the world's own lists name: values for the parameters of every path."""
    operations = [operation for operation in every_operation if operation.secured]
    answers: list[object] = []
    with ThreadClient(running_stack, running_stack.token(world.tenant)) as thread:
        thread.post("contracts", "/v1/users", {"email": "op@agency.example", "name": "Op", "role": "operator"})
        for operation in operations:
            if operation.method == "get" and not operation.parameters:
                answers.append(thread.get(operation.service, operation.path, **operation.query()))
        first = harvest([world.incident, *answers])
        known = first | {
            "contract_id": world.contract.contract_id,
            "client_id": world.contract.client_id,
            "site_id": world.contract.site_ids[0],
            "incident_id": world.incident["incident_id"],
            "webhook_id": world.webhook_id,
            "delivery_id": world.delivery_id,
            "slug": world.contract.slug,
            "month": client_month(datetime.fromisoformat(world.incident["timestamps"]["opened"]["at"])),
            "number": "1",
            **world.reports,
        }
        for operation in operations:
            if operation.method == "get" and operation.parameters and set(operation.parameters) <= set(known):
                answer = thread.call("GET", operation.service, operation.filled(known), params=operation.query())
                if answer.headers["content-type"].startswith("application/json"):
                    known = harvest([answer.json()]) | known
    return known
