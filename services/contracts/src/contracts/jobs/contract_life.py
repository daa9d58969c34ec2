"""Lets come what is due in the life of contracts: amendments with a date, renewals, alerts, price revisions, edges of
critical periods, ends.

Everything counts from its own instant, however late it is noticed, and what is due is asked again under the lock of the
contract.
"""

from collections.abc import Sequence
from uuid import UUID

import structlog

from contracts.adapters.life_stores import due_lives
from contracts.adapters.workspace import workspace_of
from contracts.application import coming, life
from contracts.jobs.due_rows import BATCH, DueRows
from shared.unit_of_work import UnitOfWork

_log = structlog.get_logger(__name__)


class DueContracts(DueRows):
    """The job over contracts for which something is due."""

    noun, idle_seconds = "contract", 1.0

    async def due(self, uow: UnitOfWork, without: Sequence[UUID]) -> Sequence[tuple[UUID, UUID]]:
        """Contracts whose next instant is there."""
        return await due_lives(uow, uow.now, without, BATCH)

    async def work_off(self, uow: UnitOfWork, wanted: UUID) -> None:
        """Lets everything come that is due now."""
        work = workspace_of(uow)
        contract = await life.current(work, wanted)
        # Whoever was quicker, or withdrew it, has left another time to look at it.
        await coming.plan(work, contract, await coming.life_of(work, contract))
        _log.info("contract_caught_up", contract_id=str(wanted))
