"""Tokens: which are believed, which are refused, and how often an issuer is asked for its keys."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm

from shared.auth import (
    ROLES,
    SCOPES,
    Issuer,
    JwksKeys,
    KeysError,
    StaticKeys,
    TokenVerifier,
    mint_token,
    public_jwk,
)
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.problems import Unauthorized, Unavailable

NOW = datetime(2026, 6, 8, 9, 0, tzinfo=UTC)
ISSUER = "https://contracts.test"
TENANT = UUID("0190a000-0000-7000-8000-0000000000aa")
KEY = Ed25519PrivateKey.generate()


def own_issuer(**changes: Any) -> Issuer:
    facts: dict[str, Any] = {
        "issuer": ISSUER,
        "audience": "upheld",
        "algorithms": ("EdDSA",),
        "keys": StaticKeys({"k1": KEY.public_key()}),
    }
    return Issuer(**facts | changes)


@pytest.fixture
def verifier() -> TokenVerifier:
    return TokenVerifier([own_issuer()], FixedClock(NOW))


def mint(**changes: Any) -> str:
    facts: dict[str, Any] = {
        "issuer": ISSUER,
        "now": NOW,
        "tenant_id": TENANT,
        "role": "owner",
        "subject": "somebody",
        "name": "Some Body",
    }
    return mint_token(KEY, "k1", **facts | changes)


def forged(changes: dict[str, Any], *, key: Any = KEY, algorithm: str = "EdDSA", headers: Any = None) -> str:
    claims = jwt.decode(mint(), options={"verify_signature": False}) | changes
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers or {"kid": "k1"})


async def test_a_token_of_ours_gives_the_principal(verifier: TokenVerifier) -> None:
    client = new_id()
    principal = await verifier.verify(mint(role="client_decider", client_id=client))
    assert (principal.tenant_id, principal.client_id, principal.role) == (TENANT, client, "client_decider")
    assert principal.scopes == ROLES["client_decider"]
    assert (principal.actor.kind, principal.actor.id, principal.actor.name) == ("user", "somebody", "Some Body")


async def test_a_token_narrows_the_scopes_of_its_role_and_never_widens_them(verifier: TokenVerifier) -> None:
    narrow = await verifier.verify(mint(scopes=frozenset({"contracts:read"})))
    assert narrow.scopes == {"contracts:read"}
    wide = await verifier.verify(forged({"role": "viewer", "scope": "contracts:read contracts:sign"}))
    assert wide.scopes == {"contracts:read"}
    with pytest.raises(ValueError, match="does not include contracts:sign"):
        mint(role="operator", scopes=frozenset({"contracts:sign"}))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"exp": int((NOW - timedelta(seconds=31)).timestamp())}, "expired"),
        ({"nbf": int((NOW + timedelta(seconds=31)).timestamp())}, "not valid yet"),
        ({"iat": int((NOW + timedelta(seconds=31)).timestamp())}, "not valid yet"),
        ({"exp": None}, "lacks the claim exp"),
        ({"iat": None}, "lacks the claim iat"),
        ({"aud": None}, "lacks the claim aud"),
        ({"sub": None}, "lacks the claim sub"),
        ({"aud": "somebody else"}, "audience"),
        ({"iss": "https://evil.test"}, "does not trust"),
        ({"iss": ISSUER + "/"}, "does not trust"),
        ({"iss": None}, "does not trust"),
        ({"exp": "soon"}, "numbers of seconds"),
        ({"exp": 1e30}, "numbers of seconds"),
        ({"exp": True}, "numbers of seconds"),
        ({"role": "emperor"}, "no role"),
        ({"role": ["owner"]}, "no role"),
        ({"tenant_id": "none"}, "not an identifier"),
        ({"tenant_id": None}, "not an identifier"),
        ({"client_id": str(TENANT)}, "do not fit"),
        ({"role": "client_staff"}, "do not fit"),
    ],
)
async def test_claims_that_do_not_fit_are_refused(verifier: TokenVerifier, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(Unauthorized, match=said) as refused:
        await verifier.verify(forged(changes))
    assert 'error="invalid_token"' in refused.value.headers["WWW-Authenticate"]


async def test_clocks_may_disagree_by_thirty_seconds(verifier: TokenVerifier) -> None:
    await verifier.verify(forged({"exp": int((NOW - timedelta(seconds=29)).timestamp())}))
    await verifier.verify(mint(now=NOW + timedelta(seconds=29)))


async def test_the_algorithm_is_ours_to_choose(verifier: TokenVerifier) -> None:
    unsigned = ".".join(
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": "none", "kid": "k1"}, jwt.decode(mint(), options={"verify_signature": False}))
    )
    public = KEY.public_key().public_bytes_raw()
    for token in (
        unsigned + ".",
        forged({}, key=public, algorithm="HS256"),
        forged({}, key=rsa.generate_private_key(65537, 2048), algorithm="RS256"),
        forged({}, key=Ed25519PrivateKey.generate()),
    ):
        with pytest.raises(Unauthorized):
            await verifier.verify(token)


@pytest.mark.parametrize("token", ["", "a.b.c", "x" * 5000, "eyJhbGciOiJub25lIn0.e30."])
async def test_nonsense_is_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(Unauthorized):
        await verifier.verify(token)


async def test_an_unknown_key_or_none_at_all_is_refused(verifier: TokenVerifier) -> None:
    for headers in ({"kid": "k2"}, {"typ": "JWT"}, {"kid": "k1", "typ": "id+jwt"}):
        with pytest.raises(Unauthorized):
            await verifier.verify(forged({}, headers=headers))


async def test_an_external_issuer_counts_with_its_own_algorithm_audience_and_claims() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    external = Issuer(
        issuer="https://sso.agency.test",
        audience="upheld-sso",
        algorithms=("ES256",),
        keys=StaticKeys({"e1": key.public_key()}),
        tenant_claim="agency",
        role_claim="job",
        client_claim="customer",
        external=True,
    )
    verifier = TokenVerifier([own_issuer(), external], FixedClock(NOW))
    facts = {"iss": external.issuer, "aud": "upheld-sso", "agency": str(TENANT), "job": "operator", "scope": "openid"}
    principal = await verifier.verify(forged(facts, key=key, algorithm="ES256", headers={"kid": "e1"}))
    assert (principal.role, principal.scopes) == ("operator", ROLES["operator"])
    assert principal.issuer == external.issuer
    # its key signs nothing in the name of our own issuer
    with pytest.raises(Unauthorized):
        await verifier.verify(forged({}, key=key, algorithm="ES256", headers={"kid": "e1"}))
    with pytest.raises(Unauthorized, match="audience"):
        await verifier.verify(forged(facts | {"aud": "upheld"}, key=key, algorithm="ES256", headers={"kid": "e1"}))


def test_roles_have_the_scopes_that_they_are_known_for() -> None:
    assert ROLES["owner"] == set(SCOPES) - {"runner:work"}
    assert ROLES["viewer"] == {"contracts:read", "monitors:read", "incidents:read", "reports:read"}
    assert ROLES["runner"] == {"runner:work"}
    assert "contracts:sign" not in ROLES["client_decider"]
    assert {role for role, scopes in ROLES.items() if "costs:read" in scopes} == {"owner", "auditor"}
    assert {role for role, scopes in ROLES.items() if "costs:write" in scopes} == {"owner"}


# --- the issuer's keys -----------------------------------------------------------------------------------------------


class Server:
    """An issuer that counts how often it is asked."""

    def __init__(self) -> None:
        self.keys: list[dict[str, Any]] = [public_jwk(KEY.public_key(), "k1")]
        self.asked: list[str] = []
        self.status = 200
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    def answer(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request.url.path)
        if request.url.path == "/.well-known/openid-configuration":
            return httpx.Response(self.status, json={"issuer": ISSUER, "jwks_uri": ISSUER + "/keys"})
        return httpx.Response(self.status, json={"keys": self.keys})


class Watch:
    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def jwks(server: Server, watch: Callable[[], float], **options: Any) -> JwksKeys:
    return JwksKeys(server.http, options.pop("url", ISSUER + "/keys"), issuer=ISSUER, monotonic=watch, **options)


async def test_keys_are_fetched_once_and_again_for_an_unknown_one_at_most_once_a_minute() -> None:
    server, watch = Server(), Watch()
    keys = jwks(server, watch)
    assert await keys.key("k1") is not None
    for _ in range(5):
        assert await keys.key("k2") is None
    assert len(server.asked) == 1
    watch.seconds += 61
    server.keys.append(public_jwk(Ed25519PrivateKey.generate().public_key(), "k2"))
    assert await keys.key("k2") is not None
    assert await keys.key("k3") is None
    assert len(server.asked) == 2


async def test_a_retired_key_is_forgotten_after_ten_minutes() -> None:
    server, watch = Server(), Watch()
    keys = jwks(server, watch)
    assert await keys.key("k1") is not None
    server.keys = [public_jwk(Ed25519PrivateKey.generate().public_key(), "k2")]
    watch.seconds += 599
    assert await keys.key("k1") is not None
    watch.seconds += 2
    assert await keys.key("k1") is None


async def test_an_absent_issuer_is_our_trouble_and_not_the_callers() -> None:
    server, watch = Server(), Watch()
    server.status = 500
    keys = jwks(server, watch)
    with pytest.raises(KeysError):
        await keys.key("k1")
    with pytest.raises(Unavailable):
        watch.seconds += 1
        await TokenVerifier([own_issuer(keys=keys)], FixedClock(NOW)).verify(mint())
    server.status = 200
    watch.seconds += 1
    assert await keys.key("k1") is not None
    server.status = 500
    watch.seconds += 700
    assert await keys.key("k1") is not None  # what we know stays good while the issuer is away


async def test_discovery_finds_the_keys_and_must_be_the_issuers_own() -> None:
    server, watch = Server(), Watch()
    assert await jwks(server, watch, url=None).key("k1") is not None
    assert server.asked == ["/.well-known/openid-configuration", "/keys"]
    impostor = JwksKeys(server.http, None, issuer="https://other.test", monotonic=watch)
    with pytest.raises(KeysError):
        await impostor.key("k1")


async def test_keys_for_other_purposes_and_algorithms_are_left_out() -> None:
    server, watch = Server(), Watch()
    curve = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True)
    server.keys += [
        {**curve, "kid": "ec", "alg": "ES256"},
        {**public_jwk(KEY.public_key(), "enc"), "use": "enc"},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "oct", "alg": "HS256"},
        {"kty": "new", "kid": "new"},
    ]
    keys = jwks(server, watch)
    assert [await keys.key(kid) is not None for kid in ("k1", "ec", "enc", "oct", "new")] == [True] + [False] * 4
