"""How long incidents lasted: each on its own, and together in a month, to the second and explained."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from shared.ids import new_id

from .conftest import Agreement, Desk
from .test_api import a_report, problem

JUNE = {"month": "2026-06"}


async def went_down(desk: Desk, agreement: Agreement, began: str, ended: str, **changes: Any) -> None:
    """An outage of 8 June, from its first failing to its first good check."""
    down, up = (f"2026-06-08T{at}Z" for at in (began, ended))
    told = {"down_since": down, "confirmed_at": down} | changes
    desk.clock.set(datetime.fromisoformat(up))
    outage = await desk.break_down(agreement, **told)
    await desk.recover(agreement, outage, **told, recovered_at=up, recovery_confirmed_at=up)


async def read(desk: Desk, agreement: Agreement, path: str = "/total", **query: Any) -> Any:
    async with desk.client(agreement, "client_decider", lifetime=timedelta(days=60)) as client:
        answer = await client.get(f"/v1/incident-durations/{agreement.contract_id}{path}", params=JUNE | query)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.capability("I06")
async def test_two_incidents_that_are_detected_and_resolved_take_fifteen_minutes_in_total(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await went_down(desk, agreement, "09:00:00", "09:09:20")
    await went_down(desk, agreement, "14:00:00", "14:05:40")
    listed = (await read(desk, agreement, ""))["data"]
    assert [(each["number"], each["duration_seconds"]) for each in listed] == [
        ("INC-2026-0002", 340),
        ("INC-2026-0001", 560),
    ]
    assert listed[1]["spells"] == [
        {"from": "2026-06-08T09:00:00Z", "to": "2026-06-08T09:09:20Z", "ended_by": "recovered"}
    ]
    figures = await read(desk, agreement)
    assert (figures["incidents"], figures["ended"]) == (2, 2)
    assert (figures["total_seconds"], figures["sum_seconds"]) == (15 * 60, 15 * 60)
    assert [(each["duration_seconds"], each["numbers"]) for each in figures["explanation"]] == [
        (560, ["INC-2026-0001"]),
        (340, ["INC-2026-0002"]),
    ]


@pytest.mark.capability("I06")
async def test_incidents_that_overlap_count_each_instant_once_and_their_sum_is_told_beside_it(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await went_down(desk, agreement, "09:00:00", "09:10:00")
    await went_down(desk, agreement, "09:05:00", "09:15:00", monitor_id=str(new_id()))
    other = Agreement(tenant_id=agreement.tenant_id, client_id=agreement.client_id)
    await desk.activate(other)
    await went_down(desk, other, "09:14:00", "09:20:00")
    staging = {"environment_id": str(agreement.staging_id), "counts_for_sla": False}
    await went_down(desk, agreement, "10:00:00", "11:00:00", **staging)
    figures = await read(desk, agreement)
    assert (figures["total_seconds"], figures["sum_seconds"], figures["not_counted"]) == (15 * 60, 20 * 60, 1)
    assert [(each["from"][11:], each["to"][11:], each["numbers"]) for each in figures["explanation"]] == [
        ("09:00:00Z", "09:15:00Z", ["INC-2026-0001", "INC-2026-0002"])
    ]
    of_client = await read(desk, agreement, of="client")
    assert (of_client["incidents"], of_client["total_seconds"], of_client["sum_seconds"]) == (3, 20 * 60, 26 * 60)


async def test_an_incident_over_the_end_of_a_month_is_cut_there_in_the_zone_of_the_contract(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    # Midnight of 1 July in Paris is 22:00 of 30 June in UTC.
    over: dict[str, Any] = {"down_since": "2026-06-30T21:50:00Z", "confirmed_at": "2026-06-30T21:50:00Z"}
    up = {"recovered_at": "2026-06-30T22:05:00Z", "recovery_confirmed_at": "2026-06-30T22:05:00Z"}
    desk.clock.set(datetime.fromisoformat("2026-06-30T21:55:00Z"))
    incident = await desk.break_down(agreement, **over)
    running = await read(desk, agreement)
    assert (running["total_seconds"], running["ended"], running["as_of"]) == (300, 0, "2026-06-30T21:55:00Z")
    desk.clock.set(datetime.fromisoformat("2026-07-02T00:00:00Z"))
    await desk.recover(agreement, incident, **over, **up)
    june, july = [await read(desk, agreement, month=month) for month in ("2026-06", "2026-07")]
    assert [(month["total_seconds"], month["ended"]) for month in (june, july)] == [(600, 0), (300, 1)]
    (line,) = (await read(desk, agreement, "", month="2026-07"))["data"]
    assert (line["duration_seconds"], line["in_month_seconds"]) == (900, 300)


async def test_a_reopened_incident_lasts_again_and_changes_no_month_in_which_it_did_not_last(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement, lifetime=timedelta(days=60)) as client:
        told = a_report(agreement, occurred_at=None)
        path = f"/v1/incidents/{(await client.post('/v1/incidents', json=told)).json()['incident_id']}"
        item = path.replace("incidents", "items")
        desk.clock.advance(timedelta(minutes=10))
        await client.post(f"{path}/resolve")
        desk.clock.set(datetime.fromisoformat("2026-08-03T10:00:00Z"))
        assert (await client.post(f"{item}/reopen", json={"reason": "It is back."})).status_code == 200
        desk.clock.advance(timedelta(minutes=7))
        await client.post(f"{path}/resolve")
    months = [await read(desk, agreement, month=f"2026-{month:02}") for month in (6, 7, 8)]
    assert [(month["incidents"], month["ended"], month["total_seconds"]) for month in months] == [
        (1, 1, 600),
        (0, 0, 0),
        (1, 1, 420),
    ]


async def test_of_a_contract_that_one_does_not_see_and_a_month_that_nobody_means_nothing_is_told(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    stranger = Agreement()
    for path in (f"/v1/incident-durations/{agreement.contract_id}", f"/v1/reactivity/{agreement.contract_id}"):
        async with desk.client(stranger) as other, desk.client(agreement) as own:
            problem(await other.get(path, params=JUNE), 404)
            for month in ("0001-01", "9999-12"):
                refused = problem(await own.get(path, params={"month": month}), 422)
                assert [error["parameter"] for error in refused["errors"]] == ["month"]
