"""Changes: approved by the client with their window, deployed in it, accepted by somebody or by the end of the time."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from incidents.api.releases import DeploymentFacts

from .conftest import Agreement, Desk
from .test_api import a_report, problem

WINDOW = {"from": "2026-06-08T20:00:00Z", "to": "2026-06-08T22:00:00Z"}
EVENING = timedelta(hours=11)


async def drafted(client: httpx.AsyncClient, agreement: Agreement, **changes: Any) -> str:
    body = {"contract_id": str(agreement.contract_id), "title": "Move to PHP 8.5"} | changes
    created = await client.post("/v1/changes", json=body)
    assert created.status_code == 201, created.text
    return f"/v1/changes/{created.json()['item_id']}"


async def estimated(client: httpx.AsyncClient, agreement: Agreement, **changes: Any) -> str:
    path = await drafted(client, agreement)
    await client.post(f"{path}/scope", json={"scope": "PHP 8.5 on both servers."})
    estimate = await client.post(f"{path}/estimate", json={"minutes": 480, "window": WINDOW} | changes)
    assert estimate.status_code == 200, estimate.text
    return path


async def deployed(desk: Desk, agreement: Agreement, **place: Any) -> str:
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        path = await drafted(agency, agreement, **place)
        await agency.post(f"{path}/scope", json={"scope": "PHP 8.5 on both servers."})
        await agency.post(f"{path}/estimate", json={"minutes": 480, "window": WINDOW})
        assert (await decider.post(f"{path}/approve")).status_code == 200
        desk.clock.advance(EVENING)
        assert (await agency.post(f"{path}/deploy", json={"version": "4.3.0"})).status_code == 200
        assert (await agency.post(f"{path}/finish-deployment")).json()["status"] == "deployed"
    return path


@pytest.mark.capability("I26")
async def test_a_change_is_deployed_only_as_the_client_approved_it(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        path = await drafted(agency, agreement)
        assert problem(await agency.post(f"{path}/deploy", json={"version": "4.3.0"}), 409)["allowed"] == [
            "scope",
            "cancel",
        ]
        path = await estimated(agency, agreement)
        problem(await agency.post(f"{path}/approve"), 403)
        async with desk.client(agreement, "client_staff") as staff:
            problem(await staff.post(f"{path}/approve"), 403)
        approved = (await decider.post(f"{path}/approve", json={"note": "Go."})).json()
        assert (approved["status"], approved["clocks"]) == ("approved", [])
        early = problem(await agency.post(f"{path}/deploy", json={"version": "4.3.0"}), 409)
        assert early["window"] == WINDOW
        desk.clock.advance(EVENING)
        inside = (await agency.post(f"{path}/deploy", json={"version": "4.3.0"})).json()
        assert (inside["status"], inside["details"]["deployment"]["outside_window"]) == ("deploying", False)


@pytest.mark.capability("I26")
async def test_a_deployment_outside_of_the_window_is_flagged_with_its_reason(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        path = await estimated(agency, agreement)
        await decider.post(f"{path}/approve")
        told = {"version": "4.3.0", "outside_window_reason": "The hole is being used."}
        flagged = (await agency.post(f"{path}/deploy", json=told)).json()
    assert flagged["details"]["deployment"]["outside_window"] is True


@pytest.mark.capability("I34")
@pytest.mark.parametrize("result", ["succeeded", "rolled_back"])
async def test_what_was_deployed_through_a_change_is_recorded_once_and_may_be_completed(
    desk: Desk, agreement: Agreement, result: str
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        path = await estimated(agency, agreement, rollback="Deploy 4.2.1 again.")
        approved = (await decider.post(f"{path}/approve")).json()["timestamps"]["approved"]
        desk.clock.advance(EVENING)
        told = {"version": "4.3.0", "configuration_item": "shop", "previous_version": "4.2.1"}
        await agency.post(f"{path}/deploy", json=told)
        assert (await agency.get("/v1/deployments")).json()["data"] == []
        desk.clock.advance(timedelta(minutes=30))
        assert (await agency.post(f"{path}/finish-deployment", json={"result": result, "note": "Slow."})).is_success
        problem(await agency.post(f"{path}/finish-deployment", json={"result": result}), 409)
        (record,) = (await agency.get("/v1/deployments", params={"item_id": path.rpartition("/")[2]})).json()["data"]
        known = [record[name] for name in ("released_version", "configuration_item", "previous_version")]
        assert known == list(told.values())
        assert (record["window_from"], record["window_to"]) == (WINDOW["from"], WINDOW["to"])
        assert (record["approved_by"], record["approved_at"]) == (approved["actor"]["name"], approved["at"])
        assert (record["deployed_at"], record["outside_window"]) == ("2026-06-08T20:00:00Z", False)
        assert (record["result"], record["rollback_plan"]) == (result, "Deploy 4.2.1 again.")
        back = ("2026-06-08T20:30:00Z", "Slow.") if result == "rolled_back" else (None, None)
        assert (record["rolled_back_at"], record["rollback_reason"]) == back
        facts = {name: record[name] for name in DeploymentFacts.model_fields} | {"proof": "Build 812."}
        of_record = f"/v1/deployments/{record['deployment_id']}"
        completed = await agency.put(of_record, json=facts, headers={"If-Match": '"1"'})
    assert (completed.status_code, completed.json()["proof"]) == (200, "Build 812.")
    said = [version for name, version, _ in await desk.said(agreement.tenant_id) if name == "deployment.recorded.v1"]
    assert said == [1, 2]


@pytest.mark.capability("I17")
async def test_evolutionary_work_has_no_repair_clock_and_corrective_work_has_one(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency:
        reported = (await agency.post("/v1/incidents", json=a_report(agreement, severity="critical"))).json()
        change = (await agency.get(await drafted(agency, agreement))).json()
    assert (reported["category"], [clock["metric"] for clock in reported["clocks"]]) == (
        "corrective",
        ["response", "repair"],
    )
    assert (change["category"], change["clocks"]) == ("evolutionary", [])


ACCEPTANCE = {"acceptance": {"due": "PT45H"}}


@pytest.mark.capability("I27")
async def test_the_client_accepts_in_the_agreed_time_or_tacitly_to_the_second(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, service_desk=ACCEPTANCE)
    path = await deployed(desk, agreement)
    async with desk.client(agreement) as agency:
        waiting = (await agency.get(path)).json()
        assert [(clock["metric"], clock["due_at"]) for clock in waiting["clocks"]] == [
            ("acceptance", "2026-06-10T17:00:00Z")
        ]
        problem(await agency.post(f"{path}/accept"), 403)  # nobody accepts his own work
        desk.clock.advance(timedelta(hours=45))
        await desk.due_clocks.run()
        assert (await agency.get(path)).json()["status"] == "deployed"
        desk.clock.advance(timedelta(hours=1))
        await desk.due_clocks.run()
        accepted = (await agency.get(path)).json()
    assert accepted["status"] == "accepted"
    stamp = accepted["timestamps"]["accepted"]
    assert (stamp["at"], stamp["source"], stamp["actor"]["kind"]) == ("2026-06-10T17:00:00Z", "tacit", "system")
    assert accepted["clocks"][0]["verdict"] == "met"
    names = [name for name, _, _ in await desk.said(agreement.tenant_id)]
    assert names.count("change.accepted.v1") == 1
    assert "clock.breached.v1" not in names


@pytest.mark.capability("I27")
async def test_silence_accepts_also_where_nothing_counts_for_the_sla(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, service_desk=ACCEPTANCE)
    path = await deployed(desk, agreement, environment_id=str(agreement.staging_id))
    async with desk.client(agreement) as agency:
        desk.clock.advance(timedelta(hours=45, microseconds=1))
        await desk.due_clocks.run()
        accepted = (await agency.get(path)).json()
    assert (accepted["status"], [clock["metric"] for clock in accepted["clocks"]]) == ("accepted", ["acceptance"])


async def test_what_silence_has_accepted_cannot_be_rejected_while_no_worker_runs(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, service_desk=ACCEPTANCE)
    path = await deployed(desk, agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        desk.clock.advance(timedelta(hours=45, microseconds=1))
        await decider.post(path.replace("changes", "items") + "/replies", json={"note": "One moment."})
        late = problem(await decider.post(f"{path}/reject", json={"reason": "Payment fails."}), 409)
        assert late["status_of_item"] == "accepted"
        closed = (await agency.post(f"{path}/close")).json()
    assert (closed["status"], closed["clocks"][0]["verdict"]) == ("closed", "met")
    assert closed["timestamps"]["accepted"]["at"] == "2026-06-10T17:00:00Z"
    assert "clock.breached.v1" not in [name for name, _, _ in await desk.said(agreement.tenant_id)]


async def test_what_was_rolled_back_awaits_no_acceptance_and_what_it_fixes_goes_on(
    desk: Desk, agreement: Agreement
) -> None:
    response = agreement.state()["response"] | {"pausable": ["waiting_acceptance"]}
    await desk.activate(agreement, response=response, service_desk=ACCEPTANCE)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        reported = (await agency.post("/v1/incidents", json=a_report(agreement, severity="critical"))).json()
        path = await drafted(agency, agreement, fixes=reported["incident_id"])
        await agency.post(f"{path}/scope", json={"scope": "Mend the checkout."})
        window = {"from": "2026-06-08T09:00:00Z", "to": "2026-06-08T22:00:00Z"}
        for result, status in (("rolled_back", "scoped"), ("succeeded", "deployed")):
            await agency.post(f"{path}/estimate", json={"minutes": 60, "window": window})
            await decider.post(f"{path}/approve")
            await agency.post(f"{path}/deploy", json={"version": "4.2.2"})
            told = {"result": result, "note": "See the log."}
            finished = (await agency.post(f"{path}/finish-deployment", json=told)).json()
            repair = (await agency.get(f"/v1/incidents/{reported['incident_id']}")).json()["clocks"][1]
            assert (finished["status"], repair["state"]) == (status, "running" if status == "scoped" else "paused")
        timeline = (await agency.get(path.replace("changes", "items") + "/timeline")).json()["data"]
    (line,) = [line for line in timeline if line["kind"] == "rolled_back"]
    assert (line["note"], line["data"]["version"]) == ("See the log.", "4.2.2")


async def test_a_question_about_a_change_is_counted_in_every_round_and_none_is_when_it_is_closed(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, service_desk={"targets": [{"severity": "minor", "next_reply": "PT1H"}]})
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        path = await estimated(agency, agreement)
        replies = path.replace("changes", "items") + "/replies"
        await decider.post(replies, json={"note": "What for?"})
        desk.clock.advance(timedelta(minutes=10))
        declined = (await decider.post(f"{path}/decline", json={"reason": "Not now."})).json()
        assert (declined["clocks"][0]["metric"], declined["clocks"][0]["verdict"]) == ("next_reply", "met")
        await agency.post(f"{path}/scope", json={"scope": "Less."})
        asked = (await decider.post(replies, json={"note": "And now?"})).json()
        assert (asked["clocks"][0]["state"], asked["clocks"][0]["elapsed_seconds"]) == ("running", 0)
        await agency.post(f"{path}/cancel", json={"reason": "Too late."})
        desk.clock.advance(timedelta(hours=5))
        await desk.due_clocks.run()
    assert "clock.breached.v1" not in [name for name, _, _ in await desk.said(agreement.tenant_id)]


@pytest.mark.capability("I27")
async def test_a_rejected_change_is_scoped_again_and_its_acceptance_counts_anew(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, service_desk=ACCEPTANCE)
    path = await deployed(desk, agreement)
    week = timedelta(days=7)
    async with (
        desk.client(agreement, lifetime=week) as agency,
        desk.client(agreement, "client_decider", lifetime=week) as decider,
    ):
        desk.clock.advance(timedelta(hours=40))
        rejected = (await decider.post(f"{path}/reject", json={"reason": "Payment fails."})).json()
        assert rejected["allowed_acts"] == ["scope", "close"]
        again = (await agency.post(f"{path}/scope", json={"scope": "With the payment."})).json()
        assert (again["status"], "deployed" in again["timestamps"]) == ("scoped", False)
        later = {"from": "2026-06-10T00:00:00Z", "to": "2026-06-30T00:00:00Z"}
        await agency.post(f"{path}/estimate", json={"minutes": 60, "window": later})
        await decider.post(f"{path}/approve")
        await agency.post(f"{path}/deploy", json={"version": "4.3.1"})
        assert (await agency.post(f"{path}/finish-deployment")).status_code == 200
        await agency.get(path)
        desk.clock.advance(timedelta(hours=44))
        await desk.due_clocks.run()
        assert (await agency.get(path)).json()["status"] == "deployed"
        accepted = (await decider.post(f"{path}/accept")).json()
        assert accepted["clocks"][0]["elapsed_seconds"] == 44 * 3600
        closed = (await agency.post(f"{path}/close")).json()
        assert closed["status"] == "closed"


@pytest.mark.capability("I27")
async def test_the_clock_of_what_a_change_fixes_waits_while_the_client_accepts(
    desk: Desk, agreement: Agreement
) -> None:
    response = agreement.state()["response"] | {"pausable": ["waiting_acceptance"]}
    await desk.activate(agreement, response=response, service_desk=ACCEPTANCE)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        reported = (await agency.post("/v1/incidents", json=a_report(agreement, severity="critical"))).json()
        path = await drafted(agency, agreement, fixes=reported["incident_id"])
        await agency.post(f"{path}/scope", json={"scope": "Mend the checkout."})
        window = {"from": "2026-06-08T09:00:00Z", "to": "2026-06-08T22:00:00Z"}
        await agency.post(f"{path}/estimate", json={"minutes": 60, "window": window})
        await decider.post(f"{path}/approve")
        await agency.post(f"{path}/deploy", json={"version": "4.2.2"})
        desk.clock.advance(timedelta(hours=1))
        await agency.post(f"{path}/finish-deployment")
        desk.clock.advance(timedelta(hours=20))
        repair = (await agency.get(f"/v1/incidents/{reported['incident_id']}")).json()["clocks"][1]
        assert (repair["state"], repair["elapsed_seconds"]) == ("paused", 3600)
        await decider.post(f"{path}/reject", json={"reason": "Still blank."})
        desk.clock.advance(timedelta(hours=1))
        repair = (await agency.get(f"/v1/incidents/{reported['incident_id']}")).json()["clocks"][1]
        assert (repair["state"], repair["elapsed_seconds"]) == ("running", 7200)


async def test_an_item_does_not_close_while_the_client_has_not_accepted_what_fixes_it(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        incident_id = (await agency.post("/v1/incidents", json=a_report(agreement))).json()["incident_id"]
        path = await drafted(agency, agreement, fixes=incident_id)
        await agency.post(f"{path}/scope", json={"scope": "Mend the checkout."})
        window = {"from": "2026-06-08T09:00:00Z", "to": "2026-06-08T22:00:00Z"}
        await agency.post(f"{path}/estimate", json={"minutes": 60, "window": window})
        await decider.post(f"{path}/approve")
        await agency.post(f"{path}/deploy", json={"version": "4.2.2"})
        await agency.post(f"{path}/finish-deployment")
        incident = f"/v1/incidents/{incident_id}"
        await agency.post(f"{incident}/resolve")
        kept_open = problem(await agency.post(f"{incident}/close"), 409)["reasons"]
        assert [reason["reason"] for reason in kept_open] == ["missing_acceptance"]
        assert (await decider.post(f"{path}/accept")).status_code == 200
        assert (await agency.post(f"{incident}/close")).json()["status"] == "closed"


async def test_what_the_agency_notes_for_itself_when_it_closes_a_change_the_client_does_not_read(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    path = await deployed(desk, agreement)
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        problem(await decider.post(f"{path}/accept", json={"note": "Right.", "note_audience": "agency"}), 422)
        assert (await decider.post(f"{path}/accept", json={"note": "Right."})).status_code == 200
        assert (await agency.post(f"{path}/close", json={"note": "We lost money on it."})).status_code == 200
        timeline = f"{path.replace('changes', 'items')}/timeline"
        ours = [line["note"] for line in (await agency.get(timeline)).json()["data"]]
        his = [line["note"] for line in (await decider.get(timeline)).json()["data"]]
    assert ("We lost money on it." in ours, "We lost money on it." in his) == (True, False)
    assert "Right." in ours and "Right." in his


@pytest.mark.capability("I40")
async def test_in_a_freeze_nothing_is_approved_or_deployed_unless_the_decider_names_the_freeze(
    desk: Desk, agreement: Agreement
) -> None:
    freeze = {"name": "Admissions", "from": "2026-06-08", "to": "2026-06-30"}
    await desk.activate(agreement, service_desk={"freezes": [freeze]})
    async with desk.client(agreement) as agency, desk.client(agreement, "client_decider") as decider:
        path = await estimated(agency, agreement)
        assert problem(await decider.post(f"{path}/approve"), 409)["freezes"] == ["Admissions"]
        endless = {"from": "9999-12-31T20:00:00Z", "to": "9999-12-31T23:30:00Z"}
        problem(await agency.post(f"{path}/estimate", json={"minutes": 1, "window": endless}), 422, "#/window")
        other = {"approved_freezes": ["Exams"]}
        assert problem(await decider.post(f"{path}/approve", json=other), 409)["freezes"] == ["Admissions"]
        assert (await decider.post(f"{path}/approve", json={"approved_freezes": ["Admissions"]})).status_code == 200
        desk.clock.advance(EVENING)
        assert (await agency.post(f"{path}/deploy", json={"version": "4.3.0"})).status_code == 200
        late = await estimated(
            agency, agreement, window={"from": "2026-07-01T00:00:00+02:00", "to": "2026-07-02T00:00:00Z"}
        )
        assert (await decider.post(f"{late}/approve")).status_code == 200
        told = {"version": "4.3.0", "outside_window_reason": "Now."}
        assert problem(await agency.post(f"{late}/deploy", json=told), 409)["freezes"] == ["Admissions"]
        # What was approved for July is estimated and approved anew.
        assert (await agency.post(f"{late}/estimate", json={"minutes": 480, "window": WINDOW})).status_code == 200
        problem(await agency.post(f"{late}/deploy", json=told), 409)
        assert (await decider.post(f"{late}/approve", json={"approved_freezes": ["Admissions"]})).status_code == 200
        assert (await agency.post(f"{late}/deploy", json={"version": "4.3.0"})).status_code == 200


@pytest.mark.capability("I36")
async def test_a_change_over_the_size_cap_carries_a_warning(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, service_desk={"change_size_cap_minutes": 480})
    async with desk.client(agreement) as agency:
        for minutes, over in ((480, False), (481, True)):
            path = await estimated(agency, agreement, minutes=minutes)
            assert (await agency.get(path)).json()["details"]["estimate"]["over_size_cap"] is over
