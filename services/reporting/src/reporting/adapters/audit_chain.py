"""Adding to the audit log of a tenant: one entry for each event that is heard, in the order of arrival."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

from sqlalchemy import insert, select, text

from reporting.adapters.audit_tables import AuditEntry
from reporting.application.audit import HeardOperation
from reporting.domain.audit_chain import GENESIS, canonical, entry_hash
from shared.events import OperationRecorded, ReceivedEvent
from shared.unit_of_work import UnitOfWork
from shared.values import instant_text

_LOCK: Final = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")


async def lock_chain(uow: UnitOfWork, tenant_id: UUID) -> None:
    """Held until the transaction ends: of a tenant's entries one is added at a time, and none is left out."""
    await uow.session.execute(_LOCK, {"name": f"reporting audit {tenant_id}"})


async def record_event(uow: UnitOfWork, event: ReceivedEvent[dict[str, Any]], name: str) -> None:
    """Adds the entry of an event that was heard for the first time.

    Nothing else of the transaction may wait for another one that waits for this: call it before what the event changes.
    """
    await lock_chain(uow, event.tenant_id)
    last = (
        await uow.session.execute(
            select(AuditEntry.sequence, AuditEntry.hash)
            .where(AuditEntry.tenant_id == event.tenant_id)
            .order_by(AuditEntry.sequence.desc())
            .limit(1)
        )
    ).one_or_none()
    sequence, previous = (last.sequence + 1, last.hash) if last is not None else (1, GENESIS)
    facts = _facts(event, name)
    entry = canonical(
        {
            "version": 1,
            "tenant_id": str(event.tenant_id),
            "sequence": sequence,
            "previous": previous,
            "recorded_at": instant_text(uow.now),
            **facts,
        }
    )
    await uow.session.execute(
        insert(AuditEntry).values(
            tenant_id=event.tenant_id,
            sequence=sequence,
            event_id=event.id,
            at=event.time,
            entry=entry.decode(),
            hash=entry_hash(entry),
            **columns_of(facts),
        )
    )


def columns_of(entry: Mapping[str, Any]) -> dict[str, str | None]:
    """The columns that repeat parts of an entry."""
    actor = entry["actor"]
    return {
        "actor_id": actor["id"] if actor is not None else None,
        **{name: entry[name] for name in ("service", "kind", "event", "operation", "resource_id")},
    }


def _facts(event: ReceivedEvent[dict[str, Any]], name: str) -> dict[str, Any]:
    """What an entry says of its event: never its content, only the hash of that."""
    envelope = event.envelope
    facts: dict[str, Any] = {
        "at": instant_text(event.time),
        "service": envelope.name.service,
        "event": name,
        "event_id": str(event.id),
        "event_hash": sha256(event.payload).hexdigest(),
        "correlation_id": envelope.correlationid,
        "causation_id": envelope.causationid,
    }
    if envelope.name.aggregate != OperationRecorded.AGGREGATE:
        return facts | {
            "kind": "event",
            "actor": None,
            "role": None,
            "operation": None,
            "resource": envelope.subject,
            "resource_id": envelope.subject.partition("/")[2],
            "version_before": None,
            "version_after": event.aggregate_version,
            "fields": [],
            "events": [],
            "outcome": "done",
        }
    told = HeardOperation.model_validate(event.data)
    return facts | {
        "kind": told.kind,
        # No name: people can be forgotten, and an entry cannot. The event keeps it.
        "actor": {"kind": told.actor.kind, "id": told.actor.id},
        "role": told.role,
        "operation": told.operation,
        "resource": told.resource,
        "resource_id": told.resource_id,
        "version_before": told.version_before,
        "version_after": told.version_after,
        "fields": told.fields,
        "events": [str(each) for each in told.events],
        "outcome": told.outcome,
    }
