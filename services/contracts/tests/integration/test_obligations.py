"""Obligations of both parties, their breaches, the client's registers, and advice."""

import asyncio
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from contracts.adapters.workspace import workspace_of
from contracts.application.advice import heard_delivery
from contracts.jobs.contract_life import DueContracts
from contracts.jobs.registers import DueRegisters
from contracts.published.registers_v1 import AdvisoryRefused, BreachRecorded, ObligationOpened
from shared.kernel.clock import FixedClock

from .conftest import Agency, Api, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCESS = {"fr": "Accès au serveur", "en": "Access to the server"}
PASSWORD = {
    "code": "hosting_password",
    "owner": "provider",
    "kind": "credential_rotation",
    "title": {"fr": "Changer le mot de passe", "en": "Change the password"},
    "every_days": 90,
}
KEPT = {"evidence": [{"what": "Done", "reference": "ticket 4711"}]}


async def asked(agency: Agency, contract: Any, **values: Any) -> Any:
    body = {"contract_id": contract["contract_id"], "owner": "client", "kind": "access", "title": ACCESS}
    return await agency.make("/v1/obligations", {**body, "due_at": "2026-06-09T09:00:00Z", **values})


async def decider(installation: Installation, agency: Agency, contract: Any) -> Api:
    return await installation.caller(agency, role="client_decider", client_id=contract["client_id"])


async def breaches(agency: Api, contract: Any) -> list[Any]:
    found = await agency.get("/v1/breaches", params={"contract_id": contract["contract_id"]})
    return list(found["data"])


async def owed(agency: Agency, contract: Any) -> dict[str | None, Any]:
    found = await agency.get("/v1/obligations", params={"contract_id": contract["contract_id"]})
    return {one["code"]: one for one in found["data"]}


