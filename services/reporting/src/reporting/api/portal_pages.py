"""What a client reads in the portal. What reporting has heard it shows by itself; the rest it asks for as he would."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Response

from reporting.adapters.facts import StoredFacts
from reporting.adapters.page_settings import picture_by_hash
from reporting.adapters.portal_facts import contracts_seen, newest_month_told
from reporting.adapters.portal_store import drafts_of
from reporting.adapters.portal_words import decision_page
from reporting.adapters.upstream import AskedTooFast, Away, ClientApis, File, NotThere, Refused, Service
from reporting.api.dependencies import Kind
from reporting.api.portal_session import PORTAL, TAKEN_AWAY, PortalRoute, SignedIn, Visit, one_of
from reporting.application.client_overview import MONTHS, contract_now, months_of_uptime
from reporting.application.reporting import current_month
from reporting.domain.period import next_month
from shared.values import Month

router = APIRouter(prefix=PORTAL, tags=["portal"], route_class=PortalRoute, include_in_schema=False)

AT_ONCE: Final = 25
MOST_PAGES: Final = 50
"""Of 200 each, of a list of which a page shows the end: the other service lists it oldest first."""
MESSAGES: Final = 50
"""How many of an item are on a page."""
FORMS_OF_REQUESTS: Final = ("error", "feature", "assistance")
SHOWN: Final = (
    "topic",
    "question",
    "need",
    "benefit",
    "who",
    "steps",
    "expected",
    "observed",
    "environment",
    "ci_version",
)
"""The fields of forms that a request may have, in the order in which they are shown."""
PAPERS: Final = ("plain-terms", "support-model")
"""What the portal hands on of a contract as a file."""
INVOICE_FILES: Final = ("facturx.pdf", "ubl.xml", "cii.xml")
TO_ANSWER: Final = {"issued", "delivered", "acknowledged"}

Cursor = Annotated[str | None, Query(max_length=1024)]
Version = Annotated[str, Query(max_length=64)]
Part = Annotated[int, Query(ge=1, le=1_000)]


def _page(cursor: str | None) -> dict[str, str]:
    return {"limit": str(AT_ONCE)} | _from(cursor)


@router.get("/{picture}.png", summary="A picture of the brand")
async def show_portal_picture(visit: SignedIn, picture: Kind, v: Version) -> Response:
    """The logo or the small picture that a page of the portal names by its hash."""
    del picture  # the hash tells which it is; the name is for who looks at the address
    async with visit.unit() as unit:
        content = await picture_by_hash(unit.session, visit.person.tenant_id, visit.person.client_id, v)
    if content is None:
        raise NotThere
    headers = {"Cache-Control": "private, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}
    return Response(content, media_type="image/png", headers=headers)


@router.get("", summary="Overview")
async def show_portal(visit: SignedIn) -> Response:
    """How everything is, how it was, and what waits for an answer."""
    todo = asyncio.create_task(_todo(visit))
    async with visit.unit() as unit:
        contracts = await contracts_seen(unit)
        facts = StoredFacts(unit)
        found = [await contract_now(facts, each.contract_id, unit.now) for each in contracts]
        told = {each.contract_id: await newest_month_told(unit, each.contract_id) for each in contracts}
        drafts = await drafts_of(unit, visit.person.user_id)
    overview = [each for each in found if each is not None]
    values = {
        "overview": overview,
        "as_of": unit.now.replace(second=0, microsecond=0),
        "todo": await todo,
        "told": told,
    }
    return await visit.page_about(contracts, "home.html", values | {"unsent": [each.page for each in drafts]})


async def _todo(visit: Visit) -> list[tuple[str, str]]:
    """What only the client can do; what cannot be asked for now is left out of this page."""
    if not visit.person.decides:
        return []
    waiting, advice = await asyncio.gather(
        _or_nothing(visit.apis.get("incidents", "/v1/queue/decisions", limit=AT_ONCE)),
        _or_nothing(all_advice(visit.apis)),
    )
    t = visit.translator
    items = [each["item"] for each in waiting]
    listed = [(decision_page(each), f"{each['number']} · {each['title']}") for each in items]
    for each in advice:
        if each["status"] in TO_ANSWER:
            title = str(each["title"].get(t.language) or next(iter(each["title"].values()), ""))
            listed.append((f"/portal/advice/{each['advisory_id']}", t.gettext("Advice: %(title)s", title=title)))
    return listed


async def _or_nothing(answer: Any) -> Sequence[Mapping[str, Any]]:
    try:
        return list((await answer)["data"])
    except (Away, AskedTooFast, NotThere, Refused):
        return []


async def all_advice(apis: ClientApis) -> Mapping[str, Any]:
    """Every advisory, the newest first: what waits for an answer. Contracts lists them oldest first."""
    return {"data": (await _whole(apis, "contracts", "/v1/advisories"))[::-1]}


async def _whole(apis: ClientApis, service: Service, path: str) -> list[Any]:
    """A list of another service from its beginning to its end."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(MOST_PAGES):
        page = await apis.get(service, path, limit=200, **_from(cursor))
        found += page["data"]
        cursor = page.get("next_cursor")
        if cursor is None:
            break
    return found


