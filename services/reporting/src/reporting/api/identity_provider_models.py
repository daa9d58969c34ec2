"""Requests and answers of the routes for OpenID providers."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, StrictBool, StringConstraints

from reporting.adapters.identity_providers import IdentityProviderRow
from reporting.adapters.openid import Check
from reporting.api.page_settings_models import Domain
from reporting.api.single_sign_on import page_redirect_uri, portal_redirect_uri
from reporting.application import examples
from reporting.application.page_settings import Name
from reporting.settings import ReportingSettings
from shared.values import Instant, forbid_unknown

PROVIDER = "0190a000-0000-7000-8000-0000000000f1"
_AT = "2026-06-08T09:00:00Z"
_URL = "https://reports.agency.example"
_NEW: dict[str, Any] = {
    "name": "Boulangerie Martin",
    "client_id": examples.CLIENT,
    "issuer": "https://login.boulangerie-martin.fr/realms/staff",
    "oidc_client_id": "upheld",
    "oidc_client_secret": "as the provider shows it",
    "allowed_domains": ["boulangerie-martin.fr"],
    "required_claims": {},
    "verified_claim": "email_verified",
    "enabled": True,
}
_VIEW: dict[str, Any] = {
    "identity_provider_id": PROVIDER,
    "version": 1,
    **{name: value for name, value in _NEW.items() if name != "oidc_client_secret"},
    "sign_in_url": f"{_URL}/portal/sso/{PROVIDER}",
    "redirect_uris": [f"{_URL}/portal/sso/{PROVIDER}/callback"],
    "created_at": _AT,
    "updated_at": _AT,
}
_CHECK: dict[str, Any] = {
    "check": "secret",
    "passed": True,
    "detail": "The provider knows the client id and the secret.",
}


def _issuer(address: str) -> str:
    """An issuer as OpenID Connect Discovery describes it: an https address without query, fragment and user name."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError("this is no address; write one such as https://login.example.com") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname or port == 0:
        raise ValueError("write an absolute https address, such as https://login.example.com")
    if parts.username is not None or "?" in address or "#" in address:
        raise ValueError("an issuer has no user name, no query and no fragment; copy it from the provider's settings")
    if not address.isascii() or not address.isprintable() or " " in address or "\\" in address:
        raise ValueError("an address has only ASCII characters, without spaces and backslashes")
    if address.endswith("/.well-known/openid-configuration"):
        raise ValueError("name the issuer: what stands before /.well-known/openid-configuration")
    return address


Issuer = Annotated[
    str,
    Field(
        min_length=10,
        max_length=1_000,
        description="letter for letter as the provider names itself in its discovery document and its tokens",
        examples=["https://login.boulangerie-martin.fr/realms/staff"],
    ),
    AfterValidator(_issuer),
]
OidcClientId = Annotated[
    str,
    StringConstraints(min_length=1, max_length=300, pattern=r"^[\x21-\x7e]+$"),
    Field(description="our name at the provider: `aud` of its tokens", examples=["upheld"]),
]
OidcClientSecret = Annotated[
    SecretStr,
    Field(min_length=8, max_length=1_000, description="kept sealed and never shown again"),
]
Domains = Annotated[
    list[Domain],
    Field(max_length=50, description="of mail addresses that may sign in; none named is every verified address"),
]
ClaimName = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
ClaimValue = Annotated[str, StringConstraints(min_length=1, max_length=300, pattern=r"^[^\x00-\x1f\x7f]+$")]
RequiredClaims = Annotated[
    dict[ClaimName, Annotated[list[ClaimValue], Field(min_length=1, max_length=50)]],
    Field(
        max_length=20,
        description="what the provider must say besides: of each claim one of these values, such as a group",
        examples=[{"groups": ["upheld"]}],
    ),
]
VerifiedClaim = Annotated[
    ClaimName,
    Field(
        description="the claim by which the provider vouches for the mail address; `xms_edov` at Microsoft Entra",
        examples=["email_verified"],
    ),
]


