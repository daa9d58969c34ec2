"""Lets come what is due in the life of contracts: amendments with a date, renewals, alerts, price revisions, edges of
critical periods, ends.

When it is due is a column of a row, so nothing is missed while no worker runs. Everything counts from its own instant,
however late it is noticed, and what is due is asked again under the lock of the contract.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from contracts.adapters.life_stores import due_lives
from contracts.adapters.workspace import workspace_of
from contracts.application import coming, life
from shared.consumer import is_database_away
from shared.unit_of_work import UnitsOfWork

BATCH = 100
IDLE_SECONDS = 1.0
SET_ASIDE = timedelta(minutes=5)
"""How long a contract that cannot go on waits for its next try, so that it does not keep the others waiting."""

_log = structlog.get_logger(__name__)


class DueContracts:
    """The job over contracts for which something is due; one per process."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._set_aside: Mapping[UUID, datetime] = {}

    async def run(self) -> float:
        """Lets everything come that is due now; returns the seconds until the next look."""
        async with self._units.for_every_tenant() as uow:
            self._set_aside = {key: until for key, until in self._set_aside.items() if until > uow.now}
            due = await due_lives(uow, uow.now, list(self._set_aside), BATCH)
        for tenant_id, contract_id in due:
            await self._catch_up(tenant_id, contract_id)
        return 0.0 if len(due) == BATCH else IDLE_SECONDS

    async def _catch_up(self, tenant_id: UUID, contract_id: UUID) -> None:
        try:
            async with self._units.for_tenant(tenant_id) as uow:
                work = workspace_of(uow)
                contract = await life.current(work, contract_id)
                # Whoever was quicker, or withdrew it, has left another time to look at it.
                await coming.plan(work, contract, await coming.life_of(work, contract))
                _log.info("contract_caught_up", contract_id=str(contract_id))
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about this contract; the loop tries again
            _log.exception("contract_set_aside", contract_id=str(contract_id), error=type(error).__name__)
            async with self._units.for_every_tenant() as uow:
                self._set_aside = {**self._set_aside, contract_id: uow.now + SET_ASIDE}
