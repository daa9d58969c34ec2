"""What the use cases of sectors and promotions need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from contracts.application.promotions import Promotion
    from contracts.application.sector_presets import SectorPreset


class SectorPresets(Protocol):
    """Presets by name."""

    async def by_name(self, name: str) -> SectorPreset | None: ...

    async def locked(self, name: str) -> SectorPreset:
        """Under a row lock until the transaction ends. Raises Unknown."""

    async def add(self, item: SectorPreset) -> None:
        """Raises Taken for its name."""

    async def save(self, item: SectorPreset) -> None: ...


class Promotions(Protocol):
    """Promotions of the catalogue."""

    async def get(self, wanted: UUID) -> Promotion:
        """Raises Unknown."""

    async def locked(self, wanted: UUID) -> Promotion:
        """Under a row lock until the transaction ends. Raises Unknown."""

    async def add(self, item: Promotion) -> None:
        """Raises Taken for its name."""

    async def save(self, item: Promotion) -> None: ...

    async def everything(self) -> Sequence[Promotion]:
        """Every promotion, in the order in which they were made."""


@dataclass(frozen=True)
class SectorStores:
    """Where presets and promotions are kept."""

    presets: SectorPresets
    promotions: Promotions
