"""The job over due clocks: exact, once, whatever the number of workers, and nothing missed after downtime."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest

from incidents.application.clocks import refresh
from incidents.application.ports import ClockView, Ports
from incidents.domain.sla_clock import ClockRefusedError
from incidents.domain.work_item import WorkItem

from .conftest import Agreement, Desk


def told(said: list[tuple[str, int, dict[str, Any]]]) -> list[tuple[str, str, str]]:
    return [(name, data["metric"], data["at"]) for name, _, data in said if name.startswith("clock.")]


async def test_a_clock_is_at_risk_and_breached_once_and_to_the_microsecond(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    start = desk.clock.now()

    async def look_at(instant: datetime) -> list[tuple[str, str, str]]:
        desk.clock.set(instant)
        await desk.due_clocks.run()
        return told(await desk.said(agreement.tenant_id))

    assert await look_at(start + timedelta(minutes=22, seconds=29)) == []
    at_risk = [("clock.at_risk.v1", "response", "2026-06-08T09:22:30Z")]
    assert await look_at(start + timedelta(minutes=22, seconds=30)) == at_risk
    # On the target is not over it.
    assert await look_at(start + timedelta(minutes=30)) == at_risk
    breached = [*at_risk, ("clock.breached.v1", "response", "2026-06-08T09:30:00Z")]
    assert await look_at(start + timedelta(minutes=30, microseconds=1)) == breached
    assert await look_at(start + timedelta(hours=1)) == breached
    said = await desk.said(agreement.tenant_id)
    assert [version for name, version, _ in said if name.startswith("clock.")] == [1, 2]
    assert next(data for name, _, data in said if name == "clock.at_risk.v1")["percent"] == 75
    incident = await desk.only_incident(agreement)
    assert incident["clocks"][0]["state"] == "breached"

    async with desk.client(agreement) as client:
        answered = await client.post(f"/v1/incidents/{incident['incident_id']}/acknowledge")
    assert answered.json()["clocks"][0]["verdict"] == "breached"
    assert told(await desk.said(agreement.tenant_id)) == breached


async def test_several_workers_on_due_rows_say_each_thing_once(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    first = make_desk()
    workers = [first, make_desk(first.urls), make_desk(first.urls)]
    agreements = [Agreement(tenant_id=agreement.tenant_id) for _ in range(4)]
    for each in agreements:
        await first.activate(each)
        await first.break_down(each)
    first.clock.advance(timedelta(minutes=31))
    for _ in range(3):
        await asyncio.gather(*(worker.due_clocks.run() for worker in workers))
    said = told(await first.said(agreement.tenant_id))
    assert sorted(name for name, _, _ in said) == ["clock.at_risk.v1"] * 4 + ["clock.breached.v1"] * 4


async def test_a_worker_that_was_down_for_hours_misses_nothing_and_dates_it_right(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(hours=5))
    await desk.due_clocks.run()
    assert told(await desk.said(agreement.tenant_id)) == [
        ("clock.at_risk.v1", "response", "2026-06-08T09:22:30Z"),
        ("clock.breached.v1", "response", "2026-06-08T09:30:00Z"),
        ("clock.at_risk.v1", "repair", "2026-06-08T12:00:00Z"),
        ("clock.breached.v1", "repair", "2026-06-08T13:00:00Z"),
    ]


async def test_a_recovery_that_is_heard_late_turns_a_breach_that_was_said_too_early(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    desk.clock.advance(timedelta(hours=5))
    await desk.due_clocks.run()
    await desk.recover(agreement, outage)
    repair = (await desk.only_incident(agreement))["clocks"][1]
    assert (repair["verdict"], repair["elapsed_seconds"]) == ("met", 900)
    said = [
        (name, version)
        for name, version, data in await desk.said(agreement.tenant_id)
        if data.get("metric") == "repair"
    ]
    assert said == [("clock.at_risk.v1", 1), ("clock.breached.v1", 2), ("clock.met.v1", 3)]


async def test_the_cache_can_be_dropped_and_is_rebuilt_from_the_facts(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    query = "select metric, state, reading, due_at, breach_after, next_due_at from incidents.clock_due order by metric"
    before = await desk.rows(query)
    assert await desk.due_clocks.rebuild() == 1
    assert await desk.rows(query) == before

    await desk.execute("delete from incidents.clock_due")
    # Dropped behind the worker's back: it finds out by itself.
    desk.clock.advance(timedelta(minutes=31))
    await desk.due_clocks.run()
    names = [name for name, _, _ in told(await desk.said(agreement.tenant_id))]
    assert names == ["clock.at_risk.v1", "clock.breached.v1"]


async def test_a_clock_that_cannot_be_read_does_not_keep_the_others_waiting(
    desk: Desk, agreement: Agreement, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken, sound = Agreement(tenant_id=agreement.tenant_id), agreement
    for each in (broken, sound):
        await desk.activate(each)
        await desk.break_down(each)

    async def refuse_one(ports: Ports, incident: WorkItem) -> list[ClockView]:
        if incident.subject.contract_id == broken.contract_id:
            raise ClockRefusedError("planted")
        return await refresh(ports, incident)

    monkeypatch.setattr("incidents.jobs.clocks.refresh", refuse_one)
    desk.clock.advance(timedelta(minutes=31))
    await desk.due_clocks.run()
    assert {data["contract_id"] for name, _, data in await desk.said(agreement.tenant_id) if "clock" in name} == {
        str(sound.contract_id)
    }
    assert await desk.due_clocks.rebuild() == 2  # and does not try that one for ever
    monkeypatch.undo()
    desk.clock.advance(timedelta(minutes=1))
    await desk.due_clocks.run()
    assert len(told(await desk.said(agreement.tenant_id))) == 4


@pytest.mark.parametrize(
    "poison",
    [
        # Its fold fails: the clock was never opened, as far as its facts say.
        "alter table incidents.clock_event disable trigger facts_stay; "
        "delete from incidents.clock_event where clock_id in (select clock.id from incidents.clock where {poisoned})",
        # Its commit fails: an event of this version of the clock was said already.
        "insert into incidents.outbox"
        " (event_id, type, subject, aggregate_type, aggregate_id, aggregate_version, envelope, occurred_at)"
        " select gen_random_uuid(), 'x', 'x', 'clock', clock.id::text, 1, '{{\"tenantid\": \"x\"}}', now()"
        " from incidents.clock where {poisoned}",
    ],
    ids=["its fold fails", "its commit fails"],
)
async def test_of_items_that_are_looked_at_together_one_that_fails_holds_back_no_other(
    desk: Desk, agreement: Agreement, poison: str
) -> None:
    await desk.activate(agreement)
    for _ in range(7):
        await desk.break_down(agreement)
    poisoned = (
        "clock.item_id = (select id from incidents.work_item where number = 'INC-2026-0004')"
        " and clock.metric = 'response'"
    )
    with psycopg.connect(desk.urls.superuser, autocommit=True) as connection:
        connection.execute(poison.format(poisoned=poisoned))
    desk.clock.advance(timedelta(minutes=31))
    await desk.due_clocks.run()
    query = (
        "select number, count(*) as said from incidents.clock_notice n join incidents.clock c on c.id = n.clock_id"
        " join incidents.work_item i on i.id = c.item_id group by number order by number"
    )
    said = [(f"INC-2026-000{n}", 2) for n in range(1, 8) if n != 4]
    assert [(row["number"], row["said"]) for row in await desk.rows(query)] == said
    # It is tried again later, by itself, and the others are not said again.
    desk.clock.advance(timedelta(minutes=2))
    await desk.due_clocks.run()
    assert [(row["number"], row["said"]) for row in await desk.rows(query)] == said


async def test_items_of_several_agencies_that_fall_due_together_stay_apart(desk: Desk) -> None:
    agreements = [Agreement() for _ in range(3)]
    for each in agreements * 2:
        await desk.activate(each)
        await desk.break_down(each)
    desk.clock.advance(timedelta(minutes=31))
    await desk.due_clocks.run()
    for each in agreements:
        said = [(name, data["contract_id"]) for name, _, data in await desk.said(each.tenant_id) if "clock." in name]
        own = str(each.contract_id)
        assert sorted(said) == [("clock.at_risk.v1", own)] * 2 + [("clock.breached.v1", own)] * 2
        queued = await desk.rows(
            f"select distinct item.tenant_id = n.tenant_id as own from incidents.notification n"
            f" join incidents.work_item item on item.id = n.item_id where n.tenant_id = '{each.tenant_id}'"
        )
        assert queued == [{"own": True}]


async def test_an_amendment_counts_from_when_it_takes_effect(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=5))
    targets = [{"severity": "critical", "response": "PT20M", "repair": "PT2H"}]
    shorter = agreement.state()["response"] | {"targets": targets}
    await desk.activate(agreement, 2, effective_from="2026-06-08T09:10:00Z", response=shorter)
    # It is known, and not in force yet.
    assert (await desk.only_incident(agreement))["clocks"][0]["due_at"] == "2026-06-08T09:30:00Z"
    desk.clock.advance(timedelta(minutes=5))
    await desk.due_clocks.run()
    rows = await desk.rows("select metric, due_at, reading from incidents.clock_due order by metric desc")
    assert rows[0]["due_at"].isoformat() == "2026-06-08T09:20:00+00:00"
    assert rows[0]["reading"]["policy"] == "critical-response@2"


async def test_a_suspended_contract_pauses_its_clocks_and_its_end_cancels_them(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    tenant = agreement.tenant_id

    async def change(event: str, version: int, status: str, effective_from: str) -> None:
        state = agreement.state(version, status=status, effective_from=effective_from)
        await desk.hear(f"contracts.contract.{event}.v1", state, tenant_id=tenant, version=version)

    desk.clock.advance(timedelta(minutes=10))
    await change("suspended", 2, "suspended", "2026-06-08T09:10:00Z")
    desk.clock.advance(timedelta(hours=2))
    paused = (await desk.only_incident(agreement))["clocks"][0]
    assert (paused["state"], paused["elapsed_seconds"]) == ("paused", 600)
    await change("activated", 3, "active", "2026-06-08T11:10:00Z")
    desk.clock.advance(timedelta(minutes=1))
    running = (await desk.only_incident(agreement))["clocks"][0]
    assert (running["state"], running["due_at"]) == ("running", "2026-06-08T11:30:00Z")
    assert [span["why"] for span in running["explanation"]] == ["open", "paused", "open"]
    desk.clock.advance(timedelta(minutes=4))
    await change("terminated", 4, "terminated", "2026-06-08T11:15:00Z")
    desk.clock.advance(timedelta(days=1))
    await desk.due_clocks.run()
    ended = (await desk.only_incident(agreement))["clocks"]
    assert [(clock["state"], clock["verdict"]) for clock in ended] == [("cancelled", None)] * 2
    assert told(await desk.said(tenant)) == []


async def test_a_calendar_edited_after_the_clock_stopped_changes_nothing(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=20))
    await desk.recover(agreement, outage)
    before = (await desk.only_incident(agreement))["clocks"][1]
    closed = {
        "time_zone": "Europe/Paris",
        "weekly": [{"days": ["sun"], "from": "09:00", "to": "10:00"}],
    }
    desk.clock.advance(timedelta(days=1))
    await desk.activate(
        agreement,
        2,
        effective_from="2026-06-09T09:00:00Z",
        calendars={"support": [{"effective_from": None, "calendar": closed}]},
    )
    assert (await desk.only_incident(agreement))["clocks"][1] == before
