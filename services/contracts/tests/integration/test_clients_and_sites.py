"""Clients, contacts, sites and environments: changed with care, told to the others, seen by whom they concern."""

from typing import Any

import pytest

from contracts.published.v1 import ClientChanged, SiteChanged

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_every_change_of_a_client_tells_its_full_state_with_a_new_version(
    installation: Installation, agency: Agency
) -> None:
    client = await agency.client()
    path = f"/v1/clients/{client['client_id']}"
    contact = await agency.make(
        f"{path}/contacts",
        {"name": "Marc", "email": "marc@hotel.example", "language": "en", "roles": ["technical", "billing"]},
    )
    place = f"{path}/contacts/{contact['contact_id']}"
    changed = await agency.call("PATCH", place, json={"roles": ["technical"]}, headers={"If-Match": '"1"'})
    assert changed.json()["roles"] == ["technical"]
    await agency.call("PATCH", path, json={"time_zone": "America/New_York"}, headers={"If-Match": '"3"'})
    gone = await agency.call("DELETE", place, headers={"If-Match": '"2"'})
    assert gone.status_code == 204
    await agency.refused(404, "GET", place)
    said = await installation.events(client["client_id"])
    assert [event["aggregateversion"] for event in said] == [1, 2, 3, 4, 5]
    states = [ClientChanged.model_validate(event["data"]) for event in said]
    assert [len(state.contacts) for state in states] == [1, 2, 2, 2, 1]
    assert states[-1].time_zone == "America/New_York"


async def test_every_change_of_a_site_tells_its_full_state_with_a_new_version(
    installation: Installation, agency: Agency
) -> None:
    site = await agency.site(await agency.client())
    path = f"/v1/sites/{site['site_id']}"
    added = await agency.make(f"{path}/environments", {"name": "api", "url": "https://api.hotel.example/"})
    place = f"{path}/environments/{added['environment_id']}"
    await agency.call("PATCH", place, json={"counts_for_sla": False}, headers={"If-Match": '"1"'})
    await agency.call("PATCH", path, json={"kind": "web_application"}, headers={"If-Match": "*"})
    assert (await agency.call("DELETE", place, headers={"If-Match": '"2"'})).status_code == 204
    states = [SiteChanged.model_validate(event["data"]) for event in await installation.events(site["site_id"])]
    assert [state.version for state in states] == [1, 2, 3, 4, 5]
    assert [len(state.environments) for state in states] == [2, 3, 3, 3, 2]
    assert [item.counts_for_sla for item in states[2].environments] == [True, False, False]
    assert (await agency.get(path))["kind"] == "web_application"


async def test_nobody_overwrites_what_he_has_not_read(agency: Agency) -> None:
    client = await agency.client()
    path = f"/v1/clients/{client['client_id']}"
    answer = await agency.call("GET", path)
    assert answer.headers["etag"] == '"1"'
    assert (await agency.call("GET", path, headers={"If-None-Match": '"1"'})).status_code == 304
    await agency.refused(428, "PATCH", path, json={"name": "A"})
    assert (await agency.call("PATCH", path, json={"name": "A"}, headers={"If-Match": '"1"'})).headers["etag"] == '"2"'
    await agency.refused(412, "PATCH", path, json={"name": "B"}, headers={"If-Match": '"1"'})
    assert (await agency.call("GET", path, headers={"If-None-Match": '"1"'})).json()["name"] == "A"


async def test_a_repeated_request_has_the_effect_of_one_and_a_key_belongs_to_one_request(
    installation: Installation, agency: Agency
) -> None:
    body = {"name": "Hôtel du Lac"}
    key = {"Idempotency-Key": '"one-request"'}
    first = await agency.call("POST", "/v1/clients", json=body, headers=key)
    again = await agency.call("POST", "/v1/clients", json=body, headers=key)
    assert first.json() == again.json()
    assert again.headers["idempotency-replayed"] == "true"
    assert again.headers["etag"] == first.headers["etag"]
    await agency.refused(422, "POST", "/v1/clients", json={"name": "Other"}, headers=key)
    assert len((await agency.get("/v1/clients"))["data"]) == 1
    assert len(await installation.events(first.json()["client_id"])) == 1


async def test_a_repeated_activation_answers_the_same_instead_of_a_conflict(agency: Agency) -> None:
    contract = await agency.signed()
    path = f"/v1/contracts/{contract['contract_id']}/activate"
    first = await agency.call("POST", path, headers={"Idempotency-Key": "activate-once"})
    again = await agency.call("POST", path, headers={"Idempotency-Key": "activate-once"})
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == again.json()
    await agency.refused(409, "POST", path)


