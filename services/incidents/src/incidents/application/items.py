"""What is done to a work item of any kind: opened, acted upon, reopened, merged, linked, ranked, assigned, paused.

The caller holds the item's lock from `locked` on; what an act changes is stored, told on the timeline, given to the
clocks and said to other services by one function, `apply`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from incidents.application import alerts, clocks, closing
from incidents.application.ports import UPHELD, ClockView, ContractFacts, Entry, Link, Pause, Ports
from incidents.domain.promises import RESERVED_REASONS
from incidents.domain.records import CHECKLIST
from incidents.domain.service_desk_terms import ServiceDeskTerms
from incidents.domain.work_item import (
    DONE,
    Act,
    Category,
    Change,
    Criticality,
    IllegalTransitionError,
    Impact,
    InstantOutOfRangeError,
    Kind,
    Milestone,
    Requester,
    ScopeVerdict,
    Source,
    Stamp,
    Status,
    Subject,
    Who,
    WorkItem,
    merge,
    number_of,
    open_item,
    perform,
    reopen,
)
from shared.ids import new_id

SAID_AS: Mapping[Act, str] = {
    Act.ACKNOWLEDGE: "acknowledged",
    Act.MITIGATE: "mitigated",
    Act.RESOLVE: "resolved",
    Act.SCOPE: "scoped",
    Act.ESTIMATE: "estimated",
    Act.APPROVE: "approved",
    Act.DECLINE: "declined",
    Act.DEPLOY: "deploying",
    Act.FINISH_DEPLOYMENT: "deployed",
    Act.ACCEPT: "accepted",
    Act.REJECT: "rejected",
    Act.START: "started",
    Act.COMPLETE: "completed",
    Act.CANCEL: "cancelled",
    Act.CLOSE: "closed",
}
"""What an act is called on the timeline and in the events."""

_ENDS_WAITING = frozenset({Act.RESOLVE, Act.DECLINE, Act.CANCEL, Act.CLOSE})
"""Acts after which nobody waits for an answer any more."""


class UnknownContractError(Exception):
    """The contract that something is opened under is unknown here, or belongs to somebody else."""


class UnknownSiteError(Exception):
    """The site or environment is not under this contract; `field` says which was wrong."""

    def __init__(self, field: str) -> None:
        self.field = field
        super().__init__(f"This {field.removesuffix('_id')} is not under this contract.")


class UnknownSeverityError(Exception):
    """The contract has no such severity."""

    def __init__(self, desk: ServiceDeskTerms) -> None:
        codes = [known.code for known in desk.severities]
        super().__init__(f"The contract has no such severity. It has: {', '.join(codes)}.")


class MissingError(Exception):
    """Something must be there before this can be done; `missing` names what."""

    def __init__(self, missing: Sequence[str], detail: str) -> None:
        self.missing = tuple(missing)
        super().__init__(detail)


class NotAllowedError(Exception):
    """The caller is not the one who decides this."""


class UnusableError(Exception):
    """A value that cannot be used here; `field` is where it stands."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


@dataclass(frozen=True)
class Place:
    """Where under which contract something is opened, and how that contract wants its service desk now."""

    subject: Subject
    contract: ContractFacts
    desk: ServiceDeskTerms


async def find_place(ports: Ports, contract_id: UUID, site_id: UUID | None, environment_id: UUID | None) -> Place:
    """Holds the contract and looks up the place. Raises UnknownContractError and UnknownSiteError."""
    await ports.items.hold_contract(contract_id)
    contract = await ports.contracts.newest(contract_id)
    if contract is None:
        raise UnknownContractError
    environment = None
    if environment_id is not None:
        environment = contract.environments.get(environment_id)
        if environment is None:
            raise UnknownSiteError("environment_id")
    site_id = site_id or (environment.site_id if environment else None)
    if site_id is not None and site_id not in contract.sites:
        raise UnknownSiteError("site_id")
    if environment is not None and environment.site_id != site_id:
        raise UnknownSiteError("environment_id")
    subject = Subject(
        contract_id=contract.contract_id,
        client_id=contract.client_id,
        site_id=site_id,
        environment_id=environment_id,
        counts_for_sla=environment.counts_for_sla if environment else True,
    )
    return Place(subject, contract, await desk_of(ports, contract_id, ports.now))


async def desk_of(ports: Ports, contract_id: UUID, at: datetime) -> ServiceDeskTerms:
    """The service desk of the terms in force at an instant."""
    return (await ports.contracts.history(contract_id)).service_desk(at)


