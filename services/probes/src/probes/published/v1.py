"""The events that probes publishes, version 1: the transitions of a monitor.

Each is self-contained. It says what held before (`previous_state` since `previous_since`) and carries everything that
its consumer needs, so that it can be understood without the ones before it and in any order. The envelope's
`aggregateversion` numbers the transitions of a monitor without holes, beginning with 1.
"""

from datetime import date
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
CertificateVerdict = Literal[
    "self_signed", "unknown_issuer", "not_yet_valid", "expired", "host_mismatch", "weak", "expiring", "good"
]
Seconds = float


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LocationFinding(_Part):
    """What one location said when the outage was confirmed; `verdict` is null when it had nothing fresh to say."""

    location: str = Field(max_length=40)
    verdict: Literal["up", "down"] | None
    failing_since: AwareDatetime | None


class NameAnswer(_Part):
    """What a name server answered to one question; `response_code` is null and `error` says why when it did not.

    `aliases` are the names that were led to on the way to `values`.
    """

    name: str = Field(max_length=300)
    record_type: str = Field(max_length=20)
    server: str | None = Field(max_length=60)
    response_code: str | None = Field(max_length=30)
    aliases: list[str] = Field(max_length=20)
    values: list[str] = Field(max_length=50)
    over_tcp: bool
    error: str | None = Field(max_length=500)


class Hop(_Part):
    """Who answered a datagram that was to live for `hop` hops; null where nobody did or who did is not to be named."""

    hop: int = Field(ge=1, le=20, json_schema_extra={"format": "int32"})
    address: str | None = Field(max_length=60)
    round_trip_ms: float | None = Field(ge=0)
    error: str | None = Field(max_length=100)


class Traceroute(_Part):
    """The way to `address` during the outage, up to the last hop that answered."""

    address: str = Field(max_length=60)
    reached: bool
    hops: list[Hop] = Field(max_length=20)


