"""The events that probes publishes, version 1: the transitions of a monitor.

Each is self-contained. It says what held before (`previous_state` since `previous_since`) and carries everything that
its consumer needs, so that it can be understood without the ones before it and in any order. The envelope's
`aggregateversion` numbers the transitions of a monitor without holes, beginning with 1.
"""

from typing import Any, ClassVar, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from shared.events import EventRegistry, PublishedEvent

State = Literal["up", "degraded", "down", "maintenance", "unknown", "paused"]
Reason = Literal[
    "dns",
    "connect",
    "tls",
    "timeout",
    "protocol",
    "redirect",
    "http_status",
    "content",
    "address_refused",
    "invalid_target",
    "certificate",
    "answer",
    "threshold",
    "stale",
    "missing",
    "reported",
    "unreachable",
]
Seconds = float


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LocationFinding(_Part):
    """What one location said when the outage was confirmed; `verdict` is null when it had nothing fresh to say."""

    location: str = Field(max_length=40)
    verdict: Literal["up", "down"] | None
    failing_since: AwareDatetime | None


class Evidence(_Part):
    """What the first failing check of the outage saw.

    `phase` is where the exchange broke off (name_lookup, connect, tls, first_byte, body), null when the site answered
    in full. `timings_ms` holds name_lookup, connect, tls, first_byte and total, summed over the hops of a redirect.
    """

    checked_at: AwareDatetime
    url: str = Field(max_length=2000)
    status_code: int | None
    phase: str | None = Field(max_length=20)
    error: str | None = Field(max_length=1000)
    remote_address: str | None = Field(max_length=60)
    addresses: list[str] = Field(max_length=20)
    refused_addresses: list[str] = Field(max_length=20)
    timings_ms: dict[str, float]
    headers: dict[str, str]
    body_excerpt: str | None = Field(max_length=2048)


class Gap(_Part):
    """A stretch `[start, end)` inside the outage without any result: neither up nor down. Open when `end` is null."""

    start: AwareDatetime
    end: AwareDatetime | None


class MonitorTransition(PublishedEvent):
    """What every event of a monitor tells. `name` is the environment's, as a person calls it."""

    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    counts_for_sla: bool
    name: str = Field(max_length=300)
    url: str = Field(max_length=2000)
    previous_state: State
    previous_since: AwareDatetime


class OutageFacts(MonitorTransition):
    """What is known about a confirmed outage. It began at `down_since`, at most the uncertainty earlier."""

    outage_id: UUID
    down_since: AwareDatetime
    down_since_uncertainty_seconds: Seconds = Field(ge=0)
    confirmed_at: AwareDatetime
    locations: list[LocationFinding]
    reason: Reason
    detail: str = Field(max_length=1000)
    evidence: Evidence
    gaps: list[Gap]


_COMMON: dict[str, Any] = {
    "monitor_id": "5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11",
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "site_id": "0190a000-0000-7000-8000-000000000030",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "counts_for_sla": True,
    "name": "Boutique en ligne – production",
    "url": "https://boutique.example/",
}
_OUTAGE: dict[str, Any] = {
    "outage_id": "6d1f7c40-2f3b-5c58-8b0a-0f4b1f7c9e21",
    "down_since": "2026-06-08T08:50:00.250000Z",
    "down_since_uncertainty_seconds": 30.0,
    "confirmed_at": "2026-06-08T08:50:21.400000Z",
    "locations": [{"location": "default", "verdict": "down", "failing_since": "2026-06-08T08:50:00.250000Z"}],
    "reason": "http_status",
    "detail": "The site answered with status 503.",
    "evidence": {
        "checked_at": "2026-06-08T08:50:00.250000Z",
        "url": "https://boutique.example/",
        "status_code": 503,
        "phase": None,
        "error": None,
        "remote_address": "93.184.215.14",
        "addresses": ["93.184.215.14"],
        "refused_addresses": [],
        "timings_ms": {"name_lookup": 3.1, "connect": 11.8, "tls": 24.9, "first_byte": 42.0, "total": 83.4},
        "headers": {"server": "nginx", "retry-after": "120"},
        "body_excerpt": "<h1>Service indisponible</h1>",
    },
    "gaps": [],
}


