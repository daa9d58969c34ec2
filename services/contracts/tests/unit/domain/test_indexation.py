"""Price revision against decimals of a great many digits and coefficients that are looked for."""

from decimal import ROUND_DOWN, ROUND_HALF_UP, Decimal, localcontext
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.indexation import CoefficientRounding, IndexationRule, coefficient_text, indexed_price
from shared.kernel.money import Money

indices = st.decimals("0.01", "500", places=2)
limits = st.none() | st.decimals(0, 3, places=3)


@st.composite
def rules(draw: st.DrawFn) -> IndexationRule:
    floor, cap = draw(limits), draw(limits)
    if floor is not None and cap is not None and floor > cap:
        floor, cap = cap, floor
    rounding: CoefficientRounding = draw(st.sampled_from(["none", "half_up", "up"]))
    decimals = None if rounding == "none" else draw(st.integers(0, 4))
    return IndexationRule(draw(st.decimals(0, 1, places=2)), floor, cap, decimals, rounding)


def rounded_by_search(exact: Fraction, rule: IndexationRule) -> Fraction:
    """The multiple of the last decimal that the rounding leads to, found by adding up from below."""
    if rule.decimals is None:
        return exact
    step = Fraction(1, 10**rule.decimals)
    found = int(exact) * Fraction(1)
    while found + step <= exact:
        found += step
    rest = exact - found
    goes_up = rest > 0 if rule.rounding == "up" else rest >= step / 2
    return found + step if goes_up else found


@given(rules(), indices, indices)
def test_a_coefficient_is_rounded_and_then_limited(rule: IndexationRule, base: Decimal, new: Decimal) -> None:
    moving = Fraction(new) / Fraction(base) * (1 - Fraction(rule.fixed_share))
    expected = rounded_by_search(moving + Fraction(rule.fixed_share), rule)
    if rule.floor is not None and expected < Fraction(rule.floor):
        expected = Fraction(rule.floor)
    if rule.cap is not None and expected > Fraction(rule.cap):
        expected = Fraction(rule.cap)
    assert rule.coefficient(base, new) == expected


@given(rules(), indices, indices, st.decimals(-10_000, 10_000, places=2))
def test_the_price_is_rounded_once_and_the_coefficient_is_cut(
    rule: IndexationRule, base: Decimal, new: Decimal, amount: Decimal
) -> None:
    coefficient = rule.coefficient(base, new)
    with localcontext(prec=200):
        exact = Decimal(coefficient.numerator) / Decimal(coefficient.denominator)
        shown = exact.quantize(Decimal("1e-12"), ROUND_DOWN)
        # ROUND_HALF_UP of the decimal module is half away from zero
        price = (amount * Decimal(coefficient.numerator) / coefficient.denominator).quantize(
            Decimal("0.01"), ROUND_HALF_UP
        )
    assert Decimal(coefficient_text(coefficient)) == shown
    assert not coefficient_text(coefficient).endswith((".", "0")) or "." not in coefficient_text(coefficient)
    assert indexed_price(Money(amount, "EUR"), coefficient).amount == price
