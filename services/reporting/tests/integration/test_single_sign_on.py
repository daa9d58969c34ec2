"""Signing in through an OpenID provider: into the portal as the person whom the agency let in, and as nobody else."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from sqlalchemy import text

from reporting.adapters.openid import Check, OpenIdProviders
from reporting.api.single_sign_on import BEGUN_A_MINUTE, FAILED_A_MINUTE
from reporting.application.single_sign_on import Provider
from reporting.main import SERVICE
from shared.auth import JWKS_COOLDOWN_SECONDS, ROLES
from shared.brake import Brake
from shared.ids import new_id
from shared.testing.openid_provider import OpenIdProvider

from .sso_world import World, contracts_running
from .test_portal_pages import Page
from .test_webhook_filters import named_client

LEA = "lea@martin.example"
MINUTES = timedelta(minutes=1)
UNSIGNED = base64.urlsafe_b64encode(json.dumps({"alg": "none", "kid": "x"}).encode()).rstrip(b"=").decode()


@pytest.fixture
async def world(start_service: Any, serve: Any, story: Any) -> AsyncIterator[World]:
    """The agency of the story knows Léa; nobody trusts the provider yet."""
    with contracts_running() as contracts:
        service = await start_service(portal_secret="s" * 40, contracts_url=contracts.url, incidents_url=contracts.url)
        await service.hear(*story.golden_june()[:5], named_client(service, story))
        with OpenIdProvider(service.clock.now) as provider:
            provider.account = {"sub": "lea-1", "email": LEA, "email_verified": True}
            contracts.let_in(story, LEA)
            yield World(service, await serve(service), story, contracts, provider)


def sign_in_at(trusted: dict[str, Any]) -> str:
    return urlsplit(str(trusted["sign_in_url"])).path


def with_changed(address: str, **changes: str) -> str:
    parts = urlsplit(address)
    return str(parts._replace(query=urlencode(dict(parse_qsl(parts.query)) | changes)).geturl())


# In ------------------------------------------------------------------------------------------------------------------


@pytest.mark.capability("R05")
async def test_whoever_the_agency_let_in_signs_in_through_his_organisation(world: World) -> None:
    trusted = await world.trust(client_id=str(world.story.client_id))
    browser = world.browser()
    home = await browser.led(sign_in_at(trusted))
    assert home.status_code == 200
    assert "Boulangerie Martin" in home.text
    assert str(home.request.url.path) == "/portal"
    (asked,) = world.provider.answers_to("/authorize")
    assert asked["redirect_uri"] == f"https://reports.agency.example{sign_in_at(trusted)}/callback"
    assert asked["code_challenge_method"] == "S256"
    (redeemed,) = world.provider.answers_to("/token")
    assert len(redeemed["code_verifier"]) >= 43
    assert "client_secret" not in redeemed
    sessions = await browser.get("/portal/sessions?lang=fr")
    assert "Léa Martin" in sessions.text
    assert "par la connexion de votre organisation" in sessions.text
    entry = await world.browser().get("/portal/sign-in")
    assert "Martin SA" not in entry.text, "nobody learns here who is whose client"
    browser.cookies.pop((browser.host, "__Host-portal"))
    assert f'href="{sign_in_at(trusted)}"' in (await browser.get("/portal/sign-in")).text


async def test_a_sign_in_through_a_provider_is_in_the_audit_log(world: World) -> None:
    trusted = await world.trust()
    await world.browser().led(sign_in_at(trusted))
    async with world.service.runtime.units.for_every_tenant() as unit:
        envelopes = (await unit.session.scalars(text("select envelope from reporting.outbox"))).all()
    (told,) = [str(each) for each in envelopes if "return_to_portal" in str(each)]
    assert world.contracts.people[0]["user_id"] in told
    assert world.provider.answers_to("/token")[0]["code"] not in told


async def test_who_is_let_in_for_several_clients_chooses_one_of_this_agency(
    world: World, another_story: Callable[..., Any]
) -> None:
    hotel, elsewhere = new_id(), another_story()
    world.contracts.let_in(world.story, LEA, client_id=hotel, client_name="Hôtel du Parc")
    world.contracts.let_in(elsewhere, LEA, client_name="Client of another agency")
    browser = world.browser()
    choice = await browser.led(sign_in_at(await world.trust()))
    assert Page(choice.text).faults() == []
    assert "Hôtel du Parc" in choice.text
    assert "another agency" not in choice.text
    assert (browser.host, "__Host-portal") not in browser.cookies
    place = choice.text.split('action="')[2].partition('"')[0]
    assert (await browser.post(place)).headers["location"] == "/portal"
    sessions = await browser.get("/portal/sessions?lang=en")
    assert "Hôtel du Parc" in sessions.text
    assert "sign-in" in sessions.text
    assert (await browser.post(place)).status_code == 410, "once"


async def test_an_address_that_only_user_info_tells_counts_if_it_is_of_the_same_person(world: World) -> None:
    world.provider.in_user_info = {"email", "email_verified"}
    trusted = await world.trust()
    assert (await world.browser().led(sign_in_at(trusted))).url.path == "/portal"
    world.provider.user_info = {"sub": "somebody-else"}
    assert (await world.browser().led(sign_in_at(trusted))).status_code == 403
    world.provider.user_info = {"email_verified": False}
    assert "not verified" in (await world.browser().led(sign_in_at(trusted))).text


async def test_a_secret_is_shown_as_the_provider_wants_it(world: World) -> None:
    world.provider.document_changes = {"token_endpoint_auth_methods_supported": ["client_secret_post"]}
    assert (await world.browser().led(sign_in_at(await world.trust()))).url.path == "/portal"
    assert world.provider.answers_to("/token")[0]["client_secret"] == world.provider.client_secret


async def test_a_new_key_of_the_provider_is_found(world: World) -> None:
    now = [0.0]
    world.service.app.state.openid_providers = OpenIdProviders(world.service.runtime.http, lambda: now[0])
    trusted = await world.trust()
    assert (await world.browser().led(sign_in_at(trusted))).url.path == "/portal"
    world.provider.rotate_key()
    now[0] += JWKS_COOLDOWN_SECONDS
    assert (await world.browser().led(sign_in_at(trusted))).url.path == "/portal"
    assert len(world.provider.answers_to("/keys")) == 2
    assert len(world.provider.answers_to("/.well-known/openid-configuration")) == 1


# Not in --------------------------------------------------------------------------------------------------------------


async def refused(world: World, trusted: dict[str, Any], status: int, words: str) -> None:
    """A sign-in from its beginning to a page that says so, in both languages, and lets nobody in."""
    for language, said in (("en", words), ("fr", "Recevoir plutôt un lien par e-mail")):
        browser = world.browser(language=language)
        answer = await browser.led(sign_in_at(trusted))
        assert answer.status_code == status, answer.text
        page = Page(answer.text)
        assert page.faults() == []
        assert said in page.words
        assert 'href="/portal/sign-in"' in answer.text, "it says what to do next"
        assert answer.headers["cache-control"] == "no-store"
        assert browser.cookies == {}, "no session, and the way back is used up"
    async with world.service.runtime.units.for_every_tenant() as unit:
        assert await unit.session.scalar(text("select count(*) from reporting.portal_session")) == 0


FORGERIES: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "another"},
    "no nonce": {"nonce": None},
    "another client's audience": {"aud": "somebody-else"},
    "an audience of two, authorized for the other": {"aud": ["upheld", "else"], "azp": "else"},
    "an audience of two, authorized for nobody": {"aud": ["upheld", "else"]},
    "authorized for another": {"azp": "else"},
    "another issuer": {"iss": "https://evil.example"},
    "expired": {"exp": 1_000_000_000},
    "never expires": {"exp": None},
    "expires at infinity": {"exp": float("inf")},
    "issued tomorrow": {"iat": 4_000_000_000},
    "not valid yet": {"nbf": 4_000_000_000},
    "of nobody": {"sub": ""},
}


@pytest.mark.parametrize("changed", FORGERIES.values(), ids=FORGERIES)
async def test_a_token_that_is_not_for_this_browser_lets_nobody_in(world: World, changed: dict[str, Any]) -> None:
    world.provider.claims = changed
    await refused(world, await world.trust(), 403, "could not be verified")


def unsigned(provider: OpenIdProvider, claims: dict[str, Any]) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"{UNSIGNED.replace('x', provider.kid)}.{body}."


TOKENS: dict[str, Callable[[OpenIdProvider, dict[str, Any]], str]] = {
    "alg none": lambda provider, claims: jwt.encode(claims, "", "none", headers={"kid": provider.kid}),
    "signed by hand with nothing": unsigned,
    "HMAC with our secret": lambda provider, claims: jwt.encode(
        claims, provider.client_secret.ljust(64, "x"), "HS256", headers={"kid": provider.kid}
    ),
    "a stranger's key under the same name": lambda provider, claims: jwt.encode(
        claims, generate_private_key(SECP256R1()), "ES256", headers={"kid": provider.kid}
    ),
    "a key that is not in the set": lambda provider, claims: jwt.encode(
        claims, provider.key, "ES256", headers={"kid": "unknown"}
    ),
    "no key named": lambda provider, claims: jwt.encode(claims, provider.key, "ES256"),
    "an access token": lambda provider, claims: jwt.encode(
        claims, provider.key, "ES256", headers={"kid": provider.kid, "typ": "at+jwt"}
    ),
    "an extension that must be understood": lambda provider, claims: jwt.encode(
        claims, provider.key, "ES256", headers={"kid": provider.kid, "crit": ["b64"], "b64": True}
    ),
    "another alg in its name": lambda provider, claims: provider.signed(claims).replace(
        provider.signed(claims).partition(".")[0],
        base64.urlsafe_b64encode(json.dumps({"alg": "RS256", "kid": provider.kid}).encode()).rstrip(b"=").decode(),
    ),
    "no token": lambda provider, claims: "not a token",
}


@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
async def test_what_the_provider_did_not_sign_lets_nobody_in(
    world: World, make: Callable[[OpenIdProvider, dict[str, Any]], str]
) -> None:
    world.provider.make_token = lambda claims: make(world.provider, claims)
    await refused(world, await world.trust(), 403, "could not be verified")


async def test_an_algorithm_that_the_provider_does_not_name_is_not_taken(world: World) -> None:
    world.provider.document_changes = {"id_token_signing_alg_values_supported": ["HS256", "none", "PS512"]}
    await refused(world, await world.trust(), 403, "could not be verified")


@pytest.mark.parametrize(
    ("account", "words"),
    [
        ({"email": LEA, "email_verified": False}, "not verified"),
        ({"email": LEA}, "not verified"),
        ({"email": LEA, "email_verified": "yes"}, "not verified"),
        ({"email": LEA, "email_verified": ["true"]}, "not verified"),
        ({"email_verified": True}, "missing"),
        ({"email": "lea@martin.example\nlea@x.example", "email_verified": True}, "missing"),
        ({"email": {"a": 1}, "email_verified": True}, "missing"),
        ({"email": "nobody@martin.example", "email_verified": True}, "Nobody has let you in yet"),
    ],
)
async def test_an_address_counts_only_if_it_is_verified_and_let_in(
    world: World, account: dict[str, Any], words: str
) -> None:
    world.provider.account = account
    await refused(world, await world.trust(), 403, words)


@pytest.mark.capability("R05")
async def test_a_provider_lets_in_nobody_of_another_agency_or_client(
    world: World, another_story: Callable[..., Any]
) -> None:
    """Whoever runs a provider can name any address: it opens what its agency may open, and nothing else."""
    victim, other_client = another_story(), new_id()
    world.contracts.let_in(victim, "boss@victim.example")
    world.contracts.let_in(world.story, "boss@hotel.example", client_id=other_client)
    of_agency = await world.trust()
    world.provider.account["email"] = "boss@victim.example"
    await refused(world, of_agency, 403, "Nobody has let you in yet")
    of_client = await world.trust(client_id=str(world.story.client_id))
    world.provider.account["email"] = "boss@hotel.example"
    await refused(world, of_client, 403, "Nobody has let you in yet")
    assert (await world.browser().led(sign_in_at(of_agency))).url.path == "/portal"


async def test_domains_and_claims_that_an_agency_wants_must_be_there(world: World) -> None:
    await refused(world, await world.trust(allowed_domains=["else.example"]), 403, "This account is not let in")
    await refused(world, await world.trust(allowed_domains=["artin.example"]), 403, "This account is not let in")
    groups = await world.trust(allowed_domains=["martin.example"], required_claims={"groups": ["upheld", "it"]})
    await refused(world, groups, 403, "This account is not let in")
    world.provider.account["groups"] = ["bakers", "it"]
    assert (await world.browser().led(sign_in_at(groups))).url.path == "/portal"


async def test_a_claim_other_than_email_verified_may_vouch_if_the_agency_says_so(world: World) -> None:
    del world.provider.account["email_verified"]
    entra = await world.trust(verified_claim="xms_edov")
    await refused(world, entra, 403, "not verified")
    world.provider.account["xms_edov"] = "1"
    assert (await world.browser().led(sign_in_at(entra))).url.path == "/portal"


@pytest.mark.parametrize(
    ("changes", "status"),
    [({"enabled": False}, 404), ({"required_claims": {"groups": ["it"]}}, 400), ({"name": "Another"}, 400)],
)
async def test_a_provider_that_is_changed_while_it_is_asked_lets_nobody_in(
    world: World, changes: dict[str, Any], status: int
) -> None:
    trusted, loop = await world.trust(), asyncio.get_running_loop()

    def meanwhile(claims: dict[str, Any]) -> str:
        changed = asyncio.run_coroutine_threadsafe(world.change(trusted, **changes), loop).result(20)
        assert changed.status_code == 200
        return world.provider.signed(claims)

    world.provider.make_token = meanwhile
    browser = world.browser()
    assert (await browser.led(sign_in_at(trusted))).status_code == status
    assert browser.cookies == {}
    async with world.service.runtime.units.for_every_tenant() as unit:
        assert await unit.session.scalar(text("select count(*) from reporting.portal_session")) == 0


async def test_while_nobody_tells_who_is_let_in_a_sign_in_is_over_and_begins_anew(world: World) -> None:
    trusted = await world.trust()
    world.contracts.away = True
    await refused(world, trusted, 503, "Not available just now")
    answer = await world.browser().led(sign_in_at(trusted))
    assert f'href="{sign_in_at(trusted)}' in answer.text, "the way that was gone opens nothing any more"
    world.contracts.away = False
    assert (await world.browser().led(sign_in_at(trusted))).url.path == "/portal"


async def test_an_agency_asks_for_its_own_people_only(world: World) -> None:
    await world.browser().led(sign_in_at(await world.trust()))
    assert world.contracts.asked_of == [str(world.story.tenant_id)]


# The way there and back ----------------------------------------------------------------------------------------------


async def test_a_way_back_is_gone_once_by_the_browser_that_began_it_and_within_ten_minutes(world: World) -> None:
    trusted = await world.trust()
    browser, stranger = world.browser(), world.browser()
    back = await browser.way_back(sign_in_at(trusted))
    kept = {place: dict(values) for place, values in browser.cookies.items()}

    assert (await stranger.get(back)).status_code == 400, "somebody else's way back, such as a link in a mail"
    await stranger.way_back(sign_in_at(trusted))
    assert (await stranger.get(back)).status_code == 400, "nor with a way of his own under way"
    assert stranger.cookies == {}
    assert world.provider.answers_to("/token") == [], "the code was not even shown to the provider"

    assert (await browser.get(back)).headers["location"] == "/portal"
    browser.cookies = kept
    again = await browser.get(back)
    assert again.status_code == 400
    assert "used already" in again.text
    assert len(world.provider.answers_to("/token")) == 1

    late = world.browser()
    back = await late.way_back(sign_in_at(trusted))
    world.service.clock.advance(10 * MINUTES)
    assert "more than ten minutes" in (await late.get(back)).text


async def test_a_code_of_another_session_opens_nothing(world: World) -> None:
    """An attacker puts his own code, or one that he saw, into the victim's way back: PKCE and the nonce bind it."""
    trusted = await world.trust()
    victim, attacker = world.browser(), world.browser()
    mine = await attacker.way_back(sign_in_at(trusted))
    back = await victim.way_back(sign_in_at(trusted))
    answer = await victim.get(with_changed(back, code=dict(parse_qsl(urlsplit(mine).query))["code"]))
    assert answer.status_code == 403
    assert (victim.host, "__Host-portal") not in victim.cookies


