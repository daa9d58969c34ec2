"""What on-call needs of a contract beside its clocks: whether it promises every hour, and who its contacts are."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from incidents.adapters.contract_state import LANGUAGES
from incidents.application.people import Person


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class _ServiceDesk(_Tolerant):
    round_the_clock: bool = False


class _Contact(_Tolerant):
    name: str = ""
    email: str | None = None
    language: str | None = None
    roles: list[str] = Field(default_factory=list)


class _Client(_Tolerant):
    language: str = "en"


class _State(_Tolerant):
    service_desk: _ServiceDesk | None = None
    contacts: list[_Contact] = Field(default_factory=list)
    client: _Client = _Client()


def promises_every_hour(state: Mapping[str, Any]) -> bool:
    """Whether the terms of a version say outright that the contract is round the clock."""
    desk = _State.model_validate(state).service_desk
    return desk is not None and desk.round_the_clock


def contacts_with_role(state: Mapping[str, Any], role: str) -> list[Person]:
    """The contacts of a contract that have a role and an address; each reads his own language, or the client's."""
    read = _State.model_validate(state)
    found = []
    for contact in read.contacts:
        if contact.email is not None and role in contact.roles:
            language = (contact.language or read.client.language).lower().partition("-")[0]
            spoken = language if language in LANGUAGES else "en"
            found.append(Person(None, contact.name or contact.email, contact.email, spoken, audience="client"))
    return found
