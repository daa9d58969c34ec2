"""The tables of the registers. What has rules or is queried has columns; what is only carried along is JSON."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB, TIMESTAMP
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class RecordRow(Base):
    """What the records of all registers have. Every version of each is kept in `register_version`."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"), index=True)
    version: Mapped[int]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class ConfigurationItemRow(RecordRow):
    """A configuration item; `label`, `state` and `since` say again what its versions make of it now."""

    __tablename__ = "configuration_item"
    __table_args__ = (
        UniqueConstraint("client_id", "name"),
        Index("ix_configuration_item_tenant_id_created_at", "tenant_id", "created_at", "configuration_item_id"),
        CheckConstraint("kind in ('hardware', 'os_and_patches', 'application', 'parameter', 'interface')", name="kind"),
    )

    configuration_item_id: Mapped[UUID] = mapped_column(primary_key=True)
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.site.site_id"))
    kind: Mapped[str]
    name: Mapped[str]
    description: Mapped[str]
    label: Mapped[str | None]
    state: Mapped[str | None]
    since: Mapped[datetime | None]


class ConfigurationVersionRow(Base):
    """One version of an item; inserted, never changed."""

    __tablename__ = "configuration_version"

    configuration_item_id: Mapped[UUID] = mapped_column(
        ForeignKey("contracts.configuration_item.configuration_item_id"), primary_key=True
    )
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    label: Mapped[str]
    state: Mapped[str]
    effective_from: Mapped[datetime]
    corrects: Mapped[int | None]
    note: Mapped[str]
    source: Mapped[str]
    delivery_id: Mapped[UUID | None]
    incompatibilities: Mapped[list[Any]]
    recorded_at: Mapped[datetime]
    recorded_by: Mapped[str]


class CompatibilityRuleRow(RecordRow):
    """What must hold between the versions of two items."""

    __tablename__ = "compatibility_rule"
    __table_args__ = (Index(None, "tenant_id", "created_at", "rule_id"),)

    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    configuration_item_id: Mapped[UUID] = mapped_column(
        ForeignKey("contracts.configuration_item.configuration_item_id"), index=True
    )
    versions: Mapped[str]
    other_item_id: Mapped[UUID] = mapped_column(
        ForeignKey("contracts.configuration_item.configuration_item_id"), index=True
    )
    other_versions: Mapped[str]
    note: Mapped[dict[str, Any]]


class SupportEndRow(RecordRow):
    """Until when versions of an item are supported; due work at `look_at`."""

    __tablename__ = "support_end"
    __table_args__ = (
        Index(None, "tenant_id", "created_at", "support_end_id"),
        Index("ix_support_end_look_at", "look_at", postgresql_where=text("look_at is not null")),
    )

    support_end_id: Mapped[UUID] = mapped_column(primary_key=True)
    configuration_item_id: Mapped[UUID] = mapped_column(
        ForeignKey("contracts.configuration_item.configuration_item_id"), index=True
    )
    versions: Mapped[str]
    end_of_support_on: Mapped[date | None]
    end_of_life_on: Mapped[date | None]
    source: Mapped[str]
    raised: Mapped[list[Any]]
    look_at: Mapped[datetime | None]


class DeliveryRow(RecordRow):
    """A delivery, or what a deployment put in service."""

    __tablename__ = "delivery"
    __table_args__ = (
        UniqueConstraint("tenant_id", "deployment_id"),
        Index(None, "tenant_id", "created_at", "delivery_id"),
        Index(
            "ix_delivery_unplaced",
            "client_id",
            "item_name",
            postgresql_where=text("configuration_item_id is null and deployment_id is not null"),
        ),
    )

    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), index=True)
    site_id: Mapped[UUID | None]
    audience: Mapped[str]
    configuration_item_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("contracts.configuration_item.configuration_item_id"), index=True
    )
    item_name: Mapped[str | None]
    what: Mapped[str]
    delivered_to: Mapped[str]
    delivered_version: Mapped[str]
    previous_version: Mapped[str | None]
    delivered_at: Mapped[datetime | None]
    means: Mapped[str]
    put_in_service: Mapped[bool]
    deployment_id: Mapped[UUID | None]
    deployment_version: Mapped[int | None]
    result: Mapped[str]
    rolled_back_at: Mapped[datetime | None]


