"""What other parts of the service ask the records about an item."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.records_tables import EvidenceRow, ResidualRiskRow
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
        return ItemRecords([ResidualRisk(risk_id, description, owned) for risk_id, description, owned in risks])

    async def gathered(self, item_id: UUID) -> frozenset[str]:
        kinds = select(EvidenceRow.kind).where(EvidenceRow.item_id == item_id).distinct()
        return frozenset((await self._session.execute(kinds)).scalars())
