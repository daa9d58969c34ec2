"""What was invoiced, version 1: said once for each document, which never changes afterwards."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.events import PublishedEvent
from shared.values import Instant, LocalDate

_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


class InvoicedVat(BaseModel):
    """Everything of one VAT category (UNTDID 5305) and rate."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    category: Literal["S", "Z", "E", "AE", "K", "G", "O"]
    percent: str
    taxable: str
    tax: str


class IssuedDocument(PublishedEvent):
    """An invoice or a credit note. The amounts of a credit note are positive: they are given back.

    `files` are the SHA-256 of the files, by kind: pdf (Factur-X where the currency allows), cii, ubl.
    """

    number: str
    series: str
    sequence: int = Field(ge=1)
    client_id: UUID
    contract_id: UUID
    contract_number: str
    settlement_id: UUID
    settlement_number: int = Field(ge=1)
    settlement_hash: str
    refers_to_id: UUID | None
    issued_at: Instant
    issued_on: LocalDate
    due_on: LocalDate
    period_first: LocalDate
    period_last: LocalDate
    currency: str
    net: str
    tax: str
    total: str
    vat: tuple[InvoicedVat, ...]
    content_hash: str
    files: dict[str, str]


_ISSUED: dict[str, Any] = {
    "number": "F2026-000001",
    "series": "F2026",
    "sequence": 1,
    "client_id": "0190b5c8-7d4e-7c3a-9a51-000000000002",
    "contract_id": "0190b5c8-7d4e-7c3a-9a51-000000000001",
    "contract_number": "C-2026-0001",
    "settlement_id": "0190b5c8-7d4e-7c3a-9a51-000000000081",
    "settlement_number": 1,
    "settlement_hash": _HASH,
    "refers_to_id": None,
    "issued_at": "2026-07-01T07:00:00Z",
    "issued_on": "2026-07-01",
    "due_on": "2026-07-31",
    "period_first": "2026-06-01",
    "period_last": "2026-06-30",
    "currency": "EUR",
    "net": "300.00",
    "tax": "60.00",
    "total": "360.00",
    "vat": [{"category": "S", "percent": "20", "taxable": "300.00", "tax": "60.00"}],
    "content_hash": _HASH,
    "files": {"pdf": _HASH, "cii": _HASH, "ubl": _HASH},
}


class InvoiceIssued(IssuedDocument, aggregate="invoice", name="issued", key="invoice_id"):
    """What a settlement comes to was invoiced."""

    invoice_id: UUID

    EXAMPLE: ClassVar[Mapping[str, Any]] = {"invoice_id": "0190b5c8-7d4e-7c3a-9a51-000000000082", **_ISSUED}


class CreditNoteIssued(IssuedDocument, aggregate="credit_note", name="issued", key="credit_note_id"):
    """What was invoiced, or part of it, is given back."""

    credit_note_id: UUID

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "credit_note_id": "0190b5c8-7d4e-7c3a-9a51-000000000083",
        **_ISSUED,
        "number": "A2026-000001",
        "series": "A2026",
        "refers_to_id": "0190b5c8-7d4e-7c3a-9a51-000000000082",
    }


INVOICE_EVENTS: tuple[type[PublishedEvent], ...] = (InvoiceIssued, CreditNoteIssued)
