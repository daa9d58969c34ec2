"""Forgets what intake sources have sent, and what came of it, when it is too old for anybody to look for."""

from datetime import timedelta

from sqlalchemy import delete, select

from incidents.adapters.intake_tables import IntakeReceiptRow
from shared.unit_of_work import UnitsOfWork

BATCH = 1_000
IDLE_SECONDS = 60.0


class OldReceipts:
    """The job over receipts; any number of workers may run it."""

    def __init__(self, units: UnitsOfWork, kept: timedelta) -> None:
        self._units = units
        self._kept = kept

    async def run(self) -> float:
        """Deletes some that are too old; returns the seconds until it wants to run again."""
        async with self._units.for_every_tenant() as unit:
            old = (
                select(IntakeReceiptRow.id)
                .where(IntakeReceiptRow.received_at < unit.now - self._kept)
                .order_by(IntakeReceiptRow.received_at)
                .limit(BATCH)
                .with_for_update(skip_locked=True)
            )
            ids = list((await unit.session.execute(old)).scalars())
            await unit.session.execute(delete(IntakeReceiptRow).where(IntakeReceiptRow.id.in_(ids)))
        return 0.0 if len(ids) == BATCH else IDLE_SECONDS
