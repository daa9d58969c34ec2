"""Preventive work: planned by a schedule or by hand, done with its checklist and proof.

An update begins only with a backup that somebody has verified and a plan to go back, and in a freeze of the contract
only when the client's decider has approved that by name; it ends with the version that is there now.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from incidents.application import items
from incidents.application.ports import ClockView, Ports
from incidents.domain.service_desk_terms import refuse_frozen
from incidents.domain.work_item import (
    Act,
    Category,
    IllegalTransitionError,
    InstantOutOfRangeError,
    Kind,
    MaintenanceType,
    Milestone,
    ScopeVerdict,
    Source,
    Stamp,
    Status,
    Who,
    WorkItem,
    perform,
)

UPDATE = "update"
"""The work that changes something; the other is to check."""

REMOTE, ON_SITE = "remote", "on_site"
APPROVED = frozenset({Status.APPROVED, Status.DEPLOYING, Status.DEPLOYED, Status.ACCEPTED, Status.CLOSED})
"""States of a change whose scope the client has approved and not taken back since."""

UPDATE_NEEDS = ("backup", "rollback_plan", "configuration_item", "version_before")
"""What must be told before an update begins."""

Done = tuple[WorkItem, list[ClockView]]


@dataclass(frozen=True)
class Planned:
    """Preventive work for a day. `work`: update (versions, backup and rollback) or check."""

    contract_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    title: str
    description: str
    work: str
    planned_on: date
    checklist: tuple[str, ...]
    schedule_id: UUID | None = None
    maintenance_type: MaintenanceType = MaintenanceType.PREVENTIVE
    intervention_mode: str = REMOTE
    on_site_scope_id: UUID | None = None


async def plan(ports: Ports, planned: Planned, actor: Who) -> Done:
    """A new work order. Raises UnknownContractError, UnknownSiteError, and MissingError for work on site that nobody
    has defined and approved.
    """
    place = await items.find_place(ports, planned.contract_id, planned.site_id, planned.environment_id)
    if planned.intervention_mode == ON_SITE:
        await _check_on_site(ports, planned, place.contract.intervention_modes)
    source = "schedule" if planned.schedule_id is not None else "api"
    opened = await items.open_work(
        ports,
        kind=Kind.WORK_ORDER,
        subject=place.subject,
        source=Source("schedule" if planned.schedule_id is not None else "person"),
        title=planned.title,
        description=planned.description,
        severity=place.desk.ordinary,
        stamps=[Stamp(milestone, ports.now, actor, source) for milestone in (Milestone.DETECTED, Milestone.OPENED)],
        category=Category(planned.maintenance_type.value),
        scope_verdict=ScopeVerdict.IN_SCOPE,
        details={
            "work": planned.work,
            "planned_on": planned.planned_on.isoformat(),
            "checklist": [{"item": item, "done": False} for item in planned.checklist],
            "intervention_mode": planned.intervention_mode,
            "on_site_scope_id": str(planned.on_site_scope_id) if planned.on_site_scope_id is not None else None,
            "schedule_id": str(planned.schedule_id) if planned.schedule_id is not None else None,
        },
    )
    return opened.after, []


async def _check_on_site(ports: Ports, planned: Planned, agreed: Collection[str] | None) -> None:
    """What is done on site is defined beforehand: the scope of a change of this contract that the client approved.

    `agreed` are the modes that the contract names; without any it says nothing of them.
    """
    if agreed and ON_SITE not in agreed:
        raise items.MissingError(
            ["intervention_mode"],
            "Under this contract nothing is done on site. Plan the work as remote, or amend the contract.",
        )
    scope = None
    if planned.on_site_scope_id is not None:
        scope = await ports.items.lock(planned.on_site_scope_id)
    approved = (
        scope is not None
        and scope.kind is Kind.CHANGE
        and scope.subject.contract_id == planned.contract_id
        and scope.stamped(Milestone.APPROVED)
        and scope.status in APPROVED
    )
    if not approved:
        raise items.MissingError(
            ["on_site_scope_id"],
            "Work on site needs a scope that the client has approved: name the change in on_site_scope_id, or plan the"
            " work as remote.",
        )


async def act(
    ports: Ports, order_id: UUID, what: Act, told: Mapping[str, Any], *, note: str | None, actor: Who
) -> Done | None:
    """Starts, completes or cancels it. Raises MissingError with what must be there first, InstantOutOfRangeError for a
    backup that is yet to be verified, FrozenError for an update in a freeze that was not approved.
    """
    order = await items.locked(ports, order_id, Kind.WORK_ORDER)
    if order is None:
        return None
    if what in order.allowed:
        missing = _missing(order, what, told)
        if missing:
            raise items.MissingError(missing, f"This work order needs first: {', '.join(missing)}.")
        backup = told.get("backup") if what is Act.START else None
        if backup and datetime.fromisoformat(backup["verified_at"]) > ports.now:
            raise InstantOutOfRangeError("backup/verified_at", "Nobody can have verified it in the future.")
        if what is Act.START and order.details["work"] == UPDATE:
            await _refuse_frozen(ports, order)
    details = dict(order.details)
    if what is Act.START:
        details |= {name: told.get(name) for name in UPDATE_NEEDS}
    elif what is Act.COMPLETE:
        done = set(told["done"])
        details["checklist"] = [
            {"item": each["item"], "done": each["item"] in done} for each in order.details["checklist"]
        ]
        details |= {"proof": told["proof"], "version_after": told.get("version_after")}
    change = perform(replace(order, details=details), what, at=None, now=ports.now, actor=actor, source="api")
    views = await items.carry_out(ports, change, what, note=note, audience="client", data=told)
    return change.after, views


async def approve(
    ports: Ports, order_id: UUID, approved_freezes: Sequence[str], *, note: str | None, actor: Who, role: str
) -> Done | None:
    """The client's decider lets an update be done in these freezes of the contract. Told again, the last word counts.

    Raises NotAllowedError for anybody else, IllegalTransitionError for what has begun or is over, UnusableError for
    work that changes nothing.
    """
    order = await items.locked(ports, order_id, Kind.WORK_ORDER)
    if order is None:
        return None
    if role != "client_decider":
        raise items.NotAllowedError("Only the client's decider does this.")
    if Act.START not in order.allowed:
        raise IllegalTransitionError(order, "approved")
    if order.details["work"] != UPDATE:
        raise items.UnusableError("approved_freezes", "A check changes nothing, so no freeze stops it: begin it.")
    approval = {"approved_freezes": list(approved_freezes)}
    after = replace(order, details={**order.details, "approval": approval})
    return await items.change_facts(ports, after, "approved", actor, approval, note=note)


async def _refuse_frozen(ports: Ports, order: WorkItem) -> None:
    """An update deploys something, as a change does: in a freeze only with the decider's approval of it by name."""
    desk = await items.desk_of(ports, order.subject.contract_id, ports.now)
    zone = await items.zone_of(ports, order)
    approval = order.details.get("approval") or {"approved_freezes": []}
    refuse_frozen(desk.freezes_between(ports.now, ports.now, zone), approval["approved_freezes"])


def _missing(order: WorkItem, what: Act, told: Mapping[str, Any]) -> list[str]:
    update = order.details["work"] == UPDATE
    if what is Act.START and update:
        return [name for name in UPDATE_NEEDS if not told.get(name)]
    if what is not Act.COMPLETE:
        return []
    open_ones = [each["item"] for each in order.details["checklist"] if each["item"] not in told["done"]]
    return open_ones + (["version_after"] if update and not told.get("version_after") else [])
