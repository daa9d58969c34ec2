"""Sites and their environments."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from contracts.adapters import queries
from contracts.api.dependencies import CREATED, SHOWN, VersionedRoute, Work, tagged
from contracts.application import sites
from contracts.application.sites import Environment, EnvironmentFields, EnvironmentPatch, NewSite, Site, SitePatch
from shared.auth import Principal, require
from shared.etag import IfMatch
from shared.idempotency import Idempotent
from shared.pagination import Page, PageParams
from shared.problems import Conflict, NotFound, responses_for
from shared.service import Unit

router = APIRouter(prefix="/v1/sites", tags=["sites"], route_class=VersionedRoute)

Reader = Annotated[Principal, Depends(require("contracts:read"))]
Writer = Annotated[Principal, Depends(require("contracts:write"))]


@router.post(
    "",
    summary="Create a site",
    status_code=201,
    responses=CREATED | responses_for(NotFound),
    dependencies=[Idempotent],
)
async def create_site(new: NewSite, response: Response, work: Work, _who: Writer) -> Site:
    """A system of a client, with the environments in which it runs."""
    site = await sites.create_site(work, new)
    tagged(response, site.version, f"/v1/sites/{site.site_id}")
    return site


@router.get("", summary="List sites")
async def list_sites(
    unit: Unit,
    params: PageParams,
    _who: Reader,
    client_id: Annotated[UUID | None, Query(description="Only the sites of this client.")] = None,
) -> Page[Site]:
    """Sites in the order in which they were created."""
    return await queries.list_sites(unit, params, client_id)


@router.get("/{site_id}", summary="Read a site", responses=SHOWN)
async def get_site(site_id: UUID, response: Response, work: Work, _who: Reader) -> Site:
    """A site with its environments."""
    site = await work.sites.get(site_id)
    tagged(response, site.version)
    return site


@router.patch("/{site_id}", summary="Change a site", responses=SHOWN)
async def update_site(
    site_id: UUID, patch: SitePatch, response: Response, work: Work, if_match: IfMatch, _who: Writer
) -> Site:
    """A merge patch (RFC 7396)."""
    site = await work.sites.locked(site_id)
    if_match.require(site.version)
    site = await sites.change_site(work, site, patch.model_dump(exclude_unset=True))
    tagged(response, site.version)
    return site


@router.post(
    "/{site_id}/environments",
    summary="Add an environment",
    status_code=201,
    responses=CREATED | responses_for(Conflict),
    dependencies=[Idempotent],
)
async def create_environment(
    site_id: UUID, new: EnvironmentFields, response: Response, work: Work, _who: Writer
) -> Environment:
    """One more environment: only what counts for the SLA is part of what contracts promise."""
    environment = await sites.add_environment(work, site_id, new)
    tagged(response, environment.version, f"/v1/sites/{site_id}/environments/{environment.environment_id}")
    return environment


@router.get("/{site_id}/environments/{environment_id}", summary="Read an environment", responses=SHOWN)
async def get_environment(
    site_id: UUID, environment_id: UUID, response: Response, work: Work, _who: Reader
) -> Environment:
    """An environment of a site."""
    environment = sites.environment_of(await work.sites.get(site_id), environment_id)
    tagged(response, environment.version)
    return environment


@router.patch("/{site_id}/environments/{environment_id}", summary="Change an environment", responses=SHOWN)
async def update_environment(
    site_id: UUID,
    environment_id: UUID,
    patch: EnvironmentPatch,
    response: Response,
    work: Work,
    if_match: IfMatch,
    _who: Writer,
) -> Environment:
    """A merge patch (RFC 7396)."""
    site = await work.sites.locked(site_id)
    environment = sites.environment_of(site, environment_id)
    if_match.require(environment.version)
    environment = await sites.change_environment(work, site, environment, patch.model_dump(exclude_unset=True))
    tagged(response, environment.version)
    return environment


@router.delete("/{site_id}/environments/{environment_id}", summary="Remove an environment", status_code=204)
async def delete_environment(site_id: UUID, environment_id: UUID, work: Work, if_match: IfMatch, _who: Writer) -> None:
    """Forgets an environment; contracts that were proposed keep what they say."""
    site = await work.sites.locked(site_id)
    environment = sites.environment_of(site, environment_id)
    if_match.require(environment.version)
    await sites.remove_environment(work, site, environment)
