"""A ticket tool beside us: its tickets are our items, both ways, each thing once."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook

from incidents.adapters.secret_box import SecretBox
from incidents.jobs.external_tools import ExternalTools
from incidents.settings import IncidentsSettings

from .conftest import Agreement, Desk
from .test_intake import Post, a_source

MAPPING = {
    "external_id": {"path": "$.ticket.key"},
    "title": {"path": "$.ticket.summary"},
    "severity": {"path": "$.ticket.priority", "values": {"Highest": "critical"}},
    "state": {
        "path": "$.ticket.status",
        "values": {"New": "open", "In progress": "acknowledged", "Done": "resolved", "Closed": "closed"},
    },
    "comment": {"path": "$.comment.text"},
    "author": {"path": "$.comment.by"},
    "automatic": {"path": "$.comment.robot"},
    "origin": {"path": "$.origin"},
}


def a_ticket(status: str = "New", key: str = "FLOW-17", **more: Any) -> dict[str, Any]:
    return {"ticket": {"key": key, "summary": "Cannot log in", "priority": "Highest", "status": status}} | more


@dataclass
class Tool:
    """The tool's own address: what it was told, and what it answers (200 when nothing is said)."""

    heard: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.heard.append((dict(request.headers), request.content))
        return httpx.Response(self.answers.pop(0) if self.answers else 200)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body in self.heard]


@pytest.fixture
def tool() -> Tool:
    return Tool()


@pytest.fixture
async def source(desk: Desk, agreement: Agreement) -> Post:
    await desk.activate(agreement)
    return await a_source(
        desk, agreement, "external_tool", mapping=MAPPING, callback_url="https://tickets.example/hooks/upheld"
    )


@pytest.fixture
async def job(desk: Desk, tool: Tool) -> AsyncIterator[ExternalTools]:
    settings = desk.runtime.settings
    assert isinstance(settings, IncidentsSettings)
    async with httpx.AsyncClient(transport=httpx.MockTransport(tool.handle)) as http:
        yield ExternalTools(desk.runtime.units, http, SecretBox(settings.secret_key), desk.runtime.stopping)


async def run(job: ExternalTools) -> None:
    while await job.run() == 0.0:
        pass


async def act(source: Post, what: str) -> None:
    (incident,) = await source.incidents()
    async with source.desk.client(source.agreement) as client:
        done = await client.post(f"/v1/incidents/{incident['incident_id']}/{what}")
        assert done.status_code == 200, done.text


@pytest.mark.capability("I07")
async def test_a_ticket_is_one_item_however_often_it_is_told(source: Post) -> None:
    first = await source.post(a_ticket())
    again = await source.post(a_ticket())
    assert (first.status_code, again.content) == (200, first.content)
    (incident,) = await source.incidents()
    assert (incident["title"], incident["severity"], incident["status"]) == ("Cannot log in", "critical", "open")
    async with source.desk.client(source.agreement) as client:
        path = f"/v1/intake-sources/{source.source['source_id']}/mappings"
        (mapping,) = (await client.get(path)).json()["data"]
        assert (mapping["external_id"], mapping["number"]) == ("FLOW-17", incident["number"])
    answers = await asyncio.gather(*(source.post(a_ticket(key="FLOW-18")) for _ in range(5)))
    assert {answer.status_code for answer in answers} == {200}
    assert len(await source.incidents()) == 2


async def test_what_somebody_does_there_is_done_here_and_stops_the_clocks(source: Post) -> None:
    await source.taken(a_ticket())
    source.desk.clock.advance(timedelta(minutes=10))
    await source.taken(a_ticket("In progress", comment={"text": "On it.", "by": "Nadia", "robot": False}))
    (incident,) = await source.incidents()
    response = next(clock for clock in incident["clocks"] if clock["metric"] == "response")
    assert (incident["status"], response["verdict"], response["elapsed_seconds"]) == ("acknowledged", "met", 600)
    await source.taken(a_ticket("Closed"))
    (incident,) = await source.incidents()
    assert incident["status"] == "closed"
    before = await source.timeline(incident["incident_id"])
    await source.taken(a_ticket("In progress", comment={"text": "On it.", "by": "Nadia", "robot": False}))
    assert await source.timeline(incident["incident_id"]) == before
    (comment,) = [entry for entry in before if entry["kind"] == "comment"]
    assert (comment["note"], comment["actor"]["name"]) == ("On it.", "Nadia")


