"""contract.*: what we promise. Every event is the whole contract, so one handler takes them all, in any order."""

from incidents.adapters.contract_state import ContractState
from incidents.adapters.promised_work import follow_promised_work
from incidents.application.contracts import take_version
from incidents.application.ports import ContractVersion
from incidents.handlers.registration import handlers, ports
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


@handlers.on("contracts.contract.activated.v1")
async def heed_activation(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """A contract is in force, for the first time or again after a suspension."""
    await _take(event, uow)


@handlers.on("contracts.contract.amended.v1")
async def heed_amendment(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """Its targets, calendars or sites change from an instant on."""
    await _take(event, uow)


@handlers.on("contracts.contract.suspended.v1")
async def heed_suspension(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """Nothing is owed until it is active again: its clocks stand still."""
    await _take(event, uow)


@handlers.on("contracts.contract.terminated.v1")
async def heed_end(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """It is over: clocks that still run end without a verdict."""
    await _take(event, uow)


async def _take(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    state = event.data
    version = ContractVersion(
        contract_id=state.contract_id,
        client_id=state.client.client_id,
        version=state.version,
        status=state.status,
        effective_from=state.effective_from,
        state=event.envelope.data,
    )
    await take_version(ports(uow), version)
    await follow_promised_work(uow, state)
