"""Queues stretches of what was heard for webhooks again, a batch at a time, so that no replay holds up another."""

from reporting.adapters.webhook_replays import go_on
from shared.unit_of_work import UnitsOfWork

IDLE_SECONDS = 1.0


class ReplayWebhooks:
    """The job over replays; several workers take different ones."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """One batch of one replay; at once again while there is any."""
        async with self._units.for_every_tenant() as uow:
            return 0.0 if await go_on(uow) else IDLE_SECONDS
