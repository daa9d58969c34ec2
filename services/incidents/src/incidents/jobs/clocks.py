"""Looks again at clocks when something about them may have become true: at risk, breached, a contract's change.

Looked at are those as well of which an earlier release told less than is told now: then their items tell it.

The due time is a column, so nothing is missed while no worker runs, and any number of workers may look: the item's row
is claimed with SKIP LOCKED, and what was said about a clock is kept under a unique key.

When much falls due at once, items of one agency are looked at in one transaction. If that fails, each is looked at in
one of its own, so that one that cannot be read does not keep the others waiting.
"""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, exists, func, not_, or_, select, text, update

from incidents.adapters.repository import drop_clock_cache, ports_ahead, read_items
from incidents.adapters.tables import UNTOLD, ClockDueRow, ClockRow, WorkItemRow
from incidents.application.changes import accept_tacitly
from incidents.application.clocks import refresh
from incidents.application.ports import Recipient
from incidents.domain.promises import Metric
from shared.consumer import is_database_away
from shared.kernel.clock import Clock
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger(__name__)

BATCH = 400
TOGETHER = 50
"""At most so many items in one transaction: whoever works on one of them waits for its end."""
AT_ONCE = 4
"""Transactions: while one waits for the database, another one folds."""
LONGEST_WAIT = 1.0
BUSY_WAIT = 0.05
"""Before looking again at what another worker holds just now."""
SEARCH_EVERY = timedelta(seconds=60)
"""For clocks that are not due and want to be looked at all the same."""
SET_ASIDE = timedelta(minutes=1)
"""How long a clock that cannot be read waits for its next try, so that it does not keep the others waiting."""


class _Due(NamedTuple):
    tenant_id: UUID
    item_id: UUID
    alone: bool


