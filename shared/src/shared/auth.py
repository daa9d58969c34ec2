"""Who calls, and what they may do.

Every API takes bearer JSON Web Tokens and nothing else. Our own are EdDSA, issued by contracts and verified here with
its public keys; tokens of one external OpenID provider count too when the settings name it. Roles and scopes are fixed
words; a token can narrow the scopes of its role, never widen them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal, Protocol, TypeAlias
from uuid import UUID

import httpx
import jwt
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from jwt.algorithms import OKPAlgorithm
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shared.caller_limit import count_caller
from shared.ids import new_id
from shared.kernel.clock import Clock
from shared.problems import Forbidden, Unauthorized, Unavailable
from shared.settings import ServiceSettings
from shared.unit_of_work import Actor

LEEWAY = timedelta(seconds=30)
"""How far the clocks of issuer and verifier may disagree."""

TOKEN_LIFETIME = timedelta(minutes=15)
"""Default life of our own tokens."""

JWKS_MAX_AGE_SECONDS = 600.0
JWKS_COOLDOWN_SECONDS = 60.0
JWKS_RETRY_SECONDS = 1.0

Scope: TypeAlias = Literal[
    "identity:manage",
    "contracts:read",
    "contracts:write",
    "contracts:sign",
    "contracts:answer",
    "monitors:read",
    "monitors:write",
    "incidents:read",
    "incidents:write",
    "reports:read",
    "reports:write",
    "costs:read",
    "costs:write",
    "decisions:propose",
    "decisions:approve",
    "webhooks:manage",
    "audit:read",
    "runner:work",
]
Role: TypeAlias = Literal["owner", "operator", "viewer", "client_decider", "client_staff", "auditor", "runner"]

SCOPES: Mapping[str, str] = {
    "identity:manage": "Manage the agency's users and API keys",
    "contracts:read": "Read clients, sites, plans and contracts",
    "contracts:write": "Change clients, sites, plans and contracts",
    "contracts:sign": "Sign, suspend and terminate contracts",
    "contracts:answer": "Answer advice and requests, and keep the client's registers",
    "monitors:read": "Read monitors, their results and outages",
    "monitors:write": "Change monitors",
    "incidents:read": "Read incidents and their clocks",
    "incidents:write": "Open, acknowledge and resolve incidents",
    "reports:read": "Read availability and reports",
    "reports:write": "Write the commentary of reports",
    "costs:read": "Read what hours cost the agency, and the margins of its contracts",
    "costs:write": "Write what hours cost the agency",
    "decisions:propose": "Propose that an outage counts otherwise, or that a decision on one is taken back",
    "decisions:approve": "Approve what somebody else proposed of an outage",
    "webhooks:manage": "Manage outbound webhooks",
    "audit:read": "Read and export the audit log, and who read what",
    "runner:work": "Execute checks at a location and deliver their results",
}
"""Every scope, with what it allows."""

_AGENCY = frozenset(SCOPES) - {"runner:work"}
_READING = frozenset(scope for scope in _AGENCY if scope.endswith(":read"))

ROLES: Mapping[str, frozenset[str]] = {
    "owner": _AGENCY,
    # The log and the costs are about whoever works here: they are for the owner, and for somebody who does not.
    "operator": _AGENCY
    - {"identity:manage", "contracts:sign", "decisions:approve", "audit:read", "costs:read", "costs:write"},
    "viewer": _READING - {"audit:read", "costs:read"},
    "auditor": _READING,
    "client_decider": frozenset(
        {"contracts:read", "contracts:answer", "monitors:read", "incidents:read", "incidents:write", "reports:read"}
    ),
    "client_staff": frozenset({"monitors:read", "incidents:read", "incidents:write", "reports:read"}),
    "runner": frozenset({"runner:work"}),
}
"""Role to its scopes. ``client_decider`` and ``client_staff`` are bound to one client; the others must not be."""

CLIENT_ROLES = frozenset({"client_decider", "client_staff"})


def not_theirs_to_give(scopes: Collection[str], granting: frozenset[str]) -> frozenset[str]:
    """What of the scopes somebody cannot give away who has `granting`: nobody gives more than he has.

    A runner's one scope is nobody else's; an owner installs runners, so it is his to give.
    """
    return frozenset(scopes) - granting - ROLES["runner"]


_log = structlog.get_logger(__name__)


class Principal(BaseModel):
    """Who calls: the verified content of a token."""

    model_config = ConfigDict(frozen=True)

    subject: str = Field(description="id of the user, API key or runner; means nothing without its issuer")
    issuer: str = Field(description="who says so: contracts, or the agency's single sign-on")
    name: str
    kind: Literal["user", "api_key", "runner"] = "user"
    tenant_id: UUID
    client_id: UUID | None = None
    role: Role
    scopes: frozenset[str]
    expires_at: datetime = Field(
        description="when the token is good no more; what lasts longer than a request ends then"
    )

    @property
    def actor(self) -> Actor:
        """How this caller is written into records and events."""
        return Actor(kind=self.kind, id=self.subject, name=self.name)

    def may(self, scope: str) -> bool:
        """Whether the scope is granted."""
        return scope in self.scopes


# --- keys ------------------------------------------------------------------------------------------------------------


class KeysError(Exception):
    """The issuer's keys cannot be had now, so that nobody can say whether a token is good."""


