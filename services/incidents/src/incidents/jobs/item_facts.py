"""Puts the facts that streams tell into their order, also while nobody listens, and forgets those that are too old."""

from incidents.adapters import item_facts
from shared.unit_of_work import UnitsOfWork

IDLE_SECONDS = 30.0


class ItemFacts:
    """The job over facts; any number of workers may run it."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def run(self) -> float:
        """Returns the seconds until it wants to run again."""
        async with self._units.for_every_tenant() as unit:
            await item_facts.place(unit.session)
        async with self._units.for_every_tenant() as unit:
            more = await item_facts.forget(unit.session, unit.now)
        return 0.0 if more else IDLE_SECONDS
