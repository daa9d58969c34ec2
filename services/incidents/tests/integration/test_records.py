"""The records of the service desk: written once, never lost, seen by whom they are for."""

from datetime import timedelta
from typing import Any

import pytest
from psycopg.errors import RaiseException
from sqlalchemy.exc import DBAPIError

from .conftest import Agreement, Desk
from .filing import Filing, wrong_at

RISK = {"description": "The payment provider has no second site."}
GRANT = {
    "system": "Server of the shop",
    "scope": "Read logs",
    "granted_to": "Ada Martin",
    "reason": "Second-level support",
    "valid_from": "2026-06-01T00:00:00Z",
    "valid_until": "2026-06-08T12:00:00Z",
}
SESSION = {"who": "Ada Martin", "how": "SSH through the VPN", "why": "Read the log of failed payments"}
DEPLOYMENT = {
    "configuration_item": "shop",
    "previous_version": "2.3.0",
    "released_version": "2.4.0",
    "approved_by": "Léa Martin",
    "window_from": "2026-06-08T04:00:00Z",
    "window_to": "2026-06-08T06:00:00Z",
    "deployed_at": "2026-06-08T04:30:00Z",
    "result": "succeeded",
    "rollback_plan": "Deploy 2.3.0 again.",
}


@pytest.fixture
async def filing(desk: Desk, agreement: Agreement) -> Filing:
    await desk.activate(agreement)
    filing = Filing(desk, agreement, desk.client(agreement), "")
    filing.item_id = await filing.new_item()
    return filing


@pytest.mark.capability("I30")
async def test_an_item_does_not_close_while_nobody_owns_a_risk_that_stays(filing: Filing) -> None:
    risk = await filing.on_item("/v1/residual-risks", RISK)
    await filing.act("resolve")
    refused = await filing.act("close", 409)
    assert refused["reasons"] == [
        {
            "reason": "unowned_residual_risk",
            "detail": "Nobody owns the residual risk “The payment provider has no second site.”: name its owner.",
            "record_id": risk["risk_id"],
        }
    ]
    await filing.put(f"/v1/residual-risks/{risk['risk_id']}", RISK | {"owner_name": "Léa Martin"}, 1)
    assert (await filing.act("close"))["status"] == "closed"
    await filing.put(f"/v1/residual-risks/{risk['risk_id']}", RISK, 2, 409)
    await filing.on_item("/v1/residual-risks", RISK, 409)


async def test_what_is_completed_leaves_no_risk_without_an_owner_either(filing: Filing) -> None:
    planned = {"title": "Look at the backups", "work": "check", "planned_on": "2026-06-08"}
    filing.item_id = (await filing.post("/v1/work-orders", filing.under | planned))["item_id"]
    for act, told in (("start", {}), ("complete", {"proof": "Run 12"})):
        await filing.post(f"/v1/work-orders/{filing.item_id}/{act}", told, 200)
    await filing.on_item("/v1/residual-risks", RISK, 409)
    await filing.on_item("/v1/residual-risks", RISK | {"owner_name": "Léa Martin"})


@pytest.mark.capability("I30")
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/incidents", {"severity": "major", "title": "Checkout shows an error"}),
        ("/v1/requests", {"form": "assistance", "title": "How do I add a page?", "topic": "Editing pages"}),
        ("/v1/changes", {"title": "Move to PHP 8.5"}),
        ("/v1/work-orders", {"title": "Look at the backups", "work": "check", "planned_on": "2026-06-15"}),
    ],
)
async def test_an_item_of_any_kind_keeps_its_actions_risks_and_decisions(
    filing: Filing, path: str, told: dict[str, Any]
) -> None:
    opened = await filing.post(path, filing.under | told)
    filing.item_id = opened.get("item_id") or opened["incident_id"]
    decision = {"what": "It stays off.", "why": "It leaks.", "decided_by": "Léa", "decided_on": "2026-06-08"}
    records = {"/v1/actions": {"what": "Raise the limit"}, "/v1/residual-risks": RISK, "/v1/decisions": decision}
    for kind, record in records.items():
        await filing.on_item(kind, record)
        (kept,) = await filing.listed(kind, item_id=filing.item_id)
        assert {name: kept[name] for name in record} == record
    lines = [line["kind"] for line in await filing.listed(f"/v1/items/{filing.item_id}/timeline")]
    assert lines[-3:] == ["action_recorded", "residual_risk_recorded", "decision_recorded"]


