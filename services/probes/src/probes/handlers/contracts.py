"""A contract in effect is what is watched. The four events carry the same full state and are followed in its order."""

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import ContractState, SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.adapters.ports import group_ports
from probes.application.promised_pages import follow_pages
from probes.application.provisioning import bring_up_to_date
from probes.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


@handlers.on("contracts.contract.activated.v1")
async def follow_activation(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """Monitors begin, or go on after a suspension."""
    await _follow(event, uow)


@handlers.on("contracts.contract.amended.v1")
async def follow_amendment(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """Intervals and environments change at the amendment's effective instant."""
    await _follow(event, uow)


@handlers.on("contracts.contract.suspended.v1")
async def follow_suspension(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """Monitors pause."""
    await _follow(event, uow)


@handlers.on("contracts.contract.terminated.v1")
async def follow_termination(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """Monitors end; what they found stays."""
    await _follow(event, uow)


async def _follow(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    versions = SqlContractVersions(uow.session)
    await versions.keep(event.tenant_id, event.data, uow.now)
    await bring_up_to_date(
        event.data.contract_id,
        versions,
        SqlLocations(uow.session),
        SqlMonitors(uow.session),
        EventAnnouncer(uow),
        uow.now,
    )
    await follow_pages(event.data.contract_id, group_ports(uow), uow.now)
