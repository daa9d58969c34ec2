"""Promised pages that cannot be watched, in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict, fields
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.tables import UnwatchedPagesRow
from probes.domain.unwatched_pages import UnwatchedPages

_ALONE = text("select pg_advisory_xact_lock(hashtextextended(cast(:id as text), 2))")
_FIELDS = [each.name for each in fields(UnwatchedPages)]


class SqlUnwatchedPages:
    """The `UnwatchedPagesRegister` of one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def held(self, contract_id: UUID) -> Sequence[UnwatchedPages]:
        """See the port. Whoever follows the pages of a contract does it alone."""
        await self._session.execute(_ALONE, {"id": str(contract_id)})
        rows = await self._session.scalars(
            select(UnwatchedPagesRow)
            .where(UnwatchedPagesRow.contract_id == contract_id, UnwatchedPagesRow.ended_at.is_(None))
            .order_by(UnwatchedPagesRow.environment_id)
            .execution_options(populate_existing=True)
        )
        return [UnwatchedPages(**{name: getattr(row, name) for name in _FIELDS}) for row in rows]

    async def keep(self, pages: UnwatchedPages) -> None:
        """See the port."""
        await self._session.execute(
            insert(UnwatchedPagesRow)
            .values(**asdict(pages))
            .on_conflict_do_update(
                index_elements=[UnwatchedPagesRow.unwatched_pages_id], set_={"ended_at": pages.ended_at}
            )
        )
