"""How a contract says how its desk works: from the plan's words over the signed document to the event."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from contracts.published.v1 import ContractActivated, ContractAmended
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

BUSINESS_HOURS = {"calendar": "business_hours", "targets": [{"severity": "critical", "response": "PT1H"}]}

HUGE = {"severity": "huge", "response": "PT1H"}


async def person(agency: Agency, name: str = "Paul Girard", **values: Any) -> Any:
    email = f"{uuid4().hex}@agency.example"
    return await agency.make("/v1/users", {"email": email, "name": name, "role": "operator", **values})


async def said(installation: Installation, contract: Any) -> Any:
    """What the newest event of a contract says of its desk."""
    return (await installation.events(contract["contract_id"]))[-1]["data"]["service_desk"]


async def matrix_with(agency: Agency, **change: str) -> list[dict[str, str]]:
    """The matrix of a Premium contract, its first entry changed."""
    first, *others = (await agency.draft())["terms"]["service_desk"]["priority"]["matrix"]
    return [{**first, **change}, *others]


async def test_each_plan_has_a_desk_and_its_tier_is_the_contracts_rank(agency: Agency) -> None:
    plans = {plan["code"]: plan["current"]["service_desk"] for plan in (await agency.get("/v1/plans"))["data"]}
    assert {code: desk["priority"]["rank"] for code, desk in plans.items()} == {
        "basique": 3,
        "standard": 2,
        "premium": 1,
        "stability_security": 3,
        "continuous_evolution": 2,
        "institutional_sla": 1,
    }
    assert {code for code, desk in plans.items() if desk["round_the_clock"]} == {"premium", "institutional_sla"}
    assert plans["continuous_evolution"]["backlog"] == {"cap": 20, "stale_after_days": 90}


async def test_a_plan_without_a_desk_of_its_own_takes_over_that_of_the_plan_below(agency: Agency) -> None:
    bespoke = {
        "code": "bespoke",
        "catalogue": "tiers",
        "title": {"fr": "Sur mesure", "en": "Bespoke"},
        "extends": "premium",
        "price": {"minimum": "300", "maximum": "900", "currency": "EUR"},
        "deliverables": [],
    }
    made = await agency.make("/v1/plans", bespoke)
    assert made["current"]["service_desk"]["priority"]["rank"] == 1
    wrong = {**bespoke, "code": "other", "service_desk": {"hotline_calendar": "nowhere"}}
    problem = await agency.refused(422, "POST", "/v1/plans", json=wrong)
    assert problem["errors"][0]["pointer"] == "#/service_desk/hotline_calendar"


@pytest.mark.capability("I28")
async def test_a_contract_has_a_table_of_impacts_and_criticalities_of_its_own_that_is_signed_and_told(
    installation: Installation, agency: Agency
) -> None:
    paul = await person(agency)
    matrix = await matrix_with(agency, severity="temporary")
    desk = {
        "priority": {"rank": 2, "matrix": matrix},
        "targets": [{"severity": "critical", "mitigation": "PT3H"}],
        "freezes": [{"name": "Admissions", "from": "2026-07-01", "to": "2026-07-31"}],
        "hotline_calendar": "business_hours",
        "assigned_user_ids": [paul["user_id"]],
    }
    contract = await agency.signed(service_desk=desk)
    document = await agency.get(f"/v1/contracts/{contract['contract_id']}/document")
    assert document["service_desk"]["priority"]["matrix"] == matrix
    assert "bloquant\u00a0: solution de contournement sous 3\u00a0heures." in document["service_desk_in_words"]["fr"]
    assert "critical: a workaround within 3 hours." in document["service_desk_in_words"]["en"]
    assert "Travaillent pour le client\u00a0: Paul Girard." in document["service_desk_in_words"]["fr"]
    assert (
        "The hotline answers in the open hours of the calendar Business hours."
        in (document["service_desk_in_words"]["en"])
    )
    await agency.step(contract, "activate")
    (event,) = await installation.events(contract["contract_id"])
    ContractActivated.model_validate(event["data"])
    assert event["data"]["service_desk"] == document["service_desk"]
    assert event["data"]["service_desk"]["freezes"] == desk["freezes"]
    assert set(event["data"]["calendars"]) == {"around_the_clock", "business_hours"}
    assert len(matrix) == 12


@pytest.mark.capability("I43")
async def test_a_contract_promises_reactions_for_severities_of_its_own_and_says_who_decides(
    installation: Installation, agency: Agency
) -> None:
    own = [{"code": "p0", "rank": 1, "names": {"fr": "urgence", "en": "emergency"}}]
    matrix = [{**entry, "severity": "p0"} for entry in await matrix_with(agency)]
    desk = {
        "severities": own,
        "priority": {"matrix": matrix, "decided_by": ["client_decider", "owner"]},
        "urgent": {"severities": ["p0"]},
        "post_mortem": {"severities": []},
    }
    promised = {"calendar": "business_hours", "targets": [{"severity": "p0", "response": "PT1H", "repair": "PT8H"}]}
    contract = await agency.active(service_desk=desk, response=promised)
    (event,) = await installation.events(contract["contract_id"])
    ContractActivated.model_validate(event["data"])
    assert event["data"]["response"]["targets"] == promised["targets"]
    assert event["data"]["service_desk"]["priority"]["decided_by"] == ["client_decider", "owner"]
    document = await agency.get(f"/v1/contracts/{contract['contract_id']}/document")
    assert (
        "The order of the work is decided by: decider of the client and owner of the agency."
        in (document["service_desk_in_words"]["en"])
    )


async def test_a_contract_takes_the_desk_of_its_plan_unless_it_says_its_own_or_none(
    installation: Installation, agency: Agency
) -> None:
    premium = await said(installation, await agency.active())
    assert premium["priority"]["rank"] == 1
    assert premium["round_the_clock"] is True
    assert premium["targets"] == [{"severity": "critical", "mitigation": "PT2H", "next_reply": "PT1H"}]
    own = await said(installation, await agency.active(service_desk={"backlog": {"cap": 5}}))
    assert (own["priority"]["rank"], own["backlog"]) == (3, {"cap": 5, "stale_after_days": 60})
    assert await said(installation, await agency.active(service_desk=None)) is None


async def test_without_the_plans_hours_a_contract_does_not_promise_what_only_they_can_bear(
    installation: Installation, agency: Agency
) -> None:
    without = await said(installation, await agency.active(response=None))
    assert (without["targets"], without["round_the_clock"]) == ([], False)
    office = await said(installation, await agency.active(response=BUSINESS_HOURS))
    assert (len(office["targets"]), office["round_the_clock"]) == (1, False)


@pytest.mark.parametrize(
    ("desk", "terms", "pointer"),
    [
        ({"priority": {"matrix": []}}, {}, "#/service_desk/priority/matrix"),
        ({"priority": {"decided_by": []}}, {}, "#/service_desk/priority/decided_by"),
        ({}, {"response": BUSINESS_HOURS | {"targets": [HUGE]}}, "#/response/targets/0/severity"),
        ({"targets": [{"severity": "huge", "mitigation": "PT1H"}]}, {}, "#/service_desk/targets/0/severity"),
        ({"targets": [{"severity": "major", "mitigation": "PT1H"}]}, {"response": None}, "#/service_desk/targets"),
        ({"hotline_calendar": "nowhere"}, {}, "#/service_desk/hotline_calendar"),
        ({"round_the_clock": True}, {"response": BUSINESS_HOURS}, "#/service_desk/round_the_clock"),
        ({"round_the_clock": True}, {"response": None}, "#/service_desk/round_the_clock"),
        ({"round_the_clock": True, "escalation": []}, {}, "#/service_desk/round_the_clock"),
        ({"assigned_user_ids": [str(uuid4())]}, {}, "#/service_desk/assigned_user_ids/0"),
        ({"warnings_percent": ["\x00"]}, {}, "#/service_desk/warnings_percent/0"),
    ],
)
async def test_a_desk_that_cannot_be_is_refused_with_the_place(
    agency: Agency, desk: dict[str, Any], terms: dict[str, Any], pointer: str
) -> None:
    client = await agency.client()
    body = agency.terms(client, await agency.site(client), "premium", "600.00", service_desk=desk, **terms)
    problem = await agency.refused(422, "POST", "/v1/contracts", json=body)
    assert problem["errors"][0]["pointer"] == pointer


async def test_an_entry_that_names_an_unknown_severity_is_named(agency: Agency) -> None:
    contract = await agency.draft()
    problem = await agency.refused(
        422,
        "PATCH",
        f"/v1/contracts/{contract['contract_id']}",
        json={"service_desk": {"priority": {"matrix": await matrix_with(agency, severity="huge")}}},
        headers={"If-Match": "*"},
    )
    assert problem["errors"] == [
        {
            "pointer": "#/service_desk/priority/matrix/0/severity",
            "detail": "huge is none of the severities of this contract",
        }
    ]


async def test_only_people_of_the_agency_who_can_work_are_assigned(installation: Installation, agency: Agency) -> None:
    client = await agency.client()
    rival = await person(await installation.agency("Another agency"))
    theirs = await person(agency, role="client_staff", client_id=client["client_id"])
    left = await person(agency)
    gone = await agency.call(
        "PATCH", f"/v1/users/{left['user_id']}", json={"disabled": True}, headers={"If-Match": "*"}
    )
    assert gone.status_code == 200
    body = agency.terms(client, await agency.site(client), "premium", "600.00")
    here = await person(agency)
    for user in (rival, theirs, left):
        desk = {"assigned_user_ids": [here["user_id"], user["user_id"]]}
        problem = await agency.refused(422, "POST", "/v1/contracts", json={**body, "service_desk": desk})
        assert problem["errors"][0]["pointer"] == "#/service_desk/assigned_user_ids/1"
        assert ("disabled" in problem["detail"]) is (user is left)


async def test_an_amendment_changes_the_desk_from_an_instant_on_and_leaves_the_past_alone(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active()
    path = f"/v1/contracts/{contract['contract_id']}"
    clock.advance(timedelta(days=7))
    freeze = {"name": "Examens", "from": "2026-06-20", "to": "2026-06-30"}
    waiting = await agency.step(contract, "amendment", {"service_desk": {"freezes": [freeze], "backlog": {"cap": 7}}})
    assert (await said(installation, contract))["freezes"] == []
    for party in ("client", "agency"):
        body = {"party": party, "document_hash": waiting["amendment"]["document"]["hash"]}
        await agency.step(contract, "amendment/sign", body)
    await agency.step(contract, "amendment/apply")
    event = (await installation.events(contract["contract_id"]))[-1]
    ContractAmended.model_validate(event["data"])
    desk = event["data"]["service_desk"]
    assert (desk["freezes"], desk["backlog"]) == ([freeze], {"cap": 7, "stale_after_days": 60})
    assert desk["priority"]["rank"] == 1
    before = await agency.get(f"{path}/effective", params={"at": "2026-06-10T00:00:00Z"})
    assert before["state"]["service_desk"]["freezes"] == []


async def test_an_amendment_to_another_plan_brings_that_plans_desk(installation: Installation, agency: Agency) -> None:
    contract = await agency.active(plan="basique", amount="150.00")
    assert (await said(installation, contract))["priority"]["rank"] == 3
    amendment = {"plan_code": "premium", "price": {"amount": "500.00", "currency": "EUR"}}
    waiting = await agency.step(contract, "amendment", amendment)
    assert waiting["amendment"]["terms"]["service_desk"]["priority"]["rank"] == 1
    back = await agency.step(contract, "amendment/withdraw")
    assert back["terms"]["service_desk"]["priority"]["rank"] == 3


async def test_a_contract_that_was_signed_before_there_was_a_desk_goes_on_without_one(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active(service_desk=None)
    await installation.as_owner(
        "update contracts.contract_document"
        " set text = (text::jsonb - 'service_desk' - 'service_desk_in_words')::text"
        f" where contract_id = '{contract['contract_id']}';"
        "update contracts.contract set terms = terms - 'service_desk'"
        f" where contract_id = '{contract['contract_id']}'"
    )
    suspended = await agency.step(contract, "suspend", {"reason": "Two unpaid invoices"})
    assert suspended["terms"]["service_desk"] is None
    assert await said(installation, contract) is None
