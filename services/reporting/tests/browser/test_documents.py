"""Every other page that a visitor or the agency opens, in a browser: two languages, phone and desk, dark, on paper."""

import re
from typing import Any, Literal

import httpx
import pytest
from playwright.async_api import Browser, ViewportSize

from reporting.jobs.mail_reports import MailReports
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from ..integration.test_margins import set_rates
from ..integration.test_pseudo_language import LATER, everything
from ..integration.test_report_contents import issue
from ..integration.test_response_times import HOUR, measured, sum_up
from ..integration.test_single_sign_on_pages import world
from ..integration.test_status_subscriptions import PAGE, body
from .test_status_page import DESK, PHONE, faults, overflow

__all__ = ["world"]

pytestmark = pytest.mark.slow

WHITE = "rgb(255, 255, 255)"


@pytest.fixture
async def told(start_service: Any, story: Any) -> Any:
    """A month with all that a report can tell, told and mailed; response times of two days; a group of systems."""
    with Mailbox() as mailbox:
        service = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
        hours = (measured(story, LATER - at * HOUR, *range(90_000, 300_000, 9_000)) for at in range(1, 48))
        await service.hear(*everything(story), *hours)
        service.clock.set(LATER)
        await sum_up(service)
        await set_rates(service, story)
        await issue(service)
        service.clock.set(LATER + HOUR)
        mails = MailReports(service.runtime.units, service.settings)
        while await mails.run() == 0.0:
            pass
        service.sent = [
            found for mail in mailbox.wait_for(1) for found in re.findall(r"/reports/sent\?\S+", body(mail))
        ]
    groups = [{"name": "Boutique", "component_ids": [str(story.environment_id)]}]
    async with service.client(story) as agency:
        path = f"/v1/status-pages/{story.slug}"
        grouped = await agency.patch(path, json={"groups": groups}, headers={"if-match": "*"})
    assert grouped.status_code == 200, grouped.text
    return service


async def found_on(browser: Browser, url: str, paths: dict[str, str], language: str, token: str = "") -> dict[str, Any]:
    """What is wrong with each page in a language: at two widths, in the dark, and on paper."""
    found: dict[str, Any] = {}
    looks: list[tuple[ViewportSize, Literal["light", "dark"]]] = [(PHONE, "light"), (DESK, "light"), (DESK, "dark")]
    for size, scheme in looks:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        context = await browser.new_context(
            viewport=size, base_url=url, locale=language, color_scheme=scheme, extra_http_headers=headers
        )
        page = await context.new_page()
        for name, path in paths.items():
            answer = await page.goto(f"{path}{'&' if '?' in path else '?'}lang={language}")
            wrong = await faults(page)
            assert answer is not None
            if answer.status not in {httpx.codes.OK, httpx.codes.FORBIDDEN} and "none" not in name:
                wrong.append(f"is answered with {answer.status}")
            if "html" not in answer.headers["content-type"]:
                wrong.append(f"is {answer.headers['content-type']}")
            if wide := await overflow(page):
                wrong.append(f"{wide} pixels too wide")
            if await page.locator("html").get_attribute("lang") != language:
                wrong.append("is in another language")
            await page.emulate_media(media="print", color_scheme=scheme)
            if await page.evaluate("getComputedStyle(document.body).backgroundColor") != WHITE:
                wrong.append("is not white on paper")
            await page.emulate_media(media="screen", color_scheme=scheme)
            if wrong:
                found[f"{name}, {size['width']}, {scheme}"] = wrong
        await context.close()
    return found


@pytest.mark.capability("R04", "R05", "R36")
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_documents_and_pages_beside_the_status_page_can_be_read_by_everybody(
    browser: Browser, told: Any, story: Any, serve: Any, language: str
) -> None:
    contract, client = f"/v1/contracts/{story.contract_id}", f"/v1/clients/{story.client_id}"
    public = {
        "groups and charts": PAGE,
        "component": f"{PAGE}/components/{story.environment_id}",
        "none": "/status/nobody",
        "none of its components": f"{PAGE}/components/{new_id()}",
        "sent": told.sent[0],
    }
    documents = {
        "hours": f"{contract}/hours-reports/2026-06/html",
        "decisions": f"{contract}/decision-log/html",
        "margins": f"{contract}/margins/html",
        "history": f"{client}/history/html",
        "access": "/v1/access-log/html",
        "report": f"{contract}/reports/2026-06/editions/1/html",
        "pillars": f"{contract}/reports/2026-06/editions/1/html?layout=pillars",
        **{kind: f"{contract}/reviews/{kind}/2026-06/html" for kind in ("quarterly", "annual", "institutional")},
    }
    url = await serve(told)
    async with told.client() as visitor:
        shown = (await visitor.get(PAGE, headers={"accept": "text/html"})).text
    assert "Boutique" in shown
    assert shown.count("<svg") > 2
    found = await found_on(browser, url, public, language)
    found |= await found_on(browser, url, documents, language, told.tokens.mint(tenant_id=story.tenant_id))
    assert found == {}


@pytest.mark.capability("R04")
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_the_page_to_sign_in_on_can_be_read_by_everybody(browser: Browser, world: Any, language: str) -> None:
    await world.close_page(await world.trust(), admitted_domains=["martin.example"])
    pages = {
        "sign-on": PAGE,
        "component": f"{PAGE}/components/{world.story.environment_id}",
        "none that was asked for": f"{PAGE}/sso/callback?state=none",
    }
    assert await found_on(browser, world.url, pages, language) == {}
