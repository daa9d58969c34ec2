"""Makes days of the response times of hours: newest first, so that pages are right soonest."""

from reporting.adapters.response_times import due_hours, sum_up
from shared.unit_of_work import UnitsOfWork

IDLE_SECONDS = 20.0


class SumUpResponseTimes:
    """The job over hours that are due."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """Some hours of one contract; at once again while there are more."""
        async with self._units.for_every_tenant() as unit:
            due = await due_hours(unit)
            if due is None:
                return IDLE_SECONDS
            await sum_up(unit, due)
        return 0.0
