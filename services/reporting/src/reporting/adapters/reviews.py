"""What reviews are made of: the newest editions of months, and the agency's notes."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.report_editions import edition_of
from reporting.adapters.report_tables import ReportEdition, ReviewNote
from reporting.application.editions import Edition
from reporting.application.review import ReviewedPeriod, ReviewNotes
from reporting.domain.review_periods import ReviewKind
from shared.unit_of_work import UnitOfWork


async def newest_editions(uow: UnitOfWork, contract_id: UUID, months: Sequence[date]) -> Mapping[date, Edition]:
    """The newest edition of each month that has one."""
    row = ReportEdition
    newest = (
        select(row.month, func.max(row.edition).label("edition"))
        .where(row.contract_id == contract_id, row.month.in_(months))
        .group_by(row.month)
        .subquery()
    )
    found = await uow.session.scalars(
        select(row)
        .join(newest, (newest.c.month == row.month) & (newest.c.edition == row.edition))
        .where(row.contract_id == contract_id)
    )
    return {each.month: edition_of(each) for each in found}


async def notes_of(uow: UnitOfWork, contract_id: UUID, kind: ReviewKind, month: date) -> tuple[int, ReviewNotes]:
    """The notes of a review with their version; 0 while there are none."""
    row = await uow.session.get(ReviewNote, (contract_id, kind, month))
    return (0, ReviewNotes()) if row is None else (row.version, ReviewNotes.model_validate(row.content))


async def locked_notes(uow: UnitOfWork, contract_id: UUID, period: ReviewedPeriod) -> ReviewNote:
    """The notes under a lock, made if they are not there."""
    key = {"contract_id": contract_id, "kind": period.kind, "month": period.first_month}
    whose = {"tenant_id": period.tenant_id, "client_id": period.contract.client_id}
    statement = insert(ReviewNote).values({**key, **whose, "version": 0, "content": {}})
    await uow.session.execute(statement.on_conflict_do_nothing())
    row = await uow.session.get(ReviewNote, (contract_id, period.kind, period.first_month), with_for_update=True)
    assert row is not None  # it was written just now, or was there
    return row
