"""What a version of a contract does to the clocks of an incident is told, also when it takes back what was said."""

from datetime import timedelta
from typing import Any

import pytest

from incidents.application.clocks import refresh
from incidents.application.ports import ClockView, Ports
from incidents.domain.work_item import WorkItem

from .conftest import Agreement, Desk

CHANGED = "incident.clocks_changed.v1"


def longer(agreement: Agreement, response: str = "PT4H", repair: str = "PT4H") -> dict[str, Any]:
    targets = [{"severity": "critical", "response": response, "repair": repair}]
    return {**agreement.state()["response"], "targets": targets}


async def changes(desk: Desk, agreement: Agreement) -> list[tuple[int, dict[str, Any]]]:
    """The version of the incident and its clock of the response, as often as a change of clocks was told."""
    said = await desk.said(agreement.tenant_id)
    return [(version, data["clocks"][0]) for name, version, data in said if name == CHANGED]


async def last_told(desk: Desk, agreement: Agreement) -> list[dict[str, Any]]:
    """The clocks as the newest event about the incident told them."""
    said = [data for name, _, data in await desk.said(agreement.tenant_id) if name.startswith("incident.")]
    clocks: list[dict[str, Any]] = max(said, key=lambda data: data["version"])["clocks"]
    return clocks


async def terminate(desk: Desk, agreement: Agreement, at: str, version: int = 2) -> None:
    ended = agreement.state(version, status="terminated", effective_from=at)
    await desk.hear("contracts.contract.terminated.v1", ended, tenant_id=agreement.tenant_id, version=version)


async def test_an_amendment_in_mid_incident_tells_the_new_target_and_due_time(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=5))
    await desk.activate(agreement, 2, effective_from="2026-06-08T09:05:00Z", response=longer(agreement))
    ((version, clock),) = await changes(desk, agreement)
    assert version == 2
    assert (clock["policy"], clock["state"], clock["target_seconds"]) == ("critical-response@2", "running", 14400)
    assert (clock["due_at"], clock["breach_after"]) == ("2026-06-08T13:00:00Z", "2026-06-08T13:00:00Z")
    incident = await desk.only_incident(agreement)
    assert incident["version"] == 2
    desk.clock.advance(timedelta(minutes=40))
    await desk.due_clocks.run()
    assert [name for name, _, _ in await desk.said(agreement.tenant_id)] == ["incident.opened.v1", CHANGED]
    async with desk.client(agreement) as client:
        timeline = (await client.get(f"/v1/incidents/{incident['incident_id']}/timeline")).json()["data"]
    (line,) = [entry for entry in timeline if entry["kind"] == "clock_changed"]
    assert line["data"]["metric"] == "response"
    assert (line["data"]["before"]["target_seconds"], line["data"]["after"]["target_seconds"]) == (1800, 14400)


async def test_a_version_that_takes_effect_later_is_told_when_it_does(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    await desk.activate(agreement, 2, effective_from="2026-06-08T09:10:00Z", response=longer(agreement))
    assert await changes(desk, agreement) == []
    desk.clock.advance(timedelta(minutes=10))
    await desk.due_clocks.run()
    assert [clock["target_seconds"] for _, clock in await changes(desk, agreement)] == [14400]


async def test_the_end_of_a_contract_in_mid_incident_tells_that_its_clocks_are_cancelled(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=5))
    await terminate(desk, agreement, "2026-06-08T09:05:00Z")
    desk.clock.advance(timedelta(minutes=40))
    await desk.due_clocks.run()
    assert [(clock["state"], clock["verdict"]) for clock in await last_told(desk, agreement)] == [
        ("cancelled", None)
    ] * 2
    assert len(await changes(desk, agreement)) == 1


async def test_a_suspension_and_its_end_are_told_and_a_pause_that_lasts_is_not_told_again(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=10))
    await desk.suspend(agreement)
    for _ in range(3):
        desk.clock.advance(timedelta(hours=1))
        await desk.due_clocks.rebuild()
    await desk.activate(agreement, 3, effective_from="2026-06-08T12:10:00Z")
    told = [(version, clock["state"]) for version, clock in await changes(desk, agreement)]
    assert told == [(2, "paused"), (3, "running")]
    assert (await last_told(desk, agreement))[0]["due_at"] == "2026-06-08T12:30:00Z"


async def test_clocks_that_are_attached_when_the_contract_arrives_are_told(desk: Desk, agreement: Agreement) -> None:
    await desk.break_down(agreement)
    assert await last_told(desk, agreement) == []
    desk.clock.advance(timedelta(minutes=1))
    await desk.activate(agreement)
    assert [clock["metric"] for clock in await last_told(desk, agreement)] == ["response", "repair"]
    assert len(await changes(desk, agreement)) == 1


