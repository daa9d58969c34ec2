"""Who is a fit for support: five criteria that speak for it, four that speak against it, and what comes first.

The criteria are those of an agency that supports systems in production: what it asks for is a system that somebody
depends on and somebody answers for. What is not stabilized is diagnosed before anybody promises to support it.
"""

from collections.abc import Set
from dataclasses import dataclass
from typing import Literal

Fit = Literal[
    "in_production",
    "business_dependency",
    "availability_required",
    "sensitive_or_regulated_data",
    "continuity_and_evolution_required",
]
NotFit = Literal["not_stabilized", "experimental", "no_business_owner", "no_governance"]
Verdict = Literal["fit", "not_fit", "diagnostic_first"]
Reason = Literal[
    "in_production",
    "business_dependency",
    "availability_required",
    "sensitive_or_regulated_data",
    "continuity_and_evolution_required",
    "not_stabilized",
    "experimental",
    "no_business_owner",
    "no_governance",
    "not_in_production",
    "nothing_to_support",
]


@dataclass(frozen=True)
class Eligibility:
    """What the answers come to. `reasons` are the criteria that decided, those against it first."""

    verdict: Verdict
    needs_diagnostic: bool
    reasons: tuple[Reason, ...]


_FIT: tuple[Fit, ...] = (
    "in_production",
    "business_dependency",
    "availability_required",
    "sensitive_or_regulated_data",
    "continuity_and_evolution_required",
)
_NOT_FIT: tuple[NotFit, ...] = ("no_business_owner", "not_stabilized", "experimental", "no_governance")


def eligibility(fits: Set[Fit], against: Set[NotFit]) -> Eligibility:
    """The verdict on a prospect for whom the criteria in `fits` and in `against` hold.

    Any criterion against it leads to a diagnostic first. Without a business owner there is nobody to agree with: not a
    fit, whatever else holds, and after one is named the diagnostic comes. A system that is not in production yet is
    diagnosed too. One that is in production and of which nothing else is asked needs no support: not a fit.
    """
    reasons: list[Reason] = [criterion for criterion in _NOT_FIT if criterion in against]
    if "in_production" not in fits:
        reasons.append("not_in_production")
    needs_diagnostic = bool(reasons)
    verdict: Verdict = "diagnostic_first" if needs_diagnostic else "fit"
    if "no_business_owner" in against:
        verdict = "not_fit"
    elif not needs_diagnostic and fits == {"in_production"}:
        verdict = "not_fit"
        reasons.append("nothing_to_support")
    reasons.extend(criterion for criterion in _FIT if criterion in fits)
    return Eligibility(verdict, needs_diagnostic, tuple(reasons))
