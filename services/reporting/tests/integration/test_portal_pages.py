"""The portal's own part: sessions and their ends, links and theirs, and pages while the other services are away."""

import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from reporting.adapters.portal_store import begin_session, make_link
from reporting.application.portal import Person
from reporting.domain.portal import IDLE_LIFE, LINK_LIFE, LONGEST_LIFE, MOST_FOR_ONE_ADDRESS, MOST_FROM_ONE_PLACE
from shared.ids import new_id

NOWHERE = "http://127.0.0.1:9"
"""Discard: nobody listens."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
VOID = {"meta", "link", "img", "br", "input", "hr"}
JULY = datetime(2026, 7, 1, 8, 0, tzinfo=UTC)


class Page(HTMLParser):
    """Reads a page strictly: every element is closed in order, every field has a name for who cannot see it."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.headings: list[int] = []
        self.labelled: set[str] = set()
        self.fields: list[dict[str, str | None]] = []
        self.ids: list[str] = []
        self.words = ""
        self.feed(html)
        self.close()
        assert not self.open, f"not closed: {self.open}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        told = dict(attrs)
        if len(tag) == 2 and tag[0] == "h" and tag[1].isdigit():
            self.headings.append(int(tag[1]))
        if tag == "label" and told.get("for"):
            self.labelled.add(str(told["for"]))
        if tag in {"input", "textarea", "select"} and told.get("type") != "hidden" and "label" not in self.open:
            self.fields.append(told)
        if "id" in told:
            self.ids.append(str(told["id"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.words += data

    def faults(self) -> list[str]:
        found = [f"{field.get('name')} has no label" for field in self.fields if field.get("id") not in self.labelled]
        found += [f"id {each} is there twice" for each in set(self.ids) if self.ids.count(each) > 1]
        steps = zip(self.headings, self.headings[1:], strict=False)
        found += [f"heading {lower} follows {upper}" for upper, lower in steps if lower > upper + 1]
        return found + ([] if self.headings.count(1) == 1 else ["not one first heading"])


@pytest.fixture
async def portal(start_service: Callable[..., Awaitable[Any]]) -> Any:
    """The service with a portal, contracts and incidents away, its clock on 8 June 2026."""
    return await start_service(portal_secret="s" * 40, contracts_url=NOWHERE, incidents_url=NOWHERE)


def person_of(story: Any, role: str = "client_decider") -> Person:
    return Person.model_validate(
        {
            "user_id": new_id(),
            "tenant_id": story.tenant_id,
            "client_id": story.client_id,
            "name": "Léa Martin",
            "email": "lea@boulangerie.example",
            "role": role,
            "language": "fr",
            "client_name": "Boulangerie Martin",
            "agency_name": "Atelier Numérique",
        }
    )


async def signed_in(portal: Any, person: Person) -> dict[str, str]:
    """The headers of a browser that was let in."""
    async with portal.runtime.units.for_every_tenant() as unit:
        secret = begin_session(unit, person, "link", "Firefox")
    return {"Cookie": f"__Host-portal={secret}", "Accept": "text/html"}


async def get(portal: Any, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
    async with portal.client() as visitor:
        answer: httpx.Response = await visitor.get(path, headers=headers or {})
    return answer


async def press(portal: Any, path: str, body: str = "", headers: dict[str, str] | None = None) -> httpx.Response:
    async with portal.client() as visitor:
        answer: httpx.Response = await visitor.post(path, content=body, headers=FORM | (headers or {}))
    return answer


async def test_while_other_services_are_away_the_portal_shows_what_reporting_knows(portal: Any, story: Any) -> None:
    portal.clock.set(JULY)
    await portal.hear(*story.golden_june())
    browser = await signed_in(portal, person_of(story))
    home = await get(portal, "/portal", browser)
    assert home.status_code == 200
    assert "Boulangerie Martin" in home.text
    assert "Tous les systèmes fonctionnent" in home.text or "systèmes" in home.text
    bars = home.text[home.text.index('<svg class="bars"') :].partition("</svg>")[0]
    assert '<path class="good"' in bars, "the days without trouble are drawn, too"
    assert "jours non mesurés" in bars, "and who hears them is told of those that nobody measured"
    month = await get(portal, f"/portal/contracts/{story.contract_id}/uptime", browser)
    assert "99,97\u202f%" in month.text.replace("\xa0", "\u202f")
    assert "Non mesuré" not in month.text, "what is measured without a promise has no verdict"
    away = await get(portal, "/portal/requests", browser)
    assert away.status_code == 503
    assert "réessayez" in away.text


async def test_a_month_with_a_decision_is_told_as_its_report_tells_it_with_the_figure_before(
    portal: Any, story: Any
) -> None:
    outage, since = new_id(), datetime(2026, 6, 20, 8, 0, tzinfo=UTC)
    back = since + timedelta(hours=3)
    portal.clock.set(JULY)
    await portal.hear(*story.golden_june(), story.down(outage, since), story.recovered(outage, since, back))
    body = {"outage_id": str(outage), "category": "third_party", "reason": "The network of the host was down."}
    async with portal.client(story, role="operator", subject=str(new_id()), name="Nadia Benali") as client:
        proposed = (await client.post(f"/v1/contracts/{story.contract_id}/outage-decisions", json=body)).json()
    async with portal.client(story, role="owner", subject=str(new_id()), name="Paul Garnier") as client:
        address = f"/v1/outage-decisions/{proposed['outage_decision_id']}/approve"
        assert (await client.post(address, json={}, headers={"If-Match": '"1"'})).status_code == 200
    browser = await signed_in(portal, person_of(story))
    page = await get(portal, f"/portal/contracts/{story.contract_id}/uptime", browser)
    told = Page(page.text).words.replace("\u202f", " ").replace("\xa0", " ")
    assert "99,97 %" in told
    assert "99,55 % telle que mesurée" in told


def unwatched(story: Any) -> bytes:
    """A contract that promises work and no monitoring."""
    signed: bytes = story.contract("activated", datetime(2026, 5, 20, 8, 0, tzinfo=UTC), uptime=None)
    return signed


NOT_KNOWN = ("is not known at the moment", "n’est pas connu", "Unknown", "Inconnu", "not measured", "non mesuré")


@pytest.mark.parametrize(
    ("language", "told", "on_page", "in_report"),
    [
        ("en", "No system is monitored under this contract.", "No system is monitored here", "Nothing was measured."),
        (
            "fr",
            "Aucun système n’est surveillé au titre de ce contrat.",
            "Aucun système n’est surveillé ici",
            "Rien n’a été mesuré.",
        ),
    ],
)
async def test_a_contract_under_which_nothing_is_watched_says_so_and_not_that_something_is_missing(
    portal: Any, story: Any, language: str, told: str, on_page: str, in_report: str
) -> None:
    await portal.hear(unwatched(story))
    browser = await signed_in(portal, person_of(story))
    home = (await get(portal, f"/portal?lang={language}", browser)).text
    assert Page(home).faults() == []
    assert told in home
    assert not [each for each in (*NOT_KNOWN, 'class="bars"', 'class="tile', "/uptime") if each in home]
    months = (await get(portal, f"/portal/contracts/{story.contract_id}/uptime?lang={language}", browser)).text
    assert ("Nothing was measured yet." in months) == (language == "en")
    assert story.site_name not in Page(months).words
    report = await get(portal, f"/portal/contracts/{story.contract_id}/reports/2026-06/so-far?lang={language}", browser)
    assert in_report in report.text
    assert not [each for each in (story.site_name, *NOT_KNOWN) if each in Page(report.text).words]
    visited = (await get(portal, f"/status/{story.slug}?lang={language}", {"Accept": "text/html"})).text
    assert f'<p class="big">{on_page}</p>' in visited
    assert not [each for each in NOT_KNOWN[:4] if each in Page(visited).words]
    badge = await get(portal, f"/status/{story.slug}/badge.svg?lang={language}")
    assert on_page in badge.text


async def test_where_no_uptime_is_promised_any_more_and_nothing_was_heard_nothing_is_missing(
    portal: Any, story: Any
) -> None:
    began = datetime(2026, 5, 20, 8, 0, tzinfo=UTC)
    promised = story.contract("activated", began)
    await portal.hear(promised, story.contract("amended", began + timedelta(days=1), uptime=None))
    home = (await get(portal, "/portal?lang=en", await signed_in(portal, person_of(story)))).text
    assert "No system is monitored under this contract." in home
    assert not [each for each in NOT_KNOWN if each in home]
    visited = (await get(portal, f"/status/{story.slug}?lang=en", {"Accept": "text/html"})).text
    assert '<p class="big">No system is monitored here</p>' in visited
    components = (await get(portal, f"/status/{story.slug}/api/v2/components.json?lang=en")).json()["components"]
    assert [each["description"] for each in components] == ["Not monitored"]


async def test_what_people_say_of_a_system_that_nobody_watches_is_the_state_of_it(portal: Any, story: Any) -> None:
    incident_id = new_id()
    reported = story.incident(incident_id, None, portal.clock.now() - timedelta(hours=1))
    await portal.hear(unwatched(story), *reported)
    affected = [{"component_id": str(story.environment_id), "impact": "partial"}]
    body = {"incident_id": str(incident_id), "titles": {"en": "Payments are refused"}, "components": affected}
    async with portal.client(story) as agency:
        path = f"/v1/status-pages/{story.slug}/incidents"
        answer = await agency.post(path, json=body | {"texts": {"en": "We are on it."}})
        assert answer.status_code == 201, answer.text
    home = (await get(portal, "/portal?lang=en", await signed_in(portal, person_of(story)))).text
    assert '<p class="big">Some systems are unavailable</p>' in home
    assert home.count("Partly unavailable") == 1
    assert "Unknown" not in home
    visited = (await get(portal, f"/status/{story.slug}?lang=en", {"Accept": "text/html"})).text
    assert '<p class="big">Some systems are unavailable</p>' in visited


async def test_where_no_environment_counts_those_that_are_watched_say_how_it_is(portal: Any, story: Any) -> None:
    began = datetime(2026, 5, 20, 8, 0, tzinfo=UTC)
    signed = json.loads(unwatched(story))
    sites = signed["data"]["sites"]
    sites[0]["environments"] = sites[0]["environments"][1:]
    watched = [story.unknown(began, staging=True), story.restored(began, began + timedelta(seconds=30), staging=True)]
    await portal.hear(json.dumps(signed).encode(), *watched)
    home = (await get(portal, "/portal?lang=en", await signed_in(portal, person_of(story)))).text
    assert '<p class="big">All systems are operational</p>' in home


async def test_an_incident_that_was_resolved_while_its_system_is_down_is_not_told_as_over(
    portal: Any, story: Any
) -> None:
    now = portal.clock.now()
    outage, since = new_id(), now - timedelta(minutes=10)
    resolved = story.incident(new_id(), outage, since, resolved=now - timedelta(minutes=5))
    await portal.hear(*story.golden_june()[:5], story.down(outage, since), *resolved)
    browser = await signed_in(portal, person_of(story))

    async def incident() -> str:
        home = (await get(portal, "/portal?lang=en", browser)).text
        return home[home.index("INC-2026-") - 200 :].partition("</article>")[0]

    shown = await incident()
    assert 'class="card bad"' in shown
    assert "A technician is working on it" in shown
    assert "Resolved" not in shown
    assert "Since" in shown
    await portal.hear(story.recovered(outage, since, now - timedelta(minutes=1)))
    shown = await incident()
    assert 'class="card good"' in shown
    assert "Resolved" in shown


async def test_over_tls_the_cookie_travels_over_it_only_and_no_page_is_kept(portal: Any, story: Any) -> None:
    async with portal.runtime.units.for_every_tenant() as unit:
        secret = make_link(unit, person_of(story))
    answer = await press(portal, f"/portal/sign-in/{secret}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/portal")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith("__Host-portal=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=lax"} <= {each.strip() for each in cookie.split(";")}
    assert "Domain" not in cookie
    page = await get(portal, "/portal/sign-in")
    assert page.headers["cache-control"] == "no-store"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "form-action 'self'" in policy


async def test_a_link_ends_after_a_quarter_of_an_hour(portal: Any, story: Any) -> None:
    async with portal.runtime.units.for_every_tenant() as unit:
        secret = make_link(unit, person_of(story))
    portal.clock.advance(LINK_LIFE - timedelta(seconds=1))
    assert (await get(portal, f"/portal/sign-in/{secret}")).status_code == 200
    portal.clock.advance(timedelta(seconds=1))
    assert (await get(portal, f"/portal/sign-in/{secret}")).status_code == 410
    assert (await press(portal, f"/portal/sign-in/{secret}")).status_code == 410


async def test_a_session_ends_unused_or_after_its_longest_life(portal: Any, story: Any) -> None:
    unused, used = await signed_in(portal, person_of(story)), await signed_in(portal, person_of(story))
    portal.clock.advance(IDLE_LIFE / 2)
    assert (await get(portal, "/portal", used)).status_code == 200
    portal.clock.advance(IDLE_LIFE / 2)
    assert (await get(portal, "/portal", unused)).headers["location"] == "/portal/sign-in?out=yes"
    while portal.clock.now() < datetime(2026, 6, 8, 9, 0, tzinfo=UTC) + LONGEST_LIFE:
        assert (await get(portal, "/portal", used)).status_code == 200
        portal.clock.advance(IDLE_LIFE / 2)
    assert (await get(portal, "/portal", used)).status_code == 303


async def test_asking_too_often_is_refused_by_place_and_not_mailed_by_address(portal: Any) -> None:
    for number in range(MOST_FROM_ONE_PLACE):
        email = "lea@x.example" if number <= MOST_FOR_ONE_ADDRESS else f"somebody{number}@x.example"
        answer = await press(portal, "/portal/sign-in", f"email={email}")
        assert answer.headers["location"] == "/portal/sign-in?sent=yes"
    answer = await press(portal, "/portal/sign-in", "email=one@more.example")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3600")
    async with portal.runtime.units.for_every_tenant() as unit:
        mailed = await unit.session.scalar(
            text("select count(*) from reporting.portal_asking where email = 'lea@x.example' and due_at is not null")
        )
        kept = await unit.session.scalar(
            text("select string_agg(encode(place, 'escape'), '') from reporting.portal_asking")
        )
    assert mailed == MOST_FOR_ONE_ADDRESS
    assert "127.0.0.1" not in str(kept)


@pytest.mark.parametrize(
    "email", ["", "nobody", "a@b@c", "lea@x.example\r\nBcc: all@x.example", "x" * 300 + "@x.example"]
)
async def test_what_is_no_address_is_told_beside_the_field(portal: Any, email: str) -> None:
    answer = await press(portal, "/portal/sign-in", httpx.QueryParams({"email": email}).__str__())
    assert answer.status_code == 422
    assert 'aria-invalid="true"' in answer.text
    assert Page(answer.text).faults() == []


async def test_without_a_portal_there_is_none(service: Any) -> None:
    for path in ("/portal", "/portal/sign-in", "/portal/sign-in/x"):
        assert (await get(service, path)).status_code == 404


async def test_pages_are_whole_and_every_field_has_a_name(portal: Any, story: Any) -> None:
    portal.clock.set(JULY)
    await portal.hear(*story.golden_june())
    browser = await signed_in(portal, person_of(story))
    for path in (
        "/portal",
        "/portal?lang=en",
        "/portal/reports",
        f"/portal/contracts/{story.contract_id}/uptime",
        "/portal/hours",
        "/portal/sessions",
        "/portal/requests/new/error",
        "/portal/requests/new/feature",
        "/portal/requests/new/assistance",
    ):
        answer = await get(portal, path, browser)
        assert answer.status_code == 200, path
        assert Page(answer.text).faults() == [], path


async def test_signing_in_is_in_the_audit_log(portal: Any, story: Any) -> None:
    person = person_of(story)
    async with portal.runtime.units.for_every_tenant() as unit:
        secret = make_link(unit, person)
    await get(portal, f"/portal/sign-in/{secret}")
    await press(portal, f"/portal/sign-in/{secret}")
    async with portal.runtime.units.for_every_tenant() as unit:
        envelopes = (await unit.session.scalars(text("select envelope from reporting.outbox"))).all()
    (told,) = [str(each) for each in envelopes if "operation.recorded" in str(each)]
    assert "sign_in_to_portal" in told
    assert str(person.user_id) in told
    assert secret not in told, "what opens a door is in no log"


DESK = {
    "severities": [
        {"code": code, "rank": rank, "names": {"fr": french, "en": english}, "synonyms": []}
        for rank, (code, french, english) in enumerate(
            [
                ("temporary", "Contourné", "Worked around"),
                ("p4", "Gêne passagère", "Passing nuisance"),
                ("major", "Vente impossible", "No sales"),
            ],
            start=1,
        )
    ]
}
"""What a contract calls its severities; two of the codes are ours."""


async def test_an_error_is_as_bad_as_the_contract_calls_it(portal: Any, story: Any) -> None:
    browser = await signed_in(portal, person_of(story))
    await portal.hear(*story.golden_june()[:3])
    usual = (await get(portal, "/portal/requests/new/error", browser)).text
    assert [word in usual for word in ("bloquant", "majeur", "mineur", "temporaire")] == [True, True, True, False]
    await portal.hear(story.contract("amended", JULY, service_desk=DESK))
    form = (await get(portal, "/portal/requests/new/error", browser)).text
    choices = re.findall(r'<input type="radio" name="severity" value="(\w+)"( checked)?>([^<]+)<', form)
    assert choices == [("p4", "", "Gêne passagère"), ("major", " checked", "Vente impossible")]
    english = (await get(portal, "/portal/requests/new/error?lang=en", browser)).text
    assert "Passing nuisance" in english


async def test_who_has_no_contract_in_force_is_told_what_to_do_instead_of_filling_in_a_form_for_nothing(
    portal: Any, story: Any
) -> None:
    browser = await signed_in(portal, person_of(story))
    page = await get(portal, "/portal/requests/new/error", browser)
    assert "Écrivez à votre agence" in page.text
    assert "<textarea" not in page.text
