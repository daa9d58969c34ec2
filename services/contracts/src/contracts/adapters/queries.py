"""Lists and histories: from SQL to what is answered, a fixed number of queries per page."""

from collections import defaultdict
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select

from contracts.adapters.rows import (
    api_key_of,
    calendar_of,
    client_of,
    contract_of,
    plan_of,
    plan_version_of,
    site_of,
    state_of,
    user_of,
    window_of,
)
from contracts.adapters.stores import contacts_of, environments_of
from contracts.adapters.tables import (
    ApiKeyRow,
    CalendarRow,
    ClientRow,
    ContactRow,
    ContractRow,
    ContractStateRow,
    EnvironmentRow,
    MaintenanceWindowRow,
    PlanRow,
    PlanVersionRow,
    SiteRow,
    UserRow,
)
from contracts.application.calendars import Calendar
from contracts.application.catalogue import Plan, PlanVersion
from contracts.application.clients import Client
from contracts.application.contracts import Contract, ContractState
from contracts.application.identity import ApiKey, User
from contracts.application.maintenance import MaintenanceWindow
from contracts.application.sites import Site
from contracts.domain.lifecycle import Status
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork


async def list_users(uow: UnitOfWork, params: Paging) -> Page[User]:
    """The agency's people, in the order in which they were let in."""
    return await paginate(
        uow.session, select(UserRow), columns=(UserRow.created_at, UserRow.user_id), params=params, to_item=user_of
    )


async def list_api_keys(uow: UnitOfWork, params: Paging) -> Page[ApiKey]:
    """The agency's keys, revoked ones too."""
    return await paginate(
        uow.session,
        select(ApiKeyRow),
        columns=(ApiKeyRow.created_at, ApiKeyRow.api_key_id),
        params=params,
        to_item=api_key_of,
    )


async def list_clients(uow: UnitOfWork, params: Paging) -> Page[Client]:
    """Clients with their contacts."""
    rows = await paginate(
        uow.session,
        select(ClientRow),
        columns=(ClientRow.created_at, ClientRow.client_id),
        params=params,
        to_item=lambda row: (row,),
    )
    contacts: dict[UUID, list[ContactRow]] = defaultdict(list)
    for contact in await contacts_of(uow, [row.client_id for (row,) in rows.data]):
        contacts[contact.client_id].append(contact)
    return Page(data=[client_of(row, contacts[row.client_id]) for (row,) in rows.data], next_cursor=rows.next_cursor)


async def list_sites(uow: UnitOfWork, params: Paging, client_id: UUID | None) -> Page[Site]:
    """Sites with their environments, of one client or of all."""
    query = select(SiteRow)
    if client_id is not None:
        query = query.where(SiteRow.client_id == client_id)
    rows = await paginate(
        uow.session,
        query,
        columns=(SiteRow.created_at, SiteRow.site_id),
        params=params,
        to_item=lambda row: (row,),
    )
    environments: dict[UUID, list[EnvironmentRow]] = defaultdict(list)
    for environment in await environments_of(uow, [row.site_id for (row,) in rows.data]):
        environments[environment.site_id].append(environment)
    return Page(data=[site_of(row, environments[row.site_id]) for (row,) in rows.data], next_cursor=rows.next_cursor)


async def list_maintenance_windows(
    uow: UnitOfWork, params: Paging, client_id: UUID | None, ends_after: datetime | None
) -> Page[MaintenanceWindow]:
    """Maintenance windows, of one client or of all; those that end after an instant, or all."""
    query = select(MaintenanceWindowRow)
    if client_id is not None:
        query = query.where(MaintenanceWindowRow.client_id == client_id)
    if ends_after is not None:
        query = query.where(MaintenanceWindowRow.ends_at > ends_after)
    return await paginate(
        uow.session,
        query,
        columns=(MaintenanceWindowRow.created_at, MaintenanceWindowRow.window_id),
        params=params,
        to_item=window_of,
    )


async def list_calendars(uow: UnitOfWork, params: Paging) -> Page[Calendar]:
    """Calendars with all their versions."""
    return await paginate(
        uow.session,
        select(CalendarRow),
        columns=(CalendarRow.created_at, CalendarRow.calendar_id),
        params=params,
        to_item=calendar_of,
    )


async def list_plans(uow: UnitOfWork, params: Paging, catalogue: str | None) -> Page[Plan]:
    """Plans with their newest versions, of one catalogue or of all."""
    query: Any = select(PlanRow, PlanVersionRow).join(
        PlanVersionRow,
        (PlanVersionRow.plan_id == PlanRow.plan_id) & (PlanVersionRow.number == PlanRow.current_number),
    )
    if catalogue is not None:
        query = query.where(PlanRow.catalogue == catalogue)
    return await paginate(
        uow.session,
        query,
        columns=(PlanRow.created_at, PlanRow.plan_id),
        params=params,
        to_item=lambda row: plan_of(row[0], row[1]),
    )


async def list_plan_versions(uow: UnitOfWork, params: Paging, plan_id: UUID) -> Page[PlanVersion]:
    """All versions of a plan, the first one first."""
    return await paginate(
        uow.session,
        select(PlanVersionRow).where(PlanVersionRow.plan_id == plan_id),
        columns=(PlanVersionRow.number, PlanVersionRow.plan_id),
        params=params,
        to_item=plan_version_of,
    )


async def list_contracts(
    uow: UnitOfWork, params: Paging, client_id: UUID | None, status: Status | None
) -> Page[Contract]:
    """Contracts of one client or of all, in one state or in any."""
    query = select(ContractRow)
    if client_id is not None:
        query = query.where(ContractRow.client_id == client_id)
    if status is not None:
        query = query.where(ContractRow.status == status.value)
    return await paginate(
        uow.session,
        query,
        columns=(ContractRow.created_at, ContractRow.contract_id),
        params=params,
        to_item=contract_of,
    )


async def list_states(uow: UnitOfWork, params: Paging, contract_id: UUID) -> Page[ContractState]:
    """What a contract was, from its activation on."""
    return await paginate(
        uow.session,
        select(ContractStateRow).where(ContractStateRow.contract_id == contract_id),
        columns=(ContractStateRow.version, ContractStateRow.contract_id),
        params=params,
        to_item=state_of,
    )


async def state_at(uow: UnitOfWork, contract_id: UUID, at: datetime) -> ContractState | None:
    """What a contract was at an instant; None before it was first in force."""
    row = await uow.session.scalar(
        select(ContractStateRow)
        .where(ContractStateRow.contract_id == contract_id, ContractStateRow.effective_from <= at)
        .order_by(ContractStateRow.effective_from.desc(), ContractStateRow.version.desc())
        .limit(1)
    )
    return None if row is None else state_of(row)
