"""A work item: something wrong (incident), asked for (request), evolving (change) or planned (work order).

What happened to it, when, through whom, and what may happen next. Each kind has its own course, told by one table:

- incident: open → acknowledged → mitigated → resolved → closed. A step may be skipped forward up to resolved, because
  the facts do not wait for the form: somebody may mitigate or resolve before he acknowledges. That answers too.
- request: open → acknowledged → resolved → closed, or declined, with or without an acknowledgement.
- change: draft → scoped → estimated → approved or declined by the client → deploying → deployed → accepted or rejected
  → closed. What was rejected or declined may be scoped again; what was rolled back is scoped.
- work order: planned → started → completed, or cancelled.

Every instant is a stamp: written once per cycle, never changed. A reopened item begins a new cycle, and so does one
that is wrong again after it had recovered; the stamps of the earlier ones stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from uuid import UUID


class Kind(StrEnum):
    INCIDENT = "incident"
    REQUEST = "request"
    CHANGE = "change"
    WORK_ORDER = "work_order"


PREFIXES: Mapping[Kind, str] = MappingProxyType(
    {Kind.INCIDENT: "INC", Kind.REQUEST: "REQ", Kind.CHANGE: "CHG", Kind.WORK_ORDER: "WRK"}
)


class MaintenanceType(StrEnum):
    """The kinds of maintenance of a contract. Adaptive work follows what frameworks and platforms impose."""

    CORRECTIVE = "corrective"
    PREVENTIVE = "preventive"
    EVOLUTIONARY = "evolutionary"
    ADAPTIVE = "adaptive"


class Category(StrEnum):
    """What sort of work it is: it drives the flow and the clocks. Evolutionary work has no repair clock."""

    CORRECTIVE = "corrective"
    PREVENTIVE = "preventive"
    EVOLUTIONARY = "evolutionary"
    ADAPTIVE = "adaptive"
    ASSISTANCE = "assistance"

    @property
    def maintenance_type(self) -> MaintenanceType:
        """The kind of maintenance, as contracts name it: whoever helps a user restores what the user could do."""
        return MaintenanceType.CORRECTIVE if self is Category.ASSISTANCE else MaintenanceType(self.value)


class Status(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    DRAFT = "draft"
    SCOPED = "scoped"
    ESTIMATED = "estimated"
    APPROVED = "approved"
    DECLINED = "declined"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    PLANNED = "planned"
    STARTED = "started"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    CLOSED = "closed"


class Severity(StrEnum):
    """The codes of a contract that lists none of its own. A contract may have others: a severity is a text."""

    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"
    TEMPORARY = "temporary"


class Impact(StrEnum):
    AVAILABILITY = "availability"
    SECURITY = "security"
    DATA = "data"
    OPERATIONS = "operations"


class Criticality(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"


class ScopeVerdict(StrEnum):
    """Whether the contract covers what is asked for."""

    IN_SCOPE = "in_scope"
    OUT_OF_SCOPE = "out_of_scope"
    UNDECIDED = "undecided"


class Milestone(StrEnum):
    """The instants of an item, in the order in which a reader expects them."""

    FIRST_FAILURE = "first_failure"
    DETECTED = "detected"
    OPENED = "opened"
    ALERTED = "alerted"
    REOPENED = "reopened"
    SCOPED = "scoped"
    ESTIMATED = "estimated"
    APPROVED = "approved"
    DECLINED = "declined"
    DEPLOYING = "deploying"
    DEPLOYED = "deployed"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    STARTED = "started"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    MONITORING_PAUSED = "monitoring_paused"
    RECOVERED = "recovered"
    RELAPSED = "relapsed"
    RESOLVED = "resolved"
    POST_MORTEM = "post_mortem"
    CLOSED = "closed"


class Act(StrEnum):
    """What a person does to an item."""

    ACKNOWLEDGE = "acknowledge"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    SCOPE = "scope"
    ESTIMATE = "estimate"
    APPROVE = "approve"
    DECLINE = "decline"
    DEPLOY = "deploy"
    FINISH_DEPLOYMENT = "finish_deployment"
    ACCEPT = "accept"
    REJECT = "reject"
    START = "start"
    COMPLETE = "complete"
    CANCEL = "cancel"
    CLOSE = "close"


ALLOWED: Mapping[Kind, Mapping[Status, tuple[Act, ...]]] = MappingProxyType(
    {
        Kind.INCIDENT: {
            Status.OPEN: (Act.ACKNOWLEDGE, Act.MITIGATE, Act.RESOLVE),
            Status.ACKNOWLEDGED: (Act.MITIGATE, Act.RESOLVE),
            Status.MITIGATED: (Act.RESOLVE,),
            Status.RESOLVED: (Act.CLOSE,),
            Status.CLOSED: (),
        },
        Kind.REQUEST: {
            Status.OPEN: (Act.ACKNOWLEDGE, Act.RESOLVE, Act.DECLINE),
            Status.ACKNOWLEDGED: (Act.RESOLVE, Act.DECLINE),
            Status.RESOLVED: (Act.CLOSE,),
            Status.DECLINED: (Act.CLOSE,),
            Status.CLOSED: (),
        },
        Kind.CHANGE: {
            Status.DRAFT: (Act.SCOPE, Act.CANCEL),
            Status.SCOPED: (Act.ESTIMATE, Act.CANCEL),
            Status.ESTIMATED: (Act.APPROVE, Act.DECLINE, Act.ESTIMATE, Act.CANCEL),
            Status.APPROVED: (Act.DEPLOY, Act.ESTIMATE, Act.CANCEL),  # for another window: then approved anew
            Status.DECLINED: (Act.SCOPE, Act.CLOSE),
            Status.DEPLOYING: (Act.FINISH_DEPLOYMENT,),
            Status.DEPLOYED: (Act.ACCEPT, Act.REJECT),
            Status.ACCEPTED: (Act.CLOSE,),
            Status.REJECTED: (Act.SCOPE, Act.CLOSE),
            Status.CANCELLED: (),
            Status.CLOSED: (),
        },
        Kind.WORK_ORDER: {
            Status.PLANNED: (Act.START, Act.CANCEL),
            Status.STARTED: (Act.COMPLETE, Act.CANCEL),
            Status.COMPLETED: (),
            Status.CANCELLED: (),
        },
    }
)
"""What may be done to an item of a kind in a status."""

FIRST: Mapping[Kind, Status] = MappingProxyType(
    {
        Kind.INCIDENT: Status.OPEN,
        Kind.REQUEST: Status.OPEN,
        Kind.CHANGE: Status.DRAFT,
        Kind.WORK_ORDER: Status.PLANNED,
    }
)

DONE = frozenset({Status.CLOSED, Status.DECLINED, Status.CANCELLED, Status.COMPLETED, Status.ACCEPTED})
"""Nothing of these waits in the queue."""

REOPENABLE: Mapping[Kind, frozenset[Status]] = MappingProxyType(
    {
        Kind.INCIDENT: frozenset({Status.RESOLVED, Status.CLOSED}),
        Kind.REQUEST: frozenset({Status.RESOLVED, Status.CLOSED}),
    }
)
"""From where an item may be opened again. A change that was rejected is scoped again instead."""

_LEADS_TO: Mapping[Act, tuple[Status, Milestone]] = MappingProxyType(
    {
        Act.ACKNOWLEDGE: (Status.ACKNOWLEDGED, Milestone.ACKNOWLEDGED),
        Act.MITIGATE: (Status.MITIGATED, Milestone.MITIGATED),
        Act.RESOLVE: (Status.RESOLVED, Milestone.RESOLVED),
        Act.SCOPE: (Status.SCOPED, Milestone.SCOPED),
        Act.ESTIMATE: (Status.ESTIMATED, Milestone.ESTIMATED),
        Act.APPROVE: (Status.APPROVED, Milestone.APPROVED),
        Act.DECLINE: (Status.DECLINED, Milestone.DECLINED),
        Act.DEPLOY: (Status.DEPLOYING, Milestone.DEPLOYING),
        Act.FINISH_DEPLOYMENT: (Status.DEPLOYED, Milestone.DEPLOYED),
        Act.ACCEPT: (Status.ACCEPTED, Milestone.ACCEPTED),
        Act.REJECT: (Status.REJECTED, Milestone.REJECTED),
        Act.START: (Status.STARTED, Milestone.STARTED),
        Act.COMPLETE: (Status.COMPLETED, Milestone.COMPLETED),
        Act.CANCEL: (Status.CANCELLED, Milestone.CANCELLED),
        Act.CLOSE: (Status.CLOSED, Milestone.CLOSED),
    }
)

_BEGINS_AGAIN = frozenset({Act.SCOPE, Act.ESTIMATE})
"""Acts that may be done more than once: from there on a change goes its way again, in a new cycle."""

_AWAITS_THE_CLIENT = frozenset({Status.DEPLOYING, Status.DEPLOYED})
"""What is on its way to the client, or with him, is accepted or rejected before anything else becomes of it."""

_ANSWERED_BY = frozenset({Act.MITIGATE, Act.RESOLVE, Act.DECLINE})
"""Whoever does one of these to what nobody had acknowledged has started on it."""

# The acts follow one another, so a later one cannot be dated before an earlier one. Recovery is measured, not done: a
# site may be up again before anybody acknowledges.
_ORDERED = frozenset({Milestone.DETECTED, Milestone.REOPENED, *(milestone for _, milestone in _LEADS_TO.values())})

_ENDS = (
    Milestone.RESOLVED,
    Milestone.DECLINED,
    Milestone.ACCEPTED,
    Milestone.COMPLETED,
    Milestone.CANCELLED,
    Milestone.CLOSED,
)

_KEPT = (Milestone.FIRST_FAILURE, Milestone.DETECTED, Milestone.OPENED, Milestone.ALERTED)
"""What stays true of an item that begins a new cycle."""


@dataclass(frozen=True, slots=True)
class Who:
    """Who or what did something. `kind`: user, api_key, runner or system."""

    kind: str
    id: str
    name: str

    @property
    def is_human(self) -> bool:
        """Only a person answers an alert: what Upheld or a runner does by itself never stops a response clock.

        An API key counts as the person who uses it; a program that replies on its own must say so (`automatic`).
        """
        return self.kind in ("user", "api_key")


@dataclass(frozen=True, slots=True)
class Stamp:
    """One instant of an item: when it was, who says so, and from where we know. Never changed afterwards."""

    milestone: Milestone
    at: datetime
    actor: Who
    source: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What an item is about: a contract, and the site and environment under it as far as they are known."""

    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    counts_for_sla: bool


