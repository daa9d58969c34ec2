"""Requests and answers about incidents."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from fractions import Fraction
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from incidents.adapters.reading import verdict_of
from incidents.adapters.tables import ClockDueRow, ClockEventRow, NotificationRow, StampRow, TimelineRow, WorkItemRow
from incidents.api.calculators import SlaClockAnswer, SpanAnswer
from incidents.application.definitions import ONE_LINE
from incidents.application.ports import ClockView
from incidents.domain.promises import Metric
from incidents.domain.sla_clock import State, Verdict
from incidents.domain.work_item import (
    Act,
    Category,
    Criticality,
    Impact,
    MaintenanceType,
    Milestone,
    Stamp,
    Status,
    WorkItem,
)
from shared.mail import ADDRESS_PATTERN
from shared.values import Instant, Seconds, forbid_unknown, seconds

CLEAN = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""A text of many lines: no control characters but those that break and indent them."""
NOT_BLANK = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\x00-\x20\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
"""The same, and more than spaces: a plan or a reason that says nothing is none."""

Title = Annotated[str, Field(min_length=1, max_length=200, pattern=ONE_LINE, examples=["Checkout shows an error"])]
SeverityWord = Annotated[
    str,
    Field(
        min_length=1,
        max_length=50,
        pattern=ONE_LINE,
        description="a code of the contract's list, or a word for it: critical, bloquant, major …",
        examples=["major"],
    ),
]
SeverityCode = Annotated[str, Field(min_length=1, max_length=50, pattern=r"^[^\x00]+$", examples=["critical"])]
LongText = Annotated[str, Field(max_length=10_000, pattern=CLEAN)]

_PERSON: dict[str, Any] = {"kind": "user", "id": "0197a1c2-0000-7000-8000-000000000011", "name": "Ada Martin"}


class IncidentReport(BaseModel):
    """What a person reports. Under which contract is enough; the rest helps to find it."""

    model_config = forbid_unknown(
        examples=[
            {
                "contract_id": "0197a1c2-0000-7000-8000-000000000201",
                "site_id": "0197a1c2-0000-7000-8000-000000000301",
                "severity": "major",
                "title": "Checkout shows an error",
                "description": "Paying by card ends on a blank page since this morning.",
                "occurred_at": "2026-06-08T10:30:00+02:00",
            }
        ]
    )

    contract_id: UUID
    site_id: UUID | None = Field(default=None, description="a site under the contract; null if it is not known")
    environment_id: UUID | None = Field(
        default=None, description="an environment of it; one that does not count for the contract gets no clocks"
    )
    severity: SeverityWord | None = Field(
        default=None, description="left out, impact and criticality give it by the contract's matrix"
    )
    impact: Impact | None = None
    criticality: Criticality | None = None
    title: Title
    description: LongText = ""
    occurred_at: Instant | None = Field(default=None, description="when it began, if the reporter knows")
    reported_at: Instant | None = Field(
        default=None,
        description="when we were told, for a call that is logged afterwards: the clocks start then. Null is now. Only"
        " the agency may state it.",
    )


class IncidentAct(BaseModel):
    """What is said with an act. The body may be left out."""

    model_config = forbid_unknown(
        examples=[{"at": "2026-06-08T11:08:00+02:00", "note": "Looking into it.", "note_audience": "client"}]
    )

    at: Instant | None = Field(
        default=None,
        description="when it was done, if that was earlier: not before the incident was detected or an earlier act",
    )
    note: LongText | None = None
    note_audience: Literal["agency", "client"] = Field(
        default="agency", description="who may read the note; the act itself is seen by both"
    )


class Acknowledgement(IncidentAct):
    """An answer to the alert. The body may be left out."""

    automatic: StrictBool = Field(
        default=False,
        description="set by programs that reply on their own: kept on the timeline, but the status stays and the"
        " response clock goes on, because nobody has answered",
    )


