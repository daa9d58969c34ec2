"""Service credits and penalties: what a month's missed promises cost the provider.

The law is the credits section of ``calculators.md``. Settlement and the calculator call the same function. Every line
is computed exactly and rounded on its own, once, at its end; what has been rounded is only added, compared and capped.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

from shared.kernel.money import Money

Cumulation = Literal["sum", "max"]

UPTIME_LINE = "uptime"
"""The id of the line of the uptime credit."""


class CreditsRefusedError(ValueError):
    """These figures make no credit.

    :param path: where the fault is, as keys and indices into the calculator's request: ``("uptime", "tiers", 1)``.
    """

    def __init__(self, detail: str, *path: str | int) -> None:
        super().__init__(detail)
        self.path = path


# --- What goes in ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tier:
    """An uptime below ``below`` percent credits ``credit_percent`` of the monthly fee."""

    below: Decimal
    credit_percent: Decimal


@dataclass(frozen=True, slots=True)
class MeasuredUptime:
    """The exact uptime of the month in percent, and what a low one credits.

    Raises :class:`CreditsRefusedError` for an uptime that is not 0 to 100, or for two tiers with one limit.
    """

    percent: Fraction
    tiers: tuple[Tier, ...]

    def __post_init__(self) -> None:
        if not 0 <= self.percent <= 100:
            raise CreditsRefusedError("an uptime is 0 to 100 percent", "uptime")
        limits: set[Decimal] = set()
        for index, tier in enumerate(self.tiers):
            if tier.below in limits:
                raise CreditsRefusedError(
                    f"two tiers begin below {tier.below}: give each a limit of its own",
                    *("uptime", "tiers", index, "below"),
                )
            limits.add(tier.below)


@dataclass(frozen=True, slots=True)
class Penalty:
    """A missed target: by how much, and what each started ``unit`` of that costs in percent of the monthly fee.

    ``unit`` is longer than nothing; the provider bears ``provider_share`` (0 to 1), which is taken after the cap.
    """

    id: str
    overrun: timedelta
    unit: timedelta
    percent_per_started_unit: Decimal
    provider_share: Fraction = Fraction(1)
    cap_percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """Something worth ``value`` that came ``days_late`` days late: ``value × days_late ÷ divisor`` (which is not 0).

    ``exempt_up_to`` is a threshold that is tested before the cap; nothing is deducted. The cap is a part of the value.
    Of what is left the provider owes his share, as of a penalty.
    """

    id: str
    value: Decimal
    days_late: int
    divisor: int
    exempt_up_to: Decimal | None = None
    cap_percent: Decimal | None = None
    provider_share: Fraction = Fraction(1)


# --- What comes out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class TierReached:
    """Why an uptime is credited: the tier that counts; None when the uptime is below no tier."""

    percent: Fraction
    tier: Tier | None


@dataclass(frozen=True, slots=True)
class UnitsStarted:
    """Why a missed target costs what it does."""

    penalty: Penalty
    units: int
    capped: bool


@dataclass(frozen=True, slots=True)
class DaysCounted:
    """Why lateness costs what it does: the exact figure before exemption and cap, and which of them decided."""

    late: Late
    figure: Fraction
    exempt: bool
    capped: bool


Because: TypeAlias = TierReached | UnitsStarted | DaysCounted


@dataclass(frozen=True, slots=True)
class CreditLine:
    """One rounded amount that is owed, or zero, and why."""

    id: str
    amount: Money
    because: Because


@dataclass(frozen=True, slots=True)
class CreditsOwed:
    """What the month comes to. The three totals are sums of the lines; ``owed`` is after cumulation and overall cap.

    ``capped`` is true only when the overall cap lowered the result.
    """

    uptime_credit: Money
    penalty_total: Money
    late_total: Money
    owed: Money
    capped: bool
    lines: tuple[CreditLine, ...]


# --- The rule --------------------------------------------------------------------------------------------------------


def credits_owed(
    fee: Money,
    *,
    uptime: MeasuredUptime | None = None,
    penalties: Sequence[Penalty] = (),
    late: Sequence[Late] = (),
    cumulation: Cumulation,
    cap_percent: Decimal | None = None,
) -> CreditsOwed:
    """What is owed for a month with this fee: a line for every item, zero ones too.

    No figure is negative. Values are in the fee's currency.
    """
    of_uptime = () if uptime is None else (_uptime_line(fee, uptime),)
    of_penalties = tuple(_penalty_line(fee, each) for each in penalties)
    of_late = tuple(_late_line(fee.currency, each) for each in late)
    lines = of_uptime + of_penalties + of_late
    owed = _total(fee.currency, lines) if cumulation == "sum" else _largest(fee.currency, lines)
    cap = None if cap_percent is None else Money.rounded(_percent_of(fee.amount, cap_percent), fee.currency)
    capped = cap is not None and owed.amount > cap.amount
    return CreditsOwed(
        uptime_credit=_total(fee.currency, of_uptime),
        penalty_total=_total(fee.currency, of_penalties),
        late_total=_total(fee.currency, of_late),
        owed=cap if cap is not None and capped else owed,
        capped=capped,
        lines=lines,
    )


def _uptime_line(fee: Money, uptime: MeasuredUptime) -> CreditLine:
    missed = [tier for tier in uptime.tiers if uptime.percent < Fraction(tier.below)]
    tier = min(missed, key=lambda each: each.below, default=None)
    exact = Fraction(0) if tier is None else _percent_of(fee.amount, tier.credit_percent)
    return CreditLine(UPTIME_LINE, Money.rounded(exact, fee.currency), TierReached(uptime.percent, tier))


def _penalty_line(fee: Money, penalty: Penalty) -> CreditLine:
    units = -(-penalty.overrun // penalty.unit)
    percent = units * Fraction(penalty.percent_per_started_unit)
    capped = penalty.cap_percent is not None and percent > Fraction(penalty.cap_percent)
    if penalty.cap_percent is not None and capped:
        percent = Fraction(penalty.cap_percent)
    exact = Fraction(fee.amount) * percent / 100 * penalty.provider_share
    return CreditLine(penalty.id, Money.rounded(exact, fee.currency), UnitsStarted(penalty, units, capped))


def _late_line(currency: str, late: Late) -> CreditLine:
    figure = Fraction(late.value) * late.days_late / late.divisor
    exempt = late.exempt_up_to is not None and figure <= Fraction(late.exempt_up_to)
    cap = None if late.cap_percent is None else _percent_of(late.value, late.cap_percent)
    capped = not exempt and cap is not None and figure > cap
    owed = Fraction(0) if exempt else cap if cap is not None and capped else figure
    exact = owed * late.provider_share
    return CreditLine(late.id, Money.rounded(exact, currency), DaysCounted(late, figure, exempt, capped))


def _percent_of(amount: Decimal, percent: Decimal) -> Fraction:
    return Fraction(amount) * Fraction(percent) / 100


def _total(currency: str, lines: Sequence[CreditLine]) -> Money:
    # Fractions, because a sum of Decimals is rounded to the precision of the thread's context.
    return Money.rounded(sum((Fraction(line.amount.amount) for line in lines), Fraction(0)), currency)


def _largest(currency: str, lines: Sequence[CreditLine]) -> Money:
    return Money.rounded(max((line.amount.amount for line in lines), default=Decimal(0)), currency)
