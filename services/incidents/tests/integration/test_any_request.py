"""Whatever is sent, the API answers as its document says, and never with a fault of its own (schemathesis)."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from incidents.adapters.defaults import default_recipients
from incidents.api.records import TAGS
from incidents.handlers import handlers
from incidents.jobs.clocks import DueClocks
from incidents.jobs.notifications import Outbound
from incidents.main import SERVICE
from shared.consumer import EventProcessor
from shared.kernel.clock import FixedClock
from shared.service import create_app, openapi_of
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import MONDAY_MORNING, only_in_the_long_run_of_any_request
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from .conftest import Agreement, Desk, Mailbox, settings_for
from .roster import Roster

# The filter is for the tool's own dependencies.
pytestmark = pytest.mark.filterwarnings("ignore")


@dataclass
class Served:
    url: str
    token: str
    owned: dict[str, str]


@pytest.fixture(scope="module")
def served(module_service_database: Callable[[str], DatabaseUrls]) -> Iterator[Served]:
    """The service on a socket, with one incident that has clocks, one record of each kind, and something of all that
    comes in.
    """
    urls = module_service_database("incidents")
    clock = FixedClock(MONDAY_MORNING)
    tokens = TokenMint(clock)
    agreement = Agreement()
    own = settings_for(urls)

    async def prepare() -> dict[str, str]:
        runtime = build_runtime(own, SERVICE.registry, clock)
        desk = Desk(
            runtime=runtime,
            clock=clock,
            urls=urls,
            mailbox=Mailbox(),
            app=tokens.trust(create_app(SERVICE, own, runtime=runtime)),
            tokens=tokens,
            processor=EventProcessor(handlers, runtime.units, "incidents"),
            due_clocks=DueClocks(runtime.units, clock, default_recipients(own)),
            outbound=Outbound(runtime.units, own, runtime.stopping),
        )
        await desk.activate(agreement)
        await desk.break_down(agreement)
        incident = await desk.only_incident(agreement)
        owned = {
            "incident_id": incident["incident_id"],
            "item_id": incident["incident_id"],
            "clock_id": incident["clocks"][0]["clock_id"],
            "contract_id": str(agreement.contract_id),
            "site_id": str(agreement.site_id),
        }
        async with desk.client(agreement) as client:
            await client.post(f"/v1/incidents/{incident['incident_id']}/resolve")
            for path, example in examples_of_records():
                body = example | {name: owned[name] for name in example if name in owned}
                answer = await client.post(path, json=body)
                assert answer.status_code == 201, answer.text
                owned = {name: value for name, value in answer.json().items() if name.endswith("_id") and value} | owned
        owned |= await came_in(desk, agreement) | await on_call(desk, agreement)
        owned |= await kept(desk, agreement, owned["item_id"])
        await runtime.close()
        return owned | {"record_id": owned["action_id"]}

    owned = asyncio.run(prepare())
    app = tokens.trust(create_app(SERVICE, own, runtime=build_runtime(own, SERVICE.registry, clock)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Served(
        url=f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}",
        token=tokens.mint(role="owner", tenant_id=agreement.tenant_id, lifetime=timedelta(days=1)),
        owned=owned,
    )
    server.should_exit = True
    thread.join()


def examples_of_records() -> list[tuple[str, dict[str, Any]]]:
    """Where each kind of record is written, with the document's own example; a grant comes before its session."""
    document = openapi_of(SERVICE)
    records = {tag["name"] for tag in TAGS}
    found = []
    for path, methods in document["paths"].items():
        if "post" in methods and "{" not in path and records & set(methods["post"]["tags"]):
            schema = methods["post"]["requestBody"]["content"]["application/json"]["schema"]["$ref"]
            found.append((path, document["components"]["schemas"][schema.rsplit("/", 1)[1]]["examples"][0]))
    return sorted(found, key=lambda one: one[0])


async def on_call(desk: Desk, agreement: Agreement) -> dict[str, str]:
    """Ids of a person, a schedule, an override and a policy, by the names of the parameters."""
    roster = Roster(desk, agreement)
    person_id = await roster.person("Ada")
    schedule_id = await roster.schedule(person_id)
    policy_id = await roster.policy({"unacknowledged_minutes": 0, "notify": [{"schedule_id": schedule_id}]})
    path = f"/v1/on-call/schedules/{schedule_id}/overrides"
    override = await roster.made(path, {"person_id": person_id, "to": "2026-07-01T00:00:00Z"})
    return {
        "person_id": person_id,
        "schedule_id": schedule_id,
        "policy_id": policy_id,
        "override_id": str(override["override_id"]),
    }


async def came_in(desk: Desk, agreement: Agreement) -> dict[str, str]:
    """A source that maps, a mail that is held and a call, by the names of their ids."""
    under = {"contract_id": str(agreement.contract_id)}
    async with desk.client(agreement) as client:
        mapping = {"title": {"path": "$.message"}}
        source = (
            await client.post("/v1/intake-sources", json=under | {"kind": "generic", "name": "x", "mapping": mapping})
        ).json()
        mails = (await client.post("/v1/intake-sources", json=under | {"kind": "mail", "name": "y"})).json()
        await client.post(
            mails["path"], content=b"From: a@b.example\r\n\r\nx", headers={"Content-Type": "message/rfc822"}
        )
        (held,) = (await client.get("/v1/intake-held")).json()["data"]
        call = {"caller": "Ada", "called_at": "2026-06-08T08:00:00Z"}
        logged = (await client.post("/v1/calls", json=under | call)).json()
    return {
        "source_id": source["source_id"],
        "intake_token": source["token"],
        "held_id": held["held_id"],
        "call_id": logged["call_id"],
    }


async def kept(desk: Desk, agreement: Agreement, item_id: str) -> dict[str, str]:
    """A file on an item, and a filter, by the names of their ids."""
    async with desk.client(agreement, "owner") as client:
        path = f"/v1/items/{item_id}/attachments"
        how: dict[str, Any] = {"params": {"name": "app.log"}, "headers": {"Content-Type": "text/plain"}}
        attachment = (await client.post(path, content=b"GET / 500", **how)).json()
        saved = (await client.post("/v1/saved-filters", json={"name": "All", "filters": {}})).json()
    return {"attachment_id": attachment["attachment_id"], "saved_filter_id": saved["saved_filter_id"]}


only_in_the_long_run_of_any_request()
schema = schemathesis.openapi.from_dict(openapi_of(SERVICE)).exclude(path_regex="/calculators/")


@schema.parametrize()
@settings(
    max_examples=4,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_any_request_is_answered_as_documented(case: Any, served: Served) -> None:
    # Ids that exist, or nothing behind the first look-up would ever be reached.
    for place in (case.path_parameters, case.body):
        if isinstance(place, dict):
            place.update({name: value for name, value in served.owned.items() if name in place})
    if case.operation.path.endswith("/stream") and str(case.query.get("for_seconds", 0)).isdecimal():
        case.query["for_seconds"] = 0  # or there would be no end of it
    response = case.call(base_url=served.url, headers={"Authorization": f"Bearer {served.token}"})
    case.validate_response(
        response,
        checks=[
            not_a_server_error,
            status_code_conformance,
            content_type_conformance,
            response_schema_conformance,
        ],
    )
