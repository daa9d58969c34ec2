"""How a contract's price comes about, as it is told to the client."""

from decimal import Decimal
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from contracts.application.signing_words import price_words
from contracts.application.values import Amount, Currency, Name, Percent, Reason, Request, decimals_fit
from contracts.domain import price_breakdown as rules
from shared.kernel.money import Money

Count = Annotated[int, Field(strict=True, ge=0, le=1000, json_schema_extra={"format": "int32"})]
SignedAmount = Annotated[
    str, StringConstraints(min_length=1, max_length=17, pattern=r"^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,3})?$")
]


class PriceExtra(Request):
    """Things of one kind: some are in the base, each further one adds a percentage of the base."""

    name: Name = Field(examples=["staging"])
    count: Count
    included: Count = 0
    percent_each: Percent = Field(examples=["10"])


class PriceSurcharge(Request):
    """A percentage for a class of criticality or a service level, of everything before it."""

    name: Name = Field(examples=["high"])
    percent: Percent = Field(examples=["25"])


class PriceAdjustment(Request):
    """What was agreed on top or off, and why."""

    amount: SignedAmount = Field(examples=["-25.00"])
    reason: Reason = Field(examples=["Two years in advance"])


class PriceParameters(Request):
    """What a monthly price depends on: scope, environments, criticality and service level, over a base."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "base": "400.00",
                    "currency": "EUR",
                    "scope": [{"name": "website", "count": 2, "included": 1, "percent_each": "20"}],
                    "environments": [{"name": "staging", "count": 1, "included": 0, "percent_each": "10"}],
                    "criticality": {"name": "high", "percent": "15"},
                    "service_level": {"name": "around the clock", "percent": "25"},
                }
            ]
        },
    )

    base: Amount = Field(examples=["400.00"])
    currency: Currency
    scope: list[PriceExtra] = Field(default_factory=list, max_length=20)
    environments: list[PriceExtra] = Field(default_factory=list, max_length=20)
    criticality: PriceSurcharge | None = None
    service_level: PriceSurcharge | None = None
    adjustment: PriceAdjustment | None = None

    @model_validator(mode="after")
    def _as_the_currency_is_written(self) -> Self:
        self.base = decimals_fit(self.base, self.currency)
        if self.adjustment is not None:
            self.adjustment.amount = decimals_fit(self.adjustment.amount, self.currency)
        return self

    def breakdown(self) -> rules.Breakdown:
        """The lines and the total."""
        adjustment = "0" if self.adjustment is None else self.adjustment.amount
        return rules.breakdown(
            rules.Parameters(
                base=Decimal(self.base),
                currency=self.currency,
                scope=[_extra(extra) for extra in self.scope],
                environments=[_extra(extra) for extra in self.environments],
                criticality=_surcharge(self.criticality),
                service_level=_surcharge(self.service_level),
                adjustment=Decimal(adjustment),
            )
        )


def _extra(extra: PriceExtra) -> rules.Extra:
    return rules.Extra(extra.name, extra.count, extra.included, Decimal(extra.percent_each))


def _surcharge(surcharge: PriceSurcharge | None) -> rules.Surcharge | None:
    return None if surcharge is None else rules.Surcharge(surcharge.name, Decimal(surcharge.percent))


class PriceLine(BaseModel):
    """One step of the price: `count` further things at `percent` of `of`."""

    factor: rules.Factor
    name: str | None
    count: int | None
    percent: str | None
    of: str | None
    amount: str
    why: dict[str, str] = Field(description="The step in French and English.")


class PriceBreakdown(BaseModel):
    """A monthly price, factor by factor."""

    currency: str
    lines: list[PriceLine] = Field(max_length=50)
    total: str


def told(parameters: PriceParameters) -> PriceBreakdown:
    """The price, factor by factor, with a sentence for each."""
    currency = parameters.currency
    steps = parameters.breakdown()
    reason = None if parameters.adjustment is None else parameters.adjustment.reason

    def money(amount: Decimal) -> str:
        return Money(amount, currency).text

    return PriceBreakdown(
        currency=currency,
        lines=[
            PriceLine(
                factor=line.factor,
                name=line.name,
                count=line.count,
                percent=None if line.percent is None else format(line.percent, "f"),
                of=None if line.of is None else money(line.of),
                amount=money(line.amount),
                why=price_words(line, currency, reason),
            )
            for line in steps.lines
        ],
        total=money(steps.total),
    )
