"""Preventive work: schedules that make each work order once, on a day on which somebody works."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from incidents.jobs.work_orders import DueSchedules

from .conftest import PARIS_OFFICE, Agreement, Desk
from .test_api import problem

OFFICE = {"support": [{"effective_from": None, "calendar": PARIS_OFFICE}]}


def a_schedule(agreement: Agreement, **changes: Any) -> dict[str, Any]:
    return {
        "contract_id": str(agreement.contract_id),
        "title": "Update the plugins",
        "work": "update",
        "recurrence": "FREQ=DAILY;COUNT=4",
        "first_on": "2026-07-12",  # a Sunday; Tuesday the 14th is a holiday in France
        "non_working_day": "skip",
        "checklist": ["Checkout works"],
    } | changes


@pytest.mark.capability("I18")
@pytest.mark.parametrize(
    ("rule", "planned"),
    [
        ("skip", [None, "2026-07-13", None, "2026-07-15"]),
        ("next_business_day", ["2026-07-13", "2026-07-13", "2026-07-15", "2026-07-15"]),
        ("previous_business_day", ["2026-07-10", "2026-07-13", "2026-07-13", "2026-07-15"]),
    ],
)
async def test_a_day_on_which_nobody_works_is_skipped_or_moved_and_each_is_made_once(
    desk: Desk, agreement: Agreement, rule: str, planned: list[str | None]
) -> None:
    await desk.activate(agreement, calendars=OFFICE)
    month = timedelta(days=60)
    async with desk.client(agreement, lifetime=month) as client:
        created = await client.post("/v1/work-order-schedules", json=a_schedule(agreement, non_working_day=rule))
        assert created.status_code == 201, created.text
        jobs = [DueSchedules(desk.runtime.units) for _ in range(2)]
        await jobs[0].run()
        assert (await client.get("/v1/work-orders")).json()["data"] == []
        desk.clock.set(datetime(2026, 7, 20, 9, tzinfo=UTC))  # the worker was down for days
        await asyncio.gather(*(job.run() for job in jobs for _ in range(3)))
        path = created.headers["location"]
        made = (await client.get(f"{path}/occurrences")).json()["data"]
        orders = (await client.get("/v1/work-orders")).json()["data"]
        schedule = (await client.get(path)).json()
    assert [one["planned_on"] for one in made] == planned
    assert sorted(order["details"]["planned_on"] for order in orders) == sorted(day for day in planned if day)
    assert {order["item_id"] for order in orders} == {one["item_id"] for one in made if one["item_id"]}
    assert (schedule["next_on"], schedule["due_at"], schedule["active"]) == (None, None, False)


@pytest.mark.capability("I18", "I19", "I35")
async def test_an_update_begins_with_a_verified_backup_and_ends_with_its_proof(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    plan = {
        "contract_id": str(agreement.contract_id),
        "title": "Update the plugins",
        "work": "update",
        "planned_on": "2026-06-15",
        "checklist": ["Checkout works", "No error in the log"],
    }
    backup = {"reference": "s3://b/1", "verified_at": "2026-06-08T08:00:00Z", "verified_by": "Nadia"}
    told = {
        "backup": backup,
        "rollback_plan": "Restore it.",
        "configuration_item": "plugins of the shop",
        "version_before": "4.2.1",
    }
    async with desk.client(agreement) as client:
        created = (await client.post("/v1/work-orders", json=plan)).json()
        assert (created["number"], created["category"], created["clocks"]) == ("WRK-2026-0001", "preventive", [])
        path = f"/v1/work-orders/{created['item_id']}"
        assert problem(await client.post(f"{path}/start"), 409)["missing"] == list(told)
        for name in told:
            partly = {key: value for key, value in told.items() if key != name}
            assert problem(await client.post(f"{path}/start", json=partly), 409)["missing"] == [name]
        unverified = told | {"backup": {"reference": "s3://b/1"}}
        problem(await client.post(f"{path}/start", json=unverified), 422)
        tomorrow = told | {"backup": backup | {"verified_at": "2026-06-09T08:00:00Z"}}
        problem(await client.post(f"{path}/start", json=tomorrow), 422, "#/backup/verified_at")
        assert (await client.post(f"{path}/start", json=told)).json()["status"] == "started"
        partly = {"done": ["Checkout works"], "proof": "Screenshots."}
        refused = problem(await client.post(f"{path}/complete", json=partly), 409)
        assert refused["missing"] == ["No error in the log", "version_after"]
        problem(await client.post(f"{path}/complete", json={"done": plan["checklist"]}), 422, "#/proof")
        done = {"done": plan["checklist"], "proof": "Screenshots.", "version_after": "4.3.0"}
        completed = (await client.post(f"{path}/complete", json=done)).json()
        history = {"configuration_item": "plugins of the shop"}
        (update,) = (await client.get("/v1/deployments", params=history)).json()["data"]
    details = completed["details"]
    assert (completed["status"], details["version_before"], details["version_after"]) == ("completed", "4.2.1", "4.3.0")
    assert details["proof"] == "Screenshots."
    assert [each["done"] for each in details["checklist"]] == [True, True]
    assert (update["previous_version"], update["released_version"], update["result"]) == ("4.2.1", "4.3.0", "succeeded")
    assert (update["item_id"], update["rollback_plan"], update["proof"]) == (
        completed["item_id"],
        "Restore it.",
        "Screenshots.",
    )
    assert update["approved_by"] == completed["timestamps"]["started"]["actor"]["name"]
    names = [name for name, _, _ in await desk.said(agreement.tenant_id)]
    assert names == [
        "work_order.opened.v1",
        "work_order.started.v1",
        "work_order.completed.v1",
        "deployment.recorded.v1",
    ]


@pytest.mark.capability("I40")
async def test_in_a_freeze_an_update_begins_only_when_the_decider_names_the_freeze_and_a_check_begins(
    desk: Desk, agreement: Agreement
) -> None:
    freeze = {"name": "Admissions", "from": "2026-06-08", "to": "2026-06-30"}
    await desk.activate(agreement, service_desk={"freezes": [freeze]})
    plan = {"contract_id": str(agreement.contract_id), "title": "Plugins", "planned_on": "2026-06-15"}
    told = {
        "backup": {"reference": "s3://b/1", "verified_at": "2026-06-08T08:00:00Z", "verified_by": "Nadia"},
        "rollback_plan": "Restore it.",
        "configuration_item": "plugins of the shop",
        "version_before": "4.2.1",
    }
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        update, check = [
            f"/v1/work-orders/{(await agency.post('/v1/work-orders', json=plan | {'work': work})).json()['item_id']}"
            for work in ("update", "check")
        ]
        assert (await agency.post(f"{check}/start")).json()["status"] == "started"
        assert problem(await agency.post(f"{update}/start", json=told), 409)["freezes"] == ["Admissions"]
        named = {"approved_freezes": ["Admissions"]}
        problem(await agency.post(f"{update}/approve", json=named), 403)
        assert (await decider.post(f"{update}/approve", json={"approved_freezes": ["Exams"]})).is_success
        assert problem(await agency.post(f"{update}/start", json=told), 409)["freezes"] == ["Admissions"]
        approved = await decider.post(f"{update}/approve", json=named | {"note": "At night."})
        assert (approved.json()["status"], approved.json()["details"]["approval"]) == ("planned", named)
        assert (await agency.post(f"{update}/start", json=told)).json()["status"] == "started"
        problem(await decider.post(f"{update}/approve", json=named), 409)


@pytest.mark.capability("I40")
async def test_what_waits_for_the_decider_is_listed_with_updates_that_a_freeze_stops_in_the_order_of_the_queue(
    desk: Desk, agreement: Agreement
) -> None:
    # It is Monday, the eighth of June, 11:00 in Paris.
    freezes = [
        {"name": "Admissions", "from": "2026-06-09", "to": "2026-06-15"},
        {"name": "Exams", "from": "2026-06-15", "to": "2026-06-30"},
    ]
    elsewhere, stranger = Agreement(tenant_id=agreement.tenant_id), Agreement()
    await desk.activate(agreement, service_desk={"priority": {"rank": 2}, "freezes": freezes})
    for each in (elsewhere, stranger):
        await desk.activate(each, service_desk={"priority": {"rank": 1}, "freezes": freezes})

    async def listed(client: httpx.AsyncClient, rest: str = "") -> list[tuple[str, str, list[str]]]:
        found, cursor = [], ""
        while True:
            answer = await client.get(f"/v1/queue/decisions?limit=1{rest}{cursor}")
            assert answer.status_code == 200, answer.text
            page = answer.json()
            for entry in page["data"]:
                path = f"/v1/items/{entry['item']['item_id']}"
                assert (await client.get(path)).json()["freezes_to_approve"] == entry["freezes_to_approve"]
                found.append((entry["item"]["title"], entry["decision"], entry["freezes_to_approve"]))
            if page["next_cursor"] is None:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    async with (
        desk.client(agreement, lifetime=timedelta(days=60)) as agency,
        desk.client(agreement, "client_decider", lifetime=timedelta(days=60)) as decider,
        desk.client(stranger, "client_decider") as nobody,
    ):

        async def planned(whose: Agreement, title: str, planned_on: str, **changes: str) -> str:
            plan = {"contract_id": str(whose.contract_id), "title": title, "planned_on": planned_on, "work": "update"}
            answer = await agency.post("/v1/work-orders", json=plan | changes)
            return f"/v1/work-orders/{answer.json()['item_id']}"

        await planned(agreement, "before them", "2026-06-08")
        both = await planned(agreement, "in both", "2026-06-15")
        await planned(agreement, "a check", "2026-06-15", work="check")
        await planned(agreement, "after them", "2026-07-01")
        await planned(elsewhere, "of another", "2026-06-20")
        drafted = {"contract_id": str(agreement.contract_id), "title": "a change"}
        change = f"/v1/changes/{(await agency.post('/v1/changes', json=drafted)).json()['item_id']}"
        (await agency.post(f"{change}/scope", json={"scope": "PHP", "acceptance": ["It runs."]})).raise_for_status()
        window = {"from": "2026-06-14T22:30:00Z", "to": "2026-06-15T02:00:00Z"}  # the fifteenth, in Paris
        estimate = {"minutes": 60, "window": window}
        (await agency.post(f"{change}/estimate", json=estimate)).raise_for_status()

        of_another = ("of another", "approve", ["Exams"])
        whole = [("in both", "approve", ["Admissions", "Exams"]), ("a change", "approve", ["Admissions", "Exams"])]
        assert await listed(agency) == [of_another, *whole]
        assert await listed(agency, f"&contract_id={elsewhere.contract_id}") == [of_another]
        assert await listed(decider) == whole
        assert await listed(nobody) == []

        (await decider.post(f"{both}/approve", json={"approved_freezes": ["Exams"]})).raise_for_status()
        assert await listed(decider) == [("in both", "approve", ["Admissions"]), whole[1]]
        named = {"approved_freezes": ["Admissions", "Exams"]}
        (await decider.post(f"{both}/approve", json=named)).raise_for_status()
        (await decider.post(f"{change}/approve", json=named)).raise_for_status()
        assert await listed(decider) == []

        # What was left for later falls into the freeze of today.
        desk.clock.advance(timedelta(days=1))
        assert await listed(decider) == [("before them", "approve", ["Admissions"])]
        desk.clock.advance(timedelta(days=6))
        (
            await agency.post(f"{change}/deploy", json={"version": "8.4", "outside_window_reason": "Now."})
        ).raise_for_status()
        (await agency.post(f"{change}/finish-deployment", json={"result": "succeeded"})).raise_for_status()
        # Time runs for its acceptance.
        assert await listed(decider) == [
            ("a change", "accept", []),
            ("before them", "approve", ["Admissions", "Exams"]),
        ]


@pytest.mark.parametrize(
    ("recurrence", "first_on"),
    [
        ("FREQ=HOURLY", "2026-07-12"),
        ("FREQ=WEEKLY;BYDAY=MO", "2026-07-12"),
        ("FREQ=WEEKLY;BYDAY=XX", "2026-07-12"),
        ("FREQ=DAILY;FREQ=DAILY", "2026-07-12"),
        ("FREQ=DAILY;INTERVAL=0", "2026-07-12"),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "2026-07-12"),
        ("UNTIL=20270101", "2026-07-12"),
    ],
)
async def test_a_rule_that_cannot_be_followed_is_refused(
    desk: Desk, agreement: Agreement, recurrence: str, first_on: str
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        told = a_schedule(agreement, recurrence=recurrence, first_on=first_on)
        problem(await client.post("/v1/work-order-schedules", json=told), 422, "#/recurrence")


@pytest.mark.parametrize("first_on", ["0001-01-01", "2026-05-01"])
async def test_a_schedule_does_not_begin_with_work_for_years_that_have_passed(
    desk: Desk, agreement: Agreement, first_on: str
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        told = a_schedule(agreement, recurrence="FREQ=DAILY", first_on=first_on)
        problem(await client.post("/v1/work-order-schedules", json=told), 422, "#/first_on")


async def test_nothing_is_planned_under_a_contract_that_is_over(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as client:
        created = await client.post("/v1/work-order-schedules", json=a_schedule(agreement))
    ended = agreement.state(2, status="terminated", effective_from="2026-07-01T00:00:00Z")
    await desk.hear("contracts.contract.terminated.v1", ended, tenant_id=agreement.tenant_id, version=2)
    desk.clock.set(datetime(2026, 7, 20, 9, tzinfo=UTC))
    await DueSchedules(desk.runtime.units).run()
    async with desk.client(agreement) as client:
        assert (await client.get("/v1/work-orders")).json()["data"] == []
        assert (await client.get(created.headers["location"])).json()["due_at"] is None
