"""The register of breaches follows what clocks told, and the parties decide who answers for what."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from typing import Any

import pytest

from contracts.adapters.workspace import workspace_of
from contracts.application.facts import PeriodFacts, ToldOfClock, facts_of_period
from contracts.domain.liability import Decision, split_penalty
from contracts.handlers.facts import take_missed_target
from shared.consumer import parse_envelope
from shared.events import ReceivedEvent
from shared.ids import new_id

from .conftest import Agency, Api, Installation
from .hearing import Others

pytestmark = pytest.mark.asyncio(loop_scope="module")

JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)
MISSED = "incidents.clock.breached.v1"
MET = "incidents.clock.met.v1"
READS = "incidents.incident.clocks_changed.v1"


def reading(clock_id: str, clock_version: int, state: str, elapsed: int, **changes: Any) -> dict[str, Any]:
    return {
        "clock_id": clock_id,
        "metric": "repair",
        "policy": "critical-repair@1",
        "target_seconds": 14400,
        "state": state,
        "due_at": "2026-06-09T13:00:00Z",
        "breach_after": "2026-06-09T13:00:00Z",
        "elapsed_seconds": elapsed,
        "verdict": None,
        "clock_version": clock_version,
        **changes,
    }


def item(clocks: list[dict[str, Any]], incident_id: str) -> dict[str, Any]:
    stamps = {"opened": {"at": "2026-06-09T09:00:00Z"}}
    return {"incident_id": incident_id, "timestamps": stamps, "clocks": clocks}


def of(clock_id: str, incident_id: str, **values: Any) -> dict[str, Any]:
    told = {"clock_id": clock_id, "incident_id": incident_id, "metric": "repair", "at": "2026-06-09T13:00:00Z"}
    return told | {"target_seconds": 14400, "elapsed_seconds": 14401, **values}


async def register(agency: Api, contract: Any, item_id: str) -> list[tuple[str, str]]:
    found = await agency.get("/v1/breaches", params={"contract_id": contract["contract_id"], "limit": 100})
    return [(one["party"], one["status"]) for one in found["data"] if one["work_item_id"] == item_id]


async def facts(installation: Installation, agency: Agency, contract: Any) -> PeriodFacts:
    async with installation.runtime.units.for_tenant(agency.tenant_id) as uow:
        return await facts_of_period(workspace_of(uow), contract["contract_id"], JUNE, JULY)


async def test_a_breach_that_was_taken_back_is_withdrawn_and_one_that_came_after_all_counts_in_any_order(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    others = Others(installation, agency.tenant_id, contract)
    for order in permutations(range(3)):
        incident, clock = str(new_id()), str(new_id())
        events = [
            others.said(MISSED, 2, **of(clock, incident)),
            others.said(READS, 5, **item([reading(clock, 2, "running", 9000)], incident)),
            others.said(READS, 4, **item([reading(clock, 2, "breached", 14401)], incident)),
        ]
        await others.hear(*(events[each] for each in order))
        assert set(await register(agency, contract, incident)) <= {("provider", "withdrawn")}, order
        await others.hear(others.said(MISSED, 3, **of(clock, incident, at="2026-06-09T17:00:00Z")))
        assert await register(agency, contract, incident) == [("provider", "open")], order
        await others.hear(others.said(MET, 4, **of(clock, incident, elapsed_seconds=14000)))
        assert await register(agency, contract, incident) == [("provider", "withdrawn")], order
    known = await facts(installation, agency, contract)
    assert {verdict.missed for verdict in known.verdicts} == {False}
    assert len(known.verdicts) == 6


async def test_two_workers_that_hear_of_one_clock_at_one_time_leave_the_register_right(
    installation: Installation, agency: Agency
) -> None:
    """The first has not committed yet when the second looks for a breach to withdraw."""
    contract = await agency.active()
    others = Others(installation, agency.tenant_id, contract)
    incident, clock = str(new_id()), str(new_id())
    missed = others.said(MISSED, 2, **of(clock, incident))
    taken_back = others.said(READS, 5, **item([reading(clock, 2, "running", 9000)], incident))
    envelope, _ = parse_envelope(json.dumps(missed).encode())
    heard = ReceivedEvent(
        id=envelope.id,
        type=envelope.type,
        time=envelope.time,
        tenant_id=envelope.tenantid,
        aggregate_version=2,
        correlation_id=None,
        data=ToldOfClock.model_validate(envelope.data),
        envelope=envelope,
        payload=b"",
    )
    async with installation.runtime.units.for_tenant(agency.tenant_id) as first:
        await take_missed_target(heard, first)
        second = asyncio.create_task(others.hear(taken_back))
        done, _ = await asyncio.wait({second}, timeout=1)
        assert not done
    await second
    assert await register(agency, contract, incident) == [("provider", "withdrawn")]


async def test_each_answer_that_came_too_late_is_a_breach_of_its_own(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    others = Others(installation, agency.tenant_id, contract)
    incident, clock = str(new_id()), str(new_id())
    late = of(clock, incident, metric="next_reply")
    await others.say(MISSED, 1, **late, count=1)
    await others.say(MET, 2, **late | {"at": "2026-06-10T09:00:00Z"}, count=2)
    await others.say(MISSED, 3, **late | {"at": "2026-06-11T09:00:00Z"}, count=3)
    assert await register(agency, contract, incident) == [("provider", "open")] * 2
    found = [(each.count, each.missed) for each in (await facts(installation, agency, contract)).verdicts]
    assert found == [(1, True), (2, False), (3, True)]


@pytest.mark.capability("K43", "K47")
async def test_a_missed_repair_is_a_breach_that_the_parties_share_as_somebody_decided_and_why(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    others = Others(installation, agency.tenant_id, contract)
    incident, clock = str(new_id()), str(new_id())
    await others.say(MISSED, 1, **of(clock, incident))
    stopped = reading(clock, 1, "breached", 14400 + 8400, verdict="breached")
    resolved = item([stopped], incident)
    await others.say("incidents.incident.resolved.v1", 6, **resolved)

    params = {"contract_id": contract["contract_id"]}
    (breach,) = (await agency.get("/v1/breaches", params=params))["data"]
    assert (breach["kind"], breach["since"], breach["provider_percent"]) == ("repair", "2026-06-09T13:00:00Z", 100)
    path = f"/v1/breaches/{breach['breach_id']}/decide"
    shares: dict[str, Any] = {
        "provider_percent": 50,
        "client_percent": 30,
        "third_party_percent": 20,
        "third_party": "The host",
    }
    because = {"reason": "The access came two days late, and the host was down for one of them"}
    wrong: list[dict[str, Any]] = [
        {"third_party": None},
        {"third_party_percent": 10},
        {"provider_percent": 101},
        {"reason": ""},
    ]
    for change in wrong:
        await agency.refused(422, "POST", path, json=shares | because | change)
    client = await installation.caller(agency, role="client_decider", client_id=contract["client_id"])
    await client.refused(403, "POST", path, json=shares | because)
    decided = await agency.make(path, shares | because, status=200)
    assert {key: decided[key] for key in shares} == shares
    assert (decided["decision"], decided["decided_by"] is not None) == (because["reason"], True)
    told = (await installation.events(breach["breach_id"]))[-1]["data"]
    assert (told["third_party_percent"], told["third_party"], told["decided_by"]) == (
        20,
        "The host",
        decided["decided_by"],
    )

    known = await facts(installation, agency, contract)
    (verdict,) = known.verdicts
    assert (verdict.final, verdict.overrun) == (True, timedelta(hours=2, minutes=20))
    entered = known.breach_of(verdict)
    assert entered is not None and entered.decided_at is not None
    decision = Decision(
        Decimal(entered.provider_percent),
        Decimal(entered.client_percent),
        entered.decided_at,
        str(entered.decided_by),
        str(entered.decision),
        Decimal(entered.third_party_percent),
    )
    # Three started hours at 5 % of 400 €: the provider owes the half that he answers for, once and rounded once.
    parts = split_penalty(Fraction(60), decision, "EUR")
    amounts = [each.amount for each in (parts.provider, parts.client, parts.third_party)]
    assert amounts == [Decimal("30.00"), Decimal("18.00"), Decimal("12.00")]
    history = await agency.get(f"/v1/register-history/{breach['breach_id']}")
    assert [version["state"]["provider_percent"] for version in history["data"]] == [100, 50]


async def test_facts_of_a_period_do_not_depend_on_the_order_or_number_of_tellings(
    installation: Installation, agency: Agency
) -> None:
    found = []
    ids = [str(new_id()) for _ in range(4)]
    for backwards in (False, True):
        contract = await agency.active()
        others = Others(installation, agency.tenant_id, contract)
        opened = {"opened": {"at": "2026-06-10T09:00:00Z"}}
        done = opened | {"resolved": {"at": "2026-06-11T09:00:00Z"}}
        events = [
            others.said("reporting.uptime.period_measured.v1", 1, met=True),
            others.said("reporting.uptime.period_measured.v1", 2, met=False),
            others.said("incidents.request.opened.v1", 1, item_id=ids[0], timestamps=opened, status="open"),
            others.said("incidents.request.resolved.v1", 2, item_id=ids[0], timestamps=done, status="resolved"),
            others.said("incidents.deployment.recorded.v1", 1, deployment_id=ids[1] if backwards else ids[2]),
        ]
        await others.hear(*(reversed(events) if backwards else events))
        await others.hear(*events)
        known = await facts(installation, agency, contract)
        (month,) = known.uptime
        found.append((month.told.met, month.told.version, [(each.number, each.status) for each in known.items]))
        assert len(known.deployments) == 1
    assert found[0] == found[1] == (False, 2, [("REQ-2026-0001", "resolved")])


async def test_a_breach_ends_when_its_clock_stops_however_it_was_heard(
    installation: Installation, agency: Agency
) -> None:
    contract = await agency.active()
    others = Others(installation, agency.tenant_id, contract)
    stopped = {"verdict": "breached", "stopped_at": "2026-06-09T15:20:00Z"}
    for order in permutations(range(3)):
        incident, clock = str(new_id()), str(new_id())
        events = [
            others.said(MISSED, 2, **of(clock, incident)),
            others.said(READS, 4, **item([reading(clock, 2, "breached", 14401)], incident)),
            others.said(
                "incidents.incident.resolved.v1", 6, **item([reading(clock, 2, "breached", 22800, **stopped)], incident)
            ),
        ]
        await others.hear(*(events[each] for each in order))
        found = await agency.get("/v1/breaches", params={"contract_id": contract["contract_id"], "limit": 100})
        (breach,) = [one for one in found["data"] if one["work_item_id"] == incident]
        assert (breach["status"], breach["ended_at"]) == ("ended", "2026-06-09T15:20:00Z"), order
    await others.hear(
        others.said("incidents.incident.reopened.v1", 8, **item([reading(clock, 2, "breached", 22800)], incident))
    )
    assert await register(agency, contract, incident) == [("provider", "open")]
