"""What is told visitors of an outage, for tests that try what can be done about it."""

from collections.abc import Callable
from typing import Any

from .outage_decisions import Request, outage
from .thread_client import ThreadClient

SAID = {"status": "identified", "texts": {"en": "We found the cause, back by 14:00."}}


def published(thread: ThreadClient, slug: str, outage_id: str) -> str:
    """An update of an outage that the page shows."""
    update: dict[str, Any] = thread.post("reporting", f"/v1/status-pages/{slug}/outages/{outage_id}/updates", SAID)
    return str(update["page_update_id"])


def requests(thread: Callable[[], ThreadClient], contract: Callable[[], str]) -> dict[str, Callable[[], Request]]:
    """Operation id to what makes a request that succeeds once; `contract` makes one in force."""

    def publishing() -> Request:
        contract_id = contract()
        terms = thread().contract(contract_id)["terms"]
        (environment, *_) = thread().get("contracts", f"/v1/sites/{terms['site_ids'][0]}")["environments"]
        outage_id = outage(thread(), contract_id, environment["environment_id"], over=False)
        return {"slug": terms["status_page"]["slug"], "outage_id": outage_id}, SAID

    return {"publish_page_update": publishing}
