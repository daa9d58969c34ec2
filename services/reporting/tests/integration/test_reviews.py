"""Reviews: trends by the editions that were issued, recommendations, next steps; incidents, actions, risks."""

import csv
import io
import json
import re
from calendar import monthrange
from datetime import UTC, date, datetime
from html import unescape
from typing import Any

import openpyxl
import pytest
from pypdf import PdfReader

from reporting.adapters.rendering import catalogues
from shared.ids import new_id

from .test_outage_decisions import BACK, LATER, SINCE, decided
from .test_report_contents import issue, told

SEPTEMBER = datetime(2026, 9, 1, 6, tzinfo=UTC)


def path(story: Any, kind: str, month: str, ending: str = "") -> str:
    return f"/v1/contracts/{story.contract_id}/reviews/{kind}/{month}{ending}"


async def get(service: Any, story: Any, *where: str, **how: Any) -> Any:
    async with service.client(story, **how) as client:
        answer = await client.get(path(story, *where))
    assert answer.status_code == 200, answer.text
    return answer.json()


def action(story: Any, action_id: Any, what: str, recorded_at: str, version: int = 1, **data: Any) -> bytes:
    values = {"action_id": str(action_id), "what": what, "recorded_at": recorded_at, "audience": "client"}
    return told(story, "incidents.action.recorded.v1", version, **values | data)


async def summer(service: Any, story: Any) -> None:
    """June as it was, a quiet July and August, and what was recorded meanwhile."""
    await service.hear(*story.golden_june())
    for month in (7, 8, 9):
        service.clock.set(datetime(2026, month, 1, 6, tzinfo=UTC))
        await issue(service)
    await service.hear(
        action(story, new_id(), "Second host", "2026-05-21T08:00:00Z", due_at="2026-08-15T08:00:00Z"),
        action(story, new_id(), "New certificate", "2026-06-10T08:00:00Z", due_at=None, done_at="2026-07-10T08:00:00Z"),
        action(story, new_id(), "Later", "2026-09-10T08:00:00Z"),
        action(story, new_id(), "For the agency", "2026-06-10T08:00:00Z", audience="agency"),
        told(story, "contracts.advisory.issued.v1"),
        told(story, "incidents.risk.recorded.v1"),
        told(story, "incidents.decision.recorded.v1"),
    )


@pytest.mark.capability("R06")
async def test_a_quarter_tells_trends_recommendations_and_next_steps_by_the_editions_that_were_issued(
    service: Any, story: Any
) -> None:
    await summer(service, story)
    notes = {"recommendations_fr": "Passer à PHP 8.4.", "next_steps_fr": "Atelier le 15 septembre."}
    async with service.client(story) as client:
        address = path(story, "quarterly", "2026-06", "/notes")
        assert (await client.put(address, json=notes)).status_code == 428
        assert (await client.get(address)).headers["ETag"] == '"0"'
        assert (await client.put(address, json=notes, headers={"If-Match": '"0"'})).status_code == 200
        assert (await client.put(address, json=notes, headers={"If-Match": '"0"'})).status_code == 412
    review = await get(service, story, "quarterly", "2026-06")
    assert [(each["month"], each["edition"], each["incidents"]) for each in review["months"]] == [
        ("2026-06", 1, 2),
        ("2026-07", 1, 0),
        ("2026-08", 1, 0),
    ]
    async with service.client(story) as client:
        edition = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-06/editions/1")
    assert review["months"][0]["content_hash"] == edition.json()["content_hash"]
    trends = {each["measure"]: each["direction"] for each in review["trends"]}
    assert (trends["incidents"], trends["down_seconds"]) == ("better", "better")
    of = {each["measure"]: each["environment_id"] for each in review["trends"]}
    assert (of["uptime"], of["incidents"]) == (str(story.environment_id), None)
    assert [each["text"]["fr"] for each in review["recommendations"]] == ["Double authentification"]
    async with service.client(story) as client:
        page = (await client.get(path(story, "quarterly", "2026-06", "/html"), params={"lang": "fr"})).text
        file = (await client.get(path(story, "quarterly", "2026-06", "/pdf"), params={"lang": "fr"})).content
    said = "\n".join(each.extract_text() for each in PdfReader(io.BytesIO(file)).pages)
    for text in ("Tendances", "Recommandations", "Prochaines étapes", "Passer à PHP 8.4.", "Atelier le 15 septembre."):
        assert text in page
        assert text in said


