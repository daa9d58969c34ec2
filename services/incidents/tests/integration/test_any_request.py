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
from incidents.handlers import handlers
from incidents.jobs.clocks import DueClocks
from incidents.jobs.notifications import Outbound
from incidents.main import SERVICE
from shared.consumer import EventProcessor
from shared.kernel.clock import FixedClock
from shared.service import create_app, openapi_of
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import MONDAY_MORNING
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from .conftest import Agreement, Desk, Mailbox, settings_for
from .roster import Roster

pytestmark = pytest.mark.filterwarnings("ignore")  # of the tool's own dependencies


@dataclass
class Served:
    url: str
    token: str
    incident_id: str
    clock_id: str
    on_call: dict[str, str]
    """Ids of a person, a schedule, an override and a policy, by the names of the parameters."""


@pytest.fixture(scope="module")
def served(module_service_database: Callable[[str], DatabaseUrls]) -> Iterator[Served]:
    """The service on a socket, with one incident that has clocks."""
    urls = module_service_database("incidents")
    clock = FixedClock(MONDAY_MORNING)
    tokens = TokenMint(clock)
    agreement = Agreement()
    own = settings_for(urls)

    async def prepare() -> tuple[dict[str, Any], dict[str, str]]:
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
            outbound=Outbound(runtime.units, own),
        )
        await desk.activate(agreement)
        await desk.break_down(agreement)
        incident = await desk.only_incident(agreement)
        roster = Roster(desk, agreement)
        person_id = await roster.person("Ada")
        schedule_id = await roster.schedule(person_id)
        policy_id = await roster.policy({"unacknowledged_minutes": 0, "notify": [{"schedule_id": schedule_id}]})
        path = f"/v1/on-call/schedules/{schedule_id}/overrides"
        override = await roster.made(path, {"person_id": person_id, "to": "2026-07-01T00:00:00Z"})
        await runtime.close()
        on_call = {
            "person_id": person_id,
            "schedule_id": schedule_id,
            "policy_id": policy_id,
            "override_id": str(override["override_id"]),
        }
        return incident, on_call

    incident, on_call = asyncio.run(prepare())
    app = tokens.trust(create_app(SERVICE, own, runtime=build_runtime(own, SERVICE.registry, clock)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield Served(
        url=f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}",
        token=tokens.mint(role="owner", tenant_id=agreement.tenant_id, lifetime=timedelta(days=1)),
        incident_id=incident["incident_id"],
        clock_id=incident["clocks"][0]["clock_id"],
        on_call=on_call,
    )
    server.should_exit = True
    thread.join()


schema = schemathesis.openapi.from_dict(openapi_of(SERVICE)).exclude(path_regex="/calculators/")


@schema.parametrize()
@settings(
    max_examples=4,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_any_request_is_answered_as_documented(case: Any, served: Served) -> None:
    # Ids that exist, or nothing behind the first look-up would ever be reached.
    known = {"incident_id": served.incident_id, "clock_id": served.clock_id} | served.on_call
    for name, value in known.items():
        if name in (case.path_parameters or {}):
            case.path_parameters[name] = value
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
