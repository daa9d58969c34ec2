"""Monitors that depend on others: what is down because of something else is not to blame."""

from collections.abc import Mapping
from uuid import UUID

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
