"""The status page in a browser: two languages, phone and desk, without script, by keyboard, in the dark, on paper."""

import re
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize
from sqlalchemy import select

from reporting.adapters.page_settings import keep_picture, locked_row
from reporting.adapters.pictures import cleaned
from reporting.adapters.secret_box import SecretBox
from reporting.adapters.status_subscriptions import StatusSubscription, link_token
from reporting.domain.brand import contrast
from shared.ids import new_id

pytestmark = pytest.mark.slow

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
PAGE = "/status/boulangerie-martin"
PHONE, DESK = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=900)
NARROW = ViewportSize(width=320, height=640)
LOGO = b64decode(b"iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
"""One pixel."""
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
SAID = {
    "fr": ("Le service est indisponible", "Maintenance planifiée", "Systèmes"),
    "en": ("The service is unavailable", "Planned maintenance", "Systems"),
}

RING = """() => {
  const each = document.activeElement, own = getComputedStyle(each), clear = "rgba(0, 0, 0, 0)";
  let ground = parseFloat(own.outlineOffset) < 0 ? each : each.parentElement ?? each;
  while (getComputedStyle(ground).backgroundColor === clear && ground.parentElement) ground = ground.parentElement;
  return [own.outlineStyle, own.outlineColor, getComputedStyle(ground).backgroundColor];
}"""
"""How what has the focus is marked, in which colour, and the colour around it."""


def plain(colour: str) -> str:
    """`rgb(0, 16, 255)` as `#0010ff`."""
    return "#" + "".join(f"{int(channel):02x}" for channel in re.findall(r"\d+", colour)[:3])


@pytest.fixture
async def address(service: Any, story: Any, serve: Any) -> str:
    """A page on which much happens: an outage goes on, another is over, work is planned."""
    await service.hear(*story.golden_june()[:5])
    past, since = NOW - timedelta(days=3), NOW - timedelta(minutes=12)
    outages = (new_id(), new_id())
    await service.hear(story.down(outages[0], past), story.recovered(outages[0], past, past + timedelta(minutes=30)))
    await service.hear(story.down(outages[1], since))
    await service.hear(*story.incident(new_id(), outages[1], since, acknowledged=since + timedelta(minutes=2)))
    soon = (NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2))
    await service.hear(story.maintenance(NOW, soon, window_id=new_id()))
    return str(await serve(service))


@pytest.fixture
async def told_much(service: Any, story: Any, address: str) -> str:
    """The same page, with so much told of an incident that the page cannot hold it."""
    await service.hear(*story.incident(reported := new_id(), None, NOW - timedelta(minutes=12)))
    async with service.client(story) as agency:
        put = {
            "incident_id": str(reported),
            "titles": {"fr": "Paiements refusés", "en": "Payments are refused"},
            "components": [{"component_id": str(story.environment_id), "impact": "partial"}],
            "texts": {"fr": "La banque cherche. " * 90, "en": "The bank looks into it. " * 80},
        }
        answer = await agency.post(f"/v1/status-pages/{story.slug}/incidents", json=put)
        assert answer.status_code == 201, answer.text
        updates = f"{answer.headers['location']}/updates"
        for number in range(20):
            said = {"texts": {"fr": f"Étape {number}. " * 200, "en": f"Step {number}. " * 200}}
            assert (await agency.post(updates, json=said)).status_code == 201
    return address


async def faults(page: Page) -> list[str]:
    """What the accessibility tool finds wrong, with where."""
    found = await Axe().run(page, options={"runOnly": {"type": "tag", "values": RULES}, "resultTypes": ["violations"]})
    return [
        f"{each['id']}: {node['html'][:120]} ({node['failureSummary'][:200]})"
        for each in found.response["violations"]
        for node in each["nodes"]
    ]


async def overflow(page: Page) -> int:
    """By how many pixels the page is wider than its window."""
    wide: int = await page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return wide


@pytest.mark.capability("R04")
@pytest.mark.parametrize("language", ["fr", "en"])
async def test_a_visitor_reads_the_page_in_his_language_on_a_phone_and_at_a_desk(
    browser: Browser, address: str, language: str
) -> None:
    complaints: list[str] = []
    for size in (NARROW, PHONE, DESK):
        context = await browser.new_context(viewport=size, locale=language)
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        answer = await page.goto(address + PAGE)
        assert answer is not None
        assert len(await answer.body()) < 50_000
        for text in SAID[language]:
            assert await page.get_by_text(text, exact=True).first.is_visible(), text
        assert await page.locator("html").get_attribute("lang") == language
        assert await overflow(page) == 0
        assert await faults(page) == []
        assert complaints == []
        await context.close()


