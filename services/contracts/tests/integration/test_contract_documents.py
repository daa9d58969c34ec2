"""Contracts as code over the running service: a document is planned, applied, exported, and applied somewhere else."""

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from contracts.api.document_commands import apply, export, plan
from contracts.application.contract_document import document_schema
from contracts.settings import ContractsSettings
from shared.kernel.clock import FixedClock

from ..whole_contract import whole
from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

SERVICE = Path(__file__).parents[2]
EXAMPLE = {path.stem: path.read_text("utf-8") for path in (SERVICE / "examples").glob("*.yaml")}
HOTEL, SHOP = EXAMPLE["hotel-du-lac.fr"], EXAMPLE["northwind-shop.en"]
YAML = {"Content-Type": "application/yaml"}


async def sent(agency: Agency, how: str, document: str, **headers: str) -> httpx.Response:
    return await agency.call(
        "POST", f"/v1/contract-documents/{how}", content=document.encode(), headers={**YAML, **headers}
    )


async def planned(agency: Agency, document: str, **headers: str) -> Any:
    answer = await sent(agency, "plan", document, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def applied(agency: Agency, document: str, **headers: str) -> Any:
    answer = await sent(agency, "apply", document, **headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def exported(agency: Agency, outcome: Any) -> str:
    answer = await agency.call("GET", f"/v1/contracts/{outcome['contract']['contract_id']}/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/yaml"
    return answer.text


def actions(outcome: Any) -> list[str]:
    return [operation["action"] for operation in outcome["operations"]]


@pytest.mark.parametrize("example", sorted(EXAMPLE))
async def test_every_example_is_planned_applied_once_and_true_afterwards(agency: Agency, example: str) -> None:
    document = EXAMPLE[example]
    before = await planned(agency, document)
    assert before["changed"]
    assert before["contract"] is None
    assert (await agency.get("/v1/contracts"))["data"] == []
    done = await applied(agency, document)
    assert actions(done) == actions(before)
    assert done["contract"]["status"] == "draft"
    again = await applied(agency, document)
    assert not again["changed"]
    assert again["operations"] == []
    assert again["contract"] == done["contract"]
    assert (await planned(agency, document))["operations"] == []


async def test_the_difference_is_told_in_the_readers_language_and_as_data(agency: Agency) -> None:
    await applied(agency, HOTEL)
    dearer = HOTEL.replace("amount: 600.00", "amount: 650.00").replace("kind: website", "kind: api")
    english = await planned(agency, dearer)
    assert english["summary"] == "2 changes would be made."
    site, draft = english["operations"]
    assert site["words"] == "Change the site hotel-du-lac.example."
    assert site["differences"] == [
        {
            "pointer": "#/sites/0/kind",
            "before": "website",
            "after": "api",
            "words": "sites.0.kind: website becomes api",
        }
    ]
    assert [(one["pointer"], one["before"], one["after"]) for one in draft["differences"]] == [
        ("#/terms/price/amount", "600.00", "650.00")
    ]
    answer = await sent(agency, "plan", dearer, **{"Accept-Language": "fr-CA, en;q=0.5"})
    assert answer.headers["content-language"] == "fr"
    assert (
        answer.json()["operations"][1]["differences"][0]["words"] == "terms.price.amount\u00a0: 600.00 devient 650.00"
    )


async def test_a_document_goes_from_one_agency_to_another_and_is_the_same_text_there(
    installation: Installation,
) -> None:
    here, there = await installation.agency("Here"), await installation.agency("There")
    for example in (HOTEL, SHOP):
        text = await exported(here, await applied(here, example))
        assert (await planned(here, text))["operations"] == []
        arrived = await applied(there, text)
        assert arrived["contract"]["status"] == "draft"
        assert await exported(there, arrived) == text
        assert (await applied(there, text))["operations"] == []
        identifiers = {here.tenant_id, there.tenant_id, arrived["contract"]["contract_id"]}
        assert not [one for one in identifiers if str(one) in text]


async def test_a_contract_made_with_the_api_arrives_whole_in_an_agency_with_another_catalogue(
    installation: Installation,
) -> None:
    here, there = await installation.agency("Here"), await installation.agency("There")
    operator = await here.make(
        "/v1/users", {"email": "paul@agency.example", "name": "Paul Girard", "role": "operator", "language": "fr"}
    )
    client = await here.client()
    site = await here.site(client)
    terms = here.terms(client, site, "institutional_sla", "1600.00")
    terms["price"]["currency"] = "USD"
    terms["service_desk"] = {"assigned_user_ids": [operator["user_id"]], "hotline_calendar": "business_hours"}
    terms |= whole()
    terms["continuity"] = [{"site_id": site["site_id"], "rpo": "PT24H", "rto": "PT8H"}]
    terms["resources"][0]["user_id"] = operator["user_id"]
    contract = await here.make("/v1/contracts", terms)
    text = await exported(here, {"contract": contract})
    document = yaml.safe_load(text)
    jsonschema.Draft202012Validator(document_schema()).validate(document)
    assert document["key"] == contract["number"]
    assert document["terms"]["service_desk"]["assigned_users"] == ["paul@agency.example"]
    assert document["terms"]["continuity"][0]["site"] == "hotel.example"
    stranger = await sent(there, "apply", text)
    assert stranger.status_code == 422
    (fault,) = stranger.json()["errors"]
    assert fault["pointer"] == "#/terms/resources/0/user"
    assert "has no user paul@agency.example" in fault["detail"]
    await there.make("/v1/users", {"email": "paul@agency.example", "name": "Paul G.", "role": "operator"})
    plans = {one["code"]: one for one in (await there.get("/v1/plans", params={"limit": 100}))["data"]}
    version = {key: plans["institutional_sla"]["current"][key] for key in ("title", "deliverables", "support_level")}
    other = await there.call(
        "POST",
        f"/v1/plans/{plans['institutional_sla']['plan_id']}/versions",
        json={**version, "price": {"currency": "USD"}},
        headers={"If-Match": "*"},
    )
    assert other.status_code == 201, other.text
    arrived = await applied(there, text)
    assert "add_plan_version" in actions(arrived)
    assert await exported(there, arrived) == text


async def test_a_contract_in_force_is_never_changed_by_a_document_it_is_proposed_an_amendment(agency: Agency) -> None:
    active = await agency.active()
    text = await exported(agency, {"contract": active})
    assert (await planned(agency, text))["operations"] == []
    dearer = text.replace("amount: '600.00'", "amount: '700.00'")
    outcome = await applied(agency, dearer)
    assert actions(outcome) == ["propose_amendment"]
    assert "until both parties sign" in outcome["summary"]
    contract = await agency.get(f"/v1/contracts/{active['contract_id']}")
    assert contract["terms"]["price"]["amount"] == "600.00"
    assert contract["amendment"]["terms"]["price"]["amount"] == "700.00"
    assert contract["amendment"]["restates_price"] is True
    assert await exported(agency, outcome) == dearer
    assert (await applied(agency, dearer))["operations"] == []

    dearest = text.replace("amount: '600.00'", "amount: '750.00'")
    assert actions(await applied(agency, dearest)) == ["withdraw_amendment", "propose_amendment"]
    assert actions(await applied(agency, text)) == ["withdraw_amendment"]
    contract = await agency.get(f"/v1/contracts/{active['contract_id']}")
    assert contract["amendment"] is None

    await applied(agency, dearer)
    contract = await agency.get(f"/v1/contracts/{active['contract_id']}")
    consent = {"party": "agency", "document_hash": contract["amendment"]["document"]["hash"]}
    await agency.step(contract, "amendment/sign", consent)
    refused = await sent(agency, "apply", dearest)
    assert refused.status_code == 409
    assert "Somebody has signed the amendment" in refused.json()["detail"]


async def test_another_address_of_a_site_in_force_needs_an_amendment_too(agency: Agency) -> None:
    active = await agency.active()
    text = await exported(agency, {"contract": active})
    moved = text.replace("url: https://hotel.example/", "url: https://www.hotel.example/")
    assert actions(await applied(agency, moved)) == ["change_environment", "propose_amendment"]
    contract = await agency.get(f"/v1/contracts/{active['contract_id']}")
    assert contract["amendment"]["restates_price"] is False, "an index may have made another price of it"
    now = await agency.get(f"/v1/contracts/{active['contract_id']}/effective")
    assert now["state"]["sites"][0]["environments"][0]["url"] == "https://hotel.example/"
    for party in ("agency", "client"):
        consent = {"party": party, "document_hash": contract["amendment"]["document"]["hash"]}
        await agency.step(contract, "amendment/sign", consent)
    await agency.step(contract, "amendment/apply")
    then = await agency.get(f"/v1/contracts/{active['contract_id']}/effective")
    assert then["state"]["sites"][0]["environments"][0]["url"] == "https://www.hotel.example/"
    assert (await planned(agency, moved))["operations"] == []


async def test_a_proposal_is_withdrawn_unless_somebody_has_signed_it(agency: Agency) -> None:
    done = await applied(agency, HOTEL)
    contract = await agency.step(done["contract"], "propose")
    dearer = HOTEL.replace("amount: 600.00", "amount: 650.00")
    assert actions(await planned(agency, dearer)) == ["withdraw_proposal", "change_draft"]
    await agency.step(contract, "sign", {"party": "client", "document_hash": contract["document"]["hash"]})
    refused = await sent(agency, "plan", dearer)
    assert refused.status_code == 409
    assert (await agency.get(f"/v1/contracts/{contract['contract_id']}"))["status"] == "proposed"


async def test_what_cannot_be_is_refused_at_its_line_and_nothing_of_the_rest_is_done(agency: Agency) -> None:
    cheap = HOTEL.replace("amount: 600.00", "amount: 60.00")
    refused = await sent(agency, "apply", cheap)
    assert refused.status_code == 422
    (fault,) = refused.json()["errors"]
    line = next(number for number, text in enumerate(cheap.splitlines(), 1) if "amount: 60.00" in text)
    assert fault["pointer"] == "#/terms/price/amount"
    assert fault["detail"].startswith(f"Line {line}: ")
    assert refused.json()["places"][0]["line"] == line
    assert (await agency.get("/v1/clients"))["data"] == []


@pytest.mark.parametrize(
    ("wrong", "right", "pointer", "told"),
    [
        ("verdict: in\n", "verdict: perhaps\n", "#/terms/scope/categories/0/verdict", "Input should be"),
        ("code: premium", "code: gold", "#/plan/code", "There is no plan gold"),
        ("site: hotel-du-lac.example", "site: elsewhere", "#/terms/continuity/0/site", "none of the sites"),
        ("site: hotel-du-lac.example", "site_id: x", "#/terms/continuity/0/site_id", "an id of one installation"),
        ("starts_on: 2026-06-08", "starts_on: 2026-06-31", "#/terms/starts_on", "no such date"),
        ("terms:\n", "terms:\n  site_ids: []\n", "#/terms/site_ids", "is said by `sites`"),
        ("kind: website", "colour: blue", "#/sites/0/colour", "Extra inputs"),
        (
            "interval_seconds: 30",
            "interval_seconds: 0",
            "#/terms/deliverable_parameters/uptime_monitoring/interval_seconds",
            "greater",
        ),
        ("counts_for_sla: true", "counts_for_sla: yes", "#/sites/0/environments/0/counts_for_sla", "boolean"),
    ],
)
async def test_each_fault_is_told_at_its_place(agency: Agency, wrong: str, right: str, pointer: str, told: str) -> None:
    document = HOTEL.replace(wrong, right, 1)
    refused = await sent(agency, "plan", document)
    assert refused.status_code == 422, refused.text
    fault = next(error for error in refused.json()["errors"] if error["pointer"] == pointer)
    assert told in fault["detail"]
    line = next(
        number
        for number, (one, other) in enumerate(zip(document.splitlines(), HOTEL.splitlines(), strict=False), 1)
        if one != other
    )
    assert fault["detail"].startswith(f"Line {line}: ")


async def test_a_calendar_that_others_count_by_is_not_changed_and_later_hours_are_added(
    agency: Agency, clock: FixedClock
) -> None:
    await applied(agency, SHOP)
    earlier = SHOP.replace("from: 09:00", "from: 08:00")
    refused = await sent(agency, "plan", earlier)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/calendars/0"
    assert "other contracts count by it" in refused.json()["detail"]
    changes = """\
    changes:
      - effective_from: 2026-09-01T00:00:00+01:00
        calendar: {time_zone: Europe/London, weekly: [{days: [mon], from: 08:00, to: 12:00}]}

plan:
"""
    later = SHOP.replace("\nplan:\n", changes, 1)
    done = await applied(agency, later)
    assert actions(done) == ["add_calendar_version"]
    assert (await planned(agency, later))["operations"] == []
    text = await exported(agency, done)
    clock.advance(timedelta(days=100))
    assert (await planned(agency, later))["operations"] == []
    assert (await planned(agency, text))["operations"] == []
    assert yaml.safe_load(await exported(agency, done))["calendars"][0]["calendar"]["weekly"][0]["from"] == "08:00"


async def test_hours_to_come_that_the_document_does_not_know_are_not_taken_back(agency: Agency) -> None:
    await applied(agency, SHOP)
    calendars = (await agency.get("/v1/calendars", params={"limit": 100}))["data"]
    (office,) = [calendar for calendar in calendars if calendar["name"] == "london_office"]
    always = {"time_zone": "Europe/London", "always": True}
    answer = await agency.call(
        "POST",
        f"/v1/calendars/{office['calendar_id']}/versions",
        json={"effective_from": "2026-12-01T00:00:00Z", "calendar": always},
        headers={"If-Match": "*"},
    )
    assert answer.status_code == 201, answer.text
    refused = await sent(agency, "plan", SHOP)
    assert refused.status_code == 422
    assert refused.json()["errors"][0]["pointer"] == "#/calendars/0/changes"


async def test_what_a_contract_does_not_promise_though_its_plan_does_is_not_promised_elsewhere(
    installation: Installation,
) -> None:
    here, there = await installation.agency("Here"), await installation.agency("There")
    text = await exported(here, {"contract": await here.draft(response=None, service_desk=None)})
    terms = yaml.safe_load(text)["terms"]
    assert (terms["response"], terms["service_desk"]) == (None, None)
    assert terms["uptime"] is not None
    arrived = await applied(there, text)
    assert (await there.get(f"/v1/contracts/{arrived['contract']['contract_id']}"))["terms"]["response"] is None
    assert await exported(there, arrived) == text


async def test_another_plan_is_a_change_like_any_other(agency: Agency) -> None:
    higher = HOTEL.replace("slug: hotel-du-lac", "slug: another-hotel")
    draft = await applied(agency, higher)
    lower = higher.replace("code: premium", "code: standard").replace("amount: 600.00", "amount: 300.00")
    outcome = await applied(agency, lower)
    assert actions(outcome) == ["change_draft"]
    assert outcome["operations"][0]["differences"][0]["words"] == "plan.code: premium becomes standard"
    contract = await agency.get(f"/v1/contracts/{draft['contract']['contract_id']}")
    assert (contract["plan"]["code"], contract["terms"]["price"]["amount"]) == ("standard", "300.00")

    contract = await agency.step(contract, "propose")
    for party in ("agency", "client"):
        consent = {"party": party, "document_hash": contract["document"]["hash"]}
        contract = await agency.step(contract, "sign", consent)
    assert (await sent(agency, "apply", higher)).status_code == 409
    await agency.step(contract, "activate")
    assert actions(await applied(agency, higher)) == ["propose_amendment"]
    contract = await agency.get(f"/v1/contracts/{contract['contract_id']}")
    assert (contract["plan"]["code"], contract["amendment"]["plan"]["code"]) == ("standard", "premium")
    assert contract["amendment"]["terms"]["response"] != contract["terms"]["response"]
    assert (await planned(agency, higher))["operations"] == []


async def test_an_amendment_holds_from_the_day_that_is_asked_for_and_the_next_builds_on_it(
    agency: Agency, clock: FixedClock
) -> None:
    active = await agency.active()
    text = await exported(agency, {"contract": active})
    dearer = text.replace("amount: '600.00'", "amount: '700.00'")
    path = f"/v1/contracts/{active['contract_id']}"
    answer = await agency.call(
        "POST", "/v1/contract-documents/apply?effective_on=2026-09-01", content=dearer.encode(), headers=YAML
    )
    assert answer.status_code == 200, answer.text
    dearest = text.replace("amount: '600.00'", "amount: '710.00'")
    await applied(agency, dearest)
    contract = await agency.get(path)
    assert contract["amendment"]["effective_at"] == "2026-08-31T22:00:00Z"
    for party in ("agency", "client"):
        consent = {"party": party, "document_hash": contract["amendment"]["document"]["hash"]}
        await agency.step(contract, "amendment/sign", consent)
    await agency.step(contract, "amendment/apply")
    assert (await agency.get(path))["terms"]["price"]["amount"] == "600.00"
    assert await exported(agency, {"contract": active}) == dearest
    assert (await applied(agency, dearest))["operations"] == []
    refused = await sent(agency, "apply", dearer)
    assert refused.status_code == 422
    assert "must be after the amendment that is scheduled" in refused.json()["detail"]
    clock.set(clock.now() + timedelta(days=120))
    assert (await applied(agency, dearest))["operations"] == []
    assert actions(await applied(agency, dearer)) == ["propose_amendment"]


async def test_people_and_environments_become_exactly_those_of_the_document(agency: Agency) -> None:
    done = await applied(agency, HOTEL)
    document = yaml.safe_load(await exported(agency, done))
    hugo, lea = document["client"]["contacts"]
    document["client"]["contacts"] = [{**lea, "roles": ["staff"]}, {**lea, "name": "Lou Roy", "email": "lou@a.example"}]
    document["client"]["language"] = "en"
    document["sites"][0]["environments"] = [document["sites"][0]["environments"][0]]
    outcome = await applied(agency, json.dumps(document))
    assert [(one["action"], one["subject"]) for one in outcome["operations"]] == [
        ("change_client", "Hôtel du Lac"),
        ("remove_contact", hugo["name"]),
        ("change_contact", "Léa Martin"),
        ("add_contact", "Lou Roy"),
        ("remove_environment", "hotel-du-lac.example, recette"),
    ]
    assert (await applied(agency, json.dumps(document)))["operations"] == []
    del document["client"]["contacts"], document["client"]["language"], document["sites"][0]["environments"]
    assert (await applied(agency, json.dumps(document)))["operations"] == []


async def test_two_at_once_make_one_contract(agency: Agency) -> None:
    both = await asyncio.gather(applied(agency, HOTEL), applied(agency, HOTEL))
    assert sorted(outcome["changed"] for outcome in both) == [False, True]
    assert len((await agency.get("/v1/contracts"))["data"]) == 1
    assert len((await agency.get("/v1/clients"))["data"]) == 1


async def test_what_was_only_planned_says_nothing_to_anybody(agency: Agency, installation: Installation) -> None:
    before = await installation.events()
    await planned(agency, HOTEL)
    assert await installation.events() == before
    await applied(agency, HOTEL)
    said = [event["type"] for event in (await installation.events())[len(before) :]]
    assert said == ["dev.upheld.contracts.client.changed.v1", "dev.upheld.contracts.site.changed.v1"]


async def test_a_client_that_two_share_the_name_of_is_not_guessed(agency: Agency) -> None:
    await agency.client()
    await agency.client()
    refused = await sent(agency, "apply", HOTEL)
    assert refused.status_code == 409
    assert refused.json()["errors"][0]["pointer"] == "#/client/name"


async def test_what_has_ended_stays_as_it_ended(agency: Agency) -> None:
    contract = await agency.active()
    text = await exported(agency, {"contract": contract})
    await agency.step(contract, "terminate", {"reason": "Two unpaid invoices"})
    assert (await planned(agency, text))["operations"] == []
    refused = await sent(agency, "apply", text.replace("'600.00'", "'650.00'"))
    assert refused.status_code == 409
    assert "has ended" in refused.json()["detail"]


async def test_documents_are_the_agencys_affair(agency: Agency, installation: Installation) -> None:
    contract = await agency.draft()
    decider = await installation.caller(agency, role="client_decider", client_id=contract["client_id"])
    viewer = await installation.caller(agency, role="viewer")
    await decider.refused(403, "GET", f"/v1/contracts/{contract['contract_id']}/export")
    await viewer.refused(403, "POST", "/v1/contract-documents/apply", content=HOTEL.encode(), headers=YAML)
    other = await installation.agency()
    await other.refused(404, "GET", f"/v1/contracts/{contract['contract_id']}/export")


async def test_what_is_no_yaml_is_a_400_with_its_line(agency: Agency) -> None:
    refused = await sent(agency, "plan", "format: x\nkey: a\nkey: b\n")
    assert refused.status_code == 400
    assert refused.json()["code"] == "invalid-yaml"
    assert refused.json()["line"] == 3
    empty = await sent(agency, "plan", "")
    assert empty.status_code == 422
    huge = await sent(agency, "plan", "# " + "x" * 300_000)
    assert huge.status_code == 413


async def test_the_schema_is_there_for_editors_without_a_token(installation: Installation) -> None:
    answer = await installation.http.get("/v1/schemas/contract-document.json")
    assert answer.headers["content-type"] == "application/schema+json"
    jsonschema.Draft202012Validator.check_schema(answer.json())
    committed = SERVICE / "schemas" / "contract-document.json"
    assert answer.text == committed.read_text("utf-8")


async def test_the_commands_plan_apply_and_export(
    installation: Installation,
    settings: ContractsSettings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    agency = await installation.agency("Agence des commandes")
    file, out = tmp_path / "hotel.yaml", tmp_path / "out.yaml"
    file.write_text(HOTEL, "utf-8")
    whose = ["--tenant", "Agence des commandes"]
    assert await plan([str(file), *whose, "--language", "fr"], settings) == 2
    assert "Créer le client Hôtel du Lac." in capsys.readouterr().out
    assert await apply([str(file), *whose], settings) == 0
    assert await plan([str(file), "--tenant", str(agency.tenant_id), "--json"], settings) == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["changed"] is False
    named = ["--client", "Hôtel du Lac", "--contract", "hotel-du-lac-2026"]
    assert await export([str(out), *whose, *named], settings) == 0
    assert await plan([str(out), *whose], settings) == 0
    capsys.readouterr()
    file.write_text(HOTEL.replace("code: premium", "code: gold"), "utf-8")
    assert await plan([str(file), *whose], settings) == 1
    assert f"{file}:52:3: plan.code: There is no plan gold." in capsys.readouterr().err
    assert await plan([str(file), "--tenant", "Nobody"], settings) == 1
    assert await export(["-", *whose, "--client", "Hôtel du Lac", "--contract", "none"], settings) == 1
    with pytest.raises(SystemExit) as wrong:
        await plan([], settings)
    assert wrong.value.code == 1


async def test_a_moved_site_is_not_forgotten_with_the_amendment_that_was_withdrawn(agency: Agency) -> None:
    active = await agency.active()
    text = await exported(agency, {"contract": active})
    moved = text.replace("url: https://hotel.example/", "url: https://www.hotel.example/")
    await applied(agency, moved)
    assert (await planned(agency, moved))["operations"] == []
    await agency.step(active, "amendment/withdraw")
    assert actions(await applied(agency, moved)) == ["propose_amendment"], "what was signed has the old address"
    assert actions(await applied(agency, text)) == ["change_environment", "withdraw_amendment"]
    assert (await planned(agency, text))["operations"] == []
