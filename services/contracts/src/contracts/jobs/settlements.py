"""Drafts the settlement of every contract whose period is over.

The due time is a column of each contract's schedule, so nothing is missed while no worker runs, and any number of
workers may draft: a row is claimed with SKIP LOCKED, and whether it is still due is asked again under the lock.
"""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import Select, select

from contracts.adapters.rows import columns
from contracts.adapters.settlement_tables import SettlementScheduleRow
from contracts.adapters.workspace import workspace_of
from contracts.application.settlement_schedule import SettlementSchedule
from contracts.application.settling import settle_due
from shared.consumer import is_database_away
from shared.unit_of_work import UnitOfWork, UnitsOfWork

BATCH = 100
AT_ONCE = 4
IDLE_SECONDS = 60.0
SET_ASIDE = timedelta(minutes=5)
"""How long what cannot be settled waits for its next try, so that it does not keep the rest waiting."""

_log = structlog.get_logger(__name__)


def _due(uow: UnitOfWork, *what: Any) -> Select[Any]:
    return select(*what).where(SettlementScheduleRow.due_at <= uow.now)


class DueSettlements:
    """The job over periods that are over; one per process."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._set_aside: Mapping[UUID, Any] = {}

    async def run(self) -> float:
        """Drafts a batch of what is due; returns the seconds until the next look."""
        row = SettlementScheduleRow
        async with self._units.for_every_tenant() as uow:
            self._set_aside = {key: until for key, until in self._set_aside.items() if until > uow.now}
            query = _due(uow, row.tenant_id, row.contract_id).where(row.contract_id.not_in(list(self._set_aside)))
            due = [tuple(each) for each in await uow.session.execute(query.order_by(row.due_at).limit(BATCH))]
        # Each waits for the database most of the time; a transaction of its own keeps one fault from the others.
        for first in range(0, len(due), AT_ONCE):
            await asyncio.gather(*(self._settle(*each) for each in due[first : first + AT_ONCE]))
        return 0.0 if len(due) == BATCH else IDLE_SECONDS

    async def _settle(self, tenant_id: UUID, contract_id: UUID) -> None:
        row = SettlementScheduleRow
        try:
            async with self._units.for_tenant(tenant_id) as uow:
                claim = _due(uow, row).where(row.contract_id == contract_id)
                claimed = await uow.session.scalar(claim.with_for_update(skip_locked=True))
                if claimed is None:
                    return  # another worker drafts it
                schedule = SettlementSchedule.model_validate(columns(claimed))
                drafted = await settle_due(workspace_of(uow), schedule)
                if drafted is not None:
                    _log.info("settlement_drafted", settlement_id=str(drafted.settlement_id))
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about this contract; the loop tries again
            _log.exception("settlement_set_aside", contract_id=str(contract_id), error=type(error).__name__)
            async with self._units.for_every_tenant() as uow:
                self._set_aside = {**self._set_aside, contract_id: uow.now + SET_ASIDE}
