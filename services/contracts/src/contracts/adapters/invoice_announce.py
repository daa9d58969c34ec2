"""From invoices to the published events."""

from collections.abc import Mapping, Sequence
from typing import Any

from contracts.application.invoices import InvoiceContent, InvoiceFile, Kind
from contracts.published.invoices_v1 import CreditNoteIssued, InvoiceIssued, IssuedDocument
from shared.unit_of_work import UnitOfWork

_SAYS: Mapping[Kind, tuple[type[IssuedDocument], str]] = {
    "invoice": (InvoiceIssued, "invoice_id"),
    "credit_note": (CreditNoteIssued, "credit_note_id"),
}


class OutboxInvoiceAnnouncer:
    """Says events into the outbox of a unit of work."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow

    def issued(self, content: InvoiceContent, content_hash: str, files: Sequence[InvoiceFile]) -> None:
        event, key = _SAYS[content.kind]
        same: dict[str, Any] = content.model_dump(mode="json", include=set(IssuedDocument.model_fields) - {"vat"})
        said = event.model_validate(
            {
                **same,
                key: content.invoice_id,
                "settlement_id": content.settlement.settlement_id,
                "settlement_number": content.settlement.number,
                "settlement_hash": content.settlement.hash,
                "refers_to_id": None if content.refers_to is None else content.refers_to.invoice_id,
                "period_first": content.period.first,
                "period_last": content.period.last,
                "vat": [
                    {
                        "category": group.vat.category.value,
                        "percent": group.vat.percent,
                        "taxable": group.taxable,
                        "tax": group.tax,
                    }
                    for group in content.vat
                ],
                "content_hash": content_hash,
                "files": {file.kind: file.sha256 for file in files},
            }
        )
        self._uow.publish(said, version=1)
