"""Preventive work that a contract promises by itself: a schedule for each such deliverable, as long as it is promised.

A schedule is found again by contract and deliverable, so that it keeps its work orders through every version. It waits
while the contract is suspended, and ends with it or with the promise.
"""

from datetime import date, datetime
from uuid import uuid5
from zoneinfo import ZoneInfo

from sqlalchemy import select

from incidents.adapters.contract_state import ContractState
from incidents.adapters.desk_tables import ScheduleRow
from incidents.adapters.repository import ports_of
from incidents.adapters.schedules import advance
from incidents.domain.schedules import NonWorkingDay, days_of
from shared.unit_of_work import UnitOfWork

RECURRENCES = {
    "weekly": "FREQ=WEEKLY",
    "monthly": "FREQ=MONTHLY",
    "quarterly": "FREQ=MONTHLY;INTERVAL=3",
    "yearly": "FREQ=YEARLY",
}
UPDATES = frozenset({"cms_updates", "controlled_updates"})
"""Types of deliverables that are done by a work order each time."""

LAST_DAY_OF_EVERY_MONTH = 28
TITLE_LENGTH = 200


async def follow_promised_work(uow: UnitOfWork, state: ContractState) -> None:
    """Makes the schedules of promised work those of this version, unless a newer one is known."""
    ports = ports_of(uow)
    newest = await ports.contracts.newest(state.contract_id)
    if newest is None or newest.version != state.version:
        return
    wanted = {
        each.code: (each, RECURRENCES[str(each.parameters.get("frequency"))])
        for each in state.deliverables
        if each.type in UPDATES and each.parameters.get("frequency") in RECURRENCES and state.status == "active"
    }
    statement = select(ScheduleRow).where(
        ScheduleRow.contract_id == state.contract_id, ScheduleRow.deliverable.is_not(None)
    )
    known = {row.deliverable: row for row in (await uow.session.execute(statement.with_for_update())).scalars()}
    zone = state.client.time_zone
    for code, row in known.items():
        if code not in wanted and row.active:
            row.active = False
            await advance(ports, row, row.next_on)
    for code, (promised, recurrence) in wanted.items():
        title = (promised.name.get(state.client.language) or code)[:TITLE_LENGTH]
        schedule = known.get(code)
        if schedule is None:
            schedule = ScheduleRow(
                id=uuid5(state.contract_id, f"promised/{code}"),
                tenant_id=uow.tenant_id,
                client_id=state.client.client_id,
                contract_id=state.contract_id,
                description="",
                work="update",
                non_working_day=NonWorkingDay.NEXT.value,
                lead_days=0,
                checklist=[],
                active=False,
                version=0,
                created_at=uow.now,
                deliverable=code,
                recurrence="",
                title=title,
                first_on=first_day(state.effective_from, zone),
            )
            uow.session.add(schedule)
        schedule.title = title
        if schedule.active and schedule.recurrence == recurrence:
            continue
        if schedule.recurrence != recurrence:
            schedule.recurrence, schedule.first_on = recurrence, first_day(state.effective_from, zone)
        schedule.active = True
        today = state.effective_from.astimezone(zone).date()
        # What fell into a suspension was not promised.
        upcoming = next((day for day in days_of(recurrence, schedule.first_on) if day >= today), None)
        await advance(ports, schedule, upcoming)


def first_day(since: datetime, zone: ZoneInfo) -> date:
    """The local day, or the first of the next month where some months have no such day."""
    day = since.astimezone(zone).date()
    if day.day <= LAST_DAY_OF_EVERY_MONTH:
        return day
    return date(day.year + day.month // 12, day.month % 12 + 1, 1)
