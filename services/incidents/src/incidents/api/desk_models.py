"""Requests and answers of the service desk: what clients ask for, changes, and what is done to any item."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field, StrictBool, StrictInt, model_validator

from incidents.adapters.desk_tables import OccurrenceRow, PauseRow, ScheduleRow
from incidents.adapters.tables import ClockDueRow, StampRow, WorkItemRow
from incidents.api.models import (
    NOT_BLANK,
    ActorAnswer,
    AssigneeAnswer,
    CachedClockAnswer,
    ClockAnswer,
    LongText,
    SeverityWord,
    SourceAnswer,
    StampAnswer,
    Title,
)
from incidents.api.record_desk import Line, VersionName
from incidents.application.items import per_level
from incidents.application.ports import ClockView, HandOver, Link
from incidents.domain.promises import Metric
from incidents.domain.schedules import NonWorkingDay
from incidents.domain.work_item import (
    Act,
    Category,
    Criticality,
    Impact,
    Kind,
    MaintenanceType,
    ScopeVerdict,
    Status,
    WorkItem,
)
from shared.mail import ADDRESS_PATTERN
from shared.values import Instant, LocalDate, Seconds, forbid_unknown, seconds

_CONTRACT = "0197a1c2-0000-7000-8000-000000000201"
_SITE = "0197a1c2-0000-7000-8000-000000000301"

Written = Annotated[str, Field(min_length=1, max_length=10_000, pattern=NOT_BLANK)]
Reason = Annotated[
    str, Field(min_length=1, max_length=64, pattern=r"^[a-z][a-z0-9_]*$", examples=["waiting_for_client"])
]
Evidence = Annotated[
    dict[
        Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[^\x00]+$")],
        Annotated[str, Field(max_length=2000, pattern=r"^[^\x00]*$")],
    ],
    Field(min_length=1, max_length=20, examples=[{"asked": "Mail of 10:15 to ada@client.example: which browser?"}]),
]
Minutes = Annotated[StrictInt, Field(ge=1, le=1_000_000, json_schema_extra={"format": "int32"})]


class RequesterTold(BaseModel):
    """Who asks, when somebody else writes it down: his name, and how to reach him."""

    model_config = forbid_unknown(examples=[{"name": "Ada Martin", "email": "ada@client.example", "channel": "phone"}])

    name: Line
    email: str | None = Field(default=None, max_length=254, pattern=ADDRESS_PATTERN)
    phone: str | None = Field(default=None, min_length=3, max_length=50, pattern=r"^[+0-9 ().-]+$")
    channel: Literal["api", "mail", "phone", "portal"] = "phone"

    @model_validator(mode="after")
    def _can_be_reached(self) -> RequesterTold:
        if self.email is None and self.phone is None:
            raise ValueError("give an email or a phone: a request of somebody unknown is not taken")
        return self


class _Form(BaseModel):
    contract_id: UUID
    site_id: UUID | None = None
    environment_id: UUID | None = None
    title: Title
    severity: SeverityWord | None = Field(default=None, description="else impact and criticality give it, else minor")
    impact: Impact | None = None
    criticality: Criticality | None = None
    requester: RequesterTold | None = Field(
        default=None, description="the agency names who asked; left out, it is the caller himself"
    )
    asked_at: Instant | None = Field(
        default=None, description="when we were told, for a call logged afterwards; only the agency may state it"
    )


class ErrorReport(_Form):
    """Something does not do what it should."""

    model_config = forbid_unknown(
        examples=[
            {
                "form": "error",
                "contract_id": _CONTRACT,
                "site_id": _SITE,
                "title": "Checkout shows an error",
                "steps": "Put something into the basket, pay by card.",
                "expected": "A confirmation.",
                "observed": "A blank page.",
                "environment": "Firefox 140, production",
                "ci_version": "shop 4.2.1",
            }
        ]
    )

    form: Literal["error"]
    steps: Written
    expected: Written
    observed: Written
    environment: Line
    ci_version: Line = Field(description="version of the configuration item in which it was seen")


class FeatureRequest(_Form):
    """Something should do more."""

    model_config = forbid_unknown(
        examples=[
            {
                "form": "feature",
                "contract_id": _CONTRACT,
                "title": "Export the orders of a month",
                "need": "The accountant types them.",
                "benefit": "A day a month.",
                "who": "Accounting",
            }
        ]
    )

    form: Literal["feature"]
    need: Written
    benefit: Written
    who: Written
    estimated_minutes: Minutes | None = Field(
        default=None, description="the agency's first judgement; over the contract's limit it becomes a change at once"
    )


class AssistanceForm(_Form):
    """Somebody needs help to use it."""

    model_config = forbid_unknown(
        examples=[
            {"form": "assistance", "contract_id": _CONTRACT, "title": "How do I add a page?", "topic": "Editing pages"}
        ]
    )

    form: Literal["assistance"]
    topic: Line
    question: LongText = ""


RequestForm = Annotated[ErrorReport | FeatureRequest | AssistanceForm, Field(discriminator="form")]

_PLACE = frozenset(_Form.model_fields) | {"form", "estimated_minutes"}


def fields_of(form: ErrorReport | FeatureRequest | AssistanceForm) -> dict[str, Any]:
    """What only this form has."""
    return {name: value for name, value in form.model_dump(mode="json").items() if name not in _PLACE}


class ItemAct(BaseModel):
    """What is said with an act. The body may be left out."""

    model_config = forbid_unknown(examples=[{"note": "Done.", "note_audience": "client"}])

    at: Instant | None = Field(default=None, description="when it was done, if that was earlier")
    note: LongText | None = None
    note_audience: Literal["agency", "client"] = "agency"


class Size(BaseModel):
    """How much work a feature is."""

    model_config = forbid_unknown(examples=[{"minutes": 480}])

    minutes: Minutes


class ChangeDraft(BaseModel):
    """A change that somebody wants."""

    model_config = forbid_unknown(
        examples=[{"contract_id": _CONTRACT, "title": "Move the shop to PHP 8.5", "description": "8.3 ends in 2027."}]
    )

    contract_id: UUID
    site_id: UUID | None = None
    environment_id: UUID | None = None
    title: Title
    description: LongText = ""
    fixes: UUID | None = Field(
        default=None, description="the incident or request that it mends: its clocks wait while the client accepts"
    )
    requester: RequesterTold | None = None


class ChangeScope(BaseModel):
    """What is changed, and how one sees that it is done."""

    model_config = forbid_unknown(examples=[{"scope": "PHP 8.5 on both servers.", "acceptance": ["Checkout works"]}])

    scope: Written
    acceptance: list[Line] = Field(default_factory=list, max_length=50)
    excluded: LongText = ""


class DeploymentWindow(BaseModel):
    """From when to when it would be deployed."""

    model_config = forbid_unknown(examples=[{"from": "2026-06-15T20:00:00+02:00", "to": "2026-06-15T22:00:00+02:00"}])

    first: Instant = Field(alias="from")
    last: Instant = Field(alias="to")

    @model_validator(mode="after")
    def _has_a_length(self) -> DeploymentWindow:
        if self.last <= self.first:
            raise ValueError("a window ends after it begins")
        if self.first.year < 2000 or self.last.year > 2199:
            raise ValueError("a window lies in the years 2000 to 2199")
        return self


class ChangeEstimate(BaseModel):
    """What it takes, and when it would be deployed. Told again before it is deployed, it must be approved anew."""

    model_config = forbid_unknown(
        examples=[{"minutes": 480, "window": {"from": "2026-06-15T20:00:00+02:00", "to": "2026-06-15T22:00:00+02:00"}}]
    )

    minutes: Minutes
    window: DeploymentWindow
    rollback: LongText = ""


class ChangeApproval(BaseModel):
    """The client's decider wants it, as estimated and in its window."""

    model_config = forbid_unknown(examples=[{"approved_freezes": ["Admissions"], "note": "Go."}])

    approved_freezes: list[Line] = Field(
        default_factory=list, max_length=20, description="names of the freezes in which it may be deployed all the same"
    )
    note: LongText | None = None


