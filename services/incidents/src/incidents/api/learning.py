"""What is learned: knowledge from resolved items, what users say, what they need help with."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import ColumnElement, case, func, or_

from incidents.adapters import queries
from incidents.adapters.records_tables import AssistanceRow, FeedbackRow, KnowledgeEntryRow
from incidents.api.follow_up import CHANGED, MISSING
from incidents.api.record_desk import (
    CONTRACT,
    ITEM,
    PERSON,
    WRITTEN,
    Audience,
    Line,
    Narrowed,
    OfContract,
    OfItem,
    ReadingDesk,
    RecordAnswer,
    SharedDesk,
    Text,
    WritingDesk,
)
from incidents.api.record_files import From, To, in_period
from incidents.application.records import ItemOfAnotherContractError, NotResolvedError, UnknownItemError
from incidents.domain.records import must, must_have_happened
from incidents.domain.work_item import DONE, Status
from shared.etag import IfMatch
from shared.idempotency import Idempotent, IdempotentRoute
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, responses_for
from shared.values import Instant, LocalDate, forbid_unknown

Tag = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[a-z0-9][a-z0-9_.-]*$", examples=["payment"])]
Channel = Literal["portal", "mail", "phone", "meeting", "field", "survey", "store_review"]
Level = Literal["low", "medium", "high"]
LONGEST_PERIOD = timedelta(days=366)
_EARLIEST = datetime.min.replace(tzinfo=UTC)

_KNOWLEDGE: dict[str, Any] = {
    "audience": "agency",
    "title": "The database refuses connections",
    "symptom": "Pages end with error 500 in the night.",
    "cause": "The nightly job holds all connections.",
    "resolution": "Stop the job, then **raise the limit** of its pool.",
    "tags": ["database", "nightly-job"],
    "language": "en",
    "review_on": "2027-01-09",
}
_FEEDBACK: dict[str, Any] = {
    "audience": "client",
    "said": "The form forgets what I typed when I go back.",
    "given_by": "Sales team",
    "channel": "field",
    "given_at": "2026-01-09T10:00:00Z",
}
_ASSISTANCE: dict[str, Any] = {
    "audience": "agency",
    "topic": "export",
    "asked_by": "Paul Roche",
    "knowledge_level": "low",
    "helped_at": "2026-01-09T10:00:00Z",
    "note": "Looked for the button under “File”.",
}


class KnowledgeFacts(BaseModel):
    """What helps whoever meets the same again. Texts may be Markdown; they are shown as text by those who do not."""

    model_config = forbid_unknown(examples=[_KNOWLEDGE])

    audience: Audience = "agency"
    title: Line
    symptom: Text
    cause: Text
    resolution: Text
    tags: list[Tag] = Field(default_factory=list, max_length=20)
    language: Literal["en", "fr"]
    review_on: LocalDate = Field(description="when somebody must look whether it is still true; stale from then on")


class KnowledgeBody(KnowledgeFacts, OfItem):
    """Knowledge from an item that is resolved."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM} | _KNOWLEDGE])


class KnowledgeEntry(KnowledgeFacts, RecordAnswer):
    """Knowledge from an item that is resolved."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [WRITTEN | {"knowledge_id": PERSON[:-2] + "81"} | _KNOWLEDGE]}
    )
    ROW: ClassVar[type[Any]] = KnowledgeEntryRow
    KEY: ClassVar[str] = "knowledge_id"

    knowledge_id: UUID


class FeedbackBody(OfContract):
    """What users say about a site."""

    model_config = forbid_unknown(examples=[{"contract_id": CONTRACT} | _FEEDBACK])

    audience: Audience = "client"
    said: Text
    given_by: Line
    channel: Channel
    given_at: Instant | None = Field(default=None, description="when it was said; null is now")


class FeedbackLink(BaseModel):
    """The item that feedback led to."""

    model_config = forbid_unknown(examples=[{"item_id": ITEM}])

    item_id: UUID


class Feedback(RecordAnswer):
    """What users say about a site; `item_id` is the item that it led to."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [WRITTEN | {"feedback_id": PERSON[:-2] + "82"} | _FEEDBACK]}
    )
    ROW: ClassVar[type[Any]] = FeedbackRow
    KEY: ClassVar[str] = "feedback_id"

    feedback_id: UUID
    said: Text
    given_by: Line
    channel: Channel
    given_at: Instant


class AssistanceBody(OfContract):
    """Help that a user was given."""

    model_config = forbid_unknown(examples=[{"contract_id": CONTRACT} | _ASSISTANCE])

    audience: Audience = "agency"
    topic: Tag
    asked_by: Line
    knowledge_level: Level = Field(description="how well the user knew the topic")
    helped_at: Instant | None = Field(default=None, description="null is now")
    note: Text | None = None


