"""Levels fire when they are due: in order, each once, for any number of workers and however long none was there."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from incidents.jobs import escalations

from .conftest import Agreement, Desk
from .roster import Roster, a_schedule
from .test_api import a_report

ON_CALL_AT_ONCE = {"unacknowledged_minutes": 0, "notify": [{"role": "on_call"}]}
MANAGER_AFTER_A_QUARTER = {"unacknowledged_minutes": 15, "notify": [{"role": "manager"}]}
MANAGER_AT_HALF_OF_THE_REPAIR = {"clock": {"metric": "repair", "percent": 50}, "notify": [{"role": "manager"}]}


@pytest.fixture
def roster(desk: Desk, agreement: Agreement) -> Roster:
    return Roster(desk, agreement)


async def staffed(roster: Roster, *levels: dict[str, Any]) -> None:
    """Ada is on call, Max is the manager, and the outage of nine o'clock has begun."""
    await roster.desk.activate(roster.agreement)
    await roster.schedule(await roster.person("Ada"))
    await roster.person("Max", roles=["manager"])
    await roster.policy(*levels)
    await roster.desk.break_down(roster.agreement)


@pytest.mark.capability("I29")
async def test_levels_fire_by_hierarchy_and_by_share_of_the_clock(roster: Roster) -> None:
    await staffed(roster, ON_CALL_AT_ONCE, MANAGER_AFTER_A_QUARTER, MANAGER_AT_HALF_OF_THE_REPAIR)
    start = roster.desk.clock.now()
    await roster.look_at(start)
    assert await roster.fired() == [(1, "09:00:00Z", "told", ["Ada"])]
    await roster.look_at(start + timedelta(minutes=15) - timedelta(microseconds=1))
    assert len(await roster.fired()) == 1
    await roster.look_at(start + timedelta(minutes=15))
    await roster.look_at(start + timedelta(hours=2))
    assert await roster.fired() == [
        (1, "09:00:00Z", "told", ["Ada"]),
        (2, "09:15:00Z", "told", ["Max"]),
        (3, "11:00:00Z", "told", ["Max"]),
    ]
    await roster.desk.outbound.run()
    subjects = [message["Subject"] for message in roster.desk.mailbox.to("ada@agency.example")]
    assert subjects == ["[INC-2026-0001] Escalation, level 1: Boutique"]
    assert "late_seconds" not in (await roster.timeline("escalated"))[1]["data"]


