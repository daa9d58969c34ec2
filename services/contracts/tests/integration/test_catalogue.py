"""The plan catalogue that a new agency has, and what it can make of it."""

from typing import Any

import pytest

from ..whole_contract import whole
from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def plans_of(agency: Agency, catalogue: str) -> dict[str, Any]:
    page = await agency.get("/v1/plans", params={"catalogue": catalogue})
    return {plan["code"]: plan for plan in page["data"]}


def parameters(plan: Any, code: str) -> Any:
    return next(item["parameters"] for item in plan["current"]["effective_deliverables"] if item["code"] == code)


@pytest.mark.capability("K02")
async def test_a_new_agency_has_the_three_tiers_with_versions(agency: Agency) -> None:
    tiers = await plans_of(agency, "tiers")
    assert list(tiers) == ["basique", "standard", "premium"]
    assert [plan["current"]["title"]["fr"] for plan in tiers.values()] == ["Basique", "Standard", "Premium"]
    assert [
        (plan["current"]["price"]["minimum"], plan["current"]["price"]["maximum"], plan["current"]["price"]["currency"])
        for plan in tiers.values()
    ] == [("100.00", "200.00", "EUR"), ("200.00", "400.00", "EUR"), ("400.00", "800.00", "EUR")]
    assert [plan["current"]["number"] for plan in tiers.values()] == [1, 1, 1]
    assert [parameters(plan, "uptime_monitoring")["interval_seconds"] for plan in tiers.values()] == [180, 60, 30]
    targets = [parameters(plan, "response_commitment") for plan in tiers.values()]
    assert [(each["calendar"], each["targets"][0]["response"]) for each in targets] == [
        ("business_hours", "PT4H"),
        ("business_hours", "PT1H"),
        ("around_the_clock", "PT30M"),
    ]


@pytest.mark.capability("K04")
async def test_premium_takes_over_both_tiers_below_and_its_thirty_seconds_win(agency: Agency) -> None:
    premium = (await plans_of(agency, "tiers"))["premium"]["current"]
    effective = premium["effective_deliverables"]
    assert len(effective) == 15
    assert len({item["code"] for item in effective}) == 15
    assert parameters({"current": premium}, "uptime_monitoring")["interval_seconds"] == 30
    assert premium["extends"]["code"] == "standard"
    assert {"mail_alerts", "status_page", "certificate_monitoring"} <= {item["type"] for item in effective}
    assert all(item["proof"] and item["maintenance_type"] for item in effective)


@pytest.mark.capability("K03")
async def test_a_price_outside_of_the_tier_is_refused_or_needs_a_reason(agency: Agency) -> None:
    client = await agency.client()
    site = await agency.site(client)
    terms = agency.terms(client, site, "basique", "250.00")
    problem = await agency.refused(422, "POST", "/v1/contracts", json=terms)
    assert problem["code"] == "price-outside-range"
    assert problem["errors"][0]["pointer"] == "#/price/amount"
    contract = await agency.make("/v1/contracts", {**terms, "price_override_reason": "Two languages"})
    assert contract["terms"]["price_override_reason"] == "Two languages"
    await agency.refused(
        422,
        "PATCH",
        f"/v1/contracts/{contract['contract_id']}",
        json={"price_override_reason": None},
        headers={"If-Match": "*"},
    )
    terms["price"] = {"amount": "150.00", "currency": "USD"}
    assert (await agency.refused(422, "POST", "/v1/contracts", json=terms))["code"] == "price-outside-range"


@pytest.mark.capability("K50")
async def test_tiers_and_engagement_levels_live_side_by_side(agency: Agency) -> None:
    assert list(await plans_of(agency, "tiers")) == ["basique", "standard", "premium"]
    levels = await plans_of(agency, "engagement_levels")
    assert list(levels) == ["stability_security", "continuous_evolution", "institutional_sla"]
    both = await agency.get("/v1/plans")
    assert len(both["data"]) == 6
    client = await agency.client()
    site = await agency.site(client)
    for plan, price in (("premium", ("600.00", "EUR")), ("stability_security", ("150.00", "USD"))):
        terms = agency.terms(client, site, plan, price[0]) | {"price": {"amount": price[0], "currency": price[1]}}
        await agency.make("/v1/contracts", terms)


