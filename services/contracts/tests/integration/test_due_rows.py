"""What is due is worked off, and what cannot be worked off does not keep the rest waiting."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

import psycopg
import pytest

from contracts.jobs.due_rows import SET_ASIDE, DueRows
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.unit_of_work import UnitOfWork, UnitsOfWork

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Visits(DueRows):
    """Two rows that stay due; one of them cannot be worked off."""

    noun, idle_seconds = "visit", 7.0

    def __init__(self, units: UnitsOfWork, tenant_id: UUID, error: Exception) -> None:
        super().__init__(units)
        self.tenant_id, self.error = tenant_id, error
        self.bad, self.good = new_id(), new_id()
        self.tried: list[UUID] = []

    async def due(self, uow: UnitOfWork, without: Sequence[UUID]) -> Sequence[tuple[UUID, UUID]]:
        return [(self.tenant_id, row) for row in (self.bad, self.good) if row not in without]

    async def work_off(self, uow: UnitOfWork, wanted: UUID) -> None:
        assert uow.tenant_id == self.tenant_id
        self.tried.append(wanted)
        if wanted == self.bad:
            raise self.error


async def test_a_row_that_fails_is_tried_again_after_a_while_and_keeps_no_other_waiting(
    installation: Installation, agency: Agency, clock: FixedClock
) -> None:
    visits = Visits(installation.runtime.units, agency.tenant_id, ValueError("this row is broken"))
    assert await visits.run() == 7.0
    clock.advance(SET_ASIDE - timedelta(seconds=1))
    await visits.run()
    clock.advance(timedelta(seconds=1))
    await visits.run()
    assert visits.tried == [visits.bad, visits.good, visits.good, visits.bad, visits.good]


async def test_a_database_that_is_away_says_nothing_about_a_row(installation: Installation, agency: Agency) -> None:
    visits = Visits(installation.runtime.units, agency.tenant_id, psycopg.OperationalError("the server is away"))
    for _ in range(2):
        with pytest.raises(psycopg.OperationalError):
            await visits.run()
    assert visits.tried == [visits.bad, visits.bad]