class NewIdentityProvider(BaseModel):
    """A provider to be trusted: for all clients of the agency (`client_id` null), or for the people of one."""

    model_config = forbid_unknown(examples=[_NEW])

    name: Name = Field(description="as people who sign in know it", examples=["Boulangerie Martin"])
    client_id: UUID | None = None
    issuer: Issuer
    oidc_client_id: OidcClientId
    oidc_client_secret: OidcClientSecret
    allowed_domains: Domains = []
    required_claims: RequiredClaims = {}
    verified_claim: VerifiedClaim = "email_verified"
    enabled: StrictBool = True


def _left_out() -> Any:
    return Field(default_factory=lambda: None)


class IdentityProviderChange(BaseModel):
    """What changes; a key that is left out stays as it is. Whose provider it is does not change: add another one."""

    model_config = forbid_unknown(examples=[{"allowed_domains": ["boulangerie-martin.fr", "martin.example"]}])

    name: Name = _left_out()
    issuer: Issuer = _left_out()
    oidc_client_id: OidcClientId = _left_out()
    oidc_client_secret: OidcClientSecret = _left_out()
    allowed_domains: Domains = _left_out()
    required_claims: RequiredClaims = _left_out()
    verified_claim: VerifiedClaim = _left_out()
    enabled: StrictBool = _left_out()


class IdentityProviderView(BaseModel):
    """A provider, without the secret."""

    model_config = ConfigDict(json_schema_extra={"examples": [_VIEW]})

    identity_provider_id: UUID
    version: int = Field(ge=1)
    name: str = Field(max_length=120)
    client_id: UUID | None = Field(description="null: for all clients of the agency")
    issuer: str = Field(max_length=1_000)
    oidc_client_id: str = Field(max_length=300)
    allowed_domains: list[str] = Field(max_length=50)
    required_claims: dict[str, list[str]]
    verified_claim: str = Field(max_length=200)
    enabled: bool
    sign_in_url: str = Field(max_length=2_000, description="where people sign in to the portal: give it to them")
    redirect_uris: list[str] = Field(
        description="to be registered at the provider, exactly: of the portal, and of each page that names the provider"
    )
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(
        cls, row: IdentityProviderRow, pages: Sequence[tuple[str, str | None]], settings: ReportingSettings
    ) -> "IdentityProviderView":
        """The view of a row, with the pages that name it: their addresses and their own domains."""
        places = [portal_redirect_uri(settings, row.identity_provider_id)]
        for slug, domain in pages:
            places += [page_redirect_uri(settings, slug, each) for each in ([domain] if domain else []) + [None]]
        return cls(
            identity_provider_id=row.identity_provider_id,
            version=row.version,
            name=row.name,
            client_id=row.client_id,
            issuer=row.issuer,
            oidc_client_id=row.oidc_client_id,
            allowed_domains=row.allowed_domains,
            required_claims=row.required_claims,
            verified_claim=row.verified_claim,
            enabled=row.enabled,
            sign_in_url=portal_redirect_uri(settings, row.identity_provider_id).removesuffix("/callback"),
            redirect_uris=places,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class ProviderCheck(BaseModel):
    """One thing that was looked at of a provider."""

    model_config = ConfigDict(json_schema_extra={"examples": [_CHECK]})

    check: Literal["discovery", "keys", "pkce", "answerer", "secret", "connection"]
    passed: bool
    detail: str = Field(max_length=1_000, description="what was found, for whoever sets the provider up")

    @classmethod
    def of(cls, check: Check) -> "ProviderCheck":
        """The view of a check."""
        return cls.model_validate({"check": check.check, "passed": check.passed, "detail": check.detail[:1_000]})


class ProviderTest(BaseModel):
    """What is to be seen of a provider without anybody signing in."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"works": True, "checks": [_CHECK]}]})

    works: bool
    checks: list[ProviderCheck] = Field(max_length=10)
