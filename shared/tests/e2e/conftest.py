"""One product for all end-to-end tests of a session, with an agency whose site has been through an outage."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
import pytest

from shared.testing.running_stack import RunningStack, Tenant
from shared.testing.small_site import SmallSite

from . import (
    before_signing,
    contract_hours,
    contract_invoices,
    contract_life,
    contract_settlements,
    offers,
    outage_decisions,
    page_updates,
)
from .contract_registers import ContractRegisters
from .desk_records import one_of_each
from .isolation import harvest
from .openapi_walk import Operation, operations_of
from .repeatable import Repeatable, channel_of, escalation_policy, override_by, planned_work, watched_pages
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
    """Where a heartbeat reports to and systems hand things in, and the ids of what only this world has."""


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
            client,
            [("World site", small_site.url(page))],
            monitoring=FAST_MONITORING,
            response=RESPONSE_AND_REPAIR,
            prerequisites=[before_signing.PREREQUISITE],
            hours=contract_hours.HOURS,
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

        reports = _heartbeat(thread, contract) | _service_desk(thread, contract, incident["incident_id"])
        reports |= _came_in(thread, contract)
        reports["group_id"] = _group(thread, contract, small_site.url(page))
        window = thread.post("contracts", "/v1/maintenance-windows", planned_work(contract.client_id))
        reports |= _on_call(thread)
        provider = {"name": "World SA", "issuer": small_site.url("/issuer"), "oidc_client_id": "upheld"}
        added = thread.post("reporting", "/v1/identity-providers", provider | {"oidc_client_secret": "of the world"})
        reports["identity_provider_id"] = added["identity_provider_id"]
        delivery = eventually(delivered, 20, "an event is delivered to the webhook")
        replays = f"/v1/webhooks/{webhook['webhook_id']}/replays"
        reports["replay_id"] = thread.post("reporting", replays, {"since": "2026-01-01T00:00:00Z"})["replay_id"]
        incident = thread.get("incidents", f"/v1/incidents/{incident['incident_id']}")
        records = one_of_each(thread, contract.contract_id, incident["incident_id"])
        records |= ContractRegisters(thread, lambda: contract.client_id, lambda: contract.contract_id).one_of_each()
        records |= before_signing.one_of_each(thread, contract.client_id, contract.contract_id)
        records |= contract_life.one_of_each(thread, contract.contract_id)
        records |= contract_hours.one_of_each(thread, contract.contract_id, contract.site_ids[0])
        records |= offers.one_of_each(thread)
        # Without hours: those of a month that goes on cannot be closed.
        settled = thread.activate_contract(client, [("Settled site", small_site.url(page))])
        records |= contract_settlements.one_of_each(thread, settled.contract_id)
        records |= contract_invoices.one_of_each(thread, settled.contract_id)
        outage_id = incident["source"]["outage_id"]
        decision_id = outage_decisions.proposed(thread, contract.contract_id, outage_id)
        records |= {"outage_id": outage_id, "outage_decision_id": decision_id}
        (site_id, *_) = contract.site_ids
        (environment, *_) = thread.get("contracts", f"/v1/sites/{site_id}")["environments"]
        report = {"contract_id": contract.contract_id, "title": "Payments fail", "severity": "major"}
        reported = thread.post("incidents", "/v1/incidents", report)["incident_id"]
        records |= page_updates.published(thread, contract.slug, environment["environment_id"], reported)
    return World(
        tenant,
        contract,
        incident,
        webhook["webhook_id"],
        delivery,
        reports | records | {"window_id": window["window_id"]},
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


def _service_desk(thread: ThreadClient, contract: SignedContract, incident_id: str) -> dict[str, str]:
    """One item of every other kind, a schedule, and an incident that waited for somebody."""
    under = {"contract_id": contract.contract_id}
    question = {"form": "assistance", "title": "How do I add a page?", "topic": "Editing pages"}
    request = thread.post("incidents", "/v1/requests", under | question)
    change = thread.post("incidents", "/v1/changes", under | {"title": "Move to PHP 8.5"})
    work = {"title": "Look at the backups", "work": "check"}
    order = thread.post("incidents", "/v1/work-orders", under | work | {"planned_on": "2026-06-15"})
    rule = {"recurrence": "FREQ=DAILY", "first_on": "2099-01-01", "non_working_day": "skip"}
    schedule = thread.post("incidents", "/v1/work-order-schedules", under | work | rule)
    item = f"/v1/items/{incident_id}"
    thread.post("incidents", f"{item}/pauses", {"reason": "waiting_for_client", "evidence": {"asked": "Which page?"}})
    pause = thread.get("incidents", f"{item}/pauses")["data"][0]
    how: dict[str, Any] = {
        "params": {"name": "app.log", "audience": "client"},
        "headers": {"Content-Type": "text/plain"},
    }
    attachment = thread.call("POST", "incidents", f"{item}/attachments", content=b"GET / 500", **how).json()
    kept = {"name": "Open", "shared": True, "filters": {"status": ["open"]}}
    saved_filter = thread.post("incidents", "/v1/saved-filters", kept)
    return {
        "item_id": incident_id,
        "request_id": request["item_id"],
        "change_id": change["item_id"],
        "work_order_id": order["item_id"],
        "work_order_schedule_id": schedule["work_order_schedule_id"],
        "pause_id": pause["pause_id"],
        "attachment_id": attachment["attachment_id"],
        "saved_filter_id": saved_filter["saved_filter_id"],
    }


def _came_in(thread: ThreadClient, contract: SignedContract) -> dict[str, str]:
    """Sources of three kinds, a mail that somebody must sort, and a call."""
    under = {"contract_id": contract.contract_id}

    def source(kind: str, **how: Any) -> Any:
        return thread.post("incidents", "/v1/intake-sources", under | {"kind": kind, "name": kind} | how)

    mapped = source("generic", mapping={"title": {"path": "$.message"}, "dedup_key": {"path": "$.job"}})
    alerts, mails = source("alertmanager"), source("mail")
    mail = b"From: somebody@elsewhere.example\r\nSubject: Slow\r\n\r\nSince this morning.\r\n"
    thread.call("POST", "incidents", mails["path"], content=mail, headers={"Content-Type": "message/rfc822"})
    called_at = f"{contract.activated_at:%Y-%m-%dT%H:%M:%SZ}"
    call = thread.post("incidents", "/v1/calls", under | {"caller": "Léa Martin", "called_at": called_at})
    held = thread.get("incidents", "/v1/intake-held")["data"][0]
    return {
        "source_id": mapped["source_id"],
        "intake_token": alerts["token"],
        "held_id": held["held_id"],
        "call_id": call["call_id"],
    }


def _on_call(thread: ThreadClient) -> dict[str, str]:
    """A person on a schedule, with an override to come, a policy that asks him, and a channel besides mail."""
    made = Repeatable(thread)
    schedule_id, person_id = made.schedule()
    path = f"/v1/on-call/schedules/{schedule_id}/overrides"
    override = thread.post("incidents", path, override_by(person_id))
    thread.post("incidents", "/v1/escalation-policies", escalation_policy())
    thread.post("incidents", "/v1/notification-channels", channel_of(person_id))
    return {"schedule_id": schedule_id, "override_id": str(override["override_id"])}


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


def told(thread: ThreadClient, operation: Operation, path: str) -> list[Any]:
    """The JSON value that an operation answers, if any: an export is lines, and of an example's month is nothing."""
    try:
        answer = thread.call("GET", operation.service, path, params=operation.query())
    except httpx.HTTPStatusError as refused:
        if refused.response.status_code == httpx.codes.NOT_FOUND:
            return []
        raise
    return [answer.json()] if answer.headers["content-type"].partition(";")[0] == "application/json" else []


