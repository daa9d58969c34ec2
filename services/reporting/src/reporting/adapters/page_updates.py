"""What people tell visitors of status pages, as rows. What was told is never rewritten: it is withdrawn, and kept."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Index, Integer, exists, func, select, text, union_all, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, aliased, mapped_column

from reporting.adapters.maintenance_windows import MaintenanceWindow
from reporting.adapters.page_settings import StatusPageRow
from reporting.adapters.tables import Base
from reporting.application.page_updates import Impacts, Language, WrittenIncident, WrittenUpdate
from reporting.domain.public_words import Impact, PublicIncidentStatus
from shared.unit_of_work import UnitOfWork


class PageIncidentRow(Base):
    """An incident that people put on a page: of the client's own `incident_id`, of which nothing is shown by itself.

    `components`: component to impact, until an update says otherwise. `version` is 1, and 2 once it is withdrawn.
    """

    __tablename__ = "page_incident"

    page_incident_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    slug: Mapped[str]
    incident_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(Integer)
    titles: Mapped[dict[str, Any]]
    components: Mapped[dict[str, Any]]
    started_at: Mapped[datetime]
    published_at: Mapped[datetime]
    published_by: Mapped[str]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]

    __table_args__ = (
        Index("ix_page_incident_slug", "tenant_id", "slug", "published_at", "page_incident_id"),
        Index(
            "uq_page_incident_shown",
            "tenant_id",
            "slug",
            "incident_id",
            unique=True,
            postgresql_where=text("withdrawn_at IS NULL"),
        ),
    )


class PageUpdateRow(Base):
    """A sentence about an incident of a page: an outage, or one of `PageIncidentRow`.

    `version` is 1, and 2 once it is withdrawn. `components`: null leaves what was said of them.
    """

    __tablename__ = "page_update"

    page_update_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    slug: Mapped[str]
    page_incident_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(Integer)
    status: Mapped[str | None]
    texts: Mapped[dict[str, Any]]
    components: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    published_at: Mapped[datetime]
    published_by: Mapped[str]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]

    __table_args__ = (
        Index(
            "ix_page_update_page_incident_id", "tenant_id", "slug", "page_incident_id", "published_at", "page_update_id"
        ),
    )


async def write_on_page(uow: UnitOfWork, slug: str) -> None:
    """Until the unit ends nobody else puts anything on this page that people tell: what is counted stays true."""
    name = func.hashtextextended(f"told on {uow.tenant_id}/{slug}", 0)
    await uow.session.execute(select(func.pg_advisory_xact_lock(name)))


async def find_page_update(
    uow: UnitOfWork, slug: str, client_id: UUID, page_incident_id: UUID, page_update_id: UUID, *, lock: bool = False
) -> PageUpdateRow | None:
    """What was told of an incident on a client's page; None when it was told of another, or never."""
    row = await uow.session.get(PageUpdateRow, page_update_id, with_for_update=lock or None)
    if row is None or (row.slug, row.client_id, row.page_incident_id) != (slug, client_id, page_incident_id):
        return None
    return row


async def find_page_incident(
    uow: UnitOfWork, slug: str, client_id: UUID, page_incident_id: UUID, *, lock: bool = False
) -> PageIncidentRow | None:
    """What people put on a client's page; None when it is on another, or on none."""
    row = await uow.session.get(PageIncidentRow, page_incident_id, with_for_update=lock or None)
    return row if row is not None and (row.slug, row.client_id) == (slug, client_id) else None


async def shown_page_incident(uow: UnitOfWork, slug: str, incident_id: UUID) -> UUID | None:
    """As what one of the client's incidents is on a page."""
    row = PageIncidentRow
    return await uow.session.scalar(
        select(row.page_incident_id).where(
            row.tenant_id == uow.tenant_id,
            row.slug == slug,
            row.incident_id == incident_id,
            row.withdrawn_at.is_(None),
        )
    )


async def told_of_incident(uow: UnitOfWork, slug: str, client_id: UUID, page_incident_id: UUID) -> int:
    """How many sentences about an incident there are, those that were withdrawn among them."""
    row = PageUpdateRow
    count = select(func.count()).select_from(row).where(row.slug == slug, row.page_incident_id == page_incident_id)
    return await uow.session.scalar(count.where(row.tenant_id == uow.tenant_id, row.client_id == client_id)) or 0


