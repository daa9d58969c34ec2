"""Into the portal through the sign-in of one's organisation: the same person as by a mailed link, and nobody else.

A provider lets in those of its own agency, and a client's provider those of that client, whatever address it names.
"""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request, Response

from reporting.adapters.identity_providers import find_provider, hold_provider, known_provider
from reporting.adapters.portal_store import begin_session, make_link
from reporting.adapters.sign_in_words import failure
from reporting.adapters.upstream import PortalAccess
from reporting.api.dependencies import Settings
from reporting.api.portal_session import (
    PORTAL,
    YEAR_SECONDS,
    PortalRoute,
    is_secure,
    plain_page,
    portal_access,
    see,
    set_session_cookie,
    translator_for_strangers,
)
from reporting.api.single_sign_on import SignOn, portal_redirect_uri
from reporting.application.page_settings import PageProvider
from reporting.application.portal import ContractsAway, Person
from reporting.application.single_sign_on import Provider, SignInFailed
from reporting.settings import ReportingSettings
from shared.operations import Caller
from shared.service import CurrentRuntime
from shared.worker import Runtime

router = APIRouter(prefix=f"{PORTAL}/sso", tags=["portal"], route_class=PortalRoute, include_in_schema=False)

PROVIDER_COOKIE: Final = "portal_provider"
"""Through which provider this browser was let in last: the page of the portal's entry offers it."""
READINGS: Final = frozenset({"return_to_portal"})
"""It changes something although browsers are led there by GET: it stands in the audit log."""


@router.get("/{identity_provider_id}", summary="Sign in through a provider")
async def go_to_portal_provider(
    identity_provider_id: UUID, request: Request, settings: Settings, sign_on: SignOn
) -> Response:
    """Leads to the provider. Agencies give this address to their clients; so do lists of applications of providers."""
    try:
        return await sign_on.begin(identity_provider_id, portal_redirect_uri(settings, identity_provider_id))
    except SignInFailed as failed:
        sign_on.note(failed, identity_provider_id)
        return _told(request, failed, identity_provider_id)


@router.get("/{identity_provider_id}/callback", summary="Come back from a provider")
async def return_to_portal(
    identity_provider_id: UUID, request: Request, settings: Settings, runtime: CurrentRuntime, sign_on: SignOn
) -> Response:
    """Signs in whom the agency let in under the address that the provider vouches for; who is several chooses."""
    access = portal_access(settings)
    try:
        provider, address = await sign_on.finish(
            identity_provider_id, portal_redirect_uri(settings, identity_provider_id)
        )
        people = await _people(access, provider, address)
        async with runtime.units.for_every_tenant() as unit:
            await hold_provider(unit, provider)
            if len(people) > 1:
                choices = [(each, make_link(unit, each, identity_provider_id)) for each in people]
            else:
                (person,) = people
                browser = request.headers.get("user-agent", "")
                cookie = begin_session(unit, person, "oidc", browser, identity_provider_id)
                unit.caller = Caller(person.tenant_id, person.actor, person.role, person.client_id)
    except SignInFailed as failed:
        sign_on.note(failed, identity_provider_id)
        return sign_on.forget(_told(request, failed, identity_provider_id))
    if len(people) > 1:
        response = plain_page(
            request, "choose.html", {"choices": choices}, translator=translator_for_strangers(request)
        )
    else:
        response = see(PORTAL)
        set_session_cookie(response, settings, cookie)
    _remember(response, settings, identity_provider_id)
    return sign_on.forget(response)


async def _people(access: PortalAccess, provider: Provider, address: str) -> Sequence[Person]:
    """Whom the provider may let in under an address; there is at least one. Raises SignInFailed."""
    try:
        found = await access.people(address, provider.tenant_id)
    except ContractsAway as error:
        raise SignInFailed("away", f"contracts: {error}") from error
    people = [
        each for each in found if each.tenant_id == provider.tenant_id and provider.client_id in (None, each.client_id)
    ]
    if not people:
        raise SignInFailed("unknown_person")
    return people


async def last_provider(request: Request, runtime: Runtime) -> PageProvider | None:
    """The provider that let this browser in last, while it lets anybody in."""
    try:
        identity_provider_id = UUID(request.cookies.get(PROVIDER_COOKIE, ""))
    except ValueError:
        return None
    async with runtime.units.for_every_tenant() as unit:
        row = await find_provider(unit, identity_provider_id)
        return known_provider(row) if row is not None and row.enabled else None


def _remember(response: Response, settings: ReportingSettings, identity_provider_id: UUID) -> None:
    response.set_cookie(
        PROVIDER_COOKIE,
        str(identity_provider_id),
        path=PORTAL,
        max_age=YEAR_SECONDS,
        samesite="lax",
        secure=is_secure(settings),
        httponly=True,
    )


def _told(request: Request, failed: SignInFailed, identity_provider_id: UUID) -> Response:
    t = translator_for_strangers(request)
    told = failure(t, failed.fault)
    values = {"failure": told, "begin": f"{PORTAL}/sso/{identity_provider_id}"}
    return plain_page(request, "single_sign_on.html", values, translator=t, status=told.status)
