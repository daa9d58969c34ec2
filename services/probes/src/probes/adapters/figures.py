"""Figures of one monitor over any period: from roll-ups where there are any, else from the checks themselves."""

from bisect import bisect_right
from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.result_rows import first_instant_of, outcome_of
from probes.adapters.rollups import PART, Subject, checks_between, figures_until, kept_figures, watches_of
from probes.adapters.tables import MonitorRow
from probes.domain.monitors import HTTP
from probes.domain.resolution import Steps, from_hours
from probes.domain.rollup import NOTHING, Durations, Figures, beginning_of, hour_of
from probes.domain.states import Outcome
from shared.kernel.sketch import Sketch

MOST_OPEN_HOURS = 48
"""Hours without a roll-up that are worked out on demand. More are missing only for minutes after a long downtime."""

_OPEN_FROM = text("""
select least((select next_hour from probes.rollup_progress),
             (select min(hour) from probes.rollup_due where contract_id = :contract_id and part = :part))
""")
_OLDEST = text("""
select min(to_date(right(c.relname, 8), 'YYYYMMDD') - date '1970-01-01')
from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'probes.result'::regclass
""")
_FIRST_HOUR = text("""
select least((select min(hour) from probes.rollup where monitor_number = :number),
             (select min(block) from probes.rollup_block where monitor_number = :number) * 8)
""")
_LOCATIONS = text("select number, name from probes.location")
_CHECKED_FROM = text("""
select l.number from probes.location_state s join probes.location l on l.name = s.location
where s.monitor_id = :monitor_id order by l.number
""")
_MILLISECOND = timedelta(milliseconds=1)


async def first_kept(session: AsyncSession) -> datetime:
    """The beginning of the first day whose single checks are still there; long ago while none were dropped."""
    day = await session.scalar(_OLDEST)
    return first_instant_of(day or 0)


async def begins_at(session: AsyncSession, row: MonitorRow) -> datetime:
    """Before this hour nothing is known of a monitor."""
    hour: int | None = await session.scalar(_FIRST_HOUR, {"number": row.number})
    created = hour_of(row.created_at)
    return beginning_of(min(created, hour) if hour is not None else created)


async def location_names(session: AsyncSession) -> dict[int, str]:
    """What the numbers of locations stand for."""
    return {row.number: row.name for row in await session.execute(_LOCATIONS)}


async def hours_between(
    session: AsyncSession, row: MonitorRow, first: int, end: int, now: datetime
) -> dict[tuple[int, int], Figures]:
    """The figures of the hours `[first, end)` up to now, by hour and by the number of the location."""
    kept = await kept_figures(session, [row.number], first, end)
    found = {(hour, location): figures for (_, location, hour), figures in kept.items()}
    current = hour_of(now)
    values = {"contract_id": row.contract_id, "part": row.number // PART}
    open_from = await session.scalar(_OPEN_FROM, values)
    open_from = max(first, current - MOST_OPEN_HOURS, hour_of(row.created_at), open_from or 0)
    to_count = range(open_from, min(end, current + 1))
    if to_count:
        subject = await subject_of(session, row, beginning_of(to_count.start), beginning_of(to_count.stop))
        for hour in to_count:
            for (_, location), figures in (await figures_until(session, [subject], hour, now)).items():
                found[hour, location] = figures
    return found


async def subject_of(session: AsyncSession, row: MonitorRow, since: datetime, until: datetime) -> Subject:
    """A monitor as it was watched between two instants."""
    watches = await watches_of(session, [row.monitor_id] if row.scheduled else [], since, until)
    locations = tuple(await session.scalars(_CHECKED_FROM, {"monitor_id": row.monitor_id}))
    return Subject(
        row.number,
        row.monitor_id,
        row.tenant_id,
        row.client_id,
        row.environment_id,
        locations,
        watches.get(row.monitor_id, ()),
        row.kind == HTTP and not row.third_party,
    )


async def durations_in_steps(
    session: AsyncSession, row: MonitorRow, steps: Steps, now: datetime, *, per_location: bool
) -> dict[int, dict[datetime, Durations]]:
    """The durations of good checks by the beginning of their step; by location, or all under number 0."""
    if not from_hours(steps.resolution):
        return await _from_checks(session, row, steps, per_location=per_location)
    collected: dict[tuple[int, datetime], Figures] = {}
    hours = await hours_between(session, row, hour_of(steps.start), hour_of(steps.end), now)
    for (hour, location), figures in hours.items():
        key = (location if per_location else 0, _step_of(steps, beginning_of(hour)))
        collected[key] = collected.get(key, NOTHING) + figures
    found: dict[int, dict[datetime, Durations]] = {}
    for (location, at), figures in sorted(collected.items()):
        if figures.durations.total.count:
            found.setdefault(location, {})[at] = figures.durations
    return found


async def _from_checks(
    session: AsyncSession, row: MonitorRow, steps: Steps, *, per_location: bool
) -> dict[int, dict[datetime, Durations]]:
    collected: dict[tuple[int, datetime], list[tuple[int, ...]]] = {}
    async with aclosing(good_checks(session, row.number, steps.start, steps.end)) as checks:
        async for location, at, durations in checks:
            collected.setdefault((location if per_location else 0, _step_of(steps, at)), []).append(durations)
    found: dict[int, dict[datetime, Durations]] = {}
    for (location, at), values in sorted(collected.items()):
        found.setdefault(location, {})[at] = Durations._make(map(Sketch.of, zip(*values, strict=True)))
    return found


async def good_checks(
    session: AsyncSession, number: int, start: datetime, end: datetime
) -> AsyncGenerator[tuple[int, datetime, tuple[int, ...]], None]:
    """Location, beginning and phases of every good check that began in `[start, end)`. Close it (`aclosing`)."""
    async with aclosing(checks_between(session, [number], start, end)) as checks:
        async for check in checks:
            if outcome_of(check[4])[1] == Outcome.GOOD:
                yield check[1], first_instant_of(0) + check[3] * _MILLISECOND, check[5:]


def _step_of(steps: Steps, at: datetime) -> datetime:
    return steps.bounds[bisect_right(steps.bounds, at) - 1]


async def coverage_by_day(
    session: AsyncSession, row: MonitorRow, first_day: int, end_day: int, now: datetime
) -> dict[int, Figures]:
    """What was expected and what came of it, by day, over all locations."""
    found: dict[int, Figures] = {}
    for (hour, _), figures in (await hours_between(session, row, first_day * 24, end_day * 24, now)).items():
        found[hour // 24] = found.get(hour // 24, NOTHING) + without_durations(figures)
    return found


def without_durations(figures: Figures) -> Figures:
    """Adding sketches is most of the work of adding, and coverage has no use for them."""
    return Figures(figures.expected, figures.executed, figures.missed, figures.blocked, figures.outcomes, Durations())
