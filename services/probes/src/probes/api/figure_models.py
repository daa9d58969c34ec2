"""What the API answers about figures over time."""

from datetime import date
from decimal import ROUND_FLOOR, Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from probes.adapters.performance import assessment_of
from probes.adapters.result_rows import first_instant_of
from probes.adapters.tables import PerformanceRow
from probes.api.models import FailedCheck
from probes.domain.drift import Level
from probes.domain.resolution import MOST_STEPS
from probes.domain.rollup import PHASES, Durations, Figures
from shared.kernel.sketch import Sketch
from shared.values import Instant

ResolutionName = Literal["raw", "PT1M", "PT5M", "PT15M", "PT1H", "PT6H", "P1D", "P1M"]
AskedResolution = Literal["auto", "raw", "PT1M", "PT5M", "PT15M", "PT1H", "PT6H", "P1D", "P1M"]
Milliseconds = Annotated[float, Field(ge=0, examples=[83.4])]
Count = Annotated[int, Field(ge=0, le=2**53)]

_MONITOR = "5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11"
_PHASE = {"avg": 81.2, "p50": 80.1, "p95": 95.7, "p99": 131.0, "min": 70.3, "max": 140.9}
_POINT: dict[str, Any] = {"at": "2026-06-08T08:00:00Z", "count": 120, **dict.fromkeys(PHASES, _PHASE)}
_SERIES: dict[str, Any] = {"location": None, "points": [_POINT]}
_LEVEL: dict[str, Any] = {
    "first_day": "2026-05-08",
    "last_day": "2026-06-04",
    "checks": 80640,
    **dict.fromkeys(PHASES, _PHASE),
}
_DRIFT = {"since": "2026-06-05", "measure": "p95", "percent": 42, "phase": "first_byte"}
_COUNTS = {"expected": 2880, "executed": 2878, "missed": 1, "blocked": 0, "unrecorded": 1, "percent": "99.930"}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(frozen=True, json_schema_extra={"examples": [value]})


class PhaseDurations(BaseModel):
    """Milliseconds. `avg`, `min` and `max` are exact, the percentiles right to one percent."""

    model_config = _example(_PHASE)

    avg: Milliseconds
    p50: Milliseconds
    p95: Milliseconds
    p99: Milliseconds
    min: Milliseconds
    max: Milliseconds

    @classmethod
    def of(cls, sketch: Sketch) -> "PhaseDurations":
        """Of a sketch with something in it."""
        return cls(
            avg=round(sketch.sum / sketch.count) / 1000,
            p50=_milliseconds(sketch, 500),
            p95=_milliseconds(sketch, 950),
            p99=_milliseconds(sketch, 990),
            min=sketch.least / 1000,
            max=sketch.greatest / 1000,
        )


def _milliseconds(sketch: Sketch, thousandths: int) -> float:
    found = sketch.quantile(thousandths)
    assert found is not None
    return found / 1000


class LatencyPoint(BaseModel):
    """The good checks of one step, which begins at `at`. Steps without any are left out."""

    model_config = _example(_POINT)

    at: Instant
    count: int = Field(ge=1, le=2**53)
    name_lookup: PhaseDurations
    connect: PhaseDurations
    tls: PhaseDurations
    first_byte: PhaseDurations
    total: PhaseDurations

    @classmethod
    def of(cls, at: Instant, durations: Durations) -> "LatencyPoint":
        phases = {name: PhaseDurations.of(sketch) for name, sketch in durations._asdict().items()}
        return cls(at=at, count=durations.total.count, **phases)


class LatencySeries(BaseModel):
    """Points of one location in the order of time; of all locations together where `location` is null."""

    model_config = _example(_SERIES)

    location: str | None = Field(max_length=40)
    points: list[LatencyPoint] = Field(max_length=MOST_STEPS)


class Latency(BaseModel):
    """How long good checks took, phase by phase, in whole steps of `resolution` that cover the period asked for."""

    model_config = _example(
        {
            "monitor_id": _MONITOR,
            "from": "2026-06-08T08:00:00Z",
            "to": "2026-06-08T09:00:00Z",
            "resolution": "PT1H",
            "series": [_SERIES],
        }
    )

    monitor_id: UUID
    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    to: Instant
    resolution: ResolutionName
    series: list[LatencySeries] = Field(max_length=100)


class Coverage(BaseModel):
    """Scheduled checks over all locations: `expected` by the schedule, of which so many looked, could not start in time
    (missed), were kept from seeing the target (blocked), or left no trace.

    `percent` of the expected were executed, rounded down, so that 100 means all; null when none were expected.
    """

    model_config = _example(_COUNTS)

    expected: Count
    executed: Count
    missed: Count
    blocked: Count
    unrecorded: Count
    percent: str | None = Field(max_length=7, pattern=r"^\d{1,3}\.\d{3}$")

    @classmethod
    def values(cls, figures: Figures) -> dict[str, Any]:
        percent = None
        if figures.expected:
            exact = Decimal(100 * figures.executed) / figures.expected
            percent = str(exact.quantize(Decimal("0.001"), ROUND_FLOOR))
        return {
            "expected": figures.expected,
            "executed": figures.executed,
            "missed": figures.missed,
            "blocked": figures.blocked,
            "unrecorded": max(0, figures.unrecorded),
            "percent": percent,
        }


