"""The token endpoint and the public keys of the tokens: the only routes of contracts that need no token."""

import base64
import binascii
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Annotated, Any, Literal
from urllib.parse import parse_qsl, unquote_plus

import structlog
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from contracts.adapters.credentials import note_use, stored_key
from contracts.adapters.key_chest import KeyChest, chest_of
from contracts.application.errors import BadCredentials
from contracts.application.identity import KeyHolder, holder_of
from contracts.domain import api_keys
from contracts.domain.signing_keys import PUBLISHED_AHEAD, TOKEN_LIFETIME
from contracts.settings import ContractsSettings
from shared.auth import mint_token
from shared.events import Actor
from shared.operations import Caller
from shared.problems import BadRequest, Problem, TooManyRequests, Unauthorized, responses_for
from shared.service import CurrentRuntime, PublicUnit

FORM = "application/x-www-form-urlencoded"
LONGEST_CREDENTIAL = 300
JWKS_SECONDS = int(PUBLISHED_AHEAD.total_seconds()) // 3
"""How long the key set may be cached: well below the time that a new key is published before it signs."""

router = APIRouter(tags=["identity"])

_log = structlog.get_logger(__name__)


class Token(BaseModel):
    """A bearer token (RFC 6749, section 5.1)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "access_token": "eyJhbGciOiJFZERTQSIsImtpZCI6IjNmYTkiLCJ0eXAiOiJhdCtqd3QifQ.e30.c2ln",
                    "token_type": "Bearer",
                    "expires_in": 600,
                    "scope": "contracts:read contracts:write",
                }
            ]
        }
    )

    access_token: str = Field(max_length=8000)
    token_type: Literal["Bearer"] = "Bearer"  # noqa: S105
    expires_in: int = Field(ge=1, le=86_400, description="Seconds.")
    scope: str = Field(max_length=1000, description="The granted scopes, separated by spaces.")


class JsonWebKey(BaseModel):
    """A public key (RFC 7517, RFC 8037)."""

    kty: Literal["OKP"]
    crv: Literal["Ed25519"]
    x: str = Field(max_length=100)
    kid: str = Field(max_length=100)
    use: Literal["sig"]
    alg: Literal["EdDSA"]


class JsonWebKeySet(BaseModel):
    """The public keys that verify our tokens."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "keys": [
                        {
                            "kty": "OKP",
                            "crv": "Ed25519",
                            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
                            "kid": "3fa9c1d2e4b5a697",
                            "use": "sig",
                            "alg": "EdDSA",
                        }
                    ]
                }
            ]
        }
    )

    keys: list[JsonWebKey] = Field(max_length=100)


def _oauth(problem: type[Problem], error: str, detail: str, **headers: str) -> Problem:
    """A problem document that is an OAuth error too (RFC 6749, section 5.2): libraries read its `error` member."""
    return problem(detail, headers=dict(headers.items()), error=error, error_description=detail)