async def test_a_version_that_changes_no_clock_is_not_told(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=5))
    await desk.activate(agreement, 2, effective_from="2026-06-08T09:05:00Z", number="C-2026-0002")
    assert await changes(desk, agreement) == []


async def test_a_suspension_that_is_heard_late_takes_a_breach_back_and_the_timeline_keeps_both(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=31))
    await desk.due_clocks.run()
    breach = [version for name, version, _ in await desk.said(agreement.tenant_id) if name == "clock.breached.v1"]
    await desk.suspend(agreement, effective_from="2026-06-08T09:00:02Z")
    ((_, clock),) = await changes(desk, agreement)
    assert (clock["state"], clock["elapsed_seconds"], clock["verdict"]) == ("paused", 2, None)
    # It tells how much had been said about the clock by then, so that nobody takes the breach for news.
    assert [clock["clock_version"]] == breach

    incident = await desk.only_incident(agreement)
    async with desk.client(agreement) as client:
        timeline = (await client.get(f"/v1/incidents/{incident['incident_id']}/timeline")).json()["data"]
    lines = [
        (entry["kind"], entry["data"].get("after", {}).get("state"))
        for entry in timeline
        if entry["data"].get("metric") == "response"
    ]
    assert sorted(lines) == [("clock_at_risk", None), ("clock_breached", None), ("clock_changed", "paused")]


async def test_a_breach_after_one_that_was_taken_back_is_told_too(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=31))
    await desk.due_clocks.run()
    await desk.activate(agreement, 2, effective_from="2026-06-08T09:05:00Z", response=longer(agreement, "PT1H"))
    assert (await last_told(desk, agreement))[0]["state"] == "running"
    desk.clock.advance(timedelta(minutes=30))
    await desk.due_clocks.run()
    clock = (await last_told(desk, agreement))[0]
    assert (clock["state"], clock["target_seconds"], clock["breach_after"]) == (
        "breached",
        3600,
        "2026-06-08T10:00:00Z",
    )


async def test_each_breach_after_one_that_was_taken_back_alerts_the_agency_again(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)

    async def alerted() -> tuple[int, int]:
        for _ in range(2):
            await desk.due_clocks.rebuild()
        mails = await desk.rows("select fact from incidents.notification where kind = 'clock_breached'")
        said = [version for name, version, _ in await desk.said(agreement.tenant_id) if name == "clock.breached.v1"]
        assert sorted(set(said)) == said
        return len(mails), len(said)

    desk.clock.advance(timedelta(minutes=31))
    assert await alerted() == (1, 1)
    for version, (target, minutes) in enumerate((("PT1H", 30), ("PT2H", 60)), start=2):
        more = longer(agreement, target)
        await desk.activate(agreement, version, effective_from="2026-06-08T09:05:00Z", response=more)
        assert await alerted() == (version - 1, version - 1)
        desk.clock.advance(timedelta(minutes=minutes))
        assert await alerted() == (version, version)


async def test_a_breach_that_nothing_takes_back_is_told_by_its_own_event_only(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(hours=5))
    for _ in range(2):
        await desk.due_clocks.rebuild()
    names = [name for name, _, _ in await desk.said(agreement.tenant_id)]
    assert names.count("clock.breached.v1") == 2
    assert CHANGED not in names


async def test_the_verdict_of_a_stopped_clock_follows_a_version_that_is_heard_late(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=20))
    await desk.recover(agreement, outage)
    desk.clock.advance(timedelta(minutes=5))
    shorter = longer(agreement, "PT10M", "PT10M")
    await desk.activate(agreement, 2, effective_from="2026-06-08T09:05:00Z", response=shorter)
    repair = (await last_told(desk, agreement))[1]
    assert (repair["verdict"], repair["elapsed_seconds"], repair["target_seconds"]) == ("breached", 900, 600)


