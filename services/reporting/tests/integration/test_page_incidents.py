"""Incidents that people of an agency put on a status page: told wherever outages are, and no figure counts them."""

import asyncio
import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import httpx
import psycopg
import pytest

from reporting.adapters.facts import StoredFacts
from reporting.api import page_updates as update_routes
from reporting.application.client_overview import contract_now
from reporting.application.page_updates import LONGEST_AGO, MOST_INCIDENTS
from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_page_updates import ENGLISH, FRENCH, ONGOING, PAGE, TEXTS, everywhere, publish, read, updates, withdraw, work
from .test_schema import stepped_back
from .test_status_subscriptions import body, subscribe

TITLES = {"fr": "Paiements refusés", "en": "Payments are refused"}
INCIDENTS = "/v1/status-pages/boulangerie-martin/incidents"
INTERNAL = "The client forgot to pay 10.0.0.7 again"
ATOM = {"atom": "http://www.w3.org/2005/Atom"}


@pytest.fixture
async def service(start_service: Any, story: Any, mailbox: Mailbox) -> Any:
    """With a mail server, and a page on which all is well."""
    started = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
    await started.hear(*story.golden_june()[:5])
    return started


@pytest.fixture
async def reported(service: Any, story: Any) -> UUID:
    """An incident that somebody reported, of which reporting has heard."""
    return await report(service, story)


async def report(service: Any, story: Any, outage_id: UUID | None = None) -> UUID:
    incident_id: UUID = new_id()
    await service.hear(*story.incident(incident_id, outage_id, service.clock.now() - ONGOING, title=INTERNAL))
    return incident_id


def of(story: Any, incident_id: UUID, **changes: Any) -> dict[str, Any]:
    """What is published of an incident."""
    affected = [{"component_id": str(story.environment_id), "impact": "partial"}]
    return {"incident_id": str(incident_id), "titles": TITLES, "components": affected, "texts": TEXTS} | changes


async def put(service: Any, story: Any, incident_id: UUID, how: Any = None, **changes: Any) -> httpx.Response:
    async with service.client(story, **(how or {})) as agency:
        answer: httpx.Response = await agency.post(INCIDENTS, json=of(story, incident_id, **changes))
    return answer


async def shown(service: Any, story: Any, incident_id: UUID, **changes: Any) -> dict[str, Any]:
    """An incident that is on the page from now on."""
    answer = await put(service, story, incident_id, **changes)
    assert answer.status_code == 201, answer.text
    view: dict[str, Any] = answer.json()
    return view


async def take_away(service: Any, story: Any, view: dict[str, Any]) -> httpx.Response:
    async with service.client(story) as agency:
        path = f"{INCIDENTS}/{view['page_incident_id']}/withdraw"
        answer: httpx.Response = await agency.post(path, headers={"if-match": f'"{view["version"]}"'})
    return answer


async def every_place(service: Any, story: Any, page_incident_id: str, language: str) -> dict[str, str]:
    """All that a visitor of a language may read of an incident that goes on, by where it is."""
    headers = FRENCH if language == "fr" else ENGLISH
    places = (f"/incidents/{page_incident_id}", "/api/v2/summary.json", "/api/v2/incidents/unresolved.json")
    async with service.client() as visitor:
        found = {place: await visitor.get(f"{PAGE}{place}", headers=headers) for place in places}
    assert {answer.status_code for answer in found.values()} <= {200, 404}
    return await everywhere(service, story, language) | {place: answer.text for place, answer in found.items()}


