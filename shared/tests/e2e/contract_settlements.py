"""Settlements of contracts, for tests that look at them or try what can be done to them."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from shared.ids import new_id

from .thread_client import CLIENT_ZONE, ThreadClient

Request = tuple[dict[str, str], Any]

CLAIM = {"reason": "An outage is missing", "evidence": "Letter of today"}
ANSWER = {"accepted": False, "reason": "It was measured"}
AFTER_MISSES = frozenset({"exercise_termination_right"})
"""What is done about months of misses: no test over the running services has any."""


def table() -> dict[str, Any]:
    """A body that adds a table of credits under a new code."""
    return {
        "table_code": f"table_{new_id().hex}",
        "title": {"fr": "Avoirs", "en": "Credits"},
        "tiers": [{"below": "99.0", "credit_percent": "10"}],
    }


def this_month(contract_id: str) -> dict[str, str]:
    """A body that drafts the settlement of the month that goes on."""
    return {"contract_id": contract_id, "on": datetime.now(UTC).astimezone(CLIENT_ZONE).date().isoformat()}


def settlement(thread: ThreadClient, contract_id: str, *steps: str) -> str:
    """The settlement of this month of a contract, as if the month were over, brought as far as these steps lead."""
    drafted = thread.post("contracts", "/v1/settlements", this_month(contract_id))
    settlement_id = str(drafted["settlement_id"])
    with psycopg.connect(thread.stack.database_url, autocommit=True) as connection:
        # No clock of the session may be put forward by a month.
        connection.execute("update contracts.settlement set ends_at = now() where settlement_id = %s", (settlement_id,))
    if drafted["status"] == "draft":
        for step in steps:
            thread.post("contracts", f"/v1/settlements/{settlement_id}/{step}")
    return settlement_id


def claim(thread: ThreadClient, settlement_id: str) -> str:
    """A claim against a closed settlement."""
    return str(thread.post("contracts", f"/v1/settlements/{settlement_id}/claims", CLAIM)["claim_id"])


def right(thread: ThreadClient, settlement_id: str) -> str:
    """A right to terminate that can be looked at: no uptime of the session is missed for months."""
    today = datetime.now(UTC).date()
    right_id = str(new_id())
    with psycopg.connect(thread.stack.database_url, autocommit=True) as connection:
        connection.execute(
            "insert into contracts.termination_right (termination_right_id, tenant_id, client_id, contract_id, version,"
            " right_code, commitment, opened_on, lapses_on, because, settlement_id, created_at, updated_at)"
            " select %s, tenant_id, client_id, contract_id, 1, 'uptime', 'uptime', %s, %s, '[]', settlement_id, now(),"
            " now() from contracts.settlement where settlement_id = %s",
            (right_id, today - timedelta(days=2), today + timedelta(days=30), settlement_id),
        )
    return right_id


def one_of_each(thread: ThreadClient, contract_id: str) -> dict[str, str]:
    """A closed settlement with a claim and a right to leave, and a table."""
    settlement_id = settlement(thread, contract_id, "review", "close")
    return {
        "settlement_id": settlement_id,
        "claim_id": claim(thread, settlement_id),
        "termination_right_id": right(thread, settlement_id),
        "remedy_table_id": str(thread.post("contracts", "/v1/remedy-tables", table())["remedy_table_id"]),
    }


def requests(thread: Callable[[], ThreadClient], contract: Callable[[], str]) -> dict[str, Callable[[], Request]]:
    """Operation id to what makes a request that succeeds once; `contract` makes one in force."""

    def at(*steps: str, body: Any = None) -> Callable[[], Request]:
        return lambda: ({"settlement_id": settlement(thread(), contract(), *steps)}, body)

    def closed() -> str:
        return settlement(thread(), contract(), "review", "close")

    return {
        "create_settlement": lambda: ({}, this_month(contract())),
        "recompute_settlement": at(),
        "adjust_settlement": at(body={"text": "Geste commercial", "amount": "-5.00"}),
        "review_settlement": at(),
        "reopen_settlement": at("review"),
        "close_settlement": at("review"),
        "correct_settlement": at("review", "close", body={"reason": "Measured again"}),
        "create_settlement_claim": at("review", "close", body=CLAIM),
        "answer_settlement_claim": lambda: ({"claim_id": claim(thread(), closed())}, ANSWER),
        "create_remedy_table": lambda: ({}, table()),
    }