@dataclass(frozen=True, slots=True)
class Source:
    """How we came to know. `kind`: monitor (with its outage), person, schedule or system."""

    kind: str
    outage_id: UUID | None = None
    monitor_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Requester:
    """Who asks. `kind`: user, api_key, contact or guest; `channel`: api, mail, phone, portal …"""

    kind: str
    id: str | None
    name: str
    email: str | None
    phone: str | None
    channel: str


@dataclass(frozen=True, slots=True)
class WorkItem:
    """An item with the stamps of its present cycle. `version` rises with every change; `details` are its kind's own."""

    id: UUID
    number: str
    subject: Subject
    source: Source
    title: str
    description: str
    severity: str
    status: Status
    stamps: Mapping[Milestone, Stamp]
    cycle: int
    version: int
    kind: Kind = Kind.INCIDENT
    category: Category = Category.CORRECTIVE
    impact: Impact | None = None
    criticality: Criticality | None = None
    requester: Requester | None = None
    assignee: Who | None = None
    support_level: int = 1
    scope_verdict: ScopeVerdict = ScopeVerdict.UNDECIDED
    decided_rank: int | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    merged_into_id: UUID | None = None
    duplicate_of_id: UUID | None = None

    @property
    def detected_at(self) -> datetime:
        """When we knew: the clocks open here."""
        return self.stamps[Milestone.DETECTED].at

    @property
    def done_at(self) -> datetime | None:
        """When the work on it ended in its present cycle; None while it goes on."""
        return min((self.stamps[each].at for each in _ENDS if each in self.stamps), default=None)

    @property
    def allowed(self) -> tuple[Act, ...]:
        """What may be done to it now."""
        return ALLOWED[self.kind][self.status]

    @property
    def may_reopen(self) -> bool:
        """Not what was merged or declined: its clocks have ended without a verdict."""
        over = self.merged_into_id is not None or self.stamped(Milestone.DECLINED)
        return not over and self.status in REOPENABLE.get(self.kind, ())

    def stamped(self, milestone: Milestone) -> bool:
        return milestone in self.stamps


