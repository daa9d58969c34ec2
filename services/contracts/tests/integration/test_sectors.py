"""Sector presets and promotions: what they fill a contract with, and what is in force when."""

from datetime import datetime
from typing import Any

import pytest

from contracts.jobs.contract_life import DueContracts
from shared.kernel.clock import FixedClock

from ..whole_contract import whole
from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHIPPED = ["hotels_tourism", "ngos", "education", "government", "smes"]


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


async def filled(agency: Agency, preset: str, **values: Any) -> Any:
    """A Premium draft filled from a preset."""
    return await agency.step(await agency.draft(**values), f"presets/{preset}")


async def in_force(agency: Agency, contract: Any) -> Any:
    contract = await agency.step(contract, "propose")
    for party in ("agency", "client"):
        contract = await agency.step(contract, "sign", {"party": party, "document_hash": contract["document"]["hash"]})
    return await agency.step(contract, "activate")


async def with_sector(agency: Agency, contract: Any, patch: Any) -> Any:
    path, found = f"/v1/contracts/{contract['contract_id']}", contract["terms"]["sector"]
    for block, value in patch.items():
        assert found[block] is not None
        found = found | {block: value}
    changed = await agency.call("PATCH", path, json={"sector": found}, headers={"If-Match": "*"})
    assert changed.status_code == 200
    return changed.json()


async def missing(agency: Agency, contract: Any) -> list[str]:
    problem = await agency.refused(422, "POST", f"/v1/contracts/{contract['contract_id']}/propose")
    return [each["pointer"] for each in problem["errors"]]


async def state(agency: Agency, contract: Any, at: str | None = None) -> Any:
    params = {} if at is None else {"at": at}
    return (await agency.get(f"/v1/contracts/{contract['contract_id']}/effective", params=params))["state"]


def parameters(told: Any, kind: str) -> Any:
    return next((each["parameters"] for each in told["deliverables"] if each["type"] == kind), None)


async def test_presets_are_the_agencys_own_and_contracts_keep_what_they_were_filled_with(agency: Agency) -> None:
    listed = (await agency.get("/v1/sector-presets"))["data"]
    assert [preset["name"] for preset in listed] == SHIPPED
    assert all(preset["title"]["fr"] and preset["description"]["en"] for preset in listed)
    contract = await filled(agency, "smes")
    smes = await agency.get("/v1/sector-presets/smes")
    content = {key: smes[key] for key in ("title", "description", "minimum_level", "sector")}
    content["sector"] = {"budget": {"overage_minutes_per_month": 60}}
    path = "/v1/sector-presets/smes"
    await agency.refused(412, "PUT", path, json=content, headers={"If-Match": '"7"'})
    changed = await agency.call("PUT", path, json=content, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.json()["version"]) == (200, 2)
    kept = (await agency.get(f"/v1/contracts/{contract['contract_id']}"))["terms"]["sector"]
    assert (kept["preset"], kept["preset_version"], kept["budget"]) == ("smes", 1, {"overage_minutes_per_month": 0})
    newer = (await filled(agency, "smes"))["terms"]["sector"]
    assert (newer["preset_version"], newer["cycle"]) == (2, None)
    await agency.refused(409, "POST", "/v1/sector-presets", json={"name": "smes", **content})
    await agency.make("/v1/sector-presets", {"name": "spas", **content})
    await agency.refused(404, "POST", f"/v1/contracts/{contract['contract_id']}/presets/nothing")


