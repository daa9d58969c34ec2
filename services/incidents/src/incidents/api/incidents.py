"""Incidents over HTTP: report, list, read with live clocks, act."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Query, Request, Response

from incidents.adapters import queries
from incidents.adapters.repository import read_item
from incidents.adapters.tables import NotificationRow, TimelineRow, WorkItemRow
from incidents.api.answers import have_ended
from incidents.api.dependencies import InPorts, Reader, Writer, agency_only, who
from incidents.api.models import (
    Acknowledgement,
    ClockDetails,
    IncidentAct,
    IncidentAnswer,
    IncidentItem,
    IncidentReport,
    NotificationAnswer,
    SeverityCode,
    TimelineEntry,
)
from incidents.application import incidents as use_cases
from incidents.application.clocks import read_clocks
from incidents.application.ports import ClockView, Ports
from incidents.domain.work_item import Act, Kind, Status, WorkItem
from shared.auth import Principal
from shared.etag import IfNoneMatch, etag, not_modified
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/incidents", tags=["incidents"], route_class=IdempotentRoute)

_UNKNOWN = "There is no incident with this id."

_WHAT_NEXT = {
    operation: {
        "operationId": operation,
        "parameters": {"incident_id": "$response.body#/incident_id"},
    }
    for operation in (
        "get_incident",
        "get_incident_timeline",
        "list_incident_notifications",
        "acknowledge_incident",
        "mitigate_incident",
        "resolve_incident",
        "close_incident",
    )
}


@router.post(
    "",
    status_code=201,
    summary="Report an incident",
    dependencies=[Idempotent],
    responses=responses_for(NotFound) | {201: {"links": _WHAT_NEXT}},
)
async def report_incident(
    body: IncidentReport, ports: InPorts, unit: Unit, principal: Writer, response: Response
) -> IncidentAnswer:
    """Opens an incident for what a person noticed, with the clocks that the contract promises, and alerts people.

    The agency's people and the client's may both report. The contract must be one that the caller may see.
    """
    if body.reported_at is not None and principal.client_id is not None:
        detail = "Only the agency may say when it was told."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/reported_at")])
    report = use_cases.Report(
        contract_id=body.contract_id,
        site_id=body.site_id,
        environment_id=body.environment_id,
        severity=body.severity,
        impact=body.impact,
        criticality=body.criticality,
        title=body.title,
        description=body.description,
        occurred_at=body.occurred_at,
        reported_at=body.reported_at,
    )
    incident, clocks = await use_cases.report(ports, report, who(principal))
    response.headers["Location"] = f"/v1/incidents/{incident.id}"
    return await _answer(unit, incident, clocks, response)


@router.get("", summary="List incidents")
async def list_incidents(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    status: Annotated[list[Status] | None, Query(max_length=5, description="any of these; repeat for several")] = None,
    severity: Annotated[list[SeverityCode] | None, Query(max_length=10, description="any of these codes")] = None,
    client_id: UUID | None = None,
    contract_id: UUID | None = None,
    site_id: UUID | None = None,
) -> Page[IncidentItem]:
    """Newest first. The clocks are those of the last change; one incident alone is read live."""
    selected = queries.items(
        Kind.INCIDENT,
        statuses=status or (),
        severities=severity or (),
        client_id=client_id,
        contract_id=contract_id,
        site_id=site_id,
    )
    found: Page[Any] = await paginate(
        unit.session,
        selected,
        columns=(WorkItemRow.opened_at, WorkItemRow.id),
        params=params,
        to_item=lambda row: row,
        descending=True,
    )
    rows: list[WorkItemRow] = found.data
    stamps = await queries.stamps(unit.session, rows)
    clocks = await queries.cached_clocks(unit.session, rows)
    return Page[IncidentItem](
        data=[IncidentItem.of_row(row, stamps[row.id], clocks[row.id], unit.now) for row in rows],
        next_cursor=found.next_cursor,
    )


@router.get("/{incident_id}", summary="Read an incident with its clocks", response_model=IncidentAnswer)
async def get_incident(
    incident_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Reader,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> IncidentAnswer | Response:
    """Everything about one incident; its clocks are folded at this instant, with the explanation of every span.

    While a clock runs the answer changes by itself: a 304 is given only when all have ended.
    """
    row = await _row(unit, incident_id)
    incident = await read_item(unit.session, row)
    clocks = await read_clocks(ports, incident)
    if have_ended(clocks):
        unchanged = not_modified(request, incident.version)
        if unchanged is not None:
            return unchanged
    response.headers["ETag"] = etag(incident.version)
    return IncidentAnswer.of(incident, clocks, row.outage)


@router.post(
    "/{incident_id}/acknowledge",
    summary="Acknowledge an incident",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def acknowledge_incident(
    incident_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Writer,
    response: Response,
    body: Annotated[Acknowledgement | None, Body()] = None,
) -> IncidentAnswer:
    """Somebody has taken it: the response clock stops at that instant. An automatic reply does not stop it."""
    said = body or Acknowledgement()
    if said.automatic:
        agency_only(principal)
        replied = await use_cases.reply_automatically(
            ports, incident_id, note=said.note, audience=said.note_audience, actor=who(principal)
        )
        return await _answer(unit, *_known(replied), response)
    return await _act(Act.ACKNOWLEDGE, incident_id, said, ports, unit, principal, response)


@router.post(
    "/{incident_id}/mitigate",
    summary="Mitigate an incident",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def mitigate_incident(
    incident_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Writer,
    response: Response,
    body: Annotated[IncidentAct | None, Body()] = None,
) -> IncidentAnswer:
    """The damage is contained and the repair goes on. Stops the response clock if nobody had acknowledged."""
    return await _act(Act.MITIGATE, incident_id, body or IncidentAct(), ports, unit, principal, response)


@router.post(
    "/{incident_id}/resolve",
    summary="Resolve an incident",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def resolve_incident(
    incident_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Writer,
    response: Response,
    body: Annotated[IncidentAct | None, Body()] = None,
) -> IncidentAnswer:
    """It is solved: the repair clock stops, unless the monitor saw the recovery earlier; then that instant counts."""
    return await _act(Act.RESOLVE, incident_id, body or IncidentAct(), ports, unit, principal, response)


@router.post(
    "/{incident_id}/close",
    summary="Close an incident",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def close_incident(
    incident_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Writer,
    response: Response,
    body: Annotated[IncidentAct | None, Body()] = None,
) -> IncidentAnswer:
    """Nothing more will be done. Only a resolved incident is closed, with its post-mortem if one is asked for."""
    return await _act(Act.CLOSE, incident_id, body or IncidentAct(), ports, unit, principal, response)


@router.get("/{incident_id}/timeline", summary="Read an incident's timeline")
async def get_incident_timeline(
    incident_id: UUID, unit: Unit, principal: Reader, params: PageParams
) -> Page[TimelineEntry]:
    """What happened, in the order of its own time. The client's people do not see notes for the agency."""
    await _row(unit, incident_id)
    return await paginate(
        unit.session,
        queries.timeline(incident_id),
        columns=(TimelineRow.at, TimelineRow.id),
        params=params,
        to_item=TimelineEntry.of_row,
    )


