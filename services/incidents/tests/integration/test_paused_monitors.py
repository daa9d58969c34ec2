"""An outage whose monitor was paused: nobody saw the site work again, and nobody was looking any more."""

import itertools
from datetime import timedelta
from typing import Any

import pytest

from shared.ids import new_id

from .conftest import Agreement, Desk

SPANS = [
    ("open", None),
    ("paused", "contract_suspended"),
    ("paused", "monitoring_paused"),
]


def spans(clock: dict[str, Any]) -> list[tuple[str, str | None]]:
    return [(span["why"], span["reason"]) for span in clock["explanation"]]


async def test_a_pause_ends_the_observation_of_the_outage_and_is_no_recovery(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=10))
    await desk.suspend(agreement)
    await desk.pause(agreement, outage)
    desk.clock.advance(timedelta(days=30))
    await desk.due_clocks.run()

    incident = await desk.only_incident(agreement)
    assert incident["status"] == "open"
    assert incident["timestamps"]["recovered"] is None
    assert incident["timestamps"]["monitoring_paused"] == {
        "at": "2026-06-08T09:10:00Z",
        "actor": {"kind": "system", "id": "probes", "name": "Monitoring"},
        "source": "monitor",
    }
    # It was seen down for so long; what it did afterwards nobody knows.
    assert incident["duration_seconds"] == 11 * 60 + 10
    assert [(clock["state"], clock["elapsed_seconds"], clock["verdict"]) for clock in incident["clocks"]] == [
        ("paused", 600, None)
    ] * 2
    assert spans(incident["clocks"][1]) == SPANS[:2]
    async with desk.client(agreement, "client_staff") as client:
        timeline = (await client.get(f"/v1/incidents/{incident['incident_id']}/timeline")).json()["data"]
    (line,) = [entry for entry in timeline if entry["kind"] == "monitoring_paused"]
    assert (line["at"], line["data"]) == ("2026-06-08T09:10:00Z", {"reason": "contract_suspended"})
    said = await desk.said(agreement.tenant_id)
    assert [(name, version) for name, version, _ in said] == [
        ("incident.opened.v1", 1),
        ("incident.clocks_changed.v1", 2),
        ("incident.monitoring_paused.v1", 3),
    ]
    assert [clock["state"] for clock in said[-1][2]["clocks"]] == ["paused", "paused"]


async def test_after_the_suspension_the_clocks_of_the_old_outage_stand_still_and_a_new_outage_has_its_own(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    first = await desk.break_down(agreement)
    desk.clock.advance(timedelta(minutes=10))
    await desk.suspend(agreement)
    await desk.pause(agreement, first)
    desk.clock.advance(timedelta(hours=2))
    await desk.activate(agreement, 3, effective_from="2026-06-08T11:10:00Z")
    watched = agreement.paused(None) | {"previous_state": "paused", "restored_at": "2026-06-08T11:10:00Z"}
    for state in ("unknown", "up"):
        restored = watched | {"state": state, "outage_id": None, "down_since": None}
        assert not await desk.hear("probes.monitor.restored.v1", restored, tenant_id=agreement.tenant_id)
    desk.clock.advance(timedelta(hours=10))
    await desk.due_clocks.run()

    # The site was up when it was watched again: nothing is breached by an outage that nobody sees.
    incident = await desk.only_incident(agreement)
    assert [(clock["state"], clock["elapsed_seconds"]) for clock in incident["clocks"]] == [("paused", 600)] * 2
    assert spans(incident["clocks"][1]) == SPANS

    second = await desk.break_down(
        agreement, down_since="2026-06-08T21:00:00Z", confirmed_at="2026-06-08T21:10:00Z", previous_state="up"
    )
    desk.clock.advance(timedelta(hours=5))
    await desk.due_clocks.run()
    async with desk.client(agreement) as client:
        listed = (await client.get("/v1/incidents")).json()["data"]
        clocks = {
            found["source"]["outage_id"]: (await client.get(f"/v1/incidents/{found['incident_id']}")).json()["clocks"]
            for found in listed
        }
        assert [clock["state"] for clock in clocks[str(first)]] == ["paused", "paused"]
        assert [clock["due_at"] for clock in clocks[str(second)]] == ["2026-06-08T21:40:00Z", "2026-06-09T01:10:00Z"]
        assert [clock["state"] for clock in clocks[str(second)]] == ["breached", "breached"]
        # What a person does about the old one counts with the time that was used until the pause.
        resolved = await client.post(f"/v1/incidents/{incident['incident_id']}/resolve")
    assert [(clock["verdict"], clock["elapsed_seconds"]) for clock in resolved.json()["clocks"]] == [("met", 600)] * 2


@pytest.mark.parametrize("reason", ["removed_by_amendment", "a reason of tomorrow"])
async def test_what_the_contract_no_longer_covers_is_not_breached(
    desk: Desk, agreement: Agreement, reason: str
) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    await desk.activate(agreement, 2, effective_from="2026-06-08T09:10:00Z", sites=[])
    await desk.pause(agreement, outage, reason=reason)
    desk.clock.advance(timedelta(days=30))
    await desk.due_clocks.run()
    incident = await desk.only_incident(agreement)
    assert [(clock["state"], clock["elapsed_seconds"]) for clock in incident["clocks"]] == [("paused", 600)] * 2
    assert [name for name, _, _ in await desk.said(agreement.tenant_id) if name.startswith("clock.")] == []


async def test_the_end_of_the_contract_cancels_the_clocks_whether_or_not_the_pause_was_heard_before(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    await desk.pause(agreement, outage, reason="contract_terminated")
    ended = agreement.state(2, status="terminated", effective_from="2026-06-08T09:10:00Z")
    await desk.hear("contracts.contract.terminated.v1", ended, tenant_id=agreement.tenant_id, version=2)
    desk.clock.advance(timedelta(minutes=30))
    clocks = (await desk.only_incident(agreement))["clocks"]
    assert [(clock["state"], clock["elapsed_seconds"]) for clock in clocks] == [("cancelled", 600)] * 2


async def test_a_breach_before_the_pause_stays_one(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    outage = await desk.break_down(agreement)
    desk.clock.advance(timedelta(hours=5))
    await desk.due_clocks.run()
    await desk.suspend(agreement, effective_from="2026-06-08T14:00:00Z")
    await desk.pause(agreement, outage, since="2026-06-08T14:00:00Z")
    desk.clock.advance(timedelta(hours=5))
    clocks = (await desk.only_incident(agreement))["clocks"]
    assert [clock["state"] for clock in clocks] == ["breached", "breached"]
    assert clocks[1]["elapsed_seconds"] == 5 * 3600


async def test_a_pause_without_an_outage_concerns_no_incident(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    await desk.pause(agreement, None)
    assert await desk.rows("select id from incidents.work_item") == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))), ids=str)