async def test_the_treatment_of_a_risk_is_a_decision(filing: Filing) -> None:
    refused = await filing.on_item("/v1/residual-risks", RISK | {"treatment": "accept", "decided_by": "Léa"}, 422)
    assert wrong_at(refused) == ["#/decided_on"]
    decided = {"treatment": "accept", "decided_by": "Léa", "decided_on": "2026-06-08", "reason": "Too dear"}
    await filing.on_item("/v1/residual-risks", RISK | decided)
    assert await filing.listed("/v1/residual-risks", treated=False) == []
    assert len(await filing.listed("/v1/residual-risks", treated=True, owned=False)) == 1


async def test_a_change_keeps_what_was_said_before_with_who_and_when(filing: Filing) -> None:
    action = await filing.on_item("/v1/actions", {"what": "Raise the limit"})
    path = f"/v1/actions/{action['action_id']}"
    filing.desk.clock.advance(timedelta(hours=1))
    done = {"what": "Raise the limit", "done_at": "2026-06-08T09:30:00Z", "outcome": "It is 200 now."}
    changed = await filing.put(path, done, 1)
    assert (changed["version"], changed["done_at"]) == (2, "2026-06-08T09:30:00Z")
    first, second = await filing.listed(f"/v1/record-history/{action['action_id']}")
    assert (first["state"]["what"], first["state"]["done_at"], first["at"]) == (
        "Raise the limit",
        None,
        action["recorded_at"],
    )
    assert (second["state"]["outcome"], second["actor"]["kind"], second["at"]) == (
        "It is 200 now.",
        "user",
        changed["changed_at"],
    )
    assert (await filing.timeline())[-2:] == [("action_recorded", "agency"), ("action_changed", "agency")]
    await filing.put(path, done, 1, 412)
    assert (await filing.client.put(path, json=done)).status_code == 428


@pytest.mark.parametrize("table", ["record_version", "decision", "delivery_record", "evidence", "time_entry"])
async def test_what_is_proof_cannot_be_changed_even_in_the_database(filing: Filing, table: str) -> None:
    decision = {"what": "It stays off.", "why": "It leaks.", "decided_by": "Léa", "decided_on": "2026-06-08"}
    await filing.on_item("/v1/decisions", decision)
    await filing.on_item("/v1/evidence", {"kind": "logs", "note": "The log"})
    delivery = {"what": "Code", "delivered_to": "Léa", "delivered_version": "1", "means": "Mail"}
    await filing.post("/v1/delivery-records", filing.under | delivery | {"delivered_at": "2026-06-08T08:00:00Z"})
    work = {"line": "technical", "work_class": "corrective", "person_name": "Ada", "worked_on": "2026-06-08"}
    await filing.post("/v1/time-entries", filing.under | work | {"real_minutes": 5})
    for statement in (f"update incidents.{table} set version = 7", f"delete from incidents.{table}"):
        with pytest.raises(DBAPIError) as refused:
            await filing.desk.execute(statement)
        assert isinstance(refused.value.orig, RaiseException)


async def test_what_is_open_is_carried_over_from_one_period_to_the_next(filing: Filing) -> None:
    done_before = await filing.on_item("/v1/actions", {"what": "A", "done_at": "2026-06-08T08:59:00Z"})
    left = await filing.on_item("/v1/actions", {"what": "B", "due_at": "2026-06-08T09:30:00Z"})
    filing.desk.clock.advance(timedelta(hours=2))
    later = await filing.on_item("/v1/actions", {"what": "C"})
    assert [one["action_id"] for one in await filing.listed("/v1/actions", overdue=True)] == [left["action_id"]]
    await filing.put(
        f"/v1/actions/{left['action_id']}", {"what": "B", "done_at": "2026-06-08T10:30:00Z"}, left["version"]
    )

    async def carried(at: str) -> list[str]:
        asked = {"contract_id": str(filing.agreement.contract_id), "carried_over_at": at}
        return [one["action_id"] for one in await filing.listed("/v1/actions", **asked)]

    assert await carried("2026-06-08T10:00:00Z") == [left["action_id"]]
    assert await carried("2026-06-08T12:00:00Z") == [later["action_id"]]
    open_ones = await filing.listed("/v1/actions", done=False, client_id=str(filing.agreement.client_id))
    assert [one["action_id"] for one in open_ones] == [later["action_id"]]
    assert done_before["action_id"] in {one["action_id"] for one in await filing.listed("/v1/actions", done=True)}


