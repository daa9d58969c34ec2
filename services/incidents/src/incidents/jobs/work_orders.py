"""Makes the work orders of due schedules: each day of a rule once, whatever the number of workers.

When the next one is due is a column, so nothing is missed while no worker runs. A day is recorded under a unique key in
the transaction that makes its work order.
"""

from datetime import datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import func, select, update

from incidents.adapters.desk_tables import OccurrenceRow, ScheduleRow
from incidents.adapters.repository import ports_of
from incidents.adapters.schedules import advance, has_ended, when
from incidents.application.ports import UPHELD
from incidents.application.work_orders import Planned, plan
from incidents.domain.schedules import following
from shared.consumer import is_database_away
from shared.unit_of_work import UnitOfWork, UnitsOfWork

log = structlog.get_logger(__name__)

BATCH = 50
LONGEST_WAIT = 60.0
SET_ASIDE = timedelta(minutes=5)


class DueSchedules:
    """The job over schedules of preventive work; one per process."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """Makes what is due now; returns the seconds until to look again."""
        async with self._units.for_every_tenant() as unit:
            statement = (
                select(ScheduleRow.tenant_id, ScheduleRow.id)
                .where(ScheduleRow.due_at <= unit.now)
                .order_by(ScheduleRow.due_at)
                .limit(BATCH)
            )
            due = [(row.tenant_id, row.id) for row in await unit.session.execute(statement)]
        for tenant_id, schedule_id in due:
            try:
                async with self._units.for_tenant(tenant_id) as unit:
                    await self._make(unit, schedule_id)
            except Exception as error:
                if is_database_away(error):
                    raise  # says nothing about this schedule; the loop tries again
                log.exception("schedule_set_aside", schedule_id=str(schedule_id), error=type(error).__name__)
                async with self._units.for_tenant(tenant_id) as unit:
                    again = unit.now + SET_ASIDE
                    which = update(ScheduleRow).where(ScheduleRow.id == schedule_id)
                    await unit.session.execute(which.values(due_at=again))
        return 0.0 if len(due) == BATCH else await self._until_next()

    async def _make(self, unit: UnitOfWork, schedule_id: UUID) -> None:
        """The work orders of every day that is due by now; none when another worker holds the schedule."""
        statement = select(ScheduleRow).where(ScheduleRow.id == schedule_id, ScheduleRow.due_at <= unit.now)
        row = (await unit.session.execute(statement.with_for_update(skip_locked=True))).scalar_one_or_none()
        if row is None:
            return
        ports = ports_of(unit)
        if await has_ended(ports, row):
            await advance(ports, row, row.next_on)
            return
        while row.next_on is not None and row.due_at is not None and row.due_at <= unit.now:
            day = row.next_on
            if await unit.session.get(OccurrenceRow, (row.id, day)) is not None:
                # The contract was suspended and went on since, on this very day: what fell due on it is made.
                await advance(ports, row, following(row.recurrence, row.first_on, day))
                continue
            planned, _ = await when(ports, row, day)
            item_id = None
            if planned is not None:
                work = Planned(
                    contract_id=row.contract_id,
                    site_id=row.site_id,
                    environment_id=row.environment_id,
                    title=row.title,
                    description=row.description,
                    work=row.work,
                    planned_on=planned,
                    checklist=tuple(row.checklist),
                    schedule_id=row.id,
                )
                item_id = (await plan(ports, work, UPHELD))[0].id
            unit.session.add(
                OccurrenceRow(
                    schedule_id=row.id,
                    day=day,
                    tenant_id=row.tenant_id,
                    client_id=row.client_id,
                    planned_on=planned,
                    why=None if planned == day else row.non_working_day,
                    item_id=item_id,
                    made_at=unit.now,
                )
            )
            await advance(ports, row, following(row.recurrence, row.first_on, day))
            await unit.session.flush()

    async def _until_next(self) -> float:
        async with self._units.for_every_tenant() as unit:
            next_due: datetime | None = await unit.session.scalar(select(func.min(ScheduleRow.due_at)))
            if next_due is None:
                return LONGEST_WAIT
            return min(max(0.0, (next_due - unit.now).total_seconds()), LONGEST_WAIT)
