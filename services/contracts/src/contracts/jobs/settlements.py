"""Drafts the settlement of every contract whose period is over."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, select

from contracts.adapters.rows import columns
from contracts.adapters.settlement_tables import SettlementScheduleRow
from contracts.adapters.workspace import workspace_of
from contracts.application.settlement_schedule import SettlementSchedule
from contracts.application.settling import settle_due
from contracts.jobs.due_rows import BATCH, DueRows
from shared.unit_of_work import UnitOfWork

_log = structlog.get_logger(__name__)


def _due(uow: UnitOfWork, *what: Any) -> Select[Any]:
    return select(*what).where(SettlementScheduleRow.due_at <= uow.now)


class DueSettlements(DueRows):
    """The job over periods that are over."""

    noun, idle_seconds = "settlement", 60.0
    at_once = 4
    """Each waits for the database most of the time."""

    async def due(self, uow: UnitOfWork, without: Sequence[UUID]) -> Sequence[tuple[UUID, UUID]]:
        """Contracts with a period that is over."""
        row = SettlementScheduleRow
        query = _due(uow, row.tenant_id, row.contract_id).where(row.contract_id.not_in(without))
        return [tuple(each) for each in await uow.session.execute(query.order_by(row.due_at).limit(BATCH))]

    async def work_off(self, uow: UnitOfWork, wanted: UUID) -> None:
        """Drafts the next period of a contract."""
        row = SettlementScheduleRow
        claim = _due(uow, row).where(row.contract_id == wanted).with_for_update(skip_locked=True)
        claimed = await uow.session.scalar(claim)
        if claimed is None:
            return  # another worker drafts it
        drafted = await settle_due(workspace_of(uow), SettlementSchedule.model_validate(columns(claimed)))
        if drafted is not None:
            _log.info("settlement_drafted", settlement_id=str(drafted.settlement_id))
