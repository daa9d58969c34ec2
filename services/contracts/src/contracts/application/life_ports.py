"""What the use cases of a contract's life need from outside: what is to come, notices, indices, prices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from contracts.application.amendments import ScheduledAmendment
    from contracts.application.coming import Life
    from contracts.application.formal_notices import FormalNotice
    from contracts.application.indexation import IndexValue, PriceState


class Lives(Protocol):
    """What is still to come for contracts; read and written while the contract is locked."""

    async def of(self, contract_id: UUID) -> Life | None: ...

    async def put(self, life: Life) -> None: ...

    async def wake(self, index_name: str, at: datetime) -> None:
        """Makes every contract due that waits for a value of this index."""


class Amendments(Protocol):
    """Amendments that both parties signed for a date."""

    async def get(self, amendment_id: UUID) -> ScheduledAmendment:
        """Raises Unknown."""

    async def scheduled(self, contract_id: UUID) -> Sequence[ScheduledAmendment]:
        """Those of a contract that are still to come, in the order in which they come."""

    async def add(self, item: ScheduledAmendment) -> None: ...

    async def save(self, item: ScheduledAmendment) -> None: ...


class FormalNotices(Protocol):
    """Formal notices; changed while their contract is locked."""

    async def get(self, formal_notice_id: UUID) -> FormalNotice:
        """Raises Unknown."""

    async def add(self, item: FormalNotice) -> None: ...

    async def save(self, item: FormalNotice) -> None: ...


class IndexValues(Protocol):
    """Values of indices; they are never changed."""

    async def add(self, item: IndexValue) -> None: ...

    async def newest(
        self, index_name: str, published_after: date, published_to: date, known_at: datetime | None
    ) -> IndexValue | None:
        """The value for the latest month that was published in `(published_after, published_to]`.

        With `known_at` of those only that were entered by then.
        """


class Prices(Protocol):
    """What contracts cost from when on; never changed."""

    async def newest(self, contract_id: UUID) -> PriceState | None: ...

    async def add(self, item: PriceState) -> None: ...


@dataclass(frozen=True)
class LifeStores:
    """Where the time to come of contracts is kept."""

    lives: Lives
    amendments: Amendments
    notices: FormalNotices
    index_values: IndexValues
    prices: Prices
