"""Decisions on outages: proposed by one person, approved by another, taken back in the same way."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from reporting.application import measuring
from reporting.application.ports import Facts
from reporting.domain import reclassification as rules
from reporting.domain.reclassification import Category, DecidesNoFigure, Decision, Person
from reporting.domain.state_line import of_availability


class UnknownOutage(LookupError):
    """No monitor of the contract is known to have had this outage."""


@dataclass(frozen=True)
class KnownOutage:
    """Whose outage it is."""

    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    environment_id: UUID
    monitor_id: UUID
    outage_id: UUID


@dataclass(frozen=True)
class OutageDecision:
    """A decision with whose outage it is about."""

    outage: KnownOutage
    decision: Decision


async def propose(
    facts: Facts,
    outage: KnownOutage,
    told_since: datetime,
    *,
    outage_decision_id: UUID,
    category: Category,
    start: datetime | None,
    end: datetime | None,
    reason: str,
    by: Person,
    now: datetime,
) -> Decision:
    """A decision that is not approved yet, over the whole outage unless it says otherwise.

    `told_since`: nothing that tells of the outage is older.

    Raises OutageNotOver, DecidesNoFigure, OutsideTheOutage, DecidedByAProgram.
    """
    first = rules.proposed(by, now, reason)
    transitions = await facts.transitions(outage.contract_id, told_since, now)
    known = transitions.get(outage.environment_id, ())
    of_monitor = [each for each in known if each.monitor_id == outage.monitor_id]
    whole = rules.outage_interval(of_monitor, outage.outage_id, now)
    promised = measuring.stretches(await facts.versions(outage.contract_id), whole.start, whole.end)
    counted = [each.environment for each in promised if each.environment.environment_id == outage.environment_id]
    if not any(of_availability(of_monitor, counts_for_sla=each.counts_for_sla) for each in counted):
        raise DecidesNoFigure
    return Decision(
        outage_decision_id,
        outage.outage_id,
        outage.environment_id,
        category,
        rules.within(whole, start, end),
        (first,),
    )
