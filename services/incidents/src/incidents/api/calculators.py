"""The SLA clock without state: the function that the live clocks use, for previews and for checking our figures."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from pydantic.config import JsonDict

from incidents.domain.sla_clock import (
    Cancelled,
    ClockEvent,
    ClockReading,
    ClockRefusedError,
    ClockRules,
    Opened,
    Paused,
    Policy,
    PolicyChange,
    PolicyChanged,
    Reopened,
    Reopening,
    Resumed,
    State,
    Stopped,
    Verdict,
    Why,
    fold_clock,
)
from shared.calendar_schema import CalendarVersions, calendar_history
from shared.problems import FieldError, ValidationFailed
from shared.values import ClockDuration, Instant, Name, Seconds, forbid_unknown, json_pointer, seconds

router = APIRouter(prefix="/v1/calculators", tags=["calculators"])

# A name as a key of a JSON object: a pattern there would cost generated clients the type of the values.
_Key = Annotated[str, Field(min_length=1, max_length=100)]

_OFFICE = {
    "time_zone": "Europe/Paris",
    "weekly": [{"days": ["mon", "tue", "wed", "thu", "fri"], "from": "09:00", "to": "18:00"}],
    "holidays": {"country": "FR"},
}


class ClockPolicy(BaseModel):
    """A target: how long, by which calendar, and for which reasons the clock may be paused."""

    model_config = forbid_unknown(
        examples=[{"target": "PT8H", "calendar": "office", "pausable": ["waiting_customer_info"]}]
    )

    target: ClockDuration
    calendar: Name = Field(description="a key of `calendars`", examples=["office"])
    pausable: list[Name] = Field(
        default=[], max_length=100, description="the reasons for which a pause stops the clock"
    )


class ClockRuleSet(BaseModel):
    """What becomes of the time used when the policy changes or the clock is reopened."""

    model_config = forbid_unknown(examples=[{"on_policy_change": "retroactive", "on_reopen": "resume"}])

    on_policy_change: PolicyChange = Field(
        default="retroactive",
        description="`retroactive` counts the new target from the opening, `restart` from the change, `carry_ratio`"
        " carries the used share",
    )
    on_reopen: Reopening = Field(
        default="resume",
        description="`resume` continues with the time used, `count_through` counts the stopped span too, `new_cycle`"
        " starts at zero",
    )


class OpenedEvent(BaseModel):
    """The clock starts."""

    model_config = forbid_unknown(examples=[{"type": "opened", "at": "2026-06-08T09:00:00+02:00", "policy": "P3"}])

    type: Literal["opened"]
    at: Instant
    policy: Name = Field(description="a key of `policies`", examples=["P3"])

    def event(self) -> ClockEvent:
        """The domain's event."""
        return Opened(self.at, self.policy)


class PausedEvent(BaseModel):
    """A pause begins; it stops the clock while its reason is pausable under the policy in force."""

    model_config = forbid_unknown(
        examples=[
            {"type": "paused", "at": "2026-06-08T10:00:00+02:00", "pause_id": "a", "reason": "waiting_customer_info"}
        ]
    )

    type: Literal["paused"]
    at: Instant
    pause_id: Name = Field(description="names the pause until it is resumed", examples=["a"])
    reason: Name = Field(examples=["waiting_customer_info"])

    def event(self) -> ClockEvent:
        """The domain's event."""
        return Paused(self.at, self.pause_id, self.reason)


class ResumedEvent(BaseModel):
    """A pause ends."""

    model_config = forbid_unknown(examples=[{"type": "resumed", "at": "2026-06-08T11:00:00+02:00", "pause_id": "a"}])

    type: Literal["resumed"]
    at: Instant
    pause_id: Name = Field(description="of a pause that is open", examples=["a"])

    def event(self) -> ClockEvent:
        """The domain's event."""
        return Resumed(self.at, self.pause_id)


class PolicyChangedEvent(BaseModel):
    """Another policy is in force from now on."""

    model_config = forbid_unknown(
        examples=[{"type": "policy_changed", "at": "2026-06-08T12:00:00+02:00", "policy": "P1"}]
    )

    type: Literal["policy_changed"]
    at: Instant
    policy: Name = Field(description="a key of `policies`", examples=["P1"])

    def event(self) -> ClockEvent:
        """The domain's event."""
        return PolicyChanged(self.at, self.policy)


class StoppedEvent(BaseModel):
    """A cycle ends with its verdict."""

    model_config = forbid_unknown(examples=[{"type": "stopped", "at": "2026-06-08T13:00:00+02:00"}])

    type: Literal["stopped"]
    at: Instant

    def event(self) -> ClockEvent:
        """The domain's event."""
        return Stopped(self.at)


