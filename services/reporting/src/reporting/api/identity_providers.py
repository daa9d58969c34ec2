"""OpenID providers through which clients sign in to the portal and to status pages."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy import select

from reporting.adapters.identity_providers import (
    IdentityProviderRow,
    add_provider,
    find_provider,
    provider_of,
)
from reporting.adapters.page_providers import end_visits, pages_of, remove_provider
from reporting.adapters.secret_box import Unreadable
from reporting.adapters.webhooks import unknown_clients
from reporting.api.dependencies import Box, Settings
from reporting.api.guarded_addresses import check_address
from reporting.api.identity_provider_models import (
    IdentityProviderChange,
    IdentityProviderView,
    NewIdentityProvider,
    ProviderCheck,
    ProviderTest,
)
from reporting.api.single_sign_on import OpenId, portal_redirect_uri
from reporting.settings import ReportingSettings
from shared.auth import ROLES, Principal, not_theirs_to_give
from shared.etag import IfMatch, etag
from shared.ids import new_id
from shared.pagination import Page, PageParams, paginate
from shared.problems import (
    Conflict,
    FieldError,
    Forbidden,
    NotFound,
    PreconditionFailed,
    ValidationFailed,
    responses_for,
)
from shared.service import CurrentRuntime, Unit, callers_unit, require

router = APIRouter(prefix="/v1/identity-providers", tags=["identity providers"])

Manager = Annotated[Principal, Depends(require("identity:manage"))]
_IN_THE_CLEAR = "Use an https address: who signs in must not be told in the clear."
_ENDING = frozenset({"issuer", "oidc_client_id", "allowed_domains", "required_claims", "verified_claim"})
"""What decides who is let in: whoever was let in before has to be looked at again."""


def _check_letting_in(manager: Principal) -> None:
    """Raises Forbidden for who cannot do what the people can do of whom a provider says who they are."""
    beyond = not_theirs_to_give(ROLES["client_decider"], manager.scopes)
    if beyond:
        raise Forbidden(
            "Whoever chooses a provider chooses who signs in as the clients' people, and nobody gives away more than he"
            f" has. Your token does not include: {', '.join(sorted(beyond))}."
        )


async def _found(unit: Unit, identity_provider_id: UUID, *, lock: bool = False) -> IdentityProviderRow:
    row = await find_provider(unit, identity_provider_id, lock=lock)
    if row is None:
        raise NotFound("There is no identity provider with this id.")
    return row


async def _view(unit: Unit, row: IdentityProviderRow, settings: ReportingSettings) -> IdentityProviderView:
    pages = await pages_of(unit, [row.identity_provider_id])
    return IdentityProviderView.of(row, pages[row.identity_provider_id], settings)


@router.post("", status_code=201, summary="Add an identity provider", responses=responses_for(Conflict))
async def create_identity_provider(
    body: NewIdentityProvider, unit: Unit, manager: Manager, settings: Settings, box: Box, response: Response
) -> IdentityProviderView:
    """Its people can sign in to the portal from now on, if the agency let them in: the same users as by mailed links.

    Register `redirect_uris` of the answer at the provider, then ask for a test. No Idempotency-Key is kept here:
    what is sent holds a secret. Repeated by mistake, it makes a second provider, which can be deleted. 403 for a token
    without the scopes of a client_decider: that is what its people can do.
    """
    _check_letting_in(manager)
    check_address(body.issuer, settings, "#/issuer", _IN_THE_CLEAR)
    if body.client_id is not None and await unknown_clients(unit, [body.client_id]):
        detail = "There is no client with this id, or Upheld has not heard of it here yet: look at /v1/clients."
        raise ValidationFailed(detail, errors=[FieldError(detail=detail, pointer="#/client_id")])
    assert unit.tenant_id is not None
    row = IdentityProviderRow(
        identity_provider_id=new_id(),
        tenant_id=unit.tenant_id,
        client_id=body.client_id,
        version=1,
        name=body.name,
        issuer=body.issuer,
        oidc_client_id=body.oidc_client_id,
        oidc_client_secret=box.seal(body.oidc_client_secret.get_secret_value()),
        allowed_domains=list(dict.fromkeys(body.allowed_domains)),
        required_claims=body.required_claims,
        verified_claim=body.verified_claim,
        enabled=body.enabled,
        created_at=unit.now,
        updated_at=unit.now,
    )
    await add_provider(unit, row)
    response.headers["Location"] = f"/v1/identity-providers/{row.identity_provider_id}"
    response.headers["ETag"] = etag(row.version)
    return IdentityProviderView.of(row, [], settings)


@router.get("", summary="List identity providers")
async def list_identity_providers(
    unit: Unit, _manager: Manager, settings: Settings, params: PageParams
) -> Page[IdentityProviderView]:
    """The providers of the agency and of its clients, oldest first."""
    page = await paginate(
        unit.session,
        select(IdentityProviderRow),
        columns=(IdentityProviderRow.created_at, IdentityProviderRow.identity_provider_id),
        params=params,
        to_item=lambda row: row,
    )
    pages = await pages_of(unit, [row.identity_provider_id for row in page.data])
    return Page[IdentityProviderView](
        data=[IdentityProviderView.of(row, pages[row.identity_provider_id], settings) for row in page.data],
        next_cursor=page.next_cursor,
    )


@router.get("/{identity_provider_id}", summary="Read an identity provider", responses=responses_for(NotFound))
async def get_identity_provider(
    identity_provider_id: UUID, unit: Unit, _manager: Manager, settings: Settings, response: Response
) -> IdentityProviderView:
    """One provider, without its secret. Its redirect URIs change with the pages that name it; its version does not."""
    row = await _found(unit, identity_provider_id)
    response.headers["ETag"] = etag(row.version)
    return await _view(unit, row, settings)


@router.patch(
    "/{identity_provider_id}",
    summary="Change an identity provider",
    responses=responses_for(NotFound, PreconditionFailed),
)
async def update_identity_provider(
    identity_provider_id: UUID,
    body: IdentityProviderChange,
    unit: Unit,
    manager: Manager,
    settings: Settings,
    box: Box,
    if_match: IfMatch,
    response: Response,
) -> IdentityProviderView:
    """A merge patch: what is left out stays. A change of who is let in, and turning it off, ends what it opened: visits
    of status pages always, sessions of the portal and mails about those pages then. Letting in, by a change of it or by
    turning it on, takes the scopes of a client_decider: else 403."""
    if body.enabled is True or _ENDING & body.model_fields_set:
        _check_letting_in(manager)
    row = await _found(unit, identity_provider_id, lock=True)
    if_match.require(row.version)
    given = body.model_dump(exclude_unset=True, exclude={"oidc_client_secret"})
    if "issuer" in given:
        check_address(given["issuer"], settings, "#/issuer", _IN_THE_CLEAR)
    if "allowed_domains" in given:
        given["allowed_domains"] = list(dict.fromkeys(given["allowed_domains"]))
    ends = given.get("enabled") is False or any(getattr(row, name) != given[name] for name in _ENDING & set(given))
    for name, value in given.items():
        setattr(row, name, value)
    if "oidc_client_secret" in body.model_fields_set:
        row.oidc_client_secret = box.seal(body.oidc_client_secret.get_secret_value())
    if ends:
        await end_visits(unit, row)
    row.version += 1
    row.updated_at = unit.now
    response.headers["ETag"] = etag(row.version)
    return await _view(unit, row, settings)


@router.delete(
    "/{identity_provider_id}",
    status_code=204,
    summary="Delete an identity provider",
    responses=responses_for(NotFound, PreconditionFailed, Conflict),
)
async def delete_identity_provider(
    identity_provider_id: UUID, unit: Unit, _manager: Manager, if_match: IfMatch
) -> None:
    """Nobody signs in through it any more, and who did is signed out. Not while a status page names it: 409."""
    row = await _found(unit, identity_provider_id, lock=True)
    if_match.require(row.version)
    await remove_provider(unit, row)


@router.post(
    "/{identity_provider_id}/test", summary="Test an identity provider", responses=responses_for(NotFound, Conflict)
)
async def try_identity_provider(
    identity_provider_id: UUID,
    request: Request,
    runtime: CurrentRuntime,
    manager: Manager,
    settings: Settings,
    box: Box,
    providers: OpenId,
) -> ProviderTest:
    """Reads what the provider says of itself, its keys, and whether it knows our client id and secret. Whether it knows
    the redirect URIs too, only signing in can tell."""
    # Its own transaction, which is over before a server is asked that the agency named, and that may take its time.
    async with callers_unit(request, runtime, manager) as unit:
        row = await _found(unit, identity_provider_id)
        try:
            provider = provider_of(row, box)
        except Unreadable:
            raise Conflict("The secret was sealed with a key that is gone. Send `oidc_client_secret` again.") from None
    checks = await providers.look_at(provider, portal_redirect_uri(settings, identity_provider_id))
    return ProviderTest(works=all(each.passed for each in checks), checks=[ProviderCheck.of(each) for each in checks])
