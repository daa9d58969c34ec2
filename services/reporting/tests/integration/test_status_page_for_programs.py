"""What other programs read of a status page: Statuspage's JSON, feeds, a calendar, a badge; and planned work."""

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import feedparser
import feedparser_rs
import icalendar
import psycopg
import pytest
from psycopg import sql

from reporting.adapters.page_settings import locked_row
from reporting.adapters.rendering import status_page
from reporting.domain.brand import contrast
from reporting.main import SERVICE
from shared.ids import new_id
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.worker import build_runtime

from .statuspage_shape import DOCUMENTS
from .test_status_page_settings import png

OURS = {"host": "reports.agency.example"}
"""Where the service itself is: any other name may be the domain of a page, which the database knows."""
BROWSER = {"accept": "text/html", "accept-language": "en"}
NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
V2 = (
    "summary",
    "status",
    "components",
    "incidents",
    "incidents/unresolved",
    "scheduled-maintenances",
    "scheduled-maintenances/upcoming",
    "scheduled-maintenances/active",
)
LISTS = {"components", "incidents", "scheduled_maintenances"}


async def read(service: Any, story: Any, path: str, **params: str) -> Any:
    async with service.client() as visitor:
        answer = await visitor.get(f"/status/{story.slug}{path}", params=params, headers={"accept-language": "en"})
    assert answer.status_code == 200, answer.text
    return answer


async def v2(service: Any, story: Any, document: str, **params: str) -> dict[str, Any]:
    content: dict[str, Any] = (await read(service, story, f"/api/v2/{document}.json", **params)).json()
    return content