async def test_a_figure_that_rests_on_a_decision_is_reviewed_with_the_one_before_it_in_both_languages(
    service: Any, story: Any
) -> None:
    outage = new_id()
    await service.hear(*story.golden_june(), story.down(outage, SINCE), story.recovered(outage, SINCE, BACK))
    service.clock.set(LATER)
    await decided(service, story, str(outage))
    await issue(service)
    review = await get(service, story, "quarterly", "2026-06")
    month = review["months"][0]
    (figure,) = month["figures"]
    assert (month["met"], month["met_as_measured"], figure["met"]) == (True, False, True)
    assert figure["as_measured"]["uptime_display"] == "99.55"
    assert [each["approved_by"] for each in month["outage_decisions"]] == ["Paul Garnier"]
    async with service.client(story) as client:
        for language, words in (
            ("fr", ("99,97 % (99,55 % avant les décisions)", "Décisions sur des interruptions")),
            ("en", ("99.97% (99.55% before the decisions)", "Decisions on outages")),
        ):
            page = (await client.get(path(story, "quarterly", "2026-06", "/html"), params={"lang": language})).text
            file = (await client.get(path(story, "quarterly", "2026-06", "/pdf"), params={"lang": language})).content
            said = " ".join(each.extract_text() for each in PdfReader(io.BytesIO(file)).pages)
            for text in (*words, "Nadia Benali", "Paul Garnier"):
                assert plain(text) in plain(page)
                assert plain(text) in plain(said)


def plain(text: str) -> str:
    return re.sub(r"\s", "", text)


@pytest.mark.capability("R25")
async def test_the_action_plan_has_owners_and_dates_and_carries_over_what_is_open(service: Any, story: Any) -> None:
    await summer(service, story)
    plan = {each["what"]: each for each in (await get(service, story, "quarterly", "2026-06"))["actions"]}
    assert set(plan) == {"Second host", "New certificate"}
    second = plan["Second host"]
    assert (second["owner_name"], second["due_at"]) == ("Ada Martin", "2026-08-15T08:00:00Z")
    assert (second["carried_over"], second["overdue"], second["done_at"]) == (True, True, None)
    certificate = plan["New certificate"]
    assert (certificate["carried_over"], certificate["done_at"]) == (False, "2026-07-10T08:00:00Z")
    july = {each["what"]: each for each in (await get(service, story, "institutional", "2026-08"))["actions"]}
    assert set(july) == {"Second host"}  # what was done in July is over, what is open is carried over


@pytest.mark.capability("R23")
async def test_institutions_read_of_incidents_actions_risks_and_decisions(service: Any, story: Any) -> None:
    await summer(service, story)
    report = await get(service, story, "institutional", "2026-06")
    assert [each["number"] for each in report["incidents"]] == ["INC-2026-0001", "INC-2026-0002"]
    assert [each["what"] for each in report["actions"]] == ["Second host", "New certificate"]
    assert [each["description"] for each in report["risks"]] == ["The shop depends on one host."]
    assert [each["decided_on"] for each in report["decisions"]] == ["2026-06-08"]
    async with service.client(story) as client:
        page = (await client.get(path(story, "institutional", "2026-06", "/html"), params={"lang": "en"})).text
        empty = (await client.get(path(story, "institutional", "2026-08", "/html"), params={"lang": "en"})).text
    for title in ("Incidents", "Actions", "Risks", "Decisions"):
        assert f"<h2>{title}</h2>" in page
        assert f"<h2>{title}</h2>" in empty
    assert "There was no incident." in empty


@pytest.mark.capability("R23")
async def test_a_review_is_lines_and_a_workbook_too(service: Any, story: Any) -> None:
    await summer(service, story)
    async with service.client(story) as client:
        lines = await client.get(path(story, "institutional", "2026-06", "/csv"))
        book = await client.get(path(story, "institutional", "2026-06", "/xlsx"), params={"lang": "fr"})
        assert (await client.get(path(story, "weekly", "2026-06", "/csv"))).status_code == 404
    told = list(csv.DictReader(io.StringIO(lines.text)))
    measures = {(each["subject"], each["name"], each["measure"]): each["value"] for each in told}
    assert measures["month", "", "incidents"] == "2"
    assert measures["action", "Second host", "overdue"] == "false"
    assert measures["risk", "The shop depends on one host.", "treatment"] == "accept"
    assert tuple(
        measures["environment", "boulangerie-martin.example · production", name] for name in ("uptime_display", "met")
    ) == ("99.97", "true")
    sheets = openpyxl.load_workbook(io.BytesIO(book.content)).worksheets
    assert [cell.value for cell in sheets[0][1]] == ["subject", "id", "month", "name", "measure", "value"]
    assert {"Plan d’action", "Risques résiduels"} <= {sheet.title for sheet in sheets}


USED = [120, 120, 120, 190, 190, 190, 190, 190, 190, 185, 185, 185]
"""Minutes of each month from June on, of two agreed hours: what the published example of a review sums up."""


