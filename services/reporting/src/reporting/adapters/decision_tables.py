"""The tables of retroactive decisions: what is decided on, and the steps, which are only ever added."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import ForeignKey, Index, Integer
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.tables import Base


class OutageDecisionRow(Base):
    """A decision on an outage. `version` counts its steps, `status` is where they led."""

    __tablename__ = "outage_decision"

    outage_decision_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    environment_id: Mapped[UUID]
    monitor_id: Mapped[UUID]
    outage_id: Mapped[UUID]
    category: Mapped[str]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    created_at: Mapped[datetime]
    version: Mapped[int] = mapped_column(Integer)
    status: Mapped[str]

    __table_args__ = (
        Index("ix_outage_decision_contract_id", "contract_id", "created_at"),
        Index("ix_outage_decision_tenant_id", "tenant_id", "created_at", "outage_decision_id"),
    )


class OutageDecisionStepRow(Base):
    """What somebody did with a decision."""

    __tablename__ = "outage_decision_step"

    outage_decision_id: Mapped[UUID] = mapped_column(
        ForeignKey("reporting.outage_decision.outage_decision_id"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    act: Mapped[str]
    actor_kind: Mapped[str]
    actor_id: Mapped[str]
    actor_name: Mapped[str]
    actor_issuer: Mapped[str | None]
    at: Mapped[datetime]
    reason: Mapped[str | None]
