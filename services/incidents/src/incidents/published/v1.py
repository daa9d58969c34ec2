"""The events that the incidents service publishes, version 1.

`incident.*` carry the whole state of an incident: a consumer keeps the newest version and skips older ones.
`clock.*` are facts about one clock, each said once per cycle. A late fact may turn a verdict: then `clock.met` follows
a `clock.breached` of the same clock with a higher version, and the higher version counts. It may also take a breach
back without a verdict in its place: then `incident.clocks_changed` tells how the clock reads. `clock_version` in the
clocks of an incident is the version of the newest `clock.*` that had been said by then: what a clock said with a
higher version is newer than the incident's event, anything else is older.
"""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from incidents.published.on_call import ON_CALL_EVENTS
from shared.events import Actor, EventRegistry, PublishedEvent

Severity = Literal["critical", "major", "minor"]
Status = Literal["open", "acknowledged", "mitigated", "resolved", "closed"]
Metric = Literal["response", "repair"]
ClockState = Literal["running", "paused", "met", "breached", "cancelled"]
Seconds = int | float


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Source(_Part):
    """How the incident became known; a monitor names its outage."""

    kind: Literal["monitor", "person", "system"]
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


class ClockReading(_Part):
    """A clock as it read when the event was said. Seconds are whole unless the exact figure is not."""

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


INCIDENT_EVENTS: tuple[type[IncidentState], ...] = (
    IncidentOpened,
    IncidentAcknowledged,
    IncidentMitigated,
    IncidentMonitoringPaused,
    IncidentClocksChanged,
    IncidentRecovered,
    IncidentResolved,
    IncidentClosed,
)
CLOCK_EVENTS: tuple[type[ClockFact], ...] = (ClockAtRisk, ClockBreached, ClockMet)

registry = EventRegistry("incidents", [*INCIDENT_EVENTS, *CLOCK_EVENTS, *ON_CALL_EVENTS])