async def zone_of(ports: Ports, item: WorkItem) -> ZoneInfo:
    """Where the days of the client's freezes lie."""
    contract = await ports.contracts.newest(item.subject.contract_id)
    return ZoneInfo(contract.time_zone if contract is not None else "UTC")


async def locked(ports: Ports, item_id: UUID, kind: Kind | None = None) -> WorkItem | None:
    """The item under its lock, if it is there and of this kind."""
    item = await ports.items.lock(item_id)
    return item if item is not None and kind in (None, item.kind) else None


async def open_work(
    ports: Ports,
    *,
    kind: Kind,
    subject: Subject,
    source: Source,
    title: str,
    description: str,
    severity: str,
    stamps: list[Stamp],
    category: Category | None = None,
    impact: Impact | None = None,
    criticality: Criticality | None = None,
    requester: Requester | None = None,
    scope_verdict: ScopeVerdict = ScopeVerdict.UNDECIDED,
    details: Mapping[str, Any] | None = None,
    outage: Mapping[str, Any] | None = None,
    alerting: bool = True,
) -> Change:
    """Opens an item under the contract's lock, with its number, clocks, alerts and first event.

    What is new about the clocks is for the caller to say, once he has added what else he knows: a repair that was done
    before we heard of the outage is not late.
    """
    year = ports.now.year
    change = open_item(
        item_id=new_id(),
        number=number_of(kind, year, await ports.items.next_sequence(kind, year)),
        subject=subject,
        source=source,
        title=title,
        description=description,
        severity=severity,
        stamps=stamps,
        kind=kind,
        category=category,
        impact=impact,
        criticality=criticality,
        requester=requester,
        scope_verdict=scope_verdict,
        details=details,
    )
    item = change.after
    await ports.items.add(item, change.added, outage)
    opened = item.stamps[Milestone.OPENED]
    await ports.items.tell(item, Entry("opened", opened.at, opened.actor, opened.source))
    item = await _heed_quota(ports, item, since=None)
    await clocks.attach(ports, item)
    await clocks.say(ports, item, "opened", await clocks.read_clocks(ports, item))
    if kind is Kind.INCIDENT and alerting:
        await alerts.alert(ports, item, "opened")
    elif kind is Kind.INCIDENT:
        await ports.items.tell(item, Entry("alerts_held", opened.at, UPHELD, opened.source, audience="agency"))
    return Change(item, change.added)


async def apply(ports: Ports, change: Change, said: str, entry: Entry, *, alerting: bool = True) -> list[ClockView]:
    """Stores a change, tells it, brings the clocks in line and says it to others."""
    item = change.after
    await ports.items.save(item, change.added)
    await ports.items.tell(item, entry)
    views = await clocks.heed(ports, item)
    await clocks.say(ports, item, said, views)
    if said == "recovered" and alerting:
        await alerts.alert(ports, item, "recovered")
    return views


async def carry_out(
    ports: Ports, change: Change, what: Act, *, note: str | None, audience: str, data: Mapping[str, Any] | None = None
) -> list[ClockView]:
    """Applies an act. It is for everybody to see; a note for the agency's eyes is a line of its own.

    Raises KeptOpenError when nothing more could be done to the item afterwards and something is still missing.
    """
    item, stamp = change.after, change.added[-1]
    if not item.allowed:
        await closing.refuse_if_kept_open(ports, item)
    said = SAID_AS[what]
    shown = note if audience == "client" else None
    if note is not None and shown is None:
        await ports.items.tell(item, Entry("note", stamp.at, stamp.actor, stamp.source, audience, note))
    if what in _ENDS_WAITING:
        await _end_pauses(ports, item, stamp.at, stamp.actor, {"act": said})
    entry = Entry(said, stamp.at, stamp.actor, stamp.source, note=shown, data=data or {})
    views = await apply(ports, change, said, entry)
    if what is Act.RESOLVE and item.kind is Kind.INCIDENT:
        await alerts.alert(ports, item, "resolved")
    return views


async def acknowledge_by_link(ports: Ports, item_id: UUID, *, actor: Who) -> None:
    """The person whom a message reached has taken the item, by the link in it. Raises IllegalTransitionError."""
    item = await ports.items.lock(item_id)
    assert item is not None  # there is a message about it
    change = perform(item, Act.ACKNOWLEDGE, at=None, now=ports.now, actor=actor, source="link")
    await carry_out(ports, change, Act.ACKNOWLEDGE, note=None, audience="client")


