"""From what a monitor tells to one incident, its clocks, and what is said about them."""

import asyncio
import itertools
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from shared.ids import new_id

from .conftest import PARIS_OFFICE, Agreement, Desk


@pytest.mark.capability("I42")
async def test_an_outage_opens_one_critical_incident_with_the_clocks_due_times(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)

    incident = await desk.only_incident(agreement)
    assert (incident["number"], incident["status"], incident["severity"]) == ("INC-2026-0001", "open", "critical")
    assert incident["source"] == {"kind": "monitor", "outage_id": str(outage), "monitor_id": str(agreement.monitor_id)}
    assert incident["outage"]["evidence"]["status_code"] == 503
    assert incident["timestamps"]["first_failure"]["at"] == "2026-06-08T08:58:50Z"
    assert incident["timestamps"]["detected"]["at"] == "2026-06-08T09:00:00Z"
    response, repair = incident["clocks"]
    assert (response["metric"], response["due_at"], response["state"]) == (
        "response",
        "2026-06-08T09:30:00Z",
        "running",
    )
    assert (repair["metric"], repair["due_at"], repair["target_seconds"]) == ("repair", "2026-06-08T13:00:00Z", 14400)

    said = await desk.said(agreement.tenant_id)
    assert [(name, version) for name, version, _ in said] == [("incident.opened.v1", 1)]
    assert said[0][2]["clocks"][0]["due_at"] == "2026-06-08T09:30:00Z"


async def test_due_times_follow_the_calendar_of_the_contract(desk: Desk, agreement: Agreement) -> None:
    # Friday 17:00 in Paris: an hour that day, three on Monday.
    await desk.activate(agreement, calendars={"support": [{"effective_from": None, "calendar": PARIS_OFFICE}]})
    desk.clock.set(desk.clock.now().replace(day=12, hour=15))
    await desk.break_down(agreement, down_since="2026-06-12T14:59:00Z", confirmed_at="2026-06-12T15:00:00Z")

    incident = await desk.only_incident(agreement)
    assert incident["clocks"][1]["due_at"] == "2026-06-15T10:00:00Z"