@pytest.mark.capability("K51")
async def test_level_one_restores_from_verified_backups_with_a_restore_test_as_proof(agency: Agency) -> None:
    level = (await plans_of(agency, "engagement_levels"))["stability_security"]["current"]
    assert {item["code"]: item["proof"] for item in level["effective_deliverables"]} == {
        "security_hardening": "change_record",
        "controlled_updates": "change_record",
        "backup_restoration": "restore_test",
        "targeted_fixes": "change_record",
        "scoped_support": "request_record",
    }


async def test_levels_two_and_three_take_over_the_ones_below(agency: Agency) -> None:
    levels = await plans_of(agency, "engagement_levels")
    second = levels["continuous_evolution"]
    assert parameters(second, "structured_prioritization") == {"backlog_cap": 20, "maximum_age_days": 90}
    third = levels["institutional_sla"]
    codes = {item["code"] for item in third["current"]["effective_deliverables"]}
    assert {
        "backup_restoration",
        "structured_prioritization",
        "availability_management",
        "response_commitment",
        "escalation_path",
        "controlled_deployments",
        "regular_reporting",
        "enhanced_traceability",
    } <= codes


@pytest.mark.capability("K61")
async def test_the_floors_of_the_levels_are_indicative_and_the_document_says_so(agency: Agency) -> None:
    levels = await plans_of(agency, "engagement_levels")
    prices = [plan["current"]["price"] for plan in levels.values()]
    assert [(price["minimum"], price["maximum"], price["currency"], price["indicative"]) for price in prices] == [
        ("150.00", None, "USD", True),
        ("500.00", None, "USD", True),
        ("1500.00", None, "USD", True),
    ]
    client = await agency.client()
    site = await agency.site(client)
    await agency.ready_for_support(client)
    terms = agency.terms(client, site, "institutional_sla", "1200.00", status_page=None, **whole())
    terms["price"] = {"amount": "1200.00", "currency": "USD"}
    contract = await agency.step(await agency.make("/v1/contracts", terms), "propose")
    document = await agency.get(f"/v1/contracts/{contract['contract_id']}/document")
    indicative = document["plan"]["indicative_price"]
    assert (indicative["minimum"], indicative["indicative"]) == ("1500.00", True)
    assert "indicatifs" in indicative["notice"]["fr"]
    assert "not a quote" in indicative["notice"]["en"]
    binding = await agency.step(await agency.draft(), "propose")
    document = await agency.get(f"/v1/contracts/{binding['contract_id']}/document")
    assert document["plan"]["indicative_price"] is None


async def test_everything_that_is_offered_is_named_in_french_and_english(agency: Agency) -> None:
    for plan in (await agency.get("/v1/plans"))["data"]:
        for item in plan["current"]["effective_deliverables"]:
            assert item["name"]["fr"]
            assert item["name"]["en"]


