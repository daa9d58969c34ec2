"""Looking into the audit log: entries by what they say, and who read what."""

import json
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, Select, or_, select

from reporting.adapters.audit_tables import AuditEntry
from reporting.adapters.tables import Event
from reporting.application.audit import ACCESSES
from shared.unit_of_work import UnitsOfWork

AT_ONCE: Final = 500


@dataclass(frozen=True)
class Wanted:
    """Which entries; what is None does not matter."""

    actor_id: str | None = None
    resource_id: str | None = None
    service: str | None = None
    kind: str | None = None
    operation: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """For the where clause of a query of entries."""
        equal = {
            AuditEntry.actor_id: self.actor_id,
            AuditEntry.resource_id: self.resource_id,
            AuditEntry.service: self.service,
            AuditEntry.kind: self.kind,
            AuditEntry.operation: self.operation,
        }
        found = [column == value for column, value in equal.items() if value is not None]
        if self.since is not None:
            found.append(AuditEntry.at >= self.since)
        if self.until is not None:
            found.append(AuditEntry.at < self.until)
        return found


def accesses(wanted: Wanted) -> Select[AuditEntry, bytes]:
    """Entries of readings and of what opens a door, each with the bytes of its event, which know who it was by name."""
    return (
        select(AuditEntry, Event.payload)
        .outerjoin(Event, Event.event_id == AuditEntry.event_id)
        .where(or_(AuditEntry.kind == "reading", AuditEntry.operation.in_(ACCESSES)), *wanted.conditions())
    )


def access_of(entry: AuditEntry, payload: bytes | None) -> dict[str, Any]:
    """Who accessed what, in flat facts. `actor_name` is None when the event of the entry is not kept any more."""
    said = json.loads(entry.entry)
    actor = said["actor"]
    told = json.loads(payload)["data"]["actor"].get("name") if payload is not None else None
    names = ("sequence", "at", "service", "operation", "resource", "resource_id", "role", "outcome", "correlation_id")
    return {name: said[name] for name in names} | {
        "actor_kind": actor["kind"],
        "actor_id": actor["id"],
        "actor_name": told,
    }


async def every_access(units: UnitsOfWork, tenant_id: UUID, wanted: Wanted) -> AsyncIterator[Sequence[dict[str, Any]]]:
    """All of them, oldest first, read piece by piece in transactions of their own."""
    after = 0
    while True:
        async with units.for_tenant(tenant_id) as unit:
            rows = await unit.session.execute(
                accesses(wanted).where(AuditEntry.sequence > after).order_by(AuditEntry.sequence).limit(AT_ONCE)
            )
            found = rows.all()
        if found:
            yield [access_of(entry, payload) for entry, payload in found]
        if len(found) < AT_ONCE:
            return
        after = found[-1][0].sequence
