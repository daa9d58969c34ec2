"""Who bears a breach: the provider, the client who did not keep an obligation of his own, a third party, or several.

Until somebody decides otherwise the provider bears all of it. A decision is never changed: a later one replaces it from
its own instant on, so that what was settled before can still be explained.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction

from shared.kernel.money import Money


class LiabilityRefusedError(ValueError):
    """These shares do not divide a breach."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Which part of a breach each party bears, in percent, who decided that, when and why.

    What a third party bears is owed by neither of them.

    Raises :class:`LiabilityRefusedError` unless all are 0 to 100 and make 100 together.
    """

    provider_percent: Decimal
    client_percent: Decimal
    decided_at: datetime
    decided_by: str
    reason: str
    third_party_percent: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        shares = (self.provider_percent, self.client_percent, self.third_party_percent)
        if min(shares) < 0:
            raise LiabilityRefusedError("A share of a breach is not negative.")
        if sum(map(Fraction, shares)) != 100:
            raise LiabilityRefusedError("The shares of provider, client and third party make 100 percent together.")


def decision_at(decisions: Iterable[Decision], at: datetime) -> Decision | None:
    """The newest decision that had been made at an instant; of two of one instant the later in the list."""
    made = [(decision.decided_at, index, decision) for index, decision in enumerate(decisions)]
    return max((each for each in made if each[0] <= at), default=(at, 0, None), key=lambda each: each[:2])[2]


def provider_share(decision: Decision | None) -> Fraction:
    """The provider's share of a penalty, 0 to 1: all of it while nothing is decided."""
    return Fraction(1) if decision is None else Fraction(decision.provider_percent) / 100


@dataclass(frozen=True, slots=True)
class Split:
    """A penalty in its parts: what the provider owes, and what is not owed because others bear it."""

    provider: Money
    client: Money
    third_party: Money


def split_penalty(exact: Fraction, decision: Decision | None, currency: str) -> Split:
    """The parts of a penalty that is capped but not yet rounded; they add up to what it would be without a decision.

    The provider's part is the penalty's line of the calculators: one rounding, after the share.
    """
    whole = Money.rounded(exact, currency)
    provider = Money.rounded(exact * provider_share(decision), currency)
    others = Fraction(whole.amount) - Fraction(provider.amount)
    third = Fraction(0) if decision is None else exact * Fraction(decision.third_party_percent) / 100
    third_party = Money.rounded(min(Fraction(Money.rounded(third, currency).amount), others), currency)
    return Split(provider, Money.rounded(others - Fraction(third_party.amount), currency), third_party)