class ActorAnswer(BaseModel):
    """Who did it."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PERSON]})

    kind: Literal["user", "api_key", "runner", "system"]
    id: str = Field(max_length=200)
    name: str = Field(max_length=200)


class StampAnswer(BaseModel):
    """One instant of an incident. Never changes once it is there."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"at": "2026-06-08T09:08:00Z", "actor": _PERSON, "source": "api"}]}
    )

    at: Instant
    actor: ActorAnswer
    source: str = Field(max_length=100, description="from where we know: monitor, person, api, mail")

    @classmethod
    def of_row(cls, row: StampRow) -> StampAnswer:
        """The answer that tells a stored stamp."""
        actor = ActorAnswer.model_validate({"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name})
        return cls(at=row.at, actor=actor, source=row.source)

    @classmethod
    def of(cls, stamp: Stamp) -> StampAnswer:
        """The answer that tells a stamp."""
        who = stamp.actor
        actor = ActorAnswer.model_validate({"kind": who.kind, "id": who.id, "name": who.name})
        return cls(at=stamp.at, actor=actor, source=stamp.source)


class TimestampsAnswer(BaseModel):
    """Every instant of the incident; null is: has not happened."""

    first_failure: StampAnswer | None = None
    detected: StampAnswer | None = None
    opened: StampAnswer | None = None
    alerted: StampAnswer | None = None
    acknowledged: StampAnswer | None = None
    mitigated: StampAnswer | None = None
    monitoring_paused: StampAnswer | None = Field(
        default=None, description="the outage was observed until then; it was not seen to end"
    )
    recovered: StampAnswer | None = None
    resolved: StampAnswer | None = None
    closed: StampAnswer | None = None
    reopened: StampAnswer | None = Field(default=None, description="the beginning of the present cycle")
    post_mortem: StampAnswer | None = None


class AssigneeAnswer(BaseModel):
    """Whose work it is."""

    id: str = Field(max_length=200)
    name: str = Field(max_length=200)


class SourceAnswer(BaseModel):
    """How the incident became known."""

    kind: Literal["monitor", "person", "schedule", "system"]
    outage_id: UUID | None
    monitor_id: UUID | None


class CachedClockAnswer(BaseModel):
    """A clock as it read when something last happened to it; `due_at` holds unless it is paused."""

    clock_id: UUID
    metric: Metric
    policy: str = Field(max_length=100, examples=["critical-response@1"])
    target_seconds: Seconds
    state: State
    due_at: Instant | None
    breach_after: Instant | None
    verdict: Verdict | None

    @classmethod
    def of_row(cls, row: ClockDueRow, now: datetime) -> CachedClockAnswer:
        """The answer that tells a cached clock. One that passed its time since then is breached."""
        told = row.reading
        late = row.state == "running" and row.breach_after is not None and now > row.breach_after
        return cls.model_validate(
            {
                "clock_id": row.clock_id,
                "metric": row.metric,
                "policy": told["policy"],
                "target_seconds": _exact(told["target_seconds"]),
                "state": "breached" if late else row.state,
                "due_at": row.due_at,
                "breach_after": row.breach_after,
                "verdict": told["verdict"],
            }
        )


class ClockAnswer(BaseModel):
    """A clock as it reads now, folded from its facts."""

    clock_id: UUID
    metric: Metric
    policy: str = Field(max_length=100, examples=["critical-response@1"])
    target_seconds: Seconds
    state: State = Field(description="over its target it is `breached`, even while it still runs")
    due_at: Instant | None
    breach_after: Instant | None
    elapsed_seconds: Seconds
    remaining_seconds: Seconds = Field(description="negative when over the target")
    percent_used: str | None = Field(max_length=32, description="two decimals, truncated", examples=["22.77"])
    verdict: Verdict | None = Field(description="null until the clock is stopped")
    explanation: list[SpanAnswer] = Field(max_length=50_000, description="each span of time, and why it counted or not")

    @classmethod
    def of(cls, view: ClockView) -> ClockAnswer:
        """The answer that tells a clock."""
        answer = SlaClockAnswer.of(view.reading)
        return cls.model_validate(
            {
                "clock_id": view.id,
                "metric": view.metric,
                "policy": answer.policy,
                "target_seconds": answer.target_seconds,
                "state": answer.state,
                "due_at": answer.due_at,
                "breach_after": answer.breach_after,
                "elapsed_seconds": answer.elapsed_seconds,
                "remaining_seconds": answer.remaining_seconds,
                "percent_used": answer.percent_used,
                "verdict": verdict_of(view),
                "explanation": answer.explanation,
            }
        )


class ClockFactAnswer(BaseModel):
    """A stored fact of a clock. A later stop of one cycle is kept and does not count."""

    kind: Literal["opened", "paused", "resumed", "stopped", "reopened", "cancelled", "reclassified"]
    at: Instant
    pause_id: str | None = Field(max_length=100)
    reason: str | None = Field(max_length=100)
    severity: str | None = Field(max_length=50, description="the item's from this fact on")
    actor: ActorAnswer
    source: str = Field(max_length=100)
    recorded_at: Instant

    @classmethod
    def of_row(cls, row: ClockEventRow) -> ClockFactAnswer:
        """The answer that tells a stored fact."""
        return cls.model_validate(
            {
                "kind": row.kind,
                "at": row.at,
                "pause_id": row.pause_id,
                "reason": row.reason,
                "severity": row.severity,
                "actor": {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name},
                "source": row.source,
                "recorded_at": row.recorded_at,
            }
        )


class ClockDetails(BaseModel):
    """A clock with everything behind its figures: its facts, and the whole answer of the calculator for them."""

    clock_id: UUID
    incident_id: UUID
    metric: Metric
    facts: list[ClockFactAnswer] = Field(max_length=10_000)
    reading: SlaClockAnswer

    @classmethod
    def of(cls, incident_id: UUID, view: ClockView, facts: Iterable[ClockEventRow]) -> ClockDetails:
        """The answer that tells a clock and its facts."""
        return cls(
            clock_id=view.id,
            incident_id=incident_id,
            metric=view.metric,
            facts=[ClockFactAnswer.of_row(fact) for fact in facts],
            reading=SlaClockAnswer.of(view.reading),
        )


class IncidentItem(BaseModel):
    """An incident in a list."""

    incident_id: UUID
    number: str = Field(max_length=30, examples=["INC-2026-0001"])
    version: int = Field(ge=1, json_schema_extra={"format": "int64"})
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    counts_for_sla: bool = Field(description="false: an environment outside of the contract's targets, without clocks")
    source: SourceAnswer
    title: str = Field(max_length=200)
    severity: str = Field(max_length=50)
    status: Status
    category: Category
    maintenance_type: MaintenanceType = Field(description="the kind of maintenance, as the contract names it")
    impact: Impact | None
    criticality: Criticality | None
    assignee: AssigneeAnswer | None
    support_level: int = Field(ge=1, le=2, json_schema_extra={"format": "int32"})
    decided_rank: int | None = Field(
        description="its place among those of its contract, as the client decided",
        json_schema_extra={"format": "int32"},
    )
    arbitration_required: bool = Field(description="more than the agreed share is called urgent; somebody must decide")
    merged_into_id: UUID | None
    duplicate_of_id: UUID | None
    timestamps: TimestampsAnswer
    duration_seconds: Seconds | None = Field(
        description="from the first failure (or the detection) to the recovery (or the pause of its monitoring, or the"
        " resolution); null until then"
    )
    clocks: list[CachedClockAnswer] = Field(max_length=10)

    @classmethod
    def of_row(
        cls, row: WorkItemRow, stamps: Sequence[StampRow], clocks: Sequence[ClockDueRow], now: datetime
    ) -> IncidentItem:
        """The answer that tells a row with its stamps and cached clocks."""
        told = {stamp.milestone: StampAnswer.of_row(stamp) for stamp in stamps}
        return cls.model_validate(
            _common(row)
            | {
                "timestamps": told,
                "duration_seconds": _duration({Milestone(name): stamp.at for name, stamp in told.items()}),
                "clocks": [CachedClockAnswer.of_row(clock, now) for clock in clocks],
            }
        )


class OutageEvidence(BaseModel):
    """What the monitor told about the outage, as it came."""

    model_config = ConfigDict(
        extra="allow",
        json_schema_extra={
            "examples": [
                {
                    "reason": "http_status",
                    "detail": "503 Service Unavailable",
                    "url": "https://shop.example",
                    "evidence": {"status_code": 503, "checked_at": "2026-06-08T09:01:10Z"},
                }
            ]
        },
    )


class IncidentAnswer(BaseModel):
    """An incident with its clocks as they read now."""

    incident_id: UUID
    number: str = Field(max_length=30, examples=["INC-2026-0001"])
    version: int = Field(ge=1, json_schema_extra={"format": "int64"})
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    counts_for_sla: bool = Field(description="false: an environment outside of the contract's targets, without clocks")
    source: SourceAnswer
    title: str = Field(max_length=200)
    description: str = Field(max_length=10_000)
    severity: str = Field(max_length=50)
    status: Status
    category: Category
    maintenance_type: MaintenanceType = Field(description="the kind of maintenance, as the contract names it")
    impact: Impact | None
    criticality: Criticality | None
    assignee: AssigneeAnswer | None
    support_level: int = Field(ge=1, le=2, json_schema_extra={"format": "int32"})
    decided_rank: int | None = Field(
        description="its place among those of its contract, as the client decided",
        json_schema_extra={"format": "int32"},
    )
    arbitration_required: bool = Field(description="more than the agreed share is called urgent; somebody must decide")
    merged_into_id: UUID | None
    duplicate_of_id: UUID | None
    may_reopen: bool
    allowed_acts: list[Act] = Field(max_length=10, description="what may be done to it now")
    timestamps: TimestampsAnswer
    duration_seconds: Seconds | None = Field(
        description="from the first failure (or the detection) to the recovery (or the pause of its monitoring, or the"
        " resolution); null until then"
    )
    clocks: list[ClockAnswer] = Field(max_length=10)
    outage: OutageEvidence | None = Field(description="null unless a monitor opened it")

    @classmethod
    def of(cls, incident: WorkItem, clocks: Iterable[ClockView], outage: Mapping[str, Any] | None) -> IncidentAnswer:
        """The answer that tells an incident."""
        subject, source = incident.subject, incident.source
        return cls.model_validate(
            {
                "incident_id": incident.id,
                "number": incident.number,
                "version": incident.version,
                "contract_id": subject.contract_id,
                "client_id": subject.client_id,
                "site_id": subject.site_id,
                "environment_id": subject.environment_id,
                "counts_for_sla": subject.counts_for_sla,
                "source": {"kind": source.kind, "outage_id": source.outage_id, "monitor_id": source.monitor_id},
                "title": incident.title,
                "description": incident.description,
                "severity": incident.severity,
                "status": incident.status,
                "category": incident.category,
                "maintenance_type": incident.category.maintenance_type,
                "impact": incident.impact,
                "criticality": incident.criticality,
                "assignee": incident.assignee and {"id": incident.assignee.id, "name": incident.assignee.name},
                "support_level": incident.support_level,
                "decided_rank": incident.decided_rank,
                "arbitration_required": bool(incident.details.get("arbitration_required")),
                "merged_into_id": incident.merged_into_id,
                "duplicate_of_id": incident.duplicate_of_id,
                "may_reopen": incident.may_reopen,
                "allowed_acts": list(incident.allowed),
                "timestamps": {name.value: StampAnswer.of(stamp) for name, stamp in incident.stamps.items()},
                "duration_seconds": _duration({name: stamp.at for name, stamp in incident.stamps.items()}),
                "clocks": [ClockAnswer.of(view) for view in clocks],
                "outage": outage,
            }
        )


class TimelineEntry(BaseModel):
    """Something that happened to the incident, at its own time; `recorded_at` is when we learned of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "entry_id": "0197a1c2-0000-7000-8000-000000000521",
                    "kind": "acknowledged",
                    "at": "2026-06-08T09:08:00Z",
                    "recorded_at": "2026-06-08T09:08:00Z",
                    "actor": _PERSON,
                    "source": "api",
                    "audience": "client",
                    "note": None,
                    "data": {},
                }
            ]
        }
    )

    entry_id: UUID
    kind: str = Field(max_length=50, examples=["opened", "acknowledged", "recovered", "clock_breached", "note"])
    at: Instant
    recorded_at: Instant
    actor: ActorAnswer
    source: str = Field(max_length=100)
    audience: Literal["agency", "client"]
    note: str | None = Field(max_length=10_000)
    data: dict[str, Any]

    @classmethod
    def of_row(cls, row: TimelineRow) -> TimelineEntry:
        """The answer that tells a line."""
        return cls.model_validate(
            {
                "entry_id": row.id,
                "kind": row.kind,
                "at": row.at,
                "recorded_at": row.recorded_at,
                "actor": {"kind": row.actor_kind, "id": row.actor_id, "name": row.actor_name},
                "source": row.source,
                "audience": row.audience,
                "note": row.note,
                "data": row.data,
            }
        )


MessageKind = Literal["opened", "recovered", "reopened", "resolved", "clock_at_risk", "clock_breached", "escalation"]
"""What messages about items are about."""


class NotificationAnswer(BaseModel):
    """A message to one recipient about one fact, and what became of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "notification_id": "0197a1c2-0000-7000-8000-000000000531",
                    "kind": "opened",
                    "channel": "mail",
                    "recipient": "alerts@agency.example",
                    "channel_id": None,
                    "bundle_id": None,
                    "held_until": None,
                    "audience": "agency",
                    "language": "en",
                    "state": "sent",
                    "attempts": 1,
                    "last_error": None,
                    "subject": "[INC-2026-0001] Shop is down",
                    "body": "Incident INC-2026-0001, Shop Ltd, contract C-2026-0001\n",
                    "message_id": "<0197a1c2-0000-7000-8000-000000000531@agency.example>",
                    "created_at": "2026-06-08T09:01:11Z",
                    "next_attempt_at": None,
                    "sent_at": "2026-06-08T09:01:12Z",
                }
            ]
        }
    )

    notification_id: UUID
    kind: MessageKind
    channel: Literal["mail", "apprise"] = Field(description="apprise: one of the agency's notification channels")
    recipient: str = Field(max_length=320, description="of a channel, what may be shown of its address")
    channel_id: UUID | None
    audience: Literal["agency", "client"]
    language: str = Field(max_length=10)
    state: Literal["pending", "sent", "failed", "not_configured", "expired"] = Field(
        description="not_configured: there is no mail server to send it with; it waits for a day, then expires"
    )
    attempts: int = Field(ge=0, json_schema_extra={"format": "int32"})
    last_error: str | None = Field(max_length=500)
    bundle_id: UUID | None = Field(
        description="the message that this fact is told in together with others; that one has subject and body"
    )
    held_until: Instant | None = Field(description="it waits until then for others, to be told together")
    subject: str | None = Field(max_length=200, description="null until it was first tried")
    body: str | None = Field(max_length=100_000)
    message_id: str | None = Field(max_length=400)
    created_at: Instant
    next_attempt_at: Instant | None
    sent_at: Instant | None = Field(description="when the server accepted it")

    @classmethod
    def of_row(cls, row: NotificationRow) -> NotificationAnswer:
        """The answer that tells a message."""
        shown = {name: getattr(row, name) for name in cls.model_fields if name not in ("notification_id", "channel_id")}
        channel_id = row.recipient if row.channel == "apprise" else None
        return cls.model_validate(
            shown | {"notification_id": row.id, "channel_id": channel_id, "recipient": row.address or row.recipient}
        )


