"""Monitors that nobody asks: what reports by itself, and when its reports are good."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import Field, StringConstraints, model_validator

from probes.application.checks.base import Configuration
from probes.domain.crashes import CrashThreshold
from probes.domain.heartbeats import Cron, Every, PayloadRules, Plan
from shared.values import Percentage, parse_zone

A_YEAR = 366 * 86_400
Count = Annotated[int, Field(strict=True, ge=0, le=2**53, json_schema_extra={"format": "int64"})]


class HeartbeatReports(Configuration):
    """A job reports that it ran: at most so many seconds after the last time, or at the instants of a cron expression.

    Expected is `every_seconds` or `cron`, exactly one of them. After the expected instant a report is late, after the
    grace it is missing.
    """

    kind: Literal["heartbeat"] = "heartbeat"
    every_seconds: (
        Annotated[int, Field(strict=True, ge=30, le=A_YEAR, json_schema_extra={"format": "int32"})] | None
    ) = None
    cron: Annotated[str, StringConstraints(min_length=9, max_length=200, pattern=r"^[^\x00\r\n]*$")] | None = Field(
        default=None, description="five fields, as Debian's cron reads them in `time_zone`"
    )
    time_zone: Annotated[str, StringConstraints(min_length=1, max_length=64)] = Field(
        default="UTC", description="a zone of the IANA time zone database"
    )
    grace_seconds: Annotated[int, Field(strict=True, ge=1, le=A_YEAR, json_schema_extra={"format": "int32"})] = 300
    max_duration_seconds: (
        Annotated[int, Field(strict=True, ge=1, le=A_YEAR, json_schema_extra={"format": "int32"})] | None
    ) = Field(default=None, description="from the report of a start to that of the success")
    min_size_bytes: Count | None = Field(default=None, description="what was made is at least this large")
    max_shrink_percent: (
        Annotated[int, Field(strict=True, ge=0, le=100, json_schema_extra={"format": "int32"})] | None
    ) = Field(default=None, description="it is at most so much smaller than that of the last success")
    max_age_seconds: (
        Annotated[int, Field(strict=True, ge=1, le=A_YEAR, json_schema_extra={"format": "int32"})] | None
    ) = Field(default=None, description="it is at most this old when it is reported")

    @model_validator(mode="after")
    def _has_one_timetable(self) -> Self:
        if (self.every_seconds is None) == (self.cron is None):
            raise ValueError("give every_seconds or cron: exactly one of them says when a report is expected")
        zone = parse_zone(self.time_zone)
        if self.cron is not None:
            Cron.parse(self.cron, zone)
        return self

    @property
    def address(self) -> str:
        """When a report is expected, for people."""
        if self.every_seconds is not None:
            return f"heartbeat:every {self.every_seconds} s"
        return f"heartbeat:{self.cron} ({self.time_zone})"

    def plan(self) -> Plan:
        """As the domain has it."""
        return Plan(
            timetable=Every(timedelta(seconds=self.every_seconds))
            if self.every_seconds is not None
            else Cron(str(self.cron), ZoneInfo(self.time_zone)),
            grace=timedelta(seconds=self.grace_seconds),
            longest=_length(self.max_duration_seconds),
            rules=PayloadRules(self.min_size_bytes, self.max_shrink_percent, _length(self.max_age_seconds)),
        )


class CrashReports(Configuration):
    """An application reports how often it crashed; beyond a share of its sessions that is a failure.

    The share is that of all sessions of the sliding window, and counts once there are `min_sessions` of them.
    """

    kind: Literal["crash_rate"] = "crash_rate"
    app: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00\r\n]*$")] = Field(
        description="the application, as people call it"
    )
    max_crash_percent: Percentage = Field(default=Decimal(1), description="of the sessions may end in a crash")
    min_crash_free_users_percent: Percentage | None = Field(
        default=None, description="of the users must meet no crash, where reports count users"
    )
    min_sessions: Annotated[int, Field(strict=True, ge=1, le=10**9, json_schema_extra={"format": "int32"})] = 100
    window_seconds: Annotated[
        int, Field(strict=True, ge=300, le=30 * 86_400, json_schema_extra={"format": "int32"})
    ] = 86_400

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return f"crashes:{self.app}"

    def threshold(self) -> CrashThreshold:
        """As the domain has it."""
        users = self.min_crash_free_users_percent
        return CrashThreshold(
            max_crash_share=Fraction(self.max_crash_percent) / 100,
            min_crash_free_users=Fraction(users) / 100 if users is not None else None,
            min_sessions=self.min_sessions,
            window=timedelta(seconds=self.window_seconds),
        )


def _length(seconds: int | None) -> timedelta | None:
    return timedelta(seconds=seconds) if seconds is not None else None
