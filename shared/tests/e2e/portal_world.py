"""An agency with clients of which everything is there that a portal shows, and in it words that no client may read."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.ids import new_id
from shared.testing.small_site import SmallSite

from . import contract_hours, contract_invoices, desk_records
from .contract_registers import advice_to
from .desk_items import QUESTION, step
from .portal_visitor import let_in
from .thread_client import FAST_MONITORING, RESPONSE_AND_REPAIR, SignedContract, ThreadClient, eventually

SECRET = "zibeline"
"""In everything that the agency wrote for itself."""


CODED = frozenset({"channel", "kind", "knowledge_level", "language", "line", "mode", "topic", "work_class"})
"""Fields of records of the service desk that take one of some words; into the others, dates apart, somebody writes."""


def for_the_agency(body: Mapping[str, Any]) -> dict[str, Any]:
    """A record that no client may read, with the secret in every field into which somebody writes."""
    written = {
        name: f"{SECRET} {value}"
        for name, value in body.items()
        if isinstance(value, str) and name not in CODED and not value[:4].isdigit()
    }
    return {**body, **written, "audience": "agency"}


@dataclass(frozen=True)
class PortalClient:
    """A client with what is shown to it. `word` is in its names and in what was written to it, and nowhere else."""

    word: str
    client_id: str
    contract: SignedContract
    decider: str
    """Mail address of the person who decides."""
    staff: str
    incident_id: str
    request_id: str
    change_id: str
    advisory_id: str
    invoice_id: str


def portal_client(thread: ThreadClient, site: SmallSite, word: str, *, breaking: bool = True) -> PortalClient:
    """A client whose site broke, with one of each of what a portal shows."""
    page = f"/{word}"
    client_id = thread.create_client(f"Hôtel {word}")
    contract = thread.activate_contract(
        client_id,
        [(f"{word}.example", site.url(page))],
        monitoring=FAST_MONITORING,
        response=RESPONSE_AND_REPAIR,
        hours=contract_hours.HOURS,
    )
    decider, staff = f"decider@{word}.example", f"staff@{word}.example"
    let_in(thread, client_id, decider, f"Léa {word}")
    let_in(thread, client_id, staff, f"Sam {word}", role="client_staff")
    if breaking:
        thread.wait_for_monitors(contract, "up")
        site.break_page(page)
        incident_id = str(thread.wait_for_incident(contract)["incident_id"])
        site.mend_page(page)
        thread.wait_for_incident(contract, lambda found: found["timestamps"]["recovered"] is not None)
    else:
        report = {"contract_id": contract.contract_id, "title": f"Slow {word}", "severity": "major"}
        incident_id = str(thread.post("incidents", "/v1/incidents", report)["incident_id"])
    thread.act(incident_id, "acknowledge", f"{SECRET}: the client forgot to pay the host again")
    said = {"note": f"We are on it, dear {word}.", "audience": "client"}
    thread.post("incidents", f"/v1/items/{incident_id}/replies", said)
    thread.post("incidents", f"/v1/items/{incident_id}/replies", {"note": SECRET, "audience": "agency"})
    how: dict[str, Any] = {
        "params": {"name": f"{SECRET}.log", "audience": "agency"},
        "headers": {"Content-Type": "text/plain"},
    }
    thread.call("POST", "incidents", f"/v1/items/{incident_id}/attachments", content=b"GET / 500", **how)
    under = {"contract_id": contract.contract_id}
    request = thread.post("incidents", "/v1/requests", under | QUESTION | {"title": f"A page about {word}"})
    thread.post("incidents", f"/v1/items/{request['item_id']}/replies", {"note": SECRET, "audience": "agency"})
    change_id = str(thread.post("incidents", "/v1/changes", under | {"title": f"PHP for {word}"})["item_id"])
    for name in ("scope", "estimate"):
        thread.post("incidents", f"/v1/changes/{change_id}/{name}", step(name))
    thread.post("incidents", f"/v1/items/{change_id}/replies", {"note": SECRET, "audience": "agency"})
    entry = contract_hours.entry() | {"note": SECRET, "person_name": SECRET, "audience": "agency"}
    thread.post("contracts", f"/v1/contracts/{contract.contract_id}/hours/entries", entry)
    for places, hung_on in (
        (desk_records.OF_ITEMS, {"item_id": incident_id}),
        (desk_records.OF_CONTRACTS, under),
        (desk_records.OF_CONTRACTS, under | {"item_id": str(request["item_id"])}),
    ):
        for path, _, body in places.values():
            thread.post("incidents", f"/v1/{path}", hung_on | for_the_agency(body))
    for item_id in (str(request["item_id"]), change_id):
        thread.call("POST", "incidents", f"/v1/items/{item_id}/attachments", content=b"GET / 500", **how)
    how["params"] = {"name": f"plan-{word}.txt", "audience": "client"}
    thread.call("POST", "incidents", f"/v1/items/{incident_id}/attachments", content=f"For {word}".encode(), **how)
    texts = {"fr": f"PHP de {word}", "en": f"PHP of {word}"}
    advice = advice_to(client_id) | {"title": texts, "body": texts}
    advisory = thread.post("contracts", "/v1/advisories", advice)
    settled = thread.activate_contract(client_id, [(f"{word}-intranet.example", site.url(page))])
    return PortalClient(
        word,
        client_id,
        contract,
        decider,
        staff,
        incident_id,
        str(request["item_id"]),
        change_id,
        str(advisory["advisory_id"]),
        contract_invoices.invoice(thread, settled.contract_id),
    )


def new_word() -> str:
    """A name that nothing else has."""
    return f"q{new_id().hex[-10:]}"


def wait_until_shown(thread: ThreadClient, client: PortalClient) -> None:
    """Until reporting has heard of the incident."""
    contract_id = client.contract.contract_id

    def heard() -> bool | None:
        month = f"{client.contract.activated_at:%Y-%m}"
        report = thread.get("reporting", f"/v1/contracts/{contract_id}/reports/{month}")
        return bool(report["incidents"]["items"]) or None

    eventually(heard, 30, "reporting has heard of the incident")
