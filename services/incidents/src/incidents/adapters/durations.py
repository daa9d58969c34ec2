"""Incidents that lasted in a period, with the stamps that say from when until when."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.tables import StampRow, WorkItemRow
from incidents.domain.durations import BEGINS, ENDS, Spell, spells
from incidents.domain.work_item import Kind, Milestone
from shared.kernel.intervals import Interval


def lasting(period: Interval, *, contract_id: UUID | None = None, client_id: UUID | None = None) -> Select[WorkItemRow]:
    """The incidents of a contract, or of a client, that lasted at some instant of the period; unordered."""
    began = func.coalesce(_first(Milestone.REOPENED), _first(*BEGINS))
    over = _first(*ENDS)
    lasted = (
        select(StampRow.cycle)
        .where(StampRow.item_id == WorkItemRow.id)
        .group_by(StampRow.cycle)
        .having(began < period.end)
        .having(or_(over.is_(None), over < began, over > period.start, began >= period.start))
    )
    statement = select(WorkItemRow).where(WorkItemRow.kind == Kind.INCIDENT, lasted.exists())
    if contract_id is not None:
        statement = statement.where(WorkItemRow.contract_id == contract_id)
    if client_id is not None:
        statement = statement.where(WorkItemRow.client_id == client_id)
    return statement


async def spells_of(session: AsyncSession, rows: Sequence[WorkItemRow]) -> dict[UUID, tuple[Spell, ...]]:
    """The spells of each of these incidents."""
    cycles: dict[UUID, dict[int, dict[Milestone, datetime]]] = defaultdict(lambda: defaultdict(dict))
    wanted = (*BEGINS, Milestone.REOPENED, *ENDS)
    statement: Select[Any] = select(StampRow).where(
        StampRow.item_id.in_([row.id for row in rows]), StampRow.milestone.in_(wanted)
    )
    for stamp in (await session.execute(statement)).scalars():
        cycles[stamp.item_id][stamp.cycle][Milestone(stamp.milestone)] = stamp.at
    return {
        item_id: spells(stamps for _, stamps in sorted(of_item.items(), key=lambda cycle: cycle[0]))
        for item_id, of_item in cycles.items()
    }


def _first(*milestones: Milestone) -> ColumnElement[datetime]:
    return func.min(StampRow.at).filter(StampRow.milestone.in_(milestones))