@router.get("/{incident_id}/clocks/{clock_id}", summary="Read a clock with its whole explanation")
async def get_incident_clock(
    incident_id: UUID, clock_id: UUID, ports: InPorts, unit: Unit, principal: Reader
) -> ClockDetails:
    """The facts of the clock and everything that follows from them now: spans, thresholds, breaches, cycles."""
    row = await queries.clock_item(unit.session, incident_id, clock_id)
    views = await read_clocks(ports, await read_item(unit.session, row), clock_id=clock_id) if row else []
    if not views:
        raise NotFound("There is no such clock on this incident.")
    return ClockDetails.of(incident_id, views[0], await queries.clock_facts(unit.session, clock_id))


@router.get("/{incident_id}/notifications", summary="List the messages about an incident")
async def list_incident_notifications(
    incident_id: UUID, unit: Unit, principal: Reader, params: PageParams
) -> Page[NotificationAnswer]:
    """Who was told what, and whether the mail server took it. The client's people see those to the client."""
    await _row(unit, incident_id)
    return await paginate(
        unit.session,
        queries.notifications(incident_id),
        columns=(NotificationRow.created_at, NotificationRow.id),
        params=params,
        to_item=NotificationAnswer.of_row,
    )


async def _act(
    what: Act,
    incident_id: UUID,
    said: IncidentAct,
    ports: Ports,
    unit: Unit,
    principal: Principal,
    response: Response,
) -> IncidentAnswer:
    agency_only(principal)
    done = await use_cases.act(
        ports,
        incident_id,
        what,
        at=said.at,
        note=said.note,
        audience=said.note_audience,
        actor=who(principal),
    )
    return await _answer(unit, *_known(done), response)


def _known(found: tuple[WorkItem, list[ClockView]] | None) -> tuple[WorkItem, list[ClockView]]:
    if found is None:
        raise NotFound(_UNKNOWN)
    return found


async def _row(unit: Unit, incident_id: UUID) -> WorkItemRow:
    row = await queries.item(unit.session, incident_id, Kind.INCIDENT)
    if row is None:
        raise NotFound(_UNKNOWN)
    return row


async def _answer(unit: Unit, incident: WorkItem, clocks: list[ClockView], response: Response) -> IncidentAnswer:
    response.headers["ETag"] = etag(incident.version)
    row = await _row(unit, incident.id)
    return IncidentAnswer.of(incident, clocks, row.outage)
