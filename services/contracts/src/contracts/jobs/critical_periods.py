"""Says what a contract is from the beginning of a critical period on, and from its end on."""

from collections.abc import Awaitable, Callable

import structlog

from contracts.adapters.sector_stores import due_edges
from contracts.adapters.workspace import workspace_of
from contracts.application.contracts import pass_edge
from shared.unit_of_work import UnitsOfWork

BATCH = 100
IDLE_SECONDS = 1.0

_log = structlog.get_logger(__name__)


def pass_due_edges(units: UnitsOfWork) -> Callable[[], Awaitable[float | None]]:
    """A job that passes the edges that have come, each in a transaction of its own tenant."""

    async def run() -> float | None:
        async with units.for_every_tenant() as uow:
            due = await due_edges(uow, uow.now, BATCH)
        for tenant_id, contract_id, edge_at in due:
            async with units.for_tenant(tenant_id) as uow:
                work = workspace_of(uow)
                contract = await work.contracts.locked(contract_id)
                if await work.sectors.edges.next_of(contract_id) == edge_at:  # another worker may have been quicker
                    await pass_edge(work, contract, edge_at)
                    _log.info("critical_period_edge", contract_id=str(contract_id), at=edge_at.isoformat())
        return 0.0 if len(due) == BATCH else IDLE_SECONDS

    return run
