"""What happens to incidents: an outage opens one and ends, a person reports one and works on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from incidents.application import alerts, clocks
from incidents.application.ports import MONITORING, UPHELD, ClockView, Entry, Ports
from incidents.domain.incident import (
    Act,
    Change,
    Incident,
    InstantOutOfRangeError,
    Milestone,
    Severity,
    Source,
    Stamp,
    Status,
    Subject,
    Who,
    note_fact,
    number_of,
    open_incident,
    perform,
)
from shared.ids import new_id

OLDEST_REPORT = timedelta(days=366)
"""How far back a report may reach: what is older cannot be clocked by anything that is still agreed."""

_SAID_AS = {
    Act.ACKNOWLEDGE: "acknowledged",
    Act.MITIGATE: "mitigated",
    Act.RESOLVE: "resolved",
    Act.CLOSE: "closed",
}


class UnknownContractError(Exception):
    """The contract that an incident is reported under is unknown here, or belongs to somebody else."""


class UnknownSiteError(Exception):
    """The site or environment is not under this contract; `field` says which was wrong."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"This {field.removesuffix('_id')} is not under this contract.")


@dataclass(frozen=True)
class Outage:
    """What a monitor tells about an outage. `told` is all of it, kept with the incident as evidence.

    `caused_by` is another monitor's outage that explains this one. `flapping`: it goes up and down, and people were
    told so often that they are told no more until it has settled.
    """

    outage_id: UUID
    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    counts_for_sla: bool
    name: str
    reason: str
    detail: str
    down_since: datetime
    confirmed_at: datetime
    told: Mapping[str, Any]
    caused_by: UUID | None = None
    flapping: bool = False


@dataclass(frozen=True)
class Report:
    """What a person reports. `occurred_at` is when it began, `reported_at` when he told us; None is now."""

    contract_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    severity: Severity
    title: str
    description: str
    occurred_at: datetime | None
    reported_at: datetime | None


async def open_from_outage(ports: Ports, outage: Outage) -> None:
    """One incident per outage: the second telling of it, or one that comes after its end, changes nothing.

    An outage that another one caused opens none: it is noted with the incident of its cause.
    """
    if outage.caused_by is not None:
        await _note_consequence(ports, outage, outage.caused_by, "dependent_down", outage.down_since)
        return
    await clocks.refresh(ports, await _incident_of(ports, outage))


async def recover(ports: Ports, outage: Outage, recovered_at: datetime) -> None:
    """The outage is over. Heard before its beginning, this opens the incident and recovers it."""
    if outage.caused_by is not None:
        await _note_consequence(ports, outage, outage.caused_by, "dependent_recovered", recovered_at)
        return
    incident = await _incident_of(ports, outage)
    await ports.incidents.complete_outage(incident.id, outage.told)
    stamp = Stamp(Milestone.RECOVERED, recovered_at, MONITORING, "monitor")
    change = note_fact(incident, stamp)
    if not change.added:
        return
    entry = Entry("recovered", recovered_at, MONITORING, "monitor")
    await _apply(ports, change, "recovered", entry, alerting=not outage.flapping)


async def tell_after_flapping(ports: Ports, outage_id: UUID) -> None:
    """What was held back while a monitor went up and down: how its last outage stands. Again, it changes nothing."""
    incident = await ports.incidents.of_outage(outage_id)
    if incident is not None and incident.status is not Status.CLOSED:
        await alerts.alert(ports, incident, "recovered" if Milestone.RECOVERED in incident.stamps else "opened")


async def end_observation(ports: Ports, outage: Outage, at: datetime, because: str) -> None:
    """The monitor of the outage was paused: from `at` on nobody sees how the site does, so it has not recovered.

    `because` is the monitor's reason. Heard before the beginning of the outage, this opens the incident too.
    """
    incident = await _incident_of(ports, outage)
    change = note_fact(incident, Stamp(Milestone.MONITORING_PAUSED, at, MONITORING, "monitor"))
    if not change.added:
        return
    said = Milestone.MONITORING_PAUSED.value
    await _apply(ports, change, said, Entry(said, at, MONITORING, "monitor", data={"reason": because}))


