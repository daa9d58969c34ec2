"""What is in a contract's scope, what is out of it, and what must be scoped before anybody can tell."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Verdict = Literal["in", "out", "needs_scoping"]
Why = Literal["named", "not_named", "larger_than_agreed", "size_unknown"]


@dataclass(frozen=True)
class Category:
    """A category of requests. One that is in may have a limit: what takes longer is scoped first."""

    code: str
    verdict: Verdict
    limit_minutes: int | None


@dataclass(frozen=True)
class Classified:
    """The verdict on a request, and why."""

    verdict: Verdict
    why: Why


def classify(categories: Iterable[Category], code: str, estimated_minutes: int | None) -> Classified:
    """Where a request of this category stands. What the contract does not name is never silently in or out."""
    named = next((category for category in categories if category.code == code), None)
    if named is None:
        return Classified("needs_scoping", "not_named")
    if named.verdict == "in" and named.limit_minutes is not None:
        if estimated_minutes is None:
            return Classified("needs_scoping", "size_unknown")
        if estimated_minutes > named.limit_minutes:
            return Classified("needs_scoping", "larger_than_agreed")
    return Classified(named.verdict, "named")


def consumes_included_hours(verdict: Verdict, approved: bool) -> bool:
    """Whether work under this verdict may draw on the included hours: what is not in scope only once approved."""
    return verdict == "in" or approved