async def test_nothing_needs_a_script(browser: Browser, address: str) -> None:
    context = await browser.new_context(java_script_enabled=False, locale="en")
    page = await context.new_page()
    await page.goto(address + PAGE)
    assert await page.locator("script").count() == 0
    await page.get_by_text("1 day with an interruption").or_(page.get_by_text("2 days with interruptions")).click()
    assert await page.get_by_role("table").is_visible()
    await page.get_by_role("link", name="Français").click()
    assert await page.get_by_text("Le service est indisponible").is_visible()


async def test_everything_is_reached_by_keyboard_and_seen_while_it_is(browser: Browser, address: str) -> None:
    page = await browser.new_page(locale="en")
    await page.goto(address + PAGE)
    await page.keyboard.press("Tab")
    skip = page.get_by_role("link", name="Skip to content")
    assert await skip.evaluate("link => link === document.activeElement")
    box = await skip.bounding_box()
    assert box is not None
    assert box["x"] >= 0
    reached = []
    for _ in range(12):
        outline, ring, ground = await page.evaluate(RING)
        name = await page.evaluate("document.activeElement.textContent.trim()")
        assert outline != "none" or name == await page.evaluate("document.body.textContent.trim()"), name
        assert outline == "none" or contrast(plain(ring), plain(ground)) >= 3, (name, ring, ground)
        reached.append(name)
        await page.keyboard.press("Tab")
    for name in ("Français", "2 days with interruptions", "Atom", "Calendar of maintenance", "JSON"):
        assert name in reached
    await page.get_by_text("2 days with interruptions").focus()
    await page.keyboard.press("Enter")
    assert await page.get_by_role("table").is_visible()


