"""OpenID Connect with providers that agencies name: what they say of themselves, the way there, and who came back.

Their addresses are somebody else's choice, and so are asked through the guarded client (`shared/outbound_http.py`), at
every request. What signs is found in their JWK Set, fetched again for a key that is new (`shared/auth.py`); which
algorithms count is ours to say, never a token's.

Sources: OpenID Connect Core 1.0 and Discovery 1.0, RFC 6749, RFC 7636 (S256), RFC 8725, RFC 9207, RFC 9700.
"""

import asyncio
import base64
import hashlib
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit, urlunsplit

import httpx
import jwt
import structlog
from jwt.types import Options
from pydantic import BaseModel, ConfigDict, ValidationError

from reporting.application.single_sign_on import Flow, Provider, SignInFailed
from reporting.domain.single_sign_on import (
    NoAddress,
    NotProven,
    NotVerified,
    check_claims,
    is_of,
    meets,
    verified_address,
)
from shared.auth import JwksKeys, KeysError, keys_of
from shared.mail import is_address

ALGORITHMS: Final = frozenset(
    {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)
"""Signatures that only the provider can make: not `none`, and not HMAC, for which we would have the key too."""
SCOPES: Final = "openid email"
TOTAL_SECONDS: Final = 10.0
"""For all that is asked of a provider while one visitor waits."""
FRESH_SECONDS: Final = 600.0
RETRY_SECONDS: Final = 5.0
"""How long a provider that did not answer is not asked what it is again."""
MOST_KNOWN: Final = 1_000
WELL_KNOWN: Final = "/.well-known/openid-configuration"
_UNREACHABLE: Final = (httpx.HTTPError, httpx.InvalidURL, TimeoutError, RecursionError)
"""What asking a provider may end with: among it what reads an answer of a thousand nested lists."""

_SIGNATURE_ALONE: Final[Options] = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
    "verify_iss": False,
    "verify_sub": False,
    "verify_jti": False,
}
"""Whatever is in a token besides, `check_claims` looks at, with our clock."""

log = structlog.get_logger(__name__)


class BadDocument(Exception):
    """A provider does not say what it must. The message says what."""


