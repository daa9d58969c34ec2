"""Requests over HTTP: error reports, features, assistance."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from incidents.api.answers import answer_with, list_of, read_one, requester_of
from incidents.api.dependencies import InPorts, Reader, Writer, agency_only, who
from incidents.api.desk_models import (
    FeatureRequest,
    ItemAct,
    ItemAnswer,
    ItemLine,
    Refusal,
    RequestForm,
    Size,
    fields_of,
)
from incidents.api.models import SeverityCode
from incidents.application import requests as use_cases
from incidents.application.ports import Ports
from incidents.domain.work_item import Act, Kind, Status
from shared.auth import Principal
from shared.etag import IfNoneMatch
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/requests", tags=["requests"], route_class=IdempotentRoute)


@router.post(
    "", status_code=201, summary="Ask for something", dependencies=[Idempotent], responses=responses_for(NotFound)
)
async def open_request(
    body: Annotated[RequestForm, Body()], ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """Opens a request from a form, with the clocks that the contract promises for it.

    Whoever asks is known: the caller, or whom the agency names with a way to reach him. A feature that the agency finds
    larger than a micro-evolution of the contract becomes a change at once.
    """
    for name in ("asked_at", "estimated_minutes"):
        if principal.client_id is not None and getattr(body, name, None) is not None:
            detail = "Only the agency states this."
            raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=f"#/{name}")])
    asked = use_cases.Asked(
        contract_id=body.contract_id,
        site_id=body.site_id,
        environment_id=body.environment_id,
        form=body.form,
        fields=fields_of(body),
        title=body.title,
        description="",
        severity=body.severity,
        impact=body.impact,
        criticality=body.criticality,
        requester=requester_of(body.requester, principal),
        asked_at=body.asked_at,
    )
    opened = await use_cases.ask(ports, asked, who(principal))
    if isinstance(body, FeatureRequest) and body.estimated_minutes is not None:
        opened = await use_cases.size(ports, opened[0].id, body.estimated_minutes, actor=who(principal)) or opened
    response.headers["Location"] = f"/v1/requests/{opened[0].id}"
    return await answer_with(ports, opened, response)


@router.get("", summary="List requests")
async def list_requests(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    status: Annotated[list[Status] | None, Query(max_length=20, description="any of these")] = None,
    severity: Annotated[list[SeverityCode] | None, Query(max_length=10, description="any of these codes")] = None,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
) -> Page[ItemLine]:
    """Newest first. The clocks are those of the last change; one request alone is read live."""
    return await list_of(
        unit,
        Kind.REQUEST,
        params,
        statuses=status or (),
        severities=severity or (),
        client_id=client_id,
        contract_id=contract_id,
        site_id=site_id,
    )


@router.get("/{request_id}", summary="Read a request with its clocks", response_model=ItemAnswer)
async def get_request(
    request_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Reader,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> ItemAnswer | Response:
    """Everything about one request; its clocks are folded at this instant."""
    return await read_one(ports, unit, request_id, Kind.REQUEST, request, response)


@router.post(
    "/{request_id}/acknowledge",
    summary="Acknowledge a request",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def acknowledge_request(
    request_id: UUID, ports: InPorts, principal: Writer, response: Response, body: ItemAct | None = None
) -> ItemAnswer:
    """Somebody has taken it: its response clock stops. A reply that a program writes by itself does not stop it."""
    return await _act(Act.ACKNOWLEDGE, request_id, body or ItemAct(), ports, principal, response)


@router.post(
    "/{request_id}/resolve", summary="Resolve a request", dependencies=[Idempotent], responses=responses_for(Conflict)
)
async def resolve_request(
    request_id: UUID, ports: InPorts, principal: Writer, response: Response, body: ItemAct | None = None
) -> ItemAnswer:
    """What was asked for is done. Somebody must have judged its scope."""
    return await _act(Act.RESOLVE, request_id, body or ItemAct(), ports, principal, response)


@router.post(
    "/{request_id}/decline", summary="Decline a request", dependencies=[Idempotent], responses=responses_for(Conflict)
)
async def decline_request(
    request_id: UUID, body: Refusal, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """It is not done; the client reads why. Its clocks end without a verdict, but for the answer that this is."""
    said = ItemAct(note=body.reason, note_audience="client")
    return await _act(Act.DECLINE, request_id, said, ports, principal, response)


@router.post(
    "/{request_id}/close", summary="Close a request", dependencies=[Idempotent], responses=responses_for(Conflict)
)
async def close_request(
    request_id: UUID, ports: InPorts, principal: Writer, response: Response, body: ItemAct | None = None
) -> ItemAnswer:
    """Nothing more will be done."""
    return await _act(Act.CLOSE, request_id, body or ItemAct(), ports, principal, response)


@router.post(
    "/{request_id}/size",
    summary="Say how much work a feature is",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def size_request(
    request_id: UUID, body: Size, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """Over the contract's limit for micro-evolutions the request becomes a change: `details.change_id` names it."""
    agency_only(principal)
    return await answer_with(
        ports, await use_cases.size(ports, request_id, body.minutes, actor=who(principal)), response
    )


async def _act(
    what: Act, request_id: UUID, said: ItemAct, ports: Ports, principal: Principal, response: Response
) -> ItemAnswer:
    agency_only(principal)
    done = await use_cases.act(
        ports, request_id, what, at=said.at, note=said.note, audience=said.note_audience, actor=who(principal)
    )
    return await answer_with(ports, done, response)