class ReopenedEvent(BaseModel):
    """A stopped clock runs again."""

    model_config = forbid_unknown(examples=[{"type": "reopened", "at": "2026-06-08T14:00:00+02:00"}])

    type: Literal["reopened"]
    at: Instant

    def event(self) -> ClockEvent:
        """The domain's event."""
        return Reopened(self.at)


class CancelledEvent(BaseModel):
    """The clock ends with no verdict."""

    model_config = forbid_unknown(examples=[{"type": "cancelled", "at": "2026-06-08T15:00:00+02:00"}])

    type: Literal["cancelled"]
    at: Instant

    def event(self) -> ClockEvent:
        """The domain's event."""
        return Cancelled(self.at)


CalculatorEvent = Annotated[
    OpenedEvent | PausedEvent | ResumedEvent | PolicyChangedEvent | StoppedEvent | ReopenedEvent | CancelledEvent,
    Field(discriminator="type"),
]


class SlaClockRequest(BaseModel):
    """Calendars, policies, rules and events of one clock, and the instant at which it is read."""

    model_config = forbid_unknown(
        examples=[
            {
                "calendars": {"office": [{"effective_from": None, "calendar": _OFFICE}]},
                "policies": {"P3": {"target": "PT8H", "calendar": "office", "pausable": ["waiting_customer_info"]}},
                "rules": {"on_policy_change": "retroactive", "on_reopen": "resume"},
                "thresholds_percent": [50, 75, 90, 100],
                "events": [
                    {"type": "opened", "at": "2026-06-08T09:00:00+02:00", "policy": "P3"},
                    {
                        "type": "paused",
                        "at": "2026-06-08T10:00:00+02:00",
                        "pause_id": "a",
                        "reason": "waiting_customer_info",
                    },
                    {"type": "resumed", "at": "2026-06-08T11:00:00+02:00", "pause_id": "a"},
                ],
                "as_of": "2026-06-09T12:00:00+02:00",
            }
        ]
    )

    calendars: dict[_Key, CalendarVersions] = Field(
        min_length=1, max_length=50, description="each calendar by its name, with its versions"
    )
    policies: dict[_Key, ClockPolicy] = Field(min_length=1, max_length=100, description="each policy by its name")
    rules: ClockRuleSet = ClockRuleSet()
    thresholds_percent: list[Annotated[StrictInt, Field(ge=1, le=1_000_000)]] = Field(
        default=[],
        max_length=100,
        description="percentages of the target whose instants are wanted; over 100 is allowed",
    )
    events: list[CalculatorEvent] = Field(
        max_length=2000,
        description="in the order of their time; those after `as_of` are checked, and ignored otherwise",
    )
    as_of: Instant = Field(description="when the clock is read; at most 20 years after the opening")


_THRESHOLD: JsonDict = {"percent": 50, "at": "2026-06-08T12:00:00Z", "reached": True}
_BREACH: JsonDict = {"policy": "P1", "at": "2026-06-08T08:00:00Z", "attached_breached": True}
_CYCLE: JsonDict = {"opened_at": "2026-06-08T07:00:00Z", "stopped_at": None, "elapsed_seconds": 36000, "verdict": None}
_SPAN: JsonDict = {
    "from": "2026-06-08T08:00:00Z",
    "to": "2026-06-08T09:00:00Z",
    "counted": False,
    "why": "paused",
    "calendar": "office#1",
    "reason": "waiting_customer_info",
}


class ThresholdAnswer(BaseModel):
    """When a share of the target is used."""

    model_config = ConfigDict(json_schema_extra={"examples": [_THRESHOLD]})

    percent: int = Field(ge=1, le=1_000_000, examples=[50], json_schema_extra={"format": "int32"})
    at: Instant | None = Field(description="the first instant of that share; null if it is not found in 3650 days")
    reached: bool = Field(description="that instant is not in the future")


class BreachAnswer(BaseModel):
    """A target that was missed. It stays recorded whatever happens later."""

    model_config = ConfigDict(json_schema_extra={"examples": [_BREACH]})

    policy: Name = Field(examples=["P1"])
    at: Instant = Field(description="the `breach_after` that was passed")
    attached_breached: bool = Field(description="the policy came into force when its target was over already")


