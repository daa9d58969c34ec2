"""From rows to the aggregates of the application and back. The database is read in one query per kind of row."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from contracts.adapters.tables import (
    ApiKeyRow,
    Base,
    CalendarRow,
    ClientRow,
    ContactRow,
    ContractDocumentRow,
    ContractRow,
    ContractStateRow,
    EnvironmentRow,
    MaintenanceWindowRow,
    PlanRow,
    PlanVersionRow,
    SiteRow,
    TenantRow,
    UserRow,
)
from contracts.application.calendars import Calendar
from contracts.application.catalogue import Plan, PlanVersion
from contracts.application.clients import Client, Contact
from contracts.application.contracts import Contract, ContractState, Document, allowed_steps
from contracts.application.identity import ApiKey, Tenant, User
from contracts.application.maintenance import MaintenanceWindow
from contracts.application.sites import Environment, Site
from contracts.domain.lifecycle import Status


def tenant_of(row: TenantRow) -> Tenant:
    return Tenant.model_validate(row, from_attributes=True)


def user_of(row: UserRow) -> User:
    return User.model_validate(row, from_attributes=True)


def api_key_of(row: ApiKeyRow) -> ApiKey:
    return ApiKey.model_validate(row, from_attributes=True)


def window_of(row: MaintenanceWindowRow) -> MaintenanceWindow:
    return MaintenanceWindow.model_validate(columns(row))


def client_of(row: ClientRow, contacts: Iterable[ContactRow]) -> Client:
    return Client.model_validate(
        {
            **columns(row),
            "contacts": [Contact.model_validate(contact, from_attributes=True) for contact in contacts],
        }
    )


def contact_rows(client: Client, tenant_id: UUID) -> list[ContactRow]:
    return [
        ContactRow(
            tenant_id=tenant_id,
            client_id=client.client_id,
            position=position,
            **contact.model_dump(),
        )
        for position, contact in enumerate(client.contacts)
    ]


def site_of(row: SiteRow, environments: Iterable[EnvironmentRow]) -> Site:
    return Site.model_validate(
        {
            **columns(row),
            "environments": [Environment.model_validate(item, from_attributes=True) for item in environments],
        }
    )


def environment_rows(site: Site, tenant_id: UUID) -> list[EnvironmentRow]:
    return [
        EnvironmentRow(
            tenant_id=tenant_id,
            client_id=site.client_id,
            site_id=site.site_id,
            position=position,
            **environment.model_dump(),
        )
        for position, environment in enumerate(site.environments)
    ]


def calendar_of(row: CalendarRow) -> Calendar:
    return Calendar.model_validate(row, from_attributes=True)


def plan_version_of(row: PlanVersionRow) -> PlanVersion:
    return PlanVersion.model_validate(row.content)


def plan_of(row: PlanRow, current: PlanVersionRow) -> Plan:
    return Plan.model_validate({**columns(row), "current": plan_version_of(current)})


def contract_of(row: ContractRow) -> Contract:
    return Contract.model_validate({**columns(row), "allowed_steps": allowed_steps(Status(row.status))})


def document_of(row: ContractDocumentRow) -> Document:
    return Document.model_validate(row, from_attributes=True)


def state_of(row: ContractStateRow) -> ContractState:
    return ContractState.model_validate(row, from_attributes=True)


def columns(row: Base) -> dict[str, Any]:
    """The values of a row by column name."""
    return {column.key: getattr(row, column.key) for column in row.__table__.columns}
