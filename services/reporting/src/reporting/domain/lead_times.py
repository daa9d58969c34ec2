"""How long things took from their beginning to their end: medians and percentiles that are always measured times."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

MEDIAN: Final = 50
NINETIETH: Final = 90


@dataclass(frozen=True, slots=True)
class LeadTimes:
    """The figures of some lead times; `median`, `ninetieth` and `longest` are None when there is none."""

    count: int
    median: timedelta | None
    ninetieth: timedelta | None
    longest: timedelta | None


def lead_times(took: Iterable[timedelta]) -> LeadTimes:
    """Of so many, by nearest rank."""
    ordered = sorted(took)
    return LeadTimes(
        count=len(ordered),
        median=nearest_rank(ordered, MEDIAN),
        ninetieth=nearest_rank(ordered, NINETIETH),
        longest=ordered[-1] if ordered else None,
    )


def nearest_rank(ordered: Sequence[timedelta], percent: int) -> timedelta | None:
    """The smallest of these that at least so many percent of them do not exceed: always one that was measured."""
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else None
