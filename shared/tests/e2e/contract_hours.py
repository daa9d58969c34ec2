"""Hours of contracts, for tests that look at them or try what can be done to them."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from shared.ids import new_id

from .thread_client import ThreadClient

Request = tuple[dict[str, str], Any]

HOURS: dict[str, Any] = {
    "lines": [
        {"code": code, "name": {"fr": name, "en": name}, "included_minutes": minutes, "work_classes": classes}
        for code, name, minutes, classes in (
            ("technical", "Technique", 240, ["preventive", "corrective"]),
            ("assistance", "Assistance", 180, ["assistance"]),
            ("steering", "Pilotage", 120, ["coordination"]),
        )
    ],
    "overage_rate_per_hour": {"amount": "90.00", "currency": "EUR"},
}
"""Monthly hours on the lines that other tests log work on."""

YEARLY = frozenset({"accept_hours_review", "decline_hours_review"})
"""What is done to a review. One is made when a contract's year is over: no test over the running services has any."""


def entry() -> dict[str, Any]:
    """A body that logs work of today."""
    today = datetime.now(UTC).astimezone(ZoneInfo("Europe/Paris")).date()
    work = {"work_class": "coordination", "worked_on": today.isoformat(), "real_minutes": 45}
    return work | {"person_name": "Nadia Benali", "note": "Monthly meeting"}


def figure(site_id: str) -> dict[str, Any]:
    """A body that tells how much a site was used."""
    return {"site_id": site_id, "month": "2026-05", "users": 4200, "visits": 18000}


EXPLANATION: dict[str, Any] = {"template_code": "hours_explanation", "values": {"PRENOM": "Léa"}}
"""A body that has the hours of a contract explained to who decides."""


def one_of_each(thread: ThreadClient, contract_id: str, site_id: str) -> dict[str, str]:
    """Work under a contract with hours, a figure of its site, and its hours explained by mail."""
    thread.post("contracts", f"/v1/contracts/{contract_id}/hours/entries", entry())
    thread.post("contracts", "/v1/usage-figures", figure(site_id))
    (sent,) = thread.post("contracts", f"/v1/contracts/{contract_id}/sent-messages", EXPLANATION)["data"]
    return {"message_id": str(sent["message_id"])}


def requests(
    thread: Callable[[], ThreadClient], contract: Callable[[], str], site: Callable[[], str]
) -> dict[str, Callable[[], Request]]:
    """Operation id to what makes a request that succeeds once; `contract` makes one in force with hours."""

    def reversal() -> Request:
        contract_id = contract()
        wrong = thread().post("contracts", f"/v1/contracts/{contract_id}/hours/entries", entry())
        return {"contract_id": contract_id}, {"hours_entry_id": wrong["hours_entry_id"], "reason": "Another client's"}

    return {
        "create_hours_entry": lambda: ({"contract_id": contract()}, entry()),
        "create_hours_reversal": reversal,
        "create_hours_approval": lambda: (
            {"contract_id": contract()},
            {"work_item_id": str(new_id()), "approved_by": "Léa Martin"},
        ),
        "send_message": lambda: ({"contract_id": contract()}, EXPLANATION),
        "create_usage_figure": lambda: ({}, figure(site())),
    }
