"""What reviews are made of: the newest editions of months, and the agency's notes; and the newest edition of one."""

from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import func, select

from reporting.adapters.facts import StoredFacts
from reporting.adapters.report_editions import edition_of, issued_review, month_of_report, report_month
from reporting.adapters.report_tables import ReportEdition, ReportMonth
from reporting.application.editions import Edition
from reporting.application.review import Review, ReviewedPeriod, ReviewNotes, review
from reporting.application.review_editions import IssuedReview
from reporting.domain.review_periods import ReviewKind
from shared.unit_of_work import UnitOfWork


async def newest_editions(uow: UnitOfWork, contract_id: UUID, months: Sequence[date]) -> Mapping[date, Edition]:
    """The newest edition of each month that has one."""
    row = ReportEdition
    newest = (
        select(row.month, func.max(row.edition).label("edition"))
        .where(row.contract_id == contract_id, row.kind == "monthly", row.month.in_(months))
        .group_by(row.month)
        .subquery()
    )
    found = await uow.session.scalars(
        select(row)
        .join(newest, (newest.c.month == row.month) & (newest.c.edition == row.edition))
        .where(row.contract_id == contract_id, row.kind == "monthly")
    )
    return {each.month: edition_of(each) for each in found}


async def reviewed(uow: UnitOfWork, contract_id: UUID, period: ReviewedPeriod) -> Review:
    """The review of a period as it is known now."""
    return review(
        period,
        await newest_editions(uow, contract_id, period.months),
        await StoredFacts(uow).told(contract_id, period.span.start, period.span.end),
        now=uow.now,
    )


async def newest_review(uow: UnitOfWork, contract_id: UUID, kind: ReviewKind, month: date) -> IssuedReview | None:
    """The newest edition of a review; None while none was issued."""
    row = await month_of_report(uow, contract_id, month, kind)
    return None if row is None or not row.edition else await issued_review(uow, contract_id, kind, month, row.edition)


async def notes_of(uow: UnitOfWork, contract_id: UUID, kind: ReviewKind, month: date) -> tuple[int, ReviewNotes]:
    """The notes for the next edition of a review with their version; 0 while there are none."""
    row = await month_of_report(uow, contract_id, month, kind)
    return (0, ReviewNotes()) if row is None else (row.commentary_version, ReviewNotes.model_validate(row.commentary))


async def locked_notes(uow: UnitOfWork, contract_id: UUID, period: ReviewedPeriod) -> ReportMonth:
    """The notes under a lock, made if they are not there."""
    client_id = period.contract.client_id
    return await report_month(uow, period.tenant_id, client_id, contract_id, period.first_month, period.kind)