async def test_what_is_opened_again_there_is_open_again_here_and_old_news_are_not(source: Post) -> None:
    dated = MAPPING | {"occurred_at": {"path": "$.at"}}
    async with source.desk.client(source.agreement) as client:
        path = f"/v1/intake-sources/{source.source['source_id']}"
        assert (await client.patch(path, json={"mapping": dated}, headers={"If-Match": "*"})).status_code == 200
    await source.taken(a_ticket(at="2026-06-08T09:00:00Z"))
    source.desk.clock.advance(timedelta(minutes=30))
    await source.taken(a_ticket("Done", at="2026-06-08T09:20:00Z"))
    for old in ({"at": "2026-06-08T09:10:00Z"}, {}):
        await source.taken(a_ticket("In progress", **old))
        assert [incident["status"] for incident in await source.incidents()] == ["resolved"]
    for _ in range(2):
        await source.taken(a_ticket("In progress", at="2026-06-08T09:25:00Z"))
    (incident,) = await source.incidents()
    assert (incident["status"], incident["timestamps"]["reopened"]["at"]) == ("acknowledged", "2026-06-08T09:25:00Z")


async def test_what_a_robot_says_there_stops_no_clock(source: Post) -> None:
    await source.taken(a_ticket("In progress", comment={"text": "We got it.", "by": "Bot", "robot": True}))
    (incident,) = await source.incidents()
    assert (incident["status"], incident["timestamps"]["acknowledged"]) == ("open", None)


async def test_our_changes_go_out_signed_with_both_ids(source: Post, job: ExternalTools, tool: Tool) -> None:
    await source.taken(a_ticket())
    await run(job)
    assert tool.heard == []
    await act(source, "acknowledge")
    await act(source, "resolve")
    await run(job)
    (incident,) = await source.incidents()
    told = tool.told[-1]
    assert (told["external_id"], told["origin"]) == ("FLOW-17", "upheld")
    assert told["item"]["incident_id"] == incident["incident_id"]
    assert (told["item"]["number"], told["item"]["status"]) == (incident["number"], "resolved")
    headers, body = tool.heard[-1]
    Webhook(source.source["callback_secret"]).verify(body, headers)
    heard = len(tool.heard)
    await run(job)
    assert len(tool.heard) == heard


async def test_what_came_from_the_tool_is_not_told_back_and_what_it_echoes_changes_nothing(
    source: Post, job: ExternalTools, tool: Tool
) -> None:
    await source.taken(a_ticket())
    await source.taken(a_ticket("In progress"))
    await run(job)
    assert tool.heard == []
    await source.taken(a_ticket("Done", origin="upheld"))
    (incident,) = await source.incidents()
    assert incident["status"] == "acknowledged"
    assert (await source.receipts())[0]["results"][0]["what"] == "echo"


async def test_what_was_done_here_is_told_although_the_tool_says_something_before_it_has_heard(
    source: Post, job: ExternalTools, tool: Tool
) -> None:
    await source.taken(a_ticket())
    await act(source, "acknowledge")
    await source.taken(a_ticket("Done"))
    await run(job)
    assert [told["item"]["status"] for told in tool.told] == ["resolved"]
    assert "acknowledged" in tool.told[0]["item"]["timestamps"]


async def test_a_tool_that_fails_is_told_again_in_order_until_it_takes_it(
    source: Post, job: ExternalTools, tool: Tool
) -> None:
    await source.taken(a_ticket())
    tool.answers = [500, 503]
    await act(source, "acknowledge")
    await run(job)
    await act(source, "resolve")
    await run(job)
    assert [told["item"]["status"] for told in tool.told] == ["acknowledged"]
    for seconds in (6, 61):
        source.desk.clock.advance(timedelta(seconds=seconds))
        await run(job)
    assert [told["item"]["status"] for told in tool.told] == ["acknowledged"] * 3 + ["resolved"]
    assert len({headers["webhook-id"] for headers, _ in tool.heard}) == 2


async def test_two_workers_tell_each_change_once(source: Post, desk: Desk, tool: Tool) -> None:
    await source.taken(a_ticket())
    await act(source, "acknowledge")
    settings = desk.runtime.settings
    assert isinstance(settings, IncidentsSettings)
    async with httpx.AsyncClient(transport=httpx.MockTransport(tool.handle)) as http:
        jobs = [
            ExternalTools(desk.runtime.units, http, SecretBox(settings.secret_key), desk.runtime.stopping)
            for _ in range(3)
        ]
        await asyncio.gather(*(run(each) for each in jobs))
    assert len(tool.heard) == 1


async def test_a_tool_that_is_gone_is_asked_no_more(source: Post, job: ExternalTools, tool: Tool) -> None:
    await source.taken(a_ticket())
    tool.answers = [410]
    await act(source, "acknowledge")
    await run(job)
    source.desk.clock.advance(timedelta(days=2))
    await run(job)
    assert len(tool.heard) == 1
    (row,) = await source.desk.rows("select state, last_status from incidents.external_delivery")
    assert (row["state"], row["last_status"]) == ("failed", 410)
