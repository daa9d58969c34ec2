"""Rolls up the hours that are over: figures for good, and word to the others of what was measured.

Several processes share the work. An hour comes again when late results fall into it, and says so only if it changed.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from uuid import uuid5

import structlog
from prometheus_client import Counter, Histogram

from probes.adapters.result_rows import day_of
from probes.adapters.rollups import (
    Due,
    Subject,
    claim,
    figures_of_hour,
    fold_hours,
    keep_figures,
    kept_figures,
    open_hours,
    subjects_of,
)
from probes.domain.rollup import Figures, beginning_of, hour_of
from probes.published.v1 import MonitorHour, ResponseTimes, RollupHourly
from shared.kernel.sketch import as_text, merged
from shared.unit_of_work import UnitOfWork, UnitsOfWork

log = structlog.get_logger()

PIECES = 8
"""Pieces of work that one transaction takes."""
LOOK_EVERY_SECONDS = 20.0
BREATH_SECONDS = 0.1
"""Between two transactions: every monitor's hour ends at once, and so does no other work of this process."""
MONITORS_AT_ONCE = 200
FOLD_AFTER = timedelta(days=1)
FOLD_EVERY_SECONDS = 60.0

ROLLED_UP = Counter("probes_rollups", "Hours of a monitor at a location that were rolled up")
AGE = Histogram("probes_rollup_age_seconds", "From the end of an hour to its roll-up", buckets=(300, 360, 600, 3600))


class RollUp:
    """The job. Hours of days whose results may be gone already are left as they are."""

    def __init__(self, units: UnitsOfWork, retention_days: int) -> None:
        self._units = units
        self._retention_days = retention_days

    async def __call__(self) -> float:
        """Works off a few pieces at a time, the oldest hour first."""
        async with self._units.for_every_tenant() as unit:
            first_kept = day_of(unit.now) - self._retention_days
            opened = await open_hours(unit.session, unit.now, first_kept)
        async with self._units.for_every_tenant() as unit:
            pieces = await claim(unit.session, unit.now, PIECES)
            for due in pieces:
                if due.hour >= first_kept * 24:
                    await _roll_up(due, unit)
        return BREATH_SECONDS if opened or len(pieces) == PIECES else LOOK_EVERY_SECONDS


class FoldHours:
    """Makes one row of eight hours when they are a day old: late results are rare by then, and still welcome."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def __call__(self) -> float:
        """Some monitors at a time."""
        async with self._units.for_every_tenant() as unit:
            folded = await fold_hours(unit.session, hour_of(unit.now - FOLD_AFTER), MONITORS_AT_ONCE)
        return 0.0 if folded == MONITORS_AT_ONCE else FOLD_EVERY_SECONDS


async def _roll_up(due: Due, unit: UnitOfWork) -> None:
    subjects = await subjects_of(unit.session, due)
    before = await kept_figures(unit.session, [subject.number for subject in subjects], due.hour, due.hour + 1)
    figures = await figures_of_hour(unit.session, subjects, due.hour)
    if figures:
        await keep_figures(unit.session, due.hour, figures)
    ROLLED_UP.inc(len(figures))
    AGE.observe((unit.now - beginning_of(due.hour + 1)).total_seconds())
    # Results are only ever added: what was recorded numbers the editions of an hour by itself.
    edition = 1 + sum(found.recorded for found in figures.values())
    if not before or edition > 1 + sum(found.recorded for found in before.values()):
        event = _event(due, subjects, figures)
        if event.monitors:
            unit.publish(event, version=edition, tenant_id=subjects[0].tenant_id)


def _event(due: Due, subjects: Sequence[Subject], figures: Mapping[tuple[int, int], Figures]) -> RollupHourly:
    start, end = beginning_of(due.hour), beginning_of(due.hour + 1)
    by_monitor: dict[int, list[Figures]] = {}
    for (number, _), found_there in figures.items():
        by_monitor.setdefault(number, []).append(found_there)
    monitors = []
    for subject in subjects:
        if subject.is_watched(start, end):
            found = by_monitor.get(subject.number, [])
            monitors.append(
                MonitorHour(
                    monitor_id=subject.monitor_id,
                    environment_id=subject.environment_id,
                    expected=sum(value.expected for value in found),
                    executed=sum(value.executed for value in found),
                    missed=sum(value.missed for value in found),
                    blocked=sum(value.blocked for value in found),
                    response_times=_response_times(found) if subject.is_own_page else None,
                )
            )
    return RollupHourly(
        rollup_id=uuid5(due.contract_id, f"{start.isoformat()}/{due.part}"),
        contract_id=due.contract_id,
        client_id=subjects[0].client_id,
        starts_at=start,
        ends_at=end,
        monitors=monitors,
    )


def _response_times(found: Sequence[Figures]) -> ResponseTimes | None:
    """Over all locations, by merging; None when no check was good."""
    sketch = merged(each.durations.total for each in found)
    p50, p95, p99 = (sketch.quantile(thousandths) for thousandths in (500, 950, 990))
    if p50 is None or p95 is None or p99 is None:
        return None
    return ResponseTimes(count=sketch.count, p50_us=p50, p95_us=p95, p99_us=p99, sketch=as_text(sketch))
