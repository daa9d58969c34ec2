"""The price follows an index: what the parties agree on, the values of indices, and what became of the price."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, Self, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from contracts.application.values import Code, Ratio, Request, WebAddress
from contracts.domain.indexation import CoefficientRounding, IndexationRefusedError, IndexationRule
from shared.values import Instant, LocalDate

IndexFigure: TypeAlias = Annotated[
    str,
    StringConstraints(
        min_length=1,
        max_length=20,
        pattern=r"^(?:[1-9][0-9]{0,9}(?:\.[0-9]{1,6})?|0\.(?:0{0,5}[1-9][0-9]{0,5}))$",
    ),
]
"""A positive decimal."""
Coefficient: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=20, pattern=r"^(?:0|[1-9][0-9]{0,5})(?:\.[0-9]{1,12})?$")
]
MonthDay: TypeAlias = Annotated[
    str,
    StringConstraints(
        min_length=5,
        max_length=5,
        pattern=r"^(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))$",
    ),
]
"""A day of every year."""
Decimals: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=12, json_schema_extra={"format": "int32"})]


class Indexation(Request):
    """How the price follows an index: price × (fixed share + (1 − fixed share) × newest value ÷ base value).

    It is applied to the price that was signed, every year anew, so nothing is rounded twice.
    """

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "index_name": "syntec",
                    "base_value": "305.40",
                    "fixed_share": "0.15",
                    "floor_coefficient": "1",
                    "cap_coefficient": "1.05",
                    "coefficient_decimals": 4,
                    "coefficient_rounding": "half_up",
                    "revised_on": "01-01",
                }
            ]
        },
    )

    index_name: Code = Field(description="Name of an index whose values the agency enters.", examples=["syntec"])
    base_value: IndexFigure = Field(description="The index that the signed price belongs to.", examples=["305.40"])
    fixed_share: Ratio = Field(default="0", description="The part of the price that does not move.")
    floor_coefficient: Coefficient | None = None
    cap_coefficient: Coefficient | None = None
    coefficient_decimals: Decimals | None = Field(
        default=None, description="A number exactly when the coefficient is rounded."
    )
    coefficient_rounding: CoefficientRounding = Field(default="none", description="Before floor and cap.")
    revised_on: MonthDay = Field(
        description="Day of every year after the first on which the price is revised, month and day.",
        examples=["01-01"],
    )

    @model_validator(mode="after")
    def _makes_a_revision(self) -> Self:
        try:
            self.rule()
        except IndexationRefusedError as refused:
            raise ValueError(f"{'.'.join(refused.path)}: {refused}") from None
        return self

    def rule(self) -> IndexationRule:
        """The rule as the domain knows it. Raises IndexationRefusedError."""
        return IndexationRule(
            fixed_share=Decimal(self.fixed_share),
            floor=None if self.floor_coefficient is None else Decimal(self.floor_coefficient),
            cap=None if self.cap_coefficient is None else Decimal(self.cap_coefficient),
            decimals=self.coefficient_decimals,
            rounding=self.coefficient_rounding,
        )

    def next_date(self, after: date) -> date:
        """The first day of revision after a day."""
        month, day = (int(part) for part in self.revised_on.split("-"))
        this_year = date(after.year, month, day)
        return this_year if this_year > after else date(after.year + 1, month, day)


class NewIndexValue(Request):
    """One value of an index, as its publisher published it."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "index_name": "syntec",
                    "period": "2026-10",
                    "value": "318.20",
                    "published_on": "2026-11-25",
                    "source": "https://syntec.example/indice",
                }
            ]
        },
    )

    index_name: Code = Field(examples=["syntec"])
    period: Annotated[str, StringConstraints(min_length=7, max_length=7, pattern=r"^[0-9]{4}-(?:0[1-9]|1[0-2])$")] = (
        Field(description="The month that the value is of.", examples=["2026-10"])
    )
    value: IndexFigure = Field(examples=["318.20"])
    published_on: LocalDate = Field(description="When its publisher published it.")
    source: WebAddress | None = Field(default=None, description="Where it can be read.")


class IndexValue(NewIndexValue):
    """A value of an index, as entered. It is never changed: of two for one month the one entered later counts."""

    model_config = ConfigDict(extra="ignore")

    index_value_id: UUID
    recorded_by: str
    recorded_at: Instant


class Revision(BaseModel):
    """How a price came about by an index: everything that is needed to compute it again."""

    revised_on: LocalDate = Field(description="The day of the contract on which it is revised.")
    index_name: str
    index_value_id: UUID
    period: str = Field(description="Of the value that was the newest one published by then.")
    published_on: LocalDate
    base_value: str
    new_value: str
    base_price: str = Field(description="The price that was signed.")
    fixed_share: str
    floor_coefficient: str | None = None
    cap_coefficient: str | None = None
    coefficient_decimals: int | None = None
    coefficient_rounding: CoefficientRounding = "none"
    coefficient: str = Field(description="Cut for display: the price comes from the exact one.")
    why: dict[str, str] = Field(description="The computation in French and English.")


class PriceState(BaseModel):
    """What a contract costs per month from an instant on."""

    contract_id: UUID
    client_id: UUID
    version: int = Field(ge=1, description="Version of the contract from which it holds.")
    effective_from: Instant
    amount: str
    currency: str
    came_by: Literal["agreed", "amended", "revised"] = Field(
        description="Signed with the contract, signed with an amendment, or revised by the index that was signed."
    )
    revision: Revision | None
