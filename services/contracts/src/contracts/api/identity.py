"""The agency itself, its people and its keys."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from contracts.adapters import queries
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, tagged
from contracts.application.identity import (
    ApiKey,
    IssuedApiKey,
    NewApiKey,
    NewUser,
    Tenant,
    TenantPatch,
    User,
    UserPatch,
    change_tenant,
    change_user,
    create_api_key,
    create_user,
    revoke_api_key,
)
from shared.auth import Principal, require
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1", tags=["identity"], route_class=VersionedRoute)

Manager = Annotated[Principal, Depends(require("identity:manage"))]


@router.get("/tenant", summary="Read the agency", responses=SHOWN)
async def get_tenant(response: Response, work: Work, _who: Manager) -> Tenant:
    """The agency that the token belongs to."""
    tenant = await work.tenants.get(work.tenant_id)
    tagged(response, tenant.version)
    return tenant


@router.patch("/tenant", summary="Change the agency", responses=SHOWN)
async def update_tenant(patch: TenantPatch, response: Response, work: Work, if_match: IfMatch, _who: Manager) -> Tenant:
    """A merge patch (RFC 7396)."""
    tenant = await work.tenants.locked(work.tenant_id)
    if_match.require(tenant.version)
    tenant = await change_tenant(work, tenant, patch.model_dump(exclude_unset=True))
    tagged(response, tenant.version)
    return tenant


@router.post(
    "/users",
    summary="Let a person in",
    status_code=201,
    responses=CREATED | responses_for(Conflict, NotFound),
    dependencies=[Idempotent],
)
async def add_user(new: NewUser, response: Response, work: Work, who: Manager) -> User:
    """A person with a role. To sign in, the person needs an API key, or the external OpenID provider; a client's people
    sign in to the portal. 422 for a role with scopes that your token does not have.
    """
    user = await create_user(work, new, who.scopes)
    tagged(response, user.version, f"/v1/users/{user.user_id}")
    return user


@router.get("/users", summary="List the people")
async def list_users(unit: Unit, params: PageParams, _who: Manager) -> Page[User]:
    """Everybody who was let in, in that order."""
    return await queries.list_users(unit, params)


@router.get("/users/{user_id}", summary="Read a person", responses=SHOWN)
async def get_user(user_id: UUID, response: Response, work: Work, _who: Manager) -> User:
    """A person."""
    user = await work.users.get(user_id)
    tagged(response, user.version)
    return user


@router.patch("/users/{user_id}", summary="Change a person", responses=SHOWN)
async def update_user(
    user_id: UUID, patch: UserPatch, response: Response, work: Work, if_match: IfMatch, who: Manager
) -> User:
    """A merge patch (RFC 7396). Disabling a person revokes the person's keys for good. Enabling is letting in: 422 for
    a role with scopes that your token does not have.
    """
    user = await work.users.locked(user_id)
    if_match.require(user.version)
    user = await change_user(work, user, patch.model_dump(exclude_unset=True), who.scopes)
    tagged(response, user.version)
    return user


# Not idempotent by key: the answer holds the secret, and answers to repeat are stored.
@router.post(
    "/api-keys",
    summary="Make an API key",
    status_code=201,
    responses=CREATED | responses_for(Conflict, NotFound),
)
async def add_api_key(new: NewApiKey, response: Response, work: Work, who: Manager) -> IssuedApiKey:
    """A key for a program or for a person. `client_secret` is shown this once; keep it where secrets are kept."""
    key = await create_api_key(work, new, who.scopes)
    tagged(response, key.version, f"/v1/api-keys/{key.api_key_id}")
    response.headers["Cache-Control"] = "no-store"
    return key


@router.get("/api-keys", summary="List the API keys")
async def list_api_keys(unit: Unit, params: PageParams, _who: Manager) -> Page[ApiKey]:
    """All keys, revoked ones too, in the order in which they were made."""
    return await queries.list_api_keys(unit, params)


@router.get("/api-keys/{api_key_id}", summary="Read an API key", responses=SHOWN)
async def get_api_key(api_key_id: UUID, response: Response, work: Work, _who: Manager) -> ApiKey:
    """A key, without its secret."""
    key = await work.keys.get(api_key_id)
    tagged(response, key.version)
    return key


@router.post("/api-keys/{api_key_id}/revoke", summary="Revoke an API key", responses=SHOWN)
async def revoke_key(api_key_id: UUID, response: Response, work: Work, _who: Manager) -> ApiKey:
    """The key gets no token any more, at once and for good. Tokens that it has live on for at most ten minutes."""
    key = await revoke_api_key(work, api_key_id)
    tagged(response, key.version)
    return key