async def test_an_incident_is_read_in_each_language_wherever_the_page_tells_of_outages_until_it_is_withdrawn(
    service: Any, story: Any, reported: UUID
) -> None:
    view = await shown(service, story, reported)
    assert (view["titles"], view["version"], view["incident_id"]) == (TITLES, 1, str(reported))
    page_incident_id = view["page_incident_id"]
    for language, other in (("fr", "en"), ("en", "fr")):
        for place, text in (await every_place(service, story, page_incident_id, language)).items():
            assert TITLES[language] in text, place
            assert TEXTS[language] in text, place
            assert TITLES[other] not in text, place
            assert TEXTS[other] not in text, place
        async with service.client() as visitor:
            listed = await visitor.get(f"{PAGE}/incidents", headers=FRENCH if language == "fr" else ENGLISH)
        assert TITLES[language] in listed.text
        assert f'href="./incidents/{page_incident_id}?lang={language}"' in listed.text

    assert (await take_away(service, story, view)).status_code == 200
    for language in ("fr", "en"):
        for place, text in (await every_place(service, story, page_incident_id, language)).items():
            assert TITLES[language] not in text, place
            assert TEXTS[language] not in text, place
    assert (await read(service))["open_incidents"] == []
    async with service.client(story) as agency:
        (kept,) = (await agency.get(INCIDENTS)).json()["data"]
        (told,) = (await agency.get(f"{INCIDENTS}/{page_incident_id}/updates")).json()["data"]
    assert (kept["version"], told["version"]) == (2, 2)
    assert kept["withdrawn_by"] == told["withdrawn_by"] is not None
    assert (await take_away(service, story, view)).status_code == 412
    assert (await take_away(service, story, kept)).status_code == 409
    assert (await publish(service, story, UUID(page_incident_id), texts=TEXTS)).status_code == 404
    assert (await put(service, story, reported)).status_code == 201, "what was withdrawn can be put there anew"


async def test_nothing_of_the_agencys_own_incident_is_shown(service: Any, story: Any, reported: UUID) -> None:
    view = await shown(service, story, reported)
    async with service.client() as visitor:
        told = (await visitor.get(f"{PAGE}.json")).text
    for text in [told, *(await every_place(service, story, view["page_incident_id"], "en")).values()]:
        for internal in (INTERNAL, "10.0.0.7", "INC-2026", str(reported), "critical", "Léa Dubois"):
            assert internal not in text


async def test_what_people_say_of_a_component_is_beside_what_is_measured_and_in_no_figure(
    service: Any, story: Any, reported: UUID
) -> None:
    before = await read(service)
    view = await shown(
        service, story, reported, components=[{"component_id": str(story.environment_id), "impact": "major"}]
    )
    after = await read(service)
    (was,), (now,) = before["components"], after["components"]
    assert (was["state"], was["impact"], now["state"], now["impact"]) == ("up", None, "up", "major")
    assert {key: was[key] for key in was if key != "impact"} == {key: now[key] for key in now if key != "impact"}
    assert (before["status"]["headline"], after["status"]["headline"]) == ("operational", "major_outage")
    async with service.client() as visitor:
        page = (await visitor.get(PAGE, headers=ENGLISH)).text
        summary = (await visitor.get(f"{PAGE}/api/v2/summary.json")).json()
    assert '<span class="pill">Unavailable</span>' in page
    assert "By our checks: Operational" in page
    assert summary["status"] == {"indicator": "critical", "description": "Major Service Outage"}
    assert [each["status"] for each in summary["components"]] == ["major_outage"]
    assert [(each["impact"], each["status"]) for each in summary["incidents"]] == [("critical", "investigating")]
    async with service.client(story) as agency:
        month = await agency.get(f"/v1/contracts/{story.contract_id}/reports/2026-06")
    assert month.status_code == 200, month.text
    assert view["page_incident_id"] not in month.text
    assert TITLES["en"] not in month.text


