"""Credits and penalties against a second computation that counts up, in cents, one thing after another."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.credits import (
    CreditsRefusedError,
    Cumulation,
    Late,
    MeasuredUptime,
    Penalty,
    Tier,
    credits_owed,
)
from shared.kernel.money import Money

figures = st.decimals(0, 200, places=3)
percentages = st.decimals(0, 100, places=2)
caps = st.none() | percentages
tiers = st.lists(
    st.builds(
        Tier, below=st.sampled_from([Decimal(n) for n in (50, 90, 95, 99, 100, 101)]), credit_percent=percentages
    ),
    max_size=4,
    unique_by=lambda tier: tier.below,
).map(tuple)
uptimes = st.none() | st.builds(
    MeasuredUptime,
    percent=st.sampled_from([Fraction(50), Fraction(99), Fraction(100)]) | st.fractions(0, 100, max_denominator=700),
    tiers=tiers,
)
penalties = st.lists(
    st.builds(
        Penalty,
        id=st.sampled_from(["a", "b"]),
        overrun=st.timedeltas(timedelta(), timedelta(minutes=5)),
        unit=st.timedeltas(timedelta(seconds=11), timedelta(minutes=2)),
        percent_per_started_unit=percentages,
        provider_share=st.fractions(0, 1, max_denominator=9),
        cap_percent=caps,
    ),
    max_size=3,
)
lates = st.lists(
    st.builds(
        Late,
        id=st.sampled_from(["c", "d"]),
        value=figures,
        days_late=st.integers(0, 40),
        divisor=st.integers(1, 1000),
        exempt_up_to=st.none() | st.decimals(0, 20, places=2),
        cap_percent=caps,
    ),
    max_size=3,
)


def cents_of(exact: Fraction) -> int:
    """The nearest number of cents, half of one up: found by looking at one after the other."""
    cents = int(exact * 100)
    while Fraction(2 * cents + 1, 200) <= exact:
        cents += 1
    return cents


def uptime_in_cents(fee: Fraction, uptime: MeasuredUptime) -> int:
    for tier in sorted(uptime.tiers, key=lambda tier: tier.below):
        if uptime.percent < Fraction(tier.below):
            return cents_of(fee * Fraction(tier.credit_percent) / 100)
    return 0


def penalty_in_cents(fee: Fraction, penalty: Penalty) -> int:
    percent, covered = Fraction(0), timedelta()
    while covered < penalty.overrun:
        covered += penalty.unit
        percent += Fraction(penalty.percent_per_started_unit)
    if penalty.cap_percent is not None and percent > Fraction(penalty.cap_percent):
        percent = Fraction(penalty.cap_percent)
    return cents_of(fee * percent / 100 * penalty.provider_share)


def late_in_cents(late: Late) -> int:
    figure = Fraction(0)
    for _ in range(late.days_late):
        figure += Fraction(late.value) / late.divisor
    if late.exempt_up_to is not None and figure <= Fraction(late.exempt_up_to):
        return 0
    if late.cap_percent is not None:
        figure = min(figure, Fraction(late.value) * Fraction(late.cap_percent) / 100)
    return cents_of(figure)


@given(figures, uptimes, penalties, lates, st.sampled_from(["sum", "max"]), caps)
def test_what_is_owed_is_what_counting_up_finds(
    fee: Decimal,
    uptime: MeasuredUptime | None,
    penalties: list[Penalty],
    late: list[Late],
    cumulation: Cumulation,
    cap: Decimal | None,
) -> None:
    exact = Fraction(fee)
    first = [] if uptime is None else [uptime_in_cents(exact, uptime)]
    second = [penalty_in_cents(exact, each) for each in penalties]
    third = [late_in_cents(each) for each in late]
    cents = first + second + third
    expected = sum(cents) if cumulation == "sum" else max(cents, default=0)
    limit = expected if cap is None else min(expected, cents_of(exact * Fraction(cap) / 100))
    owed = credits_owed(
        Money(fee, "EUR"), uptime=uptime, penalties=penalties, late=late, cumulation=cumulation, cap_percent=cap
    )
    assert [line.amount.amount * 100 for line in owed.lines] == cents
    assert owed.uptime_credit.amount * 100 == sum(first)
    assert owed.penalty_total.amount * 100 == sum(second)
    assert owed.late_total.amount * 100 == sum(third)
    assert owed.owed.amount * 100 == limit
    assert owed.capped == (limit < expected)


@given(figures, penalties, lates)
def test_the_order_of_the_items_changes_nothing_that_is_owed(
    fee: Decimal, penalties: list[Penalty], late: list[Late]
) -> None:
    money = Money(fee, "EUR")
    one = credits_owed(money, penalties=penalties, late=late, cumulation="sum", cap_percent=Decimal(20))
    other = credits_owed(money, penalties=penalties[::-1], late=late[::-1], cumulation="sum", cap_percent=Decimal(20))
    assert (one.owed, one.capped, one.penalty_total) == (other.owed, other.capped, other.penalty_total)


def test_a_sum_of_more_digits_than_a_decimal_context_holds_is_exact() -> None:
    large = Late("L", Decimal("99999999999999999999.99"), days_late=10**9, divisor=1)
    owed = credits_owed(Money(Decimal(1), "EUR"), late=[large, large], cumulation="sum")
    assert owed.owed.text == "199999999999999999999980000000.00"


@pytest.mark.parametrize("percent", [Fraction(-1, 1000), Fraction(100001, 1000)])
def test_an_uptime_that_is_none_is_refused(percent: Fraction) -> None:
    with pytest.raises(CreditsRefusedError) as refused:
        MeasuredUptime(percent, ())
    assert refused.value.path == ("uptime",)
