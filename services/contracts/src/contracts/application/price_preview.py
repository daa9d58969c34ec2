"""What a price comes to before it is written into a contract: a pricing model, month by month, with discounts."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Annotated, Literal, Self, TypeAlias
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, StrictBool, model_validator

from contracts.application.errors import Refused
from contracts.application.values import (
    Amount,
    AmountOfMoney,
    Code,
    Currency,
    Name,
    Percent,
    Request,
    TimeZone,
    decimals_fit,
)
from contracts.domain import pricing as rules
from contracts.domain.billing_periods import Anchor, BillingPeriod, billing_periods, instants_of
from contracts.domain.discounts import AmountOff, Discount, FeeStretch, PercentOff, discount_lines
from shared.kernel.money import Money
from shared.values import LocalDate

YEARS = range(1900, 2900)
"""Within them every local day of every zone can be told as an instant."""

Months = Annotated[int, Field(strict=True, ge=1, le=120, json_schema_extra={"format": "int32"})]
Minutes = Annotated[int, Field(strict=True, ge=0, le=1_000_000, json_schema_extra={"format": "int32"})]


class FlatModel(Request):
    """The same amount every month."""

    kind: Literal["flat"]
    per_month: Amount = Field(examples=["300.00"])


class SaleShareModel(Request):
    """A percentage of what the system was sold for, every year."""

    kind: Literal["share_of_sale_price"]
    percent: Percent = Field(examples=["15"])
    sale_price: Amount = Field(examples=["20000.00"])


class DurationModel(Request):
    """One price for a number of months, paid in as many parts."""

    kind: Literal["duration"]
    total: Amount = Field(examples=["5000.00"])
    months: Months = Field(examples=[18])


class TicketToPrice(Request):
    """A maintenance request of a kind that the model names."""

    id: Name
    kind: Code


class PerTicketModel(Request):
    """A price for each maintenance request."""

    kind: Literal["per_ticket"]
    rates: dict[Code, Amount] = Field(max_length=50, examples=[{"corrective": "80.00"}])
    otherwise: Amount | None = Field(default=None, description="For kinds without a price of their own; null: none.")
    tickets: list[TicketToPrice] = Field(default_factory=list, max_length=200)


class HourlyModel(Request):
    """A price for each hour of accounted work."""

    kind: Literal["hours"]
    rate: Amount = Field(examples=["90.00"])
    minutes: Minutes = Field(examples=[90])


class QuoteToPrice(Request):
    """A price that was named for one thing."""

    id: Name
    amount: Amount
    accepted: StrictBool


class OnDemandModel(Request):
    """What was quoted on demand and accepted."""

    kind: Literal["on_demand"]
    quotes: list[QuoteToPrice] = Field(max_length=200)


Model: TypeAlias = Annotated[
    FlatModel | SaleShareModel | DurationModel | PerTicketModel | HourlyModel | OnDemandModel,
    Field(discriminator="kind"),
]


class DatedDiscount(Request):
    """What is taken off the fee from a day on: a percentage, or an amount a month."""

    code: Code = Field(examples=["launch"])
    percent: Percent | None = Field(default=None, examples=["20"])
    per_month: Amount | None = None
    starts_on: LocalDate
    ends_before: LocalDate | None = Field(default=None, description="The first day without it; null: for good.")

    @model_validator(mode="after")
    def _one_discount(self) -> Self:
        if (self.percent is None) == (self.per_month is None):
            raise ValueError("give either percent or per_month")
        days = [day for day in (self.starts_on, self.ends_before) if day is not None]
        if any(day.year not in YEARS for day in days):
            raise ValueError("dates are from 1900 on and before 2900")
        if self.ends_before is not None and self.ends_before <= self.starts_on:
            raise ValueError("ends_before is not after starts_on")
        return self

    def as_value(self) -> Discount:
        """The discount as the domain knows it."""
        off: PercentOff | AmountOff
        if self.percent is not None:
            off = PercentOff(Decimal(self.percent))
        else:
            assert self.per_month is not None
            off = AmountOff(Decimal(self.per_month))
        return Discount(self.code, off, self.starts_on, self.ends_before)


class PricePreviewRequest(Request):
    """A pricing model, and the months to compute."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "currency": "EUR",
                    "model": {"kind": "share_of_sale_price", "percent": "15", "sale_price": "20000.00"},
                    "starts_on": "2026-06-08",
                    "periods": 12,
                    "time_zone": "Europe/Paris",
                    "discounts": [
                        {"code": "launch", "percent": "20", "starts_on": "2026-06-08", "ends_before": "2026-09-08"}
                    ],
                }
            ]
        },
    )

    currency: Currency
    model: Model
    starts_on: LocalDate = Field(examples=["2026-06-08"])
    periods: Months = Field(default=12, description="How many monthly periods; only for models with a fee for time.")
    time_zone: TimeZone = "Europe/Paris"
    anchored_on: Anchor = Field(default="start_day", description="Months from the start day, or calendar months.")
    discounts: list[DatedDiscount] = Field(default_factory=list, max_length=20)

    @model_validator(mode="after")
    def _amounts_of_the_currency(self) -> Self:
        for amount in _amounts(self.model, self.discounts):
            decimals_fit(amount, self.currency)
        if self.starts_on.year not in YEARS:
            raise ValueError("starts_on is from 1900 on and before 2900")
        if len({discount.code for discount in self.discounts}) != len(self.discounts):
            raise ValueError("discounts has one code twice")
        return self