async def test_a_decision_is_superseded_once_and_stays(filing: Filing) -> None:
    body = {"what": "It stays off.", "why": "It leaks.", "decided_by": "Léa", "decided_on": "2026-06-08"}
    first = await filing.on_item("/v1/decisions", body)
    again = body | {"what": "It is back.", "supersedes_id": first["decision_id"]}
    second = await filing.on_item("/v1/decisions", again)
    await filing.on_item("/v1/decisions", again, 409)
    assert [one["what"] for one in await filing.listed("/v1/decisions")] == [second["what"], first["what"]]
    elsewhere = await filing.new_item()
    refused = await filing.post("/v1/decisions", again | {"item_id": elsewhere}, 422)
    assert wrong_at(refused) == ["#/supersedes_id"]


async def test_an_item_has_one_post_mortem_which_is_completed_later(filing: Filing) -> None:
    body = {"summary": "S", "course": "C", "causes": "W", "went_well": "G", "went_badly": "B"}
    draft = await filing.on_item("/v1/post-mortems", body)
    await filing.on_item("/v1/post-mortems", body, 409)
    path = f"/v1/post-mortems/{draft['post_mortem_id']}"
    await filing.put(path, body | {"completed_at": "2026-06-08T09:00:00Z"}, 1, 409)
    await filing.act("resolve")
    await filing.put(path, body | {"completed_at": "2026-06-08T09:00:00Z"}, 1)
    incident = (await filing.client.get(f"/v1/incidents/{filing.item_id}")).json()
    assert incident["timestamps"]["post_mortem"]["at"] == "2026-06-08T09:00:00Z"
    # The item may be closed because of it: its text is mended, but it is no draft again.
    for at in (None, "2026-06-08T08:00:00Z"):
        assert wrong_at(await filing.put(path, body | {"completed_at": at}, 2, 422)) == ["#/completed_at"]
    await filing.put(path, body | {"causes": "A full disk", "completed_at": "2026-06-08T09:00:00Z"}, 2)


@pytest.mark.capability("I34")
async def test_a_deployment_tells_version_approver_window_result_and_way_back(filing: Filing) -> None:
    body = filing.under | {"item_id": filing.item_id} | DEPLOYMENT
    assert wrong_at(await filing.post("/v1/deployments", body | {"approved_by": None}, 422)) == ["#/approved_by"]
    assert wrong_at(await filing.post("/v1/deployments", body | {"rollback_plan": None}, 422)) == ["#/rollback_plan"]
    done = await filing.post("/v1/deployments", body)
    assert not done["outside_window"]
    late = await filing.post("/v1/deployments", body | {"deployed_at": "2026-06-08T06:00:00Z"})
    assert late["outside_window"]
    back = {"result": "rolled_back", "rolled_back_at": "2026-06-08T08:00:00Z", "rollback_reason": "Too slow"}
    await filing.put(f"/v1/deployments/{done['deployment_id']}", DEPLOYMENT | back, 1)
    first, _, third = await filing.said("deployment")
    assert (first["released_version"], first["result"], first["version"]) == ("2.4.0", "succeeded", 1)
    assert (third["deployment_id"], third["result"], third["version"]) == (first["deployment_id"], "rolled_back", 2)
    assert [one["result"] for one in await filing.listed("/v1/deployments", configuration_item="shop")] == [
        "succeeded",
        "rolled_back",
    ]


@pytest.mark.capability("I14")
async def test_a_release_is_submitted_to_a_store_and_reviewed(filing: Filing) -> None:
    body = {
        "kind": "store_submission",
        "configuration_item": "app",
        "released_version": "3.0.1",
        "store": "App Store",
        "submitted_at": "2026-06-05T08:00:00Z",
        "proof": "Receipt 4711",
    }
    submitted = await filing.post("/v1/deployments", filing.under | body)
    path = f"/v1/deployments/{submitted['deployment_id']}"
    early = body | {"reviewed_at": "2026-06-04T08:00:00Z", "verdict": "approved"}
    assert wrong_at(await filing.put(path, early, 1, 422)) == ["#/submitted_at"]
    reviewed = await filing.put(path, body | {"reviewed_at": "2026-06-07T08:00:00Z", "verdict": "rejected"}, 1)
    assert (reviewed["verdict"], reviewed["proof"]) == ("rejected", "Receipt 4711")


