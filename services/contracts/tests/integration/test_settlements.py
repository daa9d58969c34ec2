"""Settlements: each month promised, measured and owed; closed once, claimed against, corrected, and replayed."""

import asyncio
import hashlib
import html
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from contracts.adapters.workspace import workspace_of
from contracts.application import clock_breaches
from contracts.application.facts import BREACHED, Fact, FactKind
from contracts.application.hours import NewHoursEntry, log_entry
from contracts.jobs.contract_life import DueContracts
from contracts.jobs.settlements import DueSettlements
from contracts.published.settlements_v1 import SettlementClosed
from shared.ids import new_id
from shared.kernel.clock import FixedClock

from .conftest import Agency, Api, Installation
from .hearing import Others
from .test_papers import file, paper, pdf_words, section

pytestmark = pytest.mark.asyncio(loop_scope="module")

AFTER_JUNE = datetime(2026, 7, 2, 9, tzinfo=UTC)
AFTER_JULY = datetime(2026, 8, 3, 9, tzinfo=UTC)
TAX = {"tax": {"category": "S", "rate": "20"}}
FLAT = {"commercial": {"billing": ["flat"], **TAX}}
CREDITS = {"credits": {"tiers": [{"credit_percent": "10"}, {"below": "99.0", "credit_percent": "25"}]}}
RESPONSE = {"metric": "response", "unit": "PT1H", "percent_per_started_unit": "5", "cap_percent": "30"}
PENALTIES = {"penalties": {"targets": [RESPONSE]}}
ONE_HOUR = {
    "lines": [{"code": "technical", "name": {"fr": "Technique", "en": "Technical"}, "included_minutes": 60}],
    "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"},
}
"""Hours of one line: an hour a month is included."""
WORK: dict[str, Any] = {
    "line": "technical",
    "work_class": "backup",
    "worked_on": "2026-07-10",
    "person_name": "Nadia Benali",
}
"""An entry of that line, but for how long it took."""
ENVIRONMENT = "0197a1c2-0000-7000-8000-000000000901"


async def _tenant_of(installation: Installation, contract: Any) -> UUID:
    async with installation.runtime.units.for_every_tenant() as uow:
        query = text("select tenant_id from contracts.contract where contract_id = :wanted")
        found: UUID = (await uow.session.execute(query, {"wanted": contract["contract_id"]})).scalar_one()
        return found


async def told(
    installation: Installation,
    contract: Any,
    kind: FactKind,
    start: datetime,
    end: datetime,
    content: Mapping[str, Any],
    **values: Any,
) -> UUID:
    """Another service told a fact of the contract; its id is that of the event."""
    event_id = new_id()
    known = {"subject_id": new_id(), "item_id": None, "version": 1, "event_type": f"test.{kind}.v1"}
    async with installation.runtime.units.for_tenant(await _tenant_of(installation, contract)) as uow:
        fact = Fact(
            fact_id=event_id,
            contract_id=UUID(contract["contract_id"]),
            kind=kind,
            starts_at=start,
            ends_at=end,
            content=content,
            **{**known, **values},
        )
        assert await workspace_of(uow).facts.add(fact, UUID(contract["client_id"]))
    return event_id


async def measured(
    installation: Installation, contract: Any, up: int, month: str = "2026-07", target: str = "99.9", sites: int = 1
) -> UUID:
    """The uptime of a month in ten thousandths, the same of so many environments."""
    year, number = (int(part) for part in month.split("-"))
    start = datetime(year, number, 1, tzinfo=UTC) - timedelta(hours=2)
    end = datetime(year, number + 1, 1, tzinfo=UTC) - timedelta(hours=2)
    seconds = int((end - start).total_seconds())
    told_event = new_id()
    figure = {
        "environment_id": ENVIRONMENT,
        "environment_name": "production",
        "url": "https://client.example/",
        "site_id": contract["terms"]["site_ids"][0],
        "counts_for_sla": True,
        "starts_at": start.isoformat(),
        "ends_at": end.isoformat(),
        "contract_version": 1,
        "target_percent": target,
        "met": up / 100 >= float(target),
        "numerator": seconds * up,
        "denominator": seconds * 10_000,
        "units_per_second": 10_000,
        "measured_units": seconds * 10_000,
        "event_ids": [str(told_event)],
    }
    content = {
        "measurement_id": str(new_id()),
        "version": 1,
        "contract_id": contract["contract_id"],
        "month": f"{month}-01",
        "starts_at": start.isoformat(),
        "ends_at": end.isoformat(),
        "committed": True,
        "met": figure["met"],
        "figures": [figure | {"environment_id": f"{ENVIRONMENT[:-1]}{number + 1}"} for number in range(sites)],
        "method": "test",
        "content_hash": "0" * 64,
    }
    return await told(installation, contract, "uptime", start, end, content)


async def missed(
    installation: Installation, contract: Any, late_seconds: int, at: datetime, *, number: str | None = None
) -> UUID:
    """A response that came too late by so many seconds; it is in the register of breaches, too.

    With a number, of an incident that was told of.
    """
    clock_id, incident_id = new_id(), new_id()
    if number is not None:
        incident = {
            "incident_id": str(incident_id),
            "version": 1,
            "number": number,
            "contract_id": contract["contract_id"],
            "severity": "critical",
            "status": "open",
            "title": "The shop is down",
            "timestamps": {"opened": {"at": at.isoformat()}},
        }
        await told(installation, contract, "incident", at, at, incident, subject_id=incident_id)
    content = {
        "clock_id": str(clock_id),
        "incident_id": str(incident_id),
        "contract_id": contract["contract_id"],
        "metric": "response",
        "policy": "critical-response@1",
        "target_seconds": "1800",
        "elapsed_seconds": str(1800 + late_seconds),
        "at": at.isoformat(),
    }
    how = {"event_type": BREACHED, "subject_id": clock_id, "item_id": incident_id}
    event_id = await told(installation, contract, "clock", at, at, content, **how)
    async with installation.runtime.units.for_tenant(await _tenant_of(installation, contract)) as uow:
        await clock_breaches.follow(workspace_of(uow), UUID(contract["contract_id"]), incident_id)
    return event_id


async def ticket(installation: Installation, contract: Any, number: str, **days: int) -> None:
    """A request as it stands, with the days of July on which it passed its milestones; 0 is the last of June."""
    at = {name: datetime(2026, 7, 1, 8, tzinfo=UTC) + timedelta(days=day - 1) for name, day in days.items()}
    item = {
        "version": len(days),
        "number": number,
        "contract_id": contract["contract_id"],
        "category": "corrective",
        "severity": "minor",
        "status": max(at, key=lambda name: at[name]),
        "title": "The form is broken",
        "item_id": str(new_id()),
        "kind": "request",
        "timestamps": {name: {"at": when.isoformat()} for name, when in at.items()},
    }
    subject = uuid5(UUID(contract["contract_id"]), number)
    how = {"subject_id": subject, "version": len(days) + max(days.values())}
    await told(installation, contract, "request", min(at.values()), max(at.values()), item, **how)


