"""The tables of what is to come for contracts, of their prices, notices, and the indices that prices follow."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class LifeRow(Base):
    """What is still to come for a contract. `due_at`: when somebody has to look at it next."""

    __tablename__ = "contract_life"
    __table_args__ = (
        Index(None, "due_at"),
        Index(None, "tenant_id", "waits_for_index"),
    )

    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    due_at: Mapped[datetime | None]
    waits_for_index: Mapped[str | None]
    content: Mapped[dict[str, Any]]


class ScheduledAmendmentRow(Base):
    """An amendment that both parties signed for an instant to come."""

    __tablename__ = "scheduled_amendment"
    __table_args__ = (Index(None, "contract_id", "effective_at", "amendment_id"),)

    amendment_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))
    effective_at: Mapped[datetime]
    status: Mapped[str]
    amendment: Mapped[dict[str, Any]]
    scheduled_by: Mapped[str]
    scheduled_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    decided_reason: Mapped[str | None]


class FormalNoticeRow(Base):
    """A formal notice."""

    __tablename__ = "formal_notice"
    __table_args__ = (Index(None, "contract_id", "created_at", "formal_notice_id"),)

    formal_notice_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))
    version: Mapped[int]
    status: Mapped[str]
    content: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]


class IndexValueRow(Base):
    """A value of an index; inserted, never changed."""

    __tablename__ = "index_value"
    __table_args__ = (
        Index(None, "tenant_id", "index_name", "published_on"),
        Index(None, "tenant_id", "recorded_at", "index_value_id"),
    )

    index_value_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    index_name: Mapped[str]
    period: Mapped[str]
    value: Mapped[str]
    published_on: Mapped[date]
    source: Mapped[str | None]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]


class PriceStateRow(Base):
    """What a contract costs from an instant on; inserted, never changed."""

    __tablename__ = "contract_price"
    __table_args__ = (Index(None, "contract_id", "effective_from", "version"),)

    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    effective_from: Mapped[datetime]
    amount: Mapped[str]
    currency: Mapped[str]
    came_by: Mapped[str]
    revision: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