@pytest.mark.capability("I52")
async def test_deliveries_are_listed_for_each_client(filing: Filing) -> None:
    body = {"what": "Code", "delivered_to": "Léa", "delivered_version": "2.4.0", "means": "Repository"}
    body = filing.under | body | {"delivered_at": "2026-06-08T08:00:00Z"}
    first = await filing.post("/v1/delivery-records", body)
    right = body | {"delivered_version": "2.4.1", "supersedes_id": first["delivery_record_id"]}
    await filing.post("/v1/delivery-records", right)
    await filing.post("/v1/delivery-records", right, 409)
    listed = await filing.listed("/v1/delivery-records", client_id=str(filing.agreement.client_id))
    assert [(one["delivered_to"], one["delivered_version"]) for one in listed] == [("Léa", "2.4.1"), ("Léa", "2.4.0")]
    assert await filing.listed("/v1/delivery-records", client_id=str(filing.agreement.site_id)) == []


@pytest.mark.capability("I48")
async def test_a_session_tells_who_what_how_when_why_and_for_which_item(filing: Filing) -> None:
    grant = await filing.post("/v1/access-grants", filing.under | GRANT)
    begun = await filing.on_item("/v1/access-sessions", SESSION | {"grant_id": grant["grant_id"]})
    assert (begun["who"], begun["system"], begun["how"], begun["started_at"], begun["why"], begun["item_id"]) == (
        "Ada Martin",
        "Server of the shop",
        "SSH through the VPN",
        "2026-06-08T09:00:00Z",
        "Read the log of failed payments",
        filing.item_id,
    )
    without_item = {"grant_id": grant["grant_id"]} | SESSION
    assert (await filing.client.post("/v1/access-sessions", json=without_item)).status_code == 422
    filing.desk.clock.advance(timedelta(minutes=20))
    path = f"/v1/access-sessions/{begun['access_session_id']}/end"
    early = await filing.post(path, {"done": "Read it.", "ended_at": "2026-06-08T08:00:00Z"}, 422)
    assert wrong_at(early) == ["#/ended_at"]
    ended = await filing.post(path, {"done": "Read it."}, 200)
    assert (ended["done"], ended["ended_at"]) == ("Read it.", "2026-06-08T09:20:00Z")
    await filing.post(path, {"done": "Read it again."}, 409)
    assert await filing.listed("/v1/access-sessions", ended=False) == []


@pytest.mark.capability("I49")
async def test_nobody_enters_under_a_grant_that_is_over_revoked_or_not_yet_valid(filing: Filing) -> None:
    grant = await filing.post("/v1/access-grants", filing.under | GRANT)
    later = await filing.post("/v1/access-grants", filing.under | GRANT | {"valid_from": "2026-06-08T11:00:00Z"})
    session = SESSION | {"grant_id": grant["grant_id"]}
    refused = await filing.on_item("/v1/access-sessions", SESSION | {"grant_id": later["grant_id"]}, 409)
    assert refused["grant_state"] == "planned"
    await filing.on_item("/v1/access-sessions", session)
    await filing.post(f"/v1/access-grants/{later['grant_id']}/revoke", {"reason": "A mistake"}, 200)
    await filing.post(f"/v1/access-grants/{later['grant_id']}/revoke", {"reason": "A mistake"}, 409)
    assert [one["grant_id"] for one in await filing.listed("/v1/access-grants", state="valid")] == [grant["grant_id"]]
    filing.desk.clock.advance(timedelta(hours=3))
    assert (await filing.on_item("/v1/access-sessions", session, 409))["grant_state"] == "expired"
    refused = await filing.on_item("/v1/access-sessions", SESSION | {"grant_id": later["grant_id"]}, 409)
    assert refused["grant_state"] == "revoked"
    for state, expected in (("expired", grant), ("revoked", later)):
        listed = await filing.listed("/v1/access-grants", state=state)
        assert [one["grant_id"] for one in listed] == [expected["grant_id"]]
    # A session that is logged afterwards is judged at its own beginning.
    await filing.on_item("/v1/access-sessions", session | {"started_at": "2026-06-08T11:59:59Z"})


