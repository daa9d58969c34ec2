"""The tables of reports: what others told, months to tell, what was told of them, what is wanted, to whom it was sent.

An edition is inserted and read, never changed.
"""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, text
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.tables import Base


class ReportMonth(Base):
    """What is told of a contract's month, or of the period of a review that begins with it: the last edition (0: none
    yet), what the agency says in the next (its commentary, its notes), and when to look at it.
    """

    __tablename__ = "report_month"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    ends_at: Mapped[datetime | None]
    edition: Mapped[int] = mapped_column(Integer)
    commentary: Mapped[dict[str, Any]]
    commentary_version: Mapped[int] = mapped_column(Integer)
    due_at: Mapped[datetime | None]

    __table_args__ = (Index("ix_report_month_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),)


class ReportEdition(Base):
    """An edition. `content` holds the JSON text that is hashed, `logo` the picture that its pages and files hold."""

    __tablename__ = "report_edition"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True)
    edition: Mapped[int] = mapped_column(Integer, primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    issued_at: Mapped[datetime]
    reason: Mapped[str]
    changes: Mapped[list[Any]]
    commentary: Mapped[dict[str, Any]]
    brand: Mapped[dict[str, Any]]
    template: Mapped[dict[str, Any]]
    content: Mapped[str]
    content_hash: Mapped[str]
    logo: Mapped[bytes | None]


class ToldFactRow(Base):
    """The newest word of another service on a subject, as far as reports read it; empty when clients may not."""

    __tablename__ = "told_fact"

    kind: Mapped[str] = mapped_column(primary_key=True)
    subject_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID | None]
    version: Mapped[int] = mapped_column(BigInteger)
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime | None]
    content: Mapped[dict[str, Any]]
    event_id: Mapped[UUID]

    __table_args__ = (
        Index("ix_told_fact_contract_id", "contract_id", "starts_at"),
        Index("ix_told_fact_client_id", "client_id", postgresql_where=text("contract_id IS NULL")),
    )


class ReportTemplate(Base):
    """An agency's own texts and order of a kind of report."""

    __tablename__ = "report_template"

    tenant_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(Integer)
    content: Mapped[dict[str, Any]]
    changed_at: Mapped[datetime]


class ReportSchedule(Base):
    """What an agency said of a document that can be sent after every month of a contract; no row: what is usual."""

    __tablename__ = "report_schedule"

    contract_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(Integer)
    enabled: Mapped[bool]
    changed_at: Mapped[datetime]


class ReportDelivery(Base):
    """An edition for one person by mail: when to try, when it left, when its link was opened first.

    Nothing else is known of who opened it. `ended_because` (of `ended_at`): superseded, refused, template, too_late,
    no_longer_decides, nobody_decides (then it is for no person), no_longer_wanted.
    """

    __tablename__ = "report_delivery"

    delivery_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    contract_id: Mapped[UUID]
    kind: Mapped[str]
    month: Mapped[date]
    edition: Mapped[int] = mapped_column(Integer)
    contact_id: Mapped[UUID]
    name: Mapped[str]
    address: Mapped[str]
    language: Mapped[str]
    planned_at: Mapped[datetime]
    due_at: Mapped[datetime | None]
    tries: Mapped[int] = mapped_column(Integer)
    sent_at: Mapped[datetime | None]
    seen_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]
    ended_because: Mapped[str | None]
    last_error: Mapped[str | None]

    __table_args__ = (
        Index("ix_report_delivery_contract_id", "contract_id", "kind", "month", "edition"),
        Index("ix_report_delivery_due_at", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )
