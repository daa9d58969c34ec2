"""The tables of what comes before and beside a contract. What is queried has columns; the rest is in `content`."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class AssessmentRow(Base):
    """A questionnaire with what it came to; inserted, never changed."""

    __tablename__ = "assessment"
    __table_args__ = (
        Index(None, "tenant_id", "assessed_at", "assessment_id"),
        Index(None, "client_id", "assessed_at"),
    )

    assessment_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    content: Mapped[dict[str, Any]]
    assessed_at: Mapped[datetime]


class EngagementRow(Base):
    """The phases of one piece of work for a client."""

    __tablename__ = "engagement"
    __table_args__ = (Index(None, "tenant_id", "created_at", "engagement_id"),)

    engagement_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"), index=True)
    version: Mapped[int]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class IntakeAuditRow(Base):
    """What is known of a site before somebody answers for it."""

    __tablename__ = "intake_audit"

    site_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.site.site_id"), primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    version: Mapped[int]
    content: Mapped[dict[str, Any]]


class ControlledDocumentRow(Base):
    """A document under control; its versions are read and written together and are never queried one by one."""

    __tablename__ = "controlled_document"
    __table_args__ = (
        UniqueConstraint("tenant_id", "code"),
        # Its own name: the usual one would be longer than PostgreSQL keeps.
        Index("ix_controlled_document_page", "tenant_id", "created_at", "controlled_document_id"),
    )

    controlled_document_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    version: Mapped[int]
    code: Mapped[str]
    kind: Mapped[str]
    title: Mapped[dict[str, Any]]
    versions: Mapped[list[Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class PartyRow(Base):
    """A party in law: a client, or the agency itself, whose `party_id` is then that of the tenant."""

    __tablename__ = "party"

    party_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.client.client_id"))
    version: Mapped[int]
    content: Mapped[dict[str, Any]]


class PrerequisiteRow(Base):
    """What was communicated and found of a prerequisite of a contract."""

    __tablename__ = "prerequisite"

    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), primary_key=True)
    code: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    version: Mapped[int]
    communicated: Mapped[str | None]
    effective: Mapped[str | None]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class BackupProofRow(Base):
    """What showed that there was a backup; inserted, never changed. No site: all sites of the contract."""

    __tablename__ = "backup_proof"
    __table_args__ = (Index(None, "contract_id", "saved_at", "backup_proof_id"),)

    backup_proof_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))
    site_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.site.site_id"))
    saved_at: Mapped[datetime]
    restore_took: Mapped[str | None]
    evidence: Mapped[str]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
