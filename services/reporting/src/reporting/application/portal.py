"""Who is let into the portal, and how: a mailed link opens a session, a session shows a client's own pages."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.events import Actor

Way = Literal["link", "oidc"]
"""How somebody signed in."""


class Person(BaseModel):
    """Somebody whom an agency let in for one of its clients, as contracts tells of him."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    user_id: UUID
    tenant_id: UUID
    client_id: UUID
    name: str
    email: str
    role: Literal["client_decider", "client_staff"]
    language: str
    client_name: str
    agency_name: str

    @property
    def actor(self) -> Actor:
        """How he is written into records."""
        return Actor(kind="user", id=str(self.user_id), name=self.name)

    @property
    def decides(self) -> bool:
        """Whether he reads the contract, its hours and invoices, and decides for the client."""
        return self.role == "client_decider"


class TooManyAskings(Exception):
    """So many links were asked for from one place that no more is taken for a while."""


class LinkIsOver(Exception):
    """The link was used, has ended, or never was: the three are told alike."""


class PersonIsOut(Exception):
    """Contracts does not know the person as one who may sign in, (not) any more."""


class ContractsAway(Exception):
    """Contracts did not answer as it should: who may sign in cannot be told now."""
