"""Who bears a breach, and that both parts of a penalty are the whole of it."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.liability import Decision, LiabilityRefusedError, decision_at, provider_share, split_penalty
from shared.kernel.money import Money

MONDAY, TUESDAY = datetime(2026, 6, 8, tzinfo=UTC), datetime(2026, 6, 9, tzinfo=UTC)


def decided(provider: str, at: datetime = MONDAY) -> Decision:
    return Decision(Decimal(provider), 100 - Decimal(provider), at, "Nadia Benali", "Access came two days late.")


def test_until_somebody_decides_the_provider_bears_all_of_it() -> None:
    assert decision_at([], TUESDAY) is None
    assert decision_at([decided("50", TUESDAY)], MONDAY) is None
    assert provider_share(None) == 1


def test_the_newest_decision_counts_from_its_own_instant_on() -> None:
    first, second, third = decided("50"), decided("0", TUESDAY), decided("25", TUESDAY)
    for decisions in ([first, second], [second, first]):
        assert decision_at(decisions, MONDAY) == first
        assert decision_at(decisions, TUESDAY) == second
    assert decision_at([first, second, third], TUESDAY) == third
    assert provider_share(first) == Fraction(1, 2)


@pytest.mark.parametrize(("provider", "client"), [("50", "49.99"), ("60", "50"), ("-10", "110"), ("110", "-10")])
def test_shares_that_do_not_make_a_whole_are_refused(provider: str, client: str) -> None:
    with pytest.raises(LiabilityRefusedError):
        Decision(Decimal(provider), Decimal(client), MONDAY, "Nadia Benali", "")


@given(st.fractions(0, 10_000, max_denominator=1000), st.none() | st.decimals(0, 100, places=3).map(str).map(decided))
def test_the_parts_are_the_whole_and_the_providers_is_rounded_after_the_share(
    exact: Fraction, decision: Decision | None
) -> None:
    parts = split_penalty(exact, decision, "EUR")
    assert parts.provider == Money.rounded(exact * provider_share(decision), "EUR")
    assert sum(each.amount for each in (parts.provider, parts.client, parts.third_party)) == (
        Money.rounded(exact, "EUR").amount
    )
    assert min(parts.client.amount, parts.third_party.amount) >= 0
