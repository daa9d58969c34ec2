"""Flapping: a monitor that goes down and comes back again and again.

More than `MOST_EDGES` beginnings and ends of outages within `WITHIN` make it flap; it has settled when nothing began
or ended for `QUIET`. Flapping holds back messages to people. The record, outage by outage, stays complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

MOST_EDGES = 6
"""Three whole outages within the hour are bad luck; what comes on top is a pattern."""
WITHIN = timedelta(hours=1)
QUIET = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Edge:
    """An outage began or ended; `at` is when that was confirmed."""

    at: datetime
    outage_id: UUID


def with_edge(edges: Sequence[Edge], edge: Edge) -> tuple[Edge, ...]:
    """The edges that still matter once one more has come: those of the last hour, and no more than it takes."""
    recent = [earlier for earlier in edges if edge.at - earlier.at < WITHIN]
    return (*recent, edge)[-(MOST_EDGES + 1) :]


def is_flapping(edges: Sequence[Edge]) -> bool:
    """Whether these edges, as `with_edge` keeps them, are too many."""
    return len(edges) > MOST_EDGES


def is_quiet(edges: Sequence[Edge], now: datetime) -> bool:
    """Whether nothing has begun or ended for so long that the monitor has settled."""
    return not edges or now - edges[-1].at >= QUIET