async def test_a_new_version_is_for_new_contracts_and_old_ones_keep_theirs(agency: Agency) -> None:
    before = await agency.draft(plan="basique", amount="150.00")
    plan = (await plans_of(agency, "tiers"))["basique"]
    version = {key: plan["current"][key] for key in ("title", "price", "deliverables")}
    version["deliverables"] = [
        {**item, "parameters": {"interval_seconds": 120}} if item["code"] == "uptime_monitoring" else item
        for item in version["deliverables"]
    ]
    path = f"/v1/plans/{plan['plan_id']}"
    await agency.refused(428, "POST", f"{path}/versions", json=version)
    changed = await agency.make(f"{path}/versions", version, headers={"If-Match": '"1"'})
    assert changed["current"]["number"] == 2
    await agency.refused(412, "POST", f"{path}/versions", json=version, headers={"If-Match": '"1"'})
    after = await agency.draft(plan="basique", amount="150.00")

    def interval(contract: Any) -> int:
        return int(
            next(
                i["parameters"]["interval_seconds"]
                for i in contract["deliverables"]
                if i["type"] == "uptime_monitoring"
            )
        )

    assert (interval(await agency.get(f"/v1/contracts/{before['contract_id']}")), interval(after)) == (180, 120)
    versions = await agency.get(f"{path}/versions")
    assert [each["number"] for each in versions["data"]] == [1, 2]
    assert (await agency.get(f"{path}/versions/1"))["price"]["minimum"] == "100.00"
    await agency.refused(404, "GET", f"{path}/versions/3")


async def test_installing_again_keeps_what_the_agency_has_made_of_it(agency: Agency) -> None:
    answer = await agency.make("/v1/catalogue/fixtures", {}, status=200)
    assert answer["created"] == []
    assert len(answer["kept"]) == 23


async def test_a_plan_of_ones_own_extends_another_and_bad_ones_are_refused(agency: Agency) -> None:
    texts = {"fr": "Sur mesure", "en": "Bespoke"}
    price = {"minimum": "300", "maximum": "900", "currency": "EUR"}
    bespoke = {
        "code": "bespoke",
        "catalogue": "tiers",
        "title": texts,
        "extends": "premium",
        "price": price,
        "deliverables": [],
    }
    plan = await agency.make("/v1/plans", bespoke)
    assert len(plan["current"]["effective_deliverables"]) == 15
    await agency.refused(409, "POST", "/v1/plans", json=bespoke)
    monitoring = {
        "code": "mail_alerts",
        "type": "uptime_monitoring",
        "name": texts,
        "maintenance_type": "preventive",
        "proof": "check_results",
        "parameters": {"interval_seconds": 60},
    }
    for change, pointer in (
        ({"code": "a", "extends": "nothing"}, "#/extends"),
        ({"code": "a", "deliverables": [monitoring]}, "#/deliverables"),
        ({"code": "a", "price": {**price, "maximum": "200"}}, "#/price"),
        (
            {"code": "a", "deliverables": [{**monitoring, "maintenance_type": None}]},
            "#/deliverables/0/maintenance_type",
        ),
        (
            {"code": "a", "deliverables": [{**monitoring, "parameters": {"interval_seconds": 0}}]},
            "#/deliverables/0/parameters/interval_seconds",
        ),
    ):
        problem = await agency.refused(422, "POST", "/v1/plans", json={**bespoke, **change})
        assert problem["errors"][0]["pointer"] == pointer
    await agency.refused(
        409,
        "POST",
        f"/v1/plans/{(await plans_of(agency, 'tiers'))['basique']['plan_id']}/versions",
        json={"title": texts, "price": price, "deliverables": [], "extends": "bespoke"},
        headers={"If-Match": "*"},
    )


async def test_calendars_have_versions_that_begin_in_the_future(agency: Agency) -> None:
    always = {"time_zone": "Europe/Paris", "always": True}
    texts = {"fr": "Nuit", "en": "Night"}
    made = await agency.make("/v1/calendars", {"name": "night", "title": texts, "calendar": always})
    await agency.refused(409, "POST", "/v1/calendars", json={"name": "night", "title": texts, "calendar": always})
    path = f"/v1/calendars/{made['calendar_id']}"
    for effective_from, status in (
        ("2026-06-08T09:00:00Z", 422),
        ("2026-06-09T00:00:00", 422),
        ("2026-07-01T00:00:00+02:00", 201),
        ("2026-06-15T00:00:00+02:00", 422),
    ):
        answer = await agency.call(
            "POST",
            f"{path}/versions",
            json={"effective_from": effective_from, "calendar": always},
            headers={"If-Match": "*"},
        )
        assert answer.status_code == status, answer.text
    stored = await agency.get(path)
    assert [version["effective_from"] for version in stored["versions"]] == [None, "2026-06-30T22:00:00Z"]
    for calendar in ({"time_zone": "Europe/Paris"}, {"always": True}, {**always, "weekly": []}, {"time_zone": "X"}):
        await agency.refused(422, "POST", "/v1/calendars", json={"name": "a", "title": texts, "calendar": calendar})


