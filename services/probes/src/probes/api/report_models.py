"""What reports to us by itself sends, and what the API says about it."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from probes.adapters.tables import HeartbeatRow, MonitorRow, PingRow
from shared.values import Instant, forbid_unknown

MESSAGE_LENGTH = 10_240
A_YEAR = 366 * 86_400
_NO_NUL = r"^[^\x00]*$"


def _whole(value: object) -> object:
    """A script may write a whole number as 1500.0, which JSON does not tell apart."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Count = Annotated[
    int, Field(strict=True, ge=0, le=2**53, json_schema_extra={"format": "int64"}), BeforeValidator(_whole)
]
Length = Annotated[float, Field(strict=True, ge=0, le=A_YEAR, allow_inf_nan=False)]
StandingName = Literal["new", "on_time", "running", "late", "missing", "failed", "unknown"]
ComponentName = Annotated[
    str, Field(min_length=1, max_length=60, pattern=r"^[a-z0-9][a-z0-9._-]*$", examples=["wordpress"])
]
VersionText = Annotated[str, Field(min_length=1, max_length=60, pattern=r"^[^\x00\s]+$", examples=["6.8.3"])]

_PAYLOAD: dict[str, Any] = {
    "size_bytes": 734_003_200,
    "duration_seconds": 252.5,
    "age_seconds": 60,
    "message": "12 databases, 4 volumes",
    "versions": [{"component": "postgresql", "version": "17.6"}],
}
_PING: dict[str, Any] = {
    "number": 412,
    "received_at": "2026-06-08T00:04:12.5Z",
    "signal": "success",
    "size_bytes": 734_003_200,
    "duration_seconds": 252.5,
    "age_seconds": 60,
    "message": "12 databases, 4 volumes",
    "versions": [{"component": "postgresql", "version": "17.6"}],
}
_HEARTBEAT: dict[str, Any] = {
    "monitor_id": "0190a000-0000-7000-8000-000000000041",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "site_id": "0190a000-0000-7000-8000-000000000030",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "name": "Sauvegarde nocturne",
    "expects": "heartbeat:0 2 * * * (Europe/Paris)",
    "standing": "on_time",
    "since": "2026-06-08T00:04:12.5Z",
    "expected_at": "2026-06-09T00:00:00Z",
    "started_at": None,
    "last_report_at": "2026-06-08T00:04:12.5Z",
    "last_success_at": "2026-06-08T00:04:12.5Z",
    "last_size_bytes": 734_003_200,
    "judged_until": "2026-06-08T09:00:00Z",
}


def _example(value: dict[str, Any]) -> ConfigDict:
    return ConfigDict(frozen=True, json_schema_extra={"examples": [value]})


class ComponentVersion(BaseModel):
    """A component and its version, as the job sees it."""

    model_config = forbid_unknown(examples=[{"component": "postgresql", "version": "17.6"}])

    component: ComponentName
    version: VersionText


class PingPayload(BaseModel):
    """What a job may say about its run. Everything may be left out, unless its heartbeat has a rule about it."""

    model_config = forbid_unknown(examples=[_PAYLOAD])

    size_bytes: Count | None = Field(default=None, description="size of what was made, such as a backup")
    duration_seconds: Length | None = Field(default=None, description="left out: from the report of the start")
    age_seconds: Length | None = Field(default=None, description="how old what was made is")
    message: Annotated[str, Field(max_length=MESSAGE_LENGTH, pattern=_NO_NUL)] | None = None
    versions: list[ComponentVersion] = Field(default_factory=list, max_length=20)


class PingReceived(BaseModel):
    """The report is kept and counts from this instant."""

    model_config = _example({"received_at": "2026-06-08T00:04:12.5Z"})

    received_at: Instant


class ReportAddress(BaseModel):
    """Where something reports to. The token is shown this once: whoever has it can report, and nothing else."""

    model_config = _example(
        {
            "monitor_id": _HEARTBEAT["monitor_id"],
            "token": "Yh2mVqjN3rXw8u0kTzB5cQeLfG7aPd1s",
            "path": "/v1/pings/Yh2mVqjN3rXw8u0kTzB5cQeLfG7aPd1s",
        }
    )

    monitor_id: UUID
    token: str = Field(max_length=64)
    path: str = Field(max_length=200, description="of this API; a start and a failure have /start and /fail after it")


class Ping(BaseModel):
    """One report of a heartbeat."""

    model_config = _example(_PING)

    number: int = Field(ge=1, le=2**53)
    received_at: Instant
    signal: Literal["start", "success", "fail"]
    size_bytes: int | None = Field(ge=0, le=2**53)
    duration_seconds: float | None = Field(ge=0)
    age_seconds: float | None = Field(ge=0)
    message: str | None = Field(max_length=MESSAGE_LENGTH)
    versions: list[ComponentVersion] = Field(max_length=20)

    @classmethod
    def of(cls, row: PingRow) -> "Ping":
        payload = PingPayload.model_validate(row.payload)
        return cls(
            number=row.number,
            received_at=row.received_at,
            signal=row.signal,  # type: ignore[arg-type]
            **{name: getattr(payload, name) for name in PingPayload.model_fields},
        )


class Heartbeat(BaseModel):
    """How a job that reports by itself stands.

    It is `late` from the expected instant until the grace is over, then `missing`; `unknown` when a report may have
    come while nobody could take it. `expected_at` is null while a run with a bounded duration is under way.
    """

    model_config = _example(_HEARTBEAT)

    monitor_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    expects: str = Field(max_length=2000, description="when a report is expected")
    standing: StandingName
    since: Instant
    expected_at: Instant | None
    started_at: Instant | None = Field(description="beginning of the run that has not ended yet")
    last_report_at: Instant | None
    last_success_at: Instant | None
    last_size_bytes: int | None = Field(ge=0, le=2**53, description="of the last success that told a size")
    judged_until: Instant = Field(description="absence of reports has been judged up to this instant")

    @classmethod
    def of(cls, row: Any) -> "Heartbeat":
        """From a row of `heartbeat` and one of its monitor."""
        beat: HeartbeatRow
        monitor: MonitorRow
        beat, monitor = row[0], row[1]
        expected_at: datetime | None = beat.expected_at
        return cls(
            monitor_id=monitor.monitor_id,
            client_id=monitor.client_id,
            contract_id=monitor.contract_id,
            site_id=monitor.site_id,
            environment_id=monitor.environment_id,
            name=monitor.name[:300],
            expects=monitor.url[:2000],
            standing=beat.standing,  # type: ignore[arg-type]
            since=beat.since,
            expected_at=expected_at,
            started_at=beat.started_at,
            last_report_at=beat.last_report_at,
            last_success_at=beat.last_success_at,
            last_size_bytes=beat.last_size_bytes,
            judged_until=beat.seen_until,
        )
