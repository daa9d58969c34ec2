"""The people of the desk, and the one door through which a person is told something about an item."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from incidents.domain.quiet_hours import QuietHours
from incidents.domain.work_item import WorkItem


@dataclass(frozen=True)
class Person:
    """Somebody who can be told something. `id` is None for one who is no person of the desk: a contact, an address."""

    id: UUID | None
    name: str
    email: str
    language: str
    audience: str = "agency"
    quiet: QuietHours | None = None

    def quiet_until(self, instant: datetime, severity: str) -> datetime | None:
        """When he may be told something of this severity; None is: now."""
        return self.quiet.until(instant, severity) if self.quiet is not None else None


class People(Protocol):
    """Who is who."""

    async def known(self, person_ids: Sequence[UUID]) -> Mapping[UUID, Person]:
        """Those of these who are people of the desk now."""

    async def with_role(self, contract_id: UUID, role: str) -> Sequence[Person]:
        """The people of the desk that have a role, then the contacts of the contract that do."""


class Messages(Protocol):
    """The door to the notifications: nothing else here knows how people are reached."""

    async def tell_person(
        self,
        incident: WorkItem,
        person: Person,
        kind: str,
        *,
        fact: str,
        details: Mapping[str, Any],
        not_before: datetime | None = None,
    ) -> None:
        """Queues a message to a person about an item, in this transaction; the same fact reaches him once."""

    async def tell_agency(
        self, people: Sequence[Person], kind: str, *, fact: str, contract_id: UUID | None, details: Mapping[str, Any]
    ) -> None:
        """Queues a message about no item, under a contract or none, to each of these; a fact reaches each once."""
