"""What the API answers."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from probes.adapters.documents import gaps_of
from probes.adapters.result_rows import unpacked
from probes.adapters.tables import (
    BlipRow,
    LocationStateRow,
    MonitorRow,
    MonitorRulesRow,
    OutageRow,
    StretchRow,
)
from probes.application.checks.secrets import masked
from probes.published.v1 import Reason
from shared.values import Instant

KindName = Literal[
    "http",
    "export",
    "tcp",
    "dns",
    "icmp",
    "smtp",
    "imap",
    "websocket",
    "tls",
    "domain",
    "version",
    "heartbeat",
    "crash_rate",
]
SourceName = Literal["contract", "added"]
StateName = Literal["up", "degraded", "down", "maintenance", "unknown", "paused"]
VerdictName = Literal["up", "down"]
Seconds = Annotated[float, Field(ge=0, examples=[30.0])]

_MONITOR = "5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11"
_OUTAGE = "6d1f7c40-2f3b-5c58-8b0a-0f4b1f7c9e21"
_CADENCE: dict[str, Any] = {
    "interval_seconds": 30,
    "timeout_seconds": 10,
    "rechecks": 2,
    "recheck_spacing_seconds": 5,
    "recoveries": 1,
}
_LOCATION: dict[str, Any] = {
    "location": "default",
    "verdict": "up",
    "verdict_since": "2026-06-08T07:00:03.1Z",
    "stale_since": None,
    "last_checked_at": "2026-06-08T09:00:03.1Z",
    "suspicion": None,
}
_SUBJECT: dict[str, Any] = {
    "monitor_id": _MONITOR,
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "site_id": "0190a000-0000-7000-8000-000000000030",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "counts_for_sla": True,
    "name": "Boutique en ligne – production",
    "url": "https://boutique.example/",
}
_ITEM: dict[str, Any] = {
    **_SUBJECT,
    "deliverable": "uptime_monitoring",
    "kind": "http",
    "configuration": {"kind": "http", "url": "https://boutique.example/"},
    "source": "contract",
    "third_party": False,
    "parent_id": None,
    "group_id": None,
    "removed_at": None,
    "cadence": _CADENCE,
    "critical_periods": [],
    "state": "up",
    "since": "2026-06-08T07:00:03.1Z",
    "reason": None,
    "version": 2,
    "outage_id": None,
    "flapping_since": None,
    "created_at": "2026-06-08T07:00:00Z",
    "locations": [_LOCATION],
}
_HISTORY: dict[str, Any] = {
    "effective_from": "2026-06-08T07:00:00Z",
    "contract_version": 1,
    "cadence": _CADENCE,
    "response_times_ms": None,
    "critical_periods": [],
}
_EVIDENCE: dict[str, Any] = {
    "reason": "http_status",
    "detail": "The site answered with status 503.",
    "evidence": {
        "checked_at": "2026-06-08T08:50:00.25Z",
        "url": "https://boutique.example/",
        "status_code": 503,
        "phase": None,
        "remote_address": "93.184.215.14",
        "headers": {"retry-after": "120"},
        "body_excerpt": "<h1>Service indisponible</h1>",
    },
}
_OUTAGE_ITEM: dict[str, Any] = {
    **_SUBJECT,
    "outage_id": _OUTAGE,
    "down_since": "2026-06-08T08:50:00.25Z",
    "down_since_uncertainty_seconds": 30.0,
    "confirmed_at": "2026-06-08T08:50:21.4Z",
    "ended_at": "2026-06-08T08:59:30.25Z",
    "ended_at_uncertainty_seconds": 30.0,
    "recovery_confirmed_at": "2026-06-08T08:59:30.38Z",
    "ending": "recovered",
    "duration_seconds": 570.0,
    "unknown_seconds": 0.0,
    "reason": "http_status",
    "detail": "The site answered with status 503.",
    "third_party": False,
    "caused_by": None,
    "exclusion_candidate": False,
}


def example_of(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(frozen=True, json_schema_extra={"examples": [value]})


class CheckCadence(BaseModel):
    """How a monitor is checked. A failing check is re-checked `rechecks` times, `recheck_spacing_seconds` apart."""

    model_config = example_of(_CADENCE)

    interval_seconds: int = Field(ge=1, le=86_400)
    timeout_seconds: int = Field(ge=1, le=300)
    rechecks: int = Field(ge=0, le=20)
    recheck_spacing_seconds: int = Field(ge=0, le=3600)
    recoveries: int = Field(ge=1, le=20, description="good checks in a row that end an outage")

    @classmethod
    def of(cls, row: MonitorRow | MonitorRulesRow) -> "CheckCadence":
        return cls(
            interval_seconds=row.interval_seconds,
            timeout_seconds=row.timeout_seconds,
            rechecks=row.rechecks,
            recheck_spacing_seconds=row.recheck_spacing_seconds,
            recoveries=row.recoveries,
        )


class Suspicion(BaseModel):
    """Checks in a row that contradict what the location says and do not suffice to change it yet."""

    model_config = example_of({"since": "2026-06-08T08:50:00.25Z", "checks": 1})

    since: Instant
    checks: int = Field(ge=1, le=1000)


class LocationView(BaseModel):
    """What one location says about a monitor. After `stale_since` (null: fresh) it knows nothing."""

    model_config = example_of(_LOCATION)

    location: str = Field(max_length=40, examples=["default"])
    verdict: VerdictName | None
    verdict_since: Instant | None
    stale_since: Instant | None
    last_checked_at: Instant | None
    suspicion: Suspicion | None

    @classmethod
    def of(cls, row: LocationStateRow) -> "LocationView":
        suspicion = None
        if row.run is not None:
            suspicion = Suspicion(since=datetime.fromisoformat(row.run["first_at"]), checks=row.run["count"])
        return cls(
            location=row.location,
            verdict=row.verdict,  # type: ignore[arg-type]
            verdict_since=row.verdict_since,
            stale_since=row.stale_since,
            last_checked_at=row.last_at,
            suspicion=suspicion,
        )


class Watched(BaseModel):
    """What is watched, and for whom."""

    monitor_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    counts_for_sla: bool
    name: str = Field(max_length=300)
    url: str = Field(max_length=2000)


class Monitor(Watched):
    """A monitor: what is watched, how, and how it stands."""

    model_config = example_of(_ITEM)

    deliverable: str = Field(max_length=100)
    kind: str = Field(max_length=40)
    configuration: dict[str, Any] = Field(description="of its checks, with its `kind`; what is secret is hidden")
    source: SourceName = Field(description="whether the contract asks for it by itself, or somebody added it")
    third_party: bool = Field(description="whether somebody else answers for what is watched")
    parent_id: UUID | None = Field(description="the monitor that this one depends on")
    group_id: UUID | None = Field(description="the group of which this watches a page")
    removed_at: Instant | None = Field(description="when it was removed; its history stays")
    cadence: CheckCadence = Field(description="in force now")
    critical_periods: list[str] = Field(
        max_length=20, description="names of the critical periods of its group that are in force and make it tighter"
    )
    state: StateName
    since: Instant
    reason: str | None = Field(max_length=40, description="why it is unknown, paused, degraded or down")
    version: int = Field(ge=1, le=2**53, description="number of its last transition")
    outage_id: UUID | None = Field(description="the outage that is going on")
    flapping_since: Instant | None = Field(description="set while it goes up and down; people are not told each time")
    created_at: Instant
    locations: list[LocationView] = Field(max_length=100)

    @classmethod
    def values(cls, row: MonitorRow, locations: list[LocationStateRow]) -> dict[str, Any]:
        return {
            **watched_values(row),
            "deliverable": row.deliverable,
            "kind": row.kind,
            "configuration": masked(row.configuration),
            "source": row.source,
            "third_party": row.third_party,
            "parent_id": row.parent_id,
            "group_id": row.group_id,
            "removed_at": row.removed_at,
            "cadence": CheckCadence.of(row),
            "critical_periods": row.critical_periods,
            "state": row.state,
            "since": row.since,
            "reason": row.reason,
            "version": row.version,
            "outage_id": row.outage_id,
            "flapping_since": row.flapping_since,
            "created_at": row.created_at,
            "locations": [LocationView.of(location) for location in locations],
        }

    @classmethod
    def of(cls, row: MonitorRow, locations: list[LocationStateRow]) -> "Monitor":
        return cls(**cls.values(row, locations))


class CadencePeriod(BaseModel):
    """How a monitor was checked from an instant on, and the version of the contract that said so.

    Of a page of a group also the most milliseconds that its phases may take, and the critical periods that were in
    force: they are why it was checked more often, or held to shorter times, than the group says.
    """

    model_config = example_of(_HISTORY)

    effective_from: Instant
    contract_version: int = Field(ge=1, le=2**53)
    cadence: CheckCadence
    response_times_ms: dict[str, int] | None = Field(
        max_length=5, description="by phase; null: as the configuration of the monitor says"
    )
    critical_periods: list[str] = Field(max_length=20)


class MonitorDetails(Monitor):
    """A monitor with the history of its cadence, newest first."""

    model_config = example_of(
        {
            **_ITEM,
            "history": [_HISTORY],
        }
    )

    history: list[CadencePeriod] = Field(max_length=100)

    @classmethod
    def with_history(
        cls, row: MonitorRow, locations: list[LocationStateRow], history: list[MonitorRulesRow]
    ) -> "MonitorDetails":
        periods = [
            CadencePeriod(
                effective_from=entry.effective_from,
                contract_version=entry.contract_version,
                cadence=CheckCadence.of(entry),
                response_times_ms=entry.limits,
                critical_periods=entry.critical_periods,
            )
            for entry in history
        ]
        return cls(**cls.values(row, locations), history=periods)


class CheckTimings(BaseModel):
    """Milliseconds per phase, summed over the hops of a redirect. `first_byte` is the wait for the answer."""

    model_config = example_of({"name_lookup": 3.1, "connect": 11.8, "tls": 24.9, "first_byte": 42.0, "total": 83.4})

    name_lookup: float = Field(ge=0)
    connect: float = Field(ge=0)
    tls: float = Field(ge=0)
    first_byte: float = Field(ge=0)
    total: float = Field(ge=0)


class CheckResult(BaseModel):
    """One check as it was recorded. `attempt` 0 is the scheduled check of the slot, then come its re-checks."""

    model_config = example_of(
        {
            "started_at": "2026-06-08T08:50:00.25Z",
            "location": "default",
            "slot": 59_363_580,
            "attempt": 0,
            "outcome": "bad",
            "reason": "http_status",
            "status_code": 503,
            "maintenance": False,
            "quarantined": False,
            "timings_ms": {"name_lookup": 3.1, "connect": 11.8, "tls": 24.9, "first_byte": 42.0, "total": 83.4},
        }
    )

    started_at: Instant
    location: str = Field(max_length=40)
    slot: int = Field(ge=0, lt=2**31)
    attempt: int = Field(ge=0, le=1023)
    outcome: Literal["good", "bad", "missed", "blocked"]
    reason: Reason | None = Field(description="set exactly when the outcome is bad")
    status_code: int | None = Field(ge=100, le=999)
    maintenance: bool = Field(description="it fell into a maintenance window")
    quarantined: bool = Field(description="its location was under suspicion: it decided nothing")
    timings_ms: CheckTimings

    @classmethod
    def of(cls, row: Any) -> "CheckResult":
        """From the columns of `result` in their order, and the location's name."""
        stored = unpacked(row)
        return cls(
            started_at=stored.started_at,
            location=row.location,
            slot=stored.slot,
            attempt=stored.attempt,
            outcome=stored.outcome.value,
            reason=stored.reason.value if stored.reason else None,
            status_code=stored.status_code,
            maintenance=stored.maintenance,
            quarantined=stored.quarantined,
            timings_ms=CheckTimings(
                name_lookup=stored.name_lookup / 1000,
                connect=stored.connect / 1000,
                tls=stored.tls / 1000,
                first_byte=stored.first_byte / 1000,
                total=stored.total / 1000,
            ),
        )


