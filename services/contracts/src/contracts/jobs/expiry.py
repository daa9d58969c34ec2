"""Ends contracts whose last day is over."""

from collections.abc import Awaitable, Callable

import structlog

from contracts.adapters.queries import due_to_expire
from contracts.adapters.workspace import workspace_of
from contracts.application.life import current
from shared.unit_of_work import UnitsOfWork

BATCH = 100
IDLE_SECONDS = 5.0

_log = structlog.get_logger(__name__)


def expire_due(units: UnitsOfWork) -> Callable[[], Awaitable[float | None]]:
    """A job that works off the contracts that are due, each in a transaction of its own tenant."""

    async def run() -> float | None:
        async with units.for_every_tenant() as uow:
            due = await due_to_expire(uow, uow.now, BATCH)
        for tenant_id, contract_id in due:
            async with units.for_tenant(tenant_id) as uow:
                # Another worker, a termination or an amendment that prolongs it may have been quicker.
                contract = await current(workspace_of(uow), contract_id)
                _log.info("contract_over", contract_id=str(contract_id), status=contract.status.value)
        return 0.0 if len(due) == BATCH else IDLE_SECONDS

    return run