async def test_another_provider_cannot_answer_for_this_one(world: World) -> None:
    """Mix-up: the way back of each provider is its own, and says who answered (RFC 9207)."""
    trusted = await world.trust()
    with OpenIdProvider(world.service.clock.now) as evil:
        other = await world.trust(
            issuer=evil.issuer, oidc_client_id=evil.client_id, oidc_client_secret=evil.client_secret
        )
        evil.redirect_uris |= set(other["redirect_uris"])
        browser = world.browser()
        back = await browser.way_back(sign_in_at(trusted))
        swapped = back.replace(trusted["identity_provider_id"], other["identity_provider_id"])
        assert (await browser.get(swapped)).status_code == 400
        assert evil.answers_to("/token") == []
        world.provider.answers_with = {"iss": evil.issuer}
        await refused(world, trusted, 403, "could not be verified")
        world.provider.answers_with = {"iss": ""}
        await refused(world, trusted, 403, "could not be verified")
        assert world.provider.answers_to("/token") == []


async def test_nothing_that_a_request_says_is_a_place_to_go_to(world: World) -> None:
    trusted = await world.trust()
    evil = "https://evil.example/"
    tries = {"next": evil, "return_to": evil, "redirect_uri": evil, "target_link_uri": evil, "login_hint": "x"}
    there = await world.browser().get(f"{sign_in_at(trusted)}?{urlencode(tries)}")
    assert "evil" not in there.headers["location"]
    browser = world.browser()
    back = await browser.way_back(sign_in_at(trusted))
    assert (await browser.get(f"{back}&{urlencode(tries)}")).headers["location"] == "/portal"
    for broken in ("/portal/sso/not-an-id", f"/portal/sso/{new_id()}", f"/portal/sso/{new_id()}/callback?code=x"):
        answer = await world.browser().get(broken)
        assert answer.status_code in (400, 404)
        assert Page(answer.text).faults() == []