class StateStretch(BaseModel):
    """A stretch of the state line; `ended_at` null: it goes on. `version` is the transition that began it."""

    model_config = example_of(
        {
            "state": "down",
            "started_at": "2026-06-08T08:50:00.25Z",
            "ended_at": "2026-06-08T08:59:30.25Z",
            "reason": "http_status",
            "outage_id": _OUTAGE,
            "version": 3,
        }
    )

    state: StateName
    started_at: Instant
    ended_at: Instant | None
    reason: str | None = Field(max_length=40)
    outage_id: UUID | None
    version: int = Field(ge=1, le=2**53)

    @classmethod
    def of(cls, row: StretchRow) -> "StateStretch":
        return cls(
            state=row.state,  # type: ignore[arg-type]
            started_at=row.started_at,
            ended_at=row.ended_at,
            reason=row.reason,
            outage_id=row.outage_id,
            version=row.version,
        )


class FailedCheck(BaseModel):
    """A failing check with its evidence: addresses, phase, headers, the beginning of the body, libcurl's error."""

    model_config = example_of(_EVIDENCE)

    reason: Reason
    detail: str = Field(max_length=1000)
    evidence: dict[str, Any]


class Blip(BaseModel):
    """A failing run that did not confirm: kept and counted, never down time."""

    model_config = example_of(
        {
            "location": "default",
            "first_at": "2026-06-08T08:50:00.25Z",
            "last_at": "2026-06-08T08:50:05.4Z",
            "ended_at": "2026-06-08T08:50:10.6Z",
            "failures": [_EVIDENCE],
        }
    )

    location: str = Field(max_length=40)
    first_at: Instant
    last_at: Instant
    ended_at: Instant
    failures: list[FailedCheck] = Field(max_length=10)

    @classmethod
    def of(cls, row: BlipRow) -> "Blip":
        return cls(
            location=row.location,
            first_at=row.first_at,
            last_at=row.last_at,
            ended_at=row.ended_at,
            failures=[FailedCheck(**failure) for failure in row.failures],
        )


