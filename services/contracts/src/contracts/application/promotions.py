"""Promotions of the catalogue, and the discounts that a contract holds: fixed once it is signed, with their dates."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import TYPE_CHECKING, Self
from uuid import UUID
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from contracts.application.errors import Refused
from contracts.application.values import Amount, Code, Currency, Percent, Price, Request, Texts, decimals_fit
from contracts.domain import discounts as rules
from contracts.domain.billing_periods import billing_periods, instants_of, share_of
from contracts.domain.discounts import AmountOff, Discount, FeeStretch, PercentOff
from contracts.domain.promotions import Wanted, offered
from shared.kernel.money import Money
from shared.values import Instant, LocalDate

if TYPE_CHECKING:
    from contracts.application.ports import Workspace

MOST_PLANS = 50

_CONTENT: dict[str, JsonValue] = {
    "title": {"fr": "Offre de rentrée", "en": "Autumn offer"},
    "plans": ["premium"],
    "percent": "20",
    "starts_on": "2026-09-01",
    "ends_before": "2026-12-01",
}


class DatedReduction(Request):
    """A percentage of the fee, or an amount per month, from a local day on, until before another one."""

    percent: Percent | None = Field(default=None, description="Of the full fee.", examples=["20"])
    amount_per_month: Amount | None = Field(default=None, examples=["50.00"])
    starts_on: LocalDate
    ends_before: LocalDate | None = Field(default=None, description="First day without it; null: for good.")

    @model_validator(mode="after")
    def _is_one_thing_and_in_order(self) -> Self:
        if (self.percent is None) is (self.amount_per_month is None):
            raise ValueError("give either percent or amount_per_month")
        if self.ends_before is not None and self.ends_before <= self.starts_on:
            raise ValueError("ends_before is not after starts_on")
        return self


class PromotionContent(DatedReduction):
    """What a promotion takes off the fee of plans. Contracts that hold it keep it as it was."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [_CONTENT]})

    title: Texts
    plans: list[Code] = Field(default_factory=list, max_length=MOST_PLANS, description="Empty: every plan.")
    currency: Currency | None = Field(default=None, description="Of amount_per_month; required exactly with it.")

    @model_validator(mode="after")
    def _amounts_have_a_currency(self) -> Self:
        if (self.amount_per_month is None) is not (self.currency is None):
            raise ValueError("currency is required exactly with amount_per_month")
        if self.amount_per_month is not None and self.currency is not None:
            self.amount_per_month = decimals_fit(self.amount_per_month, self.currency)
        if len(set(self.plans)) < len(self.plans):
            raise ValueError("plans names one plan twice")
        return self


class NewPromotion(PromotionContent):
    """A promotion to add to the catalogue."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"promotion_code": "autumn_2026", **_CONTENT}]}
    )

    promotion_code: Code = Field(examples=["autumn_2026"])


class Promotion(PromotionContent):
    """A promotion, as stored."""

    model_config = ConfigDict(extra="ignore")

    promotion_id: UUID
    version: int = Field(ge=1)
    promotion_code: str
    created_at: Instant
    updated_at: Instant


class AgreedDiscount(DatedReduction):
    """A discount that the parties have agreed on, with its dates."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "promotion": "autumn_2026",
                    "name": {"fr": "Offre de rentrée", "en": "Autumn offer"},
                    "percent": "20",
                    "starts_on": "2026-09-01",
                    "ends_before": "2026-12-01",
                }
            ]
        },
    )

    promotion: Code = Field(description="Name of the discount on invoices; that of the promotion that it came from.")
    name: Texts

    def as_value(self) -> Discount:
        """The discount as the domain knows it."""
        if self.percent is not None:
            off: PercentOff | AmountOff = PercentOff(Decimal(self.percent))
        else:
            assert self.amount_per_month is not None
            off = AmountOff(Decimal(self.amount_per_month))
        return Discount(self.promotion, off, self.starts_on, self.ends_before)