async def test_the_wait_for_access_is_a_pause_of_its_item(filing: Filing) -> None:
    asked = await filing.on_item(
        "/v1/access-requests", {"what": "An account", "asked_of": "Léa", "reason": "To see the payments"}
    )
    again = await filing.on_item(
        "/v1/access-requests",
        {"what": "A key", "asked_of": "Léa", "reason": "To enter", "requested_at": "2026-06-08T08:00:00Z"},
    )
    filing.desk.clock.advance(timedelta(hours=1))
    path = f"/v1/access-requests/{asked['access_request_id']}/answer"
    async with filing.desk.client(filing.agreement, "client_decider") as decider:
        refused = await decider.post(path, json={"outcome": "withdrawn"})
        assert wrong_at(refused.json()) == ["#/outcome"]
        given = await decider.post(path, json={"outcome": "given", "answer": "It is there."})
    assert (given.status_code, given.json()["answered_at"]) == (200, "2026-06-08T10:00:00Z")
    await filing.post(path, {"outcome": "refused"}, 409)
    waits = await filing.listed(f"/v1/items/{filing.item_id}/pauses")
    # Nobody waited before the item was there, whenever the letter was written.
    assert {(wait["evidence"]["access_request_id"], wait["paused_at"], wait["resumed_at"]) for wait in waits} == {
        (asked["access_request_id"], "2026-06-08T09:00:00Z", "2026-06-08T10:00:00Z"),
        (again["access_request_id"], "2026-06-08T09:00:00Z", None),
    }
    assert {(wait["reason"], wait["allowed"]) for wait in waits} == {("waiting_for_access", False)}


@pytest.mark.capability("I39")
async def test_a_clock_stands_still_while_the_client_lets_us_wait_for_access(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement, response=agreement.state()["response"] | {"pausable": ["waiting_for_access"]})
    filing = Filing(desk, agreement, desk.client(agreement), "")
    filing.item_id = await filing.new_item()
    desk.clock.advance(timedelta(minutes=20))
    request = {"what": "An account", "asked_of": "Léa", "reason": "To see the payments"}
    asked = await filing.on_item("/v1/access-requests", request)
    desk.clock.advance(timedelta(hours=2))
    await filing.post(f"/v1/access-requests/{asked['access_request_id']}/answer", {"outcome": "given"}, 200)
    desk.clock.advance(timedelta(minutes=10))
    acknowledged = await filing.act("acknowledge")
    assert [(clock["metric"], clock["elapsed_seconds"]) for clock in acknowledged["clocks"]] == [("response", 1800)]


async def test_who_may_read_a_record_stays_as_it_is_unless_a_change_says_so(filing: Filing) -> None:
    body = filing.under | {"title": "The basket empties itself", "symptoms": "After 30 minutes it is empty."}
    hidden = await filing.post("/v1/known-anomalies", body | {"audience": "agency"})
    path = f"/v1/known-anomalies/{hidden['anomaly_id']}"
    facts = {"title": "The basket empties itself", "symptoms": "After 20 minutes."}
    assert (await filing.put(path, facts, 1))["audience"] == "agency"
    async with filing.desk.client(filing.agreement, "client_decider") as decider:
        assert (await decider.get(path)).status_code == 404
        assert (await filing.put(path, facts | {"audience": "client"}, 2))["audience"] == "client"
        assert (await decider.get(path)).status_code == 200


