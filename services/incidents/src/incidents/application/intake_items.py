"""What intake does to items: the one place where what comes in meets the life of an incident."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from incidents.application import alerts, clocks, requests
from incidents.application import incidents as use_cases
from incidents.application import items as desk
from incidents.application.ports import Entry, Ports
from incidents.domain.closing import KeptOpenError
from incidents.domain.work_item import (
    DONE,
    Act,
    Change,
    Kind,
    Milestone,
    Severity,
    Stamp,
    Status,
    Who,
    WorkItem,
    note_fact,
    relapse,
)

SEVERITIES = tuple(severity.value for severity in Severity)

Standing = Literal["open", "acknowledged", "mitigated", "resolved", "closed"]
"""Where an external tool says that an item stands."""

_ORDER = (Status.OPEN, Status.ACKNOWLEDGED, Status.MITIGATED, Status.RESOLVED, Status.CLOSED)
_ACTS = {
    Status.ACKNOWLEDGED: (Act.ACKNOWLEDGE,),
    Status.MITIGATED: (Act.MITIGATE,),
    Status.RESOLVED: (Act.RESOLVE,),
    Status.CLOSED: (Act.RESOLVE, Act.CLOSE),
}


@dataclass(frozen=True)
class NewItem:
    """What is opened. `occurred_at` None: nobody knows when it began; `reported_at` is when we were told."""

    contract_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    severity: str
    title: str
    description: str
    occurred_at: datetime | None
    reported_at: datetime


@dataclass(frozen=True)
class Item:
    """An item as far as intake cares. `closed_at`, `recovered_at`: None while it has not happened.

    `over`: nothing more is done to it, and nobody looks at it any more.
    """

    id: UUID
    number: str
    version: int
    status: str
    contract_id: UUID
    closed_at: datetime | None
    recovered_at: datetime | None
    over: bool


async def open_item(ports: Ports, new: NewItem, reporter: Who) -> Item:
    """Opens an item with clocks that count from `reported_at`. A machine's report is one of a system, not a person's.

    Raises what `application.incidents.report` raises.
    """
    terms = await desk.desk_of(ports, new.contract_id, ports.now)
    reported_at = max(min(new.reported_at, ports.now), ports.now - use_cases.OLDEST_REPORT + timedelta(hours=1))
    occurred_at = min(new.occurred_at, reported_at) if new.occurred_at is not None else None
    if occurred_at is not None and occurred_at < ports.now - use_cases.OLDEST_REPORT:
        occurred_at = None
    report = use_cases.Report(
        contract_id=new.contract_id,
        site_id=new.site_id,
        environment_id=new.environment_id,
        severity=terms.standing_for(Severity(new.severity)),
        title=new.title,
        description=new.description,
        occurred_at=occurred_at,
        reported_at=reported_at,
    )
    kind = "system" if reporter.kind == "system" else "person"
    incident, _ = await use_cases.report(ports, report, reporter, kind=kind)
    return _item(incident)


async def read_item(ports: Ports, item_id: UUID) -> Item | None:
    """The item, locked until the transaction ends."""
    incident = await ports.items.lock(item_id)
    return _item(incident) if incident is not None else None


async def that_goes_on(ports: Ports, item_id: UUID) -> UUID:
    """The item that another one was merged into, and so on; itself when it was not."""
    incident = await ports.items.lock(item_id)
    while incident is not None and incident.merged_into_id is not None:
        item_id = incident.merged_into_id
        incident = await ports.items.lock(item_id)
    return item_id


async def recover(ports: Ports, item_id: UUID, at: datetime, who: Who, source: str) -> None:
    """It works again: the repair clock stops then. An item that has recovered, or is closed, stays as it is."""
    incident = await ports.items.lock(item_id)
    if incident is None or incident.status is Status.CLOSED:
        return
    change = note_fact(incident, Stamp(Milestone.RECOVERED, max(at, incident.detected_at), who, source))
    if not change.added:
        return
    await ports.items.save(change.after, change.added)
    await ports.items.tell(change.after, Entry("recovered", change.added[0].at, who, source))
    views = await clocks.heed(ports, change.after)
    await clocks.say(ports, change.after, "recovered", views)
    await alerts.alert(ports, change.after, "recovered")


async def fired_again(ports: Ports, item_id: UUID, at: datetime, who: Who, source: str) -> None:
    """What had recovered is wrong again within its settle time: said on the item instead of opening another.

    It has not recovered then: its repair clock goes on, and whoever was told that it works is told that it does not.
    If somebody had resolved it before that, it was not over: it is reopened at that instant.
    """
    incident = await ports.items.lock(item_id)
    if incident is None:
        return
    entry = Entry("fired_again", max(at, incident.detected_at), who, source)
    change = relapse(incident, Stamp(Milestone.RELAPSED, at, who, source))
    if change.added:
        await desk.apply(ports, change, "changed", entry)
        await alerts.alert(ports, change.after, "reopened")
        return
    await ports.items.tell(incident, entry)
    resolved = incident.stamps.get(Milestone.RESOLVED)
    if resolved is not None and resolved.at < at and incident.may_reopen:
        await desk.reopen_item(ports, item_id, at=at, reason=None, actor=who, source=source)


async def comment(
    ports: Ports,
    item_id: UUID,
    text: str,
    who: Who,
    *,
    at: datetime,
    source: str,
    audience: str = "client",
    kind: Literal["comment", "automatic_reply", "call"] = "comment",
    data: dict[str, Any] | None = None,
) -> None:
    """Somebody said something about an item. It moves no status; what answers a clock is an act."""
    incident = await ports.items.lock(item_id)
    if incident is None:
        return
    note = text[:10_000] or None
    await ports.items.tell(incident, Entry(kind, at, who, source, audience, note, data or {}))


async def letter_of_client(
    ports: Ports, item_id: UUID, text: str, who: Who, *, at: datetime, data: dict[str, Any]
) -> None:
    """A contact of the contract wrote by mail. It counts as his answer to what we waited for, and is one to answer.

    Of what is resolved it is a comment only: whoever says thank you waits for nothing.
    """
    incident = await ports.items.lock(item_id)
    if incident is None or incident.status in DONE or incident.status is Status.RESOLVED:
        await comment(ports, item_id, text, who, at=at, source="mail", data=data)
        return
    await desk.hear_client(ports, incident, at, who, {"message_id": data["message_id"]})
    entry = Entry("comment", at, who, "mail", note=text[:10_000] or None, data=data)
    await desk.apply(ports, Change(replace(incident, version=incident.version + 1), ()), "changed", entry)


async def move(ports: Ports, item_id: UUID, to: Standing, who: Who, *, at: datetime | None, source: str) -> bool:
    """Brings an item to where another tool says that it stands; False when it is there or further already.

    Whatever happened there is dated as it was there, as far as the order of our own facts allows. It goes back only
    when the tool says that it stood so after it was resolved: without an instant that may be old news.
    """
    target = Status(to)
    moved = at is not None and await _reopened_there(ports, item_id, target, who, at=at, source=source)
    for act in _ACTS.get(target, ()):
        incident = await ports.items.lock(item_id)
        if incident is None or incident.status not in _ORDER:
            return moved
        if _ORDER.index(incident.status) >= _ORDER.index(target) or act not in incident.allowed:
            if act is Act.RESOLVE and incident.status is Status.RESOLVED and target is Status.CLOSED:
                continue
            return moved
        does = requests.act if incident.kind is Kind.REQUEST else use_cases.act
        happened = at if at is not None and _fits(incident, at, ports.now) else None
        try:
            await does(ports, item_id, act, at=happened, note=None, audience="client", actor=who)
        except (KeptOpenError, desk.MissingError) as error:
            # Over there it is closed, here something is missing: whoever looks at the item sees what.
            note = Entry("kept_open", ports.now, who, source, audience="agency", note=str(error))
            await ports.items.tell(incident, note)
            return moved
        moved = True
    return moved


async def _reopened_there(ports: Ports, item_id: UUID, target: Status, who: Who, *, at: datetime, source: str) -> bool:
    incident = await ports.items.lock(item_id)
    if incident is None or not incident.may_reopen or _ORDER.index(target) >= _ORDER.index(Status.RESOLVED):
        return False
    done = [incident.stamps[each].at for each in (Milestone.RESOLVED, Milestone.CLOSED) if each in incident.stamps]
    if not max(done) < at <= ports.now:
        return False
    await desk.reopen_item(ports, item_id, at=at, reason=None, actor=who, source=source)
    return True


def _fits(incident: WorkItem, at: datetime, now: datetime) -> bool:
    acts = (Milestone.DETECTED, Milestone.ACKNOWLEDGED, Milestone.MITIGATED, Milestone.RESOLVED)
    return max(incident.stamps[each].at for each in acts if each in incident.stamps) <= at <= now


def _item(incident: WorkItem) -> Item:
    closed, recovered = (incident.stamps.get(each) for each in (Milestone.CLOSED, Milestone.RECOVERED))
    return Item(
        id=incident.id,
        number=incident.number,
        version=incident.version,
        status=incident.status.value,
        contract_id=incident.subject.contract_id,
        closed_at=closed.at if closed else None,
        recovered_at=recovered.at if recovered else None,
        over=incident.status in DONE,
    )
