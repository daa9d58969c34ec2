"""The events that the incidents service publishes, version 1.

`incident.*` carry the whole state of an incident: a consumer keeps the newest version and skips older ones.
`request.*`, `change.*` and `work_order.*` do the same for the other kinds of work. What has no event of its own (a
rank, an assignment, a link, a pause …) is told by `changed`.
`clock.*` are facts about one clock, each said once per cycle. A late fact may turn a verdict: then `clock.met` follows
a `clock.breached` of the same clock with a higher version, and the higher version counts. It may also take a breach
back without a verdict in its place: then `incident.clocks_changed` tells how the clock reads. `clock_version` in the
clocks of an incident is the version of the newest `clock.*` that had been said by then: what a clock said with a
higher version is newer than the incident's event, anything else is older. `count` is which count from zero is told of:
a clock that begins again, at every question or at a reopening, has a verdict for each. A consumer passes over metrics
and severities that it does not know: a contract may have others.
"""

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from incidents.published.advice import AdviceDelivered
from incidents.published.on_call import ON_CALL_EVENTS
from incidents.published.records_v1 import RECORD_EVENTS
from shared.events import Actor, EventRegistry, PublishedEvent

Severity = Annotated[str, Field(max_length=50)]
"""A code of the contract's list: critical, major, minor, temporary where it has none of its own."""
Status = Literal["open", "acknowledged", "mitigated", "resolved", "closed"]
Metric = Literal["response", "mitigation", "repair", "next_reply", "acceptance", "post_mortem"]
Kind = Literal["incident", "request", "change", "work_order"]
Category = Literal["corrective", "preventive", "evolutionary", "adaptive", "assistance"]
MaintenanceType = Literal["corrective", "preventive", "evolutionary", "adaptive"]
ItemStatus = Literal[
    "open",
    "acknowledged",
    "mitigated",
    "resolved",
    "draft",
    "scoped",
    "estimated",
    "approved",
    "declined",
    "deploying",
    "deployed",
    "accepted",
    "rejected",
    "planned",
    "started",
    "completed",
    "cancelled",
    "closed",
]
ClockState = Literal["running", "paused", "met", "breached", "cancelled"]
Seconds = int | float


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Part):
    """How the incident became known; a monitor names its outage."""

    kind: Literal["monitor", "person", "schedule", "system"]
    outage_id: UUID | None
    monitor_id: UUID | None


class Stamp(_Part):
    """One instant of an incident, who says so, and from where it is known. Never changes."""

    at: AwareDatetime
    actor: Actor
    source: str = Field(max_length=100)


class Timestamps(_Part):
    """Every instant of the present cycle; null is: has not happened."""

    first_failure: Stamp | None
    detected: Stamp | None
    opened: Stamp | None
    alerted: Stamp | None
    acknowledged: Stamp | None
    mitigated: Stamp | None
    monitoring_paused: Stamp | None
    recovered: Stamp | None
    resolved: Stamp | None
    closed: Stamp | None
    reopened: Stamp | None = None
    post_mortem: Stamp | None = None


class ItemTimestamps(_Part):
    """Every instant of the present cycle that the item's kind has; null is: has not happened."""

    detected: Stamp | None = None
    opened: Stamp | None = None
    reopened: Stamp | None = None
    acknowledged: Stamp | None = None
    resolved: Stamp | None = None
    scoped: Stamp | None = None
    estimated: Stamp | None = None
    approved: Stamp | None = None
    declined: Stamp | None = None
    deploying: Stamp | None = None
    deployed: Stamp | None = None
    accepted: Stamp | None = None
    rejected: Stamp | None = None
    started: Stamp | None = None
    completed: Stamp | None = None
    cancelled: Stamp | None = None
    closed: Stamp | None = None


class Assignee(_Part):
    """Whose work it is."""

    id: str = Field(max_length=200)
    name: str = Field(max_length=200)


class Requester(_Part):
    """Who asks, as far as other services need it."""

    kind: str = Field(max_length=50)
    id: str | None = Field(max_length=200)
    name: str = Field(max_length=200)
    channel: str = Field(max_length=50)


