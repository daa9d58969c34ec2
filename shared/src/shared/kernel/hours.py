"""From minutes worked to minutes accounted: the law of the hours section of ``calculators.md``.

Real minutes times the largest multiplier (never their product; without one it is 1), rounded up to the unit of the
contract, per entry or per line, ticket and day. All arithmetic is exact: nothing is rounded but the result, once.

An entry of negative minutes takes another one back. It is rounded away from zero, so that the two together are nothing,
whatever the unit is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Literal, TypeAlias

Per: TypeAlias = Literal["entry", "ticket_day"]


@dataclass(frozen=True, slots=True)
class Work:
    """What was worked on one hours line on one local date.

    ``minutes`` are real and whole. ``covered`` work is included in the flat fee whatever it takes. Without a ``ticket``
    an entry stands alone.
    """

    line: str
    minutes: int
    on: date
    ticket: str | None = None
    covered: bool = False
    multipliers: tuple[Decimal, ...] = ()


@dataclass(frozen=True, slots=True)
class Accounting:
    """How a contract rounds: up to ``unit_minutes``, once per entry or once per line, ticket and day."""

    unit_minutes: int = 1
    per: Per = "entry"

    def __post_init__(self) -> None:
        if self.unit_minutes < 1:
            raise ValueError("the unit of accounting is at least one minute")


@dataclass(frozen=True, slots=True)
class Minutes:
    """Figures of one line. ``real`` holds the covered ones too; ``accounted`` is what is drawn from the budget."""

    real: int = 0
    accounted: int = 0
    covered: int = 0


def weighted_minutes(work: Work) -> Fraction:
    """Real minutes times the largest multiplier, exactly; nothing for covered work, which never consumes hours."""
    if work.covered:
        return Fraction(0)
    return work.minutes * max(map(Fraction, work.multipliers), default=Fraction(1))


def rounded_up(exact: Fraction, unit_minutes: int) -> int:
    """The next multiple of the unit that is not nearer to zero."""
    units = -(-abs(exact) // unit_minutes)
    return unit_minutes * (units if exact >= 0 else -units)


def account(works: Iterable[Work], accounting: Accounting) -> dict[str, Minutes]:
    """The figures of every line that was worked on, in the order in which lines first occur."""
    real: dict[str, int] = {}
    covered: dict[str, int] = {}
    exact: dict[tuple[object, ...], tuple[str, Fraction]] = {}
    for index, work in enumerate(works):
        real[work.line] = real.get(work.line, 0) + work.minutes
        if work.covered:
            covered[work.line] = covered.get(work.line, 0) + work.minutes
        together = accounting.per == "ticket_day" and work.ticket is not None
        key = (work.line, work.ticket, work.on) if together else (index,)
        before = exact[key][1] if key in exact else Fraction(0)
        exact[key] = (work.line, before + weighted_minutes(work))
    accounted: dict[str, int] = {}
    for line, sum_of_group in exact.values():
        accounted[line] = accounted.get(line, 0) + rounded_up(sum_of_group, accounting.unit_minutes)
    return {line: Minutes(minutes, accounted[line], covered.get(line, 0)) for line, minutes in real.items()}
