"""Reads for the API: whole pages with a fixed number of queries, whatever is on them."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.tables import (
    AlertAddressesRow,
    ClockDueRow,
    ClockEventRow,
    ClockRow,
    IncidentRow,
    NotificationRow,
    StampRow,
    TimelineRow,
)


def incidents(
    *,
    statuses: Sequence[str] = (),
    severities: Sequence[str] = (),
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
) -> Select[IncidentRow]:
    """The incidents that pass every given filter, unordered."""
    statement = select(IncidentRow)
    if statuses:
        statement = statement.where(IncidentRow.status.in_(statuses))
    if severities:
        statement = statement.where(IncidentRow.severity.in_(severities))
    if client_id is not None:
        statement = statement.where(IncidentRow.client_id == client_id)
    if contract_id is not None:
        statement = statement.where(IncidentRow.contract_id == contract_id)
    if site_id is not None:
        statement = statement.where(IncidentRow.site_id == site_id)
    return statement


async def incident(session: AsyncSession, incident_id: UUID) -> IncidentRow | None:
    """The row of an incident; None when there is none that one may see."""
    statement = select(IncidentRow).where(IncidentRow.id == incident_id)
    return (await session.execute(statement)).scalar_one_or_none()


async def stamps(session: AsyncSession, rows: Sequence[IncidentRow]) -> dict[UUID, list[StampRow]]:
    """The stamps of each incident's present cycle."""
    cycles = {row.id: row.cycle for row in rows}
    found: dict[UUID, list[StampRow]] = defaultdict(list)
    statement = select(StampRow).where(StampRow.incident_id.in_(cycles))
    for stamp in (await session.execute(statement)).scalars():
        if stamp.cycle == cycles[stamp.incident_id]:
            found[stamp.incident_id].append(stamp)
    return found


async def cached_clocks(session: AsyncSession, rows: Sequence[IncidentRow]) -> dict[UUID, list[ClockDueRow]]:
    """What the cache knows of each incident's clocks, response before repair."""
    found: dict[UUID, list[ClockDueRow]] = defaultdict(list)
    statement = select(ClockDueRow).where(ClockDueRow.incident_id.in_([row.id for row in rows]))
    # `response` sorts after `repair`, and people read it first.
    for clock in (await session.execute(statement.order_by(ClockDueRow.metric.desc()))).scalars():
        found[clock.incident_id].append(clock)
    return found


def timeline(incident_id: UUID) -> Select[TimelineRow]:
    """The lines of an incident's timeline that the caller may read, unordered."""
    return select(TimelineRow).where(TimelineRow.incident_id == incident_id)


def notifications(incident_id: UUID) -> Select[NotificationRow]:
    """The messages about an incident that the caller may see, unordered."""
    return select(NotificationRow).where(NotificationRow.incident_id == incident_id)


async def clock_facts(session: AsyncSession, clock_id: UUID) -> Sequence[ClockEventRow]:
    """The stored facts of a clock in the order of their time."""
    statement = select(ClockEventRow).where(ClockEventRow.clock_id == clock_id)
    return (await session.execute(statement.order_by(ClockEventRow.at, ClockEventRow.id))).scalars().all()


async def clock_incident(session: AsyncSession, incident_id: UUID, clock_id: UUID) -> IncidentRow | None:
    """The incident of a clock, if the clock is of this incident."""
    statement = (
        select(IncidentRow)
        .join(ClockRow, ClockRow.incident_id == IncidentRow.id)
        .where(IncidentRow.id == incident_id, ClockRow.id == clock_id)
    )
    return (await session.execute(statement)).scalar_one_or_none()


async def alert_addresses(session: AsyncSession, tenant_id: UUID, *, lock: bool = False) -> AlertAddressesRow | None:
    """A tenant's own alert addresses; None when it has set none."""
    statement = select(AlertAddressesRow).where(AlertAddressesRow.tenant_id == tenant_id)
    if lock:
        statement = statement.with_for_update()
    return (await session.execute(statement)).scalar_one_or_none()
