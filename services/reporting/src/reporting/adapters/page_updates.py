"""What people tell visitors of status pages, as rows. What was told is never rewritten: it is withdrawn, and kept."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, cast
from uuid import UUID

from sqlalchemy import Index, Integer, func, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Mapped, mapped_column

from reporting.adapters.tables import Base
from reporting.application.page_updates import Language, WrittenUpdate
from reporting.domain.public_words import PublicIncidentStatus
from shared.unit_of_work import UnitOfWork


class PageUpdateRow(Base):
    """A sentence about an outage. `version` is 1, and 2 once it is withdrawn."""

    __tablename__ = "page_update"

    page_update_id: Mapped[UUID] = mapped_column(primary_key=True)
    tenant_id: Mapped[UUID]
    client_id: Mapped[UUID]
    slug: Mapped[str]
    outage_id: Mapped[UUID]
    version: Mapped[int] = mapped_column(Integer)
    status: Mapped[str | None]
    texts: Mapped[dict[str, Any]]
    published_at: Mapped[datetime]
    published_by: Mapped[str]
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]

    __table_args__ = (
        Index("ix_page_update_outage_id", "tenant_id", "slug", "outage_id", "published_at", "page_update_id"),
    )


async def find_page_update(
    uow: UnitOfWork, slug: str, outage_id: UUID, page_update_id: UUID, *, lock: bool = False
) -> PageUpdateRow | None:
    """What was told of an outage on a page; None when it was told of another, or never."""
    row = await uow.session.get(PageUpdateRow, page_update_id, with_for_update=lock or None)
    return row if row is not None and (row.slug, row.outage_id) == (slug, outage_id) else None


async def told_of_outage(uow: UnitOfWork, slug: str, outage_id: UUID) -> int:
    """How many sentences about an outage there are, those that were withdrawn among them."""
    row = PageUpdateRow
    count = select(func.count()).select_from(row).where(row.slug == slug, row.outage_id == outage_id)
    return await uow.session.scalar(count.where(row.tenant_id == uow.tenant_id)) or 0


async def written_updates(
    session: AsyncSession, tenant_id: UUID, slug: str, outage_ids: Collection[UUID]
) -> Mapping[UUID, list[WrittenUpdate]]:
    """By outage: what visitors read now, oldest first."""
    row = PageUpdateRow
    rows = await session.scalars(
        select(row)
        .where(row.tenant_id == tenant_id, row.slug == slug, row.outage_id.in_(outage_ids), row.withdrawn_at.is_(None))
        .order_by(row.published_at, row.page_update_id)
    )
    found: dict[UUID, list[WrittenUpdate]] = {}
    for each in rows:
        status = cast(PublicIncidentStatus | None, each.status)
        texts = cast(Mapping[Language, str], each.texts)
        found.setdefault(each.outage_id, []).append(
            WrittenUpdate(each.page_update_id, each.published_at, status, texts)
        )
    return found