async def withdraw_page_incident(uow: UnitOfWork, row: PageIncidentRow, name: str) -> Sequence[UUID]:
    """Takes an incident from its page with all that was told of it. Returns what of that was not withdrawn before."""
    gone = {"withdrawn_at": uow.now, "withdrawn_by": name}
    row.version, row.withdrawn_at, row.withdrawn_by = row.version + 1, uow.now, name
    told = PageUpdateRow
    withdrawn = await uow.session.scalars(
        update(told)
        .where(told.tenant_id == row.tenant_id, told.slug == row.slug, told.withdrawn_at.is_(None))
        .where(told.page_incident_id == row.page_incident_id)
        .values(version=told.version + 1, **gone)
        .returning(told.page_update_id)
        .execution_options(synchronize_session=False)
    )
    return withdrawn.all()


async def written_incidents(
    session: AsyncSession, tenant_id: UUID, slugs: Collection[str], client_id: UUID, since: datetime
) -> Sequence[WrittenIncident]:
    """What people put on a client's pages, oldest first, unless it was withdrawn or they called it resolved before
    `since`."""
    row, told, newest = PageIncidentRow, PageUpdateRow, aliased(PageUpdateRow)
    last = (
        select(told.page_update_id)
        .where(
            told.tenant_id == row.tenant_id,
            told.slug == row.slug,
            told.page_incident_id == row.page_incident_id,
            told.withdrawn_at.is_(None),
            told.status.is_not(None),
        )
        .order_by(told.published_at.desc(), told.page_update_id.desc())
        .limit(1)
        .correlate(row)
        .scalar_subquery()
    )
    over = exists().where(newest.page_update_id == last, newest.status == "resolved", newest.published_at < since)
    rows = await session.scalars(
        select(row)
        .where(row.tenant_id == tenant_id, row.slug.in_(slugs), row.client_id == client_id)
        .where(row.withdrawn_at.is_(None), ~over)
        .order_by(row.published_at, row.page_incident_id)
    )
    return [
        WrittenIncident(
            each.page_incident_id,
            cast(Mapping[Language, str], each.titles),
            each.started_at,
            each.published_at,
            _impacts(each.components),
        )
        for each in rows
    ]


async def written_updates(
    session: AsyncSession, tenant_id: UUID, slugs: Collection[str], incident_ids: Collection[UUID]
) -> Mapping[UUID, list[WrittenUpdate]]:
    """By incident of these pages: what visitors read or read before it was withdrawn, oldest first."""
    row = PageUpdateRow
    rows = await session.scalars(
        select(row)
        .where(row.tenant_id == tenant_id, row.slug.in_(slugs), row.page_incident_id.in_(incident_ids))
        .order_by(row.published_at, row.page_update_id)
    )
    found: dict[UUID, list[WrittenUpdate]] = {}
    for each in rows:
        found.setdefault(each.page_incident_id, []).append(
            WrittenUpdate(
                each.page_update_id,
                each.published_at,
                cast(PublicIncidentStatus | None, each.status),
                cast(Mapping[Language, str], each.texts),
                _impacts(each.components) if each.components is not None else None,
                each.withdrawn_at,
            )
        )
    return found


def _impacts(stored: Mapping[str, Any]) -> Impacts:
    return {UUID(component_id): cast(Impact, impact) for component_id, impact in stored.items()}


async def page_changed_at(session: AsyncSession, tenant_id: UUID, slug: str, client_id: UUID) -> datetime | None:
    """When somebody last told visitors of a page something, took it back, planned work, or changed its settings."""
    page, window = StatusPageRow, MaintenanceWindow
    instants = [
        select(func.greatest(func.max(row.published_at), func.max(row.withdrawn_at)).label("at")).where(
            row.tenant_id == tenant_id, row.slug == slug
        )
        for row in (PageIncidentRow, PageUpdateRow)
    ]
    instants.append(select(page.updated_at).where(page.tenant_id == tenant_id, page.slug == slug))
    instants.append(select(func.max(window.announced_at)).where(window.client_id == client_id))
    newest: datetime | None = await session.scalar(select(func.max(union_all(*instants).subquery().c.at)))
    return newest
