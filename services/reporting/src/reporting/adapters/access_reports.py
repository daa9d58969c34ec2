"""The accesses to what is a client's, read from the audit log."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select

from reporting.adapters.audit_queries import Wanted, access_of, accesses
from reporting.adapters.audit_tables import AuditEntry
from reporting.adapters.history import agencys_own
from reporting.adapters.tables import Contract, Event
from reporting.application.access_report import AccessLine
from reporting.application.margins import READINGS_OF_MARGINS
from shared.unit_of_work import UnitOfWork


async def accesses_of_client(
    uow: UnitOfWork, client_id: UUID, start: datetime, end: datetime, most: int
) -> tuple[int, Sequence[AccessLine]]:
    """How many there were in `[start, end)`, and at most so many of them, newest first.

    What was refused names nothing, so it is nobody's; what names him in its address, one of his contracts, or
    something that an event told of him, is his. What is for the agency alone is not: its margins, and what it recorded
    for itself, or took back since.
    """
    contracts = await uow.session.scalars(select(Contract.contract_id).where(Contract.client_id == client_id))
    addresses = [f"/clients/{client_id}", *(f"/contracts/{contract_id}" for contract_id in contracts)]
    his = select(Event.aggregate_id).where(Event.client_id == client_id)
    query = accesses(Wanted(since=start, until=end)).where(
        or_(AuditEntry.resource_id.in_(his), *(AuditEntry.entry.contains(address) for address in addresses)),
        or_(AuditEntry.resource_id.is_(None), AuditEntry.resource_id.not_in(agencys_own(client_id))),
        AuditEntry.operation.not_in(READINGS_OF_MARGINS),
    )
    total = await uow.session.scalar(
        select(func.count()).select_from(query.with_only_columns(AuditEntry.sequence).subquery())
    )
    newest = await uow.session.execute(query.order_by(AuditEntry.sequence.desc()).limit(most))
    return total or 0, [AccessLine.model_validate(access_of(entry, payload)) for entry, payload in newest]