class Evidence(_Part):
    """What the first failing check of the outage saw, and what was found out while it was being confirmed.

    `phase` is where the exchange broke off (name_lookup, connect, tls, first_byte, body), null when the site answered
    in full. `timings_ms` holds name_lookup, connect, tls, first_byte and total, summed over the hops of a redirect.
    `dns` and `traceroute` are looked for when the network may be at fault; null when they were not, or not in time.
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
    dns: list[NameAnswer] | None = Field(default=None, max_length=20)
    traceroute: Traceroute | None = None


class Gap(_Part):
    """A stretch `[start, end)` inside the outage without any result: neither up nor down. Open when `end` is null."""

    start: AwareDatetime
    end: AwareDatetime | None


class MonitorTransition(PublishedEvent):
    """What every event of a monitor tells. `name` is the environment's, as a person calls it.

    `measures_availability`: its states are those of the environment, as of the page that a contract has asked. Those of
    certificates, exports and what people added are not. Null in events of earlier releases. `counts_for_sla` is said of
    the monitor, too: it measures availability, in an environment that is part of the promise.

    `third_party`: what is watched is somebody else's, and an outage of it may be excluded from what was promised.
    """

    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    counts_for_sla: bool
    measures_availability: bool | None = None
    third_party: bool = False
    name: str = Field(max_length=300)
    url: str = Field(max_length=2000)
    previous_state: State
    previous_since: AwareDatetime


class Outage(_Part):
    """What is known about a confirmed outage. It began at `down_since`, at most the uncertainty earlier.

    `caused_by` is the outage of the monitor that this one depends on, if that was down already: this one is then not to
    blame. `flapping`: it goes up and down, which was said before; people need not be told of each time.
    """

    outage_id: UUID
    down_since: AwareDatetime
    down_since_uncertainty_seconds: Seconds = Field(ge=0)
    confirmed_at: AwareDatetime
    locations: list[LocationFinding]
    reason: Reason
    detail: str = Field(max_length=1000)
    evidence: Evidence
    gaps: list[Gap]
    caused_by: UUID | None = None
    flapping: bool = False


class OutageFacts(Outage, MonitorTransition):
    """A transition that is about an outage, with all that is known about it."""


_COMMON: dict[str, Any] = {
    "monitor_id": "5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11",
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "site_id": "0190a000-0000-7000-8000-000000000030",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "counts_for_sla": True,
    "third_party": False,
    "name": "Boutique en ligne – production",
    "url": "https://boutique.example/",
}
_CHANGED: dict[str, Any] = {**_COMMON, "measures_availability": True}
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
    "caused_by": None,
    "flapping": False,
}


class MonitorDown(OutageFacts, aggregate="monitor", name="down", key="monitor_id"):
    """An outage is confirmed. Said once per outage."""

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_CHANGED,
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
        **_CHANGED,
        **_OUTAGE,
        "previous_state": "down",
        "previous_since": "2026-06-08T08:50:00.250000Z",
        "recovered_at": "2026-06-08T08:59:30.250000Z",
        "recovered_uncertainty_seconds": 30.0,
        "recovery_confirmed_at": "2026-06-08T08:59:30.380000Z",
        "duration_seconds": 570.0,
        "unknown_seconds": 0.0,
    }


class MonitorDegraded(MonitorTransition, aggregate="monitor", name="degraded", key="monitor_id"):
    """From `since` on some of the locations find it down, and too few for an outage. Ends with restored.

    The only reason so far is regional: a minority of the locations, or one of two. It is nobody's down time.
    """

    since: AwareDatetime
    reason: Literal["regional"]
    locations: list[LocationFinding]

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_CHANGED,
        "previous_state": "up",
        "previous_since": "2026-06-08T07:00:03.100000Z",
        "since": "2026-06-08T08:50:00.250000Z",
        "reason": "regional",
        "locations": [
            {"location": "lyon", "verdict": "up", "failing_since": None},
            {"location": "oslo", "verdict": "down", "failing_since": "2026-06-08T08:50:00.250000Z"},
            {"location": "rome", "verdict": "up", "failing_since": None},
        ],
    }


class MonitorMaintenance(MonitorTransition, aggregate="monitor", name="maintenance", key="monitor_id"):
    """From `since` on, what happens is planned work; until `until` as things stand. Ends with restored.

    It is said again, with the same `since`, after whatever else had to be said within the window: an outage that began
    before it, or the end of one. Such an outage goes on beneath, and `outage_id` names it.
    """

    since: AwareDatetime
    until: AwareDatetime
    outage_id: UUID | None
    down_since: AwareDatetime | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_CHANGED,
        "previous_state": "up",
        "previous_since": "2026-06-08T07:00:03.100000Z",
        "since": "2026-06-10T00:00:00Z",
        "until": "2026-06-10T02:00:00Z",
        "outage_id": None,
        "down_since": None,
    }


class MonitorSignal(PublishedEvent):
    """What the events of a monitor tell that change no state."""

    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    counts_for_sla: bool
    third_party: bool = False
    name: str = Field(max_length=300)
    url: str = Field(max_length=2000)


_SIGNAL: dict[str, Any] = {**_COMMON}


class MonitorFlapping(MonitorSignal, aggregate="monitor", name="flapping", key="monitor_id"):
    """It goes up and down: since `since`, outages have begun or ended `edges` times, more often than is worth telling.

    Outages go on to be told one by one, each with `flapping`, until it has settled.
    """

    since: AwareDatetime
    state: State
    edges: int = Field(ge=1)

    EXAMPLE: ClassVar[dict[str, Any]] = {**_SIGNAL, "since": "2026-06-08T08:50:21.400000Z", "state": "down", "edges": 7}


class MonitorSettled(MonitorSignal, aggregate="monitor", name="settled", key="monitor_id"):
    """The flapping that began at `flapping_since` is over. `outage_id` is the last outage, which may still go on."""

    flapping_since: AwareDatetime
    settled_at: AwareDatetime
    state: State
    outage_id: UUID | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_SIGNAL,
        "flapping_since": "2026-06-08T08:50:21.400000Z",
        "settled_at": "2026-06-08T10:12:00Z",
        "state": "up",
        "outage_id": "6d1f7c40-2f3b-5c58-8b0a-0f4b1f7c9e21",
    }


class MonitorUnknown(MonitorTransition, aggregate="monitor", name="unknown", key="monitor_id"):
    """From `since` on there is no result to go by. An outage that was going on stays open: `outage_id` names it.

    The reason is location_suspected when there are results and they say more about the place that they come from, and
    blocked when something stands before the target, such as a firewall's challenge page, and lets no probe look.
    """

    since: AwareDatetime
    reason: Literal[
        "not_yet_checked",
        "no_fresh_result",
        "runner_restarted",
        "reports_not_received",
        "location_suspected",
        "blocked",
    ]
    outage_id: UUID | None
    down_since: AwareDatetime | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_CHANGED,
        "previous_state": "unknown",
        "previous_since": "2026-06-08T07:00:00Z",
        "since": "2026-06-08T07:00:00Z",
        "reason": "not_yet_checked",
        "outage_id": None,
        "down_since": None,
    }


class MonitorRestored(MonitorTransition, aggregate="monitor", name="restored", key="monitor_id"):
    """The stretch `[since, restored_at)` that was unknown, degraded, maintenance or paused is over. `state` follows it.

    After silence during an outage that goes on, `state` is down and `outage_id` names the outage.
    """

    since: AwareDatetime
    restored_at: AwareDatetime
    state: State
    outage_id: UUID | None
    down_since: AwareDatetime | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_CHANGED,
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

    `outage` is all that is known about that one; the site was not seen to work again. The reason is
    removed_by_amendment when the contract goes on and no longer covers the environment, and removed when somebody took
    away a monitor that had been added: then it is for good.
    """

    since: AwareDatetime
    reason: Literal["contract_suspended", "contract_terminated", "removed_by_amendment", "removed"]
    outage_id: UUID | None
    down_since: AwareDatetime | None
    outage: Outage | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_CHANGED,
        "previous_state": "down",
        "previous_since": _OUTAGE["down_since"],
        "since": "2026-06-08T08:55:00Z",
        "reason": "contract_suspended",
        "outage_id": _OUTAGE["outage_id"],
        "down_since": _OUTAGE["down_since"],
        "outage": _OUTAGE,
    }


