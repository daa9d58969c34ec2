"""How a monthly price comes about: a base, and what scope, environments, criticality and service level add to it."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from shared.kernel.money import minor_units, round_half_away

Factor = Literal["base", "scope", "environments", "criticality", "service_level", "adjustment"]


@dataclass(frozen=True)
class Extra:
    """Things of one kind: `count` of them, of which `included` are in the base; each further one adds a percentage."""

    name: str
    count: int
    included: int
    percent_each: Decimal


@dataclass(frozen=True)
class Surcharge:
    """A percentage for a class of criticality or for a service level."""

    name: str
    percent: Decimal


@dataclass(frozen=True)
class Parameters:
    """What a price is made of. `adjustment` is what was agreed on top or off, in the currency's unit."""

    base: Decimal
    currency: str
    scope: Sequence[Extra]
    environments: Sequence[Extra]
    criticality: Surcharge | None
    service_level: Surcharge | None
    adjustment: Decimal


@dataclass(frozen=True)
class Line:
    """One step: `count` further things at `percent` of `of`; a base and an adjustment have neither."""

    factor: Factor
    name: str | None
    count: int | None
    percent: Decimal | None
    of: Decimal | None
    amount: Decimal


@dataclass(frozen=True)
class Breakdown:
    """The lines in their order, and their sum."""

    lines: tuple[Line, ...]
    total: Decimal


def breakdown(parameters: Parameters) -> Breakdown:
    """The price with one line for every factor, zero ones too: what did not count is told as well.

    Scope and environments are percentages of the base; criticality is one of all that stands before it, and service
    level one of all that stands before it. Every line is rounded once, half away from zero; the total is their sum.
    """
    decimals = minor_units(parameters.currency)

    def rounded(exact: Fraction) -> Decimal:
        return round_half_away(exact, decimals)

    base = rounded(Fraction(parameters.base))
    lines = [Line("base", None, None, None, None, base)]
    factors: tuple[tuple[Factor, Sequence[Extra]], ...] = (
        ("scope", parameters.scope),
        ("environments", parameters.environments),
    )
    for factor, extras in factors:
        for extra in extras:
            further = max(0, extra.count - extra.included)
            amount = rounded(Fraction(base) * further * Fraction(extra.percent_each) / 100)
            lines.append(Line(factor, extra.name, further, extra.percent_each, base, amount))
    surcharges: tuple[tuple[Factor, Surcharge | None], ...] = (
        ("criticality", parameters.criticality),
        ("service_level", parameters.service_level),
    )
    for factor, surcharge in surcharges:
        if surcharge is not None:
            before = _sum(lines, decimals)
            amount = rounded(Fraction(before) * Fraction(surcharge.percent) / 100)
            lines.append(Line(factor, surcharge.name, None, surcharge.percent, before, amount))
    if parameters.adjustment:
        lines.append(Line("adjustment", None, None, None, None, rounded(Fraction(parameters.adjustment))))
    return Breakdown(tuple(lines), _sum(lines, decimals))


def _sum(lines: Sequence[Line], decimals: int) -> Decimal:
    # As fractions: a sum of Decimals would round to the precision of the thread's context.
    return round_half_away(sum((Fraction(line.amount) for line in lines), Fraction(0)), decimals)
