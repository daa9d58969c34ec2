"""What an agency decides about a page beyond its contract: who may see it, how it looks, in which order it tells."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Audience: TypeAlias = Literal["public", "password", "single_sign_on"]
PictureKind: TypeAlias = Literal["logo", "favicon"]
Colour = Annotated[str, StringConstraints(pattern="^#[0-9a-fA-F]{6}$"), Field(examples=["#7c2d12"])]
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]*\S[^\x00-\x1f\x7f]*$")
]
MOST_GROUPS = 50
MOST_COMPONENTS = 500
MOST_SITES = 500


class PageColours(BaseModel):
    """The brand's colours. What is left out is chosen so that it can be read."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={"examples": [{"primary": "#7c2d12", "background": "#ffffff", "text": "#1c1917"}]},
    )

    primary: Colour | None = None
    background: Colour | None = None
    text: Colour | None = None


class ComponentGroup(BaseModel):
    """Components that are shown together, under a name."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        json_schema_extra={
            "examples": [{"name": "Boutique", "component_ids": ["0190a000-0000-7000-8000-000000000031"]}]
        },
    )

    name: Name
    component_ids: Annotated[list[UUID], Field(min_length=1, max_length=MOST_COMPONENTS)]


class PageSettings(BaseModel):
    """What is stored. A page that nobody touched has the defaults."""

    model_config = ConfigDict(frozen=True)

    audience: Audience = "public"
    name: Name | None = None
    colours: PageColours | None = None
    variables: dict[str, Colour] = {}
    groups: list[ComponentGroup] = []
    site_ids: list[UUID] = []
    """The sites that are shown; none named: all of them."""
    identity_provider_id: UUID | None = None
    admitted_domains: list[str] = []

    def admits_as(self, before: "PageSettings") -> bool:
        """Whether whoever could read the page with the settings of `before` still can, unless its password changed.

        Visits of those who sign in are bound to the provider and the domains of then: any change ends them.
        """
        if self.audience != "single_sign_on" or before.audience != "single_sign_on":
            return self.audience in ("public", before.audience)
        through = self.identity_provider_id, frozenset(self.admitted_domains)
        return through == (before.identity_provider_id, frozenset(before.admitted_domains))


@dataclass(frozen=True)
class PageProvider:
    """The OpenID provider through which visitors sign in. A new version of it ends their visits of a page."""

    identity_provider_id: UUID
    client_id: UUID | None
    version: int
    name: str


@dataclass(frozen=True)
class KnownPage:
    """The settings of a page and what goes with them. `password` is its hash; pictures are told by their hashes."""

    settings: PageSettings = field(default_factory=PageSettings)
    version: int = 0
    password: bytes | None = None
    logo: str | None = None
    favicon: str | None = None
    domain: str | None = None
    """The verified domain of its own."""
    leads_here: bool = False
    """Whether somebody has come over it: links may go to it."""
    provider: PageProvider | None = None
    """None: nobody signs in, because the page names no provider or its provider is turned off."""

    @property
    def pictures(self) -> Mapping[PictureKind, str]:
        """The hashes of the pictures that it has."""
        both: dict[PictureKind, str | None] = {"logo": self.logo, "favicon": self.favicon}
        return {kind: digest for kind, digest in both.items() if digest is not None}


def page_address(known: KnownPage, slug: str, public_url: str) -> str:
    """Where visitors find a page: on its own domain once that leads here, which it may do long after it was proven."""
    if known.domain is not None and known.leads_here:
        return f"https://{known.domain}"
    return f"{public_url.rstrip('/')}/status/{slug}"


class UnknownStatusPage(LookupError):
    """The agency has no contract whose page is at this address."""


class UnknownSite(LookupError):
    """No contract of the page covers a site. `position`: its place among those that were named."""

    def __init__(self, position: int) -> None:
        super().__init__(position)
        self.position = position


class DomainIsNotProven(Exception):
    """The record that proves a domain was not found. `seen` is what was found instead, for the person who set it."""

    def __init__(self, record: str, expected: str, seen: list[str], error: str | None) -> None:
        super().__init__(record)
        self.record = record
        self.expected = expected
        self.seen = seen
        self.error = error


class NoDomain(Exception):
    """The page has no domain that could be verified."""


class PasswordIsMissing(Exception):
    """A page for those who know a password needs one."""
