"""Uptime without state: the function that reports and status pages use, for previews and for checking our figures."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Discriminator, Field, PrivateAttr, StrictBool, Tag, model_validator

from reporting.domain.availability import (
    PeriodTooLongError,
    State,
    StateSpan,
    Treatment,
    Uptime,
    UptimeRule,
    measure_uptime,
)
from reporting.domain.period import always, month_bounds
from shared.calendar_schema import BusinessCalendar
from shared.kernel.intervals import Interval
from shared.problems import FieldError, ValidationFailed
from shared.values import (
    ClockDuration,
    Instant,
    Month,
    Percentage,
    Seconds,
    Share,
    TimeZone,
    forbid_unknown,
    seconds,
)

router = APIRouter(prefix="/v1/calculators", tags=["calculators"])


class MonthPeriod(BaseModel):
    """A calendar month in a zone: from its first local midnight to the next month's first."""

    model_config = forbid_unknown(examples=[{"month": "2026-03", "time_zone": "Europe/Paris"}])

    month: Month
    time_zone: TimeZone

    _interval: Interval = PrivateAttr()

    @model_validator(mode="after")
    def _is_in_reach(self) -> Self:
        try:
            self._interval = Interval(*month_bounds(self.month, always(self.time_zone)))
        except (OverflowError, ValueError):
            raise ValueError("this month does not lie within the years 1 to 9999 in UTC") from None
        return self

    def interval(self) -> Interval:
        """The period as instants."""
        return self._interval


class InstantPeriod(BaseModel):
    """A period between two instants, `to` not included."""

    model_config = forbid_unknown(examples=[{"from": "2026-06-01T00:00:00Z", "to": "2026-06-08T00:00:00Z"}])

    from_: Instant = Field(alias="from")
    to: Instant = Field(description="after `from`, at most 20 years")

    @model_validator(mode="after")
    def _is_forward(self) -> Self:
        if self.to <= self.from_:
            raise ValueError("`to` is after `from`")
        return self

    def interval(self) -> Interval:
        """The period as instants."""
        return Interval(self.from_, self.to)


def _kind_of_period(value: Any) -> Literal["calendar month", "two instants"]:
    is_month = "month" in value if isinstance(value, dict) else isinstance(value, MonthPeriod)
    return "calendar month" if is_month else "two instants"


Period = Annotated[
    Annotated[MonthPeriod, Tag("calendar month")] | Annotated[InstantPeriod, Tag("two instants")],
    Discriminator(_kind_of_period),
]


class UptimeRuleBody(BaseModel):
    """How time is weighed. Every key is required: nothing that decides money is implied."""

    model_config = forbid_unknown(
        examples=[
            {
                "minimum_outage": "PT0S",
                "whole_minutes": False,
                "maintenance": "exclude",
                "unknown": "exclude",
                "degraded_weight": "0",
                "service_window": None,
            }
        ]
    )

    minimum_outage: ClockDuration = Field(description="a run of `down` that is shorter counts as up")
    whole_minutes: StrictBool = Field(description="only the whole UTC clock minutes inside a run count as down")
    maintenance: Treatment = Field(description="leaves the denominator, counts as up, or counts as down")
    unknown: Treatment = Field(description="leaves the denominator, counts as up, or counts as down")
    degraded_weight: Share = Field(description="which part of degraded time counts as down")
    service_window: BusinessCalendar | None = Field(description="the only time that matters; null is all the time")

    def rule(self) -> UptimeRule:
        """The domain's rule."""
        return UptimeRule(
            minimum_outage=self.minimum_outage,
            whole_minutes=self.whole_minutes,
            maintenance=self.maintenance,
            unknown=self.unknown,
            degraded_weight=self.degraded_weight,
            service_window=self.service_window.calendar if self.service_window else None,
        )


class StateSpanBody(BaseModel):
    """A state over a span of time, `to` not included."""

    model_config = forbid_unknown(
        examples=[{"from": "2026-03-12T10:00:00+01:00", "to": "2026-03-12T10:44:36+01:00", "state": "down"}]
    )

    from_: Instant = Field(alias="from")
    to: Instant = Field(description="after `from`")
    state: Literal["paused", "maintenance", "down", "degraded", "unknown"]

    @model_validator(mode="after")
    def _is_forward(self) -> Self:
        if self.to <= self.from_:
            raise ValueError("`to` is after `from`")
        return self


