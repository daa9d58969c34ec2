"""Monitors that somebody adds to a contract, of whatever kind."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from probes.adapters.announce import EventAnnouncer
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.application.checks.kinds import configuration_of
from probes.domain.monitors import Cadence, Source, Subject
from probes.domain.state_line import begin

from .conftest import Contract, Service

EVERY_SECOND = Cadence(interval_seconds=1, timeout_seconds=1, rechecks=1, recheck_spacing_seconds=0, recoveries=1)


async def watch(
    service: Service, given: Contract, document: Mapping[str, Any], cadence: Cadence = EVERY_SECOND
) -> UUID:
    """Has something watched under a contract from now on; returns the monitor's id."""
    subject = Subject(
        monitor_id=uuid4(),
        tenant_id=given.tenant_id,
        client_id=given.client_id,
        contract_id=given.contract_id,
        site_id=given.client_id,
        environment_id=given.environment_id,
        deliverable="added",
        counts_for_sla=True,
        name=f"Bellevue – {document['kind']}",
        url=configuration_of(document).address,
        configuration=document,
        source=Source.ADDED,
    )
    async with service.runtime.units.for_every_tenant() as unit:
        monitors = SqlMonitors(unit.session)
        applied = begin(subject.monitor_id, await SqlLocations(unit.session).active(), unit.now)
        await monitors.add(subject, cadence, applied, 1)
        EventAnnouncer(unit).announce(subject, applied.transitions)
        await monitors.wake_scheduler()
    return subject.monitor_id
