"""Before a level of support is signed: is the client a fit, what comes first, what is still missing."""

from datetime import timedelta
from typing import Any

import pytest

from shared.kernel.clock import FixedClock

from ..whole_contract import whole
from .conftest import ASSET, FIT, Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEVELS = {"stability_security": "150.00", "continuous_evolution": "500.00", "institutional_sla": "1500.00"}


async def assess(agency: Agency, client: Any, *, owner: bool = True, asset: Any = ASSET, **answers: bool) -> Any:
    contact = client["contacts"][0]["contact_id"] if owner else None
    body = {"client_id": client["client_id"], "answers": FIT | answers, "asset": asset}
    return await agency.make("/v1/assessments", body | {"business_owner_contact_id": contact})


async def draft(agency: Agency, client: Any, site: Any, plan: str = "stability_security", **terms: Any) -> Any:
    body = agency.terms(client, site, plan, LEVELS[plan], status_page=None, **(whole() | terms))
    return await agency.make("/v1/contracts", body | {"price": {"amount": LEVELS[plan], "currency": "USD"}})


async def engagement(agency: Agency, client: Any, *kinds: str) -> Any:
    phases = [{"kind": kind} for kind in kinds]
    body = {"client_id": client["client_id"], "title": "Reprise", "phases": phases}
    return await agency.make("/v1/engagements", body)


async def through(agency: Agency, engaged: Any, number: int) -> None:
    path = f"/v1/engagements/{engaged['engagement_id']}"
    await agency.make(f"{path}/begin-phase", {"number": number}, status=200)
    await agency.make(f"{path}/complete-phase", {"number": number, "outcome": "Done"}, status=200)


async def sign(agency: Agency, contract: Any) -> Any:
    for party in ("agency", "client"):
        contract = await agency.step(contract, "sign", {"party": party, "document_hash": contract["document"]["hash"]})
    return contract


def pointers(problem: Any) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]


@pytest.mark.capability("K55", "K71")
async def test_any_answer_against_leads_to_a_diagnostic_and_no_business_owner_is_no_fit(agency: Agency) -> None:
    client = await agency.client()
    assert (await assess(agency, client))["verdict"] == "fit"
    for answer in ("not_stabilized", "experimental", "no_governance"):
        found = await assess(agency, client, **{answer: True})
        assert (found["verdict"], found["needs_diagnostic"]) == ("diagnostic_first", True)
        assert found["reasons"][0]["code"] == answer
        assert "diagnostic" in found["reasons"][0]["text"]["fr"]
    ineligible = await assess(agency, client, owner=False)
    assert (ineligible["verdict"], ineligible["needs_diagnostic"]) == ("not_fit", True)
    assert ineligible["reasons"][0]["code"] == "no_business_owner"
    listed = await agency.get("/v1/assessments", params={"client_id": client["client_id"], "limit": 2})
    assert [each["verdict"] for each in listed["data"]] == ["not_fit", "diagnostic_first"]
    assert listed["next_cursor"]
    site = await agency.site(client)
    contract = await draft(agency, client, site)
    problem = await agency.refused(422, "POST", f"/v1/contracts/{contract['contract_id']}/propose")
    assert "#/assessment/business_owner_contact_id" in pointers(problem)