class CoverageDay(Coverage):
    """The coverage of one day (UTC)."""

    model_config = _example({"day": "2026-06-08", **_COUNTS})

    day: date


class MonitorCoverage(BaseModel):
    """How regularly a monitor was checked: the whole period, and each of its days (UTC) on which checks were due."""

    model_config = _example(
        {
            "monitor_id": _MONITOR,
            "from": "2026-06-08T00:00:00Z",
            "to": "2026-06-09T00:00:00Z",
            "total": _COUNTS,
            "days": [{"day": "2026-06-08", **_COUNTS}],
        }
    )

    monitor_id: UUID
    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    to: Instant
    total: Coverage
    days: list[CoverageDay] = Field(max_length=MOST_STEPS)


class PerformanceLevel(BaseModel):
    """How long good checks took over some days (UTC), both included."""

    model_config = _example(_LEVEL)

    first_day: date
    last_day: date
    checks: int = Field(ge=1, le=2**53)
    name_lookup: PhaseDurations
    connect: PhaseDurations
    tls: PhaseDurations
    first_byte: PhaseDurations
    total: PhaseDurations

    @classmethod
    def of(cls, level: Level) -> "PerformanceLevel":
        phases = {name: PhaseDurations.of(sketch) for name, sketch in level.durations._asdict().items()}
        first, last = first_instant_of(level.first_day).date(), first_instant_of(level.last_day).date()
        return cls(first_day=first, last_day=last, checks=level.durations.total.count, **phases)


class PerformanceDrift(BaseModel):
    """The target is slower since this day, by so many percent in this measure, most of it in `phase`.

    `transfer` is the body on its way.
    """

    model_config = _example(_DRIFT)

    since: date
    measure: Literal["p95", "median"]
    percent: int = Field(ge=-100, le=2**31)
    phase: Literal["name_lookup", "connect", "tls", "first_byte", "transfer"]


class MonitorPerformance(BaseModel):
    """Whether the target has become slower for good, where a contract promises that this is watched.

    `verdict` is null before the first assessment, and learning until there is a week to compare with. Days are
    assessed when they are over, in UTC: `now` is the last three with enough checks, `baseline` the four weeks before
    them, or before the drift.
    """

    model_config = _example(
        {
            "monitor_id": _MONITOR,
            "watched": True,
            "threshold_percent": 20,
            "assessed_day": "2026-06-07",
            "verdict": "drifted",
            "drift": _DRIFT,
            "baseline": _LEVEL,
            "now": _LEVEL | {"first_day": "2026-06-05", "last_day": "2026-06-07"},
        }
    )

    monitor_id: UUID
    watched: bool
    threshold_percent: int | None = Field(ge=1, le=999)
    assessed_day: date | None
    verdict: Literal["learning", "steady", "drifted"] | None
    drift: PerformanceDrift | None
    baseline: PerformanceLevel | None
    now: PerformanceLevel | None

    @classmethod
    def of(cls, monitor_id: UUID, row: PerformanceRow | None) -> "MonitorPerformance":
        if row is None or not row.assessed_day:
            return cls(
                monitor_id=monitor_id,
                watched=row is not None and row.promised,
                threshold_percent=row.threshold_percent if row is not None else None,
                assessed_day=None,
                verdict=None,
                drift=None,
                baseline=None,
                now=None,
            )
        found = assessment_of(row)
        drift = None
        if found.drift is not None:
            drift = PerformanceDrift.model_validate(
                {
                    "since": first_instant_of(found.drift.since_day).date(),
                    "measure": found.drift.measure,
                    "percent": found.drift.percent,
                    "phase": found.drift.phase,
                }
            )
        return cls(
            monitor_id=monitor_id,
            watched=row.promised,
            threshold_percent=row.threshold_percent,
            assessed_day=first_instant_of(row.assessed_day).date(),
            verdict=found.standing.value,
            drift=drift,
            baseline=PerformanceLevel.of(found.baseline) if found.baseline else None,
            now=PerformanceLevel.of(found.now) if found.now else None,
        )


class FailingRun(BaseModel):
    """A run of failing checks with what the first of them saw. Without `outage_id` it did not confirm: a blip.

    A run that goes on has no `ended_at`. A confirmed one is not of one location.
    """

    model_config = _example(
        {
            "began_at": "2026-06-08T08:50:00.25Z",
            "ended_at": "2026-06-08T08:50:10.6Z",
            "outage_id": None,
            "location": "default",
            "failures": [
                {
                    "reason": "http_status",
                    "detail": "The site answered with status 503.",
                    "evidence": {"checked_at": "2026-06-08T08:50:00.25Z", "status_code": 503},
                }
            ],
        }
    )

    began_at: Instant
    ended_at: Instant | None
    outage_id: UUID | None
    location: str | None = Field(max_length=40)
    failures: list[FailedCheck] = Field(max_length=10)

    @classmethod
    def of(cls, row: Any) -> "FailingRun":
        return cls(
            began_at=row.began_at,
            ended_at=row.ended_at,
            outage_id=row.outage_id,
            location=row.location,
            failures=[FailedCheck(**failure) for failure in row.failures],
        )
