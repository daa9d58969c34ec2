"""Between the portal of this installation and us: who may sign in with an address, and a token for him.

Not in the OpenAPI document: nobody else builds on it. The portal, which reporting serves, has found out by a mailed
link or an OpenID provider that the caller reads mails to an address; it shows a secret that only both of us know.
What it gets here are tokens of client roles and no other, so that whoever stole the secret is no agency anywhere.
"""

import hmac
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, Field

from contracts.adapters.credentials import client_person, people_reading
from contracts.api.tokens import Chest, Token, TokenBrake, token_brake
from contracts.application.values import Email, Language
from contracts.application.values import Request as Body
from contracts.domain.signing_keys import TOKEN_LIFETIME
from contracts.settings import ContractsSettings
from shared.auth import ROLES, Role, mint_token
from shared.events import Actor
from shared.operations import Caller
from shared.problems import NotFound, Unauthorized
from shared.service import CurrentRuntime, PublicUnit

MOST_PEOPLE = 50
"""As many clients as one address may stand for, of the agency that is asked for, or of all agencies together."""

router = APIRouter(prefix="/v1/portal", tags=["identity"], include_in_schema=False)

_log = structlog.get_logger(__name__)


class PersonLookUp(Body):
    """An address that somebody reads mails at."""

    email: Email
    tenant_id: UUID | None = None
    """Only those whom this agency let in; without it those of all."""


class PortalPerson(BaseModel):
    """Somebody whom an agency let in for one of its clients."""

    user_id: UUID
    tenant_id: UUID
    client_id: UUID
    name: str
    email: str
    role: Role
    language: Language
    client_name: str
    agency_name: str


class People(BaseModel):
    """Everybody who signs in with an address: one for each client."""

    people: list[PortalPerson] = Field(max_length=MOST_PEOPLE)


class TokenFor(Body):
    """Whom the portal speaks for."""

    user_id: UUID


def portal_only(request: Request, brake: Annotated[TokenBrake, Depends(token_brake)]) -> None:
    """Dependency: the portal's secret. Raises NotFound without a portal, Unauthorized, TooManyRequests."""
    settings: ContractsSettings = request.app.state.settings
    if settings.portal_secret is None:
        raise NotFound("This installation has no portal: CONTRACTS_PORTAL_SECRET is not set.")
    expected = f"Bearer {settings.portal_secret.get_secret_value()}".encode()
    if not hmac.compare_digest(request.headers.get("authorization", "").encode("utf-8", "surrogateescape"), expected):
        _log.warning("portal_refused")
        brake.refused(request.client.host if request.client else "", "portal")
        raise Unauthorized("This is for the portal only.", headers={"WWW-Authenticate": 'Bearer realm="portal"'})


Portal = Annotated[None, Depends(portal_only)]


@router.post("/people", summary="Find who signs in with an address")
async def find_portal_people(who: PersonLookUp, unit: PublicUnit, _portal: Portal) -> People:
    """Everybody with a client's role who is not disabled; nobody is no error, and is told like anybody."""
    found = await people_reading(unit, who.email, MOST_PEOPLE, who.tenant_id)
    return People(people=[PortalPerson.model_validate(person, from_attributes=True) for person in found])


@router.post("/tokens", summary="Get a bearer token for somebody who signed in")
async def create_portal_token(
    who: TokenFor, response: Response, runtime: CurrentRuntime, chest: Chest, _portal: Portal
) -> Token:
    """A token like any other of that person. 404 with `person: unknown` once he is disabled: his session has ended.

    The portal ends a session for this very answer, and for no other 404 that something between us may give.
    """
    async with runtime.units.for_every_tenant() as unit:
        person = await client_person(unit, who.user_id)
        if person is None:
            raise NotFound("There is no such person who may use the portal.", person="unknown")
        unit.caller = Caller(
            person.tenant_id,
            Actor(kind="user", id=str(person.user_id), name=person.name),
            person.role,
            person.client_id,
        )
        signer = await chest.signer(unit)
    settings = runtime.settings
    response.headers["Cache-Control"] = "no-store"
    return Token(
        access_token=mint_token(
            signer.private_key,
            signer.kid,
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            now=unit.now,
            tenant_id=person.tenant_id,
            client_id=person.client_id,
            role=person.role,
            kind="user",
            subject=str(person.user_id),
            name=person.name,
            lifetime=TOKEN_LIFETIME,
        ),
        expires_in=int(TOKEN_LIFETIME.total_seconds()),
        scope=" ".join(sorted(ROLES[person.role])),
    )
