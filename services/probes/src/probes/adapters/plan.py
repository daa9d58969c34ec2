"""What the scheduler has to know of the monitors that are watched."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from probes.adapters.check_secrets import CheckSecrets
from probes.application.checks.limits import with_limits
from probes.domain.slots import Schedule, Succession

LOOK_BACK = timedelta(days=1)
"""A change of regime that is older was carried out: the monitor's own row says what holds."""

_WATCHED = """
select m.monitor_id, m.configuration, m.interval_seconds, m.timeout_seconds, m.rechecks,
       array_agg(l.location order by l.location) as locations, bool_or(l.last_due is not null) as checked
from probes.monitor m join probes.location_state l using (monitor_id)
where m.state <> 'paused' and m.scheduled
group by m.monitor_id
"""
_CHANGES = """
select r.monitor_id, r.effective_from, r.interval_seconds, r.timeout_seconds, r.rechecks, r.limits
from probes.monitor_rules r join probes.monitor m using (monitor_id)
where r.effective_from > %s and r.limits is not null and m.state <> 'paused'
order by r.monitor_id, r.effective_from
"""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a monitor is checked: on which schedule, and with which configuration.

    `stored` is what the database has of it, closed: to open it for every monitor whenever the schedule is read again
    would hold up the schedule. `limits` take the place of its own.
    """

    schedule: Schedule
    stored: Mapping[str, Any]
    timeout_seconds: int
    rechecks: int
    limits: Mapping[str, int] | None = None

    def check(self, secrets: CheckSecrets) -> dict[str, Any]:
        """What is asked for, with its secrets as far as they are known."""
        document = secrets.as_far_as_known(self.stored)
        return document if self.limits is None else with_limits(document, self.limits)


@dataclass(frozen=True, slots=True)
class Watched:
    """One monitor on the schedule. `later` says from when on it is checked otherwise than in the `first` manner.

    `checked` is False until any location has seen its first check.
    """

    monitor_id: UUID
    locations: tuple[str, ...]
    checked: bool
    first: Manner
    later: tuple[tuple[datetime, Manner], ...] = ()
    schedule: Succession = field(init=False)

    def __post_init__(self) -> None:
        succession = Succession(self.first.schedule, tuple((since, each.schedule) for since, each in self.later))
        object.__setattr__(self, "schedule", succession)

    def manner_at(self, instant: datetime) -> Manner:
        """How it is checked at an instant."""
        return next((manner for since, manner in reversed(self.later) if since <= instant), self.first)


async def watched_monitors(connection: AsyncConnection[Any], now: datetime) -> Sequence[Watched]:
    """Every monitor of every tenant that is to be checked, with what is known of the time to come."""
    async with connection.transaction():
        await connection.execute("select set_config('upheld.tenant_id', '*', true)")
        cursor = await connection.execute(_WATCHED)
        rows = await cursor.fetchall()
        cursor = await connection.execute(_CHANGES, [now - LOOK_BACK])
        changes: dict[UUID, list[tuple[Any, ...]]] = {}
        for change in await cursor.fetchall():
            changes.setdefault(change[0], []).append(change)
    return [
        Watched(
            monitor_id=row[0],
            locations=tuple(row[5]),
            checked=row[6],
            first=_manner(row[0], row[1], *row[2:5]),
            later=tuple(
                (since, _manner(row[0], row[1], *values))
                for _, since, *values in changes.get(row[0], ())  # with the limits at the end
            ),
        )
        for row in rows
    ]


def _manner(
    monitor_id: UUID,
    stored: Mapping[str, Any],
    interval: int,
    timeout: int,
    rechecks: int,
    limits: Mapping[str, int] | None = None,
) -> Manner:
    return Manner(Schedule.of(monitor_id, timedelta(seconds=interval)), stored, timeout, rechecks, limits)
