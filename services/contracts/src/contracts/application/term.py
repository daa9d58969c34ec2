"""How long a contract runs: its terms and their renewal, notice, leaving early, and what a suspension does."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, StrictBool, model_validator

from contracts.application.values import Percent, Request
from contracts.domain.contract_term import ContractTerm, RenewalKind
from contracts.domain.contract_term import Renewal as RenewalValue
from contracts.domain.early_termination import LeavingRule

TermMonths = Annotated[int, Field(strict=True, ge=1, le=1200, json_schema_extra={"format": "int32"})]
NoticeMonths = Annotated[int, Field(strict=True, ge=0, le=120, json_schema_extra={"format": "int32"})]
SuspensionCause = Literal["unpaid_invoices", "access_withheld", "security", "client_request", "other"]


class Renewal(Request):
    """What happens at the end of a term."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"kind": "tacit", "months": 12}]})

    kind: RenewalKind = Field(
        description="tacit: another term begins unless notice was given; express: one is agreed on; none: it ends."
    )
    months: TermMonths | None = Field(
        default=None, description="Length of a further term; required for tacit, the usual one for express."
    )

    @model_validator(mode="after")
    def _the_length_fits_the_kind(self) -> Self:
        if self.kind == "tacit" and self.months is None:
            raise ValueError("a tacit renewal needs months: how long the terms that follow are")
        if self.kind == "none" and self.months is not None:
            raise ValueError("a contract that is not renewed has no months of a further term")
        return self


class EarlyTermination(Request):
    """How the contract can be left before its term ends, and what leaving before even that costs."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"minimum_months": 3, "notice_months": 1, "whole_periods": True, "compensation_percent": "50"}]
        },
    )

    minimum_months: NoticeMonths = Field(description="How long it runs at least.", examples=[3])
    notice_months: NoticeMonths = Field(default=0, description="How long it runs after notice.", examples=[1])
    whole_periods: StrictBool = Field(
        default=False, description="It ends with a monthly period only, counted from the start day."
    )
    compensation_percent: Percent = Field(
        default="0",
        description="Who leaves earlier owes this percentage of the fees up to the regular end.",
        examples=["50"],
    )

    def as_value(self) -> LeavingRule:
        """The rule as the domain knows it."""
        return LeavingRule(
            self.minimum_months, self.notice_months, self.whole_periods, Decimal(self.compensation_percent)
        )


class SuspensionRules(Request):
    """Why the contract may be suspended, and what is owed meanwhile."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"causes": ["unpaid_invoices"], "fee_percent": "30"}]},
    )

    causes: list[SuspensionCause] = Field(
        default_factory=list, max_length=5, description="For nothing else; empty: for any reason that is given."
    )
    fee_percent: Percent = Field(
        default="0", description="Share of the fee that is owed while nothing is promised.", examples=["30"]
    )


class Term(Request):
    """How long the contract runs from `starts_on`. With it `ends_on` is left out: the term says when it ends."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "initial_months": 12,
                    "renewal": {"kind": "tacit", "months": 12},
                    "notice_months": 3,
                    "alert_days": 21,
                    "early_termination": {"minimum_months": 3, "notice_months": 1},
                    "suspension": {"causes": [], "fee_percent": "0"},
                    "cure_days": 30,
                }
            ]
        },
    )

    initial_months: TermMonths = Field(examples=[12])
    renewal: Renewal
    notice_months: NoticeMonths = Field(default=0, description="How long before the end of a term notice is given.")
    alert_days: Annotated[int, Field(strict=True, ge=0, le=3650, json_schema_extra={"format": "int32"})] = Field(
        default=0, description="How many days before that deadline somebody is told that it comes."
    )
    early_termination: EarlyTermination | None = Field(
        default=None, description="Null: nobody can leave before the end of the term."
    )
    suspension: SuspensionRules = Field(default_factory=SuspensionRules)
    cure_days: Annotated[int, Field(strict=True, ge=0, le=365, json_schema_extra={"format": "int32"})] = Field(
        default=30,
        description="How long a party has at least to mend what it was formally put on notice of; 0: no time.",
    )

    def from_day(self, starts_on: date) -> ContractTerm:
        """The term of a contract that starts on this day, as the domain knows it."""
        return ContractTerm(
            start=starts_on,
            initial_months=self.initial_months,
            renewal=RenewalValue(self.renewal.kind, self.renewal.months),
            notice_months=self.notice_months,
            alert_days=self.alert_days,
        )
