"""What the locations of a monitor say together: agreement, disagreement, or nothing yet.

A location counts while it is fresh. Down is what a strict majority says; two locations that disagree are no outage. A
minority that cannot reach the monitor while the others can is a regional disturbance. And the same way back: an outage
ends when a strict majority says so.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from probes.domain.states import LocationFinding, LocationState, Verdict


class Consensus(StrEnum):
    """What the fresh locations amount to."""

    SILENT = "silent"
    DOWN = "down"
    DISPUTED = "disputed"
    UP = "up"
    OPEN = "open"
    """Nothing that changes what holds: a tie during an outage, or a suspicion that may still make a majority."""


@dataclass(frozen=True, slots=True)
class Opinion:
    """A consensus, and the location whose verdict dates it (None when nobody leads)."""

    consensus: Consensus
    leading: LocationState | None = None


def opinion(locations: Iterable[LocationState], since: datetime, *, outage: bool) -> Opinion:
    """What the locations say about a monitor whose present state holds since `since`; `outage`: one is open.

    Where no outage is open, a location that says down has a voice once it has looked since then: right after a
    recovery, or after a maintenance window, an old verdict says nothing about what holds now.
    """
    fresh = [location for location in locations if location.fresh]
    if not fresh:
        return Opinion(Consensus.SILENT)
    up = [location for location in fresh if location.verdict is Verdict.UP]
    down = [location for location in fresh if location.verdict is Verdict.DOWN and (outage or _looked(location, since))]
    if 2 * len(down) > len(fresh):
        return Opinion(Consensus.DOWN, _completing(down, len(fresh)))
    if outage:
        return Opinion(Consensus.UP, _completing(up, len(fresh))) if 2 * len(up) > len(fresh) else _OPEN
    if down:
        suspicious = [location for location in up if location.run is not None]
        if 2 * (len(down) + len(suspicious)) > len(fresh):
            return _OPEN
        return Opinion(Consensus.DISPUTED, _in_order(down)[0])
    return Opinion(Consensus.UP, _completing(up, len(up))) if up else _OPEN


def findings(locations: Mapping[str, LocationState]) -> tuple[LocationFinding, ...]:
    """What each location says now, in the order of their names."""
    return tuple(
        LocationFinding(
            location.location,
            location.verdict if location.fresh else None,
            location.verdict_since if location.fresh and location.verdict is Verdict.DOWN else None,
        )
        for _, location in sorted(locations.items())
    )


def dispute_ended_at(locations: Iterable[LocationState], since: datetime) -> datetime:
    """When the last location that said down stopped saying so: it recovered, or it fell silent. At least `since`."""
    ends = (
        location.stale_since if location.verdict is Verdict.DOWN else location.verdict_since for location in locations
    )
    return max((end for end in ends if end is not None and end > since), default=since)


_OPEN = Opinion(Consensus.OPEN)


def _looked(location: LocationState, since: datetime) -> bool:
    return location.last_at is not None and location.last_at >= since


def _completing(agreeing: Sequence[LocationState], voices: int) -> LocationState:
    """The location whose verdict completed the strict majority of `voices`."""
    return _in_order(agreeing)[voices // 2]


def _in_order(locations: Sequence[LocationState]) -> list[LocationState]:
    return sorted(locations, key=lambda location: (location.verdict_since is not None, location.verdict_since))
