"""Outages that open no incident, and incidents that nobody is mailed about: consequences, flapping, planned work."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest

from shared.ids import new_id

from .conftest import Agreement, Desk
from .roster import Roster


async def mailed(desk: Desk) -> list[str]:
    return [row["kind"] for row in await desk.rows("select kind from incidents.notification order by id")]


async def lines(desk: Desk) -> list[str]:
    return [row["kind"] for row in await desk.rows("select kind from incidents.timeline_entry order by id")]


async def test_an_outage_that_another_one_caused_is_noted_with_it_and_opens_no_incident(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    cause = await desk.break_down(agreement)
    consequence = await desk.break_down(agreement, caused_by=str(cause), name="Paiement")
    await desk.recover(agreement, consequence, caused_by=str(cause))
    assert (await desk.only_incident(agreement))["source"]["outage_id"] == str(cause)
    noted = await desk.rows("select kind, data from incidents.timeline_entry where kind like 'dependent%' order by id")
    assert [row["kind"] for row in noted] == ["dependent_down", "dependent_recovered"]
    assert noted[0]["data"]["name"] == "Paiement" and UUID(noted[0]["data"]["outage_id"]) == consequence
    # The same fact under a new event id adds nothing.
    await desk.break_down(agreement, consequence, caused_by=str(cause), name="Paiement")
    assert (await lines(desk)).count("dependent_down") == 1


async def test_a_consequence_of_something_that_is_no_incident_is_none_either(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement, caused_by=str(new_id()))
    await desk.recover(agreement, outage, caused_by=str(new_id()))
    assert await desk.rows("select id from incidents.work_item") == []


async def test_while_it_flaps_the_record_goes_on_without_mail_and_how_it_ended_is_told(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    first = await desk.break_down(agreement)
    before = await mailed(desk)
    assert set(before) == {"opened"}
    await desk.recover(agreement, first, flapping=True)
    desk.clock.advance(timedelta(minutes=20))
    last = await desk.break_down(agreement, down_since="2026-06-08T09:16:00Z", flapping=True)
    await desk.recover(agreement, last, flapping=True, recovered_at="2026-06-08T09:18:00Z")
    assert await mailed(desk) == before
    assert (await desk.only_incident(agreement))["timestamps"]["recovered"]["at"] == "2026-06-08T09:18:00Z"
    settled = {"outage_id": str(last), "monitor_id": str(agreement.monitor_id)}
    for version in (9, 9):
        await desk.hear("probes.monitor.settled.v1", settled, tenant_id=agreement.tenant_id, version=version)
    assert (await mailed(desk))[len(before) :] == ["recovered"] * len(before)


async def test_the_outages_of_a_monitor_that_flaps_are_one_incident_whose_clocks_go_on_and_that_is_told_once(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    first = await desk.break_down(agreement)
    await desk.recover(agreement, first, flapping=True)
    desk.clock.advance(timedelta(minutes=40))
    before = await mailed(desk)
    async with desk.client(agreement) as client:
        incident = await desk.only_incident(agreement)
        assert (await client.post(f"/v1/incidents/{incident['incident_id']}/acknowledge")).status_code == 200
    again = new_id()
    for _ in range(2):
        await desk.break_down(agreement, again, down_since="2026-06-08T09:20:00Z", flapping=True)
    incident = await desk.only_incident(agreement)
    assert (incident["status"], incident["timestamps"]["recovered"]) == ("acknowledged", None)
    assert {clock["metric"]: clock["state"] for clock in incident["clocks"]}["repair"] == "running"
    await desk.recover(agreement, again, flapping=True, recovered_at="2026-06-08T09:25:00Z")
    third = await desk.break_down(agreement, down_since="2026-06-08T09:30:00Z", flapping=True)
    assert await mailed(desk) == before
    settled = {"outage_id": str(third), "monitor_id": str(agreement.monitor_id)}
    await desk.hear("probes.monitor.settled.v1", settled, tenant_id=agreement.tenant_id, version=9)
    assert set((await mailed(desk))[len(before) :]) == {"reopened"}
    assert (await lines(desk)).count("fired_again") == 2


async def test_what_somebody_resolved_between_two_outages_of_a_monitor_that_flaps_is_open_again(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    first = await desk.break_down(agreement)
    await desk.recover(agreement, first, flapping=True)
    desk.clock.advance(timedelta(minutes=16))
    async with desk.client(agreement) as client:
        path = f"/v1/incidents/{(await desk.only_incident(agreement))['incident_id']}"
        assert (await client.post(f"{path}/resolve")).status_code == 200
        desk.clock.advance(timedelta(minutes=10))
        await desk.break_down(agreement, down_since="2026-06-08T09:20:00Z", flapping=True)
        assert (await desk.only_incident(agreement))["status"] == "open"
        assert (await client.post(f"{path}/resolve")).status_code == 200
        assert (await client.post(f"{path}/close")).status_code == 200
        # What somebody has closed stays so.
        await desk.break_down(agreement, down_since="2026-06-08T09:27:00Z", flapping=True)
        assert len((await client.get("/v1/incidents")).json()["data"]) == 2


async def test_an_outage_that_is_left_when_the_flapping_is_over_is_mailed_then(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement, flapping=True)
    assert await mailed(desk) == []
    settled = {"outage_id": str(outage), "monitor_id": str(agreement.monitor_id)}
    await desk.hear("probes.monitor.settled.v1", settled, tenant_id=agreement.tenant_id, version=9)
    assert set(await mailed(desk)) == {"opened"}


async def test_an_alert_by_mail_waits_for_the_end_of_its_readers_quiet_hours_and_is_told_to_the_others(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    desk = make_desk(alert_emails="Ada@agency.example,lea@agency.example,room@agency.example")
    roster = Roster(desk, agreement)
    await desk.activate(agreement, alerts={"emails": []})
    await roster.quiet(await roster.person("Ada"), "08:00", "12:00")
    await roster.quiet(await roster.person("Lea"), "08:00", "12:00", "critical")
    await desk.break_down(agreement)
    waits = await desk.rows("select recipient, next_attempt_at at time zone 'UTC' as at from incidents.notification")
    assert {row["recipient"].partition("@")[0]: f"{row['at']:%H:%M}" for row in waits} == {
        "Ada": "10:00",
        "lea": "09:00",
        "room": "09:00",
    }


@pytest.mark.parametrize("event", ["degraded", "maintenance", "flapping", "unknown"])
async def test_what_is_no_outage_opens_no_incident(desk: Desk, agreement: Agreement, event: str) -> None:
    await desk.activate(agreement)
    data = agreement.down(new_id()) | {"since": "2026-06-08T08:58:50Z", "reason": "regional"}
    await desk.hear(f"probes.monitor.{event}.v1", data, tenant_id=agreement.tenant_id)
    assert await desk.rows("select id from incidents.work_item") == []
