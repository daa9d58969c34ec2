"""Signing in through an OpenID provider: whose provider it is, the way there and back, and how it can fail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, TypeAlias
from uuid import UUID

from pydantic import BaseModel, ConfigDict, SecretStr

Fault: TypeAlias = Literal[
    "begun_elsewhere",
    "declined",
    "provider_refused",
    "provider_away",
    "not_proven",
    "no_address",
    "not_verified",
    "not_admitted",
    "unknown_person",
    "too_often",
    "away",
    "turned_off",
]
"""What keeps somebody out, as he is told it."""


class SignInFailed(Exception):
    """Nobody was let in. `fault` is for the visitor; the message is for the log and holds nothing that opens a door."""

    def __init__(self, fault: Fault, reason: str = "") -> None:
        super().__init__(reason or fault)
        self.fault: Fault = fault


@dataclass(frozen=True)
class Provider:
    """An OpenID provider that an agency trusts: for all of its clients, or for one of them (`client_id`)."""

    identity_provider_id: UUID
    tenant_id: UUID
    client_id: UUID | None
    version: int
    name: str
    issuer: str
    oidc_client_id: str
    oidc_client_secret: SecretStr
    allowed_domains: Sequence[str]
    required_claims: Mapping[str, Sequence[str]]
    verified_claim: str


class Flow(BaseModel):
    """A browser on its way to a provider. Sealed in a cookie of that browser: nobody else can end it, nor read it."""

    model_config = ConfigDict(frozen=True)

    kind: Literal["single sign-on"]
    identity_provider_id: UUID
    version: int
    redirect_uri: str
    state: str
    nonce: str
    verifier: str
    began_at: datetime


class TooManyProviders(Exception):
    """The agency has as many providers as it may."""


class ProviderIsUsed(Exception):
    """Status pages admit their visitors through this provider. `slugs` are some of them."""

    def __init__(self, slugs: Sequence[str]) -> None:
        super().__init__(", ".join(slugs))
        self.slugs = slugs


class ProviderIsMissing(Exception):
    """A page for those who sign in needs a provider of its client or of the agency."""
