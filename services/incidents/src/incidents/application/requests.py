"""What clients ask for: error reports, features, assistance. Everyone who asks is known, and the scope is judged."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from incidents.application import clocks, items
from incidents.application.incidents import OLDEST_REPORT
from incidents.application.ports import ClockView, Link, Ports
from incidents.domain.work_item import (
    Act,
    Category,
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
    Who,
    WorkItem,
    perform,
)
from shared.ids import new_id

CATEGORIES: Mapping[str, Category] = {
    "error": Category.CORRECTIVE,
    "feature": Category.EVOLUTIONARY,
    "assistance": Category.ASSISTANCE,
}
"""Which sort of maintenance a form asks for."""


@dataclass(frozen=True)
class Asked:
    """A filled form. `asked_at` is when we were told, for a call that is logged afterwards; None is now."""

    contract_id: UUID
    site_id: UUID | None
    environment_id: UUID | None
    form: str
    fields: Mapping[str, Any]
    title: str
    description: str
    severity: str | None
    impact: Impact | None
    criticality: Criticality | None
    requester: Requester
    asked_at: datetime | None


async def ask(ports: Ports, asked: Asked, actor: Who) -> tuple[WorkItem, list[ClockView]]:
    """Opens a request. Errors and questions about what is under contract are in scope; a feature is to be judged.

    Raises UnknownContractError, UnknownSiteError, UnknownSeverityError, InstantOutOfRangeError.
    """
    place = await items.find_place(ports, asked.contract_id, asked.site_id, asked.environment_id)
    asked_at = asked.asked_at or ports.now
    if asked_at > ports.now:
        raise InstantOutOfRangeError("asked_at", "This instant is in the future. Leave it out to say: now.")
    if asked_at < ports.now - OLDEST_REPORT:
        raise InstantOutOfRangeError("asked_at", "This instant is more than a year ago. State one that is not.")
    severity: str | None = place.desk.ordinary
    if asked.severity is not None:
        severity = place.desk.severity_named(asked.severity)
    elif asked.impact is not None and asked.criticality is not None:
        severity = place.desk.severity_of(asked.impact, asked.criticality)
    if severity is None:
        raise items.UnknownSeverityError(place.desk)
    category = CATEGORIES[asked.form]
    change = await items.open_work(
        ports,
        kind=Kind.REQUEST,
        subject=place.subject,
        source=Source("person"),
        title=asked.title,
        description=asked.description,
        severity=severity,
        stamps=[
            Stamp(Milestone.DETECTED, asked_at, actor, asked.requester.channel),
            Stamp(Milestone.OPENED, ports.now, actor, asked.requester.channel),
        ],
        category=category,
        impact=asked.impact,
        criticality=asked.criticality,
        requester=asked.requester,
        scope_verdict=ScopeVerdict.UNDECIDED if category is Category.EVOLUTIONARY else ScopeVerdict.IN_SCOPE,
        details={"form": asked.form, **asked.fields},
    )
    return change.after, await clocks.refresh(ports, change.after)


async def act(
    ports: Ports, request_id: UUID, what: Act, *, at: datetime | None, note: str | None, audience: str, actor: Who
) -> tuple[WorkItem, list[ClockView]] | None:
    """A person acts. A request is not resolved before somebody has judged whether it is in scope (MissingError)."""
    request = await items.locked(ports, request_id, Kind.REQUEST)
    if request is None:
        return None
    if what is Act.RESOLVE and what in request.allowed and request.scope_verdict is ScopeVerdict.UNDECIDED:
        raise items.MissingError(["scope_verdict"], "Say first whether the contract covers this request.")
    change = perform(request, what, at=at, now=ports.now, actor=actor, source="api")
    return change.after, await items.carry_out(ports, change, what, note=note, audience=audience)


async def size(ports: Ports, request_id: UUID, minutes: int, *, actor: Who) -> tuple[WorkItem, list[ClockView]] | None:
    """How much work a feature is. Over the limit of the contract it is no micro-evolution: it becomes a change.

    The request is then resolved, and the change, linked to it, goes its own way through estimate and approval.
    """
    request = await items.locked(ports, request_id, Kind.REQUEST)
    if request is None:
        return None
    if Act.RESOLVE not in request.allowed:
        raise IllegalTransitionError(request, "sized")
    if request.category is not Category.EVOLUTIONARY:
        raise items.UnusableError("minutes", "Only a feature is sized: an error or a question becomes no change.")
    desk = await items.desk_of(ports, request.subject.contract_id, ports.now)
    sized = replace(request, details={**request.details, "estimated_minutes": minutes})
    if timedelta(minutes=minutes) <= desk.micro_evolution_limit:
        return await items.change_facts(ports, sized, "sized", actor, {"minutes": minutes, "becomes_change": False})
    grown = await items.open_work(
        ports,
        kind=Kind.CHANGE,
        subject=request.subject,
        source=request.source,
        title=request.title,
        description=request.description,
        severity=request.severity,
        stamps=[
            Stamp(milestone, ports.now, actor, request.number) for milestone in (Milestone.DETECTED, Milestone.OPENED)
        ],
        category=Category.EVOLUTIONARY,
        impact=request.impact,
        criticality=request.criticality,
        requester=request.requester,
        details={"request_id": str(request.id), "request_number": request.number, "expected_minutes": minutes},
    )
    new = grown.after
    await clocks.refresh(ports, new)
    await ports.items.add_link(sized, Link(new_id(), "relates", new.id, None), actor)
    details = {**sized.details, "change_id": str(new.id), "change_number": new.number}
    change = perform(
        replace(sized, details=details), Act.RESOLVE, at=None, now=ports.now, actor=actor, source=f"became {new.number}"
    )
    data = {"minutes": minutes, "becomes_change": True, "change_id": str(new.id), "number": new.number}
    return change.after, await items.carry_out(ports, change, Act.RESOLVE, note=None, audience="client", data=data)
