"""Checking a log where it is stored: by the same verifier that checks exports, and against the events that are kept."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import select

from reporting.adapters.audit_chain import columns_of
from reporting.adapters.audit_checkpoints import AT_ONCE
from reporting.adapters.audit_export import exported_lines
from reporting.adapters.audit_tables import AuditCheckpoint, AuditEntry
from reporting.adapters.audit_verifier import MOST_FAULTS, Unreadable, Verifier
from reporting.adapters.tables import Event
from shared.unit_of_work import UnitsOfWork
from shared.values import instant_text


@dataclass(frozen=True)
class Checked:
    """What was found, in sentences."""

    entries: int
    faults: list[str]
    notes: list[str]


async def recorded_tenants(units: UnitsOfWork) -> Sequence[UUID]:
    """Whose log has entries; the installation's own among them, as the tenant of zeros."""
    async with units.for_every_tenant() as unit:
        return (await unit.session.scalars(select(AuditEntry.tenant_id).distinct())).all()


async def check_log(units: UnitsOfWork, tenant_id: UUID, kept: Sequence[dict[str, Any]]) -> Checked:
    """The log of a tenant, with checkpoints that were kept elsewhere."""
    verifier = Verifier(kept)
    try:
        async for piece in exported_lines(units, tenant_id):
            for line in piece.split(b"\n")[:-1]:  # not splitlines: an entry may hold other ends of lines than this
                verifier.take(line.decode())
        verifier.finish()
    except Unreadable as error:
        verifier.faults.append(str(error))
        return Checked(verifier.entries, verifier.faults, verifier.notes)
    deleted = await _deleted(units, tenant_id, verifier.holding)
    faults, gone = await _against_events(units, tenant_id)
    notes = list(verifier.notes)
    if gone:
        notes.append(f"The events of {gone} entries are not kept here any more.")
    return Checked(verifier.entries, [*verifier.faults, *deleted, *faults], notes)


async def _deleted(units: UnitsOfWork, tenant_id: UUID, kept: Sequence[dict[str, Any]]) -> list[str]:
    """Faults of checkpoints that were kept elsewhere and hold: each must still be here, and still the same."""
    async with units.for_tenant(tenant_id) as unit:
        rows = await unit.session.execute(
            select(AuditCheckpoint.sequence, AuditCheckpoint.signature).where(
                AuditCheckpoint.tenant_id == tenant_id,
                AuditCheckpoint.sequence.in_([each["sequence"] for each in kept]),
            )
        )
        here = {row.sequence: row.signature for row in rows}
    faults = []
    for each in kept:
        if here.get(each["sequence"]) != each["signature"]:
            happened = "was replaced" if each["sequence"] in here else "was deleted"
            faults.append(f"The checkpoint of {each['made_at']} over entry {each['sequence']} {happened} here.")
    return faults


def _repeats(entry: AuditEntry, said: dict[str, Any]) -> bool:
    """Whether the columns say what the entry says; an entry that was replaced may lack what they repeat."""
    try:
        columns = columns_of(said)
        return (instant_text(entry.at), str(entry.event_id)) == (said["at"], said["event_id"]) and all(
            getattr(entry, name) == value for name, value in columns.items()
        )
    except (KeyError, TypeError):
        return False


async def _against_events(units: UnitsOfWork, tenant_id: UUID) -> tuple[list[str], int]:
    """Faults of columns and of kept events, and how many events are gone."""
    faults: list[str] = []
    after = gone = 0
    while len(faults) < MOST_FAULTS:
        async with units.for_tenant(tenant_id) as unit:
            rows = await unit.session.execute(
                select(AuditEntry, Event.payload)
                .outerjoin(Event, Event.event_id == AuditEntry.event_id)
                .where(AuditEntry.tenant_id == tenant_id, AuditEntry.sequence > after)
                .order_by(AuditEntry.sequence)
                .limit(AT_ONCE)
            )
            found = rows.all()
        for entry, payload in found:
            said = json.loads(entry.entry)
            if not _repeats(entry, said):
                faults.append(f"What entry {entry.sequence} is searched by is not what it says.")
            if payload is None:
                gone += 1
            elif sha256(payload).hexdigest() != said.get("event_hash"):
                faults.append(f"The event that entry {entry.sequence} records was changed after it was recorded.")
        if len(found) < AT_ONCE:
            break
        after = found[-1][0].sequence
    return faults, gone
