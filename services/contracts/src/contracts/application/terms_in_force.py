"""Which terms were in force when: what settlement and the ledger of hours read, cut where something changed.

The terms are read from the documents whose hash both parties signed, never from what a contract says today.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from contracts.application.catalogue import PlanVersion
from contracts.application.contracts import Contract, ContractState, Terms
from contracts.application.deliverables import PlanDeliverable
from contracts.application.further_terms import BLOCKS
from contracts.application.life import expected
from contracts.application.ports import Workspace
from contracts.application.values import AmountOfMoney
from contracts.domain.timeline import Entry, stretches
from shared.kernel.intervals import Interval

EARLIEST = datetime(1, 1, 2, tzinfo=UTC)
"""Before any contract, and a day that has a local date in every zone."""
_ALIKE = ("starts_on", "ends_on", "response", "uptime", "service_desk", "obligations", "status_page", "signatories")
"""Keys of the document that say exactly what the terms of the same name say."""


@dataclass(frozen=True)
class InForce:
    """What held from `start` until before `end`.

    :param price: per month: what was signed, or what an index has made of it since.
    :param status: in a suspension nothing is promised; `terms.term.suspension` says what is owed all the same.
    :param deliverables: everything that is promised, with the contract's own values.
    :param time_zone: of the contract: its days and months are counted in it.
    """

    start: datetime
    end: datetime
    terms: Terms
    plan: PlanVersion
    price: AmountOfMoney
    status: Literal["active", "suspended"]
    deliverables: list[PlanDeliverable]
    time_zone: str
    document_hash: str


async def terms_in_force(work: Workspace, contract_id: UUID, start: datetime, end: datetime) -> list[InForce]:
    """What was in force in `[start, end)`, in order and without overlaps.

    Nothing for the time before the contract was activated or after it has ended. What is due, or to come, counts from
    its instant although nobody has recorded it yet: amendments that are signed for a date, and ends. Raises Unknown for
    a contract that is not there.
    """
    return await terms_of_contract(work, await work.contracts.get(contract_id), start, end)


async def terms_of_contract(work: Workspace, contract: Contract, start: datetime, end: datetime) -> list[InForce]:
    """As `terms_in_force`, of a contract that was read already."""
    contract_id = contract.contract_id
    states = await work.contracts.states(contract_id, end)
    entries: list[Entry[ContractState]] = [Entry(state.effective_from, state.version, state) for state in states]
    if states:
        # Up to and without `end`: what begins then is no part of it.
        to_come = await expected(work, contract, end - timedelta(microseconds=1), states[-1])
        entries += [Entry(each.begins, each.version, each.value) for each in to_come]
    plans: dict[tuple[UUID, int], PlanVersion] = {}
    agreed: dict[str, tuple[str, Terms, PlanVersion, list[PlanDeliverable]]] = {}
    found = []
    for stretch in stretches(entries, Interval(start, end)):
        state = stretch.value
        if state.status not in ("active", "suspended"):
            continue
        document_hash = str(state.state["signature"]["version_hash"])
        if document_hash not in agreed:
            document = json.loads((await work.contracts.signed_document(contract_id, document_hash)).text)
            named = UUID(document["plan"]["plan_id"]), document["plan"]["number"]
            if named not in plans:
                plans[named] = await work.plans.version(*named)
            deliverables = [PlanDeliverable.model_validate(item) for item in document["deliverables"]]
            agreed[document_hash] = document["client"]["time_zone"], terms_of(document), plans[named], deliverables
        time_zone, terms, plan, deliverables = agreed[document_hash]
        price = state.state["price"]
        found.append(
            InForce(
                start=stretch.start,
                end=stretch.end,
                terms=terms,
                plan=plan,
                price=AmountOfMoney(amount=price["amount"], currency=price["currency"]),
                status=state.status,
                deliverables=deliverables,
                time_zone=time_zone,
                document_hash=document_hash,
            )
        )
    return found


def terms_of(document: Mapping[str, Any]) -> Terms:
    """The terms that a signed document states.

    Three things are not in it: why the price is outside of the plan's range, which is the agency's own affair, and the
    contract's own values of deliverables and of hours, which its deliverables have by then.
    """
    blocks = {name: document.get(name) for name in BLOCKS if name != "hours"}
    offer, legal = blocks["offer"], blocks["legal"]
    if offer is not None:
        blocks["offer"] = {key: value for key, value in offer.items() if key != "coverage"}
    if legal is not None:
        # They stand there in full; the terms name them.
        named = {field: [item["code"] for item in legal[field]] for field in ("clauses", "controlled_documents")}
        blocks["legal"] = {**legal, **named}
    return Terms.model_validate(
        {
            **{key: document.get(key) for key in _ALIKE},
            **blocks,
            "site_pages": document.get("site_pages", []),
            "site_ids": [site["site_id"] for site in document["sites"]],
            "price": {key: document["price"][key] for key in ("amount", "currency")},
            "alert_emails": document["alerts"]["emails"],
        }
    )
