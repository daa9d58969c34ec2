"""Settlements follow the decisions on outages: what was closed is corrected, what was not is computed again.

A decision changes what a month is owed after it was settled. The closed version stays; the correction begins as a draft
with the difference, and a person reviews and closes it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol, TypeAlias
from uuid import UUID
from zoneinfo import ZoneInfo

from contracts.application.facts import DecidedOutage, UptimeMeasured, facts_of_period
from contracts.application.ports import Workspace
from contracts.application.settlement_words import decision_reason
from contracts.application.settlements import SettledCommitment
from contracts.application.settling import SettlementRecord, calendar_of, correct, recompute, reopen
from contracts.application.terms_in_force import EARLIEST, terms_of_contract
from contracts.domain import agreement
from contracts.domain.billing_periods import instants_of

LONGEST_REASON = 2_000
Decisions: TypeAlias = Mapping[UUID, DecidedOutage]


class Sayer(Protocol):
    """Says in the client's language what was decided and taken back between two states; empty when nothing was."""

    def __call__(self, before: Decisions, now: Decisions) -> str: ...


async def follow_decisions(work: Workspace, told: UptimeMeasured) -> list[SettlementRecord]:
    """The settlements of a measured month that rest on other decisions than are in force now, put right.

    A closed one gets a correction, a reviewed one is a draft again, and a draft is computed again. By what is known
    now, in whatever order it was told: hearing it again changes nothing.
    """
    contract = await work.contracts.get(told.contract_id)
    await work.settlements.settlements.hold(contract.contract_id)
    held = await terms_of_contract(work, contract, EARLIEST, work.now + timedelta(microseconds=1))
    if not held:
        return []
    calendar = calendar_of(held[0])
    ends = {agreement.local_date(_just_before(figure.ends_at), str(calendar.zone)) for figure in told.figures}
    numbers = {calendar.number_on(day) for day in ends} - {None}
    followed = []
    for number in sorted(each for each in numbers if each is not None):
        period = calendar.period(number)
        record = await work.settlements.settlements.of_period(contract.contract_id, period.whole.first)
        if record is None:
            continue
        whole = instants_of(period.whole, calendar.zone)
        known = await facts_of_period(work, contract.contract_id, *whole)
        decisions = {
            decision.outage_decision_id: decision
            for month in known.uptime
            for figure in month.told.figures
            if figure.counts_for_sla and whole.start < figure.ends_at <= whole.end
            for decision in month.told.decisions
            if decision.outage_decision_id in figure.outage_decision_ids
        }
        if set(decisions_of(record.content.commitments)) == set(decisions):
            continue
        client = await work.clients.get(contract.client_id)
        say = partial(_reason, language=client.language, zone=calendar.zone)
        followed.append(await _put_right(work, record, decisions, say))
    return followed


async def _put_right(work: Workspace, record: SettlementRecord, now: Decisions, say: Sayer) -> SettlementRecord:
    settled = decisions_of(record.content.commitments)
    if record.status == "closed":
        return await correct(work, record, say(settled, now)[:LONGEST_REASON])
    if record.status == "reviewed":
        record = await reopen(work, record)
    if record.closed_number is None:
        return await recompute(work, record)
    closed = await work.settlements.settlements.closed(record.settlement_id, record.closed_number)
    before = decisions_of(closed.content.commitments)
    # What somebody wrote himself stays; what was said of decisions is said anew, of those that hold now.
    said = {*say(before, settled).split("\n"), ""}
    own = [line for line in (record.correction_reason or "").split("\n") if line not in said]
    why = say(before, now) or say(settled, now)
    return await recompute(work, record, correction_reason="\n".join([*own, why])[:LONGEST_REASON])


def _reason(before: Decisions, now: Decisions, *, language: str, zone: ZoneInfo) -> str:
    new = [decision for outage_decision_id, decision in now.items() if outage_decision_id not in before]
    return decision_reason(new, len(before.keys() - now.keys()), language, zone)


def decisions_of(commitments: Iterable[SettledCommitment]) -> Decisions:
    """The decisions on outages that these rest on, each once."""
    uptimes: list[Mapping[str, Any]] = [each.why for each in commitments if each.kind == "uptime"]
    told = [DecidedOutage.model_validate(one) for why in uptimes for one in why.get("decisions", ())]
    return {decision.outage_decision_id: decision for decision in told}


def _just_before(instant: datetime) -> datetime:
    return instant - timedelta(microseconds=1)
