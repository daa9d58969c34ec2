"""Once a day: whether the targets whose speed a contract promises to watch have become slower for good."""

from datetime import date
from typing import Any

import structlog

from probes.adapters.performance import Watched, claim, days_of, enrol, is_rolled_up, keep
from probes.adapters.result_rows import day_of, first_instant_of
from probes.domain.drift import Assessment, DriftRule, Level, Standing, assess
from probes.published.v1 import PerformanceDrifted, PerformanceRecovered, Speed
from shared.unit_of_work import UnitOfWork, UnitsOfWork

log = structlog.get_logger()

MONITORS_AT_ONCE = 5
"""A month and a half of sketches each: little enough to work through between two checks of this process."""
LOOK_EVERY_SECONDS = 300.0
"""What is found is about days. Who is watched is compared with all contracts and monitors at each look."""
_ABOUT = ("monitor_id", "contract_id", "client_id", "site_id", "environment_id")


class WatchPerformance:
    """The job. It waits for the figures of yesterday, and says what has changed since the day before."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._goes_on = False

    async def __call__(self) -> float:
        """A few monitors at a time; several processes share them."""
        async with self._units.for_every_tenant() as unit:
            yesterday = day_of(unit.now) - 1
            if not await is_rolled_up(unit.session, yesterday):
                return LOOK_EVERY_SECONDS
            if not self._goes_on:  # else the thousands of a day would be compared again for each few
                await enrol(unit.session, unit.now)
        async with self._units.for_every_tenant() as unit:
            found = await claim(unit.session, yesterday, MONITORS_AT_ONCE)
            for watched in found:
                await _assess(watched, yesterday, unit)
        self._goes_on = len(found) == MONITORS_AT_ONCE
        return 0.0 if self._goes_on else LOOK_EVERY_SECONDS


async def _assess(watched: Watched, day: int, unit: UnitOfWork) -> None:
    rule = DriftRule(threshold_percent=watched.threshold_percent)
    reach = rule.baseline_days + rule.longest_look_back + rule.confirming_days
    before = watched.assessment
    after = assess(await days_of(unit.session, watched.row.number, day - reach, day), before, rule)
    version = watched.version
    event: PerformanceDrifted | PerformanceRecovered | None = None
    if after.standing is Standing.DRIFTED and before.standing is not Standing.DRIFTED:
        event = _drifted(watched, after)
    elif before.standing is Standing.DRIFTED and after.standing is not Standing.DRIFTED:
        event = _recovered(watched, before, after)
    if event is not None:
        version += 1
        unit.publish(event, version=version, tenant_id=watched.row.tenant_id)
        log.info("performance_changed", monitor_id=str(watched.row.monitor_id), standing=after.standing.value)
    await keep(unit.session, watched.row.monitor_id, day, version, after)


def _drifted(watched: Watched, after: Assessment) -> PerformanceDrifted:
    assert after.drift is not None
    return PerformanceDrifted.model_validate(
        _about(watched, after)
        | {
            "since": _date(after.drift.since_day),
            "measure": after.drift.measure,
            "percent": after.drift.percent,
            "phase": after.drift.phase,
        }
    )


def _recovered(watched: Watched, before: Assessment, after: Assessment) -> PerformanceRecovered:
    assert before.drift is not None and after.steady_from is not None
    since, recovered_on = _date(before.drift.since_day), _date(after.steady_from)
    return PerformanceRecovered.model_validate(_about(watched, after) | {"since": since, "recovered_on": recovered_on})


def _about(watched: Watched, after: Assessment) -> dict[str, Any]:
    assert after.baseline is not None and after.now is not None
    row = watched.row
    return {
        **{name: getattr(row, name) for name in _ABOUT},
        "name": row.name[:300],
        "url": row.url[:2000],
        "threshold_percent": watched.threshold_percent,
        "baseline": _speed(after.baseline),
        "now": _speed(after.now),
    }


def _speed(level: Level) -> Speed:
    total = level.durations.total
    return Speed(
        first_day=_date(level.first_day),
        last_day=_date(level.last_day),
        checks=total.count,
        median_ms=(total.quantile(500) or 0) / 1000,
        p95_ms=(total.quantile(950) or 0) / 1000,
    )


def _date(day: int) -> date:
    return first_instant_of(day).date()
