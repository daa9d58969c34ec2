"""What is watched and how: monitors as they follow from a contract."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import UUID, uuid5

from probes.domain.certificates import warn_days_of
from probes.domain.slots import Schedule
from probes.domain.states import MonitorState, Rules
from shared.kernel.intervals import Interval

UPTIME_MONITORING = "uptime_monitoring"
"""The type of the deliverable that has a site asked whether it is up."""

CERTIFICATE_MONITORING = "certificate_monitoring"
"""The type of the deliverable that has the certificates of a site watched."""

EXPORT_CHECK = "export_check"
"""The type of the deliverable that has exports looked at: there, fresh, not empty."""

DATA_QUALITY_CHECK = "data_quality_check"
"""The type of the deliverable that has figures about data compared."""

WATCHED_PAGES = "watched_pages"
"""The type of the deliverable that has pages watched as a group."""

HTTP = "http"
EXPORT = "export"
TLS = "tls"
HEARTBEAT = "heartbeat"
CRASH_RATE = "crash_rate"
HTTPS_PORT = 443
IMPORTED = "imported"
"""The place from which another system's past checks are said to come."""


@dataclass(frozen=True, slots=True)
class Cadence:
    """How a monitor is checked, in the contract's terms: seconds and counts."""

    interval_seconds: int
    timeout_seconds: int
    rechecks: int
    recheck_spacing_seconds: int
    recoveries: int

    def rules(self, monitor_id: UUID, *, reported: bool = False) -> Rules:
        """The cadence of one monitor, with its phase. See `Rules` for `reported`."""
        return Rules(
            schedule=Schedule.of(monitor_id, timedelta(seconds=self.interval_seconds)),
            timeout=timedelta(seconds=self.timeout_seconds),
            rechecks=self.rechecks,
            recheck_spacing=timedelta(seconds=self.recheck_spacing_seconds),
            recoveries=self.recoveries,
            reported=reported,
        )


HOURLY = Cadence(interval_seconds=3600, timeout_seconds=20, rechecks=2, recheck_spacing_seconds=60, recoveries=1)
"""For what changes slowly, such as a certificate."""


USUAL = Cadence(interval_seconds=300, timeout_seconds=10, rechecks=2, recheck_spacing_seconds=5, recoveries=1)
"""For pages of a contract that says nothing of how its sites are checked."""


def paced(cadence: Cadence, interval_seconds: int) -> Cadence:
    """A cadence with another interval; a check is over before the next one is due."""
    timeout = min(cadence.timeout_seconds, max(1, interval_seconds - 1))
    return replace(cadence, interval_seconds=interval_seconds, timeout_seconds=timeout)


