"""What is watched and how: monitors as they follow from a contract."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from probes.domain.slots import Schedule
from probes.domain.states import MonitorState, Rules

UPTIME_MONITORING = "uptime_monitoring"
"""The type of the deliverable that has monitors. It is part of a monitor's identity."""

HTTP = "http"


@dataclass(frozen=True, slots=True)
class Cadence:
    """How a monitor is checked, in the contract's terms: seconds and counts."""

    interval_seconds: int
    timeout_seconds: int
    rechecks: int
    recheck_spacing_seconds: int
    recoveries: int

    def rules(self, monitor_id: UUID) -> Rules:
        """The cadence of one monitor, with its phase."""
        return Rules(
            schedule=Schedule.of(monitor_id, timedelta(seconds=self.interval_seconds)),
            timeout=timedelta(seconds=self.timeout_seconds),
            rechecks=self.rechecks,
            recheck_spacing=timedelta(seconds=self.recheck_spacing_seconds),
            recoveries=self.recoveries,
        )


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched under which contract. `name` is for people, `kind` says how it is looked at."""

    monitor_id: UUID
    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    deliverable: str
    counts_for_sla: bool
    kind: str
    name: str
    url: str


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor with its state. `number` stands for it in stored results and is 0 until it is stored."""

    number: int
    subject: Subject
    cadence: Cadence
    created_at: datetime
    state: MonitorState

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.cadence.rules(self.subject.monitor_id)


@dataclass(frozen=True, slots=True)
class Environment:
    """A place that a contract covers, as far as monitors are concerned."""

    site_id: UUID
    environment_id: UUID
    name: str
    url: str | None
    counts_for_sla: bool


@dataclass(frozen=True, slots=True)
class Promise:
    """What a version of a contract promises to watch, from `effective_from` on. `cadence` None: nothing."""

    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    version: int
    status: Literal["active", "suspended", "terminated", "expired"]
    effective_from: datetime
    cadence: Cadence | None
    environments: tuple[Environment, ...]


def monitor_id(contract_id: UUID, environment_id: UUID, deliverable: str) -> UUID:
    """The identity of a monitor: the same for every version of the contract, whatever else it changes."""
    return uuid5(contract_id, f"{environment_id}/{deliverable}")


def subjects_of(
    tenant_id: UUID, client_id: UUID, contract_id: UUID, environments: Iterable[Environment]
) -> dict[UUID, Subject]:
    """One HTTP monitor for each environment that has a web address, by identity."""
    subjects = {}
    for environment in environments:
        if not is_web_address(environment.url):
            continue
        identity = monitor_id(contract_id, environment.environment_id, UPTIME_MONITORING)
        subjects[identity] = Subject(
            monitor_id=identity,
            tenant_id=tenant_id,
            client_id=client_id,
            contract_id=contract_id,
            site_id=environment.site_id,
            environment_id=environment.environment_id,
            deliverable=UPTIME_MONITORING,
            counts_for_sla=environment.counts_for_sla,
            kind=HTTP,
            name=environment.name,
            url=environment.url or "",
        )
    return subjects


def is_web_address(url: str | None) -> bool:
    """Whether a URL can be asked for over HTTP: a mobile application may have none, a store page is not watched."""
    if not url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
