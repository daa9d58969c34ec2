"""Carries out what critical periods do to the pages of groups, and plans what comes."""

import structlog

from probes.adapters.monitor_groups import SqlMonitorGroups
from probes.adapters.ports import group_ports
from probes.application.groups import follow_periods
from shared.secret_box import Unreadable
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

GROUPS = 50


class FollowCriticalPeriods:
    """Looks every second. The schedule does not wait for this: it knows two days ahead what changes when."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def __call__(self) -> float:
        """One group per transaction: one that cannot be followed does not hold up the others."""
        async with self._units.for_every_tenant() as unit:
            due = await SqlMonitorGroups(unit.session).due(unit.now, GROUPS)
        for group_id, tenant_id in due:
            async with self._units.for_tenant(tenant_id) as unit:
                ports = group_ports(unit)
                try:
                    found = await ports.groups.held(group_id)
                except Unreadable:
                    log.error("secrets_unreadable", group_id=str(group_id))
                    continue
                if found is not None and found[0].removed_at is None:
                    await follow_periods(*found, ports, unit.now)
        return 0.0 if len(due) == GROUPS else 1.0
