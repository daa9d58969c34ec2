"""Groups of pages as people describe them: what the pages have in common, and when they are critical."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, StringConstraints, field_validator, model_validator

from probes.application.checks.base import Configuration
from probes.application.checks.http import PageConfiguration
from probes.application.checks.kinds import configuration_of, document_of
from probes.application.checks.limits import limits_of, with_limits
from probes.domain.critical_periods import CriticalPeriod, Regime, Regimes
from probes.domain.groups import GroupIdentity
from probes.domain.monitors import HTTP, Cadence, Source, Subject
from shared.kernel.wall_clock import Recurrence, WallClockWindow
from shared.values import ClockDuration, TimeZone

LONGEST = timedelta(days=366)
MOST_PERIODS = 20

_EXAMPLE: dict[str, JsonValue] = {
    "name": "Ouverture de la saison",
    "time_zone": "Europe/Paris",
    "starts": "2026-12-19T08:00",
    "duration": "PT12H",
    "recurrence": "FREQ=DAILY;UNTIL=20270104",
    "interval_seconds": 60,
    "response_times": [{"phase": "total", "at_most_ms": 1500}],
}


def _exists(text: str) -> str:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("there is no such date or time of day") from None
    return text


LocalTime: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=16, max_length=16, pattern=r"^20[0-9]{2}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}$"),
    AfterValidator(_exists),
]
Name: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00]*$")]
PhaseName: TypeAlias = Literal["total", "name_lookup", "connect", "tls", "first_byte"]


class ResponseLimit(Configuration):
    """The check, or one phase of it, takes no longer than this."""

    phase: PhaseName = "total"
    at_most_ms: Annotated[int, Field(strict=True, ge=1, le=300_000, json_schema_extra={"format": "int32"})]


class CriticalPeriodRule(Configuration):
    """When the pages of a group are critical, in local time, and how much more closely they are watched then.

    A period only tightens. Where several are in force at once, the tightest of their values hold.
    """

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    name: Name
    time_zone: TimeZone
    starts: LocalTime = Field(description="local time of the first beginning", examples=["2026-12-19T08:00"])
    duration: ClockDuration = Field(
        description="by the clocks on the wall, also on a night on which they change; from a minute to 366 days"
    )
    recurrence: Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[A-Z0-9=;,+-]+$")] | None = (
        Field(
            default=None,
            description="RFC 5545 rule of FREQ (DAILY to YEARLY), INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS and "
            "WKST, with COUNT or a local UNTIL; null: once",
            examples=["FREQ=DAILY;UNTIL=20270104"],
        )
    )
    interval_seconds: (
        Annotated[int, Field(strict=True, ge=1, le=86_400, json_schema_extra={"format": "int32"})] | None
    ) = Field(default=None, description="no longer than the group's, or than the period itself; null: the group's")
    response_times: tuple[ResponseLimit, ...] = Field(
        default=(), max_length=5, description="no longer than what the group's assertions allow; one per phase"
    )

    @field_validator("duration")
    @classmethod
    def _is_in_whole_minutes(cls, duration: timedelta) -> timedelta:
        if not timedelta(minutes=1) <= duration <= LONGEST or duration % timedelta(minutes=1):
            raise ValueError(f"a period lasts whole minutes, from one to those of {LONGEST.days} days")
        return duration

    @field_validator("response_times")
    @classmethod
    def _says_each_phase_once(cls, limits: tuple[ResponseLimit, ...]) -> tuple[ResponseLimit, ...]:
        if len({limit.phase for limit in limits}) < len(limits):
            raise ValueError("each phase is said once")
        return limits

    @model_validator(mode="after")
    def _tightens_something(self) -> Self:
        if self.interval_seconds is None and not self.response_times:
            raise ValueError("say what is tighter: interval_seconds, response_times or both")
        return self

    def period(self) -> CriticalPeriod:
        """As the rules have it. Raises RecurrenceError."""
        starts = datetime.fromisoformat(self.starts)
        rule = Recurrence.parse(self.recurrence) if self.recurrence is not None else None
        return CriticalPeriod(
            self.name,
            WallClockWindow(self.time_zone, starts, starts + self.duration, rule),
            self.interval_seconds,
            {limit.phase: limit.at_most_ms for limit in self.response_times},
        )


@dataclass(frozen=True, slots=True)
class Group:
    """Pages of one environment that are watched alike under one contract.

    `planned_until`: up to then the schedule knows what the critical periods do. `edition` counts the changes of what
    is watched and how.
    """

    identity: GroupIdentity
    configuration: PageConfiguration
    cadence: Cadence
    critical_periods: tuple[CriticalPeriodRule, ...]
    contract_version: int
    created_at: datetime
    planned_until: datetime
    edition: int = 1
    removed_at: datetime | None = None

    @property
    def ordinary(self) -> Regime:
        """How the pages are checked outside of critical periods."""
        return Regime(self.cadence, limits_of(self.configuration.document()))

    def regimes(self) -> Regimes:
        """How they are checked when. Raises RecurrenceError."""
        return Regimes(self.ordinary, [rule.period() for rule in self.critical_periods])

    def page(self, monitor_id: UUID, name: str, url: str, regime: Regime) -> Subject:
        """What a page is as a monitor, in a regime. Raises pydantic.ValidationError for too many assertions."""
        whole = document_of(self.configuration.check_of(url))
        checked = document_of(configuration_of(with_limits(whole, regime.limits)))
        whose = {key: value for key, value in asdict(self.identity).items() if key != "name"}
        return Subject(
            monitor_id=monitor_id,
            **whose,
            deliverable=HTTP,
            counts_for_sla=False,
            name=name,
            url=url,
            configuration=checked,
            source=Source.ADDED,
        )
