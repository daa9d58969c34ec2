"""Contracts and the names of clients and sites."""

from uuid import UUID

from reporting.adapters.projections import remember_client, remember_contract, remember_site
from reporting.application.facts import ContractState, Fact
from reporting.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


class NamedClient(Fact):
    """The part of `client.changed` that is read."""

    client_id: UUID
    name: str


class NamedEnvironment(Fact):
    """The part of an environment that is read."""

    environment_id: UUID
    name: str


class NamedSite(Fact):
    """The part of `site.changed` that is read."""

    site_id: UUID
    client_id: UUID
    name: str
    environments: tuple[NamedEnvironment, ...] = ()


@handlers.on("contracts.contract.activated.v1")
async def keep_activated_contract(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """A contract began to apply, or applies again."""
    await remember_contract(uow, event)


@handlers.on("contracts.contract.amended.v1")
async def keep_amended_contract(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """A contract changed; what it promised before stays true for before."""
    await remember_contract(uow, event)


@handlers.on("contracts.contract.suspended.v1")
async def keep_suspended_contract(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """A contract does not apply for a while."""
    await remember_contract(uow, event)


@handlers.on("contracts.contract.terminated.v1")
async def keep_terminated_contract(event: ReceivedEvent[ContractState], uow: UnitOfWork) -> None:
    """A contract came to its end."""
    await remember_contract(uow, event)


@handlers.on("contracts.client.changed.v1")
async def keep_client_name(event: ReceivedEvent[NamedClient], uow: UnitOfWork) -> None:
    """A client is called differently from now on."""
    await remember_client(uow, event, event.data.client_id, event.data.name)


@handlers.on("contracts.site.changed.v1")
async def keep_site_names(event: ReceivedEvent[NamedSite], uow: UnitOfWork) -> None:
    """A site or its environments are called differently from now on."""
    site = event.data
    await remember_site(
        uow,
        event,
        site_id=site.site_id,
        client_id=site.client_id,
        name=site.name,
        environment_names={str(environment.environment_id): environment.name for environment in site.environments},
    )
