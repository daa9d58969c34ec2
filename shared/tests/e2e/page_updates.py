"""What is told visitors of a status page, for tests that try what can be done about it."""

from collections.abc import Callable
from typing import Any

import httpx
import psycopg

from .outage_decisions import Request, outage
from .thread_client import ThreadClient, eventually

_HEARD = "select 1 from reporting.incident where incident_id = %(incident)s"
SAID = {"status": "identified", "texts": {"en": "We found the cause, back by 14:00."}}


def published(thread: ThreadClient, slug: str, component_id: str, incident_id: str) -> dict[str, str]:
    """An incident that was put on the page, and an update of it."""
    put = of_incident(incident_id, component_id)

    def heard() -> Any:
        try:
            return thread.post("reporting", f"/v1/status-pages/{slug}/incidents", put)
        except httpx.HTTPStatusError as refused:
            if refused.response.status_code in (404, 422):
                return None
            raise

    page_incident_id = str(eventually(heard, 20, "reporting has heard of the incident")["page_incident_id"])
    path = f"/v1/status-pages/{slug}/incidents/{page_incident_id}/updates"
    update: dict[str, Any] = thread.post("reporting", path, SAID)
    return {"page_incident_id": page_incident_id, "page_update_id": str(update["page_update_id"])}


def of_incident(incident_id: str, component_id: str) -> dict[str, Any]:
    """What is put on a page of an incident."""
    affected = [{"component_id": component_id, "impact": "partial"}]
    return {"incident_id": incident_id, "titles": {"en": "Payments fail"}, "components": affected, **SAID}


def requests(
    thread: Callable[[], ThreadClient], contract: Callable[[], str], report: Callable[[], dict[str, Any]]
) -> dict[str, Callable[[], Request]]:
    """Operation id to what makes a request that succeeds once.

    `contract` makes one in force, `report` the body that reports an incident under one.
    """

    def on_page_of(contract_id: str) -> tuple[str, str]:
        terms = thread().contract(contract_id)["terms"]
        (environment, *_) = thread().get("contracts", f"/v1/sites/{terms['site_ids'][0]}")["environments"]
        return terms["status_page"]["slug"], environment["environment_id"]

    def putting() -> Request:
        body = report()
        incident_id = str(thread().post("incidents", "/v1/incidents", body)["incident_id"])
        slug, environment_id = on_page_of(body["contract_id"])
        with psycopg.connect(thread().stack.database_url, autocommit=True) as connection:
            eventually(
                lambda: connection.execute(_HEARD, {"incident": incident_id}).fetchone(),
                20,
                "reporting has heard of the incident",
            )
        return {"slug": slug}, of_incident(incident_id, environment_id)

    def publishing() -> Request:
        contract_id = contract()
        slug, environment_id = on_page_of(contract_id)
        return {"slug": slug, "page_incident_id": outage(thread(), contract_id, environment_id, over=False)}, SAID

    return {"publish_page_incident": putting, "publish_page_update": publishing}
