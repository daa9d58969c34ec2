"""How a price comes about, factor by factor."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.price_breakdown import Extra, Parameters, Surcharge, breakdown


def price(**values: Any) -> Parameters:
    how: dict[str, Any] = {
        "base": Decimal("400.00"),
        "currency": "EUR",
        "scope": [],
        "environments": [],
        "criticality": None,
        "service_level": None,
        "adjustment": Decimal(0),
    }
    return Parameters(**(how | values))


def test_every_factor_has_a_line_and_the_lines_add_up() -> None:
    found = breakdown(
        price(
            scope=[Extra("website", 3, 1, Decimal(20))],
            environments=[Extra("staging", 1, 0, Decimal(10)), Extra("production", 1, 1, Decimal(50))],
            criticality=Surcharge("high", Decimal(15)),
            service_level=Surcharge("around the clock", Decimal(25)),
            adjustment=Decimal("-50.00"),
        )
    )
    assert [(line.factor, str(line.amount)) for line in found.lines] == [
        ("base", "400.00"),
        ("scope", "160.00"),
        ("environments", "40.00"),
        ("environments", "0.00"),
        ("criticality", "90.00"),
        ("service_level", "172.50"),
        ("adjustment", "-50.00"),
    ]
    assert str(found.total) == "812.50"
    assert [line.count for line in found.lines][1:4] == [2, 1, 0]
    assert str(found.lines[5].of) == "690.00"


def test_each_line_is_rounded_once_half_away_from_zero_to_what_the_currency_has() -> None:
    lines = breakdown(price(base=Decimal("99.99"), criticality=Surcharge("high", Decimal("12.5")))).lines
    assert str(lines[1].amount) == "12.50"
    yen = breakdown(price(base=Decimal(30_001), currency="JPY", service_level=Surcharge("x", Decimal("2.5"))))
    assert [str(line.amount) for line in yen.lines] == ["30001", "750"]
    assert str(yen.total) == "30751"


EXTRAS = st.lists(
    st.builds(Extra, st.just("x"), st.integers(0, 50), st.integers(0, 50), st.decimals(0, 100, places=3)), max_size=4
)


@given(
    st.decimals(0, 10**9, places=2),
    EXTRAS,
    EXTRAS,
    st.decimals(0, 100, places=4),
    st.sampled_from(["EUR", "JPY", "KWD"]),
)
def test_the_total_is_always_the_sum_of_the_lines_and_never_less_than_the_base(
    base: Decimal, scope: list[Extra], environments: list[Extra], percent: Decimal, currency: str
) -> None:
    found = breakdown(
        price(
            base=base,
            currency=currency,
            scope=scope,
            environments=environments,
            criticality=Surcharge("high", percent),
        )
    )
    assert found.total == sum(line.amount for line in found.lines)
    assert found.total >= found.lines[0].amount
    assert len(found.lines) == 2 + len(scope) + len(environments)
