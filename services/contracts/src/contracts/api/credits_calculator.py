"""Credits and penalties without state: the function that settlement is to use, for previews and checks of figures."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from typing import Annotated, Any, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Discriminator, Field, StrictInt, Tag, field_validator
from pydantic.config import JsonDict

from contracts.api.amounts import AmountText, NonNegativeMoney
from contracts.domain.credits import (
    Because,
    CreditsOwed,
    CreditsRefusedError,
    Cumulation,
    DaysCounted,
    Late,
    MeasuredUptime,
    Penalty,
    Tier,
    TierReached,
    UnitsStarted,
    credits_owed,
)
from shared.problems import FieldError, ValidationFailed
from shared.values import (
    ClockDuration,
    Name,
    NonNegativeDecimal,
    Percentage,
    Share,
    decimal_text,
    forbid_unknown,
    json_pointer,
)

router = APIRouter(prefix="/v1/calculators", tags=["calculators"])

_LARGEST = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly."""
_INT64: JsonDict = {"format": "int64"}

_TIERS = [{"below": "99.9", "credit_percent": "10"}, {"below": "99.0", "credit_percent": "25"}]
_PENALTY = {
    "id": "INC-1",
    "overrun": "PT2H20M",
    "unit": "PT1H",
    "percent_per_started_unit": "5",
    "cap_percent": "30",
    "provider_share": "1",
}
_LATE = {
    "id": "L-1",
    "value": "12000.00",
    "days_late": 26,
    "divisor": 1000,
    "exempt_up_to": "300.00",
    "cap_percent": "10",
}


class CreditsRequestTier(BaseModel):
    """What an uptime below a limit credits."""

    model_config = forbid_unknown(examples=[_TIERS[0]])

    below: NonNegativeDecimal = Field(description="an uptime in percent; one that equals it is not below it")
    credit_percent: NonNegativeDecimal = Field(description="of the monthly fee")


_Tiers = Annotated[
    list[CreditsRequestTier],
    Field(max_length=100, description="each `below` once; the lowest one that is greater than the uptime counts"),
]


class CreditsRequestUptimePercent(BaseModel):
    """An uptime as a percentage."""

    model_config = forbid_unknown(examples=[{"uptime_percent": "99.898", "tiers": _TIERS}])

    uptime_percent: Percentage
    tiers: _Tiers

    def percent(self) -> Fraction:
        """The uptime in percent, exactly."""
        return Fraction(self.uptime_percent)


class CreditsRequestUptimeFraction(BaseModel):
    """An uptime as whole numbers, such as seconds up of all seconds: it needs no rounding."""

    model_config = forbid_unknown(examples=[{"numerator": 2589407, "denominator": 2592000, "tiers": _TIERS}])

    numerator: StrictInt = Field(ge=0, le=_LARGEST, json_schema_extra=_INT64, description="at most `denominator`")
    denominator: StrictInt = Field(ge=1, le=_LARGEST, json_schema_extra=_INT64)
    tiers: _Tiers

    def percent(self) -> Fraction:
        """The uptime in percent, exactly."""
        return Fraction(100 * self.numerator, self.denominator)


def _kind_of_uptime(value: Any) -> Literal["percentage", "whole numbers"]:
    if isinstance(value, dict):
        counted = "numerator" in value or "denominator" in value
    else:
        counted = isinstance(value, CreditsRequestUptimeFraction)
    return "whole numbers" if counted else "percentage"


_Uptime = Annotated[
    Annotated[CreditsRequestUptimePercent, Tag("percentage")]
    | Annotated[CreditsRequestUptimeFraction, Tag("whole numbers")],
    Discriminator(_kind_of_uptime),
]


class CreditsRequestPenalty(BaseModel):
    """A target that was missed, by how much, and what that costs."""

    model_config = forbid_unknown(examples=[_PENALTY])

    id: Name = Field(examples=["INC-1"])
    overrun: ClockDuration = Field(description="how much later than the target")
    unit: ClockDuration = Field(description="longer than nothing; a started one counts whole")
    percent_per_started_unit: NonNegativeDecimal = Field(description="of the monthly fee")
    cap_percent: NonNegativeDecimal | None = Field(default=None, description="of the monthly fee, before the share")
    provider_share: Share = Field(description="the part that the provider bears; it comes after the cap")

    @field_validator("unit")
    @classmethod
    def _takes_time(cls, unit: timedelta) -> timedelta:
        if not unit:
            raise ValueError("a unit is longer than nothing, such as PT1H")
        return unit


class CreditsRequestLate(BaseModel):
    """Something that came late: `value` × `days_late` ÷ `divisor`."""

    model_config = forbid_unknown(examples=[_LATE])

    id: Name = Field(examples=["L-1"])
    value: NonNegativeDecimal = Field(description="in the currency of the monthly fee")
    days_late: StrictInt = Field(ge=0, le=1_000_000, json_schema_extra={"format": "int32"})
    divisor: StrictInt = Field(ge=1, le=1_000_000_000, json_schema_extra={"format": "int32"})
    exempt_up_to: NonNegativeDecimal | None = Field(
        default=None, description="an exact figure that is not more owes nothing; it is not deducted from a larger one"
    )
    cap_percent: NonNegativeDecimal | None = Field(default=None, description="of the value")