class MonitorDown(OutageFacts, aggregate="monitor", name="down", key="monitor_id"):
    """An outage is confirmed. Said once per outage."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_COMMON,
        **_OUTAGE,
        "previous_state": "up",
        "previous_since": "2026-06-08T07:00:03.100000Z",
    }


class MonitorRecovered(OutageFacts, aggregate="monitor", name="recovered", key="monitor_id"):
    """An outage is over: it ended at `recovered_at`, at most the uncertainty earlier. Up from then on.

    `duration_seconds` is from `down_since` to `recovered_at`; `unknown_seconds` of them lie in gaps.
    """

    recovered_at: AwareDatetime
    recovered_uncertainty_seconds: Seconds = Field(ge=0)
    recovery_confirmed_at: AwareDatetime
    duration_seconds: Seconds = Field(ge=0)
    unknown_seconds: Seconds = Field(ge=0)

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_COMMON,
        **_OUTAGE,
        "previous_state": "down",
        "previous_since": "2026-06-08T08:50:00.250000Z",
        "recovered_at": "2026-06-08T08:59:30.250000Z",
        "recovered_uncertainty_seconds": 30.0,
        "recovery_confirmed_at": "2026-06-08T08:59:30.380000Z",
        "duration_seconds": 570.0,
        "unknown_seconds": 0.0,
    }


class MonitorUnknown(MonitorTransition, aggregate="monitor", name="unknown", key="monitor_id"):
    """From `since` on there is no result to go by. An outage that was going on stays open: `outage_id` names it."""

    since: AwareDatetime
    reason: Literal["not_yet_checked", "no_fresh_result", "runner_restarted"]
    outage_id: UUID | None
    down_since: AwareDatetime | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_COMMON,
        "previous_state": "unknown",
        "previous_since": "2026-06-08T07:00:00Z",
        "since": "2026-06-08T07:00:00Z",
        "reason": "not_yet_checked",
        "outage_id": None,
        "down_since": None,
    }


class MonitorRestored(MonitorTransition, aggregate="monitor", name="restored", key="monitor_id"):
    """The stretch `[since, restored_at)` that was unknown, degraded or paused is over. `state` is what follows it.

    After silence during an outage that goes on, `state` is down and `outage_id` names the outage.
    """

    since: AwareDatetime
    restored_at: AwareDatetime
    state: State
    outage_id: UUID | None
    down_since: AwareDatetime | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_COMMON,
        "previous_state": "unknown",
        "previous_since": "2026-06-08T07:00:00Z",
        "since": "2026-06-08T07:00:00Z",
        "restored_at": "2026-06-08T07:00:03.100000Z",
        "state": "up",
        "outage_id": None,
        "down_since": None,
    }


class MonitorPaused(MonitorTransition, aggregate="monitor", name="paused", key="monitor_id"):
    """From `since` on the monitor is not checked. An outage that was going on ends then for the state line.

    The reason is removed_by_amendment when the contract goes on and no longer covers the environment.
    """

    since: AwareDatetime
    reason: Literal["contract_suspended", "contract_terminated", "removed_by_amendment"]
    outage_id: UUID | None
    down_since: AwareDatetime | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_COMMON,
        "previous_state": "up",
        "previous_since": "2026-06-08T07:00:03.100000Z",
        "since": "2026-06-08T09:00:00Z",
        "reason": "contract_suspended",
        "outage_id": None,
        "down_since": None,
    }


registry = EventRegistry("probes", [MonitorDown, MonitorRecovered, MonitorUnknown, MonitorRestored, MonitorPaused])