class ChangeAcceptance(BaseModel):
    """The client's decider has tried it: it counts from now on, and what he notes is for both to read."""

    model_config = forbid_unknown(examples=[{"note": "It does what we asked for."}])

    note: LongText | None = None


class ChangeClosing(BaseModel):
    """What is said when nothing more will be done to a change. The body may be left out."""

    model_config = forbid_unknown(examples=[{"note": "Six hours over the estimate.", "note_audience": "agency"}])

    note: LongText | None = None
    note_audience: Literal["agency", "client"] = "agency"


class Refusal(BaseModel):
    """Why not."""

    model_config = forbid_unknown(examples=[{"reason": "Not before the summer."}])

    reason: Written


class DeploymentStart(BaseModel):
    """The deployment begins."""

    model_config = forbid_unknown(
        examples=[
            {
                "version": "4.3.0",
                "configuration_item": "shop",
                "previous_version": "4.2.1",
                "approver": "Nadia Benali",
            }
        ]
    )

    version: VersionName
    configuration_item: Line | None = Field(
        default=None, description="what it is a version of; without one, the site, or else the change by its title"
    )
    previous_version: VersionName | None = None
    approver: Line | None = Field(default=None, description="without one, who approved the change")
    outside_window_reason: Written | None = Field(
        default=None, description="why it is deployed outside of its window; without one that is refused"
    )


