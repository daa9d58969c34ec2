"""What streams tell, in order: facts get their places after they are committed, are read by place, and forgotten.

Identity order is not commit order, so that "greater than the last one" over ids or times passes over what commits
late. A place is given by whoever looks, under a lock, to what has none yet: what commits later gets a later place, and
a reader that knows the last place that he has seen misses nothing and sees nothing twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row, and_, case, literal, select, text
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.item_search import ItemFilter
from incidents.adapters.search_tables import ItemFactRow, ItemStreamRow
from incidents.adapters.tables import TimelineRow, WorkItemRow

KEPT_FOR = timedelta(days=14)
"""How long a stream can be resumed."""
_AT_ONCE = 10_000

_LOCK = text("select pg_advisory_xact_lock(hashtext('incidents item facts'))")
_UNPLACED = text("select exists (select from incidents.item_fact where position is null)")
_PLACE = text(
    """
    with fresh as (
        select entry_id, tenant_id, row_number() over (partition by tenant_id order by entry_id) as number,
            count(*) over (partition by tenant_id) as facts
        from (
            select entry_id, tenant_id from incidents.item_fact where position is null order by entry_id limit :most
        ) unplaced
    ), counted as (
        insert into incidents.item_stream (tenant_id, last, forgotten)
        select tenant_id, count(*), 0 from fresh group by tenant_id
        on conflict (tenant_id) do update set last = item_stream.last + excluded.last
        returning tenant_id, last
    )
    update incidents.item_fact f set position = counted.last - fresh.facts + fresh.number
    from fresh join counted using (tenant_id)
    where f.entry_id = fresh.entry_id
    """
)
_FORGET = text(
    """
    with gone as (
        delete from incidents.item_fact where entry_id in (
            select entry_id from incidents.item_fact
            where recorded_at < :before and position is not null order by recorded_at limit :most
        )
        returning tenant_id, position
    ), furthest as (
        select tenant_id, max(position) as position, count(*) as facts from gone group by tenant_id
    ), noted as (
        update incidents.item_stream s set forgotten = greatest(s.forgotten, furthest.position)
        from furthest where s.tenant_id = furthest.tenant_id
    )
    select coalesce(sum(facts), 0) from furthest
    """
)


@dataclass(frozen=True)
class Kept:
    """From where on a tenant's facts can be told: those after `forgotten`, up to `last`."""

    last: int = 0
    forgotten: int = 0

    def has(self, position: int) -> bool:
        """Whether everything after this place is still there to be told."""
        return self.forgotten <= position <= self.last


async def place(session: AsyncSession) -> None:
    """Gives their places to the facts that have none. The lock is held until the transaction ends."""
    if not (await session.execute(_UNPLACED)).scalar_one():
        return
    await session.execute(_LOCK)
    await session.execute(_PLACE, {"most": _AT_ONCE})


async def forget(session: AsyncSession, now: datetime) -> bool:
    """Deletes facts that are too old to be told, and notes how far; whether there may be more."""
    told = await session.execute(_FORGET, {"before": now - KEPT_FOR, "most": _AT_ONCE})
    return int(told.scalar_one()) >= _AT_ONCE


async def kept(session: AsyncSession) -> dict[UUID, Kept]:
    """How far the facts of each tenant reach that the unit may see."""
    rows = await session.execute(select(ItemStreamRow.tenant_id, ItemStreamRow.last, ItemStreamRow.forgotten))
    return {row.tenant_id: Kept(row.last, row.forgotten) for row in rows}


async def told_after(
    session: AsyncSession, wanted: ItemFilter, audience: str, *, after: int, up_to: int, most: int
) -> Sequence[Row[Any]]:
    """The facts at places `(after, up_to]` of items that the filter is about, in order, as far as the caller sees them.

    Each row: `position`, the timeline's line, the item as it stands, and `passes`: whether that passes the filter.
    """
    passes = and_(literal(True), *wanted.passing(), wanted.said(audience))
    statement = (
        select(ItemFactRow.position, TimelineRow, WorkItemRow, case((passes, True), else_=False).label("passes"))
        .join(TimelineRow, TimelineRow.id == ItemFactRow.entry_id)
        .join(WorkItemRow, WorkItemRow.id == ItemFactRow.item_id)
        .where(ItemFactRow.position > after, ItemFactRow.position <= up_to, *wanted.lasting())
        .order_by(ItemFactRow.position)
        .limit(most)
    )
    return (await session.execute(statement)).all()