@pytest.mark.capability("K56", "K90")
@pytest.mark.parametrize("plan", LEVELS)
async def test_no_level_of_support_is_signed_while_a_diagnostic_is_open(agency: Agency, plan: str) -> None:
    client = await agency.client()
    site = await agency.site(client)
    response = {"calendar": "business_hours", "targets": [{"severity": "critical", "response": "PT4H"}]}
    contract = await draft(agency, client, site, plan, response=response)
    steps = f"/v1/contracts/{contract['contract_id']}"
    assert "#/assessment" in pointers(await agency.refused(422, "POST", f"{steps}/propose"))
    await agency.ready_for_support(client)
    contract = await agency.step(contract, "propose")
    engaged = await engagement(agency, client, "diagnostic", "delivery", "support")
    consent = {"party": "client", "document_hash": contract["document"]["hash"]}
    problem = await agency.refused(409, "POST", f"{steps}/sign", json=consent)
    assert "diagnostic" in problem["detail"]
    phases = f"/v1/engagements/{engaged['engagement_id']}"
    await agency.refused(409, "POST", f"{phases}/begin-phase", json={"number": 3})
    await through(agency, engaged, 1)
    contract = await sign(agency, contract)
    # Signed, and support still begins only after what was planned before it.
    assert "delivery" in (await agency.refused(409, "POST", f"{steps}/activate"))["detail"]
    await through(agency, engaged, 2)
    assert (await agency.step(contract, "activate"))["status"] == "active"
    told = await agency.get(phases)
    assert [phase["state"] for phase in told["phases"]] == ["completed", "completed", "begun"]


async def test_a_client_that_is_to_be_diagnosed_signs_after_its_diagnostic(agency: Agency, clock: FixedClock) -> None:
    client = await agency.client()
    site = await agency.site(client)
    await assess(agency, client, not_stabilized=True)
    contract = await draft(agency, client, site)
    path = f"/v1/contracts/{contract['contract_id']}/propose"
    assert pointers(await agency.refused(422, "POST", path)) == ["#/assessment/needs_diagnostic"]
    clock.advance(timedelta(days=1))
    await through(agency, await engagement(agency, client, "diagnostic"), 1)
    assert (await agency.step(contract, "propose"))["status"] == "proposed"


async def test_a_client_who_has_support_amends_it_while_another_diagnostic_is_open(agency: Agency) -> None:
    client = await agency.client()
    await agency.ready_for_support(client)
    contract = await agency.step(await draft(agency, client, await agency.site(client)), "propose")
    contract = await agency.step(await sign(agency, contract), "activate")
    await engagement(agency, client, "diagnostic")
    amended = await agency.step(
        contract, "amendment", {"plan_code": "continuous_evolution", "price": {"amount": "500.00"}}
    )
    consent = {"party": "client", "document_hash": amended["amendment"]["document"]["hash"]}
    await agency.step(contract, "amendment/sign", consent)


async def test_a_tier_becomes_a_level_of_support_only_through_the_gate(agency: Agency) -> None:
    contract = await agency.active()
    to_support = whole() | {"plan_code": "stability_security", "price": {"amount": "150.00", "currency": "USD"}}
    to_support["effective_on"] = "2026-07-01"  # another currency begins with a period
    path = f"/v1/contracts/{contract['contract_id']}/amendment"
    assert pointers(await agency.refused(422, "POST", path, json=to_support)) == ["#/assessment"]


async def test_an_engagement_that_is_closed_keeps_nobody_from_signing(agency: Agency) -> None:
    client = await agency.client()
    await assess(agency, client)
    engaged = await engagement(agency, client, "diagnostic", "support")
    contract = await draft(agency, client, await agency.site(client))
    path = f"/v1/contracts/{contract['contract_id']}/propose"
    assert pointers(await agency.refused(422, "POST", path)) == ["#/engagements"]
    await agency.make(f"/v1/engagements/{engaged['engagement_id']}/close", {"reason": "Not needed"}, status=200)
    await agency.step(contract, "propose")
    wrong = {"client_id": client["client_id"], "title": "x", "phases": [{"kind": "support"}]}
    assert pointers(await agency.refused(422, "POST", "/v1/engagements", json=wrong)) == ["#/phases"]