class DeploymentResult(BaseModel):
    """The deployment is over."""

    model_config = forbid_unknown(examples=[{"result": "succeeded", "note": "All checks are green."}])

    result: Literal["succeeded", "rolled_back"] = "succeeded"
    note: LongText | None = None


class PauseTold(BaseModel):
    """Whom we wait for, and what shows that we asked."""

    model_config = forbid_unknown(
        examples=[{"reason": "waiting_for_client", "evidence": {"asked": "Mail of 10:15: which browser?"}}]
    )

    reason: Reason
    evidence: Evidence
    at: Instant | None = None


class ResumeTold(BaseModel):
    """The wait is over."""

    model_config = forbid_unknown(examples=[{"answer": {"said": "Firefox, by phone at 11:02"}}])

    answer: Evidence
    at: Instant | None = None


class ReplyTold(BaseModel):
    """What somebody writes."""

    model_config = forbid_unknown(examples=[{"note": "Which browser do you use?"}])

    note: Written
    automatic: StrictBool = Field(default=False, description="set by programs: kept, and no clock heeds it")
    audience: Literal["agency", "client"] = Field(default="client", description="who may read it")


class RankTold(BaseModel):
    """The place of an item among those of its contract; null takes the decision back."""

    model_config = forbid_unknown(examples=[{"rank": 1, "reason": "The fair opens on Monday."}])

    rank: StrictInt | None = Field(ge=1, le=1_000_000, json_schema_extra={"format": "int32"})
    reason: Written


class ClassificationTold(BaseModel):
    """How bad it is: impact and criticality, or a severity itself."""

    model_config = forbid_unknown(
        examples=[{"impact": "data", "criticality": "high", "reason": "Orders are lost, not only delayed."}]
    )

    impact: Impact | None = None
    criticality: Criticality | None = None
    severity: SeverityWord | None = None
    reason: Written

    @model_validator(mode="after")
    def _says_something(self) -> ClassificationTold:
        if self.severity is None and (self.impact is None or self.criticality is None):
            raise ValueError("give impact and criticality, or a severity")
        return self


class ScopeTold(BaseModel):
    """Whether the contract covers it."""

    model_config = forbid_unknown(examples=[{"verdict": "in_scope", "reason": "A micro-evolution of the shop."}])

    verdict: ScopeVerdict
    reason: Written


