"""Where a series of months goes."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal, TypeAlias

Good: TypeAlias = Literal["higher", "lower"]
Direction: TypeAlias = Literal["better", "worse", "same", "unknown"]


def direction(series: Sequence[Decimal | None], good: Good) -> Direction:
    """From the first half of the months to the second, by their exact means; an odd one in the middle is in neither.

    Months without a figure are passed over. `unknown` with fewer than two figures.
    """
    known = [value for value in series if value is not None]
    if len(known) < 2:
        return "unknown"
    half = len(known) // 2
    # The halves have the same number of months, so that their sums compare as their means do.
    before, after = sum(known[:half], Decimal()), sum(known[-half:], Decimal())
    if before == after:
        return "same"
    return "better" if (after > before) == (good == "higher") else "worse"
