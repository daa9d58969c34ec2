"""The tables of contracts. What has rules or is queried has columns; what is only carried along is JSON."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    DateTime,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    LargeBinary,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from shared.database import metadata_for
from shared.migrations import event_tables

SCHEMA = "contracts"

metadata = metadata_for(SCHEMA)
event_tables(metadata)


class Base(DeclarativeBase):
    """Base of the rows of contracts."""

    metadata = metadata
    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy reads it from the class)
        UUID: Uuid,
        str: Text,
        datetime: DateTime(timezone=True),
        bytes: LargeBinary,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        list[str]: ARRAY(Text),
    }


class TenantRow(Base):
    """An agency. Its own id is what row-level security looks at."""

    __tablename__ = "tenant"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    name: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SigningKeyRow(Base):
    """A key that signs tokens, for the whole installation; the private half is encrypted with the settings' secret."""

    __tablename__ = "signing_key"

    kid: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[bytes]
    encrypted_private_key: Mapped[bytes]
    signs_from: Mapped[datetime]
    created_at: Mapped[datetime]


class UserRow(Base):
    """A person."""

    __tablename__ = "user_account"
    __table_args__ = (UniqueConstraint("tenant_id", "email"),)

    user_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.client.client_id"))
    version: Mapped[int]
    email: Mapped[str]
    name: Mapped[str]
    role: Mapped[str]
    language: Mapped[str]
    disabled: Mapped[bool]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ApiKeyRow(Base):
    """An API key; of its secret only the SHA-256."""

    __tablename__ = "api_key"
    __table_args__ = (UniqueConstraint("prefix"), Index(None, "tenant_id", "created_at"))

    api_key_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.client.client_id"))
    user_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.user_account.user_id"), index=True)
    version: Mapped[int]
    prefix: Mapped[str]
    digest: Mapped[bytes]
    name: Mapped[str]
    role: Mapped[str]
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    created_at: Mapped[datetime]


class ClientRow(Base):
    """A client."""

    __tablename__ = "client"
    __table_args__ = (Index(None, "tenant_id", "created_at", "client_id"),)

    client_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    version: Mapped[int]
    name: Mapped[str]
    language: Mapped[str]
    time_zone: Mapped[str]
    currency: Mapped[str]
    country: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ContactRow(Base):
    """A person at a client."""

    __tablename__ = "contact"

    contact_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"), index=True)
    version: Mapped[int]
    position: Mapped[int] = mapped_column(Integer)
    name: Mapped[str]
    email: Mapped[str]
    language: Mapped[str]
    roles: Mapped[list[str]]


class SiteRow(Base):
    """A site of a client."""

    __tablename__ = "site"
    __table_args__ = (Index(None, "tenant_id", "created_at", "site_id"),)

    site_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"), index=True)
    version: Mapped[int]
    name: Mapped[str]
    kind: Mapped[str]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class EnvironmentRow(Base):
    """An environment of a site."""

    __tablename__ = "environment"

    environment_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    site_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.site.site_id"), index=True)
    version: Mapped[int]
    position: Mapped[int] = mapped_column(Integer)
    name: Mapped[str]
    url: Mapped[str]
    counts_for_sla: Mapped[bool]


class MaintenanceWindowRow(Base):
    """A maintenance window with its occurrences, which are read and written together. `ends_at`: the last one's end."""

    __tablename__ = "maintenance_window"
    __table_args__ = (Index(None, "tenant_id", "created_at", "window_id"),)

    window_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"), index=True)
    version: Mapped[int]
    title: Mapped[str]
    description: Mapped[str]
    site_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    environment_ids: Mapped[list[UUID]] = mapped_column(ARRAY(Uuid))
    time_zone: Mapped[str]
    starts: Mapped[str]
    ends: Mapped[str]
    recurrence: Mapped[str | None]
    status: Mapped[str]
    cancelled_at: Mapped[datetime | None]
    cancel_reason: Mapped[str | None]
    occurrences: Mapped[list[Any]]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class CalendarRow(Base):
    """A calendar; its versions are read and written together and are never queried one by one."""

    __tablename__ = "calendar"
    __table_args__ = (UniqueConstraint("tenant_id", "name"),)

    calendar_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    version: Mapped[int]
    name: Mapped[str]
    title: Mapped[dict[str, Any]]
    versions: Mapped[list[Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PlanRow(Base):
    """A plan of the catalogue; `current_number` is its newest version."""

    __tablename__ = "plan"
    __table_args__ = (UniqueConstraint("tenant_id", "code"), Index(None, "tenant_id", "created_at", "plan_id"))

    plan_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    version: Mapped[int]
    code: Mapped[str]
    catalogue: Mapped[str]
    current_number: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PlanVersionRow(Base):
    """One version of a plan; inserted, never changed."""

    __tablename__ = "plan_version"

    plan_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.plan.plan_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class ContractRow(Base):
    """A contract."""

    __tablename__ = "contract"
    __table_args__ = (
        UniqueConstraint("tenant_id", "number"),
        ForeignKeyConstraint(
            ["plan_id", "plan_number"], ["contracts.plan_version.plan_id", "contracts.plan_version.number"]
        ),
        Index(None, "tenant_id", "created_at", "contract_id"),
        Index(None, "ends_at"),
    )

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"), index=True)
    version: Mapped[int]
    number: Mapped[str]
    status: Mapped[str]
    plan_id: Mapped[UUID]
    plan_number: Mapped[int]
    plan: Mapped[dict[str, Any]]
    terms: Mapped[dict[str, Any]]
    deliverables: Mapped[list[Any]]
    document: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    signatures: Mapped[list[Any]]
    amendment: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    activated_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    closed_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ContractDocumentRow(Base):
    """A proposed version in its canonical form; inserted, never changed. Text, because the bytes are what is signed."""

    __tablename__ = "contract_document"

    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    hash: Mapped[str]
    text: Mapped[str]
    proposed_at: Mapped[datetime]


class ContractStateRow(Base):
    """What a contract was from an instant on; inserted, never changed."""

    __tablename__ = "contract_state"
    __table_args__ = (Index(None, "contract_id", "effective_from", "version"),)

    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    change: Mapped[str]
    status: Mapped[str]
    effective_from: Mapped[datetime]
    reason: Mapped[str | None]
    state: Mapped[dict[str, Any]]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class ContractNumberRow(Base):
    """The last number of a year that was given to a contract."""

    __tablename__ = "contract_number"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"), primary_key=True)
    year: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    last: Mapped[int]


class StatusPageAddressRow(Base):
    """Whose the address of a status page is, over all tenants: the primary key is what keeps it unique.

    Of several contracts of the client that show the page, `contract_id` is one.
    """

    __tablename__ = "status_page_address"

    slug: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), index=True)
