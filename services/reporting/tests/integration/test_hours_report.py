"""The hours of a month as a document: per line used, left and beyond, and by ticket; as issued, else as known."""

import csv
import io
from datetime import timedelta
from typing import Any

import openpyxl
import pytest
from pypdf import PdfReader

from shared.ids import new_id

from .test_report_contents import AFTERWARDS, issue, told

LINE = {
    "code": "technical",
    "name": {"fr": "Maintenance technique", "en": "Technical maintenance"},
    "included_minutes": 120,
    "real_minutes": 135,
    "accounted_minutes": 150,
    "covered_minutes": 0,
    "remaining_minutes": 0,
    "overage_minutes": 30,
    "over": True,
}


def path(story: Any, ending: str = "") -> str:
    return f"/v1/contracts/{story.contract_id}/hours-reports/2026-06{ending}"


async def worked(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    item = new_id()
    await service.hear(
        told(story, "incidents.request.opened.v1", item_id=str(item), number="REQ-2026-0004", title="Export"),
        *(
            told(
                *(story, "incidents.time_entry.recorded.v1"),
                time_entry_id=str(new_id()),
                item_id=str(item_id) if item_id else None,
                worked_on="2026-06-15",
                real_minutes=minutes,
            )
            for item_id, minutes in ((item, 105), (None, 30))
        ),
    )
    service.clock.set(AFTERWARDS)


async def closed(service: Any, story: Any) -> None:
    await service.hear(
        told(
            *(story, "contracts.hours_month.closed.v1"),
            month="2026-06-01",
            last_day="2026-06-30",
            pooled=True,
            available_minutes=120,
            real_minutes=135,
            accounted_minutes=150,
            remaining_minutes=0,
            overage_minutes=30,
            lines=[LINE],
        )
    )
    service.clock.set(AFTERWARDS + timedelta(days=1))
    await issue(service)


async def read(service: Any, story: Any) -> Any:
    async with service.client(story) as client:
        answer = await client.get(path(story))
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.capability("R16")
async def test_the_hours_report_follows_the_editions_of_the_month(service: Any, story: Any) -> None:
    await worked(service, story)
    early = await read(service, story)
    assert (early["edition"], early["hours"]["status"], early["hours"]["real_minutes"]) == (None, "worked", 135)
    await issue(service)
    assert (await read(service, story))["edition"] == 1
    await closed(service, story)
    report = await read(service, story)
    assert (report["edition"], report["hours"]["status"]) == (2, "closed")
    (line,) = report["hours"]["lines"]
    assert (line["accounted_minutes"], line["remaining_minutes"], line["overage_minutes"]) == (150, 0, 30)


@pytest.mark.capability("R16")
@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("fr", ("Heures de juin 2026", "Maintenance technique", "2 h 30 min", "Export", "sans ticket", "communes")),
        ("en", ("Hours of June 2026", "Technical maintenance", "2h 30m", "Export", "without a ticket", "shared by")),
    ],
)
async def test_the_hours_report_is_a_page_a_pdf_a_workbook_and_lines(
    service: Any, story: Any, language: str, words: tuple[str, ...]
) -> None:
    await worked(service, story)
    await closed(service, story)
    async with service.client(story, role="client_decider", client_id=story.client_id) as client:
        forms = {
            form: await client.get(path(story, f"/{form}"), params={"lang": language})
            for form in ("html", "pdf", "csv", "xlsx")
        }
        assert (await client.get(path(story, "/docx"))).status_code == 404
    assert {answer.status_code for answer in forms.values()} == {200}
    pdf = PdfReader(io.BytesIO(forms["pdf"].content))
    printed = " ".join("".join(page.extract_text() for page in pdf.pages).split()).replace("\u202f", " ")
    page = forms["html"].text.replace("\u202f", " ").replace("\xa0", " ")
    for word in words:
        assert word in page
        assert word in printed.replace("\xa0", " ")
    lines = list(csv.DictReader(io.StringIO(forms["csv"].text)))
    assert [(line["subject"], line["worked_minutes"], line["used_minutes"]) for line in lines] == [
        ("line", "135", "150"),
        ("total", "135", "150"),
        ("ticket", "30", ""),
        ("ticket", "105", ""),
    ]
    assert (lines[0]["remaining_minutes"], lines[0]["overage_minutes"]) == ("0", "30")
    sheet = openpyxl.load_workbook(io.BytesIO(forms["xlsx"].content)).worksheets[0]
    assert [row[8] for row in sheet.iter_rows(min_row=2, max_row=3, values_only=True)] == [150, 150]


async def test_a_month_without_hours_says_so(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    assert (await read(service, story))["hours"] is None
    async with service.client(story) as client:
        for form in ("pdf", "csv", "xlsx"):
            assert (await client.get(path(story, f"/{form}"))).status_code == 200
        page = (await client.get(path(story, "/html"), params={"lang": "fr"})).text
        assert "Aucune heure n’est convenue et aucune n’a été travaillée." in page
        assert (await client.get(f"/v1/contracts/{story.contract_id}/hours-reports/2026-08")).status_code == 422
        assert (await client.get(f"/v1/contracts/{new_id()}/hours-reports/2026-06")).status_code == 404
