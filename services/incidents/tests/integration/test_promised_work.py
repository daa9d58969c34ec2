"""Kinds of maintenance, work on site, and the preventive work that a contract promises by itself."""

from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from incidents.adapters.promised_work import first_day
from incidents.jobs.work_orders import DueSchedules
from shared.values import instant_text

from .conftest import Agreement, Desk
from .test_api import problem

UPDATES = {
    "code": "cms_updates",
    "type": "cms_updates",
    "name": {"fr": "Mises à jour mensuelles du CMS", "en": "Monthly CMS updates"},
    "maintenance_type": "preventive",
    "proof": "work_order",
    "parameters": {"frequency": "monthly"},
}


def an_order(agreement: Agreement, **changes: Any) -> dict[str, Any]:
    return {
        "contract_id": str(agreement.contract_id),
        "title": "Replace the disk",
        "work": "check",
        "planned_on": "2026-06-15",
    } | changes


async def test_promised_updates_are_scheduled_at_activation_wait_in_a_suspension_and_end_with_the_promise(
    desk: Desk, agreement: Agreement
) -> None:
    for _ in range(2):
        await desk.activate(agreement, deliverables=[UPDATES], effective_from="2026-06-08T09:00:00Z")
    await DueSchedules(desk.runtime.units).run()
    async with desk.client(agreement) as client:
        (schedule,) = (await client.get("/v1/work-order-schedules")).json()["data"]
        assert (schedule["deliverable"], schedule["title"]) == ("cms_updates", "Mises à jour mensuelles du CMS")
        assert (schedule["recurrence"], schedule["first_on"], schedule["next_on"]) == (
            "FREQ=MONTHLY",
            "2026-06-08",
            "2026-07-08",
        )
        (order,) = (await client.get("/v1/work-orders")).json()["data"]
        assert (order["details"]["planned_on"], order["maintenance_type"]) == ("2026-06-08", "preventive")

        async def standing() -> tuple[bool, str | None]:
            (one,) = (await client.get("/v1/work-order-schedules")).json()["data"]
            return one["active"], one["next_on"] if one["active"] else None

        await desk.suspend(agreement, deliverables=[UPDATES])
        assert await standing() == (False, None)
        await desk.activate(agreement, 3, deliverables=[UPDATES], effective_from="2026-08-01T00:00:00Z")
        assert await standing() == (True, "2026-08-08")
        await desk.activate(agreement, 4, deliverables=[], effective_from="2026-08-02T00:00:00Z")
        assert await standing() == (False, None)


async def test_what_was_made_on_the_day_of_a_suspension_is_not_made_twice_when_the_contract_goes_on(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, deliverables=[UPDATES], effective_from="2026-06-08T09:00:00Z")
    await DueSchedules(desk.runtime.units).run()
    await desk.suspend(agreement, deliverables=[UPDATES])
    await desk.activate(agreement, 3, deliverables=[UPDATES], effective_from=instant_text(desk.clock.now()))
    await DueSchedules(desk.runtime.units).run()
    async with desk.client(agreement) as client:
        (schedule,) = (await client.get("/v1/work-order-schedules")).json()["data"]
        assert (schedule["active"], schedule["next_on"]) == (True, "2026-07-08")
        assert len((await client.get("/v1/work-orders")).json()["data"]) == 1


def test_a_day_that_some_months_lack_becomes_the_first_of_the_next_month() -> None:
    paris = ZoneInfo("Europe/Paris")
    assert first_day(datetime(2026, 1, 28, 12, tzinfo=UTC), paris) == date(2026, 1, 28)
    assert first_day(datetime(2026, 1, 30, 23, 30, tzinfo=UTC), paris) == date(2026, 2, 1)
    assert first_day(datetime(2026, 12, 31, 12, tzinfo=UTC), paris) == date(2027, 1, 1)