class Outage(Watched):
    """A confirmed outage, from its first failing check to its first good one.

    Each instant may really lie earlier by its uncertainty. `unknown_seconds` of the duration lie in gaps without any
    result. `ending` is null while it goes on, and `paused` when the contract ended it without a recovery.
    """

    model_config = example_of(_OUTAGE_ITEM)

    outage_id: UUID
    down_since: Instant
    down_since_uncertainty_seconds: Seconds
    confirmed_at: Instant
    ended_at: Instant | None
    ended_at_uncertainty_seconds: Seconds | None
    recovery_confirmed_at: Instant | None
    ending: Literal["recovered", "paused"] | None
    duration_seconds: Seconds = Field(description="until now while it goes on")
    unknown_seconds: Seconds
    reason: Reason
    detail: str = Field(max_length=1000)
    third_party: bool = Field(description="what was watched is somebody else's")
    caused_by: UUID | None = Field(description="the outage of the monitor that this one depends on: it is to blame")
    exclusion_candidate: bool = Field(
        description="somebody else may answer for it: what was watched, or what it depends on, is a third party's"
    )

    @classmethod
    def values(cls, row: OutageRow, now: datetime) -> dict[str, Any]:
        end = max(row.ended_at or now, row.down_since)
        unknown = sum(((gap.end or end) - gap.start for gap in gaps_of(row.gaps)), timedelta(0))
        return {
            **watched_values(row),
            "outage_id": row.outage_id,
            "down_since": row.down_since,
            "down_since_uncertainty_seconds": row.down_since_uncertainty_seconds,
            "confirmed_at": row.confirmed_at,
            "ended_at": row.ended_at,
            "ended_at_uncertainty_seconds": row.ended_at_uncertainty_seconds,
            "recovery_confirmed_at": row.recovery_confirmed_at,
            "ending": row.ending,
            "duration_seconds": (end - row.down_since).total_seconds(),
            "unknown_seconds": max(0.0, unknown.total_seconds()),
            "reason": row.reason,
            "detail": row.detail,
            "third_party": row.third_party,
            "caused_by": row.caused_by,
            "exclusion_candidate": row.exclusion_candidate,
        }

    @classmethod
    def of(cls, row: OutageRow, now: datetime) -> "Outage":
        return cls(**cls.values(row, now))


