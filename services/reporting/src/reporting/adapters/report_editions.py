"""What is told in editions: when it is due, and the editions that were issued."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final, assert_never, cast
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.report_tables import ReportEdition, ReportMonth
from reporting.application.access_report import AccessReport
from reporting.application.decision_log import DecisionsReport
from reporting.application.editions import (
    Commentary,
    Edition,
    IssuedEdition,
    NextEdition,
    Reason,
    ReportChange,
    UnknownEdition,
    hash_of,
    report_id,
)
from reporting.application.hours_report import HoursReport
from reporting.application.issued import AnyIssued
from reporting.application.report import Brand, MonthlyReport
from reporting.application.report_template import DocumentTemplateContent, ReportTemplateContent, TemplateContent
from reporting.application.review import Review, ReviewNotes
from reporting.application.review_editions import IssuedReview, ReviewEdition
from reporting.application.scheduled_reports import (
    AccessEdition,
    DecisionsEdition,
    HoursEdition,
    IssuedAccess,
    IssuedDecisions,
    IssuedHours,
    IssuedScheduled,
)
from reporting.application.sent_messages import IssuedMessage, MessageEdition, SentMessage
from reporting.domain.review_periods import LENGTHS, ReportKind, ReviewKind, ScheduledKind
from shared.unit_of_work import UnitOfWork

MADE_OF_MONTHS: Final[tuple[ReportKind, ...]] = (*LENGTHS, "hours")
"""What is made of the editions of months."""


@dataclass(frozen=True)
class DueReport:
    """What is to be looked at: a month, a review by its first month, a document of a month."""

    tenant_id: UUID
    contract_id: UUID
    kind: ReportKind
    month: date


async def report_due(
    uow: UnitOfWork,
    tenant_id: UUID,
    client_id: UUID,
    contract_id: UUID,
    month: date,
    ends_at: datetime,
    kind: ReportKind = "monthly",
) -> None:
    """The month is over and was measured (again), or the last one of a review was told: its report is due."""
    statement = insert(ReportMonth).values(
        {
            "contract_id": contract_id,
            "kind": kind,
            "month": month,
            "tenant_id": tenant_id,
            "client_id": client_id,
            "ends_at": ends_at,
            "edition": 0,
            "commentary": {},
            "commentary_version": 0,
            "due_at": uow.now,
        }
    )
    changes = {"ends_at": ends_at, "due_at": func.least(ReportMonth.due_at, uow.now)}
    key = ["contract_id", "kind", "month"]
    await uow.session.execute(statement.on_conflict_do_update(index_elements=key, set_=changes))


async def report_again(
    uow: UnitOfWork, contract_id: UUID | None, since: datetime, *, client_id: UUID | None = None
) -> None:
    """Something became known that may be otherwise from `since` on: reports of what is over and ends later are due.

    Without a contract it is about everything of a client. Reports without an edition are written too: the job may be at
    their first one, and not know of this any more.
    """
    row = ReportMonth
    whose = row.contract_id == contract_id if contract_id is not None else row.client_id == client_id
    await _now_due(uow, whose, row.ends_at > since)


async def made_of_month_again(uow: UnitOfWork, month: ReportMonth) -> None:
    """Another edition of a month was issued: what is made of it is due, a review once its period is over."""
    row = ReportMonth
    await _now_due(
        uow,
        row.contract_id == month.contract_id,
        row.kind.in_(MADE_OF_MONTHS),
        row.month <= month.month,
        row.ends_at >= month.ends_at,
    )


async def _now_due(uow: UnitOfWork, *which: ColumnElement[bool]) -> None:
    """Rows are locked months before reviews, as the job that issues a month does: so two that meet never deadlock."""
    row = ReportMonth
    key = (row.contract_id, row.kind, row.month)
    rows = select(*key).where(*which).order_by(row.contract_id, row.kind != "monthly", row.kind, row.month)
    locked = rows.with_for_update().cte("locked")
    found = select(locked.c.contract_id, locked.c.kind, locked.c.month)
    await uow.session.execute(update(row).where(tuple_(*key).in_(found)).values(due_at=func.least(row.due_at, uow.now)))


async def report_month(
    uow: UnitOfWork, tenant_id: UUID, client_id: UUID, contract_id: UUID, month: date, kind: ReportKind = "monthly"
) -> ReportMonth:
    """The month under a lock, made if it is not there: its commentary can be read and written."""
    key = {"contract_id": contract_id, "kind": kind, "month": month}
    empty = {"tenant_id": tenant_id, "client_id": client_id, "edition": 0, "commentary": {}, "commentary_version": 0}
    await uow.session.execute(insert(ReportMonth).values(key | empty).on_conflict_do_nothing())
    row = await uow.session.get(ReportMonth, (contract_id, kind, month), with_for_update=True)
    assert row is not None  # it was written just now, or was there
    return row


def keep_commentary(uow: UnitOfWork, row: ReportMonth, commentary: Commentary | ReviewNotes) -> None:
    """The commentary, or the notes, for the next edition; a report that was issued is due."""
    row.commentary = commentary.model_dump(exclude_none=True)
    row.commentary_version += 1
    if row.edition and (row.due_at is None or row.due_at > uow.now):
        row.due_at = uow.now


async def month_of_report(
    uow: UnitOfWork, contract_id: UUID, month: date, kind: ReportKind = "monthly"
) -> ReportMonth | None:
    """The month, if something was written of it."""
    return await uow.session.get(ReportMonth, (contract_id, kind, month))


async def due_reports(uow: UnitOfWork, limit: int) -> list[DueReport]:
    """The reports that are due, those that waited longest first; of the same instant months before reviews."""
    row = ReportMonth
    found = await uow.session.execute(
        select(row.tenant_id, row.contract_id, row.kind, row.month)
        .where(row.due_at <= uow.now)
        .order_by(row.due_at, row.kind != "monthly", row.contract_id, row.month, row.kind)
        .limit(limit)
    )
    return [
        DueReport(tenant_id, contract_id, cast(ReportKind, kind), month)
        for tenant_id, contract_id, kind, month in found
    ]


async def claim_report(uow: UnitOfWork, due: DueReport) -> ReportMonth | None:
    """The month under a lock, if it is still due and nobody else looks at it."""
    row = ReportMonth
    found: ReportMonth | None = await uow.session.scalar(
        select(row)
        .where(
            row.contract_id == due.contract_id,
            row.kind == due.kind,
            row.month == due.month,
            row.due_at <= uow.now,
        )
        .with_for_update(skip_locked=True)
    )
    return found


async def set_report_aside(uow: UnitOfWork, due: DueReport, wait: timedelta) -> None:
    """The report cannot be made now."""
    row = ReportMonth
    which = update(row).where(row.contract_id == due.contract_id, row.kind == due.kind, row.month == due.month)
    await uow.session.execute(which.values(due_at=uow.now + wait))


async def last_edition(uow: UnitOfWork, row: ReportMonth) -> ReportEdition | None:
    """The newest edition of a month or a review."""
    return await uow.session.get(ReportEdition, (row.contract_id, row.kind, row.month, row.edition))


def add_edition(
    uow: UnitOfWork,
    row: ReportMonth,
    following: NextEdition,
    report: MonthlyReport | Review | HoursReport | AccessReport | DecisionsReport | SentMessage,
    brand: Brand,
    last: ReportEdition | None,
    template: TemplateContent,
) -> ReportEdition:
    """The next edition, with the commentary or the notes that its kind may have."""
    if following.keep_content and last is not None:
        content, dressed, logo = last.content, last.brand, last.logo
    else:
        content, logo = report.model_dump_json(by_alias=True), brand.picture
        dressed = {name: value for name, value in asdict(brand).items() if name != "picture"}
    edition = ReportEdition(
        contract_id=row.contract_id,
        kind=row.kind,
        month=row.month,
        edition=following.number,
        tenant_id=row.tenant_id,
        client_id=row.client_id,
        issued_at=uow.now,
        reason=following.reason,
        changes=[change.model_dump(mode="json") for change in following.changes],
        commentary=row.commentary,
        brand=dressed,
        template=template.model_dump(mode="json"),
        content=content,
        content_hash=hash_of(content),
        logo=logo,
    )
    uow.session.add(edition)
    row.edition = following.number
    return edition


async def issued_edition(uow: UnitOfWork, contract_id: UUID, month: date, number: int) -> IssuedEdition:
    """An edition of a month that the unit may see. Raises UnknownEdition."""
    row = await _issued(uow, contract_id, "monthly", month, number)
    template = ReportTemplateContent.model_validate(row.template)
    return IssuedEdition(edition_of(row), _brand_of(row), template, row.content)


async def issued_review(uow: UnitOfWork, contract_id: UUID, kind: ReviewKind, month: date, number: int) -> IssuedReview:
    """An edition of a review that the unit may see. Raises UnknownEdition."""
    row = await _issued(uow, contract_id, kind, month, number)
    template = DocumentTemplateContent.model_validate(row.template)
    return IssuedReview(review_edition_of(row), _brand_of(row), template, row.content)


async def issued_scheduled(
    uow: UnitOfWork, contract_id: UUID, kind: ScheduledKind, month: date, number: int
) -> IssuedScheduled:
    """An edition of a document of a month. Raises UnknownEdition."""
    row = await _issued(uow, contract_id, kind, month, number)
    template, brand = DocumentTemplateContent.model_validate(row.template), _brand_of(row)
    match kind:
        case "hours":
            return IssuedHours(hours_edition_of(row), brand, template, row.content)
        case "access":
            report = AccessReport.model_validate_json(row.content)
            return IssuedAccess(AccessEdition(**_head_of(row), kind=kind, report=report), brand, template, row.content)
        case "decisions":
            return IssuedDecisions(decisions_edition_of(row), brand, template, row.content)
        case _:
            assert_never(kind)


async def issued_message(uow: UnitOfWork, contract_id: UUID, month: date, number: int) -> IssuedMessage:
    """A message. Raises UnknownEdition."""
    row = await _issued(uow, contract_id, "message", month, number)
    report = SentMessage.model_validate_json(row.content)
    edition = MessageEdition(**_head_of(row), kind="message", report=report)
    return IssuedMessage(edition, _brand_of(row), TemplateContent.model_validate(row.template), row.content)


async def issued_of_any_kind(
    uow: UnitOfWork, contract_id: UUID, kind: ReportKind, month: date, number: int
) -> AnyIssued:
    """An edition of whatever kind. Raises UnknownEdition."""
    match kind:
        case "monthly":
            return await issued_edition(uow, contract_id, month, number)
        case "hours" | "access" | "decisions":
            return await issued_scheduled(uow, contract_id, kind, month, number)
        case "message":
            return await issued_message(uow, contract_id, month, number)
        case _:
            return await issued_review(uow, contract_id, kind, month, number)


async def _issued(uow: UnitOfWork, contract_id: UUID, kind: ReportKind, month: date, number: int) -> ReportEdition:
    row = await uow.session.get(ReportEdition, (contract_id, kind, month, number))
    if row is None:
        raise UnknownEdition
    return row


def _brand_of(row: ReportEdition) -> Brand:
    return Brand(**row.brand, picture=row.logo)


def edition_of(row: ReportEdition) -> Edition:
    """A row of a month as what is shown."""
    return Edition(
        **_head_of(row),
        commentary=Commentary.model_validate(row.commentary),
        report=MonthlyReport.model_validate_json(row.content),
    )


def review_edition_of(row: ReportEdition) -> ReviewEdition:
    """A row of a review as what is shown."""
    return ReviewEdition(
        **_head_of(row),
        kind=cast(ReviewKind, row.kind),
        notes=ReviewNotes.model_validate(row.commentary),
        report=Review.model_validate_json(row.content),
    )


def hours_edition_of(row: ReportEdition) -> HoursEdition:
    """A row of an hours report as what is shown."""
    return HoursEdition(**_head_of(row), kind="hours", report=HoursReport.model_validate_json(row.content))


def decisions_edition_of(row: ReportEdition) -> DecisionsEdition:
    """A row of a log of decisions as what is shown."""
    report = DecisionsReport.model_validate_json(row.content)
    return DecisionsEdition(**_head_of(row), kind="decisions", report=report)


def _head_of(row: ReportEdition) -> Mapping[str, Any]:
    return {
        "report_id": report_id(row.contract_id, row.month, cast(ReportKind, row.kind)),
        "contract_id": row.contract_id,
        "month": row.month,
        "edition": row.edition,
        "issued_at": row.issued_at,
        "reason": cast(Reason, row.reason),
        "changes": [ReportChange.model_validate(change) for change in row.changes],
        "content_hash": row.content_hash,
    }
