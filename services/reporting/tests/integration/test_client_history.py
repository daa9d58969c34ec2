"""Everything about a client as of any instant: what was known then, as it stood then, and every word of it."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
import sqlalchemy.event
from pypdf import PdfReader
from sqlalchemy import Engine

from reporting.api import documents
from shared.ids import new_id

from .test_report_contents import told

AFTER = datetime(2026, 7, 1, 6, tzinfo=UTC)


def path(story: Any, ending: str = "") -> str:
    return f"/v1/clients/{story.client_id}/history{ending}"


def said(story: Any, event_name: str, subject_id: Any, time: str, version: int = 1, **data: Any) -> bytes:
    """What was said of a subject at an instant."""
    subject = event_name.split(".")[1]
    event = json.loads(_told(story, event_name, version, data))
    return json.dumps(event | {"subject": f"{subject}/{subject_id}", "time": time}).encode()


def _told(story: Any, event_name: str, version: int, data: dict[str, Any]) -> bytes:
    """As `told`, with data under any name."""
    event = json.loads(told(story, event_name, version))
    return json.dumps(event | {"data": event["data"] | data}).encode()


async def known(service: Any, story: Any) -> dict[str, Any]:
    """A client, a site, a contract that was amended later, an item of the configuration, a request, a decision."""
    ids = {name: new_id() for name in ("item", "request", "decision", "inner")}
    site = {"site_id": str(story.site_id), "name": "Boutique"}
    await service.hear(
        *story.golden_june(),
        said(story, "contracts.client.changed.v1", story.client_id, "2026-05-19T08:00:00Z", 1, name="Boulangerie"),
        said(story, "contracts.client.changed.v1", story.client_id, "2026-06-20T08:00:00Z", 2, name="Pâtisserie"),
        said(story, "contracts.site.changed.v1", story.site_id, "2026-05-19T08:00:00Z", 1, **site),
        said(
            *(story, "contracts.configuration_item.changed.v1", ids["item"], "2026-06-01T08:00:00Z"),
            configuration_item_id=str(ids["item"]),
            name="shop",
            held={"label": "2.3.0", "number": 1, "state": "in_service"},
        ),
        said(
            *(story, "contracts.configuration_item.changed.v1", ids["item"], "2026-06-15T08:00:00Z", 2),
            configuration_item_id=str(ids["item"]),
            name="shop",
            held={"label": "2.4.0", "number": 2, "state": "in_service"},
        ),
        said(
            *(story, "incidents.request.opened.v1", ids["request"], "2026-06-10T08:00:00Z"),
            item_id=str(ids["request"]),
            number="REQ-2026-0004",
            title="Export",
            status="open",
        ),
        said(story, "incidents.decision.recorded.v1", ids["decision"], "2026-06-12T08:00:00Z", what="Stay."),
        said(
            *(story, "incidents.risk.recorded.v1", ids["inner"], "2026-06-12T08:00:00Z"),
            audience="agency",
            description="They may leave us.",
        ),
        story.contract("amended", datetime(2026, 6, 15, 8, tzinfo=UTC), number="C-2026-0001-B"),
    )
    service.clock.set(AFTER)
    return ids


async def subjects(service: Any, story: Any, **query: Any) -> dict[str, list[dict[str, Any]]]:
    """What was known, by kind, read page by page."""
    found: dict[str, list[dict[str, Any]]] = {}
    asked = dict(query) | {"limit": 3}
    async with service.client(story) as client:
        while True:
            answer = await client.get(path(story, "/subjects"), params=asked)
            assert answer.status_code == 200, answer.text
            for each in answer.json()["data"]:
                found.setdefault(each["kind"], []).append(each)
            if (cursor := answer.json()["next_cursor"]) is None:
                return found
            asked["cursor"] = cursor


@pytest.mark.capability("R32")
async def test_the_history_of_a_client_tells_contract_sites_configuration_items_and_decisions_as_they_stood(
    service: Any, story: Any
) -> None:
    await known(service, story)
    then = await subjects(service, story, as_of="2026-06-14T00:00:00Z")
    assert [each["name"] for each in then["client"]] == ["Boulangerie"]
    assert [each["name"] for each in then["site"]] == ["Boutique"]
    assert [(each["name"], each["version"]) for each in then["contract"]] == [("C-2026-0001", 1)]
    assert then["contract"][0]["state"]["uptime"]["target_percent"] == "99.9"
    assert [(each["name"], each["status"]) for each in then["configuration_item"]] == [("shop 2.3.0", "in_service")]
    assert [(each["name"], each["status"]) for each in then["request"]] == [("REQ-2026-0004 · Export", "open")]
    assert [each["name"] for each in then["decision"]] == ["Stay."]
    assert [each["name"] for each in then["risk"]] == ["They may leave us."]
    assert len(then["incident"]) == 1
    assert {each["status"] for each in then["monitor"]} == {"recovered", "restored"}
    now = await subjects(service, story)
    assert [each["name"] for each in now["client"]] == ["Pâtisserie"]
    assert [(each["name"], each["version"]) for each in now["contract"]] == [("C-2026-0001-B", 2)]
    assert [each["name"] for each in now["configuration_item"]] == ["shop 2.4.0"]
    assert len(now["incident"]) == 2
    before = await subjects(service, story, as_of="2026-05-19T09:00:00Z")
    assert set(before) == {"client", "site"}


@pytest.mark.capability("R32")
async def test_the_same_instant_tells_the_same_however_much_is_heard_later(service: Any, story: Any) -> None:
    await known(service, story)
    then = await subjects(service, story, as_of="2026-06-14T00:00:00Z")
    await service.hear(
        said(story, "contracts.client.changed.v1", story.client_id, "2026-06-30T08:00:00Z", 3, name="Another name"),
        story.contract("terminated", datetime(2026, 6, 30, 8, tzinfo=UTC)),
    )
    assert await subjects(service, story, as_of="2026-06-14T00:00:00Z") == then
    assert [each["status"] for each in (await subjects(service, story))["contract"]] == ["terminated"]


@pytest.mark.capability("R32")
async def test_every_word_about_a_subject_can_be_read_back_in_order(service: Any, story: Any) -> None:
    ids = await known(service, story)
    async with service.client(story) as client:
        one = await client.get(path(story, "/events"), params={"subject_id": str(ids["item"])})
        page = await client.get(path(story, "/events"), params={"kind": "client", "limit": 1})
        rest = await client.get(
            path(story, "/events"), params={"kind": "client", "limit": 1, "cursor": page.json()["next_cursor"]}
        )
        summary = await client.get(path(story), params={"as_of": "2026-06-14T00:00:00Z"})
    assert [(each["version"], each["name"]) for each in one.json()["data"]] == [(2, "shop 2.4.0"), (1, "shop 2.3.0")]
    assert [each["name"] for each in (*page.json()["data"], *rest.json()["data"])] == ["Pâtisserie", "Boulangerie"]
    told_of = summary.json()
    assert (told_of["client_name"], told_of["counts"]["configuration_item"], told_of["counts"]["incident"]) == (
        "Boulangerie",
        1,
        1,
    )


@pytest.mark.capability("R32")
@pytest.mark.parametrize(
    ("language", "titles"), [("fr", ("Tout sur Boulangerie", "Décisions")), ("en", ("Everything about", "Decisions"))]
)
async def test_the_history_is_a_page_a_pdf_a_workbook_and_lines(
    service: Any, story: Any, language: str, titles: tuple[str, ...]
) -> None:
    await known(service, story)
    asked = {"as_of": "2026-06-14T00:00:00Z", "lang": language}
    async with service.client(story) as client:
        forms = {
            form: await client.get(path(story, f"/{form}"), params=asked) for form in ("html", "pdf", "csv", "xlsx")
        }
    assert {answer.status_code for answer in forms.values()} == {200}
    printed = " ".join("".join(p.extract_text() for p in PdfReader(io.BytesIO(forms["pdf"].content)).pages).split())
    for said_there in (*titles, "shop 2.3.0", "REQ-2026-0004 · Export", "They may leave us."):
        assert said_there in forms["html"].text
        assert said_there in printed
    lines = list(csv.DictReader(io.StringIO(forms["csv"].text)))
    assert [line["name"] for line in lines if line["kind"] == "configuration_item"] == ["shop 2.3.0"]
    book = openpyxl.load_workbook(io.BytesIO(forms["xlsx"].content))
    assert book.worksheets[0]["A2"].value == "client"


async def test_lines_of_any_number_look_for_the_newest_events_once(
    service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await known(service, story)
    listed = [each["subject_id"] for kind in (await subjects(service, story)).values() for each in kind]
    monkeypatch.setattr(documents, "_AT_ONCE", 2)
    looked: list[str] = []

    def look(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        looked.append(statement)

    sqlalchemy.event.listen(Engine, "before_cursor_execute", look)
    try:
        async with service.client(story) as client:
            answer = await client.get(path(story, "/csv"))
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", look)
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    assert len(lines) > 4
    assert sorted(line["subject_id"] for line in lines) == sorted(listed)
    assert len([each for each in looked if "DISTINCT ON" in each]) == 1


@pytest.mark.parametrize("role", ["client_decider", "client_staff"])
async def test_the_history_is_for_the_agency_alone(service: Any, story: Any, role: str) -> None:
    await known(service, story)
    async with service.client(story, role=role, client_id=story.client_id) as client:
        for ending in ("", "/subjects", "/events", "/html", "/csv", "/pdf", "/xlsx"):
            assert (await client.get(path(story, ending))).status_code == 403


async def test_what_is_not_there_or_lies_ahead_is_refused(service: Any, story: Any, another_story: Any) -> None:
    await known(service, story)
    stranger = another_story(slug="elsewhere")
    await service.hear(*stranger.golden_june())
    async with service.client(story) as client:
        assert (await client.get(path(stranger))).status_code == 404
        assert (await client.get(f"/v1/clients/{new_id()}/history")).status_code == 404
        assert (await client.get(path(story), params={"as_of": "2026-07-02T00:00:00Z"})).status_code == 422
        assert (await client.get(path(story, "/subjects"), params={"kind": "wish"})).status_code == 422
        assert (await client.get(path(story, "/docx"))).status_code == 404
