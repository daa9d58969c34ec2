"""Price revision: a price follows an index, or the part of it that is not fixed.

The law is the indexation section of ``calculators.md``. Coefficient and price are exact until the price is rounded,
once; the coefficient that is shown is cut for display and never computed with.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Literal

from shared.kernel.money import Money, round_half_away

CoefficientRounding = Literal["none", "half_up", "up"]

SHOWN_DECIMALS = 12


class IndexationRefusedError(ValueError):
    """These figures make no revision.

    :param path: where the fault is, as a key of the calculator's request: ``("cap_coefficient",)``.
    """

    def __init__(self, detail: str, *path: str) -> None:
        super().__init__(detail)
        self.path = path


@dataclass(frozen=True, slots=True)
class IndexationRule:
    """How a contract's price follows an index.

    ``fixed_share`` (0 to 1) does not move. ``decimals`` is a number exactly when the coefficient is rounded; floor and
    cap come after the rounding. Raises :class:`IndexationRefusedError`.
    """

    fixed_share: Decimal = Decimal(0)
    floor: Decimal | None = None
    cap: Decimal | None = None
    decimals: int | None = None
    rounding: CoefficientRounding = "none"

    def __post_init__(self) -> None:
        if self.floor is not None and self.cap is not None and self.floor > self.cap:
            raise IndexationRefusedError("the floor is not over the cap", "floor_coefficient")
        if self.rounding == "none" and self.decimals is not None:
            raise IndexationRefusedError(
                "a coefficient that is not rounded has no number of decimals: leave it out", "coefficient_decimals"
            )
        if self.rounding != "none" and self.decimals is None:
            raise IndexationRefusedError("say to how many decimals it is rounded", "coefficient_decimals")

    def coefficient(self, base_index: Decimal, new_index: Decimal) -> Fraction:
        """What a price is multiplied with. Both indices are positive."""
        fixed = Fraction(self.fixed_share)
        exact = fixed + (1 - fixed) * Fraction(new_index) / Fraction(base_index)
        if self.decimals is not None:
            exact = _rounded(exact, self.decimals, up=self.rounding == "up")
        if self.floor is not None:
            exact = max(exact, Fraction(self.floor))
        if self.cap is not None:
            exact = min(exact, Fraction(self.cap))
        return exact


def indexed_price(price: Money, coefficient: Fraction) -> Money:
    """The price after the revision; a negative one (a discount line) grows away from zero."""
    return Money.rounded(Fraction(price.amount) * coefficient, price.currency)


def coefficient_text(coefficient: Fraction) -> str:
    """A coefficient for people: at most 12 decimals, cut and not rounded, without trailing zeros."""
    units = coefficient.numerator * 10**SHOWN_DECIMALS // coefficient.denominator
    whole, decimals = divmod(units, 10**SHOWN_DECIMALS)
    return f"{whole}.{decimals:0{SHOWN_DECIMALS}}".rstrip("0").rstrip(".")


def _rounded(exact: Fraction, decimals: int, *, up: bool) -> Fraction:
    # A coefficient is never negative, so that half away from zero is half up.
    if up:
        return Fraction(-(-exact.numerator * 10**decimals // exact.denominator), 10**decimals)
    return Fraction(round_half_away(exact, decimals))
