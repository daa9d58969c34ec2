"""The response clocks of a contract, folded from their facts with a fixed number of queries."""

from collections import defaultdict
from datetime import datetime
from uuid import UUID

from sqlalchemy import or_, select

from incidents.adapters.repository import SqlContracts
from incidents.adapters.tables import ClockDueRow, ClockEventRow, ClockRow, WorkItemRow
from incidents.domain.promises import ClockFact, Metric, folding
from incidents.domain.sla_clock import ClockReading
from shared.unit_of_work import UnitOfWork


async def response_readings(
    uow: UnitOfWork, contract_id: UUID, since: datetime
) -> list[tuple[WorkItemRow, ClockReading]]:
    """Every response clock of a contract that had not ended before an instant, with its item, as it reads now."""
    statement = (
        select(ClockRow.id, WorkItemRow)
        .join(WorkItemRow, WorkItemRow.id == ClockRow.item_id)
        .outerjoin(ClockDueRow, ClockDueRow.clock_id == ClockRow.id)
        .where(ClockRow.contract_id == contract_id, ClockRow.metric == Metric.RESPONSE)
        # The cache only spares the look at what is long over: what it does not know of is folded.
        .where(or_(ClockDueRow.ended_at.is_(None), ClockDueRow.ended_at >= since))
        .order_by(WorkItemRow.opened_at, WorkItemRow.id)
    )
    items = {row[0]: row[1] for row in await uow.session.execute(statement)}
    facts: dict[UUID, list[ClockFact]] = defaultdict(list)
    events = select(ClockEventRow).where(ClockEventRow.clock_id.in_(items)).order_by(ClockEventRow.id)
    for event in (await uow.session.execute(events)).scalars():
        facts[event.clock_id].append(ClockFact(event.kind, event.at, event.pause_id, event.reason, event.severity))
    history = await SqlContracts(uow).history(contract_id)
    return [
        (item, folding(history, item.severity, Metric.RESPONSE, facts[clock_id]).read(uow.now))
        for clock_id, item in items.items()
    ]
