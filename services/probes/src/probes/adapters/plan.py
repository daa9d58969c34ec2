"""What the scheduler has to know of the monitors that are watched."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from probes.domain.slots import Schedule

_WATCHED = """
select m.monitor_id, m.configuration, m.interval_seconds, m.timeout_seconds, m.rechecks,
       array_agg(l.location order by l.location) as locations, bool_or(l.last_due is not null) as checked
from probes.monitor m join probes.location_state l using (monitor_id)
where m.state <> 'paused' and m.scheduled
group by m.monitor_id
"""


@dataclass(frozen=True, slots=True)
class Watched:
    """One monitor on the schedule, with the configuration of its checks.

    `checked` is False until any location has seen its first check.
    """

    monitor_id: UUID
    check: dict[str, Any]
    schedule: Schedule
    timeout_seconds: int
    rechecks: int
    locations: tuple[str, ...]
    checked: bool


async def watched_monitors(connection: AsyncConnection[Any]) -> Sequence[Watched]:
    """Every monitor of every tenant that is to be checked."""
    async with connection.transaction():
        await connection.execute("select set_config('upheld.tenant_id', '*', true)")
        cursor = await connection.execute(_WATCHED)
        rows = await cursor.fetchall()
    return [
        Watched(
            monitor_id=row[0],
            check=row[1],
            schedule=Schedule.of(row[0], timedelta(seconds=row[2])),
            timeout_seconds=row[3],
            rechecks=row[4],
            locations=tuple(row[5]),
            checked=row[6],
        )
        for row in rows
    ]