@pytest.mark.capability("I16", "I42")
async def test_a_human_acknowledgement_stops_the_response_and_the_recovery_stops_the_repair(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    incident_id = (await desk.only_incident(agreement))["incident_id"]
    async with desk.client(agreement) as client:
        desk.clock.advance(timedelta(minutes=8))
        acknowledged = await client.post(f"/v1/incidents/{incident_id}/acknowledge", json={"note": "On it."})
        assert acknowledged.status_code == 200, acknowledged.text
        response, repair = acknowledged.json()["clocks"]
        assert (response["state"], response["elapsed_seconds"], response["verdict"]) == ("met", 480, "met")
        assert repair["state"] == "running"

        desk.clock.advance(timedelta(minutes=10))
        await desk.recover(agreement, outage)
        for act in ("mitigate", "resolve", "close"):
            desk.clock.advance(timedelta(minutes=10))
            done = await client.post(f"/v1/incidents/{incident_id}/{act}")
            assert done.status_code == 200, done.text
        body = done.json()
    # The repair ended when the monitor saw it, not when somebody said so.
    assert body["clocks"][1]["elapsed_seconds"] == 15 * 60
    assert body["status"] == "closed"
    assert body["allowed_acts"] == []
    assert body["duration_seconds"] == 16 * 60 + 10
    names = [name for name, _, _ in await desk.said(agreement.tenant_id)]
    assert names == [
        "incident.opened.v1",
        "clock.met.v1",
        "incident.acknowledged.v1",
        "clock.met.v1",
        "incident.recovered.v1",
        "incident.mitigated.v1",
        "incident.resolved.v1",
        "incident.closed.v1",
    ]
    last = (await desk.said(agreement.tenant_id))[-1][2]
    assert {name for name, stamp in last["timestamps"].items() if stamp} == {
        "first_failure",
        "detected",
        "opened",
        "acknowledged",
        "mitigated",
        "recovered",
        "resolved",
        "closed",
    }


@pytest.mark.capability("I05")
async def test_stamps_carry_actor_and_source_and_cannot_be_changed(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    await desk.outbound.run()
    incident_id = (await desk.only_incident(agreement))["incident_id"]
    async with desk.client(agreement, name="Ada Martin") as client:
        desk.clock.advance(timedelta(minutes=20))
        for act in ("acknowledge", "mitigate"):
            assert (await client.post(f"/v1/incidents/{incident_id}/{act}")).status_code == 200
        await desk.recover(agreement, outage)
        for act in ("resolve", "close"):
            assert (await client.post(f"/v1/incidents/{incident_id}/{act}")).status_code == 200
        stamps = (await client.get(f"/v1/incidents/{incident_id}")).json()["timestamps"]
    kinds = {name: (stamp["actor"]["kind"], stamp["source"]) for name, stamp in stamps.items() if stamp}
    assert kinds == {
        "first_failure": ("system", "monitor"),
        "detected": ("system", "monitor"),
        "opened": ("system", "monitor"),
        "alerted": ("system", "mail"),
        "acknowledged": ("user", "api"),
        "mitigated": ("user", "api"),
        "recovered": ("system", "monitor"),
        "resolved": ("user", "api"),
        "closed": ("user", "api"),
    }
    assert stamps["acknowledged"]["actor"]["name"] == "Ada Martin"
    # Not even the application's own database role can rewrite them.
    for statement in ("update incidents.item_stamp set at = now()", "delete from incidents.item_stamp"):
        with (
            psycopg.connect(desk.urls.app) as connection,
            pytest.raises(psycopg.errors.RaiseException, match="never changed"),
        ):
            connection.execute("select set_config('upheld.tenant_id', '*', true)")
            connection.execute(statement)


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
async def test_repeated_and_reordered_events_give_one_incident_and_the_same_verdicts(
    desk: Desk, agreement: Agreement, order: tuple[int, ...]
) -> None:
    outage = new_id()
    tenant = agreement.tenant_id
    events: list[tuple[str, dict[str, Any], int]] = [
        ("contracts.contract.activated.v1", agreement.state(), 1),
        ("probes.monitor.down.v1", agreement.down(outage), 1),
        ("probes.monitor.recovered.v1", agreement.recovered(outage), 2),
    ]
    ids = [new_id() for _ in events]
    desk.clock.advance(timedelta(minutes=20))
    for index in [*order, *reversed(order)]:
        name, data, version = events[index]
        await desk.hear(name, data, tenant_id=tenant, version=version, event_id=ids[index])
    # The same fact under another event id, as a publisher that repeats itself would send it.
    await desk.hear(events[1][0], events[1][1], tenant_id=tenant)

    incident = await desk.only_incident(agreement)
    assert incident["timestamps"]["recovered"]["at"] == "2026-06-08T09:15:00Z"
    response, repair = incident["clocks"]
    assert (response["state"], response["due_at"]) == ("running", "2026-06-08T09:30:00Z")
    assert (repair["verdict"], repair["elapsed_seconds"]) == ("met", 900)
    told = await desk.said(tenant)
    said = [name for name, _, _ in told if name != "incident.clocks_changed.v1"]
    assert sorted(said) == ["clock.met.v1", "incident.opened.v1", "incident.recovered.v1"]
    assert said.index("incident.opened.v1") < said.index("incident.recovered.v1")
    newest = max((data for name, _, data in told if name.startswith("incident.")), key=lambda data: data["version"])
    assert [(clock["state"], clock["due_at"]) for clock in newest["clocks"]] == [
        (clock["state"], clock["due_at"]) for clock in incident["clocks"]
    ]
    recipients = await desk.rows("select kind, recipient from incidents.notification order by kind, recipient")
    assert [(row["kind"], row["recipient"]) for row in recipients] == [
        (kind, recipient)
        for kind in ("opened", "recovered")
        for recipient in ("ada@client.example", "direction@client.example", "oncall@agency.example")
    ]


@pytest.mark.parametrize("contract_first", [True, False], ids=["contract first", "contract last"])
async def test_an_outage_whose_end_is_heard_at_once_and_late_is_never_said_to_be_repaired_too_late(
    desk: Desk, agreement: Agreement, contract_first: bool
) -> None:
    desk.clock.advance(timedelta(hours=6))  # long after the repair was due, and it was done in time
    if contract_first:
        await desk.activate(agreement)
    await desk.recover(agreement, new_id())
    if not contract_first:
        await desk.activate(agreement)
    clocks = sorted(
        (name, data["metric"]) for name, _, data in await desk.said(agreement.tenant_id) if "metric" in data
    )
    assert clocks == [("clock.at_risk.v1", "response"), ("clock.breached.v1", "response"), ("clock.met.v1", "repair")]


async def test_two_consumers_that_hear_of_one_outage_at_once_open_one_incident(
    desk: Desk, agreement: Agreement
) -> None:
    outage = new_id()
    tenant = agreement.tenant_id
    await asyncio.gather(
        desk.hear("contracts.contract.activated.v1", agreement.state(), tenant_id=tenant),
        *(desk.hear("probes.monitor.down.v1", agreement.down(outage), tenant_id=tenant) for _ in range(3)),
        desk.hear("probes.monitor.recovered.v1", agreement.recovered(outage), tenant_id=tenant),
    )
    desk.clock.advance(timedelta(minutes=20))
    incident = await desk.only_incident(agreement)
    assert [clock["metric"] for clock in incident["clocks"]] == ["response", "repair"]


async def test_numbers_are_counted_per_tenant_and_year_without_a_race(desk: Desk, agreement: Agreement) -> None:
    agreements = [Agreement(tenant_id=agreement.tenant_id) for _ in range(6)]
    await asyncio.gather(*(desk.break_down(each) for each in agreements))
    other = Agreement()
    await desk.break_down(other)
    rows = await desk.rows("select tenant_id, number from incidents.work_item order by number")
    mine = [row["number"] for row in rows if row["tenant_id"] == agreement.tenant_id]
    assert mine == [f"INC-2026-{number:04d}" for number in range(1, 7)]
    assert [row["number"] for row in rows if row["tenant_id"] == other.tenant_id] == ["INC-2026-0001"]


async def test_an_environment_that_does_not_count_opens_an_incident_without_clocks(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement, counts_for_sla=False, environment_id=str(agreement.staging_id))
    incident = await desk.only_incident(agreement)
    assert incident["counts_for_sla"] is False
    assert incident["clocks"] == []


async def test_an_automatic_reply_does_not_stop_the_response_clock(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    incident_id = (await desk.only_incident(agreement))["incident_id"]
    desk.clock.advance(timedelta(minutes=1))
    async with desk.client(agreement) as client:
        replied = await client.post(f"/v1/incidents/{incident_id}/acknowledge", json={"automatic": True})
        assert replied.status_code == 200
        assert replied.json()["status"] == "open"
        assert replied.json()["clocks"][0]["state"] == "running"
        timeline = (await client.get(f"/v1/incidents/{incident_id}/timeline")).json()["data"]
    assert timeline[-1]["kind"] == "automatic_reply"