@pytest.mark.parametrize("change", ["terminated", "no longer promised"])
async def test_a_version_that_ends_the_promise_before_the_clock_opened_cancels_it_visibly(
    desk: Desk, agreement: Agreement, change: str
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    before = "2026-06-08T08:00:00Z"
    if change == "terminated":
        await terminate(desk, agreement, before)
    else:
        await desk.activate(agreement, 2, effective_from=before, response=None)
    clocks = (await desk.only_incident(agreement))["clocks"]
    assert [(clock["state"], clock["elapsed_seconds"], clock["target_seconds"]) for clock in clocks] == [
        ("cancelled", 0, 1800),
        ("cancelled", 0, 14400),
    ]
    assert [clock["state"] for clock in await last_told(desk, agreement)] == ["cancelled"] * 2

    desk.clock.advance(timedelta(hours=5))
    assert await desk.due_clocks.run() > 0
    due = await desk.rows("select state, next_due_at, ended_at from incidents.clock_due")
    assert [(row["state"], row["next_due_at"]) for row in due] == [("cancelled", None)] * 2
    assert [row["ended_at"].isoformat() for row in due] == ["2026-06-08T09:00:00+00:00"] * 2
    assert len(await changes(desk, agreement)) == 1


async def test_events_tell_all_that_happened_to_each_clock(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    incident = await desk.only_incident(agreement)
    item = f"/v1/items/{incident['incident_id']}"
    async with desk.client(agreement) as client:
        desk.clock.advance(timedelta(minutes=10))
        wait = {"reason": "waiting_customer_info", "evidence": {"asked": "Which card?"}}
        (await client.post(f"{item}/pauses", json=wait)).raise_for_status()
        (pause,) = (await client.get(f"{item}/pauses")).json()["data"]
        desk.clock.advance(timedelta(minutes=5))
        answer = {"answer": {"said": "The blue one"}}
        (await client.post(f"{item}/pauses/{pause['pause_id']}/resume", json=answer)).raise_for_status()
        desk.clock.advance(timedelta(minutes=5))
        (await client.post(f"/v1/incidents/{incident['incident_id']}/resolve")).raise_for_status()

    *_, (name, _, told) = [each for each in await desk.said(agreement.tenant_id) if each[0].startswith("incident.")]
    assert name == "incident.resolved.v1"
    repair = next(clock for clock in told["clocks"] if clock["metric"] == "repair")
    name = f"pause.{pause['pause_id']}"
    opened, paused, resumed, stopped = repair["facts"]
    assert (opened["kind"], opened["at"], opened["severity"]) == ("opened", "2026-06-08T09:00:00Z", "critical")
    assert paused == {
        "kind": "paused",
        "at": "2026-06-08T09:10:00Z",
        "pause_id": name,
        "reason": "waiting_customer_info",
        "severity": None,
    }
    assert (resumed["kind"], resumed["at"], resumed["pause_id"]) == ("resumed", "2026-06-08T09:15:00Z", name)
    assert (stopped["kind"], stopped["at"]) == ("stopped", "2026-06-08T09:20:00Z")
    assert repair["elapsed_seconds"] == 15 * 60


TOLD_WITHOUT_FACTS = "update incidents.clock set told = told - 'facts'"
"""As a release before that of the facts left it."""


async def test_what_an_earlier_release_told_without_facts_is_told_again_once_and_nobody_is_alerted(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    desk.clock.advance(timedelta(hours=1))
    await desk.due_clocks.run()
    await desk.recover(agreement, outage)
    incident = await desk.only_incident(agreement)
    async with desk.client(agreement) as client:
        (await client.post(f"/v1/incidents/{incident['incident_id']}/acknowledge")).raise_for_status()
        for step in ("resolve", "close"):
            (await client.post(f"/v1/incidents/{incident['incident_id']}/{step}")).raise_for_status()
    before = await last_told(desk, agreement)
    everybody = "select id from incidents.notification"
    alerts, timeline = len(await desk.rows(everybody)), "select kind from incidents.timeline_entry order by id"
    lines = await desk.rows(timeline)
    await desk.execute(TOLD_WITHOUT_FACTS)

    desk.clock.advance(timedelta(days=200))
    for _ in range(3):
        await desk.due_clocks.run()
        desk.clock.advance(timedelta(minutes=2))
    assert len(await changes(desk, agreement)) == 1
    assert await last_told(desk, agreement) == before
    assert {clock["metric"]: clock["verdict"] for clock in before} == {"response": "breached", "repair": "met"}
    assert [len(clock["facts"]) for clock in before] == [2, 3]
    assert len(await desk.rows(everybody)) == alerts
    assert await desk.rows(timeline) == lines


async def test_more_than_a_batch_of_them_is_told_in_rounds_and_one_that_cannot_be_read_keeps_no_other_back(
    desk: Desk, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("incidents.jobs.clocks.BATCH", 2)
    await desk.activate(agreement)
    for _ in range(5):
        await desk.break_down(agreement)
    await desk.execute(TOLD_WITHOUT_FACTS)
    unreadable = [row["id"] for row in await desk.rows("select id from incidents.work_item order by id limit 2")]

    async def refresh_but_some(ports: Ports, item: WorkItem) -> list[ClockView]:
        if item.id in unreadable:
            raise ValueError("unreadable")
        return await refresh(ports, item)

    monkeypatch.setattr("incidents.jobs.clocks.refresh", refresh_but_some)
    told = [len(await changes(desk, agreement))]
    while await desk.due_clocks.run() == 0:
        told.append(len(await changes(desk, agreement)))
    told.append(len(await changes(desk, agreement)))
    assert told == [0, 0, 2, 3]

    unreadable.clear()
    await desk.due_clocks.run()
    assert len(await changes(desk, agreement)) == 3
    desk.clock.advance(timedelta(minutes=1))
    while await desk.due_clocks.run() == 0:
        pass
    assert len(await changes(desk, agreement)) == 5
    assert await desk.rows("select id from incidents.clock where not told ? 'facts'") == []