async def test_later_updates_say_how_it_stands_and_what_is_affected_and_one_ends_it(
    service: Any, story: Any, reported: UUID
) -> None:
    began = service.clock.now() - timedelta(minutes=30)
    view = await shown(service, story, reported, started_at=began.isoformat())
    told_of = UUID(view["page_incident_id"])
    less = [{"component_id": str(story.environment_id), "impact": "degraded"}]
    service.clock.advance(timedelta(minutes=10))
    answer = await publish(service, story, told_of, status="monitoring", texts={"en": "It recovers."}, components=less)
    assert answer.status_code == 201, answer.text
    content = await read(service)
    (incident,) = content["open_incidents"]
    assert (incident["status"], incident["impact"]) == ("monitoring", "partial")
    assert [each["impact"] for each in incident["components"]] == ["degraded"]
    assert content["components"][0]["impact"] == "degraded"
    assert [step["status"] for step in incident["updates"]] == ["monitoring", "investigating"]
    service.clock.advance(timedelta(minutes=10))
    over = await publish(service, story, told_of, status="resolved", texts={"en": "Payments work."})
    assert over.status_code == 201, over.text
    content = await read(service)
    (incident,) = content["recent_incidents"]
    assert content["open_incidents"] == []
    assert (incident["ended_at"], incident["duration_seconds"]) == ("2026-06-08T09:20:00Z", 3_000)
    assert (content["status"]["headline"], content["components"][0]["impact"]) == ("operational", None)
    async with service.client() as visitor:
        (statuspage,) = (await visitor.get(f"{PAGE}/api/v2/incidents.json")).json()["incidents"]
    steps = [each["affected_components"][0] for each in statuspage["incident_updates"]]
    assert [(each["old_status"], each["new_status"]) for each in steps] == [
        ("degraded_performance", "operational"),
        ("partial_outage", "degraded_performance"),
        ("operational", "partial_outage"),
    ]
    assert (statuspage["resolved_at"], statuspage["impact"]) == ("2026-06-08T09:20:00Z", "major")

    assert (await withdraw(service, story, over.json())).status_code == 200
    assert [each["status"] for each in (await read(service))["open_incidents"]] == ["monitoring"]
    assert (await publish(service, story, told_of, status="resolved", texts={"en": "Now."})).status_code == 201
    service.clock.advance(timedelta(days=13, hours=23))
    assert len((await read(service))["recent_incidents"]) == 1
    service.clock.advance(timedelta(hours=2))
    assert (await read(service))["recent_incidents"] == []


async def test_an_incident_whose_every_update_was_withdrawn_still_has_its_title_and_its_components(
    service: Any, story: Any, reported: UUID
) -> None:
    view = await shown(service, story, reported)
    path = f"{INCIDENTS}/{view['page_incident_id']}/updates"
    async with service.client(story) as agency:
        (first,) = (await agency.get(path)).json()["data"]
    assert (await withdraw(service, story, first)).status_code == 200
    (incident,) = (await read(service))["open_incidents"]
    assert (incident["titles"], incident["status"]) == (TITLES, "investigating")
    assert [(step["texts"], step["page_update_id"]) for step in incident["updates"]] == [({}, None)]
    assert [each["impact"] for each in incident["components"]] == ["partial"]


async def test_what_an_outage_does_to_its_component_is_measured(service: Any, story: Any) -> None:
    outage: UUID = new_id()
    await service.hear(story.down(outage, service.clock.now() - ONGOING))
    less = [{"component_id": str(story.environment_id), "impact": "degraded"}]
    answer = await publish(service, story, outage, texts=TEXTS, components=less)
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/components"


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"incident_id": str(new_id())}, "#/incident_id"),
        ({"titles": {}}, "#/titles"),
        ({"titles": {"en": "two\nlines"}}, "#/titles/en"),
        ({"titles": {"en": "x" * 201}}, "#/titles/en"),
        ({"texts": {"fr": " "}}, "#/texts/fr"),
        ({"components": []}, "#/components"),
        ({"components": [{"component_id": str(new_id()), "impact": "major"}]}, "#/components/0/component_id"),
        ({"started_at": "2026-06-08T09:00:01Z"}, "#/started_at"),
        ({"started_at": "2026-03-01T00:00:00Z"}, "#/started_at"),
        ({"status": "postmortem"}, "#/status"),
    ],
)
async def test_what_cannot_be_put_on_a_page_is_refused_with_its_place(
    service: Any, story: Any, reported: UUID, changes: Any, pointer: str
) -> None:
    async with service.client(story) as agency:
        answer = await agency.post(INCIDENTS, json=of(story, reported) | changes)
    assert answer.status_code == 422, answer.text
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert (await read(service))["open_incidents"] == []
    assert datetime.fromisoformat("2026-03-01T00:00:00+00:00") < service.clock.now() - LONGEST_AGO


