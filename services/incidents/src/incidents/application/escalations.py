"""Fires the levels of an item's escalation when they are due: in order, each once, however late somebody looks. What is
reopened begins anew: a level that becomes due again after that fires again.

The caller holds the item's lock. Which levels there are was decided when the item opened; when they are due is computed
from the item's facts at every look, and people are sought at the moment of firing.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from incidents.application.people import Messages, People, Person
from incidents.application.ports import UPHELD, Entry, Ports
from incidents.domain.escalation import (
    ON_CALL,
    Level,
    Policy,
    Progress,
    ShareOfClock,
    Unacknowledged,
    choose,
    due_at,
)
from incidents.domain.on_call import Schedule, on_call_at
from incidents.domain.promises import NotPromisedError, folding
from incidents.domain.work_item import DONE, Milestone, Status, WorkItem
from shared.values import instant_text

LATE = timedelta(minutes=1)
"""A level that fires later than this after it was due says so: no worker was there."""

OVER = DONE | {Status.RESOLVED}
"""In which nobody is asked any more."""


@dataclass(frozen=True)
class Snapshot:
    """The policy of an item as it was when the item opened, None for none, and when the levels fired that have."""

    policy: Policy | None
    fired: Mapping[int, datetime]

    @property
    def levels(self) -> tuple[Level, ...]:
        return self.policy.levels if self.policy is not None else ()


class Escalations(Protocol):
    """The escalations of items, and what they need to find people."""

    async def of_item(self, incident: WorkItem) -> Snapshot | None:
        """None before it was frozen."""

    async def severity_at_opening(self, incident: WorkItem) -> str:
        """What the item was judged to be when it opened, in the contract's words as soon as they were known."""

    async def policies(self, at: datetime) -> Sequence[Policy]:
        """Every policy as it was at an instant."""

    async def freeze(self, incident: WorkItem, policy: Policy | None) -> None:
        """Keeps the item's policy for good."""

    async def note_due(self, incident: WorkItem, due: Mapping[int, datetime | None]) -> None:
        """When to look at each of these levels, which are to fire; None is: not before something changes."""

    async def note_fired(
        self, incident: WorkItem, level: int, due: datetime, outcome: str, told: Sequence[Mapping[str, Any]]
    ) -> None:
        """A level has fired; it does not again unless the item is reopened."""

    async def schedule(self, schedule_id: UUID) -> Schedule | None:
        """None for one that was removed."""

    async def in_charge(self, contract_id: UUID) -> Sequence[Schedule]:
        """The schedules that cover a contract, the one that was made first before the others."""


@dataclass(frozen=True)
class EscalationPorts:
    """What escalating works with, in one transaction."""

    desk: Ports
    escalations: Escalations
    people: People
    messages: Messages


async def look(ports: EscalationPorts, incident: WorkItem) -> None:
    """Freezes the escalation of an item that has none, fires what is due, and notes when the rest is."""
    snapshot = await ports.escalations.of_item(incident)
    if snapshot is None:
        opened_at = incident.stamps[Milestone.OPENED].at
        policies = await ports.escalations.policies(opened_at)
        # However it was judged before a worker saw it: the policy is the one that it opened under.
        severity = await ports.escalations.severity_at_opening(incident)
        policy = choose(policies, incident.subject.contract_id, severity)
        await ports.escalations.freeze(incident, policy)
        snapshot = Snapshot(policy, {})
    levels = [level for level in snapshot.levels if _may_fire(level, snapshot, incident)]
    if not levels:
        return
    progress = await _progress(ports, incident, levels)
    due = {level.number: due_at(level, progress) for level in levels}
    for number in snapshot.fired.keys() & due.keys():
        at = due[number]
        if at is None or at < progress.opened_at:
            del due[number]  # it is not due again in what has begun again
    now = ports.desk.now
    ripe = [(at, level) for level in levels if (at := due.get(level.number)) is not None and at <= now]
    for at, level in sorted(ripe, key=lambda each: (each[0], each[1].number)):
        await _fire(ports, incident, level, at, progress)
        del due[level.number]
    await ports.escalations.note_due(incident, due)


def _may_fire(level: Level, snapshot: Snapshot, incident: WorkItem) -> bool:
    """One that has fired may fire again when the item was reopened since: nobody has been asked about that yet."""
    fired_at, reopened = snapshot.fired.get(level.number), incident.stamps.get(Milestone.REOPENED)
    return fired_at is None or (reopened is not None and fired_at < reopened.at)


async def due_of(ports: EscalationPorts, incident: WorkItem, levels: Sequence[Level]) -> dict[int, datetime | None]:
    """When each of these levels is due as things stand now."""
    progress = await _progress(ports, incident, levels)
    return {level.number: due_at(level, progress) for level in levels}