class Assistance(RecordAnswer):
    """Help that a user was given."""

    model_config = ConfigDict(
        extra="ignore", json_schema_extra={"examples": [WRITTEN | {"assistance_id": PERSON[:-2] + "83"} | _ASSISTANCE]}
    )
    ROW: ClassVar[type[Any]] = AssistanceRow
    KEY: ClassVar[str] = "assistance_id"

    assistance_id: UUID
    topic: Tag
    asked_by: Line
    knowledge_level: Level
    helped_at: Instant
    note: Text | None


class TopicFigures(BaseModel):
    """How often one topic needed help."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"topic": "export", "assistances": 4, "people": 3, "with_low_knowledge": 3, "training_needed": True}
            ]
        }
    )

    topic: Tag
    assistances: int = Field(ge=0, json_schema_extra={"format": "int32"})
    people: int = Field(ge=0, json_schema_extra={"format": "int32"}, description="different people who asked")
    with_low_knowledge: int = Field(ge=0, json_schema_extra={"format": "int32"})
    training_needed: bool = Field(description="as many with low knowledge as the threshold, or more")


class TrainingNeeds(BaseModel):
    """What users need help with, most often asked first."""

    topics: list[TopicFigures] = Field(max_length=200)


knowledge = APIRouter(prefix="/v1/knowledge-entries", tags=["learning"], route_class=IdempotentRoute)
feedback = APIRouter(prefix="/v1/feedback", tags=["learning"], route_class=IdempotentRoute)
assistances = APIRouter(prefix="/v1/assistances", tags=["learning"], route_class=IdempotentRoute)
training_needs = APIRouter(prefix="/v1/training-needs", tags=["learning"])


@knowledge.post(
    "",
    status_code=201,
    summary="Record knowledge",
    dependencies=[Idempotent],
    responses=responses_for(NotFound, Conflict),
)
async def record_knowledge(body: KnowledgeBody, desk: WritingDesk) -> KnowledgeEntry:
    """What was learned from an item. It must be resolved: before, nobody knows."""
    item = await queries.item(desk.unit.session, body.item_id)
    if item is None:
        raise UnknownItemError
    if item.status != Status.RESOLVED and item.status not in DONE:
        raise NotResolvedError("This item is not resolved yet: resolve it, then say what was learned from it.")
    return await desk.record(KnowledgeEntry, body)


@knowledge.get("", summary="Search knowledge")
async def list_knowledge(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    q: Annotated[
        str | None,
        Query(
            min_length=1,
            max_length=200,
            pattern=r"^[^\x00]*$",
            description='words as people write them ("quoted phrases", or, -without), in the forms of either language',
        ),
    ] = None,
    tag: Tag | None = None,
    language: Literal["en", "fr"] | None = None,
    stale_on: Annotated[
        LocalDate | None, Query(description="only what had to be reviewed by this date: the stale list")
    ] = None,
) -> Page[KnowledgeEntry]:
    """Newest first."""
    conditions: list[ColumnElement[bool]] = []
    if q is not None:
        conditions.append(or_(*(_says(q, code, name) for code, name in (("fr", "french"), ("en", "english")))))
    if tag is not None:
        conditions.append(KnowledgeEntryRow.tags.contains([tag]))
    if language is not None:
        conditions.append(KnowledgeEntryRow.language == language)
    if stale_on is not None:
        conditions.append(KnowledgeEntryRow.review_on <= stale_on)
    return await desk.page(KnowledgeEntry, params, narrowed.select(KnowledgeEntryRow, *conditions))


def _says(words: str, language: str, configuration: str) -> ColumnElement[bool]:
    found = KnowledgeEntryRow.search.op("@@")(func.websearch_to_tsquery(configuration, words))
    return (KnowledgeEntryRow.language == language) & found


@knowledge.get("/{knowledge_id}", summary="Read a knowledge entry")
async def get_knowledge(knowledge_id: UUID, desk: ReadingDesk) -> KnowledgeEntry:
    """One entry as it stands."""
    return await desk.read(KnowledgeEntry, knowledge_id)


@knowledge.put("/{knowledge_id}", summary="Review a knowledge entry", responses=CHANGED)
async def review_knowledge(
    knowledge_id: UUID, body: KnowledgeFacts, desk: WritingDesk, if_match: IfMatch
) -> KnowledgeEntry:
    """Its next version, or the same with a later review date. What it said before stays in its history."""
    return await desk.revise(KnowledgeEntry, knowledge_id, body, if_match)


@feedback.post("", status_code=201, summary="Give feedback", dependencies=[Idempotent], responses=MISSING)
async def record_feedback(body: FeedbackBody, desk: SharedDesk) -> Feedback:
    """What users say, from the agency or from the client himself, who then sees it."""
    must_have_happened("given_at", body.given_at, desk.unit.now)
    if desk.principal.client_id is not None:
        must(body.audience == "client", "audience", "Your own feedback is for you to see: say client, or nothing.")
    return await desk.record(Feedback, body, given_at=body.given_at or desk.unit.now)


@feedback.get("", summary="List feedback")
async def list_feedback(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    linked: Annotated[bool | None, Query(description="whether it led to an item")] = None,
) -> Page[Feedback]:
    """Newest first; with `item_id`, what led to one item."""
    conditions = [] if linked is None else [FeedbackRow.item_id.is_not(None) == linked]
    return await desk.page(Feedback, params, narrowed.select(FeedbackRow, *conditions))


@feedback.get("/{feedback_id}", summary="Read feedback")
async def get_feedback(feedback_id: UUID, desk: ReadingDesk) -> Feedback:
    """One piece of feedback."""
    return await desk.read(Feedback, feedback_id)


@feedback.post(
    "/{feedback_id}/link",
    summary="Link feedback to the item that it led to",
    dependencies=[Idempotent],
    responses=MISSING,
)
async def link_feedback(feedback_id: UUID, body: FeedbackLink, desk: WritingDesk) -> Feedback:
    """So that whoever reads the change sees what users had said. Linked again, the last link counts."""
    row = await desk.found(Feedback, feedback_id, lock=True)
    item = await queries.item(desk.unit.session, body.item_id)
    if item is None:
        raise UnknownItemError
    if item.contract_id != row.contract_id:
        raise ItemOfAnotherContractError
    return await desk.rewritten(Feedback, row, {"item_id": item.id})


@assistances.post("", status_code=201, summary="Record assistance", dependencies=[Idempotent], responses=MISSING)
async def record_assistance(body: AssistanceBody, desk: WritingDesk) -> Assistance:
    """Whom we helped with what, and how well he knew it."""
    must_have_happened("helped_at", body.helped_at, desk.unit.now)
    return await desk.record(Assistance, body, helped_at=body.helped_at or desk.unit.now)


@assistances.get("", summary="List assistance")
async def list_assistances(
    desk: ReadingDesk,
    params: PageParams,
    narrowed: Narrowed,
    since: From = None,
    until: To = None,
    topic: Tag | None = None,
) -> Page[Assistance]:
    """Newest first; help that was given in the period."""
    conditions = in_period(AssistanceRow.helped_at, since, until)
    if topic is not None:
        conditions.append(AssistanceRow.topic == topic)
    return await desk.page(Assistance, params, narrowed.select(AssistanceRow, *conditions))


@assistances.get("/{assistance_id}", summary="Read assistance")
async def get_assistance(assistance_id: UUID, desk: ReadingDesk) -> Assistance:
    """One record of help that was given."""
    return await desk.read(Assistance, assistance_id)


@training_needs.get("", summary="Read what users need training in")
async def get_training_needs(
    desk: ReadingDesk,
    narrowed: Narrowed,
    since: From = None,
    until: To = None,
    threshold: Annotated[
        int,
        Query(
            ge=1,
            le=1000,
            description="how many with low knowledge call for training",
            json_schema_extra={"format": "int32"},
        ),
    ] = 3,
) -> TrainingNeeds:
    """Topics of the help that was given in the period (the last 366 days where none is named)."""
    if since is None:
        end = until or desk.unit.now
        since = end - min(LONGEST_PERIOD, end - _EARLIEST)
    low = func.sum(case((AssistanceRow.knowledge_level == "low", 1), else_=0))
    asked = narrowed.select(AssistanceRow, *in_period(AssistanceRow.helped_at, since, until))
    figures = (
        asked.with_only_columns(
            AssistanceRow.topic, func.count(), func.count(func.distinct(AssistanceRow.asked_by)), low
        )
        .group_by(AssistanceRow.topic)
        .order_by(func.count().desc(), AssistanceRow.topic)
        .limit(200)
    )
    return TrainingNeeds(
        topics=[
            TopicFigures(
                topic=topic,
                assistances=assistances_given,
                people=people,
                with_low_knowledge=with_low,
                training_needed=with_low >= threshold,
            )
            for topic, assistances_given, people, with_low in await desk.unit.session.execute(figures)
        ]
    )