async def test_what_the_provider_says_of_a_failure_is_told_in_our_words(world: World) -> None:
    trusted = await world.trust()
    for error, status, words in (
        ("access_denied", 403, "broke the sign-in off"),
        ("server_error", 502, "the settings of this sign-in"),
        ("<script>", 502, "the settings of this sign-in"),
    ):
        world.provider.answers_with = {"code": "", "error": error, "error_description": "Call 555-EVIL <b>now</b>"}
        answer = await world.browser().led(sign_in_at(trusted))
        assert answer.status_code == status
        assert words in answer.text
        assert "EVIL" not in answer.text
    twice = world.browser()
    world.provider.answers_with = {}
    back = await twice.way_back(sign_in_at(trusted))
    assert (await twice.get(f"{back}&code=another")).status_code == 403


async def test_a_changed_or_forged_cookie_is_no_way_back(world: World) -> None:
    trusted = await world.trust()
    browser = world.browser()
    back = await browser.way_back(sign_in_at(trusted))
    place = (browser.host, "__Host-sso")
    value = browser.cookies[place]["/"]
    for forged in (value[:-6] + "AAAAAA", "{}", "", world.service.settings.secret_key.get_secret_value()):
        browser.cookies[place] = {"/": forged}
        assert (await browser.get(back)).status_code == 400
    assert all(each not in value for each in dict(parse_qsl(urlsplit(back).query)).values()), "it is sealed"