class ResponseTimes(_Part):
    """How long the good checks of a page took in one hour, over all locations: in microseconds, redirects included.

    The percentiles are those of this hour alone, right to one percent; percentiles of hours cannot be averaged. For
    longer times sketches are merged: `sketch` is a DDSketch as decision 43 describes it, whatever was merged right to
    one percent as well.
    """

    count: int = Field(ge=1)
    p50_us: int = Field(ge=0)
    p95_us: int = Field(ge=0)
    p99_us: int = Field(ge=0)
    sketch: str = Field(max_length=20_000, pattern="^[A-Za-z0-9_-]+$", description="bits in base64, without padding")


class MonitorHour(_Part):
    """The scheduled checks of one monitor in one hour, over all its locations.

    Of `expected`, `executed` looked, `missed` could not start in time and `blocked` were kept from seeing the target;
    of the rest nothing is known. The hour is seen in full when `executed` is `expected`. Only what asks for a page of
    the client's own has `response_times`, and only when a check was good; events of earlier releases have none.
    """

    monitor_id: UUID
    environment_id: UUID
    expected: int = Field(ge=0)
    executed: int = Field(ge=0)
    missed: int = Field(ge=0)
    blocked: int = Field(ge=0)
    response_times: ResponseTimes | None = None


class RollupHourly(PublishedEvent, aggregate="rollup", name="hourly", key="rollup_id"):
    """What was measured of a contract's monitors in the hour `[starts_at, ends_at)`: probes was there and looked.

    Said once the hour is over, and again with a higher version when late results change it: the newest one counts. A
    contract with very many monitors has several for one hour, of different monitors. `monitors` names those on the
    schedule in that hour, though nothing may have been due in it; what reports by itself is not among them.
    """

    rollup_id: UUID
    contract_id: UUID
    client_id: UUID
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    monitors: list[MonitorHour] = Field(max_length=500)

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "rollup_id": "3d0d6f0e-43b8-5a0e-8f57-2a5f0e0b8c44",
        "contract_id": "0190a000-0000-7000-8000-000000000010",
        "client_id": "0190a000-0000-7000-8000-000000000020",
        "starts_at": "2026-06-08T08:00:00Z",
        "ends_at": "2026-06-08T09:00:00Z",
        "monitors": [
            {
                "monitor_id": "5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11",
                "environment_id": "0190a000-0000-7000-8000-000000000031",
                "expected": 120,
                "executed": 118,
                "missed": 1,
                "blocked": 0,
                "response_times": {
                    "count": 4,
                    "p50_us": 213028,
                    "p95_us": 213028,
                    "p99_us": 213028,
                    "sketch": "JAO-UULAtSABn8A",
                },
            }
        ],
    }