async def change_facts(
    ports: Ports,
    item: WorkItem,
    kind: str,
    actor: Who,
    data: Mapping[str, Any],
    *,
    audience: str = "client",
    note: str | None = None,
) -> tuple[WorkItem, list[ClockView]]:
    """Stores what is not an act (a rank, an assignment, a link …) as a new version of the item, and tells it."""
    after = replace(item, version=item.version + 1)
    entry = Entry(kind, ports.now, actor, "api", audience=audience, note=note, data=data)
    return after, await apply(ports, Change(after, ()), "changed", entry)


async def reopen_item(
    ports: Ports, item_id: UUID, *, at: datetime | None, reason: str | None, actor: Who, source: str = "api"
) -> tuple[WorkItem, list[ClockView]] | None:
    """It was not over after all: a new cycle of the item and of its clocks begins."""
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    change = reopen(item, at=at, now=ports.now, actor=actor, source=source)
    stamp = change.added[-1]
    entry = Entry("reopened", stamp.at, actor, source, note=reason)
    views = await apply(ports, change, "reopened", entry)
    if item.kind is Kind.INCIDENT:
        await alerts.alert(ports, change.after, "reopened", details={"note": reason})
    return change.after, views


async def merge_items(
    ports: Ports, item_id: UUID, into_id: UUID, *, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """The item is the same matter as another of its kind and contract, which goes on for both.

    The other's clocks count from the earlier of the two openings, and an answer that this one had counts for both.
    Raises UnusableError when the two do not go together, IllegalTransitionError when this one is over or with the
    client, KeptOpenError when it could not be closed either.
    """
    # Always in the order of the ids, so that two merges of the same items cannot wait for one another.
    by_id = {each: await ports.items.lock(each) for each in sorted({item_id, into_id})}
    item, into = by_id[item_id], by_id.get(into_id)
    if item is None:
        return None
    if into is None or into.id == item.id:
        raise UnusableError("into_id", "There is no other item with this id.")
    if into.kind is not item.kind or into.subject.contract_id != item.subject.contract_id:
        raise UnusableError("into_id", "Only items of one kind and one contract are merged.")
    if into.status in DONE or into.merged_into_id is not None:
        raise UnusableError("into_id", "Nothing is merged into an item that is over. Choose one that goes on.")
    change = merge(item, into, now=ports.now, actor=actor)
    await closing.refuse_if_kept_open(ports, item)
    data = {"item_id": str(item.id), "number": item.number}
    await clocks.take_over(ports, into, item, actor)
    into_after = replace(into, version=into.version + 1)
    taken = Entry("merged_from", ports.now, actor, "api", data=data)
    await _end_pauses(ports, item, ports.now, actor, {"merged_into": into.number})
    await apply(ports, Change(into_after, ()), "changed", taken)
    entry = Entry("merged", change.added[-1].at, actor, "api", data={"item_id": str(into.id), "number": into.number})
    return change.after, await apply(ports, change, change.after.status.value, entry)


async def link_item(
    ports: Ports, item_id: UUID, kind: str, *, target_id: UUID | None, target: str | None, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """Relates an item to another of the same client, or to an action elsewhere. Told again, it changes nothing."""
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    # Only what never changes of the other is asked, so it is not locked: nobody waits here with a lock in hand, neither
    # for one who links the two the other way round nor for one who accepts a change and what it fixes.
    other = await ports.items.read(target_id) if target_id is not None and target_id != item_id else None
    if target_id is not None and (other is None or other.subject.client_id != item.subject.client_id):
        raise UnusableError("target_id", "There is no other item of this client with this id.")
    link = Link(new_id(), kind, target_id, target)
    if not await ports.items.add_link(item, link, actor):
        return item, await clocks.read_clocks(ports, item)
    if kind == "duplicates" and other is not None:
        item = replace(item, duplicate_of_id=other.id)
    about = {"link": kind, "item_id": str(target_id) if target_id else None, "number": other.number if other else None}
    return await change_facts(ports, item, "linked", actor, about | {"target": target})


async def assign(
    ports: Ports, item_id: UUID, assignee: Who | None, *, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """Whose work it is from now on; None is nobody's. Only somebody whom the contract assigns can be chosen."""
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    desk = await desk_of(ports, item.subject.contract_id, ports.now)
    if assignee is not None and desk.assigned_user_ids and assignee.id not in map(str, desk.assigned_user_ids):
        raise UnusableError("user_id", "The contract does not assign this person. Choose one of those that it assigns.")
    before, after = item.assignee, replace(item, assignee=assignee)
    data = {"before": before.id if before else None, "after": assignee.id if assignee else None}
    return await change_facts(ports, after, "assigned", actor, data)


async def rank_item(
    ports: Ports, item_id: UUID, rank: int | None, reason: str, *, actor: Who, role: str
) -> tuple[WorkItem, list[ClockView]] | None:
    """The place that somebody decided for an item among those of its contract; None is none.

    Raises NotAllowedError unless the contract lets this role decide.
    """
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    desk = await desk_of(ports, item.subject.contract_id, ports.now)
    if role not in desk.decided_by:
        raise NotAllowedError(
            f"Under this contract the order is decided by: {', '.join(sorted(desk.decided_by))}. Ask one of them."
        )
    data = {"before": item.decided_rank, "after": rank}
    details = {name: value for name, value in item.details.items() if name != "arbitration_required"}
    after = replace(item, decided_rank=rank, details=details)
    return await change_facts(ports, after, "ranked", actor, data, note=reason)


async def classify(
    ports: Ports,
    item_id: UUID,
    *,
    impact: Impact | None,
    criticality: Criticality | None,
    severity: str | None,
    reason: str,
    actor: Who,
    role: str,
    of_the_agency: bool,
) -> tuple[WorkItem, list[ClockView]] | None:
    """Judges an item anew: by the contract's matrix, or with a severity of its list. The clocks go on under it.

    The agency judges, and whom the contract lets decide; what a decider has judged, only a decider judges again.
    Raises NotAllowedError, UnknownSeverityError.
    """
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    desk = await desk_of(ports, item.subject.contract_id, ports.now)
    decides = role in desk.decided_by
    if not (decides or of_the_agency):
        raise NotAllowedError(
            f"Under this contract a severity is judged by: {', '.join(sorted(desk.decided_by))}. Ask one of them."
        )
    if item.details.get("severity_decided") and not decides:
        raise NotAllowedError("The client's decider has judged this severity. Only a decider may judge it again.")
    judged = desk.severity_named(severity) if severity is not None else desk.severity_of(impact, criticality)
    if judged is None:
        raise UnknownSeverityError(desk)
    before = item.severity
    details = dict(item.details)
    if decides:
        details["severity_decided"] = True
    if decides or judged not in desk.urgent.severities:
        details.pop("arbitration_required", None)  # the decider has spoken, or it is not called urgent any more
    after = replace(
        item,
        severity=judged,
        impact=impact or item.impact,
        criticality=criticality or item.criticality,
        details=details,
    )
    if judged != before:
        await clocks.reclassify(ports, replace(after, version=after.version + 1), actor)
        await ports.items.save(after, ())
        if not decides:
            after = await _heed_quota(ports, after, since=before)
    data = {"before": before, "after": judged, "impact": impact, "criticality": criticality}
    return await change_facts(ports, after, "classified", actor, data, note=reason)


async def judge_scope(
    ports: Ports, item_id: UUID, verdict: ScopeVerdict, reason: str, *, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """Whether the contract covers it."""
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    data = {"before": item.scope_verdict, "after": verdict}
    after = replace(item, scope_verdict=verdict)
    return await change_facts(ports, after, "scope_judged", actor, data, note=reason)


async def pause_item(
    ports: Ports, item_id: UUID, reason: str, evidence: Mapping[str, Any], *, at: datetime | None, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """The agency waits for somebody else. A reason that the contract does not list is kept, and the clocks go on.

    Raises UnusableError for a reserved reason, InstantOutOfRangeError for an instant before the detection or to come,
    IllegalTransitionError for an item that is over.
    """
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    if reason in RESERVED_REASONS:
        raise UnusableError("reason", "This reason is given by Upheld itself. State what you wait for.")
    if item.status in DONE or item.status is Status.RESOLVED:
        raise IllegalTransitionError(item, "paused")
    begins = _within(ports, item, at)
    terms = (await ports.contracts.history(item.subject.contract_id)).in_force(begins)
    allowed = terms is not None and terms.response is not None and reason in terms.response.pausable
    pause = Pause(new_id(), reason, allowed, begins, actor, evidence)
    await ports.items.add_pause(item, pause)
    data = {"pause_id": str(pause.id), "reason": reason, "allowed": allowed, "evidence": dict(evidence)}
    after = replace(item, version=item.version + 1)
    entry = Entry("paused", begins, actor, "api", data=data)
    return after, await apply(ports, Change(after, ()), "changed", entry)


async def resume_item(
    ports: Ports, item_id: UUID, pause_id: UUID, answer: Mapping[str, Any], *, at: datetime | None, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """The wait is over; the answer is the evidence. None when there is no such pause, or it is over already."""
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    pause = next((each for each in await ports.items.pauses(item.id) if each.id == pause_id), None)
    if pause is None:
        return None
    if pause.resumed_at is not None:
        return item, await clocks.read_clocks(ports, item)
    ends = _within(ports, item, at)
    if ends < pause.at:
        raise InstantOutOfRangeError("at", "A pause cannot end before it began.")
    await _end_pauses(ports, item, ends, actor, answer, only=pause)
    after = replace(item, version=item.version + 1)
    data = {"pause_id": str(pause.id), "reason": pause.reason, "answer": dict(answer)}
    return after, await apply(ports, Change(after, ()), "changed", Entry("resumed", ends, actor, "api", data=data))


WAITING_ACCESS = "waiting_for_access"
"""Reason of the pause while the client lets us wait for access that we need."""

WAITING_ACCEPTANCE = "waiting_acceptance"
"""Reason of the pause of what a change fixes, while the client tries whether it does."""

_ENDED_OTHERWISE = frozenset({WAITING_ACCESS, WAITING_ACCEPTANCE})
"""Waits that end with what is waited for, and not with any message of the client."""


async def wait_for_access(ports: Ports, item_id: UUID, request_id: UUID, *, at: datetime, actor: Who) -> None:
    """The client was asked for access: the request is the evidence of the pause. An item that is over waits no more."""
    item = await ports.items.lock(item_id)
    if item is None or item.status in DONE or item.status is Status.RESOLVED:
        return
    evidence = {"access_request_id": str(request_id)}
    await pause_item(ports, item_id, WAITING_ACCESS, evidence, at=max(at, item.detected_at), actor=actor)


async def end_wait_for_access(
    ports: Ports, item_id: UUID, request_id: UUID, outcome: str, *, at: datetime, actor: Who
) -> None:
    """The client has answered, or we need it no more. A wait that something else has ended stays as it is."""
    for pause in await ports.items.pauses(item_id):
        if pause.resumed_at is None and pause.evidence.get("access_request_id") == str(request_id):
            ends = max(at, pause.at)
            await resume_item(ports, item_id, pause.id, {"outcome": outcome}, at=ends, actor=actor)


async def reply(
    ports: Ports, item_id: UUID, note: str, *, from_client: bool, automatic: bool, audience: str, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """Somebody writes. What the client writes ends every wait for him and asks for an answer; what a person of the
    agency writes to him is one, and the first one says that somebody has started. What a program writes by itself is
    kept, and changes no clock.
    """
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    kind = "automatic_reply" if automatic else "reply"
    if automatic or not (from_client or audience == "client"):
        await ports.items.tell(item, Entry(kind, ports.now, actor, "api", audience=audience, note=note))
        return item, await clocks.read_clocks(ports, item)
    if from_client:
        await hear_client(ports, item, ports.now, actor, {"reply": note})
    else:
        await clocks.answer(ports, item, str(new_id()), ports.now, actor)
        if Act.ACKNOWLEDGE in item.allowed:
            started = perform(item, Act.ACKNOWLEDGE, at=None, now=ports.now, actor=actor, source="implied by reply")
            await carry_out(ports, started, Act.ACKNOWLEDGE, note=None, audience="client")
            item = started.after
    return await change_facts(ports, item, kind, actor, {"from_client": from_client}, note=note)


async def hear_client(ports: Ports, item: WorkItem, at: datetime, actor: Who, answer: Mapping[str, Any]) -> None:
    """The client wrote at this instant: what waited for him then waits no more, and what is under way owes him an
    answer. The caller stores the item and brings its clocks in line.
    """
    for pause in await ports.items.pauses(item.id):
        if pause.at <= at:
            await _end_pauses(ports, item, at, actor, answer, only=pause, but=_ENDED_OTHERWISE)
    if item.stamped(Milestone.ACKNOWLEDGED) or item.kind is Kind.CHANGE:
        await clocks.ask(ports, item, str(new_id()), at, actor)


async def hand_over(
    ports: Ports, item_id: UUID, to_level: int, evidence: Mapping[str, Any], *, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """Another level of support takes it. The second one takes it only with everything of the checklist, told now or
    recorded before.

    Raises MissingError with what is not there, UnusableError when that level has it already.
    """
    item = await ports.items.lock(item_id)
    if item is None:
        return None
    if to_level == item.support_level:
        raise UnusableError("to_level", "This level of support has it already.")
    gathered = await ports.records.gathered(item.id)
    missing = [name for name in CHECKLIST if name not in gathered and not str(evidence.get(name) or "").strip()]
    if to_level > item.support_level and missing:
        raise MissingError(
            missing,
            f"The second level takes it with: {', '.join(CHECKLIST)}. Missing: {', '.join(missing)}. "
            "Say it here, or record it as evidence of the item first.",
        )
    before, after = item.support_level, replace(item, support_level=to_level)
    await ports.items.add_hand_over(after, ports.now, evidence, actor)
    data = {"before": before, "after": to_level, "evidence": dict(evidence)}
    return await change_facts(ports, after, "handed_over", actor, data)


async def _end_pauses(
    ports: Ports,
    item: WorkItem,
    at: datetime,
    actor: Who,
    answer: Mapping[str, Any],
    *,
    only: Pause | None = None,
    but: Collection[str] = (),
) -> None:
    for pause in [only] if only is not None else await ports.items.pauses(item.id):
        if pause.resumed_at is None and pause.reason not in but:
            ended = replace(pause, resumed_at=max(at, pause.at), resumed_by=actor, answer=answer)
            await ports.items.end_pause(ended)


async def _heed_quota(ports: Ports, item: WorkItem, *, since: str | None) -> WorkItem:
    """When more than the agreed share of what came in is urgent, somebody must arbitrate what really is.

    `since` is the severity that the item had before; None: it has just come in. The agency is told when the share gets
    over the quota, and not again of what comes while it stays there.
    """
    if item.kind not in (Kind.INCIDENT, Kind.REQUEST):
        return item
    desk = await desk_of(ports, item.subject.contract_id, ports.now)
    if item.severity not in desk.urgent.severities or item.source.kind == "monitor":
        return item  # an outage is not called urgent, it is one
    if item.details.get("arbitration_required"):
        return item
    window_began = ports.now - desk.urgent.window
    urgent, total = await ports.items.came_in(item.subject.contract_id, window_began, desk.urgent.severities)
    quota = desk.urgent.percent
    if not desk.urgent.exceeded(urgent, total):
        return item
    # An outage, a version of the contract or time alone may have brought it over the quota: nobody was told of that.
    was_over = desk.urgent.exceeded(
        urgent if since in desk.urgent.severities else urgent - 1, total - 1 if since is None else total
    )
    crossed = not (was_over and await ports.items.arbitrated(item.subject.contract_id, window_began))
    flagged = replace(item, details={**item.details, "arbitration_required": True})
    await ports.items.save(flagged, ())
    data = {"urgent": urgent, "total": total, "quota_percent": quota}
    await ports.items.tell(flagged, Entry("arbitration_required", ports.now, UPHELD, "quota", data=data))
    ports.announcer.arbitration_required(flagged, urgent, total, quota)
    contract = await ports.contracts.newest(item.subject.contract_id)
    if crossed and contract is not None:
        await ports.alerts.tell_agency(
            "urgent_quota",
            fact=f"{item.id}.urgent_quota.{item.version}",
            contract_id=contract.contract_id,
            details={
                "contract": contract.number,
                "client": contract.client_name,
                "time_zone": contract.time_zone,
                "item": item.number,
                "days": desk.urgent.window.days,
            }
            | data,
        )
    return flagged


def _within(ports: Ports, item: WorkItem, at: datetime | None) -> datetime:
    """A stated instant of the item's life; None is now."""
    instant = at or ports.now
    if instant > ports.now:
        raise InstantOutOfRangeError("at", "This instant is in the future. Leave it out to say: now.")
    if instant < item.detected_at:
        raise InstantOutOfRangeError("at", "This instant is before the item was detected. State one that is not.")
    return instant


def per_level(
    hand_overs: Iterable[Any], opened_at: datetime, until: datetime
) -> dict[int, list[tuple[datetime, datetime]]]:
    """The spans in which each level of support had an item; it begins at the first."""
    spans: dict[int, list[tuple[datetime, datetime]]] = {1: [], 2: []}
    level, since = 1, opened_at
    for each in hand_overs:
        spans[level].append((since, each.at))
        level, since = each.to_level, each.at
    spans[level].append((since, max(since, until)))
    return spans
