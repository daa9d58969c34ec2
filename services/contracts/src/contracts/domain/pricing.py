"""What a contract costs: the models by which it is priced, and what each of them charges.

Flat by the month, a percentage of a sale price by the year, a price for a whole duration, per ticket, by the hour, or
on demand. Every charge is computed exactly and rounded on its own, once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TypeAlias

from shared.kernel.money import Money

MONTHS_OF_A_YEAR = 12


class PricingRefusedError(ValueError):
    """The model has no price for this; the message says what is missing."""


# --- Models with a fee for time --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FlatFee:
    """The same amount every month, whatever is done in it."""

    per_month: Decimal

    @property
    def monthly(self) -> Fraction:
        """What a whole month costs, exactly."""
        return Fraction(self.per_month)


@dataclass(frozen=True, slots=True)
class ShareOfSalePrice:
    """A percentage of what the system was sold for, every year: 15 % of 20 000 are 3 000 a year."""

    percent: Decimal
    sale_price: Decimal

    @property
    def yearly(self) -> Fraction:
        """What a year costs, exactly."""
        return Fraction(self.percent) * Fraction(self.sale_price) / 100

    @property
    def monthly(self) -> Fraction:
        """What a whole month costs, exactly."""
        return self.yearly / MONTHS_OF_A_YEAR


@dataclass(frozen=True, slots=True)
class DurationPrice:
    """One price for a number of months (at least one), paid in as many parts."""

    total: Decimal
    months: int

    @property
    def monthly(self) -> Fraction:
        """What a whole month costs, exactly."""
        return Fraction(self.total) / self.months


TimePrice: TypeAlias = FlatFee | ShareOfSalePrice | DurationPrice


def monthly_fee(price: TimePrice, currency: str) -> Money:
    """What a whole month costs, rounded: the fee that credits and penalties are percentages of."""
    return Money.rounded(price.monthly, currency)


def period_fee(shares: Sequence[tuple[Fraction, TimePrice]], number: int, currency: str) -> Money:
    """The fee of one monthly period, in which each price held for a share (all of them together at most 1).

    A whole period under one price for a year or a duration is an instalment of it: the instalments of a year, or of the
    duration, add up to its price to the last cent. Everything else is the exact sum, rounded once.

    :param number: of the period in the contract, from 0.
    """
    prices = {price for _, price in shares}
    if len(prices) == 1 and sum(share for share, _ in shares) == 1:
        (price,) = prices
        if isinstance(price, ShareOfSalePrice):
            return _instalment(price.yearly, number, MONTHS_OF_A_YEAR, currency)
        if isinstance(price, DurationPrice):
            return _instalment(Fraction(price.total), number, price.months, currency)
    return Money.rounded(sum((share * price.monthly for share, price in shares), Fraction(0)), currency)


def _instalment(total: Fraction, number: int, count: int, currency: str) -> Money:
    """What is due up to and with this part, less what was due before: no cent is lost or made by rounding."""
    number %= count
    before, after = (Money.rounded(total * parts / count, currency).amount for parts in (number, number + 1))
    return Money.rounded(Fraction(after) - Fraction(before), currency)


# --- Models that charge for what is done -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Charge:
    """One amount to pay, for the thing with this id."""

    id: str
    amount: Money


@dataclass(frozen=True, slots=True)
class Ticket:
    """A maintenance request of a kind that the contract names, such as ``corrective``."""

    id: str
    kind: str


@dataclass(frozen=True, slots=True)
class PerTicket:
    """A price for each maintenance request: of its kind, or ``otherwise`` for the kinds that have none of their own."""

    rates: Mapping[str, Decimal]
    otherwise: Decimal | None = None

    def charges(self, tickets: Iterable[Ticket], currency: str) -> list[Charge]:
        """A charge for each ticket, in their order. Raises :class:`PricingRefusedError` for a kind without a price."""
        return [Charge(ticket.id, Money.rounded(self._rate(ticket), currency)) for ticket in tickets]

    def _rate(self, ticket: Ticket) -> Decimal:
        rate = self.rates.get(ticket.kind, self.otherwise)
        if rate is None:
            raise PricingRefusedError(
                f"There is no price for the ticket {ticket.id}: give one for {ticket.kind}, or one for all other kinds."
            )
        return rate


@dataclass(frozen=True, slots=True)
class PerHour:
    """A price for each hour of accounted work."""

    rate: Decimal

    def charge(self, minutes: int, currency: str) -> Money:
        """What these minutes cost together."""
        return Money.rounded(Fraction(minutes, 60) * Fraction(self.rate), currency)


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that was named for one thing on demand, and whether the client has accepted it."""

    id: str
    amount: Decimal
    accepted: bool


def on_demand(quotes: Iterable[Quote], currency: str) -> list[Charge]:
    """What is charged on demand: what was accepted, and nothing else."""
    return [Charge(quote.id, Money.rounded(quote.amount, currency)) for quote in quotes if quote.accepted]