class AssignmentTold(BaseModel):
    """Whose work it is from now on; a null id is nobody's."""

    model_config = forbid_unknown(examples=[{"user_id": "0197a1c2-0000-7000-8000-000000000011", "name": "Ada Martin"}])

    user_id: UUID | None
    name: Line | None = None

    @model_validator(mode="after")
    def _has_a_name(self) -> AssignmentTold:
        if (self.user_id is None) != (self.name is None):
            raise ValueError("give both the id and the name, or neither")
        return self


class HandOverTold(BaseModel):
    """What local support found out before the second level takes it; each is evidence or where to find it.

    What is recorded as evidence of the item (`/v1/evidence`) need not be said again.
    """

    model_config = forbid_unknown(
        examples=[
            {
                "to_level": 2,
                "configuration": "shop 4.2.1, PHP 8.3, PostgreSQL 16",
                "traces": "trace 4bf92f35 of 10:31",
                "logs": "nginx error.log 10:30 to 10:35, attached",
                "tests": "Happens with every card, not with transfer.",
            }
        ]
    )

    to_level: StrictInt = Field(ge=1, le=2)
    configuration: LongText = ""
    traces: LongText = ""
    logs: LongText = ""
    tests: LongText = ""


LinkKind = Literal["duplicates", "relates", "caused_by", "fixes", "r_and_d", "industrialisation"]


class LinkTold(BaseModel):
    """How this item is related to another one, or to an action that is kept elsewhere."""

    model_config = forbid_unknown(examples=[{"kind": "r_and_d", "target": "RD-12"}])

    kind: LinkKind
    target_id: UUID | None = None
    target: Line | None = Field(default=None, description="a reference elsewhere: an R&D or industrialisation action")

    @model_validator(mode="after")
    def _has_one_target(self) -> LinkTold:
        if (self.target_id is None) == (self.target is None):
            raise ValueError("give either target_id or target")
        if self.kind not in ("r_and_d", "industrialisation") and self.target_id is None:
            raise ValueError("this kind of link names an item: give target_id")
        return self


class MergeTold(BaseModel):
    """Into which item this one goes."""

    model_config = forbid_unknown(examples=[{"into_id": "0197a1c2-0000-7000-8000-000000000502"}])

    into_id: UUID


class ReopeningTold(BaseModel):
    """Why it is not over."""

    model_config = forbid_unknown(examples=[{"reason": "It happens again with another card."}])

    reason: Written
    at: Instant | None = Field(
        default=None, description="since when, if that was earlier; only the agency may state it"
    )


class BulkTold(BaseModel):
    """One act on many items."""

    model_config = forbid_unknown(
        examples=[{"act": "acknowledge", "item_ids": ["0197a1c2-0000-7000-8000-000000000501"]}]
    )

    act: Literal["acknowledge", "resolve", "close", "assign"]
    item_ids: list[UUID] = Field(min_length=1, max_length=100)
    note: LongText | None = None
    assignee: AssignmentTold | None = Field(default=None, description="with `assign` only")

    @model_validator(mode="after")
    def _names_somebody(self) -> BulkTold:
        if (self.act == "assign") != (self.assignee is not None):
            raise ValueError("`assignee` goes with `assign`")
        return self


class BulkResult(BaseModel):
    """What became of one item."""

    item_id: UUID
    result: Literal["done", "refused"]
    version: int | None = Field(description="of the item after it; null when it was refused")
    status: int = Field(description="as if the act had been asked for alone", json_schema_extra={"format": "int32"})
    detail: str | None = Field(max_length=2000)


class BulkAnswer(BaseModel):
    """One result per item, in the order asked. What was done stays done, whatever became of the others."""

    results: list[BulkResult] = Field(max_length=100)