async def test_every_document_of_statuspage_has_its_lists_even_when_nothing_happens(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    found = {document: await v2(service, story, document) for document in V2}
    assert {key for each in found.values() for key in each} == {"page", "status"} | LISTS
    assert all(isinstance(each[key], list) for each in found.values() for key in LISTS & set(each))
    assert set(found["summary"]) == {"page", "status"} | LISTS
    assert found["summary"]["page"]["url"] == "https://reports.agency.example/status/boulangerie-martin"
    assert found["summary"]["status"] == {"indicator": "none", "description": "All Systems Operational"}
    (component,) = found["components"]["components"]
    assert (component["name"], component["status"]) == ("boulangerie-martin.example", "operational")
    assert component["created_at"] == "2026-05-20T08:00:00Z"


async def test_a_component_begins_on_the_day_of_the_page_s_zone(service: Any, story: Any) -> None:
    await service.hear(story.contract("activated", datetime(2026, 5, 31, 22, tzinfo=UTC)))  # midnight in Paris
    (component,) = (await v2(service, story, "components"))["components"]
    assert (component["start_date"], component["created_at"]) == ("2026-06-01", "2026-05-31T22:00:00Z")


@pytest.mark.parametrize(
    "ending",
    ["", ".json", "/incidents", "/feed.atom", "/feed.json", "/maintenance.ics", "/badge.svg", "/api/v2/summary.json"],
)
async def test_the_head_of_a_page_is_that_of_the_whole_answer(service: Any, story: Any, ending: str) -> None:
    await service.hear(*story.golden_june()[:5])
    address = f"/status/{story.slug}{ending}"
    async with service.client() as visitor:
        whole, head = await visitor.get(address), await visitor.head(address)
        assert (head.status_code, head.content) == (whole.status_code, b"") == (200, b"")
        named = ("content-type", "content-length", "etag", "cache-control")
        assert [head.headers[name] for name in named] == [whole.headers[name] for name in named]
        again = await visitor.head(address, headers={"if-none-match": head.headers["etag"]})
        assert again.status_code == 304
        assert (await visitor.delete(address)).headers["allow"] == "GET, HEAD"
        assert (await visitor.head("/status/nobody.json")).status_code == 404


async def test_a_reader_of_statuspage_follows_an_outage_from_its_beginning_to_its_end(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    outage_id, since = new_id(), NOW - timedelta(minutes=12)
    await service.hear(story.down(outage_id, since))
    summary = await v2(service, story, "summary")
    assert summary["status"] == {"indicator": "critical", "description": "Major Service Outage"}
    assert [each["status"] for each in summary["components"]] == ["major_outage"]
    (incident,) = summary["incidents"]
    assert (incident["id"], incident["status"]) == (str(outage_id), "investigating")
    assert incident["name"] == "boulangerie-martin.example is unavailable"
    french = await v2(service, story, "summary", lang="fr")
    assert french["incidents"][0]["name"] == "boulangerie-martin.example est indisponible"

    back = since + timedelta(minutes=5)
    await service.hear(story.recovered(outage_id, since, back))
    await service.hear(
        *story.incident(
            new_id(),
            outage_id,
            since,
            acknowledged=since + timedelta(minutes=2),
            recovered=back,
            resolved=back + timedelta(minutes=2),
        )
    )
    assert (await v2(service, story, "incidents/unresolved"))["incidents"] == []
    (incident,) = (await v2(service, story, "incidents"))["incidents"]
    assert (incident["status"], incident["resolved_at"]) == ("resolved", "2026-06-08T08:55:00Z")
    steps = [(each["status"], each["affected_components"][0]["new_status"]) for each in incident["incident_updates"]]
    assert steps == [
        ("resolved", "operational"),
        ("monitoring", "operational"),
        ("identified", "major_outage"),
        ("investigating", "major_outage"),
    ]


async def test_planned_work_is_announced_to_whom_it_touches_and_to_nobody_when_it_is_called_off(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june()[:5])
    running = (NOW - timedelta(hours=1), NOW + timedelta(hours=1))
    week = timedelta(days=7)
    window_id = new_id()
    planned = [(running[0] + week * number, running[1] + week * number) for number in range(-3, 7)]
    staging = story.maintenance(NOW, running, window_id=new_id(), environment_ids=[story.staging_id])
    await service.hear(staging, story.maintenance(NOW - 4 * week, *planned, window_id=window_id))
    works = (await v2(service, story, "scheduled-maintenances"))["scheduled_maintenances"]
    assert [each["status"] for each in works] == ["completed"] * 2 + ["in_progress"] + ["scheduled"] * 4
    assert [
        each["scheduled_for"]
        for each in (await v2(service, story, "scheduled-maintenances/active"))["scheduled_maintenances"]
    ] == ["2026-06-08T08:00:00Z"]
    assert len((await v2(service, story, "scheduled-maintenances/upcoming"))["scheduled_maintenances"]) == 4
    page = await read(service, story, "")
    assert "Planned maintenance" in page.text
    assert "Montée de version du serveur" in page.text
    assert "bastion" not in page.text

    been = [*planned[1:3], (running[0], NOW)]
    await service.hear(story.maintenance(NOW, *been, window_id=window_id, cancelled=True))
    works = (await v2(service, story, "scheduled-maintenances"))["scheduled_maintenances"]
    assert {each["status"] for each in works} == {"completed"}
    assert "Planned maintenance" not in (await read(service, story, "")).text


async def test_a_reader_of_statuspage_is_told_when_planned_work_began_and_when_it_was_over(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june()[:5])
    announced, begins, ends = (NOW + timedelta(hours=hours) for hours in (-2, 1, 3))
    window_id = new_id()

    async def told() -> tuple[list[tuple[str, str]], list[str]]:
        (work,) = (await v2(service, story, "scheduled-maintenances"))["scheduled_maintenances"]
        updates = work["incident_updates"]
        assert (work["status"], work["updated_at"]) == (updates[0]["status"], updates[0]["created_at"])
        assert work["created_at"] == updates[-1]["created_at"] == "2026-06-08T07:00:00Z"
        assert all(each["created_at"] == each["updated_at"] == each["display_at"] for each in updates)
        return [(each["status"], each["created_at"]) for each in updates], [each["id"] for each in updates]

    await service.hear(story.maintenance(announced, (begins, ends), window_id=window_id))
    before, first = await told()
    assert before == [("scheduled", "2026-06-08T07:00:00Z")]
    service.clock.advance(timedelta(hours=1))
    during, both = await told()
    assert during == [("in_progress", "2026-06-08T10:00:00Z"), *before]
    service.clock.advance(timedelta(hours=2))
    after, every = await told()
    assert after == [("completed", "2026-06-08T12:00:00Z"), *during]
    assert (every[1:], both[1:]) == (both, first) and len(set(every)) == 3


async def test_planned_work_that_was_called_off_while_it_went_on_began_when_it_began(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    began, window_id = NOW - timedelta(hours=1), new_id()
    await service.hear(story.maintenance(NOW, (began, NOW), window_id=window_id, cancelled=True))
    (work,) = (await v2(service, story, "scheduled-maintenances"))["scheduled_maintenances"]
    assert (work["status"], work["updated_at"]) == ("completed", "2026-06-08T09:00:00Z")
    assert [(each["status"], each["created_at"]) for each in work["incident_updates"]] == [
        ("completed", "2026-06-08T09:00:00Z"),
        ("in_progress", "2026-06-08T08:00:00Z"),
        ("scheduled", "2026-06-08T08:00:00Z"),
    ]


async def test_an_older_version_of_planned_work_changes_nothing(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    window_id = new_id()
    first = story.maintenance(NOW, (NOW + timedelta(hours=1), NOW + timedelta(hours=2)), window_id=window_id)
    moved = story.maintenance(NOW, (NOW + timedelta(hours=5), NOW + timedelta(hours=6)), window_id=window_id)
    await service.hear(moved, first)
    works = (await v2(service, story, "scheduled-maintenances"))["scheduled_maintenances"]
    assert [each["scheduled_for"] for each in works] == ["2026-06-08T14:00:00Z"]


async def test_a_calendar_program_reads_the_planned_work(service: Any, story: Any) -> None:
    title = "Mise à jour; étape 1, « très longue » " * 4 + "\\n\n"
    window = story.maintenance(NOW, (NOW, NOW + timedelta(hours=2)), window_id=new_id(), title=title)
    await service.hear(*story.golden_june()[:5], window)
    answer = await read(service, story, "/maintenance.ics", lang="en")
    assert answer.headers["content-type"] == "text/calendar; charset=utf-8"
    assert all(len(line) <= 75 for line in answer.content.split(b"\r\n"))
    (event,) = icalendar.Calendar.from_ical(answer.content).walk("VEVENT")
    assert str(event["SUMMARY"]) == title
    assert (event.decoded("DTSTART"), event.decoded("DTEND")) == (NOW, NOW + timedelta(hours=2))
    assert str(event["DESCRIPTION"]) == "boulangerie-martin.example"


async def test_feeds_tell_what_happened_and_stay_the_same_while_nothing_does(service: Any, story: Any) -> None:
    story.client_name = "Martin & fils <\u0008>"
    await service.hear(*story.golden_june())
    service.clock.set(datetime(2026, 6, 19, 9, tzinfo=UTC))
    first = await read(service, story, "/feed.atom", lang="en")
    feed = ElementTree.fromstring(first.text)
    names = {"a": "http://www.w3.org/2005/Atom"}
    titles = [each.findtext("a:title", namespaces=names) for each in feed.findall("a:entry", names)]
    assert titles == ["boulangerie-martin.example was unavailable"] * 2
    assert feed.findtext("a:updated", namespaces=names) == "2026-06-18T01:37:00Z"
    told = json.loads((await read(service, story, "/feed.json", lang="fr")).text)
    assert [each["date_published"] for each in told["items"]] == ["2026-06-18T01:30:00Z", "2026-06-09T01:30:00Z"]
    assert told["language"] == "fr"
    service.clock.advance(timedelta(hours=1))
    assert (await read(service, story, "/feed.atom", lang="en")).headers["etag"] == first.headers["etag"]


async def test_feed_readers_take_the_feeds_without_complaint(service: Any, story: Any) -> None:
    story.client_name = "Martin & fils <\u0008>"
    await service.hear(*story.golden_june())
    service.clock.set(datetime(2026, 6, 19, 9, tzinfo=UTC))
    answer = await read(service, story, "/feed.atom", lang="fr")
    feed = feedparser.parse(answer.content, response_headers={"content-type": answer.headers["content-type"]})
    assert (feed.bozo, feed.version) == (False, "atom10")
    assert feed.feed.language == "fr"
    assert feed.feed.author == "Atelier Numérique"
    assert [each.published for each in feed.entries] == ["2026-06-18T01:30:00Z", "2026-06-09T01:30:00Z"]
    assert len({each.id for each in feed.entries}) == 2
    assert all(each.link == "https://reports.agency.example/status/boulangerie-martin" for each in feed.entries)


@pytest.mark.parametrize(("language", "title"), [("fr", "indisponibilité"), ("en", "was unavailable")])
async def test_a_reader_of_json_feed_that_is_not_ours_finds_everything_in_it(
    service: Any, story: Any, language: str, title: str
) -> None:
    """feedparser-rs is no validator: it leaves out what is not as JSON Feed says, so all that we write is asked for."""
    await service.hear(*story.golden_june())
    service.clock.set(datetime(2026, 6, 19, 9, tzinfo=UTC))
    answer = await read(service, story, "/feed.json", lang=language)
    assert answer.headers["content-type"] == "application/feed+json"
    feed = feedparser_rs.parse(answer.content)
    assert (feed.bozo, feed.version) == (False, "json11")
    assert (feed.feed.language, feed.feed.author) == (language, "Atelier Numérique")
    page = "https://reports.agency.example/status/boulangerie-martin"
    assert feed.feed.link == page
    assert "Boulangerie Martin" in feed.feed.title
    assert [(each.published, each.updated) for each in feed.entries] == [
        ("2026-06-18T01:30:00Z", "2026-06-18T01:37:00Z"),
        ("2026-06-09T01:30:00Z", "2026-06-09T01:42:00Z"),
    ]
    for entry, item in zip(feed.entries, answer.json()["items"], strict=True):
        assert title in entry.title
        # It gives titles as HTML.
        assert (unescape(entry.title), entry.link) == (item["title"], page)
        (content,) = entry.content
        assert (content.type, content.value) == ("text/plain", item["content_text"])
        assert UUID(entry.id)
        assert set(item) == {"id", "url", "title", "content_text", "date_published", "date_modified"}
    assert len({each.id for each in feed.entries}) == 2


READER = """
import json, sys
from statuspage_prometheus_exporter.service_checker import check_service_status
print(json.dumps(check_service_status("ours", {"name": "Ours", "type": "status_page", "url": sys.argv[1]})))
"""


async def test_a_reader_of_statuspage_that_is_not_ours_follows_an_outage(
    service: Any, story: Any, serve: Any, tmp_path: Path
) -> None:
    """statuspage-prometheus-exporter, as it is: in a process of its own, because it writes where it stands."""
    await service.hear(*story.golden_june()[:5])
    soon = (NOW - timedelta(minutes=1), NOW + timedelta(hours=2))
    await service.hear(story.maintenance(NOW, soon, window_id=new_id()))
    address = f"{await serve(service)}/status/{story.slug}/api/v2/summary.json"
    tmp_path.joinpath("services.json").write_text("{}")

    async def looked() -> Any:
        reader = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", READER, address),
            cwd=tmp_path,
            env=os.environ | {"SERVICES_JSON_PATH": str(tmp_path / "services.json"), "NO_PROXY": "*"},
            stdout=asyncio.subprocess.PIPE,
        )
        said, _ = await asyncio.wait_for(reader.communicate(), 30)
        return json.loads(said.splitlines()[-1])

    well = await looked()
    assert (well["success"], well["status"], well["raw_status"]) == (True, 1, "none")
    assert [each["name"] for each in well["maintenance_metadata"]] == ["Montée de version du serveur"]
    outage_id = new_id()
    await service.hear(story.down(outage_id, NOW - timedelta(minutes=12)))
    ill = await looked()
    assert (ill["status"], ill["raw_status"]) == (0, "critical")
    assert [each["id"] for each in ill["incident_metadata"]] == [str(outage_id)]
    assert [(each["name"], each["status"]) for each in ill["component_metadata"]] == [
        ("boulangerie-martin.example", "major_outage")
    ]


async def test_every_document_of_statuspage_is_what_its_documentation_says_whatever_happens(
    service: Any, story: Any
) -> None:
    """Only one reader reads all of them, and its licence is not for us: they are held to what is written."""

    async def documents() -> Any:
        read_so = {}
        for name, document in DOCUMENTS.items():
            answer = await read(service, story, f"/api/v2/{name}.json")
            assert answer.headers["content-type"] == "application/json"
            assert answer.headers["access-control-allow-origin"] == "*"
            read_so[name] = document.model_validate_json(answer.content)
        return read_so

    def ids(told: Any, name: str) -> list[str]:
        (listed,) = (value for key, value in told[name] if key in LISTS)
        return [each.id for each in listed]

    await service.hear(*story.golden_june()[:5])
    calm = await documents()
    assert calm["summary"].status == calm["status"].status
    assert [ids(calm, name) for name in DOCUMENTS if name not in ("summary", "status", "components")] == [[]] * 5

    window, over, going_on = new_id(), new_id(), new_id()
    hour, week = timedelta(hours=1), timedelta(days=7)
    planned = [(NOW + week * number - hour, NOW + week * number + hour) for number in (-1, 0, 1)]
    await service.hear(story.maintenance(NOW - 2 * week, *planned, window_id=window))
    began, since = NOW - timedelta(days=2), NOW - timedelta(minutes=12)
    await service.hear(story.down(over, began), story.recovered(over, began, began + hour))
    await service.hear(story.down(going_on, since))
    await service.hear(*story.incident(new_id(), going_on, since, acknowledged=since + timedelta(minutes=2)))
    told = await documents()
    assert ids(told, "incidents") == [str(going_on), str(over)]
    assert ids(told, "incidents/unresolved") == [str(going_on)]
    every = ids(told, "scheduled-maintenances")
    assert len(set(every)) == 3
    assert [ids(told, f"scheduled-maintenances/{part}") for part in ("active", "upcoming")] == [every[1:2], every[2:]]
    summary = told["summary"]
    assert summary.status == told["status"].status
    assert summary.components == told["components"].components
    assert summary.incidents == told["incidents/unresolved"].incidents
    assert [each.id for each in summary.scheduled_maintenances] == every[1:]
    assert all(each.page == summary.page for each in told.values())


async def test_a_badge_is_read_by_everybody(service: Any, story: Any) -> None:
    story.client_name = "<b>Martin</b> & fils"
    await service.hear(*story.golden_june()[:5])
    picture = ElementTree.fromstring((await read(service, story, "/badge.svg")).text)
    assert picture.get("aria-label") == "<b>Martin</b> & fils: All systems are operational"
    grounds = [each.get("fill") or "" for each in picture.iter("{http://www.w3.org/2000/svg}rect")]
    assert all(contrast("#ffffff", ground) >= 4.5 for ground in grounds)


@contextmanager
def away(urls: DatabaseUrls) -> Iterator[None]:
    """Nobody can reach the database."""
    name = sql.Identifier(urls.name)
    elsewhere = urls.superuser.rpartition("/")[0] + "/postgres"
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(sql.SQL("alter database {} allow_connections false").format(name))
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where datname = %s", [urls.name])
        try:
            yield
        finally:
            connection.execute(sql.SQL("alter database {} allow_connections true").format(name))


@pytest.mark.capability("R04")
async def test_while_the_database_is_away_visitors_get_what_was_read_last_and_are_told_so(
    service: Any, story: Any
) -> None:
    await service.hear(*story.golden_june()[:5])
    seen = await read(service, story, ".json")
    with away(service.urls):
        service.clock.advance(timedelta(minutes=10))
        assert (await read(service, story, ".json")).json() == seen.json()
        page = await read(service, story, "", lang="en")
        assert "We cannot read the newest state at the moment" in page.text
        assert "As of 8 June 2026, 11:00" in page.text
        async with service.client() as visitor:
            assert (await visitor.get("/status/never-read.json")).status_code == 503
        service.clock.advance(timedelta(days=1))
        async with service.client() as visitor:
            assert (await visitor.get(f"/status/{story.slug}.json")).status_code == 503
    later = await read(service, story, "", lang="en")
    assert "We cannot read the newest state" not in later.text


async def test_while_the_database_is_away_a_page_is_the_same_for_a_minute(
    service: Any, story: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    await service.hear(*story.golden_june()[:5])
    written: list[Any] = []

    def render(*page: Any, **how: Any) -> Any:
        written.append(how["remembered"])
        return status_page(*page, **how)

    monkeypatch.setattr("reporting.api.status_pages.render", render)
    await read(service, story, ".json")
    with away(service.urls):
        tags = []
        for seconds in (20, 25, 30, 20, 20):
            service.clock.advance(timedelta(seconds=seconds, microseconds=7))
            page = await read(service, story, "", lang="en")
            tags.append(page.headers["etag"])
        assert "That was 1 minute ago." in page.text
        async with service.client() as visitor:
            known = BROWSER | {"if-none-match": tags[-1]}
            again = await visitor.get(f"/status/{story.slug}", params={"lang": "en"}, headers=known)
        assert again.status_code == 304
    assert len(set(tags)) == 1
    assert written == [timedelta(minutes=1)]


@pytest.fixture
def restarted(tokens: Any, clock: Any, api_client: Any) -> Any:
    """Another process over the same database and the same folder, which has read nothing yet."""

    def start(service: Any, **changes: Any) -> Any:
        settings = service.settings.model_copy(update=changes)
        runtime = build_runtime(settings, SERVICE.registry, clock)
        app = tokens.trust(create_app(SERVICE, settings, runtime=runtime))
        return replace(service, runtime=runtime, settings=settings, app=app)

    return start


@pytest.mark.capability("R04")
async def test_a_process_that_starts_while_the_database_is_away_shows_what_the_one_before_it_read(
    start_service: Any, story: Any, tmp_path: Path, restarted: Any
) -> None:
    service = await start_service(snapshot_dir=tmp_path)
    await service.hear(*story.golden_june()[:5])
    seen = await read(service, story, ".json")
    with away(service.urls):
        service.clock.advance(timedelta(minutes=10))
        fresh = restarted(service)
        async with fresh.client() as visitor:
            assert (await visitor.get(f"/status/{story.slug}.json", headers=OURS)).json() == seen.json()
            page = await visitor.get(f"/status/{story.slug}", headers=BROWSER | OURS)
        assert "We cannot read the newest state at the moment" in page.text
        assert "That was 10 minutes ago." in page.text
        elsewhere = restarted(service, snapshot_dir=None)
        async with elsewhere.client() as visitor:
            assert (await visitor.get(f"/status/{story.slug}.json", headers=OURS)).status_code == 503
        service.clock.advance(timedelta(days=1))
        async with fresh.client() as visitor:
            assert (await visitor.get(f"/status/{story.slug}.json", headers=OURS)).status_code == 503
        await elsewhere.runtime.close()
        await fresh.runtime.close()


async def show_on_own_domain(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june()[:5])
    async with service.runtime.units.for_tenant(story.tenant_id) as unit:
        row = await locked_row(unit, story.slug)
        row.domain, row.domain_token, row.domain_verified_at = "status.martin.example", "t", NOW


async def test_a_page_on_its_own_domain_is_there_too_after_a_restart_without_the_database(
    start_service: Any, story: Any, tmp_path: Path, restarted: Any
) -> None:
    service = await start_service(snapshot_dir=tmp_path)
    await show_on_own_domain(service, story)
    host = BROWSER | {"host": "status.martin.example"}
    async with service.client() as visitor:
        assert (await visitor.get("/", headers=host)).status_code == 200
    with away(service.urls):
        fresh = restarted(service)
        async with fresh.client() as visitor:
            page = await visitor.get("/", headers=host)
            assert (page.status_code, "All systems are operational" in page.text) == (200, True)
            other = await visitor.get("/", headers=BROWSER | {"host": "status.other.example"})
            assert other.status_code == 503
        await fresh.runtime.close()


async def test_a_proxy_may_have_the_certificate_of_a_domain_after_a_restart_without_the_database(
    start_service: Any, story: Any, tmp_path: Path, restarted: Any
) -> None:
    service = await start_service(snapshot_dir=tmp_path)
    await show_on_own_domain(service, story)

    async def asked(service: Any, domain: str) -> int:
        async with service.client() as proxy:
            path = "/v1/status-page-domains/certificate"
            answer = await proxy.get(path, params={"domain": domain}, headers=OURS)
        return int(answer.status_code)

    async with service.client() as visitor:
        assert (await visitor.get("/", headers=BROWSER | {"host": "status.martin.example"})).status_code == 200
    with away(service.urls):
        fresh = restarted(service)
        assert await asked(fresh, "status.martin.example") == 200
        assert await asked(fresh, "status.other.example") == 503
        await fresh.runtime.close()


async def test_a_page_keeps_its_pictures_while_the_database_is_away_and_after_a_restart(
    start_service: Any, story: Any, tmp_path: Path, restarted: Any
) -> None:
    service = await start_service(snapshot_dir=tmp_path)
    await service.hear(*story.golden_june()[:5])
    pictures = {"logo": png(3, 2), "favicon": png(4, 4)}
    async with service.client(story) as agency:
        for kind, picture in pictures.items():
            path = f"/v1/status-pages/{story.slug}/pictures/{kind}"
            answer = await agency.put(path, content=picture, headers={"content-type": "image/png"})
            assert answer.status_code == 200, answer.text
    await read(service, story, "/api/v2/summary.json")  # nobody has asked for a picture yet

    async def shown(service: Any) -> dict[str, bytes]:
        async with service.client() as visitor:
            page = await visitor.get(f"/status/{story.slug}", headers=BROWSER | OURS)
            found = {kind: page.text.partition(f"{kind}.png?v=")[2].partition('"')[0] for kind in pictures}
            answers = {
                kind: await visitor.get(f"/status/{story.slug}/{kind}.png", params={"v": version}, headers=OURS)
                for kind, version in found.items()
            }
        assert all("immutable" in each.headers["cache-control"] for each in answers.values()), answers
        return {kind: each.content for kind, each in answers.items()}

    with away(service.urls):
        assert await shown(service) == pictures
        fresh = restarted(service)
        assert await shown(fresh) == pictures
        await fresh.runtime.close()
    other = png(5, 5)
    async with service.client(story) as agency:
        path = f"/v1/status-pages/{story.slug}/pictures"
        await agency.put(f"{path}/logo", content=other, headers={"content-type": "image/png"})
        await agency.delete(f"{path}/favicon")
    await read(service, story, ".json")
    with away(service.urls):
        fresh = restarted(service)
        for each in (service, fresh):
            async with each.client() as visitor:
                logo, favicon = [
                    await visitor.get(f"/status/{story.slug}/{kind}.png", headers=OURS) for kind in pictures
                ]
            assert (logo.content, favicon.status_code) == (other, 404)
        await fresh.runtime.close()
    assert all(b"PNG" not in content for _, content in kept_in(tmp_path))


async def test_a_page_with_a_password_needs_it_after_a_restart_too_and_cannot_be_read_in_the_folder(
    start_service: Any, story: Any, tmp_path: Path, restarted: Any
) -> None:
    service = await start_service(snapshot_dir=tmp_path)
    await service.hear(*story.golden_june()[:5])
    await read(service, story, ".json")
    wanted = {"audience": "password", "password": "pain au levain"}
    async with service.client(story) as agency:
        path = f"/v1/status-pages/{story.slug}"
        assert (await agency.patch(path, json=wanted, headers={"if-match": "*"})).status_code == 200
    known = ("", "pain au levain")
    async with service.client() as visitor:
        assert (await visitor.get(f"/status/{story.slug}.json")).status_code == 401
    with away(service.urls):
        fresh = restarted(service)
        async with fresh.client() as visitor:
            assert (await visitor.get(f"/status/{story.slug}.json", headers=OURS)).status_code == 401
            assert (await visitor.get(f"/status/{story.slug}", headers=BROWSER | OURS)).status_code == 403
            assert (
                await visitor.get(f"/status/{story.slug}.json", headers=OURS, auth=("", "baguette"))
            ).status_code == 401
            assert (await visitor.get(f"/status/{story.slug}.json", headers=OURS, auth=known)).status_code == 200
        await fresh.runtime.close()
    sealed = kept_in(tmp_path)
    assert sealed and all(mode & 0o077 == 0 and b"boulangerie" not in content.lower() for mode, content in sealed)


def kept_in(folder: Path) -> list[tuple[int, bytes]]:
    """Every file below, as anybody with the disk in his hand has it: its mode and its bytes."""
    return [(path.stat().st_mode, path.read_bytes()) for path in folder.rglob("*") if path.is_file()]
