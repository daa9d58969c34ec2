"""What a client does in the portal. Each form is handed on to the service that decides about it and records it."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Response

from reporting.adapters.portal_facts import contracts_seen
from reporting.adapters.portal_store import drafts_of
from reporting.adapters.portal_words import refusal
from reporting.adapters.upstream import Refused
from reporting.api.pages import FORM
from reporting.api.portal_drafts import page_of_reply
from reporting.api.portal_pages import item_with_messages
from reporting.api.portal_session import (
    LARGEST_FORM,
    PORTAL,
    Form,
    PortalRoute,
    SignedIn,
    Visit,
    VisitorsForm,
    see,
)
from reporting.application.facts import ContractState, Texts

router = APIRouter(prefix=PORTAL, tags=["portal"], route_class=PortalRoute, include_in_schema=False)

RequestForm = Literal["error", "feature", "assistance"]
Decision = Literal["approve", "decline", "accept", "reject"]

FIELDS: Final[Mapping[str, list[tuple[str, bool]]]] = {
    "error": [
        ("title", False),
        ("steps", True),
        ("expected", True),
        ("observed", True),
        ("environment", False),
        ("ci_version", False),
    ],
    "feature": [("title", False), ("need", True), ("benefit", True), ("who", True)],
    "assistance": [("title", False), ("topic", False), ("question", True)],
}
"""The fields of each form, in the order in which they are asked for, and which of them take more than a line."""

USUAL: Final = ("critical", "major", "minor")
"""The severities of a contract that does not say what it calls them."""
WORKED_AROUND: Final = "temporary"
"""What is left of an error once there is a workaround: the agency says so, nobody reports it."""

FORMS: Final = {
    "/portal/requests/new/{form}": {FORM: LARGEST_FORM},
    "/portal/items/{item_id}/replies": {FORM: LARGEST_FORM},
    "/portal/changes/{change_id}/{decision}": {FORM: LARGEST_FORM},
    "/portal/work-orders/{work_order_id}/approve": {FORM: LARGEST_FORM},
    "/portal/advice/{advisory_id}/answer": {FORM: LARGEST_FORM},
}
"""The paths that take a form."""


def _places(contracts: list[ContractState]) -> list[tuple[str, str]]:
    """What a request may be about: a contract in force as a whole, or one of its sites."""
    places = []
    for contract in contracts:
        if contract.status != "active":
            continue
        if len(contract.sites) != 1:
            places.append((str(contract.contract_id), contract.number))
        places += [
            (f"{contract.contract_id} {site.site_id}", f"{contract.number} · {site.name}") for site in contract.sites
        ]
    return places


def _severities(contracts: list[ContractState]) -> dict[str, Texts]:
    """How bad an error may be said to be, the most urgent first: code to what the contracts in force call it.

    Contracts that call one code by two names are both quoted: the form does not know yet which one it will be about.
    """
    listed: dict[str, dict[str, list[str]]] = {}
    told = [each for contract in contracts if contract.status == "active" for each in contract.severities]
    for each in sorted(told, key=lambda each: each.rank):
        if each.code != WORKED_AROUND:
            names = listed.setdefault(each.code, {})
            for language, name in each.names.items():
                if name not in names.setdefault(language, []):
                    names[language].append(name)
    if not listed:
        return {code: {} for code in USUAL}
    return {code: {language: " / ".join(each) for language, each in names.items()} for code, names in listed.items()}


async def _request_page(
    visit: Visit, form: str, sent: Mapping[str, str], errors: Mapping[str, str], refusal: str, status: int
) -> Response:
    async with visit.unit() as unit:
        contracts = list(await contracts_seen(unit))
        drafts = await drafts_of(unit, visit.person.user_id)
    here = f"/portal/requests/new/{form}"
    kept = next((each.fields for each in drafts if each.path == here), {})
    values = {
        "form": form,
        "fields": FIELDS[form],
        "places": _places(contracts),
        "severities": _severities(contracts),
        "values": defaultdict(str, sent or kept),
        "errors": errors,
        "refusal": refusal,
    }
    if key := (sent or kept).get("form_key"):
        values["form_key"] = key
    return await visit.page_about(contracts, "request_form.html", values, status=status, drafts=() if sent else drafts)


@router.get("/requests/new/{form}", summary="A form to ask with")
async def show_portal_request_form(form: RequestForm, visit: SignedIn) -> Response:
    """An empty form."""
    return await _request_page(visit, form, {}, {}, "", 200)


@router.post("/requests/new/{form}", summary="Ask for something")
async def open_portal_request(form: RequestForm, visit: SignedIn, sent: VisitorsForm) -> Response:
    """Opens the request; what is wrong with it is told beside its fields, and nothing that was written is lost."""
    contract_id, _, site_id = sent["place"].partition(" ")
    body: dict[str, Any] = {"form": form, "contract_id": contract_id}
    body |= {name: sent[name] for name, _ in FIELDS[form]}
    if site_id:
        body["site_id"] = site_id
    if form == "error" and sent["severity"]:
        body["severity"] = sent["severity"]
    missing = {name for name, _ in FIELDS[form] if not sent[name] and name != "question"}
    if missing:
        text = visit.translator.gettext("This is needed.")
        return await _request_page(visit, form, sent.fields, dict.fromkeys(missing, text), text, 422)
    try:
        opened = await visit.apis.post("incidents", "/v1/requests", body, key=sent.key)
    except Refused as refused:
        text = visit.translator.gettext("This cannot be taken as it is.")
        errors = {name: text for name in refused.fields if name in sent.fields}
        why = refusal(visit.translator, refused.status)
        return await _request_page(visit, form, sent.fields, errors, why, 422)
    return see(f"/portal/requests/{opened['item_id']}", sent="yes")


@router.post("/items/{item_id}/replies", summary="Write to the agency")
async def reply_in_portal(item_id: UUID, visit: SignedIn, sent: VisitorsForm) -> Response:
    """What the client writes about an incident, a request or a change."""
    if sent["note"]:
        body = {"note": sent["note"], "audience": "client"}
        await visit.apis.post("incidents", f"/v1/items/{item_id}/replies", body, key=sent.key)
    page = page_of_reply(str(item_id), sent.fields)
    return see(PORTAL) if page is None else see(page, **({"sent": "yes"} if sent["note"] else {}))


@router.post("/changes/{change_id}/{decision}", summary="Decide about a change")
async def decide_in_portal(change_id: UUID, decision: Decision, visit: SignedIn, sent: VisitorsForm) -> Response:
    """The decider approves what is estimated, or accepts what is deployed; or does not, and says why."""
    visit.must_decide()
    if decision in ("decline", "reject") and not sent["reason"]:
        values = await item_with_messages(visit, f"/v1/changes/{change_id}")
        error = visit.translator.gettext("A no is kept with its reason: please write why.")
        return await visit.page("change.html", values | {"done": False, "sent": False, "error": error}, status=422)
    if decision in ("decline", "reject"):
        body: dict[str, Any] = {"reason": sent["reason"]}
    else:
        body = _approval(sent) if decision == "approve" else _note(sent)
    await visit.apis.post("incidents", f"/v1/changes/{change_id}/{decision}", body, key=sent.key)
    return see(f"/portal/changes/{change_id}", done="yes")


@router.post("/work-orders/{work_order_id}/approve", summary="Approve work in a time without changes")
async def approve_work_in_portal(work_order_id: UUID, visit: SignedIn, sent: VisitorsForm) -> Response:
    """The decider lets an update be done in the freezes of the contract that the form names."""
    visit.must_decide()
    await visit.apis.post("incidents", f"/v1/work-orders/{work_order_id}/approve", _approval(sent), key=sent.key)
    return see(f"/portal/work-orders/{work_order_id}", done="yes")


def _note(sent: Form) -> dict[str, Any]:
    return {"note": sent["note"]} if sent["note"] else {}


def _approval(sent: Form) -> dict[str, Any]:
    return {**_note(sent), "approved_freezes": sent["approved_freezes"].splitlines()}


@router.post("/advice/{advisory_id}/answer", summary="Answer advice")
async def answer_in_portal(advisory_id: UUID, visit: SignedIn, sent: VisitorsForm) -> Response:
    """The client has read it, follows it, or does not and says why."""
    visit.must_decide()
    path, answer = f"/v1/advisories/{advisory_id}", sent["answer"]
    if answer == "refused" and not sent["reason"]:
        each = await visit.apis.get("contracts", path)
        error = visit.translator.gettext("A no is kept with its reason: please write why.")
        return await visit.page(
            "advisory.html", {"each": each, "done": False, "error": error, "chosen": answer}, status=422
        )
    if answer == "acknowledged":
        await visit.apis.post("contracts", f"{path}/acknowledge", {}, key=sent.key)
    else:
        body = {"answer": answer} | ({"reason": sent["reason"]} if sent["reason"] else {})
        await visit.apis.post("contracts", f"{path}/answer", body, key=sent.key)
    return see(f"/portal/advice/{advisory_id}", done="yes")
