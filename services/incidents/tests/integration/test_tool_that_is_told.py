"""What is opened and said here, in a ticket tool beside us: once, only what it may read, and never back again."""

import json
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta

import pytest
from standardwebhooks import Webhook

from incidents.adapters.secret_box import SecretBox
from incidents.jobs.external_tools import ExternalTools
from incidents.jobs.receipts import OldReceipts
from incidents.settings import IncidentsSettings

from .conftest import Agreement, Desk
from .receiver import Receiver
from .test_api import problem
from .test_external_tool import MAPPING, a_ticket, run
from .test_intake import Post, a_source
from .test_requests import ASSISTANCE

OURS = MAPPING | {"item": {"path": "$.ticket.reference"}}


@pytest.fixture
def tool() -> Iterator[Receiver]:
    receiver = Receiver()
    receiver.answer = {"ticket": {"key": "FLOW-20"}}
    yield receiver
    receiver.close()


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    return make_desk(allowed_networks="127.0.0.0/8")


@pytest.fixture
async def source(desk: Desk, agreement: Agreement, tool: Receiver) -> Post:
    await desk.activate(agreement)
    url = f"http://127.0.0.1:{tool.port}/hooks"
    return await a_source(desk, agreement, "external_tool", mapping=OURS, callback_url=url)


@pytest.fixture
async def job(desk: Desk) -> AsyncIterator[ExternalTools]:
    settings = desk.runtime.settings
    assert isinstance(settings, IncidentsSettings)
    yield ExternalTools(desk.runtime.units, desk.runtime.http, SecretBox(settings.secret_key), desk.runtime.stopping)


async def an_incident(source: Post) -> str:
    async with source.desk.client(source.agreement) as client:
        body = {"contract_id": str(source.agreement.contract_id), "title": "Checkout fails", "severity": "critical"}
        opened = await client.post("/v1/incidents", json=body)
        assert opened.status_code == 201, opened.text
        return str(opened.json()["incident_id"])


async def write(source: Post, incident_id: str, note: str, audience: str = "client") -> None:
    async with source.desk.client(source.agreement) as client:
        said = await client.post(f"/v1/items/{incident_id}/replies", json={"note": note, "audience": audience})
        assert said.status_code == 200, said.text


async def mapped(source: Post) -> dict[str, str]:
    async with source.desk.client(source.agreement) as client:
        listed = await client.get(f"/v1/intake-sources/{source.source['source_id']}/mappings")
        return {each["external_id"]: each["incident_id"] for each in listed.json()["data"]}


def kinds(tool: Receiver) -> list[str]:
    return [str(told["type"]).removeprefix("item.") for told in tool.taken]


@pytest.mark.capability("I07")
async def test_what_is_opened_here_becomes_one_ticket_there_and_its_answer_names_it(
    source: Post, job: ExternalTools, tool: Receiver
) -> None:
    tool.status = 503
    incident_id = await an_incident(source)
    await run(job)
    tool.status = 200
    source.desk.clock.advance(timedelta(seconds=6))
    await run(job)
    assert await mapped(source) == {"FLOW-20": incident_id}
    (told,) = tool.taken
    assert (told["type"], told["external_id"], told["item"]["title"]) == ("item.opened", None, "Checkout fails")
    assert len({(asked["webhook-id"], asked["idempotency-key"]) for asked in tool.asked}) == 1
    async with source.desk.client(source.agreement) as client:
        mended = {"note": "A new certificate.", "note_audience": "client"}
        assert (await client.post(f"/v1/incidents/{incident_id}/resolve", json=mended)).status_code == 200
    await run(job)
    assert kinds(tool)[1:] == ["commented", "changed"]
    assert {told["external_id"] for told in tool.taken[1:]} == {"FLOW-20"}
    assert tool.taken[1]["comment"]["text"] == "A new certificate."
    assert tool.taken[2]["item"]["status"] == "resolved"


async def test_a_tool_that_answers_nothing_names_the_ticket_by_its_callback(
    source: Post, job: ExternalTools, tool: Receiver
) -> None:
    tool.answer = None
    incident_id = await an_incident(source)
    await write(source, incident_id, "We look into it.")
    await run(job)
    assert (kinds(tool), await mapped(source)) == (["opened"], {})
    (incident,) = await source.incidents()
    called = a_ticket(key="FLOW-21", origin="upheld")
    called["ticket"]["reference"] = incident["number"]
    await source.taken(called)
    assert (await mapped(source), len(await source.incidents())) == ({"FLOW-21": incident_id}, 1)
    await run(job)
    assert sorted(kinds(tool)) == ["commented", "opened"]


async def test_a_tool_that_calls_back_before_its_answer_is_here_is_not_asked_again(
    source: Post, job: ExternalTools, tool: Receiver
) -> None:
    tool.status = 504
    incident_id = await an_incident(source)
    await run(job)
    called = a_ticket(key="FLOW-22")
    called["ticket"]["summary"] = "Checkout fails"
    await source.taken(called)
    tool.status = 200
    source.desk.clock.advance(timedelta(seconds=6))
    await run(job)
    assert (tool.taken, await mapped(source)) == ([], {"FLOW-22": incident_id})


