"""What an agency decides about a page: its brand, its pictures, who may see it, its own domain."""

import asyncio
import json
import struct
import zlib
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import httpx
import psycopg
import pytest
from sqlalchemy import text

from reporting.adapters.own_domains import FRESH_SECONDS
from reporting.domain.brand import contrast
from shared.ids import new_id

from ..conftest import Story
from .test_schema import stepped_back

BROWSER = {"accept": "text/html", "accept-language": "en"}
SETTINGS = "/v1/status-pages/boulangerie-martin"
PAGE = "/status/boulangerie-martin"
DOMAIN = "status.boulangerie-martin.example"


def part(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 3, height: int = 2, *more: bytes, pixels: bytes | None = None) -> bytes:
    """A grey picture; `more` are further parts before its pixels."""
    rows = (b"\0" + b"\x80" * width) * height if pixels is None else pixels
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + part(b"IHDR", header)
        + b"".join(more)
        + part(b"IDAT", zlib.compress(rows))
        + part(b"IEND", b"")
    )


async def change(service: Any, story: Any, **changes: Any) -> httpx.Response:
    async with service.client(story) as agency:
        answer: httpx.Response = await agency.patch(SETTINGS, json=changes, headers={"if-match": "*"})
    return answer


@pytest.fixture
async def known(service: Any, story: Any) -> Any:
    await service.hear(*story.golden_june()[:5])
    return service


@pytest.mark.capability("R03")
async def test_an_agency_brands_the_page_of_a_client(known: Any, story: Any) -> None:
    async with known.client(story) as agency, known.client() as visitor:
        (listed,) = (await agency.get("/v1/status-pages")).json()["data"]
        assert (listed["slug"], listed["version"], listed["colours"]) == (story.slug, 0, None)
        version = (await agency.get(SETTINGS)).headers["etag"]
        wanted = {
            "name": "Martin en direct",
            "colours": {"primary": "#0b3d91", "background": "#fffaf0", "text": "#1c1917"},
            "variables": {"link": "#7c2d12"},
            "groups": [{"name": "Boutique", "component_ids": [str(story.environment_id)]}],
        }
        answer = await agency.patch(SETTINGS, json=wanted, headers={"if-match": version})
        assert answer.status_code == 200, answer.text
        assert answer.json() | wanted == answer.json()
        again = await agency.patch(SETTINGS, json={"name": None}, headers={"if-match": version})
        assert again.status_code == 412
        assert (await agency.put(f"{SETTINGS}/pictures/logo", content=png(), headers=PNG)).status_code == 200
        page = await visitor.get(PAGE, headers=BROWSER)
        for shown in ("Martin en direct", "--band:#0b3d91", "--paper:#fffaf0", "--link:#7c2d12", ">Boutique</h3>"):
            assert shown in page.text
        (logo,) = [each.partition('"')[0] for each in page.text.split('<img src="')[1:]]
        picture = await visitor.get(f"/status/{logo}")
        assert (picture.status_code, picture.headers["content-type"]) == (200, "image/png")
        assert "immutable" in picture.headers["cache-control"]
        assert "img-src 'self'" in page.headers["content-security-policy"]
        summary = (await visitor.get(f"{PAGE}/api/v2/summary.json")).json()
        group, component = summary["components"]
        assert (group["name"], group["group"], group["components"]) == ("Boutique", True, [component["id"]])
        assert (component["group_id"], group["status"]) == (group["id"], "operational")


PNG = {"content-type": "image/png"}