class ClockEntry(_Part):
    """One thing that happened to a clock. `severity` is the item's from then on, of an opening and a reclassification.

    `pause_id` says which of the pauses begins or ends; they may overlap. Several of one instant count in this order.
    """

    kind: Literal["opened", "paused", "resumed", "stopped", "reopened", "cancelled", "reclassified"]
    at: AwareDatetime
    pause_id: str | None = Field(default=None, max_length=2000)
    reason: str | None = Field(default=None, max_length=200)
    severity: Severity | None = None


class ClockReading(_Part):
    """A clock as it read when the event was said. Seconds are whole unless the exact figure is not.

    `facts` is all that happened to it. With the versions of the contract they give what it reads: anybody can compute
    it again. It is null in what releases before it said.
    """

    clock_id: UUID
    metric: Metric
    policy: str = Field(max_length=100)
    target_seconds: Seconds
    state: ClockState
    due_at: AwareDatetime | None
    breach_after: AwareDatetime | None
    elapsed_seconds: Seconds
    verdict: Literal["met", "breached"] | None
    clock_version: int = Field(default=0, ge=0)
    count: int = Field(default=1, ge=1)
    stopped_at: AwareDatetime | None = Field(
        default=None, description="When it stopped, in time or too late; null while it goes on."
    )
    facts: list[ClockEntry] | None = None


class IncidentState(PublishedEvent):
    """Everything that other services may know about an incident."""

    incident_id: UUID
    number: str = Field(max_length=30)
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    counts_for_sla: bool
    source: Source
    title: str = Field(max_length=200)
    severity: Severity
    status: Status
    timestamps: Timestamps
    clocks: list[ClockReading]
    category: Category | None = None
    maintenance_type: MaintenanceType | None = Field(default=None, description="The kind of maintenance that it is.")
    impact: str | None = Field(default=None, max_length=50)
    criticality: str | None = Field(default=None, max_length=50)
    assignee: Assignee | None = None
    support_level: int = 1
    decided_rank: int | None = None
    merged_into_id: UUID | None = None
    duplicate_of_id: UUID | None = None
    scope_verdict: Literal["in_scope", "out_of_scope", "undecided"] = "in_scope"


class ItemState(PublishedEvent):
    """Everything that other services may know about a request, a change or a work order."""

    item_id: UUID
    kind: Kind
    number: str = Field(max_length=30)
    version: int = Field(ge=1)
    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    category: Category | None
    maintenance_type: MaintenanceType | None = Field(default=None, description="The kind of maintenance that it is.")
    impact: str | None = Field(max_length=50)
    criticality: str | None = Field(max_length=50)
    severity: Severity
    title: str = Field(max_length=200)
    status: ItemStatus
    scope_verdict: Literal["in_scope", "out_of_scope", "undecided"]
    requester: Requester | None
    assignee: Assignee | None
    support_level: int
    decided_rank: int | None
    merged_into_id: UUID | None
    duplicate_of_id: UUID | None
    details: dict[str, Any]
    timestamps: ItemTimestamps
    clocks: list[ClockReading]


class ClockFact(PublishedEvent):
    """What every fact about a clock tells."""

    clock_id: UUID
    incident_id: UUID
    contract_id: UUID
    client_id: UUID
    metric: Metric
    policy: str = Field(max_length=100)
    target_seconds: Seconds
    due_at: AwareDatetime | None
    breach_after: AwareDatetime | None
    elapsed_seconds: Seconds
    at: AwareDatetime
    kind: Kind = "incident"
    """Of what kind of item the clock is; `incident_id` is that item's id."""
    count: int = Field(default=1, ge=1)


_INCIDENT = "0197a1c2-0000-7000-8000-000000000501"
_CONTRACT = "0197a1c2-0000-7000-8000-000000000201"
_CLIENT = "0197a1c2-0000-7000-8000-000000000101"
_RESPONSE = "0197a1c2-0000-7000-8000-000000000511"
_REPAIR = "0197a1c2-0000-7000-8000-000000000512"
_MONITOR = "0197a1c2-0000-7000-8000-000000000401"
_PERSON = {"kind": "user", "id": "0197a1c2-0000-7000-8000-000000000011", "name": "Ada Martin"}
_PROBES = {"kind": "system", "id": "probes", "name": "Monitoring"}
_UPHELD = {"kind": "system", "id": "system", "name": "Upheld"}


