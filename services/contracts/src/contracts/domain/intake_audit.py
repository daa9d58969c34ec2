"""The intake audit: what is known of a system before somebody answers for it."""

from collections.abc import Sequence
from fractions import Fraction
from typing import Literal

Answer = Literal["known", "not_applicable", "unknown"]


def completeness(answers: Sequence[Answer]) -> Fraction:
    """The share of points that are settled, 0 to 1. A point that does not apply is settled. No points: complete."""
    if not answers:
        return Fraction(1)
    return Fraction(sum(answer != "unknown" for answer in answers), len(answers))


def percent_text(share: Fraction) -> str:
    """The share in percent with two decimals, truncated: only what is complete reads 100.00."""
    hundredths = share * 10_000
    whole = hundredths.numerator // hundredths.denominator
    return f"{whole // 100}.{whole % 100:02}"