class LocationFinding(BaseModel):
    """What one location said when the outage was confirmed."""

    model_config = example_of({"location": "default", "verdict": "down", "failing_since": "2026-06-08T08:50:00.25Z"})

    location: str = Field(max_length=40)
    verdict: VerdictName | None
    failing_since: Instant | None


class OutageGap(BaseModel):
    """A stretch inside the outage without any result."""

    model_config = example_of({"start": "2026-06-08T08:52:00Z", "end": "2026-06-08T08:55:00Z"})

    start: Instant
    end: Instant | None


class OutageDetails(Outage):
    """An outage with its evidence: one entry per failing check of the run that confirmed it."""

    model_config = example_of(
        {
            **_OUTAGE_ITEM,
            "locations": [{"location": "default", "verdict": "down", "failing_since": "2026-06-08T08:50:00.25Z"}],
            "gaps": [],
            "failures": [_EVIDENCE],
        }
    )

    locations: list[LocationFinding] = Field(max_length=100)
    gaps: list[OutageGap] = Field(max_length=1000)
    failures: list[FailedCheck] = Field(max_length=10)

    @classmethod
    def with_evidence(cls, row: OutageRow, now: datetime) -> "OutageDetails":
        return cls(
            **cls.values(row, now),
            locations=[LocationFinding(**finding) for finding in row.locations],
            gaps=[OutageGap(**gap) for gap in row.gaps],
            failures=[FailedCheck(**failure) for failure in row.failures],
        )


def watched_values(row: MonitorRow | OutageRow) -> dict[str, Any]:
    """The fields of `Watched`."""
    return {
        "monitor_id": row.monitor_id,
        "client_id": row.client_id,
        "contract_id": row.contract_id,
        "site_id": row.site_id,
        "environment_id": row.environment_id,
        "counts_for_sla": row.counts_for_sla,
        "name": row.name[:300],
        "url": row.url[:2000],
    }