class ObligationRow(RecordRow):
    """An obligation; due work at `due_at` while it is open and its contract is not suspended."""

    __tablename__ = "obligation"
    __table_args__ = (
        UniqueConstraint("contract_id", "code"),
        Index(None, "tenant_id", "created_at", "obligation_id"),
        Index("ix_obligation_open", "due_at", postgresql_where=text("status = 'open' and paused_at is null")),
        CheckConstraint("owner in ('provider', 'client')", name="owner"),
        CheckConstraint("status in ('open', 'breached', 'fulfilled', 'released', 'lapsed')", name="status"),
    )

    obligation_id: Mapped[UUID] = mapped_column(primary_key=True)
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))
    code: Mapped[str | None]
    owner: Mapped[str]
    kind: Mapped[str]
    title: Mapped[dict[str, Any]]
    site_id: Mapped[UUID | None]
    configuration_item_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("contracts.configuration_item.configuration_item_id")
    )
    work_item_id: Mapped[UUID | None]
    status: Mapped[str]
    due_at: Mapped[datetime]
    every_days: Mapped[int | None]
    worth: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    kept_at: Mapped[datetime | None]
    evidence: Mapped[list[Any]]
    paused_at: Mapped[datetime | None]
    status_reason: Mapped[str | None]


class BreachRow(RecordRow):
    """A breach: one for each time that an obligation was due, and one for each count of a clock."""

    __tablename__ = "breach"
    __table_args__ = (
        UniqueConstraint("obligation_id", "since"),
        UniqueConstraint("tenant_id", "clock_id", "clock_count"),
        Index(None, "work_item_id", postgresql_where=text("clock_id is not null")),
        Index(None, "tenant_id", "created_at", "breach_id"),
        CheckConstraint("(obligation_id is null) <> (clock_id is null)", name="cause"),
        CheckConstraint(
            "provider_percent >= 0 and client_percent >= 0 and third_party_percent >= 0"
            " and provider_percent + client_percent + third_party_percent = 100",
            name="shares",
        ),
    )

    breach_id: Mapped[UUID] = mapped_column(primary_key=True)
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), index=True)
    obligation_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.obligation.obligation_id"))
    clock_id: Mapped[UUID | None]
    clock_count: Mapped[int | None]
    work_item_id: Mapped[UUID | None]
    party: Mapped[str]
    kind: Mapped[str]
    title: Mapped[dict[str, Any]]
    status: Mapped[str]
    since: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    worth: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    provider_percent: Mapped[int]
    client_percent: Mapped[int]
    third_party_percent: Mapped[int]
    third_party: Mapped[str | None]
    decision: Mapped[str | None]
    decided_at: Mapped[datetime | None]
    decided_by: Mapped[str | None]


class AdvisoryRow(RecordRow):
    """An advisory; due work at `next_sending_at`."""

    __tablename__ = "advisory"
    __table_args__ = (
        Index(None, "tenant_id", "created_at", "advisory_id"),
        Index("ix_advisory_next_sending_at", "next_sending_at", postgresql_where=text("next_sending_at is not null")),
    )

    advisory_id: Mapped[UUID] = mapped_column(primary_key=True)
    contract_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.contract.contract_id"), index=True)
    configuration_item_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("contracts.configuration_item.configuration_item_id")
    )
    kind: Mapped[str]
    title: Mapped[dict[str, Any]]
    body: Mapped[dict[str, Any]]
    status: Mapped[str]
    issued_by: Mapped[str]
    sent_at: Mapped[list[datetime]] = mapped_column(ARRAY(TIMESTAMP(timezone=True)))
    recipients: Mapped[list[Any]]
    resent_after_days: Mapped[int]
    next_sending_at: Mapped[datetime | None]
    deliveries: Mapped[list[Any]]
    delivered_at: Mapped[datetime | None]
    acknowledged_at: Mapped[datetime | None]
    acknowledged_by: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None]
    answer_reason: Mapped[str | None]
    evidence: Mapped[str | None]
    withdrawn_at: Mapped[datetime | None]
    withdraw_reason: Mapped[str | None]


class RegisterEntryRow(RecordRow):
    """An entry of one of the client's registers."""

    __tablename__ = "register_entry"
    __table_args__ = (
        UniqueConstraint("tenant_id", "kind", "source_id"),
        Index(None, "tenant_id", "created_at", "entry_id"),
        Index(None, "contract_id", "kind"),
    )

    entry_id: Mapped[UUID] = mapped_column(primary_key=True)
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))
    site_id: Mapped[UUID | None]
    kind: Mapped[str]
    title: Mapped[str]
    description: Mapped[str]
    state: Mapped[str]
    source: Mapped[str]
    source_id: Mapped[UUID | None]
    source_version: Mapped[int | None]


class RegisterVersionRow(Base):
    """A version of any record of the registers as it was written; inserted, never changed."""

    __tablename__ = "register_version"

    record_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    kind: Mapped[str]
    at: Mapped[datetime]
    by: Mapped[str]
    state: Mapped[dict[str, Any]]
