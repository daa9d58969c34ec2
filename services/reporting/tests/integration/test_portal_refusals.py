"""What the portal refuses: it says so in the reader's language, loses nothing of what was written, signs nobody out."""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from reporting.adapters.portal_store import LEASE, make_link, take_asking
from reporting.domain.portal import DRAFT_LIFE, IDLE_LIFE
from reporting.jobs.mail_sign_in_links import MailSignInLinks
from shared.caller_limit import CallerLimit
from shared.ids import new_id

from .test_portal_pages import NOWHERE, Page, get, person_of, portal, press, signed_in

__all__ = ["portal"]

ITEM = "0198f000-0000-7000-8000-000000000301"
QUESTION = {"title": "Une page de plus", "topic": "Menu", "question": "Comment ajouter une page ?", "place": "x"}
OWN = {"Sec-Fetch-Site": "same-origin"}
ENGLISH = "This is for programs: the change has status approved."


class Refusing(BaseHTTPRequestHandler):
    """Contracts and incidents as one: gives tokens and what it was given to read, and refuses everything else."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.path == "/v1/portal/tokens":
            self._answer(200, {"access_token": "t", "expires_in": 600})
        else:
            self.server.keys.append(self.headers["Idempotency-Key"])  # type: ignore[attr-defined]
            self.server.sent.append((self.path, json.loads(body)))  # type: ignore[attr-defined]
            self._refuse()

    def do_GET(self) -> None:
        found = self.server.reads.get(self.path.partition("?")[0])  # type: ignore[attr-defined]
        if found is None:
            self._refuse()
        else:
            self._answer(200, found)

    def _refuse(self) -> None:
        status = int(self.server.answers_with)  # type: ignore[attr-defined]
        self._answer(status, {"status": status, "title": "Conflict", "detail": ENGLISH, "code": "conflict"})

    def _answer(self, status: int, told: Any) -> None:
        body = json.dumps(told).encode()
        self.send_response(status)
        if status == 429 and (wait := self.server.wait):  # type: ignore[attr-defined]
            self.send_header("retry-after", wait)
        self.send_header("content-type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_told: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[Any]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Refusing) as server:
        server.answers_with, server.keys, server.sent, server.reads = 409, [], [], {}  # type: ignore[attr-defined]
        server.wait = None  # type: ignore[attr-defined]
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


async def form_token(portal: Any, browser: dict[str, str]) -> str:
    page = (await get(portal, "/portal/sessions", browser)).text
    return page.partition('name="form_token" value="')[2].partition('"')[0]


def form_of(html: str, path: str) -> dict[str, str]:
    """The hidden fields of the form that goes to a path."""
    form = html.partition(f'action="{path}"')[2].partition("</form>")[0]
    return dict(re.findall(r'<input type="hidden" name="([a-z_]+)" value="([^"]*)">', form))


async def write(portal: Any, path: str, browser: dict[str, str], **fields: str) -> httpx.Response:
    return await press(portal, path, urlencode(fields), OWN | browser)


async def sign_in_again(portal: Any, person: Any) -> tuple[str, dict[str, str]]:
    """By a new link; gives where the browser is sent, and what it carries from now on."""
    async with portal.runtime.units.for_every_tenant() as unit:
        secret = make_link(unit, person)
    answer = await press(portal, f"/portal/sign-in/{secret}", "", OWN)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    return answer.headers["location"], {"Cookie": cookie, "Accept": "text/html"}


# --- forms from elsewhere --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}])
@pytest.mark.parametrize("path", ["/portal/sign-out", "/portal/requests/new/error", f"/portal/items/{ITEM}/replies"])
async def test_a_form_from_another_site_is_refused_and_signs_nobody_out(
    portal: Any, story: Any, path: str, headers: dict[str, str]
) -> None:
    browser = await signed_in(portal, person_of(story))
    for cookie in (browser, {}):  # a browser leaves the cookie out, so that it looks as if nobody was signed in
        answer = await press(portal, path, "note=x", headers | cookie)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert (await get(portal, "/portal/sessions", browser)).status_code == 200


# --- what was written ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "page", "field"),
    [
        ("/portal/requests/new/assistance", "/portal/requests/new/assistance", "question"),
        (f"/portal/items/{ITEM}/replies", f"/portal/incidents/{ITEM}", "note"),
        (f"/portal/changes/{ITEM}/decline", f"/portal/changes/{ITEM}", "reason"),
        (f"/portal/advice/{ITEM}/answer", f"/portal/advice/{ITEM}", "reason"),
    ],
)
async def test_what_was_written_when_the_session_had_ended_is_there_after_signing_in(
    portal: Any, story: Any, path: str, page: str, field: str
) -> None:
    person = person_of(story)
    browser = await signed_in(portal, person)
    token = await form_token(portal, browser)
    portal.clock.advance(IDLE_LIFE + timedelta(minutes=1))
    sent = await write(portal, path, browser, form_token=token, **{field: "Trois heures de travail", "from": page})
    assert sent.headers["location"] == "/portal/sign-in?out=kept"
    told = await get(portal, sent.headers["location"], {"Accept-Language": "fr"})
    assert "Votre texte est conservé" in told.text
    where, browser = await sign_in_again(portal, person)
    assert where == page
    home = await get(portal, "/portal", browser)
    assert f'href="{page}"' in home.text
    stranger, theirs = await sign_in_again(portal, person.model_copy(update={"user_id": new_id()}))
    assert stranger == "/portal"
    assert page not in (await get(portal, "/portal", theirs)).text


async def test_a_form_that_is_found_again_is_filled_in_and_kept_until_it_is_sent(portal: Any, story: Any) -> None:
    await portal.hear(*story.golden_june()[:1])
    person, path = person_of(story), "/portal/requests/new/assistance"
    browser = await signed_in(portal, person)
    token = await form_token(portal, browser)
    portal.clock.advance(IDLE_LIFE + timedelta(minutes=1))
    await write(portal, path, browser, form_token=token, **QUESTION)
    where, browser = await sign_in_again(portal, person)
    page = await get(portal, where, browser)
    assert Page(page.text).faults() == []
    assert "Rien n’a encore été envoyé" in page.text
    for written in (QUESTION["title"], QUESTION["topic"], "Comment ajouter une page"):
        assert written in page.text
    portal.clock.advance(DRAFT_LIFE)
    _, browser = await sign_in_again(portal, person)
    assert QUESTION["title"] not in (await get(portal, path, browser)).text, "after a day it is gone"


async def test_a_form_that_is_none_of_that_session_is_kept_for_nobody(portal: Any, story: Any) -> None:
    person = person_of(story)
    browser = await signed_in(portal, person)
    portal.clock.advance(IDLE_LIFE + timedelta(minutes=1))
    sent = await write(portal, "/portal/requests/new/assistance", browser, form_token="0" * 64, **QUESTION)
    assert sent.headers["location"] == "/portal/sign-in?out=yes"
    assert (await sign_in_again(portal, person))[0] == "/portal"


async def test_what_cannot_be_sent_because_a_service_is_away_or_one_signed_in_anew_is_kept_too(
    portal: Any, story: Any
) -> None:
    await portal.hear(*story.golden_june()[:1])
    person, path = person_of(story), "/portal/requests/new/assistance"
    old, new = await signed_in(portal, person), await signed_in(portal, person)
    token = await form_token(portal, old)
    for browser, status in ((old, 503), (new, 403)):
        answer = await write(portal, path, browser, form_token=token, **QUESTION)
        assert answer.status_code == status
        assert f'href="{path}"' in answer.text
        assert "Votre texte est conservé" in answer.text
        assert QUESTION["title"] in (await get(portal, path, browser)).text
    forged = await press(portal, path, urlencode(QUESTION | {"form_token": "0" * 64}), new)
    assert "Votre texte est conservé" not in forged.text, "nothing says that it came from us"


ASKED = {name: value for name, value in QUESTION.items() if name != "place"}
CHANGE: dict[str, Any] = {
    "item_id": ITEM,
    "kind": "change",
    "contract_id": ITEM,
    "number": "CHG-1",
    "title": "Une page de plus",
    "description": "",
    "status": "estimated",
    "details": {},
    "allowed_acts": ["approve", "decline"],
    "freezes_to_approve": [],
    "timestamps": {},
    "clocks": [],
}
UPDATE = CHANGE | {
    "kind": "work_order",
    "number": "WO-1",
    "title": "Mises à jour",
    "status": "planned",
    "details": {"planned_on": "2026-06-15", "checklist": [], "approval": {"approved_freezes": ["Soldes"]}},
    "allowed_acts": ["start", "cancel"],
    "freezes_to_approve": ["Bac <blanc>", "Parcoursup"],
}
ADVISORY: dict[str, Any] = {
    "advisory_id": ITEM,
    "title": {"fr": "Une version finit"},
    "body": {"fr": "Elle n’est plus entretenue."},
    "kind": "other",
    "status": "delivered",
    "created_at": "2026-06-01T08:00:00Z",
    "answered_at": None,
}
READ: dict[str, Any] = {
    f"/v1/changes/{ITEM}": CHANGE,
    f"/v1/work-orders/{ITEM}": UPDATE,
    f"/v1/items/{ITEM}/timeline": {"data": []},
    f"/v1/items/{ITEM}/attachments": {"data": []},
    f"/v1/advisories/{ITEM}": ADVISORY,
}


@pytest.mark.parametrize(
    ("path", "page", "written"),
    [
        ("/portal/requests/new/assistance", "/portal/requests/new/assistance", ASKED),
        (f"/portal/items/{ITEM}/replies", f"/portal/changes/{ITEM}", {"note": "\nDeux lignes,\r\nbien écrites"}),
        (f"/portal/changes/{ITEM}/approve", f"/portal/changes/{ITEM}", {"note": "Oui"}),
        (f"/portal/changes/{ITEM}/decline", f"/portal/changes/{ITEM}", {"reason": "Trop cher"}),
        (f"/portal/work-orders/{ITEM}/approve", f"/portal/work-orders/{ITEM}", {"note": "Oui"}),
        (f"/portal/items/{ITEM}/replies", f"/portal/work-orders/{ITEM}", {"note": "Quand ?"}),
        (f"/portal/advice/{ITEM}/answer", f"/portal/advice/{ITEM}", {"answer": "refused", "reason": "Trop tôt"}),
    ],
)
async def test_what_is_sent_again_as_it_was_kept_is_the_same_request_and_another_one_once_it_is_changed(
    start_service: Any, story: Any, refusing: Any, path: str, page: str, written: dict[str, str]
) -> None:
    """The answer was lost, not the request: it may have been done already."""
    url = f"http://127.0.0.1:{refusing.server_port}"
    refusing.answers_with, refusing.reads = 503, READ
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    await portal.hear(*story.golden_june()[:1])
    browser = await signed_in(portal, person_of(story))

    async def send(**changed: str) -> str:
        """From the page as it is now; gives by what the service tells it from another request."""
        opened = await get(portal, page, browser)
        assert Page(opened.text).faults() == []
        sent = {name: value.strip() for name, value in written.items()} | form_of(opened.text, path) | changed
        assert (await write(portal, path, browser, **sent)).status_code == 503
        return str(refusing.keys[-1])

    first = await send(**written)
    assert await send() == first
    (name,) = {"question", "note", "reason"} & set(written)
    second = await send(**{name: "Autre chose"})
    assert second != first
    assert await send(**{name: "Autre chose"}) == second


async def test_a_form_that_is_refused_as_it_stands_is_the_same_request_when_it_is_sent_again(
    start_service: Any, story: Any, refusing: Any
) -> None:
    """It may be refused because the first is still under way."""
    url = f"http://127.0.0.1:{refusing.server_port}"
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    await portal.hear(*story.golden_june()[:1])
    browser, path = await signed_in(portal, person_of(story)), "/portal/requests/new/assistance"
    opened = await get(portal, path, browser)
    for _ in range(2):
        opened = await write(portal, path, browser, **(QUESTION | form_of(opened.text, path)))
        assert opened.status_code == 422
    first, second = refusing.keys
    assert first == second


def in_english(html: str) -> str:
    """Where the link to the other language leads."""
    (address,) = re.findall(r'<a href="([^"]+)" lang="en" hreflang="en">', html)
    return unescape(address)


@pytest.mark.parametrize("lacking", ["", "title"])
async def test_a_form_that_was_refused_is_the_same_in_the_other_language_and_found_again_later(
    start_service: Any, story: Any, refusing: Any, lacking: str
) -> None:
    url = f"http://127.0.0.1:{refusing.server_port}"
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    await portal.hear(*story.golden_june()[:1])
    browser, path = await signed_in(portal, person_of(story)), "/portal/requests/new/assistance"
    sent = QUESTION | {"form_token": await form_token(portal, browser)} | ({lacking: ""} if lacking else {})
    refused = await write(portal, path, browser, **sent)
    assert refused.status_code == 422
    again = (await get(portal, in_english(refused.text), browser)).text
    assert "What you wrote before is in the form again." in again
    assert QUESTION["topic"] in again
    assert "Comment ajouter une page" in again
    assert f'href="{path}"' in (await get(portal, "/portal", browser)).text


@pytest.mark.parametrize(
    ("path", "page", "sent"),
    [
        (f"/portal/advice/{ITEM}/answer", f"/portal/advice/{ITEM}", {"answer": "refused"}),
        (f"/portal/changes/{ITEM}/decline", f"/portal/changes/{ITEM}", {}),
    ],
)
async def test_a_no_without_a_reason_leads_on_as_the_page_does_on_which_it_was_said(
    start_service: Any, story: Any, refusing: Any, path: str, page: str, sent: dict[str, str]
) -> None:
    url = f"http://127.0.0.1:{refusing.server_port}"
    refusing.reads = READ
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    await portal.hear(*story.golden_june()[:1])
    browser = await signed_in(portal, person_of(story))
    refused = await write(portal, path, browser, form_token=await form_token(portal, browser), reason=" ", **sent)
    assert refused.status_code == 422
    assert in_english(refused.text) == f"{page}?lang=en"
    other = await get(portal, in_english(refused.text), browser)
    assert other.status_code == 200
    if sent:
        assert 'value="refused" required checked' in refused.text
        assert 'value="refused" required checked' in other.text
    else:
        reply = form_of(refused.text, f"/portal/items/{ITEM}/replies")
        assert reply["from"] == page


async def test_the_other_language_of_a_page_is_the_same_part_of_it(portal: Any, story: Any) -> None:
    await portal.hear(*story.golden_june()[:1])
    shown = await get(portal, "/portal/reports?before=2026-05&lang=fr", await signed_in(portal, person_of(story)))
    assert in_english(shown.text) == "/portal/reports?before=2026-05&lang=en"


async def test_what_somebody_wrote_is_not_kept_for_whoever_signed_in_after_him_in_the_same_browser(
    portal: Any, story: Any
) -> None:
    await portal.hear(*story.golden_june()[:1])
    lea, path = person_of(story), "/portal/requests/new/assistance"
    token = await form_token(portal, await signed_in(portal, lea))
    for changed in ({"user_id": new_id()}, {"client_id": new_id()}):
        browser = await signed_in(portal, lea.model_copy(update=changed))
        answer = await write(portal, path, browser, form_token=token, **QUESTION)
        assert answer.status_code == 403
        assert "Votre texte est conservé" not in answer.text
        assert QUESTION["title"] not in (await get(portal, path, browser)).text
    async with portal.runtime.units.for_every_tenant() as unit:
        assert await unit.session.scalar(text("select count(*) from reporting.portal_draft")) == 0


async def test_what_was_written_in_a_session_that_is_over_is_kept_when_one_signed_in_again(
    portal: Any, story: Any
) -> None:
    await portal.hear(*story.golden_june()[:1])
    lea, path = person_of(story), "/portal/requests/new/assistance"
    token = await form_token(portal, await signed_in(portal, lea))
    portal.clock.advance(IDLE_LIFE + timedelta(minutes=1))
    browser = await signed_in(portal, lea)
    answer = await write(portal, path, browser, form_token=token, **QUESTION)
    assert answer.status_code == 403
    assert "Votre texte est conservé" in answer.text


# --- in the reader's language ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 403, 409, 412, 413, 422])
async def test_the_refusal_of_another_service_is_told_in_the_reader_s_language(
    start_service: Any, story: Any, refusing: Any, status: int
) -> None:
    url = f"http://127.0.0.1:{refusing.server_port}"
    refusing.answers_with = status
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    await portal.hear(*story.golden_june()[:1])
    browser = await signed_in(portal, person_of(story))
    token = await form_token(portal, browser)
    answers = [await get(portal, path, browser) for path in ("/portal/incidents", f"/portal/requests/{ITEM}")]
    answers += [
        await write(portal, f"/portal/changes/{ITEM}/approve", browser, form_token=token, note="Oui"),
        await write(portal, f"/portal/items/{ITEM}/replies", browser, form_token=token, note="Bonjour"),
        await write(portal, "/portal/requests/new/assistance", browser, form_token=token, **QUESTION),
    ]
    for answer in answers:
        assert answer.status_code in (status, 422)
        assert ENGLISH not in answer.text
        assert "Conflict" not in answer.text
        assert 'lang="fr"' in answer.text
        assert answer.headers["content-language"] == "fr"
        assert Page(answer.text).faults() == []


@pytest.mark.parametrize(("language", "says"), [("fr", "Réessayez dans un instant."), ("en", "Try again in a moment.")])
async def test_whoever_asked_too_much_at_once_is_told_to_come_back_in_a_moment_and_loses_nothing(
    start_service: Any, story: Any, refusing: Any, language: str, says: str
) -> None:
    url = f"http://127.0.0.1:{refusing.server_port}"
    refusing.answers_with, refusing.wait = 429, "3"
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    await portal.hear(*story.golden_june()[:1])
    browser = await signed_in(portal, person_of(story).model_copy(update={"language": language}))
    token = await form_token(portal, browser)
    hours = f"/portal/contracts/{story.contract_id}/hours"
    answers = [await get(portal, path, browser) for path in ("/portal/incidents", f"/portal/requests/{ITEM}", hours)]
    answers += [
        await write(portal, f"/portal/changes/{ITEM}/approve", browser, form_token=token, note="Oui"),
        await write(portal, "/portal/requests/new/assistance", browser, form_token=token, **QUESTION),
    ]
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "3"), answer.url
        assert says in answer.text.replace("\u202f", " ").replace("\xa0", " "), answer.url
        assert f'lang="{language}"' in answer.text
        assert Page(answer.text).faults() == []
    # The first page shows what it knows itself; what was written is found again.
    assert (await get(portal, "/portal", browser)).status_code == 200
    assert QUESTION["question"] in (await get(portal, "/portal/requests/new/assistance", browser)).text
    refusing.wait = None
    assert (await get(portal, "/portal/incidents", browser)).headers["retry-after"] == "1"


async def test_who_is_signed_in_is_counted_with_what_the_same_person_asks_by_token_and_holds_nobody_else_back(
    start_service: Any, story: Any, refusing: Any
) -> None:
    url = f"http://127.0.0.1:{refusing.server_port}"
    portal = await start_service(portal_secret="s" * 40, contracts_url=url, incidents_url=url)
    now = 0.0
    person, somebody = person_of(story), person_of(story).model_copy(update={"user_id": new_id()})
    browser, another = await signed_in(portal, person), await signed_in(portal, person)
    token = await form_token(portal, browser)
    portal.app.state.caller_limit = CallerLimit(0.5, 3, lambda: now)
    before = REGISTRY.get_sample_value("http_requests_held_back_total", {"limit": "credential"}) or 0

    assert (await get(portal, "/portal/sessions", browser)).status_code == 200
    assert (await get(portal, "/portal/sessions", another)).status_code == 200, "the sessions of one person are one"
    async with portal.client(
        story, role="client_decider", client_id=story.client_id, subject=str(person.user_id)
    ) as by:
        assert (await by.get("/v1/contracts/" + str(story.contract_id) + "/reports/2026-06")).headers[
            "ratelimit"
        ] == '"credential";r=0'
    asked = len(refusing.sent)
    answers = [
        await get(portal, f"/portal/contracts/{story.contract_id}/evidence/2026-06", browser),
        await write(portal, f"/portal/changes/{ITEM}/approve", browser, form_token=token, note="Oui"),
    ]
    for answer in answers:
        assert (answer.status_code, answer.headers["retry-after"]) == (429, "2"), answer.url
        assert "Réessayez dans un instant." in answer.text.replace("\u202f", " ").replace("\xa0", " ")
        assert 'lang="fr"' in answer.text
        assert Page(answer.text).faults() == []
    assert len(refusing.sent) == asked, "nothing was done"
    assert REGISTRY.get_sample_value("http_requests_held_back_total", {"limit": "credential"}) == before + 2

    assert (await get(portal, "/portal/sessions", await signed_in(portal, somebody))).status_code == 200
    assert (await get(portal, "/portal/sign-in")).status_code == 200, "who is not signed in is not counted here"
    now = 2.0
    assert (await get(portal, "/portal/sessions", browser)).status_code == 200
    assert (await get(portal, "/portal/sessions", browser)).status_code == 429


async def test_what_no_route_answers_is_a_page_in_the_reader_s_language(portal: Any, story: Any) -> None:
    browser = await signed_in(portal, person_of(story))
    french = {"Accept-Language": "fr", "Accept": "text/html"}
    long = "note=" + "x" * 70_000
    answers = [
        (404, await get(portal, "/portal/nothing", french)),
        (404, await get(portal, f"/portal/contracts/{ITEM}/nothing", browser | french)),
        (405, await press(portal, "/portal/reports", "x=1", OWN | browser | french)),
        (413, await press(portal, f"/portal/items/{ITEM}/replies", long, OWN | browser | french)),
        (404, await get(portal, "/portal/incidents/no-id", browser | french)),
        (404, await get(portal, f"/portal/contracts/{ITEM}/hours?month=nonsense", browser)),
    ]
    for status, answer in answers:
        assert answer.status_code == status, answer.url
        assert answer.headers["content-type"].startswith("text/html"), answer.url
        assert '<html lang="fr">' in answer.text, answer.url
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert 'href="/portal"' in answer.text, "there is a way back"
    programs = await get(portal, "/v1/nothing")
    assert programs.headers["content-type"] == "application/problem+json"


async def test_where_there_is_no_portal_every_page_of_it_says_so(start_service: Any) -> None:
    service = await start_service()
    answers = [
        await get(service, path)
        for path in ("/portal", "/portal/sign-in", f"/portal/sign-in/{'A' * 43}", f"/portal/sso/{ITEM}")
    ]
    answers.append(await press(service, "/portal/sign-in", urlencode({"email": "lea@example.org"}), OWN))
    for answer in answers:
        assert answer.status_code == 404, answer.url
        assert "There is no portal here." in answer.text, answer.url


# --- mails -----------------------------------------------------------------------------------------------------------


class Someone:
    """Contracts, which knows two clients of whoever asks."""

    def __init__(self, *people: Any) -> None:
        self._people = people

    async def people(self, _email: str) -> Any:
        return self._people


class SlowServer:
    """Takes nearly a minute for each mail; meanwhile another worker looks for what is due."""

    def __init__(self, clock: Any, takes: timedelta = timedelta(seconds=59)) -> None:
        self.clock = clock
        self.takes = takes
        self.sent: list[str] = []
        self.meanwhile: Any = None

    async def send(self, letter: Any) -> None:
        self.sent.append(letter.body)
        self.clock.advance(self.takes)
        if self.meanwhile is not None:
            await self.meanwhile()


async def test_two_workers_mail_each_link_once_however_slow_the_server_is(portal: Any, story: Any) -> None:
    person = person_of(story)
    people = [person.model_copy(update={"user_id": new_id(), "client_name": f"Client {name}"}) for name in "ABCDEF"]
    async with portal.runtime.units.for_every_tenant() as unit:
        for number in range(3):
            await take_asking(unit, f"lea{number}@x.example", "fr", b"p")
    slow = SlowServer(portal.clock)
    first, second = (
        MailSignInLinks(portal.runtime.units, Someone(*people), slow, NOWHERE)  # type: ignore[arg-type]
        for _ in range(2)
    )
    others = SlowServer(portal.clock, timedelta())
    idle = MailSignInLinks(portal.runtime.units, Someone(*people), others, NOWHERE)  # type: ignore[arg-type]
    taken: list[float | None] = []

    async def meanwhile() -> None:
        taken.append(await idle.run())

    slow.meanwhile = meanwhile
    await first.run()
    assert len(slow.sent) == len(people)
    assert taken[:2] == [0.0, 0.0], "the others are free for whoever comes"
    assert set(taken[2:]) == {None}, "and the one that is under way is not, although it takes longer than its lease"
    assert 59 * len(people) > LEASE.total_seconds()
    slow.meanwhile = None
    assert await second.run() is None
    assert len(slow.sent + others.sent) == 3 * len(people)


async def test_a_worker_that_stood_still_too_long_leaves_the_rest_to_the_one_that_took_it_over(
    portal: Any, story: Any
) -> None:
    people = [person_of(story).model_copy(update={"user_id": new_id()}) for _ in range(2)]
    async with portal.runtime.units.for_every_tenant() as unit:
        await take_asking(unit, "lea@x.example", "fr", b"p")
    slow, quick = SlowServer(portal.clock), SlowServer(portal.clock)
    heir = MailSignInLinks(portal.runtime.units, Someone(*people), quick, NOWHERE)  # type: ignore[arg-type]

    async def standing_still() -> None:
        portal.clock.advance(LEASE)
        assert await heir.run() == 0.0

    slow.meanwhile = standing_still
    await MailSignInLinks(portal.runtime.units, Someone(*people), slow, NOWHERE).run()  # type: ignore[arg-type]
    assert (len(slow.sent), len(quick.sent)) == (1, 2)