def _stamp(at: str, actor: dict[str, str], source: str) -> dict[str, Any]:
    return {"at": at, "actor": actor, "source": source}


def _facts(stopped_at: str | None) -> list[dict[str, Any]]:
    opened = {"kind": "opened", "at": "2026-06-08T09:01:10Z", "severity": "critical"}
    return [opened, {"kind": "stopped", "at": stopped_at}] if stopped_at else [opened]


def _response(state: str, elapsed: int, verdict: str | None) -> dict[str, Any]:
    return {
        "clock_id": _RESPONSE,
        "metric": "response",
        "policy": "critical-response@1",
        "target_seconds": 1800,
        "state": state,
        "due_at": "2026-06-08T09:31:10Z",
        "breach_after": "2026-06-08T09:31:10Z",
        "elapsed_seconds": elapsed,
        "verdict": verdict,
        "clock_version": 1 if verdict else 0,
        "facts": _facts("2026-06-08T09:08:00Z" if verdict else None),
    }


def _repair(state: str, elapsed: int, verdict: str | None) -> dict[str, Any]:
    return {
        "clock_id": _REPAIR,
        "metric": "repair",
        "policy": "critical-repair@1",
        "target_seconds": 14400,
        "state": state,
        "due_at": "2026-06-08T13:01:10Z",
        "breach_after": "2026-06-08T13:01:10Z",
        "elapsed_seconds": elapsed,
        "verdict": verdict,
        "clock_version": 1 if verdict else 0,
        "facts": _facts("2026-06-08T09:15:10Z" if verdict else None),
    }


_WAITING = {
    "kind": "paused",
    "at": "2026-06-08T09:09:30Z",
    "pause_id": "pause.0197a1c2-0000-7000-8000-000000000521",
    "reason": "waiting_for_client",
}
_BEGINNING = {
    "first_failure": _stamp("2026-06-08T09:00:10Z", _PROBES, "monitor"),
    "detected": _stamp("2026-06-08T09:01:10Z", _PROBES, "monitor"),
    "opened": _stamp("2026-06-08T09:01:11Z", _UPHELD, "monitor"),
    "alerted": None,
    "acknowledged": None,
    "mitigated": None,
    "monitoring_paused": None,
    "recovered": None,
    "resolved": None,
    "closed": None,
}
_ALERTED = _BEGINNING | {"alerted": _stamp("2026-06-08T09:01:12Z", _UPHELD, "mail")}
_ACKNOWLEDGED = _ALERTED | {"acknowledged": _stamp("2026-06-08T09:08:00Z", _PERSON, "api")}
_MITIGATED = _ACKNOWLEDGED | {"mitigated": _stamp("2026-06-08T09:12:00Z", _PERSON, "api")}
_UNOBSERVED = _MITIGATED | {"monitoring_paused": _stamp("2026-06-08T09:14:10Z", _PROBES, "monitor")}
_RECOVERED = _MITIGATED | {"recovered": _stamp("2026-06-08T09:15:10Z", _PROBES, "monitor")}
_RESOLVED = _RECOVERED | {"resolved": _stamp("2026-06-08T09:20:00Z", _PERSON, "api")}
_CLOSED = _RESOLVED | {"closed": _stamp("2026-06-09T08:00:00Z", _PERSON, "api")}


def _state(version: int, status: str, timestamps: dict[str, Any], clocks: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "incident_id": _INCIDENT,
        "number": "INC-2026-0001",
        "version": version,
        "contract_id": _CONTRACT,
        "client_id": _CLIENT,
        "site_id": "0197a1c2-0000-7000-8000-000000000301",
        "environment_id": "0197a1c2-0000-7000-8000-000000000311",
        "counts_for_sla": True,
        "source": {
            "kind": "monitor",
            "outage_id": "0197a1c2-0000-7000-8000-000000000411",
            "monitor_id": _MONITOR,
        },
        "title": "Shop is down",
        "severity": "critical",
        "status": status,
        "timestamps": timestamps,
        "clocks": clocks,
    }


