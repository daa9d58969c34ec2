"""What happens to incidents: an outage opens one and ends, a person reports one and works on it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from incidents.application import alerts, clocks, items
from incidents.application.ports import MONITORING, UPHELD, ClockView, Entry, Ports
from incidents.application.records import NotResolvedError
from incidents.domain.records import must
from incidents.domain.work_item import (
    Act,
    Category,
    Criticality,
    Impact,
    InstantOutOfRangeError,
    Kind,
    Milestone,
    Requester,
    ScopeVerdict,
    Severity,
    Source,
    Stamp,
    Status,
    Subject,
    Who,
    WorkItem,
    note_fact,
    perform,
    relapse,
)

OLDEST_REPORT = timedelta(days=366)
"""How far back a report may reach: what is older cannot be clocked by anything that is still agreed."""


FLAPPING_SPAN = timedelta(minutes=30)
"""A monitor that goes up and down has settled after so long a quiet (domain/flapping.py of probes): until then what
comes is still the same.
"""


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
    severity: str | None
    title: str
    description: str
    occurred_at: datetime | None
    reported_at: datetime | None
    impact: Impact | None = None
    criticality: Criticality | None = None


async def open_from_outage(ports: Ports, outage: Outage) -> None:
    """One incident per outage: the second telling of it, or one that comes after its end, changes nothing.

    An outage that another one caused opens none: it is noted with the incident of its cause. What comes while the
    monitor goes up and down belongs to the incident that is there.
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
    if incident.source.outage_id == outage.outage_id:
        await ports.items.complete_outage(incident.id, outage.told)
    stamp = Stamp(Milestone.RECOVERED, recovered_at, MONITORING, "monitor")
    change = note_fact(incident, stamp)
    if not change.added:
        return
    entry = Entry("recovered", recovered_at, MONITORING, "monitor")
    await items.apply(ports, change, "recovered", entry, alerting=not outage.flapping)


async def tell_after_flapping(ports: Ports, outage_id: UUID) -> None:
    """What was held back while a monitor went up and down: how its last outage stands. Again, it changes nothing."""
    incident = await ports.items.of_outage(outage_id)
    if incident is not None and incident.status is not Status.CLOSED:
        again = Milestone.RELAPSED in incident.stamps or Milestone.REOPENED in incident.stamps
        down = "reopened" if again else "opened"
        await alerts.alert(ports, incident, "recovered" if Milestone.RECOVERED in incident.stamps else down)


async def end_observation(ports: Ports, outage: Outage, at: datetime, because: str) -> None:
    """The monitor of the outage was paused: from `at` on nobody sees how the site does, so it has not recovered.

    `because` is the monitor's reason. Heard before the beginning of the outage, this opens the incident too.
    """
    incident = await _incident_of(ports, outage)
    change = note_fact(incident, Stamp(Milestone.MONITORING_PAUSED, at, MONITORING, "monitor"))
    if not change.added:
        return
    said = Milestone.MONITORING_PAUSED.value
    await items.apply(ports, change, said, Entry(said, at, MONITORING, "monitor", data={"reason": because}))


async def report(
    ports: Ports, reported: Report, reporter: Who, *, kind: str = "person"
) -> tuple[WorkItem, list[ClockView]]:
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
    place = await items.find_place(ports, reported.contract_id, reported.site_id, reported.environment_id)
    severity = place.desk.severity_named(reported.severity) if reported.severity is not None else None
    if reported.severity is None:
        severity = place.desk.severity_of(reported.impact, reported.criticality)
    if severity is None:
        raise items.UnknownSeverityError(place.desk)
    stamps = [
        Stamp(Milestone.DETECTED, detected_at, reporter, kind),
        Stamp(Milestone.OPENED, ports.now, reporter, kind),
    ]
    if reported.occurred_at is not None:
        stamps.insert(0, Stamp(Milestone.FIRST_FAILURE, reported.occurred_at, reporter, kind))
    change = await items.open_work(
        ports,
        kind=Kind.INCIDENT,
        subject=place.subject,
        source=Source(kind),
        title=reported.title,
        description=reported.description,
        severity=severity,
        stamps=stamps,
        category=Category.CORRECTIVE,
        impact=reported.impact,
        criticality=reported.criticality,
        requester=Requester(reporter.kind, reporter.id, reporter.name, None, None, "api") if kind == "person" else None,
        scope_verdict=ScopeVerdict.IN_SCOPE,
    )
    return change.after, await clocks.refresh(ports, change.after)


