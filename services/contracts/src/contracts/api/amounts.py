"""Money as the calculators read and show it."""

from typing import Annotated

from pydantic import ConfigDict, Field

from shared.values import MoneyValue, NonNegativeDecimal


class NonNegativeMoney(MoneyValue):
    """An amount that is owed or agreed, and never below zero."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, json_schema_extra={"examples": [{"amount": "300.00", "currency": "EUR"}]}
    )

    amount: NonNegativeDecimal


AmountText = Annotated[
    str, Field(max_length=64, description="with the minor units of the currency", examples=["40.00"])
]
"""A bare amount in an answer."""
