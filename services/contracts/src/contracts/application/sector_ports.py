"""What the use cases of sectors and promotions need from outside."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from contracts.application.contracts import Contract
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


class PeriodEdges(Protocol):
    """When a critical period of a contract in force begins or ends next."""

    async def next_of(self, contract_id: UUID) -> datetime | None:
        """What was remembered last."""

    async def put(self, contract: Contract, edge_at: datetime | None) -> None:
        """Remembers it; None: none is left."""


@dataclass(frozen=True)
class SectorStores:
    """Where presets and promotions are kept."""

    presets: SectorPresets
    promotions: Promotions
    edges: PeriodEdges