async def test_the_types_of_deliverables_are_described_with_json_schemas(agency: Agency) -> None:
    kinds = {kind["type"]: kind for kind in (await agency.get("/v1/deliverable-types"))["data"]}
    assert len(kinds) == 35
    assert kinds["uptime_monitoring"]["parameters"]["required"] == ["interval_seconds"]


async def test_the_catalogue_is_not_the_clients_business(installation: Installation, agency: Agency) -> None:
    client = await agency.client()
    decider = await installation.caller(agency, role="client_decider", client_id=client["client_id"])
    for path in ("/v1/plans", "/v1/calendars", "/v1/deliverable-types"):
        await decider.refused(403, "GET", path)


async def in_force(agency: Agency, plan: str, amount: str, currency: str = "EUR", **terms: Any) -> Any:
    """What is published of a contract of this plan as it is shipped."""
    client = await agency.client()
    await agency.ready_for_support(client)
    body = agency.terms(client, await agency.site(client), plan, amount, **terms)
    contract = await agency.make("/v1/contracts", body | {"price": {"amount": amount, "currency": currency}})
    contract = await agency.step(contract, "propose")
    for party in ("agency", "client"):
        contract = await agency.step(contract, "sign", {"party": party, "document_hash": contract["document"]["hash"]})
    await agency.step(contract, "activate")
    return (await agency.get(f"/v1/contracts/{contract['contract_id']}/effective"))["state"]


def promised(state: Any) -> dict[str, tuple[str, Any]]:
    """Code to proof and parameters."""
    return {item["code"]: (item["proof"], item["parameters"]) for item in state["deliverables"]}


@pytest.mark.capability("K05")
async def test_basique_promises_its_four_deliverables_each_with_a_proof(agency: Agency) -> None:
    state = await in_force(agency, "basique", "150.00", status_page=None)
    assert list(promised(state)) == [
        "uptime_monitoring",
        "mail_alerts",
        "uptime_report",
        "cms_updates",
        "response_commitment",
    ]
    assert state["monitoring"]["interval_seconds"] == 180
    assert state["alerts"] == {"emails": ["alerts@agency.example"]}
    assert state["reports"] == {"monthly": True}
    assert promised(state)["cms_updates"] == ("work_order", {"frequency": "monthly"})


@pytest.mark.capability("K06")
async def test_standard_adds_its_page_portal_and_priority(agency: Agency) -> None:
    state = await in_force(agency, "standard", "300.00")
    assert state["monitoring"]["interval_seconds"] == 60
    assert promised(state)["status_page"] == ("status_page", {"branded": True, "custom_domain": True})
    assert state["status_page"]["name"] == "Hôtel du Lac"
    assert promised(state)["portal_access"][0] == "access_log"
    assert (state["plan"]["priority"], state["service_desk"]["priority"]["rank"]) == (1, 2)


@pytest.mark.capability("K07")
async def test_premium_adds_certificate_performance_review_and_the_uptime_commitment(agency: Agency) -> None:
    state = await in_force(agency, "premium", "600.00")
    assert state["monitoring"]["interval_seconds"] == 30
    assert promised(state)["certificate_monitoring"] == ("certificate_results", {"warn_days": [30, 14, 7]})
    assert promised(state)["performance_monitoring"][0] == "performance_results"
    assert promised(state)["performance_review"] == ("review_document", {"frequency": "quarterly"})
    assert state["uptime"]["target_percent"] == "99.9"
    assert len(state["deliverables"]) == 15


