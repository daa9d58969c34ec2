"""The log of decisions, risks and actions: as it stood at any instant, in every form, for whom it is meant."""

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
from pypdf import PdfReader

from shared.ids import new_id

from .test_report_contents import told

AFTER = datetime(2026, 7, 1, 6, tzinfo=UTC)


def path(story: Any, ending: str = "") -> str:
    return f"/v1/contracts/{story.contract_id}/decision-log{ending}"


def said(story: Any, kind: str, record_id: Any, time: str, version: int = 1, **data: Any) -> bytes:
    """A record as it stood from an instant on."""
    event = told(story, f"incidents.{kind}.recorded.v1", version, **{f"{kind}_id": str(record_id)} | data)
    return json.dumps(json.loads(event) | {"subject": f"{kind}/{record_id}", "time": time}).encode()


async def recorded(service: Any, story: Any) -> dict[str, Any]:
    """An action that was done later, a risk, a decision that another one replaced, and what is for the agency only."""
    ids = dict(zip(("action", "risk", "inner", "first", "second"), sorted(new_id() for _ in range(5)), strict=True))
    await service.hear(
        *story.golden_june(),
        said(
            story, "action", ids["action"], "2026-06-08T12:00:00Z", what="=Second host", due_at="2026-06-20T08:00:00Z"
        ),
        said(
            *(story, "action", ids["action"], "2026-06-25T12:00:00Z", 2),
            what="=Second host",
            due_at="2026-06-20T08:00:00Z",
            done_at="2026-06-25T11:00:00Z",
            outcome="It runs.",
        ),
        said(story, "risk", ids["risk"], "2026-06-08T12:00:00Z"),
        said(story, "decision", ids["first"], "2026-06-08T12:00:00Z", what="Stay with the host."),
        said(
            *(story, "decision", ids["second"], "2026-06-26T12:00:00Z"),
            what="Move to another host.",
            supersedes_id=str(ids["first"]),
        ),
        said(story, "risk", ids["inner"], "2026-06-09T12:00:00Z", audience="agency", description="They may leave us."),
    )
    service.clock.set(AFTER)
    return ids


async def entries(service: Any, story: Any, role: str = "operator", **query: Any) -> list[dict[str, Any]]:
    bound = {"client_id": story.client_id} if role.startswith("client") else {}
    found: list[dict[str, Any]] = []
    async with service.client(story, role=role, **bound) as client:
        asked = dict(query) | {"limit": 2}
        while True:
            answer = await client.get(path(story), params=asked)
            assert answer.status_code == 200, answer.text
            found += answer.json()["data"]
            if (cursor := answer.json()["next_cursor"]) is None:
                return found
            asked["cursor"] = cursor


@pytest.mark.capability("R26")
async def test_the_log_holds_actions_risks_and_decisions_as_they_stand(service: Any, story: Any) -> None:
    ids = await recorded(service, story)
    listed = await entries(service, story)
    assert [(each["kind"], each["id"], each["state"]) for each in listed] == [
        ("action", str(ids["action"]), "done"),
        ("risk", str(ids["risk"]), "decided"),
        ("risk", str(ids["inner"]), "decided"),
        ("decision", str(ids["first"]), "superseded"),
        ("decision", str(ids["second"]), "in_force"),
    ]
    action, risk, *_, second = listed
    assert (action["owner_name"], action["outcome"], action["version"]) == ("Ada Martin", "It runs.", 2)
    assert (risk["treatment"], risk["decided_by"], risk["decided_on"]) == ("accept", "Léa Martin", "2026-06-08")
    assert risk["why"] == "A second host costs more than a day without the shop."
    assert (second["supersedes_id"], second["recorded_by"]) == (str(ids["first"]), "Ada Martin")
    assert [each["kind"] for each in await entries(service, story, kind="decision")] == ["decision", "decision"]


@pytest.mark.capability("R26")
async def test_the_log_tells_how_it_stood_at_any_instant(service: Any, story: Any) -> None:
    ids = await recorded(service, story)
    then = {each["id"]: each for each in await entries(service, story, as_of="2026-06-24T00:00:00Z")}
    assert (then[str(ids["action"])]["state"], then[str(ids["action"])]["done_at"]) == ("overdue", None)
    assert then[str(ids["first"])]["state"] == "in_force"
    assert str(ids["second"]) not in then
    assert await entries(service, story, as_of="2026-06-08T11:59:59Z") == []
    async with service.client(story) as client:
        assert (await client.get(path(story), params={"as_of": "2026-07-02T00:00:00Z"})).status_code == 422
        assert (await client.get(path(story), params={"kind": "wish"})).status_code == 422
        assert (await client.get(f"/v1/contracts/{new_id()}/decision-log")).status_code == 404
        assert (await client.get(path(story, "/docx"))).status_code == 404