@pytest.mark.capability("K34", "K85")
async def test_every_item_says_what_kind_of_maintenance_it_is_and_the_database_takes_none_without(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    await desk.break_down(agreement)
    asked = {"contract_id": str(agreement.contract_id), "title": "How do I add a page?", "topic": "Editing pages"}
    async with desk.client(agreement) as client:
        kinds = {}
        for kind in ("preventive", "corrective", "evolutionary", "adaptive"):
            made = await client.post("/v1/work-orders", json=an_order(agreement, maintenance_type=kind))
            assert made.status_code == 201, made.text
            kinds[kind] = made.json()["maintenance_type"]
        assert kinds == {kind: kind for kind in kinds}
        assert (await client.post("/v1/work-orders", json=an_order(agreement))).json()["category"] == "preventive"
        refused = await client.post("/v1/work-orders", json=an_order(agreement, maintenance_type="other"))
        assert problem(refused, 422)["errors"][0]["pointer"] == "#/maintenance_type"
        nothing = await client.post("/v1/work-orders", json=an_order(agreement, maintenance_type=None))
        assert nothing.status_code == 422
        helped = await client.post("/v1/requests", json=asked | {"form": "assistance"})
        assert (helped.json()["category"], helped.json()["maintenance_type"]) == ("assistance", "corrective")
        change = await client.post("/v1/changes", json={"contract_id": asked["contract_id"], "title": "PHP 8.5"})
        assert change.json()["maintenance_type"] == "evolutionary"
        listed = (await client.get("/v1/items", params={"limit": 200})).json()["data"]
        assert all(item["maintenance_type"] for item in listed)
        adaptive = (await client.get("/v1/work-orders")).json()["data"]
        assert sum(one["maintenance_type"] == "adaptive" for one in adaptive) == 1
    assert (await desk.only_incident(agreement))["maintenance_type"] == "corrective"
    told = [data for name, _, data in await desk.said(agreement.tenant_id) if name == "work_order.opened.v1"]
    assert sorted(data["maintenance_type"] for data in told) == sorted([*kinds, "preventive"])
    with pytest.raises(Exception, match="null value in column"):
        await desk.execute("update incidents.work_item set category = null")


@pytest.mark.capability("K35")
async def test_work_on_site_without_a_scope_that_the_client_approved_is_a_409(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client, desk.client(agreement, "client_decider") as decider:
        on_site = an_order(agreement, intervention_mode="on_site")
        refused = problem(await client.post("/v1/work-orders", json=on_site), 409)
        assert refused["missing"] == ["on_site_scope_id"]
        draft = {"contract_id": str(agreement.contract_id), "title": "New disks in the shop"}
        change = (await client.post("/v1/changes", json=draft)).json()
        path = f"/v1/changes/{change['item_id']}"
        named = on_site | {"on_site_scope_id": change["item_id"]}
        problem(await client.post("/v1/work-orders", json=named), 409)
        scoped = await client.post(f"{path}/scope", json={"scope": "Two disks, on site.", "acceptance": ["Boots"]})
        assert scoped.status_code == 200, scoped.text
        window = {"from": "2026-06-15T08:00:00Z", "to": "2026-06-15T12:00:00Z"}
        estimated = await client.post(f"{path}/estimate", json={"minutes": 120, "window": window})
        assert estimated.status_code == 200, estimated.text
        problem(await client.post("/v1/work-orders", json=named), 409)
        approved = await decider.post(f"{path}/approve", json={})
        assert approved.status_code == 200, approved.text
        made = await client.post("/v1/work-orders", json=named)
        assert made.status_code == 201, made.text
        assert made.json()["details"]["intervention_mode"] == "on_site"
        await desk.activate(agreement, 2, intervention_modes=["remote"])
        nowhere = problem(await client.post("/v1/work-orders", json=named), 409)
        assert nowhere["missing"] == ["intervention_mode"]
        remote = await client.post("/v1/work-orders", json=an_order(agreement))
        assert remote.json()["details"]["intervention_mode"] == "remote"


@pytest.mark.capability("K52", "I37")
async def test_an_evolution_over_the_backlog_cap_waits_for_the_clients_decider(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, service_desk={"backlog": {"cap": 2, "stale_after_days": 90}})
    draft = {"contract_id": str(agreement.contract_id), "title": "One more thing"}
    scope = {"scope": "A search box.", "acceptance": ["Finds"]}
    async with desk.client(agreement) as client, desk.client(agreement, "client_decider") as decider:
        flags = []
        for _ in range(3):
            change = (await client.post("/v1/changes", json=draft)).json()
            flags.append(change["arbitration_required"])
        assert flags == [False, False, True]
        path = f"/v1/changes/{change['item_id']}"
        assert problem(await client.post(f"{path}/scope", json=scope), 409)["missing"] == ["decided_rank"]
        timeline = (await client.get(f"/v1/items/{change['item_id']}/timeline")).json()["data"]
        assert next(one["data"] for one in timeline if one["kind"] == "backlog_full") == {"waiting": 3, "cap": 2}
        # What is broken never waits for that.
        report = {"form": "error", "contract_id": draft["contract_id"], "title": "It fails"}
        steps = {"steps": "Open it.", "expected": "A page", "observed": "An error", "environment": "production"}
        broken = await client.post("/v1/requests", json=report | steps | {"ci_version": "shop 4.2.1"})
        assert (broken.status_code, broken.json()["arbitration_required"]) == (201, False)
        ranked = await decider.post(
            f"/v1/items/{change['item_id']}/rank", json={"rank": 1, "reason": "Before the rest"}
        )
        assert ranked.status_code == 200, ranked.text
        assert (await client.post(f"{path}/scope", json=scope)).status_code == 200
