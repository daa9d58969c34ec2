"""Works off rows that are due, each in a transaction of its own tenant.

When something is due is a column of its row, so nothing is missed while no worker runs, and any number of workers may
look: whether a row is still due is asked again under a lock. What fails is set aside for a while.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import ClassVar
from uuid import UUID

import structlog

from shared.consumer import is_database_away
from shared.unit_of_work import UnitOfWork, UnitsOfWork

BATCH = 100
SET_ASIDE = timedelta(minutes=5)
"""How long what cannot be worked off waits for its next try, so that it does not keep the rest waiting."""

_log = structlog.get_logger(__name__)


class DueRows(ABC):
    """A job over one kind of rows; one per process. Kinds say which rows are due and what is done about each."""

    noun: str
    idle_seconds: ClassVar[float]
    at_once: ClassVar[int] = 1
    """How many are worked off at a time."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units
        self._set_aside: Mapping[UUID, datetime] = {}

    @abstractmethod
    async def due(self, uow: UnitOfWork, without: Sequence[UUID]) -> Sequence[tuple[UUID, UUID]]:
        """(tenant, id) of at most BATCH rows that are due, the oldest first; `uow` is for every tenant."""

    @abstractmethod
    async def work_off(self, uow: UnitOfWork, wanted: UUID) -> None:
        """Does what is due for a row, unless another worker was quicker; `uow` is of its tenant."""

    async def run(self) -> float:
        """Works off a batch of what is due now; returns the seconds until the next look."""
        async with self._units.for_every_tenant() as uow:
            self._set_aside = {key: until for key, until in self._set_aside.items() if until > uow.now}
            due = await self.due(uow, list(self._set_aside))
        for first in range(0, len(due), self.at_once):
            await asyncio.gather(*(self._work_off(*each) for each in due[first : first + self.at_once]))
        return 0.0 if len(due) == BATCH else self.idle_seconds

    async def _work_off(self, tenant_id: UUID, wanted: UUID) -> None:
        try:
            async with self._units.for_tenant(tenant_id) as uow:
                await self.work_off(uow, wanted)
        except Exception as error:
            if is_database_away(error):
                raise  # says nothing about this row; the loop tries again
            _log.exception("due_row_set_aside", noun=self.noun, id=str(wanted), error=type(error).__name__)
            async with self._units.for_every_tenant() as uow:
                self._set_aside = {**self._set_aside, wanted: uow.now + SET_ASIDE}
