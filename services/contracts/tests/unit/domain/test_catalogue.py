"""Plans laid over plans, and prices in their ranges."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.catalogue import (
    LONGEST_CHAIN,
    ChainTooLong,
    Deliverable,
    DuplicateDeliverable,
    OverrideChangesType,
    PriceRange,
    PriceRefused,
    check_price,
    effective_deliverables,
)


def promise(code: str, kind: str = "uptime_monitoring", **parameters: object) -> Deliverable:
    return Deliverable(code, kind, {"fr": code, "en": code}, "preventive", "check_results", parameters)


def test_an_override_replaces_the_inherited_deliverable_and_keeps_its_place() -> None:
    effective = effective_deliverables(
        [
            [promise("monitoring", interval_seconds=180), promise("alerts", "mail_alerts")],
            [promise("page", "status_page"), promise("monitoring", interval_seconds=60)],
            [promise("monitoring", interval_seconds=30)],
        ]
    )
    assert [item.code for item in effective] == ["monitoring", "alerts", "page"]
    assert effective[0].parameters == {"interval_seconds": 30}


def test_a_code_cannot_be_there_twice_in_one_plan() -> None:
    with pytest.raises(DuplicateDeliverable):
        effective_deliverables([[promise("a"), promise("a")]])


def test_an_override_cannot_become_another_kind_of_thing() -> None:
    with pytest.raises(OverrideChangesType):
        effective_deliverables([[promise("a")], [promise("a", "mail_alerts")]])


def test_a_chain_that_nobody_can_explain_is_refused() -> None:
    with pytest.raises(ChainTooLong):
        effective_deliverables([[promise(f"code_{number}")] for number in range(LONGEST_CHAIN + 1)])


@given(st.lists(st.lists(st.sampled_from("abcdef"), unique=True), max_size=LONGEST_CHAIN))
def test_inheritance_never_loses_or_doubles_a_code_and_the_last_word_wins(chain: list[list[str]]) -> None:
    effective = effective_deliverables(
        [[promise(code, level=level) for code in codes] for level, codes in enumerate(chain)]
    )
    expected = {code: level for level, codes in enumerate(chain) for code in codes}
    assert {item.code: item.parameters["level"] for item in effective} == expected
    assert len(effective) == len(expected)


BASIQUE = PriceRange(Decimal(100), Decimal(200), "EUR")


@pytest.mark.parametrize("amount", ["100", "150.50", "200.00"])
def test_a_price_in_the_range_is_fine_both_ends_included(amount: str) -> None:
    check_price(Decimal(amount), "EUR", BASIQUE, None)


@pytest.mark.parametrize("amount", ["99.99", "200.01", "0"])
def test_a_price_outside_of_the_range_needs_a_reason(amount: str) -> None:
    with pytest.raises(PriceRefused) as refusal:
        check_price(Decimal(amount), "EUR", BASIQUE, None)
    assert refusal.value.path == ("price", "amount")
    check_price(Decimal(amount), "EUR", BASIQUE, "Two sites")


def test_a_reason_does_not_excuse_another_currency() -> None:
    with pytest.raises(PriceRefused) as refusal:
        check_price(Decimal(150), "USD", BASIQUE, "He pays in dollars")
    assert refusal.value.path == ("price", "currency")


def test_an_indicative_floor_binds_nobody() -> None:
    check_price(Decimal(1), "USD", PriceRange(Decimal(500), None, "USD", indicative=True), None)


def test_an_open_end_is_no_limit() -> None:
    check_price(Decimal(100_000), "EUR", PriceRange(Decimal(100), None, "EUR"), None)
    with pytest.raises(PriceRefused):
        check_price(Decimal(99), "EUR", PriceRange(Decimal(100), None, "EUR"), None)
