"""Decisions on outages as rows: kept with every step, said, and months that they touch measured again."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final, cast
from uuid import UUID

from sqlalchemy import func, select

from reporting.adapters.decision_tables import OutageDecisionRow, OutageDecisionStepRow
from reporting.adapters.measured_months import measure_again
from reporting.adapters.tables import TransitionRow
from reporting.application.outage_decisions import KnownOutage, OutageDecision
from reporting.domain.reclassification import Act, Category, Decision, Person, Step, as_told
from reporting.published.decision_v1 import DECISIONS
from shared.kernel.intervals import Interval
from shared.unit_of_work import UnitOfWork

_EVENTS: Final = {event.NAME: event for event in DECISIONS}
_CHANGES_FIGURES: Final = ("approved", "withdrawn")


async def find_outage(uow: UnitOfWork, contract_id: UUID, outage_id: UUID) -> KnownOutage | None:
    """An outage of a contract that the unit may see, by the transitions that tell of it."""
    row = TransitionRow
    found = await uow.session.scalar(
        select(row).where(row.outage_id == outage_id, row.contract_id == contract_id).order_by(row.number).limit(1)
    )
    if found is None:
        return None
    return KnownOutage(found.tenant_id, found.client_id, contract_id, found.environment_id, found.monitor_id, outage_id)


async def told_since(uow: UnitOfWork, outage: KnownOutage) -> datetime:
    """The earliest instant that a transition tells of an outage that is known."""
    row = TransitionRow
    found = await uow.session.scalar(
        select(func.min(func.least(row.at, row.ended_since))).where(
            row.outage_id == outage.outage_id, row.contract_id == outage.contract_id
        )
    )
    assert isinstance(found, datetime)  # transitions are never taken away
    return found


async def find_decision(uow: UnitOfWork, outage_decision_id: UUID, *, lock: bool = False) -> OutageDecision | None:
    """A decision that the unit may see."""
    row = await uow.session.get(OutageDecisionRow, outage_decision_id, with_for_update=lock or None)
    if row is None:
        return None
    (found,) = await whole_decisions(uow, [row])
    return found


async def whole_decisions(uow: UnitOfWork, rows: Sequence[OutageDecisionRow]) -> list[OutageDecision]:
    """Rows with their steps; one query for a whole page."""
    ids = [row.outage_decision_id for row in rows]
    steps: dict[UUID, list[Step]] = {outage_decision_id: [] for outage_decision_id in ids}
    step = OutageDecisionStepRow
    for each in await uow.session.scalars(
        select(step).where(step.outage_decision_id.in_(ids)).order_by(step.outage_decision_id, step.number)
    ):
        by = Person(each.actor_kind, each.actor_id, each.actor_name, each.actor_issuer)
        steps[each.outage_decision_id].append(Step(cast(Act, each.act), by, each.at, each.reason))
    return [_whole(row, steps[row.outage_decision_id]) for row in rows]


def _whole(row: OutageDecisionRow, steps: Iterable[Step]) -> OutageDecision:
    outage = KnownOutage(
        row.tenant_id,
        row.client_id,
        row.contract_id,
        row.environment_id,
        row.monitor_id,
        row.outage_id,
    )
    return OutageDecision(
        outage,
        Decision(
            row.outage_decision_id,
            row.outage_id,
            row.environment_id,
            cast(Category, row.category),
            Interval(row.starts_at, row.ends_at),
            tuple(steps),
        ),
    )


async def decisions_of_contract(uow: UnitOfWork, contract_id: UUID, known_at: datetime) -> list[Decision]:
    """Every decision on outages of a contract that was proposed by then."""
    row = OutageDecisionRow
    rows = await uow.session.scalars(select(row).where(row.contract_id == contract_id, row.created_at <= known_at))
    return [each.decision for each in await whole_decisions(uow, rows.all())]


async def add_decision(uow: UnitOfWork, outage: KnownOutage, decision: Decision) -> OutageDecision:
    """A new decision with its first step, which is said."""
    uow.session.add(
        OutageDecisionRow(
            outage_decision_id=decision.outage_decision_id,
            tenant_id=outage.tenant_id,
            client_id=outage.client_id,
            contract_id=outage.contract_id,
            environment_id=outage.environment_id,
            monitor_id=outage.monitor_id,
            outage_id=outage.outage_id,
            category=decision.category,
            starts_at=decision.decided.start,
            ends_at=decision.decided.end,
            created_at=uow.now,
            version=decision.version,
            status=decision.status,
        )
    )
    await uow.session.flush()
    return await _stepped(uow, OutageDecision(outage, decision))


async def take_step(uow: UnitOfWork, known: OutageDecision, decision: Decision) -> OutageDecision:
    """A locked decision with one step more, which is said. Where it changes figures, months are measured again."""
    row = await uow.session.get_one(OutageDecisionRow, decision.outage_decision_id)
    row.version, row.status = decision.version, decision.status
    if decision.steps[-1].act in _CHANGES_FIGURES:
        # From where the outage begins: whether what is left of it is long enough to count is judged as a whole.
        await measure_again(uow, known.outage.contract_id, await told_since(uow, known.outage))
    return await _stepped(uow, OutageDecision(known.outage, decision))


async def _stepped(uow: UnitOfWork, known: OutageDecision) -> OutageDecision:
    decision, outage = known.decision, known.outage
    step = decision.steps[-1]
    uow.session.add(
        OutageDecisionStepRow(
            outage_decision_id=decision.outage_decision_id,
            number=decision.version,
            tenant_id=outage.tenant_id,
            client_id=outage.client_id,
            act=step.act,
            actor_kind=step.by.kind,
            actor_id=step.by.id,
            actor_name=step.by.name,
            actor_issuer=step.by.issuer,
            at=step.at,
            reason=step.reason,
        )
    )
    # The end of a decision is told as a client may read it. The agency was told each step before it by its own event.
    told = as_told(decision) if step.act == "withdrawn" else None
    uow.publish(_EVENTS[step.act].model_validate(_told(known, told or decision)), version=decision.version)
    return known


def _told(known: OutageDecision, told: Decision) -> dict[str, Any]:
    decision, outage = known.decision, known.outage
    return {
        "outage_decision_id": decision.outage_decision_id,
        "version": decision.version,
        "contract_id": outage.contract_id,
        "client_id": outage.client_id,
        "environment_id": outage.environment_id,
        "monitor_id": outage.monitor_id,
        "outage_id": outage.outage_id,
        "category": decision.category,
        "starts_at": decision.decided.start,
        "ends_at": decision.decided.end,
        "status": decision.status,
        "approved_at": decision.approved_at,
        "withdrawn_at": decision.withdrawn_at,
        "steps": [
            {
                "act": step.act,
                "at": step.at,
                "by": {"kind": step.by.kind, "id": step.by.id, "name": step.by.name},
                "reason": step.reason,
            }
            for step in told.steps
        ],
    }