def hours_of(story: Any, month: date, used: int) -> bytes:
    """A month of the ledger, closed."""
    over = max(used - 120, 0)
    figures: dict[str, Any] = {
        "included_minutes": 120,
        "real_minutes": used,
        "accounted_minutes": used,
        "remaining_minutes": max(120 - used, 0),
        "overage_minutes": over,
    }
    line = {"code": "technical", "name": {"fr": "Maintenance technique", "en": "Technical maintenance"}}
    return told(
        *(story, "contracts.hours_month.closed.v1"),
        hours_month_id=str(new_id()),
        month=f"{month}",
        last_day=f"{month.replace(day=monthrange(month.year, month.month)[1])}",
        available_minutes=120,
        lines=[line | figures | {"covered_minutes": 0, "over": over > 0}],
        **figures,
    )


@pytest.mark.capability("R17")
async def test_the_year_is_reviewed_with_the_hours_that_each_month_used_and_the_volume_that_fits(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    for number, used in enumerate(USED, start=5):
        await service.hear(hours_of(story, date(2026 + number // 12, number % 12 + 1, 1), used))
        after = number + 1
        service.clock.set(datetime(2026 + after // 12, after % 12 + 1, 1, 6, tzinfo=UTC))
        await issue(service)
    proposed = told(story, "contracts.hours_review.proposed.v1", year_until="2027-05-20")
    assert json.loads(proposed)["data"]["lines"][0]["average_minutes"] == f"{sum(USED) / 12}"
    await service.hear(proposed)
    year = await get(service, story, "annual", "2026-06")
    assert [each["worked_minutes"] for each in year["months"]] == USED
    assert sum(each["overage_minutes"] for each in year["months"]) == json.loads(proposed)["data"]["overage_minutes"]
    (suggestion,) = year["recommendations"]
    assert (suggestion["source"], suggestion["text"]["en"]) == (
        "hours_review",
        "A higher volume fits this use: 3 hours a month.",
    )
    async with service.client(story) as client:
        for language, words in (
            ("fr", ("juin 2026", "mai 2027", "Un volume plus élevé convient à cet usage : 3 heures par mois.")),
            ("en", ("June 2026", "May 2027", "A higher volume fits this use: 3 hours a month.")),
        ):
            page = (await client.get(path(story, "annual", "2026-06", "/html"), params={"lang": language})).text
            file = (await client.get(path(story, "annual", "2026-06", "/pdf"), params={"lang": language})).content
            said = plain(" ".join(each.extract_text() for each in PdfReader(io.BytesIO(file)).pages))
            cells = [plain(unescape(cell)) for cell in re.findall(r"<td[^>]*>([^<]*)</td>", page)]
            t = catalogues().translator(language)
            shown = [plain(t.duration(60 * each, width="short")) for each in USED]
            assert [cell for cell in cells if cell in shown] == shown
            assert all(plain(each) in said for each in (*words, *shown))
            assert all(plain(each) in plain(unescape(page)) for each in words)


async def test_the_year_is_reviewed_with_advice_and_the_volume_of_hours(service: Any, story: Any) -> None:
    await summer(service, story)
    await service.hear(told(story, "contracts.hours_review.proposed.v1", year_until="2027-05-20"))
    service.clock.set(datetime(2027, 6, 2, tzinfo=UTC))
    await issue(service)
    year = await get(service, story, "annual", "2026-06")
    assert (len(year["months"]), year["last_month"], year["complete"]) == (12, "2027-05", True)
    assert [each["source"] for each in year["recommendations"]] == ["advisory", "hours_review"]
    assert "3 hours" in year["recommendations"][1]["text"]["en"]


async def test_a_review_of_what_has_not_begun_or_was_never_promised_is_refused(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    async with service.client(story) as client:
        assert (await client.get(path(story, "quarterly", "2026-07"))).status_code == 422
        assert (await client.get(path(story, "quarterly", "2025-07"))).status_code == 404
        assert (await client.get(path(story, "weekly", "2026-06"))).status_code == 404
        running = await client.get(path(story, "quarterly", "2026-06"))
    assert (running.json()["complete"], running.json()["months"][0]["edition"]) == (False, None)


@pytest.mark.parametrize("role", ["viewer", "client_decider"])
async def test_who_only_reads_writes_no_notes(service: Any, story: Any, role: str) -> None:
    await service.hear(*story.golden_june())
    bound = {"client_id": story.client_id} if role.startswith("client") else {}
    async with service.client(story, role=role, **bound) as client:
        answer = await client.put(path(story, "quarterly", "2026-06", "/notes"), json={}, headers={"If-Match": "*"})
    assert answer.status_code == 403
