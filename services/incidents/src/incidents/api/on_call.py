"""On-call schedules over HTTP: who is there now, who will be, and where nobody is."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Response

from incidents.adapters import on_call_repository as queries
from incidents.adapters.on_call_tables import CoverGapRow, OverrideRow, RotaRow, ScheduleRow
from incidents.api.dependencies import Reader, Writer, agency_only
from incidents.api.on_call_models import (
    CoverGapItem,
    CoverSpan,
    NewOverride,
    OnCallNow,
    OverrideAnswer,
    ScheduleAnswer,
    ScheduleCover,
)
from incidents.api.periods import period
from incidents.application.definitions import ScheduleDefinition
from incidents.domain.on_call import cover, on_call_at
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import (
    Conflict,
    FieldError,
    NotFound,
    PreconditionFailed,
    PreconditionRequired,
    ValidationFailed,
    responses_for,
)
from shared.service import Unit
from shared.values import Instant

router = APIRouter(prefix="/v1/on-call", tags=["on-call"], route_class=IdempotentRoute)

_VERSIONED = responses_for(PreconditionFailed, PreconditionRequired)


@router.post(
    "/schedules",
    status_code=201,
    summary="Create an on-call schedule",
    dependencies=[Idempotent],
    responses=responses_for(NotFound),
)
async def create_schedule(
    body: ScheduleDefinition, unit: Unit, principal: Writer, response: Response
) -> ScheduleAnswer:
    """It counts from now on."""
    agency_only(principal)
    row = ScheduleRow(id=new_id(), tenant_id=principal.tenant_id, version=0, created_at=unit.now)
    answer = await _written(unit, row, body, response)
    response.headers["Location"] = f"/v1/on-call/schedules/{row.id}"
    return answer


@router.get("/schedules", summary="List on-call schedules")
async def list_schedules(unit: Unit, principal: Reader, params: PageParams) -> Page[ScheduleAnswer]:
    """In the order in which they were made."""
    agency_only(principal)
    found = await _page(unit, params)
    layers = await queries.layers_as_written(unit.session, found.data)
    answers = [ScheduleAnswer.of_row(row, layers[row.id]) for row in found.data]
    return Page[ScheduleAnswer](data=answers, next_cursor=found.next_cursor)


@router.get("/schedules/{schedule_id}", summary="Read an on-call schedule")
async def get_schedule(schedule_id: UUID, unit: Unit, principal: Reader, response: Response) -> ScheduleAnswer:
    """As it stands now."""
    agency_only(principal)
    row = await _row(unit, schedule_id)
    layers = await queries.layers_as_written(unit.session, [row])
    response.headers["ETag"] = etag(row.version)
    return ScheduleAnswer.of_row(row, layers[row.id])


@router.put("/schedules/{schedule_id}", summary="Replace an on-call schedule", responses=_VERSIONED)
async def replace_schedule(
    schedule_id: UUID, body: ScheduleDefinition, unit: Unit, principal: Writer, if_match: IfMatch, response: Response
) -> ScheduleAnswer:
    """From now on; who was on call until now stays told. Overrides stay."""
    agency_only(principal)
    row = await _row(unit, schedule_id, lock=True)
    if_match.require(row.version)
    return await _written(unit, row, body, response)


@router.delete(
    "/schedules/{schedule_id}",
    status_code=204,
    summary="Remove an on-call schedule",
    responses=_VERSIONED | responses_for(Conflict),
)
async def remove_schedule(schedule_id: UUID, unit: Unit, principal: Writer, if_match: IfMatch) -> None:
    """Nobody is on call by it any more. Refused while an escalation policy names it."""
    agency_only(principal)
    row = await _row(unit, schedule_id, lock=True)
    if_match.require(row.version)
    named = await queries.use_in_policies(unit.session, "schedule_id", schedule_id)
    if named is not None:
        raise Conflict(f"The escalation policy {named!r} names it. Take it off the policy first, then remove it.")
    row.removed_at = unit.now
    row.version += 1
    await queries.look_again(unit)


@router.post(
    "/schedules/{schedule_id}/overrides",
    status_code=201,
    summary="Override a schedule for a while",
    dependencies=[Idempotent],
    responses=responses_for(NotFound),
)
async def create_override(
    schedule_id: UUID, body: NewOverride, unit: Unit, principal: Writer, response: Response
) -> OverrideAnswer:
    """Somebody is on call from an instant up to another, whatever the layers say."""
    agency_only(principal)
    schedule = await _row(unit, schedule_id, lock=True)
    if body.person_id not in await queries.hold_people(unit.session, [body.person_id]):
        raise _unknown("#/person_id", "There is no person with this id.")
    for pointer, instant in (("#/from", body.from_), ("#/to", body.to)):
        if instant is not None and instant < unit.now:
            detail = "This instant is in the past: who was on call then stays told. Leave `from` out to say: now."
            raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer=pointer)])
    row = OverrideRow(
        id=new_id(),
        tenant_id=principal.tenant_id,
        schedule_id=schedule.id,
        person_id=body.person_id,
        starts_at=body.from_ or unit.now,
        ends_at=body.to,
        reason=body.reason,
        created_at=unit.now,
    )
    if row.starts_at >= row.ends_at:
        detail = "It ends when it begins. State a later instant."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/to")])
    unit.session.add(row)
    await unit.session.flush()
    await queries.look_again(unit)
    response.headers["Location"] = f"/v1/on-call/schedules/{schedule_id}/overrides"
    return OverrideAnswer.of_row(row)


@router.get("/schedules/{schedule_id}/overrides", summary="List the overrides of a schedule")
async def list_overrides(schedule_id: UUID, unit: Unit, principal: Reader, params: PageParams) -> Page[OverrideAnswer]:
    """In the order in which they were made, past and cancelled ones too."""
    agency_only(principal)
    await _row(unit, schedule_id)
    return await paginate(
        unit.session,
        queries.overrides(schedule_id),
        columns=(OverrideRow.id,),
        params=params,
        to_item=OverrideAnswer.of_row,
    )


@router.post(
    "/schedules/{schedule_id}/overrides/{override_id}/cancel",
    summary="Cancel an override",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def cancel_override(schedule_id: UUID, override_id: UUID, unit: Unit, principal: Writer) -> OverrideAnswer:
    """The layers count again from now on; what the override was until now stays told."""
    agency_only(principal)
    await _row(unit, schedule_id)
    row = await queries.override(unit.session, schedule_id, override_id)
    if row is None:
        raise NotFound("There is no such override of this schedule.")
    if row.cancelled_at is not None or row.ends_at <= unit.now:
        raise Conflict("This override is over already. There is nothing left to cancel.")
    row.cancelled_at = unit.now
    await unit.session.flush()
    await queries.look_again(unit)
    return OverrideAnswer.of_row(row)


@router.get("/now", summary="Read who is on call")
async def get_on_call_now(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    at: Annotated[Instant | None, Query(description="another instant than now, within ten years")] = None,
) -> Page[OnCallNow]:
    """Who is on call by each schedule, at this instant or another."""
    agency_only(principal)
    instant = period(at, None, unit.now)[0] if at is not None else unit.now
    found = await _page(unit, params)
    read = await queries.read_schedules(unit.session, found.data)
    spans = {row.id: on_call_at(read[row.id], instant) for row in found.data}
    names = await queries.names(unit.session, [s.person_id for s in spans.values() if s.person_id is not None])
    answers = [
        OnCallNow.model_validate(
            {"schedule_id": row.id, "schedule": row.name, "at": instant}
            | CoverSpan.of(spans[row.id], names).model_dump(exclude={"from_", "to"})
        )
        for row in found.data
    ]
    return Page[OnCallNow](data=answers, next_cursor=found.next_cursor)


@router.get("/cover", summary="Read who is on call over a period")
async def get_cover(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    since: Annotated[Instant, Query(alias="from")],
    until: Annotated[Instant, Query(alias="to", description="at most 92 days after `from`")],
    schedule_id: Annotated[UUID | None, Query(description="only this schedule")] = None,
) -> Page[ScheduleCover]:
    """For each schedule the period in spans, without holes or overlaps: who, and by which layer or override."""
    agency_only(principal)
    start, end = period(since, until, unit.now)
    found = await _page(unit, params, schedule_id)
    read = await queries.read_schedules(unit.session, found.data)
    spans = {row.id: cover(read[row.id], start, end) for row in found.data}
    people = [span.person_id for each in spans.values() for span in each if span.person_id is not None]
    names = await queries.names(unit.session, people)
    answers = [
        ScheduleCover(schedule_id=row.id, name=row.name, spans=[CoverSpan.of(span, names) for span in spans[row.id]])
        for row in found.data
    ]
    return Page[ScheduleCover](data=answers, next_cursor=found.next_cursor)


@router.get("/gaps", summary="List hours that are promised and not covered")
async def list_cover_gaps(
    unit: Unit,
    principal: Reader,
    params: PageParams,
    state: Annotated[Literal["open", "cleared", "all"], Query()] = "open",
    contract_id: UUID | None = None,
) -> Page[CoverGapItem]:
    """What looking ahead has found about contracts that promise every hour, in the order of its time."""
    agency_only(principal)
    selected = queries.gaps()
    if state != "all":
        cleared = CoverGapRow.cleared_at.is_not(None)
        selected = selected.where(cleared if state == "cleared" else ~cleared)
    if contract_id is not None:
        selected = selected.where(CoverGapRow.contract_id == contract_id)
    return await paginate(
        unit.session,
        selected,
        columns=(CoverGapRow.starts_at, CoverGapRow.id),
        params=params,
        to_item=CoverGapItem.of_row,
    )


async def _page(unit: Unit, params: PageParams, schedule_id: UUID | None = None) -> Page[Any]:
    selected = queries.schedules()
    if schedule_id is not None:
        selected = selected.where(ScheduleRow.id == schedule_id)
    return await paginate(unit.session, selected, columns=(ScheduleRow.id,), params=params, to_item=lambda row: row)


async def _row(unit: Unit, schedule_id: UUID, *, lock: bool = False) -> ScheduleRow:
    row = await queries.schedule(unit.session, schedule_id, lock=lock)
    if row is None:
        raise NotFound("There is no schedule with this id.")
    return row


async def _written(unit: Unit, row: ScheduleRow, body: ScheduleDefinition, response: Response) -> ScheduleAnswer:
    people = await queries.hold_people(unit.session, [person_id for _, person_id in body.person_places()])
    for pointer, person_id in body.person_places():
        if person_id not in people:
            raise _unknown(pointer, "There is no person with this id.")
    contracts = await queries.known_contracts(unit.session, body.contract_ids)
    for index, contract_id in enumerate(body.contract_ids):
        if contract_id not in contracts:
            raise _unknown(f"#/contract_ids/{index}", "There is no contract with this id.")
    row.name, row.contract_ids = body.name, list(dict.fromkeys(body.contract_ids))
    row.version += 1
    unit.session.add(row)
    await unit.session.flush()
    layers = [layer.model_dump(mode="json") for layer in body.layers]
    unit.session.add(
        RotaRow(
            schedule_id=row.id, version=row.version, tenant_id=row.tenant_id, effective_from=unit.now, layers=layers
        )
    )
    await unit.session.flush()
    await queries.look_again(unit)
    response.headers["ETag"] = etag(row.version)
    return ScheduleAnswer.of_row(row, layers)


def _unknown(pointer: str, detail: str) -> NotFound:
    return NotFound(detail, errors=[FieldError(detail=detail, pointer=pointer)])