async def report(
    ports: Ports, reported: Report, reporter: Who, *, kind: str = "person"
) -> tuple[Incident, list[ClockView]]:
    """A person reports something wrong, or a `system` does: it opens at once, detected when he told us.

    Raises UnknownContractError, UnknownSiteError, and InstantOutOfRangeError for instants in the future or a report
    before the occurrence.
    """
    detected_at = reported.reported_at or ports.now
    for field, instant in (("occurred_at", reported.occurred_at), ("reported_at", reported.reported_at)):
        if instant is not None and instant > ports.now:
            raise InstantOutOfRangeError(field, "This instant is in the future. Leave it out to say: now.")
        if instant is not None and instant < ports.now - OLDEST_REPORT:
            raise InstantOutOfRangeError(field, "This instant is more than a year ago. State one that is not.")
    if reported.occurred_at is not None and reported.occurred_at > detected_at:
        raise InstantOutOfRangeError("occurred_at", "It cannot have begun after it was reported.")
    await ports.incidents.hold_contract(reported.contract_id)
    contract = await ports.contracts.newest(reported.contract_id)
    if contract is None:
        raise UnknownContractError
    environment = None
    if reported.environment_id is not None:
        environment = contract.environments.get(reported.environment_id)
        if environment is None:
            raise UnknownSiteError("environment_id")
    site_id = reported.site_id or (environment.site_id if environment else None)
    if site_id is not None and site_id not in contract.sites:
        raise UnknownSiteError("site_id")
    if environment is not None and environment.site_id != site_id:
        raise UnknownSiteError("environment_id")
    stamps = [
        Stamp(Milestone.DETECTED, detected_at, reporter, kind),
        Stamp(Milestone.OPENED, ports.now, reporter, kind),
    ]
    if reported.occurred_at is not None:
        stamps.insert(0, Stamp(Milestone.FIRST_FAILURE, reported.occurred_at, reporter, kind))
    change = await _open(
        ports,
        subject=Subject(
            contract_id=contract.contract_id,
            client_id=contract.client_id,
            site_id=site_id,
            environment_id=reported.environment_id,
            counts_for_sla=environment.counts_for_sla if environment else True,
        ),
        source=Source(kind),
        title=reported.title,
        description=reported.description,
        severity=reported.severity,
        stamps=stamps,
        outage=None,
    )
    return change.after, await clocks.refresh(ports, change.after)


async def act(
    ports: Ports, incident_id: UUID, what: Act, *, at: datetime | None, note: str | None, audience: str, actor: Who
) -> tuple[Incident, list[ClockView]] | None:
    """A person acts. None when there is no such incident; raises what `domain.incident.perform` raises."""
    incident = await ports.incidents.lock(incident_id)
    if incident is None:
        return None
    change = perform(incident, what, at=at, now=ports.now, actor=actor, source="api")
    said = _SAID_AS[what]
    stamp = change.added[-1]
    # The act is for everybody to see; a note for the agency's eyes is a line of its own.
    shown = note if audience == "client" else None
    if note is not None and shown is None:
        await ports.incidents.tell(incident, Entry("note", stamp.at, actor, "api", audience, note))
    return change.after, await _apply(ports, change, said, Entry(said, stamp.at, actor, "api", note=shown))


async def reply_automatically(
    ports: Ports, incident_id: UUID, *, note: str | None, audience: str, actor: Who
) -> tuple[Incident, list[ClockView]] | None:
    """A program answered by itself: kept on the timeline, and no answer in the sense of the contract.

    The status stays and the response clock goes on. None when there is no such incident.
    """
    incident = await ports.incidents.lock(incident_id)
    if incident is None:
        return None
    entry = Entry("automatic_reply", ports.now, actor, "api", note=note, audience=audience)
    await ports.incidents.tell(incident, entry)
    return incident, await clocks.read_clocks(ports, incident)


