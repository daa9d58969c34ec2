"""Decisions on outages: proposed by one person, approved by another, with every step kept."""

from collections.abc import Callable, Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from pydantic.config import JsonDict
from sqlalchemy import select

from reporting.adapters.decision_tables import OutageDecisionRow
from reporting.adapters.facts import StoredFacts
from reporting.adapters.outage_decisions import (
    add_decision,
    find_decision,
    find_outage,
    take_step,
    told_since,
    whole_decisions,
)
from reporting.application import outage_decisions as use_cases
from reporting.application.outage_decisions import OutageDecision, UnknownOutage
from reporting.domain import reclassification as rules
from reporting.domain.reclassification import Act, Category, Decision, Person, Status
from shared.auth import Principal
from shared.etag import IfMatch, IfNoneMatch, etag, not_modified
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, NotFound, PreconditionFailed, responses_for
from shared.service import Unit, require
from shared.values import Instant, forbid_unknown

of_contracts = APIRouter(prefix="/v1/contracts/{contract_id}", tags=["decisions"], route_class=IdempotentRoute)
router = APIRouter(prefix="/v1/outage-decisions", tags=["decisions"])

Reader = Annotated[Principal, Depends(require("reports:read"))]
Proposer = Annotated[Principal, Depends(require("decisions:propose"))]
Approver = Annotated[Principal, Depends(require("decisions:approve"))]

UNKNOWN = "There is no decision with this id."
TOLD: Mapping[Status, tuple[Status, ...]] = {
    "approved": ("approved", "withdrawal_proposed"),
    "withdrawn": ("withdrawn",),
}
"""What a client is told that a decision is, and what it may be for the agency then."""

NO_NUL = "^[^\\u0000]*$"
Reason = Annotated[
    str,
    StringConstraints(min_length=1, max_length=2_000, pattern=NO_NUL),
    Field(examples=["The host confirmed that its network was down."]),
]

STEP: JsonDict = {
    "act": "proposed",
    "at": "2026-07-02T09:00:00Z",
    "by": "Nadia Benali",
    "reason": "The host confirmed that its network was down.",
}
DECISION: JsonDict = {
    "outage_decision_id": "0198f000-0000-7000-8000-0000000000d5",
    "version": 2,
    "contract_id": "0198f000-0000-7000-8000-000000000201",
    "client_id": "0198f000-0000-7000-8000-000000000101",
    "environment_id": "0198f000-0000-7000-8000-000000000302",
    "monitor_id": "0198f000-0000-7000-8000-000000000303",
    "outage_id": "0198f000-0000-7000-8000-000000000401",
    "category": "third_party",
    "from": "2026-06-09T01:30:00Z",
    "to": "2026-06-09T03:45:00Z",
    "status": "approved",
    "approved_at": "2026-07-03T08:00:00Z",
    "withdrawn_at": None,
    "steps": [STEP, {"act": "approved", "at": "2026-07-03T08:00:00Z", "by": "Paul Garnier", "reason": None}],
}


class NewOutageDecision(BaseModel):
    """What an outage, or a part of it, is to count as, and why."""

    model_config = forbid_unknown(
        examples=[
            {
                "outage_id": "0198f000-0000-7000-8000-000000000401",
                "category": "third_party",
                "reason": "The host confirmed that its network was down.",
            }
        ]
    )

    outage_id: UUID
    category: Category = Field(
        description="`agreed_maintenance` counts as the contract's rule says of maintenance; `client_caused` and "
        "`third_party` are left out of what is measured"
    )
    from_: Instant | None = Field(default=None, alias="from", description="left out: the outage's beginning")
    to: Instant | None = Field(default=None, description="left out: the outage's end")
    reason: Reason


class Approval(BaseModel):
    """What the second person says to it, if anything."""

    model_config = forbid_unknown(examples=[{"reason": "The host's report is attached to the incident."}])

    reason: Reason | None = None


class Because(BaseModel):
    """Why."""

    model_config = forbid_unknown(examples=[{"reason": "It was our firewall after all."}])

    reason: Reason


