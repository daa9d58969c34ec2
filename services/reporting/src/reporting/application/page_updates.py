"""What people of the agency tell visitors of a status page, in sentences of their own: of outages, which are measured,
and of incidents that they put on the page themselves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias
from uuid import UUID

from reporting.domain.public_words import Impact, PublicIncidentStatus

Language: TypeAlias = Literal["fr", "en"]
Impacts: TypeAlias = Mapping[UUID, Impact]
"""Component to what an incident does to it."""
MOST_UPDATES: Final = 100
"""Of one incident: who has said so much has another way to tell it."""
MOST_INCIDENTS: Final = 20
"""That people have on one page at a time: a page with more tells nobody anything."""
MOST_AFFECTED: Final = 50
"""Components of one incident."""
LONGEST_AGO: Final = timedelta(days=90)
"""How long ago an incident may have begun: as far as a page looks back."""


@dataclass(frozen=True)
class WrittenUpdate:
    """A sentence that visitors read until it is withdrawn. Without a status it leaves the one that there is, and
    without components what is said of them."""

    page_update_id: UUID
    at: datetime
    status: PublicIncidentStatus | None
    texts: Mapping[Language, str]
    components: Impacts | None = None
    withdrawn_at: datetime | None = None


@dataclass(frozen=True)
class WrittenIncident:
    """An incident that people put on the page. `components`: as long as no sentence says otherwise."""

    page_incident_id: UUID
    titles: Mapping[Language, str]
    started_at: datetime
    published_at: datetime
    components: Impacts


class NotOnThePage(LookupError):
    """The page shows no incident with this id."""


class UnknownPageUpdate(LookupError):
    """Nobody told visitors such a thing of this incident."""


class UnknownPageIncident(LookupError):
    """Nobody put such an incident on this page."""


class NoSuchIncident(LookupError):
    """The client of the page has no incident with this id, as far as was heard."""


class UnknownComponent(LookupError):
    """The page shows no such component. `position`: its place among those that were named."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class IsMeasured(Exception):
    """What an outage does to its component is seen by measuring, and said by nobody."""


class ShownAsOutage(Exception):
    """The incident is that of an outage: the page shows it by itself."""


class AlreadyOnThePage(Exception):
    """The incident is on the page, under the id `page_incident_id`."""

    def __init__(self, page_incident_id: UUID) -> None:
        super().__init__(page_incident_id)
        self.page_incident_id = page_incident_id


class NotOverYet(Exception):
    """An outage that goes on is called resolved by nobody."""


class TooManyPageUpdates(Exception):
    """Of this incident enough was told."""


class TooManyPageIncidents(Exception):
    """On this page are enough of them."""


class IsWithdrawn(Exception):
    """What was withdrawn is withdrawn for good."""