class CertificateNotice(PublishedEvent):
    """What is told of a certificate that checks have seen. `name` is the environment's, as a person calls it.

    `host` and `port` are where it was presented: the environment's own, or those that it redirects to.
    """

    notice_id: UUID
    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    url: str = Field(max_length=2000)
    host: str = Field(max_length=253)
    port: int = Field(ge=1, le=65_535)
    subject: str = Field(max_length=500)
    issuer: str = Field(max_length=500)
    fingerprint_sha256: str = Field(max_length=64)
    not_after: AwareDatetime
    verdict: CertificateVerdict
    observed_at: AwareDatetime


_CERTIFICATE: dict[str, Any] = {
    "notice_id": "0a4d0c5e-7b1c-5c0f-9a55-3d1a7f7be001",
    "monitor_id": "b2c9a2de-6f53-5d1b-8a35-2f6f0e6d7a12",
    **{key: _COMMON[key] for key in ("contract_id", "client_id", "site_id", "environment_id", "name", "url")},
    "host": "boutique.example",
    "port": 443,
    "subject": "CN=boutique.example",
    "issuer": "CN=Authority R3,O=Authority,C=US",
    "fingerprint_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "not_after": "2026-06-22T08:00:00Z",
    "verdict": "expiring",
    "observed_at": "2026-06-08T09:00:00.1Z",
}


class CertificateExpiring(CertificateNotice, aggregate="certificate", name="expiring", key="notice_id"):
    """A certificate ends within `threshold_days` days. Said once per certificate and threshold.

    `expires_at` is the earliest expiry of the path that verifies, and `expires_first` whose it is: it may be an
    intermediate's. `days_left` is negative when it was found after its end. One that is found late is told once, for
    the tightest threshold.
    """

    expires_at: AwareDatetime
    expires_first: str = Field(max_length=500)
    days_left: int
    threshold_days: int = Field(ge=1, le=3650)

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_CERTIFICATE,
        "expires_at": "2026-06-22T08:00:00Z",
        "expires_first": "CN=boutique.example",
        "days_left": 13,
        "threshold_days": 14,
    }


class CertificateChanged(CertificateNotice, aggregate="certificate", name="changed", key="notice_id"):
    """A host presents another certificate than before. Said once per certificate."""

    previous_fingerprint_sha256: str = Field(max_length=64)
    previous_issuer: str = Field(max_length=500)
    previous_not_after: AwareDatetime

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_CERTIFICATE,
        "not_after": "2026-09-06T08:00:00Z",
        "verdict": "good",
        "previous_fingerprint_sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "previous_issuer": "CN=Authority R3,O=Authority,C=US",
        "previous_not_after": "2026-06-22T08:00:00Z",
    }