class RequesterAnswer(BaseModel):
    """Who asks."""

    kind: Literal["user", "api_key", "contact", "guest"]
    id: str | None = Field(max_length=200)
    name: str = Field(max_length=200)
    email: str | None = Field(max_length=254)
    phone: str | None = Field(max_length=50)
    channel: str = Field(max_length=50)


class LinkAnswer(BaseModel):
    """A relation of this item."""

    link_id: UUID
    kind: LinkKind
    target_id: UUID | None
    target: str | None = Field(max_length=200)

    @classmethod
    def of(cls, link: Link) -> LinkAnswer:
        """The answer that tells a link."""
        return cls.model_validate(
            {"link_id": link.id, "kind": link.kind, "target_id": link.target_id, "target": link.target}
        )


class LevelAnswer(BaseModel):
    """How long a level of support had the item: of what its repair clock counted, else of the time until done."""

    level: int = Field(ge=1, le=2, json_schema_extra={"format": "int32"})
    elapsed_seconds: Seconds


class PauseAnswer(BaseModel):
    """A wait for somebody else, with its evidence."""

    pause_id: UUID
    reason: str = Field(max_length=64)
    allowed: bool = Field(description="false: the contract does not list this reason, and the clocks went on")
    paused_at: Instant
    paused_by: ActorAnswer
    evidence: dict[str, Any]
    resumed_at: Instant | None
    resumed_by: ActorAnswer | None
    answer: dict[str, Any] | None

    @classmethod
    def of_row(cls, row: PauseRow) -> PauseAnswer:
        """The answer that tells a pause."""
        by = {"kind": row.resumed_by_kind, "id": row.resumed_by_id, "name": row.resumed_by_name}
        return cls.model_validate(
            {
                "pause_id": row.id,
                "reason": row.reason,
                "allowed": row.allowed,
                "paused_at": row.paused_at,
                "paused_by": {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name},
                "evidence": row.evidence,
                "resumed_at": row.resumed_at,
                "resumed_by": by if row.resumed_by_kind is not None else None,
                "answer": row.answer,
            }
        )


class ItemBase(BaseModel):
    """What every kind of item has."""

    item_id: UUID
    kind: Kind
    number: str = Field(max_length=30, examples=["REQ-2026-0001"])
    version: int = Field(ge=1, json_schema_extra={"format": "int64"})
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    source: SourceAnswer
    category: Category
    maintenance_type: MaintenanceType = Field(description="the kind of maintenance, as the contract names it")
    impact: Impact | None
    criticality: Criticality | None
    severity: str = Field(max_length=50)
    title: str = Field(max_length=200)
    status: Status
    requester: RequesterAnswer | None
    scope_verdict: ScopeVerdict
    assignee: AssigneeAnswer | None
    support_level: int = Field(ge=1, le=2, json_schema_extra={"format": "int32"})
    decided_rank: int | None = Field(json_schema_extra={"format": "int32"})
    arbitration_required: bool
    merged_into_id: UUID | None
    duplicate_of_id: UUID | None
    details: dict[str, Any] = Field(description="what only its kind has: the form, the estimate, the checklist …")
    timestamps: dict[str, StampAnswer] = Field(description="the instants of the present cycle that have happened")


class ItemLine(ItemBase):
    """An item in a list, with its clocks as they read when something last happened."""

    clocks: list[CachedClockAnswer] = Field(max_length=10)

    @classmethod
    def of_row(
        cls, row: WorkItemRow, stamps: Sequence[StampRow], clocks: Sequence[ClockDueRow], now: datetime
    ) -> ItemLine:
        """The answer that tells a row with its stamps and cached clocks."""
        assignee = {"id": row.assignee_id, "name": row.assignee_name} if row.assignee_id is not None else None
        same = ItemBase.model_fields.keys() - {
            *("item_id", "source", "assignee", "arbitration_required", "timestamps", "maintenance_type")
        }
        return cls.model_validate(
            {name: getattr(row, name) for name in same}
            | {
                "item_id": row.id,
                "source": {"kind": row.source_kind, "outage_id": row.outage_id, "monitor_id": row.monitor_id},
                "maintenance_type": Category(row.category).maintenance_type,
                "assignee": assignee,
                "arbitration_required": bool(row.details.get("arbitration_required")),
                "timestamps": {stamp.milestone: StampAnswer.of_row(stamp) for stamp in stamps},
                "clocks": [CachedClockAnswer.of_row(clock, now) for clock in clocks],
            }
        )