class DecisionStepView(BaseModel):
    """What somebody did with the decision."""

    model_config = ConfigDict(json_schema_extra={"examples": [STEP]})

    act: Act
    at: Instant
    by: str = Field(json_schema_extra={"maxLength": 300})
    reason: str | None = Field(json_schema_extra={"maxLength": 2_000})


class OutageDecisionView(BaseModel):
    """A decision on an outage. It holds from `approved_at` to `withdrawn_at`, for figures of months before as well."""

    model_config = ConfigDict(populate_by_name=True, json_schema_extra={"examples": [DECISION]})

    outage_decision_id: UUID
    version: int = Field(ge=1, description="Grows with every step; the ETag.")
    contract_id: UUID
    client_id: UUID
    environment_id: UUID
    monitor_id: UUID
    outage_id: UUID
    category: Category
    from_: Instant = Field(validation_alias="from", serialization_alias="from")
    to: Instant
    status: Status
    approved_at: Instant | None
    withdrawn_at: Instant | None
    steps: list[DecisionStepView] = Field(max_length=1_000, description="every step in its order; none is ever changed")

    @classmethod
    def of(cls, known: OutageDecision, who: Principal) -> "OutageDecisionView":
        """As it stands; a client is told what was agreed to."""
        outage, whole = known.outage, known.decision
        shown = whole if who.client_id is None else rules.as_told(whole) or whole
        return cls(
            outage_decision_id=whole.outage_decision_id,
            version=whole.version,
            contract_id=outage.contract_id,
            client_id=outage.client_id,
            environment_id=outage.environment_id,
            monitor_id=outage.monitor_id,
            outage_id=outage.outage_id,
            category=whole.category,
            from_=whole.decided.start,
            to=whole.decided.end,
            status=shown.status,
            approved_at=shown.approved_at,
            withdrawn_at=shown.withdrawn_at,
            steps=[
                DecisionStepView(act=step.act, at=step.at, by=step.by.name, reason=step.reason) for step in shown.steps
            ],
        )


MAY_CONFLICT = responses_for(NotFound, Conflict, PreconditionFailed)


async def _found(unit: Unit, outage_decision_id: UUID, who: Principal, *, lock: bool = False) -> OutageDecision:
    known = await find_decision(unit, outage_decision_id, lock=lock)
    if known is None or (who.client_id is not None and rules.as_told(known.decision) is None):
        raise NotFound(UNKNOWN)
    return known


async def _step(
    unit: Unit,
    outage_decision_id: UUID,
    who: Principal,
    if_match: IfMatch,
    response: Response,
    step: Callable[[Decision, Person], Decision],
) -> OutageDecisionView:
    known = await _found(unit, outage_decision_id, who, lock=True)
    if_match.require(known.decision.version)
    known = await take_step(unit, known, step(known.decision, _person(who)))
    response.headers["ETag"] = etag(known.decision.version)
    return OutageDecisionView.of(known, who)


def _person(who: Principal) -> Person:
    return Person(who.kind, who.subject, who.name, who.issuer)


@of_contracts.post(
    "/outage-decisions",
    status_code=201,
    summary="Propose what an outage counts as",
    responses=responses_for(NotFound, Conflict),
    dependencies=[Idempotent],
)
async def propose_outage_decision(
    contract_id: UUID, body: NewOutageDecision, unit: Unit, who: Proposer, response: Response
) -> OutageDecisionView:
    """That an outage that is over was agreed maintenance, the client's or a third party's. It changes nothing yet:
    somebody else has to approve it. Of several decisions about one instant the last approved one counts.
    """
    outage = await find_outage(unit, contract_id, body.outage_id)
    if outage is None:
        if not await StoredFacts(unit).versions(contract_id):
            raise NotFound("There is no contract with this id that was ever active.")
        raise UnknownOutage
    decision = await use_cases.propose(
        StoredFacts(unit),
        outage,
        await told_since(unit, outage),
        outage_decision_id=new_id(),
        category=body.category,
        start=body.from_,
        end=body.to,
        reason=body.reason,
        by=_person(who),
        now=unit.now,
    )
    known = await add_decision(unit, outage, decision)
    response.headers["Location"] = f"/v1/outage-decisions/{decision.outage_decision_id}"
    response.headers["ETag"] = etag(decision.version)
    return OutageDecisionView.of(known, who)


