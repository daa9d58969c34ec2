"""Each item is urgent by its own contract, sums are the sums of their parts, and nothing shown is more than it is."""

from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from incidents.domain.priorities import CameIn, percent_text, points_text, together
from incidents.domain.service_desk_terms import UrgentQuota

SEVERITIES = ("critical", "major", "minor")
shares = st.fractions(min_value=0, max_value=1)
parts = st.builds(
    CameIn,
    st.dictionaries(st.sampled_from(SEVERITIES), st.integers(0, 1000)),
    st.builds(
        UrgentQuota, st.frozensets(st.sampled_from(SEVERITIES)), st.integers(0, 100), st.just(timedelta(days=30))
    ),
)


@given(st.lists(parts), st.lists(parts))
def test_the_figures_of_all_are_those_of_its_parts_together(one: list[CameIn], other: list[CameIn]) -> None:
    whole, first, second = together([*one, *other]), together(one), together(other)
    assert whole.came_in == first.came_in + second.came_in == sum(whole.by_severity.values())
    assert whole.urgent == first.urgent + second.urgent <= whole.came_in
    assert whole.over == first.over + second.over


@given(st.lists(parts))
def test_without_anything_there_is_no_share(known: list[CameIn]) -> None:
    figures = together(known)
    assert (figures.share is None) == (figures.came_in == 0)


@given(shares)
def test_what_is_shown_is_never_more_than_what_is_and_less_than_a_hundredth_below(share: Fraction) -> None:
    shown = Fraction(Decimal(percent_text(share)))
    assert shown <= share * 100 < shown + Fraction(1, 100)


@given(shares, shares)
def test_a_change_is_the_difference_of_the_figures_that_are_shown(earlier: Fraction, later: Fraction) -> None:
    assert Decimal(points_text(later, earlier)) == Decimal(percent_text(later)) - Decimal(percent_text(earlier))


def test_what_one_contract_calls_urgent_is_not_what_another_does() -> None:
    strict = UrgentQuota(frozenset({"critical"}), 50, timedelta(days=30))
    broad = UrgentQuota(frozenset({"critical", "major"}), 50, timedelta(days=30))
    came = {"critical": 1, "major": 1}
    figures = together([CameIn(came, strict), CameIn(came, broad)])
    assert (figures.urgent, figures.came_in, figures.over) == (3, 4, 1)
    assert figures.share == Fraction(3, 4)
