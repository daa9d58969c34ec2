"""What other parts of the service ask the records about an item."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.records_tables import AccessRequestRow, PostMortemRow, ResidualRiskRow
from incidents.domain.access import AccessWait
from incidents.domain.closing import ItemRecords, ResidualRisk


class SqlRecords:
    """`application.ports.Records`."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def for_closing(self, item_id: UUID) -> ItemRecords:
        risks = await self._session.execute(
            select(ResidualRiskRow.id, ResidualRiskRow.description, ResidualRiskRow.owner_name.is_not(None))
            .where(ResidualRiskRow.item_id == item_id)
            .order_by(ResidualRiskRow.recorded_at, ResidualRiskRow.id)
        )
        post_mortem = await self._session.execute(
            select(PostMortemRow.id).where(PostMortemRow.item_id == item_id, PostMortemRow.completed_at.is_not(None))
        )
        return ItemRecords(
            risks=[ResidualRisk(risk_id, description, owned) for risk_id, description, owned in risks],
            post_mortem_completed=post_mortem.first() is not None,
        )

    async def access_waits(self, item_id: UUID) -> list[AccessWait]:
        asked = await self._session.execute(
            select(AccessRequestRow.id, AccessRequestRow.requested_at, AccessRequestRow.answered_at)
            .where(AccessRequestRow.item_id == item_id)
            .order_by(AccessRequestRow.requested_at, AccessRequestRow.id)
        )
        return [AccessWait(f"access.{request_id}", begins, ends) for request_id, begins, ends in asked]