@pytest.mark.capability("K63")
async def test_a_hotel_gets_its_season_as_a_calendar_and_its_pages_as_probes(agency: Agency) -> None:
    contract = await filled(agency, "hotels_tourism")
    calendar = await agency.get(
        f"/v1/contracts/{contract['contract_id']}/critical-periods",
        params={"since": "2026-06-08T00:00:00Z", "until": "2027-02-01T00:00:00Z"},
    )
    assert [(each["code"], each["starts_at"], each["ends_at"]) for each in calendar["data"]] == [
        ("summer_season", "2026-06-30T22:00:00Z", "2026-08-31T22:00:00Z"),
        ("winter_holidays", "2026-12-14T23:00:00Z", "2027-01-05T23:00:00Z"),
    ]
    # Where the pages are, no preset knows; guesses would be watched, and be down.
    assert await missing(agency, contract) == [f"#/terms/sector/watched_pages/pages/{page}/path" for page in (1, 2, 3)]
    watched = contract["terms"]["sector"]["watched_pages"]
    paths = ("/", "/offers", "/destinations", "/booking")
    pages = [page | {"path": path} for page, path in zip(watched["pages"], paths, strict=True)]
    contract = await with_sector(agency, contract, {"watched_pages": watched | {"pages": pages}})
    # The probes service provisions exactly this, as test_promised_pages.py there shows.
    told = await state(agency, await in_force(agency, contract))
    pages = parameters(told, "watched_pages")
    assert [page["path"] for page in pages["pages"]] == ["/", "/offers", "/destinations", "/booking"]
    assert (pages["profile"], pages["interval_seconds"], pages["budget_ms"]) == ("mobile", 300, 4000)
    assert [
        (each["code"], each["first_day"], each["page_interval_seconds"], each["page_budget_ms"])
        for each in told["critical_periods"]
    ] == [
        ("summer_season", "2026-07-01", 60, 2500),
        ("winter_holidays", "2026-12-15", 60, 2500),
        ("summer_season", "2027-07-01", 60, 2500),
    ]
    assert told["response"]["targets"][0]["response"] == "PT30M"


@pytest.mark.capability("K64")
async def test_an_ngo_has_its_exports_and_its_data_checked_with_a_proof_of_each(agency: Agency) -> None:
    contract = await filled(agency, "ngos")
    proofs = {each["type"]: each["proof"] for each in contract["deliverables"]}
    assert (proofs["export_check"], proofs["data_quality_check"]) == ("check_results", "check_results")
    assert await missing(agency, contract) == ["#/terms/sector/exports/0/path", "#/terms/sector/data_quality/0/path"]
    sector = contract["terms"]["sector"]
    said = {
        "exports": [sector["exports"][0] | {"path": "/exports/donors.csv"}],
        "data_quality": [sector["data_quality"][0] | {"path": "/api/data-quality"}],
    }
    contract = await with_sector(agency, contract, said)
    told = await state(agency, await in_force(agency, contract))
    (donors,) = parameters(told, "export_check")["exports"]
    assert (donors["path"], donors["max_age_hours"], donors["at_least_rows"]) == ("/exports/donors.csv", 26, 1)
    (rule,) = parameters(told, "data_quality_check")["rules"]
    assert (rule["json_path"], rule["condition"], rule["value"]) == ("$.donors_without_address", "less", 1)


