"""Editions of reports: issued on day 1 where the client lives, frozen, corrected by a next one that says so."""

import asyncio
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest
from pypdf import PdfReader
from sqlalchemy import text

from reporting.adapters.report_editions import due_reports
from reporting.jobs.issue_reports import IssueReports
from reporting.jobs.measure_months import MeasureMonths
from shared.ids import new_id

from .test_report_contents import told as told_fact

MIDNIGHT = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
"""The end of June in Paris."""
AFTERWARDS = MIDNIGHT + timedelta(hours=2)


async def issue(service: Any) -> None:
    """The jobs as the worker runs them, until nothing is due."""
    for job in (MeasureMonths(service.runtime.units), IssueReports(service.runtime.units)):
        while await job.run() == 0.0:
            pass


async def published(service: Any) -> list[dict[str, Any]]:
    async with service.runtime.units.for_every_tenant() as unit:
        query = "select envelope::text from reporting.outbox order by id"
        told = [json.loads(row[0]) for row in await unit.session.execute(text(query))]
    return [each["data"] for each in told if each["type"].endswith("reporting.report.published.v1")]


def told_settlement(story: Any) -> bytes:
    """What June is owed, once it is closed."""
    return told_fact(story, "contracts.settlement.closed.v1")


def june(story: Any) -> str:
    return f"/v1/contracts/{story.contract_id}/reports/2026-06"


async def read(service: Any, story: Any, edition: int) -> dict[str, Any]:
    async with service.client(story) as client:
        answer = await client.get(f"{june(story)}/editions/{edition}")
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.capability("R01")
async def test_the_report_of_june_is_issued_on_the_first_of_july_where_the_client_lives(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS - timedelta(seconds=1))
    await issue(service)
    assert [each["month"] for each in await published(service)] == ["2026-05-01"]
    service.clock.set(AFTERWARDS)
    await issue(service)
    _, told = await published(service)
    assert (told["month"], told["edition"], told["reason"]) == ("2026-06-01", 1, "scheduled")
    assert (told["time_zone"], told["language"], told["met"], told["incidents"]) == ("Europe/Paris", "fr", True, 2)
    edition = await read(service, story, 1)
    assert edition["content_hash"] == told["content_hash"]
    (figure,) = [each for each in edition["report"]["uptime"]["figures"] if each["counts_for_sla"]]
    assert figure["uptime_display"] == "99.97"


async def test_late_facts_leave_the_edition_as_it_was_and_make_the_next_one_which_says_what_changed(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    await issue(service)
    first = await read(service, story, 1)
    since = MIDNIGHT - timedelta(days=2)
    outage = new_id()
    await service.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1)))
    service.clock.set(AFTERWARDS + timedelta(days=3))
    await issue(service)
    assert await read(service, story, 1) == first
    second = await read(service, story, 2)
    changes = {each["measure"]: (each["before"], each["after"]) for each in second["changes"]}
    assert second["reason"] == "correction"
    assert changes["down_seconds"] == ("900", "4500")
    assert changes["outages"] == ("2", "3")
    assert set(changes) == {"down_seconds", "outages", "uptime_percent", "met"}
    await issue(service)
    assert [each["edition"] for each in await published(service) if each["month"] == "2026-06-01"] == [1, 2]


async def test_what_is_heard_while_the_first_edition_is_made_is_told_in_the_next_one(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    while await MeasureMonths(service.runtime.units).run() == 0.0:
        pass
    since, outage, units = MIDNIGHT - timedelta(days=2), new_id(), service.runtime.units
    async with units.for_every_tenant() as unit:
        (due,) = [each for each in await due_reports(unit, 10) if each.month.month == 6]
    async with units.for_tenant(story.tenant_id) as unit:
        await IssueReports(units)._issue(unit, due)
        hearing = asyncio.create_task(service.hear(*story.incident(new_id(), outage, since, title="Heard late")))
        done, _ = await asyncio.wait({hearing}, timeout=0.5)
        assert not done, "it waits until the edition is there"
    await hearing
    assert (await read(service, story, 1))["report"]["incidents"]["total"] == 2
    await issue(service)
    assert (await read(service, story, 2))["report"]["incidents"]["total"] == 3


async def test_what_is_computed_now_says_which_edition_counts_and_whether_it_says_the_same(
    service: Any, story: Any
) -> None:
    async def live() -> tuple[Any, ...]:
        async with service.client(story) as client:
            report = (await client.get(june(story))).json()
        return report["edition"], report["edition_issued_at"], report["provisional"]

    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    assert await live() == (None, None, True)
    await issue(service)
    issued_at = "2026-07-01T00:00:00Z"
    assert await live() == (1, issued_at, False)
    since, outage = MIDNIGHT - timedelta(days=2), new_id()
    await service.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1)))
    assert await live() == (1, issued_at, True)
    service.clock.advance(timedelta(days=3))
    await issue(service)
    assert await live() == (2, "2026-07-04T00:00:00Z", False)


