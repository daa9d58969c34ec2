"""Requests: who asks, with which form, whether it is covered, and when it is no small thing any more."""

from typing import Any

import pytest

from .conftest import Agreement, Desk
from .test_api import problem

ERROR = {
    "form": "error",
    "title": "Checkout shows an error",
    "steps": "Pay by card.",
    "expected": "A confirmation.",
    "observed": "A blank page.",
    "environment": "Firefox, production",
    "ci_version": "shop 4.2.1",
}
FEATURE = {
    "form": "feature",
    "title": "Export the orders of a month",
    "need": "The accountant types them.",
    "benefit": "A day a month.",
    "who": "Accounting",
}
ASSISTANCE = {"form": "assistance", "title": "How do I add a page?", "topic": "Editing pages"}


def form(agreement: Agreement, filled: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return filled | {"contract_id": str(agreement.contract_id)} | changes


async def test_each_form_gives_its_category_number_and_clocks(desk: Desk, agreement: Agreement) -> None:
    await desk.activate(agreement)
    found = []
    async with desk.client(agreement, "client_staff") as client:
        for filled in (ERROR, FEATURE, ASSISTANCE):
            created = await client.post("/v1/requests", json=form(agreement, filled, severity="critical"))
            assert created.status_code == 201, created.text
            body = created.json()
            found.append(
                (body["number"], body["category"], body["scope_verdict"], [c["metric"] for c in body["clocks"]])
            )
            assert (await client.get(created.headers["location"])).json() == body
    # Evolutionary work and assistance have no repair clock: nothing is broken.
    assert found == [
        ("REQ-2026-0001", "corrective", "in_scope", ["response", "repair"]),
        ("REQ-2026-0002", "evolutionary", "undecided", ["response"]),
        ("REQ-2026-0003", "assistance", "in_scope", ["response"]),
    ]
    names = [name for name, _, _ in await desk.said(agreement.tenant_id)]
    assert names == ["request.opened.v1"] * 3


@pytest.mark.parametrize("missing", ["steps", "expected", "observed", "environment", "ci_version", "title"])
async def test_an_error_report_without_one_of_its_fields_is_refused_at_that_field(
    desk: Desk, agreement: Agreement, missing: str
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement, "client_staff") as client:
        kept = {name: value for name, value in form(agreement, ERROR).items() if name != missing}
        problem(await client.post("/v1/requests", json=kept), 422, f"#/{missing}")
        empty = form(agreement, ERROR, **{missing: ""})
        problem(await client.post("/v1/requests", json=empty), 422, f"#/{missing}")
        complete = await client.post("/v1/requests", json=form(agreement, ERROR))
        assert complete.json()["details"][missing if missing != "title" else "form"]


@pytest.mark.capability("I31")
async def test_every_request_has_a_requester_a_verdict_and_an_id_and_an_anonymous_one_is_refused(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement) as agency:
        nobody = await agency.post("/v1/requests", json=form(agreement, ASSISTANCE), headers={"Authorization": ""})
        assert nobody.status_code == 401
        for unknown in ({"name": "Somebody"}, {"name": " ", "email": "ada@client.example"}):
            refused = await agency.post("/v1/requests", json=form(agreement, ASSISTANCE, requester=unknown))
            assert problem(refused, 422)["errors"][0]["pointer"].startswith("#/requester")
        told = {"name": "Ada Martin", "phone": "+33 1 23 45 67 89", "channel": "phone"}
        called = (await agency.post("/v1/requests", json=form(agreement, FEATURE, requester=told))).json()
        assert (called["requester"]["name"], called["requester"]["channel"]) == ("Ada Martin", "phone")
        path = f"/v1/requests/{called['item_id']}"
        assert problem(await agency.post(f"{path}/resolve"), 409)["missing"] == ["scope_verdict"]
        judged = await agency.post(
            f"/v1/items/{called['item_id']}/scope", json={"verdict": "in_scope", "reason": "A micro-evolution."}
        )
        assert judged.json()["scope_verdict"] == "in_scope"
        assert (await agency.post(f"{path}/resolve")).json()["status"] == "resolved"
    async with desk.client(agreement, "client_staff") as client:
        own = (await client.post("/v1/requests", json=form(agreement, ASSISTANCE))).json()
        assert own["requester"]["kind"] == "user"
        problem(await client.post("/v1/requests", json=form(agreement, ASSISTANCE, requester=told)), 422, "#/requester")


@pytest.mark.capability("I13", "I45")
async def test_a_feature_over_the_limit_of_micro_evolutions_becomes_a_linked_change(
    desk: Desk, agreement: Agreement
) -> None:
    await desk.activate(agreement, service_desk={"micro_evolution_limit_minutes": 120})
    async with desk.client(agreement) as agency:
        small = (await agency.post("/v1/requests", json=form(agreement, FEATURE, estimated_minutes=120))).json()
        assert (small["status"], small["links"]) == ("open", [])
        large = (await agency.post("/v1/requests", json=form(agreement, FEATURE))).json()
        path = f"/v1/requests/{large['item_id']}"
        became = (await agency.post(f"{path}/size", json={"minutes": 121})).json()
        assert became["status"] == "resolved"
        (link,) = became["links"]
        change = (await agency.get(f"/v1/changes/{link['target_id']}")).json()
        assert (change["number"], change["status"], change["kind"]) == ("CHG-2026-0001", "draft", "change")
        assert change["details"]["request_number"] == large["number"]
        assert became["details"]["change_id"] == change["item_id"]
        error = (await agency.post("/v1/requests", json=form(agreement, ERROR))).json()
        problem(await agency.post(f"/v1/requests/{error['item_id']}/size", json={"minutes": 500}), 422, "#/minutes")
    async with desk.client(agreement, "client_staff") as client:
        own = await client.post("/v1/requests", json=form(agreement, FEATURE, estimated_minutes=1))
        problem(own, 422, "#/estimated_minutes")


@pytest.mark.capability("I43")
@pytest.mark.parametrize(
    ("said", "code"),
    [
        ("bloquant", "critical"),
        ("Majeur", "major"),
        ("mineur", "minor"),
        ("temporaire", "temporary"),
        ("major", "major"),
    ],
)
async def test_the_words_of_a_severity_lead_to_its_code(desk: Desk, agreement: Agreement, said: str, code: str) -> None:
    await desk.activate(agreement)
    async with desk.client(agreement, "client_staff") as client:
        created = await client.post("/v1/requests", json=form(agreement, ERROR, severity=said))
        assert created.json()["severity"] == code


@pytest.mark.capability("I43")
async def test_a_contract_may_have_severities_of_its_own(desk: Desk, agreement: Agreement) -> None:
    own = [{"code": "p0", "rank": 1, "names": {"fr": "urgence"}, "synonyms": ["sev0"]}, {"code": "p1", "rank": 2}]
    await desk.activate(agreement, service_desk={"severities": own})
    async with desk.client(agreement) as client:
        for word in ("p0", "URGENCE", "sev0"):
            created = await client.post("/v1/requests", json=form(agreement, ERROR, severity=word))
            assert created.json()["severity"] == "p0"
        problem(await client.post("/v1/requests", json=form(agreement, ERROR, severity="critical")), 422, "#/severity")
        listed = (await client.get("/v1/requests?severity=p0")).json()["data"]
        assert len(listed) == 3


@pytest.mark.capability("I43")
@pytest.mark.parametrize("contract_first", [True, False])
async def test_an_outage_has_the_gravest_severity_of_a_contract_that_calls_it_otherwise(
    desk: Desk, agreement: Agreement, contract_first: bool
) -> None:
    own = [{"code": "p1", "rank": 2}, {"code": "p0", "rank": 1}]
    targets = [{"severity": "p0", "response": "PT30M", "repair": "PT4H"}]
    terms = {
        "service_desk": {"severities": own},
        "response": agreement.state()["response"] | {"targets": targets},
    }
    if contract_first:
        await desk.activate(agreement, **terms)
    await desk.break_down(agreement)
    if not contract_first:
        await desk.activate(agreement, **terms)
    incident = await desk.only_incident(agreement)
    assert incident["severity"] == "p0"
    assert [clock["due_at"] for clock in incident["clocks"]] == ["2026-06-08T09:30:00Z", "2026-06-08T13:00:00Z"]


@pytest.mark.capability("I28")
@pytest.mark.parametrize("impact", ["availability", "security", "data", "operations"])
@pytest.mark.parametrize("criticality", ["low", "medium", "high"])
async def test_impact_and_criticality_give_the_severity_of_the_contracts_matrix(
    desk: Desk, agreement: Agreement, impact: str, criticality: str
) -> None:
    impacts, criticalities = ["availability", "security", "data", "operations"], ["low", "medium", "high"]
    codes = [f"s{n}" for n in range(12)]
    table = [
        {"impact": one, "criticality": other, "severity": codes[3 * i + j]}
        for i, one in enumerate(impacts)
        for j, other in enumerate(criticalities)
    ]
    severities = [{"code": code, "rank": n + 1} for n, code in enumerate(codes)]
    await desk.activate(agreement, service_desk={"severities": severities, "priority": {"rank": 1, "matrix": table}})
    expected = codes[3 * impacts.index(impact) + criticalities.index(criticality)]
    judged = {"impact": impact, "criticality": criticality}
    async with desk.client(agreement) as client:
        asked = await client.post("/v1/requests", json=form(agreement, ERROR, **judged))
        assert asked.json()["severity"] == expected
        reported = await client.post(
            "/v1/incidents", json={"contract_id": str(agreement.contract_id), "title": "Slow", **judged}
        )
        assert reported.json()["severity"] == expected
