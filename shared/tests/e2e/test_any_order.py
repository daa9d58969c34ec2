"""What really was said, told to other services again: reversed, repeated, shuffled, hours late. No verdict changes."""

import asyncio
import json
import random
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import httpx
import nats
import psycopg
import pytest

from shared.events import Envelope
from shared.outbound_http import usual_authorities
from shared.stack.processes import ChildProcess
from shared.testing.running_stack import RunningStack, Tenant
from shared.testing.small_site import SmallSite

from .thread_client import FAST_MONITORING, RESPONSE_AND_REPAIR, SignedContract, ThreadClient, client_month, eventually

PUBLISHERS = ("contracts", "probes")
LATE = timedelta(hours=5)
"""After every due time of the response clocks, which nobody stops."""

ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
Verdicts = dict[str, list[Any]]


def seen(thread: ThreadClient, contract: SignedContract, count: int, *, recovered: bool = False) -> bool | None:
    """Whether there are so many incidents, all of them recovered if asked for."""
    incidents = thread.incidents(contract)
    ended = [each for each in incidents if each["timestamps"]["recovered"] or not recovered]
    return len(incidents) == len(ended) == count or None


@pytest.fixture(scope="module")
def said(running_stack: RunningStack, small_site: SmallSite) -> tuple[Tenant, SignedContract, list[bytes]]:
    """An agency whose site broke twice, with a suspension in between, and what contracts and probes said of it."""
    tenant = running_stack.new_tenant("Agency in any order")
    page = "/any-order"
    with ThreadClient(running_stack, running_stack.token(tenant)) as thread:
        contract = thread.activate_contract(
            thread.create_client("Client in any order"),
            [("Site in any order", small_site.url(page))],
            monitoring=FAST_MONITORING,
            response=RESPONSE_AND_REPAIR,
        )
        thread.wait_for_monitors(contract, "up")
        for number in (1, 2):
            small_site.break_page(page)
            eventually(partial(seen, thread, contract, number), 30, f"incident {number}")
            small_site.mend_page(page)
            eventually(partial(seen, thread, contract, number, recovered=True), 30, f"the end of incident {number}")
            if number == 1:
                thread.change_contract(contract.contract_id, "suspend")
                thread.wait_for_monitors(contract, "paused")
                thread.change_contract(contract.contract_id, "resume")
                thread.wait_for_monitors(contract, "up")
    with psycopg.connect(running_stack.database_url) as connection:
        told = connection.execute(
            " union all ".join(
                f"select occurred_at, id, envelope::text from {publisher}.outbox "
                "where envelope->>'tenantid' = %(tenant)s"
                for publisher in PUBLISHERS
            )
            + " order by 1, 2",
            {"tenant": tenant.tenant_id},
        ).fetchall()
    return tenant, contract, [str(row[2]).encode() for row in told]


def as_of_another(text: str, tenant: Tenant, other: Tenant, run: int) -> str:
    """The same happenings of another agency: every id is another one, and the same one everywhere."""

    def another(found: re.Match[str]) -> str:
        if found[0] == tenant.tenant_id:
            return other.tenant_id
        number = f"{int(found[0].replace('-', ''), 16) ^ (run << 40):032x}"
        return "-".join((number[:8], number[8:12], number[12:16], number[16:20], number[20:]))

    return ID.sub(another, text)


async def publish(url: str, payloads: Sequence[bytes]) -> None:
    """As the relays of other installations would: without an id by which the server would drop what is repeated."""
    client = await nats.connect(url)
    for payload in payloads:
        envelope = Envelope.parse(payload)
        await client.jetstream().publish(envelope.name.subject(envelope.subject.partition("/")[2]), payload)
    await client.drain()


@contextmanager
def only_listening(stack: RunningStack) -> Iterator[None]:
    """Contracts only gives tokens, and probes is away: whoever else writes to their streams is not found out."""
    for service in PUBLISHERS:
        stack.services.processes[service].stop(10.0)
    environment = stack.services.environment("contracts") | {"CONTRACTS_OPS_PORT": "0"}
    command = [sys.executable, "-m", "contracts", "api"]
    log = stack.clock_file.with_name("contracts-api.log")
    tokens = ChildProcess("contracts api", command, log=log, environment=environment)
    tokens.start()

    def ready() -> bool | None:
        try:
            return (
                httpx.get(
                    f"{stack.contracts_url}/readyz", trust_env=False, timeout=5, verify=usual_authorities()
                ).is_success
                or None
            )
        except httpx.HTTPError:
            return None

    try:
        eventually(ready, 60, "contracts gives tokens")
        yield
    finally:
        tokens.stop(5.0)


