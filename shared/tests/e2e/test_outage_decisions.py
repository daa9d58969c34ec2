"""What a partner's outage does to a site costs the month its promise, until two people decide who answers for it."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from shared.testing.running_stack import running_stack_over
from shared.testing.servers import running_nats, running_postgres
from shared.testing.small_site import SmallSite

from .test_contracts_over_time import Passing
from .thread_client import FAST_MONITORING, SignedContract, ThreadClient, client_month, eventually

WHY = "The payment provider confirmed the outage of its interface."


@pytest.fixture(scope="module")
def passing() -> Iterator[Passing]:
    with running_postgres() as postgres, running_nats() as nats, running_stack_over(postgres, nats) as stack:
        yield Passing(stack, stack.new_tenant("Agency that decides"))


def step(who: ThreadClient, decision: Any, act: str, body: Any = None) -> Any:
    path = f"/v1/outage-decisions/{decision['outage_decision_id']}/{act}"
    headers = {"If-Match": f'"{decision["version"]}"'}
    return who.call("POST", "reporting", path, body or {}, headers=headers).json()


def settled(owner: ThreadClient, settlement_id: str, *steps: str) -> Any:
    for each in steps:
        owner.post("contracts", f"/v1/settlements/{settlement_id}/{each}")
    return owner.get("contracts", f"/v1/settlements/{settlement_id}")


def states(owner: ThreadClient, contract: SignedContract, page: str) -> list[str]:
    """Of the monitors that look at a page."""
    return [each["state"] for each in owner.monitors(contract) if each["configuration"]["url"].endswith(page)]


def told_of(owner: ThreadClient, contract: SignedContract, month: str) -> Any:
    return owner.get("reporting", f"/v1/contracts/{contract.contract_id}/reports/{month}")["uptime"]


@pytest.mark.capability("P31")
def test_a_decision_on_a_partners_outage_is_shown_beside_what_was_measured_and_corrects_what_was_settled(
    passing: Passing, small_site: SmallSite
) -> None:
    with passing.owner() as owner:
        client = owner.create_client("Hôtel du Port")
        contract = owner.activate_contract(
            client,
            [("Hôtel du Port", small_site.url("/port"))],
            monitoring=FAST_MONITORING,
            credits={"tiers": [{"credit_percent": "10"}]},
        )
        (monitor,) = owner.wait_for_monitors(contract, "up")
        partner = {
            "contract_id": contract.contract_id,
            "environment_id": monitor["environment_id"],
            "name": "Payment interface",
            "configuration": {"kind": "http", "url": small_site.url("/partner")},
            "cadence": FAST_MONITORING,
            "third_party": True,
        }
        above = owner.post("probes", "/v1/monitors", partner)["monitor_id"]
        own = f"/v1/monitors/{monitor['monitor_id']}"
        owner.call("PATCH", "probes", own, {"parent_id": above}, headers={"If-Match": "*"})
        owner.wait_for_monitors(contract, "up")
        for page in ("/partner", "/port"):  # the site asks its partner, and shows an error once that one is away
            small_site.break_page(page)
            eventually(lambda: "down" in states(owner, contract, page) or None, 30, f"{page} is down")  # noqa: B023
        owner.wait_for_incident(contract)
        for page in ("/partner", "/port"):
            small_site.mend_page(page)
        owner.wait_for_monitors(contract, "up")
        found = owner.get("probes", "/v1/outages", exclusion_candidate="true", monitor_id=monitor["monitor_id"])
        (outage,) = found["data"]
        nadia, paul = owner.somebody("Nadia Benali", "operator"), owner.somebody("Paul Garnier", "owner")
    month = client_month(passing.now())
    first = passing.until_first_of_next_month()
    passing.until(first + timedelta(hours=2, minutes=1))

    def missed() -> Any:
        told = told_of(owner, contract, month)
        return told if told["met"] is False else None

    def drafted() -> Any:
        on = (first - timedelta(days=1)).date().isoformat()
        draft = owner.post("contracts", "/v1/settlements", {"contract_id": contract.contract_id, "on": on})
        draft = owner.post("contracts", f"/v1/settlements/{draft['settlement_id']}/recompute")
        uptimes = [each for each in draft["content"]["commitments"] if each["kind"] == "uptime"]
        return draft if [each["met"] for each in uptimes] == [False] else None

    with passing.owner() as owner:
        # Of the days that passed at once nobody measured anything: once that is known, the minutes before it count.
        measured = eventually(missed, 60, "reporting knows that nobody measured the rest of the month")
        assert measured["decisions"] == []
        passing.restart("reporting")
        draft = eventually(drafted, 60, "contracts has heard what the month came to")
        before = settled(owner, draft["settlement_id"], "review", "close")
        (credit,) = [line for line in before["content"]["lines"] if line["kind"] == "credit"]
        assert credit["amount"].startswith("-"), "the month missed its promise"

        with pytest.raises(httpx.HTTPStatusError, match="a program's"):
            body = {"outage_id": outage["outage_id"], "category": "third_party", "reason": WHY}
            owner.post("reporting", f"/v1/contracts/{contract.contract_id}/outage-decisions", body)
        with owner.speaking_as(passing.token(nadia)) as operator:
            body = {"outage_id": outage["outage_id"], "category": "third_party", "reason": WHY}
            proposed = operator.post("reporting", f"/v1/contracts/{contract.contract_id}/outage-decisions", body)
            with pytest.raises(httpx.HTTPStatusError, match="403"):
                step(operator, proposed, "approve")
        with pytest.raises(httpx.HTTPStatusError, match="a program's"):
            step(owner, proposed, "approve")
        with owner.speaking_as(passing.token(paul)) as other:
            approved = step(other, proposed, "approve")
        passing.restart("reporting")

        def corrected() -> Any:
            found = owner.get("contracts", f"/v1/settlements/{draft['settlement_id']}")
            return found if found["number"] == 2 else None

        again = eventually(corrected, 60, "the closed settlement is corrected")
        (line,) = again["content"]["delta"]["lines"]
        assert (line["code"], line["before"], line["after"]) == (credit["code"], credit["amount"], None)
        assert WHY in again["correction_reason"]
        (uptime,) = [each for each in again["content"]["commitments"] if each["kind"] == "uptime"]
        assert (uptime["met"], uptime["why"]["as_measured"]["met"]) == (True, False)
        after = settled(owner, draft["settlement_id"], "review", "close")
        assert after["closed_number"] == 2
        versions = owner.get("contracts", f"/v1/settlements/{draft['settlement_id']}/versions")["data"]
        assert versions[0]["hash"] == before["closed_hash"], "what was closed stays as it was"

        decided = told_of(owner, contract, month)
        (figure,) = decided["figures"]
        assert (decided["met"], decided["met_as_measured"], figure["met"]) == (True, False, True)
        path = f"/v1/contracts/{contract.contract_id}/availability"
        period = {"from": figure["from"], "to": figure["to"]}
        then = owner.get("reporting", path, **period, known_at=proposed["steps"][0]["at"])["uptime"]
        (was,) = then["figures"]
        assert (then["met"], was["as_measured"]) == (False, None)
        assert figure["as_measured"] == {key: was[key] for key in figure["as_measured"]}
        assert [each["approved_by"] for each in decided["decisions"]] == ["Paul Garnier"]

        log = owner.get("reporting", "/v1/audit-log", resource_id=approved["outage_decision_id"])["data"]
        assert {"approve_outage_decision", "propose_outage_decision"} <= {each["operation"] for each in log}
        page = owner.get("reporting", f"/status/{contract.slug}.json")
        shown = {each["incident_id"] for each in (*page["open_incidents"], *page["recent_incidents"])}
        assert outage["outage_id"] in shown, "visitors were turned away, whoever answers for it"
