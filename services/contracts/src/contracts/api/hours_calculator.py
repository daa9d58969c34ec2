"""The hours ledger without state: the function that settlement is to use, for previews and for checking its figures."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt
from pydantic.config import JsonDict

from contracts.api.amounts import AmountText, NonNegativeMoney
from contracts.domain.hours_ledger import (
    HoursLine,
    HoursRefusedError,
    HoursTerms,
    MonthFigures,
    MonthOfWork,
    Rollover,
    RolloverPolicy,
    fold_hours,
)
from shared.kernel.hours import Accounting, Per, Work
from shared.problems import FieldError, ValidationFailed
from shared.values import LocalDate, Month, Name, NonNegativeDecimal, forbid_unknown, json_pointer

router = APIRouter(prefix="/v1/calculators", tags=["calculators"])

_MOST_LINES = 100
_MOST_MONTHS = 120
_MOST_ENTRIES = 10_000
_INT64: JsonDict = {"format": "int64"}

_LongMinutes = Annotated[StrictInt, Field(ge=0, le=100_000_000, json_schema_extra={"format": "int32"})]
_Total = Annotated[int, Field(ge=0, json_schema_extra=_INT64)]

_ENTRY = {
    "line": "technical",
    "minutes": 90,
    "date": "2026-01-05",
    "ticket": "T-1",
    "covered": False,
    "multipliers": ["1.5"],
}
_MONTH = {"month": "2026-01", "entries": [_ENTRY]}


class HoursRequestLine(BaseModel):
    """A line of the contract's hours."""

    model_config = forbid_unknown(examples=[{"code": "technical", "included_minutes": 120}])

    code: Name = Field(description="unique among the lines", examples=["technical"])
    included_minutes: _LongMinutes = Field(description="of every month")


class HoursRequestRollover(BaseModel):
    """What becomes of unused minutes."""

    model_config = forbid_unknown(examples=[{"policy": "none"}, {"policy": "fifo", "months": 12}])

    policy: RolloverPolicy = Field(
        description="`none`: they are lost; `one_period`: they can be used in the next month, after its own; `fifo`: in"
        " `months` months after their own, the oldest first and before the month's own"
    )
    months: Annotated[StrictInt, Field(ge=1, le=1200, json_schema_extra={"format": "int32"})] | None = Field(
        default=None, description="required with `fifo`, and with nothing else"
    )


class HoursRequestAccounting(BaseModel):
    """How minutes are rounded up."""

    model_config = forbid_unknown(examples=[{"unit_minutes": 15, "per": "entry"}])

    unit_minutes: StrictInt = Field(ge=1, le=100_000_000, json_schema_extra={"format": "int32"})
    per: Per = Field(description="once for each entry, or once for each line, ticket and day")


class HoursRequestEntry(BaseModel):
    """Work on a line."""

    model_config = forbid_unknown(examples=[_ENTRY])

    line: Name = Field(description="code of a line", examples=["technical"])
    minutes: _LongMinutes = Field(description="real ones")
    on: LocalDate = Field(alias="date", description="in the month that the entry is listed under")
    ticket: Name | None = Field(default=None, description="an entry without one stands alone", examples=["T-1"])
    covered: StrictBool = Field(default=False, description="the flat fee includes it whatever it takes")
    multipliers: list[NonNegativeDecimal] = Field(
        default=[], max_length=100, description="the largest one counts, never their product; none is 1"
    )

    def work(self) -> Work:
        """The domain's value."""
        return Work(self.line, self.minutes, self.on, self.ticket, self.covered, tuple(self.multipliers))


class HoursRequestMonth(BaseModel):
    """Everything that was worked in a calendar month."""

    model_config = forbid_unknown(examples=[_MONTH])

    month: Month = Field(description="the one after the month before in the list")
    entries: list[HoursRequestEntry] = Field(max_length=_MOST_ENTRIES)


class HoursRequest(BaseModel):
    """The hours of a contract, and months of work. Nothing is carried into the first one."""

    model_config = forbid_unknown(
        examples=[
            {
                "lines": [{"code": "technical", "included_minutes": 120}],
                "pooled": True,
                "rollover": {"policy": "none"},
                "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"},
                "accounting": {"unit_minutes": 1, "per": "entry"},
                "months": [_MONTH],
            }
        ]
    )

    lines: list[HoursRequestLine] = Field(max_length=_MOST_LINES)
    pooled: StrictBool = Field(description="one envelope for all lines: overage only when the sum is used up")
    rollover: HoursRequestRollover
    overage_rate_per_hour: NonNegativeMoney
    accounting: HoursRequestAccounting
    months: list[HoursRequestMonth] = Field(max_length=_MOST_MONTHS)