@pytest.mark.capability("K10")
@pytest.mark.parametrize(
    ("plan", "amount", "calendar", "target"),
    [
        ("basique", "150.00", "business_hours", "PT4H"),
        ("standard", "300.00", "business_hours", "PT1H"),
        ("premium", "600.00", "around_the_clock", "PT30M"),
    ],
)
async def test_every_tier_answers_in_its_time_counted_in_the_hours_that_its_contract_prints(
    agency: Agency, plan: str, amount: str, calendar: str, target: str
) -> None:
    state = await in_force(agency, plan, amount)
    response = state["response"]
    assert (response["calendar"], {each["response"] for each in response["targets"]}) == (calendar, {target})
    assert {each["repair"] for each in response["targets"]} == {None}
    (hours,) = state["calendars"][calendar]
    told = hours["calendar"]
    if calendar == "around_the_clock":
        assert told == {"time_zone": "Europe/Paris", "always": True}
    else:
        assert told["weekly"] == [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}]
        assert told["holidays"]["country"] == "FR"


@pytest.mark.capability("K52")
async def test_level_two_has_a_cap_on_its_backlog_and_an_age_after_which_closing_is_proposed(agency: Agency) -> None:
    state = await in_force(agency, "continuous_evolution", "500.00", "USD", status_page=None, **whole())
    assert state["service_desk"]["backlog"] == {"cap": 20, "stale_after_days": 90}
    assert promised(state)["structured_prioritization"] == (
        "backlog_record",
        {"backlog_cap": 20, "maximum_age_days": 90},
    )
    assert {"performance_stabilization", "scoped_increments", "usage_feedback", "backup_restoration"} <= set(
        promised(state)
    )


@pytest.mark.capability("K53")
async def test_level_three_contracts_response_and_escalation_and_keeps_records_for_audits(agency: Agency) -> None:
    state = await in_force(agency, "institutional_sla", "1500.00", "USD", status_page=None, **whole())
    proofs = {code: proof for code, (proof, _) in promised(state).items()}
    assert {code: proofs[code] for code in ("availability_management", "response_commitment", "escalation_path")} == {
        "availability_management": "incident_record",
        "response_commitment": "clock_record",
        "escalation_path": "incident_record",
    }
    assert (proofs["controlled_deployments"], proofs["enhanced_traceability"]) == ("change_record", "audit_log")
    assert promised(state)["regular_reporting"][1]["sections"] == ["incidents", "actions", "risks"]
    assert [(each["role"], each["percent"]) for each in state["service_desk"]["escalation"]] == [
        ("on_call", 50),
        ("manager", 75),
        ("director", 100),
    ]
    assert state["service_desk"]["round_the_clock"]
    assert state["response"]["targets"][0]["response"] == "PT1H"


@pytest.mark.capability("K34", "K85")
async def test_no_deliverable_is_promised_without_a_kind_of_maintenance(agency: Agency) -> None:
    item = {"code": "a", "type": "portal_access", "name": {"fr": "A", "en": "A"}, "proof": "access_log"}
    plan = {
        "code": "plain",
        "catalogue": "tiers",
        "title": {"fr": "A", "en": "A"},
        "price": {"currency": "EUR"},
    }
    problem = await agency.refused(422, "POST", "/v1/plans", json=plan | {"deliverables": [item]})
    assert [error["pointer"] for error in problem["errors"]] == ["#/deliverables/0/maintenance_type"]
    for kind in ("corrective", "preventive", "evolutionary", "adaptive"):
        named = plan | {"code": kind, "deliverables": [item | {"maintenance_type": kind}]}
        await agency.make("/v1/plans", named)
    state = await in_force(agency, "adaptive", "10.00", status_page=None)
    assert [each["maintenance_type"] for each in state["deliverables"]] == ["adaptive"]