async def alerted(ports: Ports, incident_id: UUID, at: datetime) -> None:
    """A server accepted the first alert about an incident. Later ones change nothing."""
    incident = await ports.incidents.lock(incident_id)
    if incident is None:
        return
    change = note_fact(incident, Stamp(Milestone.ALERTED, max(at, incident.detected_at), UPHELD, "mail"))
    if change.added:
        await ports.incidents.save(change.after, change.added)
        await ports.incidents.tell(change.after, Entry("alerted", change.added[0].at, UPHELD, "mail"))


async def _incident_of(ports: Ports, outage: Outage) -> Incident:
    await ports.incidents.hold_contract(outage.contract_id)
    known = await ports.incidents.of_outage(outage.outage_id)
    if known is not None:
        return known
    change = await _open(
        ports,
        subject=Subject(
            contract_id=outage.contract_id,
            client_id=outage.client_id,
            site_id=outage.site_id,
            environment_id=outage.environment_id,
            counts_for_sla=outage.counts_for_sla,
        ),
        source=Source("monitor", outage.outage_id, outage.monitor_id),
        title=outage.name,
        description=outage.detail,
        severity=Severity.CRITICAL,
        stamps=[
            Stamp(Milestone.FIRST_FAILURE, outage.down_since, MONITORING, "monitor"),
            Stamp(Milestone.DETECTED, outage.confirmed_at, MONITORING, "monitor"),
            Stamp(Milestone.OPENED, max(ports.now, outage.confirmed_at), UPHELD, "monitor"),
        ],
        outage=outage.told,
        alerting=not outage.flapping,
    )
    return change.after


async def _note_consequence(ports: Ports, outage: Outage, cause: UUID, kind: str, at: datetime) -> None:
    """A line on the timeline of the incident whose outage caused this one, if there is such an incident."""
    incident = await ports.incidents.of_outage(cause)
    if incident is None or await ports.incidents.has_told(incident.id, kind, outage.outage_id):
        return
    about = {"outage_id": str(outage.outage_id), "monitor_id": str(outage.monitor_id), "name": outage.name}
    await ports.incidents.tell(incident, Entry(kind, at, MONITORING, "monitor", data=about))


async def _open(
    ports: Ports,
    *,
    subject: Subject,
    source: Source,
    title: str,
    description: str,
    severity: Severity,
    stamps: list[Stamp],
    outage: Mapping[str, Any] | None,
    alerting: bool = True,
) -> Change:
    """Opens an incident under the contract's lock, with its number, clocks, alerts and first event.

    What is new about the clocks is for the caller to say, once he has added what else he knows: a repair that was done
    before we heard of the outage is not late.
    """
    year = ports.now.year
    change = open_incident(
        incident_id=new_id(),
        number=number_of(year, await ports.incidents.next_sequence(year)),
        subject=subject,
        source=source,
        title=title,
        description=description,
        severity=severity,
        stamps=stamps,
    )
    incident = change.after
    await ports.incidents.add(incident, change.added, outage)
    opened = incident.stamps[Milestone.OPENED]
    await ports.incidents.tell(incident, Entry("opened", opened.at, opened.actor, opened.source))
    await clocks.attach(ports, incident)
    await clocks.say(ports, incident, "opened", await clocks.read_clocks(ports, incident))
    if alerting:
        await alerts.alert(ports, incident, "opened")
    else:
        await ports.incidents.tell(incident, Entry("alerts_held", opened.at, UPHELD, opened.source, audience="agency"))
    return change


async def _apply(ports: Ports, change: Change, said: str, entry: Entry, *, alerting: bool = True) -> list[ClockView]:
    """Stores a change, tells it, brings the clocks in line and says it to others."""
    incident = change.after
    await ports.incidents.save(incident, change.added)
    await ports.incidents.tell(incident, entry)
    views = await clocks.heed(ports, incident)
    await clocks.say(ports, incident, said, views)
    if said == "recovered" and alerting:
        await alerts.alert(ports, incident, "recovered")
    return views
