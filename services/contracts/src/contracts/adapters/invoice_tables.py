"""The tables of invoicing. What an invoice says is written once; what became of it is counted beside it."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, ForeignKey, Index, Numeric, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from contracts.adapters.tables import Base

Amount = Numeric(20, 4)


class InvoicingRow(Base):
    """How an agency invoices."""

    __tablename__ = "invoicing"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"), primary_key=True)
    version: Mapped[int]
    content: Mapped[dict[str, Any]]


class InvoiceSeriesRow(Base):
    """The last number of a series; the row is locked from the moment a number is taken until it is used or given up."""

    __tablename__ = "invoice_series"

    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"), primary_key=True)
    series: Mapped[str] = mapped_column(primary_key=True)
    last: Mapped[int]


class InvoiceRow(Base):
    """An invoice or a credit note; inserted, never changed."""

    __tablename__ = "invoice"
    __table_args__ = (
        UniqueConstraint("tenant_id", "series", "sequence"),
        Index("ix_invoice_page", "tenant_id", "issued_at", "invoice_id"),
        Index(None, "client_id", "issued_at"),
        Index(None, "contract_id", "issued_at"),
        CheckConstraint("kind in ('invoice', 'credit_note')", name="kind"),
        CheckConstraint("sequence > 0", name="sequence"),
    )

    invoice_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    contract_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.contract.contract_id"))
    settlement_id: Mapped[UUID] = mapped_column(index=True)
    refers_to_id: Mapped[UUID | None] = mapped_column(ForeignKey("contracts.invoice.invoice_id"), index=True)
    kind: Mapped[str]
    series: Mapped[str]
    sequence: Mapped[int]
    number: Mapped[str]
    issued_at: Mapped[datetime]
    issued_on: Mapped[date] = mapped_column(Date)
    due_on: Mapped[date] = mapped_column(Date)
    currency: Mapped[str]
    net: Mapped[Decimal] = mapped_column(Amount)
    tax: Mapped[Decimal] = mapped_column(Amount)
    total: Mapped[Decimal] = mapped_column(Amount)
    content: Mapped[dict[str, Any]]
    content_hash: Mapped[str]


class InvoiceStandingRow(Base):
    """What was credited and paid of an invoice. Of a credit note: nothing ever is."""

    __tablename__ = "invoice_standing"

    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.invoice.invoice_id"), primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    version: Mapped[int]
    credited: Mapped[Decimal] = mapped_column(Amount)
    paid: Mapped[Decimal] = mapped_column(Amount)
    outstanding: Mapped[Decimal] = mapped_column(Amount)


class InvoiceFileRow(Base):
    """A file of an invoice, as it was made when the invoice was issued; never changed."""

    __tablename__ = "invoice_file"

    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.invoice.invoice_id"), primary_key=True)
    kind: Mapped[str] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    sha256: Mapped[str]
    content: Mapped[bytes]


class InvoicePaymentRow(Base):
    """A payment; inserted, never changed. What was wrong is put right by another one."""

    __tablename__ = "invoice_payment"
    __table_args__ = (Index("ix_invoice_payment_page", "invoice_id", "recorded_at", "payment_id"),)

    payment_id: Mapped[UUID] = mapped_column(primary_key=True)
    invoice_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.invoice.invoice_id"))
    tenant_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.tenant.tenant_id"))
    client_id: Mapped[UUID] = mapped_column(ForeignKey("contracts.client.client_id"))
    paid_on: Mapped[date] = mapped_column(Date)
    amount: Mapped[Decimal] = mapped_column(Amount)
    reference: Mapped[str | None]
    recorded_by: Mapped[str]
    recorded_at: Mapped[datetime]