@pytest.mark.capability("I22")
async def test_an_anomaly_is_known_until_an_item_has_fixed_it(filing: Filing) -> None:
    body = {"title": "The basket empties itself", "symptoms": "After 30 minutes it is empty."}
    site = filing.under | {"site_id": str(filing.agreement.site_id)}
    known = await filing.post("/v1/known-anomalies", site | body)
    path = f"/v1/known-anomalies/{known['anomaly_id']}"
    nothing = {"fixing_item_ids": [str(filing.agreement.site_id)]}
    refused = await filing.put(path, body | nothing, 1, 404)
    assert wrong_at(refused) == ["#/fixing_item_ids/0"]
    other = Agreement(tenant_id=filing.agreement.tenant_id)
    await filing.desk.activate(other)
    report = {"contract_id": str(other.contract_id), "severity": "major", "title": "Another client's"}
    foreign = (await filing.post("/v1/incidents", report))["incident_id"]
    refused = await filing.put(path, body | {"fixing_item_ids": [filing.item_id, foreign]}, 1, 404)
    assert wrong_at(refused) == ["#/fixing_item_ids/1"]
    filing.desk.clock.advance(timedelta(days=1))
    stale = {"not_confirmed_since": "2026-06-09T00:00:00Z"}
    assert len(await filing.listed("/v1/known-anomalies", **stale)) == 1
    fixing = body | {"state": "being_fixed", "fixing_item_ids": [filing.item_id], "workaround": "Sign in first."}
    assert (await filing.put(path, fixing, 1))["confirmed_at"] == "2026-06-09T09:00:00Z"
    assert await filing.listed("/v1/known-anomalies", **stale) == []
    by_item = await filing.listed("/v1/known-anomalies", fixed_by=filing.item_id, state=["open", "being_fixed"])
    assert [one["anomaly_id"] for one in by_item] == [known["anomaly_id"]]
    assert [(one["state"], one["fixing_item_ids"]) for one in await filing.said("anomaly")] == [
        ("open", []),
        ("being_fixed", [filing.item_id]),
    ]


@pytest.mark.capability("I20", "I21")
async def test_interventions_on_a_site_are_listed_and_exported(filing: Filing) -> None:
    there = filing.under | {
        "site_id": str(filing.agreement.site_id),
        "configuration_item": "till 3",
        "mode": "on_site",
        "what": "=Replaced the printer",
        "performed_by": "Ada Martin",
        "began_at": "2026-06-08T07:00:00Z",
        "ended_at": "2026-06-08T08:30:00Z",
        "travel_minutes": 40,
    }
    remote = there | {"mode": "remote", "began_at": "2026-06-08T08:00:00Z", "item_id": filing.item_id}
    assert wrong_at(await filing.post("/v1/interventions", remote, 422)) == ["#/travel_minutes"]
    assert wrong_at(await filing.post("/v1/interventions", there | {"ended_at": "2026-06-08T06:00:00Z"}, 422)) == [
        "#/ended_at"
    ]
    done = await filing.post("/v1/interventions", there)
    await filing.post("/v1/interventions", remote | {"travel_minutes": 0, "configuration_item": "till 4"})
    listed = await filing.listed("/v1/interventions", configuration_item="till 3")
    assert [one["intervention_id"] for one in listed] == [done["intervention_id"]]
    exported = await filing.client.get("/v1/interventions.csv", params={"to": "2026-06-08T08:00:00Z"})
    header, *lines = exported.text.splitlines()
    assert header.startswith("began_at,ended_at,mode,travel_minutes,configuration_item,what")
    assert [line.split(",")[:7] for line in lines] == [
        ["2026-06-08T07:00:00Z", "2026-06-08T08:30:00Z", "on_site", "40", "till 3", "'=Replaced the printer", ""]
    ]
    assert exported.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert [one["travel_minutes"] for one in await filing.said("intervention")] == [40, 0]
    reversed_period = {"from": "2026-06-08T08:00:00Z", "to": "2026-06-08T07:00:00Z"}
    assert (await filing.client.get("/v1/interventions.csv", params=reversed_period)).status_code == 422


async def test_a_file_has_every_record_however_many_there_are(filing: Filing) -> None:
    await filing.desk.execute(
        "insert into incidents.intervention select gen_random_uuid(), tenant_id, client_id, contract_id, site_id, id, "
        "'client', 1, timestamptz '2026-06-08 08:00Z' + (n / 3) * interval '1 second', 'user', 'a', 'Ada', "
        "opened_at, null, 'remote', 'work ' || n, null, 'Ada', opened_at, opened_at, 0 "
        "from incidents.work_item, generate_series(1, 1203) n"
    )
    lines = (await filing.client.get("/v1/interventions.csv")).text.splitlines()[1:]
    assert sorted(int(line.split(",")[5].removeprefix("work ")) for line in lines) == list(range(1, 1204))