@pytest.mark.capability("K65")
async def test_a_school_has_stricter_targets_and_a_freeze_within_the_period_and_not_a_second_beside_it(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await in_force(agency, await filled(agency, "education"))
    # Activated on 8 June: the exams have begun, and go on to the end of the month.
    assert [each["response"] for each in (await state(agency, contract))["response"]["targets"]] == ["PT15M"] * 3
    freezes = (await state(agency, contract))["service_desk"]["freezes"]
    assert [(each["name"], each["from"], each["to"]) for each in freezes] == [
        ("Examens", "2026-06-01", "2026-06-30"),
        ("Admissions", "2027-01-15", "2027-03-31"),
        ("Examens", "2027-06-01", "2027-06-30"),
    ]
    run = DueContracts(installation.runtime.units).run
    clock.set(at("2026-07-01T06:00:00+00:00"))  # nobody looked for eight hours
    await run()

    async def response(when: str) -> Any:
        return (await state(agency, contract, when))["response"]["targets"][0]["response"]

    assert await response("2026-06-30T21:59:59Z") == "PT15M"
    assert await response("2026-06-30T22:00:00Z") == "PT30M"
    clock.set(at("2027-01-14T23:00:00+00:00"))
    await run()
    assert await response("2027-01-14T22:59:59Z") == "PT30M"
    assert await response("2027-01-14T23:00:00Z") == "PT15M"
    listed = (await agency.get(f"/v1/contracts/{contract['contract_id']}/states"))["data"]
    assert [(each["change"], each["effective_from"]) for each in listed] == [
        ("activated", "2026-06-08T09:00:00Z"),
        ("critical_period", "2026-06-30T22:00:00Z"),
        ("critical_period", "2027-01-14T23:00:00Z"),
    ]
    await run()
    assert len((await agency.get(f"/v1/contracts/{contract['contract_id']}/states"))["data"]) == 3
    # What both parties signed does not change by it.
    document = await agency.get(f"/v1/contracts/{contract['contract_id']}/document")
    assert document["response"]["targets"][0]["response"] == "PT30M"
    await agency.refused(409, "POST", f"/v1/contracts/{contract['contract_id']}/presets/smes")


@pytest.mark.capability("K66")
async def test_government_gets_audit_exports_and_retention_and_only_at_the_institutional_level(agency: Agency) -> None:
    problem = await agency.refused(
        409, "POST", f"/v1/contracts/{(await agency.draft())['contract_id']}/presets/government"
    )
    assert "level 3" in problem["detail"]
    client = await agency.client()
    await agency.ready_for_support(client)
    terms = agency.terms(client, await agency.site(client), "institutional_sla", "1500.00", status_page=None, **whole())
    terms["price"] = {"amount": "1500.00", "currency": "USD"}
    contract = await agency.step(await agency.make("/v1/contracts", terms), "presets/government")
    told = await state(agency, await in_force(agency, contract))
    assert parameters(told, "audit_export") == {"frequency": "monthly", "retention_days": 1825}
    assert parameters(told, "enhanced_traceability") == {"retention_days": 1825}


@pytest.mark.capability("K67")
async def test_an_sme_never_pays_for_more_overage_than_its_cap_and_evolves_in_cycles(agency: Agency) -> None:
    line = {"code": "technical", "name": {"fr": "Technique", "en": "Technical"}, "included_minutes": 120}
    hours = {"lines": [line], "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"}}
    contract = await filled(agency, "smes", hours=hours)
    path = f"/v1/contracts/{contract['contract_id']}"
    assert contract["terms"]["hours"]["overage_cap_minutes"] == 0
    assert contract["terms"]["hours"]["lines"][0]["included_minutes"] == 120
    for cap in (1, None):
        problem = await agency.refused(
            422, "PATCH", path, json={"hours": {"overage_cap_minutes": cap}}, headers={"If-Match": "*"}
        )
        assert problem["errors"][0]["pointer"] == "#/hours/overage_cap_minutes"
    told = await state(agency, await in_force(agency, contract))
    assert parameters(told, "evolution_cycle") == {"weeks": 4, "capacity_minutes": 960}
    worked = {"line": "technical", "work_class": "bug", "worked_on": "2026-06-08", "real_minutes": 600}
    await agency.make(f"{path}/hours/entries", worked | {"person_name": "Ada Martin"})
    month = await agency.get(f"{path}/hours", params={"month": "2026-06"})
    assert (month["overage_minutes"] > 0, month["overage_amount"]) == (True, {"amount": "0.00", "currency": "EUR"})


