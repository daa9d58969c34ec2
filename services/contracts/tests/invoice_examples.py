"""Invoices as they are issued, for tests of what is made of them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from contracts.application.invoice_drafting import BillableLine, drafted, sums
from contracts.application.invoices import InvoiceContent, InvoicePeriod, InvoiceReference, SettlementReference
from contracts.application.invoicing_settings import InvoicingSettings
from contracts.application.parties import PartyData
from contracts.application.service_desk_words import catalogues
from contracts.domain.invoicing import VatCategory
from shared.kernel.money import Money

AGENCY = PartyData.model_validate(
    {
        "legal_name": "Agence Lumière",
        "legal_form": "SARL",
        "registration_number": "732 829 320 00074",
        "vat_number": "FR44732829320",
        "address": {
            "lines": ["12 quai du Lac", "Bâtiment C"],
            "postal_code": "74000",
            "city": "Annecy",
            "country": "FR",
        },
    }
)
HOTEL = PartyData.model_validate(
    {
        "legal_name": "Hôtel du Lac & Fils <SAS>",
        "legal_form": None,
        "registration_number": "552 100 554",
        "vat_number": "FR96552100554",
        "address": {"lines": ["1 rue de l'Étang"], "postal_code": "75001", "city": "Paris", "country": "FR"},
    }
)
GERMAN_CLIENT = PartyData.model_validate(
    {
        "legal_name": "Seehotel GmbH",
        "vat_number": "DE136695976",
        "address": {"lines": ["Seestraße 1"], "postal_code": "80331", "city": "München", "country": "DE"},
    }
)
SETTINGS = InvoicingSettings.model_validate(
    {
        "iban": "FR7630006000011234567890189",
        "bic": "AGRIFRPPXXX",
        "usual_vat": {"category": "S", "percent": "20"},
        "exemption": {
            "reason": {"fr": "Formation professionnelle, art. 261-4-4° a du CGI", "en": "Vocational training"},
            "code": "VATEX-EU-132-1I",
        },
    }
)
HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"


def billable(net: str, vat: tuple[str, str] | None = ("S", "20"), currency: str = "EUR", **values: Any) -> BillableLine:
    amount = Money(Decimal(net), currency)
    return BillableLine(
        **{
            "code": "fee:premium",
            "name": "Maintenance, Premium",
            "explanation": "1 × 300,00 € : juin 2026 entier.",
            "net": amount,
            "vat": None if vat is None else (VatCategory(vat[0]), Decimal(vat[1])),
            "quantity": Decimal(1),
            "unit": "MON",
            "price": amount,
            **values,
        }
    )


def invoice_of(
    *lines: BillableLine,
    currency: str = "EUR",
    language: Literal["fr", "en"] = "fr",
    seller: PartyData = AGENCY,
    buyer: PartyData = HOTEL,
    settings: InvoicingSettings = SETTINGS,
    exchange_rate: str | None = None,
    **values: Any,
) -> InvoiceContent:
    """An invoice of June 2026 with these lines."""
    draft = drafted(
        lines,
        currency,
        seller=seller,
        buyer=buyer,
        settings=settings,
        exchange_rate=exchange_rate,
        t=catalogues().translator(language),
    )
    head: dict[str, Any] = {
        "invoice_id": UUID(int=1),
        "kind": "invoice",
        "cause": "settlement",
        "number": "F2026-000001",
        "series": "F2026",
        "sequence": 1,
        "client_id": UUID(int=2),
        "contract_id": UUID(int=3),
        "contract_number": "C-2026-0001",
        "settlement": SettlementReference(settlement_id=UUID(int=4), number=1, hash=HASH),
        "refers_to": None,
        "reason": None,
        "language": language,
        "issued_at": datetime(2026, 7, 1, 7, 0, 0, 123456, tzinfo=UTC),
        "issued_on": date(2026, 7, 1),
        "due_on": date(2026, 7, 31),
        "payment_days": 30,
        "period": InvoicePeriod(first=date(2026, 6, 1), last=date(2026, 6, 30)),
        "currency": currency,
        "electronic": True,
        "purchase_order": "PO-1187",
        "buyer_reference": None,
    }
    return InvoiceContent(
        **{**head, **values},
        seller=draft.seller,
        buyer=draft.buyer,
        iban=draft.iban,
        bic=draft.bic,
        lines=draft.lines,
        notes=draft.notes,
        **sums(draft.figures),
    )


def credit_note_of(*lines: BillableLine, **values: Any) -> InvoiceContent:
    """A credit note of the invoice that `invoice_of` makes."""
    first = InvoiceReference(invoice_id=UUID(int=1), number="F2026-000001", issued_on=date(2026, 7, 1))
    head: dict[str, Any] = {
        "kind": "credit_note",
        "cause": "cancellation",
        "number": "A2026-000001",
        "series": "A2026",
        "refers_to": first,
        "reason": "Mauvais destinataire",
    }
    return invoice_of(*lines, **{**head, **values})
