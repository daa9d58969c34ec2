"""Discounts with dates: what a promotion takes off the fee of a period.

A discount counts for the part of the period in which it runs, and of the fee that holds then: one that begins on the
16th of a month of 30 days is worth half. Each is a line of its own, rounded once, and is taken of the full fee, not of
what other discounts leave. Together they never take more than the fee: a later one is cut.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from contracts.domain.billing_periods import share_of
from shared.kernel.calendar import opening_instant
from shared.kernel.intervals import Interval
from shared.kernel.money import Money


@dataclass(frozen=True, slots=True)
class PercentOff:
    """A percentage of the fee, 0 to 100."""

    percent: Decimal


@dataclass(frozen=True, slots=True)
class AmountOff:
    """An amount for each whole month, not negative."""

    per_month: Decimal


@dataclass(frozen=True, slots=True)
class Discount:
    """What is taken off from a local day on, until before another one (None: for good)."""

    code: str
    off: PercentOff | AmountOff
    starts_on: date
    ends_before: date | None

    def runs(self, whole: Interval, zone: ZoneInfo) -> Interval:
        """When it runs, as instants; without an end up to the end of the period."""
        end = whole.end if self.ends_before is None else opening_instant(self.ends_before, 0, zone)
        return Interval(opening_instant(self.starts_on, 0, zone), end)


@dataclass(frozen=True, slots=True)
class FeeStretch:
    """Part of a period in which one monthly fee held, exactly."""

    start: datetime
    end: datetime
    monthly: Fraction


@dataclass(frozen=True, slots=True)
class DiscountLine:
    """What a discount takes off: a negative amount, or zero. ``cut`` when the fee did not allow all of it."""

    code: str
    amount: Money
    cut: bool


def discount_lines(
    discounts: Sequence[Discount], stretches: Sequence[FeeStretch], whole: Interval, zone: ZoneInfo, fee: Money
) -> list[DiscountLine]:
    """A line for every discount that runs in the period, in their order.

    :param stretches: what the fee was made of; they do not overlap.
    :param whole: the whole month, of which stretches and discounts are parts.
    :param fee: the rounded fee of the period, beyond which nothing is taken off.
    """
    lines: list[DiscountLine] = []
    left = Fraction(fee.amount)
    for discount in discounts:
        runs = discount.runs(whole, zone)
        parts = [
            (share_of(Interval(max(each.start, runs.start), min(each.end, runs.end)), whole, zone), each.monthly)
            for each in stretches
        ]
        if not any(share for share, _ in parts):
            continue
        wanted = Fraction(Money.rounded(_taken_off(discount.off, parts), fee.currency).amount)
        taken = min(wanted, left)
        left -= taken
        lines.append(DiscountLine(discount.code, Money.rounded(-taken, fee.currency), cut=taken < wanted))
    return lines


def _taken_off(off: PercentOff | AmountOff, parts: Sequence[tuple[Fraction, Fraction]]) -> Fraction:
    if isinstance(off, PercentOff):
        return sum((share * monthly for share, monthly in parts), Fraction(0)) * Fraction(off.percent) / 100
    return sum((share for share, _ in parts), Fraction(0)) * Fraction(off.per_month)