@pytest.mark.capability("I47")
async def test_local_support_sees_what_the_second_level_still_lacks(filing: Filing) -> None:
    path = f"/v1/evidence-checklists/{filing.item_id}"
    await filing.on_item("/v1/evidence", {"kind": "logs", "note": "From 08:50 to 09:20."})
    await filing.on_item("/v1/evidence", {"kind": "logs", "note": "And from the day before."})
    await filing.on_item("/v1/evidence", {"kind": "configuration", "note": "As it was on Friday."})
    assert (await filing.client.get(path)).json() == {
        "item_id": filing.item_id,
        "gathered": ["configuration", "logs"],
        "missing": ["traces", "tests"],
    }
    # What was gathered counts when the item is handed over: only the rest is asked for.
    handing = f"/v1/items/{filing.item_id}/hand-over"
    assert (await filing.post(handing, {"to_level": 2}, 409))["missing"] == ["traces", "tests"]
    told = {"to_level": 2, "traces": "4bf92f35", "tests": "Every card."}
    assert (await filing.post(handing, told, 200))["support_level"] == 2


@pytest.mark.capability("I51")
async def test_knowledge_from_resolved_items_is_found_by_its_words_and_reviewed(filing: Filing) -> None:
    body = {
        "title": "La base refuse les connexions",
        "symptom": "Les pages affichent une erreur 500 la nuit.",
        "cause": "Le traitement nocturne occupe toutes les connexions.",
        "resolution": "Arrêter le traitement.",
        "tags": ["base", "nuit"],
        "language": "fr",
        "review_on": "2026-12-01",
    }
    refused = await filing.on_item("/v1/knowledge-entries", body, 409)
    assert "not resolved yet" in refused["detail"]
    await filing.act("resolve")
    entry = await filing.on_item("/v1/knowledge-entries", body)
    english = {"language": "en", "title": "The printer stops", "symptom": "It prints nothing.", "tags": ["till"]}
    await filing.on_item("/v1/knowledge-entries", body | english)

    async def found(**params: Any) -> list[str]:
        return [one["title"] for one in await filing.listed("/v1/knowledge-entries", **params)]

    assert await found(q="nocturnes") == ["The printer stops", "La base refuse les connexions"]  # both causes say so
    assert await found(q="refuser erreurs") == ["La base refuse les connexions"]
    assert await found(q="printing") == ["The printer stops"]
    assert await found(q="printing", language="fr") == []
    assert await found(tag="nuit") == ["La base refuse les connexions"]
    assert await found(stale_on="2026-11-30") == []
    assert len(await found(stale_on="2026-12-01")) == 2
    path = f"/v1/knowledge-entries/{entry['knowledge_id']}"
    await filing.put(path, body | {"review_on": "2027-12-01"}, 1)
    assert await found(stale_on="2026-12-01") == ["The printer stops"]


@pytest.mark.capability("I38")
async def test_feedback_of_users_is_traced_to_the_change_that_it_led_to(filing: Filing) -> None:
    async with filing.desk.client(filing.agreement, "client_staff") as staff:
        body = filing.under | {"said": "The form forgets what I typed.", "given_by": "Paul", "channel": "field"}
        given = await staff.post("/v1/feedback", json=body)
        assert given.status_code == 201, given.text
        hidden = await staff.post("/v1/feedback", json=body | {"audience": "agency"})
        assert wrong_at(hidden.json()) == ["#/audience"]
    assert len(await filing.listed("/v1/feedback", linked=False)) == 1
    path = f"/v1/feedback/{given.json()['feedback_id']}/link"
    await filing.post(path, {"item_id": filing.item_id}, 200)
    assert [one["said"] for one in await filing.listed("/v1/feedback", item_id=filing.item_id)] == [body["said"]]
    assert ("feedback_changed", "client") in await filing.timeline()


