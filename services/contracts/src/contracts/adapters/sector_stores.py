"""Presets and promotions over PostgreSQL. Row-level security decides whose rows are there."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import select

from contracts.adapters.sector_tables import PromotionRow, SectorPresetRow
from contracts.adapters.stores import Rows, locking
from contracts.application.errors import Unknown
from contracts.application.promotions import Promotion
from contracts.application.sector_ports import SectorStores
from contracts.application.sector_presets import SectorPreset
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork


def preset_of(row: SectorPresetRow) -> SectorPreset:
    return SectorPreset.model_validate(row.content)


def promotion_of(row: PromotionRow) -> Promotion:
    return Promotion.model_validate(row.content)


class SectorPresets(Rows[SectorPresetRow]):
    row_type, key, noun = SectorPresetRow, "sector_preset_id", "sector preset"

    async def by_name(self, name: str) -> SectorPreset | None:
        row = await self._session.scalar(select(SectorPresetRow).where(SectorPresetRow.name == name))
        return None if row is None else preset_of(row)

    async def locked(self, name: str) -> SectorPreset:
        row = await self._session.scalar(locking(select(SectorPresetRow).where(SectorPresetRow.name == name)))
        if row is None:
            raise Unknown(self.noun, name)
        return preset_of(row)

    async def add(self, item: SectorPreset) -> None:
        taken = f"There is a sector preset {item.name} already. Change it, or choose another name."
        await self._insert(SectorPresetRow(tenant_id=self._tenant_id, **self._values(item)), taken)

    async def save(self, item: SectorPreset) -> None:
        await self._update(item.sector_preset_id, self._values(item))

    @staticmethod
    def _values(item: SectorPreset) -> dict[str, Any]:
        plain = item.model_dump(include={"sector_preset_id", "version", "name", "created_at", "updated_at"})
        return {**plain, "content": item.model_dump(mode="json", by_alias=True)}


class Promotions(Rows[PromotionRow]):
    row_type, key, noun = PromotionRow, "promotion_id", "promotion"

    async def get(self, wanted: UUID) -> Promotion:
        return promotion_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> Promotion:
        return promotion_of(await self._row(wanted, lock=True))

    async def add(self, item: Promotion) -> None:
        taken = f"There is a promotion {item.promotion_code} already. Change it, or choose another code."
        await self._insert(PromotionRow(tenant_id=self._tenant_id, **self._values(item)), taken)

    async def save(self, item: Promotion) -> None:
        await self._update(item.promotion_id, self._values(item))

    async def everything(self) -> Sequence[Promotion]:
        rows = await self._session.scalars(
            select(PromotionRow).order_by(PromotionRow.created_at, PromotionRow.promotion_id)
        )
        return [promotion_of(row) for row in rows]

    @staticmethod
    def _values(item: Promotion) -> dict[str, Any]:
        plain = item.model_dump(include={"promotion_id", "version", "promotion_code", "created_at", "updated_at"})
        return {**plain, "content": item.model_dump(mode="json")}


def sector_stores(uow: UnitOfWork) -> SectorStores:
    """The stores over one unit of work of a tenant."""
    return SectorStores(presets=SectorPresets(uow), promotions=Promotions(uow))


async def list_presets(uow: UnitOfWork, params: Paging) -> Page[SectorPreset]:
    """Presets in the order in which they were created."""
    return await paginate(
        uow.session,
        select(SectorPresetRow),
        columns=(SectorPresetRow.created_at, SectorPresetRow.sector_preset_id),
        params=params,
        to_item=preset_of,
    )


async def list_promotions(uow: UnitOfWork, params: Paging) -> Page[Promotion]:
    """Promotions in the order in which they were created."""
    return await paginate(
        uow.session,
        select(PromotionRow),
        columns=(PromotionRow.created_at, PromotionRow.promotion_id),
        params=params,
        to_item=promotion_of,
    )
