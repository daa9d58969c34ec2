"""Term, renewal and notice dates without state: the function that renewals and settlement use, for previews."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field, StrictInt
from pydantic.config import JsonDict

from contracts.domain.contract_term import (
    ContractTerm,
    Days,
    Renewal,
    RenewalKind,
    TermReading,
    TermRefusedError,
    TermStatus,
    monthly_periods,
    read_term,
)
from shared.problems import FieldError, ValidationFailed
from shared.values import LocalDate, forbid_unknown, json_pointer

router = APIRouter(prefix="/v1/calculators", tags=["calculators"])

_MOST_PERIODS = 1200
_INT32: JsonDict = {"format": "int32"}

_TermMonths = Annotated[StrictInt, Field(ge=1, le=120_000, json_schema_extra=_INT32)]


class TermRequestRenewal(BaseModel):
    """What happens at the end of a term."""

    model_config = forbid_unknown(examples=[{"kind": "tacit", "months": 12}])

    kind: RenewalKind = Field(description="`tacit` renews by itself for `months` at a time; `express` and `none` end")
    months: _TermMonths | None = Field(default=None, description="required with `tacit`; changes nothing otherwise")


class TermRequest(BaseModel):
    """What was agreed on, and the day on which it is read. All dates are local dates of the contract's zone."""

    model_config = forbid_unknown(
        examples=[
            {
                "start": "2020-08-01",
                "initial_months": 36,
                "renewal": {"kind": "tacit", "months": 12},
                "notice_months": 3,
                "alert_days": 21,
                "as_of": "2023-10-31",
                "monthly_periods": 5,
            }
        ]
    )

    start: LocalDate
    initial_months: _TermMonths
    renewal: TermRequestRenewal
    notice_months: StrictInt = Field(ge=0, le=120_000, json_schema_extra=_INT32)
    alert_days: StrictInt = Field(ge=0, le=4_000_000, json_schema_extra=_INT32, description="before the deadline")
    as_of: LocalDate
    monthly_periods: StrictInt = Field(
        default=0, ge=0, le=_MOST_PERIODS, json_schema_extra=_INT32, description="how many; not limited by the term"
    )


class TermAnswerSpan(BaseModel):
    """Local dates, `to` not included."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"from": "2023-08-01", "to": "2024-08-01"}]})

    from_: LocalDate = Field(alias="from")
    to: LocalDate

    @classmethod
    def of(cls, days: Days) -> TermAnswerSpan:
        """The answer that tells these days."""
        return cls.model_validate({"from": days.first, "to": days.end})


class TermAnswer(BaseModel):
    """Where the contract stands on `as_of`. Before the start the current term is the first, once ended the last."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "active",
                    "current_term": {"from": "2023-08-01", "to": "2024-08-01"},
                    "notice_deadline": "2024-05-01",
                    "alert_on": "2024-04-10",
                    "periods": [{"from": "2020-08-01", "to": "2020-09-01"}],
                }
            ]
        }
    )

    status: TermStatus
    current_term: TermAnswerSpan
    notice_deadline: LocalDate = Field(description="the day before which notice must be given")
    alert_on: LocalDate
    periods: list[TermAnswerSpan] = Field(max_length=_MOST_PERIODS, description="the first ones of the contract")

    @classmethod
    def of(cls, reading: TermReading, periods: list[Days]) -> TermAnswer:
        """The answer that tells a reading."""
        return cls(
            status=reading.status,
            current_term=TermAnswerSpan.of(reading.current_term),
            notice_deadline=reading.notice_deadline,
            alert_on=reading.alert_on,
            periods=[TermAnswerSpan.of(each) for each in periods],
        )


@router.post("/term", summary="Compute term, renewal and notice dates", openapi_extra={"security": []})
def calculate_term(request: TermRequest) -> TermAnswer:
    """The current term of a contract, until when notice must be given, when to tell somebody, and its monthly periods.

    Nothing is stored, and no token is needed. It is the function that renewals are to use.
    """
    try:
        term = ContractTerm(
            start=request.start,
            initial_months=request.initial_months,
            renewal=Renewal(request.renewal.kind, request.renewal.months),
            notice_months=request.notice_months,
            alert_days=request.alert_days,
        )
        return TermAnswer.of(read_term(term, request.as_of), monthly_periods(request.start, request.monthly_periods))
    except TermRefusedError as refused:
        raise ValidationFailed(
            f"These dates make no term: {refused}.",
            errors=[FieldError(detail=str(refused), pointer=json_pointer(refused.path))],
        ) from refused
