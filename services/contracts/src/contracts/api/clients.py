"""Clients and their contacts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from contracts.adapters import queries
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, tagged
from contracts.application import clients
from contracts.application.clients import Client, ClientPatch, Contact, ContactFields, ContactPatch, NewClient
from shared.auth import Principal, require
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/clients", tags=["clients"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Writer = Annotated[Principal, Depends(require("contracts:write"))]


@router.post("", summary="Create a client", status_code=201, responses=CREATED, dependencies=[Idempotent])
async def create_client(new: NewClient, response: Response, work: Work, _who: Writer) -> Client:
    """A customer of the agency, with the people there."""
    client = await clients.create_client(work, new)
    tagged(response, client.version, f"/v1/clients/{client.client_id}")
    return client


@router.get("", summary="List clients")
async def list_clients(unit: Unit, params: PageParams, _who: Reader) -> Page[Client]:
    """Clients in the order in which they were created; a role that is bound to a client sees that one."""
    return await queries.list_clients(unit, params)


@router.get("/{client_id}", summary="Read a client", responses=SHOWN)
async def get_client(client_id: UUID, response: Response, work: Work, _who: Reader) -> Client:
    """A client with its contacts."""
    client = await work.clients.get(client_id)
    tagged(response, client.version)
    return client


@router.patch("/{client_id}", summary="Change a client", responses=SHOWN)
async def update_client(
    client_id: UUID, patch: ClientPatch, response: Response, work: Work, if_match: IfMatch, _who: Writer
) -> Client:
    """A merge patch (RFC 7396). Contracts that were proposed keep what they say."""
    client = await work.clients.locked(client_id)
    if_match.require(client.version)
    client = await clients.change_client(work, client, patch.model_dump(exclude_unset=True))
    tagged(response, client.version)
    return client


@router.post(
    "/{client_id}/contacts",
    summary="Add a contact",
    status_code=201,
    responses=CREATED | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def create_contact(client_id: UUID, new: ContactFields, response: Response, work: Work, _who: Writer) -> Contact:
    """One more person at the client."""
    contact = await clients.add_contact(work, client_id, new)
    tagged(response, contact.version, f"/v1/clients/{client_id}/contacts/{contact.contact_id}")
    return contact


@router.get("/{client_id}/contacts/{contact_id}", summary="Read a contact", responses=SHOWN)
async def get_contact(client_id: UUID, contact_id: UUID, response: Response, work: Work, _who: Reader) -> Contact:
    """A person at the client."""
    contact = clients.contact_of(await work.clients.get(client_id), contact_id)
    tagged(response, contact.version)
    return contact


@router.patch("/{client_id}/contacts/{contact_id}", summary="Change a contact", responses=SHOWN)
async def update_contact(
    client_id: UUID,
    contact_id: UUID,
    patch: ContactPatch,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: Writer,
) -> Contact:
    """A merge patch (RFC 7396)."""
    client = await work.clients.locked(client_id)
    contact = clients.contact_of(client, contact_id)
    if_match.require(contact.version)
    contact = await clients.change_contact(work, client, contact, patch.model_dump(exclude_unset=True))
    tagged(response, contact.version)
    return contact


@router.delete("/{client_id}/contacts/{contact_id}", summary="Remove a contact", status_code=204)
async def delete_contact(client_id: UUID, contact_id: UUID, work: Work, if_match: IfMatch, _who: Writer) -> None:
    """Forgets a person; signed contracts keep the names that were signed."""
    client = await work.clients.locked(client_id)
    contact = clients.contact_of(client, contact_id)
    if_match.require(contact.version)
    await clients.remove_contact(work, client, contact)
