"""What happens to a contract in force, for tests that look at it or try what can be done to it."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from .thread_client import ThreadClient

Request = tuple[Mapping[str, str], Any]

TERM = {
    "initial_months": 60,
    "renewal": {"kind": "express", "months": 12},
    "notice_months": 3,
    "early_termination": {"minimum_months": 3, "notice_months": 1, "compensation_percent": "50"},
    "cure_days": 0,
}
NOTICE = {"given_by": "client", "reason": "The site is closed"}
FORMAL_NOTICE = {"given_by": "client", "reason": "Answers are late", "facts": ["May: 4 of 6 answers late"]}
INDEX_VALUE = {"index_name": "syntec", "period": "2026-10", "value": "318.20", "published_on": "2026-11-25"}
FAR_AHEAD = "2098-01-01"


def scheduled_amendment(thread: ThreadClient, contract_id: str) -> str:
    """Id of an amendment of a contract in force that both parties signed for a day far ahead."""
    path = f"/v1/contracts/{contract_id}"
    change = {"alert_emails": ["night@agency.example"], "effective_on": FAR_AHEAD}
    proposed = thread.post("contracts", f"{path}/amendment", change)
    for party in ("agency", "client"):
        consent = {"party": party, "document_hash": proposed["amendment"]["document"]["hash"]}
        thread.post("contracts", f"{path}/amendment/sign", consent)
    thread.post("contracts", f"{path}/amendment/apply")
    return str(thread.get("contracts", f"{path}/amendments")["data"][-1]["amendment_id"])


def formal_notice(thread: ThreadClient, contract_id: str) -> str:
    """Id of a new formal notice under a contract in force."""
    notice = thread.post("contracts", f"/v1/contracts/{contract_id}/formal-notices", FORMAL_NOTICE)
    return str(notice["formal_notice_id"])


def one_of_each(thread: ThreadClient, contract_id: str) -> dict[str, str]:
    """Ids of a formal notice, and of an amendment that was withdrawn again, so that others can be proposed."""
    amendment_id = scheduled_amendment(thread, contract_id)
    path = f"/v1/contracts/{contract_id}/amendments/{amendment_id}/withdraw"
    thread.post("contracts", path, {"reason": "It stays as it is"})
    thread.post("contracts", "/v1/index-values", INDEX_VALUE)
    return {"amendment_id": amendment_id, "formal_notice_id": formal_notice(thread, contract_id)}


def requests(thread: Callable[[], ThreadClient], contract: Callable[[], str]) -> dict[str, Callable[[], Request]]:
    """Operation id to what makes a request that succeeds once; `contract` makes one in force with that term."""

    def under(body: Any) -> Callable[[], Request]:
        return lambda: ({"contract_id": contract()}, body)

    def of_notice(body: Any) -> Callable[[], Request]:
        def made() -> Request:
            contract_id = contract()
            return {"contract_id": contract_id, "formal_notice_id": formal_notice(thread(), contract_id)}, body

        return made

    def withdrawing() -> Request:
        contract_id = contract()
        amendment_id = scheduled_amendment(thread(), contract_id)
        return {"contract_id": contract_id, "amendment_id": amendment_id}, {"reason": "It stays as it is"}

    def staying() -> Request:
        contract_id = contract()
        thread().post("contracts", f"/v1/contracts/{contract_id}/notice", NOTICE)
        return {"contract_id": contract_id}, None

    def leaving() -> Request:
        day = (datetime.now(UTC) + timedelta(days=60)).date()
        return {"contract_id": contract()}, NOTICE | {"leaves_on": f"{day}"}

    return {
        "withdraw_scheduled_amendment": withdrawing,
        "renew_contract": under({"evidence": "Mail of both"}),
        "give_notice": under(NOTICE),
        "leave_early": leaving,
        "withdraw_ending": staying,
        "create_formal_notice": under(FORMAL_NOTICE),
        "cure_formal_notice": of_notice({"evidence": "Two weeks in time"}),
        "terminate_for_cause": of_notice(None),
        "create_index_value": lambda: ({}, INDEX_VALUE),
    }