class CreditsRequest(BaseModel):
    """The fee of a month, what was missed in it, and how the lines come together."""

    model_config = forbid_unknown(
        examples=[
            {
                "monthly_fee": {"amount": "400.00", "currency": "EUR"},
                "uptime": {"uptime_percent": "99.898", "tiers": _TIERS},
                "penalties": [_PENALTY],
                "late": [_LATE],
                "cumulation": "sum",
                "cap_percent": "20",
            }
        ]
    )

    monthly_fee: NonNegativeMoney
    uptime: _Uptime | None = None
    penalties: list[CreditsRequestPenalty] | None = Field(default=None, max_length=1000)
    late: list[CreditsRequestLate] | None = Field(default=None, max_length=1000)
    cumulation: Cumulation = Field(description="`sum` adds all lines, `max` keeps the largest single line")
    cap_percent: NonNegativeDecimal | None = Field(default=None, description="of the monthly fee, on the whole")


_LINE: JsonDict = {"id": "uptime", "amount": "40.00", "why": "An uptime below 99.9 % credits 10 % of the fee."}


class CreditsAnswerLine(BaseModel):
    """What one item of the request comes to, rounded on its own."""

    model_config = ConfigDict(json_schema_extra={"examples": [_LINE]})

    id: Name = Field(examples=["uptime"])
    amount: AmountText
    why: str = Field(max_length=1000, examples=[_LINE["why"]])


class CreditsAnswer(BaseModel):
    """What is owed. The totals are sums of the lines, before cumulation and the overall cap."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "uptime_credit": "40.00",
                    "penalty_total": "0.00",
                    "late_total": "0.00",
                    "owed": "40.00",
                    "capped": False,
                    "lines": [_LINE],
                }
            ]
        }
    )

    uptime_credit: AmountText
    penalty_total: AmountText
    late_total: AmountText
    owed: AmountText
    capped: bool = Field(description="the overall cap lowered the result")
    lines: list[CreditsAnswerLine] = Field(
        max_length=2001, description="one for each item: `uptime` first, then penalties and late, zero ones too"
    )

    @classmethod
    def of(cls, owed: CreditsOwed) -> CreditsAnswer:
        """The answer that tells what is owed."""
        return cls(
            uptime_credit=owed.uptime_credit.text,
            penalty_total=owed.penalty_total.text,
            late_total=owed.late_total.text,
            owed=owed.owed.text,
            capped=owed.capped,
            lines=[
                CreditsAnswerLine(id=line.id, amount=line.amount.text, why=_in_words(line.because))
                for line in owed.lines
            ],
        )


def _in_words(because: Because) -> str:
    if isinstance(because, TierReached):
        return _uptime_in_words(because)
    return _penalty_in_words(because) if isinstance(because, UnitsStarted) else _late_in_words(because)


def _uptime_in_words(because: TierReached) -> str:
    tier = because.tier
    if tier is None:
        return "The uptime is below no tier."
    return f"An uptime below {decimal_text(tier.below)} % credits {decimal_text(tier.credit_percent)} % of the fee."


def _penalty_in_words(because: UnitsStarted) -> str:
    penalty = because.penalty
    if not because.units:
        return "The target was not overrun."
    words = f"{because.units} started × {decimal_text(penalty.percent_per_started_unit)} % of the fee"
    if because.capped and penalty.cap_percent is not None:
        words += f", capped at {decimal_text(penalty.cap_percent)} %"
    if penalty.provider_share != 1:
        words += f", of which the provider bears {penalty.provider_share}"
    return f"{words}."


def _late_in_words(because: DaysCounted) -> str:
    late = because.late
    words = f"{decimal_text(late.value)} × {late.days_late} days ÷ {late.divisor}"
    if because.exempt and late.exempt_up_to is not None:
        words += f" is not more than the exempt {decimal_text(late.exempt_up_to)}"
    if because.capped and late.cap_percent is not None:
        words += f", capped at {decimal_text(late.cap_percent)} % of the value"
    return f"{words}."


@router.post("/credits", summary="Compute service credits and penalties", openapi_extra={"security": []})
def calculate_credits(request: CreditsRequest) -> CreditsAnswer:
    """What a month costs the provider: credits for uptime, penalties for missed targets, and lateness, line by line.

    Nothing is stored, and no token is needed. It is the function that settlement is to use.
    """
    try:
        owed = credits_owed(
            request.monthly_fee.money,
            uptime=None
            if request.uptime is None
            else MeasuredUptime(
                request.uptime.percent(), tuple(Tier(each.below, each.credit_percent) for each in request.uptime.tiers)
            ),
            penalties=[
                Penalty(
                    id=each.id,
                    overrun=each.overrun,
                    unit=each.unit,
                    percent_per_started_unit=each.percent_per_started_unit,
                    provider_share=Fraction(each.provider_share),
                    cap_percent=each.cap_percent,
                )
                for each in request.penalties or ()
            ],
            late=[
                Late(
                    id=each.id,
                    value=each.value,
                    days_late=each.days_late,
                    divisor=each.divisor,
                    exempt_up_to=each.exempt_up_to,
                    cap_percent=each.cap_percent,
                )
                for each in request.late or ()
            ],
            cumulation=request.cumulation,
            cap_percent=request.cap_percent,
        )
    except CreditsRefusedError as refused:
        raise ValidationFailed(
            f"These figures make no credit: {refused}.",
            errors=[FieldError(detail=str(refused), pointer=json_pointer(refused.path))],
        ) from refused
    return CreditsAnswer.of(owed)