async def act(
    ports: Ports, incident_id: UUID, what: Act, *, at: datetime | None, note: str | None, audience: str, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """A person acts. None when there is no such incident; raises what `domain.work_item.perform` raises."""
    incident = await items.locked(ports, incident_id, Kind.INCIDENT)
    if incident is None:
        return None
    change = perform(incident, what, at=at, now=ports.now, actor=actor, source="api")
    return change.after, await items.carry_out(ports, change, what, note=note, audience=audience)


async def finish_post_mortem(ports: Ports, item_id: UUID, at: datetime | None, actor: Who) -> None:
    """Its post-mortem was completed: its clock stops. Once per cycle; of an item that is no incident it is no promise.

    `at` None: it is a draft. Raises NotResolvedError while the incident is not resolved, InstantOutOfRangeError for an
    instant before that, BrokenRuleError when it was finished at another: the clock stopped then, and the incident may
    be closed because of it.
    """
    incident = await items.locked(ports, item_id, Kind.INCIDENT)
    if incident is None:
        return
    finished = incident.stamps.get(Milestone.POST_MORTEM)
    if finished is not None:
        must(at == finished.at, "completed_at", "This post-mortem is finished: leave the instant as it was.")
        return
    if at is None:
        return
    resolved = incident.stamps.get(Milestone.RESOLVED)
    if resolved is None:
        raise NotResolvedError("The incident is not resolved: keep its post-mortem as a draft until it is.")
    if at < resolved.at:
        raise InstantOutOfRangeError("completed_at", "The incident was not resolved yet then. State a later instant.")
    change = note_fact(incident, Stamp(Milestone.POST_MORTEM, at, actor, "api"))
    said = Milestone.POST_MORTEM.value
    await items.apply(ports, change, "changed", Entry(said, at, actor, "api", audience="agency"))


async def reply_automatically(
    ports: Ports, incident_id: UUID, *, note: str | None, audience: str, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """A program answered by itself: kept on the timeline, and no answer in the sense of the contract.

    The status stays and the response clock goes on. None when there is no such incident.
    """
    incident = await items.locked(ports, incident_id, Kind.INCIDENT)
    if incident is None:
        return None
    entry = Entry("automatic_reply", ports.now, actor, "api", note=note, audience=audience)
    await ports.items.tell(incident, entry)
    return incident, await clocks.read_clocks(ports, incident)


async def alerted(ports: Ports, incident_id: UUID, at: datetime, by: str) -> None:
    """A server accepted the first alert about an incident, `by` mail or a channel. Later ones change nothing."""
    incident = await ports.items.lock(incident_id)
    if incident is None:
        return
    change = note_fact(incident, Stamp(Milestone.ALERTED, max(at, incident.detected_at), UPHELD, by))
    if change.added:
        await ports.items.save(change.after, change.added)
        await ports.items.tell(change.after, Entry("alerted", change.added[0].at, UPHELD, by))


async def _incident_of(ports: Ports, outage: Outage) -> WorkItem:
    await ports.items.hold_contract(outage.contract_id)
    known = await ports.items.of_outage(outage.outage_id)
    if known is not None:
        return known
    kept_together = await _kept_together(ports, outage) if outage.flapping else None
    if kept_together is not None:
        return kept_together
    desk = await items.desk_of(ports, outage.contract_id, outage.confirmed_at)
    change = await items.open_work(
        ports,
        kind=Kind.INCIDENT,
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
        severity=desk.standing_for(Severity.CRITICAL),
        stamps=[
            Stamp(Milestone.FIRST_FAILURE, outage.down_since, MONITORING, "monitor"),
            Stamp(Milestone.DETECTED, outage.confirmed_at, MONITORING, "monitor"),
            Stamp(Milestone.OPENED, max(ports.now, outage.confirmed_at), UPHELD, "monitor"),
        ],
        category=Category.CORRECTIVE,
        impact=Impact.AVAILABILITY,
        scope_verdict=ScopeVerdict.IN_SCOPE,
        outage=outage.told,
        alerting=not outage.flapping,
    )
    return change.after


async def _kept_together(ports: Ports, outage: Outage) -> WorkItem | None:
    """The incident of a monitor that goes up and down, with one more of its outages; None when there is none to go on.

    It has not recovered then, and its clocks go on. Whoever resolved it since is told that it was not over; else
    nobody is told until the monitor has settled. What was closed stays so.
    """
    incident = await ports.items.last_of_monitor(outage.contract_id, outage.monitor_id)
    if incident is None or incident.status is Status.CLOSED or incident.stamped(Milestone.MONITORING_PAUSED):
        return None
    recovered, resolved = (incident.stamps.get(each) for each in (Milestone.RECOVERED, Milestone.RESOLVED))
    if recovered is not None and outage.down_since - recovered.at >= FLAPPING_SPAN:
        return None
    await ports.items.join_outage(incident, outage.outage_id)
    at = max(outage.down_since, incident.detected_at)
    told = {"outage_id": str(outage.outage_id), "reason": outage.reason, "detail": outage.detail}
    entry = Entry("fired_again", at, MONITORING, "monitor", data=told)
    change = relapse(incident, Stamp(Milestone.RELAPSED, at, MONITORING, "monitor"))
    if change.added:
        await items.apply(ports, change, "changed", entry, alerting=False)
        return change.after
    await ports.items.tell(incident, entry)
    if resolved is None or resolved.at >= at or not incident.may_reopen:
        return incident
    again_at = min(at, ports.now)
    again = await items.reopen_item(ports, incident.id, at=again_at, reason=None, actor=MONITORING, source="monitor")
    return again[0] if again is not None else incident


async def _note_consequence(ports: Ports, outage: Outage, cause: UUID, kind: str, at: datetime) -> None:
    """A line on the timeline of the incident whose outage caused this one, if there is such an incident."""
    incident = await ports.items.of_outage(cause)
    if incident is None or await ports.items.has_told(incident.id, kind, outage.outage_id):
        return
    about = {"outage_id": str(outage.outage_id), "monitor_id": str(outage.monitor_id), "name": outage.name}
    await ports.items.tell(incident, Entry(kind, at, MONITORING, "monitor", data=about))
