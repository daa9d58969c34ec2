"""The values that confirmation and the state line work with."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from probes.domain.flapping import Edge
from probes.domain.slots import Schedule


class State(StrEnum):
    """What the state line of a monitor can say about a stretch of time."""

    UP = "up"
    DEGRADED = "degraded"
    DOWN = "down"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"
    PAUSED = "paused"


class Outcome(StrEnum):
    """What one check found.

    Two say nothing about the target: `MISSED`, the check could not start within one interval, and `BLOCKED`, something
    stood in the way of the probe (a challenge page, a refusal of robots) and it could not look.
    """

    GOOD = "good"
    BAD = "bad"
    MISSED = "missed"
    BLOCKED = "blocked"


class Reason(StrEnum):
    """Why a check is bad: the phase or the rule that failed."""

    DNS = "dns"
    CONNECT = "connect"
    TLS = "tls"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"
    REDIRECT = "redirect"
    HTTP_STATUS = "http_status"
    CONTENT = "content"
    ADDRESS_REFUSED = "address_refused"
    INVALID_TARGET = "invalid_target"
    CERTIFICATE = "certificate"
    """The certificate is not good for this name, now."""
    ANSWER = "answer"
    """The other side answered in its protocol, and the answer is a refusal: SERVFAIL, 554."""
    THRESHOLD = "threshold"
    """A measured value is beyond what was agreed: too slow, too much loss, too many crashes."""
    STALE = "stale"
    """What should be fresh is old: an export, a backup."""
    MISSING = "missing"
    """Somebody who reports by himself has not."""
    REPORTED = "reported"
    """Somebody reported a failure."""
    UNREACHABLE = "unreachable"
    """No route, or no echo."""


class UnknownReason(StrEnum):
    """Why nothing is known about a monitor."""

    NOT_YET_CHECKED = "not_yet_checked"
    NO_FRESH_RESULT = "no_fresh_result"
    RUNNER_RESTARTED = "runner_restarted"
    REPORTS_NOT_RECEIVED = "reports_not_received"
    """Somebody may have reported while nobody was there to take it."""
    LOCATION_SUSPECTED = "location_suspected"
    """The only location that looks at it seems to be what failed: its results do not count."""
    BLOCKED = "blocked"
    """Something stands before the target and lets no probe look."""


class DegradedReason(StrEnum):
    """Why a monitor is neither up nor down for everybody."""

    REGIONAL = "regional"
    """A minority of the locations, or one of two, finds it down."""


class PauseReason(StrEnum):
    """Why a monitor is not checked at all."""

    CONTRACT_SUSPENDED = "contract_suspended"
    CONTRACT_TERMINATED = "contract_terminated"
    REMOVED_BY_AMENDMENT = "removed_by_amendment"
    REMOVED = "removed"


class Verdict(StrEnum):
    """The confirmed opinion of one location."""

    UP = "up"
    DOWN = "down"


class Disposition(StrEnum):
    """What evaluation did with a check: everything but `APPLIED` left the state exactly as it was."""

    APPLIED = "applied"
    DUPLICATE = "duplicate"
    LATE = "late"
    OUTSIDE = "outside"
    MISSED = "missed"
    QUARANTINED = "quarantined"


@dataclass(frozen=True, slots=True)
class Rules:
    """How a monitor is checked and what it takes to believe a change. `rechecks` and `recoveries` are counts.

    A `reported` monitor is not asked: its results come when somebody reports, who also judges their absence. They never
    grow stale here, and their instants are exact.
    """

    schedule: Schedule
    timeout: timedelta
    rechecks: int
    recheck_spacing: timedelta
    recoveries: int
    reported: bool = False

    @property
    def interval(self) -> timedelta:
        """The time between two scheduled checks."""
        return self.schedule.interval


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a check was bad and what was seen. `evidence` is JSON-shaped and opaque to the rules."""

    reason: Reason
    detail: str
    evidence: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Check:
    """One execution as it is evaluated. `failure` is set exactly when the outcome is bad.

    `due_at` orders the checks of one location: it is strictly increasing over slots and their re-checks, also across a
    change of interval, where slot numbers are not.
    """

    location: str
    slot: int
    attempt: int
    due_at: datetime
    started_at: datetime
    finished_at: datetime
    outcome: Outcome
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """Consecutive checks that contradict a location's verdict and do not yet suffice to change it.

    `uncertainty` is how much earlier than `first_at` the change may really have happened. `failures` holds one entry
    per check of a failing run and is empty for a run of good checks.
    """

    first_at: datetime
    last_at: datetime
    uncertainty: timedelta
    count: int
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class LocationState:
    """What one location knows. The verdict stays while the location is stale; it just does not count then.

    `stale_since` is the instant from which nothing is known (None: fresh). `last_interval` is the interval in force at
    the last check, so that an amendment of the interval makes no gap. `verdict_since` is the first check of the run
    that led to the verdict, `confirmed_at` the end of the check that completed it. `blocked_at` is the last check that
    could not look.
    """

    location: str
    stale_since: datetime | None
    verdict: Verdict | None = None
    verdict_since: datetime | None = None
    uncertainty: timedelta = timedelta(0)
    confirmed_at: datetime | None = None
    failures: tuple[Failure, ...] = ()
    last_due: datetime | None = None
    last_at: datetime | None = None
    last_interval: timedelta | None = None
    run: Run | None = None
    blocked_at: datetime | None = None

    @property
    def fresh(self) -> bool:
        """Whether the verdict of this location may be counted."""
        return self.stale_since is None and self.verdict is not None


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch `[start, end)` inside an outage without any result: neither up nor down. Open while end is None."""

    start: datetime
    end: datetime | None = None


@dataclass(frozen=True, slots=True)
class LocationFinding:
    """What a location said when an outage was confirmed."""

    location: str
    verdict: Verdict | None
    failing_since: datetime | None


@dataclass(frozen=True, slots=True)
class Outage:
    """A confirmed run of failure, dated from its first failing check.

    `uncertainty` is the time between the last good check and the first failing one, at most one interval.
    `caused_by` is the outage of the monitor that this one depends on, when that was down already.
    """

    outage_id: UUID
    down_since: datetime
    uncertainty: timedelta
    confirmed_at: datetime
    failure: Failure
    failures: tuple[Failure, ...]
    locations: tuple[LocationFinding, ...]
    gaps: tuple[Gap, ...] = ()
    caused_by: UUID | None = None

    def with_gap(self, start: datetime) -> "Outage":
        """The same outage after its monitor stopped giving results at `start`."""
        return replace(self, gaps=(*self.gaps, Gap(start)))

    def with_gap_closed(self, end: datetime) -> "Outage":
        """The same outage after results came back at `end`; a gap without length is forgotten."""
        closed = replace(self.gaps[-1], end=end)
        return replace(self, gaps=self.gaps[:-1] + ((closed,) if closed.start < end else ()))

    def downtime(self, end: datetime) -> timedelta:
        """How long the outage is known to have lasted until `end`: its gaps are neither up nor down."""
        unknown = sum(((gap.end or end) - gap.start for gap in self.gaps), timedelta(0))
        return end - self.down_since - unknown


def outage_id(monitor_id: UUID, down_since: datetime) -> UUID:
    """The identity of the outage of a monitor that began at `down_since`: the same whenever it is computed again."""
    return uuid5(monitor_id, down_since.isoformat())


@dataclass(frozen=True, slots=True)
class MonitorState:
    """Where the state line of a monitor stands.

    `version` numbers the transitions: one event each. `watched_since` is the creation or the last resumption; a check
    that started earlier says nothing. `outage` is the open one, kept while the monitor is unknown or in maintenance.
    `edges` are the newest beginnings and ends of outages, `flapping_since` is set while there are too many.
    """

    monitor_id: UUID
    state: State
    since: datetime
    version: int
    watched_since: datetime
    locations: Mapping[str, LocationState]
    outage: Outage | None = None
    edges: tuple[Edge, ...] = ()
    flapping_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class WentDown:
    """An outage is confirmed. Like every transition it says what held before it, and since when.

    `flapping`: it was said before that this monitor goes up and down.
    """

    version: int
    previous_state: State
    previous_since: datetime
    outage: Outage
    flapping: bool = False


@dataclass(frozen=True, slots=True)
class Recovered:
    """An outage has ended; everything about it is here, so that this alone opens and closes it."""

    version: int
    previous_state: State
    previous_since: datetime
    outage: Outage
    recovered_at: datetime
    uncertainty: timedelta
    confirmed_at: datetime
    flapping: bool = False


@dataclass(frozen=True, slots=True)
class BecameDegraded:
    """From `since` on some locations find the monitor down and too few for an outage; `locations` says which."""

    version: int
    previous_state: State
    previous_since: datetime
    since: datetime
    reason: DegradedReason
    locations: tuple[LocationFinding, ...]


@dataclass(frozen=True, slots=True)
class BecameUnknown:
    """From `since` on there is no result to go by. `outage` is the one that stays open meanwhile, if any."""

    version: int
    previous_state: State
    previous_since: datetime
    since: datetime
    reason: UnknownReason
    outage: Outage | None


@dataclass(frozen=True, slots=True)
class Restored:
    """A stretch `[since, restored_at)` that was unknown, degraded, maintenance or paused is over; `state` follows it.

    `outage` is the one that goes on after the silence, if any.
    """

    version: int
    previous_state: State
    since: datetime
    restored_at: datetime
    state: State
    outage: Outage | None = None


@dataclass(frozen=True, slots=True)
class Paused:
    """From `since` on the monitor is not checked. `outage` is the one that this ended, if any."""

    version: int
    previous_state: State
    previous_since: datetime
    since: datetime
    reason: PauseReason
    outage: Outage | None


@dataclass(frozen=True, slots=True)
class EnteredMaintenance:
    """From `since` on, until `until` as things stand, what happens is planned work. `outage` goes on meanwhile, if any.

    Said again, with the same `since`, after anything else that had to be said within the window.
    """

    version: int
    previous_state: State
    previous_since: datetime
    since: datetime
    until: datetime
    outage: Outage | None


@dataclass(frozen=True, slots=True)
class BeganFlapping:
    """Outages begin and end so often that people are told only this. `edges` of them came since `since`."""

    version: int
    state: State
    since: datetime
    edges: int


@dataclass(frozen=True, slots=True)
class Settled:
    """The flapping that began at `flapping_since` is over; `outage_id` is the last outage, open or not."""

    version: int
    state: State
    flapping_since: datetime
    at: datetime
    outage_id: UUID | None


Transition = (
    WentDown
    | Recovered
    | BecameDegraded
    | BecameUnknown
    | Restored
    | EnteredMaintenance
    | Paused
    | BeganFlapping
    | Settled
)


@dataclass(frozen=True, slots=True)
class LineChange:
    """From `at` on the state line says `state`; whatever it said for later instants no longer holds."""

    state: State
    at: datetime
    version: int
    reason: str | None = None
    outage_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Blip:
    """A run of failure that did not confirm: kept and counted, never down time."""

    location: str
    first_at: datetime
    last_at: datetime
    ended_at: datetime
    failures: tuple[Failure, ...]


@dataclass(frozen=True, slots=True)
class Recheck:
    """A request to look again soon: attempt number `attempt` of the slot, not before `due_at`."""

    location: str
    slot: int
    attempt: int
    due_at: datetime


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of one step: the new state, the facts to publish and to store, and whether to look again."""

    state: MonitorState
    disposition: Disposition = Disposition.APPLIED
    transitions: tuple[Transition, ...] = ()
    line: tuple[LineChange, ...] = ()
    blips: tuple[Blip, ...] = ()
    recheck: Recheck | None = None