@pytest.mark.capability("I54")
async def test_topics_that_many_know_little_about_call_for_training(filing: Filing) -> None:
    for person, topic, level in (
        ("Paul", "export", "low"),
        ("Paul", "export", "low"),
        ("Anne", "export", "medium"),
        ("Anne", "import", "low"),
    ):
        body = {"topic": topic, "asked_by": person, "knowledge_level": level}
        await filing.post("/v1/assistances", filing.under | body)
    answer = await filing.client.get("/v1/training-needs", params=filing.under | {"threshold": 2})
    assert answer.json()["topics"] == [
        {"topic": "export", "assistances": 3, "people": 2, "with_low_knowledge": 2, "training_needed": True},
        {"topic": "import", "assistances": 1, "people": 1, "with_low_knowledge": 1, "training_needed": False},
    ]
    empty = await filing.client.get("/v1/training-needs", params={"to": "2026-06-08T09:00:00Z"})
    assert empty.json()["topics"] == []


@pytest.mark.capability("I53")
async def test_an_item_leads_to_an_action_of_research(filing: Filing) -> None:
    action = await filing.on_item("/v1/actions", {"what": "Study a second provider", "link": "research"})
    assert (action["link"], action["item_id"]) == ("research", filing.item_id)


async def test_the_clients_people_see_what_is_theirs_and_meant_for_them(filing: Filing) -> None:
    shown = await filing.on_item("/v1/actions", {"what": "Raise the limit", "audience": "client"})
    hidden = await filing.on_item("/v1/actions", {"what": "Ask for more money"})
    other = Agreement(tenant_id=filing.agreement.tenant_id)
    async with filing.desk.client(filing.agreement, "client_staff") as staff:
        assert [one["what"] for one in (await staff.get("/v1/actions")).json()["data"]] == ["Raise the limit"]
        assert (await staff.get(f"/v1/actions/{hidden['action_id']}")).status_code == 404
        assert (await staff.get(f"/v1/record-history/{shown['action_id']}")).status_code == 403
        refused = await staff.post("/v1/actions", json={"item_id": filing.item_id, "what": "Hurry up"})
        assert refused.status_code == 403
        kinds = [
            entry["kind"] for entry in (await staff.get(f"/v1/incidents/{filing.item_id}/timeline")).json()["data"]
        ]
        assert kinds.count("action_recorded") == 1
    async with filing.desk.client(other, "client_staff") as staff_of_another:
        assert (await staff_of_another.get("/v1/actions")).json()["data"] == []
    async with filing.desk.client(Agreement()) as another_agency:
        assert (await another_agency.get(f"/v1/actions/{shown['action_id']}")).status_code == 404
        assert (await another_agency.get("/v1/actions")).json()["data"] == []
        assert (await another_agency.get(f"/v1/record-history/{shown['action_id']}")).status_code == 404
        on_others_item = {"item_id": filing.item_id, "what": "Spy"}
        assert (await another_agency.post("/v1/actions", json=on_others_item)).status_code == 404


async def test_a_record_names_an_item_and_a_contract_that_fit(filing: Filing) -> None:
    other = Agreement(tenant_id=filing.agreement.tenant_id)
    await filing.desk.activate(other)
    body = {"item_id": filing.item_id} | DEPLOYMENT
    refused = await filing.post("/v1/deployments", body | {"contract_id": str(other.contract_id)}, 422)
    assert wrong_at(refused) == ["#/item_id"]
    refused = await filing.post("/v1/deployments", filing.under | DEPLOYMENT | {"site_id": str(other.site_id)}, 422)
    assert wrong_at(refused) == ["#/site_id"]
    refused = await filing.post("/v1/deployments", {"contract_id": str(other.site_id)} | DEPLOYMENT, 404)
    assert wrong_at(refused) == ["#/contract_id"]
    refused = await filing.post("/v1/actions", {"item_id": str(other.site_id), "what": "Nothing"}, 404)
    assert wrong_at(refused) == ["#/item_id"]


async def test_lists_go_on_page_by_page(filing: Filing) -> None:
    for number in range(5):
        await filing.on_item("/v1/actions", {"what": f"Action {number}"})
        filing.desk.clock.advance(timedelta(seconds=1))
    told: list[str] = []
    answer = await filing.client.get("/v1/actions", params={"limit": 2, "item_id": filing.item_id})
    while True:
        told += [one["what"] for one in answer.json()["data"]]
        if answer.json()["next_cursor"] is None:
            break
        answer = await filing.client.get(answer.links["next"]["url"])
    assert told == [f"Action {number}" for number in (4, 3, 2, 1, 0)]
