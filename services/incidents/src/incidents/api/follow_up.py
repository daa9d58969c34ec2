"""What an item leaves behind to be followed: actions, residual risks, decisions, and what was learned from it."""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, select

from incidents.adapters.records_tables import ActionRow, DecisionRow, PostMortemRow, ResidualRiskRow
from incidents.adapters.repository import SqlItems
from incidents.api.dependencies import InPorts, who
from incidents.api.record_desk import (
    ITEM,
    PERSON,
    WRITTEN,
    Audience,
    Line,
    Narrowed,
    OfItem,
    ReadingDesk,
    RecordAnswer,
    RecordDesk,
    Text,
    WritingDesk,
)
from incidents.application.incidents import finish_post_mortem
from incidents.domain.records import AlreadyThereError, BrokenRuleError, must, must_have_happened
from shared.etag import IfMatch
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, PreconditionFailed, PreconditionRequired, responses_for
from shared.values import Instant, LocalDate, forbid_unknown

CHANGED = responses_for(PreconditionFailed, PreconditionRequired)
MISSING = responses_for(NotFound)

_ACTION: dict[str, Any] = {
    "audience": "client",
    "link": "service",
    "what": "Raise the limit of connections",
    "owner_id": None,
    "owner_name": "Ada Martin",
    "due_at": "2026-06-15T16:00:00Z",
    "done_at": None,
    "outcome": None,
}
_RISK: dict[str, Any] = {
    "audience": "client",
    "description": "The payment provider has no second site.",
    "owner_id": None,
    "owner_name": "Léa Martin",
    "treatment": "accept",
    "decided_by": "Léa Martin",
    "decided_on": "2026-06-09",
    "reason": "A second provider costs more than an hour without sales.",
}
_DECISION: dict[str, Any] = {
    "audience": "client",
    "what": "The old checkout stays switched off.",
    "why": "It takes card numbers in clear.",
    "decided_by": "Léa Martin",
    "decided_on": "2026-06-09",
    "supersedes_id": None,
}
_POST_MORTEM: dict[str, Any] = {
    "audience": "client",
    "summary": "The shop was down for 16 minutes.",
    "course": "08:58 the database refused connections. 09:08 Ada took it. 09:15 the shop was back.",
    "causes": "The nightly job held all connections.",
    "went_well": "The alert came within two minutes.",
    "went_badly": "Nobody knew how to stop the job.",
    "completed_at": None,
}


class ActionFacts(BaseModel):
    """What somebody is to do. `done_at` is when he had done it."""

    model_config = forbid_unknown(examples=[_ACTION])

    audience: Audience = "agency"
    link: Literal["service", "research", "industrialisation"] = Field(
        default="service", description="research, industrialisation: the item feeds an action of R&D or production"
    )
    what: Text
    owner_id: UUID | None = None
    owner_name: Line | None = None
    due_at: Instant | None = None
    done_at: Instant | None = None
    outcome: Text | None = None


class ActionBody(ActionFacts, OfItem):
    """An action about an item."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM} | _ACTION])


class Action(ActionFacts, RecordAnswer):
    """An action about an item."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [WRITTEN | {"action_id": PERSON[:-2] + "41"} | _ACTION]}
    )
    ROW: ClassVar[type[Any]] = ActionRow
    KEY: ClassVar[str] = "action_id"

    action_id: UUID


class RiskFacts(BaseModel):
    """A risk that stays, who answers for it, and what was decided. Without an owner its item does not close."""

    model_config = forbid_unknown(examples=[_RISK])

    audience: Audience = "agency"
    description: Text
    owner_id: UUID | None = None
    owner_name: Line | None = Field(default=None, description="who answers for it; null keeps the item open")
    treatment: Literal["accept", "mitigate", "transfer"] | None = None
    decided_by: Line | None = None
    decided_on: LocalDate | None = None
    reason: Text | None = None

    def check(self) -> None:
        """Raises BrokenRuleError for a treatment that nobody decided."""
        if self.treatment is not None:
            for field in ("decided_by", "decided_on", "reason"):
                must(getattr(self, field) is not None, field, "A treatment is decided: say by whom, when and why.")


class RiskBody(RiskFacts, OfItem):
    """A residual risk of an item."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM} | _RISK])


class ResidualRisk(RiskFacts, RecordAnswer):
    """A residual risk of an item."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [WRITTEN | {"risk_id": PERSON[:-2] + "42"} | _RISK]}
    )
    ROW: ClassVar[type[Any]] = ResidualRiskRow
    KEY: ClassVar[str] = "risk_id"

    risk_id: UUID


class DecisionFacts(BaseModel):
    """What was decided, by whom, why, on which date."""

    audience: Audience = "agency"
    what: Text
    why: Text
    decided_by: Line
    decided_on: LocalDate
    supersedes_id: UUID | None = Field(
        default=None, description="an earlier decision on the same item, which this one replaces"
    )


