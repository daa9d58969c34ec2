"""Which monitor depends on which."""

from uuid import UUID

from probes.application.ports import Monitors
from probes.domain.dependencies import check_parent


async def depend_on(monitor_id: UUID, parent_id: UUID | None, monitors: Monitors) -> None:
    """Makes a monitor depend on another one from now on, or on none. What is told about outages before, stays.

    Both must exist and be the caller's to see. Raises DependencyError for a parent that cannot be.
    """
    held = [monitor_id] if parent_id is None else sorted((monitor_id, parent_id))
    await monitors.locked(held)
    if parent_id is not None:
        check_parent(monitor_id, parent_id, await monitors.parents_of(parent_id))
    await monitors.depend(monitor_id, parent_id)