def _amounts(model: Model, discounts: Sequence[DatedDiscount]) -> list[str]:
    found: list[str | None] = [discount.per_month for discount in discounts]
    match model:
        case FlatModel():
            found.append(model.per_month)
        case SaleShareModel():
            found.append(model.sale_price)
        case DurationModel():
            found.append(model.total)
        case PerTicketModel():
            found += [*model.rates.values(), model.otherwise]
        case HourlyModel():
            found.append(model.rate)
        case OnDemandModel():
            found += [quote.amount for quote in model.quotes]
    return [amount for amount in found if amount is not None]


class DiscountTaken(BaseModel):
    """What a discount takes off in a period; `cut` when the fee does not allow all of it."""

    code: str
    amount: str
    cut: bool


class PreviewedPeriod(BaseModel):
    """One monthly period: the days of it that count, its fee, and what is left of it."""

    number: int
    from_day: LocalDate
    to_day: LocalDate = Field(description="Not included.")
    fee: str
    discounts: list[DiscountTaken] = Field(max_length=20)
    total: str


class PreviewedCharge(BaseModel):
    """What one thing that is done costs."""

    id: str
    amount: str


class PricePreview(BaseModel):
    """What a pricing model comes to."""

    currency: str
    monthly: AmountOfMoney | None = Field(description="A whole month; null: the model has no fee for time.")
    yearly: AmountOfMoney | None = Field(description="Twelve whole months, without discounts.")
    periods: list[PreviewedPeriod] = Field(max_length=120)
    charges: list[PreviewedCharge] = Field(max_length=200)
    total: str = Field(description="Of all periods and charges.")


def preview(request: PricePreviewRequest) -> PricePreview:
    """The price under a model. Raises Refused for a ticket of a kind that has no price."""
    currency, model = request.currency, request.model
    price: rules.TimePrice
    match model:
        case FlatModel():
            price = rules.FlatFee(Decimal(model.per_month))
        case SaleShareModel():
            price = rules.ShareOfSalePrice(Decimal(model.percent), Decimal(model.sale_price))
        case DurationModel():
            price = rules.DurationPrice(Decimal(model.total), model.months)
        case _:
            return _of_charges(_charges(model, currency), currency)
    whole_year = (rules.period_fee([(Fraction(1), price)], n, currency).amount for n in range(rules.MONTHS_OF_A_YEAR))
    periods = [
        _period(period, price, request)
        for period in islice(billing_periods(request.starts_on, None, request.anchored_on), request.periods)
    ]
    return PricePreview(
        currency=currency,
        monthly=_price(rules.monthly_fee(price, currency)),
        yearly=_price(_sum(whole_year, currency)),
        periods=periods,
        charges=[],
        total=_sum((Decimal(period.total) for period in periods), currency).text,
    )


def _charges(model: PerTicketModel | HourlyModel | OnDemandModel, currency: str) -> Sequence[rules.Charge]:
    match model:
        case PerTicketModel():
            otherwise = None if model.otherwise is None else Decimal(model.otherwise)
            rates = {kind: Decimal(rate) for kind, rate in model.rates.items()}
            tickets = [rules.Ticket(ticket.id, ticket.kind) for ticket in model.tickets]
            try:
                return rules.PerTicket(rates, otherwise).charges(tickets, currency)
            except rules.PricingRefusedError as refused:
                raise Refused(str(refused), "model", "tickets") from None
        case HourlyModel():
            return [rules.Charge("hours", rules.PerHour(Decimal(model.rate)).charge(model.minutes, currency))]
        case OnDemandModel():
            quotes = [rules.Quote(quote.id, Decimal(quote.amount), quote.accepted) for quote in model.quotes]
            return rules.on_demand(quotes, currency)


def _of_charges(charges: Sequence[rules.Charge], currency: str) -> PricePreview:
    return PricePreview(
        currency=currency,
        monthly=None,
        yearly=None,
        periods=[],
        charges=[PreviewedCharge(id=charge.id, amount=charge.amount.text) for charge in charges],
        total=_sum((charge.amount.amount for charge in charges), currency).text,
    )


def _period(period: BillingPeriod, price: rules.TimePrice, request: PricePreviewRequest) -> PreviewedPeriod:
    zone = ZoneInfo(request.time_zone)
    whole, covered = instants_of(period.whole, zone), instants_of(period.covered, zone)
    fee = rules.period_fee([(period.share, price)], period.number, request.currency)
    taken = discount_lines(
        [discount.as_value() for discount in request.discounts],
        [FeeStretch(covered.start, covered.end, price.monthly)],
        whole,
        zone,
        fee,
    )
    left = _sum((fee.amount, *(line.amount.amount for line in taken)), request.currency)
    return PreviewedPeriod(
        number=period.number,
        from_day=period.covered.first,
        to_day=period.covered.end,
        fee=fee.text,
        discounts=[DiscountTaken(code=line.code, amount=line.amount.text, cut=line.cut) for line in taken],
        total=left.text,
    )


def _sum(amounts: Iterable[Decimal], currency: str) -> Money:
    return Money.rounded(sum((Fraction(amount) for amount in amounts), Fraction(0)), currency)


def _price(money: Money) -> AmountOfMoney:
    return AmountOfMoney(amount=money.text, currency=money.currency)
