"""Once in a while: reviews a contract's year when it is over, and looks whether reactions keep up with growth.

Whether it is still due is asked again under the contract's lock, so any number of workers may look.
"""

from collections.abc import Awaitable, Callable
from uuid import UUID

import structlog

from contracts.adapters.hours_stores import due_for_review, due_for_watch
from contracts.adapters.workspace import workspace_of
from contracts.application.growth import watch
from contracts.application.hours_reviews import review_year
from shared.consumer import is_database_away
from shared.unit_of_work import UnitsOfWork

BATCH = 100
IDLE_SECONDS = 300.0
FIRST = UUID(int=0)

_log = structlog.get_logger(__name__)


def review_years(units: UnitsOfWork) -> Callable[[], Awaitable[float | None]]:
    """A job that reviews the years of hours that are over."""

    async def run() -> float | None:
        after, full = FIRST, True
        while full:
            async with units.for_every_tenant() as uow:
                due = await due_for_review(uow, after, BATCH)
            for tenant_id, contract_id, year in due:
                after = contract_id
                try:
                    async with units.for_tenant(tenant_id) as uow:
                        work = workspace_of(uow)
                        if await review_year(work, await work.contracts.locked(contract_id), year) is not None:
                            _log.info("hours_reviewed", contract_id=str(contract_id), year=year)
                except Exception as error:
                    _note(error, "hours_review_failed", contract_id)
            full = len(due) == BATCH
        return IDLE_SECONDS

    return run


def watch_growth(units: UnitsOfWork) -> Callable[[], Awaitable[float | None]]:
    """A job that looks at the last month of every contract that reacted to something in it."""

    async def run() -> float | None:
        after, full = FIRST, True
        while full:
            async with units.for_every_tenant() as uow:
                due = await due_for_watch(uow, after, BATCH)
            for tenant_id, contract_id in due:
                after = contract_id
                try:
                    async with units.for_tenant(tenant_id) as uow:
                        work = workspace_of(uow)
                        if await watch(work, await work.contracts.get(contract_id)) is not None:
                            _log.info("reactivity_degraded", contract_id=str(contract_id))
                except Exception as error:
                    _note(error, "growth_watch_failed", contract_id)
            full = len(due) == BATCH
        return IDLE_SECONDS

    return run


def _note(error: Exception, what: str, contract_id: UUID) -> None:
    """One contract that cannot be looked at does not keep the others waiting."""
    if is_database_away(error):
        raise error  # says nothing about this contract; the loop tries again
    _log.exception(what, contract_id=str(contract_id), error=type(error).__name__)
