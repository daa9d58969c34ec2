"""The life of an incident: what happened to it, when, through whom, and what may happen next.

open → acknowledged → mitigated → resolved → closed. A step may be skipped forward up to resolved, because the facts do
not wait for the form: somebody may mitigate or resolve before he acknowledges, and that answers the alert too. Only a
resolved incident is closed.

Every instant is a stamp: written once per cycle, never changed. A reopened incident begins a new cycle; the stamps of
the earlier ones stay.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID


class Status(StrEnum):
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Severity(StrEnum):
    CRITICAL = "critical"
    MAJOR = "major"
    MINOR = "minor"


class Milestone(StrEnum):
    """The instants of an incident, in the order in which a reader expects them."""

    FIRST_FAILURE = "first_failure"
    DETECTED = "detected"
    OPENED = "opened"
    ALERTED = "alerted"
    ACKNOWLEDGED = "acknowledged"
    MITIGATED = "mitigated"
    MONITORING_PAUSED = "monitoring_paused"
    RECOVERED = "recovered"
    RESOLVED = "resolved"
    CLOSED = "closed"


class Act(StrEnum):
    """What a person does to an incident."""

    ACKNOWLEDGE = "acknowledge"
    MITIGATE = "mitigate"
    RESOLVE = "resolve"
    CLOSE = "close"


ALLOWED: Mapping[Status, tuple[Act, ...]] = MappingProxyType(
    {
        Status.OPEN: (Act.ACKNOWLEDGE, Act.MITIGATE, Act.RESOLVE),
        Status.ACKNOWLEDGED: (Act.MITIGATE, Act.RESOLVE),
        Status.MITIGATED: (Act.RESOLVE,),
        Status.RESOLVED: (Act.CLOSE,),
        Status.CLOSED: (),
    }
)

_LEADS_TO: Mapping[Act, tuple[Status, Milestone]] = MappingProxyType(
    {
        Act.ACKNOWLEDGE: (Status.ACKNOWLEDGED, Milestone.ACKNOWLEDGED),
        Act.MITIGATE: (Status.MITIGATED, Milestone.MITIGATED),
        Act.RESOLVE: (Status.RESOLVED, Milestone.RESOLVED),
        Act.CLOSE: (Status.CLOSED, Milestone.CLOSED),
    }
)

# The acts follow one another, so a later one cannot be dated before an earlier one. Recovery is measured, not done: a
# site may be up again before anybody acknowledges.
_ORDERED = (Milestone.DETECTED, Milestone.ACKNOWLEDGED, Milestone.MITIGATED, Milestone.RESOLVED)


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
    """One instant of an incident: when it was, who says so, and from where we know. Never changed afterwards."""

    milestone: Milestone
    at: datetime
    actor: Who
    source: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What an incident is about: a contract, and the site and environment under it as far as they are known."""

    contract_id: UUID
    client_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    counts_for_sla: bool


@dataclass(frozen=True, slots=True)
class Source:
    """How we came to know. `kind`: monitor (with its outage), person, or system."""

    kind: str
    outage_id: UUID | None = None
    monitor_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Incident:
    """An incident with the stamps of its present cycle. `version` rises with every change."""

    id: UUID
    number: str
    subject: Subject
    source: Source
    title: str
    description: str
    severity: Severity
    status: Status
    stamps: Mapping[Milestone, Stamp]
    cycle: int
    version: int

    @property
    def detected_at(self) -> datetime:
        """When we knew: the clocks open here."""
        return self.stamps[Milestone.DETECTED].at

    def stamped(self, milestone: Milestone) -> bool:
        return milestone in self.stamps


@dataclass(frozen=True, slots=True)
class Change:
    """What an act or a fact did: the incident after it and the stamps that it added, in order."""

    after: Incident
    added: tuple[Stamp, ...]


