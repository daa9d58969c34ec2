"""What the use cases need from the outside."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime
from typing import Protocol
from uuid import UUID

from reporting.application.facts import KnownContract, KnownIncident, Names
from reporting.application.maintenance import KnownWindow
from reporting.application.page_settings import KnownPage
from reporting.application.page_updates import WrittenIncident, WrittenUpdate
from reporting.application.told import ToldFacts
from reporting.domain.reclassification import Decision
from reporting.domain.response_times import ResponseFigure
from reporting.domain.state_line import Transition
from shared.kernel.sketch import Sketch


class Facts(ToldFacts, Protocol):
    """What was heard, as far as the unit of work may see it."""

    async def versions(self, contract_id: UUID) -> Sequence[KnownContract]:
        """Every known version of a contract by number; empty when there is none that may be seen."""
        ...

    async def transitions(
        self, contract_id: UUID, start: datetime, until: datetime
    ) -> Mapping[UUID, Sequence[Transition]]:
        """By environment: the transitions before `until` that say something about `[start, until)`."""
        ...

    async def decisions(self, contract_id: UUID, known_at: datetime) -> Sequence[Decision]:
        """The decisions on outages that were in force at an instant, the last approved first."""
        ...

    async def incidents(self, contract_id: UUID, start: datetime, until: datetime) -> Sequence[KnownIncident]:
        """Incidents that began before `until` and were not resolved before `start`, oldest first: as they are now, and
        with all that was said of those that were reopened, or of which something was said after `until`.
        """
        ...

    async def names(self, contract_id: UUID) -> Names:
        """The newest names of the contract's client, sites and environments."""
        ...

    async def maintenance(self, client_id: UUID, start: datetime, until: datetime) -> Sequence[KnownWindow]:
        """The windows of planned work of a client that may touch `[start, until)`."""
        ...

    async def response_hours(
        self, contract_id: UUID, start: datetime, end: datetime
    ) -> Mapping[UUID, Mapping[datetime, ResponseFigure]]:
        """By environment: response times of each hour that begins in `[start, end)`."""
        ...

    async def response_days(
        self, contract_id: UUID, zone: str, first: date
    ) -> Mapping[UUID, Mapping[date, ResponseFigure]]:
        """By environment: response times of each local day from `first` on, as far as days were summed up."""
        ...

    async def response_sketches(self, contract_id: UUID, start: datetime, end: datetime) -> Mapping[UUID, Sketch]:
        """By environment: response times of all hours that begin in `[start, end)`, as one sketch."""
        ...

    async def page(self, tenant_id: UUID, slug: str, client_id: UUID) -> KnownPage:
        """What an agency decided about a client's page at an address; the defaults as long as that is nothing."""
        ...

    async def page_picture(self, tenant_id: UUID, client_id: UUID, digest: str) -> bytes | None:
        """The picture of a client's status page that has this hash; None when it has been replaced."""
        ...

    async def page_incidents(
        self, tenant_id: UUID, slugs: Collection[str], client_id: UUID, since: datetime
    ) -> Sequence[WrittenIncident]:
        """What people put on a client's pages, unless it was withdrawn or they called it resolved before `since`."""
        ...

    async def page_updates(
        self, tenant_id: UUID, slugs: Collection[str], incident_ids: Collection[UUID]
    ) -> Mapping[UUID, Sequence[WrittenUpdate]]:
        """By incident of these pages: what people tell visitors of it, oldest first; what was withdrawn among it."""
        ...

    async def page_changed_at(self, tenant_id: UUID, slug: str, client_id: UUID) -> datetime | None:
        """When somebody last told visitors of a page something, took it back, planned work, or changed its settings."""
        ...

    async def contracts_of(self, client_id: UUID) -> Sequence[UUID]:
        """The contracts of a client."""
        ...

    async def contracts_on_page(self, slug: str, *, ended: bool = False) -> Sequence[UUID]:
        """The contracts shown on the public page of a slug, those of the one client to whom it belongs, in the order in
        which they began; `ended`: with those of his that were until they ended."""
        ...
