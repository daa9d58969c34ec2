"""A contract that lives through outages, and what is told of it: what must survive a loss, and a change of release."""

from collections.abc import Mapping
from typing import Any

import psycopg

from shared.testing.small_site import SmallSite

from ..e2e.thread_client import FAST_MONITORING, RESPONSE_AND_REPAIR, SignedContract, ThreadClient, client_month
from .storm import SERVICES


def connected(url: str) -> psycopg.Connection[Any]:
    return psycopg.connect(url, autocommit=True)


def agreed(thread: ThreadClient, site: SmallSite, page: str) -> SignedContract:
    """A contract in force over a page that is watched."""
    contract = thread.activate_contract(
        thread.create_client("Client"),
        [("Site", site.url(page))],
        monitoring=FAST_MONITORING,
        response=RESPONSE_AND_REPAIR,
    )
    thread.wait_for_monitors(contract, "up")
    return contract


def hear_by_webhook(thread: ThreadClient, site: SmallSite) -> None:
    """The site is told of every incident."""
    thread.post("reporting", "/v1/webhooks", {"url": site.url("/hook"), "event_types": ["incidents.incident.*"]})


def live_through_an_outage(thread: ThreadClient, site: SmallSite, contract: SignedContract, page: str) -> Any:
    """The site breaks, somebody answers, the site is mended. Gives the incident as it then is."""
    site.break_page(page)
    return mended(thread, site, contract, page, answered(thread, contract))


def answered(thread: ThreadClient, contract: SignedContract) -> str:
    """Somebody answers the incident of a site that is broken. Gives its id."""
    opened = thread.wait_for_incident(contract, lambda found: found["timestamps"]["recovered"] is None, 60)
    thread.act(opened["incident_id"], "acknowledge")
    return str(opened["incident_id"])


def mended(thread: ThreadClient, site: SmallSite, contract: SignedContract, page: str, incident_id: str) -> Any:
    """The site is mended, and the incident knows it. Gives the incident as it then is."""
    site.mend_page(page)

    def ended(found: Any) -> bool:
        return bool(found["incident_id"] == incident_id and found["timestamps"]["recovered"])

    return thread.wait_for_incident(contract, ended, 60)


def told(thread: ThreadClient, contract: SignedContract, incident_id: str, as_of: str) -> Mapping[str, Any]:
    """What a person is shown of the agreement, of what happened, and of the month as it was known at an instant."""
    month = client_month(contract.activated_at)
    report = thread.get("reporting", f"/v1/contracts/{contract.contract_id}/reports/{month}", as_of=as_of)
    return {
        "contract": thread.contract(contract.contract_id),
        "incident": thread.get("incidents", f"/v1/incidents/{incident_id}"),
        "uptime": report["uptime"],
        "incidents": report["incidents"],
        "webhooks": thread.get("reporting", "/v1/webhooks")["data"],
    }


def dead_letters(url: str) -> list[str]:
    """What a service could not take."""
    with connected(url) as connection:
        return [
            str(row)
            for service in SERVICES
            for row in connection.execute(f"select subject, error from {service}.dead_letter".encode()).fetchall()
        ]
