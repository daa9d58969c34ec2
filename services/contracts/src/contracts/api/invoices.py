"""Invoices and credit notes: issued from closed settlements, read as data and as files, paid."""

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Any, Final
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import tuple_

from contracts.adapters import invoice_stores
from contracts.adapters.invoice_tables import InvoiceRow
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, agency, tagged
from contracts.application import invoicing, invoicing_settings
from contracts.application.invoices import (
    CreditNoteRequest,
    FileKind,
    Invoice,
    InvoiceContent,
    InvoiceSummary,
    IssueRequest,
    Kind,
    NewPayment,
    Payment,
)
from contracts.application.invoicing_settings import Invoicing, InvoicingSettings
from contracts.domain.invoicing import Standing
from shared.auth import Principal, require
from shared.csv_lines import csv_lines
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import CurrentRuntime, Unit
from shared.values import LocalDate

router = APIRouter(prefix="/v1", tags=["invoices"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
AgencyReader = Annotated[Principal, agency("contracts:read")]
AgencyWriter = Annotated[Principal, agency("contracts:write")]

OfClient = Annotated[UUID | None, Query(description="Only of this client.")]
OfContract = Annotated[UUID | None, Query(description="Only under this contract.")]
OfKind = Annotated[Kind | None, Query(description="Only invoices, or only credit notes.")]
IssuedFrom = Annotated[LocalDate | None, Query(description="Issued on this day or later.")]
IssuedTo = Annotated[LocalDate | None, Query(description="Issued on this day or before.")]
InStanding = Annotated[
    Standing | None,
    Query(description="Only what stands so: open, overdue (by the day of UTC), settled, refundable."),
]

COLUMNS: Final = (
    "number",
    "kind",
    "issued_on",
    "due_on",
    "client_id",
    "client",
    "client_vat_number",
    "contract",
    "period_first",
    "period_last",
    "currency",
    "vat_category",
    "vat_percent",
    "taxable",
    "tax",
    "total",
    "refers_to",
    "outstanding",
    "standing",
    "settlement_hash",
    "report_edition",
    "report_hash",
)
_AT_ONCE: Final = 200
_FILES: Final[dict[FileKind, tuple[str, str]]] = {
    "pdf": ("application/pdf", "pdf"),
    "cii": ("application/xml", "cii.xml"),
    "ubl": ("application/xml", "ubl.xml"),
}


@router.get("/tenant/invoicing", summary="Read how the agency invoices", responses=SHOWN)
async def get_tenant_invoicing(response: Response, work: Work, _who: AgencyReader) -> Invoicing:
    """Where it is paid to, its usual VAT, its series of numbers; version 0 before they were given."""
    settings = await invoicing_settings.invoicing_of(work)
    tagged(response, settings.version)
    return settings


@router.put("/tenant/invoicing", summary="Say how the agency invoices", responses=SHOWN)
async def put_tenant_invoicing(
    settings: InvoicingSettings, response: Response, work: Work, if_match: IfMatch, _who: AgencyWriter
) -> Invoicing:
    """Holds for what is issued from now on. Another prefix begins another series."""
    await work.tenants.locked(work.tenant_id)
    current = await invoicing_settings.invoicing_of(work)
    if_match.require(current.version)
    changed = await invoicing_settings.change_invoicing(work, current, settings)
    tagged(response, changed.version)
    return changed


@router.post(
    "/settlements/{settlement_id}/invoice",
    summary="Invoice a closed settlement",
    status_code=201,
    responses=CREATED | responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def issue_invoice(
    settlement_id: UUID, wanted: IssueRequest, response: Response, work: Work, _who: AgencyWriter
) -> Invoice:
    """Issues what its newest closed version comes to: an invoice, or a credit note when it comes to less than nothing.

    Of a settlement that was invoiced and then corrected, only the difference is issued, and refers to the invoice.
    What EN 16931 asks for and nobody has said is told all at once (409).
    """
    settlement = await work.settlements.settlements.locked(settlement_id)
    invoice = await invoicing.issue(work, settlement, wanted)
    tagged(response, invoice.version, f"/v1/invoices/{invoice.invoice_id}")
    return invoice


@router.get("/invoices", summary="List invoices and credit notes")
async def list_invoices(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    client_id: OfClient = None,
    contract_id: OfContract = None,
    kind: OfKind = None,
    issued_from: IssuedFrom = None,
    issued_to: IssuedTo = None,
    standing: InStanding = None,
) -> Page[InvoiceSummary]:
    """The newest first."""
    selected = _chosen(unit, client_id, contract_id, kind, issued_from, issued_to, standing)
    return await invoice_stores.list_invoices(unit, params, selected)


@router.get(
    "/invoices.csv",
    summary="Download invoices and credit notes for accounting",
    response_class=Response,
    responses={
        200: {
            "description": "One line per document and VAT rate, oldest first, after a line with the columns' names",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
async def download_invoices(
    unit: Unit,
    runtime: CurrentRuntime,
    who: Reader,
    client_id: OfClient = None,
    contract_id: OfContract = None,
    kind: OfKind = None,
    issued_from: IssuedFrom = None,
    issued_to: IssuedTo = None,
    standing: InStanding = None,
) -> Response:
    """Amounts by VAT rate; those of credit notes are negative. Sent while it is being read.

    A text that a spreadsheet would take for a formula has an apostrophe before it.
    """
    selected = _chosen(unit, client_id, contract_id, kind, issued_from, issued_to, standing)
    key = tuple_(InvoiceRow.issued_at, InvoiceRow.invoice_id)

    async def lines() -> AsyncIterator[str]:
        yield csv_lines([COLUMNS])
        piece = selected
        while True:
            # The request's own transaction is over by now, and none is held while somebody reads slowly.
            async with runtime.units.for_tenant(who.tenant_id, client_id=who.client_id) as reading:
                statement = piece.order_by(InvoiceRow.issued_at, InvoiceRow.invoice_id).limit(_AT_ONCE)
                rows = (await reading.session.execute(statement)).all()
                today = reading.now.date()
                text = csv_lines(
                    cells
                    for row, stands in rows
                    for cells in _cells(row, invoice_stores.summary_of(row, stands, today))
                )
            if text:
                yield text
            if len(rows) < _AT_ONCE:
                return
            last = rows[-1][0]
            piece = selected.where(key > tuple_(last.issued_at, last.invoice_id))

    return StreamingResponse(
        lines(),
        media_type="text/csv; charset=utf-8; header=present",
        headers={"Content-Disposition": 'attachment; filename="invoices.csv"', "Cache-Control": "private, no-store"},
    )


def _chosen(
    unit: Unit,
    client_id: UUID | None,
    contract_id: UUID | None,
    kind: Kind | None,
    issued_from: LocalDate | None,
    issued_to: LocalDate | None,
    standing: Standing | None,
) -> invoice_stores.Chosen:
    if issued_from is not None and issued_to is not None and issued_to < issued_from:
        detail = "The period ends before it begins: `issued_to` must not be before `issued_from`."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, parameter="issued_to")])
    return invoice_stores.chosen(unit, client_id, contract_id, kind, issued_from, issued_to, standing)


def _cells(row: InvoiceRow, summary: InvoiceSummary) -> list[list[object]]:
    invoice = InvoiceContent.model_validate(row.content)

    def figure(text: str) -> Decimal:
        """A number, which needs no apostrophe before its sign; what a credit note gives back is negative."""
        amount = Decimal(text)
        return -amount if amount and invoice.kind == "credit_note" else amount

    return [
        [
            invoice.number,
            invoice.kind,
            invoice.issued_on.isoformat(),
            invoice.due_on.isoformat(),
            str(invoice.client_id),
            invoice.buyer.legal_name,
            invoice.buyer.vat_number or "",
            invoice.contract_number,
            invoice.period.first.isoformat(),
            invoice.period.last.isoformat(),
            invoice.currency,
            group.vat.category.value,
            group.vat.percent,
            figure(group.taxable),
            figure(group.tax),
            figure(invoice.total),
            "" if invoice.refers_to is None else invoice.refers_to.number,
            Decimal(summary.outstanding),
            summary.standing.value,
            invoice.settlement.hash,
            "" if invoice.report is None else invoice.report.edition,
            "" if invoice.report is None else invoice.report.hash,
        ]
        for group in invoice.vat
    ]


@router.get("/invoices/{invoice_id}", summary="Read an invoice", responses=SHOWN)
async def get_invoice(invoice_id: UUID, response: Response, work: Work, _who: Reader) -> Invoice:
    """Everything that it says, and what became of it."""
    invoice = await work.billing.invoices.get(invoice_id)
    tagged(response, invoice.version)
    return invoice


def _file(kind: str) -> dict[int | str, dict[str, Any]]:
    return {
        200: {"description": "The file as it was issued", "content": {kind: {"schema": {"type": "string"}}}},
        **responses_for(NotFound),
    }


@router.get(
    "/invoices/{invoice_id}/facturx.pdf",
    summary="Download an invoice as PDF",
    response_class=Response,
    responses=_file("application/pdf"),
)
async def download_invoice_pdf(invoice_id: UUID, work: Work, _who: Reader) -> Response:
    """A PDF/A-3 for people that carries the same as EN 16931 CII for programs (Factur-X).

    In a currency with three decimals, which EN 16931 cannot write, it is for people only.
    """
    return await _download(work, invoice_id, "pdf")


@router.get(
    "/invoices/{invoice_id}/cii.xml",
    summary="Download an invoice as CII",
    response_class=Response,
    responses=_file("application/xml"),
)
async def download_invoice_cii(invoice_id: UUID, work: Work, _who: Reader) -> Response:
    """EN 16931 in the syntax of UN/CEFACT: the file that is in the PDF."""
    return await _download(work, invoice_id, "cii")


@router.get(
    "/invoices/{invoice_id}/ubl.xml",
    summary="Download an invoice as UBL",
    response_class=Response,
    responses=_file("application/xml"),
)
async def download_invoice_ubl(invoice_id: UUID, work: Work, _who: Reader) -> Response:
    """EN 16931 in the syntax of OASIS UBL 2.1."""
    return await _download(work, invoice_id, "ubl")


async def _download(work: Work, invoice_id: UUID, kind: FileKind) -> Response:
    invoice = await work.billing.invoices.get(invoice_id)
    file = await work.billing.invoices.file(invoice_id, kind)
    if file is None:
        raise NotFound(
            f"Invoice {invoice.number} is in {invoice.currency}, whose three decimals EN 16931 cannot write. Its PDF is"
            " the invoice."
        )
    media_type, extension = _FILES[kind]
    return Response(
        file.content,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{invoice.number}.{extension}"',
            "Cache-Control": "private, no-cache",
            # The file never changes, so its hash is its version.
            "ETag": f'"{file.sha256}"',
            "X-Content-Type-Options": "nosniff",
        },
    )


@router.post(
    "/invoices/{invoice_id}/credit-note",
    summary="Cancel an invoice with a credit note",
    status_code=201,
    responses=CREATED | responses_for(Conflict, ValidationFailed),
    dependencies=[Idempotent],
)
async def create_credit_note(
    invoice_id: UUID, wanted: CreditNoteRequest, response: Response, work: Work, _who: AgencyWriter
) -> Invoice:
    """Gives back all of it. What a correction changes is issued from the settlement instead."""
    found = await work.billing.invoices.get(invoice_id)
    # In the order in which issuing locks: the settlement, then what it was invoiced with.
    await work.settlements.settlements.locked(found.settlement.settlement_id)
    invoice = await work.billing.invoices.locked(invoice_id)
    note = await invoicing.cancel(work, invoice, wanted.reason)
    tagged(response, note.version, f"/v1/invoices/{note.invoice_id}")
    return note


@router.post(
    "/invoices/{invoice_id}/payments",
    summary="Record a payment",
    status_code=201,
    responses=responses_for(Conflict, NotFound, ValidationFailed),
    dependencies=[Idempotent],
)
async def record_payment(invoice_id: UUID, new: NewPayment, work: Work, _who: AgencyWriter) -> Payment:
    """A fact that is never changed: what was wrong is put right by another payment, of the opposite sign."""
    return await invoicing.pay(work, await work.billing.invoices.locked(invoice_id), new)


@router.get("/invoices/{invoice_id}/payments", summary="List the payments of an invoice")
async def list_payments(invoice_id: UUID, unit: Unit, work: Work, params: PageParams, _who: Reader) -> Page[Payment]:
    """In the order in which they were recorded."""
    return await invoice_stores.list_payments(unit, params, await work.billing.invoices.get(invoice_id))
