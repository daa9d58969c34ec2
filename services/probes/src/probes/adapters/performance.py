"""Assessments of speed in PostgreSQL, and the days that they are made of."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.rollup_rows import packed, unpacked
from probes.adapters.rollups import kept_figures
from probes.adapters.tables import PerformanceRow
from probes.domain.drift import Assessment, Day, Drift, Level, Standing
from probes.domain.rollup import NOTHING, Durations, Figures

PROMISES = ("performance_monitoring", "performance_stabilization")
"""The types of deliverables with which a contract promises that speed is watched."""
DEFAULT_THRESHOLD_PERCENT = 20

# The version of each contract that is followed; what its deliverables do not say about a threshold is the default.
_PROMISED = """
with followed as (
    select distinct on (contract_id) contract_id, state from probes.contract_version
    where applied_at is not null and effective_from <= :now order by contract_id, version desc),
promised as (
    select f.contract_id,
           min(case when d -> 'parameters' ->> 'threshold_percent' ~ '^[1-9][0-9]{0,2}$'
               then cast(d -> 'parameters' ->> 'threshold_percent' as integer) else :threshold end) as threshold
    from followed f cross join lateral jsonb_array_elements(f.state -> 'deliverables') d
    where f.state ->> 'status' = 'active' and d ->> 'type' = any(:promises)
    group by f.contract_id)
"""
# A row that conflicts is locked, and so written, even where nothing of it changes: what is enrolled is left out before.
_ENROL = text(f"""{_PROMISED}
insert into probes.performance
    (monitor_id, tenant_id, client_id, promised, assessed_day, standing, version, threshold_percent)
select m.monitor_id, m.tenant_id, m.client_id, true, 0, 'learning', 0, p.threshold
from promised p join probes.monitor m using (contract_id)
where m.scheduled and m.state <> 'paused' and not exists
    (select from probes.performance known
     where known.monitor_id = m.monitor_id and known.promised and known.threshold_percent = p.threshold)
on conflict (monitor_id) do update set promised = true, threshold_percent = excluded.threshold_percent
where not probes.performance.promised or probes.performance.threshold_percent <> excluded.threshold_percent
""")  # noqa: S608  (two constants)
# Promises are read once (`in`), not once per monitor (`exists`).
_RELEASE = text(f"""{_PROMISED}
update probes.performance p set promised = false from probes.monitor m
where p.monitor_id = m.monitor_id and p.promised
  and (m.state = 'paused' or (m.contract_id in (select contract_id from promised)) is not true)
""")  # noqa: S608  (two constants)
_CLAIM = text("""
select p.*, m.number, m.contract_id, m.site_id, m.environment_id, m.name, m.url
from probes.performance p join probes.monitor m using (monitor_id)
where p.promised and p.assessed_day < :day order by p.monitor_id limit :limit for update of p skip locked
""")
_ROLLED_UP = text("""
select coalesce((select next_hour from probes.rollup_progress), 0) >= (:day + 1) * 24
   and not exists (select from probes.rollup_due where hour < (:day + 1) * 24)
""")
_KEEP = text("""
update probes.performance set assessed_day = :day, standing = :standing, version = :version, since_day = :since_day,
    measure = :measure, phase = :phase, percent = :percent, steady_from = :steady_from,
    baseline_first_day = :baseline_first, baseline_last_day = :baseline_last, baseline = :baseline,
    now_first_day = :now_first, now_last_day = :now_last, now = :now
where monitor_id = :monitor_id
""")


@dataclass(frozen=True, slots=True)
class Watched:
    """A monitor whose speed is watched, with what was found last. `row` has the columns of its monitor too."""

    row: Any
    assessment: Assessment
    threshold_percent: int
    version: int


async def enrol(session: AsyncSession, now: datetime) -> None:
    """Watches the speed of the monitors whose contracts promise it from now on, and of no others."""
    values = {"now": now, "promises": list(PROMISES), "threshold": DEFAULT_THRESHOLD_PERCENT}
    await session.execute(_ENROL, values)
    await session.execute(_RELEASE, values)


async def is_rolled_up(session: AsyncSession, day: int) -> bool:
    """Whether every hour of a day, and of those before it, has its figures."""
    return bool(await session.scalar(_ROLLED_UP, {"day": day}))


async def claim(session: AsyncSession, day: int, limit: int) -> list[Watched]:
    """Monitors that were not assessed after this day yet, and that no other transaction is at."""
    return [
        Watched(row, assessment_of(row), row.threshold_percent, row.version)
        for row in await session.execute(_CLAIM, {"day": day, "limit": limit})
    ]


async def days_of(session: AsyncSession, number: int, first: int, last: int) -> list[Day]:
    """The days `first` to `last` of a monitor, all locations together; those without good checks are left out."""
    days: dict[int, Figures] = {}
    hours = await kept_figures(session, [number], first * 24, (last + 1) * 24)
    for count, ((_, _, hour), figures) in enumerate(hours.items()):
        if count % 50 == 0:
            await asyncio.sleep(0)  # a thousand sketches to add, while checks of this process are due
        days[hour // 24] = days.get(hour // 24, NOTHING) + figures
    return [Day(day, found.durations) for day, found in sorted(days.items()) if found.durations.total.count]


async def keep(session: AsyncSession, monitor_id: UUID, day: int, version: int, assessment: Assessment) -> None:
    """Writes what was found after a day."""
    drift, baseline, now = assessment.drift, assessment.baseline, assessment.now
    await session.execute(
        _KEEP,
        {
            "monitor_id": monitor_id,
            "day": day,
            "standing": assessment.standing.value,
            "version": version,
            "since_day": drift.since_day if drift else None,
            "measure": drift.measure if drift else None,
            "phase": drift.phase if drift else None,
            "percent": drift.percent if drift else None,
            "steady_from": assessment.steady_from,
            **_level("baseline", baseline),
            **_level("now", now),
        },
    )


def _level(name: str, level: Level | None) -> dict[str, Any]:
    return {
        f"{name}_first": level.first_day if level else None,
        f"{name}_last": level.last_day if level else None,
        name: packed(Figures(0, 0, 0, 0, {}, level.durations)) if level else None,
    }


def assessment_of(row: Any) -> Assessment:
    """What a row of `performance` holds."""
    drift = Drift(row.since_day, row.measure, row.phase, row.percent) if row.since_day is not None else None
    return Assessment(
        Standing(row.standing),
        _read_level(row.baseline_first_day, row.baseline_last_day, row.baseline),
        _read_level(row.now_first_day, row.now_last_day, row.now),
        drift,
        row.steady_from,
    )


def _read_level(first: int | None, last: int | None, content: bytes | None) -> Level | None:
    if first is None or last is None or content is None:
        return None
    durations: Durations = unpacked(content).durations
    return Level(first, last, durations)


async def performance_of(session: AsyncSession, monitor_id: UUID) -> PerformanceRow | None:
    """What is known of the speed of one monitor, if the caller may see it; None where it is not watched."""
    return await session.get(PerformanceRow, monitor_id)
