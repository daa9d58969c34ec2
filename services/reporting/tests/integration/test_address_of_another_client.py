"""What becomes of a page when its address goes to another client: he begins with nothing of the one before."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_page_incidents import INCIDENTS, report, shown, take_away
from .test_schema import stepped_back
from .test_status_page_settings import BROWSER, DOMAIN, PAGE, PNG, SETTINGS, change, claim, name_server, png
from .test_status_subscriptions import FRENCH, rows, subscribe, work

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
CERTIFICATE = "/v1/status-page-domains/certificate"


@pytest.fixture
async def service(start_service: Any, story: Any, mailbox: Mailbox) -> Any:
    """With a mail server, and a page on which all is well."""
    started = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
    await started.hear(*story.golden_june()[:5])
    return started


@pytest.fixture
def hotel(story: Any, another_story: Callable[..., Any]) -> Any:
    """Another client of the same agency, who wants the same address."""
    return another_story(tenant_id=story.tenant_id, client_name="Hôtel des Quais", site_name="quais.example")


async def hand_over(service: Any, before: Any, after: Any) -> None:
    service.clock.advance(timedelta(minutes=1))
    now = service.clock.now()
    await service.hear(before.contract("terminated", now), after.contract("activated", now))


async def settings(service: Any, story: Any) -> httpx.Response:
    async with service.client(story) as agency:
        answer: httpx.Response = await agency.get(SETTINGS)
    assert answer.status_code == 200, answer.text
    return answer


async def visit(service: Any, path: str = "", **headers: str) -> httpx.Response:
    async with service.client() as visitor:
        answer: httpx.Response = await visitor.get(f"{PAGE}{path}", headers=BROWSER | headers)
    return answer


@pytest.mark.capability("R03")
async def test_who_gets_an_address_begins_with_nothing_that_was_decided_for_the_one_before(
    service: Any, story: Any, hotel: Any
) -> None:
    secret = {"audience": "password", "password": "croissants au beurre"}
    named = {"name": "Martin en direct", "colours": {"primary": "#0b3d91"}, "site_ids": [str(story.site_id)]}
    assert (await change(service, story, **named, **secret)).status_code == 200
    async with service.client(story) as agency:
        assert (await agency.put(f"{SETTINGS}/pictures/logo", content=png(), headers=PNG)).status_code == 200
    assert (await visit(service)).status_code == 403
    decided = (await settings(service, story)).headers["etag"]

    await hand_over(service, story, hotel)
    page = await visit(service)
    assert (page.status_code, "Hôtel des Quais" in page.text, "quais.example" in page.text) == (200, True, True)
    assert ("Martin" in page.text, "#0b3d91" in page.text, "<img" in page.text) == (False, False, False)
    assert (await visit(service, "/logo.png")).status_code == 404
    answer = await settings(service, story)
    view = answer.json()
    assert (view["client_id"], view["audience"], view["has_password"]) == (str(hotel.client_id), "public", False)
    assert (view["name"], view["colours"], view["site_ids"], view["logo"]) == (None, None, [], None)
    async with service.client(story) as agency:
        assert (await agency.get("/v1/status-pages")).json()["data"] == [view]
        for version, status in ((decided, 412), (answer.headers["etag"], 200)):
            patched = await agency.patch(SETTINGS, json={"name": "Les Quais"}, headers={"if-match": version})
            assert patched.status_code == status, patched.text
    assert patched.json() | {"name": "Les Quais", "audience": "public", "has_password": False} == patched.json()
    assert int(patched.headers["etag"].strip('"')) > int(decided.strip('"')) + 1
    assert await rows(service, "status_page_picture") == 0


async def test_an_address_that_comes_back_before_anything_was_decided_is_as_it_was(
    service: Any, story: Any, hotel: Any
) -> None:
    assert (await change(service, story, audience="password", password="croissants au beurre")).status_code == 200
    await hand_over(service, story, hotel)
    assert (await visit(service)).status_code == 200
    await service.hear(hotel.contract("terminated", service.clock.now()))
    assert (await visit(service)).status_code == 403


@pytest.mark.parametrize("same_agency", [True, False])
async def test_a_domain_shows_no_page_but_that_of_the_client_for_whom_it_was_proven(
    start_service: Any, story: Any, another_story: Any, monkeypatch: pytest.MonkeyPatch, same_agency: bool
) -> None:
    monkeypatch.setattr("reporting.adapters.own_domains.FRESH_SECONDS", 0.0)
    other = another_story(tenant_id=story.tenant_id if same_agency else new_id(), client_name="Hôtel des Quais")
    on_domain = {"host": DOMAIN}
    async with name_server() as (zone, address):
        service = await start_service(dns_servers=(address,))
        await service.hear(*story.golden_june()[:5])
        async with service.client(story) as agency, service.client() as visitor:
            assert (await claim(agency, zone)).status_code == 200
            assert (await visitor.get("/", headers=BROWSER | on_domain)).status_code == 200
            await hand_over(service, story, other)
            assert (await visitor.get("/", headers=BROWSER | on_domain)).status_code == 404
            assert (await visitor.get(CERTIFICATE, params={"domain": DOMAIN})).status_code == 404
            assert (await visitor.get(f"{PAGE}.json")).json()["name"] == "Hôtel des Quais"


async def test_a_domain_of_an_agency_that_names_an_address_of_another_shows_nothing(
    start_service: Any, story: Any, another_story: Any
) -> None:
    thief = another_story()
    async with name_server() as (zone, address):
        service = await start_service(dns_servers=(address,))
        await service.hear(*story.golden_june()[:5], thief.contract("activated", NOW - timedelta(days=1)))
        async with service.client(thief) as agency, service.client() as visitor:
            assert (await claim(agency, zone)).status_code == 200
            assert (await visitor.get("/", headers=BROWSER | {"host": DOMAIN})).status_code == 404


async def test_a_host_that_was_looked_up_before_the_address_moved_shows_nothing_of_the_next(
    start_service: Any, story: Any, hotel: Any
) -> None:
    async with name_server() as (zone, address):
        service = await start_service(dns_servers=(address,))
        await service.hear(*story.golden_june()[:5])
        async with service.client(story) as agency, service.client() as visitor:
            assert (await claim(agency, zone)).status_code == 200
            assert (await visitor.get("/index.json", headers={"host": DOMAIN})).status_code == 200
            await hand_over(service, story, hotel)
            assert (await visitor.get("/index.json", headers={"host": DOMAIN})).status_code == 404
            mixed = await asyncio.gather(
                visitor.get("/index.json", headers={"host": DOMAIN}), visitor.get(f"{PAGE}.json")
            )
    assert [answer.status_code for answer in mixed] == [404, 200]


async def test_what_people_told_of_one_client_is_not_found_at_the_address_of_the_next(
    service: Any, story: Any, hotel: Any
) -> None:
    view = await shown(service, story, await report(service, story))
    path = f"{INCIDENTS}/{view['page_incident_id']}"
    async with service.client(story) as agency:
        told = (await agency.get(f"{path}/updates")).json()["data"]
        assert [each["page_incident_id"] for each in told] == [view["page_incident_id"]]
        await hand_over(service, story, hotel)
        assert (await agency.get(INCIDENTS)).json()["data"] == []
        for place in (path, f"{path}/updates", f"{path}/updates/{told[0]['page_update_id']}"):
            assert (await agency.get(place)).status_code == 404, place
    assert (await take_away(service, story, view)).status_code == 404


async def test_readers_of_one_agencys_page_are_forgotten_when_its_address_is_anothers(
    service: Any, story: Any, another_story: Any, mailbox: Mailbox
) -> None:
    path = await subscribe(service, mailbox)
    told, other = len(mailbox.messages), another_story(client_name="Hôtel des Quais")
    await hand_over(service, story, other)
    service.clock.advance(timedelta(days=1))
    await work(service)
    assert [await rows(service, f"status_{table}") for table in ("subscription", "watch", "mail")] == [0, 0, 0]
    async with service.client() as visitor:
        assert "Vous êtes prévenu" not in (await visitor.get(path, headers=FRENCH)).text
    assert len(mailbox.messages) == told


async def test_the_link_of_a_mail_about_one_client_says_nothing_of_the_next(
    service: Any, story: Any, hotel: Any, mailbox: Mailbox
) -> None:
    path = await subscribe(service, mailbox)
    await service.hear(story.contract("terminated", service.clock.now()))
    await work(service)
    await hand_over(service, story, hotel)
    async with service.client() as visitor:
        for place in (path, f"{path}/end"):
            opened = await visitor.get(place, headers=FRENCH)
            assert "Vous n’êtes pas prévenu" in opened.text, place


async def test_an_upgrade_leaves_settings_to_whom_visitors_see(service: Any, story: Any, hotel: Any) -> None:
    assert (await change(service, story, audience="password", password="croissants au beurre")).status_code == 200
    await hand_over(service, story, hotel)
    with stepped_back(service, "0027"), psycopg.connect(service.urls.superuser) as connection:
        rows_of = connection.execute("SELECT client_id FROM reporting.status_page").fetchall()
        assert rows_of == [(UUID(str(story.client_id)),)]
    assert (await visit(service)).status_code == 403
    assert (await settings(service, story)).json()["has_password"] is True
