"""When a stored schedule is due next, by its rule and by the calendar of its contract."""

from datetime import date, timedelta
from zoneinfo import ZoneInfo

from incidents.adapters.desk_tables import ScheduleRow
from incidents.application.ports import Ports
from incidents.domain.schedules import NonWorkingDay, planned_on, works_by
from shared.kernel.calendar import opening_instant


async def advance(ports: Ports, row: ScheduleRow, day: date | None) -> None:
    """Lets a schedule wait for a day of its rule; None or the end of its contract ends it."""
    row.version += 1
    row.next_on, row.due_at = day, None
    if day is None or not row.active or await has_ended(ports, row):
        row.active = row.active and day is not None
        return
    planned, zone = await when(ports, row, day)
    earliest = min(day, planned or day) - timedelta(days=row.lead_days)
    row.due_at = opening_instant(earliest, 0, zone)


async def has_ended(ports: Ports, row: ScheduleRow) -> bool:
    """Whether the contract of a schedule is over: nobody works under it any more."""
    terms = (await ports.contracts.history(row.contract_id)).in_force(ports.now)
    return terms is not None and terms.status in ("terminated", "expired")


async def when(ports: Ports, row: ScheduleRow, day: date) -> tuple[date | None, ZoneInfo]:
    """On which day the work of a rule's day is planned by the contract's calendar, and in which zone days are meant."""
    history = await ports.contracts.history(row.contract_id)
    contract = await ports.contracts.newest(row.contract_id)
    zone = ZoneInfo(contract.time_zone) if contract is not None else ZoneInfo("UTC")
    terms = history.in_force(ports.now)
    calendar = None
    if terms is not None and terms.response is not None:
        calendar = terms.calendars.get(terms.response.calendar)
    return planned_on(day, NonWorkingDay(row.non_working_day), works_by(calendar, zone)), zone
