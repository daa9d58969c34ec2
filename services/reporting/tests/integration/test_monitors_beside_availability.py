"""What is watched beside availability (a certificate, an export, what somebody added) decides no figure and no page."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from reporting.adapters.evidence_verifier import Doubt, check
from shared.ids import new_id
from shared.testing.third_party import opened_pack, verified_pack

from .test_evidence import JULY, downloaded, signed_anew
from .test_measured_months import AFTERWARDS, counted, told
from .test_schema import stepped_back

BEGAN = datetime(2026, 6, 10, 8, tzinfo=UTC)
SINCE = datetime(2026, 6, 20, 8, tzinfo=UTC)
LENGTH = timedelta(hours=2)


def certificate(story: Any) -> tuple[list[bytes], bytes]:
    """The certificate of a story's site is watched, and cannot be trusted any more; then it can again."""
    beside, outage = replace(story, monitor_id=new_id(), measures_availability=False), new_id()
    up = [beside.unknown(BEGAN), beside.restored(BEGAN, BEGAN + timedelta(seconds=30))]
    return [*up, beside.down(outage, SINCE)], beside.recovered(outage, SINCE, SINCE + LENGTH)


def before_it_was_told(events: Sequence[bytes]) -> list[bytes]:
    """The events as releases said them that only told whether the monitor counts."""
    told = [json.loads(each) for each in events]
    for event in told:
        event["data"].pop("measures_availability", None)
    return [json.dumps(each).encode() for each in told]


def as_it_is_told(events: Sequence[bytes]) -> list[bytes]:
    return list(events)


Said = Callable[[Sequence[bytes]], list[bytes]]
BOTH = pytest.mark.parametrize("said", [as_it_is_told, before_it_was_told])


async def page(service: Any, story: Any) -> dict[str, Any]:
    async with service.client() as visitor:
        return dict((await visitor.get(f"/status/{story.slug}.json")).json())


@BOTH
async def test_a_certificate_that_nobody_trusts_is_no_down_time_of_the_month(
    service: Any, story: Any, said: Said
) -> None:
    broken, mended = certificate(story)
    await service.hear(*said([*story.golden_june(), *broken, mended]))
    service.clock.set(AFTERWARDS)
    _, june = await told(service)
    figure = counted(june)
    assert (figure["uptime_percent"], figure["down_units"], figure["outages"]) == ("99.965277", 900, 2)
    assert (figure["met"], june["met"]) == (True, True)
    async with service.client(story) as client:
        report = (await client.get(f"/v1/contracts/{story.contract_id}/reports/2026-06")).json()
        over = {"from": "2026-06-20T00:00:00Z", "to": "2026-06-21T00:00:00Z"}
        day = (await client.get(f"/v1/contracts/{story.contract_id}/availability", params=over)).json()
    (shown,) = [each for each in report["uptime"]["figures"] if each["counts_for_sla"]]
    assert (shown["uptime_display"], shown["outages"], report["incidents"]["down_seconds"]) == ("99.97", 2, 900)
    assert [each["uptime_display"] for each in day["uptime"]["figures"]] == ["100.00", "100.00"]


@BOTH
async def test_the_page_stays_operational_and_tells_of_no_outage(service: Any, story: Any, said: Said) -> None:
    broken, _ = certificate(story)
    await service.hear(*said([*story.golden_june(), *broken]))
    service.clock.set(SINCE + timedelta(minutes=30))
    shown = await page(service, story)
    assert shown["status"]["headline"] == "operational"
    assert [each["state"] for each in shown["components"]] == ["up"]
    assert shown["open_incidents"] == []
    assert [each["started_at"] for each in shown["recent_incidents"]] == [
        "2026-06-18T01:30:00Z",
        "2026-06-09T01:30:00Z",
    ]
    assert shown["components"][0]["days"][-1]["state"] == "up"


async def test_what_stops_being_heard_of_leaves_the_page_as_it_is(service: Any, story: Any) -> None:
    broken, mended = certificate(story)
    beside = replace(story, monitor_id=new_id(), measures_availability=False)
    quiet = [beside.unknown(BEGAN), beside.restored(BEGAN, BEGAN + timedelta(seconds=30)), beside.measured(BEGAN)]
    await service.hear(*story.golden_june(), *broken, mended, *quiet)
    service.clock.set(SINCE + LENGTH)
    assert [each["state"] for each in (await page(service, story))["components"]] == ["up"]