async def test_a_company_behind_one_address_signs_in_and_only_failures_are_slowed_down(world: World) -> None:
    trusted = await world.trust()
    world.service.app.state.single_sign_on_brakes = (Brake(BEGUN_A_MINUTE), Brake(3, lambda: 0.0))
    for _ in range(5):
        assert (await world.browser().led(sign_in_at(trusted))).url.path == "/portal"
    world.provider.account["email"] = "nobody@martin.example"
    answers = [await world.browser().led(sign_in_at(trusted)) for _ in range(4)]
    assert [each.status_code for each in answers] == [403, 403, 403, 429]
    assert "Try again in a minute" in answers[-1].text
    assert len(world.provider.answers_to("/token")) == 8, "the provider is not asked any more"


async def test_ways_there_are_slowed_down_far_later(world: World) -> None:
    trusted = await world.trust()
    places = [(await world.browser().get(sign_in_at(trusted))).status_code for _ in range(4 * FAILED_A_MINUTE)]
    assert set(places) == {303}
    world.service.app.state.single_sign_on_brakes = (Brake(3, lambda: 0.0), Brake(FAILED_A_MINUTE))
    places = [(await world.browser().get(sign_in_at(trusted))).status_code for _ in range(5)]
    assert places == [303, 303, 303, 429, 429]