def _from(cursor: str | None) -> dict[str, str]:
    return {"cursor": cursor} if cursor else {}


@router.get("/contracts/{contract_id}/uptime", summary="Uptime month by month")
async def show_portal_uptime(contract_id: UUID, visit: SignedIn) -> Response:
    """Every figure of the last twelve months, the present one so far."""
    async with visit.unit() as unit:
        contracts = await contracts_seen(unit)
        contract = one_of(contracts, contract_id)
        months = await months_of_uptime(StoredFacts(unit), contract_id, unit.now, MONTHS)
    return await visit.page_about(contracts, "uptime.html", {"contract": contract, "months": months})


# --- incidents, requests and changes: asked of incidents --------------------------------------------------------------


@router.get("/incidents", summary="Incidents")
async def list_portal_incidents(visit: SignedIn, cursor: Cursor = None) -> Response:
    """The newest first."""
    page = await visit.apis.get("incidents", "/v1/incidents", **_page(cursor))
    return await visit.page("incidents.html", {"page": page})


@router.get("/incidents/{incident_id}", summary="An incident")
async def show_portal_incident(incident_id: UUID, visit: SignedIn, sent: str = "", part: Part = 1) -> Response:
    """Its course, its promises with the explanation of every stretch of time, and what was written."""
    values = await item_with_messages(visit, f"/v1/incidents/{incident_id}", part)
    return await visit.page("incident.html", values | {"sent": sent == "yes"})


async def item_with_messages(visit: Visit, path: str, part: int = 1) -> dict[str, Any]:
    """Something with what was written about it to or by the client, and the files that came with it.

    `part`: of what was written which fifty, the newest first; within them it is in the order of time. `older`: the part
    with those before them, None when there are none.
    """
    item_id = path.rpartition("/")[2]
    item, timeline, attached = await asyncio.gather(
        visit.apis.get("incidents", path),
        _whole(visit.apis, "incidents", f"/v1/items/{item_id}/timeline"),
        _whole(visit.apis, "incidents", f"/v1/items/{item_id}/attachments"),
    )
    # Incidents itself shows a client nothing that is for the agency; a second look costs nothing.
    written = [each for each in timeline if each["audience"] == "client" and each.get("note")]
    end = max(len(written) - (part - 1) * MESSAGES, 0)
    return {
        "item": item,
        "item_id": item_id,
        "entries": written[max(end - MESSAGES, 0) : end],
        "older": part + 1 if end > MESSAGES else None,
        "attached": [each for each in attached if each["audience"] == "client"],
    }