@BOTH
async def test_the_pack_proves_the_figure_and_shows_what_was_left_out_so_that_a_changed_flag_is_found(
    service: Any, story: Any, tmp_path: Path, said: Said
) -> None:
    broken, mended = certificate(story)
    await service.hear(*said([*story.golden_june(), *broken, mended]))
    service.clock.set(JULY)
    pack = await downloaded(service, story)
    status, answer = verified_pack(tmp_path, pack)
    assert status == 0, answer
    assert answer.startswith("YES. ")
    assert "production 99.965277" in answer
    files = opened_pack(pack)
    aside = json.loads(mended)
    assert json.loads(files[f"events/{aside['id']}.json"]) == json.loads(*said([mended]))
    for subject, counts in ((aside["subject"], True), (f"monitor/{story.monitor_id}", False)):
        changed = {path: counting(content, subject, counts) for path, content in files.items()}
        with pytest.raises(Doubt, match="the events of its monitors say"):
            check(signed_anew(changed))


def counting(content: bytes, subject: str, counts: bool) -> bytes:
    """An event of the subject as if its monitor counted, or did not; anything else as it is."""
    event = json.loads(content) if content.startswith(b"{") else {}
    if event.get("subject") != subject:
        return content
    for flag in ("counts_for_sla", "measures_availability"):
        if flag in event["data"]:
            event["data"][flag] = counts
    return json.dumps(event).encode()


def sites(story: Any, *, counts_for_sla: bool) -> list[dict[str, Any]]:
    """The sites of a contract whose production counts, or does not count yet."""
    found: list[dict[str, Any]] = json.loads(story.contract("amended", BEGAN))["data"]["sites"]
    story.versions[story.contract_id] -= 1
    found[0]["environments"][0]["counts_for_sla"] = counts_for_sla
    return found


async def test_an_environment_that_begins_to_count_is_measured_by_what_was_said_before(
    service: Any, story: Any
) -> None:
    broken, _ = certificate(story)
    began = datetime(2026, 5, 20, 8, tzinfo=UTC)
    counts = datetime(2026, 6, 24, 22, tzinfo=UTC)
    await service.hear(
        story.contract("activated", began, sites=sites(story, counts_for_sla=False)),
        *not_counting([story.unknown(began), story.restored(began, began + timedelta(seconds=30))]),
        *broken,
        story.contract("amended", counts),
    )
    service.clock.set(AFTERWARDS)
    *_, june = await told(service)
    before, after = [each for each in june["figures"] if each["environment_id"] == str(story.environment_id)]
    # Until then all that was watched said how it is; from then on what measures availability, with nothing new to say.
    assert (before["counts_for_sla"], before["down_units"]) == (False, (counts - SINCE).total_seconds())
    assert (after["counts_for_sla"], after["down_units"], after["coverage_percent"]) == (True, 0, "100.00")
    assert (after["uptime_percent"], after["met"]) == ("100.000000", True)


def not_counting(events: Sequence[bytes]) -> list[bytes]:
    """What the monitor of a page says in an environment that does not count."""
    said = [json.loads(each) for each in events]
    for event in said:
        event["data"] |= {"counts_for_sla": False, "measures_availability": True}
    return [json.dumps(each).encode() for each in said]


async def test_months_that_others_decided_are_measured_again_after_the_upgrade(service: Any, story: Any) -> None:
    broken, mended = certificate(story)
    await service.hear(*before_it_was_told([*story.golden_june(), *broken, mended]))
    service.clock.set(AFTERWARDS)
    await told(service)
    with stepped_back(service, "0025"), psycopg.connect(service.urls.superuser) as connection:
        connection.execute("update reporting.uptime_period set figures_hash = 'of 99.69' where month = '2026-06-01'")
    async with await psycopg.AsyncConnection.connect(service.urls.superuser) as upgraded:
        flags = "select monitor_id = %s, measures_availability from reporting.transition where environment_id = %s"
        rows = await upgraded.execute(flags, [story.monitor_id, story.environment_id])
        found = set(await rows.fetchall())
    assert found == {(True, True), (False, False)}
    *_, may, june, again = await told(service)
    assert [(each["month"], each["version"]) for each in (may, june, again)] == [
        ("2026-05-01", 1),
        ("2026-06-01", 1),
        ("2026-06-01", 2),
    ]
    assert counted(again)["uptime_percent"] == "99.965277"