async def test_an_address_that_goes_to_another_client_is_set_up_for_the_one_whom_visitors_see(
    known: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    hotel = another_story(tenant_id=story.tenant_id, slug=story.slug, client_name="Hôtel des Quais")
    now = known.clock.now()
    await known.hear(story.contract("terminated", now), hotel.contract("activated", now))
    async with known.client(hotel) as agency, known.client() as visitor:
        (component,) = (await visitor.get(f"/status/{story.slug}.json")).json()["components"]
        groups = [{"name": "Hôtel", "component_ids": [component["component_id"]]}]
        answer = await agency.patch(SETTINGS, json={"groups": groups}, headers={"if-match": "*"})
        assert answer.status_code == 200, answer.text
        (listed,) = (await agency.get("/v1/status-pages")).json()["data"]
    assert (component["component_id"], listed["client_id"]) == (str(hotel.environment_id), str(hotel.client_id))


@pytest.mark.capability("R03")
async def test_each_client_of_an_agency_sees_his_own_brand_and_nothing_of_the_other(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    hotel = another_story(tenant_id=story.tenant_id, slug="hotel-des-quais", client_name="Hôtel des Quais")
    brands = {story.slug: ("Martin en direct", "#0b3d91"), hotel.slug: ("Les Quais en direct", "#14532d")}
    pictures = {story.slug: png(3, 2), hotel.slug: png(5, 4)}
    for client in (story, hotel):
        name, primary = brands[client.slug]
        colours = {"primary": primary, "background": "#ffffff", "text": "#1c1917"}
        agreed = {"slug": client.slug, "name": name, "logo_url": None, "colours": colours}
        await service.hear(*client.golden_june()[:5])
        await service.hear(client.contract("amended", datetime(2026, 6, 1, 8, tzinfo=UTC), status_page=agreed))
    async with service.client(story) as agency:
        for slug, picture in pictures.items():
            logo = await agency.put(f"/v1/status-pages/{slug}/pictures/logo", content=picture, headers=PNG)
            assert logo.status_code == 200
    for mine, other in ((story, hotel), (hotel, story)):
        async with (
            service.client() as visitor,
            service.client(mine, role="client_decider", client_id=mine.client_id) as client,
        ):
            page = await visitor.get(f"/status/{mine.slug}", headers=BROWSER)
            report = await client.get(f"/v1/contracts/{mine.contract_id}/reports/2026-06/html")
            assert (page.status_code, report.status_code) == (200, 200)
            (logo,) = [each.partition('"')[0] for each in page.text.split('<img src="')[1:]]
            assert (await visitor.get(f"/status/{logo}")).content == pictures[mine.slug]
        name, primary = brands[mine.slug]
        for own, shown in ((name, page.text), (mine.client_name, report.text)):
            assert own in shown
            assert f"--band:{primary}" in shown
            assert not [each for each in (*brands[other.slug], other.client_name) if each in shown]


async def test_a_picture_loses_everything_but_the_picture(known: Any, story: Any) -> None:
    hidden = part(b"tEXt", b"Comment\0<script>alert(1)</script>") + part(b"eXIf", b"48.8566 N")
    async with known.client(story) as agency, known.client() as visitor:
        sent = png(3, 2, hidden) + b"PK\x03\x04 an archive behind the end"
        answer = await agency.put(f"{SETTINGS}/pictures/favicon", content=sent, headers=PNG)
        assert answer.status_code == 200, answer.text
        kept = (await visitor.get(f"{PAGE}/favicon.png")).content
        assert kept == png(3, 2)
        assert 'rel="icon"' in (await visitor.get(PAGE, headers=BROWSER)).text
        await agency.delete(f"{SETTINGS}/pictures/favicon")
        assert (await visitor.get(f"{PAGE}/favicon.png")).status_code == 404


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "no PNG"),
        (b"GIF89a" + bytes(40), "no PNG"),
        (png()[:-20], "in the middle"),
        (png().replace(b"\0\0\0\x02\x08", b"\0\0\0\x03\x08"), "checksum"),
        (png(1201, 1), "1200 × 600"),
        (png(1000, 600, pixels=bytes(50_000_000)), "more or fewer pixels"),
        (png(3, 2, pixels=b"\0\x80"), "more or fewer pixels"),
        (png(3, 2, part(b"EVIL", b"")), "no browser knows"),
    ],
)
async def test_what_is_no_safe_picture_is_refused_with_a_reason(known: Any, story: Any, sent: bytes, said: str) -> None:
    async with known.client(story) as agency:
        answer = await agency.put(f"{SETTINGS}/pictures/logo", content=sent, headers=PNG)
        assert answer.status_code == 422
        assert said in answer.json()["detail"]
        assert (await agency.get(SETTINGS)).json()["version"] == 0


async def test_a_picture_may_not_be_large_nor_of_another_type(known: Any, story: Any) -> None:
    async with known.client(story) as agency:
        large = png(3, 2, part(b"tEXt", bytes(70_000)))
        assert (await agency.put(f"{SETTINGS}/pictures/logo", content=large, headers=PNG)).status_code == 413
        answer = await agency.put(f"{SETTINGS}/pictures/logo", json={})
        assert answer.status_code == 415


async def test_colours_that_cannot_be_read_are_refused_with_their_contrast(known: Any, story: Any) -> None:
    answer = await change(
        known, story, colours={"background": "#ffffff", "text": "#cccccc"}, variables={"muted": "#eeeeee"}
    )
    assert answer.status_code == 422
    assert {error["pointer"] for error in answer.json()["errors"]} == {"#/colours/text", "#/variables/muted"}
    assert f"{contrast('#cccccc', '#ffffff'):.1f} : 1" in answer.json()["errors"][0]["detail"]


