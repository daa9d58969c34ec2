"""The table of advice that is mailed: one row for each sending of an advisory and each of its recipients."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Integer, UniqueConstraint
from sqlalchemy import text as sql
from sqlalchemy.orm import Mapped, mapped_column

from incidents.adapters.tables import Base


class AdviceMailRow(Base):
    """One sending of an advisory to one recipient, in his language. What leaves as one message shares `bundle_id`."""

    __tablename__ = "advice_mail"
    __table_args__ = (
        UniqueConstraint("advisory_id", "sending", "recipient"),
        Index("ix_advice_mail_next_attempt_at", "next_attempt_at", postgresql_where=sql("next_attempt_at IS NOT NULL")),
        Index("ix_advice_mail_tenant_id_recipient", "tenant_id", "recipient"),
        Index("ix_advice_mail_bundle_id", "bundle_id", postgresql_where=sql("bundle_id IS NOT NULL")),
        CheckConstraint("state in ('pending','sent','failed','dropped')", name="state"),
    )

    id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID | None]
    advisory_id: Mapped[UUID]
    sending: Mapped[int] = mapped_column(Integer)
    recipient: Mapped[str]
    name: Mapped[str]
    language: Mapped[str]
    title: Mapped[str]
    body: Mapped[str]
    first_sent_at: Mapped[datetime]
    state: Mapped[str]
    attempts: Mapped[int] = mapped_column(Integer)
    last_error: Mapped[str | None]
    created_at: Mapped[datetime]
    planned_at: Mapped[datetime | None]
    bundle_id: Mapped[UUID | None]
    next_attempt_at: Mapped[datetime | None]
    sent_at: Mapped[datetime | None]
