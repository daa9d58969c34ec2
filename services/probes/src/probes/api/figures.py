"""Figures of a monitor over HTTP: how long checks took, how regularly they ran, what the failing ones saw."""

from contextlib import aclosing
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from probes.adapters import queries
from probes.adapters.failures import failing_runs
from probes.adapters.figures import begins_at, coverage_by_day, durations_in_steps, first_kept, good_checks
from probes.adapters.figures import location_names as names_of_locations
from probes.adapters.performance import performance_of
from probes.adapters.result_rows import day_of, first_instant_of
from probes.adapters.tables import MonitorRow
from probes.api.dependencies import From, Reader, To, check_order, period
from probes.api.figure_models import (
    AskedResolution,
    Coverage,
    CoverageDay,
    FailingRun,
    Latency,
    LatencyPoint,
    LatencySeries,
    MonitorCoverage,
    MonitorPerformance,
)
from probes.domain.resolution import MOST_STEPS, Resolution, Steps, fitting, from_hours, steps
from probes.domain.rollup import NOTHING, Durations
from shared.kernel.sketch import Sketch
from shared.pagination import Page, PageParams, paginate
from shared.problems import FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/monitors", tags=["monitors"])

COVERAGE_PERIOD = timedelta(days=30)


@router.get("/{monitor_id}/latency", summary="Read how long checks took", responses=responses_for(NotFound))
async def get_monitor_latency(
    monitor_id: UUID,
    unit: Unit,
    principal: Reader,
    since: From = None,
    until: To = None,
    resolution: Annotated[
        AskedResolution, Query(description="length of a step; raw: every check; auto: what makes a good picture")
    ] = "auto",
    per_location: Annotated[bool, Query(description="a series for each location instead of one for all")] = False,
) -> Latency:
    """Average, percentiles, least and greatest of each phase over the good checks, step by step.

    The period is widened to whole steps (UTC) and cut to what is known of the monitor; without one it is the last day.
    It makes no difference to the figures whether single checks are still kept; steps below an hour need them.
    """
    row = await _monitor(unit, monitor_id)
    start, end = await _known(unit, row, *period(since, until, unit.now))
    kept_since = await first_kept(unit.session)
    if resolution == "raw":
        _refuse_lost(start, end, kept_since)
        return await _every_check(unit, row, start, end, per_location=per_location)
    interval = timedelta(seconds=row.interval_seconds)
    chosen = Resolution(resolution) if resolution != "auto" else fitting(start, end, interval, kept_since)
    if not from_hours(chosen):
        _refuse_lost(start, end, kept_since)
    whole = _steps(chosen, start, end)
    found = await durations_in_steps(unit.session, row, whole, unit.now, per_location=per_location)
    names = await names_of_locations(unit.session)
    return Latency.model_validate(
        {
            "monitor_id": monitor_id,
            "from": whole.start,
            "to": whole.end,
            "resolution": chosen.value,
            "series": [
                LatencySeries(
                    location=names.get(location) if per_location else None,
                    points=[LatencyPoint.of(at, durations) for at, durations in sorted(points.items())],
                )
                for location, points in sorted(found.items(), key=lambda item: names.get(item[0], ""))
            ],
        }
    )


async def _every_check(unit: Unit, row: MonitorRow, start: datetime, end: datetime, *, per_location: bool) -> Latency:
    names = await names_of_locations(unit.session)
    series: dict[str | None, list[LatencyPoint]] = {}
    count = 0
    async with aclosing(good_checks(unit.session, row.number, start, end)) as checks:
        async for location, at, phases in checks:
            count += 1
            if count > MOST_STEPS:
                raise _too_many("resolution")
            point = LatencyPoint.of(at, Durations._make(Sketch.of([phase]) for phase in phases))
            series.setdefault(names.get(location) if per_location else None, []).append(point)
    return Latency.model_validate(
        {
            "monitor_id": row.monitor_id,
            "from": start,
            "to": end,
            "resolution": "raw",
            "series": [
                LatencySeries(location=location, points=sorted(points, key=lambda point: point.at))
                for location, points in sorted(series.items(), key=lambda item: item[0] or "")
            ],
        }
    )