class ItemAnswer(ItemBase):
    """An item with its clocks as they read now."""

    description: str = Field(max_length=10_000)
    allowed_acts: list[Act] = Field(max_length=20, description="what may be done to it now")
    may_reopen: bool
    freezes_to_approve: list[Line] = Field(
        max_length=100,
        description="names of the contract's freezes in which it would be deployed or done, and which the client's"
        " decider has not approved for it: he approves it with all of them in `approved_freezes`",
    )
    clocks: list[ClockAnswer] = Field(max_length=10)
    support: list[LevelAnswer] = Field(max_length=2)
    links: list[LinkAnswer] = Field(max_length=1000)

    @classmethod
    def of(
        cls,
        item: WorkItem,
        clocks: Iterable[ClockView],
        links: Iterable[Link],
        hand_overs: Iterable[HandOver],
        freezes_to_approve: Iterable[str],
        now: datetime,
    ) -> ItemAnswer:
        """The answer that tells an item."""
        subject, source, asked = item.subject, item.source, item.requester
        views = list(clocks)
        return cls.model_validate(
            {
                "item_id": item.id,
                "kind": item.kind,
                "number": item.number,
                "version": item.version,
                "contract_id": subject.contract_id,
                "client_id": subject.client_id,
                "site_id": subject.site_id,
                "environment_id": subject.environment_id,
                "source": {"kind": source.kind, "outage_id": source.outage_id, "monitor_id": source.monitor_id},
                "category": item.category,
                "maintenance_type": item.category.maintenance_type,
                "impact": item.impact,
                "criticality": item.criticality,
                "severity": str(item.severity),
                "title": item.title,
                "description": item.description,
                "status": item.status,
                "requester": asked and {name: getattr(asked, name) for name in RequesterAnswer.model_fields},
                "scope_verdict": item.scope_verdict,
                "assignee": item.assignee and {"id": item.assignee.id, "name": item.assignee.name},
                "support_level": item.support_level,
                "decided_rank": item.decided_rank,
                "arbitration_required": bool(item.details.get("arbitration_required")),
                "merged_into_id": item.merged_into_id,
                "duplicate_of_id": item.duplicate_of_id,
                "details": dict(item.details),
                "timestamps": {name.value: StampAnswer.of(stamp) for name, stamp in item.stamps.items()},
                "allowed_acts": list(item.allowed),
                "may_reopen": item.may_reopen,
                "freezes_to_approve": list(freezes_to_approve),
                "clocks": [ClockAnswer.of(view) for view in views],
                "support": _support(item, views, hand_overs, now),
                "links": [LinkAnswer.of(link) for link in links],
            }
        )


class QueueEntry(BaseModel):
    """An item that waits, and why it waits where it does: of ranks the lower comes first."""

    contract_rank: int = Field(json_schema_extra={"format": "int32"})
    decided_rank: int | None = Field(json_schema_extra={"format": "int32"})
    severity_rank: int = Field(json_schema_extra={"format": "int32"})
    in_freeze: bool = Field(description="its contract is in a freeze period today: it comes before others of its rank")
    breach_after: Instant | None = Field(description="of its clock that is over its target first")
    item: ItemLine


class ClientsDecision(QueueEntry):
    """An item that goes on only when the client's decider says so."""

    decision: Literal["approve", "accept"]
    freezes_to_approve: list[Line] = Field(
        max_length=100, description="names of the contract's freezes in which it would be deployed or done"
    )


