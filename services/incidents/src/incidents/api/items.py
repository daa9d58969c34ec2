"""What is done to an item of any kind, over HTTP: pauses, replies, ranks, assignments, hand-overs, links, merges."""

from uuid import UUID

import structlog
from fastapi import APIRouter, Request, Response

from incidents.adapters import queries
from incidents.adapters.defaults import default_recipients, incidents_settings
from incidents.adapters.desk_tables import PauseRow
from incidents.adapters.repository import ports_of, read_item
from incidents.adapters.tables import TimelineRow
from incidents.api.answers import Found, answer_with, read_one, row_of
from incidents.api.dependencies import InPorts, Reader, Writer, agency_only, who
from incidents.api.desk_models import (
    AssignmentTold,
    BulkAnswer,
    BulkResult,
    BulkTold,
    ClassificationTold,
    HandOverTold,
    ItemAnswer,
    LinkTold,
    MergeTold,
    PauseAnswer,
    PauseTold,
    RankTold,
    ReopeningTold,
    ReplyTold,
    ResumeTold,
    ScopeTold,
)
from incidents.api.errors import ERRORS
from incidents.api.models import ClockDetails, TimelineEntry
from incidents.application import changes, incidents, items, requests, work_orders
from incidents.application.clocks import read_clocks
from incidents.application.ports import Ports
from incidents.domain.work_item import Act, Kind, Who
from shared.auth import Principal
from shared.etag import IfNoneMatch
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams, paginate
from shared.problems import (
    Conflict,
    FieldError,
    InternalError,
    NotFound,
    ValidationFailed,
    problem_of,
    responses_for,
)
from shared.service import CurrentRuntime, Unit

router = APIRouter(prefix="/v1/items", tags=["items"], route_class=IdempotentRoute)
of_many = APIRouter(prefix="/v1/bulk-acts", tags=["items"])

_CONFLICT = responses_for(Conflict)

_log = structlog.get_logger(__name__)


@of_many.post("", summary="Do one thing to many items")
async def act_on_many(body: BulkTold, runtime: CurrentRuntime, principal: Writer) -> BulkAnswer:
    """Each item in a transaction of its own: what is done stays done, and every item has its own result.

    Sent again, what was done already is refused for that item, as it would be alone.
    """
    agency_only(principal)
    recipients = default_recipients(incidents_settings(runtime.settings))
    results = []
    for item_id in dict.fromkeys(body.item_ids):
        try:
            async with runtime.units.for_tenant(principal.tenant_id, actor=principal.actor) as unit:
                done = await _one_of_many(ports_of(unit, recipients), item_id, body, principal)
                if done is None:
                    raise NotFound("There is no such item.")
            results.append(BulkResult(item_id=item_id, result="done", version=done[0].version, status=200, detail=None))
        except Exception as error:  # whatever it is, what became of the other items must be told
            results.append(_refused(item_id, error))
    return BulkAnswer(results=results)


@router.get("/{item_id}", summary="Read an item of any kind", response_model=ItemAnswer)
async def get_item(
    item_id: UUID,
    ports: InPorts,
    unit: Unit,
    principal: Reader,
    request: Request,
    response: Response,
    if_none_match: IfNoneMatch = None,
) -> ItemAnswer | Response:
    """An incident, request, change or work order, with its clocks as they read now."""
    return await read_one(ports, unit, item_id, None, request, response)


@router.get("/{item_id}/timeline", summary="Read an item's timeline")
async def get_item_timeline(item_id: UUID, unit: Unit, principal: Reader, params: PageParams) -> Page[TimelineEntry]:
    """What happened, in the order of its own time. The client's people do not see notes for the agency."""
    await row_of(unit, item_id)
    return await paginate(
        unit.session,
        queries.timeline(item_id),
        columns=(TimelineRow.at, TimelineRow.id),
        params=params,
        to_item=TimelineEntry.of_row,
    )


