"""Who is a fit for support, who is not, and who is diagnosed first."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.eligibility import Fit, NotFit, eligibility

FITS = st.frozensets(st.sampled_from(get_args(Fit)))
AGAINST = st.frozensets(st.sampled_from(get_args(NotFit)))


def test_a_system_in_production_that_the_business_depends_on_is_a_fit() -> None:
    found = eligibility({"in_production", "business_dependency"}, set())
    assert (found.verdict, found.needs_diagnostic) == ("fit", False)
    assert found.reasons == ("in_production", "business_dependency")


def test_without_a_business_owner_nothing_else_makes_a_fit() -> None:
    found = eligibility(set(get_args(Fit)), {"no_business_owner"})
    assert (found.verdict, found.needs_diagnostic) == ("not_fit", True)
    assert found.reasons[0] == "no_business_owner"


@pytest.mark.parametrize("criterion", ["not_stabilized", "experimental", "no_governance"])
def test_what_is_not_stabilized_experimental_or_ungoverned_is_diagnosed_first(criterion: NotFit) -> None:
    found = eligibility(set(get_args(Fit)), {criterion})
    assert (found.verdict, found.needs_diagnostic, found.reasons[0]) == ("diagnostic_first", True, criterion)


def test_what_is_not_in_production_yet_is_diagnosed_first() -> None:
    found = eligibility({"business_dependency"}, set())
    assert (found.verdict, found.reasons[0]) == ("diagnostic_first", "not_in_production")


def test_a_system_of_which_nothing_is_asked_is_not_a_fit() -> None:
    found = eligibility({"in_production"}, set())
    assert (found.verdict, found.needs_diagnostic) == ("not_fit", False)
    assert "nothing_to_support" in found.reasons


@given(FITS, AGAINST)
def test_any_criterion_against_leads_to_a_diagnostic_and_never_to_a_fit(
    fits: frozenset[Fit], against: frozenset[NotFit]
) -> None:
    found = eligibility(fits, against)
    assert found.needs_diagnostic == (bool(against) or "in_production" not in fits)
    assert (found.verdict == "fit") == (not found.needs_diagnostic and len(fits) > 1)
    assert set(against) | set(fits) <= set(found.reasons)
