"""Finding items of any kind: filters and words, for lists and for streams alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, Integer, Select, and_, cast, func, select, true
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.search_tables import ItemWordsRow, SavedFilterRow
from incidents.adapters.tables import WorkItemRow
from shared.pagination import SortColumn

_EXACT = 1_000_000
"""Ranks are fractions; a page is continued after a whole number."""


@dataclass(frozen=True)
class ItemFilter:
    """What a list of items is narrowed to. `words` are as people write them."""

    kinds: Sequence[str] = ()
    statuses: Sequence[str] = ()
    severities: Sequence[str] = ()
    categories: Sequence[str] = ()
    client_id: UUID | None = None
    contract_id: UUID | None = None
    site_id: UUID | None = None
    assignee_id: str | None = None
    words: str | None = None

    def lasting(self) -> list[ColumnElement[bool]]:
        """The conditions that an item passes for as long as it is there, or never."""
        asked = {
            WorkItemRow.client_id: self.client_id,
            WorkItemRow.contract_id: self.contract_id,
            WorkItemRow.site_id: self.site_id,
        }
        kinds = [WorkItemRow.kind.in_(self.kinds)] if self.kinds else []
        return [*kinds, *(column == value for column, value in asked.items() if value is not None)]

    def passing(self) -> list[ColumnElement[bool]]:
        """The conditions that an item may pass today and not tomorrow, but for its words."""
        asked = {
            WorkItemRow.status: self.statuses,
            WorkItemRow.severity: self.severities,
            WorkItemRow.category: self.categories,
        }
        assigned = [WorkItemRow.assignee_id == self.assignee_id] if self.assignee_id else []
        return [*assigned, *(column.in_(values) for column, values in asked.items() if values)]

    def said(self, audience: str) -> ColumnElement[bool]:
        """Whether an item has the words; true without any."""
        if self.words is None:
            return true()
        return select(ItemWordsRow.item_id).where(_has(self.words, audience)).exists()


def _has(words: str, audience: str) -> ColumnElement[bool]:
    return and_(
        ItemWordsRow.item_id == WorkItemRow.id,
        ItemWordsRow.audience == audience,
        ItemWordsRow.words.bool_op("@@")(func.incidents.asked_words(words)),
    )


def found(wanted: ItemFilter, audience: str) -> tuple[Select[WorkItemRow], Sequence[SortColumn]]:
    """The items that pass, unordered, and what to sort them by downwards: with words what fits best, then the newest.

    `audience` client: notes for the agency are not among the words. Row-level security sees to that too.
    """
    statement = select(WorkItemRow).where(*wanted.lasting(), *wanted.passing())
    newest = (WorkItemRow.opened_at, WorkItemRow.id)
    if wanted.words is None:
        return statement, newest
    rank = cast(func.ts_rank(ItemWordsRow.words, func.incidents.asked_words(wanted.words)) * _EXACT, Integer)
    return statement.join(ItemWordsRow, _has(wanted.words, audience)), (rank, *newest)


def saved_filters(owner_id: str) -> Select[SavedFilterRow]:
    """The filters that somebody keeps, and those that others share with him; unordered."""
    return select(SavedFilterRow).where((SavedFilterRow.owner_id == owner_id) | SavedFilterRow.shared)


async def saved_filter(
    session: AsyncSession, filter_id: UUID, owner_id: str, *, lock: bool = False
) -> SavedFilterRow | None:
    """A filter of one's own, or a shared one."""
    statement = saved_filters(owner_id).where(SavedFilterRow.id == filter_id)
    return (await session.execute(statement.with_for_update() if lock else statement)).scalar_one_or_none()
