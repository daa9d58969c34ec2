"""The audit log as a file: one JSON document per line, in the order in which the stand-alone verifier takes them."""

from collections.abc import AsyncIterator, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute

from reporting.adapters.audit_checkpoints import AT_ONCE, checkpoint_line
from reporting.adapters.audit_keys import key_line, keys_of_tenant
from reporting.adapters.audit_tables import AuditCheckpoint, AuditEntry
from reporting.domain.audit_chain import canonical
from shared.unit_of_work import UnitOfWork, UnitsOfWork
from shared.values import instant_text


async def exported_lines(units: UnitsOfWork, tenant_id: UUID) -> AsyncIterator[bytes]:
    """Pieces of the export of what is recorded now, each of whole lines.

    Read in transactions of their own: none is held while somebody reads slowly.
    """
    async with units.for_tenant(tenant_id) as unit:
        header = {"version": 1, "tenant_id": str(tenant_id), "exported_at": instant_text(unit.now)}
        keys = await keys_of_tenant(unit, tenant_id)
        public = {key.key_id: key.public_key for key in keys}
        # In this order: a checkpoint that is there now is about an entry that is there, unless that was cut off.
        signed = await _highest(unit, tenant_id, AuditCheckpoint.sequence)
        head = await _highest(unit, tenant_id, AuditEntry.sequence)
    yield b"".join([_line("header", header), *(_line("key", key_line(key)) for key in keys)])
    after = count = 0
    while after < max(head, signed):
        async with units.for_tenant(tenant_id) as unit:
            piece, last, number = await _piece(unit, tenant_id, after, head, signed, public)
        yield piece
        after, count = last, count + number
    yield _line("end", {"entries": count})


async def _highest(unit: UnitOfWork, tenant_id: UUID, column: InstrumentedAttribute[int]) -> int:
    found = await unit.session.scalar(select(func.max(column)).where(column.class_.tenant_id == tenant_id))
    return found or 0


async def _piece(
    unit: UnitOfWork, tenant_id: UUID, after: int, head: int, signed: int, public: Mapping[str, bytes]
) -> tuple[bytes, int, int]:
    """The next entries with the checkpoints over them; the last one's sequence, and how many they are."""
    rows = await unit.session.execute(
        select(AuditEntry.sequence, AuditEntry.entry, AuditEntry.hash)
        .where(AuditEntry.tenant_id == tenant_id, AuditEntry.sequence > after, AuditEntry.sequence <= head)
        .order_by(AuditEntry.sequence)
        .limit(AT_ONCE)
    )
    entries = rows.all()
    last = entries[-1].sequence if len(entries) == AT_ONCE else max(head, signed)
    checkpoints = await unit.session.scalars(
        select(AuditCheckpoint).where(
            AuditCheckpoint.tenant_id == tenant_id,
            AuditCheckpoint.sequence > after,
            AuditCheckpoint.sequence <= min(last, signed),
        )
    )
    over = {each.sequence: each for each in checkpoints}
    lines = []
    for row in entries:
        lines.append(b'{"entry":%b,"hash":"%b","kind":"entry"}\n' % (row.entry.encode(), row.hash.encode()))
        if row.sequence in over:
            lines.append(_checkpoint(over.pop(row.sequence), public))
    # Over an entry that is gone: shown all the same, because it tells.
    lines.extend(_checkpoint(over[sequence], public) for sequence in sorted(over))
    return b"".join(lines), last, len(entries)


def _checkpoint(row: AuditCheckpoint, public: Mapping[str, bytes]) -> bytes:
    return _line("checkpoint", checkpoint_line(row, public.get(row.key_id, b"")))


def _line(kind: str, content: Mapping[str, Any]) -> bytes:
    return canonical({"kind": kind, **content}) + b"\n"
