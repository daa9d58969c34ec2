"""Preventive work over HTTP: work orders and the schedules that make them."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import select

from incidents.adapters.desk_tables import OccurrenceRow, ScheduleRow
from incidents.adapters.record_book import RecordBook
from incidents.adapters.records_tables import DeploymentRow
from incidents.adapters.schedules import advance
from incidents.api.answers import answer_with, list_of, read_one
from incidents.api.dependencies import InPorts, Reader, Writer, agency_only, who
from incidents.api.desk_models import (
    ChangeApproval,
    ItemAnswer,
    ItemLine,
    OccurrenceAnswer,
    Refusal,
    ScheduleTold,
    WorkOrderPlan,
    WorkOrderResult,
    WorkOrderScheduleAnswer,
    WorkOrderStart,
)
from incidents.api.record_desk import facts_of
from incidents.api.releases import DeploymentFacts
from incidents.application import items
from incidents.application import work_orders as use_cases
from incidents.application.ports import Ports
from incidents.application.records import Place
from incidents.domain.schedules import RecurrenceError, check
from incidents.domain.work_item import Act, Kind, Status, Who
from shared.auth import Principal
from shared.etag import IfNoneMatch
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, NotFound, ValidationFailed, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/work-orders", tags=["work orders"], route_class=IdempotentRoute)
schedules = APIRouter(prefix="/v1/work-order-schedules", tags=["work orders"], route_class=IdempotentRoute)

EARLIEST_FIRST_DAY = timedelta(days=31)
"""How far back a schedule may begin: a work order is made for each of its days, also of those that have passed."""

_MAY_CONFLICT: dict[str, Any] = {"dependencies": [Idempotent], "responses": responses_for(Conflict)}


@router.post(
    "", status_code=201, summary="Plan a work order", dependencies=[Idempotent], responses=responses_for(NotFound)
)
async def plan_work_order(body: WorkOrderPlan, ports: InPorts, principal: Writer, response: Response) -> ItemAnswer:
    """Preventive work for a day, by hand."""
    agency_only(principal)
    told = body.model_dump() | {"checklist": tuple(body.checklist)}
    planned = await use_cases.plan(ports, use_cases.Planned(**told), who(principal))
    response.headers["Location"] = f"/v1/work-orders/{planned[0].id}"
    return await answer_with(ports, planned, response)


@router.get("", summary="List work orders")
async def list_work_orders(
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
        Kind.WORK_ORDER,
        params,
        statuses=status or (),
        client_id=client_id,
        contract_id=contract_id,
        site_id=site_id,
    )


@router.get("/{work_order_id}", summary="Read a work order", response_model=ItemAnswer)
async def get_work_order(
    work_order_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Reader,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> ItemAnswer | Response:
    """Its day, checklist, proof and versions are in `details`."""
    return await read_one(ports, unit, work_order_id, Kind.WORK_ORDER, request, response)


@router.post("/{work_order_id}/approve", summary="Approve an update in a freeze", **_MAY_CONFLICT)
async def approve_work_order(
    work_order_id: UUID, body: ChangeApproval, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """The client's decider lets an update be done in freezes of the contract, by their names."""
    done = await use_cases.approve(
        ports,
        work_order_id,
        body.approved_freezes,
        note=body.note,
        actor=who(principal),
        role=principal.role,
    )
    return await answer_with(ports, done, response)


@router.post("/{work_order_id}/start", summary="Begin a work order", **_MAY_CONFLICT)
async def start_work_order(
    work_order_id: UUID, ports: InPorts, principal: Writer, response: Response, body: WorkOrderStart | None = None
) -> ItemAnswer:
    """An update begins only with a verified backup, a plan to go back and the version that is there.

    In a freeze of the contract it is refused unless the client's decider has approved that by name.
    """
    return await _act(Act.START, work_order_id, body or WorkOrderStart(), ports, principal, response)


@router.post("/{work_order_id}/complete", summary="Complete a work order", **_MAY_CONFLICT)
async def complete_work_order(
    work_order_id: UUID, body: WorkOrderResult, ports: InPorts, unit: Unit, principal: Writer, response: Response
) -> ItemAnswer:
    """Everything of its checklist is done and there is a proof; of an update, the version that is there now.

    An update gets into the history of its configuration item, as a deployment.
    """
    answer = await _act(Act.COMPLETE, work_order_id, body, ports, principal, response, note=body.note)
    if answer.details["work"] == "update":
        await _record_update(unit, answer, who(principal))
    return answer