async def test_the_page_is_dark_for_who_wants_it_dark_and_can_still_be_read(browser: Browser, address: str) -> None:
    context = await browser.new_context(color_scheme="dark", locale="en")
    page = await context.new_page()
    await page.goto(address + PAGE)
    ground = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert sum(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")) < 3 * 0x40
    assert await faults(page) == []


@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_visitor_follows_what_was_told_from_the_page_to_its_end_without_script(
    browser: Browser, told_much: str, language: str, scheme: Literal["light", "dark"]
) -> None:
    title, whole, every, further = {
        "fr": ("Paiements refusés", "Tout ce qui a été dit", "Toutes les interruptions", "Étape 0."),
        "en": ("Payments are refused", "All that was told", "All interruptions", "Step 0."),
    }[language]
    reader = await browser.new_context(locale=language, viewport=PHONE, java_script_enabled=False)
    page = await reader.new_page()
    await page.goto(told_much + PAGE)
    await page.get_by_role("link", name=f"{whole} – {title}").click()
    assert await page.get_by_role("heading", level=1).inner_text() == title
    assert await page.get_by_text(further).count() == 0
    await page.get_by_role("link", name="3", exact=True).click()
    assert await page.get_by_text(further).first.is_visible()
    part = page.url
    await page.get_by_role("link", name=every).click()
    await page.get_by_role("link", name=title).click()
    assert await page.get_by_role("heading", level=1).inner_text() == title
    for size in (NARROW, DESK):
        context = await browser.new_context(viewport=size, locale=language, color_scheme=scheme)
        judged = await context.new_page()
        for path in (part, page.url, f"{told_much}{PAGE}/incidents"):
            answer = await judged.goto(path)
            assert answer is not None
            assert len(await answer.body()) < 50_000
            assert await overflow(judged) == 0
            assert await faults(judged) == []
        await context.close()


async def test_on_paper_it_is_ink_on_white_and_whole(browser: Browser, address: str) -> None:
    context = await browser.new_context(color_scheme="dark", locale="en")
    page = await context.new_page()
    await page.goto(address + PAGE)
    await page.emulate_media(media="print", color_scheme="dark")
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert not await page.get_by_role("navigation").is_visible()
    assert await page.get_by_text("The service is unavailable", exact=True).first.is_visible()
    assert (await page.pdf()).startswith(b"%PDF")


DARK = {"primary": "#7dd3fc", "background": "#0b1120", "text": "#e2e8f0"}


async def test_a_dark_brand_is_read_on_paper_too(browser: Browser, service: Any, story: Any, address: str) -> None:
    async with service.client(story) as agency:
        path, wanted = f"/v1/status-pages/{story.slug}", {"colours": DARK, "variables": {"muted": "#cbd5e1"}}
        assert (await agency.patch(path, json=wanted, headers={"if-match": "*"})).status_code == 200
    page = await browser.new_page(locale="en")
    for part in ("", f"/components/{story.environment_id}", "/incidents"):
        await page.goto(f"{address}{PAGE}{part}")
        assert plain(await page.evaluate("getComputedStyle(document.body).backgroundColor")) == DARK["background"]
        assert await faults(page) == []
        await page.emulate_media(media="print")
        assert plain(await page.evaluate("getComputedStyle(document.body).backgroundColor")) == "#ffffff"
        assert await faults(page) == []
        await page.emulate_media(media="screen")


async def test_a_page_with_a_password_is_opened_by_keyboard_and_without_script(
    browser: Browser, service: Any, story: Any, address: str
) -> None:
    service.app.state.settings = service.settings.model_copy(update={"public_url": address})
    async with service.client(story) as agency:
        wanted = {"audience": "password", "password": "pain au levain"}
        path = f"/v1/status-pages/{story.slug}"
        assert (await agency.patch(path, json=wanted, headers={"if-match": "*"})).status_code == 200
    judged = await browser.new_page(locale="fr", viewport=NARROW)
    await judged.goto(f"{address}{PAGE}?refused=1")
    assert await faults(judged) == []
    assert await overflow(judged) == 0
    context = await browser.new_context(java_script_enabled=False, locale="en", viewport=PHONE)
    page = await context.new_page()
    await page.goto(address + PAGE)
    for password, told in (("baguette", "This is not the password"), ("pain au levain", "The service is unavailable")):
        await page.get_by_label("Password").focus()
        await page.keyboard.type(password)
        async with page.expect_navigation():
            await page.keyboard.press("Enter")
        assert await page.get_by_text(told).first.is_visible()
    await page.reload()
    assert await page.get_by_text("The service is unavailable").first.is_visible()


async def test_a_visitor_subscribes_without_script_and_every_step_can_be_read_by_everybody(
    browser: Browser, start_service: Any, story: Any, serve: Any
) -> None:
    service = await start_service(smtp_host="127.0.0.1", smtp_port=9, smtp_starttls="never")
    await service.hear(*story.golden_june()[:5])
    address = await serve(service)
    context = await browser.new_context(java_script_enabled=False, locale="fr", viewport=PHONE)
    page = await context.new_page()
    await page.goto(address + PAGE)
    await page.get_by_label("Adresse e-mail").fill("paul@example.org")
    async with page.expect_navigation():
        await page.keyboard.press("Enter")
    assert await page.get_by_text("Consultez votre boîte de réception").is_visible()
    await page.get_by_role("link", name="Vers la page").click()
    assert await page.get_by_text("Systèmes", exact=True).is_visible()
    async with service.runtime.units.for_every_tenant() as unit:
        (row,) = (await unit.session.scalars(select(StatusSubscription))).all()
    link = link_token(SecretBox(service.settings.secret_key), row.subscription_id)
    await page.goto(f"{address}{PAGE}/subscription/{link}")
    await page.get_by_role("button", name="Oui, je confirme").press("Enter")
    await page.get_by_text("Vous êtes prévenu par e-mail").wait_for()
    await page.get_by_role("button", name="Mettre fin à l’abonnement").press("Enter")
    await page.get_by_text("Vous n’êtes pas prévenu par e-mail").wait_for()
    judged = await browser.new_page(locale="en", viewport=NARROW)
    for path in ("", f"/subscription/{link}"):
        await judged.goto(f"{address}{PAGE}{path}")
        assert await faults(judged) == []
        assert await overflow(judged) == 0


async def test_a_page_on_a_domain_of_its_own_works_there_whole(
    browser: Browser, service: Any, story: Any, address: str
) -> None:
    async with service.runtime.units.for_tenant(story.tenant_id) as unit:
        row = await locked_row(unit, story.slug)
        row.domain, row.domain_token, row.domain_verified_at = "status.martin.example", "t", NOW
        await keep_picture(unit, row, "logo", cleaned(LOGO, widest=10, highest=10))
    page = await browser.new_page(locale="en")
    await page.goto(address.replace("127.0.0.1", "status.martin.example"))
    assert await page.get_by_text("The service is unavailable").first.is_visible()
    assert await page.locator("header img").evaluate("picture => picture.naturalWidth") == 1
    await page.get_by_role("link", name="Français").click()
    assert await page.get_by_text("Le service est indisponible").first.is_visible()
    await page.get_by_role("link", name="JSON").click()
    assert "open_incidents" in await page.content()


async def test_a_page_of_many_systems_is_still_light(service: Any, story: Any) -> None:
    sites = [
        {
            "site_id": str(new_id()),
            "name": f"site-{number}.boulangerie-martin.example",
            "kind": "website",
            "environments": [
                {
                    "environment_id": str(new_id()),
                    "name": "production",
                    "url": "https://a.example/",
                    "counts_for_sla": True,
                }
            ],
        }
        for number in range(20)
    ]
    await service.hear(story.contract("activated", NOW - timedelta(days=60), sites=sites))
    async with service.client() as visitor:
        page = await visitor.get(PAGE, headers={"accept": "text/html"})
    assert len(page.content) < 50_000
