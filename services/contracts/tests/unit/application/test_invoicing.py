"""Which documents of a settlement still stand."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

from contracts.application.invoices import Invoice, InvoiceReference, SettlementReference
from contracts.application.invoicing import in_effect

from ...invoice_examples import HASH, billable, credit_note_of, invoice_of


def document(number: int, minute: int, *, version: int = 1, cancels: Invoice | None = None) -> Invoice:
    """A document of a version of a settlement that was asked for at some minute."""
    values: dict[str, Any] = {
        "invoice_id": UUID(int=number),
        "number": f"F2026-{number:06}",
        "issued_at": datetime(2026, 8, 3, 8, minute, tzinfo=UTC),
        "settlement": SettlementReference(settlement_id=UUID(int=4), number=version, hash=HASH),
    }
    if cancels is None:
        content = invoice_of(billable("300.00"), **values)
    else:
        refers_to = InvoiceReference(invoice_id=cancels.invoice_id, number=cancels.number, issued_on=date(2026, 8, 3))
        content = credit_note_of(billable("300.00"), refers_to=refers_to, **values)
    stands = {"version": 1, "credited": "0.00", "paid": "0.00", "outstanding": "0.00", "standing": "settled"}
    return Invoice.model_validate({**content.model_dump(), **stands, "content_hash": HASH})


def test_a_cancellation_takes_away_its_own_invoice_in_whatever_order_they_were_asked_for() -> None:
    first = document(1, 0)
    # The next invoice was asked for before the cancellation, and waited until it was there.
    waited, note = document(2, 5), document(3, 6, cancels=first)
    correction = document(4, 4, version=2)
    standing = in_effect([first, correction, waited, note])
    assert [each.number for each in standing] == ["F2026-000002", "F2026-000004"]
