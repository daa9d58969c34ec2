"""What proves the deliverables of a contract, and what was promised and never delivered."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from shared.ids import new_id
from shared.kernel.clock import FixedClock

from ..whole_contract import whole
from .conftest import Agency, Installation
from .hearing import Others
from .test_sectors import filled, in_force, with_sector

pytestmark = pytest.mark.asyncio(loop_scope="module")

JULY = datetime(2026, 7, 1, 9, tzinfo=UTC)


async def proofs(agency: Agency, contract: Any, month: str = "2026-06") -> dict[str, Any]:
    return dict(await agency.get(f"/v1/contracts/{contract['contract_id']}/proofs", params={"month": month}))


def by_code(found: dict[str, Any]) -> dict[str, Any]:
    return {line["code"]: line for line in found["data"]}


@pytest.mark.capability("K08", "K33")
async def test_a_month_lists_what_proves_each_deliverable_and_what_was_promised_but_never_delivered(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    category = {"code": "content_fix", "name": {"fr": "Correction", "en": "Fix"}, "verdict": "in"}
    excluded = {"code": "redesign", "name": {"fr": "Refonte", "en": "Redesign"}, "verdict": "out"}
    contract = await agency.active(scope={"categories": [category, excluded]})
    others = Others(installation, agency.tenant_id, contract)
    running = await proofs(agency, contract)
    assert (running["complete"], running["never_delivered"]) == (False, [])
    clock.set(JULY)
    nothing = await proofs(agency, contract)
    # The review is due at the end of the quarter that the contract began in; nothing called for records of incidents.
    assert set(nothing["never_delivered"]) == {
        "uptime_monitoring",
        "uptime_report",
        "cms_updates",
        "status_page",
        "monthly_report",
        "certificate_monitoring",
        "performance_monitoring",
        "uptime_commitment",
    }
    assert by_code(nothing)["performance_review"]["status"] == "not_due"
    assert by_code(nothing)["incident_record"]["status"] == "not_called_for"

    measured = await others.say("reporting.uptime.period_measured.v1")
    done = {"opened": {"at": "2026-06-10T08:00:00Z"}, "completed": {"at": "2026-06-15T08:00:00Z"}}
    updated = await others.say("incidents.work_order.completed.v1", timestamps=done, status="completed")
    path = f"/v1/contracts/{contract['contract_id']}/delivery-proofs"
    evidence = [{"what": "Sent by mail", "reference": "report-2026-06.pdf"}]
    reports = [
        await agency.make(path, {"deliverable": code, "delivered_on": "2026-06-30", "evidence": evidence})
        for code in ("uptime_report", "monthly_report")
    ]
    assert (await agency.get(path))["data"] == reports[::-1]

    june = await proofs(agency, contract)
    assert june["never_delivered"] == []
    lines = by_code(june)
    assert [proof["id"] for proof in lines["cms_updates"]["proofs"]] == [updated["id"]]
    for code in ("uptime_monitoring", "uptime_commitment", "certificate_monitoring", "performance_monitoring"):
        assert [(proof["id"], proof["on"]) for proof in lines[code]["proofs"]] == [(measured["id"], "2026-06-30")]
    assert [proof["id"] for proof in lines["uptime_report"]["proofs"]] == [reports[0]["delivery_proof_id"]]
    # Everything that is in scope names the kind of proof that shows it.
    assert {line["source"] for line in june["data"]} == {"deliverable", "scope"}
    assert (lines["content_fix"]["proof"], lines["content_fix"]["status"]) == ("request_record", "not_called_for")
    assert all(line["proof"] for line in june["data"])


async def test_the_report_that_was_issued_of_a_month_proves_that_it_was_delivered(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    others = Others(installation, agency.tenant_id, contract)
    clock.set(JULY)
    assert "monthly_report" in (await proofs(agency, contract))["never_delivered"]
    await others.say("reporting.report.published.v1")
    corrected = await others.say("reporting.report.published.v1", version=2, edition=2, reason="correction")
    line = by_code(await proofs(agency, contract))["monthly_report"]
    assert line["status"] == "proved"
    assert [(proof["id"], proof["on"], proof["what"]) for proof in line["proofs"]] == [
        (corrected["id"], "2026-06-30", "report.published")
    ]


async def test_the_review_that_was_issued_of_a_quarter_proves_that_it_was_delivered_and_one_of_a_month_does_not(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    others = Others(installation, agency.tenant_id, contract)
    clock.set(datetime(2026, 9, 2, 6, tzinfo=UTC))
    assert "performance_review" in (await proofs(agency, contract, "2026-08"))["never_delivered"]
    await others.say("reporting.review.published.v1", review_id=str(new_id()), kind="institutional")
    assert "performance_review" in (await proofs(agency, contract, "2026-08"))["never_delivered"]
    issued = await others.say("reporting.review.published.v1")
    line = by_code(await proofs(agency, contract, "2026-08"))["performance_review"]
    assert line["status"] == "proved"
    assert [(proof["id"], proof["on"], proof["what"]) for proof in line["proofs"]] == [
        (issued["id"], "2026-08-31", "review.published")
    ]


async def test_only_what_was_promised_on_a_day_that_has_been_is_proved_by_hand(agency: Agency) -> None:
    contract = await agency.active()
    path = f"/v1/contracts/{contract['contract_id']}/delivery-proofs"
    body = {"deliverable": "performance_review", "delivered_on": "2026-06-08", "evidence": [{"what": "Talked"}]}
    await agency.make(path, body)
    wrong = [{"deliverable": "flowers"}, {"delivered_on": "2026-06-09"}, {"delivered_on": "2026-06-07"}]
    pointers = []
    for change in wrong:
        problem = await agency.refused(422, "POST", path, json=body | change)
        pointers.append(problem["errors"][0]["pointer"])
    assert pointers == ["#/deliverable", "#/delivered_on", "#/deliverable"]


async def test_an_outage_that_nobody_was_told_of_is_an_alert_never_delivered(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    others = Others(installation, agency.tenant_id, contract)
    opened = {"opened": {"at": "2026-06-09T08:00:00Z"}}
    quiet = str(new_id())
    await others.say("incidents.incident.opened.v1", incident_id=quiet, timestamps=opened, clocks=[])
    clock.set(JULY)
    assert by_code(await proofs(agency, contract))["mail_alerts"]["status"] == "never_delivered"
    told = opened | {"alerted": {"at": "2026-06-09T08:01:00Z"}}
    await others.say("incidents.incident.changed.v1", 2, incident_id=quiet, timestamps=told, clocks=[])
    line = by_code(await proofs(agency, contract))["mail_alerts"]
    assert (line["status"], line["proof_count"]) == ("proved", 1)


async def test_promised_pages_that_cannot_be_watched_are_not_proved_by_checks_of_the_site(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await filled(agency, "hotels_tourism")
    watched = contract["terms"]["sector"]["watched_pages"]
    pages = [page | {"path": f"/{place}"} for place, page in enumerate(watched["pages"])]
    contract = await with_sector(agency, contract, {"watched_pages": watched | {"pages": pages}})
    contract = await in_force(agency, contract)
    others = Others(installation, agency.tenant_id, contract)
    found: dict[str, Any] = {"unwatched_pages_id": str(new_id()), "found_at": "2026-06-09T08:00:00Z"}
    clock.set(JULY)
    await others.say("reporting.uptime.period_measured.v1")
    await others.say("probes.unwatched_pages.found.v1", **found)

    async def standing() -> tuple[str, str, list[tuple[str, str | None]]]:
        month = await proofs(agency, contract)
        lines, unwatched = by_code(month), [(each["since"], each["until"]) for each in month["unwatched_pages"]]
        return lines["watched_pages"]["status"], lines["uptime_monitoring"]["status"], unwatched

    assert await standing() == ("never_delivered", "proved", [("2026-06-09T08:00:00Z", None)])
    assert (await proofs(agency, contract, "2026-07"))["unwatched_pages"][0]["reason"]
    await others.say("probes.unwatched_pages.ended.v1", 2, **found, ended_at="2026-06-20T08:00:00Z")
    assert await standing() == ("proved", "proved", [("2026-06-09T08:00:00Z", "2026-06-20T08:00:00Z")])
    assert (await proofs(agency, contract, "2026-07"))["unwatched_pages"] == []


@pytest.mark.capability("K48", "K51")
async def test_a_restore_that_was_tried_proves_the_backup_and_how_old_it_is_against_the_agreed_loss(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(continuity=[{"rpo": "PT24H", "rto": "PT8H"}])
    others = Others(installation, agency.tenant_id, contract)
    assert [each["rpo_standing"] for each in (await proofs(agency, contract))["continuity"]] == ["unknown"]
    verified = await others.say(
        "probes.restore_verification.recorded.v1",
        environment_id=None,
        performed_at="2026-06-08T08:00:00Z",
        backup_taken_at="2026-06-07T12:00:00Z",
        duration_seconds=5400,
    )
    (standing,) = (await agency.get(f"/v1/contracts/{contract['contract_id']}/continuity"))["data"]
    assert (standing["saved_at"], standing["restore_took"]) == ("2026-06-07T12:00:00Z", "PT1H30M")
    assert (standing["rpo_standing"], standing["rto_standing"]) == ("met", "met")
    assert [each["rpo_standing"] for each in (await proofs(agency, contract))["continuity"]] == ["met"]
    clock.advance(timedelta(hours=4))
    assert [each["rpo_standing"] for each in (await proofs(agency, contract))["continuity"]] == ["missed"]
    (proof,) = (await agency.get(f"/v1/contracts/{contract['contract_id']}/backup-proofs"))["data"]
    assert (proof["backup_proof_id"], proof["recorded_by"]) == (verified["id"], "probes")


@pytest.mark.capability("K51")
async def test_the_first_level_of_support_proves_its_restores_updates_fixes_and_requests_by_their_records(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    client = await agency.client()
    await agency.ready_for_support(client)
    terms = agency.terms(client, await agency.site(client), "stability_security", "150.00", **whole())
    terms |= {"price": {"amount": "150.00", "currency": "USD"}, "status_page": None}
    contract = await agency.step(await agency.make("/v1/contracts", terms), "propose")
    for party in ("agency", "client"):
        contract = await agency.step(contract, "sign", {"party": party, "document_hash": contract["document"]["hash"]})
    contract = await agency.step(contract, "activate")
    others = Others(installation, agency.tenant_id, contract)
    at = {"opened": {"at": "2026-07-06T08:00:00Z"}}
    done = at | {"completed": {"at": "2026-07-06T09:00:00Z"}}
    fixed = at | {"resolved": {"at": "2026-07-07T09:00:00Z"}}
    clock.set(datetime(2026, 9, 1, 9, tzinfo=UTC))
    ids = [str(new_id()) for _ in range(3)]
    await others.say("incidents.work_order.completed.v1", item_id=ids[0], status="completed", timestamps=done)
    await others.say("incidents.incident.resolved.v1", incident_id=ids[1], category="corrective", timestamps=fixed)
    await others.say("incidents.request.opened.v1", item_id=ids[2], timestamps=at, scope_verdict="in_scope")
    lines = by_code(await proofs(agency, contract, "2026-07"))
    assert {code: lines[code]["status"] for code in ("controlled_updates", "targeted_fixes", "scoped_support")} == {
        "controlled_updates": "proved",
        "targeted_fixes": "proved",
        "scoped_support": "proved",
    }
    assert (lines["backup_restoration"]["proof"], lines["backup_restoration"]["status"]) == ("restore_test", "not_due")
    august = await proofs(agency, contract, "2026-08")
    assert set(august["never_delivered"]) == {"controlled_updates", "backup_restoration"}
    assert by_code(august)["backup_restoration"]["missing"] == [{"first": "2026-06-01", "last": "2026-08-31"}]
    restored: dict[str, Any] = {"environment_id": None, "performed_at": "2026-08-20T08:00:00Z"}
    await others.say("probes.restore_verification.recorded.v1", **restored)
    assert (await proofs(agency, contract, "2026-08"))["never_delivered"] == ["controlled_updates"]