@router.get("/{monitor_id}/coverage", summary="Read how regularly checks ran", responses=responses_for(NotFound))
async def get_monitor_coverage(
    monitor_id: UUID, unit: Unit, principal: Reader, since: From = None, until: To = None
) -> MonitorCoverage:
    """Checks that the schedule expected, day by day (UTC), and what came of them. Without a period: the last 30 days.

    What is not executed is time of which nothing is known, neither up nor down. The period is widened to whole days
    and cut to what is known of the monitor.
    """
    row = await _monitor(unit, monitor_id)
    check_order(since, until)
    end = until or max(unit.now, since or unit.now)
    beginning = since or end - min(COVERAGE_PERIOD, end - datetime.min.replace(tzinfo=end.tzinfo))
    start, end = await _known(unit, row, beginning, end)
    whole = _steps(Resolution.DAY, start, end)
    first, last = day_of(whole.start), day_of(whole.end)
    days = await coverage_by_day(unit.session, row, first, last, unit.now)
    total = sum((days[day] for day in sorted(days)), NOTHING)
    return MonitorCoverage.model_validate(
        {
            "monitor_id": monitor_id,
            "from": whole.start,
            "to": whole.end,
            "total": Coverage(**Coverage.values(total)),
            "days": [
                CoverageDay(day=first_instant_of(day).date(), **Coverage.values(days[day])) for day in sorted(days)
            ],
        }
    )


@router.get("/{monitor_id}/performance", summary="Read whether a target has become slower")
async def get_monitor_performance(monitor_id: UUID, unit: Unit, principal: Reader) -> MonitorPerformance:
    """The baseline, the last days, and the verdict, where the contract promises that performance is watched."""
    await _monitor(unit, monitor_id)
    return MonitorPerformance.of(monitor_id, await performance_of(unit.session, monitor_id))


@router.get("/{monitor_id}/failures", summary="List failing checks with their evidence")
async def list_monitor_failures(
    monitor_id: UUID, unit: Unit, principal: Reader, params: PageParams, since: From = None, until: To = None
) -> Page[FailingRun]:
    """Runs of failing checks that began in the period, confirmed or not, newest first. Without a period: all."""
    await _monitor(unit, monitor_id)
    check_order(since, until)
    runs, columns = failing_runs(monitor_id, since, until)
    return await paginate(unit.session, runs, columns=columns, params=params, to_item=FailingRun.of, descending=True)


async def _monitor(unit: Unit, monitor_id: UUID) -> MonitorRow:
    row = await queries.monitor(unit.session, monitor_id)
    if row is None:
        raise NotFound("There is no monitor with this id.")
    return row


async def _known(unit: Unit, row: MonitorRow, start: datetime, end: datetime) -> tuple[datetime, datetime]:
    """The part of a period in which something can be known of the monitor; an instant at least."""
    first = await begins_at(unit.session, row)
    latest = max(unit.now, first) + timedelta(milliseconds=1)
    end = min(max(end, first + timedelta(milliseconds=1)), latest)
    return min(max(start, first), end - timedelta(milliseconds=1)), end


def _steps(resolution: Resolution, start: datetime, end: datetime) -> Steps:
    found = steps(resolution, start, end)
    if found is None:
        raise _too_many("resolution" if resolution is not Resolution.DAY else "from")
    return found


def _too_many(parameter: str) -> ValidationFailed:
    detail = f"That makes more than {MOST_STEPS} steps. Ask for a shorter period or a coarser resolution."
    return ValidationFailed(detail, errors=[FieldError(detail=detail, parameter=parameter)])


def _refuse_lost(start: datetime, end: datetime, kept_since: datetime) -> None:
    """Raises ValidationFailed when single checks of the period are no longer kept."""
    if start < kept_since and start < end:
        detail = (
            f"Single checks are kept from {kept_since:%Y-%m-%d} on. Ask for a later period, or for PT1H or coarser."
        )
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="resolution")])