class Document(BaseModel):
    """What a provider says of itself (OpenID Connect Discovery 1.0, section 3), as far as it matters here."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    id_token_signing_alg_values_supported: list[str] = ["RS256"]
    token_endpoint_auth_methods_supported: list[str] = ["client_secret_basic"]
    code_challenge_methods_supported: list[str] = []
    authorization_response_iss_parameter_supported: bool = False

    @property
    def algorithms(self) -> list[str]:
        """What it signs with, of what counts here."""
        return [each for each in self.id_token_signing_alg_values_supported if each in ALGORITHMS]


@dataclass(frozen=True)
class Check:
    """One thing that was looked at of a provider."""

    check: str
    passed: bool
    detail: str


class OpenIdProviders:
    """Talks to providers. One for each process: what they said of themselves is kept in its memory for ten minutes."""

    def __init__(self, http: httpx.AsyncClient, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._http = http
        self._monotonic = monotonic
        self._documents: OrderedDict[str, tuple[float, Document | str]] = OrderedDict()
        self._keys: OrderedDict[tuple[str, str], JwksKeys] = OrderedDict()

    # --- the way there -----------------------------------------------------------------------------------------------

    async def way_to(
        self, provider: Provider, redirect_uri: str, now: datetime, *, other_account: bool
    ) -> tuple[Flow, str]:
        """A new flow and the address at the provider that begins it. Raises SignInFailed.

        :param other_account: without asking, most providers sign the same account in again.
        """
        document = await self._document(provider)
        flow = Flow(
            kind="single sign-on",
            identity_provider_id=provider.identity_provider_id,
            version=provider.version,
            redirect_uri=redirect_uri,
            state=secrets.token_urlsafe(32),
            nonce=secrets.token_urlsafe(32),
            verifier=secrets.token_urlsafe(32),
            began_at=now,
        )
        parts = urlsplit(document.authorization_endpoint)
        asked = [
            *parse_qsl(parts.query, keep_blank_values=True),
            ("response_type", "code"),
            ("client_id", provider.oidc_client_id),
            ("redirect_uri", redirect_uri),
            ("scope", SCOPES),
            ("state", flow.state),
            ("nonce", flow.nonce),
            ("code_challenge", challenge_of(flow.verifier)),
            ("code_challenge_method", "S256"),
            *([("prompt", "select_account")] if other_account else []),
        ]
        return flow, urlunsplit((parts.scheme, parts.netloc, parts.path, urlencode(asked), ""))

    # --- the way back ------------------------------------------------------------------------------------------------

    async def check_answerer(self, provider: Provider, issuer: str | None) -> None:
        """That it was this provider who answered (RFC 9207). Raises SignInFailed."""
        document = await self._document(provider)
        if issuer is None and document.authorization_response_iss_parameter_supported:
            raise SignInFailed("not_proven", "the answer does not say who answered")
        if issuer is not None and issuer != provider.issuer:
            raise SignInFailed("not_proven", "another provider answered")

    async def address_of(self, provider: Provider, flow: Flow, code: str, now: datetime) -> str:
        """The mail address of whoever signed in, proven, verified and allowed. Raises SignInFailed."""
        document = await self._document(provider)
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                answer = await self._redeem(document, provider, flow, code)
                claims = await self._proven(document, provider, flow, answer.get("id_token"), now)
                if "email" not in claims and document.userinfo_endpoint is not None:
                    told = await self._told_about(document.userinfo_endpoint, answer, claims["sub"])
                    # What was signed goes before; whether an address is verified is told by who names it.
                    claims = {
                        **told,
                        **{name: each for name, each in claims.items() if name != provider.verified_claim},
                    }
        except (*_UNREACHABLE, KeysError) as error:
            raise SignInFailed("provider_away", type(error).__name__) from error
        try:
            address = verified_address(claims, provider.verified_claim)
        except NoAddress:
            raise SignInFailed("no_address") from None
        except NotVerified:
            raise SignInFailed("not_verified") from None
        if not is_address(address):
            raise SignInFailed("no_address", "not an address")
        if provider.allowed_domains and not is_of(address, provider.allowed_domains):
            raise SignInFailed("not_admitted", "the domain of the address")
        if not meets(claims, provider.required_claims):
            raise SignInFailed("not_admitted", "a required claim")
        return address

    async def _redeem(self, document: Document, provider: Provider, flow: Flow, code: str) -> Mapping[str, Any]:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": flow.redirect_uri,
            "code_verifier": flow.verifier,
        }
        status, answer = await self._ask_for_tokens(document, provider, form)
        if status == httpx.codes.OK:
            return answer
        error = answer.get("error")
        if error == "invalid_grant":
            raise SignInFailed("not_proven", "the provider does not take the code")
        raise SignInFailed("provider_refused", f"the token endpoint answered {status}")

    async def _ask_for_tokens(
        self, document: Document, provider: Provider, form: Mapping[str, str]
    ) -> tuple[int, Mapping[str, Any]]:
        """Status and content of the token endpoint's answer. Raises httpx.HTTPError, SignInFailed."""
        headers, sent = {"Accept": "application/json"}, dict(form)
        secret = provider.oidc_client_secret.get_secret_value()
        methods = document.token_endpoint_auth_methods_supported
        if "client_secret_basic" in methods:
            pair = f"{quote_plus(provider.oidc_client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        elif "client_secret_post" in methods:
            sent |= {"client_id": provider.oidc_client_id, "client_secret": secret}
        else:
            raise SignInFailed("provider_refused", "no way to show the secret that we know")
        answer = await self._http.post(document.token_endpoint, data=sent, headers=headers)
        try:
            content = answer.json()
        except ValueError:
            content = None
        return answer.status_code, content if isinstance(content, dict) else {}

    async def _proven(
        self, document: Document, provider: Provider, flow: Flow, token: object, now: datetime
    ) -> dict[str, Any]:
        """The claims of an ID token, once it is proven that they are its issuer's and meant for this browser."""
        try:
            if not isinstance(token, str):
                raise NotProven("id_token")
            header = jwt.get_unverified_header(token)
            algorithm, kid = header.get("alg"), header.get("kid")
            if algorithm not in document.algorithms:
                raise NotProven("alg")
            if str(header.get("typ", "JWT")).lower() != "jwt" or "crit" in header:
                raise NotProven("typ")
            if not isinstance(kid, str):
                raise NotProven("kid")
            key = await self._keys_of(document).key(kid)
            if key is None:
                raise NotProven("kid")
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                options=_SIGNATURE_ALONE,
            )
            check_claims(claims, issuer=provider.issuer, audience=provider.oidc_client_id, nonce=flow.nonce, now=now)
        except NotProven as wrong:
            raise SignInFailed("not_proven", f"the ID token's {wrong}") from None
        except (jwt.PyJWTError, TypeError, ValueError) as error:
            raise SignInFailed("not_proven", f"the ID token: {type(error).__name__}") from error
        return dict(claims)

    async def _told_about(self, address: str, answer: Mapping[str, Any], subject: str) -> Mapping[str, Any]:
        """What the provider tells of somebody beside the token: it must be the same person (Core, section 5.3.4)."""
        token = answer.get("access_token")
        if not isinstance(token, str) or not token.isascii() or not token.isprintable():
            raise SignInFailed("not_proven", "the access token is none")
        headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
        told = await self._http.get(address, headers=headers)
        told.raise_for_status()
        try:
            content = told.json()
        except ValueError:
            content = None
        if not isinstance(content, dict) or content.get("sub") != subject:
            raise SignInFailed("not_proven", "the user info is of somebody else")
        return content

    # --- what a provider says of itself ------------------------------------------------------------------------------

    async def _document(self, provider: Provider) -> Document:
        """Raises SignInFailed."""
        at, known = self._documents.get(provider.issuer, (float("-inf"), ""))
        age = self._monotonic() - at
        if age >= (FRESH_SECONDS if isinstance(known, Document) else RETRY_SECONDS):
            try:
                async with asyncio.timeout(TOTAL_SECONDS):
                    known = await self._read_document(provider.issuer)
            except (*_UNREACHABLE, BadDocument) as error:
                known = f"{type(error).__name__}: {error}"
            self._documents[provider.issuer] = (self._monotonic(), known)
            self._documents.move_to_end(provider.issuer)
            while len(self._documents) > MOST_KNOWN:
                self._documents.popitem(last=False)
        if isinstance(known, Document):
            return known
        raise SignInFailed("provider_away", known)

    async def _read_document(self, issuer: str) -> Document:
        """Raises httpx.HTTPError, BadDocument."""
        answer = await self._http.get(issuer.rstrip("/") + WELL_KNOWN, headers={"Accept": "application/json"})
        if answer.status_code != httpx.codes.OK:
            raise BadDocument(f"{WELL_KNOWN} answered {answer.status_code}")
        try:
            document = Document.model_validate_json(answer.content)
        except ValidationError as error:
            places = sorted({".".join(str(part) for part in each["loc"]) or "the document" for each in error.errors()})
            raise BadDocument(f"not as OpenID Connect Discovery describes it: {', '.join(places)}") from None
        if document.issuer != issuer:
            raise BadDocument("the issuer in it is another one; they must be equal, letter for letter")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            address = getattr(document, name)
            if address is not None and not _is_endpoint(address, issuer):
                raise BadDocument(f"{name} is no https address")
        if not document.algorithms:
            raise BadDocument("it signs with nothing that is taken here")
        return document

    def _keys_of(self, document: Document) -> JwksKeys:
        place = (document.issuer, document.jwks_uri)
        if place not in self._keys:
            self._keys[place] = JwksKeys(
                self._http,
                document.jwks_uri,
                issuer=document.issuer,
                algorithms=tuple(ALGORITHMS),
                monotonic=self._monotonic,
            )
            while len(self._keys) > MOST_KNOWN:
                self._keys.popitem(last=False)
        self._keys.move_to_end(place)
        return self._keys[place]

    # --- looking whether it would work -------------------------------------------------------------------------------

    async def look_at(self, provider: Provider, redirect_uri: str) -> list[Check]:
        """What there is to see of a provider without anybody signing in: read now, not from memory."""
        checks: list[Check] = []
        try:
            async with asyncio.timeout(TOTAL_SECONDS):
                try:
                    document = await self._read_document(provider.issuer)
                except BadDocument as error:
                    return [Check("discovery", False, f"{error}.")]
                checks.append(Check("discovery", True, f"{provider.issuer}{WELL_KNOWN} says what it must."))
                checks.append(await self._look_at_keys(document))
                checks.append(_look_at_pkce(document))
                checks.append(_look_at_answerer(document))
                checks.append(await self._look_at_secret(document, provider, redirect_uri))
        except _UNREACHABLE as error:
            what = str(error) or "no answer in time"
            checks.append(Check("connection" if checks else "discovery", False, f"It cannot be reached: {what}."))
        return checks

    async def _look_at_keys(self, document: Document) -> Check:
        answer = await self._http.get(document.jwks_uri, headers={"Accept": "application/json"})
        try:
            found = keys_of(answer.json(), tuple(ALGORITHMS)) if answer.status_code == httpx.codes.OK else {}
        except (ValueError, TypeError, AttributeError):
            found = {}
        if not found:
            return Check("keys", False, "No key there has a `kid` and signs with an algorithm that is taken here.")
        return Check("keys", True, f"{len(found)} keys that sign: {', '.join(sorted(found)[:5])}."[:300])

    async def _look_at_secret(self, document: Document, provider: Provider, redirect_uri: str) -> Check:
        """Redeems a code that nobody was given: whoever knows us says that of the code, and not of us."""
        form = {
            "grant_type": "authorization_code",
            "code": secrets.token_urlsafe(32),
            "redirect_uri": redirect_uri,
            "code_verifier": secrets.token_urlsafe(32),
        }
        try:
            status, answer = await self._ask_for_tokens(document, provider, form)
        except SignInFailed:
            detail = "The provider takes neither client_secret_basic nor client_secret_post."
            return Check("secret", False, detail)
        if answer.get("error") == "invalid_grant":
            return Check("secret", True, "The provider knows the client id and the secret.")
        if answer.get("error") == "invalid_client" or status == httpx.codes.UNAUTHORIZED:
            return Check("secret", False, "The provider does not know the client id, or the secret is not its own.")
        return Check("secret", False, f"The token endpoint answered {status} to a code that nobody was given.")


def challenge_of(verifier: str) -> str:
    """The challenge of a verifier (RFC 7636, section 4.2, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def _look_at_pkce(document: Document) -> Check:
    if "S256" in document.code_challenge_methods_supported:
        return Check("pkce", True, "The provider says that it checks PKCE with S256.")
    return Check("pkce", True, "The provider does not say whether it checks PKCE; it is sent all the same.")


def _look_at_answerer(document: Document) -> Check:
    if document.authorization_response_iss_parameter_supported:
        return Check("answerer", True, "Its answers say that they are its own (RFC 9207), and must.")
    return Check(
        "answerer", True, "Its answers need not say whose they are; each provider has a redirect URI of its own."
    )


def _is_endpoint(address: str, issuer: str) -> bool:
    """Whether an address may be asked: over TLS, or in the clear where the issuer itself is (a network of the
    operator's own, which the guard of the connection knows)."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    schemes = {"https", urlsplit(issuer).scheme}
    return (
        parts.scheme in schemes
        and bool(parts.hostname)
        and port != 0
        and not parts.fragment
        and parts.username is None
        and address.isascii()
        and address.isprintable()
        and not set(address) & set(' \\"<>')
    )