class CycleAnswer(BaseModel):
    """From an opening or reopening to the stop."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CYCLE]})

    opened_at: Instant
    stopped_at: Instant | None = Field(description="null while the clock runs")
    elapsed_seconds: Seconds = Field(description="as the clock reads at the end of the cycle")
    verdict: Verdict | None = Field(description="null while the clock runs, and when it was cancelled")


class SpanAnswer(BaseModel):
    """A piece of the clock's life, why it counted or not, and by which version of which calendar."""

    model_config = ConfigDict(json_schema_extra={"examples": [_SPAN]})

    from_: Instant = Field(alias="from")
    to: Instant
    counted: bool
    why: Why
    calendar: str | None = Field(
        max_length=120, description="name and number of the version; null when stopped", examples=["office#1"]
    )
    reason: str | None = Field(max_length=100, description="of the pause that is told", examples=[None])


class SlaClockAnswer(BaseModel):
    """What the clock says at `as_of`; of a clock that was stopped or cancelled, at the instant of that."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "state": "running",
                    "policy": "P3",
                    "target_seconds": 43200,
                    "elapsed_seconds": 36000,
                    "remaining_seconds": 7200,
                    "percent_used": "83.33",
                    "due_at": "2026-06-09T12:00:00Z",
                    "breach_after": "2026-06-09T12:00:00Z",
                    "breached_at": None,
                    "thresholds": [_THRESHOLD],
                    "breaches": [_BREACH],
                    "cycles": [_CYCLE],
                    "explanation": [_SPAN],
                }
            ]
        }
    )

    state: State = Field(
        description="a clock over its target is `breached`, even while paused; `cancelled` has no verdict"
    )
    policy: Name = Field(description="the policy in force", examples=["P3"])
    target_seconds: Seconds
    elapsed_seconds: Seconds
    remaining_seconds: Seconds = Field(description="negative when over the target")
    percent_used: str | None = Field(
        max_length=32, description="two decimals, truncated; null for a zero target", examples=["75.00"]
    )
    due_at: Instant | None = Field(description="the first instant at which the target is used up")
    breach_after: Instant | None = Field(description="the last instant at which the target is not exceeded")
    breached_at: Instant | None = Field(description="the `breach_after` that was passed, when `state` is `breached`")
    thresholds: list[ThresholdAnswer] = Field(max_length=100)
    breaches: list[BreachAnswer] = Field(max_length=4000)
    cycles: list[CycleAnswer] = Field(max_length=2000)
    explanation: list[SpanAnswer] = Field(
        max_length=50_000, description="from the opening to the reading, without holes; adjacent entries differ"
    )

    @classmethod
    def of(cls, reading: ClockReading) -> SlaClockAnswer:
        """The answer that tells a reading."""
        return cls(
            state=reading.state,
            policy=reading.policy,
            target_seconds=seconds(reading.target),
            elapsed_seconds=seconds(reading.elapsed),
            remaining_seconds=seconds(reading.remaining),
            percent_used=None if reading.percent_used is None else format(reading.percent_used, "f"),
            due_at=reading.due_at,
            breach_after=reading.breach_after,
            breached_at=reading.breached_at,
            thresholds=[ThresholdAnswer(percent=t.percent, at=t.at, reached=t.reached) for t in reading.thresholds],
            breaches=[
                BreachAnswer(policy=b.policy, at=b.at, attached_breached=b.attached_breached) for b in reading.breaches
            ],
            cycles=[
                CycleAnswer(
                    opened_at=c.opened_at,
                    stopped_at=c.stopped_at,
                    elapsed_seconds=seconds(c.elapsed),
                    verdict=c.verdict,
                )
                for c in reading.cycles
            ],
            explanation=[
                SpanAnswer.model_validate(
                    {
                        "from": span.start,
                        "to": span.end,
                        "counted": span.counted,
                        "why": span.why,
                        "calendar": span.calendar,
                        "reason": span.reason,
                    }
                )
                for span in reading.explanation
            ],
        )


@router.post("/sla-clock", summary="Compute an SLA clock", openapi_extra={"security": []})
def calculate_sla_clock(request: SlaClockRequest) -> SlaClockAnswer:
    """When a clock is due, whether it is breached, and why: every span of time with the reason why it counted or not.

    Nothing is stored, and no token is needed. It is the function that the live clocks use.
    """
    try:
        reading = fold_clock(
            calendars={name: calendar_history(versions) for name, versions in request.calendars.items()},
            policies={
                name: Policy(policy.target, policy.calendar, frozenset(policy.pausable))
                for name, policy in request.policies.items()
            },
            rules=ClockRules(request.rules.on_policy_change, request.rules.on_reopen),
            thresholds=request.thresholds_percent,
            events=[event.event() for event in request.events],
            as_of=request.as_of,
        )
    except ClockRefusedError as refused:
        raise ValidationFailed(
            f"These events make no clock: {refused}.",
            errors=[FieldError(detail=str(refused), pointer=json_pointer(refused.path))],
        ) from refused
    return SlaClockAnswer.of(reading)
