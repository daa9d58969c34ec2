"""Pages of single sites: each tells of its own site and of nothing else, whatever happens to the others."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy.event
from sqlalchemy import Engine, text

from reporting.adapters.facts import StoredFacts
from reporting.application.client_overview import contract_now
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from . import test_portal_pages as portals
from . import test_status_subscriptions as mails
from .test_rebuild import execute, rebuilt

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
BEGAN = datetime(2026, 5, 20, 8, tzinfo=UTC)
ENGLISH = {"accept": "text/html", "accept-language": "en"}
EVERYTHING, SHOP, BOOKING = "boulangerie-martin", "martin-shop", "martin-booking"
FOR_PROGRAMS = (
    "{}.json",
    "{}/feed.json",
    "{}/feed.atom",
    "{}/maintenance.ics",
    "{}/badge.svg",
    "{}/api/v2/summary.json",
    "{}/api/v2/components.json",
    "{}/api/v2/incidents.json",
    "{}/api/v2/scheduled-maintenances.json",
)


@dataclass
class TwoSites:
    """One contract over a shop and a booking system, with a page of both and one of each."""

    shop: Any
    booking: Any

    def site(self, of: Any) -> dict[str, Any]:
        environment = {
            "environment_id": str(of.environment_id),
            "name": "production",
            "url": f"https://{of.site_name}/",
            "counts_for_sla": True,
        }
        return {
            "site_id": str(of.site_id),
            "name": of.site_name,
            "kind": "website",
            "environments": [environment],
        }

    def page(self, of: Any, slug: str) -> dict[str, Any]:
        colours = {"primary": "#134e4a", "background": "#ffffff", "text": "#1c1917"}
        return {
            "site_id": str(of.site_id),
            "slug": slug,
            "name": f"Martin: {of.site_name}",
            "logo_url": None,
            "colours": colours,
        }

    def contract(self, event: str = "activated", at: datetime = BEGAN, **changes: Any) -> bytes:
        told: dict[str, Any] = {
            "sites": [self.site(self.shop), self.site(self.booking)],
            "site_pages": [self.page(self.shop, SHOP), self.page(self.booking, BOOKING)],
        }
        payload: bytes = self.shop.contract(event, at, **told | changes)
        return payload

    def monitored(self) -> list[bytes]:
        found = []
        for each in (self.shop, self.booking):
            found += [each.unknown(BEGAN), each.restored(BEGAN, BEGAN + timedelta(seconds=30))]
        return found


@pytest.fixture
def two_sites(story: Any) -> TwoSites:
    story.site_name = "shop.example"
    ids = {name: new_id() for name in ("site_id", "environment_id", "staging_id", "monitor_id", "staging_monitor_id")}
    return TwoSites(story, replace(story, site_name="booking.example", versions={}, **ids))


@pytest.fixture
async def service(start_service: Any, two_sites: TwoSites, mailbox: Mailbox) -> Any:
    """With a mail server, and three pages on which all is well."""
    started = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
    await started.hear(two_sites.contract(), *two_sites.monitored())
    return started


async def content(service: Any, slug: str) -> Any:
    async with service.client() as visitor:
        answer = await visitor.get(f"/status/{slug}.json")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def subscribe(service: Any, mailbox: Mailbox, slug: str, email: str) -> None:
    async with service.client() as visitor:
        await visitor.post(f"/status/{slug}/subscribe", data={"email": email}, headers=ENGLISH)
        await mails.work(service)
        confirmed = await visitor.post(f"{mails.link(mailbox.messages[-1])}/confirm", headers=ENGLISH)
    assert confirmed.status_code == 200


def states(page: Any) -> dict[str, str]:
    return {component["name"]: component["state"] for component in page["components"]}


async def test_the_page_of_a_site_that_is_well_says_so_while_another_is_down(
    service: Any, two_sites: TwoSites, mailbox: Mailbox
) -> None:
    for slug in (EVERYTHING, SHOP, BOOKING):
        await subscribe(service, mailbox, slug, f"{slug}@example.org")
    asked = len(mailbox.messages)
    outage = new_id()
    await service.hear(two_sites.shop.down(outage, NOW - timedelta(minutes=5)))
    await mails.work(service)

    everything, shop, booking = [await content(service, slug) for slug in (EVERYTHING, SHOP, BOOKING)]
    assert states(everything) == {"shop.example": "down", "booking.example": "up"}
    assert states(shop) == {"shop.example": "down"}
    assert states(booking) == {"booking.example": "up"}
    assert [each["status"]["headline"] for each in (shop, booking)] == ["major_outage", "operational"]
    assert [each["incident_id"] for each in shop["open_incidents"]] == [str(outage)]
    assert booking["open_incidents"] == booking["recent_incidents"] == []
    assert {mail["To"] for mail in mailbox.messages[asked:]} == {f"{slug}@example.org" for slug in (EVERYTHING, SHOP)}


async def test_nothing_that_a_page_tells_people_or_programs_names_another_site(
    service: Any, two_sites: TwoSites
) -> None:
    shop, booking = two_sites.shop, two_sites.booking
    await service.hear(shop.down(new_id(), NOW - timedelta(minutes=5)))
    soon = NOW + timedelta(days=1), NOW + timedelta(days=1, hours=2)
    work = shop.maintenance(NOW, soon, window_id=new_id(), title="The till", environment_ids=[shop.environment_id])
    await service.hear(work)
    strangers = [shop.site_name, str(shop.environment_id), str(shop.site_id), "The till", SHOP]
    async with service.client() as visitor:
        for path in FOR_PROGRAMS:
            own, others = [await visitor.get("/status/" + path.format(slug)) for slug in (SHOP, BOOKING)]
            assert own.status_code == others.status_code == 200, path
            assert not [stranger for stranger in strangers if stranger in others.text], path
        for path in ("", "/incidents", f"/components/{booking.environment_id}"):
            shown = await visitor.get(f"/status/{BOOKING}{path}", headers=ENGLISH)
            assert shown.status_code == 200, path
            assert not [stranger for stranger in strangers if stranger in shown.text], path
        assert (await visitor.get(f"/status/{BOOKING}/components/{shop.environment_id}")).status_code == 404
        summary = (await visitor.get(f"/status/{BOOKING}/api/v2/summary.json")).json()
        assert summary["status"]["indicator"] == "none"
        assert "The till" in (await visitor.get(f"/status/{SHOP}/maintenance.ics")).text
        assert "The till" in (await visitor.get(f"/status/{EVERYTHING}/maintenance.ics")).text


async def test_each_page_has_its_own_brand_readers_and_settings(service: Any, two_sites: TwoSites) -> None:
    shop, booking = two_sites.shop, two_sites.booking
    async with service.client(shop) as agency, service.client() as visitor:
        listed = (await agency.get("/v1/status-pages")).json()["data"]
        assert {each["slug"]: each["site_id"] for each in listed} == {
            EVERYTHING: None,
            SHOP: str(shop.site_id),
            BOOKING: str(booking.site_id),
        }
        path = f"/v1/status-pages/{SHOP}"
        wanted = {"audience": "password", "password": "pain au levain", "name": "The shop"}
        changed = await agency.patch(path, json=wanted, headers={"if-match": "*"})
        assert (changed.status_code, changed.json()["site_id"]) == (200, str(shop.site_id))
        refused = await agency.patch(path, json={"site_ids": [str(booking.site_id)]}, headers={"if-match": "*"})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/site_ids/0")
        assert (await visitor.get(f"/status/{SHOP}.json")).status_code == 401
        page = await visitor.get(f"/status/{BOOKING}", headers=ENGLISH)
        assert page.status_code == 200
        assert "Martin: booking.example" in page.text
        assert "--band:#134e4a" in page.text
        everything = await visitor.get(f"/status/{EVERYTHING}", headers=ENGLISH)
        assert "--band:#7c2d12" in everything.text


async def test_an_incident_that_people_put_on_one_page_is_on_no_other_and_the_client_reads_of_it(
    service: Any, two_sites: TwoSites
) -> None:
    shop = two_sites.shop
    incident = new_id()
    await service.hear(*shop.incident(incident, None, NOW - timedelta(hours=1), title="Orders are lost"))
    told = {
        "incident_id": str(incident),
        "titles": {"en": "Orders are late"},
        "texts": {"en": "We are at it."},
        "components": [{"component_id": str(shop.environment_id), "impact": "partial"}],
    }
    async with service.client(shop) as agency:
        put = await agency.post(f"/v1/status-pages/{SHOP}/incidents", json=told)
        assert put.status_code == 201, put.text
        beside = await agency.post(f"/v1/status-pages/{BOOKING}/incidents", json=told)
        assert beside.status_code == 422
    shown = {slug: await content(service, slug) for slug in (EVERYTHING, SHOP, BOOKING)}
    assert [slug for slug, page in shown.items() if page["open_incidents"]] == [SHOP]
    async with service.runtime.units.for_every_tenant() as unit:
        now = await contract_now(StoredFacts(unit), shop.contract_id, unit.now)
    assert now is not None
    assert {system.name: system.shown for system in now.systems} == {"shop.example": "partial", "booking.example": "up"}


async def test_the_portal_reads_at_once_what_people_say_on_all_pages_of_a_contract(
    service: Any, two_sites: TwoSites
) -> None:
    looked: list[str] = []

    def look(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        looked.append(statement)

    sqlalchemy.event.listen(Engine, "before_cursor_execute", look)
    try:
        async with service.runtime.units.for_every_tenant() as unit:
            assert await contract_now(StoredFacts(unit), two_sites.shop.contract_id, unit.now) is not None
    finally:
        sqlalchemy.event.remove(Engine, "before_cursor_execute", look)
    assert len([each for each in looked if "FROM reporting.page_incident " in " ".join(each.split()) + " "]) == 1


async def test_an_amendment_drops_a_page_and_the_others_stay_in_whatever_order_it_is_heard(
    start_service: Any, two_sites: TwoSites
) -> None:
    first = two_sites.contract()
    dropped = two_sites.contract("amended", NOW, site_pages=[two_sites.page(two_sites.booking, BOOKING)])
    for told in ([first, dropped], [dropped, first], [dropped, first, dropped]):
        service = await start_service()
        await service.hear(*told)
        async with service.client() as visitor:
            found = [(await visitor.get(f"/status/{slug}.json")).status_code for slug in (EVERYTHING, SHOP, BOOKING)]
        assert found == [200, 404, 200]
        async with service.client(two_sites.shop) as agency:
            assert (await agency.get(f"/v1/status-pages/{SHOP}")).status_code == 404


async def test_two_contracts_of_a_client_share_an_address_and_each_shows_there_what_it_names(
    service: Any, two_sites: TwoSites, another_story: Any
) -> None:
    shop = two_sites.shop
    blog = another_story(
        tenant_id=shop.tenant_id, client_id=shop.client_id, slug="martin-blog", site_name="blog.example"
    )
    stranger = another_story(slug=SHOP, site_name="stranger.example")
    later = NOW - timedelta(days=1)
    page = {"site_pages": [TwoSites(blog, blog).page(blog, SHOP)]}
    await service.hear(blog.contract("activated", later, **page), stranger.contract("activated", NOW))
    assert set(states(await content(service, SHOP))) == {"shop.example", "blog.example"}
    await service.hear(two_sites.contract("terminated", NOW))
    assert set(states(await content(service, SHOP))) == {"blog.example"}


async def test_a_rebuild_makes_the_same_pages(service: Any, two_sites: TwoSites) -> None:
    await service.hear(two_sites.contract("amended", NOW, site_pages=[two_sites.page(two_sites.booking, BOOKING)]))
    assert set((await rebuilt(service)).values()) == {(0, 0, 0)}
    await execute(
        service, "delete from reporting.site_page", "update reporting.contract set state = state - 'site_pages'"
    )
    await execute(service, "update reporting.contract_version set state = state - 'site_pages'")
    async with service.client() as visitor:
        assert (await visitor.get(f"/status/{BOOKING}.json")).status_code == 404
        assert (await rebuilt(service))["site_page"] == (2, 0, 0)
        assert states((await visitor.get(f"/status/{BOOKING}.json")).json()) == {"booking.example": "up"}
        assert (await visitor.get(f"/status/{SHOP}.json")).status_code == 404


async def test_a_contract_with_pages_of_sites_alone_has_no_page_of_everything(
    start_service: Any, two_sites: TwoSites
) -> None:
    service = await start_service()
    await service.hear(two_sites.contract(status_page=None), *two_sites.monitored())
    assert states(await content(service, BOOKING)) == {"booking.example": "up"}
    async with service.client(two_sites.shop) as agency:
        assert [each["slug"] for each in (await agency.get("/v1/status-pages")).json()["data"]] == [BOOKING, SHOP]


async def test_another_agency_sees_neither_the_rows_nor_the_settings(
    service: Any, two_sites: TwoSites, another_story: Any
) -> None:
    other = another_story()
    async with service.client(other) as agency:
        assert (await agency.get("/v1/status-pages")).json()["data"] == []
        assert (await agency.get(f"/v1/status-pages/{SHOP}")).status_code == 404
    async with service.runtime.units.for_tenant(UUID(str(other.tenant_id))) as unit:
        assert await unit.session.scalar(text("select count(*) from reporting.site_page")) == 0


async def test_the_portal_links_to_every_page_of_the_client(start_service: Any, two_sites: TwoSites) -> None:
    away = portals.NOWHERE
    service = await start_service(portal_secret="s" * 40, contracts_url=away, incidents_url=away)
    await service.hear(two_sites.contract(), *two_sites.monitored())
    browser = await portals.signed_in(service, portals.person_of(two_sites.shop))
    home = await portals.get(service, "/portal", browser)
    assert home.status_code == 200
    words = portals.Page(home.text).words.replace("\xa0", " ")
    for slug, name in (
        (EVERYTHING, "Boulangerie Martin"),
        (SHOP, "Martin: shop.example"),
        (BOOKING, "Martin: booking.example"),
    ):
        assert f'href="/status/{slug}"' in home.text
        assert f"Page d’état : {name}" in words
