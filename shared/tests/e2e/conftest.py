"""One product for all end-to-end tests of a session, with an agency whose site has been through an outage."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.testing.running_stack import RunningStack, Tenant
from shared.testing.small_site import SmallSite

from .thread_client import FAST_MONITORING, RESPONSE_AND_REPAIR, SignedContract, ThreadClient, eventually


@dataclass(frozen=True)
class World:
    """An agency with everything that a tenant can have, for tests that only look."""

    tenant: Tenant
    contract: SignedContract
    incident: dict[str, Any]
    webhook_id: str
    delivery_id: str


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

        delivery = eventually(delivered, 20, "an event is delivered to the webhook")
        incident = thread.get("incidents", f"/v1/incidents/{incident['incident_id']}")
    return World(tenant, contract, incident, webhook["webhook_id"], delivery)