# The provider's side -------------------------------------------------------------------------------------------------


HOSTILE: dict[str, tuple[str, tuple[int, dict[str, str], bytes]]] = {
    "no discovery": ("/.well-known/openid-configuration", (404, {}, b"")),
    "discovery elsewhere": ("/.well-known/openid-configuration", (302, {"Location": "http://127.0.0.1:9/"}, b"")),
    "a discovery of lists": ("/.well-known/openid-configuration", (200, {}, b"[" * 200_000)),
    "a huge discovery": ("/.well-known/openid-configuration", (200, {}, b" " * 2_000_000)),
    "no keys": ("/keys", (500, {}, b"")),
    "keys that are none": ("/keys", (200, {}, b'{"keys": [{"kid": "x", "kty": "RSA", "n": 5, "e": {}}]}')),
    "keys elsewhere": ("/keys", (302, {"Location": "http://127.0.0.1:9/"}, b"")),
    "keys of lists": ("/keys", (200, {}, b'{"keys":' + b"[" * 200_000)),
    "tokens of no shape": ("/token", (200, {}, b"[]")),
    "tokens of lists": ("/token", (200, {}, b"[" * 200_000)),
    "huge tokens": ("/token", (200, {}, b" " * 2_000_000)),
    "tokens elsewhere": ("/token", (302, {"Location": "http://127.0.0.1:9/"}, b"")),
    "our secret is unknown": ("/token", (401, {}, b'{"error": "invalid_client"}')),
}