@dataclass(frozen=True, slots=True)
class Change:
    """What an act or a fact did: the item after it and the stamps that it added, in order."""

    after: WorkItem
    added: tuple[Stamp, ...]


class IllegalTransitionError(Exception):
    """The act is not possible in this status; `allowed` says which are."""

    def __init__(self, item: WorkItem, done: str) -> None:
        self.status = item.status
        self.kind = item.kind
        self.allowed = item.allowed
        instead = f"Possible now: {', '.join(self.allowed)}." if self.allowed else "Nothing more can be done to it."
        name = item.kind.replace("_", " ")
        article = "An" if name[0] in "aeiou" else "A"
        super().__init__(f"{article} {name} that is {item.status} cannot be {done}. {instead}")


class InstantOutOfRangeError(Exception):
    """A stated instant lies in the future, or before what it must follow."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


def open_item(
    *,
    item_id: UUID,
    number: str,
    subject: Subject,
    source: Source,
    title: str,
    description: str,
    severity: str,
    stamps: Iterable[Stamp],
    kind: Kind = Kind.INCIDENT,
    category: Category = Category.CORRECTIVE,
    impact: Impact | None = None,
    criticality: Criticality | None = None,
    requester: Requester | None = None,
    scope_verdict: ScopeVerdict = ScopeVerdict.UNDECIDED,
    details: Mapping[str, Any] | None = None,
) -> Change:
    """A new item, version 1. `detected` and `opened` must be among its stamps."""
    added = tuple(stamps)
    by_milestone = {stamp.milestone: stamp for stamp in added}
    missing = {Milestone.DETECTED, Milestone.OPENED} - by_milestone.keys()
    if missing:
        raise ValueError(f"an item cannot open without {', '.join(sorted(missing))}")
    if len(by_milestone) != len(added):
        raise ValueError("a milestone is stamped once")
    item = WorkItem(
        id=item_id,
        number=number,
        subject=subject,
        source=source,
        title=title,
        description=description,
        severity=severity,
        status=FIRST[kind],
        stamps=MappingProxyType(by_milestone),
        cycle=1,
        version=1,
        kind=kind,
        category=category,
        impact=impact,
        criticality=criticality,
        requester=requester,
        scope_verdict=scope_verdict,
        details=details or {},
    )
    return Change(item, added)


def number_of(kind: Kind, year: int, sequence: int) -> str:
    """`INC-2026-0001`: the kind, the year, and the count of the tenant's items of it, with at least four digits."""
    return f"{PREFIXES[kind]}-{year:04d}-{sequence:04d}"