class IllegalTransitionError(Exception):
    """The act is not possible in this status; `allowed` says which are."""

    def __init__(self, act: Act, status: Status) -> None:
        self.act = act
        self.status = status
        self.allowed = ALLOWED[status]
        instead = f"Possible now: {', '.join(self.allowed)}." if self.allowed else "Nothing more can be done to it."
        super().__init__(f"An incident that is {status} cannot be {_LEADS_TO[act][0]}. {instead}")


class InstantOutOfRangeError(Exception):
    """A stated instant lies in the future, or before what it must follow."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


def open_incident(
    *,
    incident_id: UUID,
    number: str,
    subject: Subject,
    source: Source,
    title: str,
    description: str,
    severity: Severity,
    stamps: Iterable[Stamp],
) -> Change:
    """A new incident, version 1. `detected` and `opened` must be among its stamps."""
    added = tuple(stamps)
    by_milestone = {stamp.milestone: stamp for stamp in added}
    missing = {Milestone.DETECTED, Milestone.OPENED} - by_milestone.keys()
    if missing:
        raise ValueError(f"an incident cannot open without {', '.join(sorted(missing))}")
    if len(by_milestone) != len(added):
        raise ValueError("a milestone is stamped once")
    incident = Incident(
        id=incident_id,
        number=number,
        subject=subject,
        source=source,
        title=title,
        description=description,
        severity=severity,
        status=Status.OPEN,
        stamps=MappingProxyType(by_milestone),
        cycle=1,
        version=1,
    )
    return Change(incident, added)


def number_of(year: int, sequence: int) -> str:
    """`INC-2026-0001`: the year, and the count of the tenant's incidents in it, with at least four digits."""
    return f"INC-{year:04d}-{sequence:04d}"


def perform(incident: Incident, act: Act, *, at: datetime | None, now: datetime, actor: Who, source: str) -> Change:
    """A person's act. `at` is when he says that it was done; None is now.

    Mitigating or resolving what nobody had acknowledged stamps the acknowledgement at the same instant: whoever repairs
    it has started on it.

    Raises IllegalTransitionError, and InstantOutOfRangeError when `at` is in the future or before the detection or an
    earlier act.
    """
    if act not in ALLOWED[incident.status]:
        raise IllegalTransitionError(act, incident.status)
    happened = now if at is None else at
    if happened > now:
        raise InstantOutOfRangeError("at", "This instant is in the future. Leave it out to say: now.")
    earliest = _latest_ordered(incident)
    if happened < earliest.at:
        if at is None:  # our own clock went back, or a fact was dated by a clock ahead of ours: nobody's mistake
            happened = earliest.at
        else:
            raise InstantOutOfRangeError(
                "at",
                f"This instant is before the incident was {earliest.milestone} "
                f"({earliest.at.isoformat().replace('+00:00', 'Z')}). State one that is not earlier.",
            )
    status, milestone = _LEADS_TO[act]
    added = []
    if not incident.stamped(Milestone.ACKNOWLEDGED) and act in (Act.MITIGATE, Act.RESOLVE):
        added.append(Stamp(Milestone.ACKNOWLEDGED, happened, actor, f"implied by {act}"))
    added.append(Stamp(milestone, happened, actor, source))
    return _with(replace(incident, status=status), added)


def note_fact(incident: Incident, stamp: Stamp) -> Change:
    """A fact that is measured, not done (recovered, alerted, …): stamped once per cycle, the status stays.

    What is stamped already stays as it is: the same fact told twice changes nothing.
    """
    if incident.stamped(stamp.milestone):
        return Change(incident, ())
    return _with(incident, [stamp])


def _latest_ordered(incident: Incident) -> Stamp:
    return max(
        (incident.stamps[milestone] for milestone in _ORDERED if milestone in incident.stamps),
        key=lambda stamp: stamp.at,
    )


def _with(incident: Incident, added: list[Stamp]) -> Change:
    stamps = {**incident.stamps, **{stamp.milestone: stamp for stamp in added}}
    after = replace(incident, stamps=MappingProxyType(stamps), version=incident.version + 1)
    return Change(after, tuple(added))