@router.get("/items/{item_id}/attachments/{attachment_id}", summary="A file of an item")
async def download_portal_attachment(item_id: UUID, attachment_id: UUID, visit: SignedIn) -> Response:
    """The file as somebody attached it; never shown by the browser as a page of ours."""
    path = f"/v1/items/{item_id}/attachments/{attachment_id}"
    known = await visit.apis.get("incidents", path)
    if known["audience"] != "client":
        raise NotThere
    return _handed_on(await visit.apis.file("incidents", f"{path}/content"))


@router.get("/requests", summary="Requests")
async def list_portal_requests(visit: SignedIn, cursor: Cursor = None) -> Response:
    """What was asked for, the newest first, and the forms."""
    page = await visit.apis.get("incidents", "/v1/requests", **_page(cursor))
    return await visit.page("requests.html", {"page": page, "forms": FORMS_OF_REQUESTS})


@router.get("/requests/{request_id}", summary="A request")
async def show_portal_request(request_id: UUID, visit: SignedIn, sent: str = "", part: Part = 1) -> Response:
    """What was asked, its promises, and what was written."""
    values = await item_with_messages(visit, f"/v1/requests/{request_id}", part)
    return await visit.page("request.html", values | {"shown": SHOWN, "sent": sent == "yes"})


@router.get("/approvals", summary="Approvals")
async def list_portal_approvals(visit: SignedIn, cursor: Cursor = None) -> Response:
    """What waits for the decider, the most urgent first: what is estimated, deployed, or stopped by a freeze."""
    page = await visit.apis.get("incidents", "/v1/queue/decisions", **_page(cursor))
    return await visit.page("approvals.html", {"page": page})


@router.get("/changes", summary="Changes")
async def list_portal_changes(visit: SignedIn, cursor: Cursor = None) -> Response:
    """Every change, the newest first, also what was decided."""
    page = await visit.apis.get("incidents", "/v1/changes", **_page(cursor))
    return await visit.page("changes.html", {"page": page})


@router.get("/changes/{change_id}", summary="A change")
async def show_portal_change(
    change_id: UUID, visit: SignedIn, done: str = "", sent: str = "", part: Part = 1
) -> Response:
    """What is changed, what it takes, and the decider's decision."""
    values = await item_with_messages(visit, f"/v1/changes/{change_id}", part)
    return await visit.page("change.html", values | {"done": done == "yes", "sent": sent == "yes", "error": ""})


@router.get("/work-orders/{work_order_id}", summary="Planned work")
async def show_portal_work_order(
    work_order_id: UUID, visit: SignedIn, done: str = "", sent: str = "", part: Part = 1
) -> Response:
    """What is done and when, and the decider's decision where that is a time without changes."""
    values = await item_with_messages(visit, f"/v1/work-orders/{work_order_id}", part)
    return await visit.page("change.html", values | {"done": done == "yes", "sent": sent == "yes", "error": ""})


# --- contract, hours, advice and invoices: asked of contracts ---------------------------------------------------------


@router.get("/contracts", summary="Contracts")
async def list_portal_contracts(visit: SignedIn) -> Response:
    """Every contract of the client."""
    visit.must_decide()
    return await visit.page("contracts.html", {"page": await visit.apis.get("contracts", "/v1/contracts", limit=200)})


@router.get("/contracts/{contract_id}", summary="A contract in plain words")
async def show_portal_contract(contract_id: UUID, visit: SignedIn) -> Response:
    """What is promised and what is not, as contracts writes it, in the agency's order and with its words."""
    visit.must_decide()
    path = f"/v1/contracts/{contract_id}"
    contract, paper = await asyncio.gather(
        visit.apis.get("contracts", path),
        visit.apis.get("contracts", f"{path}/papers/plain-terms", language=visit.translator.language),
    )
    return await visit.page("contract.html", {"contract": contract, "paper": paper})