def perform(item: WorkItem, act: Act, *, at: datetime | None, now: datetime, actor: Who, source: str) -> Change:
    """An act, mostly a person's. `at` is when he says that it was done; None is now.

    Mitigating, resolving or declining what nobody had acknowledged stamps the acknowledgement at the same instant:
    whoever does it has started on it.

    Raises IllegalTransitionError, and InstantOutOfRangeError when `at` is in the future or before the detection or an
    earlier act.
    """
    status, milestone = _LEADS_TO[act]
    if act not in item.allowed:
        raise IllegalTransitionError(item, "in deployment" if act is Act.DEPLOY else status.value)
    happened = _instant(item, at, now)
    added = []
    answers = act in _ANSWERED_BY and Act.ACKNOWLEDGE in ALLOWED[item.kind][FIRST[item.kind]]
    if answers and not item.stamped(Milestone.ACKNOWLEDGED):
        added.append(Stamp(Milestone.ACKNOWLEDGED, happened, actor, f"implied by {act}"))
    added.append(Stamp(milestone, happened, actor, source))
    if act in _BEGINS_AGAIN and item.stamped(milestone):
        return _next_cycle(replace(item, status=status), added)
    return _with(replace(item, status=status), added)


def reopen(item: WorkItem, *, at: datetime | None, now: datetime, actor: Who, source: str) -> Change:
    """What was resolved or closed is not: a new cycle begins, with what was detected and opened as it was.

    Raises IllegalTransitionError when its status or a merge forbids it, InstantOutOfRangeError like `perform`.
    """
    if not item.may_reopen:
        raise IllegalTransitionError(item, "reopened")
    happened = _instant(item, at, now)
    return _next_cycle(replace(item, status=FIRST[item.kind]), [Stamp(Milestone.REOPENED, happened, actor, source)])