class DueClocks:
    """The job over due clocks; one per process."""

    def __init__(self, units: UnitsOfWork, clock: Clock, default_recipients: list[Recipient]) -> None:
        self._units = units
        self._clock = clock
        self._default_recipients = default_recipients
        self._searched_at: datetime | None = None
        self._told_up_to: UUID | None = None

    async def run(self) -> float:
        """Looks at every clock that is due now; returns the seconds until the next one may be."""
        due = await self._due()
        groups = iter(_together(due))
        async with asyncio.TaskGroup() as several:
            looking = [several.create_task(self._look_at(groups)) for _ in range(AT_ONCE)]
        looked = sum(each.result() for each in looking)
        if len(due) >= BATCH:
            return 0.0
        return BUSY_WAIT if looked < len(due) else await self._until_next()

    async def rebuild(self) -> int:
        """Drops the whole cache and computes it again from the facts; returns the number of incidents."""
        async with self._units.for_every_tenant() as unit:
            await drop_clock_cache(unit.session)
        tried: set[_Due] = set()
        # One whose clocks cannot be read stays without a cache, and must not be tried for ever.
        while batch := set(await self._uncached()) - tried:
            for tenant_id, item_ids in _together(batch):
                if await self._look(tenant_id, item_ids) < len(item_ids):
                    for item_id in item_ids:  # somebody works on them: wait, with one lock in hand
                        await self._look(tenant_id, [item_id], wait=True)
            tried |= batch
        return len(tried)

    async def _due(self) -> list[_Due]:
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(ClockDueRow.tenant_id, ClockDueRow.item_id, _alone(ClockDueRow.metric))
                .where(ClockDueRow.next_due_at <= unit.now)
                .group_by(ClockDueRow.tenant_id, ClockDueRow.item_id)
                .order_by(func.min(ClockDueRow.next_due_at))
                .limit(BATCH)
            )
            due = [_Due(*row) for row in await unit.session.execute(statement)]
            now = unit.now
        if self._searched_at is None or not timedelta(0) <= now - self._searched_at < SEARCH_EVERY:
            self._searched_at = now
            due += await self._uncached()
            due += await self._untold()
        elif self._told_up_to is not None:
            due += await self._untold()
        return due

    async def _uncached(self) -> list[_Due]:
        """Items with a clock that the cache does not know, because somebody dropped it."""
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(ClockRow.tenant_id, ClockRow.item_id, _alone(ClockRow.metric))
                .where(~exists().where(ClockDueRow.clock_id == ClockRow.id))
                .group_by(ClockRow.tenant_id, ClockRow.item_id)
                .limit(BATCH)
            )
            return [_Due(*row) for row in await unit.session.execute(statement)]

    async def _untold(self) -> list[_Due]:
        """Items with a clock whose facts nobody was told: the next ones of a round, which ends with a batch that is not
        full. One that cannot be read waits for the next round and keeps no other from its turn.
        """
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(ClockRow.tenant_id, ClockRow.item_id, _alone(ClockRow.metric))
                .where(text(UNTOLD))
                .group_by(ClockRow.tenant_id, ClockRow.item_id)
                .order_by(ClockRow.item_id)
                .limit(BATCH)
            )
            if self._told_up_to is not None:
                statement = statement.where(ClockRow.item_id > self._told_up_to)
            untold = [_Due(*row) for row in await unit.session.execute(statement)]
        self._told_up_to = untold[-1].item_id if len(untold) == BATCH else None
        return untold

    async def _look_at(self, groups: Iterator[tuple[UUID, list[UUID]]]) -> int:
        """Takes one group after the other, of those that nobody else has taken."""
        return sum([await self._look(tenant_id, item_ids) for tenant_id, item_ids in groups])

    async def _look(self, tenant_id: UUID, item_ids: Sequence[UUID], *, wait: bool = False) -> int:
        """How many of these were looked at; of the others a worker holds the items, or has just looked at them."""
        try:
            return await self._look_together(tenant_id, item_ids, wait)
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about these clocks; the loop tries again
            if len(item_ids) > 1:
                return sum([await self._look(tenant_id, [item_id]) for item_id in item_ids])
            log.exception("clock_set_aside", item_id=str(item_ids[0]), error=type(error).__name__)
            await self._set_aside(tenant_id, item_ids[0])
            return 1

    async def _look_together(self, tenant_id: UUID, item_ids: Sequence[UUID], wait: bool) -> int:
        async with self._units.for_tenant(tenant_id) as unit:
            fresh = exists().where(
                ClockDueRow.clock_id == ClockRow.id,
                or_(ClockDueRow.next_due_at.is_(None), ClockDueRow.next_due_at > unit.now),
            )
            still_due = exists().where(ClockRow.item_id == WorkItemRow.id, or_(not_(fresh), text(UNTOLD)))
            statement = select(WorkItemRow).where(WorkItemRow.id.in_(item_ids), still_due).order_by(WorkItemRow.id)
            claimed = statement.with_for_update(key_share=True, skip_locked=not wait)
            rows = (await unit.session.execute(claimed)).scalars().all()
            if not rows:
                return 0
            items = await read_items(unit.session, rows)
            ports = await ports_ahead(unit, items, self._default_recipients)
            for item in items:
                await refresh(ports, await accept_tacitly(ports, item))
            return len(items)

    async def _set_aside(self, tenant_id: UUID, item_id: UUID) -> None:
        async with self._units.for_tenant(tenant_id) as unit:
            await unit.session.execute(
                update(ClockDueRow)
                .where(ClockDueRow.item_id == item_id, ClockDueRow.next_due_at <= unit.now)
                .values(next_due_at=unit.now + SET_ASIDE)
            )

    async def _until_next(self) -> float:
        async with self._units.for_every_tenant() as unit:
            next_due: datetime | None = await unit.session.scalar(select(func.min(ClockDueRow.next_due_at)))
            if next_due is None:
                return LONGEST_WAIT
            return min(max(0.0, (next_due - unit.now).total_seconds()), LONGEST_WAIT)


def _alone(metric: Any) -> ColumnElement[bool]:
    """A change that is accepted tacitly locks what it fixes: with more locks in hand, two could wait for each other."""
    return func.bool_or(metric == Metric.ACCEPTANCE)


def _together(due: Iterable[_Due]) -> list[tuple[UUID, list[UUID]]]:
    """What is looked at in one transaction: items of one agency, those that have waited longest first."""
    groups: list[tuple[UUID, list[UUID]]] = []
    open_groups: dict[UUID, list[UUID]] = {}
    for tenant_id, item_id, alone in due:
        group = open_groups.get(tenant_id)
        if alone or group is None or len(group) == TOGETHER:
            group = []
            groups.append((tenant_id, group))
            if not alone:
                open_groups[tenant_id] = group
        group.append(item_id)
    return groups
