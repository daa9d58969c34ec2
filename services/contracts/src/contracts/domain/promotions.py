"""Promotions: what an agency takes off a plan's fee between two days, and which of them a draft is offered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol, TypeVar


class Offered(Protocol):
    """A promotion, as far as it decides who is offered it."""

    @property
    def plans(self) -> Sequence[str]:
        """Codes of plans; empty: every one."""

    @property
    def starts_on(self) -> date: ...

    @property
    def ends_before(self) -> date | None: ...


P = TypeVar("P", bound=Offered)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is drafted: under which plan, in which currency, from which day to which (None: until further notice)."""

    plan: str
    starts_on: date
    ends_on: date | None


def offered(promotions: Iterable[P], wanted: Wanted, today: date) -> list[P]:
    """Those that are for the plan, are not over, and run on at least one day of the contract, in their order."""
    return [
        each
        for each in promotions
        if (not each.plans or wanted.plan in each.plans)
        and (each.ends_before is None or each.ends_before > max(today, wanted.starts_on))
        and (wanted.ends_on is None or each.starts_on <= wanted.ends_on)
    ]
