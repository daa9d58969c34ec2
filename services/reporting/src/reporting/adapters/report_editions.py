"""Reports of months: when they are due, and the editions that were issued."""

from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import cast
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.report_tables import ReportEdition, ReportMonth
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
from reporting.application.report import Brand, Branded, MonthlyReport
from reporting.application.report_template import ReportTemplateContent
from shared.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class DueReport:
    """A month whose report is to be looked at."""

    tenant_id: UUID
    contract_id: UUID
    month: date


async def report_due(
    uow: UnitOfWork, tenant_id: UUID, client_id: UUID, contract_id: UUID, month: date, ends_at: datetime
) -> None:
    """The month is over and was measured (again): its report is due."""
    statement = insert(ReportMonth).values(
        {
            "contract_id": contract_id,
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
    await uow.session.execute(statement.on_conflict_do_update(index_elements=["contract_id", "month"], set_=changes))


async def report_again(
    uow: UnitOfWork, contract_id: UUID | None, since: datetime, *, client_id: UUID | None = None
) -> None:
    """Something became known that may be otherwise from `since` on: reports that were issued and end later are due.

    Without a contract it is about everything of a client.
    """
    row = ReportMonth
    whose = row.contract_id == contract_id if contract_id is not None else row.client_id == client_id
    await uow.session.execute(
        update(row).where(whose, row.edition > 0, row.ends_at > since).values(due_at=func.least(row.due_at, uow.now))
    )


async def report_month(
    uow: UnitOfWork, tenant_id: UUID, client_id: UUID, contract_id: UUID, month: date
) -> ReportMonth:
    """The month under a lock, made if it is not there: its commentary can be read and written."""
    key = {"contract_id": contract_id, "month": month}
    empty = {"tenant_id": tenant_id, "client_id": client_id, "edition": 0, "commentary": {}, "commentary_version": 0}
    await uow.session.execute(insert(ReportMonth).values(key | empty).on_conflict_do_nothing())
    row = await uow.session.get(ReportMonth, (contract_id, month), with_for_update=True)
    assert row is not None  # it was written just now, or was there
    return row


def keep_commentary(uow: UnitOfWork, row: ReportMonth, commentary: Commentary) -> None:
    """The commentary for the next edition; a report that was issued is due."""
    row.commentary = commentary.model_dump(exclude_none=True)
    row.commentary_version += 1
    if row.edition and (row.due_at is None or row.due_at > uow.now):
        row.due_at = uow.now


async def month_of_report(uow: UnitOfWork, contract_id: UUID, month: date) -> ReportMonth | None:
    """The month, if something was written of it."""
    return await uow.session.get(ReportMonth, (contract_id, month))


async def due_reports(uow: UnitOfWork, limit: int) -> list[DueReport]:
    """The reports that are due, those that waited longest first."""
    row = ReportMonth
    found = await uow.session.execute(
        select(row.tenant_id, row.contract_id, row.month)
        .where(row.due_at <= uow.now)
        .order_by(row.due_at, row.contract_id, row.month)
        .limit(limit)
    )
    return [DueReport(*each) for each in found]


async def claim_report(uow: UnitOfWork, due: DueReport) -> ReportMonth | None:
    """The month under a lock, if it is still due and nobody else looks at it."""
    row = ReportMonth
    found: ReportMonth | None = await uow.session.scalar(
        select(row)
        .where(row.contract_id == due.contract_id, row.month == due.month, row.due_at <= uow.now)
        .with_for_update(skip_locked=True)
    )
    return found


async def set_report_aside(uow: UnitOfWork, due: DueReport, wait: timedelta) -> None:
    """The report cannot be made now."""
    row = ReportMonth
    which = update(row).where(row.contract_id == due.contract_id, row.month == due.month)
    await uow.session.execute(which.values(due_at=uow.now + wait))


async def last_edition(uow: UnitOfWork, row: ReportMonth) -> ReportEdition | None:
    """The newest edition of a month."""
    return await uow.session.get(ReportEdition, (row.contract_id, row.month, row.edition))


def add_edition(
    uow: UnitOfWork,
    row: ReportMonth,
    following: NextEdition,
    report: Branded[MonthlyReport],
    last: ReportEdition | None,
    template: ReportTemplateContent,
) -> ReportEdition:
    """The next edition of a month, with the month's commentary."""
    if following.keep_content and last is not None:
        content, brand = last.content, last.brand
    else:
        content, brand = report.content.model_dump_json(by_alias=True), asdict(report.brand)
    edition = ReportEdition(
        contract_id=row.contract_id,
        month=row.month,
        edition=following.number,
        tenant_id=row.tenant_id,
        client_id=row.client_id,
        issued_at=uow.now,
        reason=following.reason,
        changes=[change.model_dump(mode="json") for change in following.changes],
        commentary=row.commentary,
        brand=brand,
        template=template.model_dump(mode="json"),
        content=content,
        content_hash=hash_of(content),
    )
    uow.session.add(edition)
    row.edition = following.number
    return edition


async def issued_edition(uow: UnitOfWork, contract_id: UUID, month: date, number: int) -> IssuedEdition:
    """An edition that the unit may see. Raises UnknownEdition."""
    row = await uow.session.get(ReportEdition, (contract_id, month, number))
    if row is None:
        raise UnknownEdition
    template = ReportTemplateContent.model_validate(row.template)
    return IssuedEdition(edition_of(row), Brand(**row.brand), template, row.content)


def edition_of(row: ReportEdition) -> Edition:
    """A row as what is shown."""
    return Edition(
        report_id=report_id(row.contract_id, row.month),
        contract_id=row.contract_id,
        month=row.month,
        edition=row.edition,
        issued_at=row.issued_at,
        reason=cast(Reason, row.reason),
        changes=[ReportChange.model_validate(change) for change in row.changes],
        commentary=Commentary.model_validate(row.commentary),
        content_hash=row.content_hash,
        report=MonthlyReport.model_validate_json(row.content),
    )