@pytest.mark.capability("K44", "K45")
async def test_an_access_that_is_asked_for_and_not_given_is_a_breach_by_the_client_until_he_gives_it(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    waiting = "0197a1c2-0000-7000-8000-000000000501"
    access = await asked(agency, contract, work_item_id=waiting)
    told = ObligationOpened.model_validate((await installation.events(access["obligation_id"]))[0]["data"])
    assert (str(told.work_item_id), told.owner, told.status) == (waiting, "client", "open")
    client = await decider(installation, agency, contract)
    job = DueRegisters(installation.runtime.units)
    clock.advance(timedelta(hours=24))
    await job.run()
    assert await breaches(agency, contract) == []
    clock.advance(timedelta(seconds=1))
    await asyncio.gather(job.run(), DueRegisters(installation.runtime.units).run())
    (breach,) = await breaches(client, contract)
    assert (breach["party"], breach["status"], breach["since"]) == ("client", "open", "2026-06-09T09:00:00Z")
    assert (breach["client_percent"], breach["in_words"]["party"]["fr"]) == (100, "client")
    clock.advance(timedelta(hours=1))
    path = f"/v1/obligations/{access['obligation_id']}"
    done = await client.make(f"{path}/fulfil", KEPT, status=200)
    assert (done["status"], done["evidence"]) == ("fulfilled", KEPT["evidence"])
    (ended,) = await breaches(agency, contract)
    assert (ended["status"], ended["ended_at"]) == ("ended", "2026-06-09T10:00:01Z")
    shares = {"provider_percent": 50, "client_percent": 50, "reason": "We asked late"}
    await client.refused(403, "POST", f"/v1/breaches/{ended['breach_id']}/decide", json=shares)
    decided = await agency.make(f"/v1/breaches/{ended['breach_id']}/decide", shares, status=200)
    last = BreachRecorded.model_validate((await installation.events(ended["breach_id"]))[-1]["data"])
    assert (last.provider_percent, last.client_percent, decided["decision"]) == (50, 50, "We asked late")
    said = [event["type"].split(".")[-2] for event in await installation.events(access["obligation_id"])]
    assert said == ["opened", "breached", "fulfilled"]


async def test_what_turns_out_to_have_been_in_time_was_no_breach(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    access = await asked(agency, contract)
    clock.advance(timedelta(days=2))
    await DueRegisters(installation.runtime.units).run()
    kept = {**KEPT, "at": "2026-06-09T08:00:00Z"}
    await agency.make(f"/v1/obligations/{access['obligation_id']}/fulfil", kept, status=200)
    assert [breach["status"] for breach in await breaches(agency, contract)] == ["withdrawn"]


async def test_what_was_overdue_before_a_suspension_or_the_end_is_a_breach_although_nobody_had_looked(
    agency: Agency, clock: FixedClock
) -> None:
    suspended, ended = await agency.active(), await agency.active()
    for contract in (suspended, ended):
        await asked(agency, contract)
    clock.advance(timedelta(days=2))
    await agency.step(suspended, "suspend", {"reason": "Two unpaid invoices"})
    assert [breach["status"] for breach in await breaches(agency, suspended)] == ["open"]
    await agency.step(ended, "terminate", {"reason": "By agreement"})
    (breach,) = await breaches(agency, ended)
    assert (breach["since"], breach["status"], breach["ended_at"]) == (
        "2026-06-09T09:00:00Z",
        "ended",
        "2026-06-10T09:00:00Z",
    )


@pytest.mark.capability("K42")
async def test_a_password_that_is_not_changed_in_time_is_a_breach_by_whoever_owes_the_change(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(obligations={"agreed": [PASSWORD]})
    rotation = (await owed(agency, contract))["hosting_password"]
    assert (rotation["owner"], rotation["due_at"]) == ("provider", "2026-09-06T09:00:00Z")
    client = await decider(installation, agency, contract)
    path = f"/v1/obligations/{rotation['obligation_id']}/fulfil"
    await client.refused(403, "POST", path, json=KEPT)
    clock.advance(timedelta(days=30))
    again = await agency.make(path, KEPT, status=200)
    assert (again["status"], again["due_at"]) == ("open", "2026-10-06T09:00:00Z")
    clock.advance(timedelta(days=91))
    await DueRegisters(installation.runtime.units).run()
    assert [breach["party"] for breach in await breaches(agency, contract)] == ["provider"]


async def test_a_suspended_contract_stops_the_time_of_its_obligations_and_its_end_lets_them_lapse(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(obligations={"agreed": [PASSWORD]})
    access = await asked(agency, contract, due_at="2026-06-10T09:00:00Z")
    clock.advance(timedelta(days=1))
    await agency.step(contract, "suspend", {"reason": "Two unpaid invoices"})
    clock.advance(timedelta(days=10))
    await DueRegisters(installation.runtime.units).run()
    assert await breaches(agency, contract) == []
    await agency.step(contract, "resume")
    assert (await owed(agency, contract))[None]["due_at"] == "2026-06-20T09:00:00Z"
    await agency.step(contract, "terminate", {"reason": "By agreement"})
    assert {one["status"] for one in (await owed(agency, contract)).values()} == {"lapsed"}
    await agency.refused(409, "POST", f"/v1/obligations/{access['obligation_id']}/fulfil", json=KEPT)


@pytest.mark.capability("K44")
async def test_the_client_cannot_say_that_he_gave_it_earlier(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    access = await asked(agency, contract)
    client = await decider(installation, agency, contract)
    clock.advance(timedelta(days=2))
    await DueRegisters(installation.runtime.units).run()
    path = f"/v1/obligations/{access['obligation_id']}/fulfil"
    refused = await client.refused(422, "POST", path, json={**KEPT, "at": "2026-06-09T08:00:00Z"})
    assert [error["pointer"] for error in refused["errors"]] == ["#/at"]
    await client.make(path, KEPT, status=200)
    assert [breach["status"] for breach in await breaches(agency, contract)] == ["ended"]


@pytest.mark.capability("K43")
@pytest.mark.parametrize("end", ["release", "suspend", "terminate"])
async def test_what_was_overdue_is_a_breach_though_the_job_had_not_looked_when_it_ended(
    agency: Agency, clock: FixedClock, end: str
) -> None:
    contract = await agency.active()
    access = await asked(agency, contract)
    clock.advance(timedelta(days=2))
    if end == "release":
        path = f"/v1/obligations/{access['obligation_id']}/release"
        await agency.make(path, {"reason": "Found another way in"}, status=200)
    else:
        await agency.step(contract, end, {"reason": "By agreement"})
    (breach,) = await breaches(agency, contract)
    assert (breach["party"], breach["since"]) == ("client", "2026-06-09T09:00:00Z")
    assert breach["status"] == ("open" if end == "suspend" else "ended")


async def test_an_amendment_changes_what_is_owed_when_it_is_applied(agency: Agency, clock: FixedClock) -> None:
    contract = await agency.active(obligations={"agreed": [PASSWORD], "client_registers": {"works": 30}})
    path = f"/v1/contracts/{contract['contract_id']}"
    document = await agency.get(f"{path}/document")
    assert "The client updates or confirms the list of works within 30 days." in document["obligations_in_words"]["en"]
    amended = {"obligations": {"agreed": [], "client_registers": {"works": None, "functions": 60}}}
    contract = await agency.step(contract, "amendment", amended)
    assert set(await owed(agency, contract)) == {"hosting_password", "works_register"}
    signed = contract["amendment"]["document"]["hash"]
    for party in ("agency", "client"):
        await agency.step(contract, "amendment/sign", {"party": party, "document_hash": signed})
    clock.advance(timedelta(days=1))
    await agency.step(contract, "amendment/apply")
    now = await owed(agency, contract)
    assert {code: one["status"] for code, one in now.items()} == {
        "hosting_password": "released",
        "works_register": "released",
        "functions_register": "open",
    }
    assert now["functions_register"]["due_at"] == "2026-08-08T09:00:00Z"


@pytest.mark.capability("K46")
async def test_a_list_that_the_client_does_not_update_is_stale_and_a_breach_until_he_does(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(obligations={"client_registers": {"functions": 30, "anomalies": 10, "works": 20}})
    client = await decider(installation, agency, contract)
    under = {"contract_id": contract["contract_id"]}

    async def stale() -> dict[str, bool]:
        found = await client.get("/v1/client-registers", params=under)
        return {register["kind"]: register["stale"] for register in found["data"]}

    job = DueRegisters(installation.runtime.units)
    clock.advance(timedelta(days=9))
    for kind in ("functions", "works"):
        await client.make("/v1/register-entries", {**under, "kind": kind, "title": "Online booking"})
    clock.advance(timedelta(days=2))
    await job.run()
    assert await stale() == {"functions": False, "anomalies": True, "works": False}
    assert [(one["kind"], one["party"]) for one in await breaches(agency, contract)] == [
        ("anomalies_register", "client")
    ]
    confirmed = await client.make("/v1/register-confirmations", {**under, "kind": "anomalies"}, status=200)
    assert (confirmed["stale"], confirmed["fresh_until"]) == (False, "2026-06-29T09:00:00Z")
    assert not any((await stale()).values())
    assert [one["status"] for one in await breaches(agency, contract)] == ["ended"]
    clock.advance(timedelta(days=19))
    await job.run()
    assert await stale() == {"functions": False, "anomalies": True, "works": True}
    entry = (await client.get("/v1/register-entries", params={**under, "kind": "works"}))["data"][0]
    path = f"/v1/register-entries/{entry['entry_id']}"
    changed = await client.call("PATCH", path, json={"state": "removed"}, headers={"If-Match": '"1"'})
    assert changed.json()["in_words"]["state"] == {"fr": "supprimé", "en": "removed"}
    assert not (await stale())["works"]


@pytest.mark.capability("K41")
async def test_advice_is_sent_again_until_it_is_acknowledged_and_a_refusal_is_told_with_its_reason(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    client = await decider(installation, agency, contract)
    advisory = await agency.make(
        "/v1/advisories",
        {
            "client_id": contract["client_id"],
            "contract_id": contract["contract_id"],
            "kind": "security",
            "title": {"fr": "Double authentification", "en": "Two-factor authentication"},
            "body": {"fr": "Activez-la.", "en": "Turn it on."},
        },
    )
    assert [one["email"] for one in advisory["recipients"]] == ["lea@hotel.example"]
    path = f"/v1/advisories/{advisory['advisory_id']}"
    job = DueRegisters(installation.runtime.units)
    for _ in range(2):
        clock.advance(timedelta(days=7, seconds=1))
        await job.run()
    delivered = await agency.make(f"{path}/deliver", {"means": "letter", "evidence": "Receipt"}, status=200)
    assert len(delivered["sent_at"]) == 3
    await agency.refused(422, "POST", f"{path}/acknowledge", json={})
    await client.make(f"{path}/acknowledge", {}, status=200)
    clock.advance(timedelta(days=30))
    await job.run()
    await client.refused(422, "POST", f"{path}/answer", json={"answer": "refused"})
    refused = await client.make(f"{path}/answer", {"answer": "refused", "reason": "No budget"}, status=200)
    assert (refused["status"], len(refused["sent_at"]), refused["next_sending_at"]) == ("refused", 3, None)
    assert refused["issued_by"] != refused["answered_by"] == "Somebody else"
    said = await installation.events(advisory["advisory_id"])
    assert [event["type"].split(".")[-2] for event in said] == [
        "issued",
        "resent",
        "resent",
        "changed",
        "changed",
        "refused",
    ]
    assert AdvisoryRefused.model_validate(said[-1]["data"]).answer_reason == "No budget"
    await client.refused(409, "POST", f"{path}/answer", json={"answer": "accepted"})


@pytest.mark.capability("K41")
async def test_a_mail_that_arrived_is_a_delivery_dated_for_its_recipient_once_and_whatever_became_of_the_advice(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    text = {"fr": "Mettez à jour.", "en": "Update."}
    body = {"client_id": contract["client_id"], "kind": "update", "title": text, "body": text}
    advisory = await agency.make("/v1/advisories", body)
    path = f"/v1/advisories/{advisory['advisory_id']}"

    async def arrived(recipient: str, at: str) -> Any:
        async with installation.runtime.units.for_tenant(agency.tenant_id) as uow:
            work = workspace_of(uow)
            locked = await work.registers.advisories.locked(UUID(advisory["advisory_id"]))
            await heard_delivery(work, locked, recipient, datetime.fromisoformat(at), f"<{recipient}@agency.example>")
        return await agency.get(path)

    assert (advisory["status"], advisory["delivered_at"]) == ("issued", None)
    for _ in range(2):
        reached = await arrived("lea@hotel.example", "2026-06-08T09:00:05Z")
    assert (reached["status"], reached["delivered_at"]) == ("delivered", "2026-06-08T09:00:05Z")
    assert len(reached["deliveries"]) == 1
    await agency.make(f"{path}/acknowledge", {"evidence": "On the phone"}, status=200)
    reached = await arrived("it@hotel.example", "2026-06-08T09:00:03Z")
    assert (reached["status"], reached["delivered_at"]) == ("acknowledged", "2026-06-08T09:00:03Z")
    assert [(each["recipient"], each["at"]) for each in reached["deliveries"]] == [
        ("lea@hotel.example", "2026-06-08T09:00:05Z"),
        ("it@hotel.example", "2026-06-08T09:00:03Z"),
    ]
    said = (await installation.events(advisory["advisory_id"]))[-1]["data"]["deliveries"]
    assert said[0] == {"recipient": "lea@hotel.example", "means": "mail", "at": "2026-06-08T09:00:05Z"}


async def test_everything_that_was_written_of_a_record_stays_with_who_wrote_it(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    access = await asked(agency, contract)
    path = f"/v1/obligations/{access['obligation_id']}"
    later = {"due_at": "2026-06-11T09:00:00Z", "reason": "The host answers on Thursday"}
    await agency.make(f"{path}/postpone", later, status=200)
    client = await decider(installation, agency, contract)
    await client.make(f"{path}/fulfil", KEPT, status=200)
    history = (await agency.get(f"/v1/register-history/{access['obligation_id']}"))["data"]
    assert [(one["version"], one["state"]["status"], one["state"]["due_at"]) for one in history] == [
        (1, "open", "2026-06-09T09:00:00Z"),
        (2, "open", "2026-06-11T09:00:00Z"),
        (3, "fulfilled", "2026-06-11T09:00:00Z"),
    ]
    assert history[-1]["by"] == "Somebody else"
    await client.refused(403, "GET", f"/v1/register-history/{access['obligation_id']}")


async def test_nothing_is_asked_for_under_a_contract_that_is_not_in_force(agency: Agency) -> None:
    draft = await agency.draft()
    body = {"contract_id": draft["contract_id"], "owner": "client", "kind": "access", "title": ACCESS}
    await agency.refused(409, "POST", "/v1/obligations", json={**body, "due_at": "2026-06-09T09:00:00Z"})
    active = await agency.active()
    past = {**body, "contract_id": active["contract_id"], "due_at": "2026-06-08T09:00:00Z"}
    problem = await agency.refused(422, "POST", "/v1/obligations", json=past)
    assert problem["errors"][0]["pointer"] == "#/due_at"


@pytest.mark.parametrize("how", ["looked at", "fulfilled"])
async def test_what_was_due_after_the_end_of_the_contract_lapses_however_late_the_worker_is(
    installation: Installation, agency: Agency, clock: FixedClock, how: str
) -> None:
    contract = await agency.active(ends_on="2026-06-09")
    access = await asked(agency, contract, due_at="2026-06-09T22:02:00Z")
    clock.advance(timedelta(days=2))
    if how == "fulfilled":
        await agency.refused(409, "POST", f"/v1/obligations/{access['obligation_id']}/fulfil", json=KEPT)
    await DueRegisters(installation.runtime.units).run()
    assert await breaches(agency, contract) == []
    await DueContracts(installation.runtime.units).run()
    await DueRegisters(installation.runtime.units).run()
    lapsed = await agency.get(f"/v1/obligations/{access['obligation_id']}")
    assert (lapsed["status"], await breaches(agency, contract)) == ("lapsed", [])
