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
    """A consensus, the location whose verdict completed it (None when nobody leads), and since when it has held."""

    consensus: Consensus
    leading: LocationState | None = None
    since: datetime | None = None


def opinion(locations: Iterable[LocationState], since: datetime, *, outage: bool) -> Opinion:
    """What the locations say about a monitor whose present state holds since `since`; `outage`: one is open.

    Where no outage is open, a location that says down has a voice once it has looked since then: right after a
    recovery, or after a maintenance window, an old verdict says nothing about what holds now.
    """
    known = list(locations)
    fresh = [location for location in known if location.fresh]
    if not fresh:
        return Opinion(Consensus.SILENT)
    up = [location for location in fresh if location.verdict is Verdict.UP]
    down = [location for location in fresh if location.verdict is Verdict.DOWN and (outage or _looked(location, since))]
    if 2 * len(down) > len(fresh):
        return _agreement(Consensus.DOWN, known, down, len(fresh))
    if 2 * len(up) > len(fresh) if outage else up and not down:
        return _agreement(Consensus.UP, known, up, len(fresh) if outage else len(up))
    suspicious = [location for location in up if location.run is not None]
    if outage or not down or 2 * (len(down) + len(suspicious)) > len(fresh):
        return _OPEN
    leading = _in_order(down)[0]
    return Opinion(Consensus.DISPUTED, leading, leading.verdict_since)


def _agreement(
    consensus: Consensus, known: Sequence[LocationState], agreeing: Sequence[LocationState], voices: int
) -> Opinion:
    return Opinion(consensus, _completing(agreeing, voices), _agreed_since(known, agreeing, voices))


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


def _agreed_since(known: Sequence[LocationState], agreeing: Sequence[LocationState], voices: int) -> datetime:
    """The instant from which on those that agree now, of so many voices, were a strict majority of what was heard.

    Who has fallen silent had a voice until then: what he contradicted did not hold, however long the others said so.
    """
    silent = [location for location in known if location.verdict is not None and location.stale_since is not None]
    if not silent:
        last = _completing(agreeing, voices).verdict_since
        assert last is not None
        return last

    def held(at: datetime) -> bool:
        heard = [location for location in silent if location.stale_since is not None and at < location.stale_since]
        same = [location for location in heard if location.verdict is agreeing[0].verdict and _said(location, at)]
        yes = sum(_said(location, at) for location in agreeing) + len(same)
        return 2 * yes > voices + len(heard)

    edges = [location.verdict_since for location in agreeing] + [location.stale_since for location in silent]
    instants = sorted({edge for edge in edges if edge is not None}, reverse=True)
    since = instants[0]
    for instant in instants:
        if not held(instant):
            break
        since = instant
    return since


def _said(location: LocationState, at: datetime) -> bool:
    return location.verdict_since is not None and location.verdict_since <= at


def _in_order(locations: Sequence[LocationState]) -> list[LocationState]:
    return sorted(locations, key=lambda location: (location.verdict_since is not None, location.verdict_since))
