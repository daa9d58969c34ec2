"""The responsibility matrix: who decides and who executes, with no activity unowned."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Gap = Literal["decides", "executes"]


@dataclass(frozen=True)
class Activity:
    """One activity. None is nobody."""

    code: str
    decides: str | None
    executes: str | None


def unowned(activities: Iterable[Activity]) -> Iterator[tuple[int, Gap]]:
    """Position and missing role of every activity that lacks a decider or an executor."""
    for position, activity in enumerate(activities):
        if activity.decides is None:
            yield position, "decides"
        if activity.executes is None:
            yield position, "executes"
