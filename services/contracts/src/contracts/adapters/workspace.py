"""The workspace of the use cases over one unit of work."""

import secrets

from contracts.adapters.announce import OutboxAnnouncer
from contracts.adapters.fact_stores import Facts
from contracts.adapters.hours_stores import hours_stores
from contracts.adapters.invoice_stores import billing_of
from contracts.adapters.life_stores import life_stores
from contracts.adapters.paper_stores import Papers
from contracts.adapters.proof_stores import Proofs
from contracts.adapters.register_workspace import registers_of
from contracts.adapters.sector_stores import sector_stores
from contracts.adapters.settlement_stores import settlement_stores
from contracts.adapters.signing_stores import signing_stores
from contracts.adapters.stores import (
    ApiKeys,
    Calendars,
    Clients,
    Contracts,
    MaintenanceWindows,
    Plans,
    Sites,
    Tenants,
    Users,
)
from contracts.application.ports import Workspace
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork


def workspace_of(uow: UnitOfWork) -> Workspace:
    """What a use case works with in this transaction, which must be a tenant's."""
    assert uow.tenant_id is not None
    return Workspace(
        tenant_id=uow.tenant_id,
        now=uow.now,
        actor=uow.actor.name,
        tenants=Tenants(uow),
        users=Users(uow),
        keys=ApiKeys(uow),
        clients=Clients(uow),
        sites=Sites(uow),
        windows=MaintenanceWindows(uow),
        calendars=Calendars(uow),
        plans=Plans(uow),
        contracts=Contracts(uow),
        registers=registers_of(uow),
        signing=signing_stores(uow),
        life=life_stores(uow),
        billing=billing_of(uow),
        sectors=sector_stores(uow),
        facts=Facts(uow),
        settlements=settlement_stores(uow),
        hours=hours_stores(uow),
        proofs=Proofs(uow),
        papers=Papers(uow),
        announcer=OutboxAnnouncer(uow),
        new_id=new_id,
        random_bytes=secrets.token_bytes,
    )