@pytest.fixture(scope="session")
def owned(running_stack: RunningStack, world: World, every_operation: list[Operation]) -> dict[str, str]:
    """What the world's own lists name: values for the parameters of every path."""
    operations = [operation for operation in every_operation if operation.secured]
    answers: list[object] = []
    with ThreadClient(running_stack, running_stack.token(world.tenant)) as thread:
        thread.post("contracts", "/v1/users", {"email": "op@agency.example", "name": "Op", "role": "operator"})
        for operation in operations:
            if operation.method == "get" and not operation.parameters:
                answers += told(thread, operation, operation.path)
        first = harvest([world.incident, *answers])
        (component, *_) = thread.get("reporting", f"/status/{world.contract.slug}.json")["components"]
        known = first | {
            "contract_id": world.contract.contract_id,
            "client_id": world.contract.client_id,
            "site_id": world.contract.site_ids[0],
            "incident_id": world.incident["incident_id"],
            "webhook_id": world.webhook_id,
            "delivery_id": world.delivery_id,
            "slug": world.contract.slug,
            "component_id": component["component_id"],
            "month": client_month(datetime.fromisoformat(world.incident["timestamps"]["opened"]["at"])),
            "edition": "1",
            "review_kind": "quarterly",
            "report_kind": "hours",
            "template_kind": "quarterly",
            "number": "1",
            "picture": "logo",
            "document_form": "csv",
            "subscription_token": "A" * 43,
            **world.reports,
        }
        for operation in operations:
            if operation.method == "get" and operation.parameters and set(operation.parameters) <= set(known):
                known = harvest(told(thread, operation, operation.filled(known))) | known
    return known