class DomainExpiring(PublishedEvent, aggregate="domain", name="expiring", key="notice_id"):
    """The registration of a domain name ends within `threshold_days` days. Said once per end and threshold.

    `source` is manual where the registry publishes no date and somebody has entered it. `days_left` is negative when
    it was found after its end.
    """

    notice_id: UUID
    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    domain: str = Field(max_length=253)
    registrar: str | None = Field(max_length=200)
    status: list[str] = Field(max_length=20)
    source: Literal["registry", "manual"]
    expires_at: AwareDatetime
    days_left: int
    threshold_days: int = Field(ge=1, le=3650)
    observed_at: AwareDatetime

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "notice_id": "0a4d0c5e-7b1c-5c0f-9a55-3d1a7f7be002",
        "monitor_id": "c3d9a2de-6f53-5d1b-8a35-2f6f0e6d7a13",
        **{key: _COMMON[key] for key in ("contract_id", "client_id", "site_id", "environment_id", "name")},
        "domain": "boutique.example",
        "registrar": "Registrar SAS",
        "status": ["client transfer prohibited"],
        "source": "registry",
        "expires_at": "2026-07-06T08:00:00Z",
        "days_left": 27,
        "threshold_days": 30,
        "observed_at": "2026-06-08T09:00:00.1Z",
    }


class LocationSuspected(PublishedEvent, aggregate="location", name="suspected", key="location_id"):
    """A place that we check from is suspected of being at fault itself: from `since` on its results are put aside.

    most_failed: most of what it looked at could not be reached from there, and no other place agrees.
    controls_unreachable: it does not reach what every place should reach. `monitors` are the agency's that it looks at.
    """

    location_id: UUID
    location: str = Field(max_length=40)
    since: AwareDatetime
    reason: Literal["most_failed", "controls_unreachable"]
    monitors: int = Field(ge=0)

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "location_id": "7a0f0d52-9b1c-5d3e-8f46-2c9a5e0b1d77",
        "location": "oslo",
        "since": "2026-06-08T08:50:00.250000Z",
        "reason": "most_failed",
        "monitors": 42,
    }


class LocationTrusted(PublishedEvent, aggregate="location", name="trusted", key="location_id"):
    """The results of a place count again from `trusted_at` on."""

    location_id: UUID
    location: str = Field(max_length=40)
    suspected_since: AwareDatetime
    trusted_at: AwareDatetime
    reason: Literal["most_succeed", "others_agree", "controls_reachable", "no_longer_asked"]

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "location_id": "7a0f0d52-9b1c-5d3e-8f46-2c9a5e0b1d77",
        "location": "oslo",
        "suspected_since": "2026-06-08T08:50:00.250000Z",
        "trusted_at": "2026-06-08T08:57:31Z",
        "reason": "most_succeed",
    }


class HeartbeatNotice(PublishedEvent):
    """What a job that reports by itself has not done. `deadline` is the expected instant and the grace."""

    notice_id: UUID
    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    expected_at: AwareDatetime
    deadline: AwareDatetime


_HEARTBEAT: dict[str, Any] = {
    "notice_id": "3b8f0f5e-0c67-5a55-9b25-6a1f0f9b2a77",
    "monitor_id": "0190a000-0000-7000-8000-000000000041",
    "contract_id": "0190a000-0000-7000-8000-000000000010",
    "client_id": "0190a000-0000-7000-8000-000000000020",
    "site_id": "0190a000-0000-7000-8000-000000000030",
    "environment_id": "0190a000-0000-7000-8000-000000000031",
    "name": "Sauvegarde nocturne",
    "expected_at": "2026-06-08T00:00:00Z",
    "deadline": "2026-06-08T02:00:00Z",
}


class HeartbeatLate(HeartbeatNotice, aggregate="heartbeat", name="late", key="notice_id"):
    """The instant at which a report was expected has passed. Until the deadline this is no failure."""

    EXAMPLE: ClassVar[dict[str, Any]] = _HEARTBEAT


