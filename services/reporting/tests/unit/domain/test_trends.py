"""Where a series of months goes."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.trends import direction

FIGURES = st.lists(st.none() | st.integers(0, 1000).map(Decimal), max_size=12)
OTHER = {"better": "worse", "worse": "better", "same": "same", "unknown": "unknown"}


@given(FIGURES)
def test_what_is_better_for_one_is_worse_for_the_other_and_backwards_too(series: list[Decimal | None]) -> None:
    found = direction(series, "higher")
    assert direction(series, "lower") == OTHER[found]
    assert direction(series[::-1], "higher") == OTHER[found]


@given(FIGURES)
def test_months_without_a_figure_change_nothing(series: list[Decimal | None]) -> None:
    assert direction([None, *series, None], "higher") == direction(series, "higher")
    assert (direction(series, "higher") == "unknown") == (sum(each is not None for each in series) < 2)


def test_the_middle_month_of_three_is_in_neither_half() -> None:
    assert direction([Decimal(3), Decimal(900), Decimal(2)], "lower") == "better"
    assert direction([Decimal(3), None, Decimal(3)], "lower") == "same"
