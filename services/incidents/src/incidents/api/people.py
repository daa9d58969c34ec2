"""The people of the desk: who they are, when they are not disturbed, their shifts as a calendar."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from incidents.adapters import on_call_repository as queries
from incidents.adapters.channel_store import remove_channels_of
from incidents.adapters.on_call_tables import PersonRow, QuietHoursRow
from incidents.adapters.shift_calendar import calendar_file
from incidents.api.dependencies import Reader, Writer, agency_only
from incidents.api.on_call_models import PersonAnswer, PersonDefinition, QuietHoursAnswer
from incidents.api.periods import period
from incidents.application.definitions import QuietHoursDefinition
from incidents.domain.on_call import cover
from shared.etag import IfMatch, etag
from shared.idempotency import Idempotent, IdempotentRoute
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import Conflict, FieldError, NotFound, PreconditionFailed, PreconditionRequired, responses_for
from shared.service import Unit
from shared.values import Instant

router = APIRouter(prefix="/v1/people", tags=["on-call"], route_class=IdempotentRoute)

_UNKNOWN = "There is no person with this id."
_VERSIONED = responses_for(PreconditionFailed, PreconditionRequired)


@router.post(
    "",
    status_code=201,
    summary="Add a person to the desk",
    dependencies=[Idempotent],
    responses=responses_for(Conflict),
)
async def create_person(body: PersonDefinition, unit: Unit, principal: Writer, response: Response) -> PersonAnswer:
    """Somebody who can be on call and be asked by escalations. He needs no account."""
    agency_only(principal)
    await _only_one_of_user(unit, body.user_id, None)
    row = PersonRow(id=new_id(), tenant_id=principal.tenant_id, version=0, created_at=unit.now)
    unit.session.add(row)
    answer = await _written(unit, row, body, response)
    response.headers["Location"] = f"/v1/people/{row.id}"
    return answer


@router.get("", summary="List the people of the desk")
async def list_people(unit: Unit, principal: Reader, params: PageParams) -> Page[PersonAnswer]:
    """In the order in which they were added."""
    agency_only(principal)
    return await paginate(
        unit.session, queries.people(), columns=(PersonRow.id,), params=params, to_item=PersonAnswer.of_row
    )


@router.get("/{person_id}", summary="Read a person")
async def get_person(person_id: UUID, unit: Unit, principal: Reader, response: Response) -> PersonAnswer:
    """One person of the desk."""
    agency_only(principal)
    row = await _row(unit, person_id)
    response.headers["ETag"] = etag(row.version)
    return PersonAnswer.of_row(row)


@router.put("/{person_id}", summary="Replace a person", responses=_VERSIONED | responses_for(Conflict))
async def replace_person(
    person_id: UUID, body: PersonDefinition, unit: Unit, principal: Writer, if_match: IfMatch, response: Response
) -> PersonAnswer:
    """From now on he is told at this address, in this language."""
    agency_only(principal)
    row = await _row(unit, person_id, lock=True)
    if_match.require(row.version)
    await _only_one_of_user(unit, body.user_id, person_id)
    return await _written(unit, row, body, response)


@router.delete(
    "/{person_id}",
    status_code=204,
    summary="Remove a person from the desk",
    responses=_VERSIONED | responses_for(Conflict),
)
async def remove_person(person_id: UUID, unit: Unit, principal: Writer, if_match: IfMatch) -> None:
    """What he was on call for stays told. His channels go with him. Refused while a schedule, an override to come,
    or a policy names him.
    """
    agency_only(principal)
    row = await _row(unit, person_id, lock=True)
    if_match.require(row.version)
    named = await queries.use_of_person(unit.session, person_id, unit.now)
    if named is not None:
        raise Conflict(f"He is named by {named!r}. Take him off it first, then remove him.")
    row.removed_at = unit.now
    row.version += 1
    await remove_channels_of(unit.session, person_id, unit.now)


@router.get("/{person_id}/quiet-hours", summary="Read a person's quiet hours")
async def get_quiet_hours(person_id: UUID, unit: Unit, principal: Reader, response: Response) -> QuietHoursAnswer:
    """When he is not disturbed. Version 0, and never, until somebody sets them."""
    agency_only(principal)
    await _row(unit, person_id)
    row = await queries.quiet_hours(unit.session, person_id)
    answer = QuietHoursAnswer.model_validate((row.hours if row else {"hours": None}) | {"version": _version(row)})
    response.headers["ETag"] = etag(answer.version)
    return answer


@router.put("/{person_id}/quiet-hours", summary="Replace a person's quiet hours", responses=_VERSIONED)
async def replace_quiet_hours(
    person_id: UUID, body: QuietHoursDefinition, unit: Unit, principal: Writer, if_match: IfMatch, response: Response
) -> QuietHoursAnswer:
    """Messages to him wait until they end; clocks go on, and an escalation asks the next person meanwhile."""
    agency_only(principal)
    await _row(unit, person_id, lock=True)
    row = await queries.quiet_hours(unit.session, person_id)
    if_match.require(_version(row))
    if row is None:
        row = QuietHoursRow(person_id=person_id, tenant_id=principal.tenant_id, version=0)
        unit.session.add(row)
    row.version += 1
    row.hours = body.model_dump(mode="json")
    row.changed_at = unit.now
    await unit.session.flush()
    await queries.look_again(unit)
    response.headers["ETag"] = etag(row.version)
    return QuietHoursAnswer.model_validate(row.hours | {"version": row.version})


@router.get(
    "/{person_id}/shifts.ics",
    summary="Read a person's shifts as iCalendar",
    response_class=Response,
    responses={200: {"description": "iCalendar", "content": {"text/calendar": {"schema": {"type": "string"}}}}},
)
async def get_shifts(
    person_id: UUID,
    unit: Unit,
    principal: Reader,
    since: Annotated[Instant | None, Query(alias="from", description="null is a week ago")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="null is eight weeks after `from`")] = None,
) -> Response:
    """His shifts by every schedule, as calendar programs read them (RFC 5545). A shift keeps its UID while it begins
    at the same instant.
    """
    agency_only(principal)
    row = await _row(unit, person_id)
    start, end = period(since, until, unit.now)
    schedules = list((await unit.session.execute(queries.schedules())).scalars())
    read = await queries.read_schedules(unit.session, schedules)
    shifts = [
        (schedule.id, schedule.name, span)
        for schedule in schedules
        for span in cover(read[schedule.id], start, end)
        if span.person_id == person_id
    ]
    headers = {"Content-Disposition": 'inline; filename="shifts.ics"', "Cache-Control": "private, no-store"}
    content = calendar_file(row.name, shifts, unit.now)
    return Response(content, media_type="text/calendar; charset=utf-8", headers=headers)


def _version(row: QuietHoursRow | None) -> int:
    return row.version if row is not None else 0


async def _row(unit: Unit, person_id: UUID, *, lock: bool = False) -> PersonRow:
    row = await queries.person(unit.session, person_id, lock=lock)
    if row is None:
        raise NotFound(_UNKNOWN)
    return row


async def _only_one_of_user(unit: Unit, user_id: UUID | None, person_id: UUID | None) -> None:
    if user_id is None:
        return
    same = queries.people().where(PersonRow.user_id == user_id, PersonRow.id.is_distinct_from(person_id))
    if (await unit.session.execute(same)).first() is not None:
        detail = "Another person of the desk is this user already."
        raise Conflict(detail, errors=[FieldError(detail=detail, pointer="#/user_id")])


async def _written(unit: Unit, row: PersonRow, body: PersonDefinition, response: Response) -> PersonAnswer:
    row.user_id, row.name, row.email, row.language = body.user_id, body.name, body.email, body.language
    row.time_zone, row.roles = body.time_zone.key, list(dict.fromkeys(body.roles))
    row.version += 1
    await unit.session.flush()
    response.headers["ETag"] = etag(row.version)
    return PersonAnswer.of_row(row)