async def test_a_page_of_somebody_else_is_not_there(known: Any, story: Any, another_story: Any) -> None:
    stranger = another_story()
    assert (await change(known, stranger, name="Mine now")).status_code == 404
    assert (await change(known, story, name="Still ours")).status_code == 200
    async with known.client(stranger) as agency:
        assert (await agency.get("/v1/status-pages")).json()["data"] == []
        assert (await agency.get(SETTINGS)).status_code == 404
    async with known.client(story, role="viewer") as viewer:
        answer = await viewer.patch(SETTINGS, json={"name": "No"}, headers={"if-match": "*"})
        assert answer.status_code == 403


async def test_the_settings_of_a_stranger_with_the_same_address_change_nothing(
    known: Any, story: Any, another_story: Any
) -> None:
    thief = another_story()
    await known.hear(thief.contract("activated", datetime(2026, 6, 1, tzinfo=UTC)))
    assert (await change(known, thief, name="Taken over")).status_code == 200
    async with known.client() as visitor:
        assert (await visitor.get(f"{PAGE}.json")).json()["name"] == "Boulangerie Martin"


# Who may see it ------------------------------------------------------------------------------------------------------


@pytest.mark.capability("R04")
async def test_a_page_with_a_password_tells_nothing_without_it(known: Any, story: Any) -> None:
    assert (await change(known, story, audience="password")).status_code == 422
    answer = await change(known, story, audience="password", password="pain au levain")
    assert answer.status_code == 200, answer.text
    assert "levain" not in answer.text
    everything = ["", ".json", "/feed.atom", "/feed.json", "/maintenance.ics", "/badge.svg", "/api/v2/summary.json"]
    async with known.client() as visitor:
        for path in everything:
            refused = await visitor.get(f"{PAGE}{path}")
            assert refused.status_code == 401, path
            assert refused.headers["www-authenticate"].startswith("Basic ")
        form = await visitor.get(PAGE, headers=BROWSER)
        assert form.status_code == 403
        assert "www-authenticate" not in form.headers
        assert "boulangerie-martin.example" not in form.text
        assert 'action="boulangerie-martin/enter?lang=en"' in form.text
        in_french = await visitor.post(f"{PAGE}/enter?lang=fr", data={"password": "baguette"})
        assert in_french.headers["location"] == "../boulangerie-martin?lang=fr&refused=1"
        in_french = await visitor.post(f"{PAGE}/enter?lang=fr", data={"password": "pain au levain"})
        assert in_french.headers["location"] == "../boulangerie-martin?lang=fr"

        wrong = await visitor.post(f"{PAGE}/enter", data={"password": "baguette"})
        assert (wrong.status_code, wrong.headers["location"]) == (303, "../boulangerie-martin?refused=1")
        assert "set-cookie" not in wrong.headers
        flood = "password=pain+au+levain" + "&a=1" * 20
        other = await visitor.post(
            f"{PAGE}/enter", content=flood, headers={"content-type": "application/x-www-form-urlencoded"}
        )
        assert (other.status_code, other.headers["location"]) == (303, "../boulangerie-martin?refused=1")
        assert "This is not the password" in (await visitor.get(f"{PAGE}?refused=1", headers=BROWSER)).text
        right = await visitor.post(f"{PAGE}/enter", data={"password": "pain au levain"})
        cookie = right.headers["set-cookie"]
        for guarded in ("HttpOnly", "Secure", "SameSite=Lax", "Path=/status/boulangerie-martin"):
            assert guarded in cookie
        bearer = {"cookie": cookie.partition(";")[0]}
        page = await visitor.get(PAGE, headers=BROWSER | bearer)
        assert "boulangerie-martin.example" in page.text
        assert page.headers["cache-control"] == "private, no-cache"
        assert "access-control-allow-origin" not in (await visitor.get(f"{PAGE}.json", headers=bearer)).headers

        basic = {"authorization": "Basic " + b64encode(b"reader:pain au levain").decode()}
        for path in everything:
            assert (await visitor.get(f"{PAGE}{path}", headers=basic)).status_code == 200, path

        known.clock.advance(timedelta(days=31))
        assert (await visitor.get(PAGE, headers=BROWSER | bearer)).status_code == 403