@pytest.mark.parametrize(("path", "answer"), HOSTILE.values(), ids=HOSTILE)
async def test_whatever_a_provider_answers_is_a_page_that_says_what_to_do(
    world: World, path: str, answer: tuple[int, dict[str, str], bytes]
) -> None:
    world.provider.instead[path] = answer
    page = await world.browser().led(sign_in_at(await world.trust()))
    assert page.status_code in (403, 502, 503)
    assert Page(page.text).faults() == []
    assert 'href="/portal/sign-in"' in page.text


@pytest.mark.parametrize(
    "changes",
    [
        {"issuer": "https://evil.example"},
        {"token_endpoint": "file:///etc/passwd"},
        {"token_endpoint": "https://user:word@127.0.0.1/"},
        {"jwks_uri": "https://[::"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"id_token_signing_alg_values_supported": ["none", "HS256"]},
        {"token_endpoint": None},
    ],
)
async def test_a_document_that_leads_astray_is_not_followed(world: World, changes: dict[str, Any]) -> None:
    world.provider.document_changes = changes
    await refused(world, await world.trust(), 503, "does not answer as it should")
    assert {path for path, _ in world.provider.asked} == {"/.well-known/openid-configuration"}


async def test_the_addresses_of_a_provider_are_guarded_as_those_of_webhooks(
    start_service: Any, story: Any, world: World
) -> None:
    """Without the network being allowed neither the issuer nor what its document names is connected to."""
    guarded = await start_service(portal_secret="s" * 40, allowed_networks=())
    await guarded.hear(*story.golden_june()[:5])
    body = {"name": "X", "issuer": "", "oidc_client_id": "u", "oidc_client_secret": "12345678"}
    async with guarded.client(story) as agency:
        for issuer in (world.provider.issuer, "https://127.0.0.1", "https://169.254.169.254", "https://[::1]/realm"):
            answer = await agency.post("/v1/identity-providers", json=body | {"issuer": issuer})
            assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/issuer"), issuer
        made = await agency.post("/v1/identity-providers", json=body | {"issuer": "https://localhost"})
        test = (await agency.post(f"{made.headers['location']}/test")).json()
        assert test["works"] is False
        assert "refused" in test["checks"][0]["detail"]
    async with guarded.client() as visitor:
        page = await visitor.get(urlsplit(made.json()["sign_in_url"]).path)
        assert page.status_code == 503
        assert "localhost" not in page.text
    assert world.provider.asked == []


