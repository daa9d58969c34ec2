"""What the use cases of hours need from outside."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Protocol
from uuid import UUID

if TYPE_CHECKING:
    from contracts.application.growth import GrowthAlert, Reaction, UsageFigure
    from contracts.application.hours import (
        AgreedOverTime,
        HoursAdjustmentCause,
        HoursApproval,
        HoursEntry,
        HoursMonth,
        ReachedThreshold,
        WorkItem,
    )
    from contracts.application.hours_reviews import HoursReview


class HoursBook(Protocol):
    """The hours of contracts: what was worked, decided, closed and told. What is told is never changed."""

    async def agreed(self, contract_id: UUID) -> AgreedOverTime:
        """What the contract said of hours since it was first in force."""

    async def add_entry(self, entry: HoursEntry) -> None:
        """Raises Taken when the entry that it reverses was reversed already."""

    async def entry(self, entry_id: UUID) -> HoursEntry:
        """Raises Unknown."""

    async def of_time_entry(self, time_entry_id: UUID) -> HoursEntry | None: ...

    async def entries(self, contract_id: UUID, months: Iterable[date]) -> Sequence[HoursEntry]:
        """What was worked in these months, in the order in which it was told."""

    async def entries_between(self, contract_id: UUID, first: date, last: date) -> Sequence[HoursEntry]:
        """What was worked from one month to another, both included."""

    async def months_of_item(self, contract_id: UUID, work_item_id: UUID) -> Sequence[date]: ...

    async def items(self, work_item_ids: Iterable[UUID]) -> Sequence[WorkItem]: ...

    async def put_item(self, item: WorkItem) -> bool:
        """Keeps what is said of an item unless something newer was heard; whether it was kept."""

    async def add_approval(self, approval: HoursApproval) -> None:
        """Raises Taken when the item is approved already."""

    async def approved(self, contract_id: UUID, work_item_ids: Iterable[UUID]) -> set[UUID]: ...

    async def last_closed(self, contract_id: UUID) -> HoursMonth | None:
        """The newest month that is closed."""

    async def closed(self, contract_id: UUID, month: date) -> HoursMonth | None: ...

    async def closed_since(self, contract_id: UUID, month: date) -> Sequence[HoursMonth]:
        """The closed months from this one on, in their order."""

    async def add_closed(self, month: HoursMonth) -> None: ...

    async def add_cause(self, contract: tuple[UUID, UUID], cause: HoursAdjustmentCause) -> None:
        """Notes that something told late touches a closed month. `contract` is its id and the client's."""

    async def causes(self, contract_id: UUID, in_month: date) -> Sequence[HoursAdjustmentCause]: ...

    async def thresholds(self, contract_id: UUID, months: Iterable[date]) -> Sequence[ReachedThreshold]: ...

    async def reach(self, threshold: ReachedThreshold) -> bool:
        """Keeps that a threshold was reached; False when that was known."""


class Reviews(Protocol):
    """Annual reviews, one for each year of a contract."""

    async def of_year(self, contract_id: UUID, year_number: int) -> HoursReview:
        """The review of a year; written only under the lock of its contract. Raises Unknown."""

    async def is_reviewed(self, contract_id: UUID, year_number: int) -> bool: ...

    async def add(self, item: HoursReview) -> None: ...

    async def save(self, item: HoursReview) -> None: ...


class GrowthBook(Protocol):
    """How much sites are used, and how fast reactions were."""

    async def add_figure(self, figure: UsageFigure) -> UsageFigure:
        """Keeps a figure over an earlier one of the same site and month, with its number."""

    async def figures(self, site_ids: Sequence[UUID], first: date, last: date) -> Sequence[UsageFigure]:
        """The figures that count, of these months, both included."""

    async def put_reaction(self, reaction: Reaction) -> None:
        """Keeps a reaction unless something newer was heard of its clock."""

    async def reactions(self, contract_id: UUID, first: date, last: date) -> dict[date, tuple[int, int]]:
        """Month to how many reactions there were and how many seconds they took together."""

    async def alerts(self, contract_id: UUID) -> Sequence[GrowthAlert]: ...

    async def raise_alert(self, alert: GrowthAlert) -> bool:
        """Keeps an alert; False when there is one for the month."""


class HoursAnnouncer(Protocol):
    """Says what happened: the event is published exactly if the transaction commits."""

    def threshold_reached(self, threshold: ReachedThreshold) -> None: ...

    def month_closed(self, month: HoursMonth, entries: Sequence[HoursEntry]) -> None:
        """With all of the month's own entries, in the order in which they were told."""

    def review_proposed(self, review: HoursReview) -> None: ...

    def reactivity_degraded(self, alert: GrowthAlert) -> None: ...


@dataclass(frozen=True)
class HoursStores:
    """Everything about hours during one transaction."""

    book: HoursBook
    reviews: Reviews
    growth: GrowthBook
    announcer: HoursAnnouncer
