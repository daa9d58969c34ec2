"""What each pricing model charges, and that no cent is lost between its instalments."""

from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.pricing import (
    DurationPrice,
    FlatFee,
    PerHour,
    PerTicket,
    PricingRefusedError,
    Quote,
    ShareOfSalePrice,
    Ticket,
    TimePrice,
    monthly_fee,
    on_demand,
    period_fee,
)

amounts = st.decimals(0, 100_000, places=2)
prices: st.SearchStrategy[TimePrice] = (
    st.builds(FlatFee, amounts)
    | st.builds(ShareOfSalePrice, st.decimals(0, 100, places=1), amounts)
    | st.builds(DurationPrice, amounts, st.integers(1, 48))
)
WHOLE = Fraction(1)


def test_fifteen_percent_of_twenty_thousand_are_three_thousand_a_year() -> None:
    price = ShareOfSalePrice(Decimal(15), Decimal("20000.00"))
    assert price.yearly == 3000
    assert monthly_fee(price, "EUR").text == "250.00"
    assert sum(period_fee([(WHOLE, price)], number, "EUR").amount for number in range(12)) == 3000


def test_the_instalments_of_a_year_and_of_a_duration_add_up_to_the_last_cent() -> None:
    year = ShareOfSalePrice(Decimal(10), Decimal("10000.00"))
    parts = [period_fee([(WHOLE, year)], number, "EUR").text for number in range(12)]
    assert set(parts) == {"83.33", "83.34"}
    assert sum(map(Decimal, parts)) == 1000
    seven = DurationPrice(Decimal("100.00"), 7)
    assert sum(period_fee([(WHOLE, seven)], number, "EUR").amount for number in range(7)) == 100
    yen = [period_fee([(WHOLE, DurationPrice(Decimal(100), 7))], number, "JPY").text for number in range(7)]
    assert sum(map(int, yen)) == 100


@given(prices, st.integers(0, 100))
def test_an_instalment_is_the_monthly_fee_but_for_less_than_a_cent(price: TimePrice, number: int) -> None:
    exact = price.monthly
    assert abs(Fraction(period_fee([(WHOLE, price)], number, "EUR").amount) - exact) <= Fraction(1, 100)


@given(prices, st.integers(0, 30), st.lists(st.fractions(0, 1, max_denominator=31), max_size=3))
def test_splitting_a_period_never_changes_its_fee(price: TimePrice, number: int, cuts: list[Fraction]) -> None:
    edges = sorted([Fraction(0), *cuts, WHOLE])
    pieces = [(end - start, price) for start, end in pairwise(edges)]
    assert period_fee(pieces, number, "EUR") == period_fee([(WHOLE, price)], number, "EUR")


def test_two_prices_in_one_period_each_count_for_their_share_and_are_rounded_once() -> None:
    basic, premium = FlatFee(Decimal("150.00")), FlatFee(Decimal("600.00"))
    assert period_fee([(Fraction(14, 30), basic), (Fraction(16, 30), premium)], 3, "EUR").text == "390.00"
    third = FlatFee(Decimal("0.01"))
    assert period_fee([(Fraction(1, 3), third), (Fraction(1, 3), FlatFee(Decimal("0.02")))], 0, "EUR").text == "0.01"


def test_a_period_that_is_covered_in_part_costs_its_part() -> None:
    assert period_fee([(Fraction(15, 30), FlatFee(Decimal("300.00")))], 0, "EUR").text == "150.00"
    assert period_fee([], 0, "EUR").text == "0.00"


def test_each_ticket_is_charged_by_its_kind_or_by_the_price_of_all_others() -> None:
    tickets = [Ticket("T-1", "corrective"), Ticket("T-2", "evolutionary"), Ticket("T-3", "corrective")]
    model = PerTicket({"corrective": Decimal("45.005")}, otherwise=Decimal(120))
    charges = model.charges(tickets, "EUR")
    assert [(charge.id, charge.amount.text) for charge in charges] == [
        ("T-1", "45.01"),
        ("T-2", "120.00"),
        ("T-3", "45.01"),
    ]
    with pytest.raises(PricingRefusedError, match="T-2"):
        PerTicket({"corrective": Decimal(45)}).charges(tickets, "EUR")


def test_hours_are_charged_together_and_rounded_once() -> None:
    assert PerHour(Decimal("88.80")).charge(100, "EUR").text == "148.00"
    assert PerHour(Decimal("0.50")).charge(61, "EUR").text == "0.51"


def test_on_demand_what_was_accepted_is_charged_and_nothing_else() -> None:
    quotes = [Quote("Q-1", Decimal("1200"), accepted=True), Quote("Q-2", Decimal("80"), accepted=False)]
    assert [(charge.id, charge.amount.text) for charge in on_demand(quotes, "EUR")] == [("Q-1", "1200.00")]