async def test_lists_come_in_pages_that_stay_right_while_rows_come(agency: Agency) -> None:
    names = [f"Client {number}" for number in range(5)]
    for name in names[:4]:
        await agency.make("/v1/clients", {"name": name})
    page = await agency.get("/v1/clients", params={"limit": 2})
    await agency.make("/v1/clients", {"name": names[4]})
    seen = [client["name"] for client in page["data"]]
    while page["next_cursor"]:
        page = await agency.get("/v1/clients", params={"limit": 2, "cursor": page["next_cursor"]})
        seen += [client["name"] for client in page["data"]]
    assert seen == names
    problem = await agency.refused(400, "GET", "/v1/clients", params={"cursor": "bm90aGluZw"})
    assert problem["code"] == "invalid-cursor"


async def test_sites_and_contracts_can_be_listed_by_client(agency: Agency) -> None:
    one, two = await agency.draft(), await agency.draft()
    for path in ("/v1/sites", "/v1/contracts"):
        page = await agency.get(path, params={"client_id": two["client_id"]})
        assert [item["client_id"] for item in page["data"]] == [two["client_id"]]
    drafts = await agency.get("/v1/contracts", params={"status": "draft"})
    assert [item["contract_id"] for item in drafts["data"]] == [one["contract_id"], two["contract_id"]]
    assert (await agency.get("/v1/contracts", params={"status": "active"}))["data"] == []


async def test_who_is_bound_to_a_client_sees_that_client_only(installation: Installation, agency: Agency) -> None:
    mine, other = await agency.active(price_override_reason="Ours alone"), await agency.active()
    decider = await installation.caller(agency, role="client_decider", client_id=mine["client_id"])
    for path, key in (("/v1/clients", "client_id"), ("/v1/sites", "client_id"), ("/v1/contracts", "client_id")):
        page = await decider.get(path)
        assert [item[key] for item in page["data"]] == [mine["client_id"]]
    path = f"/v1/contracts/{mine['contract_id']}"
    assert (await decider.get(path))["terms"]["price_override_reason"] is None
    await decider.get(f"{path}/effective")
    for place in ("", "/document", "/states", "/effective"):
        await decider.refused(404, "GET", f"/v1/contracts/{other['contract_id']}{place}")
    await decider.refused(404, "GET", f"/v1/clients/{other['client_id']}")
    await decider.refused(403, "POST", f"{path}/terminate", json={"reason": "I want to"})
    staff = await installation.caller(agency, role="client_staff", client_id=mine["client_id"])
    await staff.refused(403, "GET", "/v1/contracts")


async def test_agencies_never_see_one_another(installation: Installation, agency: Agency) -> None:
    contract = await agency.active()
    site = (await agency.get("/v1/sites"))["data"][0]
    client = (await agency.get("/v1/clients"))["data"][0]
    plan = (await agency.get("/v1/plans"))["data"][0]
    calendar = (await agency.get("/v1/calendars"))["data"][0]
    key = (await agency.get("/v1/api-keys"))["data"][0]
    user = await agency.make("/v1/users", {"email": "a@agency.example", "name": "A", "role": "viewer"})
    other = await installation.agency("Another agency")
    for path in ("/v1/clients", "/v1/sites", "/v1/contracts", "/v1/users"):
        assert (await other.get(path))["data"] == []
    for path in ("/v1/api-keys", "/v1/plans", "/v1/calendars"):
        ids = {
            value for item in (await other.get(path))["data"] for name, value in item.items() if name.endswith("_id")
        }
        assert not ids & {plan["plan_id"], calendar["calendar_id"], key["api_key_id"]}
    if_match: dict[str, Any] = {"headers": {"If-Match": "*"}}
    contact = client["contacts"][0]["contact_id"]
    environment = site["environments"][0]["environment_id"]
    contract_path = f"/v1/contracts/{contract['contract_id']}"
    for method, path, how in (
        ("GET", f"/v1/clients/{client['client_id']}", {}),
        ("PATCH", f"/v1/clients/{client['client_id']}", {"json": {"name": "Mine"}, **if_match}),
        ("DELETE", f"/v1/clients/{client['client_id']}/contacts/{contact}", if_match),
        ("GET", f"/v1/sites/{site['site_id']}", {}),
        ("DELETE", f"/v1/sites/{site['site_id']}/environments/{environment}", if_match),
        ("POST", "/v1/sites", {"json": {"client_id": client["client_id"], "name": "Mine"}}),
        ("GET", f"/v1/plans/{plan['plan_id']}", {}),
        ("GET", f"/v1/plans/{plan['plan_id']}/versions/1", {}),
        ("GET", f"/v1/plans/{plan['plan_id']}/versions", {}),
        ("GET", f"/v1/calendars/{calendar['calendar_id']}", {}),
        ("GET", f"/v1/users/{user['user_id']}", {}),
        ("GET", f"/v1/api-keys/{key['api_key_id']}", {}),
        ("POST", f"/v1/api-keys/{key['api_key_id']}/revoke", {}),
        ("GET", contract_path, {}),
        ("GET", f"{contract_path}/document", {}),
        ("GET", f"{contract_path}/states", {}),
        ("GET", f"{contract_path}/effective", {}),
        ("POST", f"{contract_path}/suspend", {"json": {"reason": "Mine"}}),
        ("POST", f"{contract_path}/amendment", {"json": {"price": {"amount": "401"}}}),
    ):
        await other.refused(404, method, path, **how)
    body = agency.terms(client, site, "premium", "600.00")
    await other.refused(404, "POST", "/v1/contracts", json=body)
    own_client = await other.client()
    problem = await other.refused(422, "POST", "/v1/contracts", json={**body, "client_id": own_client["client_id"]})
    assert problem["errors"][0]["pointer"] == "#/site_ids/0"