@router.post("/{work_order_id}/cancel", summary="Give a work order up", **_MAY_CONFLICT)
async def cancel_work_order(
    work_order_id: UUID, body: Refusal, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """It is not done; the client reads why."""
    return await _act(Act.CANCEL, work_order_id, body, ports, principal, response, note=body.reason)


async def _act(
    what: Act,
    work_order_id: UUID,
    body: BaseModel,
    ports: Ports,
    principal: Principal,
    response: Response,
    *,
    note: str | None = None,
) -> ItemAnswer:
    agency_only(principal)
    told = body.model_dump(mode="json", exclude={"note"})
    done = await use_cases.act(ports, work_order_id, what, told, note=note, actor=who(principal))
    return await answer_with(ports, done, response)


async def _record_update(unit: Unit, order: ItemAnswer, actor: Who) -> None:
    """The client has approved preventive work with the contract; who let it begin did so for this one."""
    told = order.details
    update = DeploymentFacts(
        configuration_item=told["configuration_item"],
        previous_version=told["version_before"],
        released_version=told["version_after"],
        approved_by=order.timestamps["started"].actor.name,
        approved_at=order.timestamps["started"].at,
        deployed_at=order.timestamps["completed"].at,
        result="succeeded",
        rollback_plan=told["rollback_plan"],
        proof=told["proof"],
    )
    place = Place(order.contract_id, order.client_id, order.site_id, order.item_id)
    facts = facts_of(update)
    await RecordBook(unit, actor).write(DeploymentRow, place, facts.pop("audience"), facts)


@schedules.post(
    "",
    status_code=201,
    summary="Schedule preventive work",
    dependencies=[Idempotent],
    responses=responses_for(NotFound),
)
async def schedule_work(
    body: ScheduleTold, ports: InPorts, unit: Unit, principal: Writer, response: Response
) -> WorkOrderScheduleAnswer:
    """From its first day on, a work order is made for every day of the rule, once."""
    agency_only(principal)
    if body.first_on < unit.now.date() - EARLIEST_FIRST_DAY:
        detail = "The first day is more than a month ago. State one from which on the work is to be done."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/first_on")])
    try:
        check(body.recurrence, body.first_on)
    except RecurrenceError as error:
        raise ValidationFailed(str(error), errors=[FieldError(detail=str(error), pointer="#/recurrence")]) from None
    place = await items.find_place(ports, body.contract_id, body.site_id, body.environment_id)
    row = ScheduleRow(
        id=new_id(),
        tenant_id=principal.tenant_id,
        client_id=place.subject.client_id,
        active=True,
        version=0,
        created_at=unit.now,
        **body.model_dump(),
    )
    await advance(ports, row, body.first_on)
    unit.session.add(row)
    await unit.session.flush()
    response.headers["Location"] = f"/v1/work-order-schedules/{row.id}"
    return WorkOrderScheduleAnswer.of_row(row)


@schedules.get("", summary="List schedules of preventive work")
async def list_work_order_schedules(unit: Unit, principal: Reader, params: PageParams) -> Page[WorkOrderScheduleAnswer]:
    """Oldest first."""
    return await paginate(
        unit.session,
        select(ScheduleRow),
        columns=(ScheduleRow.created_at, ScheduleRow.id),
        params=params,
        to_item=WorkOrderScheduleAnswer.of_row,
    )


@schedules.get("/{work_order_schedule_id}", summary="Read a schedule")
async def get_work_order_schedule(
    work_order_schedule_id: UUID, unit: Unit, principal: Reader
) -> WorkOrderScheduleAnswer:
    """The rule and when its next work order is made."""
    return WorkOrderScheduleAnswer.of_row(await _schedule(unit, work_order_schedule_id))


@schedules.get("/{work_order_schedule_id}/occurrences", summary="List what a schedule has made")
async def list_work_order_occurrences(
    work_order_schedule_id: UUID, unit: Unit, principal: Reader, params: PageParams
) -> Page[OccurrenceAnswer]:
    """Each day of the rule so far with its work order, or why there is none."""
    await _schedule(unit, work_order_schedule_id)
    return await paginate(
        unit.session,
        select(OccurrenceRow).where(OccurrenceRow.schedule_id == work_order_schedule_id),
        columns=(OccurrenceRow.day,),
        params=params,
        to_item=OccurrenceAnswer.of_row,
    )


@schedules.post("/{work_order_schedule_id}/stop", summary="Stop a schedule", dependencies=[Idempotent])
async def stop_work_order_schedule(
    work_order_schedule_id: UUID, unit: Unit, ports: InPorts, principal: Writer
) -> WorkOrderScheduleAnswer:
    """No more work orders are made; those that there are stay."""
    agency_only(principal)
    row = await _schedule(unit, work_order_schedule_id, lock=True)
    if row.active:
        await advance(ports, row, None)
        await unit.session.flush()
    return WorkOrderScheduleAnswer.of_row(row)


async def _schedule(unit: Unit, work_order_schedule_id: UUID, *, lock: bool = False) -> ScheduleRow:
    statement = select(ScheduleRow).where(ScheduleRow.id == work_order_schedule_id)
    row = (await unit.session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()
    if row is None:
        raise NotFound("There is no such schedule.")
    return row
