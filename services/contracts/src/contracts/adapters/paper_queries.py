"""What papers are made of where it is a list: read piece by piece, so that a long one can be sent while it is read."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import select, tuple_

from contracts.adapters.register_stores import versions_of
from contracts.adapters.register_tables import ConfigurationItemRow, RegisterEntryRow
from contracts.adapters.rows import columns, plan_version_of
from contracts.adapters.settlement_tables import SettlementRow, SettlementVersionRow
from contracts.adapters.tables import PlanRow, PlanVersionRow
from contracts.application.catalogue import PlanVersion
from contracts.application.client_registers import RegisterEntry
from contracts.application.configuration import ConfigurationItem, ConfigurationVersion, ItemState, item_state
from contracts.application.settlements import SettlementContent
from contracts.domain.contract_term import Days
from shared.unit_of_work import UnitOfWork

Place: TypeAlias = tuple[datetime, UUID]
"""The last row of a piece: the next piece begins after it."""


async def entries_after(
    uow: UnitOfWork, contract_id: UUID, register: str, after: Place | None, limit: int
) -> tuple[list[RegisterEntry], Place | None]:
    """Entries of one of the client's registers in the order in which they were made."""
    row = RegisterEntryRow
    query = select(row).where(row.contract_id == contract_id, row.kind == register)
    if after is not None:
        query = query.where(tuple_(row.created_at, row.entry_id) > tuple_(*after))
    rows = (await uow.session.scalars(query.order_by(row.created_at, row.entry_id).limit(limit))).all()
    place = (rows[-1].created_at, rows[-1].entry_id) if len(rows) == limit else None
    return [RegisterEntry.model_validate(columns(each)) for each in rows], place


async def states_after(
    uow: UnitOfWork, client_id: UUID, at: datetime, known_at: datetime, after: Place | None, limit: int
) -> tuple[list[ItemState], Place | None]:
    """The client's items as they were at an instant, by what was known at another."""
    row = ConfigurationItemRow
    query = select(row).where(row.client_id == client_id)
    if after is not None:
        query = query.where(tuple_(row.created_at, row.configuration_item_id) > tuple_(*after))
    rows = (await uow.session.scalars(query.order_by(row.created_at, row.configuration_item_id).limit(limit))).all()
    recorded: dict[UUID, list[ConfigurationVersion]] = defaultdict(list)
    for version in await versions_of(uow, [each.configuration_item_id for each in rows]):
        recorded[version.configuration_item_id].append(version)
    items = [ConfigurationItem.model_validate(columns(each)) for each in rows]
    states = [item_state(item, recorded[item.configuration_item_id], at, known_at) for item in items]
    place = (rows[-1].created_at, rows[-1].configuration_item_id) if len(rows) == limit else None
    return states, place


async def closed_in(uow: UnitOfWork, contract_id: UUID, days: Days) -> Sequence[SettlementContent]:
    """The newest closed version of each settlement whose period begins in these days."""
    settlement, version = SettlementRow, SettlementVersionRow
    texts = await uow.session.scalars(
        select(version.text)
        .join(
            settlement,
            (settlement.settlement_id == version.settlement_id) & (settlement.closed_number == version.number),
        )
        .where(
            settlement.contract_id == contract_id, settlement.first_day >= days.first, settlement.first_day < days.end
        )
        .order_by(settlement.first_day)
    )
    return [SettlementContent.model_validate_json(text) for text in texts]


async def plans_of(uow: UnitOfWork, catalogue: str, limit: int) -> Sequence[PlanVersion]:
    """The newest versions of the plans of a catalogue, in the order in which the plans were made."""
    rows = await uow.session.scalars(
        select(PlanVersionRow)
        .join(
            PlanRow,
            (PlanRow.plan_id == PlanVersionRow.plan_id) & (PlanRow.current_number == PlanVersionRow.number),
        )
        .where(PlanRow.catalogue == catalogue)
        .order_by(PlanRow.created_at, PlanRow.plan_id)
        .limit(limit)
    )
    return [plan_version_of(row) for row in rows]