class AlertAddress(BaseModel):
    """Somebody whom the agency wants to be alerted, and in which language."""

    model_config = forbid_unknown(examples=[{"email": "oncall@agency.example", "language": "en"}])

    email: str = Field(max_length=254, pattern=ADDRESS_PATTERN, examples=["oncall@agency.example"])
    language: Literal["en", "fr"] = "en"


class AlertAddresses(BaseModel):
    """Whom the agency alerts of every incident, besides the addresses of each contract."""

    model_config = forbid_unknown(examples=[{"addresses": [{"email": "oncall@agency.example", "language": "en"}]}])

    addresses: list[AlertAddress] = Field(max_length=50)


class AlertAddressesAnswer(BaseModel):
    """Whom the agency alerts of every incident, besides the addresses of each contract."""

    version: int = Field(ge=0, description="0: the installation's own addresses", json_schema_extra={"format": "int64"})
    addresses: list[AlertAddress] = Field(max_length=50)


def _common(row: WorkItemRow) -> dict[str, Any]:
    return {
        "incident_id": row.id,
        "number": row.number,
        "version": row.version,
        "contract_id": row.contract_id,
        "client_id": row.client_id,
        "site_id": row.site_id,
        "environment_id": row.environment_id,
        "counts_for_sla": row.counts_for_sla,
        "source": {"kind": row.source_kind, "outage_id": row.outage_id, "monitor_id": row.monitor_id},
        "title": row.title,
        "severity": row.severity,
        "status": row.status,
        "category": row.category,
        "maintenance_type": Category(row.category).maintenance_type,
        "impact": row.impact,
        "criticality": row.criticality,
        "assignee": {"id": row.assignee_id, "name": row.assignee_name} if row.assignee_id is not None else None,
        "support_level": row.support_level,
        "decided_rank": row.decided_rank,
        "arbitration_required": bool(row.details.get("arbitration_required")),
        "merged_into_id": row.merged_into_id,
        "duplicate_of_id": row.duplicate_of_id,
    }


def _duration(at: Mapping[Milestone, datetime]) -> Any:
    began = at.get(Milestone.FIRST_FAILURE, at.get(Milestone.DETECTED))
    ends = (Milestone.RECOVERED, Milestone.MONITORING_PAUSED, Milestone.RESOLVED)
    ended = next((at[milestone] for milestone in ends if milestone in at), None)
    return seconds(ended - began) if began is not None and ended is not None and ended >= began else None


def _exact(figure: float) -> Fraction:
    """A cached JSON number as `Seconds` reads it."""
    return Fraction(str(figure))
