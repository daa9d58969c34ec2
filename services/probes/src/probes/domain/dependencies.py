"""Monitors that depend on others: what is down because of something else is not to blame."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from probes.domain.states import MonitorState, State

DEEPEST = 10
"""Monitors that may stand above one: a deeper dependency explains nothing."""


class DependencyError(ValueError):
    """A parent that cannot be: it would depend on itself, or on too many others."""


def check_parent(monitor_id: UUID, parent_id: UUID, parents: Mapping[UUID, UUID | None]) -> None:
    """Raises DependencyError unless `monitor_id` may depend on `parent_id`, given who depends on whom today."""
    above: UUID | None = parent_id
    for _ in range(DEEPEST):
        if above == monitor_id:
            raise DependencyError("The monitor would depend on itself, through the ones that this parent depends on.")
        if above is None:
            return
        above = parents.get(above)
    raise DependencyError(f"A monitor depends on at most {DEEPEST} others, one above the other.")


@dataclass(frozen=True, slots=True)
class Above:
    """What is known of the monitors above one, where it stands in doubt.

    `outage_id` is the open outage of the nearest one that has one. Until `known_until` it is known that none is about
    to have one; None: nothing more is to be learned of them.
    """

    outage_id: UUID | None = None
    known_until: datetime | None = None


def above(ancestors: Iterable[MonitorState]) -> Above:
    """What the monitors above one amount to, the nearest first."""
    known: list[datetime] = []
    for state in ancestors:
        if state.outage is not None:
            return Above(state.outage.outage_id)
        if state.state in (State.UP, State.DEGRADED):
            known += [
                location.run.first_at if location.run is not None else location.last_at
                for location in state.locations.values()
                if location.fresh and location.last_at is not None
            ]
    return Above(None, min(known, default=None))