async def test_the_page_of_a_month_is_its_newest_edition_and_what_is_computed_as_of_an_instant_says_so(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    english = {"lang": "en"}
    async with service.client(story) as client:
        before = (await client.get(f"{june(story)}/html", params=english)).text
        await issue(service)
        page = await client.get(f"{june(story)}/html", params=english)
        assert page.content == (await client.get(f"{june(story)}/editions/1/html", params=english)).content
        then = (await client.get(f"{june(story)}/html", params={**english, "as_of": "2026-06-10T00:00:00Z"})).text
    assert "computed now" not in before
    assert "Edition 1 of" in page.text
    assert "Figures as of 10 June 2026, 02:00, computed now; edition 1 of this month was issued on" in then
    assert f'href="{june(story)}/html"' in then


async def test_a_shared_link_leads_to_the_newest_edition_without_amounts(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    links = []
    async with service.client(story) as client:
        for further in ({}, {"as_of": "2026-06-10T00:00:00Z"}):
            body = {"month": "2026-06", "language": "en", **further}
            made = await client.post(f"/v1/contracts/{story.contract_id}/report-links", json=body)
            links.append(made.json()["url"].removeprefix(service.settings.public_url))
    async with service.client() as visitor:
        live = (await visitor.get(links[0])).text
        await issue(service)
        await service.hear(told_settlement(story))
        service.clock.advance(timedelta(days=1))
        await issue(service)
        newest, fixed = (await visitor.get(links[0])).text, (await visitor.get(links[1])).text
    assert "Edition" not in live
    assert "Edition 2 of" in newest
    assert "This link ends on" in newest
    assert "What is owed" not in newest
    assert "€" not in newest
    assert "computed now; edition 2 of this month" in fixed
    assert 'href="/reports/shared' not in fixed, "what is issued later was not given away with an instant"


async def test_a_commentary_makes_an_edition_with_the_same_figures_byte_for_byte(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    async with service.client(story) as client:
        early = await client.put(
            f"{june(story)}/commentary", json={"fr": "Un mois calme."}, headers={"If-Match": '"0"'}
        )
    assert (early.status_code, early.json()["last_edition"]) == (200, 0)
    service.clock.set(AFTERWARDS)
    await issue(service)
    service.clock.set(AFTERWARDS + timedelta(days=1))
    async with service.client(story) as client:
        read_before = await client.get(f"{june(story)}/commentary")
        assert (read_before.headers["ETag"], read_before.json()["fr"]) == ('"1"', "Un mois calme.")
        text = {"fr": "Deux coupures brèves.", "en": None}
        unread = [
            await client.put(f"{june(story)}/commentary", json=text, headers=headers)
            for headers in ({}, {"If-Match": '"0"'})
        ]
        assert [answer.status_code for answer in unread] == [428, 412]
        late = await client.put(f"{june(story)}/commentary", json=text, headers={"If-Match": '"1"'})
    assert late.json()["last_edition"] == 1
    await issue(service)
    first, second = await read(service, story, 1), await read(service, story, 2)
    assert (first["commentary"]["fr"], second["commentary"]["fr"]) == ("Un mois calme.", "Deux coupures brèves.")
    assert (second["reason"], second["changes"]) == ("commentary", [])
    assert first["report"] == second["report"]
    assert first["content_hash"] == second["content_hash"]


@pytest.mark.parametrize("role", ["viewer", "auditor", "client_decider", "client_staff"])
async def test_who_only_reads_writes_no_commentary(service: Any, story: Any, role: str) -> None:
    await service.hear(*story.golden_june())
    bound = {"client_id": story.client_id} if role.startswith("client") else {}
    async with service.client(story, role=role, **bound) as client:
        answer = await client.put(f"{june(story)}/commentary", json={"fr": "Tout va bien."}, headers={"If-Match": "*"})
    assert answer.status_code == 403


async def test_not_even_the_service_itself_can_change_an_edition(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    await issue(service)
    for statement in ("update reporting.report_edition set content = ''", "delete from reporting.report_edition"):
        with (
            psycopg.connect(service.urls.app) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


@pytest.mark.parametrize(("lang", "figure", "title"), [("fr", "99,97", "juin 2026"), ("en", "99.97%", "June 2026")])
async def test_the_pdf_is_tagged_in_the_readers_language_with_its_fonts_and_always_the_same(
    service: Any, story: Any, lang: str, figure: str, title: str
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    await issue(service)
    async with service.client(story) as client:
        answers = [await client.get(f"{june(story)}/editions/1/pdf", params={"lang": lang}) for _ in range(2)]
    assert answers[0].status_code == 200, answers[0].text
    assert answers[0].content == answers[1].content
    pdf = PdfReader(io.BytesIO(answers[0].content))
    root: Any = pdf.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert str(root["/Lang"]).startswith(lang)
    pages: list[Any] = list(pdf.pages)
    said = "\n".join(page.extract_text() for page in pages)
    assert figure in said
    assert title in said
    fonts = [font.get_object() for page in pages for font in page["/Resources"]["/Font"].values()]
    descendants = [each["/DescendantFonts"][0].get_object()["/FontDescriptor"] for each in fonts]
    assert descendants
    assert all({"/FontFile2", "/FontFile3"} & set(each.get_object()) for each in descendants)
    assert not any("/XObject" in page["/Resources"] for page in pages)


async def test_the_table_has_a_line_for_every_measure(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(AFTERWARDS)
    await issue(service)
    async with service.client(story) as client:
        answer = await client.get(f"{june(story)}/editions/1/csv")
    header, *lines = answer.text.splitlines()
    assert header == "month,edition,subject,id,name,measure,value"
    assert any(line.startswith("2026-06,1,uptime,") and line.endswith(",down_seconds,900") for line in lines)


async def test_an_edition_that_is_not_there_says_when_the_first_one_comes(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    async with service.client(story) as client:
        for ending in ("", "/html", "/pdf", "/csv", "/xlsx"):
            answer = await client.get(f"{june(story)}/editions/1{ending}")
            assert answer.status_code == 404
            assert "day 1" in answer.json()["detail"]
