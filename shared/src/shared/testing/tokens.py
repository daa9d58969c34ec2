"""Tokens for tests of an API in its own process: signed with a key made for the session."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from shared.auth import TOKEN_LIFETIME, Issuer, Role, StaticKeys, TokenVerifier, mint_token, public_jwk
from shared.ids import new_id
from shared.kernel.clock import Clock

ISSUER = "http://127.0.0.1:8001"
AUDIENCE = "upheld"
KEY_ID = "test-key"


class TokenMint:
    """Issues tokens of any role, and makes applications believe them."""

    def __init__(self, clock: Clock, *, issuer: str = ISSUER, audience: str = AUDIENCE) -> None:
        self._clock = clock
        self._issuer = issuer
        self._audience = audience
        self._key = Ed25519PrivateKey.generate()

    def mint(
        self,
        *,
        role: Role = "owner",
        tenant_id: UUID | None = None,
        client_id: UUID | None = None,
        scopes: frozenset[str] | None = None,
        subject: str = "0198c0de-0000-7000-8000-000000000001",
        name: str = "Test person",
        kind: Literal["user", "api_key", "runner"] = "user",
        now: datetime | None = None,
        lifetime: timedelta = TOKEN_LIFETIME,
    ) -> str:
        """A token that is good from the clock's present instant on. Without `tenant_id`, for a new tenant."""
        return mint_token(
            self._key,
            KEY_ID,
            issuer=self._issuer,
            audience=self._audience,
            now=now or self._clock.now(),
            tenant_id=tenant_id or new_id(),
            role=role,
            subject=subject,
            name=name,
            kind=kind,
            client_id=client_id,
            scopes=scopes,
            lifetime=lifetime,
        )

    def headers(self, **how: object) -> dict[str, str]:
        """The Authorization header with a token minted from the same arguments."""
        return {"Authorization": f"Bearer {self.mint(**how)}"}  # type: ignore[arg-type]

    def jwks(self) -> dict[str, list[dict[str, str]]]:
        """The JWK Set that a service would read at its issuer."""
        return {"keys": [public_jwk(self._key.public_key(), KEY_ID)]}

    def verifier(self, clock: Clock | None = None) -> TokenVerifier:
        """A verifier that knows this issuer only."""
        return TokenVerifier([self.as_issuer()], clock or self._clock)

    def as_issuer(self) -> Issuer:
        """What a verifier has to know to believe these tokens."""
        keys = StaticKeys({KEY_ID: self._key.public_key()})
        return Issuer(issuer=self._issuer, audience=self._audience, algorithms=("EdDSA",), keys=keys)

    def trust(self, app: FastAPI) -> FastAPI:
        """Make an application accept these tokens instead of fetching its issuer's keys, as often as its limit says,
        if it has one. Gives the application.
        """
        app.state.verifier = self.verifier()
        app.state.caller_limit = getattr(app.state, "caller_limit", None)
        return app