_ANSWER_LINE: JsonDict = {"code": "technical", "real_minutes": 90, "accounted_minutes": 135, "covered_minutes": 0}
_ANSWER_MONTH: JsonDict = {
    "month": "2026-01",
    "available_minutes": 120,
    "real_minutes": 90,
    "accounted_minutes": 135,
    "covered_minutes": 0,
    "overage_minutes": 15,
    "overage_amount": "22.50",
    "rolled_over_minutes": 0,
    "expired_minutes": 0,
    "lines_over": ["technical"],
    "lines": [_ANSWER_LINE],
}


class HoursAnswerLine(BaseModel):
    """What was worked on one line."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER_LINE]})

    code: Name = Field(examples=["technical"])
    real_minutes: _Total
    accounted_minutes: _Total
    covered_minutes: _Total


class HoursAnswerMonth(BaseModel):
    """A month of the ledger."""

    model_config = ConfigDict(json_schema_extra={"examples": [_ANSWER_MONTH]})

    month: Month
    available_minutes: _Total = Field(description="what the month includes, and what earlier months left")
    real_minutes: _Total = Field(description="all that was worked, covered minutes too")
    accounted_minutes: _Total = Field(description="multiplied and rounded up: what consumes hours")
    covered_minutes: _Total = Field(description="real minutes that the flat fee includes; they consume nothing")
    overage_minutes: _Total
    overage_amount: AmountText
    rolled_over_minutes: _Total = Field(description="can be used next month")
    expired_minutes: _Total = Field(description="lost at the end of this month")
    lines_over: list[Name] = Field(
        max_length=_MOST_LINES,
        description="pooled: lines over their own share, otherwise lines that have overage; in the order of the lines",
    )
    lines: list[HoursAnswerLine] = Field(max_length=_MOST_LINES, description="every line, in their order")

    @classmethod
    def of(cls, figures: MonthFigures) -> HoursAnswerMonth:
        """The answer that tells a month."""
        return cls(
            month=figures.month,
            available_minutes=figures.available_minutes,
            real_minutes=figures.real_minutes,
            accounted_minutes=figures.accounted_minutes,
            covered_minutes=figures.covered_minutes,
            overage_minutes=figures.overage_minutes,
            overage_amount=figures.overage_amount.text,
            rolled_over_minutes=figures.rolled_over_minutes,
            expired_minutes=figures.expired_minutes,
            lines_over=list(figures.lines_over),
            lines=[
                HoursAnswerLine(
                    code=code,
                    real_minutes=minutes.real,
                    accounted_minutes=minutes.accounted,
                    covered_minutes=minutes.covered,
                )
                for code, minutes in figures.by_line.items()
            ],
        )


class HoursAnswer(BaseModel):
    """The ledger, month by month."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"months": [_ANSWER_MONTH]}]})

    months: list[HoursAnswerMonth] = Field(max_length=_MOST_MONTHS)


@router.post("/hours", summary="Compute an hours ledger", openapi_extra={"security": []})
def calculate_hours(request: HoursRequest) -> HoursAnswer:
    """What each month draws from the hours of a contract, what is over, what rolls over and what is lost.

    Nothing is stored, and no token is needed. It is the function that settlement is to use.
    """
    try:
        figures = fold_hours(
            HoursTerms(
                lines=tuple(HoursLine(line.code, line.included_minutes) for line in request.lines),
                pooled=request.pooled,
                rollover=Rollover(request.rollover.policy, request.rollover.months),
                overage_rate_per_hour=request.overage_rate_per_hour.money,
                accounting=Accounting(request.accounting.unit_minutes, request.accounting.per),
            ),
            [MonthOfWork(each.month, [entry.work() for entry in each.entries]) for each in request.months],
        )
    except HoursRefusedError as refused:
        raise ValidationFailed(
            f"These figures make no ledger: {refused}.",
            errors=[FieldError(detail=str(refused), pointer=json_pointer(refused.path))],
        ) from refused
    return HoursAnswer(months=[HoursAnswerMonth.of(each) for each in figures])
