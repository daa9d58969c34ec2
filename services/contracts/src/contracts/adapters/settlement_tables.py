"""The tables of settling: settlements, their closed versions, claims, rights to terminate, tables of remedies."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class OfContractRow(Base):
    """Whose a row is."""

    __abstract__ = True

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))


class SettlementRow(OfContractRow):
    """A settlement as it stands; what was closed of it is in `settlement_version`."""

    __tablename__ = "settlement"
    __table_args__ = (
        UniqueConstraint("contract_id", "first_day"),
        Index(None, "tenant_id", "created_at", "settlement_id"),
        CheckConstraint("status in ('draft', 'reviewed', 'closed')", name="status"),
    )

    settlement_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    status: Mapped[str]
    number: Mapped[int]
    first_day: Mapped[date] = mapped_column(Date)
    end_day: Mapped[date] = mapped_column(Date)
    ends_at: Mapped[datetime]
    currency: Mapped[str]
    net: Mapped[str]
    gross: Mapped[str | None]
    computed_at: Mapped[datetime]
    reviewed_at: Mapped[datetime | None]
    reviewed_by: Mapped[str | None]
    closed_at: Mapped[datetime | None]
    closed_number: Mapped[int | None]
    closed_hash: Mapped[str | None]
    claims_until: Mapped[date | None] = mapped_column(Date)
    adjustments: Mapped[list[Any]]
    correction_reason: Mapped[str | None]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class SettlementVersionRow(OfContractRow):
    """A closed version; inserted, never changed. Text, because the bytes are what is hashed.

    `commitments` says again what the text says of them, for rights to terminate.
    """

    __tablename__ = "settlement_version"

    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.settlement.settlement_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), index=True)
    hash: Mapped[str]
    reason: Mapped[str | None]
    text: Mapped[str]
    commitments: Mapped[list[Any]]
    closed_at: Mapped[datetime]
    closed_by: Mapped[str]


class SettlementScheduleRow(OfContractRow):
    """Which period of a contract is settled next; due work at `due_at`."""

    __tablename__ = "settlement_schedule"
    __table_args__ = (Index("ix_settlement_schedule_due_at", "due_at", postgresql_where=text("due_at is not null")),)

    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), primary_key=True)
    next_period: Mapped[int]
    due_at: Mapped[datetime | None]


class SettlementClaimRow(OfContractRow):
    """A claim against a closed settlement."""

    __tablename__ = "settlement_claim"
    __table_args__ = (Index(None, "tenant_id", "created_at", "claim_id"),)

    claim_id: Mapped[UUID] = mapped_column(primary_key=True)
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.settlement.settlement_id"), index=True)
    version: Mapped[int]
    number: Mapped[int]
    reason: Mapped[str]
    amount: Mapped[str | None]
    evidence: Mapped[str | None]
    status: Mapped[str]
    claimed_by: Mapped[str]
    answer: Mapped[str | None]
    granted: Mapped[str | None]
    answered_by: Mapped[str | None]
    answered_at: Mapped[datetime | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class TerminationRightRow(OfContractRow):
    """A right to terminate that misses opened."""

    __tablename__ = "termination_right"
    __table_args__ = (
        UniqueConstraint("contract_id", "right_code", "opened_on"),
        # Its own name: the usual one would be longer than PostgreSQL keeps.
        Index("ix_termination_right_page", "tenant_id", "created_at", "termination_right_id"),
    )

    termination_right_id: Mapped[UUID] = mapped_column(primary_key=True)
    version: Mapped[int]
    right_code: Mapped[str]
    commitment: Mapped[str]
    opened_on: Mapped[date] = mapped_column(Date)
    lapses_on: Mapped[date] = mapped_column(Date)
    because: Mapped[list[Any]]
    settlement_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.settlement.settlement_id"))
    exercised_at: Mapped[datetime | None]
    exercised_by: Mapped[str | None]
    evidence: Mapped[str | None]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class RemedyTableRow(Base):
    """A table of credits and penalties of the agency's."""

    __tablename__ = "remedy_table"
    __table_args__ = (
        UniqueConstraint("tenant_id", "table_code"),
        Index(None, "tenant_id", "created_at", "remedy_table_id"),
    )

    remedy_table_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    version: Mapped[int]
    table_code: Mapped[str]
    title: Mapped[dict[str, Any]]
    tiers: Mapped[list[Any]]
    targets: Mapped[list[Any]]
    late: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
