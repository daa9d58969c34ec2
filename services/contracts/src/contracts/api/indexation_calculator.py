"""Price revision without state: the function that settlement is to use, for previews and for checking its figures."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated

from fastapi import APIRouter
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt

from contracts.domain.indexation import (
    CoefficientRounding,
    IndexationRefusedError,
    IndexationRule,
    coefficient_text,
    indexed_price,
)
from shared.problems import FieldError, ValidationFailed
from shared.values import MoneyValue, NonNegativeDecimal, Share, forbid_unknown, json_pointer

router = APIRouter(prefix="/v1/calculators", tags=["calculators"])


def _positive(index: Decimal) -> Decimal:
    if not index:
        raise ValueError("an index is greater than zero")
    return index


_Decimals = Annotated[StrictInt, Field(ge=0, le=50, json_schema_extra={"format": "int32"})]
_Index = Annotated[NonNegativeDecimal, AfterValidator(_positive)]


class IndexationRequest(BaseModel):
    """A price, and the index that it follows."""

    model_config = forbid_unknown(
        examples=[
            {
                "price": {"amount": "300.00", "currency": "EUR"},
                "fixed_share": "0",
                "base_index": "242.60",
                "new_index": "245.60",
                "floor_coefficient": None,
                "cap_coefficient": None,
                "coefficient_decimals": None,
                "coefficient_rounding": "none",
            }
        ]
    )

    price: MoneyValue = Field(description="negative for a discount line")
    fixed_share: Share = Field(description="the part of the price that does not move")
    base_index: _Index
    new_index: _Index
    floor_coefficient: NonNegativeDecimal | None = Field(default=None, description="not over the cap")
    cap_coefficient: NonNegativeDecimal | None = None
    coefficient_decimals: _Decimals | None = Field(
        default=None, description="a number exactly when the coefficient is rounded"
    )
    coefficient_rounding: CoefficientRounding = Field(description="before floor and cap")


class IndexationAnswer(BaseModel):
    """The price after the revision."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"coefficient": "1.012366034624", "price": {"amount": "303.71", "currency": "EUR"}}]
        }
    )

    coefficient: str = Field(
        max_length=100,
        description="as used; at most 12 decimals, cut for display: the price comes from the exact one",
        examples=["1.012366034624"],
    )
    price: MoneyValue


@router.post("/indexation", summary="Compute a price revision", openapi_extra={"security": []})
def calculate_indexation(request: IndexationRequest) -> IndexationAnswer:
    """A price multiplied with fixed share + (1 − fixed share) × new index ÷ base index, rounded once.

    Nothing is stored, and no token is needed. It is the function that settlement is to use.
    """
    try:
        rule = IndexationRule(
            fixed_share=request.fixed_share,
            floor=request.floor_coefficient,
            cap=request.cap_coefficient,
            decimals=request.coefficient_decimals,
            rounding=request.coefficient_rounding,
        )
    except IndexationRefusedError as refused:
        raise ValidationFailed(
            f"These figures make no revision: {refused}.",
            errors=[FieldError(detail=str(refused), pointer=json_pointer(refused.path))],
        ) from refused
    coefficient = rule.coefficient(request.base_index, request.new_index)
    return IndexationAnswer(
        coefficient=coefficient_text(coefficient),
        price=MoneyValue.of(indexed_price(request.price.money, coefficient)),
    )