@router.get("", summary="List decisions on outages")
async def list_outage_decisions(
    unit: Unit,
    who: Reader,
    params: PageParams,
    contract_id: Annotated[UUID | None, Query(description="only of this contract")] = None,
    outage_id: Annotated[UUID | None, Query(description="only on this outage")] = None,
    status: Annotated[Status | None, Query(description="only in this status")] = None,
) -> Page[OutageDecisionView]:
    """In the order in which they were proposed. A client sees those that were approved, and what became of them."""
    row = OutageDecisionRow
    query = select(row)
    if contract_id is not None:
        query = query.where(row.contract_id == contract_id)
    if outage_id is not None:
        query = query.where(row.outage_id == outage_id)
    if who.client_id is not None:
        told = [each for shown, own in TOLD.items() if status in (None, shown) for each in own]
        query = query.where(row.status.in_(told))
    elif status is not None:
        query = query.where(row.status == status)
    page = await paginate(
        unit.session,
        query,
        columns=(row.created_at, row.outage_decision_id),
        params=params,
        to_item=lambda found: found,
    )
    whole = await whole_decisions(unit, page.data)
    return Page[OutageDecisionView](
        data=[OutageDecisionView.of(known, who) for known in whole], next_cursor=page.next_cursor
    )


@router.get(
    "/{outage_decision_id}",
    summary="Read a decision on an outage",
    response_model=OutageDecisionView,
    responses={304: {"description": "Not changed (`If-None-Match`)"}, **responses_for(NotFound)},
)
async def get_outage_decision(
    outage_decision_id: UUID,
    unit: Unit,
    who: Reader,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> OutageDecisionView | Response:
    """One decision with its steps."""
    known = await _found(unit, outage_decision_id, who)
    unchanged = not_modified(request, known.decision.version)
    if unchanged is not None:
        return unchanged
    response.headers["ETag"] = etag(known.decision.version)
    return OutageDecisionView.of(known, who)


@router.post("/{outage_decision_id}/approve", summary="Approve a decision on an outage", responses=MAY_CONFLICT)
async def approve_outage_decision(
    outage_decision_id: UUID,
    unit: Unit,
    who: Approver,
    if_match: IfMatch,
    response: Response,
    body: Approval | None = None,
) -> OutageDecisionView:
    """A second person agrees to what was proposed last: the decision, or its withdrawal. From now on figures are told
    so, those of months that are over as well; what they were before stays beside them.
    """
    note = body.reason if body is not None else None
    return await _step(
        unit, outage_decision_id, who, if_match, response, lambda known, by: rules.approve(known, by, unit.now, note)
    )


@router.post("/{outage_decision_id}/decline", summary="Decline a decision on an outage", responses=MAY_CONFLICT)
async def decline_outage_decision(
    outage_decision_id: UUID, body: Because, unit: Unit, who: Proposer, if_match: IfMatch, response: Response
) -> OutageDecisionView:
    """What was proposed last does not come about: nothing of it counts. Whoever proposed it may take it back so."""
    return await _step(
        unit,
        outage_decision_id,
        who,
        if_match,
        response,
        lambda known, by: rules.decline(known, by, unit.now, body.reason),
    )


@router.post(
    "/{outage_decision_id}/withdraw", summary="Propose to withdraw a decision on an outage", responses=MAY_CONFLICT
)
async def withdraw_outage_decision(
    outage_decision_id: UUID, body: Because, unit: Unit, who: Proposer, if_match: IfMatch, response: Response
) -> OutageDecisionView:
    """That it was wrong. It holds until somebody else approves its withdrawal, and its trace stays for ever."""
    return await _step(
        unit,
        outage_decision_id,
        who,
        if_match,
        response,
        lambda known, by: rules.propose_withdrawal(known, by, unit.now, body.reason),
    )