async def drafted(agency: Agency, contract: Any, on: str = "2026-07-15") -> Any:
    return await agency.make("/v1/settlements", {"contract_id": contract["contract_id"], "on": on})


async def step(agency: Agency, settlement: Any, *steps: str) -> Any:
    for each in steps:
        body = {"reason": "Measured again"} if each == "correct" else None
        settlement = await agency.make(f"/v1/settlements/{settlement['settlement_id']}/{each}", body, status=200)
    return settlement


def lines(settlement: Any) -> list[tuple[str, str]]:
    return [(line["code"], line["amount"]) for line in settlement["content"]["lines"]]


async def decider(installation: Installation, agency: Agency, contract: Any) -> Api:
    return await installation.caller(agency, role="client_decider", client_id=contract["client_id"])


@pytest.mark.capability("K08", "K13", "K36", "K88")
async def test_a_month_is_drafted_when_it_is_over_reviewed_closed_and_hashed_once_and_for_all(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(plan="standard", amount="300.00", **FLAT)
    job = DueSettlements(installation.runtime.units)
    await job.run()
    assert (await agency.get("/v1/settlements"))["data"] == []
    clock.set(AFTER_JULY)
    for _ in range(3):
        await job.run()
    june, july = (await agency.get("/v1/settlements", params={"contract_id": contract["contract_id"]}))["data"]
    assert (june["first_day"], june["net"], july["first_day"], july["net"], july["gross"]) == (
        "2026-06-01", "230.00", "2026-07-01", "300.00", "360.00",
    )  # fmt: skip
    draft = await agency.get(f"/v1/settlements/{july['settlement_id']}")
    (fee,) = draft["content"]["lines"]
    assert (fee["amount"], fee["tax"], fee["text"]["in_words"]["fr"]) == (
        "300.00",
        {"category": "S", "rate": "20"},
        "Maintenance, Standard, du 1er juillet 2026 au 31 juillet 2026",
    )
    states = {item["code"]: item["state"] for item in draft["content"]["deliverables"]}
    assert (states["monthly_report"], states["uptime_monitoring"], states["cms_updates"]) == ("never_delivered",) * 3
    await agency.refused(409, "POST", f"/v1/settlements/{july['settlement_id']}/close")
    client = await decider(installation, agency, contract)
    await client.refused(404, "GET", f"/v1/settlements/{july['settlement_id']}")

    closed = await step(agency, july, "review", "close")
    text_of_it = await client.call("GET", f"/v1/settlements/{july['settlement_id']}/versions/1")
    assert hashlib.sha256(text_of_it.content).hexdigest() == closed["closed_hash"]
    (event,) = await installation.events(july["settlement_id"])
    said = SettlementClosed.model_validate(event["data"])
    assert (said.hash, said.settlement.totals.net, said.claims_until.isoformat() if said.claims_until else None) == (
        closed["closed_hash"], "300.00", "2026-09-02",
    )  # fmt: skip
    assert [each["net"] for each in (await client.get("/v1/settlements"))["data"]] == ["300.00"]
    for refused in ("recompute", "review", "reopen", "close"):
        await agency.refused(409, "POST", f"/v1/settlements/{july['settlement_id']}/{refused}")
    for statement in ("update contracts.settlement_version set text = ''", "delete from contracts.settlement_version"):
        with pytest.raises(ProgrammingError) as refusal:
            async with installation.runtime.units.for_tenant(agency.tenant_id) as uow:
                await uow.session.execute(text(statement))
        assert isinstance(refusal.value.orig, psycopg.errors.InsufficientPrivilege)


@pytest.mark.capability("K11", "K12")
async def test_a_missed_uptime_is_credited_where_the_contract_commits_to_one_and_nowhere_else(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    committed = await agency.active(**FLAT, **CREDITS)
    # Responses were promised, and an uptime was not: the same outage costs nothing.
    without = await agency.active(plan="premium", uptime=None, **FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    event = await measured(installation, committed, 9_989)
    await measured(installation, without, 9_989)
    settled = await drafted(agency, committed)
    assert lines(settled) == [("fee:premium", "600.00"), ("credit:uptime", "-60.00")]
    credit = settled["content"]["lines"][1]
    assert credit["text"]["in_words"]["en"] == "Service credit: uptime of 99.89%, below 99.9%: 10% of the fee"
    assert str(event) in credit["events"]
    (commitment,) = settled["content"]["commitments"]
    assert (commitment["target"], commitment["measured"], commitment["met"]) == ("99.9", "99.89", False)
    assert lines(await drafted(agency, without)) == [("fee:premium", "600.00")]


@pytest.mark.capability("R21")
@pytest.mark.parametrize(
    ("language", "uptime", "response", "what"),
    [
        ("en", ["99.9%", "99.89%"], ["30 minutes", "2 hours and 14 minutes late"], "response target – I-7"),
        ("fr", ["99,9 %", "99,89 %"], ["30 minutes", "2 heures et 14 minutes de retard"], " – I-7"),
    ],
)
async def test_a_notice_of_breach_tells_its_figures_in_words_and_the_ticket_by_its_number(
    installation: Installation,
    agency: Agency,
    clock: FixedClock,
    language: str,
    uptime: list[str],
    response: list[str],
    what: str,
) -> None:
    contract = await agency.active(**FLAT, **CREDITS, **PENALTIES)
    clock.set(AFTER_JULY)
    await measured(installation, contract, 9_989)
    await missed(installation, contract, 8_040, datetime(2026, 7, 12, 9, tzinfo=UTC), number="I-7")
    settled = await step(agency, await drafted(agency, contract), "review", "close")
    made = await agency.get(
        f"/v1/contracts/{contract['contract_id']}/papers/breach-notice",
        params={"given_by": "client", "language": language, "first": "2026-07-01", "last": "2026-07-31"},
    )
    parts = {section["code"]: section for section in made["sections"]}
    (figures,) = parts["figures"]["tables"]
    rows = [[cell.replace("\xa0", " ").replace("\u202f", " ") for cell in row] for row in figures["rows"]]
    by_promise = {row[0]: row[2:] for row in rows}
    assert by_promise.pop(next(name for name in by_promise if name.endswith(what))) == response
    assert list(by_promise.values()) == [uptime]
    (breach,) = parts["breaches"]["tables"][0]["rows"]
    assert breach[5] == "I-7"
    assert settled["settlement_id"].replace("-", "")[:8] not in str(made["sections"])


@pytest.mark.capability("K37", "K47")
async def test_tickets_are_charged_one_by_one_and_a_penalty_is_shared_as_it_was_decided(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    charges = {"charges": {"per_ticket": {"kinds": [{"kind": "corrective", "amount": "80.00"}]}}}
    contract = await agency.active(**FLAT, **PENALTIES, **charges)
    done = datetime(2026, 7, 10, 9, tzinfo=UTC)
    for number, category in enumerate(("corrective", "unheard_of"), start=1):
        item = {
            "version": 3,
            "number": f"R-{number}",
            "contract_id": contract["contract_id"],
            "category": category,
            "severity": "minor",
            "status": "closed",
            "title": "The form is broken",
            "item_id": str(new_id()),
            "kind": "request",
            "timestamps": {"opened": {"at": done.isoformat()}, "closed": {"at": done.isoformat()}},
        }
        await told(installation, contract, "request", done, done, item)
    event = await missed(installation, contract, 8_400, datetime(2026, 7, 12, 9, tzinfo=UTC))
    clock.set(AFTER_JULY)
    settled = await drafted(agency, contract)
    (_, ticket, penalty) = settled["content"]["lines"]
    assert (ticket["code"], ticket["amount"], ticket["unit"]) == ("ticket:R-1", "80.00", "ticket")
    assert settled["content"]["unpriced_tickets"] == ["R-2"]
    assert (penalty["kind"], penalty["amount"], penalty["why"]["units"]) == ("penalty", "-90.00", 3)
    assert penalty["why"]["overrun_is_final"] is False  # nobody has told that the clock stands
    assert str(event) in penalty["events"]
    (breach,) = (await agency.get("/v1/breaches", params={"contract_id": contract["contract_id"]}))["data"]
    share = {"provider_percent": 40, "client_percent": 60, "reason": "The access came two hours late"}
    await agency.make(f"/v1/breaches/{breach['breach_id']}/decide", share, status=200)
    again = await step(agency, settled, "recompute")
    penalty = again["content"]["lines"][2]
    assert (penalty["amount"], penalty["why"]["borne_by_the_client"]) == ("-36.00", "54.00")
    (shared,) = again["content"]["shared_responsibility"]
    assert (shared["provider_percent"], shared["reason"]) == (40, "The access came two hours late")


async def test_a_correction_is_a_new_version_with_the_difference_and_the_closed_one_stays(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    settled = await step(agency, await drafted(agency, contract), "review", "close")
    await measured(installation, contract, 9_800)
    corrected = await step(agency, settled, "correct")
    assert (corrected["status"], corrected["number"], corrected["net"]) == ("draft", 2, "450.00")
    delta = corrected["content"]["delta"]
    assert [(each["code"], each["before"], each["difference"]) for each in delta["lines"]] == [
        ("credit:uptime", None, "-150.00")
    ]
    assert delta["totals"]["gross"] == "-180.00"
    client = await decider(installation, agency, contract)
    shown = await client.get(f"/v1/settlements/{settled['settlement_id']}")
    assert (shown["number"], shown["net"]) == (1, "600.00")
    await step(agency, corrected, "review", "close")
    versions = (await client.get(f"/v1/settlements/{settled['settlement_id']}/versions"))["data"]
    assert [(each["number"], each["reason"]) for each in versions] == [(1, None), (2, "Measured again")]
    assert versions[0]["hash"] == settled["closed_hash"]


DECISION = {
    "outage_decision_id": "0198f000-0000-7000-8000-0000000000d5",
    "outage_id": "0198f000-0000-7000-8000-000000000401",
    "environment_id": "0190b5c8-7d4e-7c3a-9a51-000000000004",
    "category": "third_party",
    "starts_at": "2026-07-09T22:30:00Z",
    "ends_at": "2026-07-10T11:30:00Z",
    "reason": "L’hébergeur l’a confirmé.",
    "proposed_by": "Nadia Benali",
    "approved_by": "Paul Garnier",
    "approved_at": "2026-08-03T08:00:00Z",
}


def july(others: Others, version: int, down: int, *, decided: bool = False) -> dict[str, Any]:
    """What reporting tells of a July in which so many seconds were down; decided, none of them counts."""
    name = "reporting.uptime.period_measured.v1"
    (figure,) = others.said(name)["data"]["figures"]
    start, end, whole = "2026-06-30T22:00:00Z", "2026-07-31T22:00:00Z", 31 * 86_400
    amounts = {"met": down < 2_679, "numerator": whole - down, "denominator": whole}
    told = {"starts_at": start, "ends_at": end, "met": amounts["met"]}
    if decided:
        before = {name: value for name, value in figure.items() if name in AMOUNTS} | amounts
        amounts = {"met": True, "numerator": whole - down, "denominator": whole - down}
        figure |= {"as_measured": before, "outage_decision_ids": [DECISION["outage_decision_id"]]}
        told |= {"met": True, "met_as_measured": before["met"], "decisions": [DECISION]}
    figure |= {"starts_at": start, "ends_at": end, **amounts}
    return others.said(name, version, month="2026-07-01", **told, figures=[figure])


AMOUNTS = {
    *("met", "units_per_second", "numerator", "denominator", "period_units", "service_units", "measured_units"),
    *("down_units", "degraded_units", "excluded_units", "uptime_percent", "coverage_percent"),
}
HALF_A_DAY = 13 * 3600


async def the_settlement(agency: Agency, contract: Any) -> Any:
    (listed,) = (await agency.get("/v1/settlements", params={"contract_id": contract["contract_id"]}))["data"]
    return await agency.get(f"/v1/settlements/{listed['settlement_id']}")


async def test_a_decision_on_an_outage_corrects_the_closed_settlement_and_its_withdrawal_corrects_it_back(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    others = Others(installation, await _tenant_of(installation, contract), contract)
    await others.hear(july(others, 1, HALF_A_DAY))
    settled = await step(agency, await drafted(agency, contract), "review", "close")
    assert lines(settled) == [("fee:premium", "600.00"), ("credit:uptime", "-150.00")]
    decided = july(others, 2, HALF_A_DAY, decided=True)
    await others.hear(decided)
    await others.hear(decided)
    corrected = await the_settlement(agency, contract)
    assert (corrected["status"], corrected["number"], corrected["net"]) == ("draft", 2, "600.00")
    delta = corrected["content"]["delta"]
    assert [(each["code"], each["before"], each["after"], each["difference"]) for each in delta["lines"]] == [
        ("credit:uptime", "-150.00", None, "150.00")
    ]
    (uptime,) = [each for each in corrected["content"]["commitments"] if each["kind"] == "uptime"]
    (was,) = [each for each in settled["content"]["commitments"] if each["kind"] == "uptime"]
    assert (uptime["met"], uptime["why"]["as_measured"]["met"], was["met"]) == (True, False, False)
    assert (uptime["measured"], uptime["why"]["as_measured"]["measured"]) == ("100.00", was["measured"])
    (decision,) = uptime["why"]["decisions"]
    assert (decision["category"], decision["approved_by"]) == ("third_party", "Paul Garnier")
    reason = corrected["correction_reason"].replace("\u202f", " ").replace("\xa0", " ")
    assert reason == (
        "Il a été décidé que l’interruption du 10 juillet 2026 compte comme causée par un tiers : "
        "L’hébergeur l’a confirmé."
    )
    closed = await step(agency, corrected, "review", "close")
    await others.hear(july(others, 3, HALF_A_DAY))
    back = await the_settlement(agency, contract)
    assert (back["status"], back["number"], back["net"]) == ("draft", 3, "450.00")
    assert back["correction_reason"] == "1 décision sur une interruption a été retirée."
    versions = (await agency.get(f"/v1/settlements/{settled['settlement_id']}/versions"))["data"]
    assert [each["hash"] for each in versions] == [settled["closed_hash"], closed["closed_hash"]]


@pytest.mark.capability("R38")
async def test_the_statement_of_a_month_has_the_uptime_before_and_after_a_decision_with_who_decided_and_why(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    others = Others(installation, await _tenant_of(installation, contract), contract)
    await others.hear(july(others, 1, HALF_A_DAY))
    settled = await step(agency, await drafted(agency, contract), "review", "close")
    statement = f"/v1/settlements/{settled['settlement_id']}/papers/statement"
    promised = section(await paper(agency, statement, language="en"), "promised")
    (row,) = promised["tables"][0]["rows"]
    assert (row[2:], promised["items"]) == (["99.9%", "98.25%", "no"], [])
    await others.hear(july(others, 2, HALF_A_DAY, decided=True))
    await step(agency, await the_settlement(agency, contract), "review", "close")
    said = {
        "en": (
            ["99.9%", "100.00% (98.25% before decisions)", "yes"],
            "Decision of Paul Garnier on 3 August 2026: the outage from 10/07/2026, 00:30 to 10/07/2026, 13:30"
            " counts as caused by a third party. Reason: L’hébergeur l’a confirmé.",
        ),
        "fr": (
            ["99,9\xa0%", "100,00\xa0% (98,25\xa0% avant décisions)", "oui"],
            "Décision de Paul Garnier du 3 août 2026\xa0: l’interruption du 10/07/2026 00:30 au 10/07/2026 13:30 compte"
            " comme causée par un tiers. Motif\xa0: L’hébergeur l’a confirmé.",
        ),
    }
    for language, (figures, decision) in said.items():
        promised = section(await paper(agency, statement, language=language), "promised")
        (row,) = promised["tables"][0]["rows"]
        assert (row[2:], promised["items"]) == (figures, [decision])
        forms = {form: await file(agency, statement, form, language=language) for form in ("html", "text", "pdf")}
        read = [html.unescape(forms["html"].text), forms["text"].text, pdf_words(forms["pdf"].content)]
        for form in read:
            assert "".join(figures[1].split()) in "".join(form.split())
            assert "".join(decision.split()) in "".join(form.split())


async def test_a_notice_of_breach_has_the_uptime_before_a_decision_that_did_not_help(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    others = Others(installation, await _tenant_of(installation, contract), contract)
    told = july(others, 1, 2 * HALF_A_DAY, decided=True)
    (figure,) = told["data"]["figures"]
    figure |= {"met": False, "numerator": figure["numerator"], "denominator": 31 * 86_400 - HALF_A_DAY}
    await others.hear(told)
    await step(agency, await drafted(agency, contract), "review", "close")
    notice = f"/v1/contracts/{contract['contract_id']}/papers/breach-notice"
    days = {"first": "2026-07-01", "last": "2026-07-31"}
    figures = section(await paper(agency, notice, given_by="client", language="en", **days), "figures")
    (row,) = figures["tables"][0]["rows"]
    assert row[2:] == ["99.9%", "98.22% (96.51% before decisions)"]
    (decision,) = figures["items"]
    assert decision.startswith("Decision of Paul Garnier on 3 August 2026")


async def test_a_correction_under_way_says_why_by_the_decisions_that_hold_now_and_keeps_what_a_person_wrote(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    others = Others(installation, await _tenant_of(installation, contract), contract)
    await others.hear(july(others, 1, HALF_A_DAY))
    settled = await step(agency, await drafted(agency, contract), "review", "close")
    await others.hear(july(others, 2, HALF_A_DAY, decided=True))
    assert "causée par un tiers" in (await the_settlement(agency, contract))["correction_reason"]
    await others.hear(july(others, 3, HALF_A_DAY))
    back = await the_settlement(agency, contract)
    assert (back["number"], back["net"], back["content"]["delta"]["lines"]) == (2, "450.00", [])
    assert back["correction_reason"] == "1 décision sur une interruption a été retirée."
    await step(agency, back, "review", "close")
    by_hand = "The hours of Léa were missing"
    await agency.make(f"/v1/settlements/{settled['settlement_id']}/correct", {"reason": by_hand}, status=200)
    await others.hear(july(others, 4, HALF_A_DAY, decided=True))
    written, decided = (await the_settlement(agency, contract))["correction_reason"].split("\n")
    assert (written, "causée par un tiers" in decided) == (by_hand, True)
    await others.hear(july(others, 5, HALF_A_DAY))
    again = (await the_settlement(agency, contract))["correction_reason"]
    assert again == f"{by_hand}\n1 décision sur une interruption a été retirée."


async def test_a_decision_before_the_close_makes_what_was_reviewed_a_draft_again_with_both_figures(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    others = Others(installation, await _tenant_of(installation, contract), contract)
    await others.hear(july(others, 1, HALF_A_DAY))
    reviewed = await step(agency, await drafted(agency, contract), "review")
    # Late facts that are no decision change nothing of it by themselves.
    await others.hear(july(others, 2, HALF_A_DAY + 60))
    assert (await the_settlement(agency, contract))["version"] == reviewed["version"]
    await others.hear(july(others, 4, HALF_A_DAY, decided=True), july(others, 3, HALF_A_DAY))
    again = await the_settlement(agency, contract)
    assert (again["status"], again["number"], again["net"]) == ("draft", 1, "600.00")
    (uptime,) = [each for each in again["content"]["commitments"] if each["kind"] == "uptime"]
    assert (uptime["met"], uptime["why"]["as_measured"]["met"]) == (True, False)


async def test_a_client_claims_within_the_window_and_an_accepted_claim_is_a_correction(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, settlement={"claim_days": 10})
    clock.set(AFTER_JULY)
    draft = await drafted(agency, contract)
    client = await decider(installation, agency, contract)
    claims = f"/v1/settlements/{draft['settlement_id']}/claims"
    claim = {"reason": "The outage of 12 July is missing", "amount": "60.00"}
    await client.refused(404, "POST", claims, json=claim)
    await step(agency, draft, "review", "close")
    await agency.refused(422, "POST", claims, json=claim)
    made = await client.make(claims, claim)
    await client.refused(403, "POST", f"/v1/settlement-claims/{made['claim_id']}/answer", json={
        "accepted": True, "reason": "So be it",
    })  # fmt: skip
    answer = {"accepted": True, "reason": "It was measured from one place only", "amount": "60.00"}
    await step(agency, draft, "correct", "review")
    told_so = f"/v1/settlement-claims/{made['claim_id']}/answer"
    await agency.refused(409, "POST", told_so, json={"accepted": True, "reason": "So be it"})
    await step(agency, draft, "reopen")
    said = await agency.make(f"/v1/settlement-claims/{made['claim_id']}/answer", answer, status=200)
    assert (said["status"], said["granted"]) == ("accepted", "60.00")
    corrected = await agency.get(f"/v1/settlements/{draft['settlement_id']}")
    assert (corrected["number"], corrected["net"]) == (2, "540.00")
    clock.advance(timedelta(days=11))
    await client.refused(409, "POST", claims, json=claim)


@pytest.mark.capability("K43")
async def test_misses_open_a_right_to_leave_that_lapses_and_that_the_client_uses(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    rule = {"right_code": "uptime", "commitment": "uptime", "misses": 2, "within_months": 12, "days_to_use": 30}
    contract = await agency.active(**FLAT, **CREDITS, termination_rights=[rule])
    clock.set(AFTER_JULY)
    for month in ("2026-06", "2026-07"):
        await measured(installation, contract, 9_900, month)
        await step(agency, await drafted(agency, contract, f"{month}-20"), "review", "close")
    (right,) = (await agency.get("/v1/termination-rights", params={"contract_id": contract["contract_id"]}))["data"]
    # Closed on 3 August: its days run from then on.
    assert (right["opened_on"], right["lapses_on"], len(right["because"])) == ("2026-08-01", "2026-09-02", 2)
    client = await decider(installation, agency, contract)
    exercise = f"/v1/termination-rights/{right['termination_right_id']}/exercise"
    for day, usable in (("2026-07-31", 0), ("2026-08-01", 1), ("2026-09-01", 1), ("2026-09-02", 0)):
        assert len((await client.get("/v1/termination-rights", params={"usable_on": day}))["data"]) == usable
    await agency.refused(422, "POST", exercise, json={})
    clock.set(datetime(2026, 9, 1, 9, tzinfo=UTC))
    assert (await client.make(exercise, {}, status=200))["exercised_at"] == "2026-09-01T09:00:00Z"
    assert (await agency.get(f"/v1/contracts/{contract['contract_id']}"))["status"] == "terminated"
    await client.refused(409, "POST", exercise, json={})


@pytest.mark.capability("K43", "K47")
async def test_a_month_of_two_sites_is_one_miss_and_what_the_client_answers_for_is_none(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    rules = [
        {"right_code": name, "commitment": name, "misses": 2, "within_months": 12, "days_to_use": 30}
        for name in ("uptime", "response")
    ]
    contract = await agency.active(**FLAT, **CREDITS, termination_rights=rules)
    clock.set(AFTER_JULY)
    await measured(installation, contract, 9_900, sites=2)
    for day in (10, 20):
        await missed(installation, contract, 60, datetime(2026, 7, day, 9, tzinfo=UTC))
    breaches = (await agency.get("/v1/breaches", params={"contract_id": contract["contract_id"]}))["data"]
    share = {"provider_percent": 0, "client_percent": 100, "reason": "Nobody gave the access"}
    await agency.make(f"/v1/breaches/{breaches[0]['breach_id']}/decide", share, status=200)
    await step(agency, await drafted(agency, contract), "review", "close")
    rights = await agency.get("/v1/termination-rights", params={"contract_id": contract["contract_id"]})
    assert rights["data"] == []


@pytest.mark.capability("K43")
async def test_a_right_is_gone_when_a_correction_takes_back_what_opened_it(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    rule = {"right_code": "response", "commitment": "response", "misses": 1, "days_to_use": 60}
    contract = await agency.active(**FLAT, termination_rights=[rule])
    clock.set(AFTER_JULY)
    await missed(installation, contract, 60, datetime(2026, 7, 10, 9, tzinfo=UTC))
    settled = await step(agency, await drafted(agency, contract), "review", "close")
    (right,) = (await agency.get("/v1/termination-rights", params={"contract_id": contract["contract_id"]}))["data"]
    (breach,) = (await agency.get("/v1/breaches", params={"contract_id": contract["contract_id"]}))["data"]
    share = {"provider_percent": 0, "client_percent": 100, "reason": "Nobody gave the access"}
    await agency.make(f"/v1/breaches/{breach['breach_id']}/decide", share, status=200)
    await step(agency, settled, "correct", "review", "close")
    client = await decider(installation, agency, contract)
    await client.refused(409, "POST", f"/v1/termination-rights/{right['termination_right_id']}/exercise", json={})
    assert (await agency.get(f"/v1/contracts/{contract['contract_id']}"))["status"] == "active"


@pytest.mark.capability("K89")
async def test_an_amendment_in_mid_month_costs_from_its_instant_on_and_the_past_stays(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(plan="basique", amount="155.00", status_page=None, **FLAT)
    clock.set(datetime(2026, 7, 15, 22, tzinfo=UTC))  # midnight in Paris
    june = await step(agency, await drafted(agency, contract, "2026-06-30"), "review", "close")
    page = {"slug": f"hotel-{contract['client_id'][-12:]}", "name": "Hôtel du Lac"}
    upgrade = {"plan_code": "premium", "price": {"amount": "620.00"}, "status_page": page}
    amended = await agency.step(contract, "amendment", upgrade)
    for party in ("agency", "client"):
        body = {"party": party, "document_hash": amended["amendment"]["document"]["hash"]}
        await agency.step(contract, "amendment/sign", body)
    await agency.step(contract, "amendment/apply")
    clock.set(AFTER_JULY)
    july = await drafted(agency, contract)
    assert lines(july) == [("fee:basique", "75.00"), ("fee:premium", "320.00")]
    assert [each["plan_code"] for each in july["content"]["terms"]] == ["basique", "premium"]
    shown = await agency.get(f"/v1/settlements/{june['settlement_id']}")
    assert (shown["closed_hash"], lines(shown)) == (june["closed_hash"], lines(june))


@pytest.mark.capability("K37")
async def test_a_request_is_charged_once_whenever_it_is_closed_or_reopened_and_never_when_it_was_declined(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    charges = {"charges": {"per_ticket": {"kinds": [], "otherwise": "80.00"}}}
    contract = await agency.active(**FLAT, **charges)
    clock.set(datetime(2026, 7, 1, 9, tzinfo=UTC))
    await ticket(installation, contract, "R-1", opened=0, resolved=0)
    await ticket(installation, contract, "R-2", opened=0, resolved=0)
    june = await step(agency, await drafted(agency, contract, "2026-06-30"), "review", "close")
    assert lines(june)[1:] == [("ticket:R-1", "80.00"), ("ticket:R-2", "80.00")]
    await ticket(installation, contract, "R-1", opened=0, resolved=0, closed=6)
    await ticket(installation, contract, "R-2", opened=0, reopened=7, resolved=8, closed=9)
    await ticket(installation, contract, "R-3", opened=2, declined=3, closed=4)
    await ticket(installation, contract, "R-4", opened=2, resolved=3)
    clock.set(AFTER_JULY)
    assert lines(await drafted(agency, contract))[1:] == [("ticket:R-4", "80.00")]


async def test_a_client_is_not_told_of_the_sums_of_a_correction_that_is_under_way(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    settled = await step(agency, await drafted(agency, contract), "review", "close")
    await measured(installation, contract, 9_800)
    await step(agency, settled, "correct", "review")
    client = await decider(installation, agency, contract)
    (listed,) = (await client.get("/v1/settlements"))["data"]
    assert (listed["number"], listed["status"], listed["net"], listed["gross"]) == (1, "closed", "600.00", "720.00")
    assert (listed["reviewed_at"], listed["reviewed_by"]) == (None, None)


@pytest.mark.capability("K75")
async def test_a_dated_discount_is_a_line_for_the_days_on_which_it_runs(agency: Agency, clock: FixedClock) -> None:
    name = {"fr": "Offre d'été", "en": "Summer offer"}
    offer = {
        "promotion": "summer",
        "name": name,
        "percent": "20",
        "starts_on": "2026-07-01",
        "ends_before": "2026-08-01",
    }
    contract = await agency.active(**FLAT, discounts=[offer])
    clock.set(datetime(2026, 9, 2, 9, tzinfo=UTC))
    found = {month: lines(await drafted(agency, contract, f"2026-{month}-10"))[1:] for month in ("06", "07", "08")}
    assert found == {"06": [], "07": [("discount:summer", "-120.00")], "08": []}


async def test_what_if_replays_the_facts_under_other_terms_and_stores_nothing(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(plan="standard", amount="300.00", **FLAT, **CREDITS)
    clock.set(AFTER_JULY)
    await measured(installation, contract, 9_993)
    path = f"/v1/contracts/{contract['contract_id']}/what-if"
    before = await agency.get("/v1/settlements")
    month = {"first_day": "2026-07-01", "last_day": "2026-07-31"}
    premium = {"plan_code": "premium", "terms": {"price": {"amount": "600.00"}, "uptime": {"target_percent": "99.95"}}}
    replay = await agency.make(path, {**month, **premium}, status=200)
    assert (replay["actual_net"], replay["supposed_net"], replay["difference_net"]) == ("300.00", "540.00", "240.00")
    (period,) = replay["periods"]
    assert [(each["code"], each["difference"]) for each in period["difference"]["lines"]] == [
        ("fee:standard", "-300.00"),
        ("fee:premium", "600.00"),
        ("credit:uptime", "-60.00"),
    ]
    assert await agency.get("/v1/settlements") == before
    fault = await agency.refused(422, "POST", path, json={**month, "terms": {"price": {"amount": "x"}}})
    assert fault["errors"][0]["pointer"] == "#/terms/price/amount"


async def test_what_if_counts_the_work_by_the_other_hours_even_of_months_that_are_closed(
    agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, hours=ONE_HOUR)
    clock.set(AFTER_JULY)
    entry = WORK | {"real_minutes": 120}
    await agency.make(f"/v1/contracts/{contract['contract_id']}/hours/entries", entry)
    await step(agency, await drafted(agency, contract), "review", "close")
    path = f"/v1/contracts/{contract['contract_id']}/what-if"
    month = {"first_day": "2026-07-01", "last_day": "2026-07-31"}
    more = {"lines": [{"code": "technical", "included_minutes": 90}]}
    found = {}
    for name, terms in {
        "same": {"hours": {"lines": [{"code": "technical", "included_minutes": 60}]}},
        "more": {"hours": more},
        "dearer": {"hours": {"overage_rate_per_hour": {"amount": "120.00", "currency": "EUR"}}},
    }.items():
        found[name] = (await agency.make(path, {**month, "terms": terms}, status=200))["difference_net"]
    found["plan"] = (await agency.make(path, {**month, "plan_code": "standard"}, status=200))["difference_net"]
    assert found == {"same": "0.00", "more": "-45.00", "dearer": "30.00", "plan": "0.00"}
    wrong = {"hours": {"overage_rate_per_hour": {"amount": "1.00", "currency": "USD"}}}
    fault = await agency.refused(422, "POST", path, json={**month, "terms": wrong})
    assert fault["errors"][0]["pointer"] == "#/terms/hours/overage_rate_per_hour/currency"


async def test_work_beyond_the_hours_is_a_line_and_its_month_is_closed_with_the_review(
    agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, hours=ONE_HOUR)
    clock.set(AFTER_JULY)
    entries = f"/v1/contracts/{contract['contract_id']}/hours/entries"
    entry = WORK | {"real_minutes": 90}
    await agency.make(entries, entry)
    draft = await drafted(agency, contract)
    assert lines(draft) == [("fee:premium", "600.00"), ("overage:2026-07", "45.00")]
    await step(agency, draft, "review")
    await agency.make(entries, entry)
    again = await step(agency, draft, "reopen", "recompute")
    assert lines(again) == lines(draft)


async def test_a_table_that_a_contract_names_counts_as_it_was_when_it_was_proposed(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    body = {
        "table_code": "standard",
        "title": {"fr": "Avoirs", "en": "Credits"},
        "tiers": [{"credit_percent": "10"}],
        "targets": [RESPONSE],
    }
    await agency.refused(422, "POST", "/v1/remedy-tables", json=body | {"tiers": [{"credit_percent": "1"}] * 2})
    table = await agency.make("/v1/remedy-tables", body)
    contract = await agency.active(**FLAT, credits={"table": "standard"}, penalties={"table": "standard"})
    (told,) = [each["data"]["remedies"] for each in await installation.events(contract["contract_id"])]
    assert told == {
        "tiers": [{"below": None, "credit_percent": "10"}],
        "targets": [RESPONSE | {"severity": None}],
        "late": None,
        "cumulation": "sum",
        "cap_percent": None,
    }
    path = f"/v1/remedy-tables/{table['remedy_table_id']}"
    answer = await agency.call("PATCH", path, json={"tiers": [{"credit_percent": "50"}]}, headers={"If-Match": '"1"'})
    assert answer.status_code == 200, answer.text
    clock.set(AFTER_JULY)
    await measured(installation, contract, 9_900)
    await missed(installation, contract, 60, datetime(2026, 7, 12, 9, tzinfo=UTC))
    assert lines(await drafted(agency, contract))[1:] == [
        ("credit:uptime", "-60.00"),
        (lines(await drafted(agency, contract))[2][0], "-30.00"),
    ]


async def test_a_period_before_the_contract_and_a_contract_that_never_ran_have_nothing_to_settle(
    agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(starts_on="2026-01-01")
    body = {"contract_id": contract["contract_id"], "on": "2026-03-15"}
    assert "not in force yet" in (await agency.refused(409, "POST", "/v1/settlements", json=body))["detail"]
    drafted = await agency.make("/v1/settlements", body | {"on": clock.now().date().isoformat()})
    await agency.step(contract, "terminate", {"reason": "Signed by mistake"})
    path = f"/v1/settlements/{drafted['settlement_id']}/recompute"
    assert "never in force" in (await agency.refused(409, "POST", path))["detail"]


async def signed(agency: Agency, contract: Any, **patch: Any) -> None:
    """Both sign other terms, and they are applied or scheduled."""
    waiting = await agency.step(contract, "amendment", patch)
    for party in ("agency", "client"):
        body = {"party": party, "document_hash": waiting["amendment"]["document"]["hash"]}
        await agency.step(contract, "amendment/sign", body)
    await agency.step(contract, "amendment/apply")


@pytest.mark.capability("K89")
async def test_another_currency_begins_with_a_period_and_the_past_is_settled_in_the_one_of_then(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(plan="standard", amount="300.00", **FLAT)
    plan = {"code": "standard_usd", "catalogue": "tiers", "title": {"fr": "Standard", "en": "Standard"}}
    plan |= {"extends": "standard", "price": {"minimum": "200.00", "maximum": "400.00", "currency": "USD"}}
    await agency.make("/v1/plans", plan | {"deliverables": []})
    path = f"/v1/contracts/{contract['contract_id']}/amendment"
    dollars = {"plan_code": "standard_usd", "price": {"amount": "330.00", "currency": "USD"}}
    for body, pointer in (
        (dollars, "#/price/currency"),
        (dollars | {"effective_on": "2026-07-15"}, "#/effective_on"),
        (dollars | {"effective_at": "2026-07-01T00:00:00Z"}, "#/effective_at"),
    ):
        fault = await agency.refused(422, "POST", path, json=body)
        assert [(each["pointer"], "period" in each["detail"]) for each in fault["errors"]] == [(pointer, True)]
    asked = {"contract_id": contract["contract_id"], "owner": "provider", "kind": "other", "worth": None}
    asked |= {"title": {"fr": "Lot 1", "en": "Lot 1"}, "due_at": "2026-07-20T09:00:00Z"}
    euros = {"worth": {"amount": "100.00", "currency": "EUR"}}
    owed = await agency.make("/v1/obligations", asked | euros)
    problem = await agency.refused(409, "POST", path, json=dollars | {"effective_on": "2026-08-01"})
    assert owed["obligation_id"] in problem["detail"]
    await agency.make(f"/v1/obligations/{owed['obligation_id']}/release", {"reason": "Without its worth"}, status=200)

    async def nothing_with_a_worth_is_asked_for() -> None:
        for currency in ("EUR", "USD"):
            fault = await agency.refused(
                422, "POST", "/v1/obligations", json=asked | {"worth": {"amount": "100.00", "currency": currency}}
            )
            assert [each["pointer"] for each in fault["errors"]] == ["#/worth/currency"]

    await agency.step(contract, "amendment", {**dollars, "effective_on": "2026-08-01"})
    await nothing_with_a_worth_is_asked_for()
    await agency.step(contract, "amendment/withdraw")
    await agency.make("/v1/obligations", asked)
    await signed(agency, contract, **dollars, effective_on="2026-08-01")
    await nothing_with_a_worth_is_asked_for()
    clock.set(datetime(2026, 9, 2, 9, tzinfo=UTC))
    await DueContracts(installation.runtime.units).run()
    july = await step(agency, await drafted(agency, contract), "review", "close", "correct")
    august = await drafted(agency, contract, "2026-08-15")
    assert [(each["net"], each["currency"]) for each in (july, august)] == [("300.00", "EUR"), ("330.00", "USD")]
    assert july["content"]["delta"]["lines"] == []
    what_if = f"/v1/contracts/{contract['contract_id']}/what-if"
    months = {"first_day": "2026-07-01", "last_day": "2026-08-31", "terms": {"price": {"amount": "310.00"}}}
    await agency.refused(422, "POST", what_if, json=months)
    replayed = await agency.make(what_if, {**months, "last_day": "2026-07-31"}, status=200)
    assert (replayed["currency"], replayed["difference_net"]) == ("EUR", "10.00")
    july_only = {**months, "last_day": "2026-07-31", "terms": {"hours": ONE_HOUR}}
    assert (await agency.make(what_if, july_only, status=200))["difference_net"] == "0.00"


async def test_what_the_provider_delivers_late_costs_by_its_worth_in_the_period_in_which_it_came(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    late = {"penalties": {"late": {"divisor": 1000, "exempt_up_to": "10.00", "cap_percent": "10"}}}
    delivery = {"code": "redesign", "kind": "other", "title": {"fr": "Refonte", "en": "Redesign"}}
    delivery |= {"owner": "provider", "first_due_on": "2026-06-30", "worth": {"amount": "12000", "currency": "EUR"}}
    contract = await agency.active(**FLAT, **late, obligations={"agreed": [delivery]})
    wrong = {"contract_id": contract["contract_id"], "owner": "client", "kind": "other", "title": delivery["title"]}
    wrong |= {"due_at": "2026-07-20T09:00:00Z", "worth": {"amount": "9000", "currency": "EUR"}}
    await agency.refused(422, "POST", "/v1/obligations", json=wrong)
    dollars = {"owner": "provider", "worth": {"amount": "9000", "currency": "USD"}}
    await agency.refused(422, "POST", "/v1/obligations", json=wrong | dollars)
    foreign = {"obligations": {"agreed": [delivery | {"worth": {"amount": "1.00", "currency": "USD"}}]}}
    fault = await agency.refused(422, "POST", f"/v1/contracts/{contract['contract_id']}/amendment", json=foreign)
    assert [each["pointer"] for each in fault["errors"]] == ["#/obligations/agreed/0/worth/currency"]
    released = await agency.make("/v1/obligations", wrong | {"owner": "provider"})
    clock.set(datetime(2026, 7, 27, 12, tzinfo=UTC))
    await agency.make(f"/v1/obligations/{released['obligation_id']}/release", {"reason": "Not needed"}, status=200)
    owed = await agency.get("/v1/obligations", params={"contract_id": contract["contract_id"]})
    (redesign,) = [each for each in owed["data"] if each["code"] == "redesign"]
    kept = {"evidence": [{"what": "Put online"}]}
    await agency.make(f"/v1/obligations/{redesign['obligation_id']}/fulfil", kept, status=200)
    clock.set(AFTER_JULY)
    assert [kind for kind, _ in lines(await drafted(agency, contract, "2026-06-30"))] == ["fee:premium"]
    july = await drafted(agency, contract)
    (_, line) = july["content"]["lines"]
    assert (line["amount"], line["why"]["days_late"]) == ("-312.00", 26)
    assert line["text"]["in_words"]["en"] == "Penalty for lateness: Redesign, 26 days late"
    breaches = (await agency.get("/v1/breaches", params={"contract_id": contract["contract_id"]}))["data"]
    (breach,) = [each for each in breaches if each["obligation_id"] == redesign["obligation_id"]]
    assert line["events"] == [breach["breach_id"], redesign["obligation_id"]]


async def test_what_is_delivered_late_in_a_suspension_is_owed_at_its_end_without_the_days_of_it(
    agency: Agency, clock: FixedClock
) -> None:
    late = {"penalties": {"late": {"divisor": 1000}}}
    delivery = {"code": "redesign", "kind": "other", "title": {"fr": "Refonte", "en": "Redesign"}}
    delivery |= {"owner": "provider", "first_due_on": "2026-06-30", "worth": {"amount": "12000", "currency": "EUR"}}
    contract = await agency.active(**FLAT, **late, obligations={"agreed": [delivery]})
    clock.set(datetime(2026, 7, 10, 22, tzinfo=UTC))
    await agency.step(contract, "suspend", {"reason": "Not paid"})
    clock.set(datetime(2026, 7, 20, 12, tzinfo=UTC))
    owed = await agency.get("/v1/obligations", params={"contract_id": contract["contract_id"]})
    (redesign,) = [each for each in owed["data"] if each["code"] == "redesign"]
    kept = {"evidence": [{"what": "Put online"}]}
    await agency.make(f"/v1/obligations/{redesign['obligation_id']}/fulfil", kept, status=200)
    clock.set(datetime(2026, 8, 4, 9, tzinfo=UTC))
    await agency.step(contract, "resume")
    clock.set(datetime(2026, 9, 2, 9, tzinfo=UTC))
    assert [kind for kind, _ in lines(await drafted(agency, contract))] == ["fee:premium"]
    (_, line) = (await drafted(agency, contract, "2026-08-31"))["content"]["lines"]
    assert (line["kind"], line["amount"], line["why"]["days_late"]) == ("late", "-120.00", 10)


@pytest.mark.capability("K88")
async def test_what_the_last_month_took_of_an_earlier_one_stays_in_it_when_more_is_told_after_the_end(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, hours=ONE_HOUR)
    path = f"/v1/contracts/{contract['contract_id']}/hours"
    clock.set(datetime(2026, 7, 2, 9, tzinfo=UTC))
    await step(agency, await drafted(agency, contract, "2026-06-30"), "review", "close")
    for worked_on, minutes in (("2026-06-20", 30), ("2026-07-01", 40)):
        await agency.make(f"{path}/entries", WORK | {"worked_on": worked_on, "real_minutes": minutes})
    clock.set(datetime(2026, 7, 31, 22, tzinfo=UTC))
    await agency.step(contract, "terminate", {"reason": "The shop closes"})
    clock.set(AFTER_JULY)
    job = DueSettlements(installation.runtime.units)
    for _ in range(3):
        await job.run()
    july = await step(agency, await drafted(agency, contract), "review", "close")
    assert lines(july) == [("fee:premium", "600.00"), ("overage:2026-07", "15.00")]
    await agency.make(f"{path}/entries", WORK | {"real_minutes": 10})
    await job.run()
    corrected = await agency.get(f"/v1/settlements/{july['settlement_id']}")
    assert lines(corrected) == [("fee:premium", "600.00"), ("overage:2026-07", "30.00")]
    ledger = [await agency.get(path, params={"month": month}) for month in ("2026-07", "2026-08")]
    assert [each["accounted_minutes"] for each in ledger] == [80, 0]


@pytest.mark.capability("K88")
async def test_hours_that_are_told_after_the_last_period_begin_a_correction_of_its_settlement(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, hours=ONE_HOUR)
    entries = f"/v1/contracts/{contract['contract_id']}/hours/entries"
    entry = WORK | {"real_minutes": 40}
    clock.set(datetime(2026, 7, 31, 21, 59, 59, tzinfo=UTC))
    await agency.make(entries, entry)
    clock.set(datetime(2026, 7, 31, 22, tzinfo=UTC))
    await agency.step(contract, "terminate", {"reason": "The shop closes"})
    clock.set(AFTER_JULY)
    job = DueSettlements(installation.runtime.units)
    for _ in range(3):
        await job.run()
    july = await step(agency, await drafted(agency, contract), "review", "close")
    assert lines(july) == [("fee:premium", "600.00")]

    async def now() -> Any:
        await job.run()
        return await agency.get(f"/v1/settlements/{july['settlement_id']}")

    after = {"contract_id": contract["contract_id"], "on": "2026-08-02"}
    assert "ended before" in (await agency.refused(409, "POST", "/v1/settlements", json=after))["detail"]
    await agency.make(entries, entry | {"real_minutes": 20})
    assert (await now())["status"] == "closed"  # they are among those that are included
    await agency.make(entries, entry | {"real_minutes": 30})
    corrected = await now()
    assert (corrected["status"], corrected["number"]) == ("draft", 2)
    assert lines(corrected) == [("fee:premium", "600.00"), ("overage:2026-07", "45.00")]
    again = await step(agency, corrected, "review", "close")
    assert [(each["code"], each["difference"]) for each in again["content"]["delta"]["lines"]] == [
        ("overage:2026-07", "45.00")
    ]
    await agency.make(entries, entry | {"real_minutes": 10})
    assert (await now())["content"]["delta"]["totals"]["net"] == "15.00"
    await step(agency, july, "review")
    await agency.make(entries, entry | {"real_minutes": 10})
    reopened = await now()
    assert (reopened["status"], reopened["content"]["delta"]["totals"]["net"]) == ("draft", "30.00")


@pytest.mark.capability("K88")
async def test_hours_that_are_told_while_those_before_them_are_taken_are_not_forgotten(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    contract = await agency.active(**FLAT, hours=ONE_HOUR)
    entry = WORK | {"real_minutes": 60}
    clock.set(datetime(2026, 7, 31, 22, tzinfo=UTC))
    await agency.step(contract, "terminate", {"reason": "The shop closes"})
    clock.set(AFTER_JULY)
    job = DueSettlements(installation.runtime.units)
    for _ in range(3):
        await job.run()
    july = await step(agency, await drafted(agency, contract), "review", "close")
    await agency.make(f"/v1/contracts/{contract['contract_id']}/hours/entries", entry)
    async with installation.runtime.units.for_tenant(await _tenant_of(installation, contract)) as uow:
        work = workspace_of(uow)
        locked = await work.contracts.locked(UUID(contract["contract_id"]))
        await log_entry(work, locked, NewHoursEntry.model_validate(entry | {"real_minutes": 30}))
        running = asyncio.ensure_future(job.run())
        await asyncio.wait([running], timeout=2)
    await running
    await job.run()
    corrected = await agency.get(f"/v1/settlements/{july['settlement_id']}")
    assert (corrected["status"], lines(corrected)) == (
        "draft",
        [("fee:premium", "600.00"), ("overage:2026-07", "45.00")],
    )
