"""Changes over HTTP: from the draft to the client's acceptance."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from incidents.adapters.record_book import RecordBook
from incidents.adapters.records_tables import DeploymentRow
from incidents.api.answers import answer_with, list_of, read_one, requester_of
from incidents.api.dependencies import InPorts, Reader, Writer, agency_only, who
from incidents.api.desk_models import (
    ChangeAcceptance,
    ChangeApproval,
    ChangeClosing,
    ChangeDraft,
    ChangeEstimate,
    ChangeScope,
    DeploymentResult,
    DeploymentStart,
    ItemAnswer,
    ItemLine,
    Refusal,
)
from incidents.api.record_desk import facts_of
from incidents.api.releases import DeploymentFacts
from incidents.application import changes as use_cases
from incidents.application.ports import Ports
from incidents.application.records import Place
from incidents.domain.work_item import Act, Kind, Status, Who
from shared.auth import Principal
from shared.etag import IfNoneMatch
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/changes", tags=["changes"], route_class=IdempotentRoute)

_MAY_CONFLICT: dict[str, Any] = {"dependencies": [Idempotent], "responses": responses_for(Conflict)}


@router.post(
    "", status_code=201, summary="Draft a change", dependencies=[Idempotent], responses=responses_for(NotFound)
)
async def draft_change(body: ChangeDraft, ports: InPorts, principal: Writer, response: Response) -> ItemAnswer:
    """A scoped evolution begins. It has no repair clock: it is not something broken."""
    drafted = await use_cases.draft(
        ports,
        contract_id=body.contract_id,
        site_id=body.site_id,
        environment_id=body.environment_id,
        title=body.title,
        description=body.description,
        fixes=body.fixes,
        requester=requester_of(body.requester, principal),
        actor=who(principal),
    )
    response.headers["Location"] = f"/v1/changes/{drafted[0].id}"
    return await answer_with(ports, drafted, response)


@router.get("", summary="List changes")
async def list_changes(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    status: Annotated[list[Status] | None, Query(max_length=20, description="any of these")] = None,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
) -> Page[ItemLine]:
    """Newest first."""
    return await list_of(
        unit,
        Kind.CHANGE,
        params,
        statuses=status or (),
        client_id=client_id,
        contract_id=contract_id,
        site_id=site_id,
    )


@router.get("/{change_id}", summary="Read a change", response_model=ItemAnswer)
async def get_change(
    change_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Reader,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> ItemAnswer | Response:
    """Everything about one change; `details` holds scope, estimate, approval and deployment."""
    return await read_one(ports, unit, change_id, Kind.CHANGE, request, response)


@router.post("/{change_id}/scope", summary="Scope a change", **_MAY_CONFLICT)
async def scope_change(
    change_id: UUID, body: ChangeScope, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """What it is and what it is not. What was declined or rejected is scoped again, and begins a new cycle."""
    return await _act(Act.SCOPE, change_id, body, ports, agency_only(principal), response)


@router.post("/{change_id}/estimate", summary="Estimate a change", **_MAY_CONFLICT)
async def estimate_change(
    change_id: UUID, body: ChangeEstimate, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """What it takes and when it would be deployed. Over the contract's size cap it is flagged (`over_size_cap`)."""
    return await _act(Act.ESTIMATE, change_id, body, ports, agency_only(principal), response)


@router.post("/{change_id}/approve", summary="Approve a change", **_MAY_CONFLICT)
async def approve_change(
    change_id: UUID, ports: InPorts, principal: Writer, response: Response, body: ChangeApproval | None = None
) -> ItemAnswer:
    """The client's decider wants it, as estimated. A window in a freeze is refused unless he approves that by name."""
    said = body or ChangeApproval()
    return await _act(Act.APPROVE, change_id, said, ports, principal, response, note=said.note)


