"""Requests and answers of the routes for settings of status pages."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints

from reporting.adapters.domain_proof import record_of, value_of
from reporting.adapters.own_domains import DOMAIN_PATTERN
from reporting.adapters.page_access import LONGEST
from reporting.adapters.page_settings import StatusPagePicture, StatusPageRow, settings_of
from reporting.application import examples
from reporting.application.page_settings import (
    MOST_GROUPS,
    MOST_SITES,
    Audience,
    Colour,
    ComponentGroup,
    Name,
    PageColours,
)
from shared.values import Instant, forbid_unknown

Variable: TypeAlias = Literal["ink", "muted", "link", "good", "warn", "bad", "none", "on-band", "line", "calm"]
Domain: TypeAlias = Annotated[
    str,
    StringConstraints(max_length=253, pattern=DOMAIN_PATTERN),
    Field(description="in lower case; names in other letters as `xn--…`", examples=["status.boulangerie-martin.fr"]),
]
MOST_DOMAINS = 50
_AT = "2026-06-08T09:00:00Z"
_DOMAIN: dict[str, Any] = {
    "domain": "status.boulangerie-martin.fr",
    "verified_at": None,
    "record_type": "TXT",
    "record_name": "_upheld.status.boulangerie-martin.fr",
    "record_value": "upheld-domain-verification=3q2-7wAAAAAAAAAAAAAAAA",
}
_PICTURE: dict[str, Any] = {
    "path": "/status/boulangerie-martin/logo.png?v=9f86d081884c7d65",
    "width": 320,
    "height": 80,
}
_VIEW: dict[str, Any] = {
    "slug": "boulangerie-martin",
    "client_id": examples.CLIENT,
    "site_id": None,
    "version": 3,
    "url": "https://reports.agency.example/status/boulangerie-martin",
    "audience": "public",
    "has_password": False,
    "name": None,
    "colours": {"primary": "#7c2d12", "background": "#ffffff", "text": "#1c1917"},
    "variables": {"link": "#9a3412"},
    "groups": [{"name": "Boutique", "component_ids": [examples.ENVIRONMENT]}],
    "site_ids": [],
    "identity_provider_id": None,
    "admitted_domains": [],
    "logo": _PICTURE,
    "favicon": None,
    "domain": _DOMAIN,
    "updated_at": _AT,
}


class PageDomain(BaseModel):
    """A domain of the page's own, and the record that proves that it may be used."""

    model_config = ConfigDict(json_schema_extra={"examples": [_DOMAIN]})

    domain: str = Field(max_length=253)
    verified_at: Instant | None = Field(description="since when it shows the page; null: not proven yet")
    record_type: Literal["TXT"]
    record_name: str = Field(max_length=300)
    record_value: str = Field(max_length=200)


class PagePicture(BaseModel):
    """A picture of the page."""

    model_config = ConfigDict(json_schema_extra={"examples": [_PICTURE]})

    path: str = Field(max_length=300, description="below the address of this service")
    width: int = Field(ge=1, description="pixels")
    height: int = Field(ge=1, description="pixels")