class Workload(BaseModel):
    """How much somebody has to do."""

    id: str = Field(max_length=200)
    name: str = Field(max_length=200)
    items: int = Field(json_schema_extra={"format": "int32"})


class ContractFigures(BaseModel):
    """How one contract's queue stands."""

    contract_id: UUID
    open: int = Field(description="what waits", json_schema_extra={"format": "int32"})
    by_severity: dict[str, int]
    cap: int = Field(json_schema_extra={"format": "int32"})
    over_cap: bool
    oldest_days: int | None = Field(
        description="age of the oldest in whole days", json_schema_extra={"format": "int32"}
    )
    stale: list[str] = Field(
        max_length=200,
        description="numbers of those that nobody has touched for longer than agreed: propose to close or re-rank them",
    )
    came_in: int = Field(
        description="incidents and requests of the quota's window", json_schema_extra={"format": "int32"}
    )
    urgent: int = Field(json_schema_extra={"format": "int32"})
    urgent_percent: str | None = Field(max_length=20, description="two decimals, truncated; null when nothing came in")
    quota_percent: int | None = Field(json_schema_extra={"format": "int32"})
    quota_exceeded: bool
    quota_told_at: Instant | None = Field(
        description="when the agency was last mailed that the quota is exceeded; once each time it comes to be"
    )
    arbitration: list[str] = Field(max_length=200, description="numbers that wait for the decider's word")
    workload: list[Workload] = Field(max_length=200, description="who has how many items, the most first")


def _support(
    item: WorkItem, views: Sequence[ClockView], hand_overs: Iterable[HandOver], now: datetime
) -> list[Mapping[str, Any]]:
    by_metric = {view.metric: view.reading for view in views}
    reading = by_metric.get(Metric.REPAIR)
    counted = (
        [(span.start, span.end) for span in reading.explanation if span.counted]
        if reading is not None
        else [(item.detected_at, max(item.done_at or now, item.detected_at))]
    )
    return [
        {
            "level": level,
            "elapsed_seconds": sum(
                (
                    seconds(min(ends, last) - max(begins, first))
                    for begins, ends in spans
                    for first, last in counted
                    if max(begins, first) < min(ends, last)
                ),
                Fraction(0),
            ),
        }
        for level, spans in per_level(hand_overs, item.detected_at, now).items()
    ]


Work = Literal["update", "check"]
Checklist = Annotated[list[Line], Field(max_length=100)]


class WorkOrderPlan(BaseModel):
    """Preventive work for one day."""

    model_config = forbid_unknown(
        examples=[
            {
                "contract_id": _CONTRACT,
                "site_id": _SITE,
                "title": "Update the plugins",
                "work": "update",
                "planned_on": "2026-06-15",
                "checklist": ["Checkout works", "No error in the log"],
            }
        ]
    )

    contract_id: UUID
    site_id: UUID | None = None
    environment_id: UUID | None = None
    title: Title
    description: LongText = ""
    work: Work
    planned_on: LocalDate
    checklist: Checklist = Field(default_factory=list)
    maintenance_type: MaintenanceType = MaintenanceType.PREVENTIVE
    intervention_mode: Literal["remote", "on_site"] = "remote"
    on_site_scope_id: UUID | None = Field(
        default=None,
        description="the change whose scope the client has approved: work on site is defined first",
    )


class BackupTold(BaseModel):
    """The backup that one would go back to, and who has verified it."""

    model_config = forbid_unknown(
        examples=[
            {"reference": "s3://backups/shop/2026-06-15", "verified_at": "2026-06-15T08:00:00Z", "verified_by": "Nadia"}
        ]
    )

    reference: Line
    verified_at: Instant
    verified_by: Line