def _fact(clock: dict[str, Any], at: str) -> dict[str, Any]:
    told = {key: clock[key] for key in ("clock_id", "metric", "policy", "target_seconds", "due_at", "breach_after")}
    return told | {
        "incident_id": _INCIDENT,
        "contract_id": _CONTRACT,
        "client_id": _CLIENT,
        "elapsed_seconds": clock["elapsed_seconds"],
        "at": at,
    }


class IncidentOpened(IncidentState, aggregate="incident", name="opened", key="incident_id"):
    """An incident exists: an outage was confirmed, or somebody reported it."""

    EXAMPLE: ClassVar = _state(1, "open", _BEGINNING, [_response("running", 1, None), _repair("running", 1, None)])


class IncidentAcknowledged(IncidentState, aggregate="incident", name="acknowledged", key="incident_id"):
    """A person has taken it; its response clock has stopped."""

    EXAMPLE: ClassVar = _state(
        3, "acknowledged", _ACKNOWLEDGED, [_response("met", 410, "met"), _repair("running", 410, None)]
    )


class IncidentMitigated(IncidentState, aggregate="incident", name="mitigated", key="incident_id"):
    """The damage is contained; the repair goes on."""

    EXAMPLE: ClassVar = _state(
        4, "mitigated", _MITIGATED, [_response("met", 410, "met"), _repair("running", 650, None)]
    )


class IncidentMonitoringPaused(IncidentState, aggregate="incident", name="monitoring_paused", key="incident_id"):
    """The monitor does not look any more, so nobody will see the site work again; clocks that ran stand still."""

    EXAMPLE: ClassVar = _state(
        5, "mitigated", _UNOBSERVED, [_response("met", 410, "met"), _repair("paused", 780, None)]
    )


class IncidentClocksChanged(IncidentState, aggregate="incident", name="clocks_changed", key="incident_id"):
    """The clocks read otherwise than others were told: the contract has changed, ended or been suspended, or we heard
    of it late. A verdict or a breach that is not in `clocks` any more does not count any more.
    """

    EXAMPLE: ClassVar = _state(
        2,
        "open",
        _ALERTED,
        [
            _response("paused", 2, None) | {"clock_version": 2},
            _repair("running", 2400, None)
            | {
                "policy": "critical-repair@2",
                "target_seconds": 28800,
                "due_at": "2026-06-08T17:01:10Z",
                "breach_after": "2026-06-08T17:01:10Z",
            },
        ],
    )


class IncidentRecovered(IncidentState, aggregate="incident", name="recovered", key="incident_id"):
    """The monitor sees the site working again; the repair clock stopped then, unless somebody resolved it earlier."""

    EXAMPLE: ClassVar = _state(5, "mitigated", _RECOVERED, [_response("met", 410, "met"), _repair("met", 840, "met")])


class IncidentResolved(IncidentState, aggregate="incident", name="resolved", key="incident_id"):
    """A person says that it is solved."""

    EXAMPLE: ClassVar = _state(6, "resolved", _RESOLVED, [_response("met", 410, "met"), _repair("met", 840, "met")])


class IncidentClosed(IncidentState, aggregate="incident", name="closed", key="incident_id"):
    """Nothing more will be done; the record is complete."""

    EXAMPLE: ClassVar = _state(7, "closed", _CLOSED, [_response("met", 410, "met"), _repair("met", 840, "met")])


class IncidentReopened(IncidentState, aggregate="incident", name="reopened", key="incident_id"):
    """It was not over after all: a new cycle begins, with clocks that count again."""

    EXAMPLE: ClassVar = _state(
        8,
        "open",
        _BEGINNING | {"reopened": _stamp("2026-06-09T09:00:00Z", _PERSON, "api")},
        [
            _repair("running", 840, None)
            | {"facts": [*_facts("2026-06-08T09:15:10Z"), {"kind": "reopened", "at": "2026-06-09T09:00:00Z"}]}
        ],
    )