async def test_a_component_that_is_named_twice_is_refused_at_its_second_place(
    service: Any, story: Any, reported: UUID
) -> None:
    twice = [{"component_id": str(story.environment_id), "impact": impact} for impact in ("partial", "major")]
    answer = await put(service, story, reported, components=twice)
    assert answer.json()["errors"][0]["pointer"] == "#/components/1/component_id"


async def test_an_incident_is_on_a_page_once_and_that_of_an_outage_is_there_by_itself(
    service: Any, story: Any, reported: UUID
) -> None:
    view = await shown(service, story, reported)
    again = await put(service, story, reported)
    assert again.status_code == 409
    assert view["page_incident_id"] in again.json()["detail"]
    outage: UUID = new_id()
    await service.hear(story.down(outage, service.clock.now() - ONGOING))
    measured = await put(service, story, await report(service, story, outage))
    assert measured.status_code == 409
    assert "by itself" in measured.json()["detail"]


async def test_a_page_shows_so_many_incidents_and_no_more(service: Any, story: Any) -> None:
    for _ in range(MOST_INCIDENTS):
        view = await shown(service, story, await report(service, story))
    refused = await put(service, story, await report(service, story))
    assert refused.status_code == 409
    assert (await take_away(service, story, view)).status_code == 200
    assert (await put(service, story, await report(service, story))).status_code == 201


