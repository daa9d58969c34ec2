"""What a contract holds beside the clocks, in the document that is signed and in what is answered from it."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from shared.kernel.clock import FixedClock

from ..whole_contract import texts, whole
from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

CLAUSE: dict[str, Any] = {
    "code": "liability",
    "kind": "clause",
    "title": texts("Liability"),
    "text": {"fr": "Responsabilité limitée.", "en": "Limited liability."},
    "effective_on": "2026-01-01",
}
MANUAL: dict[str, Any] = {
    "code": "quality_manual",
    "kind": "manual",
    "title": texts("Quality manual"),
    "reference": "QM-1",
    "effective_on": "2026-01-01",
}
PARTIES: dict[str, tuple[str, str, str, str, str, str]] = {
    "MA": ("Atlas Services SARL", "Casablanca", "fr", "Africa/Casablanca", "MAD", "1200.00"),
    "JP": ("Yama K.K.", "Tokyo", "en", "Asia/Tokyo", "JPY", "90000"),
    "KW": ("Gulf Web WLL", "Kuwait City", "en", "Asia/Kuwait", "KWD", "95.500"),
}


async def document(agency: Agency, contract: Any) -> Any:
    return await agency.get(f"/v1/contracts/{contract['contract_id']}/document")


async def proposed(agency: Agency, **terms: Any) -> Any:
    """What a Premium contract with these blocks says."""
    return await document(agency, await agency.step(await agency.draft(**terms), "propose"))


@pytest.mark.capability("K57", "K58", "K59", "K79", "K80", "K82")
async def test_a_level_three_draft_has_our_matrix_actors_and_risks_and_they_are_signed(agency: Agency) -> None:
    client = await agency.client()
    site = await agency.site(client)
    body = agency.terms(client, site, "institutional_sla", "1500.00", status_page=None)
    drafted = await agency.make("/v1/contracts", body | {"price": {"amount": "1500.00", "currency": "USD"}})
    terms = drafted["terms"]
    assert [risk["category"] for risk in terms["risks"]] == [
        "operational", "it", "security", "local_representation", "geographic", "cultural", "knowledge",
    ]  # fmt: skip
    assert len(terms["reversibility"]) == 6
    # Under a plan that requires none of it, the same blocks are signed as well.
    blocks = {name: terms[name] for name in ("responsibilities", "actors", "reversibility")}
    signed = await proposed(agency, risks=whole()["risks"], **blocks)
    activities = signed["responsibilities"]["activities"]
    assert all(activity["decides"] and activity["executes"] for activity in activities)
    by_side = {side: [each["code"] for each in activities if each["side"] == side] for side in ("agency", "client")}
    assert by_side == {
        "agency": [
            "stabilization_security_fixes",
            "monitoring_verification",
            "incident_handling",
            "recommendations_risks_plan",
        ],
        "client": [
            "business_arbitration_priority",
            "functional_validation",
            "access_accounts_compliance",
            "out_of_scope_changes",
        ],
    }
    areas = {
        group: [each["areas"] for each in signed["actors"] if each["group"] == group]
        for group in ("business_user", "it")
    }
    assert areas == {
        "business_user": [["applications"], ["production"], ["marketing"], ["commercial"]],
        "it": [["networks"], ["backup"], ["security"], ["internet"]],
    }
    assert {(risk["owner"], risk["residual_level"]) for risk in signed["risks"]} == {("Nadia Benali", "low")}


@pytest.mark.capability("K81")
async def test_a_question_goes_to_the_local_support_that_knows_it_and_then_to_the_remote_one(agency: Agency) -> None:
    support = [
        {"code": "remote", "name": texts("Remote"), "group": "client_support", "support_level": 2},
        {"code": "local", "name": texts("Local"), "group": "client_support", "support_level": 1, "areas": ["logs"]},
    ]
    contract = await agency.draft(actors=support)
    path = f"/v1/contracts/{contract['contract_id']}/routing"

    async def asked(area: str) -> list[str]:
        return [actor["code"] for actor in (await agency.get(path, params={"area": area}))["actors"]]

    assert (await asked("logs"), await asked("database")) == (["local", "remote"], ["remote"])


@pytest.mark.capability("K60")
async def test_a_request_out_of_scope_never_draws_on_the_included_hours_without_approval(agency: Agency) -> None:
    contract = await agency.draft(scope=whole()["scope"])
    path = f"/v1/contracts/{contract['contract_id']}/scope-verdicts"

    async def asked(**question: Any) -> tuple[str, bool]:
        answer = await agency.make(path, question, status=200)
        assert answer["approval_required"] is not answer["consumes_included_hours"]
        return answer["verdict"], answer["consumes_included_hours"]

    assert await asked(category="content_fix", estimated_minutes=90) == ("in", True)
    assert await asked(category="content_fix", estimated_minutes=91) == ("needs_scoping", False)
    assert await asked(category="integration") == ("needs_scoping", False)
    assert await asked(category="something_else") == ("needs_scoping", False)
    assert await asked(category="redesign") == ("out", False)
    assert await asked(category="redesign", approved=True) == ("out", True)
    without = await agency.draft()
    await agency.refused(
        409, "POST", f"/v1/contracts/{without['contract_id']}/scope-verdicts", json={"category": "redesign"}
    )


@pytest.mark.capability("K09")
async def test_the_sheet_has_every_line_in_both_languages_and_nothing_else(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.draft(scope=whole()["scope"])
    decider = await installation.caller(agency, role="client_decider", client_id=contract["client_id"])
    path = f"/v1/contracts/{contract['contract_id']}/sheet"
    for language in ("fr", "en"):
        sheet = await decider.get(path, params={"language": language})
        promised = [item["name"][language] for item in contract["deliverables"]]
        scope = {item["verdict"]: item["name"][language] for item in contract["terms"]["scope"]["categories"]}
        lines = {section["code"]: [line["text"] for line in section["lines"]] for section in sheet["sections"]}
        assert lines["included"][:-1] == promised
        assert lines["included"][-1].startswith(scope["in"])
        assert (lines["needs_scoping"], lines["excluded"]) == ([scope["needs_scoping"]], [scope["out"]])
        page = await decider.call("GET", f"{path}/html", params={"language": language})
        assert page.headers["content-language"] == language
        assert "default-src 'none'" in page.headers["content-security-policy"]
        assert page.text.count("<li ") == len(promised) + 3
    assert (await decider.get(path))["language"] == "fr"


@pytest.mark.capability("K62")
async def test_a_price_is_broken_down_by_factor_and_must_come_to_the_price(agency: Agency) -> None:
    pricing = {
        "base": "400.00",
        "currency": "EUR",
        "scope": [{"name": "website", "count": 2, "included": 1, "percent_each": "20"}],
        "environments": [{"name": "staging", "count": 1, "percent_each": "5"}],
        "criticality": {"name": "high", "percent": "10"},
        "service_level": {"name": "premium", "percent": "10"},
    }
    told = await agency.make("/v1/calculators/price", pricing, status=200)
    assert [line["factor"] for line in told["lines"]] == [
        "base", "scope", "environments", "criticality", "service_level",
    ]  # fmt: skip
    assert all(line["why"]["fr"] and line["why"]["en"] for line in told["lines"])
    client = await agency.client()
    terms = agency.terms(client, await agency.site(client), "premium", "600.00", pricing=pricing)
    problem = await agency.refused(422, "POST", "/v1/contracts", json=terms)
    assert problem["errors"][0]["pointer"] == "#/pricing"
    assert told["total"] in problem["errors"][0]["detail"]
    signed = await proposed(agency, amount=told["total"], pricing=pricing)
    assert signed["price_breakdown"] == told
    assert signed["price"]["amount"] == told["total"]


@pytest.mark.capability("K39")
async def test_activating_warns_while_the_intake_audit_is_not_complete(agency: Agency) -> None:
    contract = await agency.signed()
    path = f"/v1/sites/{contract['terms']['site_ids'][0]}/intake-audit"
    audit = await agency.get(path)
    assert (audit["version"], audit["completeness_percent"]) == (0, "0.00")
    settled = [point | {"answer": "known"} for point in audit["points"]]
    body = {"designed_by_provider": None, "points": settled}
    half = await agency.call("PUT", path, json=body, headers={"If-Match": '"0"'})
    assert half.json()["completeness_percent"] == "90.90"
    await agency.refused(412, "PUT", path, json=body, headers={"If-Match": '"0"'})
    active = await agency.step(contract, "activate")
    assert [warning["code"] for warning in active["warnings"]] == ["intake_audit_incomplete"]
    whole_audit = await agency.call(
        "PUT", path, json=body | {"designed_by_provider": False}, headers={"If-Match": '"1"'}
    )
    assert whole_audit.json()["completeness_percent"] == "100.00"
    ready = await agency.get(f"/v1/contracts/{contract['contract_id']}/readiness")
    assert ready["warnings"] == []


@pytest.mark.capability("K49", "K86")
async def test_a_clause_that_nobody_reviewed_is_flagged_and_stands_in_the_legal_part(agency: Agency) -> None:
    clause = await agency.make("/v1/controlled-documents", CLAUSE)
    await agency.refused(409, "POST", "/v1/controlled-documents", json=CLAUSE)
    legal = {"clauses": ["liability"], "governing_law": "FR", "jurisdiction": "Paris"}
    contract = await agency.draft(legal=legal, commercial={"billing": ["flat"], "payment_days": 45})
    path = f"/v1/contracts/{contract['contract_id']}"
    flagged = (await agency.get(f"{path}/readiness"))["warnings"]
    assert ("clause_not_reviewed", "#/terms/legal/clauses/0") in [(each["code"], each["pointer"]) for each in flagged]
    signed = await document(agency, await agency.step(contract, "propose"))
    (stated,) = signed["legal"]["clauses"]
    assert (stated["number"], stated["text"]["fr"], stated["approved_by"]) == (1, "Responsabilité limitée.", None)
    assert (signed["legal"]["jurisdiction"], signed["commercial"]["payment_days"]) == ("Paris", 45)
    versions = f"/v1/controlled-documents/{clause['controlled_document_id']}/versions"
    await agency.make(f"{versions}/1/approve", {"approved_by": "Me Roux"}, status=200)
    await agency.refused(409, "POST", f"{versions}/1/approve", json={"approved_by": "Me Roux"})
    await agency.refused(404, "POST", f"{versions}/2/approve", json={"approved_by": "Me Roux"})
    codes = [each["code"] for each in (await agency.get(f"{path}/readiness"))["warnings"]]
    assert "clause_not_reviewed" not in codes
    newer = CLAUSE["text"] | {"en": "No liability."}
    await agency.make(versions, {"text": newer, "effective_on": "2026-01-01"}, headers={"If-Match": '"2"'})
    again = await proposed(agency, legal=legal)
    assert (again["legal"]["clauses"][0]["number"], again["legal"]["clauses"][0]["approved_by"]) == (2, None)
    assert (await document(agency, contract))["legal"] == signed["legal"]


@pytest.mark.capability("K87")
async def test_a_controlled_document_is_usable_only_once_its_version_is_approved(agency: Agency) -> None:
    made = await agency.make("/v1/controlled-documents", MANUAL)
    contract = await agency.draft(legal={"controlled_documents": ["quality_manual"], "governing_law": "FR"})
    propose = f"/v1/contracts/{contract['contract_id']}/propose"
    problem = await agency.refused(422, "POST", propose)
    assert [error["pointer"] for error in problem["errors"]] == ["#/terms/legal/controlled_documents/0"]
    versions = f"/v1/controlled-documents/{made['controlled_document_id']}/versions"
    approved = await agency.make(f"{versions}/1/approve", {"approved_by": "Nadia Benali"}, status=200)
    assert approved["versions"][0]["approval"]["approved_by"] == "Nadia Benali"
    newer = {"reference": "QM-2", "effective_on": "2026-01-01"}
    await agency.make(versions, newer, headers={"If-Match": '"2"'})
    signed = await document(agency, await agency.step(contract, "propose"))
    (stated,) = signed["legal"]["controlled_documents"]
    assert (stated["number"], stated["reference"], stated["approved_by"]) == (1, "QM-1", "Nadia Benali")


@pytest.mark.capability("K70")
async def test_personal_data_ask_for_the_annex_with_its_sub_processors(agency: Agency) -> None:
    annex = {
        "subject_matter": "Maintenance",
        "nature_and_purpose": "Mending errors",
        "data_categories": ["Bookings"],
        "data_subjects": ["Guests"],
        "security_measures": ["Named accounts"],
        "sub_processors": [{"name": "Hébergeur SAS", "country": "FR", "purpose": "Hosting"}],
        "further_sub_processors": "with_prior_approval",
        "breach_notice_hours": 24,
        "at_the_end": "deleted",
        "kept_days": 30,
    }
    contract = await agency.draft(data_protection={"classification": "sensitive", "personal_data": True})
    path = f"/v1/contracts/{contract['contract_id']}"
    problem = await agency.refused(422, "POST", f"{path}/propose")
    assert [error["pointer"] for error in problem["errors"]] == ["#/terms/data_protection/annex"]
    await agency.call("PATCH", path, json={"data_protection": {"annex": annex}}, headers={"If-Match": "*"})
    signed = await document(agency, await agency.step(contract, "propose"))
    assert signed["data_protection"]["annex"] == annex


@pytest.mark.capability("K83")
async def test_a_prerequisite_is_expected_communicated_and_found_and_a_difference_is_a_gap(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.draft(prerequisites=whole()["prerequisites"])
    path = f"/v1/contracts/{contract['contract_id']}/prerequisites"

    async def record(version: int, **facts: str) -> Any:
        answer = await agency.call("PUT", f"{path}/vpn", json=facts, headers={"If-Match": f'"{version}"'})
        assert answer.status_code == 200, answer.text
        return answer.json()["standing"]

    assert [each["standing"] for each in (await agency.get(path))["data"]] == ["unknown"]
    assert await record(0, communicated="Two accounts") == "unknown"
    assert await record(1, communicated="Two accounts", effective="One account") == "gap"
    codes = [each["code"] for each in (await agency.get(f"{path.removesuffix('prerequisites')}readiness"))["warnings"]]
    assert "prerequisite_gap" in codes
    assert await record(2, communicated="Two accounts", effective="two accounts") == "met"
    await agency.refused(412, "PUT", f"{path}/vpn", json={}, headers={"If-Match": '"1"'})
    await agency.refused(404, "PUT", f"{path}/ssh", json={}, headers={"If-Match": "*"})
    stranger = await installation.agency("Another agency")
    await stranger.refused(404, "GET", path)


@pytest.mark.capability("K48")
async def test_the_age_of_the_newest_backup_that_was_proved_is_held_against_the_rpo(
    agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(continuity=whole()["continuity"])
    path = f"/v1/contracts/{contract['contract_id']}"

    async def standing() -> tuple[str, str]:
        (one,) = (await agency.get(f"{path}/continuity"))["data"]
        return one["rpo_standing"], one["rto_standing"]

    assert await standing() == ("unknown", "unknown")
    proof = {"saved_at": "2026-06-08T02:00:00Z", "evidence": "Job 1"}
    await agency.make(f"{path}/backup-proofs", proof | {"restore_took": "PT9H"})
    assert await standing() == ("met", "missed")
    clock.advance(timedelta(hours=18))
    assert await standing() == ("missed", "missed")
    await agency.make(f"{path}/backup-proofs", proof | {"saved_at": "2026-06-09T02:00:00Z", "evidence": "Job 2"})
    assert await standing() == ("met", "missed")
    future = await agency.refused(
        422, "POST", f"{path}/backup-proofs", json=proof | {"saved_at": "2026-06-10T02:00:00Z"}
    )
    assert future["errors"][0]["pointer"] == "#/saved_at"
    listed = await agency.get(f"{path}/backup-proofs")
    assert [each["evidence"] for each in listed["data"]] == ["Job 2", "Job 1"]


@pytest.mark.capability("K31", "K84")
async def test_named_people_and_infrastructure_are_made_available_from_a_day_with_their_capacity(
    agency: Agency,
) -> None:
    person = await agency.make("/v1/users", {"email": "dev@agency.example", "name": "Paul", "role": "operator"})
    resources = [
        {
            "kind": "person",
            "name": "Paul Girard",
            "role": "Developer",
            "user_id": person["user_id"],
            "dedicated": True,
            "minutes_per_month": 600,
            "from": "2026-06-08",
            "to": "2026-12-31",
        },
        {"kind": "infrastructure", "name": "Test server", "role": "Staging", "from": "2026-06-08"},
    ]
    signed = await proposed(agency, resources=resources)
    assert [(each["name"], each["from"], each["to"], each["minutes_per_month"]) for each in signed["resources"]] == [
        ("Paul Girard", "2026-06-08", "2026-12-31", 600),
        ("Test server", "2026-06-08", None, None),
    ]
    client = await agency.client()
    unknown = agency.terms(client, await agency.site(client), "premium", "600.00")
    unknown["resources"] = [resources[0] | {"user_id": client["client_id"]}]
    problem = await agency.refused(422, "POST", "/v1/contracts", json=unknown)
    assert problem["errors"][0]["pointer"] == "#/resources/0/user_id"


@pytest.mark.capability("K72")
@pytest.mark.parametrize("country", PARTIES)
async def test_parties_of_several_countries_have_their_own_law_language_zone_and_currency(
    agency: Agency, country: str
) -> None:
    name, city, language, zone, currency, amount = PARTIES[country]
    plan: dict[str, Any] = {
        "code": f"plan_{currency.lower()}",
        "catalogue": "abroad",
        "title": texts("Abroad"),
        "price": {"currency": currency},
        "deliverables": [],
    }
    await agency.make("/v1/plans", plan)
    client = await agency.client(name=name, language=language, time_zone=zone, currency=currency, country=country)
    address = {"lines": ["1 First Street"], "city": city, "country": country}
    party = {"legal_name": name, "registration_number": "12345", "address": address}
    own = f"/v1/clients/{client['client_id']}/party"
    await agency.call("PUT", own, json=party, headers={"If-Match": '"0"'})
    ours = {"legal_name": "Lumière SAS", "vat_number": "FR44732829320", "address": address | {"country": "FR"}}
    await agency.call("PUT", "/v1/tenant/party", json=ours, headers={"If-Match": "*"})
    wrong = ours | {"vat_number": "DE44732829320"}
    await agency.refused(422, "PUT", "/v1/tenant/party", json=wrong, headers={"If-Match": "*"})
    nowhere = party | {"address": address | {"country": "ZZ"}}
    problem = await agency.refused(422, "PUT", own, json=nowhere, headers={"If-Match": "*"})
    assert problem["errors"][0]["pointer"] == "#/address/country"
    terms = agency.terms(client, await agency.site(client), plan["code"], amount, status_page=None)
    terms["price"] = {"amount": amount, "currency": currency}
    signed = await document(agency, await agency.step(await agency.make("/v1/contracts", terms), "propose"))
    assert signed["parties"]["client"]["address"]["country"] == country
    assert signed["parties"]["agency"]["vat_number"] == "FR44732829320"
    assert (signed["client"]["time_zone"], signed["client"]["language"]) == (zone, language)
    assert signed["price"] == {"amount": amount, "currency": currency, "period": "month"}


async def test_a_block_is_amended_like_every_other_term(agency: Agency) -> None:
    contract = await agency.active(scope=whole()["scope"], commercial={"billing": ["flat"]})
    path = f"/v1/contracts/{contract['contract_id']}"
    waiting = await agency.step(contract, "amendment", {"scope": None, "commercial": {"payment_days": 10}})
    assert waiting["amendment"]["terms"]["scope"] is None
    commercial = {"billing": ["flat"], "payment_days": 10, "conditions": [], "tax": None, "other_taxes": []}
    assert waiting["amendment"]["terms"]["commercial"] == commercial
    assert waiting["terms"]["scope"] is not None
    document_hash = waiting["amendment"]["document"]["hash"]
    for party in ("client", "agency"):
        await agency.step(contract, "amendment/sign", {"party": party, "document_hash": document_hash})
    await agency.step(contract, "amendment/apply")
    await agency.refused(409, "POST", f"{path}/scope-verdicts", json={"category": "redesign"})


async def test_the_application_cannot_change_an_assessment_or_a_proof(installation: Installation) -> None:
    for table in ("assessment", "backup_proof"):
        async with installation.runtime.database.engine.connect() as connection:
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(text(f"delete from contracts.{table}"))
