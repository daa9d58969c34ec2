"""What the use cases need from the outside."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from reporting.application.facts import KnownContract, KnownIncident, Names
from reporting.domain.state_line import Transition


class Facts(Protocol):
    """What was heard, as far as the unit of work may see it."""

    async def versions(self, contract_id: UUID) -> Sequence[KnownContract]:
        """Every known version of a contract by number; empty when there is none that may be seen."""
        ...

    async def transitions(
        self, contract_id: UUID, start: datetime, until: datetime
    ) -> Mapping[UUID, Sequence[Transition]]:
        """By environment: the transitions before `until` that say something about `[start, until)`."""
        ...

    async def incidents(self, contract_id: UUID, start: datetime, until: datetime) -> Sequence[KnownIncident]:
        """Incidents that began before `until` and were not resolved before `start`, oldest first."""
        ...

    async def names(self, contract_id: UUID) -> Names:
        """The newest names of the contract's client, sites and environments."""
        ...

    async def contracts_on_page(self, slug: str) -> Sequence[UUID]:
        """The contracts shown on the public page of a slug: those of the one client to whom it belongs."""
        ...