async def test_only_what_the_client_may_read_is_told_unless_the_source_says_otherwise(
    source: Post, job: ExternalTools, tool: Receiver
) -> None:
    incident_id = await an_incident(source)
    await run(job)
    await write(source, incident_id, "It is the plugin again.", "agency")
    await write(source, incident_id, "We look into it.")
    async with source.desk.client(source.agreement) as client:
        path = f"/v1/intake-sources/{source.source['source_id']}"
        changed = await client.patch(path, json={"internal_notes": True}, headers={"If-Match": "*"})
        assert (changed.status_code, changed.json()["internal_notes"]) == (200, True)
    await write(source, incident_id, "Ask the hoster.", "agency")
    await run(job)
    said = [(told["comment"]["text"], told["comment"]["audience"]) for told in tool.taken if "comment" in told]
    assert said == [("We look into it.", "client"), ("Ask the hoster.", "agency")]


async def test_what_the_tool_says_back_is_no_news_and_what_it_says_itself_is_not_told_to_it(
    source: Post, job: ExternalTools, tool: Receiver
) -> None:
    incident_id = await an_incident(source)
    await run(job)
    await write(source, incident_id, "We look into it.")
    async with source.desk.client(source.agreement) as client:
        assert (await client.post(f"/v1/incidents/{incident_id}/resolve")).status_code == 200
        await run(job)
        assert (await client.post(f"/v1/items/{incident_id}/reopen", json={"reason": "Not over."})).status_code == 200
    # Why it was opened again is for the client too.
    before = await source.timeline(incident_id)
    told = len(tool.taken)
    await source.taken(a_ticket("Done", key="FLOW-20", comment={"text": "We look into it.", "by": "Upheld"}))
    assert await source.timeline(incident_id) == before
    await source.taken(a_ticket("New", key="FLOW-20", comment={"text": "Still the same.", "by": "Nadia"}))
    assert [entry["note"] for entry in await source.timeline(incident_id)].count("Still the same.") == 1
    await run(job)
    assert [told["type"] for told in tool.taken[told:]] == ["item.commented", "item.changed"]


async def test_a_request_of_the_client_is_handed_over_and_resolved_there(
    source: Post, job: ExternalTools, tool: Receiver
) -> None:
    async with source.desk.client(source.agreement, role="client_staff") as client:
        asked = ASSISTANCE | {"contract_id": str(source.agreement.contract_id)}
        opened = await client.post("/v1/requests", json=asked)
        assert opened.status_code == 201, opened.text
        request_id = opened.json()["item_id"]
    await run(job)
    assert tool.taken[0]["item"]["kind"] == "request"
    await source.taken(a_ticket("In progress", key="FLOW-20"))
    async with source.desk.client(source.agreement) as client:
        assert (await client.get(f"/v1/requests/{request_id}")).json()["status"] == "acknowledged"
    await run(job)
    assert kinds(tool) == ["opened"]


async def test_a_tool_that_takes_no_tickets_is_asked_for_none(source: Post, job: ExternalTools, tool: Receiver) -> None:
    async with source.desk.client(source.agreement) as client:
        path = f"/v1/intake-sources/{source.source['source_id']}"
        await client.patch(path, json={"hands_over": False}, headers={"If-Match": "*"})
    await an_incident(source)
    await run(job)
    assert (tool.taken, await mapped(source)) == ([], {})


async def test_the_secret_that_signs_what_the_tool_is_told_is_replaced(
    source: Post, job: ExternalTools, tool: Receiver
) -> None:
    async with source.desk.client(source.agreement) as client:
        path = f"/v1/intake-sources/{source.source['source_id']}/rotate-callback-secret"
        rotated = await client.post(path)
        assert (rotated.status_code, rotated.headers["cache-control"]) == (200, "no-store")
        alerts = await a_source(source.desk, source.agreement, "alertmanager")
        problem(await client.post(path.replace(source.source["source_id"], alerts.source["source_id"])), 409)
    await an_incident(source)
    await run(job)
    secret = rotated.json()["callback_secret"]
    assert secret != source.source["callback_secret"]
    Webhook(secret).verify(json.dumps(tool.taken[0], ensure_ascii=False).encode(), tool.asked[0])


async def test_receipts_are_forgotten_when_they_are_too_old(source: Post) -> None:
    await source.taken(a_ticket())
    source.desk.clock.advance(timedelta(days=60))
    await source.taken(a_ticket("In progress"))
    source.desk.clock.advance(timedelta(days=31))
    await OldReceipts(source.desk.runtime.units, timedelta(days=90)).run()
    assert len(await source.receipts()) == 1
    assert len(await source.incidents()) == 1