class IncidentChanged(IncidentState, aggregate="incident", name="changed", key="incident_id"):
    """Something about it is otherwise: its severity, rank, assignee, links, or that somebody is waited for."""

    EXAMPLE: ClassVar = _state(
        5,
        "acknowledged",
        _ACKNOWLEDGED,
        [_response("met", 410, "met"), _repair("paused", 500, None) | {"facts": [*_facts(None), _WAITING]}],
    )


class ClockAtRisk(ClockFact, aggregate="clock", name="at_risk", key="clock_id"):
    """A share of the target has been used while the clock runs; `at` is when it was reached."""

    percent: int = Field(ge=1)

    EXAMPLE: ClassVar = _fact(_repair("running", 10800, None), "2026-06-08T12:01:10Z") | {"percent": 75}


class ClockBreached(ClockFact, aggregate="clock", name="breached", key="clock_id"):
    """The clock went over its target; `at` is the last instant at which it had not."""

    EXAMPLE: ClassVar = _fact(_response("breached", 1801, None), "2026-06-08T09:31:10Z")


class ClockMet(ClockFact, aggregate="clock", name="met", key="clock_id"):
    """The clock stopped within its target; `at` is when it stopped."""

    EXAMPLE: ClassVar = _fact(_response("met", 410, "met"), "2026-06-08T09:08:00Z")


def _item(kind: str, prefix: str, version: int, status: str, milestone: str, **changes: Any) -> dict[str, Any]:
    stamps: dict[str, Any] = dict.fromkeys(ItemTimestamps.model_fields)
    stamps |= {name: _stamp("2026-06-08T09:00:00Z", _PERSON, "api") for name in ("detected", "opened")}
    stamps |= {milestone: _stamp("2026-06-08T10:00:00Z", _PERSON, "api")}
    return {
        "item_id": "0197a1c2-0000-7000-8000-000000000601",
        "kind": kind,
        "number": f"{prefix}-2026-0001",
        "version": version,
        "contract_id": _CONTRACT,
        "client_id": _CLIENT,
        "site_id": "0197a1c2-0000-7000-8000-000000000301",
        "environment_id": None,
        "category": None,
        "impact": None,
        "criticality": None,
        "severity": "minor",
        "title": "Export the orders of a month",
        "status": status,
        "scope_verdict": "undecided",
        "requester": {"kind": "user", "id": _PERSON["id"], "name": _PERSON["name"], "channel": "api"},
        "assignee": None,
        "support_level": 1,
        "decided_rank": None,
        "merged_into_id": None,
        "duplicate_of_id": None,
        "details": {},
        "timestamps": stamps,
        "clocks": [],
    } | changes


def _asked(version: int, status: str, milestone: str) -> dict[str, Any]:
    form = {"form": "feature", "need": "The accountant types them.", "benefit": "A day a month.", "who": "Accounting"}
    return _item("request", "REQ", version, status, milestone, category="evolutionary", details=form)


def _evolving(version: int, status: str, milestone: str) -> dict[str, Any]:
    return _item(
        "change", "CHG", version, status, milestone, category="evolutionary", details={"estimate": {"minutes": 480}}
    )


def _planned(version: int, status: str, milestone: str) -> dict[str, Any]:
    details = {"work": "update", "planned_on": "2026-06-15", "checklist": []}
    return _item(
        "work_order", "WRK", version, status, milestone, category="preventive", requester=None, details=details
    )


class RequestState(ItemState):
    """Everything about a request; `details` is its form."""


class ChangeState(ItemState):
    """Everything about a change; `details` holds scope, estimate, window, approval and deployment."""


class WorkOrderState(ItemState):
    """Everything about a work order; `details` holds its day, checklist, proof and versions."""


class RequestOpened(RequestState, aggregate="request", name="opened", key="item_id"):
    """Somebody asks for something."""

    EXAMPLE: ClassVar = _asked(1, "open", "opened")


