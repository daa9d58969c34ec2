"""A month of a contract, from events to the page that its client reads."""

import importlib
import json
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from itertools import count, pairwise
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
import pytest

from shared.ids import new_id

NO_BREAK = "\N{NO-BREAK SPACE}"
SILENCES = importlib.import_module("reporting.migrations.versions.0002_silences_inside_outages")
GOLDEN = Path(__file__).parents[1] / "golden"
STORY_IDS = (
    "tenant_id",
    "client_id",
    "contract_id",
    "site_id",
    "environment_id",
    "staging_id",
    "monitor_id",
    "staging_monitor_id",
)
JULY = datetime(2026, 7, 1, 6, 0, tzinfo=UTC)


class Text(HTMLParser):
    """The visible text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in {"style", "title"}

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._hidden and data.strip():
            self.parts.append(" ".join(data.split()))


def visible(html: str) -> str:
    parser = Text()
    parser.feed(html)
    return " ".join(parser.parts)


async def read(service: Any, story: Any, month: str = "2026-06", **query: str) -> dict[str, Any]:
    async with service.client(story) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/reports/{month}", params=query)
    assert answer.status_code == 200, answer.text
    report: dict[str, Any] = answer.json()
    return report


@pytest.mark.capability("P09", "R02", "R07")
async def test_fifteen_minutes_down_in_june_read_99_97_in_both_languages(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    report = await read(service, story)

    (figure,) = [each for each in report["uptime"]["figures"] if each["counts_for_sla"]]
    assert figure["down_seconds"] == 900
    assert figure["period_seconds"] == 30 * 86_400
    assert figure["uptime_display"] == "99.97"
    assert figure["uptime_percent"] == "99.965277"
    assert figure["coverage_percent"] == "100.00"
    assert figure["met"] is True
    assert report["uptime"]["met"] is True
    assert report["incidents"]["total"] == 2
    assert report["incidents"]["down_seconds"] == 900
    assert report["complete"] is True
    assert (report["from"], report["to"]) == ("2026-05-31T22:00:00Z", "2026-06-30T22:00:00Z")

    async with service.client(story) as client:
        address = f"/v1/contracts/{story.contract_id}/reports/2026-06/html"
        french = await client.get(address, params={"lang": "fr"})
        english = await client.get(address, params={"lang": "en"})
        own = await client.get(address)
    assert f"99,97{NO_BREAK}%" in french.text
    assert "Rapport mensuel, juin 2026" in visible(french.text)
    assert "indisponible pendant 15 minutes" in visible(french.text)
    assert "99.97%" in visible(english.text)
    assert "Report for June 2026" in visible(english.text)
    assert own.headers["content-language"] == "fr"


@pytest.mark.capability("R11")
@pytest.mark.parametrize(("asked", "language"), [("fr-FR", "fr"), ("en-GB", "en")])
async def test_the_report_of_june_is_to_the_byte_the_golden_page(
    service: Any, another_story: Callable[..., Any], asked: str, language: str
) -> None:
    """`WRITE_GOLDEN=1` in the environment writes the pages anew; read the difference before you keep it."""
    numbers = count(1)

    def next_id() -> UUID:
        return UUID(f"0190a000-0000-7000-8000-{next(numbers):012}")

    story = another_story(make_id=next_id, **{name: next_id() for name in STORY_IDS})
    amended = {"target_percent": "99.95", "rule": story.rule | {"minimum_outage": "PT1M"}}
    await service.hear(
        *story.golden_june(),
        story.contract("amended", datetime(2026, 6, 14, 22, tzinfo=UTC), uptime=amended),
    )
    service.clock.set(JULY)
    async with service.client(story) as client:
        address = f"/v1/contracts/{story.contract_id}/reports/2026-06/html"
        answer = await client.get(address, headers={"accept-language": asked})
    assert answer.headers["content-language"] == language
    golden = GOLDEN / f"report.{asked}.html"
    if os.environ.get("WRITE_GOLDEN"):
        golden.write_bytes(answer.content)
    assert answer.content == golden.read_bytes()


async def test_the_report_shows_answers_and_repairs_against_their_targets(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    report = await read(service, story)

    assert report["targets"] == {
        "response": {"met": 2, "breached": 0, "running": 0},
        "repair": {"met": 2, "breached": 0, "running": 0},
    }
    first = report["incidents"]["items"][0]
    response, repair = first["clocks"]
    assert (response["metric"], response["verdict"]) == ("response", "met")
    assert response["target_seconds"] == 1800
    assert response["due_at"] == "2026-06-09T02:00:20Z"
    assert response["actual_at"] == "2026-06-09T01:33:00Z"
    assert response["by"] == {"kind": "user", "name": "Léa Dubois"}
    assert (repair["metric"], repair["actual_at"]) == ("repair", "2026-06-09T01:40:00Z")
    assert first["duration_seconds"] == 600
    assert first["timestamps"]["acknowledged"]["by"]["name"] == "Léa Dubois"
    assert first["timestamps"]["closed"] is None


async def test_a_severity_is_told_as_the_contract_calls_it_and_what_happened_in_the_order_in_which_it_did(
    service: Any, story: Any
) -> None:
    names = {"fr": "Gêne passagère", "en": "Passing nuisance"}
    desk = {"severities": [{"code": "p4", "rank": 1, "names": names, "synonyms": []}]}
    began = datetime(2026, 5, 20, 8, 0, tzinfo=UTC)
    await service.hear(*story.golden_june()[:5], story.contract("amended", began, service_desk=desk))
    since, outage_id = datetime(2026, 6, 2, 8, 0, tzinfo=UTC), new_id()
    back = since + timedelta(minutes=5)
    taken_up_afterwards = {"recovered": back, "acknowledged": back + timedelta(minutes=1)}
    incident = story.incident(new_id(), outage_id, since, severity="p4", **taken_up_afterwards)
    await service.hear(story.down(outage_id, since), story.recovered(outage_id, since, back), *incident)
    service.clock.set(JULY)
    (line,) = (await read(service, story))["incidents"]["items"]
    assert (line["severity"], line["severity_names"]) == ("p4", names)
    async with service.client(story) as client:
        path = f"/v1/contracts/{story.contract_id}/reports/2026-06/html"
        page = (await client.get(path, params={"lang": "fr"})).text
    assert "Gêne passagère" in page
    assert page.index("<strong>Service rétabli") < page.index("<strong>Pris en charge")


async def test_an_outage_that_a_pause_cut_off_lasted_until_the_pause_and_its_repair_is_not_late(
    service: Any, story: Any
) -> None:
    since = datetime(2026, 6, 2, 8, 0, tzinfo=UTC)
    paused = since + timedelta(minutes=20)
    outage_id, incident_id = new_id(), new_id()
    incident = story.incident(
        incident_id, outage_id, since, acknowledged=since + timedelta(minutes=5), monitoring_paused=paused
    )
    await service.hear(*story.golden_june()[:5], story.down(outage_id, since), *incident)
    service.clock.set(JULY)
    report = await read(service, story)
    (line,) = report["incidents"]["items"]
    assert (line["status"], line["ended_at"], line["duration_seconds"]) == (
        "acknowledged",
        "2026-06-02T08:20:00Z",
        1200,
    )
    assert line["timestamps"]["recovered"] is None
    assert line["timestamps"]["monitoring_paused"]["at"] == "2026-06-02T08:20:00Z"
    assert [clock["verdict"] for clock in line["clocks"]] == ["met", "running"]
    async with service.client(story) as client:
        address = f"/v1/contracts/{story.contract_id}/reports/2026-06/html"
        english = await client.get(address, params={"lang": "en"})
        french = await client.get(address, params={"lang": "fr"})
    assert "Monitoring paused" in visible(english.text)
    assert "Surveillance suspendue" in visible(french.text)
    assert (await read(service, story, "2026-07"))["incidents"]["items"] == []


async def test_a_monitor_that_is_still_down_after_a_silence_counts_as_outage_again(service: Any, story: Any) -> None:
    outage = (new_id(), datetime(2026, 6, 9, 8, 0, tzinfo=UTC))
    silent, heard = (outage[1] + timedelta(minutes=minutes) for minutes in (10, 40))
    back = outage[1] + timedelta(hours=1)
    events = [
        *story.golden_june()[:5],
        story.down(*outage),
        story.unknown(silent, reason="no_fresh_result", outage=outage),
        story.restored(silent, heard, state="down", outage=outage),
    ]
    await service.hear(*events)
    service.clock.set(back)
    # Ten minutes until the silence, twenty since its end; the half hour between is neither up nor down.
    figure = (await read(service, story))["uptime"]["figures"][0]
    assert (figure["down_seconds"], figure["unknown_seconds"]) == (30 * 60, 30 * 60)
    assert figure["met"] is False


async def test_silence_in_an_outage_that_the_end_of_the_contract_cuts_off_is_never_down(
    start_service: Callable[..., Any], story: Any
) -> None:
    began = datetime(2026, 6, 3, 8, tzinfo=UTC)
    outage = (new_id(), began + timedelta(seconds=30))
    silent, ended = began + timedelta(seconds=90), began + timedelta(seconds=3660)
    basis = story.golden_june()[:5]
    told = [
        story.down(*outage),
        story.unknown(silent, reason="no_fresh_result", outage=outage),
        story.restored(silent, ended, state="paused"),
        story.paused(ended, reason="contract_terminated", outage=outage, silent_since=silent),
        story.contract("terminated", ended),
    ]
    reports = []
    for order in (told, told[::-1], told[2:] + told[:2]):
        service = await start_service()
        await service.hear(*basis, *order)
        service.clock.set(JULY)
        reports.append(await read(service, story))
    figure = reports[0]["uptime"]["figures"][0]
    assert (figure["down_seconds"], figure["unknown_seconds"], reports[0]["to"]) == (60, 3570, "2026-06-03T09:01:00Z")
    assert [(span["state"], span["reason"]) for span in figure["explanation"][-2:]] == [
        ("down", "connect"),
        ("unknown", "no_fresh_result"),
    ]
    assert reports[1:] == reports[:1] * 2


async def test_gaps_that_a_recovery_tells_are_not_down_before_the_silence_itself_is_heard_of(
    service: Any, story: Any
) -> None:
    since = datetime(2026, 6, 3, 8, tzinfo=UTC)
    outage = (new_id(), since)
    gap = (since + timedelta(minutes=5), since + timedelta(minutes=25))
    basis = story.golden_june()[:5]
    down, *silence = (
        story.down(*outage),
        story.unknown(gap[0], reason="no_fresh_result", outage=outage),
        story.restored(*gap, state="down", outage=outage),
    )
    recovered = story.recovered(*outage, since + timedelta(minutes=30), gaps=[gap])
    service.clock.set(JULY)
    seen = []
    for arrived in ([*basis, recovered], [down], silence):
        await service.hear(*arrived)
        figure = (await read(service, story))["uptime"]["figures"][0]
        seen.append((figure["down_seconds"], figure["unknown_seconds"]))
    assert seen == [(600, 1200)] * 3


async def test_what_was_heard_before_silences_were_kept_gets_them_from_its_events(service: Any, story: Any) -> None:
    since = datetime(2026, 6, 3, 8, tzinfo=UTC)
    outage = (new_id(), since)
    gap = (since + timedelta(minutes=5), since + timedelta(minutes=25))
    again = (new_id(), since + timedelta(days=1))
    await service.hear(
        *story.golden_june()[:5],
        story.recovered(*outage, since + timedelta(minutes=30), gaps=[gap]),
        story.paused(again[1] + timedelta(hours=1), outage=again, silent_since=again[1] + timedelta(minutes=1)),
    )
    service.clock.set(JULY)
    whole = await read(service, story)
    with psycopg.connect(service.urls.superuser) as connection:
        connection.execute(
            "update reporting.transition set gaps = '[]', ended_since = ended_since + interval '1 min' "
            "where ended = 'down'"
        )
    assert await read(service, story) != whole
    with psycopg.connect(service.urls.owner) as connection:
        connection.execute(SILENCES.FILL)
    assert await read(service, story) == whole


async def test_the_explanation_of_an_outage_out_of_the_unknown_names_its_cause_and_its_events(
    service: Any, story: Any
) -> None:
    since = datetime(2026, 6, 3, 8, tzinfo=UTC)
    silent = since - timedelta(minutes=5)
    outage_id = new_id()
    events = [
        *story.golden_june()[:5],
        story.unknown(silent, reason="runner_restarted"),
        story.restored(silent, since, state="down"),
        story.down(outage_id, since),
        story.recovered(outage_id, since, since + timedelta(minutes=7)),
    ]
    await service.hear(*events)
    service.clock.set(JULY)
    spans = (await read(service, story))["uptime"]["figures"][0]["explanation"]
    (span,) = [span for span in spans if span["state"] == "down"]
    assert (span["outage_id"], span["reason"]) == (str(outage_id), "connect")
    assert span["event_ids"] == [json.loads(event)["id"] for event in events[-2:]]


async def test_who_repairs_at_once_has_answered_too(service: Any, story: Any) -> None:
    since = service.clock.now() - timedelta(hours=1)
    incident = story.incident(new_id(), None, since, resolved=since + timedelta(minutes=9))
    await service.hear(story.contract("activated", datetime(2026, 6, 1, tzinfo=UTC)), *incident)
    (line,) = (await read(service, story))["incidents"]["items"]
    response, repair = line["clocks"]
    assert response["actual_at"] == repair["actual_at"] == "2026-06-08T08:09:00Z"
    assert response["by"]["name"] == "Léa Dubois"


@pytest.mark.capability("R02")
async def test_every_figure_points_to_the_events_behind_it(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    report = await read(service, story)
    (figure,) = [each for each in report["uptime"]["figures"] if each["counts_for_sla"]]

    spans = figure["explanation"]
    assert spans[0]["from"] == figure["from"]
    assert spans[-1]["to"] == figure["to"]
    assert all(left["to"] == right["from"] for left, right in pairwise(spans))
    down = [span for span in spans if span["state"] == "down"]
    assert [(span["reason"], bool(span["outage_id"]), len(span["event_ids"])) for span in down] == [
        ("connect", True, 2),
        ("connect", True, 2),
    ]
    known = set(report["event_ids"])
    assert {event for span in spans for event in span["event_ids"]} == set(figure["event_ids"]) <= known
    assert all(set(line["event_ids"]) <= known and len(line["event_ids"]) == 4 for line in report["incidents"]["items"])
    assert report["contract_versions"][0]["event_id"] in known


@pytest.mark.capability("X08")
@pytest.mark.parametrize("order", ["reversed", "twice", "shuffled", "shuffled again"])
async def test_order_repetition_and_delay_of_events_change_no_figure(
    start_service: Callable[..., Any], story: Any, order: str
) -> None:
    events = story.golden_june()
    events.append(story.contract("amended", datetime(2026, 6, 15, 10, tzinfo=UTC), uptime=None))
    plain, other = await start_service(), await start_service()
    await plain.hear(*events)
    if order == "twice":
        changed = [each for each in events for _ in range(2)]
    else:
        changed = list(reversed(events))
        if order.startswith("shuffled"):
            random.Random(order).shuffle(changed)
    assert await other.hear(*changed) == len(events)
    plain.clock.set(JULY)
    assert await read(plain, story) == await read(other, story)
    async with plain.client() as one, other.client() as two:
        address = f"/status/{story.slug}.json"
        assert (await one.get(address)).json() == (await two.get(address)).json()


async def test_a_recovery_that_arrives_alone_is_the_whole_outage(service: Any, story: Any) -> None:
    began = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
    await service.hear(story.contract("activated", began), story.unknown(began), story.restored(began, began))
    outage_id, since = new_id(), datetime(2026, 6, 3, 10, tzinfo=UTC)
    down = story.down(outage_id, since)
    await service.hear(story.recovered(outage_id, since, since + timedelta(minutes=7)))
    early = await read(service, story)
    await service.hear(down)
    late = await read(service, story)

    def seconds(report: dict[str, Any]) -> float:
        return float(sum(figure["down_seconds"] for figure in report["uptime"]["figures"]))

    assert seconds(early) == seconds(late) == 420


async def test_an_outage_that_goes_on_counts_up_to_now_and_a_past_instant_can_be_asked_for(
    service: Any, story: Any
) -> None:
    began = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
    since = service.clock.now() - timedelta(minutes=30)
    incident = list(story.incident(new_id(), None, since, acknowledged=since + timedelta(minutes=10)))
    await service.hear(
        story.contract("activated", began),
        story.unknown(began),
        story.restored(began, began),
        story.down(new_id(), since),
        *incident,
    )
    report = await read(service, story)
    figure = report["uptime"]["figures"][0]
    assert (figure["down_seconds"], report["complete"]) == (1800, False)
    assert report["to"] == report["as_of"] == "2026-06-08T09:00:00Z"
    assert report["incidents"]["items"][0]["clocks"][1]["verdict"] == "running"

    then = await read(service, story, as_of="2026-06-08T08:35:00Z")
    assert then["uptime"]["figures"][0]["down_seconds"] == 300
    (line,) = then["incidents"]["items"]
    assert (line["status"], line["timestamps"]["acknowledged"], line["clocks"][0]["verdict"]) == (
        "open",
        None,
        "running",
    )

    service.clock.advance(timedelta(hours=5))
    assert (await read(service, story))["incidents"]["items"][0]["clocks"][1]["verdict"] == "running"
    # A breach is what incidents says is one.
    opened = json.loads(incident[0])["data"]
    breached = opened["clocks"][1] | {"incident_id": opened["incident_id"], "at": opened["clocks"][1]["due_at"]}
    breached |= {"contract_id": opened["contract_id"], "client_id": opened["client_id"]}
    clock_id = opened["clocks"][1]["clock_id"]
    await service.hear(story.event("incidents.clock.breached.v1", clock_id, service.clock.now(), breached, 2))
    after = await read(service, story)
    assert after["incidents"]["items"][0]["clocks"][1]["verdict"] == "breached"
    assert after["targets"]["repair"] == {"met": 0, "breached": 1, "running": 0}


async def test_time_before_monitoring_and_without_results_is_unknown_and_never_up(service: Any, story: Any) -> None:
    began = datetime(2026, 6, 1, 8, 0, tzinfo=UTC)
    await service.hear(story.contract("activated", began))
    report = await read(service, story)
    figure = report["uptime"]["figures"][0]
    assert (figure["uptime_percent"], figure["uptime_display"], figure["met"]) == (None, None, None)
    assert figure["coverage_percent"] == "0.00"
    assert report["uptime"]["met"] is None
    assert [span["reason"] for span in figure["explanation"]] == ["monitoring_not_begun"]

    first = began + timedelta(hours=1)
    await service.hear(
        story.unknown(first),
        story.restored(first, first + timedelta(minutes=1)),
        story.unknown(first + timedelta(hours=2), reason="no_fresh_result"),
    )
    figure = (await read(service, story))["uptime"]["figures"][0]
    assert [span["state"] for span in figure["explanation"]] == ["unknown", "unknown", "up", "unknown"]
    assert figure["uptime_display"] == "100.00"
    assert figure["coverage_percent"] == "1.17"  # 119 of 10,140 minutes


@pytest.mark.capability("P26")
async def test_an_environment_that_does_not_count_is_shown_and_never_judged(service: Any, story: Any) -> None:
    events = story.golden_june()
    since = datetime(2026, 6, 4, 10, tzinfo=UTC)
    await service.hear(*events, story.down(new_id(), since, staging=True))
    service.clock.set(JULY)
    report = await read(service, story)
    staging = next(each for each in report["uptime"]["figures"] if not each["counts_for_sla"])
    assert (staging["environment_name"], staging["target_percent"], staging["met"]) == ("recette", None, None)
    assert staging["rule_source"] == "informative"
    assert staging["down_seconds"] > 86_400
    assert report["uptime"]["met"] is True
    assert report["incidents"]["down_seconds"] == 900


@pytest.mark.capability("P09")
async def test_an_amendment_splits_the_month_and_nothing_is_averaged(service: Any, story: Any) -> None:
    change = datetime(2026, 6, 14, 22, 0, tzinfo=UTC)
    events = story.golden_june()
    amended = {"target_percent": "99.99", "rule": story.rule | {"minimum_outage": "PT10M"}}
    await service.hear(*events, story.contract("amended", change, uptime=amended))
    service.clock.set(JULY)
    report = await read(service, story)
    first, second = [each for each in report["uptime"]["figures"] if each["counts_for_sla"]]
    assert (first["to"], second["from"]) == ("2026-06-14T22:00:00Z", "2026-06-14T22:00:00Z")
    assert (first["contract_version"], first["target_percent"], first["down_seconds"]) == (1, "99.9", 600)
    assert (second["contract_version"], second["target_percent"], second["down_seconds"]) == (2, "99.99", 0)
    assert report["uptime"]["met"] is True
    assert [version["version"] for version in report["contract_versions"]] == [1, 2]


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Auckland", "UTC"])
async def test_a_month_that_is_over_does_not_move_when_the_client_changes_his_zone(
    service: Any, story: Any, zone: str
) -> None:
    events = story.golden_june()
    midnight = datetime(2026, 6, 30, 22, tzinfo=UTC)  # a minute of June in Paris is a minute of July in Auckland
    late = (new_id(), midnight - timedelta(hours=1))
    await service.hear(*events, story.down(*late), story.recovered(*late, midnight + timedelta(hours=3)))
    service.clock.set(datetime(2026, 7, 20, tzinfo=UTC))
    june, july = await read(service, story), await read(service, story, "2026-07")
    story.time_zone = zone
    await service.hear(story.contract("amended", datetime(2026, 7, 10, 8, tzinfo=UTC)))
    after = await read(service, story)
    assert after["time_zone"] == july["time_zone"] == "Europe/Paris"
    assert {**after, "contract": june["contract"]} == june
    assert (await read(service, story, "2026-07"))["from"] == june["to"] == july["from"]
    service.clock.set(datetime(2026, 8, 20, tzinfo=UTC))
    july, august = await read(service, story, "2026-07"), await read(service, story, "2026-08")
    assert (july["to"], july["complete"]) == (august["from"], True)
    assert (july["time_zone"], august["time_zone"]) == ("Europe/Paris", zone)
    assert datetime.fromisoformat(august["from"]).astimezone(ZoneInfo(zone)) == datetime(
        2026, 8, 1, tzinfo=ZoneInfo(zone)
    )


async def test_suspended_time_is_promised_nothing_and_a_contract_ends_its_report(service: Any, story: Any) -> None:
    events = story.golden_june()
    suspended, ended = datetime(2026, 6, 17, tzinfo=UTC), datetime(2026, 6, 20, tzinfo=UTC)
    await service.hear(*events, story.contract("suspended", suspended), story.contract("terminated", ended))
    service.clock.set(JULY)
    report = await read(service, story)
    figure = next(each for each in report["uptime"]["figures"] if each["counts_for_sla"])
    assert figure["down_seconds"] == 600  # the outage of the 18th lies in the suspension
    assert figure["paused_seconds"] == 3 * 86_400
    assert (report["to"], report["complete"], report["contract"]["status"]) == (
        "2026-06-20T00:00:00Z",
        True,
        "terminated",
    )
    async with service.client(story) as client:
        after = await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-07")
    assert after.status_code == 404
    assert "2026-05-20" in after.json()["detail"]


async def test_names_follow_later_changes(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    at = datetime(2026, 6, 2, tzinfo=UTC)
    client = {"client_id": str(story.client_id), "name": "Maison Martin"}
    site = {
        "site_id": str(story.site_id),
        "client_id": str(story.client_id),
        "name": "maison-martin.example",
        "environments": [{"environment_id": str(story.environment_id), "name": "en ligne"}],
    }
    await service.hear(
        story.event("contracts.client.changed.v1", story.client_id, at, client, 3),
        story.event("contracts.client.changed.v1", story.client_id, at, {**client, "name": "Old"}, 2),
        story.event("contracts.site.changed.v1", story.site_id, at, site, 2),
    )
    service.clock.set(JULY)
    report = await read(service, story)
    assert report["contract"]["client_name"] == "Maison Martin"
    assert report["uptime"]["figures"][0]["site_name"] == "maison-martin.example"
    assert report["uptime"]["figures"][0]["environment_name"] == "en ligne"


async def test_availability_of_any_period_is_the_same_figure(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    report = await read(service, story)
    async with service.client(story) as client:
        address = f"/v1/contracts/{story.contract_id}/availability"
        month = await client.get(address, params={"from": report["from"], "to": report["to"]})
        hour = await client.get(address, params={"from": "2026-06-09T01:00:00Z", "to": "2026-06-09T02:00:00Z"})
    assert month.json()["uptime"] == report["uptime"]
    assert hour.json()["uptime"]["figures"][0]["down_seconds"] == 600
    assert hour.json()["uptime"]["met"] is False


@pytest.mark.parametrize(
    ("path", "query", "status", "where"),
    [
        ("reports/2026-08", {}, 422, "month"),
        ("reports/2026-06", {"as_of": "2026-07-02T00:00:00Z"}, 422, "as_of"),
        ("reports/2026-06", {"as_of": "2026-06-02T00:00:00"}, 422, "as_of"),
        ("reports/2026-13", {}, 422, "month"),
        ("reports/9999-12", {}, 422, "month"),
        ("reports/2026-04", {}, 404, None),
        ("availability", {"from": "2026-06-02T00:00:00Z", "to": "2026-06-01T00:00:00Z"}, 422, "to"),
        ("availability", {"from": "2024-06-02T00:00:00Z", "to": "2026-06-01T00:00:00Z"}, 422, "to"),
        ("availability", {"from": "2026-06-02T00:00:00Z", "to": "2026-08-01T00:00:00Z"}, 422, "to"),
        ("availability", {"from": "2026-01-02T00:00:00Z", "to": "2026-01-03T00:00:00Z"}, 404, None),
    ],
)
async def test_periods_that_make_no_sense_are_told_so(
    service: Any, story: Any, path: str, query: dict[str, str], status: int, where: str | None
) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    async with service.client(story) as client:
        answer = await client.get(f"/v1/contracts/{story.contract_id}/{path}", params=query)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    if where:
        assert answer.json()["errors"][0]["parameter"] == where


async def test_nobody_reads_the_report_of_another_tenant_or_client(
    service: Any, story: Any, another_story: Callable[..., Any]
) -> None:
    other = another_story()
    await service.hear(*story.golden_june(), *other.golden_june())
    service.clock.set(JULY)
    paths = [
        "reports/2026-06",
        "reports/2026-06/html",
        "availability?from=2026-06-01T00:00:00Z&to=2026-06-02T00:00:00Z",
    ]
    async with service.client(other) as stranger:
        for path in paths:
            assert (await stranger.get(f"/v1/contracts/{story.contract_id}/{path}")).status_code == 404
        link = await stranger.post(f"/v1/contracts/{story.contract_id}/report-links", json={"month": "2026-06"})
        assert link.status_code == 404
    async with service.client(story, role="client_staff", client_id=new_id()) as colleague:
        assert (await colleague.get(f"/v1/contracts/{story.contract_id}/{paths[0]}")).status_code == 404
    async with service.client(story, role="client_decider", client_id=story.client_id) as own:
        assert (await own.get(f"/v1/contracts/{story.contract_id}/{paths[0]}")).status_code == 200
    async with service.client() as nobody:
        assert (await nobody.get(f"/v1/contracts/{story.contract_id}/{paths[0]}")).status_code == 401


async def test_a_link_opens_one_report_without_a_token_until_it_ends(service: Any, story: Any) -> None:
    await service.hear(*story.golden_june())
    service.clock.set(JULY)
    async with service.client(story) as client:
        made = await client.post(
            f"/v1/contracts/{story.contract_id}/report-links",
            json={"month": "2026-06", "language": "en", "expires_in_seconds": 3600},
        )
    assert made.status_code == 201
    assert made.json()["expires_at"] == "2026-07-01T07:00:00Z"
    address = made.json()["url"].removeprefix(service.settings.public_url)
    browser = {"accept": "text/html", "accept-language": "fr"}
    async with service.client() as visitor:
        page = await visitor.get(address, headers=browser)
        assert page.status_code == 200
        assert page.headers["content-language"] == "en"
        assert "99.97%" in visible(page.text)
        assert "no-store" in page.headers["cache-control"]
        forged = await visitor.get(address[:-3] + ("AAA" if not address.endswith("AAA") else "BBB"), headers=browser)
        assert (forged.status_code, forged.headers["content-type"]) == (404, "text/html; charset=utf-8")
        assert (await visitor.get("/reports/shared", params={"token": "nonsense"})).status_code == 404
        service.clock.advance(timedelta(hours=1))
        ended = await visitor.get(address, headers=browser)
        assert ended.status_code == 410
        assert "Ce lien a expiré" in visible(ended.text)
        assert (await visitor.get(address)).json()["code"] == "gone"


def without_events(told: Any) -> Any:
    """What a report says, without the list of what proves it and the instant at which it was read."""
    if isinstance(told, dict):
        return {key: without_events(value) for key, value in told.items() if key not in ("event_ids", "as_of")}
    return [without_events(each) for each in told] if isinstance(told, list) else told


async def outage_over_the_end_of_june(service: Any, story: Any) -> dict[str, dict[str, Any]]:
    """Detected on 30 June at 23:30:20 in Paris, to be answered within 30 minutes; taken up and mended in July.

    Gives June as read on 1 July and on 3 July, and July as read on 3 July.
    """
    began = datetime(2026, 5, 20, 8, 0, tzinfo=UTC)
    since = datetime(2026, 6, 30, 21, 30, tzinfo=UTC)
    back = datetime(2026, 7, 2, 10, 0, tzinfo=UTC)
    outage_id, incident_id = new_id(), new_id()
    told = list(
        story.incident(
            incident_id, outage_id, since, acknowledged=since + timedelta(hours=9, minutes=30), recovered=back
        )
    )
    await service.hear(
        story.contract("activated", began),
        story.unknown(began),
        story.restored(began, began),
        story.down(outage_id, since),
        told[0],
    )
    reports = {}
    service.clock.set(JULY)
    reports["June, on the first of July"] = await read(service, story)
    await service.hear(story.recovered(outage_id, since, back), *told[1:])
    service.clock.set(datetime(2026, 7, 3, 6, 0, tzinfo=UTC))
    reports["June, later"] = await read(service, story)
    reports["July"] = await read(service, story, "2026-07")
    return reports


async def test_a_month_that_is_over_reads_the_same_whatever_happens_later(service: Any, story: Any) -> None:
    reports = await outage_over_the_end_of_june(service, story)
    first, later = (without_events(reports[name]) for name in ("June, on the first of July", "June, later"))
    assert first["complete"]
    assert later == first
    (line,) = later["incidents"]["items"]
    assert (line["status"], line["ended_at"], line["duration_seconds"]) == ("open", None, 1800)
    assert [clock["verdict"] for clock in line["clocks"]] == ["running", "running"]


async def test_a_verdict_counts_once_in_the_month_in_which_it_fell(service: Any, story: Any) -> None:
    reports = await outage_over_the_end_of_june(service, story)
    june, july = reports["June, later"], reports["July"]
    running, breached = {"met": 0, "breached": 0, "running": 1}, {"met": 0, "breached": 1, "running": 0}
    assert june["targets"] == {"response": running, "repair": running}
    assert july["targets"] == {"response": breached, "repair": breached}
    assert [clock["decided_at"] for clock in july["incidents"]["items"][0]["clocks"]] == [
        "2026-06-30T22:00:20Z",
        "2026-07-01T01:30:20Z",
    ]
    crossing = [(month["incidents"]["carried_over"], month["incidents"]["carried_forward"]) for month in (june, july)]
    assert crossing == [(0, 1), (1, 0)], "it is listed in both months, and both say so"


async def test_a_verdict_that_fell_in_an_earlier_month_is_shown_and_not_counted_again(service: Any, story: Any) -> None:
    since = datetime(2026, 6, 30, 16, 0, tzinfo=UTC)
    answered, back = since + timedelta(minutes=10), datetime(2026, 7, 2, 10, 0, tzinfo=UTC)
    incident = story.incident(new_id(), None, since, acknowledged=answered, resolved=back)
    await service.hear(story.contract("activated", datetime(2026, 6, 1, tzinfo=UTC)), *incident)
    service.clock.set(datetime(2026, 7, 3, 6, 0, tzinfo=UTC))
    june, july = await read(service, story), await read(service, story, "2026-07")
    none = {"met": 0, "breached": 0, "running": 0}
    assert june["targets"] == {"response": none | {"met": 1}, "repair": none | {"breached": 1}}
    assert july["targets"] == {"response": none, "repair": none}
    assert [clock["verdict"] for clock in july["incidents"]["items"][0]["clocks"]] == ["met", "breached"]
    async with service.client(story) as client:
        pages = {
            (month, language): visible(
                (
                    await client.get(
                        f"/v1/contracts/{story.contract_id}/reports/{month}/html", params={"lang": language}
                    )
                ).text
            )
            for month in ("2026-06", "2026-07")
            for language in ("en", "fr")
        }
    assert "went on after this period" in pages["2026-06", "en"]
    assert "s’est poursuivi après cette période" in pages["2026-06", "fr"]
    assert "counted in an earlier period" in pages["2026-07", "en"]
    assert "compté dans une période antérieure" in pages["2026-07", "fr"]


async def test_a_promise_that_was_broken_after_the_outage_was_over_counts_in_the_month_of_the_breach(
    service: Any, story: Any
) -> None:
    since = datetime(2026, 6, 30, 21, 40, tzinfo=UTC)
    back, answered = since + timedelta(minutes=10), datetime(2026, 7, 1, 7, 0, tzinfo=UTC)
    incident = story.incident(new_id(), None, since, recovered=back, acknowledged=answered)
    await service.hear(story.contract("activated", datetime(2026, 6, 1, tzinfo=UTC)), *incident)
    service.clock.set(datetime(2026, 7, 3, 6, 0, tzinfo=UTC))
    june, july = await read(service, story), await read(service, story, "2026-07")
    none = {"met": 0, "breached": 0, "running": 0}
    assert june["targets"] == {"response": none | {"running": 1}, "repair": none | {"met": 1}}
    assert july["targets"] == {"response": none | {"breached": 1}, "repair": none}


async def test_an_incident_that_is_over_before_any_of_its_promises_was_decided_is_reported(
    service: Any, story: Any
) -> None:
    since = datetime(2026, 6, 2, 8, 0, tzinfo=UTC)
    incident = story.incident(new_id(), new_id(), since, monitoring_paused=since + timedelta(minutes=5))
    await service.hear(story.contract("activated", datetime(2026, 6, 1, tzinfo=UTC)), *incident)
    (line,) = (await read(service, story))["incidents"]["items"]
    assert [(clock["verdict"], clock["decided_at"]) for clock in line["clocks"]] == [("running", None)] * 2
    service.clock.set(datetime(2026, 7, 3, 6, 0, tzinfo=UTC))
    assert (await read(service, story, "2026-07"))["incidents"]["items"] == []


async def test_a_verdict_at_the_very_end_of_a_month_belongs_to_the_next(service: Any, story: Any) -> None:
    midnight = datetime(2026, 6, 30, 22, 0, tzinfo=UTC)
    since = midnight - timedelta(minutes=30, seconds=20)
    incident = story.incident(new_id(), None, since, acknowledged=midnight, resolved=midnight)
    await service.hear(story.contract("activated", datetime(2026, 6, 1, tzinfo=UTC)), *incident)
    service.clock.set(JULY)
    june, july = await read(service, story), await read(service, story, "2026-07")
    none = {"met": 0, "breached": 0, "running": 0}
    assert june["targets"] == {"response": none | {"running": 1}, "repair": none | {"running": 1}}
    assert july["targets"] == {"response": none | {"met": 1}, "repair": none | {"met": 1}}