# What agencies do ----------------------------------------------------------------------------------------------------


async def test_an_agency_adds_tests_changes_and_deletes_a_provider(world: World) -> None:
    trusted = await world.trust()
    address = f"/v1/identity-providers/{trusted['identity_provider_id']}"
    async with world.service.client(world.story) as agency:
        (listed,) = (await agency.get("/v1/identity-providers")).json()["data"]
        read = await agency.get(address)
        assert listed == read.json() == trusted
        assert world.provider.client_secret not in read.text
        tested = (await agency.post(f"{address}/test")).json()
        assert tested["works"] is True, tested
        assert {each["check"] for each in tested["checks"]} == {"discovery", "keys", "pkce", "answerer", "secret"}
        wrong = await agency.patch(address, json={"oidc_client_secret": "not the secret"}, headers={"If-Match": '"1"'})
        assert wrong.json()["version"] == 2
        assert (await agency.patch(address, json={"name": "X"}, headers={"If-Match": '"1"'})).status_code == 412
        (failed,) = [each for each in (await agency.post(f"{address}/test")).json()["checks"] if not each["passed"]]
        assert failed["check"] == "secret"
        assert "does not know the client id" in failed["detail"]
        assert (await agency.delete(address, headers={"If-Match": '"2"'})).status_code == 204
        assert (await agency.get(address)).status_code == 404
    answer = await world.browser().get(sign_in_at(trusted))
    assert (answer.status_code, "turned off" in answer.text) == (404, True)


async def test_whoever_cannot_do_what_a_decider_does_chooses_no_provider_and_may_turn_one_off(world: World) -> None:
    trusted = await world.trust()
    address = f"/v1/identity-providers/{trusted['identity_provider_id']}"
    body = {
        "name": "Mine",
        "issuer": world.provider.issuer,
        "oidc_client_id": "me",
        "oidc_client_secret": world.provider.client_secret,
    }
    any_version = {"If-Match": "*"}
    narrowed = frozenset({"identity:manage", *ROLES["client_staff"]})
    async with world.service.client(world.story, kind="api_key", scopes=narrowed) as manager:
        answer = await manager.post("/v1/identity-providers", json=body)
        assert answer.status_code == 403
        assert "contracts:answer, contracts:read" in answer.json()["detail"]
        for change in ({"issuer": "https://mine.example"}, {"allowed_domains": ["mine.example"]}, {"enabled": True}):
            assert (await manager.patch(address, json=change, headers=any_version)).status_code == 403
        turned_off = await manager.patch(address, json={"enabled": False, "name": "Off"}, headers=any_version)
        assert (turned_off.status_code, turned_off.json()["enabled"]) == (200, False)
    enough = narrowed | ROLES["client_decider"]
    async with world.service.client(world.story, kind="api_key", scopes=enough) as manager:
        assert (await manager.patch(address, json={"enabled": True}, headers=any_version)).status_code == 200
        assert (await manager.post("/v1/identity-providers", json=body)).status_code == 201


