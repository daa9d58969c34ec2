"""Monitors that somebody adds within what a contract covers."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from probes.application.checks.kinds import MonitorConfiguration, document_of, is_asked
from probes.application.checks.reported import CrashReports, HeartbeatReports
from probes.application.ports import Announcer, ContractVersions, Locations, Monitors
from probes.domain.monitors import Cadence, Environment, Promise, Source, Subject
from probes.domain.slots import LONGEST_INTERVAL
from probes.domain.state_line import begin


class NotInForce(Exception):
    """There is no such contract, or it is not active: nothing is watched under it."""


class NotCovered(Exception):
    """The contract does not cover this environment."""


@dataclass(frozen=True, slots=True)
class Addition:
    """What somebody wants watched. `deliverable` is that of the contract under which it falls, or what it is called.

    `cadence` of a monitor that reports by itself is `cadence_of_reports`.
    """

    monitor_id: UUID
    contract_id: UUID
    environment_id: UUID
    deliverable: str
    name: str
    configuration: MonitorConfiguration
    cadence: Cadence
    counts_for_sla: bool = False
    third_party: bool = False


async def add_monitor(
    addition: Addition,
    versions: ContractVersions,
    locations: Locations,
    monitors: Monitors,
    announcer: Announcer,
    now: datetime,
) -> Subject:
    """Begins to watch it. Raises NotInForce or NotCovered."""
    promise = await versions.in_force(addition.contract_id, now)
    if promise is None or promise.status != "active":
        raise NotInForce
    environment = environment_of(promise, addition.environment_id)
    subject = Subject(
        monitor_id=addition.monitor_id,
        tenant_id=promise.tenant_id,
        client_id=promise.client_id,
        contract_id=promise.contract_id,
        site_id=environment.site_id,
        environment_id=environment.environment_id,
        deliverable=addition.deliverable,
        counts_for_sla=addition.counts_for_sla,
        name=addition.name,
        url=addition.configuration.address,
        configuration=document_of(addition.configuration),
        source=Source.ADDED,
        scheduled=is_asked(addition.configuration),
        third_party=addition.third_party,
    )
    await watch(subject, addition.cadence, promise, locations, monitors, announcer, now)
    await monitors.wake_scheduler()
    return subject


async def watch(
    subject: Subject,
    cadence: Cadence,
    promise: Promise,
    locations: Locations,
    monitors: Monitors,
    announcer: Announcer,
    now: datetime,
) -> None:
    """Begins to watch something under a contract."""
    applied = begin(subject.monitor_id, subject.seen_from(await locations.active()), now)
    await monitors.add(subject, cadence, applied, promise.version)
    announcer.announce(subject, applied.transitions)


def environment_of(promise: Promise, environment_id: UUID) -> Environment:
    """The environment, if the contract covers it. Raises NotCovered."""
    for environment in promise.environments:
        if environment.environment_id == environment_id:
            return environment
    raise NotCovered


def cadence_of_reports(configuration: HeartbeatReports | CrashReports, now: datetime) -> Cadence:
    """How often something that reports by itself is heard of; a single report is believed."""
    if isinstance(configuration, HeartbeatReports):
        timetable = configuration.plan().timetable
        upcoming = timetable.next_after(now)
        interval = timetable.next_after(upcoming) - upcoming
    else:
        interval = configuration.threshold().window
    seconds = min(interval, LONGEST_INTERVAL) // timedelta(seconds=1)
    return Cadence(
        interval_seconds=max(1, seconds), timeout_seconds=1, rechecks=0, recheck_spacing_seconds=0, recoveries=1
    )
