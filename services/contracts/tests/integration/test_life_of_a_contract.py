"""From the draft over two signatures to the end, over HTTP and with the events that tell the other services."""

import asyncio
import hashlib
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from contracts.adapters.workspace import workspace_of
from contracts.application.contracts import apply_amendment
from contracts.jobs.contract_life import DueContracts
from contracts.published.v1 import ContractActivated, ContractAmended, ContractSuspended, ContractTerminated
from shared.database import libpq_url
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_premium_contract_goes_from_draft_to_active_and_tells_its_full_state(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    assert contract["status"] == "active"
    said = await installation.events(contract["contract_id"])
    assert [event["type"] for event in said] == ["dev.upheld.contracts.contract.activated.v1"]
    state = said[0]["data"]
    ContractActivated.model_validate(state)
    assert said[0]["aggregateversion"] == state["version"] == contract["version"]
    assert state["monitoring"]["interval_seconds"] == 30
    assert state["response"]["targets"][0] == {"severity": "critical", "response": "PT30M", "repair": None}
    assert state["calendars"]["around_the_clock"][0]["calendar"] == {"time_zone": "Europe/Paris", "always": True}
    assert state["uptime"]["target_percent"] == "99.9"
    assert state["plan"]["code"] == "premium"
    assert state["plan"]["priority"] == 1
    assert [each["counts_for_sla"] for each in state["sites"][0]["environments"]] == [True, False]
    assert state["signature"]["version_hash"] == contract["document"]["hash"]
    assert state["effective_from"] == "2026-06-08T09:00:00Z"
    assert state["reports"] == {"monthly": True}
    assert state["alerts"] == {"emails": ["alerts@agency.example"]}


@pytest.mark.capability("K01")
async def test_a_contract_does_not_activate_without_both_parties_and_a_signed_version_hash(agency: Agency) -> None:
    contract = await agency.step(await agency.draft(), "propose")
    path = f"/v1/contracts/{contract['contract_id']}"
    document_hash = contract["document"]["hash"]
    await agency.refused(409, "POST", f"{path}/activate")
    await agency.refused(409, "POST", f"{path}/sign", json={"party": "client", "document_hash": "0" * 64})
    one = await agency.step(contract, "sign", {"party": "agency", "document_hash": document_hash})
    assert one["status"] == "proposed"
    await agency.refused(409, "POST", f"{path}/activate")
    await agency.refused(409, "POST", f"{path}/sign", json={"party": "agency", "document_hash": document_hash})
    both = await agency.step(contract, "sign", {"party": "client", "document_hash": document_hash})
    assert both["status"] == "signed"
    assert [(each["party"], each["document_hash"]) for each in both["signatures"]] == [
        ("agency", document_hash),
        ("client", document_hash),
    ]
    assert (await agency.step(contract, "activate"))["status"] == "active"


async def test_what_is_signed_is_the_hash_of_the_document_as_it_is_served(agency: Agency) -> None:
    contract = await agency.step(await agency.draft(), "propose")
    answer = await agency.call("GET", f"/v1/contracts/{contract['contract_id']}/document")
    assert hashlib.sha256(answer.content).hexdigest() == contract["document"]["hash"]
    assert answer.json()["signatories"]["client"]["name"] == "Léa Martin"


async def test_a_stored_document_that_was_tampered_with_cannot_take_effect(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.signed()
    await installation.as_owner(
        "update contracts.contract_document set text = replace(text, '600.00', '60.00')"
        f" where contract_id = '{contract['contract_id']}'"
    )
    problem = await agency.refused(409, "POST", f"/v1/contracts/{contract['contract_id']}/activate")
    assert problem["code"] == "not-signed"


async def test_the_application_cannot_change_what_was_proposed_or_in_force(installation: Installation) -> None:
    for table in ("plan_version", "contract_document", "contract_state"):
        async with installation.runtime.database.engine.connect() as connection:
            with pytest.raises(Exception, match="permission denied"):
                await connection.execute(text(f"delete from contracts.{table}"))


@pytest.mark.capability("K32")
async def test_an_illegal_transition_is_a_conflict_that_names_what_is_allowed(agency: Agency) -> None:
    draft = await agency.draft()
    path = f"/v1/contracts/{draft['contract_id']}"
    problem = await agency.refused(409, "POST", f"{path}/activate")
    assert problem["code"] == "illegal-transition"
    assert problem["allowed"] == ["edit", "propose"]
    await agency.refused(409, "POST", f"{path}/suspend", json={"reason": "Because"})
    contract = await agency.active()
    path = f"/v1/contracts/{contract['contract_id']}"
    assert contract["allowed_steps"] == ["amend", "expire", "renew", "suspend", "terminate"]
    for step in ("propose", "withdraw", "activate", "resume"):
        problem = await agency.refused(409, "POST", f"{path}/{step}")
        assert problem["allowed"] == contract["allowed_steps"]
    await agency.refused(
        409, "PATCH", path, json={"alert_emails": []}, headers={"If-Match": f'"{contract["version"]}"'}
    )
    ended = await agency.step(contract, "terminate", {"reason": "The client closed"})
    assert ended["allowed_steps"] == []
    await agency.refused(409, "POST", f"{path}/resume")


async def test_suspending_resuming_and_terminating_each_tell_the_full_state_once(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    clock.advance(timedelta(hours=1))
    await agency.step(contract, "suspend", {"reason": "Two unpaid invoices"})
    clock.advance(timedelta(hours=1))
    await agency.step(contract, "resume")
    clock.advance(timedelta(hours=1))
    ended = await agency.step(contract, "terminate", {"reason": "By agreement"})
    said = await installation.events(contract["contract_id"])
    assert [(event["type"].split(".")[-2], event["data"]["status"]) for event in said] == [
        ("activated", "active"),
        ("suspended", "suspended"),
        ("activated", "active"),
        ("terminated", "terminated"),
    ]
    versions = [event["aggregateversion"] for event in said]
    assert versions == sorted(set(versions))
    # Who gets them in another order can tell which one is missing.
    assert [event["data"]["previous_version"] for event in said] == [None, *versions[:-1]]
    ContractSuspended.model_validate(said[1]["data"])
    ContractTerminated.model_validate(said[3]["data"])
    assert ended["closed_at"] == "2026-06-08T12:00:00Z"
    states = (await agency.get(f"/v1/contracts/{contract['contract_id']}/states"))["data"]
    assert [state["change"] for state in states] == ["activated", "suspended", "resumed", "terminated"]
    assert states[1]["reason"] == "Two unpaid invoices"


async def test_what_was_in_force_at_an_instant_is_answered_from_history(agency: Agency, clock: FixedClock) -> None:
    contract = await agency.active()
    path = f"/v1/contracts/{contract['contract_id']}/effective"
    clock.advance(timedelta(days=2))
    await agency.step(contract, "suspend", {"reason": "Unpaid"})
    clock.advance(timedelta(days=2))
    assert (await agency.get(path))["status"] == "suspended"
    assert (await agency.get(path, params={"at": "2026-06-09T09:00:00Z"}))["status"] == "active"
    assert (await agency.get(path, params={"at": "2026-06-10T11:00:00+02:00"}))["status"] == "suspended"
    assert (await agency.get(path, params={"at": "2026-06-08T09:00:00Z"}))["status"] == "active"
    await agency.refused(404, "GET", path, params={"at": "2026-06-08T08:59:59Z"})
    await agency.refused(422, "GET", path, params={"at": "2026-06-09T09:00:00"})


async def test_a_contract_expires_at_the_end_of_its_last_day_in_the_clients_zone(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(ends_on="2026-06-30")
    assert contract["ends_at"] == "2026-06-30T22:00:00Z"
    job = DueContracts(installation.runtime.units).run
    clock.advance(timedelta(days=22, hours=12))
    await job()
    assert (await agency.get(f"/v1/contracts/{contract['contract_id']}"))["status"] == "active"
    clock.advance(timedelta(hours=3))
    await job()
    await job()
    expired = await agency.get(f"/v1/contracts/{contract['contract_id']}")
    assert (expired["status"], expired["closed_at"]) == ("expired", "2026-06-30T22:00:00Z")
    said = await installation.events(contract["contract_id"])
    assert [event["type"].split(".")[-2] for event in said] == ["activated", "terminated"]
    assert said[-1]["data"]["status"] == "expired"
    assert said[-1]["data"]["effective_from"] == "2026-06-30T22:00:00Z"


@pytest.mark.parametrize(("ends_on", "ends_at"), [("2026-12-31", "2026-12-31T23:00:00Z"), (None, None)])
async def test_a_contract_that_is_prolonged_while_expiry_waits_for_it_goes_on(
    installation: Installation, agency: Agency, clock: FixedClock, ends_on: str | None, ends_at: str | None
) -> None:
    contract = await agency.active(ends_on="2026-06-30")
    path = f"/v1/contracts/{contract['contract_id']}"
    waiting = await agency.step(contract, "amendment", {"ends_on": ends_on})
    for party in ("client", "agency"):
        body = {"party": party, "document_hash": waiting["amendment"]["document"]["hash"]}
        await agency.step(contract, "amendment/sign", body)
    clock.advance(timedelta(days=23))
    async with installation.runtime.units.for_tenant(agency.tenant_id) as uow:
        work = workspace_of(uow)
        await apply_amendment(work, await work.contracts.locked(UUID(contract["contract_id"])))
        expiry = asyncio.ensure_future(DueContracts(installation.runtime.units).run())
        await installation.transactions_wait_for_rows(1)
    await expiry
    after = await agency.get(path)
    assert (after["status"], after["ends_at"], after["closed_at"]) == ("active", ends_at, None)


async def test_a_contract_does_not_begin_before_its_first_day(agency: Agency) -> None:
    contract = await agency.signed(starts_on="2026-06-09")
    problem = await agency.refused(409, "POST", f"/v1/contracts/{contract['contract_id']}/activate")
    assert "2026-06-09" in problem["detail"]


async def test_proposing_lists_everything_that_is_missing(agency: Agency) -> None:
    client = await agency.client(contacts=[])
    site = await agency.site(client, environments=[])
    draft = await agency.make(
        "/v1/contracts",
        agency.terms(
            client, site, "premium", "600.00", alert_emails=[], status_page=None, signatories={"agency": None}
        ),
    )
    problem = await agency.refused(422, "POST", f"/v1/contracts/{draft['contract_id']}/propose")
    assert problem["code"] == "contract-incomplete"
    assert sorted(error["pointer"] for error in problem["errors"]) == [
        "#/terms/alert_emails",
        "#/terms/signatories/agency",
        "#/terms/signatories/client",
        "#/terms/site_ids/0",
        "#/terms/status_page",
    ]


async def test_a_withdrawn_proposal_forgets_its_signatures_and_gets_a_new_document(agency: Agency) -> None:
    contract = await agency.step(await agency.draft(), "propose")
    first = contract["document"]
    await agency.step(contract, "sign", {"party": "client", "document_hash": first["hash"]})
    draft = await agency.step(contract, "withdraw")
    assert (draft["status"], draft["signatures"]) == ("draft", [])
    changed = await agency.call(
        "PATCH",
        f"/v1/contracts/{contract['contract_id']}",
        json={"price": {"amount": "650"}},
        headers={"If-Match": f'"{draft["version"]}"'},
    )
    assert changed.json()["terms"]["price"] == {"amount": "650.00", "currency": "EUR"}
    again = await agency.step(contract, "propose")
    assert again["document"]["number"] == 2
    assert again["document"]["hash"] != first["hash"]
    await agency.refused(
        409,
        "POST",
        f"/v1/contracts/{contract['contract_id']}/sign",
        json={"party": "client", "document_hash": first["hash"]},
    )


async def test_an_amendment_takes_effect_when_both_have_signed_and_leaves_the_past_alone(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(plan="basique", amount="150.00")
    path = f"/v1/contracts/{contract['contract_id']}"
    clock.advance(timedelta(days=7))
    waiting = await agency.step(
        contract, "amendment", {"plan_code": "premium", "price": {"amount": "500.00", "currency": "EUR"}}
    )
    assert waiting["plan"]["code"] == "basique"
    new_hash = waiting["amendment"]["document"]["hash"]
    await agency.refused(409, "POST", f"{path}/amendment/apply")
    await agency.refused(409, "POST", f"{path}/amendment", json={"plan_code": "standard"})
    for party in ("client", "agency"):
        await agency.step(contract, "amendment/sign", {"party": party, "document_hash": new_hash})
    amended = await agency.step(contract, "amendment/apply")
    assert (amended["plan"]["code"], amended["amendment"], amended["status"]) == ("premium", None, "active")
    said = await installation.events(contract["contract_id"])
    assert [event["type"].split(".")[-2] for event in said] == ["activated", "amended"]
    ContractAmended.model_validate(said[1]["data"])
    assert said[1]["data"]["monitoring"]["interval_seconds"] == 30
    assert said[1]["data"]["uptime"]["target_percent"] == "99.9"
    assert said[1]["data"]["signature"]["version_hash"] == new_hash
    before = await agency.get(f"{path}/effective", params={"at": "2026-06-10T00:00:00Z"})
    assert before["state"]["monitoring"]["interval_seconds"] == 180
    assert before["state"]["uptime"] is None


async def test_an_amendment_can_be_withdrawn(agency: Agency) -> None:
    contract = await agency.active()
    await agency.step(contract, "amendment", {"price": {"amount": "700.00"}})
    back = await agency.step(contract, "amendment/withdraw")
    assert back["amendment"] is None
    assert back["terms"]["price"]["amount"] == "600.00"
    path = f"/v1/contracts/{contract['contract_id']}/amendment"
    await agency.refused(409, "POST", f"{path}/apply")
    await agency.refused(422, "POST", path, json={"starts_on": "2026-07-01"})
    await agency.refused(422, "POST", path, json={"status_page": {"slug": "another-slug"}})


async def test_response_and_uptime_are_separate_promises_and_each_is_optional(
    installation: Installation, agency: Agency
) -> None:
    async def promised(**values: Any) -> Any:
        contract = await agency.active(**values)
        return (await installation.events(contract["contract_id"]))[-1]["data"]

    state = await promised(uptime=None)
    assert state["uptime"] is None
    assert state["response"]["targets"]
    assert "uptime_commitment" not in [item["code"] for item in state["deliverables"]]
    state = await promised(response=None)
    assert state["response"] is None
    assert state["calendars"] == {}
    assert state["uptime"]["target_percent"] == "99.9"
    assert "response_commitment" not in [item["code"] for item in state["deliverables"]]
    state = await promised(plan="basique", amount="150.00")
    assert state["uptime"] is None
    assert state["response"]["calendar"] == "business_hours"


async def test_a_contract_can_promise_its_own_targets(installation: Installation, agency: Agency) -> None:
    response = {
        "calendar": "around_the_clock",
        "targets": [{"severity": "critical", "response": "PT15M", "repair": "PT4H"}],
    }
    contract = await agency.active(response=response, deliverable_parameters={"uptime_monitoring": {"rechecks": 1}})
    state = (await installation.events(contract["contract_id"]))[-1]["data"]
    assert state["response"]["targets"] == [{"severity": "critical", "response": "PT15M", "repair": "PT4H"}]
    assert state["response"]["rules"] == {"on_policy_change": "retroactive", "on_reopen": "resume"}
    assert (state["monitoring"]["interval_seconds"], state["monitoring"]["rechecks"]) == (30, 1)
    commitment = next(item for item in state["deliverables"] if item["type"] == "response_commitment")
    assert commitment["name"]["en"] == "Response commitment"
    assert commitment["parameters"] == state["response"]


async def test_a_signed_contract_keeps_the_names_hours_and_plan_that_were_signed(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.signed(plan="basique", amount="150.00")
    client = await agency.get(f"/v1/clients/{contract['client_id']}")
    await agency.call(
        "PATCH", f"/v1/clients/{client['client_id']}", json={"name": "New name"}, headers={"If-Match": "*"}
    )
    calendars = (await agency.get("/v1/calendars"))["data"]
    office = next(each for each in calendars if each["name"] == "business_hours")
    await agency.make(
        f"/v1/calendars/{office['calendar_id']}/versions",
        {
            "effective_from": "2026-07-01T00:00:00+02:00",
            "calendar": {"time_zone": "Europe/Paris", "always": True},
        },
        headers={"If-Match": '"1"'},
    )
    await agency.step(contract, "activate")
    state = (await installation.events(contract["contract_id"]))[-1]["data"]
    assert state["client"]["name"] == "Hôtel du Lac"
    assert len(state["calendars"]["business_hours"]) == 1


async def test_the_address_of_a_status_page_is_unique_over_all_agencies(
    installation: Installation, agency: Agency
) -> None:
    page = {"slug": "taken-slug", "name": "Hôtel du Lac"}
    contract = await agency.active(status_page=page)
    other = await installation.agency("Another agency")
    rival = await other.draft(status_page=page)
    await other.refused(409, "POST", f"/v1/contracts/{rival['contract_id']}/propose")
    await agency.step(contract, "terminate", {"reason": "It is over"})
    await other.step(rival, "propose")


async def test_contracts_of_one_client_share_the_address_of_his_page_until_the_last_one_ends(
    installation: Installation, agency: Agency
) -> None:
    page = {"slug": "shared-slug", "name": "Hôtel du Lac"}
    first = await agency.active(status_page=page)
    client = await agency.get(f"/v1/clients/{first['client_id']}")

    async def another(of: Any) -> Any:
        return await agency.make(
            "/v1/contracts", agency.terms(of, await agency.site(of), "premium", "600.00", status_page=page)
        )

    rival = await another(await agency.client())
    path = f"/v1/contracts/{rival['contract_id']}/propose"
    refused = await agency.refused(409, "POST", path)
    assert "another client's" in refused["detail"]
    second = await agency.step(await another(client), "propose")
    third = await agency.step(await another(client), "propose")
    await agency.step(first, "terminate", {"reason": "It is over"})
    await agency.refused(409, "POST", path)
    await agency.step(second, "withdraw")
    await agency.refused(409, "POST", path)
    await agency.step(second, "propose")
    await asyncio.gather(*(agency.step(each, "withdraw") for each in (second, third)))
    await agency.step(rival, "propose")
    await agency.refused(409, "POST", f"/v1/contracts/{second['contract_id']}/propose")


async def test_two_proposals_of_one_page_that_are_withdrawn_at_once_do_not_wait_for_each_other(
    installation: Installation, agency: Agency
) -> None:
    """The one that comes first hands the address to the other, whose contract is locked for its own withdrawal."""
    page = {"slug": "handed-over-slug", "name": "Hôtel du Lac"}
    first = await agency.draft(status_page=page)
    client = await agency.get(f"/v1/clients/{first['client_id']}")
    terms = agency.terms(client, await agency.site(client), "premium", "600.00", status_page=page)
    second = await agency.make("/v1/contracts", terms)
    proposed = [await agency.step(each, "propose") for each in (first, second)]
    async with await psycopg.AsyncConnection.connect(libpq_url(installation.owner_url)) as connection:
        await connection.execute("select 1 from contracts.status_page_address for update")
        withdrawals = [asyncio.create_task(agency.step(each, "withdraw")) for each in proposed]
        await installation.transactions_wait_for_rows(2)
    assert [draft["status"] for draft in await asyncio.gather(*withdrawals)] == ["draft", "draft"]


async def test_contract_numbers_run_per_agency_and_year(installation: Installation, agency: Agency) -> None:
    assert [(await agency.draft())["number"] for _ in range(2)] == ["C-2026-0001", "C-2026-0002"]
    other = await installation.agency("Another agency")
    assert (await other.draft())["number"] == "C-2026-0001"


async def test_two_activations_at_once_are_one_activation_and_one_conflict(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.signed()
    path = f"/v1/contracts/{contract['contract_id']}/activate"
    answers = await asyncio.gather(*(agency.call("POST", path) for _ in range(3)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409]
    assert len(await installation.events(contract["contract_id"])) == 1


@pytest.mark.capability("K28")
async def test_one_contract_covers_a_website_a_mobile_application_and_an_api(
    installation: Installation, agency: Agency
) -> None:
    client = await agency.client()
    kinds = ("website", "mobile_application", "api")
    sites = [
        await agency.site(
            client,
            name=kind,
            kind=kind,
            environments=[{"name": "production", "url": f"https://{number}.hotel.example/", "counts_for_sla": True}],
        )
        for number, kind in enumerate(kinds)
    ]
    of_three = {"site_ids": [site["site_id"] for site in sites]}
    contract = await agency.make("/v1/contracts", agency.terms(client, sites[0], "premium", "600.00", **of_three))
    contract = await agency.step(contract, "propose")
    for party in ("agency", "client"):
        consent = {"party": party, "document_hash": contract["document"]["hash"]}
        contract = await agency.step(contract, "sign", consent)
    contract = await agency.step(contract, "activate")
    path = f"/v1/contracts/{contract['contract_id']}"
    signed = await agency.get(f"{path}/document")
    (told,) = await installation.events(contract["contract_id"])
    effective = await agency.get(f"{path}/effective")
    for shown in (signed, told["data"], effective["state"]):
        assert [(site["name"], site["kind"]) for site in shown["sites"]] == [(kind, kind) for kind in kinds]
    sheet = await agency.get(f"{path}/sheet", headers={"Accept-Language": "fr"})
    assert [(site["name"], site["kind"]) for site in sheet["sites"]] == [(kind, kind) for kind in kinds]
    assert [site["kind_in_words"] for site in sheet["sites"]] == ["site web", "application mobile", "API"]
    page = (await agency.call("GET", f"{path}/sheet/html", headers={"Accept-Language": "fr"})).text
    assert "application mobile" in page