@pytest.mark.capability("I02")
async def test_whoever_is_on_call_is_told_in_his_language(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    await roster.schedule(await roster.person("Zoé", email="zoe@agency.example", language="fr"))
    await roster.policy(ON_CALL_AT_ONCE)
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    await roster.desk.outbound.run()
    (message,) = roster.desk.mailbox.to("zoe@agency.example")
    assert message["Subject"] == "[INC-2026-0001] Escalade, niveau 1 : Boutique"


async def test_an_acknowledgement_stops_the_hierarchy_and_not_the_clock_of_the_repair(roster: Roster) -> None:
    await staffed(roster, ON_CALL_AT_ONCE, MANAGER_AFTER_A_QUARTER, MANAGER_AT_HALF_OF_THE_REPAIR)
    start = roster.desk.clock.now()
    await roster.look_at(start)
    roster.desk.clock.set(start + timedelta(minutes=10))
    incident = await roster.desk.only_incident(roster.agreement)
    async with roster.desk.client(roster.agreement) as client:
        await client.post(f"/v1/incidents/{incident['incident_id']}/acknowledge")
    levels = (await roster.escalation())["levels"]
    assert [level["due_at"] for level in levels] == ["2026-06-08T09:00:00Z", None, "2026-06-08T11:00:00Z"]
    await roster.look_at(start + timedelta(hours=3))
    assert [(level, due) for level, due, _, _ in await roster.fired()] == [(1, "09:00:00Z"), (3, "11:00:00Z")]


@pytest.mark.capability("I29")
async def test_a_worker_that_was_down_for_hours_skips_no_level_and_says_how_late_it_was(roster: Roster) -> None:
    await staffed(roster, ON_CALL_AT_ONCE, MANAGER_AFTER_A_QUARTER, MANAGER_AT_HALF_OF_THE_REPAIR)
    # Edited while nobody looked: the incident keeps what was in force when it opened.
    roster.desk.clock.advance(timedelta(minutes=1))
    (policy,) = (await roster.read("/v1/escalation-policies"))["data"]
    later = {"name": "Later", "levels": [{"unacknowledged_minutes": 600, "notify": [{"role": "manager"}]}]}
    await roster.put(f"/v1/escalation-policies/{policy['policy_id']}", later)
    roster.desk.clock.advance(timedelta(hours=3))
    for _ in range(3):
        await roster.escalations.run()
    assert await roster.fired() == [
        (1, "09:00:00Z", "told", ["Ada"]),
        (2, "09:15:00Z", "told", ["Max"]),
        (3, "11:00:00Z", "told", ["Max"]),
    ]
    told = [(entry["data"]["level"], entry["data"]["late_seconds"]) for entry in await roster.timeline("escalated")]
    assert told == [(1, 10860), (2, 9960), (3, 3660)]
    assert (await roster.escalation())["policy"]["name"] == "Reaction"


@pytest.mark.capability("I29")
async def test_a_worker_that_was_down_escalates_by_the_severity_of_the_opening(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    await roster.schedule(await roster.person("Ada"))
    await roster.policy(ON_CALL_AT_ONCE, severities=["critical"], name="Critical")
    await roster.policy(MANAGER_AFTER_A_QUARTER, severities=["major"], name="Major")
    await roster.desk.break_down(roster.agreement)
    incident = await roster.desk.only_incident(roster.agreement)
    async with roster.desk.client(roster.agreement) as client:
        for severity in ("minor", "major"):
            judged = {"severity": severity, "reason": "One page only."}
            answer = await client.post(f"/v1/items/{incident['incident_id']}/classification", json=judged)
            assert answer.json()["severity"] == severity
    await roster.look_at(roster.desk.clock.now() + timedelta(hours=1))
    assert (await roster.escalation())["policy"]["name"] == "Critical"
    assert [(level, who) for level, _, _, who in await roster.fired()] == [(1, ["Ada"])]


async def test_what_was_due_and_is_over_when_it_is_seen_is_told_and_wakes_nobody(roster: Roster) -> None:
    await staffed(roster, ON_CALL_AT_ONCE, MANAGER_AFTER_A_QUARTER)
    roster.desk.clock.advance(timedelta(minutes=20))
    incident = await roster.desk.only_incident(roster.agreement)
    async with roster.desk.client(roster.agreement) as client:
        await client.post(f"/v1/incidents/{incident['incident_id']}/acknowledge")
    await roster.escalations.run()
    assert await roster.fired() == [(1, "09:00:00Z", "overtaken", []), (2, "09:15:00Z", "overtaken", [])]


async def test_several_workers_on_one_due_level_fire_it_once(
    make_desk: Callable[..., Desk], agreement: Agreement
) -> None:
    first = make_desk()
    workers = [Roster(desk, agreement) for desk in (first, make_desk(first.urls), make_desk(first.urls))]
    await staffed(workers[0], ON_CALL_AT_ONCE, MANAGER_AFTER_A_QUARTER)
    first.clock.advance(timedelta(minutes=16))
    for _ in range(3):
        await asyncio.gather(*(worker.escalations.run() for worker in workers))
    assert [entry["data"]["level"] for entry in await workers[0].timeline("escalated")] == [1, 2]
    told = await first.rows("select recipient from incidents.notification where kind = 'escalation' order by fact")
    assert [row["recipient"] for row in told] == ["ada@agency.example", "max@agency.example"]


async def test_what_is_reopened_is_escalated_again_and_its_mails_are_one_thread(roster: Roster) -> None:
    await staffed(roster, ON_CALL_AT_ONCE, MANAGER_AT_HALF_OF_THE_REPAIR)
    start = roster.desk.clock.now()
    await roster.look_at(start + timedelta(hours=2))
    assert len(await roster.fired()) == 2
    incident = await roster.desk.only_incident(roster.agreement)
    async with roster.desk.client(roster.agreement) as client:
        await client.post(f"/v1/incidents/{incident['incident_id']}/resolve")
        roster.desk.clock.advance(timedelta(hours=1))
        await client.post(f"/v1/items/{incident['incident_id']}/reopen", json={"reason": "down again"})
    roster.desk.clock.advance(timedelta(seconds=61))
    for _ in range(3):
        await roster.escalations.run()
    # Half of the repair had been used before: nobody hears of that twice.
    assert [entry["data"]["level"] for entry in await roster.timeline("escalated")] == [1, 2, 1]
    assert (await roster.fired())[0][1:3] == ("12:00:00Z", "told")
    while await roster.desk.outbound.run() == 0:
        pass
    # Both leave at once, in any order.
    first, second = sorted(roster.desk.mailbox.to("ada@agency.example"), key=lambda mail: "In-Reply-To" in mail)
    assert (first["In-Reply-To"], second["In-Reply-To"]) == (None, first["Message-ID"])


async def test_a_level_that_has_not_fired_moves_with_its_clock_both_ways(roster: Roster) -> None:
    await staffed(roster, ON_CALL_AT_ONCE, MANAGER_AT_HALF_OF_THE_REPAIR)
    start = roster.desk.clock.now()
    await roster.look_at(start)

    async def amend(version: int, repair: str) -> None:
        targets = [{"severity": "critical", "response": "PT30M", "repair": repair}]
        response = roster.agreement.state()["response"] | {"targets": targets}
        now = roster.desk.clock.now()
        await roster.desk.activate(roster.agreement, version, effective_from=now.isoformat(), response=response)

    roster.desk.clock.set(start + timedelta(minutes=30))
    await amend(2, "PT8H")
    await roster.look_at(start + timedelta(hours=3))
    assert len(await roster.fired()) == 1
    due = await roster.desk.rows("select due_at from incidents.escalation_level where level = 2")
    assert due[0]["due_at"] == start + timedelta(hours=4)
    # Half of the new target was used an hour ago: it fires at the next look, dated right.
    roster.desk.clock.advance(timedelta(seconds=1))
    await amend(3, "PT4H")
    await roster.escalations.run()
    assert (await roster.fired())[1] == (2, "11:00:00Z", "told", ["Max"])


async def test_a_quiet_person_hears_of_it_later_and_the_next_one_is_asked(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    ada, lea = await roster.person("Ada"), await roster.person("Lea")
    await roster.quiet(ada, "08:00", "12:00")
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"person_id": ada}, {"person_id": lea}]})
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    assert await roster.fired() == [(1, "09:00:00Z", "told", ["Ada", "Lea"])]
    told = (await roster.escalation())["levels"][0]["told"]
    assert [each["waits_until"] for each in told] == ["2026-06-08T10:00:00Z", None]
    await roster.desk.outbound.run()
    assert [len(roster.desk.mailbox.to(f"{name}@agency.example")) for name in ("ada", "lea")] == [0, 1]
    roster.desk.clock.advance(timedelta(hours=1))
    await roster.desk.outbound.run()
    assert len(roster.desk.mailbox.to("ada@agency.example")) == 1