async def test_two_who_publish_the_last_update_at_one_time_do_not_both(
    service: Any, story: Any, reported: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    told_of = UUID((await shown(service, story, reported))["page_incident_id"])
    monkeypatch.setattr(update_routes, "MOST_UPDATES", 2)
    answers = await asyncio.gather(*(publish(service, story, told_of, texts=TEXTS) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def in_portal(service: Any, story: Any) -> tuple[str, str, str]:
    """How the portal says that all is, and what of the story's environment was measured and is shown."""
    async with service.runtime.units.for_tenant(story.tenant_id) as unit:
        now = await contract_now(StoredFacts(unit), story.contract_id, unit.now)
    assert now is not None
    (system,) = [each for each in now.systems if each.environment_id == story.environment_id]
    return str(now.headline), system.state, system.shown


async def test_the_portal_tells_the_client_what_his_page_tells_visitors(
    service: Any, story: Any, reported: UUID
) -> None:
    view = await shown(service, story, reported)
    assert await in_portal(service, story) == ("partial_outage", "up", "partial")
    await take_away(service, story, view)
    assert await in_portal(service, story) == ("operational", "up", "up")


async def test_two_who_put_one_incident_on_a_page_at_one_time_do_not_both(
    service: Any, story: Any, reported: UUID
) -> None:
    answers = await asyncio.gather(*(put(service, story, reported) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]


async def test_another_agency_and_another_client_find_nothing_and_a_client_publishes_nothing(
    service: Any, story: Any, another_story: Any, reported: UUID
) -> None:
    view = await shown(service, story, reported)
    path = f"{INCIDENTS}/{view['page_incident_id']}"
    stranger = another_story()
    assert (await put(service, stranger, reported)).status_code == 404
    for who, how in (
        (stranger, {}),
        (story, {"role": "client_decider", "client_id": new_id()}),
    ):
        async with service.client(who, **how) as other:
            for address in (INCIDENTS, path, f"{path}/updates"):
                assert (await other.get(address)).status_code == 404, address
    client = {"role": "client_decider", "client_id": story.client_id}
    assert (await put(service, story, await report(service, story), client)).status_code == 403
    async with service.client(story, **client) as reader:
        assert (await reader.get(path)).json() == view
        assert (await reader.post(f"{path}/withdraw", headers={"if-match": '"1"'})).status_code == 403
        assert (await take_away(service, story, view)).status_code == 200
        assert (await reader.get(path)).status_code == 404
        assert (await reader.get(INCIDENTS)).json()["data"] == []
        assert (await reader.get(f"{path}/updates")).json()["data"] == []


async def test_an_incident_of_another_client_of_the_agency_cannot_be_put_on_this_clients_page(
    service: Any, story: Any, another_story: Any
) -> None:
    neighbour = another_story(tenant_id=story.tenant_id, slug="neighbour")
    await service.hear(*neighbour.golden_june()[:5])
    answer = await put(service, story, await report(service, neighbour))
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["pointer"] == "#/incident_id"


async def test_a_page_that_shows_other_sites_says_nothing_of_what_it_hides_and_the_portal_does_until_it_is_resolved(
    service: Any, story: Any, reported: UUID
) -> None:
    view = await shown(service, story, reported)
    hidden = {
        "site_id": str(new_id()),
        "name": "other.example",
        "kind": "website",
        "environments": [
            {
                "environment_id": str(new_id()),
                "name": "production",
                "url": "https://other.example/",
                "counts_for_sla": True,
            }
        ],
    }
    now = service.clock.now()
    known = json.loads(story.contract("amended", now))["data"]["sites"]
    await service.hear(story.contract("amended", now, sites=[*known, hidden]))
    async with service.client(story) as agency:
        path = f"/v1/status-pages/{story.slug}"
        only = await agency.patch(path, json={"site_ids": [hidden["site_id"]]}, headers={"if-match": "*"})
        assert only.status_code == 200, only.text
    content = await read(service)
    assert [each["name"] for each in content["components"]] == ["other.example"]
    assert content["open_incidents"] == []
    assert (await in_portal(service, story))[1:] == ("up", "partial")
    over = await publish(service, story, UUID(view["page_incident_id"]), status="resolved", texts=TEXTS)
    assert over.status_code == 201, over.text
    assert (await in_portal(service, story))[1:] == ("up", "up")
    assert (await read(service))["recent_incidents"] == []


async def test_pages_of_what_happened_are_closed_to_whom_the_page_is_closed(
    service: Any, story: Any, reported: UUID
) -> None:
    view = await shown(service, story, reported)
    async with service.client(story) as agency:
        closed = {"audience": "password", "password": "pain au levain"}
        answer = await agency.patch(f"/v1/status-pages/{story.slug}", json=closed, headers={"if-match": "*"})
        assert answer.status_code == 200, answer.text
    async with service.client() as visitor:
        for path in (f"{PAGE}/incidents", f"{PAGE}/incidents/{view['page_incident_id']}"):
            asked = await visitor.get(path, headers=ENGLISH)
            assert asked.status_code == 403
            assert TITLES["en"] not in asked.text
            assert (await visitor.get(path)).status_code == 401
            opened = await visitor.get(path, auth=("reader", "pain au levain"), headers={"accept-language": "en"})
            assert opened.status_code == 200
            assert TITLES["en"] in opened.text
            assert opened.headers["cache-control"] == "private, no-cache"


async def test_an_incident_and_a_part_that_are_not_there_are_a_page_for_people_and_a_problem_for_programs(
    service: Any, story: Any, reported: UUID
) -> None:
    view = await shown(service, story, reported)
    own = f"{PAGE}/incidents/{view['page_incident_id']}"
    async with service.client() as visitor:
        for path in (f"{PAGE}/incidents/{new_id()}", f"{own}?part=2", f"{PAGE}/incidents?part=2"):
            people, program = await visitor.get(path, headers=FRENCH), await visitor.get(path)
            assert (people.status_code, program.status_code) == (404, 404)
            assert "Page introuvable" in people.text
            assert program.headers["content-type"] == "application/problem+json"


async def test_subscribers_are_told_of_every_update_in_their_language_and_of_none_that_was_withdrawn(
    service: Any, story: Any, mailbox: Mailbox, reported: UUID
) -> None:
    await subscribe(service, mailbox)
    before = len(mailbox.messages)
    view = await shown(service, story, reported)
    await work(service)
    (mail,) = mailbox.messages[before:]
    assert mail["Subject"] == "[Boulangerie Martin] Paiements refusés"
    assert TEXTS["fr"] in body(mail)
    assert "boulangerie-martin.example" in body(mail)
    told_of = UUID(view["page_incident_id"])
    over = await publish(service, story, told_of, status="resolved", texts={"fr": "Tout fonctionne."})
    assert over.status_code == 201
    await work(service)
    (mail,) = mailbox.messages[before + 1 :]
    assert "Tout fonctionne." in body(mail)
    assert (await publish(service, story, told_of, texts={"fr": "Une phrase de trop."})).status_code == 201
    assert (await take_away(service, story, view)).status_code == 200
    await work(service)
    assert len(mailbox.messages) == before + 2


async def test_what_feeds_say_they_were_updated_at_never_goes_back(service: Any, story: Any, reported: UUID) -> None:
    seen: list[tuple[str, str | None]] = []

    async def look() -> None:
        async with service.client() as visitor:
            feed = ElementTree.fromstring((await visitor.get(f"{PAGE}/feed.atom")).content)
            followed = (await visitor.get(f"{PAGE}/feed.json")).json()["items"]
            (incident, *_) = (await visitor.get(f"{PAGE}/api/v2/incidents.json")).json()["incidents"] or [{}]
        entry = feed.findtext("atom:entry/atom:updated", namespaces=ATOM)
        assert entry == (followed[0]["date_modified"] if followed else None) == incident.get("updated_at")
        whole = feed.findtext("atom:updated", namespaces=ATOM)
        assert whole is not None
        seen.append((whole, entry))
        service.clock.advance(timedelta(minutes=7))

    await look()
    view = await shown(service, story, reported)
    await look()
    said = await publish(service, story, UUID(view["page_incident_id"]), texts=TEXTS)
    await look()
    assert (await withdraw(service, story, said.json())).status_code == 200
    await look()
    await look()
    assert (await take_away(service, story, view)).status_code == 200
    await look()
    outage, since = new_id(), service.clock.now()
    await service.hear(story.down(outage, since))
    await look()
    await service.hear(story.recovered(outage, since, service.clock.now()))
    for _ in range(110):
        await look()
        service.clock.advance(timedelta(days=1))
    feeds, entries = zip(*seen, strict=True)
    assert list(feeds) == sorted(feeds)
    of_incident, of_outage = list(entries[1:5]), [each for each in entries[6:] if each]
    assert of_incident == sorted(of_incident)
    assert of_incident[1] < of_incident[2] == of_incident[3], "who followed is told that a sentence is gone"
    assert of_outage == sorted(of_outage)
    assert feeds[4] < feeds[5], "and that the incident is"
    assert len(set(feeds[9:15])) == 1, "while nothing happens, nothing changes"


async def test_whoever_asks_within_the_minute_reads_what_was_said_within_it(
    service: Any, story: Any, reported: UUID
) -> None:
    addresses = (PAGE, f"{PAGE}.json", f"{PAGE}/components/{story.environment_id}", f"{PAGE}/incidents")
    async with service.client() as visitor:
        first = {address: await visitor.get(address, headers=ENGLISH) for address in addresses}
        service.clock.advance(timedelta(seconds=20))
        await shown(service, story, reported)
        for address, answer in first.items():
            assert "last-modified" not in answer.headers
            for condition in (
                {"if-none-match": answer.headers["etag"]},
                {"if-modified-since": "Mon, 08 Jun 2026 09:00:00 GMT"},
                {"if-modified-since": "Mon, 08 Jun 99999999999 09:00:00 GMT"},
            ):
                now = await visitor.get(address, headers=ENGLISH | condition)
                assert now.status_code == 200, (address, condition)
                assert now.headers["etag"] != answer.headers["etag"]
                same = await visitor.get(address, headers=ENGLISH | {"if-none-match": now.headers["etag"]})
                assert same.status_code == 304


async def test_a_step_back_before_incidents_leaves_what_was_told_of_outages(
    service: Any, story: Any, mailbox: Mailbox, reported: UUID
) -> None:
    outage: UUID = new_id()
    await service.hear(story.down(outage, service.clock.now() - ONGOING))
    assert (await publish(service, story, outage, texts=TEXTS)).status_code == 201
    await shown(service, story, reported)
    with stepped_back(service, "0022"), psycopg.connect(service.urls.superuser) as connection:
        kept = connection.execute("select outage_id, texts from reporting.page_update").fetchall()
    assert kept == [(outage, TEXTS)]
    async with service.client(story) as agency:
        assert [each["texts"] for each in (await agency.get(updates(outage))).json()["data"]] == [TEXTS]
