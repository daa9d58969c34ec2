"""The two promises that are kept apart: how fast somebody reacts, and how much of the time the site is up.

Each is optional by itself. A target of 99.9 % never makes a response clock; a late answer never is an uptime credit.
"""

import re
from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator

from contracts.application.values import Code, Duration, Percent, Ratio, Request, SeverityCode
from shared.calendar_schema import BusinessCalendar

TimeOutsideUptime = Literal["exclude", "up", "down"]

_PARTS = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")


def seconds_of(duration: str) -> int:
    """Whole seconds of a duration that `values.Duration` accepts."""
    match = _PARTS.fullmatch(duration)
    assert match is not None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return int(timedelta(hours=hours, minutes=minutes, seconds=seconds).total_seconds())


class SeverityTarget(Request):
    """What is promised for one severity: null is no promise of that kind."""

    severity: SeverityCode = Field(examples=["critical"])
    response: Duration | None = Field(
        default=None, description="How soon somebody competent starts.", examples=["PT30M"]
    )
    repair: Duration | None = Field(default=None, description="How soon the service is restored.", examples=["PT4H"])

    @model_validator(mode="after")
    def _promises_something(self) -> Self:
        if self.response is None and self.repair is None:
            raise ValueError("promises nothing: give response, repair or both, or leave this severity out")
        return self


class ClockRules(Request):
    """What a clock does when its incident changes its severity or is opened again."""

    on_policy_change: Literal["retroactive", "restart", "carry_ratio"] = "retroactive"
    on_reopen: Literal["resume", "count_through", "new_cycle"] = "resume"


class ResponseCommitment(Request):
    """The response commitment: targets by severity, counted in the open hours of one calendar."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "calendar": "around_the_clock",
                    "pausable": ["waiting_for_client"],
                    "rules": {"on_policy_change": "retroactive", "on_reopen": "resume"},
                    "targets": [{"severity": "critical", "response": "PT30M", "repair": "PT4H"}],
                }
            ]
        },
    )

    calendar: Code = Field(description="Name of a calendar of the agency.", examples=["business_hours"])
    pausable: list[Code] = Field(
        default_factory=list, max_length=50, description="Reasons that stop the clock while they last."
    )
    rules: ClockRules = Field(default_factory=ClockRules)
    targets: list[SeverityTarget] = Field(
        min_length=1, max_length=20, description="By the severities of the contract's service desk."
    )

    @model_validator(mode="after")
    def _one_target_a_severity(self) -> Self:
        severities = [target.severity for target in self.targets]
        if len(set(severities)) != len(severities):
            raise ValueError("has two targets for one severity")
        return self


class UptimeRule(Request):
    """How uptime is measured: every key is required, because nothing that decides money is implied."""

    minimum_outage: Duration = Field(description="A shorter outage counts as up.", examples=["PT0S"])
    whole_minutes: StrictBool
    maintenance: TimeOutsideUptime
    unknown: TimeOutsideUptime
    degraded_weight: Ratio = Field(description="0 to 1: how much degraded time counts as down.", examples=["0"])
    service_window: BusinessCalendar | None = Field(description="Hours that count; null is all the time.")


class UptimeCommitment(Request):
    """The uptime commitment: a target percentage and the rule that it is measured by."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "target_percent": "99.9",
                    "rule": {
                        "minimum_outage": "PT0S",
                        "whole_minutes": False,
                        "maintenance": "exclude",
                        "unknown": "exclude",
                        "degraded_weight": "0",
                        "service_window": None,
                    },
                }
            ]
        },
    )

    target_percent: Percent = Field(examples=["99.9"])
    rule: UptimeRule


Interval = Annotated[int, Field(strict=True, ge=1, le=86_400, json_schema_extra={"format": "int32"})]