class DiscountedLine(BaseModel):
    """What a discount takes off the fee of a period."""

    promotion: str
    amount: str = Field(description="Negative, or zero.")
    cut: bool = Field(description="The fee does not allow all of it.")


class DiscountedFee(BaseModel):
    """The fee of one period of a contract with what its discounts take off."""

    first_day: LocalDate
    last_day: LocalDate
    currency: str
    fee: str
    discounts: list[DiscountedLine] = Field(max_length=100)
    total: str


async def create_promotion(work: "Workspace", new: NewPromotion) -> Promotion:
    """A new promotion. Raises Taken for its code, Refused for a plan that is not there."""
    await _check_plans(work, new)
    promotion = Promotion(**dict(new), promotion_id=work.new_id(), version=1, created_at=work.now, updated_at=work.now)
    await work.sectors.promotions.add(promotion)
    return promotion


async def change_promotion(work: "Workspace", promotion: Promotion, content: PromotionContent) -> Promotion:
    """The locked promotion with another content. Raises Refused for a plan that is not there."""
    await _check_plans(work, content)
    changed = promotion.model_copy(update={**dict(content), "version": promotion.version + 1, "updated_at": work.now})
    await work.sectors.promotions.save(changed)
    return changed


async def _check_plans(work: "Workspace", content: PromotionContent) -> None:
    for index, code in enumerate(content.plans):
        if await work.plans.by_code(code) is None:
            raise Refused(f"There is no plan {code}. GET /v1/plans lists the plans.", "plans", index)


async def offered_discounts(
    work: "Workspace", plan_code: str, price: Price, starts_on: date, ends_on: date | None, today: date
) -> list[AgreedDiscount]:
    """What a new draft is offered: the promotions of its plan that are not over, in its currency."""
    wanted = Wanted(plan_code, starts_on, ends_on)
    return [
        AgreedDiscount(
            promotion=each.promotion_code,
            name=each.title,
            percent=each.percent,
            amount_per_month=each.amount_per_month,
            starts_on=each.starts_on,
            ends_before=each.ends_before,
        )
        for each in offered(await work.sectors.promotions.everything(), wanted, today)
        if each.currency in (None, price.currency)
    ]


def check_discounts(discounts: Sequence[AgreedDiscount] | None, currency: str) -> None:
    """Whether the discounts are told apart and written in the currency of the price. Raises Refused."""
    seen: set[str] = set()
    for index, each in enumerate(discounts or ()):
        if each.promotion in seen:
            raise Refused("names a discount that is there already", "discounts", index, "promotion")
        seen.add(each.promotion)
        if each.amount_per_month is not None:
            try:
                decimals_fit(each.amount_per_month, currency)
            except ValueError as error:
                raise Refused(str(error), "discounts", index, "amount_per_month") from None


def discounted_fees(
    price: Price,
    discounts: Sequence[AgreedDiscount],
    starts_on: date,
    ends_on: date | None,
    zone: ZoneInfo,
    most: int,
) -> list[DiscountedFee]:
    """The first monthly periods of a contract whose terms stay as they are, each with what is taken off its fee."""
    ends_before = None if ends_on is None else ends_on + timedelta(days=1)
    agreed = [each.as_value() for each in discounts]
    fees: list[DiscountedFee] = []
    for period in islice(billing_periods(starts_on, ends_before, "start_day"), most):
        whole, covered = instants_of(period.whole, zone), instants_of(period.covered, zone)
        monthly = Fraction(price.value)
        fee = Money.rounded(share_of(covered, whole, zone) * monthly, price.currency)
        lines = rules.discount_lines(agreed, [FeeStretch(*covered, monthly)], whole, zone, fee)
        total = Money(sum((line.amount.amount for line in lines), fee.amount), price.currency)
        fees.append(
            DiscountedFee(
                first_day=period.covered.first,
                last_day=period.covered.end - timedelta(days=1),
                currency=price.currency,
                fee=fee.text,
                discounts=[
                    DiscountedLine(promotion=line.code, amount=line.amount.text, cut=line.cut) for line in lines
                ],
                total=total.text,
            )
        )
    return fees
