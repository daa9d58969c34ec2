"""Records of the registers of contracts, for tests that look at them or try what can be done to them."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.ids import new_id

from .thread_client import ThreadClient

Request = tuple[dict[str, str], Any]

BOTH = {"fr": "Accès au serveur", "en": "Access to the server"}
KEPT = {"evidence": [{"what": "Account created"}]}


class ContractRegisters:
    """Makes records of an agency's registers."""

    def __init__(self, thread: ThreadClient, client: Callable[[], str], contract: Callable[[], str]) -> None:
        self._thread = thread
        self._client = client
        self._contract = contract
        """Makes a contract in force."""

    def item(self, client_id: str | None = None) -> str:
        """A new configuration item."""
        body = item_of(client_id or self._client())
        return self._made("configuration-items", "configuration_item_id", body)

    def rule_body(self) -> dict[str, Any]:
        """A body that makes a rule between two items."""
        client_id = self._client()
        return rule_between(self.item(client_id), self.item(client_id))

    def obligation(self, due_in: timedelta = timedelta(days=1)) -> str:
        """A new obligation of the client."""
        return self._made("obligations", "obligation_id", obligation_under(self._contract(), due_in))

    def breach(self) -> str:
        """The breach of an obligation that was kept a moment too late."""
        contract_id = self._contract()
        moment = timedelta(seconds=1)
        obligation_id = self._made("obligations", "obligation_id", obligation_under(contract_id, moment))
        time.sleep(2 * moment.total_seconds())
        self._thread.post("contracts", f"/v1/obligations/{obligation_id}/fulfil", KEPT)
        found = self._thread.get("contracts", "/v1/breaches", contract_id=contract_id)["data"]
        return next(str(one["breach_id"]) for one in found if one["obligation_id"] == obligation_id)

    def advisory(self) -> str:
        """A new advisory."""
        return self._made("advisories", "advisory_id", advice_to(self._client()))

    def entry_body(self) -> dict[str, Any]:
        """A body that makes an entry in one of the client's registers."""
        return {"contract_id": self._contract(), "kind": "functions", "title": "Online booking"}

    def requests(self) -> dict[str, Callable[[], Request]]:
        """Operation id to what makes a request that succeeds once."""

        def advised(body: Any) -> Callable[[], Request]:
            return lambda: ({"advisory_id": self.advisory()}, body)

        def owed(body: Any) -> Callable[[], Request]:
            return lambda: ({"obligation_id": self.obligation()}, body)

        later = {"due_at": _ahead(timedelta(days=9)), "reason": "The host answers on Thursday"}
        shares = {"provider_percent": 50, "client_percent": 50, "reason": "Asked late"}
        return {
            "create_configuration_item": lambda: ({}, item_of(self._client())),
            "record_configuration_version": lambda: ({"configuration_item_id": self.item()}, {"label": "2.5.0"}),
            "create_compatibility_rule": lambda: ({}, self.rule_body()),
            "create_support_end": lambda: ({}, end_of(self.item())),
            "create_delivery": lambda: ({}, delivery_under(self._contract())),
            "create_obligation": lambda: ({}, obligation_under(self._contract(), timedelta(days=1))),
            "fulfil_obligation": owed(KEPT),
            "postpone_obligation": owed(later),
            "release_obligation": owed({"reason": "Found another way in"}),
            "decide_on_breach": lambda: ({"breach_id": self.breach()}, shares),
            "confirm_client_register": lambda: ({}, {"contract_id": self._contract(), "kind": "functions"}),
            "create_register_entry": lambda: ({}, self.entry_body()),
            "issue_advisory": lambda: ({}, advice_to(self._client())),
            "deliver_advisory": advised({"means": "letter"}),
            "acknowledge_advisory": advised({"evidence": "On the telephone"}),
            "answer_advisory": advised({"answer": "refused", "reason": "No budget", "evidence": "By mail"}),
            "withdraw_advisory": advised({"reason": "It was updated"}),
        }

    def one_of_each(self) -> dict[str, str]:
        """Ids of new records, by the names that paths have for them."""
        client_id, contract_id = self._client(), self._contract()
        item_id, other_id = self.item(client_id), self.item(client_id)
        advisory_id = self._made("advisories", "advisory_id", advice_to(client_id))
        return {
            "configuration_item_id": item_id,
            "other_item_id": other_id,
            "rule_id": self._made("compatibility-rules", "rule_id", rule_between(item_id, other_id)),
            "support_end_id": self._made("support-ends", "support_end_id", end_of(item_id)),
            "contract_delivery_id": self._made("deliveries", "delivery_id", delivery_under(contract_id)),
            "obligation_id": self._made(
                "obligations", "obligation_id", obligation_under(contract_id, timedelta(days=1))
            ),
            "breach_id": self.breach(),
            "advisory_id": advisory_id,
            "entry_id": self._made(
                "register-entries",
                "entry_id",
                {"contract_id": contract_id, "kind": "functions", "title": "Online booking"},
            ),
            "register_record_id": advisory_id,
        }

    def _made(self, path: str, key: str, body: Any) -> str:
        return str(self._thread.post("contracts", f"/v1/{path}", body)[key])


def item_of(client_id: str) -> dict[str, Any]:
    """A body that enters an item under a new name."""
    current = {"label": "2.4.0"}
    return {"client_id": client_id, "kind": "application", "name": f"shop {new_id()}", "current": current}


def rule_between(item_id: str, other_id: str) -> dict[str, Any]:
    """A body that makes a rule which is kept."""
    rule = {"versions": ">=2.4", "other_versions": ">=2", "note": BOTH}
    return {"configuration_item_id": item_id, "other_item_id": other_id, **rule}


def end_of(item_id: str) -> dict[str, Any]:
    """A body that enters an end of support to come."""
    return {"configuration_item_id": item_id, "versions": "*", "end_of_life_on": "2099-12-31", "source": "vendor"}


def delivery_under(contract_id: str) -> dict[str, Any]:
    """A body that records a delivery."""
    told = {"what": "Code", "delivered_to": "Léa", "delivered_version": "1", "means": "Mail"}
    return {"contract_id": contract_id, "delivered_at": "2026-01-08T08:00:00Z", **told}


def obligation_under(contract_id: str, due_in: timedelta) -> dict[str, Any]:
    """A body that asks the client for an access."""
    asked = {"owner": "client", "kind": "access", "title": BOTH, "due_at": _ahead(due_in)}
    return {"contract_id": contract_id, **asked}


def advice_to(client_id: str) -> dict[str, Any]:
    """A body that issues advice."""
    return {"client_id": client_id, "kind": "security", "title": BOTH, "body": BOTH}


def _ahead(length: timedelta) -> str:
    return f"{datetime.now(UTC) + length:%Y-%m-%dT%H:%M:%S.%fZ}"