class HeartbeatMissed(HeartbeatNotice, aggregate="heartbeat", name="missed", key="notice_id"):
    """No report came by the deadline. Said for the first one of a series; the outage of its monitor says the rest."""

    last_success_at: AwareDatetime | None

    EXAMPLE: ClassVar[dict[str, Any]] = {**_HEARTBEAT, "last_success_at": "2026-06-07T00:04:12.5Z"}


class ContentChanged(PublishedEvent, aggregate="content", name="changed", key="notice_id"):
    """The content that a monitor watches is another one than before. Said once per change.

    The hashes are SHA-256 of the watched region with its white space collapsed, `size` its bytes.
    """

    notice_id: UUID
    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    url: str = Field(max_length=2000)
    location: str = Field(max_length=40)
    sha256: str = Field(max_length=64)
    size: int = Field(ge=0)
    previous_sha256: str = Field(max_length=64)
    previous_size: int = Field(ge=0)
    observed_at: AwareDatetime

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "notice_id": "0a4d0c5e-7b1c-5c0f-9a55-3d1a7f7be003",
        "monitor_id": "d4d9a2de-6f53-5d1b-8a35-2f6f0e6d7a14",
        **{key: _COMMON[key] for key in ("contract_id", "client_id", "site_id", "environment_id", "name", "url")},
        "location": "default",
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "size": 1520,
        "previous_sha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
        "previous_size": 1484,
        "observed_at": "2026-06-08T09:00:00.1Z",
    }


class RestoreVerificationRecorded(
    PublishedEvent, aggregate="restore_verification", name="recorded", key="restore_verification_id"
):
    """Somebody tried to restore a backup, and recorded how it went, with its proof."""

    restore_verification_id: UUID
    contract_id: UUID
    client_id: UUID
    environment_id: UUID | None
    performed_at: AwareDatetime
    recorded_at: AwareDatetime
    scope: str = Field(max_length=500)
    duration_seconds: int = Field(ge=0)
    result: Literal["succeeded", "partial", "failed"]
    performed_by: str = Field(max_length=500)
    backup_taken_at: AwareDatetime | None
    evidence_url: str | None = Field(max_length=2000)
    evidence_sha256: str | None = Field(max_length=64)

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "restore_verification_id": "0190a000-0000-7000-8000-000000000051",
        "contract_id": "0190a000-0000-7000-8000-000000000010",
        "client_id": "0190a000-0000-7000-8000-000000000020",
        "environment_id": "0190a000-0000-7000-8000-000000000031",
        "performed_at": "2026-06-05T13:00:00Z",
        "recorded_at": "2026-06-05T14:10:00Z",
        "scope": "Base de données et fichiers, sur un serveur vide",
        "duration_seconds": 1860,
        "result": "succeeded",
        "performed_by": "Nadia Benali",
        "backup_taken_at": "2026-06-05T00:04:12Z",
        "evidence_url": "https://files.agency.example/restores/2026-06.pdf",
        "evidence_sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }


class RestoreVerificationOverdue(PublishedEvent, aggregate="restore_verification", name="overdue", key="notice_id"):
    """A period of a contract that promises verified restores is over without one. Said once per period."""

    notice_id: UUID
    contract_id: UUID
    client_id: UUID
    frequency: Literal["weekly", "monthly", "quarterly", "yearly"]
    period_from: AwareDatetime
    period_to: AwareDatetime
    missed_periods: int = Field(ge=1)
    last_verified_at: AwareDatetime | None

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "notice_id": "9d5a1a6e-4b5f-5f0c-8a3b-0c1d2e3f4a5b",
        "contract_id": "0190a000-0000-7000-8000-000000000010",
        "client_id": "0190a000-0000-7000-8000-000000000020",
        "frequency": "monthly",
        "period_from": "2026-05-07T22:00:00Z",
        "period_to": "2026-06-07T22:00:00Z",
        "missed_periods": 1,
        "last_verified_at": "2026-05-06T13:00:00Z",
    }