class KeySource(Protocol):
    """Where the public keys of one issuer come from."""

    async def key(self, kid: str) -> Any | None:
        """The public key with this id, or None when the issuer has none. May raise :class:`KeysError`."""


class StaticKeys:
    """Keys that are at hand: tests, or an issuer that verifies with its own."""

    def __init__(self, keys: Mapping[str, Any]) -> None:
        self._keys = dict(keys)

    async def key(self, kid: str) -> Any | None:
        return self._keys.get(kid)


def keys_of(jwks: Mapping[str, Any], algorithms: Sequence[str]) -> dict[str, Any]:
    """Public signing keys of a JWK Set (RFC 7517) by ``kid``; keys of other kinds and without ``kid`` are left out."""
    keys: dict[str, Any] = {}
    entries = jwks.get("keys")
    if not isinstance(entries, list):
        raise ValueError("not a JWK Set: `keys` is missing")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or entry.get("use", "sig") != "sig":
            continue
        try:
            key = jwt.PyJWK(entry)
        except jwt.PyJWTError:
            continue  # a key type that we do not know is none of our business
        if key.algorithm_name in algorithms:
            keys[entry["kid"]] = key.key
    return keys


class JwksKeys:
    """The keys that an issuer serves, fetched without blocking, cached, and fetched again for an unknown ``kid``.

    Refetched after ten minutes, and for an unknown key id at most once a minute (a stream of forged tokens must not
    become a stream of requests). When the issuer does not answer, the keys that we have stay good; without any, the
    next try is a second later.

    :param url: address of the JWK Set, or ``None`` to find it by OpenID discovery at ``issuer``.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        url: str | None,
        *,
        issuer: str = "",
        algorithms: Sequence[str] = ("EdDSA",),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._http = http
        self._url = url
        self._issuer = issuer
        self._algorithms = tuple(algorithms)
        self._monotonic = monotonic
        self._keys: dict[str, Any] = {}
        self._fetched_at = float("-inf")
        self._tried_at = float("-inf")
        self._lock = asyncio.Lock()

    async def key(self, kid: str) -> Any | None:
        if self._due(kid):
            async with self._lock:
                if self._due(kid):
                    await self._fetch()
        return self._keys.get(kid)

    def _due(self, kid: str) -> bool:
        now = self._monotonic()
        if not self._keys:
            return now - self._tried_at >= JWKS_RETRY_SECONDS
        if now - self._tried_at < JWKS_COOLDOWN_SECONDS:
            return False
        return kid not in self._keys or now - self._fetched_at >= JWKS_MAX_AGE_SECONDS

    async def _fetch(self) -> None:
        self._tried_at = self._monotonic()
        try:
            url = self._url or await self._discover()
            answer = await self._http.get(url, headers={"Accept": "application/json"})
            answer.raise_for_status()
            self._keys = keys_of(answer.json(), self._algorithms)
            self._fetched_at = self._monotonic()
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            _log.warning("jwks_fetch_failed", issuer=self._issuer, error=str(error) or type(error).__name__)
            if not self._keys:
                raise KeysError(str(error)) from error

    async def _discover(self) -> str:
        answer = await self._http.get(self._issuer.rstrip("/") + "/.well-known/openid-configuration")
        answer.raise_for_status()
        document = answer.json()
        if document.get("issuer") != self._issuer or not isinstance(document.get("jwks_uri"), str):
            raise ValueError("the discovery document is not the issuer's, or names no jwks_uri")
        return str(document["jwks_uri"])


# --- issuing ---------------------------------------------------------------------------------------------------------


def mint_token(
    private_key: Ed25519PrivateKey,
    kid: str,
    *,
    issuer: str,
    now: datetime,
    tenant_id: UUID,
    role: Role,
    subject: str,
    name: str,
    audience: str = "upheld",
    kind: Literal["user", "api_key", "runner"] = "user",
    client_id: UUID | None = None,
    scopes: frozenset[str] | None = None,
    lifetime: timedelta = TOKEN_LIFETIME,
) -> str:
    """A signed token of our own issuer (for contracts, and for tests).

    :param now: aware UTC instant of issue; the token is good from then until ``now + lifetime``.
    :param scopes: None for all scopes of the role; others than the role's are an error.
    :raises ValueError: a client role without ``client_id``, another role with one, or a scope outside of the role.
    """
    if (role in CLIENT_ROLES) != (client_id is not None):
        raise ValueError("client roles, and only they, are bound to a client_id")
    granted = ROLES[role] if scopes is None else scopes
    if not granted <= ROLES[role]:
        raise ValueError(f"role {role} does not include {', '.join(sorted(granted - ROLES[role]))}")
    claims: dict[str, Any] = {
        "iss": issuer,
        "aud": audience,
        "sub": subject,
        "iat": int(now.timestamp()),
        "nbf": int(now.timestamp()),
        "exp": int((now + lifetime).timestamp()),
        "jti": str(new_id()),
        "tenant_id": str(tenant_id),
        "role": role,
        "scope": " ".join(sorted(granted)),
        "name": name,
        "kind": kind,
    }
    if client_id is not None:
        claims["client_id"] = str(client_id)
    return jwt.encode(claims, private_key, algorithm="EdDSA", headers={"kid": kid, "typ": "at+jwt"})


def public_jwk(public_key: Ed25519PublicKey, kid: str) -> dict[str, str]:
    """The JWK (RFC 7517, RFC 8037) under which a public key is served."""
    jwk: dict[str, str] = OKPAlgorithm.to_jwk(public_key, as_dict=True)
    return {"kty": jwk["kty"], "crv": jwk["crv"], "x": jwk["x"], "kid": kid, "use": "sig", "alg": "EdDSA"}


# --- verifying -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Issuer:
    """One issuer whose tokens count, how they are verified and which claims say what."""

    issuer: str
    audience: str
    algorithms: tuple[str, ...]
    keys: KeySource
    tenant_claim: str = "tenant_id"
    role_claim: str = "role"
    client_claim: str = "client_id"
    external: bool = False


def _unauthorized(detail: str) -> Unauthorized:
    # RFC 6750: the description is a quoted string without quotes and backslashes in it
    description = detail.replace("\\", "").replace('"', "'").encode("ascii", "replace").decode()
    return Unauthorized(
        detail,
        headers={
            "WWW-Authenticate": f'Bearer realm="upheld", error="invalid_token", error_description="{description}"'
        },
    )


class TokenVerifier:
    """Turns a token into a :class:`Principal`, or refuses it.

    The issuer is chosen by exact match of ``iss``; algorithms and audience come from the configuration of that issuer,
    never from the token. Times are checked against the injected clock with a leeway of 30 seconds.
    """

    def __init__(self, issuers: Sequence[Issuer], clock: Clock) -> None:
        self._issuers = {issuer.issuer: issuer for issuer in issuers}
        self._clock = clock

    async def verify(self, token: str) -> Principal:
        """The caller. Raises :class:`Unauthorized`, or :class:`Unavailable` when an issuer's keys cannot be had."""
        try:
            header = jwt.get_unverified_header(token)
            unverified = jwt.decode(token, options={"verify_signature": False})
        except jwt.PyJWTError:
            raise _unauthorized("The token is not a JSON Web Token.") from None
        issuer = self._issuers.get(str(unverified.get("iss")))
        if issuer is None:
            raise _unauthorized("The token was issued by somebody whom this service does not trust.")
        if str(header.get("typ", "JWT")).lower() not in ("jwt", "at+jwt", "application/at+jwt"):
            raise _unauthorized("The token is not an access token.")
        kid = header.get("kid")
        if not isinstance(kid, str):
            raise _unauthorized("The token does not say which key signed it.")
        try:
            key = await issuer.keys.key(kid)
        except KeysError:
            raise Unavailable("The keys of the token's issuer cannot be read now. Try again in a moment.") from None
        if key is None:
            raise _unauthorized("The token was signed with a key that its issuer does not have (any more).")
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=list(issuer.algorithms),
                audience=issuer.audience,
                issuer=issuer.issuer,
                # PyJWT would look at the machine's clock; _check_times looks at ours
                options={
                    "require": ["iss", "aud", "sub", "iat", "exp"],
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except jwt.InvalidAudienceError:
            raise _unauthorized("The token is for another audience.") from None
        except jwt.MissingRequiredClaimError as error:
            raise _unauthorized(f"The token lacks the claim {error.claim}.") from None
        except jwt.PyJWTError:
            raise _unauthorized("The token's signature does not verify.") from None
        self._check_times(claims)
        return _principal(claims, issuer)

    def _check_times(self, claims: Mapping[str, Any]) -> None:
        now = self._clock.now()
        try:
            expires, issued = _instant(claims["exp"]), _instant(claims["iat"])
            not_before = _instant(claims.get("nbf", claims["iat"]))
        except (TypeError, ValueError, OverflowError, OSError):
            raise _unauthorized("The token's times are not numbers of seconds.") from None
        if now >= expires + LEEWAY:
            raise _unauthorized("The token has expired. Get a new one.")
        if now < max(issued, not_before) - LEEWAY:
            raise _unauthorized("The token is not valid yet.")


def _instant(value: object) -> datetime:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError("a NumericDate is a number")
    return datetime.fromtimestamp(value, UTC)


def _principal(claims: Mapping[str, Any], issuer: Issuer) -> Principal:
    role = claims.get(issuer.role_claim)
    client_id = claims.get(issuer.client_claim)
    granted = ROLES.get(role) if isinstance(role, str) else None
    if granted is None:
        raise _unauthorized("The token names no role of this installation.")
    if (role in CLIENT_ROLES) != (client_id is not None):
        raise _unauthorized("The token's role and its client do not fit: client roles, and only they, have one.")
    if not issuer.external:  # an external issuer's scopes (openid, profile …) are words of its own
        granted = granted & frozenset(str(claims.get("scope", "")).split())
    try:
        return Principal.model_validate(
            {
                "subject": str(claims["sub"])[:200],
                "issuer": issuer.issuer,
                "name": str(claims.get("name") or claims["sub"])[:200],
                "kind": "user" if issuer.external else claims.get("kind", "user"),
                "tenant_id": claims.get(issuer.tenant_claim),
                "client_id": client_id,
                "role": role,
                "scopes": granted,
                "expires_at": _instant(claims["exp"]),
            }
        )
    except ValidationError:
        raise _unauthorized("The token's tenant or client is not an identifier.") from None


def verifier_for(
    settings: ServiceSettings, clock: Clock, http: httpx.AsyncClient, *, own_keys: KeySource | None = None
) -> TokenVerifier:
    """The verifier that the settings describe.

    ``own_keys`` replaces the fetch of our issuer's keys: contracts passes a source that reads its own database.
    """
    issuers = [
        Issuer(
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            algorithms=("EdDSA",),
            keys=own_keys or JwksKeys(http, settings.jwks_url, issuer=settings.token_issuer),
        )
    ]
    if settings.oidc_issuer and settings.oidc_audience:
        issuers.append(
            Issuer(
                issuer=settings.oidc_issuer,
                audience=settings.oidc_audience,
                algorithms=settings.oidc_algorithms,
                keys=JwksKeys(
                    http, settings.oidc_jwks_url, issuer=settings.oidc_issuer, algorithms=settings.oidc_algorithms
                ),
                tenant_claim=settings.oidc_tenant_claim,
                role_claim=settings.oidc_role_claim,
                client_claim=settings.oidc_client_claim,
                external=True,
            )
        )
    return TokenVerifier(issuers, clock)


# --- dependencies ----------------------------------------------------------------------------------------------------

BEARER_DESCRIPTION = (
    "Short-lived JSON Web Token (RFC 7519, used as RFC 8725 advises), signed with EdDSA, from `POST /v1/oauth/token` "
    "of the contracts service. Tokens of an external OpenID provider are accepted when the installation names one."
)

_bearer = HTTPBearer(scheme_name="bearerAuth", bearerFormat="JWT", description=BEARER_DESCRIPTION, auto_error=False)


async def authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Principal:
    """Dependency: the verified caller, of whatever role. Raises 401 (``unauthorized``), or 429 who asks too often."""
    if credentials is None:
        raise Unauthorized(
            "Send a token in the header `Authorization: Bearer …`.",
            headers={"WWW-Authenticate": 'Bearer realm="upheld"'},
        )
    verifier: TokenVerifier = request.app.state.verifier
    principal = await verifier.verify(credentials.credentials)
    request.state.principal = principal
    structlog.contextvars.bind_contextvars(tenant_id=str(principal.tenant_id), subject=principal.subject)
    count_caller(request.scope, principal.tenant_id, principal.subject)
    return principal


Authenticated = Annotated[Principal, Depends(authenticated)]


def check_scopes(principal: Principal, wanted: Sequence[str]) -> None:
    """Raises 403 (``insufficient_scope``) for a caller who has none of the wanted scopes."""
    if not principal.scopes.intersection(wanted):
        raise Forbidden(
            f"This needs the scope {' or '.join(wanted)}, which your role ({principal.role}) or token does not "
            "include.",
            headers={
                "WWW-Authenticate": f'Bearer realm="upheld", error="insufficient_scope", scope="{" ".join(wanted)}"'
            },
        )


class _Require:
    """A dependency that wants one of the scopes; an object, so that :func:`required_scopes` can read them."""

    def __init__(self, scopes: tuple[str, ...]) -> None:
        self.scopes = scopes

    async def __call__(self, principal: Authenticated) -> Principal:
        check_scopes(principal, self.scopes)
        return principal


def require(*scopes: Scope) -> Any:
    """Dependency ``Depends(require("contracts:write"))`` that gives the :class:`Principal`.

    With several scopes, any one of them is enough. 401 without a good token, 403 (``insufficient_scope``) without.
    """
    return _Require(scopes)


def required_scopes(dependency: object) -> tuple[str, ...]:
    """The scopes that a dependency made by :func:`require` wants; empty for any other dependency."""
    return dependency.scopes if isinstance(dependency, _Require) else ()