@pytest.mark.capability("K54", "K27")
async def test_three_answers_and_the_usage_class_give_a_level_and_a_tier_with_reasons(agency: Agency) -> None:
    path = "/v1/calculators/support-level"
    found = await agency.make(path, ASSET, status=200)
    assert (found["level"], found["plan_code"], found["points"]) == (2, "continuous_evolution", 3)
    assert found["reasons"][0]["text"]["fr"].endswith("donnent 3 points sur 6.")
    assert await agency.make(path, ASSET, status=200) == found
    calm = {"criticality": "low", "dependency": "low", "risk_tolerance": "high"}
    by_usage = [await agency.make(path, calm | {"usage": usage}, status=200) for usage in ("light", "regular", "heavy")]
    assert [each["tier_plan_code"] for each in by_usage] == ["basique", "standard", "premium"]
    assert [each["level"] for each in by_usage] == [1, 1, 2]


@pytest.mark.capability("K68")
async def test_a_sensitive_asset_under_level_one_is_warned_of(agency: Agency) -> None:
    client = await agency.client()
    site = await agency.site(client)
    await assess(agency, client, asset=ASSET | {"sensitive": True})
    contract = await draft(agency, client, site)
    ready = await agency.get(f"/v1/contracts/{contract['contract_id']}/readiness")
    assert "sensitive_asset_on_level_one" in [warning["code"] for warning in ready["warnings"]]
    assert ready["missing"] == []


@pytest.mark.capability("K38", "K69", "K73", "K57")
async def test_everything_that_is_missing_is_told_at_once_and_again_when_it_is_proposed(agency: Agency) -> None:
    client = await agency.client()
    site = await agency.site(client)
    await assess(agency, client)
    nobody = {"code": "hosting", "name": {"fr": "Hébergement", "en": "Hosting"}, "side": "agency"}
    contract = await draft(
        agency,
        client,
        site,
        "institutional_sla",
        response=None,
        onboarding={},
        scope=None,
        offer={},
        commercial={},
        responsibilities={"activities": [nobody]},
        service_desk=None,
    )
    path = f"/v1/contracts/{contract['contract_id']}"
    ready = await agency.get(f"{path}/readiness")
    problem = await agency.refused(422, "POST", f"{path}/propose")
    assert [(each["pointer"], each["detail"]) for each in ready["missing"]] == [
        (error["pointer"], error["detail"]) for error in problem["errors"]
    ]
    assert {pointer.removeprefix("#/terms/") for pointer in pointers(problem)} == {
        "scope",
        "response",
        "onboarding/scope",
        "onboarding/responsibilities",
        "onboarding/service_levels",
        "offer/maintenance_types",
        "offer/intervention_modes",
        "offer/coverage_calendar",
        "offer/channels",
        "offer/team",
        "commercial/billing",
        "responsibilities/activities/0/decides",
        "responsibilities/activities/0/executes",
        "#/agency/party",
        "#/client/party",
    }


async def test_a_plan_of_the_agency_requires_what_it_says_and_what_the_plan_below_requires(agency: Agency) -> None:
    plan = {
        "code": "bespoke",
        "catalogue": "engagement_levels",
        "title": {"fr": "Sur mesure", "en": "Bespoke"},
        "extends": "stability_security",
        "price": {"currency": "USD"},
        "deliverables": [],
        "requires": ["legal", "scope", "legal"],
    }
    made = (await agency.make("/v1/plans", plan))["current"]
    assert made["requires"] == [
        "eligibility", "onboarding", "scope", "offer", "commercial", "responsibilities", "legal",
    ]  # fmt: skip
    assert made["support_level"] is None
    basique = next(each for each in (await agency.get("/v1/plans"))["data"] if each["code"] == "basique")
    assert (basique["current"]["requires"], basique["current"]["support_level"]) == ([], None)


async def test_a_clients_people_see_nothing_of_what_was_judged_of_them(
    installation: Installation, agency: Agency
) -> None:
    client = await agency.client()
    assessment = await assess(agency, client)
    decider = await installation.caller(agency, role="client_decider", client_id=client["client_id"])
    await decider.refused(403, "GET", "/v1/assessments")
    await decider.refused(403, "GET", f"/v1/assessments/{assessment['assessment_id']}")
    await decider.refused(403, "GET", "/v1/engagements")