async def test_bad_input_is_a_problem_with_a_pointer_to_the_field(agency: Agency) -> None:
    client = await agency.client()
    site = await agency.site(client)
    terms = agency.terms(client, site, "premium", "600.00")
    for change, pointer in (
        ({"surprise": 1}, "#/surprise"),
        ({"starts_on": "tomorrow"}, "#/starts_on"),
        ({"starts_on": 20260608}, "#/starts_on"),
        ({"ends_on": "2026-06-07"}, "#"),
        ({"site_ids": [site["site_id"], site["site_id"]]}, "#"),
        ({"site_ids": "all"}, "#/site_ids"),
        ({"price": {"amount": 600, "currency": "EUR"}}, "#/price/amount"),
        ({"price": {"amount": "600.001", "currency": "EUR"}}, "#/price"),
        ({"plan_code": "nothing"}, "#/plan_code"),
        ({"client_id": "x"}, "#/client_id"),
        ({"alert_emails": ["nobody"]}, "#/alert_emails/0"),
        ({"status_page": {"slug": "Not a slug", "name": "x"}}, "#/status_page/slug"),
        ({"status_page": {"slug": "slug", "name": "x", "logo_url": "script:x"}}, "#/status_page/logo_url"),
        (
            {"response": {"calendar": "moon", "targets": [{"severity": "major", "response": "PT1H"}]}},
            "#/response/calendar",
        ),
        ({"response": {"calendar": "business_hours", "targets": []}}, "#/response/targets"),
        ({"uptime": {"target_percent": "101"}}, "#/uptime/target_percent"),
        ({"deliverable_parameters": {"nothing": {}}}, "#/deliverable_parameters/nothing"),
        (
            {"deliverable_parameters": {"uptime_monitoring": {"interval_seconds": 0}}},
            "#/deliverable_parameters/uptime_monitoring/interval_seconds",
        ),
        ({"deliverable_parameters": {"response_commitment": {}}}, "#/deliverable_parameters/response_commitment"),
    ):
        problem = await agency.refused(422, "POST", "/v1/contracts", json={**terms, **change})
        assert pointer in [error["pointer"] for error in problem["errors"]], (change, problem)


async def test_a_merge_patch_of_a_draft_goes_into_its_objects_and_faults_are_located(agency: Agency) -> None:
    contract = await agency.draft()
    path = f"/v1/contracts/{contract['contract_id']}"
    changed = await agency.call(
        "PATCH",
        path,
        json={"uptime": {"target_percent": "99.95"}, "status_page": {"colours": {"primary": "#000000"}}},
        headers={"If-Match": '"1"', "Content-Type": "application/merge-patch+json"},
    )
    terms = changed.json()["terms"]
    assert terms["uptime"]["target_percent"] == "99.95"
    assert terms["uptime"]["rule"]["maintenance"] == "exclude"
    assert terms["status_page"]["colours"] == {"primary": "#000000", "background": "#ffffff", "text": "#1a1a1a"}
    for patch, pointer in (
        ({"price": {"amount": "much"}}, "#/price/amount"),
        ({"starts_on": None}, "#/starts_on"),
        ({"uptime": {"rule": None}}, "#/uptime/rule"),
        ({"client_id": contract["client_id"]}, "#/client_id"),
    ):
        problem = await agency.refused(422, "PATCH", path, json=patch, headers={"If-Match": "*"})
        assert pointer in [error["pointer"] for error in problem["errors"]], problem
    removed = await agency.call("PATCH", path, json={"uptime": None}, headers={"If-Match": '"2"'})
    assert removed.json()["terms"]["uptime"] is None
    assert "uptime_commitment" not in [item["code"] for item in removed.json()["deliverables"]]
