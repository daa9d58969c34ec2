"""How much of what came in was called urgent, over time.

An item counts in the month in which it came in, with the severity that it had when that month ended, and by the terms
that its contract had then: whoever judges it anew later, or amends the contract, changes no month that is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

from incidents.domain.service_desk_terms import UrgentQuota


@dataclass(frozen=True, slots=True)
class CameIn:
    """What came in under one contract in a month, by severity, and what that contract called urgent then."""

    by_severity: Mapping[str, int]
    quota: UrgentQuota

    @property
    def total(self) -> int:
        """How many came in."""
        return sum(self.by_severity.values())

    @property
    def urgent(self) -> int:
        """How many of them were of a severity that the contract calls urgent."""
        return sum(count for severity, count in self.by_severity.items() if severity in self.quota.severities)

    @property
    def over(self) -> bool:
        """Whether that were more than the contract has as its quota, exactly."""
        return self.quota.exceeded(self.urgent, self.total)


@dataclass(frozen=True, slots=True)
class Priorities:
    """What came in under several contracts together: each item is urgent by its own contract, never by another's."""

    came_in: int
    urgent: int
    by_severity: Mapping[str, int]
    over: int

    @property
    def share(self) -> Fraction | None:
        """The urgent ones of all, 0 to 1; None when nothing came in."""
        return Fraction(self.urgent, self.came_in) if self.came_in else None


def together(parts: Iterable[CameIn]) -> Priorities:
    """The sums over contracts, and how many of them were over their quotas."""
    known = list(parts)
    by_severity: Counter[str] = Counter()
    for part in known:
        by_severity.update({severity: count for severity, count in part.by_severity.items() if count})
    return Priorities(
        came_in=sum(part.total for part in known),
        urgent=sum(part.urgent for part in known),
        by_severity=dict(sorted(by_severity.items())),
        over=sum(part.over for part in known),
    )


def hundredths(share: Fraction) -> int:
    """A share in hundredths of a percent, truncated towards nothing: what is shown is never more than what is."""
    return share.numerator * 10_000 // share.denominator


def percent_text(share: Fraction) -> str:
    """``33.33``: percent with two decimals, truncated."""
    whole, rest = divmod(hundredths(share), 100)
    return f"{whole}.{rest:02d}"


def points_text(later: Fraction, earlier: Fraction) -> str:
    """``-4.00``: by how many percentage points a share changed, as the shown figures differ."""
    change = hundredths(later) - hundredths(earlier)
    whole, rest = divmod(abs(change), 100)
    return f"{'-' if change < 0 else ''}{whole}.{rest:02d}"
