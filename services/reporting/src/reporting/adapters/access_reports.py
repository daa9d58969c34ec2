"""The accesses to what is a client's, read from the audit log."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from reporting.adapters.audit_queries import Wanted, access_of, accesses
from reporting.adapters.audit_tables import AuditEntry
from reporting.adapters.tables import Contract, Event
from reporting.application.access_report import AccessLine
from shared.unit_of_work import UnitOfWork


async def accesses_of_client(
    uow: UnitOfWork, client_id: UUID, start: datetime, end: datetime, most: int
) -> tuple[int, Sequence[AccessLine]]:
    """How many there were in `[start, end)`, and at most so many of them, newest first.

    What was refused names nothing, so it is nobody's; what names him in its address, one of his contracts, or
    something that an event told of him, is his.
    """
    contracts = await uow.session.scalars(select(Contract.contract_id).where(Contract.client_id == client_id))
    addresses = [f"/clients/{client_id}", *(f"/contracts/{contract_id}" for contract_id in contracts)]
    his = select(Event.aggregate_id).where(Event.client_id == client_id)
    query = accesses(Wanted(since=start, until=end)).where(
        or_(AuditEntry.resource_id.in_(his), *(AuditEntry.entry.contains(address) for address in addresses))
    )
    total = await uow.session.scalar(
        select(func.count()).select_from(query.with_only_columns(AuditEntry.sequence).subquery())
    )
    newest = await uow.session.execute(query.order_by(AuditEntry.sequence.desc()).limit(most))
    return total or 0, [AccessLine.model_validate(access_of(entry, payload)) for entry, payload in newest]
