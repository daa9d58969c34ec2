"""Clients of an agency and the people there."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from contracts.application.errors import NotNow, Unknown
from contracts.application.ports import Workspace
from contracts.application.values import Country, Currency, Email, Language, Name, Request, TimeZone, unchanged
from shared.values import Instant

ContactRole = Literal["decider", "technical", "billing", "staff"]

MOST_CONTACTS = 200


class ContactFields(Request):
    """A person at the client."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {"name": "Léa Martin", "email": "lea@hotel-du-lac.example", "language": "fr", "roles": ["decider"]}
            ]
        },
    )

    name: Name = Field(examples=["Léa Martin"])
    email: Email = Field(examples=["lea@hotel-du-lac.example"])
    language: Language = "fr"
    roles: list[ContactRole] = Field(min_length=1, max_length=4, examples=[["decider"]])


class ContactPatch(Request):
    """What to change of a contact (merge patch)."""

    name: Name = unchanged()
    email: Email = unchanged()
    language: Language = unchanged()
    roles: Annotated[list[ContactRole], Field(min_length=1, max_length=4)] = unchanged()


class Contact(ContactFields):
    """A person at the client, as stored."""

    model_config = ConfigDict(extra="ignore")

    contact_id: UUID
    version: int = Field(ge=1)


class ClientFields(Request):
    """A customer of the agency."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "name": "Hôtel du Lac",
                    "language": "fr",
                    "time_zone": "Europe/Paris",
                    "currency": "EUR",
                    "country": "FR",
                }
            ]
        },
    )

    name: Name = Field(examples=["Hôtel du Lac"])
    language: Language = Field(default="fr", description="Language of what the client reads.")
    time_zone: TimeZone = Field(default="Europe/Paris", examples=["Europe/Paris"])
    currency: Currency = Field(default="EUR", examples=["EUR"])
    country: Country = Field(default="FR", description="ISO 3166-1 code.", examples=["FR"])


class NewClient(ClientFields):
    """A client to create, with its first contacts."""

    contacts: list[ContactFields] = Field(default_factory=list, max_length=MOST_CONTACTS)


class ClientPatch(Request):
    """What to change of a client (merge patch)."""

    name: Name = unchanged()
    language: Language = unchanged()
    time_zone: TimeZone = unchanged()
    currency: Currency = unchanged()
    country: Country = unchanged()


class Client(BaseModel):
    """A client, as stored."""

    client_id: UUID
    version: int = Field(ge=1)
    name: str
    language: Language
    time_zone: str
    currency: str
    country: str
    contacts: list[Contact] = Field(max_length=MOST_CONTACTS)
    created_at: Instant
    updated_at: Instant


async def create_client(work: Workspace, new: NewClient) -> Client:
    """A new client; says `client.changed`."""
    client = Client(
        client_id=work.new_id(),
        version=1,
        **new.model_dump(exclude={"contacts"}),
        contacts=[_contact(work, contact) for contact in new.contacts],
        created_at=work.now,
        updated_at=work.now,
    )
    await work.clients.add(client)
    work.announcer.client_changed(client)
    return client


async def change_client(work: Workspace, client: Client, changes: dict[str, object]) -> Client:
    """The locked client with other values, which are already valid; says `client.changed`."""
    return await _save(work, client.model_copy(update=changes))


async def add_contact(work: Workspace, client_id: UUID, new: ContactFields) -> Contact:
    """One more person at the client. Raises Unknown."""
    client = await work.clients.locked(client_id)
    if len(client.contacts) >= MOST_CONTACTS:
        raise NotNow(f"A client has at most {MOST_CONTACTS} contacts. Remove one that is no longer there.")
    contact = _contact(work, new)
    await _save(work, client.model_copy(update={"contacts": [*client.contacts, contact]}))
    return contact


def contact_of(client: Client, contact_id: UUID) -> Contact:
    """The client's contact with this id. Raises Unknown."""
    for contact in client.contacts:
        if contact.contact_id == contact_id:
            return contact
    raise Unknown("contact", contact_id)


async def change_contact(work: Workspace, client: Client, contact: Contact, changes: dict[str, object]) -> Contact:
    """A contact of the locked client with other values, which are already valid."""
    changed = contact.model_copy(update={**changes, "version": contact.version + 1})
    contacts = [changed if item.contact_id == contact.contact_id else item for item in client.contacts]
    await _save(work, client.model_copy(update={"contacts": contacts}))
    return changed


async def remove_contact(work: Workspace, client: Client, contact: Contact) -> None:
    """Forgets a person; what was signed keeps the name that it was signed with."""
    contacts = [item for item in client.contacts if item.contact_id != contact.contact_id]
    await _save(work, client.model_copy(update={"contacts": contacts}))


def _contact(work: Workspace, fields: ContactFields) -> Contact:
    return Contact(contact_id=work.new_id(), version=1, **fields.model_dump())


async def _save(work: Workspace, client: Client) -> Client:
    saved = client.model_copy(update={"version": client.version + 1, "updated_at": work.now})
    await work.clients.save(saved)
    work.announcer.client_changed(saved)
    return saved