@pytest.mark.capability("K75")
async def test_a_promotion_is_offered_to_drafts_counts_between_its_dates_and_stays_as_it_was_signed(
    agency: Agency,
) -> None:
    promotion = {
        "promotion_code": "opening",
        "title": {"fr": "Offre d’ouverture", "en": "Opening offer"},
        "plans": ["premium"],
        "percent": "20",
        "starts_on": "2026-06-23",
        "ends_before": "2026-08-08",
    }
    made = await agency.make("/v1/promotions", promotion)
    await agency.refused(409, "POST", "/v1/promotions", json=promotion)
    wrong = await agency.refused(422, "POST", "/v1/promotions", json=promotion | {"plans": ["nothing"]})
    assert wrong["errors"][0]["pointer"] == "#/plans/0"
    contract = await agency.draft()
    assert [each["promotion"] for each in contract["terms"]["discounts"]] == ["opening"]
    assert (await agency.draft(plan="standard", amount="300.00"))["terms"]["discounts"] == []
    assert (await agency.draft(discounts=[]))["terms"]["discounts"] == []
    path = f"/v1/contracts/{contract['contract_id']}"
    fees = (await agency.get(f"{path}/discounted-fees", params={"periods": 3}))["data"]
    # From the 8th to the 8th: half of the first month of 30 days, all of the second, nothing of the third.
    assert [(each["first_day"], each["total"]) for each in fees] == [
        ("2026-06-08", "540.00"),
        ("2026-07-08", "480.00"),
        ("2026-08-08", "600.00"),
    ]
    assert fees[0]["discounts"] == [{"promotion": "opening", "amount": "-60.00", "cut": False}]
    await agency.step(contract, "propose")
    content = {key: value for key, value in promotion.items() if key != "promotion_code"} | {"percent": "50"}
    where = f"/v1/promotions/{made['promotion_id']}"
    changed = await agency.call("PUT", where, json=content, headers={"If-Match": '"1"'})
    assert changed.json()["percent"] == "50"
    (signed,) = (await agency.get(f"{path}/document"))["discounts"]
    assert (signed["percent"], signed["starts_on"], signed["ends_before"]) == ("20", "2026-06-23", "2026-08-08")
    later = (await agency.draft())["terms"]["discounts"]
    assert later[0]["percent"] == "50"


async def test_what_a_period_cannot_keep_is_refused_where_it_stands(agency: Agency) -> None:
    period = {"code": "a", "name": {"fr": "A", "en": "A"}, "from": "01-01", "to": "01-31"}
    client = await agency.client()
    site = await agency.site(client)

    async def pointer(sector: Any, **values: Any) -> str:
        terms = agency.terms(client, site, "premium", "600.00", sector=sector, **values)
        return str((await agency.refused(422, "POST", "/v1/contracts", json=terms))["errors"][0]["pointer"])

    here = "#/sector/critical_periods/0"
    assert await pointer({"critical_periods": [period | {"freeze": True}]}, service_desk=None) == f"{here}/freeze"
    none = {"response": None, "service_desk": None}
    assert await pointer({"critical_periods": [period | {"targets_percent": 50}]}, **none) == f"{here}/targets_percent"
    assert await pointer({"critical_periods": [period | {"to": "2026-01-31"}]}) == here
    assert await pointer({"critical_periods": [period | {"from": "02-30"}]}) == f"{here}/from"
    assert await pointer({"critical_periods": [period | {"page_budget_ms": 10}]}) == "#/sector"
    assert await pointer({"exports": [{"code": "a", "name": period["name"], "path": "//other.example/x"}]}) == (
        "#/sector/exports/0/path"
    )


async def test_the_clauses_that_are_shipped_are_in_both_languages_and_nobody_has_reviewed_them(agency: Agency) -> None:
    clauses = (await agency.get("/v1/controlled-documents", params={"kind": "clause"}))["data"]
    assert len(clauses) == 10
    for clause in clauses:
        (version,) = clause["versions"]
        assert version["text"]["fr"] != version["text"]["en"]
        assert version["approval"] is None
    legal = {"clauses": ["limitation_of_liability", "confidentiality"], "governing_law": "FR"}
    contract = await agency.draft(legal=legal)
    ready = await agency.get(f"/v1/contracts/{contract['contract_id']}/readiness")
    assert [each["pointer"] for each in ready["warnings"] if each["code"] == "clause_not_reviewed"] == [
        "#/terms/legal/clauses/0",
        "#/terms/legal/clauses/1",
    ]


async def test_presets_and_promotions_are_not_the_clients_business(installation: Installation, agency: Agency) -> None:
    client = await agency.client()
    decider = await installation.caller(agency, role="client_decider", client_id=client["client_id"])
    for path in ("/v1/sector-presets", "/v1/promotions"):
        await decider.refused(403, "GET", path)
