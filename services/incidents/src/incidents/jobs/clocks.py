"""Looks again at clocks when something about them may have become true: at risk, breached, a contract's change.

The due time is a column, so nothing is missed while no worker runs, and any number of workers may look: the incident's
row is claimed with SKIP LOCKED, and what was said about a clock is kept under a unique key.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import exists, func, select, update

from incidents.adapters.repository import drop_clock_cache, ports_of, read_item
from incidents.adapters.tables import ClockDueRow, ClockRow, WorkItemRow
from incidents.application.changes import accept_tacitly
from incidents.application.clocks import refresh
from incidents.application.ports import Recipient
from shared.consumer import is_database_away
from shared.kernel.clock import Clock
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger(__name__)

BATCH = 80
LONGEST_WAIT = 1.0
BUSY_WAIT = 0.05
"""Before looking again at what another worker holds just now."""
SEARCH_UNCACHED_EVERY = timedelta(seconds=60)
SET_ASIDE = timedelta(minutes=1)
"""How long a clock that cannot be read waits for its next try, so that it does not keep the others waiting."""


class DueClocks:
    """The job over due clocks; one per process."""

    def __init__(self, units: UnitsOfWork, clock: Clock, default_recipients: list[Recipient]) -> None:
        self._units = units
        self._clock = clock
        self._default_recipients = default_recipients
        self._searched_at: datetime | None = None

    async def run(self) -> float:
        """Looks at every clock that is due now; returns the seconds until the next one may be."""
        due = await self._due()
        looked = 0
        for tenant_id, item_id in due:
            looked += await self._look(tenant_id, item_id)
        if len(due) == BATCH:
            return 0.0
        return BUSY_WAIT if looked < len(due) else await self._until_next()

    async def rebuild(self) -> int:
        """Drops the whole cache and computes it again from the facts; returns the number of incidents."""
        async with self._units.for_every_tenant() as unit:
            await drop_clock_cache(unit.session)
        tried: set[tuple[UUID, UUID]] = set()
        # One whose clocks cannot be read stays without a cache, and must not be tried for ever.
        while batch := set(await self._uncached()) - tried:
            for tenant_id, item_id in batch:
                await self._look(tenant_id, item_id, wait=True)
            tried |= batch
        return len(tried)

    async def _due(self) -> list[tuple[UUID, UUID]]:
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(ClockDueRow.tenant_id, ClockDueRow.item_id)
                .where(ClockDueRow.next_due_at <= unit.now)
                .group_by(ClockDueRow.tenant_id, ClockDueRow.item_id)
                .order_by(func.min(ClockDueRow.next_due_at))
                .limit(BATCH)
            )
            due = [(row.tenant_id, row.item_id) for row in await unit.session.execute(statement)]
            now = unit.now
        if self._searched_at is None or not timedelta(0) <= now - self._searched_at < SEARCH_UNCACHED_EVERY:
            self._searched_at = now
            due += await self._uncached()
        return due

    async def _uncached(self) -> list[tuple[UUID, UUID]]:
        """Incidents with a clock that the cache does not know, because somebody dropped it."""
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(ClockRow.tenant_id, ClockRow.item_id)
                .where(~exists().where(ClockDueRow.clock_id == ClockRow.id))
                .distinct()
                .limit(BATCH)
            )
            return [(row.tenant_id, row.item_id) for row in await unit.session.execute(statement)]

    async def _look(self, tenant_id: UUID, item_id: UUID, *, wait: bool = False) -> bool:
        """False when another worker holds the incident: it does what is to be done, or we find it again."""
        try:
            async with self._units.for_tenant(tenant_id) as unit:
                one = select(WorkItemRow).where(WorkItemRow.id == item_id)
                claimed = one.with_for_update(key_share=True, skip_locked=not wait)
                row = (await unit.session.execute(claimed)).scalar_one_or_none()
                if row is None:
                    return False
                incident = await read_item(unit.session, row)
                ports = ports_of(unit, self._default_recipients)
                await refresh(ports, await accept_tacitly(ports, incident))
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about this clock; the loop tries again
            log.exception("clock_set_aside", item_id=str(item_id), error=type(error).__name__)
            await self._set_aside(tenant_id, item_id)
        return True

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
