"""What is a number in a workbook, and what stays the text that it is."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.workbook import number_of


@pytest.mark.parametrize("text", ["0", "-0", "7", "-12.50", "99.965277", "123456789012345"])
def test_a_figure_is_the_number_that_it_writes(text: str) -> None:
    assert number_of(text) == Decimal(text)


@pytest.mark.parametrize(
    "text",
    [
        *("007", "1_000", "1e5", "1E+5", "+1", ".5", "5.", " 7", "7\n", "\u0667"),
        *("NaN", "Infinity", "1,5", "", "-", "1234567890123456"),
    ],
)
def test_what_is_written_otherwise_stays_as_it_is(text: str) -> None:
    assert number_of(text) == text


@given(st.text())
def test_no_digit_is_lost_of_any_text(text: str) -> None:
    assert str(number_of(text)) == text