@router.get("/contracts/{contract_id}/papers/{paper}", summary="A paper of a contract")
async def download_portal_paper(contract_id: UUID, paper: str, visit: SignedIn) -> Response:
    """The contract in plain words, or how support works, as a PDF in the reader's language."""
    visit.must_decide()
    if paper not in PAPERS:
        raise NotThere
    path = f"/v1/contracts/{contract_id}/papers/{quote(paper)}"
    return _handed_on(await visit.apis.file("contracts", path, format="pdf", language=visit.translator.language))


@router.get("/hours", summary="Hours")
async def list_portal_hours(visit: SignedIn) -> Response:
    """Which contract's hours."""
    visit.must_decide()
    return await visit.page("hours_contracts.html", {})


@router.get("/contracts/{contract_id}/hours", summary="Hours by line")
async def show_portal_hours(
    contract_id: UUID, visit: SignedIn, month: Month | None = None, cursor: Cursor = None
) -> Response:
    """A month by line: included, used, remaining, beyond; and the work behind it."""
    visit.must_decide()
    async with visit.unit() as unit:
        contracts = await contracts_seen(unit)
        contract = one_of(contracts, contract_id)
        present = await current_month(StoredFacts(unit), contract_id, unit.now)
    first = contract.starts_on.replace(day=1)
    asked = max(first, min(month or present, present))
    path = f"/v1/contracts/{contract_id}/hours"
    hours: Mapping[str, Any] | None = None
    page: Mapping[str, Any] = {"data": [], "next_cursor": None}
    try:
        hours = await visit.apis.get("contracts", path, month=f"{asked:%Y-%m}")
        page = await visit.apis.get("contracts", f"{path}/entries", month=f"{asked:%Y-%m}", **_page(cursor))
    except (NotThere, Refused):
        pass  # the month has no hours; the page says so
    names = {line["code"]: line["name"].get(visit.translator.language, "") for line in (hours or {}).get("lines", [])}
    before, after = (asked - timedelta(days=1)).replace(day=1), next_month(asked)
    values = {
        "number": contract.number,
        "month": f"{asked:%Y-%m}",
        "before": f"{before:%Y-%m}" if before >= first else None,
        "after": f"{after:%Y-%m}" if after <= present else None,
        "hours": hours,
        "page": page,
        "names": names,
    }
    return await visit.page_about(contracts, "hours.html", values)


@router.get("/advice", summary="Advice")
async def list_portal_advice(visit: SignedIn) -> Response:
    """What the agency owes the client to say."""
    visit.must_decide()
    return await visit.page("advice.html", {"page": await all_advice(visit.apis)})


@router.get("/advice/{advisory_id}", summary="An advisory")
async def show_portal_advisory(advisory_id: UUID, visit: SignedIn, done: str = "") -> Response:
    """What is advised, and the client's answer."""
    visit.must_decide()
    each = await visit.apis.get("contracts", f"/v1/advisories/{advisory_id}")
    return await visit.page("advisory.html", {"each": each, "done": done == "yes", "error": "", "chosen": ""})


@router.get("/invoices", summary="Invoices")
async def list_portal_invoices(visit: SignedIn, cursor: Cursor = None) -> Response:
    """Invoices and credit notes, the newest first, with their files."""
    visit.must_decide()
    page = await visit.apis.get("contracts", "/v1/invoices", **_page(cursor))
    return await visit.page("invoices.html", {"page": page})


@router.get("/invoices/{invoice_id}/{file}", summary="A file of an invoice")
async def download_portal_invoice(invoice_id: UUID, file: str, visit: SignedIn) -> Response:
    """The file as it was issued; contracts records that it was read."""
    visit.must_decide()
    if file not in INVOICE_FILES:
        raise NotThere
    found = await visit.apis.file("contracts", f"/v1/invoices/{invoice_id}/{quote(file)}")
    return _handed_on(found)


def _handed_on(found: File) -> Response:
    """A file as another service answers it: saved, and never run as a page of ours."""
    headers = {"Content-Disposition": found.disposition or "attachment", **TAKEN_AWAY}
    return Response(found.content, media_type=found.media_type, headers=headers)
