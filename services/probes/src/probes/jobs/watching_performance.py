"""Once a day: whether the targets whose speed a contract promises to watch have become slower for good."""

from datetime import date, datetime, timedelta
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
LOOK_EVERY_SECONDS = 60.0
COMPARE_EVERY = timedelta(minutes=10)
"""Who is watched is compared by each process with every contract and every monitor: a tenth of a second at 3,000
contracts. A drift may so be told for as long after its promise has ended."""
_ABOUT = ("monitor_id", "contract_id", "client_id", "site_id", "environment_id")


class WatchPerformance:
    """The job. It waits for the figures of yesterday, and says what has changed since the day before."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._compared_at: datetime | None = None

    async def __call__(self) -> float:
        """A few monitors at a time; several processes share them."""
        async with self._units.for_every_tenant() as unit:
            now = unit.now
            yesterday = day_of(now) - 1
            if not await is_rolled_up(unit.session, yesterday):
                return LOOK_EVERY_SECONDS
            if compares := self._is_to_be_compared(now):
                await enrol(unit.session, now)
        if compares:
            self._compared_at = now
        async with self._units.for_every_tenant() as unit:
            found = await claim(unit.session, yesterday, MONITORS_AT_ONCE)
            for watched in found:
                await _assess(watched, yesterday, unit)
        return 0.0 if len(found) == MONITORS_AT_ONCE else LOOK_EVERY_SECONDS

    def _is_to_be_compared(self, now: datetime) -> bool:
        # No day is assessed by what was promised the day before. A clock that was put back compares too.
        at = self._compared_at
        return at is None or day_of(at) != day_of(now) or not timedelta(0) <= now - at < COMPARE_EVERY


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
