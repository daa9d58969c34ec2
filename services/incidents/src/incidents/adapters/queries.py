"""Reads for the API: whole pages with a fixed number of queries, whatever is on them."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.desk_tables import PauseRow
from incidents.adapters.tables import (
    AlertAddressesRow,
    ClockDueRow,
    ClockEventRow,
    ClockRow,
    NotificationRow,
    StampRow,
    TimelineRow,
    WorkItemRow,
)
from incidents.domain.promises import Metric
from incidents.domain.work_item import Kind


def items(
    kind: Kind,
    *,
    statuses: Sequence[str] = (),
    severities: Sequence[str] = (),
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
) -> Select[WorkItemRow]:
    """The items of a kind that pass every given filter, unordered."""
    statement = select(WorkItemRow).where(WorkItemRow.kind == kind)
    if statuses:
        statement = statement.where(WorkItemRow.status.in_(statuses))
    if severities:
        statement = statement.where(WorkItemRow.severity.in_(severities))
    if client_id is not None:
        statement = statement.where(WorkItemRow.client_id == client_id)
    if contract_id is not None:
        statement = statement.where(WorkItemRow.contract_id == contract_id)
    if site_id is not None:
        statement = statement.where(WorkItemRow.site_id == site_id)
    return statement


async def item(session: AsyncSession, item_id: UUID, kind: Kind | None = None) -> WorkItemRow | None:
    """The row of an item, of this kind if one is given; None when there is none that one may see."""
    statement = select(WorkItemRow).where(WorkItemRow.id == item_id)
    if kind is not None:
        statement = statement.where(WorkItemRow.kind == kind)
    return (await session.execute(statement)).scalar_one_or_none()


async def stamps(session: AsyncSession, rows: Sequence[WorkItemRow]) -> dict[UUID, list[StampRow]]:
    """The stamps of each item's present cycle."""
    cycles = {row.id: row.cycle for row in rows}
    found: dict[UUID, list[StampRow]] = defaultdict(list)
    statement = select(StampRow).where(StampRow.item_id.in_(cycles))
    for stamp in (await session.execute(statement)).scalars():
        if stamp.cycle == cycles[stamp.item_id]:
            found[stamp.item_id].append(stamp)
    return found


async def cached_clocks(session: AsyncSession, rows: Sequence[WorkItemRow]) -> dict[UUID, list[ClockDueRow]]:
    """What the cache knows of each item's clocks, response before repair."""
    found: dict[UUID, list[ClockDueRow]] = defaultdict(list)
    statement = select(ClockDueRow).where(ClockDueRow.item_id.in_([row.id for row in rows]))
    order = list(Metric)
    clocks = (await session.execute(statement)).scalars().all()
    for clock in sorted(clocks, key=lambda clock: order.index(Metric(clock.metric))):
        found[clock.item_id].append(clock)
    return found


def timeline(item_id: UUID) -> Select[TimelineRow]:
    """The lines of an item's timeline that the caller may read, unordered."""
    return select(TimelineRow).where(TimelineRow.item_id == item_id)


def notifications(item_id: UUID) -> Select[NotificationRow]:
    """The messages about an item that the caller may see, unordered."""
    return select(NotificationRow).where(NotificationRow.item_id == item_id)


async def clock_facts(session: AsyncSession, clock_id: UUID) -> Sequence[ClockEventRow]:
    """The stored facts of a clock in the order of their time."""
    statement = select(ClockEventRow).where(ClockEventRow.clock_id == clock_id)
    return (await session.execute(statement.order_by(ClockEventRow.at, ClockEventRow.id))).scalars().all()


async def clock_item(session: AsyncSession, item_id: UUID, clock_id: UUID) -> WorkItemRow | None:
    """The item of a clock, if the clock is of this item."""
    statement = (
        select(WorkItemRow)
        .join(ClockRow, ClockRow.item_id == WorkItemRow.id)
        .where(WorkItemRow.id == item_id, ClockRow.id == clock_id)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def alert_addresses(session: AsyncSession, tenant_id: UUID, *, lock: bool = False) -> AlertAddressesRow | None:
    """A tenant's own alert addresses; None when it has set none."""
    statement = select(AlertAddressesRow).where(AlertAddressesRow.tenant_id == tenant_id)
    if lock:
        statement = statement.with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()


def pauses(item_id: UUID) -> Select[PauseRow]:
    """The pauses of an item, unordered."""
    return select(PauseRow).where(PauseRow.item_id == item_id)
