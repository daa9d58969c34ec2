"""What people of the agency tell visitors of a status page about an outage, in sentences of their own."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from reporting.domain.public_words import PublicIncidentStatus

Language: TypeAlias = Literal["fr", "en"]
MOST_UPDATES = 100
"""Of one outage: who has said so much has another way to tell it."""


@dataclass(frozen=True)
class WrittenUpdate:
    """A sentence that visitors read. Without a status it leaves the one that the outage has."""

    page_update_id: UUID
    at: datetime
    status: PublicIncidentStatus | None
    texts: Mapping[Language, str]


class NotOnThePage(LookupError):
    """The page shows no outage with this id."""


class UnknownPageUpdate(LookupError):
    """Nobody told visitors such a thing of this outage."""


class NotOverYet(Exception):
    """An outage that goes on is called resolved by nobody."""


class TooManyPageUpdates(Exception):
    """Of this outage enough was told."""


class IsWithdrawn(Exception):
    """What was withdrawn is withdrawn for good."""
