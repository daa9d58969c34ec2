"""Plans: what an offer contains, what it takes over from the plan that it extends, and what it may cost."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

LONGEST_CHAIN = 10
"""More plans in one chain of `extends` than anybody can still explain to a client."""


@dataclass(frozen=True)
class Deliverable:
    """One thing promised. `parameters` is what the service that delivers it is configured with."""

    code: str
    type: str
    name: Mapping[str, str]
    maintenance_type: str
    proof: str
    parameters: Mapping[str, Any]


class CatalogueRule(Exception):
    """A plan that cannot be: the message says why and what to change."""


class DuplicateDeliverable(CatalogueRule):
    """One plan names two deliverables with the same code."""


class OverrideChangesType(CatalogueRule):
    """An override gives an inherited code to another kind of thing."""


class ChainTooLong(CatalogueRule):
    """The plan extends a plan that extends a plan … more often than `LONGEST_CHAIN`."""


def effective_deliverables(chain: Sequence[Sequence[Deliverable]]) -> tuple[Deliverable, ...]:
    """What a plan promises altogether: its own deliverables laid over those of the plans that it extends.

    `chain` starts with the plan that extends nothing. A deliverable with an inherited code replaces the inherited one
    and keeps its place; the others follow in their order. Raises a CatalogueRule.
    """
    if len(chain) > LONGEST_CHAIN:
        raise ChainTooLong(f"A plan can extend at most {LONGEST_CHAIN - 1} others, one over the other.")
    effective: dict[str, Deliverable] = {}
    for own in chain:
        seen: set[str] = set()
        for deliverable in own:
            if deliverable.code in seen:
                raise DuplicateDeliverable(
                    f"The deliverable {deliverable.code} is there twice. Give each deliverable of a plan its own code."
                )
            seen.add(deliverable.code)
            inherited = effective.get(deliverable.code)
            if inherited is not None and inherited.type != deliverable.type:
                raise OverrideChangesType(
                    f"The deliverable {deliverable.code} is inherited as {inherited.type} and cannot become"
                    f" {deliverable.type}. Choose another code."
                )
            effective[deliverable.code] = deliverable
    return tuple(effective.values())


@dataclass(frozen=True)
class PriceRange:
    """What a plan costs per month. None is "no limit on this side".

    `indicative` marks amounts that inform and bind nobody ("from $150"): no price is outside of them.
    """

    minimum: Decimal | None
    maximum: Decimal | None
    currency: str
    indicative: bool = False


class PriceRefused(Exception):
    """The price does not fit the plan. `path` leads to the value of the contract to change."""

    def __init__(self, detail: str, *path: str) -> None:
        self.path = path
        super().__init__(detail)


def check_price(amount: Decimal, currency: str, price_range: PriceRange, override_reason: str | None) -> None:
    """Raises PriceRefused for another currency, or for an amount outside of a binding range without a reason."""
    if currency != price_range.currency:
        raise PriceRefused(
            f"The plan is priced in {price_range.currency}, not in {currency}. Use a plan in {currency}.",
            "price",
            "currency",
        )
    if price_range.indicative or override_reason is not None:
        return
    too_low = price_range.minimum is not None and amount < price_range.minimum
    too_high = price_range.maximum is not None and amount > price_range.maximum
    if too_low or too_high:
        limits = " to ".join(str(limit) for limit in (price_range.minimum, price_range.maximum) if limit is not None)
        raise PriceRefused(
            f"{amount} {currency} is outside of the plan's range ({limits} {currency} per month). Change the price, or"
            " say why in price_override_reason.",
            "price",
            "amount",
        )