async def test_in_any_order_and_repeated_the_pause_is_told_once_and_the_clocks_read_the_same(
    desk: Desk, agreement: Agreement, order: tuple[int, ...]
) -> None:
    outage = new_id()
    tenant = agreement.tenant_id
    suspended = agreement.state(2, status="suspended", effective_from="2026-06-08T09:10:00Z")
    events: list[tuple[str, dict[str, Any], int]] = [
        ("contracts.contract.activated.v1", agreement.state(), 1),
        ("probes.monitor.down.v1", agreement.down(outage), 1),
        ("contracts.contract.suspended.v1", suspended, 2),
        ("probes.monitor.paused.v1", agreement.paused(outage), 2),
    ]
    ids = [new_id() for _ in events]
    desk.clock.advance(timedelta(minutes=20))
    for index in [*order, *reversed(order)]:
        name, data, version = events[index]
        await desk.hear(name, data, tenant_id=tenant, version=version, event_id=ids[index])
    # The same fact under another event id, as a publisher that repeats itself would send it.
    await desk.hear(events[3][0], events[3][1], tenant_id=tenant)
    desk.clock.advance(timedelta(days=1))
    await desk.due_clocks.run()

    incident = await desk.only_incident(agreement)
    assert (incident["title"], incident["outage"]["reason"]) == ("Boutique", "http_status")
    assert incident["outage"]["evidence"]["status_code"] == 503
    assert incident["timestamps"]["detected"]["at"] == "2026-06-08T09:00:00Z"
    assert incident["timestamps"]["monitoring_paused"]["at"] == "2026-06-08T09:10:00Z"
    assert [(clock["state"], clock["elapsed_seconds"]) for clock in incident["clocks"]] == [("paused", 600)] * 2
    assert [spans(clock) for clock in incident["clocks"]] == [SPANS[:2]] * 2
    told = await desk.said(tenant)
    said = [name for name, _, _ in told if name != "incident.clocks_changed.v1"]
    assert sorted(said) == ["incident.monitoring_paused.v1", "incident.opened.v1"]
    newest = max((data for _, _, data in told), key=lambda data: data["version"])
    assert [(clock["state"], clock["elapsed_seconds"]) for clock in newest["clocks"]] == [("paused", 600)] * 2
    entries = await desk.rows("select kind from incidents.timeline_entry where kind = 'monitoring_paused'")
    assert len(entries) == 1