def merge(item: WorkItem, into: WorkItem, *, now: datetime, actor: Who) -> Change:
    """The item is the same matter as another one, which goes on for both. Nothing more is done to this one.

    Raises IllegalTransitionError for what is over already, and for a change that the client has yet to accept.
    """
    if not item.allowed or item.status in _AWAITS_THE_CLIENT:
        raise IllegalTransitionError(item, "merged")
    status, milestone = _LEADS_TO[Act.CANCEL if item.kind is Kind.WORK_ORDER else Act.CLOSE]
    last = Stamp(milestone, max(now, _latest_ordered(item).at), actor, f"merged into {into.number}")
    return _with(replace(item, status=status, merged_into_id=into.id), [last])


def roll_back(item: WorkItem, *, now: datetime, actor: Who, source: str) -> Change:
    """What was being deployed is not in place: nobody accepts it, and it goes its way again from its scope on.

    Raises IllegalTransitionError unless it is being deployed.
    """
    if Act.FINISH_DEPLOYMENT not in item.allowed:
        raise IllegalTransitionError(item, "rolled back")
    scoped = Stamp(Milestone.SCOPED, _instant(item, None, now), actor, source)
    return _next_cycle(replace(item, status=Status.SCOPED), [scoped])


def note_fact(item: WorkItem, stamp: Stamp) -> Change:
    """A fact that is measured, not done (recovered, alerted, …): stamped once per cycle, the status stays.

    What is stamped already stays as it is: the same fact told twice changes nothing.
    """
    if item.stamped(stamp.milestone):
        return Change(item, ())
    return _with(item, [stamp])


def relapse(item: WorkItem, stamp: Stamp) -> Change:
    """What had recovered by itself is wrong again: a new cycle, in which it has not recovered.

    What people did stays done, for nobody has said that it was over: whoever had acknowledged need not do so again.
    Nothing changes when it had not recovered by then, or when somebody has resolved it, who decides what it is.
    """
    recovered = item.stamps.get(Milestone.RECOVERED)
    if recovered is None or recovered.at > stamp.at or item.stamped(Milestone.RESOLVED):
        return Change(item, ())
    undone = (Milestone.RECOVERED, Milestone.RELAPSED)
    kept = [each for milestone, each in item.stamps.items() if milestone not in undone]
    fresh = replace(item, cycle=item.cycle + 1, stamps=MappingProxyType({}))
    return _with(fresh, [*kept, stamp])


def _instant(item: WorkItem, at: datetime | None, now: datetime) -> datetime:
    happened = now if at is None else at
    if happened > now:
        raise InstantOutOfRangeError("at", "This instant is in the future. Leave it out to say: now.")
    earliest = _latest_ordered(item)
    if happened >= earliest.at:
        return happened
    if at is None:  # our own clock went back, or a fact was dated by a clock ahead of ours: nobody's mistake
        return earliest.at
    raise InstantOutOfRangeError(
        "at",
        f"This instant is before the {item.kind.replace('_', ' ')} was {earliest.milestone} "
        f"({earliest.at.isoformat().replace('+00:00', 'Z')}). State one that is not earlier.",
    )


def _latest_ordered(item: WorkItem) -> Stamp:
    return max(
        (stamp for milestone, stamp in item.stamps.items() if milestone in _ORDERED),
        key=lambda stamp: stamp.at,
    )


def _next_cycle(item: WorkItem, added: list[Stamp]) -> Change:
    kept = [item.stamps[milestone] for milestone in _KEPT if milestone in item.stamps]
    fresh = replace(item, cycle=item.cycle + 1, stamps=MappingProxyType({}))
    return _with(fresh, [*kept, *added])


def _with(item: WorkItem, added: list[Stamp]) -> Change:
    stamps = {**item.stamps, **{stamp.milestone: stamp for stamp in added}}
    after = replace(item, stamps=MappingProxyType(stamps), version=item.version + 1)
    return Change(after, tuple(added))