class TokenBrake:
    """Slows down whoever guesses: refused requests of one address for one key are counted over a minute.

    Only refusals meet it. Whoever has the right secret gets his token whatever others tried in his name: the secrets
    are too long to be guessed, so that nothing is won by keeping anybody out. It counts in this process only, and
    remembers at most `MOST` pairs.
    """

    WINDOW_SECONDS = 60.0
    MOST = 10_000

    def __init__(self, limit: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._monotonic = monotonic
        self._refusals: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def refused(self, address: str, key: str) -> None:
        """Counts a refusal. Raises TooManyRequests instead when there were too many in the last minute."""
        now = self._monotonic()
        refusals = self._refusals.setdefault((address, key), deque())
        self._refusals.move_to_end((address, key))
        while len(self._refusals) > self.MOST:
            self._refusals.popitem(last=False)
        while refusals and refusals[0] <= now - self.WINDOW_SECONDS:
            refusals.popleft()
        if len(refusals) >= self._limit:
            wait = max(1, round(refusals[0] + self.WINDOW_SECONDS - now))
            raise TooManyRequests(
                f"Too many refused attempts. Try again in {wait} seconds, with the right secret.",
                headers={"Retry-After": str(wait)},
                limit="refused-secrets",
            )
        refusals.append(now)


def token_brake(request: Request) -> TokenBrake:
    """Dependency: the brake of this process."""
    state = request.app.state
    if not hasattr(state, "token_brake"):
        settings: ContractsSettings = state.settings
        state.token_brake = TokenBrake(settings.token_failures_per_minute)
    brake: TokenBrake = state.token_brake
    return brake


def key_chest(request: Request) -> KeyChest:
    """Dependency: the signing keys."""
    state = request.app.state
    if not hasattr(state, "key_chest"):
        settings: ContractsSettings = state.settings
        state.key_chest = chest_of(settings)
    chest: KeyChest = state.key_chest
    return chest


Chest = Annotated[KeyChest, Depends(key_chest)]


async def _form(request: Request) -> dict[str, str]:
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != FORM:
        raise _oauth(BadRequest, "invalid_request", f"Send the request as {FORM}.")
    try:
        pairs = parse_qsl((await request.body()).decode("ascii"), keep_blank_values=True, max_num_fields=20)
    except (UnicodeDecodeError, ValueError):
        raise _oauth(BadRequest, "invalid_request", "The form cannot be read.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise _oauth(BadRequest, "invalid_request", "A parameter is there twice.")
    return fields


def _basic(request: Request) -> tuple[str, str] | None:
    """Id and secret of HTTP Basic (RFC 6749, section 2.3.1: each form-encoded before); None when it is not used."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, secret = base64.b64decode(credentials.strip(), validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        raise _refusal(basic=True) from None
    if not colon:
        raise _refusal(basic=True)
    return unquote_plus(name), unquote_plus(secret)


def _refusal(*, basic: bool) -> Problem:
    headers = {"WWW-Authenticate": 'Basic realm="upheld", charset="UTF-8"'} if basic else {}
    return _oauth(Unauthorized, "invalid_client", "The client id or the client secret is not good.", **headers)


def _granted(holder: KeyHolder, asked: str | None) -> frozenset[str]:
    if asked is None or not asked.strip():
        return frozenset(holder.scopes)
    wanted = frozenset(asked.split())
    beyond = wanted - holder.scopes
    if beyond:
        raise _oauth(BadRequest, "invalid_scope", f"This key does not have: {', '.join(sorted(beyond))[:500]}.")
    return wanted


_FORM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["grant_type"],
    "properties": {
        "grant_type": {"type": "string", "enum": ["client_credentials"]},
        "client_id": {"type": "string", "maxLength": LONGEST_CREDENTIAL, "description": "Prefix of the API key."},
        "client_secret": {"type": "string", "maxLength": LONGEST_CREDENTIAL, "description": "The whole API key."},
        "scope": {"type": "string", "maxLength": 1000, "description": "Fewer scopes, separated by spaces."},
    },
}


@router.post(
    "/v1/oauth/token",
    summary="Get a bearer token for an API key",
    responses=responses_for(BadRequest, Unauthorized, TooManyRequests)
    | {200: {"headers": {"Cache-Control": {"schema": {"type": "string", "maxLength": 100}}}}},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {
                FORM: {
                    "schema": _FORM_SCHEMA,
                    "examples": {
                        "key": {
                            "value": {
                                "grant_type": "client_credentials",
                                "client_id": "uk0123456789abcdef",
                                "client_secret": "uk0123456789abcdef_…",
                            }
                        }
                    },
                }
            },
        }
    },
)
async def create_token(
    request: Request,
    response: Response,
    runtime: CurrentRuntime,
    chest: Chest,
    brake: Annotated[TokenBrake, Depends(token_brake)],
) -> Token:
    """OAuth 2.0 client credentials grant (RFC 6749, section 4.4): the key's prefix is the client id, the whole key the
    client secret, as HTTP Basic or in the form. The token is good for ten minutes.

    Refusals are problem documents with the members `error` and `error_description` of RFC 6749.
    """
    fields = await _form(request)
    basic = _basic(request)
    if basic is not None and "client_secret" in fields:
        raise _oauth(BadRequest, "invalid_request", "Send the secret once: as HTTP Basic or in the form.")
    if fields.get("grant_type") is None:
        raise _oauth(BadRequest, "invalid_request", "grant_type is missing; it is client_credentials.")
    if fields["grant_type"] != "client_credentials":
        raise _oauth(BadRequest, "unsupported_grant_type", "The only grant type here is client_credentials.")
    name, secret = basic or (fields.get("client_id", ""), fields.get("client_secret", ""))
    try:
        # No unit of work as a dependency: what cannot be a key must not cost a transaction.
        if not api_keys.well_formed(name, secret):
            raise BadCredentials
        async with runtime.units.for_every_tenant() as unit:
            holder = holder_of(await stored_key(unit, name), secret, unit.now)
            granted = _granted(holder, fields.get("scope"))
            unit.caller = Caller(
                holder.tenant_id,
                Actor(kind=holder.kind, id=str(holder.subject), name=holder.name),
                holder.role,
                holder.client_id,
            )
            await note_use(unit, name, unit.now)
            signer = await chest.signer(unit)
    except BadCredentials:
        _log.warning("token_refused", key=name[:20] if name.isascii() and name.isalnum() else "")
        brake.refused(request.client.host if request.client else "", name[:LONGEST_CREDENTIAL])
        raise _refusal(basic=basic is not None) from None
    settings = runtime.settings
    response.headers["Cache-Control"] = "no-store"
    return Token(
        access_token=mint_token(
            signer.private_key,
            signer.kid,
            issuer=settings.token_issuer,
            audience=settings.token_audience,
            now=unit.now,
            tenant_id=holder.tenant_id,
            client_id=holder.client_id,
            role=holder.role,
            kind=holder.kind,
            subject=str(holder.subject),
            name=holder.name,
            scopes=granted,
            lifetime=TOKEN_LIFETIME,
        ),
        expires_in=int(TOKEN_LIFETIME.total_seconds()),
        scope=" ".join(sorted(granted)),
    )


@router.get("/.well-known/jwks.json", summary="Read the public keys of our tokens")
async def read_jwks(response: Response, unit: PublicUnit, chest: Chest) -> JsonWebKeySet:
    """The keys that sign, that will sign soon, and that signed tokens which may still be alive (RFC 7517)."""
    response.headers["Cache-Control"] = f"public, max-age={JWKS_SECONDS}"
    return JsonWebKeySet.model_validate({"keys": await chest.published(unit)})
