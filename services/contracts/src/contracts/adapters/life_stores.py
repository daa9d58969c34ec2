"""What is to come for contracts, over PostgreSQL. Row-level security decides whose rows are there."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import select, update

from contracts.adapters.life_tables import (
    FormalNoticeRow,
    IndexValueRow,
    LifeRow,
    PriceStateRow,
    ScheduledAmendmentRow,
)
from contracts.adapters.rows import columns
from contracts.adapters.stores import Rows
from contracts.application.amendments import ScheduledAmendment
from contracts.application.coming import Life
from contracts.application.formal_notices import FormalNotice
from contracts.application.indexation import IndexValue, PriceState
from contracts.application.life_ports import LifeStores
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork


def amendment_of(row: ScheduledAmendmentRow) -> ScheduledAmendment:
    return ScheduledAmendment.model_validate(columns(row))


def notice_of(row: FormalNoticeRow) -> FormalNotice:
    return FormalNotice.model_validate(row.content)


def index_value_of(row: IndexValueRow) -> IndexValue:
    return IndexValue.model_validate(columns(row))


def price_of(row: PriceStateRow) -> PriceState:
    return PriceState.model_validate(columns(row))


class Lives(Rows[LifeRow]):
    row_type, key, noun = LifeRow, "contract_id", "life of contract"

    async def of(self, contract_id: UUID) -> Life | None:
        row = await self._session.get(LifeRow, contract_id, populate_existing=True)
        if row is None:
            return None
        return Life.model_validate({**row.content, "due_at": row.due_at, "waits_for_index": row.waits_for_index})

    async def put(self, life: Life) -> None:
        await self._session.merge(
            LifeRow(
                contract_id=life.contract_id,
                tenant_id=self._tenant_id,
                client_id=life.client_id,
                due_at=life.due_at,
                waits_for_index=life.waits_for_index,
                content=life.model_dump(mode="json", exclude={"due_at", "waits_for_index"}),
            )
        )
        await self._session.flush()

    async def wake(self, index_name: str, at: datetime) -> None:
        await self._session.execute(update(LifeRow).where(LifeRow.waits_for_index == index_name).values(due_at=at))


class Amendments(Rows[ScheduledAmendmentRow]):
    row_type, key, noun = ScheduledAmendmentRow, "amendment_id", "amendment"

    async def get(self, amendment_id: UUID) -> ScheduledAmendment:
        return amendment_of(await self._row(amendment_id, lock=False))

    async def scheduled(self, contract_id: UUID) -> Sequence[ScheduledAmendment]:
        rows = await self._session.scalars(
            select(ScheduledAmendmentRow)
            .where(ScheduledAmendmentRow.contract_id == contract_id, ScheduledAmendmentRow.status == "scheduled")
            .order_by(ScheduledAmendmentRow.effective_at)
            .execution_options(populate_existing=True)
        )
        return [amendment_of(row) for row in rows]

    async def add(self, item: ScheduledAmendment) -> None:
        await self._insert(ScheduledAmendmentRow(tenant_id=self._tenant_id, **self._values(item)), "")

    async def save(self, item: ScheduledAmendment) -> None:
        await self._update(item.amendment_id, self._values(item))

    @staticmethod
    def _values(item: ScheduledAmendment) -> dict[str, Any]:
        content = item.model_dump(mode="json", by_alias=True, include={"amendment"})
        return {**item.model_dump(exclude={"amendment"}), **content}


class FormalNotices(Rows[FormalNoticeRow]):
    row_type, key, noun = FormalNoticeRow, "formal_notice_id", "formal notice"

    async def get(self, formal_notice_id: UUID) -> FormalNotice:
        return notice_of(await self._row(formal_notice_id, lock=False))

    async def add(self, item: FormalNotice) -> None:
        await self._insert(FormalNoticeRow(tenant_id=self._tenant_id, **self._values(item)), "")

    async def save(self, item: FormalNotice) -> None:
        await self._update(item.formal_notice_id, self._values(item))

    @staticmethod
    def _values(item: FormalNotice) -> dict[str, Any]:
        queried = {"formal_notice_id", "client_id", "contract_id", "version", "status", "created_at", "updated_at"}
        return {**item.model_dump(include=queried), "content": item.model_dump(mode="json")}


class IndexValues(Rows[IndexValueRow]):
    row_type, key, noun = IndexValueRow, "index_value_id", "value of an index"

    async def add(self, item: IndexValue) -> None:
        await self._insert(IndexValueRow(tenant_id=self._tenant_id, **item.model_dump()), "")

    async def newest(
        self, index_name: str, published_after: date, published_to: date, known_at: datetime | None
    ) -> IndexValue | None:
        query = select(IndexValueRow).where(
            IndexValueRow.index_name == index_name,
            IndexValueRow.published_on > published_after,
            IndexValueRow.published_on <= published_to,
        )
        if known_at is not None:
            query = query.where(IndexValueRow.recorded_at <= known_at)
        row = await self._session.scalar(
            query.order_by(IndexValueRow.period.desc(), IndexValueRow.recorded_at.desc()).limit(1)
        )
        return None if row is None else index_value_of(row)


class Prices(Rows[PriceStateRow]):
    row_type, key, noun = PriceStateRow, "contract_id", "price of contract"

    async def newest(self, contract_id: UUID) -> PriceState | None:
        row = await self._session.scalar(
            select(PriceStateRow)
            .where(PriceStateRow.contract_id == contract_id)
            .order_by(PriceStateRow.version.desc())
            .limit(1)
        )
        return None if row is None else price_of(row)

    async def add(self, item: PriceState) -> None:
        content = item.model_dump(mode="json", include={"revision"})
        await self._insert(
            PriceStateRow(tenant_id=self._tenant_id, **item.model_dump(exclude={"revision"}), **content), ""
        )


def life_stores(uow: UnitOfWork) -> LifeStores:
    """The stores over one unit of work of a tenant."""
    return LifeStores(
        lives=Lives(uow),
        amendments=Amendments(uow),
        notices=FormalNotices(uow),
        index_values=IndexValues(uow),
        prices=Prices(uow),
    )


# --- lists -----------------------------------------------------------------------------------------------------------


async def list_amendments(uow: UnitOfWork, params: Paging, contract_id: UUID) -> Page[ScheduledAmendment]:
    """Amendments that were scheduled for a contract, in the order in which they begin."""
    return await paginate(
        uow.session,
        select(ScheduledAmendmentRow).where(ScheduledAmendmentRow.contract_id == contract_id),
        columns=(ScheduledAmendmentRow.effective_at, ScheduledAmendmentRow.amendment_id),
        params=params,
        to_item=amendment_of,
    )


async def list_notices(uow: UnitOfWork, params: Paging, contract_id: UUID) -> Page[FormalNotice]:
    """Formal notices under a contract, the first one first."""
    return await paginate(
        uow.session,
        select(FormalNoticeRow).where(FormalNoticeRow.contract_id == contract_id),
        columns=(FormalNoticeRow.created_at, FormalNoticeRow.formal_notice_id),
        params=params,
        to_item=notice_of,
    )


async def list_prices(uow: UnitOfWork, params: Paging, contract_id: UUID) -> Page[PriceState]:
    """What a contract cost, from its activation on."""
    return await paginate(
        uow.session,
        select(PriceStateRow).where(PriceStateRow.contract_id == contract_id),
        columns=(PriceStateRow.version, PriceStateRow.contract_id),
        params=params,
        to_item=price_of,
    )


async def list_index_values(uow: UnitOfWork, params: Paging, index_name: str | None) -> Page[IndexValue]:
    """Values of one index or of all, in the order in which they were entered."""
    query = select(IndexValueRow)
    if index_name is not None:
        query = query.where(IndexValueRow.index_name == index_name)
    return await paginate(
        uow.session,
        query,
        columns=(IndexValueRow.recorded_at, IndexValueRow.index_value_id),
        params=params,
        to_item=index_value_of,
    )


async def due_lives(uow: UnitOfWork, now: datetime, without: Sequence[UUID], limit: int) -> list[tuple[UUID, UUID]]:
    """(tenant, contract) of contracts for which something is due; needs a unit of work for every tenant."""
    rows = await uow.session.execute(
        select(LifeRow.tenant_id, LifeRow.contract_id)
        .where(LifeRow.due_at <= now, LifeRow.contract_id.not_in(without))
        .order_by(LifeRow.due_at)
        .limit(limit)
    )
    return [(tenant_id, contract_id) for tenant_id, contract_id in rows]