async def test_a_provider_that_takes_its_time_holds_no_connection_of_the_database(world: World) -> None:
    trusted = await world.trust()
    held: list[int] = []

    class Watching(OpenIdProviders):
        async def look_at(self, provider: Provider, redirect_uri: str) -> list[Check]:
            held.append(world.service.runtime.database.engine.pool.checkedout())
            return await super().look_at(provider, redirect_uri)

    world.service.app.state.openid_providers = Watching(world.service.runtime.http)
    async with world.service.client(world.story) as agency:
        tested = await agency.post(f"/v1/identity-providers/{trusted['identity_provider_id']}/test")
    assert tested.json()["works"] is True
    assert held == [0]


async def test_turning_a_provider_off_ends_what_it_opened_and_nothing_else(world: World) -> None:
    trusted, kept = await world.trust(), await world.trust()
    through, beside = world.browser(), world.browser()
    await through.led(sign_in_at(trusted))
    await beside.led(sign_in_at(kept))
    under_way = world.browser()
    back = await under_way.way_back(sign_in_at(trusted))
    assert (await world.change(trusted, name="New name")).status_code == 200
    assert (await through.get("/portal")).status_code == 200
    assert (await world.change(trusted, enabled=False)).status_code == 200
    assert (await through.get("/portal")).headers["location"] == "/portal/sign-in?out=yes"
    assert (await beside.get("/portal")).status_code == 200
    assert (await under_way.get(back)).status_code == 404
    assert (await world.change(trusted, enabled=True)).status_code == 200
    assert (await world.browser().led(sign_in_at(trusted))).url.path == "/portal"


async def test_providers_are_the_owners_business_and_of_one_agency(
    world: World, another_story: Callable[..., Any]
) -> None:
    trusted, stranger = await world.trust(), another_story()
    address = f"/v1/identity-providers/{trusted['identity_provider_id']}"
    async with world.service.client(stranger) as other:
        assert (await other.get("/v1/identity-providers")).json()["data"] == []
        assert (await other.get(address)).status_code == 404
        assert (await other.post(f"{address}/test")).status_code == 404
        for method in ("patch", "delete"):
            how: dict[str, Any] = {"json": {"enabled": False}} if method == "patch" else {}
            answer = await getattr(other, method)(address, headers={"If-Match": "*"}, **how)
            assert answer.status_code == 404
        body = {"name": "X", "issuer": "https://x.example", "oidc_client_id": "u", "oidc_client_secret": "12345678"}
        answer = await other.post("/v1/identity-providers", json=body | {"client_id": str(world.story.client_id)})
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/client_id")
    for role in ("operator", "viewer", "auditor"):
        async with world.service.client(world.story, role=role) as somebody:
            assert (await somebody.get("/v1/identity-providers")).status_code == 403


async def test_secrets_are_sealed_and_sealed_again_with_a_new_key(world: World, capsys: Any) -> None:
    await world.trust()
    async with world.service.runtime.units.for_every_tenant() as unit:
        stored = await unit.session.scalar(text("select oidc_client_secret from reporting.identity_provider"))
    assert world.provider.client_secret.encode() not in bytes(stored)
    old = world.service.settings.secret_key.get_secret_value()
    changed = world.service.settings.model_copy(update={"previous_secret_key": world.service.settings.secret_key})
    changed = type(changed).model_validate(changed.model_dump() | {"secret_key": old[::-1], "previous_secret_key": old})
    assert await SERVICE.commands["reseal-secrets"]([], changed) == 0
    assert "sealed 1 secret" in capsys.readouterr().out


async def test_nobody_signs_in_where_there_is_no_portal(service: Any, serve: Any, story: Any) -> None:
    async with service.client() as visitor:
        assert (await visitor.get(f"/portal/sso/{new_id()}")).status_code == 404
        assert (await visitor.get(f"/portal/sso/{new_id()}/callback?code=x&state=y")).status_code == 404
