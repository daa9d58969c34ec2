"""The table of what the other services told of a contract."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class FactRow(Base):
    """One fact, named by the event that told it; inserted, never changed."""

    __tablename__ = "fact"
    __table_args__ = (
        Index(None, "contract_id", "starts_at", "ends_at"),
        Index(None, "subject_id"),
        Index(None, "item_id", postgresql_where=text("item_id is not null")),
    )

    fact_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))
    kind: Mapped[str]
    subject_id: Mapped[UUID]
    item_id: Mapped[UUID | None]
    version: Mapped[int]
    event_type: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    content: Mapped[dict[str, Any]]
    recorded_at: Mapped[datetime]