class Source(StrEnum):
    """Who decided that something is watched: the contract by itself, or somebody within what it allows."""

    CONTRACT = "contract"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is watched under which contract.

    `name` and `url` are for people. `configuration` is the document of the check, with its `kind`; JSON-shaped and
    opaque to the rules. A monitor that is not `scheduled` is not asked: somebody reports to it. `group_id` is the group
    of which it watches a page. `counts_for_sla` is of the monitor: it measures availability, and in an environment that
    the contract counts. contracts and reporting say it of environments.
    """

    monitor_id: UUID
    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    deliverable: str
    counts_for_sla: bool
    name: str
    url: str
    configuration: Mapping[str, object]
    source: Source = Source.CONTRACT
    scheduled: bool = True
    third_party: bool = False
    group_id: UUID | None = None

    @property
    def kind(self) -> str:
        """How it is looked at."""
        return str(self.configuration["kind"])

    @property
    def measures_availability(self) -> bool:
        """Whether what it finds decides how available the environment is, counted or not: so it never changes."""
        promised = self.source is Source.CONTRACT and self.deliverable == UPTIME_MONITORING
        return self.counts_for_sla or promised

    def seen_from(self, locations: Sequence[str]) -> Sequence[str]:
        """Where its results come from: these locations, or for what reports by itself a place named like its kind."""
        return locations if self.scheduled else (self.kind,)


@dataclass(frozen=True, slots=True)
class Monitor:
    """A monitor with its state. `number` stands for it in stored results and is 0 until it is stored.

    `windows` are the maintenance windows around now that cover it; `parent_id` is the monitor that it depends on.
    `adjustments` are what people have changed of what the contract says (see `adjusted`); `edition` counts the changes
    of what is watched and how. What was `removed` is not watched again. `critical_periods` are the names of those that
    have a page of a group watched more closely now.
    """

    number: int
    subject: Subject
    cadence: Cadence
    created_at: datetime
    state: MonitorState
    windows: tuple[Interval, ...] = ()
    parent_id: UUID | None = None
    adjustments: Mapping[str, object] = field(default_factory=dict)
    edition: int = 1
    removed: bool = False
    critical_periods: tuple[str, ...] = ()

    @property
    def rules(self) -> Rules:
        """The rules in force."""
        return self.cadence.rules(self.subject.monitor_id, reported=not self.subject.scheduled)


@dataclass(frozen=True, slots=True)
class Environment:
    """A place that a contract covers, as far as monitors are concerned."""

    site_id: UUID
    environment_id: UUID
    name: str
    url: str | None
    counts_for_sla: bool


@dataclass(frozen=True, slots=True)
class ProbeSet:
    """What one deliverable of a contract has watched in each environment that it suits, and how often.

    `deliverable` is the deliverable's type and part of the monitors' identity; `parameters` are its own.
    """

    deliverable: str
    cadence: Cadence
    parameters: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PromisedPeriod:
    """Local days, both included, on which pages are watched more closely. None is: as on other days."""

    name: str
    first_day: date
    last_day: date
    interval_seconds: int | None
    budget_ms: int | None


@dataclass(frozen=True, slots=True)
class PromisedPages:
    """Pages that a contract has watched as a group: path to name, from the address of each environment on."""

    paths: Mapping[str, str]
    profile: str | None
    interval_seconds: int
    budget_ms: int | None
    time_zone: str
    periods: tuple[PromisedPeriod, ...] = ()

    @property
    def shortest_interval(self) -> int:
        """How often the pages are checked at most."""
        return min([self.interval_seconds, *(each.interval_seconds or self.interval_seconds for each in self.periods)])


@dataclass(frozen=True, slots=True)
class Promise:
    """What a version of a contract promises to watch, from `effective_from` on. No probe sets: nothing."""

    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    version: int
    status: Literal["active", "suspended", "terminated", "expired"]
    effective_from: datetime
    probe_sets: tuple[ProbeSet, ...]
    environments: tuple[Environment, ...]
    pages: PromisedPages | None = None


class WantedMonitor(NamedTuple):
    """A monitor that a contract asks for."""

    subject: Subject
    cadence: Cadence


ADJUSTABLE = frozenset({"accepted_status", "assertions", "headers"})
"""What of the configuration of an HTTP check a contract leaves open."""


def adjusted(wanted: WantedMonitor, adjustments: Mapping[str, object]) -> WantedMonitor:
    """What a contract asks for, with what people have changed within what it leaves open.

    `name`; `timeout_seconds`, which never exceeds the promised one; and `configuration` for checks of `kind`: one that
    is of another kind by now has nothing to do with it. JSON-shaped.
    """
    subject, cadence = wanted
    name, seconds, changes = (adjustments.get(key) for key in ("name", "timeout_seconds", "configuration"))
    if isinstance(changes, Mapping) and adjustments.get("kind") == subject.kind:
        subject = replace(subject, configuration={**subject.configuration, **changes})
    if isinstance(name, str):
        subject = replace(subject, name=name)
    if isinstance(seconds, int):
        cadence = replace(cadence, timeout_seconds=min(seconds, cadence.timeout_seconds))
    return WantedMonitor(subject, cadence)


def quickest(promise: Promise) -> Cadence:
    """The shortest pace at which a contract has anything watched: what is added under it is checked no more often."""
    return min((each.cadence for each in promise.probe_sets), key=lambda each: each.interval_seconds, default=HOURLY)


def monitor_id(contract_id: UUID, environment_id: UUID, deliverable: str) -> UUID:
    """The identity of a monitor: the same for every version of the contract, whatever else it changes."""
    return uuid5(contract_id, f"{environment_id}/{deliverable}")


def wanted_monitors(promise: Promise) -> dict[UUID, WantedMonitor]:
    """The monitors that follow from a contract, by identity: each probe set in each environment that it suits."""
    return {
        wanted.subject.monitor_id: wanted
        for probe_set in promise.probe_sets
        for environment in promise.environments
        for wanted in _in_environment(promise, probe_set, environment)
    }


def _in_environment(promise: Promise, probe_set: ProbeSet, environment: Environment) -> Iterator[WantedMonitor]:
    if probe_set.deliverable == UPTIME_MONITORING and is_web_address(environment.url):
        yield WantedMonitor(
            _subject(
                promise,
                probe_set,
                environment,
                configuration={"kind": HTTP, "url": environment.url},
                counts_for_sla=environment.counts_for_sla,
            ),
            probe_set.cadence,
        )
    if probe_set.deliverable in _FUNCTIONAL and environment.counts_for_sla and is_web_address(environment.url):
        for item, configuration in _FUNCTIONAL[probe_set.deliverable](environment.url or "", probe_set.parameters):
            yield WantedMonitor(
                _subject(
                    promise,
                    probe_set,
                    environment,
                    item=item,
                    configuration=configuration,
                    counts_for_sla=False,
                ),
                probe_set.cadence,
            )
    if probe_set.deliverable == CERTIFICATE_MONITORING and (server := secured_server(environment.url)) is not None:
        host, port = server
        warn_days = warn_days_of(probe_set.parameters.get("warn_days"))
        yield WantedMonitor(
            _subject(
                promise,
                probe_set,
                environment,
                configuration={"kind": TLS, "host": host, "port": port, "warn_days": warn_days},
                counts_for_sla=False,
            ),
            probe_set.cadence,
        )


def _subject(
    promise: Promise,
    probe_set: ProbeSet,
    environment: Environment,
    *,
    configuration: Mapping[str, object],
    counts_for_sla: bool,
    item: str | None = None,
) -> Subject:
    """`item` tells apart what one deliverable has several of in an environment."""
    identity = probe_set.deliverable if item is None else f"{probe_set.deliverable}/{item}"
    return Subject(
        monitor_id=monitor_id(promise.contract_id, environment.environment_id, identity),
        tenant_id=promise.tenant_id,
        client_id=promise.client_id,
        contract_id=promise.contract_id,
        site_id=environment.site_id,
        environment_id=environment.environment_id,
        deliverable=probe_set.deliverable,
        counts_for_sla=counts_for_sla,
        name=environment.name if item is None else f"{environment.name} – {item}",
        url=str(configuration.get("url") or environment.url or ""),
        configuration=configuration,
    )


def _exports(base: str, parameters: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for export in _entries(parameters, "exports"):
        yield (
            str(export["code"]),
            {
                "kind": EXPORT,
                "url": address_of(base, str(export["path"])),
                "max_age_seconds": int(str(export["max_age_hours"])) * 3600,
                "at_least_rows": export["at_least_rows"],
            },
        )


def _data_rules(base: str, parameters: Mapping[str, object]) -> Iterator[tuple[str, Mapping[str, object]]]:
    for rule in _entries(parameters, "rules"):
        condition = {"type": "json_path", "path": rule["json_path"], "condition": rule["condition"]}
        yield (
            str(rule["code"]),
            {
                "kind": HTTP,
                "url": address_of(base, str(rule["path"])),
                "assertions": [{**condition, "value": rule["value"]}],
            },
        )


def _entries(parameters: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    found = parameters.get(name)
    return found if isinstance(found, list) else []


_FUNCTIONAL: Mapping[str, Callable[[str, Mapping[str, object]], Iterator[tuple[str, Mapping[str, object]]]]] = {
    EXPORT_CHECK: _exports,
    DATA_QUALITY_CHECK: _data_rules,
}
"""What deliverables have looked at besides the site itself: from an address and their parameters to code and check."""


def address_of(base: str, path: str) -> str:
    """A path from the address of an environment on; what the address asks for by itself is left out."""
    parts = urlsplit(base)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}{path}"


def is_web_address(url: str | None) -> bool:
    """Whether a URL can be asked for over HTTP: a mobile application may have none, a store page is not watched."""
    if not url:
        return False
    try:
        parts = urlsplit(url)
        return parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def secured_server(url: str | None) -> tuple[str, int] | None:
    """Host (an IPv6 address in brackets) and port of an https address; None for everything else."""
    if url is None or not is_web_address(url) or urlsplit(url).scheme.lower() != "https":
        return None
    parts = urlsplit(url)
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host, parts.port or HTTPS_PORT
