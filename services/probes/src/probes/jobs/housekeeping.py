"""Loops over what is due without any check: versions of contracts, partitions, locations."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.adapters.ports import group_ports
from probes.adapters.result_rows import Partitions, day_of, drop_partitions_before
from probes.adapters.rollups import drop_rollups_before
from probes.application.promised_pages import follow_pages
from probes.application.provisioning import bring_up_to_date
from shared.secret_box import Unreadable
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

DAYS_AHEAD = 3
PARTITIONS_EVERY_SECONDS = 60.0
CONTRACTS = 50
HELD_UP = timedelta(seconds=10)
"""Until a contract is looked at again that could not be followed, for want of a key perhaps."""


class FollowContracts:
    """Brings monitors in line with contract versions whose effective instant has come."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._held_up: dict[UUID, datetime] = {}

    async def __call__(self) -> float:
        """One contract per transaction: however many cannot be followed, the others do not wait for them."""
        async with self._units.for_every_tenant() as unit:
            self._held_up = {contract_id: until for contract_id, until in self._held_up.items() if until > unit.now}
            waiting = await SqlContractVersions(unit.session).waiting(unit.now, CONTRACTS, but=self._held_up)
            again_at = unit.now + HELD_UP
        for contract_id, tenant_id in waiting:
            try:
                async with self._units.for_tenant(tenant_id) as unit:
                    await bring_up_to_date(
                        contract_id,
                        SqlContractVersions(unit.session),
                        SqlLocations(unit.session),
                        SqlMonitors(unit.session),
                        EventAnnouncer(unit),
                        unit.now,
                    )
                    await follow_pages(contract_id, group_ports(unit), unit.now)
            except Unreadable as error:
                log.error("secrets_unreadable", contract_id=str(contract_id), detail=str(error))
                self._held_up[contract_id] = again_at
        return 0.0 if len(waiting) == CONTRACTS else 1.0


class KeepPartitions:
    """Makes the partitions of the coming days and drops those that have served their time."""

    def __init__(self, units: UnitsOfWork, retention_days: int, rollup_months: int) -> None:
        self._units = units
        self._retention_days = retention_days
        self._rollup_months = rollup_months

    async def __call__(self) -> float:
        """Asks about every day each time: a partition that somebody dropped comes back."""
        async with self._units.for_every_tenant() as unit:
            today = day_of(unit.now)
            await Partitions().ensure(unit.session, range(today, today + DAYS_AHEAD + 1))
            dropped = await drop_partitions_before(unit.session, today - self._retention_days)
            months = unit.now.year * 12 + unit.now.month - 1 - self._rollup_months
            await drop_rollups_before(unit.session, datetime(months // 12, months % 12 + 1, 1, tzinfo=UTC))
        if dropped:
            log.info("results_dropped", days=dropped, older_than=str(timedelta(days=self._retention_days)))
        return PARTITIONS_EVERY_SECONDS


class ConfigureLocations:
    """Makes the locations of the settings the ones that monitors are checked from."""

    def __init__(self, units: UnitsOfWork, names: Sequence[str]) -> None:
        self._units = units
        self._names = tuple(names)

    async def __call__(self) -> float:
        """Cheap when nothing changes."""
        async with self._units.for_every_tenant() as unit:
            if await SqlLocations(unit.session).configure(self._names, unit.now):
                log.info("locations_configured", locations=list(self._names))
        return 30.0