async def test_a_browser_whose_visit_ended_is_let_in_again_when_it_subscribes(known: Any, story: Any) -> None:
    await change(known, story, audience="password", password="pain au levain")
    async with known.client() as visitor:
        reader = {"email": "reader@example.org"}
        asked = await visitor.post(f"{PAGE}/subscribe?lang=fr", data=reader, headers=BROWSER)
        assert (asked.status_code, asked.headers["content-type"]) == (403, "text/html; charset=utf-8")
        assert 'action="./enter?lang=fr"' in asked.text
        assert "boulangerie-martin.example" not in asked.text
        program = await visitor.post(f"{PAGE}/subscribe", data=reader)
        assert (program.status_code, program.headers["content-type"]) == (401, "application/problem+json")


async def test_a_new_password_ends_every_visit(known: Any, story: Any) -> None:
    await change(known, story, audience="password", password="pain au levain")
    async with known.client() as visitor:
        right = await visitor.post(f"{PAGE}/enter", data={"password": "pain au levain"})
        bearer = {"cookie": right.headers["set-cookie"].partition(";")[0]}
        assert (await visitor.get(f"{PAGE}.json", headers=bearer)).status_code == 200
        await change(known, story, password="tarte aux pommes")
        assert (await visitor.get(f"{PAGE}.json", headers=bearer)).status_code == 401
        forged = {"cookie": bearer["cookie"][:-4] + "AAAA"}
        assert (await visitor.get(f"{PAGE}.json", headers=forged)).status_code == 401


async def test_guessing_a_password_is_slowed_down(known: Any, story: Any) -> None:
    await change(known, story, audience="password", password="pain au levain")
    async with known.client() as visitor:
        tries = [visitor.post(f"{PAGE}/enter", data={"password": f"guess {number}"}) for number in range(30)]
        codes = [answer.status_code for answer in await asyncio.gather(*tries)]
        assert codes.count(429) >= 1


# Domains -------------------------------------------------------------------------------------------------------------


class Zone(asyncio.DatagramProtocol):
    """A name server that knows texts by name."""

    def __init__(self) -> None:
        self.texts: dict[str, list[str]] = {}
        self.transport: Any = None
        self.meanwhile: Callable[[], Awaitable[None]] | None = None
        """Done between a question and its answer."""
        self.answering: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answering = asyncio.ensure_future(self._answer(data, addr))
        self.answering.add(answering)
        answering.add_done_callback(self.answering.discard)

    async def _answer(self, data: bytes, addr: tuple[str, int]) -> None:
        if self.meanwhile is not None:
            await self.meanwhile()
        query = dns.message.from_wire(data)
        name = query.question[0].name
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA
        told = self.texts.get(name.to_text(omit_final_dot=True), [])
        if told:
            answer.answer.append(dns.rrset.from_text(name, 60, "IN", "TXT", *(f'"{each}"' for each in told)))
        else:
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self.transport.sendto(answer.to_wire(), addr)


@asynccontextmanager
async def name_server() -> AsyncIterator[tuple[Zone, str]]:
    loop = asyncio.get_running_loop()
    transport, zone = await loop.create_datagram_endpoint(Zone, local_addr=("127.0.0.1", 0))
    try:
        yield zone, f"127.0.0.1:{transport.get_extra_info('sockname')[1]}"
    finally:
        transport.close()


async def claim(agency: httpx.AsyncClient, zone: Zone) -> httpx.Response:
    """Names the domain, makes the record, and asks for verification."""
    told = (await agency.put(f"{SETTINGS}/domain", json={"domain": DOMAIN})).json()["domain"]
    assert (told["record_type"], told["verified_at"]) == ("TXT", None)
    zone.texts[told["record_name"]] = ["v=spf1 -all", told["record_value"]]
    return await agency.post(f"{SETTINGS}/domain/verify")


