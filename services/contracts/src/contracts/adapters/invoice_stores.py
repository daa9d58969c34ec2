"""Invoicing over PostgreSQL. Row-level security decides whose rows are there."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import aliased

from contracts.adapters.invoice_announce import OutboxInvoiceAnnouncer
from contracts.adapters.invoice_files import TypesetInvoices
from contracts.adapters.invoice_tables import (
    InvoiceFileRow,
    InvoicePaymentRow,
    InvoiceRow,
    InvoiceSeriesRow,
    InvoiceStandingRow,
    InvoicingRow,
)
from contracts.adapters.rows import columns
from contracts.adapters.stores import Rows
from contracts.application.invoice_ports import Billing
from contracts.application.invoices import (
    FileKind,
    Invoice,
    InvoiceContent,
    InvoiceFile,
    InvoiceSummary,
    Kind,
    Payment,
    today_of,
)
from contracts.application.invoicing_settings import Invoicing
from contracts.domain.invoicing import Standing, standing_of
from shared.kernel.money import Money
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork


class Settings(Rows[InvoicingRow]):
    row_type, key, noun = InvoicingRow, "tenant_id", "settings of invoicing"

    async def get(self) -> Invoicing | None:
        row = await self._session.get(InvoicingRow, self._tenant_id, populate_existing=True)
        return None if row is None else Invoicing.model_validate(row.content)

    async def put(self, settings: Invoicing) -> None:
        content = settings.model_dump(mode="json")
        await self._session.merge(InvoicingRow(tenant_id=self._tenant_id, version=settings.version, content=content))
        await self._session.flush()


class Invoices(Rows[InvoiceRow]):
    row_type, key, noun = InvoiceRow, "invoice_id", "invoice"

    async def next_number(self, series: str) -> int:
        statement = (
            insert(InvoiceSeriesRow)
            .values(tenant_id=self._tenant_id, series=series, last=1)
            .on_conflict_do_update(index_elements=["tenant_id", "series"], set_={"last": InvoiceSeriesRow.last + 1})
            .returning(InvoiceSeriesRow.last)
        )
        return (await self._session.execute(statement)).scalar_one()

    async def newest_day(self, series: str) -> date | None:
        newest: date | None = await self._session.scalar(
            select(func.max(InvoiceRow.issued_on)).where(InvoiceRow.series == series)
        )
        return newest

    async def add(self, content: InvoiceContent, content_hash: str, files: Sequence[InvoiceFile]) -> None:
        owner = {"tenant_id": self._tenant_id, "client_id": content.client_id, "invoice_id": content.invoice_id}
        plain = content.model_dump(include=set(InvoiceRow.__table__.columns.keys()) - {"net", "tax", "total"})
        self._session.add(
            InvoiceRow(
                **{**plain, **owner},
                settlement_id=content.settlement.settlement_id,
                refers_to_id=None if content.refers_to is None else content.refers_to.invoice_id,
                net=Decimal(content.net),
                tax=Decimal(content.tax),
                total=Decimal(content.total),
                content=content.model_dump(mode="json"),
                content_hash=content_hash,
            )
        )
        # The rows below refer to it, and the session knows no order of tables without relationships.
        await self._session.flush()
        outstanding = Decimal(content.total) if content.kind == "invoice" else Decimal(0)
        standing = {"version": 1, "credited": Decimal(0), "paid": Decimal(0), "outstanding": outstanding}
        self._session.add(InvoiceStandingRow(**owner, **standing))
        self._session.add_all(InvoiceFileRow(**owner, **file.model_dump()) for file in files)
        await self._session.flush()

    async def get(self, wanted: UUID) -> Invoice:
        return await self._invoice(wanted)

    async def locked(self, wanted: UUID) -> Invoice:
        await self._session.execute(
            select(InvoiceStandingRow.invoice_id).where(InvoiceStandingRow.invoice_id == wanted).with_for_update()
        )
        return await self._invoice(wanted)

    async def of_settlement(self, settlement_id: UUID) -> Sequence[Invoice]:
        found = await self._session.execute(
            _with_standing()
            .where(InvoiceRow.settlement_id == settlement_id)
            .order_by(InvoiceRow.issued_at, InvoiceRow.invoice_id)
        )
        return [self._of(row, standing) for row, standing in found]

    async def newest_invoice_of(self, contract_id: UUID, currency: str) -> Invoice | None:
        note = aliased(InvoiceRow)
        cancelled = (
            select(note.invoice_id)
            .where(note.refers_to_id == InvoiceRow.invoice_id, note.content["cause"].astext == "cancellation")
            .exists()
        )
        found = await self._session.execute(
            _with_standing()
            .where(
                InvoiceRow.contract_id == contract_id,
                InvoiceRow.kind == "invoice",
                InvoiceRow.currency == currency,
                ~cancelled,
            )
            .order_by(InvoiceRow.issued_at.desc(), InvoiceRow.invoice_id.desc())
            .limit(1)
        )
        newest = found.one_or_none()
        return None if newest is None else self._of(*newest)

    async def file(self, invoice_id: UUID, kind: FileKind) -> InvoiceFile | None:
        row = await self._session.get(InvoiceFileRow, (invoice_id, kind))
        return None if row is None else InvoiceFile.model_validate(row, from_attributes=True)

    async def credited(self, invoice: Invoice, amount: str) -> None:
        row = await self._standing(invoice)
        row.credited += Decimal(amount)
        await self._counted(row)

    async def pay(self, invoice: Invoice, payment: Payment) -> None:
        values = payment.model_dump(exclude={"amount"})
        self._session.add(InvoicePaymentRow(tenant_id=self._tenant_id, amount=Decimal(payment.amount), **values))
        row = await self._standing(invoice)
        row.paid += Decimal(payment.amount)
        await self._counted(row)

    async def _standing(self, invoice: Invoice) -> InvoiceStandingRow:
        row = await self._session.get(InvoiceStandingRow, invoice.invoice_id, populate_existing=True)
        assert row is not None  # every invoice has one
        return row

    async def _counted(self, row: InvoiceStandingRow) -> None:
        total = await self._session.scalar(select(InvoiceRow.total).where(InvoiceRow.invoice_id == row.invoice_id))
        assert total is not None
        row.outstanding = total - row.credited - row.paid
        row.version += 1
        await self._session.flush()

    async def _invoice(self, wanted: UUID) -> Invoice:
        found = await self._session.execute(
            _with_standing().where(InvoiceRow.invoice_id == wanted).execution_options(populate_existing=True)
        )
        one = found.one_or_none()
        if one is None:
            await self._row(wanted, lock=False)  # raises Unknown
            raise AssertionError("an invoice has a standing")
        return self._of(*one)

    def _of(self, row: InvoiceRow, standing: InvoiceStandingRow) -> Invoice:
        return Invoice.model_validate(
            {**row.content, "content_hash": row.content_hash, **_stands(row, standing, today_of(self._uow.now))}
        )


Chosen: TypeAlias = Select[InvoiceRow, InvoiceStandingRow]
"""Invoices with what became of them."""


def _with_standing() -> Chosen:
    return select(InvoiceRow, InvoiceStandingRow).join(
        InvoiceStandingRow, InvoiceStandingRow.invoice_id == InvoiceRow.invoice_id
    )


def _stands(row: InvoiceRow, standing: InvoiceStandingRow, today: date) -> dict[str, Any]:
    """What became of an invoice; a credit note is settled by counting against its invoice."""

    def text(amount: Decimal) -> str:
        return Money(amount, row.currency).text

    total = row.total if row.kind == "invoice" else Decimal(0)
    return {
        "version": standing.version,
        "credited": text(standing.credited),
        "paid": text(standing.paid),
        "outstanding": text(standing.outstanding),
        "standing": standing_of(total, standing.credited, standing.paid, row.due_on, today),
    }


def billing_of(uow: UnitOfWork) -> Billing:
    """Invoicing over one unit of work of a tenant."""
    return Billing(
        settings=Settings(uow),
        invoices=Invoices(uow),
        files=TypesetInvoices(),
        announcer=OutboxInvoiceAnnouncer(uow),
    )


# --- lists -----------------------------------------------------------------------------------------------------------


def standing_is(standing: Standing, today: date) -> list[ColumnElement[bool]]:
    """The conditions of a standing; those of :func:`standing_of`."""
    left = InvoiceStandingRow.outstanding
    return {
        Standing.OPEN: [left > 0, InvoiceRow.due_on >= today],
        Standing.OVERDUE: [left > 0, InvoiceRow.due_on < today],
        Standing.SETTLED: [left == 0],
        Standing.REFUNDABLE: [left < 0],
    }[standing]


def chosen(
    uow: UnitOfWork,
    client_id: UUID | None,
    contract_id: UUID | None,
    kind: Kind | None,
    issued_from: date | None,
    issued_to: date | None,
    standing: Standing | None,
) -> Chosen:
    """Invoices and credit notes, with what became of them, by every filter that is not None; both dates included."""
    conditions: list[ColumnElement[bool]] = []
    if client_id is not None:
        conditions.append(InvoiceRow.client_id == client_id)
    if contract_id is not None:
        conditions.append(InvoiceRow.contract_id == contract_id)
    if kind is not None:
        conditions.append(InvoiceRow.kind == kind)
    if issued_from is not None:
        conditions.append(InvoiceRow.issued_on >= issued_from)
    if issued_to is not None:
        conditions.append(InvoiceRow.issued_on <= issued_to)
    if standing is not None:
        conditions += standing_is(standing, today_of(uow.now))
    return _with_standing().where(*conditions)


async def list_invoices(uow: UnitOfWork, params: Paging, selected: Chosen) -> Page[InvoiceSummary]:
    """The chosen ones, the newest first."""
    today = today_of(uow.now)
    statement: Any = selected  # of two entities: pages know the type of one
    return await paginate(
        uow.session,
        statement,
        columns=(InvoiceRow.issued_at, InvoiceRow.invoice_id),
        params=params,
        to_item=lambda found: summary_of(found[0], found[1], today),
        descending=True,
    )


def summary_of(row: InvoiceRow, standing: InvoiceStandingRow, today: date) -> InvoiceSummary:
    """A document in a list."""

    def text(amount: Decimal) -> str:
        return Money(amount, row.currency).text

    sums = {"net": text(row.net), "tax": text(row.tax), "total": text(row.total)}
    return InvoiceSummary.model_validate({**columns(row), **sums, **_stands(row, standing, today)})


async def list_payments(uow: UnitOfWork, params: Paging, invoice: Invoice) -> Page[Payment]:
    """Payments of an invoice in the order in which they were recorded."""

    def payment(row: InvoicePaymentRow) -> Payment:
        return Payment.model_validate({**columns(row), "amount": Money(row.amount, invoice.currency).text})

    return await paginate(
        uow.session,
        select(InvoicePaymentRow).where(InvoicePaymentRow.invoice_id == invoice.invoice_id),
        columns=(InvoicePaymentRow.recorded_at, InvoicePaymentRow.payment_id),
        params=params,
        to_item=payment,
    )
