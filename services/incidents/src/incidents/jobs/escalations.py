"""Looks at the escalations of items when a level may be due, when a clock has moved, and when an item is new.

When to look is a column, so nothing is missed while no worker runs, and any number of workers may look: the item's row
is claimed with SKIP LOCKED, and a level fires under a unique key. The policy of a new item is the one of the instant at
which it opened, however late a worker sees it.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import and_, false, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.on_call_repository import escalation_ports
from incidents.adapters.on_call_tables import EscalationLevelRow, EscalationRow
from incidents.adapters.repository import read_item
from incidents.adapters.tables import ClockDueRow, WorkItemRow
from incidents.application.escalations import OVER, look
from incidents.application.ports import Recipient
from incidents.domain.work_item import Kind
from shared.consumer import is_database_away
from shared.kernel.clock import Clock
from shared.kernel.ids import uuid7
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger(__name__)

BATCH = 80
LONGEST_WAIT = 1.0
BUSY_WAIT = 0.05
"""Before looking again at what another worker holds just now."""
SEARCH_ALL_EVERY = timedelta(seconds=60)
"""For escalations whose clocks moved, also of items that are over."""
NEW_SINCE = timedelta(hours=1)
"""How old the items are that every look searches for new ones; a round over all older ones begins this often. Ids sort
by the time they were made."""
SLICE = 1000
"""Items of a round that one look searches. All in one statement are seconds of the disk, and due levels wait."""
FIRST = UUID(int=0)
SET_ASIDE = timedelta(minutes=1)
"""How long an item that cannot be read waits for its next try at least, so that it does not keep the others waiting.
One that is older than `NEW_SINCE` and has no escalation yet waits for the next round."""


class DueEscalations:
    """The job over due levels; one per process."""

    def __init__(self, units: UnitsOfWork, clock: Clock, default_recipients: list[Recipient]) -> None:
        self._units = units
        self._clock = clock
        self._default_recipients = default_recipients
        self._searched_at: datetime | None = None
        self._newest = FIRST
        self._round_began_at: datetime | None = None
        self._round: UUID | None = None
        """Up to which item the round that is under way has searched."""
        self._set_aside: dict[UUID, datetime] = {}

    async def run(self) -> float:
        """Looks at every item that is due now; returns the seconds until the next one may be."""
        known = await self._known()
        looked = [await self._look(*each) for each in known]
        # After what is due, in a unit of its own: a search that fails keeps no level waiting.
        new, searched = await self._new()
        looked += [await self._look(*each) for each in new]
        self._round = searched
        if len(looked) >= BATCH or searched is not None:
            return 0.0
        return await self._until_next() if all(looked) else BUSY_WAIT

    async def _known(self) -> list[tuple[UUID, UUID]]:
        """Agencies and items of which a level is due, or a clock has moved."""
        async with self._units.for_every_tenant() as unit:
            unfired = EscalationLevelRow.fired_at.is_(None)
            due = (
                select(EscalationLevelRow.tenant_id, EscalationLevelRow.item_id)
                .where(unfired, EscalationLevelRow.due_at <= unit.now)
                .group_by(EscalationLevelRow.tenant_id, EscalationLevelRow.item_id)
                .order_by(func.min(EscalationLevelRow.due_at))
                .limit(BATCH)
            )
            moved = (
                select(EscalationRow.tenant_id, EscalationRow.item_id)
                .outerjoin(ClockDueRow, ClockDueRow.item_id == EscalationRow.item_id)
                .where(ClockDueRow.computed_at.is_distinct_from(EscalationRow.clocks_seen))
                .where(EscalationRow.policy_id.is_not(None))
                .limit(BATCH)
            )
            everything = _is_long_ago(self._searched_at, unit.now, SEARCH_ALL_EVERY)
            if not everything:
                moved = moved.where(EscalationRow.watched)
            found = [(row.tenant_id, row.item_id) for each in (due, moved) for row in await unit.session.execute(each)]
            if everything:
                self._searched_at = unit.now
            self._set_aside = {item: until for item, until in self._set_aside.items() if until > unit.now}
            return self._not_set_aside(found)

    async def _new(self) -> tuple[list[tuple[UUID, UUID]], UUID | None]:
        """Agencies and items without an escalation, and up to where a round that goes on has searched for them."""
        async with self._units.for_every_tenant() as unit:
            await self._begin_round(unit.session, unit.now)
            opened = await _without_escalation(unit.session, self._newest, None)
            older, searched = await self._next_of_round(unit.session)
            return self._not_set_aside([*opened, *older]), searched

    def _not_set_aside(self, found: list[tuple[UUID, UUID]]) -> list[tuple[UUID, UUID]]:
        return [each for each in dict.fromkeys(found) if each[1] not in self._set_aside]

    async def _begin_round(self, session: AsyncSession, now: datetime) -> None:
        if self._round is None and _is_long_ago(self._round_began_at, now, NEW_SINCE):
            newest: UUID | None = await session.scalar(select(WorkItemRow.id).order_by(WorkItemRow.id.desc()).limit(1))
            self._newest = _before(newest) if newest is not None else FIRST
            self._round, self._round_began_at = FIRST, now

    async def _next_of_round(self, session: AsyncSession) -> tuple[list[tuple[UUID, UUID]], UUID | None]:
        """The next older items without an escalation, and up to where they were searched: None at the end."""
        if self._round is None:
            return [], None
        older = select(WorkItemRow.id).where(WorkItemRow.id > self._round, WorkItemRow.id <= self._newest)
        end: UUID | None = await session.scalar(older.order_by(WorkItemRow.id).offset(SLICE - 1).limit(1))
        found = await _without_escalation(session, self._round, end or self._newest)
        return found, found[-1][1] if len(found) == BATCH else end

    async def _look(self, tenant_id: UUID, item_id: UUID) -> bool:
        """False when another worker holds the item: it does what is to be done, or we find it again."""
        try:
            async with self._units.for_tenant(tenant_id) as unit:
                one = select(WorkItemRow).where(WorkItemRow.id == item_id)
                claimed = one.with_for_update(key_share=True, skip_locked=True)
                row = (await unit.session.execute(claimed)).scalar_one_or_none()
                if row is None:
                    return False
                incident = await read_item(unit.session, row)
                await look(escalation_ports(unit, self._default_recipients), incident)
                seen = select(func.max(ClockDueRow.computed_at)).where(ClockDueRow.item_id == item_id)
                watched = EscalationRow.policy_id.is_not(None) if incident.status not in OVER else false()
                await unit.session.execute(
                    update(EscalationRow)
                    .where(EscalationRow.item_id == item_id)
                    .values(clocks_seen=seen.scalar_subquery(), watched=watched)
                )
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about this item; the loop tries again
            log.exception("escalation_set_aside", item_id=str(item_id), error=type(error).__name__)
            self._set_aside[item_id] = self._clock.now() + SET_ASIDE
        return True

    async def _until_next(self) -> float:
        async with self._units.for_every_tenant() as unit:
            next_due: datetime | None = await unit.session.scalar(
                select(func.min(EscalationLevelRow.due_at)).where(EscalationLevelRow.fired_at.is_(None))
            )
            if next_due is None:
                return LONGEST_WAIT
            return min(max(0.0, (next_due - unit.now).total_seconds()), LONGEST_WAIT)


async def _without_escalation(session: AsyncSession, after: UUID, until: UUID | None) -> list[tuple[UUID, UUID]]:
    """Agency and id of the first items after one id, up to another, whose escalation nobody has planned."""
    known = and_(EscalationRow.item_id == WorkItemRow.id, EscalationRow.item_id > after)
    statement = (
        select(WorkItemRow.tenant_id, WorkItemRow.id)
        # The bounds are said of both tables: from an equality alone the planner takes none over, and reads the second.
        .outerjoin(EscalationRow, known if until is None else and_(known, EscalationRow.item_id <= until))
        .where(EscalationRow.item_id.is_(None), WorkItemRow.id > after)
        # Changes and work orders go their way by plan: nobody has to be woken for them.
        .where(WorkItemRow.kind.in_([Kind.INCIDENT, Kind.REQUEST]))
        .order_by(WorkItemRow.id)
        .limit(BATCH)
    )
    if until is not None:
        statement = statement.where(WorkItemRow.id <= until)
    return [(row.tenant_id, row.id) for row in await session.execute(statement)]


def _is_long_ago(at: datetime | None, now: datetime, longest: timedelta) -> bool:
    return at is None or not timedelta(0) <= now - at < longest


def _before(newest: UUID) -> UUID:
    """The smallest id of the time `NEW_SINCE` before an id was made."""
    made = newest.int >> 80
    return uuid7(max(0, made - int(NEW_SINCE.total_seconds() * 1000)), 0)
