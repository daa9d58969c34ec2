"""The portal in a browser: two languages, phone and desk, by keyboard, without script, in the dark, on paper."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize

from shared.testing.running_stack import RunningStack
from shared.testing.small_site import SmallSite

from .browser import chromium, faults, overflow
from .portal_visitor import PortalVisitor
from .portal_world import PortalClient, new_word, portal_client, wait_until_shown
from .thread_client import ThreadClient

pytestmark = pytest.mark.slow

PHONE, DESK = ViewportSize(width=360, height=740), ViewportSize(width=1280, height=900)
PICTURES = os.environ.get("PORTAL_PICTURES")
"""A folder: then every page leaves a picture there, for somebody to look at."""


@pytest.fixture(scope="module")
def client(running_stack: RunningStack, small_site: SmallSite) -> PortalClient:
    tenant = running_stack.new_tenant("Agence Lumière")
    with ThreadClient(running_stack, running_stack.token(tenant)) as owner:
        made = portal_client(owner, small_site, new_word())
        wait_until_shown(owner, made)
    return made


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def cookie(running_stack: RunningStack, client: PortalClient) -> str:
    """Of a decider who is signed in."""
    visitor = PortalVisitor(running_stack)
    visitor.sign_in(client.decider)
    found = str(visitor.http.cookies.get("portal"))
    visitor.close()
    return found


def opened(
    browser: Browser,
    stack: RunningStack,
    cookie: str,
    *,
    size: ViewportSize = DESK,
    dark: bool = False,
    script: bool = True,
) -> BrowserContext:
    context = browser.new_context(
        viewport=size,
        locale="fr",
        java_script_enabled=script,
        color_scheme="dark" if dark else "light",
        base_url=stack.reporting_url,
    )
    context.add_cookies([{"name": "portal", "value": cookie, "url": stack.reporting_url}])
    return context


def pages_of(client: PortalClient) -> dict[str, str]:
    """Every kind of page, with its heading in French where it is always the same."""
    contract = f"/portal/contracts/{client.contract.contract_id}"
    month = f"{client.contract.activated_at:%Y-%m}"
    return {
        "/portal": "Vue d’ensemble",
        f"{contract}/uptime": "Disponibilité mois par mois",
        "/portal/incidents": "Incidents",
        f"/portal/incidents/{client.incident_id}": "",
        "/portal/requests": "Demandes",
        "/portal/requests/new/error": "",
        "/portal/requests/new/feature": "",
        "/portal/requests/new/assistance": "",
        f"/portal/requests/{client.request_id}": "",
        "/portal/approvals": "",
        "/portal/changes": "Tous les changements",
        f"/portal/changes/{client.change_id}": "",
        "/portal/reports": "Rapports",
        f"{contract}/reports/{month}": "",
        f"{contract}/reports/{month}/so-far": "",
        "/portal/contracts": "",
        contract: "",
        "/portal/hours": "Heures",
        f"{contract}/hours": "",
        "/portal/advice": "",
        f"/portal/advice/{client.advisory_id}": "",
        "/portal/invoices": "Factures",
        "/portal/sessions": "",
        "/portal/nothing": "Page introuvable",
        "/portal/sign-in": "",
    }


def picture(page: Page, name: str) -> None:
    if PICTURES:
        page.screenshot(path=Path(PICTURES) / f"{name}.png", full_page=True)


@pytest.mark.capability("R05")
@pytest.mark.parametrize("language", ["fr", "en"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_every_page_can_be_read_by_everybody_on_a_phone_and_at_a_desk(
    browser: Browser,
    running_stack: RunningStack,
    client: PortalClient,
    cookie: str,
    language: str,
    size: ViewportSize,
) -> None:
    context = opened(browser, running_stack, cookie, size=size)
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(f"{page.url}: {message.text}"))
    found: dict[str, object] = {}
    for number, (path, heading) in enumerate(pages_of(client).items()):
        page.goto(f"{path}?lang={language}")
        place = re.sub("[^a-z]+", "-", path.partition(client.contract.contract_id)[2] or path)
        picture(page, f"{language}-{size['width']}-{number:02}-{place}")
        wrong: list[str] = faults(page)
        if overflow(page):
            wrong.append(f"{overflow(page)} pixels too wide")
        if page.locator("html").get_attribute("lang") != language:
            wrong.append("is in another language")
        if language == "fr" and heading and heading not in page.inner_text("h1"):
            wrong.append(f"is headed {page.inner_text('h1')}")
        if not path.endswith(("/portal", "/sign-in")) and page.locator("a[href^='/portal']").count() == 0:
            wrong.append("has no way back")
        if wrong:
            found[path] = wrong
    context.close()
    assert found == {}
    assert [each for each in complaints if "404" not in each] == []


def test_the_portal_is_dark_for_who_wants_it_dark_and_ink_on_white_on_paper(
    browser: Browser, running_stack: RunningStack, client: PortalClient, cookie: str
) -> None:
    context = opened(browser, running_stack, cookie, dark=True)
    page = context.new_page()
    for number, path in enumerate(("/portal", f"/portal/incidents/{client.incident_id}", "/portal/requests/new/error")):
        page.goto(path)
        ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert sum(int(part) for part in ground.removeprefix("rgb(").removesuffix(")").split(",")) < 3 * 0x40
        assert faults(page) == []
        picture(page, f"dark-{number}")
        page.emulate_media(media="print", color_scheme="dark")
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
        assert not page.get_by_role("navigation").first.is_visible()
        assert page.locator("h1").is_visible()
        assert page.pdf().startswith(b"%PDF")
        picture(page, f"paper-{number}")
        page.emulate_media(media="screen", color_scheme="dark")
    context.close()


def test_a_client_asks_for_something_by_keyboard_alone_and_without_script(
    browser: Browser, running_stack: RunningStack, client: PortalClient, cookie: str
) -> None:
    context = opened(browser, running_stack, cookie, script=False, size=PHONE)
    page = context.new_page()
    page.goto("/portal?lang=fr")
    page.keyboard.press("Tab")
    assert page.locator(".skip").evaluate("link => link === document.activeElement")
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        active = page.locator(":focus")
        if active.count() == 0:
            break
        assert active.evaluate("each => getComputedStyle(each).outlineStyle") != "none"
        reached.append(active.inner_text())
        if active.inner_text() == "Demandes":
            break
    assert reached[-1] == "Demandes", reached
    page.keyboard.press("Enter")
    page.wait_for_url("**/portal/requests")
    page.get_by_role("link", name="Poser une question").focus()
    page.keyboard.press("Enter")
    page.get_by_label("En une ligne").focus()
    for text in ("Ajouter une page", "Menu", "Comment faire ?"):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    assert page.get_by_role("button", name="Envoyer").evaluate("each => each === document.activeElement")
    page.keyboard.press("Enter")
    page.get_by_role("status").wait_for()
    assert "Ajouter une page" in page.inner_text("h1")
    page.get_by_role("link", name="Toutes les demandes").focus()
    page.keyboard.press("Enter")
    page.wait_for_url("**/portal/requests")
    context.close()


def test_what_was_written_after_the_session_had_ended_is_found_again_after_signing_in(
    browser: Browser, running_stack: RunningStack, client: PortalClient
) -> None:
    visitor = PortalVisitor(running_stack)
    visitor.sign_in(client.decider)
    cookie = str(visitor.http.cookies.get("portal"))
    context = opened(browser, running_stack, cookie, script=False)
    page = context.new_page()
    page.goto(f"/portal/requests/{client.request_id}?lang=fr")
    page.get_by_label("Écrire à votre agence").fill("Trois heures de travail")
    visitor.send("/portal", "/portal/sign-out")
    page.get_by_role("button", name="Envoyer").click()
    page.wait_for_url("**/portal/sign-in?out=kept")
    assert "Votre texte est conservé" in page.inner_text("main")
    page.goto(visitor.link_for(client.decider, after=len(visitor.mailed_links(client.decider))))
    page.get_by_role("button").click()
    page.wait_for_url(f"**/portal/requests/{client.request_id}")
    assert page.get_by_label("Écrire à votre agence").input_value() == "Trois heures de travail"
    page.get_by_role("button", name="Envoyer").click()
    page.wait_for_url("**?sent=yes")
    assert "Trois heures de travail" in page.inner_text("main")
    assert page.get_by_label("Écrire à votre agence").input_value() == ""
    visitor.close()
    context.close()
