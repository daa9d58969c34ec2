"""The tables of the audit log. The application role may insert and read; nobody may change or delete."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.tables import Base


class AuditEntry(Base):
    """One entry. `entry` holds the bytes that are hashed; the other columns repeat parts of it to search by."""

    __tablename__ = "audit_entry"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    event_id: Mapped[UUID]
    at: Mapped[datetime]
    service: Mapped[str]
    kind: Mapped[str]
    event: Mapped[str]
    actor_id: Mapped[str | None]
    operation: Mapped[str | None]
    resource_id: Mapped[str | None]
    entry: Mapped[str]
    hash: Mapped[str]

    __table_args__ = (
        UniqueConstraint("tenant_id", "event_id"),
        Index("ix_audit_entry_at", "tenant_id", "at", "sequence"),
        Index("ix_audit_entry_actor_id", "tenant_id", "actor_id", "sequence"),
        Index("ix_audit_entry_resource_id", "tenant_id", "resource_id", "sequence"),
        Index("ix_audit_entry_kind", "tenant_id", "kind", "sequence"),
    )


class AuditCheckpoint(Base):
    """A signature under the hash of one entry."""

    __tablename__ = "audit_checkpoint"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    sequence: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    hash: Mapped[str]
    made_at: Mapped[datetime]
    key_id: Mapped[str]
    signature: Mapped[str]


class AuditKey(Base):
    """A key that signs the checkpoints of one tenant; the private half is sealed with the settings' secret.

    `endorsement` is the signature of the key before, so that whoever trusts one key can trust those after it.
    """

    __tablename__ = "audit_key"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    key_id: Mapped[str] = mapped_column(primary_key=True)
    public_key: Mapped[bytes]
    sealed_private_key: Mapped[bytes]
    made_at: Mapped[datetime]
    endorsed_by: Mapped[str | None]
    endorsement: Mapped[str | None]