class GroupPage(_Part):
    """A page of a group, with the monitor that watches it."""

    monitor_id: UUID
    name: str = Field(max_length=300)
    url: str = Field(max_length=2000)


class PageCounts(_Part):
    """How many pages of a group are in which state."""

    up: int = Field(ge=0)
    degraded: int = Field(ge=0)
    down: int = Field(ge=0)
    maintenance: int = Field(ge=0)
    unknown: int = Field(ge=0)
    paused: int = Field(ge=0)


class GroupChanged(PublishedEvent, aggregate="group", name="changed", key="group_id"):
    """A group of pages stands otherwise since `since`: as its worst page does, `pages` being those in that state.

    Once per change; the envelope's `aggregateversion` numbers them without holes. A new group is unknown, which is not
    said; one that is deleted is paused. Each page is a monitor that has its own transitions.
    """

    group_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    previous_state: State
    previous_since: AwareDatetime
    state: State
    since: AwareDatetime
    counts: PageCounts
    pages: list[GroupPage] = Field(max_length=100)

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "group_id": "0190a000-0000-7000-8000-000000000061",
        **{key: _COMMON[key] for key in ("contract_id", "client_id", "site_id", "environment_id")},
        "name": "Offres et réservation",
        "previous_state": "up",
        "previous_since": "2026-06-08T07:00:03.1Z",
        "state": "down",
        "since": "2026-06-08T08:50:00.25Z",
        "counts": {"up": 2, "degraded": 0, "down": 1, "maintenance": 0, "unknown": 0, "paused": 0},
        "pages": [
            {
                "monitor_id": "5f0c3a52-5d8a-5b62-9d0e-6a1f3f2d7c11",
                "name": "Réservation",
                "url": "https://hotel.example/reservation",
            }
        ],
    }


class UnwatchedPages(PublishedEvent):
    """Pages of an environment that `contract_version` promises to watch, and why they cannot be watched as it says."""

    unwatched_pages_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    contract_version: int = Field(ge=1)
    reason: str = Field(max_length=1000)
    found_at: AwareDatetime


_UNWATCHED: dict[str, Any] = {
    "unwatched_pages_id": "0190a000-0000-7000-8000-000000000071",
    **{key: _COMMON[key] for key in ("contract_id", "client_id", "site_id", "environment_id", "name")},
    "contract_version": 3,
    "reason": "The period has no time in it: the clocks change then.",
    "found_at": "2026-06-08T08:50:00.25Z",
}


class UnwatchedPagesFound(UnwatchedPages, aggregate="unwatched_pages", name="found", key="unwatched_pages_id"):
    """The pages cannot be watched as the contract says; what was watched of them before goes on as it was.

    Said once per environment and reason, however many versions of the contract ask for the same.
    """

    EXAMPLE: ClassVar[dict[str, Any]] = _UNWATCHED


class UnwatchedPagesEnded(UnwatchedPages, aggregate="unwatched_pages", name="ended", key="unwatched_pages_id"):
    """It is over: the pages are watched, promised no longer, or refused for another reason, which is told by itself."""

    ended_at: AwareDatetime

    EXAMPLE: ClassVar[dict[str, Any]] = {**_UNWATCHED, "ended_at": "2026-06-08T14:00:00Z"}


class Speed(_Part):
    """How long good checks took over some days, both included: the total, in milliseconds, right to one percent."""

    first_day: date
    last_day: date
    checks: int = Field(ge=1)
    median_ms: float = Field(ge=0)
    p95_ms: float = Field(ge=0)


class PerformanceNotice(PublishedEvent):
    """The speed of a monitor's target, as a contract promises to watch it. The newest version counts.

    `now` are the days that decided it, `baseline` the weeks before the change.
    """

    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    url: str = Field(max_length=2000)
    threshold_percent: int = Field(ge=1)
    baseline: Speed
    now: Speed