class RequestAcknowledged(RequestState, aggregate="request", name="acknowledged", key="item_id"):
    """A person has taken it; its response clock has stopped."""

    EXAMPLE: ClassVar = _asked(2, "acknowledged", "acknowledged") | {"clocks": [_response("met", 410, "met")]}


class RequestResolved(RequestState, aggregate="request", name="resolved", key="item_id"):
    """What was asked for is done, or turned into a change."""

    EXAMPLE: ClassVar = _asked(3, "resolved", "resolved")


class RequestDeclined(RequestState, aggregate="request", name="declined", key="item_id"):
    """It is not done; the reason is on its timeline."""

    EXAMPLE: ClassVar = _asked(3, "declined", "declined")


class RequestClosed(RequestState, aggregate="request", name="closed", key="item_id"):
    """Nothing more will be done."""

    EXAMPLE: ClassVar = _asked(4, "closed", "closed")


class RequestReopened(RequestState, aggregate="request", name="reopened", key="item_id"):
    """It was not over after all: a new cycle begins."""

    EXAMPLE: ClassVar = _asked(5, "open", "reopened")


class RequestChanged(RequestState, aggregate="request", name="changed", key="item_id"):
    """Something about it is otherwise: its severity, rank, assignee, scope, links, or that somebody is waited for."""

    EXAMPLE: ClassVar = _asked(3, "acknowledged", "acknowledged")


class RequestClocksChanged(RequestState, aggregate="request", name="clocks_changed", key="item_id"):
    """Its clocks read otherwise than others were told."""

    EXAMPLE: ClassVar = _asked(2, "open", "opened")


class ChangeOpened(ChangeState, aggregate="change", name="opened", key="item_id"):
    """A scoped evolution is drafted."""

    EXAMPLE: ClassVar = _evolving(1, "draft", "opened")


class ChangeScoped(ChangeState, aggregate="change", name="scoped", key="item_id"):
    """What it is has been written down."""

    EXAMPLE: ClassVar = _evolving(2, "scoped", "scoped")


class ChangeEstimated(ChangeState, aggregate="change", name="estimated", key="item_id"):
    """What it takes and when it would be deployed."""

    EXAMPLE: ClassVar = _evolving(3, "estimated", "estimated")


class ChangeApproved(ChangeState, aggregate="change", name="approved", key="item_id"):
    """The client's decider wants it, with this estimate and window."""

    EXAMPLE: ClassVar = _evolving(4, "approved", "approved")


class ChangeDeclined(ChangeState, aggregate="change", name="declined", key="item_id"):
    """The client's decider does not want it so."""

    EXAMPLE: ClassVar = _evolving(4, "declined", "declined")


class ChangeDeploying(ChangeState, aggregate="change", name="deploying", key="item_id"):
    """Its deployment has begun."""

    EXAMPLE: ClassVar = _evolving(5, "deploying", "deploying")


class ChangeDeployed(ChangeState, aggregate="change", name="deployed", key="item_id"):
    """It is in place and waits for the client's acceptance."""

    EXAMPLE: ClassVar = _evolving(6, "deployed", "deployed")


class ChangeAccepted(ChangeState, aggregate="change", name="accepted", key="item_id"):
    """The client has accepted it, or the agreed time has run out."""

    EXAMPLE: ClassVar = _evolving(7, "accepted", "accepted")


class ChangeRejected(ChangeState, aggregate="change", name="rejected", key="item_id"):
    """The client has not accepted it; it may be scoped again."""

    EXAMPLE: ClassVar = _evolving(7, "rejected", "rejected")


class ChangeCancelled(ChangeState, aggregate="change", name="cancelled", key="item_id"):
    """It is given up."""

    EXAMPLE: ClassVar = _evolving(5, "cancelled", "cancelled")


class ChangeClosed(ChangeState, aggregate="change", name="closed", key="item_id"):
    """Nothing more will be done."""

    EXAMPLE: ClassVar = _evolving(8, "closed", "closed")


class ChangeChanged(ChangeState, aggregate="change", name="changed", key="item_id"):
    """Something about it is otherwise: its rank, assignee, links."""

    EXAMPLE: ClassVar = _evolving(4, "estimated", "estimated")


