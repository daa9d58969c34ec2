"""Reports in the portal in a browser: two languages, phone and desk, without script, by keyboard."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, Page, ViewportSize

from reporting.adapters.portal_store import begin_session
from reporting.application.portal import Person
from reporting.jobs.issue_reports import IssueReports
from reporting.jobs.measure_months import MeasureMonths
from shared.ids import new_id

from .test_status_page import DESK, PHONE, faults, overflow

pytestmark = pytest.mark.slow

MIDNIGHT = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
AFTERWARDS = MIDNIGHT + timedelta(hours=2)
NOWHERE = "http://127.0.0.1:9"
PICTURES = os.environ.get("PORTAL_PICTURES")
"""A folder: then every page leaves a picture there, for somebody to look at."""
COMMENTARY = "Deux coupures brèves chez l’hébergeur. Nous avons déplacé la base de données le 20 juin."


@pytest.fixture
async def portal(start_service: Any, story: Any) -> Any:
    """June told twice, and its review too: with a commentary, and corrected three days later. July goes on."""
    service = await start_service(portal_secret="s" * 40, contracts_url=NOWHERE, incidents_url=NOWHERE)
    review = {"type": "regular_reporting", "parameters": {"frequency": "monthly"}}
    await service.hear(*story.golden_june())
    await service.hear(story.contract("amended", MIDNIGHT - timedelta(days=40), deliverables=[review]))
    async with service.client(story) as client:
        path = f"/v1/contracts/{story.contract_id}/reports/2026-06/commentary"
        await client.put(path, json={"fr": COMMENTARY, "en": "Two short outages."}, headers={"If-Match": '"0"'})
    await _issued(service, AFTERWARDS)
    await _issued(service, MIDNIGHT + timedelta(hours=9))
    since, outage = MIDNIGHT - timedelta(days=2), new_id()
    await service.hear(story.down(outage, since), story.recovered(outage, since, since + timedelta(hours=1)))
    await _issued(service, AFTERWARDS + timedelta(days=3))
    return service


async def _issued(service: Any, at: datetime) -> None:
    service.clock.set(at)
    for job in (MeasureMonths(service.runtime.units), IssueReports(service.runtime.units)):
        while await job.run() == 0.0:
            pass


@pytest.fixture
async def address(portal: Any, serve: Any) -> str:
    found = str(await serve(portal))
    # Without TLS a browser keeps no cookie that is for TLS only.
    portal.app.state.settings = portal.settings.model_copy(update={"public_url": found})
    return found


@pytest.fixture
async def cookie(portal: Any, story: Any) -> str:
    """Of a decider who is signed in."""
    person = Person.model_validate(
        {
            "user_id": new_id(),
            "tenant_id": story.tenant_id,
            "client_id": story.client_id,
            "name": "Léa Martin",
            "email": "lea@boulangerie.example",
            "role": "client_decider",
            "language": "fr",
            "client_name": "Boulangerie Martin",
            "agency_name": "Atelier Numérique",
        }
    )
    async with portal.runtime.units.for_every_tenant() as unit:
        return begin_session(unit, person, "link", "Firefox")


async def opened(
    browser: Browser, address: str, cookie: str, size: ViewportSize, *, script: bool = True
) -> BrowserContext:
    context = await browser.new_context(viewport=size, base_url=address, java_script_enabled=script)
    await context.add_cookies([{"name": "portal", "value": cookie, "url": address}])
    return context


async def picture(page: Page, name: str) -> None:
    if PICTURES:
        await page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.capability("R05")
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_reports_can_be_read_by_everybody_on_a_phone_and_at_a_desk(
    browser: Browser, address: str, cookie: str, story: Any, language: str
) -> None:
    contract = f"/portal/contracts/{story.contract_id}"
    found: dict[str, object] = {}
    for size in (PHONE, DESK):
        context = await opened(browser, address, cookie, size)
        page = await context.new_page()
        for name, path in {
            "home": "/portal",
            "reports": "/portal/reports",
            "month": f"{contract}/reports/2026-06",
            "edition": f"{contract}/reports/2026-06/editions/2",
            "earlier": f"{contract}/reports/2026-06/editions/1",
            "review": f"{contract}/reviews/institutional/2026-06",
            "review-edition": f"{contract}/reviews/institutional/2026-06/editions/1",
            "running": f"{contract}/reports/2026-07",
            "so-far": f"{contract}/reports/2026-07/so-far",
            "uptime": f"{contract}/uptime",
            "away": "/portal/requests",
        }.items():
            answer = await page.goto(f"{path}?lang={language}")
            await picture(page, f"reports-{language}-{size['width']}-{name}")
            wrong: list[str] = await faults(page)
            if answer is None or answer.status == httpx.codes.NOT_FOUND:
                wrong.append("is not there")
            if wide := await overflow(page):
                wrong.append(f"{wide} pixels too wide")
            if await page.locator("html").get_attribute("lang") != language:
                wrong.append("is in another language")
            if await page.locator("a[href^='/portal']").count() == 0:
                wrong.append("has no way back")
            if wrong:
                found[f"{name} {size['width']}"] = wrong
        await context.close()
    assert found == {}


async def test_from_the_first_page_to_the_file_and_back_by_keyboard_and_without_script(
    browser: Browser, address: str, cookie: str
) -> None:
    context = await opened(browser, address, cookie, PHONE, script=False)
    page = await context.new_page()
    await page.goto("/portal?lang=fr")
    for link, heading in (
        ("Rapports", "Rapports"),
        ("juin 2026", "Rapport mensuel, juin 2026"),
        ("Édition 1", "Rapport"),
        ("Retour à juin 2026 dans le portail", "Rapport mensuel, juin 2026"),
    ):
        wanted = page.get_by_role("link", name=link, exact=True)
        await wanted.focus()
        assert await wanted.evaluate("each => getComputedStyle(each).outlineStyle") != "none"
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert heading in await page.inner_text("h1")
    await page.get_by_text("Ce qui a changé").focus()
    await page.keyboard.press("Enter")
    assert await page.get_by_role("cell", name="1 h 15 min").or_(page.get_by_text("1 h 15 min")).first.is_visible()
    async with page.expect_download() as file:
        await page.get_by_role("link", name="CSV Édition 2").press("Enter")
    assert (await file.value).suggested_filename.endswith("2026-06-2.csv")
    await context.close()
