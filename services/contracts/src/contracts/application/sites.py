"""Systems under contract, and the environments in which they run."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from contracts.application.errors import NotNow, Unknown, named_at
from contracts.application.ports import Workspace
from contracts.application.values import Name, Request, WebAddress, unchanged
from shared.values import Instant

SiteKind = Literal["website", "web_application", "mobile_application", "api", "back_office"]

MOST_ENVIRONMENTS = 50


class EnvironmentFields(Request):
    """Where a site runs: production counts for what was promised, staging does not."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [{"name": "production", "url": "https://hotel-du-lac.example/", "counts_for_sla": True}]
        },
    )

    name: Name = Field(examples=["production"])
    url: WebAddress = Field(examples=["https://hotel-du-lac.example/"])
    counts_for_sla: StrictBool = True


class EnvironmentPatch(Request):
    """What to change of an environment (merge patch)."""

    name: Name = unchanged()
    url: WebAddress = unchanged()
    counts_for_sla: StrictBool = unchanged()


class Environment(EnvironmentFields):
    """An environment, as stored."""

    model_config = ConfigDict(extra="ignore")

    environment_id: UUID
    version: int = Field(ge=1)


class NewSite(Request):
    """A site to create, with its environments."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "client_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11",
                    "name": "hotel-du-lac.example",
                    "kind": "website",
                    "environments": [
                        {"name": "production", "url": "https://hotel-du-lac.example/", "counts_for_sla": True},
                        {"name": "staging", "url": "https://staging.hotel-du-lac.example/", "counts_for_sla": False},
                    ],
                }
            ]
        },
    )

    client_id: UUID
    name: Name = Field(examples=["hotel-du-lac.example"])
    kind: SiteKind = "website"
    environments: list[EnvironmentFields] = Field(default_factory=list, max_length=MOST_ENVIRONMENTS)


class SitePatch(Request):
    """What to change of a site (merge patch)."""

    name: Name = unchanged()
    kind: SiteKind = unchanged()


class Site(BaseModel):
    """A site, as stored."""

    site_id: UUID
    client_id: UUID
    version: int = Field(ge=1)
    name: str
    kind: SiteKind
    environments: list[Environment] = Field(max_length=MOST_ENVIRONMENTS)
    created_at: Instant
    updated_at: Instant


async def create_site(work: Workspace, new: NewSite) -> Site:
    """A new site of a client; says `site.changed`. Raises Unknown for the client."""
    with named_at("client_id"):
        await work.clients.get(new.client_id)
    site = Site(
        site_id=work.new_id(),
        client_id=new.client_id,
        version=1,
        name=new.name,
        kind=new.kind,
        environments=[_environment(work, fields) for fields in new.environments],
        created_at=work.now,
        updated_at=work.now,
    )
    await work.sites.add(site)
    work.announcer.site_changed(site)
    return site


async def change_site(work: Workspace, site: Site, changes: dict[str, object]) -> Site:
    """The locked site with other values, which are already valid; says `site.changed`."""
    return await _save(work, site.model_copy(update=changes))


async def add_environment(work: Workspace, site_id: UUID, new: EnvironmentFields) -> Environment:
    """One more environment of a site. Raises Unknown."""
    site = await work.sites.locked(site_id)
    if len(site.environments) >= MOST_ENVIRONMENTS:
        raise NotNow(f"A site has at most {MOST_ENVIRONMENTS} environments. Remove one that is no longer there.")
    environment = _environment(work, new)
    await _save(work, site.model_copy(update={"environments": [*site.environments, environment]}))
    return environment


def environment_of(site: Site, environment_id: UUID) -> Environment:
    """The site's environment with this id. Raises Unknown."""
    for environment in site.environments:
        if environment.environment_id == environment_id:
            return environment
    raise Unknown("environment", environment_id)


async def change_environment(
    work: Workspace, site: Site, environment: Environment, changes: dict[str, object]
) -> Environment:
    """An environment of the locked site with other values, which are already valid."""
    changed = environment.model_copy(update={**changes, "version": environment.version + 1})
    environments = [changed if item.environment_id == changed.environment_id else item for item in site.environments]
    await _save(work, site.model_copy(update={"environments": environments}))
    return changed


async def remove_environment(work: Workspace, site: Site, environment: Environment) -> None:
    """Forgets an environment; signed contracts keep what was signed."""
    environments = [item for item in site.environments if item.environment_id != environment.environment_id]
    await _save(work, site.model_copy(update={"environments": environments}))


def _environment(work: Workspace, fields: EnvironmentFields) -> Environment:
    return Environment(environment_id=work.new_id(), version=1, **fields.model_dump())


async def _save(work: Workspace, site: Site) -> Site:
    saved = site.model_copy(update={"version": site.version + 1, "updated_at": work.now})
    await work.sites.save(saved)
    work.announcer.site_changed(saved)
    return saved