async def test_when_everybody_is_quiet_the_level_counts_as_fired_and_the_next_one_comes(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    ada, max_ = await roster.person("Ada"), await roster.person("Max", roles=["manager"])
    await roster.quiet(ada, "08:00", "12:00")
    await roster.quiet(max_, "08:00", "12:00", "critical")
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"person_id": ada}]}, MANAGER_AFTER_A_QUARTER)
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now() + timedelta(minutes=15))
    # What breaks through does not wait.
    assert await roster.fired() == [(1, "09:00:00Z", "waiting", ["Ada"]), (2, "09:15:00Z", "told", ["Max"])]


async def test_when_there_is_nobody_to_ask_the_agency_is_told(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    # A schedule that begins next week: nobody is on call now.
    schedule = a_schedule(await roster.person("Ada"))
    schedule["layers"][0]["rotation"]["starts_on"] = "2026-06-15"
    await roster.made("/v1/on-call/schedules", schedule)
    await roster.policy(ON_CALL_AT_ONCE)
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    assert await roster.fired() == [(1, "09:00:00Z", "nobody", ["oncall@agency.example"])]


async def test_a_role_is_also_that_of_a_contact_of_the_contract(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"role": "technical"}]})
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    rows = await roster.desk.rows("select recipient, audience from incidents.notification where kind = 'escalation'")
    assert rows == [{"recipient": "ada@client.example", "audience": "client"}]


