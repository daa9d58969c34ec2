"""The table of proofs that somebody entered."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base


class DeliveryProofRow(Base):
    """What shows that a deliverable was delivered; inserted, never changed."""

    __tablename__ = "delivery_proof"
    __table_args__ = (Index(None, "contract_id", "delivered_on"),)

    delivery_proof_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))
    deliverable: Mapped[str]
    delivered_on: Mapped[date]
    evidence: Mapped[list[Any]]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