def verdicts(thread: ThreadClient, contract_id: str, month: str) -> Verdicts:
    """What the service desk and the monthly report say of the contract, without ids."""
    report = thread.get("reporting", f"/v1/contracts/{contract_id}/reports/{month}")
    incidents = thread.get("incidents", "/v1/incidents", contract_id=contract_id)["data"]

    def clocks(of: Any, *names: str) -> list[Any]:
        return sorted([clock[name] for name in ("metric", *names)] for clock in of["clocks"])

    def detected(incident: Any) -> str:
        return str(incident["timestamps"]["detected"]["at"])

    return {
        "incidents": [
            [detected(each), each["timestamps"]["recovered"]["at"], clocks(each, "due_at", "verdict", "target_seconds")]
            for each in sorted(incidents, key=detected)
            if each["timestamps"]["recovered"]
        ],
        "reported": sorted(clocks(each, "due_at", "verdict") for each in report["incidents"]["items"]),
        "uptime": [
            [each[name] for name in ("down_seconds", "uptime_display", "name") if name in each]
            for each in report["uptime"]["figures"]
        ],
        "down": [
            [span["from"], span["to"], span["state"], span["reason"]]
            for figure in report["uptime"]["figures"]
            for span in figure["explanation"]
            if span["state"] == "down"
        ],
    }


def reported(found: Verdicts, metric: str, verdict: str) -> bool:
    """Whether the report says this of the clocks of a metric of both incidents."""
    return [clock[2] for each in found["reported"] for clock in each if clock[0] == metric] == [verdict] * 2


def shuffled(events: Sequence[bytes]) -> list[bytes]:
    thrice = [*events] * 3
    random.Random(1).shuffle(thrice)
    return thrice


ORDERS: dict[str, Callable[[Sequence[bytes]], list[bytes]]] = {
    "in order": list,
    "reversed, and then again in order": lambda events: [*reversed(events), *events],
    "three times, shuffled": shuffled,
}


@pytest.mark.capability("X08")
def test_what_is_repeated_reordered_and_late_on_nats_gives_the_same_verdicts_in_every_service(
    own_running_stack: RunningStack, said: tuple[Tenant, SignedContract, list[bytes]]
) -> None:
    """The first order is told while it happens, the others hours later."""
    stack = own_running_stack
    tenant, contract, events = said
    names = [Envelope.parse(event).name.event for event in events]
    assert {"activated", "suspended", "down", "recovered", "paused"} <= set(names)
    assert names.count("down") == names.count("recovered") == 2
    agencies = {order: stack.new_tenant(order) for order in ORDERS}
    month = client_month(datetime.fromisoformat(json.loads(events[-1])["time"]))
    told: dict[str, Verdicts] = {}
    with only_listening(stack):
        for run, (order, arranged) in enumerate(ORDERS.items(), start=1):
            own = [as_of_another(event.decode(), tenant, agencies[order], run).encode() for event in events]
            contract_id = as_of_another(contract.contract_id, tenant, agencies[order], run)
            asyncio.run(publish(stack.nats.url(), arranged(own)))
            with ThreadClient(stack, stack.token(agencies[order])) as thread:

                def heard() -> Verdicts | None:
                    try:
                        found = verdicts(thread, contract_id, month)  # noqa: B023 - asked before the next one begins
                    except httpx.HTTPStatusError as refused:
                        if refused.response.status_code == httpx.codes.NOT_FOUND:
                            return None
                        raise
                    return found if len(found["incidents"]) == 2 and len(found["down"]) == 2 else None

                eventually(heard, 60, f"both outages, told {order}")
            if run == 1:
                stack.shift_clock(LATE)
        for run, order in enumerate(ORDERS, start=1):
            contract_id = as_of_another(contract.contract_id, tenant, agencies[order], run)
            with ThreadClient(stack, stack.token(agencies[order])) as thread:

                def judged() -> Verdicts | None:
                    found = verdicts(thread, contract_id, month)  # noqa: B023
                    # A repair that is heard of after its due time was breached until then: the report follows.
                    return (
                        found if reported(found, "response", "breached") and reported(found, "repair", "met") else None
                    )

                told[order] = eventually(judged, 60, f"that nobody answered, told {order}")
    first, *others = told.values()
    assert [each for each in others if each != first] == []
    repaired = [clock for _, _, clocks in first["incidents"] for clock in clocks if clock[0] == "repair"]
    assert [clock[2] for clock in repaired] == ["met", "met"]
