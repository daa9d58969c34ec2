"""Checkpoints: signatures under the newest entry, made only on top of what the last one vouched for."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import func, select, text

from reporting.adapters.audit_keys import is_signed, keys_of_tenant, signer_of
from reporting.adapters.audit_tables import AuditCheckpoint, AuditEntry
from reporting.adapters.secret_box import SecretBox
from reporting.application.audit import CHECKPOINT_MADE, LogIsBroken, NothingRecorded
from reporting.domain.audit_chain import GENESIS, Link, checkpoint_statement, entry_hash, first_break
from reporting.published.v1 import AuditCheckpointMade
from shared.unit_of_work import UnitOfWork
from shared.values import instant_text

AT_ONCE: Final = 1_000
"""Entries that are read together."""

# The tenants are found by leaps through the primary key: what this costs does not grow with the logs.
_DUE = text("""
with recursive tenant (tenant_id) as (
    (select tenant_id from reporting.audit_entry order by tenant_id limit 1)
    union all
    select (
        select e.tenant_id from reporting.audit_entry e
        where e.tenant_id > tenant.tenant_id order by e.tenant_id limit 1
    )
    from tenant where tenant.tenant_id is not null
)
select tenant.tenant_id
from tenant
left join lateral (
    select c.sequence, c.made_at from reporting.audit_checkpoint c
    where c.tenant_id = tenant.tenant_id order by c.sequence desc limit 1
) last on true
where tenant.tenant_id is not null and (last.made_at is null or last.made_at <= :before) and (
    exists (
        select 1 from reporting.audit_entry e
        where e.tenant_id = tenant.tenant_id and e.sequence > coalesce(last.sequence, 0) and e.event <> :checkpoint_made
    )
    or (select max(e.sequence) from reporting.audit_entry e where e.tenant_id = tenant.tenant_id) < last.sequence
)
order by tenant.tenant_id
""")


_TOLD = text("""
select exists (
    select 1 from reporting.outbox
    where aggregate_type = 'audit' and aggregate_id = :tenant_id and aggregate_version = :sequence
)
""")


async def tenants_due(uow: UnitOfWork, before: datetime) -> Sequence[UUID]:
    """Tenants whose last checkpoint was made by then, and whose log has grown since, or has shrunk."""
    parameters = {"before": before, "checkpoint_made": CHECKPOINT_MADE}
    return (await uow.session.scalars(_DUE, parameters)).all()


async def make_checkpoint(uow: UnitOfWork, box: SecretBox) -> AuditCheckpoint:
    """Signs the newest entry of the unit's tenant and says so; gives the last checkpoint when nothing came after it.

    Raises NothingRecorded, or LogIsBroken when the entries do not follow from the last checkpoint, or when there was
    one over the newest entry that somebody has deleted.
    """
    assert uow.tenant_id is not None
    tenant_id = uow.tenant_id
    lock = text("select pg_advisory_xact_lock(hashtextextended(:name, 0))")
    await uow.session.execute(lock, {"name": f"reporting audit checkpoints {tenant_id}"})
    last = await uow.session.scalar(
        select(AuditCheckpoint)
        .where(AuditCheckpoint.tenant_id == tenant_id)
        .order_by(AuditCheckpoint.sequence.desc())
        .limit(1)
    )
    head = await uow.session.scalar(select(func.max(AuditEntry.sequence)).where(AuditEntry.tenant_id == tenant_id))
    if last is None and head is None:
        raise NothingRecorded
    if last is not None:
        await _check_last(uow, last, head or 0)
        if head == last.sequence:
            return last
    assert head is not None
    if await _was_told(uow, tenant_id, head):
        raise LogIsBroken(
            f"a checkpoint over entry {head} was made and told, and it is not here any more: compare with one that was "
            "kept elsewhere; the next entry is signed again"
        )
    hash_ = await _check_since(uow, tenant_id, last, head)
    signer = await signer_of(uow, box, tenant_id)
    facts: dict[str, Any] = {
        "tenant_id": str(tenant_id),
        "sequence": head,
        "hash": hash_,
        "made_at": instant_text(uow.now),
        "key_id": signer.key_id,
    }
    signature = signer.sign(checkpoint_statement(facts))
    made = AuditCheckpoint(
        tenant_id=tenant_id, sequence=head, hash=hash_, made_at=uow.now, key_id=signer.key_id, signature=signature
    )
    uow.session.add(made)
    uow.publish(
        AuditCheckpointMade.model_validate(facts | {"public_key": signer.public_key.hex(), "signature": signature}),
        version=head,
    )
    return made


def checkpoint_line(checkpoint: AuditCheckpoint, public_key: bytes) -> dict[str, Any]:
    """A checkpoint as answers, exports and the event show it: what a verifier takes."""
    return {
        "tenant_id": str(checkpoint.tenant_id),
        "sequence": checkpoint.sequence,
        "hash": checkpoint.hash,
        "made_at": instant_text(checkpoint.made_at),
        "key_id": checkpoint.key_id,
        "public_key": public_key.hex(),
        "signature": checkpoint.signature,
    }


async def _was_told(uow: UnitOfWork, tenant_id: UUID, sequence: int) -> bool:
    """Whether the event of a checkpoint over this entry is among what we said, which is never taken back."""
    found = await uow.session.scalar(_TOLD, {"tenant_id": str(tenant_id), "sequence": sequence})
    return bool(found)


async def _check_last(uow: UnitOfWork, last: AuditCheckpoint, head: int) -> None:
    """The last checkpoint is one that we signed, and its entry is still there and still the same."""
    keys = {key.key_id: key.public_key for key in await keys_of_tenant(uow, last.tenant_id)}
    statement = checkpoint_statement(checkpoint_line(last, b""))
    if last.key_id not in keys or not is_signed(keys[last.key_id], statement, last.signature):
        raise LogIsBroken(f"the checkpoint over entry {last.sequence} is not one that was signed here")
    if head < last.sequence:
        raise LogIsBroken(f"the entries after {head} are gone, and a checkpoint vouches for {last.sequence}")
    found = await uow.session.get(AuditEntry, (last.tenant_id, last.sequence))
    if found is None or found.hash != last.hash or entry_hash(found.entry.encode()) != last.hash:
        raise LogIsBroken(f"entry {last.sequence} is not the one that was signed")


async def _check_since(uow: UnitOfWork, tenant_id: UUID, last: AuditCheckpoint | None, head: int) -> str:
    """Everything after the last checkpoint follows from it; returns the hash of the newest entry."""
    after, previous = (last.sequence, last.hash) if last is not None else (0, GENESIS)
    while after < head:
        rows = await uow.session.execute(
            select(AuditEntry.sequence, AuditEntry.entry, AuditEntry.hash)
            .where(AuditEntry.tenant_id == tenant_id, AuditEntry.sequence > after, AuditEntry.sequence <= head)
            .order_by(AuditEntry.sequence)
            .limit(AT_ONCE)
        )
        links = [Link(row.sequence, row.entry.encode(), row.hash) for row in rows]
        if (broken := first_break(links, after=after, previous=previous)) is not None:
            raise LogIsBroken(f"entry {broken.sequence} {broken.reason}")
        if not links:
            raise LogIsBroken(f"entry {after + 1} is missing")
        after, previous = links[-1].sequence, links[-1].hash
    return previous