class DecisionBody(DecisionFacts, OfItem):
    """A decision about an item. Nothing changes it; a later one may supersede it."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM} | _DECISION])


class Decision(DecisionFacts, RecordAnswer):
    """A decision about an item."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [WRITTEN | {"decision_id": PERSON[:-2] + "43"} | _DECISION]}
    )
    ROW: ClassVar[type[Any]] = DecisionRow
    KEY: ClassVar[str] = "decision_id"

    decision_id: UUID


class PostMortemFacts(BaseModel):
    """What happened, why, and what was learned; the actions that follow are actions of the item."""

    model_config = forbid_unknown(examples=[_POST_MORTEM])

    audience: Audience = "agency"
    summary: Text
    course: Text = Field(description="what happened when, in order")
    causes: Text
    went_well: Text
    went_badly: Text
    completed_at: Instant | None = Field(
        default=None,
        description="when it was finished; an item that must have a post-mortem closes with a finished one",
    )


class PostMortemBody(PostMortemFacts, OfItem):
    """The post-mortem of an item."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM} | _POST_MORTEM])


class PostMortem(PostMortemFacts, RecordAnswer):
    """The post-mortem of an item."""

    model_config = ConfigDict(
        extra="ignore",
        json_schema_extra={"examples": [WRITTEN | {"post_mortem_id": PERSON[:-2] + "44"} | _POST_MORTEM]},
    )
    ROW: ClassVar[type[Any]] = PostMortemRow
    KEY: ClassVar[str] = "post_mortem_id"

    post_mortem_id: UUID


actions = APIRouter(prefix="/v1/actions", tags=["follow-up"], route_class=IdempotentRoute)
risks = APIRouter(prefix="/v1/residual-risks", tags=["follow-up"], route_class=IdempotentRoute)
decisions = APIRouter(prefix="/v1/decisions", tags=["follow-up"], route_class=IdempotentRoute)
post_mortems = APIRouter(prefix="/v1/post-mortems", tags=["follow-up"], route_class=IdempotentRoute)


@actions.post("", status_code=201, summary="Record an action", dependencies=[Idempotent], responses=MISSING)
async def record_action(body: ActionBody, desk: WritingDesk) -> Action:
    """Something that somebody will do because of an item."""
    must_have_happened("done_at", body.done_at, desk.unit.now)
    return await desk.record(Action, body)


@actions.get("", summary="List actions")
async def list_actions(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    done: Annotated[bool | None, Query(description="whether they are done")] = None,
    overdue: Annotated[bool | None, Query(description="true: only those that are not done and due by now")] = None,
    owner_id: UUID | None = None,
    carried_over_at: Annotated[
        Instant | None,
        Query(description="only those that were there at this instant and not done: what is carried over"),
    ] = None,
) -> Page[Action]:
    """Newest first. With a contract or a client and `carried_over_at` it is what a period leaves to the next one."""
    conditions: list[ColumnElement[bool]] = []
    if done is not None:
        conditions.append(ActionRow.done_at.is_not(None) if done else ActionRow.done_at.is_(None))
    if overdue:
        conditions += [ActionRow.done_at.is_(None), ActionRow.due_at <= desk.unit.now]
    if owner_id is not None:
        conditions.append(ActionRow.owner_id == owner_id)
    if carried_over_at is not None:
        not_done = ActionRow.done_at.is_(None) | (ActionRow.done_at > carried_over_at)
        conditions += [ActionRow.recorded_at <= carried_over_at, not_done]
    return await desk.page(Action, params, narrowed.select(ActionRow, *conditions))


@actions.get("/{action_id}", summary="Read an action")
async def get_action(action_id: UUID, desk: ReadingDesk) -> Action:
    """One action as it stands."""
    return await desk.read(Action, action_id)


@actions.put("/{action_id}", summary="Change an action", responses=CHANGED)
async def change_action(action_id: UUID, body: ActionFacts, desk: WritingDesk, if_match: IfMatch) -> Action:
    """Its next version, from another owner to done. What it said before stays in its history."""
    must_have_happened("done_at", body.done_at, desk.unit.now)
    return await desk.revise(Action, action_id, body, if_match)


@risks.post(
    "",
    status_code=201,
    summary="Record a residual risk",
    dependencies=[Idempotent],
    responses=responses_for(NotFound, Conflict),
)
async def record_residual_risk(body: RiskBody, desk: WritingDesk) -> ResidualRisk:
    """A risk that stays after the work. Its item does not close before somebody owns it."""
    body.check()
    place = await body.place(desk.book)
    await _owned_if_closed(desk, body, place.item_id)
    return await desk.record(ResidualRisk, body)


@risks.get("", summary="List residual risks")
async def list_residual_risks(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    owned: Annotated[bool | None, Query(description="whether somebody owns them")] = None,
    treated: Annotated[bool | None, Query(description="whether it was decided what to do about them")] = None,
) -> Page[ResidualRisk]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = []
    if owned is not None:
        conditions.append(ResidualRiskRow.owner_name.is_not(None) == owned)
    if treated is not None:
        conditions.append(ResidualRiskRow.treatment.is_not(None) == treated)
    return await desk.page(ResidualRisk, params, narrowed.select(ResidualRiskRow, *conditions))


@risks.get("/{risk_id}", summary="Read a residual risk")
async def get_residual_risk(risk_id: UUID, desk: ReadingDesk) -> ResidualRisk:
    """One residual risk as it stands."""
    return await desk.read(ResidualRisk, risk_id)


@risks.put("/{risk_id}", summary="Change a residual risk", responses=CHANGED | responses_for(Conflict))
async def change_residual_risk(risk_id: UUID, body: RiskFacts, desk: WritingDesk, if_match: IfMatch) -> ResidualRisk:
    """Its next version: an owner, or what was decided. What it said before stays in its history."""
    body.check()
    await _owned_if_closed(desk, body, (await desk.found(ResidualRisk, risk_id)).item_id)
    return await desk.revise(ResidualRisk, risk_id, body, if_match)


async def _owned_if_closed(desk: RecordDesk, body: RiskFacts, item_id: UUID | None) -> None:
    if body.owner_name is not None or item_id is None:
        return
    # Locked: a closing at the same moment is either before this or waits for it.
    item = await SqlItems(desk.unit).lock(item_id)
    if item is not None and not item.allowed:
        raise Conflict(f"This item is {item.status}, so every risk that stays has an owner: name one.")


@decisions.post(
    "",
    status_code=201,
    summary="Record a decision",
    dependencies=[Idempotent],
    responses=responses_for(NotFound, Conflict),
)
async def record_decision(body: DecisionBody, desk: WritingDesk) -> Decision:
    """A decision stands as it was taken. To change it, record the next one and say which it supersedes."""
    if body.supersedes_id is not None:
        earlier = await desk.book.find(DecisionRow, body.supersedes_id, lock=True)
        if earlier is None or earlier.item_id != body.item_id:
            raise BrokenRuleError("supersedes_id", "There is no such decision on this item.")
        later = select(DecisionRow.id).where(DecisionRow.supersedes_id == earlier.id)
        if (await desk.unit.session.execute(later)).first() is not None:
            raise AlreadyThereError("This decision is superseded already: supersede the latest one.")
    return await desk.record(Decision, body)


@decisions.get("", summary="List decisions")
async def list_decisions(desk: ReadingDesk, params: PageParams, narrowed: Narrowed) -> Page[Decision]:
    """Newest first, superseded ones too."""
    return await desk.page(Decision, params, narrowed.select(DecisionRow))


@decisions.get("/{decision_id}", summary="Read a decision")
async def get_decision(decision_id: UUID, desk: ReadingDesk) -> Decision:
    """One decision as it was taken."""
    return await desk.read(Decision, decision_id)


@post_mortems.post(
    "",
    status_code=201,
    summary="Record a post-mortem",
    dependencies=[Idempotent],
    responses=responses_for(NotFound, Conflict),
)
async def record_post_mortem(body: PostMortemBody, desk: WritingDesk, ports: InPorts) -> PostMortem:
    """One an item: begun here, completed by a change once the incident is resolved."""
    must_have_happened("completed_at", body.completed_at, desk.unit.now)
    place = await body.place(desk.book)
    written = select(PostMortemRow.id).where(PostMortemRow.item_id == place.item_id)
    if (await desk.unit.session.execute(written)).first() is not None:
        raise AlreadyThereError("This item has a post-mortem already: change that one.")
    await finish_post_mortem(ports, body.item_id, body.completed_at, who(desk.principal))
    return await desk.record(PostMortem, body)


@post_mortems.get("", summary="List post-mortems")
async def list_post_mortems(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    completed: Annotated[bool | None, Query(description="whether they are finished")] = None,
) -> Page[PostMortem]:
    """Newest first."""
    conditions = [] if completed is None else [PostMortemRow.completed_at.is_not(None) == completed]
    return await desk.page(PostMortem, params, narrowed.select(PostMortemRow, *conditions))


@post_mortems.get("/{post_mortem_id}", summary="Read a post-mortem")
async def get_post_mortem(post_mortem_id: UUID, desk: ReadingDesk) -> PostMortem:
    """One post-mortem as it stands."""
    return await desk.read(PostMortem, post_mortem_id)


@post_mortems.put("/{post_mortem_id}", summary="Change a post-mortem", responses=CHANGED | responses_for(Conflict))
async def change_post_mortem(
    post_mortem_id: UUID, body: PostMortemFacts, desk: WritingDesk, ports: InPorts, if_match: IfMatch
) -> PostMortem:
    """Its next version, from a draft to the finished one. What it said before stays in its history.

    Of an incident that was reopened it is completed again, after the new resolution.
    """
    must_have_happened("completed_at", body.completed_at, desk.unit.now)
    changed = await desk.revise(PostMortem, post_mortem_id, body, if_match)
    if changed.item_id is not None:
        await finish_post_mortem(ports, changed.item_id, body.completed_at, who(desk.principal))
    return changed
