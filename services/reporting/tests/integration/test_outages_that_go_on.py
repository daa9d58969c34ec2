"""What visitors and subscribers are told of an outage that cannot be seen for a while, or is not watched any more."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.ids import new_id
from shared.testing.mailbox import Mailbox

from .test_status_subscriptions import body, subscribe, work

NOW = datetime(2026, 6, 8, 9, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
PAGE = "/status/boulangerie-martin"
SITE = "boulangerie-martin.example"
DOWN, BACK = f"{SITE} est indisponible", f"{SITE} est de nouveau disponible"
LOST = f"{SITE} : l’interruption n’est plus surveillée"
ENGLISH = {"accept": "text/html", "accept-language": "en"}


@pytest.fixture
async def service(start_service: Any, story: Any, mailbox: Mailbox) -> Any:
    """With a page on which all is well, and a subscriber of it."""
    started = await start_service(smtp_host="127.0.0.1", smtp_port=mailbox.port, smtp_starttls="never")
    await started.hear(*story.golden_june()[:5])
    await subscribe(started, mailbox)
    return started


async def mails(service: Any, mailbox: Mailbox) -> list[str]:
    """The subjects of all that subscribers were told, without the mail that asked them to confirm."""
    await work(service)
    return [" ".join(mail["Subject"].split()).removeprefix("[Boulangerie Martin] ") for mail in mailbox.messages[1:]]


async def read(service: Any, ending: str = ".json") -> dict[str, Any]:
    async with service.client() as visitor:
        answer = await visitor.get(f"{PAGE}{ending}", headers={"accept-language": "en"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def html(service: Any, ending: str = "") -> str:
    async with service.client() as visitor:
        answer = await visitor.get(f"{PAGE}{ending}", headers=ENGLISH)
    assert answer.status_code == 200, answer.text
    assert len(answer.content) < 50_000
    return str(answer.text)


def text(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")


def steps(incident: dict[str, Any]) -> list[tuple[str, str, str | None]]:
    """Oldest first: when, called what, and what was measured where that is not what it is called."""
    return [(step["at"], step["status"], step["measured"]) for step in incident["updates"][::-1]]


async def test_silence_does_not_end_an_outage(service: Any, story: Any, mailbox: Mailbox) -> None:
    outage, silent, heard = (new_id(), NOW - 10 * MINUTE), NOW - 5 * MINUTE, NOW - 3 * MINUTE
    await service.hear(story.down(*outage))
    assert await mails(service, mailbox) == [DOWN]
    await service.hear(story.unknown(silent, reason="no_fresh_result", outage=outage))
    assert await mails(service, mailbox) == [DOWN]
    content = await read(service)
    assert (content["status"]["headline"], content["recent_incidents"]) == ("unknown", [])
    (incident,) = content["open_incidents"]
    assert (incident["status"], incident["ended_at"], incident["duration_seconds"]) == ("investigating", None, 600)
    first = (text(outage[1]), "investigating", None)
    assert steps(incident) == [first, (text(silent), "investigating", "unknown")]
    assert incident["components"][0]["impact"] == "major"
    assert "Our checks bring no result" in await html(service)

    await service.hear(story.restored(silent, heard, state="down", outage=outage))
    assert await mails(service, mailbox) == [DOWN]
    (incident,) = (await read(service))["open_incidents"]
    assert steps(incident)[1:] == [
        (text(silent), "investigating", "unknown"),
        (text(heard), "investigating", "down"),
    ]
    assert incident["started_at"] == text(outage[1])

    await service.hear(story.recovered(*outage, NOW, gaps=[(silent, heard)]))
    assert await mails(service, mailbox) == [DOWN, BACK]
    content = await read(service)
    (incident,) = content["recent_incidents"]
    assert (content["open_incidents"], incident["status"], incident["ended_at"]) == ([], "resolved", text(NOW))
    assert incident["duration_seconds"] == 600


async def test_planned_work_does_not_end_an_outage_that_began_before_it(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    outage, opens, closes = (new_id(), NOW - 10 * MINUTE), NOW - 5 * MINUTE, NOW
    await service.hear(story.down(*outage), story.in_maintenance(opens))
    assert await mails(service, mailbox) == [DOWN]
    content = await read(service)
    assert (content["status"]["headline"], content["components"][0]["state"]) == ("maintenance", "maintenance")
    (incident,) = content["open_incidents"]
    assert (incident["ended_at"], steps(incident)[-1]) == (None, (text(opens), "investigating", "maintenance"))
    assert "Planned maintenance is in progress" in (page := await html(service))
    assert "Planned maintenance has begun" in page
    service.clock.advance(MINUTE)
    await service.hear(story.restored(opens, closes, was="maintenance", state="down", outage=outage))
    assert await mails(service, mailbox) == [DOWN]
    content = await read(service)
    assert (content["status"]["headline"], len(content["open_incidents"])) == ("major_outage", 1)


async def test_a_recovery_within_planned_work_is_told_at_once(service: Any, story: Any, mailbox: Mailbox) -> None:
    outage, opens = (new_id(), NOW - 10 * MINUTE), NOW - 5 * MINUTE
    await service.hear(story.down(*outage), story.in_maintenance(opens))
    await service.hear(story.recovered(*outage, NOW - MINUTE), story.in_maintenance(opens))
    assert await mails(service, mailbox) == [BACK]
    content = await read(service)
    assert content["recent_incidents"][0]["ended_at"] == text(NOW - MINUTE)
    assert content["status"]["headline"] == "maintenance"


@pytest.mark.parametrize("silent", [False, True])
async def test_an_outage_that_nobody_watches_any_more_is_not_told_as_available_again(
    service: Any, story: Any, mailbox: Mailbox, silent: bool
) -> None:
    outage, paused = (new_id(), NOW - 10 * MINUTE), NOW - 2 * MINUTE
    silence = NOW - 5 * MINUTE if silent else None
    await service.hear(story.down(*outage))
    if silence:
        await service.hear(story.unknown(silence, outage=outage))
    assert await mails(service, mailbox) == [DOWN]
    for event, told in (
        (story.contract("suspended", paused), [DOWN, LOST]),  # the contract says so before its monitors do
        (story.paused(paused, outage=outage, silent_since=silence), [DOWN, LOST]),
    ):
        await service.hear(event)
        assert await mails(service, mailbox) == told
        content = await read(service)
        (incident,) = content["recent_incidents"]
        assert (content["open_incidents"], content["status"]["headline"]) == ([], "paused")
        assert (incident["ended_at"], incident["duration_seconds"]) == (text(paused), 480)
        assert steps(incident)[-1] == (text(paused), "resolved", "paused")
    words = " ".join(body(mailbox.messages[-1]).split())
    assert "Indisponible depuis le 8 juin 2026, 10:50. Depuis le 8 juin 2026, 10:58, personne ne vérifie" in words
    for place in ("", "/incidents", f"/incidents/{outage[0]}", "/feed.atom", "/feed.json"):
        page = await html(service, place)
        assert "No longer monitored" in page, place
        assert "Resolved" not in page, place
        assert "Service is back" not in page, place

    resumed, found = NOW + MINUTE, new_id()
    service.clock.advance(3 * MINUTE)
    await service.hear(
        story.contract("activated", resumed),
        story.restored(paused, resumed, was="paused", state="unknown"),
        story.unknown(resumed),
        story.restored(resumed, resumed + MINUTE, state="down"),
        story.down(found, resumed + MINUTE),
    )
    assert await mails(service, mailbox) == [DOWN, LOST, DOWN]


@pytest.mark.parametrize("taken_up", [NOW - 6 * MINUTE, NOW - 4 * MINUTE], ids=["before", "at that very instant"])
async def test_an_incident_of_the_agency_is_not_called_back_in_service_when_nobody_looks_any_more(
    service: Any, story: Any, taken_up: datetime
) -> None:
    outage, paused, later = (new_id(), NOW - 10 * MINUTE), NOW - 4 * MINUTE, NOW - MINUTE
    acknowledged = story.incident(new_id(), *outage, acknowledged=taken_up, resolved=later)
    await service.hear(story.down(*outage), *acknowledged, story.paused(paused, outage=outage, reason="removed"))
    content = await read(service)
    (incident,) = content["recent_incidents"]
    assert (content["open_incidents"], incident["status"]) == ([], "resolved")
    assert steps(incident) == [
        (text(outage[1]), "investigating", None),
        (text(taken_up), "identified", None),
        (text(paused), "resolved", "paused"),
    ]


async def test_an_incident_that_people_resolve_before_the_service_is_back_ends_when_it_is(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    outage, taken, resolved, back = (new_id(), NOW - 10 * MINUTE), *(NOW - left * MINUTE for left in (8, 5, 1))
    await service.hear(story.down(*outage))
    assert await mails(service, mailbox) == [DOWN]
    await service.hear(*story.incident(new_id(), *outage, acknowledged=taken, resolved=resolved))
    assert await mails(service, mailbox) == [DOWN]
    content = await read(service)
    (incident,) = content["open_incidents"]
    assert (incident["status"], incident["ended_at"], content["recent_incidents"]) == ("identified", None, [])
    assert [each[1] for each in steps(incident)] == ["investigating", "identified"]
    (told,) = (await read(service, "/api/v2/incidents/unresolved.json"))["incidents"]
    assert (told["status"], told["resolved_at"], told["monitoring_at"]) == ("identified", None, None)
    for place in ("", "/incidents", f"/incidents/{outage[0]}", "/feed.atom", "/feed.json"):
        page = await html(service, place)
        assert "A technician is working on it" in page, place
        assert "Resolved" not in page, place
        assert "Service is back" not in page, place

    await service.hear(story.recovered(*outage, back))
    assert await mails(service, mailbox) == [DOWN, BACK]
    content = await read(service)
    (incident,) = content["recent_incidents"]
    assert (content["open_incidents"], incident["ended_at"], incident["duration_seconds"]) == ([], text(back), 540)
    assert steps(incident) == [
        (text(outage[1]), "investigating", None),
        (text(taken), "identified", None),
        (text(back), "resolved", None),
    ]
    assert (await read(service, "/api/v2/incidents/unresolved.json"))["incidents"] == []
    (told,) = (await read(service, "/api/v2/incidents.json"))["incidents"]
    assert (told["status"], told["resolved_at"]) == ("resolved", text(back))
    assert await mails(service, mailbox) == [DOWN, BACK]


async def test_who_takes_up_an_incident_after_the_service_is_back_does_not_take_that_back(
    service: Any, story: Any
) -> None:
    outage, back, taken = (new_id(), NOW - 10 * MINUTE), NOW - 6 * MINUTE, NOW - 2 * MINUTE
    incident_id = new_id()
    await service.hear(story.down(*outage), *story.incident(incident_id, *outage, acknowledged=taken))
    (incident,) = (await read(service))["open_incidents"]
    assert (incident["status"], incident["updated_at"]) == ("identified", text(taken))
    await service.hear(story.recovered(*outage, back))
    (incident,) = (await read(service))["open_incidents"]
    assert steps(incident) == [(text(outage[1]), "investigating", None), (text(back), "monitoring", None)]
    assert incident["updated_at"] == text(taken)  # what was told then is no step any more, and readers hear of that


async def test_nobody_is_told_by_people_that_a_service_is_back_before_it_is(service: Any, story: Any) -> None:
    outage = (new_id(), NOW - 10 * MINUTE)
    await service.hear(story.down(*outage))
    async with service.client(story) as agency:
        answer = await agency.post(
            f"/v1/status-pages/boulangerie-martin/incidents/{outage[0]}/updates",
            json={"status": "monitoring", "texts": {"en": "The disk was replaced."}},
        )
    assert answer.status_code == 201, answer.text
    (incident,) = (await read(service))["open_incidents"]
    assert steps(incident)[1:] == [(text(NOW), "identified", None)]
    assert "Service is back" not in await html(service)


async def test_a_contract_that_ended_ends_what_its_page_tells_of_an_outage(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    outage, ended = (new_id(), NOW - 10 * MINUTE), NOW - 2 * MINUTE
    await service.hear(story.down(*outage), story.contract("terminated", ended))
    content = await read(service)
    assert [each["ended_at"] for each in content["recent_incidents"]] == [text(ended)]
    assert await mails(service, mailbox) == [LOST]


async def test_an_outage_that_a_new_contract_takes_over_is_told_to_be_watched_no_more(
    service: Any, story: Any, mailbox: Mailbox
) -> None:
    outage, turn = (new_id(), NOW - 10 * MINUTE), NOW - 2 * MINUTE
    await service.hear(story.down(*outage))
    assert await mails(service, mailbox) == [DOWN]
    renewed = replace(story, contract_id=new_id(), monitor_id=new_id(), versions={})
    await service.hear(story.contract("terminated", turn), renewed.contract("activated", turn), renewed.unknown(turn))
    content = await read(service)
    assert content["status"] == {"headline": "unknown", "contract": "active", "since": None}
    (incident,) = content["recent_incidents"]
    assert steps(incident)[-1] == (text(turn), "resolved", "paused")
    assert await mails(service, mailbox) == [DOWN, LOST]


@pytest.mark.parametrize("first", [True, False])
async def test_a_component_is_available_again_when_none_of_its_monitors_finds_it_down(
    service: Any, story: Any, mailbox: Mailbox, first: bool
) -> None:
    one, two = sorted([story.monitor_id, new_id()], reverse=not first)
    earlier, later = (new_id(), NOW - 10 * MINUTE), (new_id(), NOW - 5 * MINUTE)
    story.monitor_id = one
    await service.hear(story.down(*earlier))
    story.monitor_id = two
    await service.hear(story.down(*later))
    assert await mails(service, mailbox) == [DOWN, DOWN]
    began = [text(later[1]), text(earlier[1])]
    assert [each["started_at"] for each in (await read(service))["open_incidents"]] == began

    story.monitor_id = one
    await service.hear(story.recovered(*earlier, NOW - 2 * MINUTE))
    assert await mails(service, mailbox) == [DOWN, DOWN]
    content = await read(service)
    assert content["status"]["headline"] == "major_outage"
    assert [(each["started_at"], each["ended_at"]) for each in content["open_incidents"]] == [
        (at, None) for at in began
    ]

    first_found = content["open_incidents"][1]
    assert steps(first_found) == [(began[1], "investigating", None), (text(NOW - 2 * MINUTE), "investigating", "down")]
    assert first_found["updated_at"] == text(NOW - 2 * MINUTE)

    story.monitor_id = two
    await service.hear(story.recovered(*later, NOW - MINUTE))
    assert await mails(service, mailbox) == [DOWN, DOWN, BACK, BACK]
    ended = [(each["started_at"], each["ended_at"]) for each in (await read(service))["recent_incidents"]]
    assert ended == [(at, text(NOW - MINUTE)) for at in began]


async def test_an_outage_that_becomes_known_late_begins_none_anew(service: Any, story: Any, mailbox: Mailbox) -> None:
    earlier, later = (new_id(), NOW - 10 * MINUTE), (new_id(), NOW - 5 * MINUTE)
    one = story.monitor_id
    await service.hear(story.down(*earlier), story.recovered(*earlier, NOW - 4 * MINUTE))
    assert await mails(service, mailbox) == [BACK]
    story.monitor_id = new_id()
    assert story.monitor_id != one
    await service.hear(story.down(*later))
    assert await mails(service, mailbox) == [BACK, DOWN]
    await service.hear(story.recovered(*later, NOW - MINUTE))
    assert await mails(service, mailbox) == [BACK, DOWN, BACK]


async def test_what_people_call_an_outage_stays_while_it_cannot_be_seen(service: Any, story: Any) -> None:
    outage, silent = (new_id(), NOW - 10 * MINUTE), NOW + 5 * MINUTE
    await service.hear(story.down(*outage))
    async with service.client(story) as agency:
        answer = await agency.post(
            f"/v1/status-pages/boulangerie-martin/incidents/{outage[0]}/updates",
            json={"status": "identified", "texts": {"en": "A disk is full."}},
        )
    assert answer.status_code == 201, answer.text
    service.clock.advance(10 * MINUTE)
    await service.hear(story.unknown(silent, outage=outage))
    (incident,) = (await read(service))["open_incidents"]
    assert incident["status"] == "identified"
    assert steps(incident)[1:] == [(text(NOW), "identified", None), (text(silent), "identified", "unknown")]
    async with service.client(story) as agency:
        answer = await agency.post(
            f"/v1/status-pages/boulangerie-martin/incidents/{outage[0]}/updates",
            json={"status": "resolved", "texts": {"en": "All is well."}},
        )
    assert answer.status_code == 409
    assert "still goes on" in answer.json()["detail"]


async def test_programs_are_told_the_same(service: Any, story: Any) -> None:
    outage, silent, opens, paused = (new_id(), NOW - 10 * MINUTE), *(NOW - left * MINUTE for left in (8, 6, 4))
    await service.hear(story.down(*outage), story.unknown(silent, outage=outage))
    (incident,) = (await read(service, "/api/v2/incidents/unresolved.json"))["incidents"]
    assert (incident["status"], incident["resolved_at"]) == ("investigating", None)
    await service.hear(
        story.restored(silent, opens, state="maintenance"),
        story.in_maintenance(opens),
    )
    summary = await read(service, "/api/v2/summary.json")
    assert summary["status"] == {"indicator": "maintenance", "description": "Service Under Maintenance"}
    assert [each["id"] for each in summary["incidents"]] == [str(outage[0])]
    await service.hear(story.paused(paused, outage=outage, reason="removed"))
    (incident,) = (await read(service, "/api/v2/incidents.json"))["incidents"]
    assert (incident["status"], incident["resolved_at"]) == ("resolved", text(paused))
    told = [
        (each["body"], each["affected_components"][0]["new_status"], each["deliver_notifications"])
        for each in incident["incident_updates"][::-1]
    ]
    assert told == [
        ("We are looking into it", "major_outage", True),
        ("Our checks bring no result", "degraded_performance", False),
        ("Planned maintenance has begun", "under_maintenance", False),
        ("No longer monitored", "degraded_performance", True),
    ]
    assert len({each["id"] for each in incident["incident_updates"]}) == 4


async def test_a_figure_is_the_same_whatever_an_outage_is_called(service: Any, story: Any) -> None:
    outage, silent, heard = (new_id(), NOW - 60 * MINUTE), NOW - 50 * MINUTE, NOW - 20 * MINUTE
    await service.hear(
        story.down(*outage),
        story.unknown(silent, outage=outage),
        story.restored(silent, heard, state="down", outage=outage),
        story.recovered(*outage, NOW - 10 * MINUTE, gaps=[(silent, heard)]),
    )
    content = await read(service)
    today = content["components"][0]["days"][-1]
    assert (today["down_seconds"], today["coverage_percent"]) == (20 * 60, "95.45")
    assert content["recent_incidents"][0]["duration_seconds"] == 50 * 60


async def test_an_outage_is_told_with_its_last_turns_however_often_it_could_not_be_seen(
    service: Any, story: Any
) -> None:
    outage = (new_id(), NOW - timedelta(days=2))
    events = [story.down(*outage)]
    for number in range(60):
        silent = outage[1] + number * 30 * MINUTE + MINUTE
        events.append(story.unknown(silent, outage=outage))
        events.append(story.restored(silent, silent + 10 * MINUTE, state="down", outage=outage))
    await service.hear(*events)
    (incident,) = (await read(service))["open_incidents"]
    assert len(incident["updates"]) == 21
    assert [step["measured"] for step in incident["updates"]] == ["down", "unknown"] * 10 + [None]
    await html(service)