class WorkOrderStart(BaseModel):
    """Somebody begins. An update needs all of it; without it nothing is touched."""

    model_config = forbid_unknown(
        examples=[
            {
                "backup": {
                    "reference": "s3://backups/shop/2026-06-15",
                    "verified_at": "2026-06-15T08:00:00Z",
                    "verified_by": "Nadia",
                },
                "rollback_plan": "Restore the backup, deploy 4.2.1.",
                "configuration_item": "shop",
                "version_before": "4.2.1",
            }
        ]
    )

    backup: BackupTold | None = None
    rollback_plan: Written | None = None
    configuration_item: Line | None = Field(default=None, description="what is updated: it gets into its history")
    version_before: VersionName | None = None


class WorkOrderResult(BaseModel):
    """It is done: what of the checklist, and what shows it."""

    model_config = forbid_unknown(
        examples=[
            {
                "done": ["Checkout works", "No error in the log"],
                "proof": "Screenshots in the shared folder, run 2026-06-15.",
                "version_after": "4.3.0",
            }
        ]
    )

    done: Checklist = Field(default_factory=list)
    proof: Written
    version_after: VersionName | None = None
    note: LongText | None = None


class ScheduleTold(BaseModel):
    """Preventive work that recurs, on days of the contract's zone."""

    model_config = forbid_unknown(
        examples=[
            {
                "contract_id": _CONTRACT,
                "title": "Update the plugins",
                "work": "update",
                "recurrence": "FREQ=MONTHLY;BYMONTHDAY=1",
                "first_on": "2026-07-01",
                "non_working_day": "next_business_day",
                "checklist": ["Checkout works"],
            }
        ]
    )

    contract_id: UUID
    site_id: UUID | None = None
    environment_id: UUID | None = None
    title: Title
    description: LongText = ""
    work: Work
    recurrence: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[A-Z0-9=;,+-]+$")] = Field(
        description="a rule of RFC 5545 of days and longer: FREQ, INTERVAL, BYDAY, BYMONTHDAY, BYMONTH, BYSETPOS, COUNT"
    )
    first_on: LocalDate
    non_working_day: NonWorkingDay = Field(description="what becomes of a day on which the calendar is closed")
    lead_days: StrictInt = Field(
        default=0, ge=0, le=60, description="how long before its day", json_schema_extra={"format": "int32"}
    )
    checklist: Checklist = Field(default_factory=list)


class WorkOrderScheduleAnswer(BaseModel):
    """A schedule of preventive work."""

    work_order_schedule_id: UUID
    version: int = Field(ge=1, json_schema_extra={"format": "int64"})
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    title: str = Field(max_length=200)
    description: str = Field(max_length=10_000)
    work: Work
    recurrence: str = Field(max_length=200)
    first_on: LocalDate
    non_working_day: NonWorkingDay
    lead_days: int = Field(json_schema_extra={"format": "int32"})
    checklist: list[str] = Field(max_length=100)
    active: bool
    deliverable: str | None = Field(
        max_length=64, description="of the contract, which promises this work by itself; null: somebody scheduled it"
    )
    next_on: LocalDate | None = Field(description="the rule's next day; its work order may fall on another")
    due_at: Instant | None = Field(description="when that work order is made")

    @classmethod
    def of_row(cls, row: ScheduleRow) -> WorkOrderScheduleAnswer:
        """The answer that tells a schedule."""
        same = cls.model_fields.keys() - {"work_order_schedule_id"}
        return cls.model_validate({name: getattr(row, name) for name in same} | {"work_order_schedule_id": row.id})


class OccurrenceAnswer(BaseModel):
    """One day of a schedule's rule, and what came of it."""

    day: LocalDate
    planned_on: LocalDate | None = Field(description="null: nobody works then, and the rule leaves it out")
    why: NonWorkingDay | None = Field(description="by which rule it was moved or left out")
    item_id: UUID | None
    made_at: Instant

    @classmethod
    def of_row(cls, row: OccurrenceRow) -> OccurrenceAnswer:
        """The answer that tells an occurrence."""
        return cls.model_validate({name: getattr(row, name) for name in cls.model_fields})
