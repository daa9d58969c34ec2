"""Reads: straight from the tables to what a page shows. Row-level security says whose rows these are."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, Text, and_, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.check_secrets import secrets_of
from probes.adapters.result_rows import day_of, first_instant_of
from probes.adapters.tables import (
    BlipRow,
    LocationRow,
    LocationStateRow,
    MonitorRow,
    MonitorRulesRow,
    OutageRow,
    StretchRow,
    result,
)
from probes.application.checks.secrets import SEALED, masked, without_credentials

_FIRST_DAY, _LAST_DAY = 0, 2**15 - 1
_MILLISECOND = timedelta(milliseconds=1)

RESULT_ORDER = (
    result.c.day,
    result.c.started_ms,
    result.c.location_number,
    result.c.slot,
    result.c.attempt_and_outcome,
)
"""Sorts the results of one monitor by their beginnings."""


@dataclass(frozen=True, slots=True)
class MonitorFilter:
    """Which monitors are asked for; None is any."""

    client_id: UUID | None = None
    contract_id: UUID | None = None
    site_id: UUID | None = None
    environment_id: UUID | None = None
    state: str | None = None
    kind: str | None = None
    source: str | None = None
    group_id: UUID | None = None


def monitors(wanted: MonitorFilter) -> Select[Any]:
    """The monitors that fit."""
    conditions = [
        column == value
        for column, value in (
            (MonitorRow.client_id, wanted.client_id),
            (MonitorRow.contract_id, wanted.contract_id),
            (MonitorRow.site_id, wanted.site_id),
            (MonitorRow.environment_id, wanted.environment_id),
            (MonitorRow.state, wanted.state),
            (MonitorRow.kind, wanted.kind),
            (MonitorRow.source, wanted.source),
            (MonitorRow.group_id, wanted.group_id),
        )
        if value is not None
    ]
    return select(MonitorRow).where(*conditions)


async def monitor(session: AsyncSession, monitor_id: UUID) -> MonitorRow | None:
    """One monitor, if the caller may see it."""
    return await session.get(MonitorRow, monitor_id)


async def monitor_like(
    session: AsyncSession, environment_id: UUID, configuration: Mapping[str, Any]
) -> MonitorRow | None:
    """A monitor of an environment that looks at exactly this, and was not removed.

    Raises Unreadable when one that may be it has secrets that no known key opens.
    """
    shown, secrets, url = masked(configuration), secrets_of(session), configuration.get("url")
    addresses = [url, without_credentials(url)] if isinstance(url, str) else []
    selected = select(MonitorRow).where(
        MonitorRow.environment_id == environment_id,
        MonitorRow.kind == configuration["kind"],
        # What is sealed never looks the same twice, and a release before this one sealed or hid less of it.
        or_(
            MonitorRow.configuration == dict(configuration),
            MonitorRow.configuration["url"].astext.in_(addresses),
            MonitorRow.configuration.op("-", return_type=JSONB())(literal(SEALED, Text)) == shown,
        ),
        MonitorRow.removed_at.is_(None),
    )
    for row in await session.scalars(selected.order_by(MonitorRow.number)):
        if masked(row.configuration) == shown and secrets.opened(row.configuration) == dict(configuration):
            return row
    return None


async def location_states(session: AsyncSession, monitor_ids: Sequence[UUID]) -> dict[UUID, list[LocationStateRow]]:
    """What the locations of these monitors say, by monitor."""
    found: dict[UUID, list[LocationStateRow]] = {monitor_id: [] for monitor_id in monitor_ids}
    selected = (
        select(LocationStateRow)
        .where(LocationStateRow.monitor_id.in_(list(monitor_ids)))
        .order_by(LocationStateRow.location)
    )
    for row in await session.scalars(selected):
        found[row.monitor_id].append(row)
    return found


async def rules_history(
    session: AsyncSession, monitor_id: UUID, now: datetime, limit: int = 100
) -> Sequence[MonitorRulesRow]:
    """How the monitor was checked, newest first; what is only planned is left out."""
    selected = (
        select(MonitorRulesRow)
        .where(MonitorRulesRow.monitor_id == monitor_id, MonitorRulesRow.effective_from <= now)
        .order_by(MonitorRulesRow.effective_from.desc())
        .limit(limit)
    )
    return list(await session.scalars(selected))


def results(monitor_number: int, since: datetime, until: datetime) -> Select[Any]:
    """The checks of one monitor that began in `[since, until)`, with the names of their locations."""
    first, last = _day_within_reach(since), _day_within_reach(until)
    return (
        select(*result.c, LocationRow.name.label("location"))
        .join(LocationRow, LocationRow.number == result.c.location_number)
        .where(
            result.c.monitor_number == monitor_number,
            # Literal bounds on the key let PostgreSQL leave out every other day's partition.
            result.c.day >= first,
            result.c.day <= last,
            or_(result.c.day > first, result.c.started_ms >= _milliseconds(since, first)),
            or_(result.c.day < last, result.c.started_ms < _milliseconds(until, last)),
        )
    )


def _day_within_reach(instant: datetime) -> int:
    """The day as the table can hold it: nothing was measured before 1970, nor will be after 2059."""
    return min(max(day_of(instant), _FIRST_DAY), _LAST_DAY)


def _milliseconds(instant: datetime, day: int) -> int:
    """Whole milliseconds from the beginning of the day, kept within it."""
    return min(max((instant - first_instant_of(day)) // _MILLISECOND, 0), 86_400_000)


def stretches(monitor_id: UUID, since: datetime | None, until: datetime | None) -> Select[Any]:
    """The state line of one monitor where it touches `[since, until)`."""
    return select(StretchRow).where(
        StretchRow.monitor_id == monitor_id,
        or_(StretchRow.ended_at.is_(None), StretchRow.ended_at > since) if since is not None else literal(True),
        StretchRow.started_at < until if until is not None else literal(True),
    )


def blips(monitor_id: UUID, since: datetime | None, until: datetime | None) -> Select[Any]:
    """Failures of one monitor that did not confirm, by when they began."""
    return select(BlipRow).where(
        BlipRow.monitor_id == monitor_id,
        BlipRow.first_at >= since if since is not None else literal(True),
        BlipRow.first_at < until if until is not None else literal(True),
    )


@dataclass(frozen=True, slots=True)
class OutageFilter:
    """Which outages are asked for; None is any. `since` and `until` bound the time that an outage touches."""

    client_id: UUID | None = None
    contract_id: UUID | None = None
    site_id: UUID | None = None
    monitor_id: UUID | None = None
    ongoing: bool | None = None
    exclusion_candidate: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


def outages(wanted: OutageFilter) -> Select[Any]:
    """The outages that fit."""
    conditions = [
        column == value
        for column, value in (
            (OutageRow.client_id, wanted.client_id),
            (OutageRow.contract_id, wanted.contract_id),
            (OutageRow.site_id, wanted.site_id),
            (OutageRow.monitor_id, wanted.monitor_id),
        )
        if value is not None
    ]
    if wanted.ongoing is not None:
        conditions.append(OutageRow.ended_at.is_(None) if wanted.ongoing else OutageRow.ended_at.is_not(None))
    if wanted.exclusion_candidate is not None:
        conditions.append(OutageRow.exclusion_candidate.is_(wanted.exclusion_candidate))
    if wanted.since is not None:
        conditions.append(or_(OutageRow.ended_at.is_(None), OutageRow.ended_at > wanted.since))
    if wanted.until is not None:
        conditions.append(OutageRow.down_since < wanted.until)
    return select(OutageRow).where(and_(True, *conditions))


async def outage(session: AsyncSession, outage_id: UUID) -> OutageRow | None:
    """One outage, if the caller may see it."""
    return await session.get(OutageRow, outage_id)