_PERFORMANCE: dict[str, Any] = {
    **{key: _COMMON[key] for key in PerformanceNotice.model_fields if key in _COMMON},
    "threshold_percent": 20,
    "baseline": {
        "first_day": "2026-05-08",
        "last_day": "2026-06-04",
        "checks": 80640,
        "median_ms": 82.1,
        "p95_ms": 120.4,
    },
    "now": {
        "first_day": "2026-06-05",
        "last_day": "2026-06-07",
        "checks": 8640,
        "median_ms": 118.9,
        "p95_ms": 171.2,
    },
}


class PerformanceDrifted(PerformanceNotice, aggregate="performance", name="drifted", key="monitor_id"):
    """The target has become slower for good: since `since`, by `percent` in `measure`, most of it in `phase`.

    Said once per drift. `transfer` is the body on its way.
    """

    since: date
    measure: Literal["p95", "median"]
    percent: int
    phase: Literal["name_lookup", "connect", "tls", "first_byte", "transfer"]

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_PERFORMANCE,
        "since": "2026-06-05",
        "measure": "p95",
        "percent": 42,
        "phase": "first_byte",
    }


class PerformanceRecovered(PerformanceNotice, aggregate="performance", name="recovered", key="monitor_id"):
    """The target is as fast again as the baseline. The drift began on `since`; `recovered_on` is the first good day."""

    since: date
    recovered_on: date

    EXAMPLE: ClassVar[dict[str, Any]] = {
        **_PERFORMANCE,
        "now": {
            "first_day": "2026-06-18",
            "last_day": "2026-06-20",
            "checks": 8640,
            "median_ms": 83.0,
            "p95_ms": 121.7,
        },
        "since": "2026-06-05",
        "recovered_on": "2026-06-18",
    }


class ComponentOutdated(PublishedEvent, aggregate="component", name="outdated", key="notice_id"):
    """A version that was seen is behind its cycle, or its cycle ends or has ended. Said once per version and verdict.

    `behind` is how far `latest`, the newest release of the cycle, is away. `data_of` dates the list that says so.
    """

    notice_id: UUID
    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str = Field(max_length=300)
    component: str = Field(max_length=60)
    version: str = Field(max_length=60)
    cycle: str | None = Field(max_length=60)
    verdict: Literal["behind", "ending", "end_of_life"]
    behind: Literal["patch", "minor", "major"] | None
    latest: str | None = Field(max_length=60)
    end_of_life: date | None
    days_left: int | None
    data_of: date
    observed_at: AwareDatetime

    EXAMPLE: ClassVar[dict[str, Any]] = {
        "notice_id": "7f2d8f0a-93a1-5d2e-9c3b-1b2c3d4e5f60",
        "monitor_id": "0190a000-0000-7000-8000-000000000042",
        **{key: _COMMON[key] for key in ("contract_id", "client_id", "site_id", "environment_id", "name")},
        "component": "php",
        "version": "8.1.30",
        "cycle": "8.1",
        "verdict": "end_of_life",
        "behind": "patch",
        "latest": "8.1.32",
        "end_of_life": "2025-12-31",
        "days_left": -159,
        "data_of": "2025-05-31",
        "observed_at": "2026-06-08T04:10:00Z",
    }


registry = EventRegistry(
    "probes",
    [
        MonitorDown,
        MonitorRecovered,
        MonitorUnknown,
        MonitorRestored,
        MonitorPaused,
        MonitorDegraded,
        MonitorMaintenance,
        MonitorFlapping,
        MonitorSettled,
        GroupChanged,
        UnwatchedPagesFound,
        UnwatchedPagesEnded,
        LocationSuspected,
        LocationTrusted,
        RollupHourly,
        PerformanceDrifted,
        PerformanceRecovered,
        CertificateExpiring,
        CertificateChanged,
        HeartbeatLate,
        HeartbeatMissed,
        RestoreVerificationRecorded,
        RestoreVerificationOverdue,
        ComponentOutdated,
        DomainExpiring,
        ContentChanged,
    ],
)