class UptimeRequest(BaseModel):
    """A period, the rule, and what happened. Time that no state covers is up."""

    model_config = forbid_unknown(
        examples=[
            {
                "period": {"month": "2026-03", "time_zone": "Europe/Paris"},
                "rule": {
                    "minimum_outage": "PT0S",
                    "whole_minutes": False,
                    "maintenance": "exclude",
                    "unknown": "exclude",
                    "degraded_weight": "0",
                    "service_window": None,
                },
                "states": [{"from": "2026-03-12T10:00:00+01:00", "to": "2026-03-12T10:44:36+01:00", "state": "down"}],
                "target_percent": "99.9",
            }
        ]
    )

    period: Period
    rule: UptimeRuleBody
    states: list[StateSpanBody] = Field(
        max_length=10_000,
        description="in any order; they may overlap and reach outside the period. At one instant the first of paused,"
        " maintenance, down, degraded, unknown wins",
    )
    target_percent: Percentage | None = Field(default=None, description="without one there is no verdict")


class UptimeAnswer(BaseModel):
    """What the period came to. Seconds are by state, whatever the rule makes of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "period_seconds": 2674800,
                    "service_seconds": 2674800,
                    "denominator_seconds": 2674800,
                    "down_seconds": 2676,
                    "degraded_seconds": 0,
                    "maintenance_seconds": 0,
                    "unknown_seconds": 0,
                    "paused_seconds": 0,
                    "uptime_percent": "99.899955",
                    "uptime_display": "99.89996",
                    "coverage_percent": "100.00",
                    "met": False,
                    "error_budget_seconds": -1.2,
                }
            ]
        }
    )

    period_seconds: Seconds
    service_seconds: Seconds = Field(description="the period inside the service window")
    denominator_seconds: Seconds = Field(description="the service time without what the rule excludes")
    down_seconds: Seconds = Field(description="only what counts: short runs and partial minutes may be up by the rule")
    degraded_seconds: Seconds
    maintenance_seconds: Seconds
    unknown_seconds: Seconds
    paused_seconds: Seconds
    uptime_percent: str | None = Field(
        max_length=12, description="six decimals, truncated; null if nothing is left to judge", examples=["99.899955"]
    )
    uptime_display: str | None = Field(
        max_length=100,
        description="for people, without a sign: two decimals, or as many more as it takes not to hide a miss",
        examples=["99.89996"],
    )
    coverage_percent: str | None = Field(
        max_length=8,
        description="share of the service time that is neither unknown nor paused; two decimals, truncated",
        examples=["100.00"],
    )
    met: bool | None = Field(description="the exact uptime reaches the target")
    error_budget_seconds: Seconds | None = Field(description="what may still be lost; negative when over")

    @classmethod
    def of(cls, uptime: Uptime) -> UptimeAnswer:
        """The answer that tells a measurement."""
        return cls(
            period_seconds=seconds(uptime.period),
            service_seconds=seconds(uptime.service),
            denominator_seconds=seconds(uptime.denominator),
            down_seconds=seconds(uptime.length_of[State.DOWN]),
            degraded_seconds=seconds(uptime.length_of[State.DEGRADED]),
            maintenance_seconds=seconds(uptime.length_of[State.MAINTENANCE]),
            unknown_seconds=seconds(uptime.length_of[State.UNKNOWN]),
            paused_seconds=seconds(uptime.length_of[State.PAUSED]),
            uptime_percent=uptime.percent_text,
            uptime_display=uptime.display,
            coverage_percent=uptime.coverage_text,
            met=uptime.met,
            error_budget_seconds=uptime.error_budget,
        )


@router.post("/uptime", summary="Compute uptime over a period", openapi_extra={"security": []})
def calculate_uptime(request: UptimeRequest) -> UptimeAnswer:
    """The uptime of a period by a rule, exactly, and whether it met a target.

    Nothing is stored, and no token is needed. It is the function that reports and status pages use.
    """
    try:
        uptime = measure_uptime(
            request.period.interval(),
            request.rule.rule(),
            [StateSpan(each.from_, each.to, State(each.state)) for each in request.states],
            request.target_percent,
        )
    except PeriodTooLongError as refused:
        raise ValidationFailed(
            f"This period cannot be measured at once: {refused}.",
            errors=[FieldError(detail=str(refused), pointer="#/period")],
        ) from refused
    return UptimeAnswer.of(uptime)