@pytest.mark.capability("R03")
async def test_a_page_is_on_the_domain_of_the_client_once_he_has_proven_it(
    start_service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.adapters.own_domains.FRESH_SECONDS", 0.0)
    async with name_server() as (zone, address):
        service = await start_service(dns_servers=(address,))
        await service.hear(*story.golden_june())
        on_domain = {"host": DOMAIN}
        ask = {"domain": DOMAIN}
        async with service.client(story) as agency, service.client() as visitor:
            told = (await agency.put(f"{SETTINGS}/domain", json={"domain": DOMAIN})).json()["domain"]
            refused = await agency.post(f"{SETTINGS}/domain/verify")
            assert refused.status_code == 409
            assert told["record_value"] in refused.json()["detail"]
            assert (await visitor.get("/", headers=BROWSER | on_domain)).status_code == 404
            assert (await visitor.get("/v1/status-page-domains/certificate", params=ask)).status_code == 404

            answer = await claim(agency, zone)
            assert answer.status_code == 200, answer.text
            assert answer.json()["url"] == f"https://{DOMAIN}"
            assert (await visitor.get("/v1/status-page-domains/certificate", params=ask)).status_code == 200
            page = await visitor.get("/", headers=BROWSER | on_domain)
            assert "Boulangerie Martin" in page.text
            assert f'rel="canonical" href="https://{DOMAIN}"' in page.text
            links = [each.partition('"')[0].replace("&amp;", "&") for each in page.text.split('href="./')[1:]]
            assert len(links) >= 5
            for link in links:
                assert (await visitor.get(f"/{link}", headers=on_domain)).status_code == 200, link
            summary = (await visitor.get("/api/v2/summary.json", headers=on_domain)).json()
            assert summary["page"]["url"] == f"https://{DOMAIN}"
            assert "Boulangerie Martin" in (await visitor.get(PAGE, headers=BROWSER)).text
            for elsewhere in ("/v1/webhooks", "/status/boulangerie-martin", "/openapi.json", "/docs"):
                assert (await visitor.get(elsewhere, headers=on_domain)).status_code == 404, elsewhere

            await agency.delete(f"{SETTINGS}/domain")
            assert (await visitor.get("/", headers=BROWSER | on_domain)).status_code == 404


async def test_no_connection_to_the_database_waits_for_name_servers_and_what_was_changed_meanwhile_is_not_proven(
    start_service: Any, story: Any
) -> None:
    async with name_server() as (zone, address):
        service = await start_service(dns_servers=(address,))
        await service.hear(*story.golden_june())
        held: list[int] = []
        async with service.client(story) as agency:

            async def count() -> None:
                held.append(service.runtime.database.engine.pool.checkedout())

            async def claim_another() -> None:
                await count()
                answer = await agency.put(f"{SETTINGS}/domain", json={"domain": f"other.{DOMAIN}"})
                assert answer.status_code == 200

            async def verifications() -> list[tuple[str | None, str | None]]:
                async with service.runtime.units.for_every_tenant() as unit:
                    query = text(
                        "select envelope -> 'data' ->> 'outcome', envelope -> 'data' ->> 'version_after'"
                        " from reporting.outbox where envelope -> 'data' ->> 'operation' = 'verify_status_page_domain'"
                        " order by id"
                    )
                    return [tuple(row) for row in await unit.session.execute(query)]

            await agency.put(f"{SETTINGS}/domain", json={"domain": DOMAIN})
            zone.meanwhile = count
            assert (await agency.post(f"{SETTINGS}/domain/verify")).status_code == 409
            assert await verifications() == []
            zone.meanwhile = claim_another
            refused = await claim(agency, zone)
            assert (refused.status_code, "changed" in refused.json()["detail"]) == (409, True)
            assert (await agency.get(SETTINGS)).json()["domain"]["verified_at"] is None
            zone.meanwhile = count
            proven = await claim(agency, zone)
            assert proven.status_code == 200
            assert held == [0, 0, 0]
            assert await verifications() == [("done", proven.headers["etag"].strip('"'))]
            assert (await agency.post("/v1/status-pages/nobody/domain/verify")).status_code == 404


async def test_a_domain_shows_the_page_of_whoever_proved_it_last(
    start_service: Any, story: Any, another_story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reporting.adapters.own_domains.FRESH_SECONDS", 0.0)
    other = another_story(slug="autre-agence", client_name="Chez un autre")
    began = datetime(2026, 5, 20, 8, tzinfo=UTC)
    async with name_server() as (zone, address):
        service = await start_service(dns_servers=(address,))
        await service.hear(story.contract("activated", began), other.contract("activated", began))
        async with service.client(story) as agency, service.client(other) as later, service.client() as visitor:
            assert (await claim(agency, zone)).status_code == 200
            service.clock.advance(timedelta(minutes=1))
            told = (await later.put("/v1/status-pages/autre-agence/domain", json={"domain": DOMAIN})).json()["domain"]
            assert (await visitor.get("/index.json", headers={"host": DOMAIN})).json()["name"] == "Boulangerie Martin"
            assert (await later.post("/v1/status-pages/autre-agence/domain/verify")).status_code == 409
            zone.texts[told["record_name"]] = [told["record_value"]]
            assert (await later.post("/v1/status-pages/autre-agence/domain/verify")).status_code == 200
            assert (await visitor.get("/index.json", headers={"host": DOMAIN})).json()["name"] == "Chez un autre"


@pytest.mark.parametrize(
    "domain",
    ["localhost", "127.0.0.1", "a..example", "-a.example", "Status.Example", "a.example/x", "é.example", "a b.fr"],
)
async def test_what_is_no_domain_is_refused(known: Any, story: Any, domain: str) -> None:
    async with known.client(story) as agency:
        answer = await agency.put(f"{SETTINGS}/domain", json={"domain": domain})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/domain")
        assert (await agency.post(f"{SETTINGS}/domain/verify")).status_code == 409


def test_a_domain_that_was_taken_away_is_gone_within_a_minute() -> None:
    assert FRESH_SECONDS <= 60


def another_site(story: Any, site_id: Any, environment_id: Any) -> bytes:
    """The story's contract with a second site."""
    activated = json.loads(story.contract("activated", datetime(2026, 5, 20, 8, tzinfo=UTC)))
    (site,) = activated["data"]["sites"]
    environment = site["environments"][0] | {"environment_id": str(environment_id)}
    second = site | {"site_id": str(site_id), "name": "traiteur-martin.example", "environments": [environment]}
    activated["data"]["sites"].append(second)
    return json.dumps(activated).encode()


async def test_a_page_of_a_client_with_several_contracts_shows_the_sites_of_all_of_them_or_some(
    service: Any, story: Any
) -> None:
    began = datetime(2026, 5, 20, 8, tzinfo=UTC)
    other = Story(tenant_id=story.tenant_id, client_id=story.client_id, site_name="traiteur-martin.example")
    stranger = Story(tenant_id=story.tenant_id, site_name="stranger.example")
    await service.hear(*(each.contract("activated", began) for each in (story, other)))
    await service.hear(stranger.contract("activated", began + timedelta(days=1)))

    async def shown() -> set[str]:
        async with service.client() as visitor:
            return {each["name"] for each in (await visitor.get(f"{PAGE}.json")).json()["components"]}

    assert await shown() == {"boulangerie-martin.example", "traiteur-martin.example"}
    assert (await change(service, story, site_ids=[str(other.site_id)])).status_code == 200
    assert await shown() == {"traiteur-martin.example"}
    refused = await change(service, story, site_ids=[str(stranger.site_id)])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/site_ids/0")


async def test_a_page_shows_the_sites_that_are_named_and_nothing_of_the_others(service: Any, story: Any) -> None:
    second, environment_id = new_id(), new_id()
    began = datetime(2026, 5, 20, 8, tzinfo=UTC)
    soon = service.clock.now() + timedelta(days=1)
    await service.hear(
        another_site(story, second, environment_id),
        story.unknown(began),
        story.restored(began, began + timedelta(seconds=30)),
        story.down(new_id(), service.clock.now() - timedelta(minutes=5)),
        story.maintenance(
            began, (soon, soon + timedelta(hours=1)), window_id=new_id(), environment_ids=[story.environment_id]
        ),
    )

    async def shown() -> tuple[list[str], int, int]:
        async with service.client() as visitor:
            content = (await visitor.get(f"{PAGE}.json")).json()
        names = [each["name"] for each in content["components"]]
        return names, len(content["open_incidents"]), len(content["maintenance"])

    both = ["boulangerie-martin.example", "traiteur-martin.example"]
    assert await shown() == (both, 1, 1)
    assert (await change(service, story, site_ids=[str(second)])).json()["site_ids"] == [str(second)]
    assert await shown() == (both[1:], 0, 0)
    async with service.client() as visitor:
        for place in ("", "/feed.atom", "/maintenance.ics", "/api/v2/summary.json"):
            assert both[0] not in (await visitor.get(f"{PAGE}{place}", headers=BROWSER)).text, place
        hidden = await visitor.get(f"{PAGE}/components/{story.environment_id}", headers=BROWSER)
        assert hidden.status_code == 404
    refused = await change(service, story, site_ids=[str(second), str(new_id())])
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "#/site_ids/1")
    with stepped_back(service, "0021"), psycopg.connect(service.urls.superuser) as connection:
        stored = connection.execute(
            "select settings ->> 'audience', settings ? 'site_ids', password from reporting.status_page"
        ).fetchall()
    assert stored == [("password", False, None)]
    assert (await change(service, story, site_ids=None, audience="public")).json()["site_ids"] == []
    assert await shown() == (both, 1, 1)