class PageView(BaseModel):
    """What is decided about a status page. Version 0: nothing yet, the contract's brand counts."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VIEW]})

    slug: str = Field(max_length=100)
    client_id: UUID
    site_id: UUID | None = Field(description="the one site whose page the contract makes it; null: of all under it")
    version: int = Field(ge=0)
    url: str = Field(max_length=2_000, description="where visitors find it")
    audience: Audience
    has_password: bool
    name: str | None = Field(max_length=120, description="null: the name in the contract")
    colours: PageColours | None = Field(description="null: the colours in the contract")
    variables: dict[str, str] = Field(description="single colours of the style sheet, by the name of their variable")
    groups: list[ComponentGroup] = Field(max_length=MOST_GROUPS)
    site_ids: list[UUID] = Field(max_length=MOST_SITES, description="the sites that are shown; empty: all of them")
    identity_provider_id: UUID | None = Field(description="through which visitors sign in")
    admitted_domains: list[str] = Field(
        max_length=MOST_DOMAINS,
        description="of mail addresses that may read the page, beside the people whom the agency let in for its client",
    )
    logo: PagePicture | None
    favicon: PagePicture | None
    domain: PageDomain | None
    updated_at: Instant | None

    @classmethod
    def of(
        cls,
        slug: str,
        whose: tuple[UUID, UUID | None],
        row: StatusPageRow | None,
        pictures: Mapping[str, StatusPagePicture],
        public_url: str,
    ) -> "PageView":
        """The view of a row and its pictures; of no row, the defaults. `whose`: client, and site if it is of one."""
        settings = settings_of(row)
        own = row.domain if row is not None and row.domain_verified_at is not None else None
        return cls(
            slug=slug,
            client_id=whose[0],
            site_id=whose[1],
            version=row.version if row is not None else 0,
            url=f"https://{own}" if own else f"{public_url.rstrip('/')}/status/{slug}",
            audience=settings.audience,
            has_password=row is not None and row.password is not None,
            name=settings.name,
            colours=settings.colours,
            variables=settings.variables,
            groups=settings.groups,
            site_ids=settings.site_ids,
            identity_provider_id=settings.identity_provider_id,
            admitted_domains=settings.admitted_domains,
            logo=_picture(slug, pictures.get("logo")),
            favicon=_picture(slug, pictures.get("favicon")),
            domain=_domain(row),
            updated_at=row.updated_at if row is not None else None,
        )


def _picture(slug: str, row: StatusPagePicture | None) -> PagePicture | None:
    if row is None:
        return None
    return PagePicture(path=f"/status/{slug}/{row.kind}.png?v={row.digest}", width=row.width, height=row.height)


def _domain(row: StatusPageRow | None) -> PageDomain | None:
    if row is None or row.domain is None or row.domain_token is None:
        return None
    return PageDomain(
        domain=row.domain,
        verified_at=row.domain_verified_at,
        record_type="TXT",
        record_name=record_of(row.domain),
        record_value=value_of(row.domain_token),
    )


def _left_out() -> Any:
    return Field(default_factory=lambda: None)


class PageChange(BaseModel):
    """A merge patch: what is left out stays; null gives back what the contract says, or the default."""

    model_config = forbid_unknown(examples=[{"colours": {"primary": "#7c2d12"}, "variables": {"link": "#9a3412"}}])

    audience: Audience = _left_out()
    password: Annotated[SecretStr, Field(min_length=8, max_length=LONGEST)] | None = Field(
        default=None, description="for the audience `password`; never shown again; a new one ends every open visit"
    )
    name: Name | None = None
    colours: PageColours | None = None
    variables: dict[Variable, Colour] | None = Field(default=None, max_length=20)
    groups: Annotated[list[ComponentGroup], Field(max_length=MOST_GROUPS)] | None = None
    site_ids: Annotated[list[UUID], Field(max_length=MOST_SITES)] | None = Field(
        default=None,
        description="sites of the page's contracts that are shown, with their outages and planned work; those that are "
        "covered later are not, until they are named. Empty: all of them",
    )
    identity_provider_id: UUID | None = Field(
        default=None,
        description="for the audience `single_sign_on`: a provider of the page's client, or of the agency. Register "
        "the page's redirect URI there: the provider's `redirect_uris` name it",
    )
    admitted_domains: Annotated[list[Domain], Field(max_length=MOST_DOMAINS)] | None = Field(
        default=None, description="each domain itself, not those below it"
    )


class NewDomain(BaseModel):
    """A domain that is to show the page."""

    model_config = forbid_unknown(examples=[{"domain": "status.boulangerie-martin.fr"}])

    domain: Domain


class CertificateAnswer(BaseModel):
    """The domain is one of ours."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"domain": "status.boulangerie-martin.fr"}]})

    domain: str = Field(max_length=253)
