"""Invoices and credit notes: issued from closed settlements, numbered without gaps, never changed, then paid."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from contracts.application.values import Name, Reason, Request
from contracts.domain.invoicing import Standing, VatCategory
from shared.values import Instant, LocalDate

Kind: TypeAlias = Literal["invoice", "credit_note"]
Cause: TypeAlias = Literal["settlement", "correction", "cancellation"]
FileKind: TypeAlias = Literal["pdf", "cii", "ubl"]
MOST_LINES = 10_000


def _worth_something(rate: str) -> str:
    if not Decimal(rate):
        raise ValueError("is nothing: no currency is")
    return rate


ExchangeRate: TypeAlias = Annotated[
    str,
    StringConstraints(min_length=1, max_length=20, pattern=r"^(?:0|[1-9][0-9]{0,9})(?:\.[0-9]{1,8})?$"),
    AfterValidator(_worth_something),
]
SignedAmount: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=17, pattern=r"^-?(?:0|[1-9][0-9]{0,11})(?:\.[0-9]{1,3})?$")
]


# --- What is asked ---------------------------------------------------------------------------------------------------


class IssueRequest(Request):
    """What only the day of issuing knows."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"purchase_order": "PO-1187", "exchange_rate": None}]}
    )

    exchange_rate: ExchangeRate | None = Field(
        default=None,
        description="What one unit of the invoice's currency is worth in that of the agency's country; required when"
        " they differ, because the VAT is owed in the latter.",
        examples=["0.9173"],
    )
    purchase_order: Name | None = Field(default=None, description="The client's own reference of his order.")
    buyer_reference: Name | None = Field(default=None, description="By which the client routes his invoices.")


class CreditNoteRequest(Request):
    """Why a whole invoice is cancelled."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"reason": "Wrong addressee"}]})

    reason: Reason


class NewPayment(Request):
    """Money that came in, or that went back (negative)."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"paid_on": "2026-07-15", "amount": "720.00", "reference": "SEPA 8841"}]},
    )

    paid_on: LocalDate
    amount: SignedAmount = Field(description="In the currency of the invoice; negative: given back, or put right.")
    reference: Name | None = Field(default=None, description="How the bank or the books call it.")


# --- What it says ----------------------------------------------------------------------------------------------------


class InvoiceParty(BaseModel):
    """A party in law, as the invoice names it."""

    legal_name: str
    legal_form: str | None
    registration_number: str | None
    siren: str | None = Field(description="Of a French company.")
    vat_number: str | None
    address_lines: list[str] = Field(max_length=5)
    postal_code: str | None
    city: str
    region: str | None
    country: str


class InvoiceVat(BaseModel):
    """How VAT applies."""

    category: VatCategory
    percent: str
    reason: str | None
    reason_code: str | None


class IssuedLine(BaseModel):
    """A line: an amount without VAT, in the language of the invoice."""

    number: int = Field(ge=1)
    code: str = Field(description="Of the line of the settlement that it comes from.")
    name: str
    explanation: str = Field(description="How the amount comes about.")
    quantity: str
    unit: str = Field(description="UN/ECE recommendation 20: C62 one, HUR hour, MON month.")
    price: str
    net: str
    vat: InvoiceVat


class VatLine(BaseModel):
    """Everything of one VAT category and rate."""

    vat: InvoiceVat
    taxable: str
    tax: str


class VatInAccounting(BaseModel):
    """The VAT in the currency of the agency's country."""

    currency: str
    rate: str
    tax: str


class InvoiceNote(BaseModel):
    """Something that the invoice mentions; `code` is of UNTDID 4451."""

    code: str
    text: str


class InvoiceReference(BaseModel):
    """Another invoice."""

    invoice_id: UUID
    number: str
    issued_on: LocalDate


class SettlementReference(BaseModel):
    """The closed settlement behind it: whoever has it can recompute the invoice."""

    settlement_id: UUID
    number: int = Field(ge=1)
    hash: str


class ReportReference(BaseModel):
    """The edition of the month's report that was the newest when the invoice was issued."""

    report_id: UUID
    month: LocalDate = Field(description="The first day of the month that the report is of.")
    edition: int = Field(ge=1)
    hash: str = Field(description="SHA-256 of the report, as it was published.")


class InvoicePeriod(BaseModel):
    """First and last day of what is invoiced."""

    first: LocalDate
    last: LocalDate


class InvoiceContent(BaseModel):
    """Everything that an invoice or credit note says: fixed when it is issued, in the language of its reader.

    The amounts of a credit note are positive: they are given back.
    """

    format: Literal["upheld.invoice/1"] = "upheld.invoice/1"
    invoice_id: UUID
    kind: Kind
    cause: Cause = Field(
        description="A settlement as a whole, what a correction of one changes, or the cancellation of an invoice."
    )
    number: str = Field(examples=["F2026-000001"])
    series: str
    sequence: int = Field(ge=1)
    client_id: UUID
    contract_id: UUID
    contract_number: str
    settlement: SettlementReference
    # Left out where there is none: what was issued before reports were named keeps the hash of its content.
    report: ReportReference | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="The report of the invoiced month; not there: none was published when it was issued.",
    )
    refers_to: InvoiceReference | None = Field(description="The invoice that it credits, or adds to.")
    reason: str | None = Field(description="Why an invoice was cancelled or corrected.")
    language: Literal["fr", "en"]
    issued_at: Instant
    issued_on: LocalDate
    due_on: LocalDate
    payment_days: int
    period: InvoicePeriod
    currency: str
    electronic: bool = Field(description="False: the currency has more decimals than EN 16931 can write.")
    seller: InvoiceParty
    buyer: InvoiceParty
    iban: str
    bic: str | None
    purchase_order: str | None
    buyer_reference: str | None
    lines: list[IssuedLine] = Field(max_length=MOST_LINES)
    vat: list[VatLine] = Field(max_length=100)
    net: str = Field(description="Without VAT.")
    tax: str
    total: str = Field(description="With VAT.")
    accounting: VatInAccounting | None
    notes: list[InvoiceNote] = Field(max_length=20)


class InvoiceFile(BaseModel):
    """A file of an invoice, exactly as it was made when it was issued."""

    kind: FileKind
    sha256: str
    content: bytes


class InvoiceStanding(BaseModel):
    """What became of an invoice. Its amounts: what was credited, what was paid, and what is left."""

    version: int = Field(ge=1, description="Grows with every payment and credit note; the ETag.")
    credited: str
    paid: str
    outstanding: str = Field(description="Negative: to be given back.")
    standing: Standing


class Invoice(InvoiceContent, InvoiceStanding):
    """An invoice or credit note, and what became of it."""

    content_hash: str = Field(description="SHA-256 of what it says, as canonical JSON.")


class InvoiceSummary(InvoiceStanding):
    """An invoice or credit note in a list."""

    invoice_id: UUID
    kind: Kind
    number: str
    client_id: UUID
    contract_id: UUID
    settlement_id: UUID
    refers_to_id: UUID | None
    issued_at: Instant
    issued_on: LocalDate
    due_on: LocalDate
    currency: str
    net: str
    tax: str
    total: str


class Payment(BaseModel):
    """A payment, as it was recorded; never changed."""

    payment_id: UUID
    invoice_id: UUID
    client_id: UUID
    paid_on: LocalDate
    amount: str
    reference: str | None
    recorded_by: str
    recorded_at: Instant


def today_of(now: Instant) -> date:
    """The day by which an invoice is overdue: that of UTC, the same for everybody."""
    return now.date()
