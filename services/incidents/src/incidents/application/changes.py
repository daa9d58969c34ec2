"""Scoped evolutions: scope, estimate, the client's approval, a deployment in its window, acceptance.

A freeze of the contract stops approval and deployment unless the client's decider has approved it by name. What the
client neither accepts nor rejects in the agreed time is accepted tacitly, at the instant at which that time ran out.
What was rolled back is neither: it is scoped again and needs another window.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from incidents.application import clocks, items
from incidents.application.ports import UPHELD, ClockView, Entry, Link, Ports
from incidents.domain.promises import Metric
from incidents.domain.service_desk_terms import Freeze, refuse_frozen
from incidents.domain.work_item import (
    DONE,
    Act,
    Category,
    Kind,
    Milestone,
    Requester,
    Source,
    Stamp,
    Status,
    Who,
    WorkItem,
    perform,
    roll_back,
)
from shared.ids import new_id
from shared.values import instant_text

_DECIDERS_ACTS = frozenset({Act.APPROVE, Act.DECLINE, Act.ACCEPT, Act.REJECT})
"""What the client decides, not the agency."""

Done = tuple[WorkItem, list[ClockView]]


class OutsideWindowError(Exception):
    """The change may be deployed in its approved window only, unless somebody says why he does it now."""

    def __init__(self, first: datetime, last: datetime) -> None:
        self.first, self.last = first, last
        super().__init__(
            "The change was approved for another window. Deploy it then, or say why now (`outside_window_reason`): "
            "it is flagged."
        )


async def draft(
    ports: Ports,
    *,
    contract_id: UUID,
    site_id: UUID | None,
    environment_id: UUID | None,
    title: str,
    description: str,
    fixes: UUID | None,
    requester: Requester,
    actor: Who,
) -> Done:
    """A new change; with `fixes`, of an item of the same client whose clocks wait while the client accepts."""
    place = await items.find_place(ports, contract_id, site_id, environment_id)
    category = Category.EVOLUTIONARY
    if fixes is not None:
        fixed = await ports.items.lock(fixes)
        if fixed is None or fixed.subject.client_id != place.subject.client_id:
            raise items.UnusableError("fixes", "There is no item of this client with this id.")
        category = Category.CORRECTIVE
    opened = await items.open_work(
        ports,
        kind=Kind.CHANGE,
        subject=place.subject,
        source=Source("person"),
        title=title,
        description=description,
        severity=place.desk.ordinary,
        stamps=[Stamp(milestone, ports.now, actor, "api") for milestone in (Milestone.DETECTED, Milestone.OPENED)],
        category=category,
        requester=requester,
    )
    if fixes is not None:
        await ports.items.add_link(opened.after, Link(new_id(), "fixes", fixes, None), actor)
    return opened.after, await clocks.refresh(ports, opened.after)


async def act(
    ports: Ports,
    change_id: UUID,
    what: Act,
    told: Mapping[str, Any],
    *,
    actor: Who,
    role: str,
    note: str | None = None,
    audience: str = "client",
) -> Done | None:
    """One step of a change. `told` is what the step states, as `api.desk_models` lists it.

    Raises IllegalTransitionError, NotAllowedError for what only the client's decider does, FrozenError and
    OutsideWindowError.
    """
    change = await items.locked(ports, change_id, Kind.CHANGE)
    if change is None:
        return None
    # What silence has accepted is accepted, also while no worker runs that says so.
    change = await accept_tacitly(ports, change)
    if what not in change.allowed:
        perform(change, what, at=None, now=ports.now, actor=actor, source="api")  # says what is possible
    if what in _DECIDERS_ACTS and role != "client_decider":
        raise items.NotAllowedError("Only the client's decider does this.")
    if what is Act.SCOPE and change.details.get("arbitration_required"):
        raise items.MissingError(
            ["decided_rank"],
            "As much waits as the contract allows. The client's decider says first which place this has, or gives"
            " something up.",
        )
    desk = await items.desk_of(ports, change.subject.contract_id, ports.now)
    zone = await items.zone_of(ports, change)
    details = dict(change.details)
    match what:
        case Act.SCOPE:
            details["scope"] = dict(told)
        case Act.ESTIMATE:
            details["estimate"] = dict(told) | {
                "over_size_cap": timedelta(minutes=told["minutes"]) > desk.change_size_cap
            }
        case Act.APPROVE:
            first, last = window_of(change)
            refuse_frozen(desk.freezes_between(first, last, zone), told["approved_freezes"])
            details["approval"] = dict(told)
        case Act.DEPLOY:
            details["deployment"] = _deployment(
                change, desk.freezes_between(ports.now, ports.now, zone), told, ports.now
            )
            details["deployment"]["configuration_item"] = told["configuration_item"] or await _what_is_deployed(
                ports, change
            )
        case Act.FINISH_DEPLOYMENT:
            details["deployment"] = {**details["deployment"], **told}
        case Act.REJECT | Act.DECLINE:
            details[what.value] = dict(told)
        case _:
            pass
    if what is Act.FINISH_DEPLOYMENT and told["result"] == "rolled_back":
        return await _rolled_back(ports, replace(change, details=details), actor=actor, note=note)
    done = perform(replace(change, details=details), what, at=None, now=ports.now, actor=actor, source="api")
    views = await items.carry_out(ports, done, what, note=note, audience=audience, data=told)
    await _tell_what_it_fixes(ports, done.after, what, actor)
    return done.after, views


async def _rolled_back(ports: Ports, change: WorkItem, *, actor: Who, note: str | None) -> Done:
    """Nothing is in place, so nobody tries or accepts anything, and the clocks of what it fixes go on."""
    done = roll_back(change, now=ports.now, actor=actor, source="rolled back")
    entry = Entry("rolled_back", done.added[-1].at, actor, "api", note=note, data=change.details["deployment"])
    return done.after, await items.apply(ports, done, items.SAID_AS[Act.SCOPE], entry)


async def accept_tacitly(ports: Ports, change: WorkItem) -> WorkItem:
    """Accepts a deployed change whose time for acceptance has run out, at that instant; else leaves it as it is."""
    if change.kind is not Kind.CHANGE or change.status is not Status.DEPLOYED:
        return change
    views = await clocks.read_clocks(ports, change)
    late = [view.reading for view in views if view.metric is Metric.ACCEPTANCE and view.reading.state == "breached"]
    if not late or late[0].breach_after is None:
        return change
    done = perform(change, Act.ACCEPT, at=late[0].breach_after, now=ports.now, actor=UPHELD, source="tacit")
    await items.carry_out(ports, done, Act.ACCEPT, note=None, audience="client", data={"tacit": True})
    await _tell_what_it_fixes(ports, done.after, Act.ACCEPT, UPHELD)
    return done.after


async def _tell_what_it_fixes(ports: Ports, change: WorkItem, what: Act, actor: Who) -> None:
    """The clocks of what a change fixes stand still while the client tries it, if the contract lists that wait."""
    if what not in (Act.FINISH_DEPLOYMENT, Act.ACCEPT, Act.REJECT):
        return
    links = await ports.items.links(change.id)
    # In the order of the ids, as whoever merges two of them locks them.
    for fixed_id in sorted(link.target_id for link in links if link.kind == "fixes" and link.target_id is not None):
        fixed = await ports.items.lock(fixed_id)
        if fixed is None or fixed.status in DONE or fixed.status is Status.RESOLVED:
            continue
        if what is Act.FINISH_DEPLOYMENT:
            evidence = {"change": change.number}
            await items.pause_item(ports, fixed.id, items.WAITING_ACCEPTANCE, evidence, at=None, actor=actor)
            continue
        for pause in await ports.items.pauses(fixed.id):
            if pause.resumed_at is None and pause.evidence.get("change") == change.number:
                answer = {"change": change.number, "act": what.value}
                await items.resume_item(ports, fixed.id, pause.id, answer, at=None, actor=actor)


def window_of(change: WorkItem) -> tuple[datetime, datetime]:
    """When an estimated change is to be deployed."""
    window = change.details["estimate"]["window"]
    return datetime.fromisoformat(window["from"]), datetime.fromisoformat(window["to"])


async def _what_is_deployed(ports: Ports, change: WorkItem) -> str:
    """The configuration item where nobody names one: the site, or the change itself when it is about none."""
    contract = await ports.contracts.newest(change.subject.contract_id)
    site_id = change.subject.site_id
    site = contract.sites.get(site_id) if contract is not None and site_id is not None else None
    return site or change.title


def _deployment(change: WorkItem, freezes: Iterable[Freeze], told: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    first, last = window_of(change)
    refuse_frozen(freezes, change.details["approval"]["approved_freezes"])
    outside = not first <= now < last
    if outside and not told.get("outside_window_reason"):
        raise OutsideWindowError(first, last)
    approved = change.stamps[Milestone.APPROVED]
    return dict(told) | {
        "approver": told["approver"] or approved.actor.name,
        "approved_at": instant_text(approved.at),
        "began_at": instant_text(now),
        "outside_window": outside,
    }