class ChangeClocksChanged(ChangeState, aggregate="change", name="clocks_changed", key="item_id"):
    """Its clocks read otherwise than others were told."""

    EXAMPLE: ClassVar = _evolving(7, "deployed", "deployed")


class WorkOrderOpened(WorkOrderState, aggregate="work_order", name="opened", key="item_id"):
    """Preventive work is planned."""

    EXAMPLE: ClassVar = _planned(1, "planned", "opened")


class WorkOrderStarted(WorkOrderState, aggregate="work_order", name="started", key="item_id"):
    """Somebody has begun."""

    EXAMPLE: ClassVar = _planned(2, "started", "started")


class WorkOrderCompleted(WorkOrderState, aggregate="work_order", name="completed", key="item_id"):
    """It is done, with its checklist and proof."""

    EXAMPLE: ClassVar = _planned(3, "completed", "completed")


class WorkOrderCancelled(WorkOrderState, aggregate="work_order", name="cancelled", key="item_id"):
    """It is not done."""

    EXAMPLE: ClassVar = _planned(2, "cancelled", "cancelled")


class WorkOrderChanged(WorkOrderState, aggregate="work_order", name="changed", key="item_id"):
    """Something about it is otherwise."""

    EXAMPLE: ClassVar = _planned(2, "planned", "opened")


class WorkOrderClocksChanged(WorkOrderState, aggregate="work_order", name="clocks_changed", key="item_id"):
    """Its clocks read otherwise than others were told."""

    EXAMPLE: ClassVar = _planned(2, "planned", "opened")


class ArbitrationRequired(PublishedEvent, aggregate="arbitration", name="required", key="item_id"):
    """More than the agreed share of what came in is called urgent: the client's decider must say what really is."""

    item_id: UUID
    kind: Kind
    number: str = Field(max_length=30)
    contract_id: UUID
    client_id: UUID
    urgent: int = Field(ge=0)
    total: int = Field(ge=0)
    quota_percent: int = Field(ge=0)

    EXAMPLE: ClassVar = {
        "item_id": "0197a1c2-0000-7000-8000-000000000601",
        "kind": "request",
        "number": "REQ-2026-0001",
        "contract_id": _CONTRACT,
        "client_id": _CLIENT,
        "urgent": 3,
        "total": 10,
        "quota_percent": 20,
    }


INCIDENT_EVENTS: tuple[type[IncidentState], ...] = (
    IncidentOpened,
    IncidentAcknowledged,
    IncidentMitigated,
    IncidentMonitoringPaused,
    IncidentClocksChanged,
    IncidentRecovered,
    IncidentResolved,
    IncidentClosed,
    IncidentReopened,
    IncidentChanged,
)
ITEM_EVENTS: tuple[type[ItemState], ...] = (
    RequestOpened,
    RequestAcknowledged,
    RequestResolved,
    RequestDeclined,
    RequestClosed,
    RequestReopened,
    RequestChanged,
    RequestClocksChanged,
    ChangeOpened,
    ChangeScoped,
    ChangeEstimated,
    ChangeApproved,
    ChangeDeclined,
    ChangeDeploying,
    ChangeDeployed,
    ChangeAccepted,
    ChangeRejected,
    ChangeCancelled,
    ChangeClosed,
    ChangeChanged,
    ChangeClocksChanged,
    WorkOrderOpened,
    WorkOrderStarted,
    WorkOrderCompleted,
    WorkOrderCancelled,
    WorkOrderChanged,
    WorkOrderClocksChanged,
)
CLOCK_EVENTS: tuple[type[ClockFact], ...] = (ClockAtRisk, ClockBreached, ClockMet)

registry = EventRegistry(
    "incidents",
    [
        *INCIDENT_EVENTS,
        *ITEM_EVENTS,
        *CLOCK_EVENTS,
        *RECORD_EVENTS,
        *ON_CALL_EVENTS,
        ArbitrationRequired,
        AdviceDelivered,
    ],
)
