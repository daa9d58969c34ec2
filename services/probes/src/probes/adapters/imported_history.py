"""Checks that another system made, as results and roll-ups of a location of their own. They are in no state line.

A monitor was not expected to be checked by us then: its roll-ups of that time expect nothing, and say what was found.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.result_rows import Partitions, StoredResult, copy_results, day_of
from probes.adapters.rollups import keep_figures
from probes.application.uptime_kuma import PastCheck
from probes.domain.monitors import IMPORTED
from probes.domain.rollup import Durations, Figures, hour_of
from probes.domain.slots import Schedule
from probes.domain.states import Outcome, Reason
from shared.kernel.sketch import Sketch

_LOCATION = text("""
with made as (insert into probes.location (name, active) values (:name, false) on conflict (name) do nothing
              returning number)
select number from made union all select number from probes.location where name = :name limit 1
""")
_MONITOR = text("select number, created_at, interval_seconds from probes.monitor where monitor_id = :monitor_id")
_KNOWN = text("""
select exists (select from probes.rollup where monitor_number = :number and location_number = :location)
    or exists (select from probes.rollup_block where monitor_number = :number and location_number = :location)
""")
_LONGEST_US = 2**31 - 1


async def keep_history(
    session: AsyncSession, monitor_id: UUID, checks: Sequence[PastCheck], *, now: datetime, retention_days: int
) -> int:
    """Keeps past checks of a monitor, in their order; returns how many, and 0 for one that has a history already.

    All become roll-ups. Those that are young enough become results too, which go in time like any other.
    """
    monitor = (await session.execute(_MONITOR, {"monitor_id": monitor_id})).one()
    location = int(await session.scalar(_LOCATION, {"name": IMPORTED}) or 0)
    if not checks or await session.scalar(_KNOWN, {"number": monitor.number, "location": location}):
        return 0
    for hour, of_hour in groupby(checks, key=lambda check: hour_of(check.at)):
        await keep_figures(session, hour, {(monitor.number, location): _figures(list(of_hour))})
    first_kept = day_of(now) - retention_days
    schedule = Schedule.of(monitor_id, timedelta(seconds=monitor.interval_seconds))
    rows = [row for row in _rows(checks, schedule, monitor.number, location) if day_of(row.started_at) >= first_kept]
    await Partitions().ensure(session, {day_of(row.started_at) for row in rows})
    await copy_results(session, rows)
    return len(checks)


def _figures(checks: Sequence[PastCheck]) -> Figures:
    good = [check for check in checks if check.outcome is Outcome.GOOD]
    totals = [_microseconds(check) for check in good if check.milliseconds is not None]
    bad = len(checks) - len(good)
    outcomes = {Outcome.GOOD.value: len(good), Reason.REPORTED.value: bad}
    return Figures(
        expected=0,
        executed=0,
        missed=0,
        blocked=0,
        outcomes={name: count for name, count in outcomes.items() if count},
        durations=Durations(total=Sketch.of(totals)) if totals else Durations(),
    )


def _rows(checks: Sequence[PastCheck], schedule: Schedule, number: int, location: int) -> list[StoredResult]:
    """A slot of ours may hold several checks of theirs: these are its attempts."""
    rows = []
    for slot, in_slot in groupby(checks, key=lambda check: schedule.slot_at(check.at)):
        for attempt, check in enumerate(in_slot):
            rows.append(
                StoredResult(
                    monitor_number=number,
                    location_number=location,
                    slot=slot,
                    attempt=attempt,
                    started_at=check.at,
                    outcome=check.outcome,
                    reason=None if check.outcome is Outcome.GOOD else Reason.REPORTED,
                    status_code=None,
                    name_lookup=0,
                    connect=0,
                    tls=0,
                    first_byte=0,
                    total=_microseconds(check),
                )
            )
    return rows


def _microseconds(check: PastCheck) -> int:
    return min(round((check.milliseconds or 0) * 1000), _LONGEST_US)