async def _progress(ports: EscalationPorts, incident: WorkItem, levels: Sequence[Level]) -> Progress:
    asked = {level.when.metric for level in levels if isinstance(level.when, ShareOfClock)}
    clocks = {}
    if asked:
        history = await ports.desk.contracts.history(incident.subject.contract_id)
        for clock in await ports.desk.clocks.of_item(incident.id):
            if clock.metric not in asked:
                continue
            shares = {
                level.when.percent
                for level in levels
                if isinstance(level.when, ShareOfClock) and level.when.metric is clock.metric
            }
            try:
                found = folding(history, incident.severity, clock.metric, clock.facts)
            except NotPromisedError:
                continue  # the version that promised it is not here yet
            clocks[clock.metric] = found.read(ports.desk.now, sorted(shares))
    acknowledged = incident.stamps.get(Milestone.ACKNOWLEDGED)
    # Whoever opens it again does not find it unacknowledged since the first time.
    begun = incident.stamps.get(Milestone.REOPENED, incident.stamps[Milestone.OPENED])
    return Progress(
        opened_at=begun.at,
        acknowledged_at=acknowledged.at if acknowledged is not None else None,
        clocks=clocks,
    )


async def _fire(ports: EscalationPorts, incident: WorkItem, level: Level, due: datetime, progress: Progress) -> None:
    told: list[dict[str, Any]] = []
    if _is_over(incident, level, progress):
        outcome = "overtaken"
    else:
        outcome, told = await _ask(ports, incident, level)
    await ports.escalations.note_fired(incident, level.number, due, outcome, told)
    data: dict[str, Any] = {"level": level.number, "due_at": instant_text(due), "outcome": outcome, "told": told}
    late = ports.desk.now - due
    if late > LATE:
        data["late_seconds"] = int(late.total_seconds())
    entry = Entry("escalated", ports.desk.now, UPHELD, "escalation", audience="agency", data=data)
    await ports.desk.items.tell(incident, entry)


def _is_over(incident: WorkItem, level: Level, progress: Progress) -> bool:
    """Whether what the level was for has ended since it was due: then nobody is woken any more."""
    if incident.status in OVER:
        return True
    if isinstance(level.when, Unacknowledged):
        return incident.stamped(Milestone.ACKNOWLEDGED)
    reading = progress.clocks[level.when.metric]
    return reading.state == "cancelled" or reading.cycles[-1].stopped_at is not None


async def _ask(ports: EscalationPorts, incident: WorkItem, level: Level) -> tuple[str, list[dict[str, Any]]]:
    """The first whom it may disturb now; whoever is quiet before him hears of it when his quiet hours end."""
    now, severity = ports.desk.now, incident.severity
    told: list[dict[str, Any]] = []
    outcome = "waiting"
    async for person in _people(ports, incident, level):
        quiet_until = person.quiet_until(now, severity)
        told.append(await _tell(ports, incident, level, person, quiet_until))
        if quiet_until is None:
            outcome = "told"
            break
    if told:
        return outcome, told
    for recipient in await ports.desk.alerts.agency():
        address = Person(None, recipient.email, recipient.email, recipient.language, recipient.audience)
        told.append(await _tell(ports, incident, level, address, None))
    return "nobody", told


async def _tell(
    ports: EscalationPorts, incident: WorkItem, level: Level, person: Person, not_before: datetime | None
) -> dict[str, Any]:
    details = {"level": level.number}
    reopened = incident.stamps.get(Milestone.REOPENED)
    again = f".{instant_text(reopened.at)}" if reopened is not None else ""
    fact = f"{incident.id}.escalation.{level.number}{again}"
    await ports.messages.tell_person(incident, person, "escalation", fact=fact, details=details, not_before=not_before)
    return {
        "person_id": str(person.id) if person.id is not None else None,
        "name": person.name,
        "waits_until": instant_text(not_before) if not_before is not None else None,
    }


async def _people(ports: EscalationPorts, incident: WorkItem, level: Level) -> AsyncIterator[Person]:
    """Everybody whom the level names, in its order, each once."""
    seen: set[str] = set()
    for target in level.targets:
        found: list[Person] = []
        if target.person_id is not None:
            found = await _known(ports, [target.person_id])
        elif target.schedule_id is not None:
            schedule = await ports.escalations.schedule(target.schedule_id)
            found = await _on_call(ports, [schedule] if schedule is not None else [])
        elif target.role == ON_CALL:
            found = await _on_call(ports, await ports.escalations.in_charge(incident.subject.contract_id))
        elif target.role is not None:
            found = list(await ports.people.with_role(incident.subject.contract_id, target.role))
        for person in found:
            if person.email.lower() not in seen:
                seen.add(person.email.lower())
                yield person


async def _on_call(ports: EscalationPorts, schedules: Sequence[Schedule]) -> list[Person]:
    spans = [on_call_at(schedule, ports.desk.now) for schedule in schedules]
    return await _known(ports, [span.person_id for span in spans if span.person_id is not None])


async def _known(ports: EscalationPorts, person_ids: Sequence[UUID]) -> list[Person]:
    known = await ports.people.known(person_ids)
    return [known[person_id] for person_id in person_ids if person_id in known]
