"""Once in a while: reviews a contract's year when it is over, and looks whether reactions keep up with growth.

Whether it is still due is asked again under the contract's lock, so any number of workers may look.
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVarTuple
from uuid import UUID

import structlog

from contracts.adapters.hours_stores import due_for_review, due_for_watch
from contracts.adapters.workspace import workspace_of
from contracts.application.growth import watch
from contracts.application.hours_reviews import review_year
from contracts.application.ports import Workspace
from contracts.jobs.due_rows import BATCH
from shared.consumer import is_database_away
from shared.unit_of_work import UnitOfWork, UnitsOfWork

IDLE_SECONDS = 300.0
FIRST = UUID(int=0)

Found = TypeVarTuple("Found")

_log = structlog.get_logger(__name__)


def review_years(units: UnitsOfWork) -> Callable[[], Awaitable[float | None]]:
    """A job that reviews the years of hours that are over."""

    async def look(work: Workspace, contract_id: UUID, year: int) -> None:
        if await review_year(work, await work.contracts.locked(contract_id), year) is not None:
            _log.info("hours_reviewed", contract_id=str(contract_id), year=year)

    return _over_contracts(units, due_for_review, look, "hours review")


def watch_growth(units: UnitsOfWork) -> Callable[[], Awaitable[float | None]]:
    """A job that looks at the last month of every contract that reacted to something in it."""

    async def look(work: Workspace, contract_id: UUID) -> None:
        if await watch(work, await work.contracts.get(contract_id)) is not None:
            _log.info("reactivity_degraded", contract_id=str(contract_id))

    return _over_contracts(units, due_for_watch, look, "growth")


def _over_contracts(
    units: UnitsOfWork,
    due_after: Callable[[UnitOfWork, UUID, int], Awaitable[Sequence[tuple[UUID, UUID, *Found]]]],
    look: Callable[[Workspace, UUID, *Found], Awaitable[None]],
    noun: str,
) -> Callable[[], Awaitable[float | None]]:
    """A job over every contract for which something is due, in the order of their ids.

    One that cannot be looked at does not keep the others waiting.
    """

    async def run() -> float | None:
        after, full = FIRST, True
        while full:
            async with units.for_every_tenant() as uow:
                due = await due_after(uow, after, BATCH)
            for row in due:
                after = row[1]
                try:
                    async with units.for_tenant(row[0]) as uow:
                        await look(workspace_of(uow), *row[1:])
                except Exception as error:
                    if is_database_away(error):
                        raise  # says nothing about this contract; the loop tries again
                    _log.exception("due_row_set_aside", noun=noun, id=str(after), error=type(error).__name__)
            full = len(due) == BATCH
        return IDLE_SECONDS

    return run