@pytest.mark.capability("R26")
@pytest.mark.parametrize(
    ("language", "title", "words"),
    [
        ("fr", "Journal des décisions, des risques et des actions", ("Remplacée", "Léa Martin", "Faite")),
        ("en", "Log of decisions, risks and actions", ("Replaced", "Léa Martin", "Done")),
    ],
)
async def test_the_log_is_a_page_a_pdf_a_workbook_and_lines(
    service: Any, story: Any, language: str, title: str, words: tuple[str, ...]
) -> None:
    ids = await recorded(service, story)
    async with service.client(story) as client:
        forms = {
            form: await client.get(path(story, f"/{form}"), params={"lang": language})
            for form in ("html", "pdf", "csv", "xlsx")
        }
    assert {answer.status_code for answer in forms.values()} == {200}
    pdf = PdfReader(io.BytesIO(forms["pdf"].content))
    printed = " ".join("\n".join(page.extract_text() for page in pdf.pages).split())
    for text in (title, *words, "=Second host", "They may leave us."):
        assert text in forms["html"].text
        assert text in printed
    assert "/StructTreeRoot" in pdf.root_object  # tagged
    lines = list(csv.DictReader(io.StringIO(forms["csv"].text)))
    assert [line["id"] for line in lines] == [str(ids[name]) for name in ("action", "risk", "inner", "first", "second")]
    # What a spreadsheet would take for a formula is none.
    assert lines[0]["what"] == "'=Second host"
    assert (lines[0]["state"], lines[0]["done_at"]) == ("done", "2026-06-25T11:00:00Z")
    book = openpyxl.load_workbook(io.BytesIO(forms["xlsx"].content))
    first = book.worksheets[0]
    assert [cell.value for cell in first[1]][:4] == ["kind", "id", "item_id", "what"]
    assert (first["D2"].value, first["D2"].data_type) == ("=Second host", "s")
    assert len(book.worksheets) == 4


async def test_a_client_reads_what_is_for_him_in_every_form(service: Any, story: Any) -> None:
    await recorded(service, story)
    assert "They may leave us." not in str(await entries(service, story, "client_decider"))
    assert len(await entries(service, story, "client_decider")) == 4
    async with service.client(story, role="client_staff", client_id=story.client_id) as client:
        for form in ("html", "csv"):
            assert "They may leave us." not in (await client.get(path(story, f"/{form}"))).text
        pdf = await client.get(path(story, "/pdf"))
    assert "may leave" not in "".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf.content)).pages)
    async with service.client(story, role="client_decider", client_id=new_id()) as stranger:
        assert (await stranger.get(path(story))).status_code == 404


async def test_what_became_the_agencys_since_is_hidden_from_the_client_at_every_instant(
    service: Any, story: Any
) -> None:
    ids = await recorded(service, story)
    await service.hear(said(story, "risk", ids["risk"], "2026-06-28T12:00:00Z", 2, audience="agency"))
    for as_of in ("2026-06-20T00:00:00Z", "2026-06-30T00:00:00Z"):
        his = await entries(service, story, "client_decider", as_of=as_of)
        assert str(ids["risk"]) not in [each["id"] for each in his]
        ours = await entries(service, story, as_of=as_of)
        assert str(ids["risk"]) in [each["id"] for each in ours]


async def test_a_decision_that_only_the_agency_replaced_stands_for_the_client(service: Any, story: Any) -> None:
    ids = await recorded(service, story)
    later: dict[str, Any] = {"what": "Leave them.", "supersedes_id": str(ids["second"]), "audience": "agency"}
    await service.hear(said(story, "decision", new_id(), "2026-06-28T12:00:00Z", **later))
    told = {
        role: {each["id"]: each["state"] for each in await entries(service, story, role)}
        for role in ("operator", "client_staff")
    }
    ours, his = told["operator"], told["client_staff"]
    assert (ours[str(ids["second"])], his[str(ids["second"])]) == ("superseded", "in_force")
    assert (ours[str(ids["first"])], his[str(ids["first"])]) == ("superseded", "superseded")
    async with service.client(story, role="client_staff", client_id=story.client_id) as client:
        lines = csv.DictReader(io.StringIO((await client.get(path(story, "/csv"))).text))
    assert {line["id"]: line["state"] for line in lines} == his


async def test_a_log_without_entries_says_so_in_each_part(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTER)
    async with service.client(story) as client:
        page = (await client.get(path(story, "/html"), params={"lang": "fr"})).text
        assert (await client.get(path(story, "/pdf"))).status_code == 200
        lines = (await client.get(path(story, "/csv"))).text
    for text in ("Aucune action n’a été consignée.", "Aucun risque résiduel", "Rien n’a été décidé."):
        assert text in page
    assert len(lines.splitlines()) == 1