@router.get("/{item_id}/clocks/{clock_id}", summary="Read an item's clock with its whole explanation")
async def get_item_clock(item_id: UUID, clock_id: UUID, ports: InPorts, unit: Unit, principal: Reader) -> ClockDetails:
    """The facts of the clock and everything that follows from them now. `incident_id` is the item's id."""
    row = await queries.clock_item(unit.session, item_id, clock_id)
    views = await read_clocks(ports, await read_item(unit.session, row), clock_id=clock_id) if row else []
    if not views:
        raise NotFound("There is no such clock on this item.")
    return ClockDetails.of(item_id, views[0], await queries.clock_facts(unit.session, clock_id))


@router.get("/{item_id}/pauses", summary="List an item's pauses")
async def list_item_pauses(item_id: UUID, unit: Unit, principal: Reader, params: PageParams) -> Page[PauseAnswer]:
    """Every wait for somebody else with what was asked and answered, oldest first."""
    await row_of(unit, item_id)
    return await paginate(
        unit.session,
        queries.pauses(item_id),
        columns=(PauseRow.paused_at, PauseRow.id),
        params=params,
        to_item=PauseAnswer.of_row,
    )


@router.post("/{item_id}/pauses", summary="Wait for somebody", dependencies=[Idempotent], responses=_CONFLICT)
async def pause_item(
    item_id: UUID, body: PauseTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """The clocks stand still if the contract lists the reason; any other is kept, and they go on."""
    agency_only(principal)
    done = await items.pause_item(ports, item_id, body.reason, body.evidence, at=body.at, actor=who(principal))
    return await answer_with(ports, done, response)


@router.post("/{item_id}/pauses/{pause_id}/resume", summary="Wait no longer", dependencies=[Idempotent])
async def resume_item(
    item_id: UUID, pause_id: UUID, body: ResumeTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """The answer is there, and is evidence too. Of a pause that is over, nothing changes."""
    agency_only(principal)
    done = await items.resume_item(ports, item_id, pause_id, body.answer, at=body.at, actor=who(principal))
    return await answer_with(ports, done, response)


@router.post("/{item_id}/replies", summary="Write about an item", dependencies=[Idempotent])
async def reply_to_item(
    item_id: UUID, body: ReplyTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """What the client writes ends every wait for him and asks for the next reply; what a person of the agency writes to
    him is one, and the first stops the response clock. A wait for access or acceptance ends with that.
    """
    from_client = principal.client_id is not None
    done = await items.reply(
        ports,
        item_id,
        body.note,
        from_client=from_client,
        automatic=body.automatic,
        audience="client" if from_client else body.audience,
        actor=who(principal),
    )
    return await answer_with(ports, done, response)


@router.post("/{item_id}/rank", summary="Decide an item's place", dependencies=[Idempotent])
async def rank_item(item_id: UUID, body: RankTold, ports: InPorts, principal: Writer, response: Response) -> ItemAnswer:
    """Only whom the contract lets decide: the client's decider, unless it says otherwise. The timeline keeps why."""
    done = await items.rank_item(ports, item_id, body.rank, body.reason, actor=who(principal), role=principal.role)
    return await answer_with(ports, done, response)


@router.post("/{item_id}/classification", summary="Judge how bad it is", dependencies=[Idempotent])
async def classify_item(
    item_id: UUID, body: ClassificationTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """Impact and criticality give the severity by the contract's matrix; the clocks go on under what that promises.

    The agency judges until a decider has, who is the client's unless the contract says otherwise; then only he does.
    """
    done = await items.classify(
        ports,
        item_id,
        impact=body.impact,
        criticality=body.criticality,
        severity=body.severity,
        reason=body.reason,
        actor=who(principal),
        role=principal.role,
        of_the_agency=principal.client_id is None,
    )
    return await answer_with(ports, done, response)


@router.post("/{item_id}/scope", summary="Judge whether the contract covers it", dependencies=[Idempotent])
async def judge_scope(
    item_id: UUID, body: ScopeTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """The verdict with its reason, for both to read."""
    agency_only(principal)
    done = await items.judge_scope(ports, item_id, body.verdict, body.reason, actor=who(principal))
    return await answer_with(ports, done, response)


@router.post("/{item_id}/assignment", summary="Assign an item", dependencies=[Idempotent])
async def assign_item(
    item_id: UUID, body: AssignmentTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """Only people whom the contract assigns can be chosen, where it names some."""
    agency_only(principal)
    return await answer_with(ports, await items.assign(ports, item_id, _assignee(body), actor=who(principal)), response)


@router.post(
    "/{item_id}/hand-over", summary="Hand an item to another level", dependencies=[Idempotent], responses=_CONFLICT
)
async def hand_over_item(
    item_id: UUID, body: HandOverTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """Local support hands over with configuration, traces, logs and tests; without all of them it stays with it."""
    evidence = body.model_dump(exclude={"to_level"})
    done = await items.hand_over(ports, item_id, body.to_level, evidence, actor=who(principal))
    return await answer_with(ports, done, response)


@router.post("/{item_id}/links", summary="Link an item", dependencies=[Idempotent])
async def link_item(item_id: UUID, body: LinkTold, ports: InPorts, principal: Writer, response: Response) -> ItemAnswer:
    """Relates it to another item of the client, or to an action elsewhere. Told again, nothing changes."""
    agency_only(principal)
    done = await items.link_item(
        ports, item_id, body.kind, target_id=body.target_id, target=body.target, actor=who(principal)
    )
    return await answer_with(ports, done, response)


@router.post("/{item_id}/merge", summary="Merge an item into another", dependencies=[Idempotent], responses=_CONFLICT)
async def merge_item(
    item_id: UUID, body: MergeTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """Both are the same matter. This one closes; the other's clocks count from the earlier opening of the two."""
    agency_only(principal)
    return await answer_with(
        ports, await items.merge_items(ports, item_id, body.into_id, actor=who(principal)), response
    )


@router.post("/{item_id}/reopen", summary="Reopen an item", dependencies=[Idempotent], responses=_CONFLICT)
async def reopen_item(
    item_id: UUID, body: ReopeningTold, ports: InPorts, principal: Writer, response: Response
) -> ItemAnswer:
    """What was resolved or closed is not over; its clocks count again as the contract says. Both sides may."""
    if body.at is not None and principal.client_id is not None:
        detail = "Only the agency may say since when it is not over: the clocks count from then on."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/at")])
    done = await items.reopen_item(ports, item_id, at=body.at, reason=body.reason, actor=who(principal))
    return await answer_with(ports, done, response)


def _assignee(told: AssignmentTold) -> Who | None:
    return Who("user", str(told.user_id), told.name or "") if told.user_id is not None else None


def _refused(item_id: UUID, error: Exception) -> BulkResult:
    problem = problem_of(error, ERRORS)
    if problem is None:
        _log.error("bulk_act_failed", exc_info=error, item_id=str(item_id))
        problem = InternalError("Something went wrong on our side, and nothing was changed about this item.")
    return BulkResult(
        item_id=item_id, result="refused", version=None, status=problem.status, detail=str(problem.detail)[:2000]
    )


async def _one_of_many(ports: Ports, item_id: UUID, told: BulkTold, principal: Principal) -> Found:
    actor, note = who(principal), told.note
    if told.act == "assign":
        assert told.assignee is not None
        return await items.assign(ports, item_id, _assignee(told.assignee), actor=actor)
    item, act = await items.locked(ports, item_id), Act(told.act)
    if item is None:
        return None
    match item.kind:
        case Kind.INCIDENT:
            return await incidents.act(ports, item_id, act, at=None, note=note, audience="agency", actor=actor)
        case Kind.REQUEST:
            return await requests.act(ports, item_id, act, at=None, note=note, audience="agency", actor=actor)
        case Kind.CHANGE:
            return await changes.act(
                ports, item_id, act, {}, actor=actor, role=principal.role, note=note, audience="agency"
            )
        case Kind.WORK_ORDER:
            return await work_orders.act(ports, item_id, act, {}, note=note, actor=actor)  # has none of these acts