@router.post("/{change_id}/decline", summary="Decline a change", **_MAY_CONFLICT)
async def decline_change(
    change_id: UUID, body: Refusal, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """The client's decider does not want it so."""
    return await _act(Act.DECLINE, change_id, body, ports, principal, response, note=body.reason)


@router.post("/{change_id}/deploy", summary="Begin to deploy a change", **_MAY_CONFLICT)
async def deploy_change(
    change_id: UUID, body: DeploymentStart, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """Only inside its window, or flagged with the reason why not. A freeze that was not approved refuses it."""
    return await _act(Act.DEPLOY, change_id, body, ports, agency_only(principal), response)


@router.post("/{change_id}/finish-deployment", summary="Tell how a deployment ended", **_MAY_CONFLICT)
async def finish_deployment(
    change_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Writer,
    response: Response,
    body: DeploymentResult | None = None,
) -> ItemAnswer:
    """It is in place: the client's time for acceptance begins, and what it fixes waits with it.

    What was rolled back is not: it is `scoped` again and needs another estimate, window and approval. Either way it
    gets into the history of its configuration item, as a deployment (`/v1/deployments`) that somebody may complete.
    """
    said = body or DeploymentResult()
    answer = await _act(Act.FINISH_DEPLOYMENT, change_id, said, ports, agency_only(principal), response, note=said.note)
    await _record_deployment(unit, answer, said, who(principal))
    return answer


@router.post("/{change_id}/accept", summary="Accept a change", **_MAY_CONFLICT)
async def accept_change(
    change_id: UUID, ports: InPorts, principal: Writer, response: Response, body: ChangeAcceptance | None = None
) -> ItemAnswer:
    """The client's decider has tried it and it is right. When the agreed time runs out, that happens by itself."""
    said = body or ChangeAcceptance()
    return await _act(Act.ACCEPT, change_id, said, ports, principal, response, note=said.note)


@router.post("/{change_id}/reject", summary="Reject a change", **_MAY_CONFLICT)
async def reject_change(
    change_id: UUID, body: Refusal, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """The client's decider has tried it and it is not right."""
    return await _act(Act.REJECT, change_id, body, ports, principal, response, note=body.reason)


@router.post("/{change_id}/cancel", summary="Give a change up", **_MAY_CONFLICT)
async def cancel_change(
    change_id: UUID, body: Refusal, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """It will not be done."""
    return await _act(Act.CANCEL, change_id, body, ports, agency_only(principal), response, note=body.reason)


@router.post("/{change_id}/close", summary="Close a change", **_MAY_CONFLICT)
async def close_change(
    change_id: UUID, ports: InPorts, principal: Writer, response: Response, body: ChangeClosing | None = None
) -> ItemAnswer:
    """Nothing more will be done. What is deployed closes only accepted or rejected."""
    said = body or ChangeClosing()
    return await _act(
        Act.CLOSE,
        change_id,
        said,
        ports,
        agency_only(principal),
        response,
        note=said.note,
        audience=said.note_audience,
    )


async def _record_deployment(unit: Unit, change: ItemAnswer, said: DeploymentResult, actor: Who) -> None:
    """What the change knows of its deployment. Whether it kept to its window was judged when it began."""
    # What began to be deployed before this was recorded lacks what somebody completes now.
    told, estimate = change.details["deployment"], change.details["estimate"]
    rolled_back = said.result == "rolled_back"
    deployment = DeploymentFacts(
        configuration_item=told.get("configuration_item") or change.title,
        previous_version=told.get("previous_version"),
        released_version=told["version"],
        approved_by=told["approver"],
        approved_at=told.get("approved_at"),
        window_from=estimate["window"]["from"],
        window_to=estimate["window"]["to"],
        deployed_at=told.get("began_at"),
        result=said.result,
        rollback_plan=estimate["rollback"].strip() or None,
        rolled_back_at=unit.now if rolled_back else None,
        rollback_reason=(said.note or "").strip() or None if rolled_back else None,
    )
    place = Place(change.contract_id, change.client_id, change.site_id, change.item_id)
    facts = facts_of(deployment)
    await RecordBook(unit, actor).write(DeploymentRow, place, facts.pop("audience"), facts)


async def _act(
    what: Act,
    change_id: UUID,
    body: BaseModel,
    ports: Ports,
    principal: Principal,
    response: Response,
    *,
    note: str | None = None,
    audience: str = "client",
) -> ItemAnswer:
    told = body.model_dump(mode="json", by_alias=True, exclude={"note", "note_audience"})
    done = await use_cases.act(
        ports, change_id, what, told, actor=who(principal), role=principal.role, note=note, audience=audience
    )
    return await answer_with(ports, done, response)
