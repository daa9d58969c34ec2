"""Invoices of contracts, for tests that look at them or try what can be done to them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from . import contract_settlements
from .thread_client import ThreadClient

Request = tuple[dict[str, str], Any]

PARTY = {
    "legal_name": "Agence Lumière",
    "registration_number": "732 829 320",
    "vat_number": "FR44732829320",
    "address": {"lines": ["12 quai du Lac"], "postal_code": "74000", "city": "Annecy", "country": "FR"},
}
INVOICING = {"iban": "FR7630006000011234567890189", "usual_vat": {"category": "S", "percent": "20"}}
CANCELLED = {"reason": "Wrong addressee"}


def settled(thread: ThreadClient, contract_id: str) -> str:
    """The closed settlement of this month of a contract, and what else an invoice needs."""
    contract = thread.contract(contract_id)
    for path, body in (
        ("/v1/tenant/party", PARTY),
        (f"/v1/clients/{contract['client_id']}/party", PARTY),
        ("/v1/tenant/invoicing", INVOICING),
    ):
        thread.call("PUT", "contracts", path, body, headers={"If-Match": "*"})
    return contract_settlements.settlement(thread, contract_id, "review", "close")


def invoice(thread: ThreadClient, contract_id: str) -> str:
    """A new invoice of a contract."""
    issued = thread.post("contracts", f"/v1/settlements/{settled(thread, contract_id)}/invoice", {})
    return str(issued["invoice_id"])


def paid() -> dict[str, Any]:
    """A body that records a payment of today."""
    return {"paid_on": datetime.now(UTC).date().isoformat(), "amount": "1.00"}


def one_of_each(thread: ThreadClient, contract_id: str) -> dict[str, str]:
    """An invoice of which a part was paid."""
    invoice_id = invoice(thread, contract_id)
    thread.post("contracts", f"/v1/invoices/{invoice_id}/payments", paid())
    return {"invoice_id": invoice_id}


def requests(thread: Callable[[], ThreadClient], contract: Callable[[], str]) -> dict[str, Callable[[], Request]]:
    """Operation id to what makes a request that succeeds once; `contract` makes one in force."""

    def of_invoice(body: Any) -> Callable[[], Request]:
        return lambda: ({"invoice_id": invoice(thread(), contract())}, body)

    return {
        "issue_invoice": lambda: ({"settlement_id": settled(thread(), contract())}, {}),
        "create_credit_note": of_invoice(CANCELLED),
        "record_payment": of_invoice(paid()),
    }