async def test_what_is_reopened_without_any_clock_is_escalated_anew(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement, response=None)
    ada = await roster.person("Ada")
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"person_id": ada}]})
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    incident = await roster.desk.only_incident(roster.agreement)
    assert incident["clocks"] == []
    async with roster.desk.client(roster.agreement) as client:
        await client.post(f"/v1/incidents/{incident['incident_id']}/resolve")
        roster.desk.clock.advance(timedelta(minutes=10))
        await roster.escalations.run()
        again = await client.post(f"/v1/items/{incident['incident_id']}/reopen", json={"reason": "Not over."})
        assert again.status_code == 200, again.text
    await roster.look_at(roster.desk.clock.now())
    assert await roster.fired() == [(1, "09:10:00Z", "told", ["Ada"])]
    seen = "select clocks_seen from incidents.escalation"
    assert await roster.desk.rows(seen) == [{"clocks_seen": None}], "it is not looked at again every second"


async def test_an_item_without_a_policy_is_looked_at_once(roster: Roster) -> None:
    await roster.desk.activate(roster.agreement)
    await roster.policy(ON_CALL_AT_ONCE, severities=["minor"])
    await roster.desk.break_down(roster.agreement)
    await roster.look_at(roster.desk.clock.now())
    assert (await roster.escalation())["levels"] == []
    rows = await roster.desk.rows("select policy_id from incidents.escalation")
    assert rows == [{"policy_id": None}]


@pytest.mark.parametrize(("batch", "part"), [(2, 3), (3, 2), (80, 3)])
async def test_old_items_that_nobody_planned_for_are_found_in_a_round_of_small_searches(
    roster: Roster, monkeypatch: pytest.MonkeyPatch, batch: int, part: int
) -> None:
    monkeypatch.setattr(escalations, "NEW_SINCE", timedelta(0))
    monkeypatch.setattr(escalations, "BATCH", batch)
    monkeypatch.setattr(escalations, "SLICE", part)
    await roster.desk.activate(roster.agreement)
    ada = await roster.person("Ada")
    await roster.policy({"unacknowledged_minutes": 0, "notify": [{"person_id": ada}]})
    async with roster.desk.client(roster.agreement) as client:
        for _ in range(8):
            answer = await client.post("/v1/incidents", json=a_report(roster.agreement))
            assert answer.status_code == 201, answer.text
    looks = 1
    while await roster.escalations.run() == 0.0:
        looks += 1
    assert 3 <= looks <= 9
    planned = await roster.desk.rows(
        "select count(*) as items, count(policy_id) as with_policy from incidents.escalation"
    )
    assert planned == [{"items": 8, "with_policy": 8}]


async def test_a_search_for_new_items_that_fails_keeps_no_due_level_waiting(
    roster: Roster, monkeypatch: pytest.MonkeyPatch
) -> None:
    await staffed(roster, ON_CALL_AT_ONCE, MANAGER_AFTER_A_QUARTER)
    start = roster.desk.clock.now()
    await roster.look_at(start)

    async def fail(*_: Any) -> None:
        raise TimeoutError("the search takes too long")

    monkeypatch.setattr(escalations, "_without_escalation", fail)
    roster.desk.clock.set(start + timedelta(minutes=15))
    with pytest.raises(TimeoutError):
        await roster.escalations.run()
    assert [(level, who) for level, _, _, who in await roster.fired()] == [(1, ["Ada"]), (2, ["Max"])]
