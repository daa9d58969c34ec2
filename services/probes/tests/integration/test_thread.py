"""From a contract to a monitor, its checks, an outage and its end, over real servers."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from probes.adapters.contract_versions import SqlContractVersions
from probes.adapters.result_rows import first_instant_of
from probes.domain.slots import Schedule
from shared.testing.small_site import SmallSite

from .conftest import Contract, Service, contract, eventually


def instant() -> str:
    return datetime.now(UTC).isoformat()


async def results_of(service: Service, given: Contract) -> list[Any]:
    return await service.rows(
        "select r.* from probes.result r join probes.monitor m on m.number = r.monitor_number "
        "where m.contract_id = :id order by r.day, r.started_ms",
        id=given.contract_id,
    )


async def test_an_activated_contract_is_watched_and_its_outage_is_dated_from_the_first_failing_check(
    service: Service,
) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        await service.tell(given, "activated", given.state())
        await service.said("unknown", "restored")
        site.break_page()
        await service.said("unknown", "restored", "down")
        site.mend_page()
        assert await service.said("recovered") == ["unknown", "restored", "down", "recovered"]
    unknown, restored, down, recovered = await service.events()
    assert unknown.data["reason"] == "not_yet_checked"
    assert restored.data["since"] == unknown.data["since"]
    assert {event.tenantid for event in (unknown, restored, down, recovered)} == {given.tenant_id}
    assert [event.aggregateversion for event in (unknown, restored, down, recovered)] == [1, 2, 3, 4]
    assert down.data["reason"] == "http_status" and down.data["evidence"]["status_code"] == 503
    assert down.data["evidence"]["checked_at"] == down.data["down_since"]
    assert "Database connection failed" in down.data["evidence"]["body_excerpt"]
    assert down.data["name"] == "Bellevue – production"
    for field in ("outage_id", "down_since", "confirmed_at", "evidence"):
        assert recovered.data[field] == down.data[field]
    assert recovered.data["duration_seconds"] > 0
    outage = (await service.rows("select * from probes.outage"))[0]
    assert str(outage["outage_id"]) == down.data["outage_id"] and outage["ending"] == "recovered"
    assert len(outage["failures"]) == 2
    failing = [row for row in await results_of(service, given) if row["status_code"] == 503]
    assert len(failing) >= 2
    line = await service.rows("select state, started_at, ended_at from probes.stretch order by started_at")
    assert [row["state"] for row in line] == ["unknown", "up", "down", "up"]
    assert [row["ended_at"] for row in line[:-1]] == [row["started_at"] for row in line[1:]]
    assert line[2]["started_at"] == outage["down_since"]


async def test_every_slot_is_checked_once_and_on_time(service: Service) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        await service.tell(given, "activated", given.state())
        await eventually(lambda: results_of(service, given))
        await asyncio.sleep(4)
        rows = sorted(await results_of(service, given), key=lambda row: row["slot"])
    slots = [row["slot"] for row in rows]
    assert slots == list(range(slots[0], slots[0] + len(slots))) and len(slots) >= 4
    schedule = Schedule.of(await service.one("select monitor_id from probes.monitor"), timedelta(seconds=1))
    for row in rows[1:]:  # the first one is out of turn: a new monitor is checked at once
        began = first_instant_of(row["day"]) + timedelta(milliseconds=row["started_ms"])
        assert schedule.slot_at(began) == row["slot"]


async def test_the_same_event_and_an_older_one_change_nothing(service: Service) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        await service.tell(given, "amended", given.state(version=7))
        await service.said("unknown", "restored")
        await service.tell(given, "activated", given.state(version=3, monitoring={"interval_seconds": 60}))
        await service.tell(given, "amended", given.state(version=7))
        await eventually(lambda: service.one("select count(*) = 3 from probes.inbox"))
        assert await service.one("select count(*) from probes.monitor") == 1
        assert await service.one("select interval_seconds from probes.monitor") == 1
        assert await service.one("select count(*) from probes.monitor_rules") == 1


async def test_a_suspension_pauses_and_a_new_activation_resumes_the_same_monitor(service: Service) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        await service.tell(given, "activated", given.state())
        await service.said("unknown", "restored")
        await service.tell(given, "suspended", given.state(version=2, status="suspended", effective_from=instant()))
        await service.said("paused")
        checked = len(await results_of(service, given))
        await asyncio.sleep(2.5)
        assert len(await results_of(service, given)) <= checked + 1
        await service.tell(given, "activated", given.state(version=3))
        names = await service.said("restored", "unknown", "restored")
    assert names == ["unknown", "restored", "paused", "restored", "unknown", "restored"]
    assert await service.one("select count(*) from probes.monitor") == 1
    line = await service.rows("select state from probes.stretch order by started_at")
    assert [row["state"] for row in line] == ["unknown", "up", "paused", "unknown", "up"]


async def test_a_suspension_during_an_outage_ends_it_and_repeats_what_was_known_about_it(service: Service) -> None:
    with SmallSite() as site:
        site.break_page()
        given = contract(site.url())
        await service.tell(given, "activated", given.state())
        await service.said("down")
        await service.tell(given, "suspended", given.state(version=2, status="suspended", effective_from=instant()))
        await service.said("paused")
    down, paused = (await service.events())[-2:]
    assert paused.data["outage"] == {name: down.data[name] for name in paused.data["outage"]}
    assert paused.data["outage_id"] == down.data["outage_id"] and paused.data["previous_state"] == "down"
    outage = (await service.rows("select * from probes.outage"))[0]
    assert (outage["ending"], outage["ended_at"]) == ("paused", datetime.fromisoformat(paused.data["since"]))
    # The contract's date lies a second or so before the pause was heard: what had been seen by then stays.
    assert paused.data["since"] >= paused.data["previous_since"]


async def test_a_version_that_comes_after_a_newer_one_is_done_with_and_not_looked_at_again(idle: Service) -> None:
    given = contract("https://hotel.example/")
    await idle.tell(given, "amended", given.state(version=3))
    await idle.said("unknown")
    # One that is in effect and one that would take effect later: the newer version has overtaken both.
    later = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    await idle.tell(given, "amended", given.state(version=2, monitoring={"interval_seconds": 60}))
    await idle.tell(given, "suspended", given.state(version=1, status="suspended", effective_from=later))
    await eventually(lambda: idle.one("select count(*) = 3 from probes.inbox"))
    assert await idle.one("select count(*) from probes.contract_version where applied_at is null") == 0
    async with idle.runtime.units.for_every_tenant() as unit:
        assert await SqlContractVersions(unit.session).waiting(unit.now + timedelta(days=2), limit=50) == []
    assert await idle.one("select interval_seconds from probes.monitor") == 1
    assert [event.name.event for event in await idle.events()] == ["unknown"]


@pytest.mark.capability("P04")
async def test_an_amendment_changes_the_interval_within_one_interval_without_a_gap(service: Service) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        await service.tell(given, "activated", given.state(monitoring={"interval_seconds": 3}))
        await service.said("unknown", "restored")
        await service.tell(given, "amended", given.state(version=2))
        await eventually(lambda: service.one("select interval_seconds = 1 from probes.monitor"))
        before = await service.one("select count(*) from probes.result")
        # Every three seconds there would be three in this time, at most.
        await eventually(
            lambda: service.one("select count(*) >= :count from probes.result", count=before + 4), seconds=8
        )
        history = await service.rows("select interval_seconds from probes.monitor_rules order by effective_from")
        assert [row["interval_seconds"] for row in history] == [3, 1]
        await service.tell(given, "amended", given.state(version=3, monitoring={"interval_seconds": 3}))
        await asyncio.sleep(5)
        line = await service.rows("select state from probes.stretch order by started_at")
        assert [row["state"] for row in line] == ["unknown", "up"]


async def test_an_amendment_in_the_future_waits_for_its_instant(service: Service) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        await service.tell(given, "activated", given.state())
        await service.said("unknown", "restored")
        later = (await service.one("select max(since) from probes.monitor")) + timedelta(seconds=4)
        state = given.state(version=2, monitoring={"interval_seconds": 5}, effective_from=later.isoformat())
        await service.tell(given, "amended", state)
        await eventually(lambda: service.one("select count(*) = 2 from probes.contract_version"))
        assert await service.one("select interval_seconds from probes.monitor") == 1
        await eventually(lambda: service.one("select interval_seconds = 5 from probes.monitor"))
        changed = await service.one("select max(effective_from) from probes.monitor_rules")
        assert later <= changed < later + timedelta(seconds=3)


async def test_an_environment_that_an_amendment_removes_is_retired_with_its_history(service: Service) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        await service.tell(given, "activated", given.state())
        await service.said("unknown", "restored")
        await service.tell(given, "amended", given.state(version=2, sites=[]))
        await service.said("paused")
        assert (await service.events())[-1].data["reason"] == "removed_by_amendment"
        assert await service.one("select count(*) from probes.result") >= 1


@pytest.mark.parametrize(
    ("status", "event", "reason"),
    [
        ("suspended", "suspended", "contract_suspended"),
        ("terminated", "terminated", "contract_terminated"),
        ("expired", "terminated", "contract_terminated"),
    ],
)
async def test_a_pause_says_what_became_of_the_contract(idle: Service, status: str, event: str, reason: str) -> None:
    given = contract("https://hotel.example/")
    await idle.tell(given, "activated", given.state())
    await idle.said("unknown")
    await idle.tell(given, event, given.state(version=2, status=status, sites=[]))
    await idle.said("paused")
    assert (await idle.events())[-1].data["reason"] == reason
