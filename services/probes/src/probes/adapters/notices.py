"""What is said once: a row per notice, and its event exactly when the row is new."""

from uuid import UUID, uuid5

from sqlalchemy import text

from probes.domain.monitors import Subject
from shared.unit_of_work import UnitOfWork

_SAY = text("""
insert into probes.notice (monitor_id, name, key, tenant_id, client_id, said_at)
values (:monitor_id, :name, :key, :tenant_id, :client_id, :now)
on conflict do nothing returning monitor_id
""")


async def is_new(subject: Subject, name: str, key: str, unit: UnitOfWork) -> UUID | None:
    """The identity of this notice, if it was not said before; it counts as said when the unit commits."""
    said = await unit.session.scalar(
        _SAY,
        {
            "monitor_id": subject.monitor_id,
            "name": name,
            "key": key,
            "tenant_id": subject.tenant_id,
            "client_id": subject.client_id,
            "now": unit.now,
        },
    )
    return uuid5(subject.monitor_id, f"{name}/{key}") if said is not None else None
