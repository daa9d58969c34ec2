"""What invoicing needs from outside: its settings, its series of numbers, what was issued, and who makes the files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from contracts.application.invoices import FileKind, Invoice, InvoiceContent, InvoiceFile, Payment
    from contracts.application.invoicing_settings import Invoicing


class InvoicingStore(Protocol):
    """How the agency invoices."""

    async def get(self) -> Invoicing | None: ...

    async def put(self, settings: Invoicing) -> None:
        """Writes the settings of a locked tenant."""


class Invoices(Protocol):
    """Invoices and credit notes. What they say is never changed; what became of them is."""

    async def next_number(self, series: str) -> int:
        """The next number of a series. Whoever else asks waits until this transaction ends: no number is left out."""

    async def newest_day(self, series: str) -> date | None:
        """The date of the newest document of a series whose number was just taken."""

    async def add(self, content: InvoiceContent, content_hash: str, files: Sequence[InvoiceFile]) -> None:
        """Keeps a new document and its files."""

    async def get(self, wanted: UUID) -> Invoice:
        """Raises Unknown."""

    async def locked(self, wanted: UUID) -> Invoice:
        """Under a row lock until the transaction ends. Raises Unknown."""

    async def of_settlement(self, settlement_id: UUID) -> Sequence[Invoice]:
        """Everything that was issued for a settlement, the oldest first."""

    async def newest_invoice_of(self, contract_id: UUID, currency: str) -> Invoice | None:
        """The newest invoice of a contract in a currency, of those that were not cancelled."""

    async def file(self, invoice_id: UUID, kind: FileKind) -> InvoiceFile | None:
        """A file as it was made when the document was issued."""

    async def credited(self, invoice: Invoice, amount: str) -> None:
        """Counts a credit note against a locked invoice."""

    async def pay(self, invoice: Invoice, payment: Payment) -> None:
        """Keeps a payment of a locked invoice."""


class InvoiceFiles(Protocol):
    """Makes the files of an invoice."""

    async def make(self, invoice: InvoiceContent) -> Sequence[InvoiceFile]: ...


class InvoiceAnnouncer(Protocol):
    """Says what was issued: the event is published exactly if the transaction commits."""

    def issued(self, content: InvoiceContent, content_hash: str, files: Sequence[InvoiceFile]) -> None: ...


@dataclass(frozen=True)
class Billing:
    """What invoicing works with during one transaction."""

    settings: InvoicingStore
    invoices: Invoices
    files: InvoiceFiles
    announcer: InvoiceAnnouncer
