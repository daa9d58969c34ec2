"""Tokens, keys and people: who gets in, and who does not."""

import base64
import json
from datetime import timedelta
from typing import Any

import jwt
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from contracts.adapters.key_chest import KeyChest, UnreadableKey
from contracts.domain import api_keys
from contracts.jobs.key_rotation import rotate_signing_keys
from contracts.settings import ContractsSettings
from shared.auth import ROLES
from shared.kernel.clock import FixedClock

from .conftest import Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


async def test_a_key_gets_a_short_lived_token_that_verifies_with_the_published_keys(
    installation: Installation, agency: Agency
) -> None:
    answer = await installation.token(agency.key.prefix, agency.key.client_secret)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 600)
    keys = (await installation.http.get("/.well-known/jwks.json")).json()["keys"]
    assert all(set(key) == {"kty", "crv", "x", "kid", "use", "alg"} for key in keys)
    header = jwt.get_unverified_header(body["access_token"])
    key = jwt.PyJWK(next(key for key in keys if key["kid"] == header["kid"]))
    claims = jwt.decode(
        body["access_token"],
        key,
        algorithms=["EdDSA"],
        audience="upheld",
        options={"verify_exp": False, "verify_iat": False, "verify_nbf": False},
    )
    assert (header["alg"], header["typ"]) == ("EdDSA", "at+jwt")
    assert claims["tenant_id"] == str(agency.tenant_id)
    assert claims["role"] == "owner"
    assert claims["exp"] - claims["iat"] == 600
    assert set(claims["scope"].split()) == ROLES["owner"]


async def test_the_secret_can_come_as_http_basic_and_scopes_can_be_narrowed(
    installation: Installation, agency: Agency
) -> None:
    credentials = base64.b64encode(f"{agency.key.prefix}:{agency.key.client_secret}".encode()).decode()
    answer = await installation.http.post(
        "/v1/oauth/token",
        data={"grant_type": "client_credentials", "scope": "contracts:read monitors:read"},
        headers={"Authorization": f"Basic {credentials}"},
    )
    assert answer.json()["scope"] == "contracts:read monitors:read"
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    assert (await installation.http.get("/v1/clients", headers=headers)).status_code == 200
    assert (await installation.http.get("/v1/users", headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"),
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "\0", "client_secret": "\0"}, 401, "invalid_client"),
        ({"grant_type": "client_credentials", "client_id": "x" * 999, "client_secret": "x"}, 401, "invalid_client"),
    ],
)
async def test_a_refusal_of_the_token_endpoint_is_an_oauth_error_inside_a_problem(
    installation: Installation, form: dict[str, str], status: int, error: str
) -> None:
    answer = await installation.http.post("/v1/oauth/token", data=form or {"x": ""})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


async def test_other_refusals_of_the_token_endpoint(installation: Installation, agency: Agency) -> None:
    right = {"client_id": agency.key.prefix, "client_secret": agency.key.client_secret}
    answer = await installation.token(**right, scope="runner:work")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_scope")
    answer = await installation.http.post("/v1/oauth/token", json={"grant_type": "client_credentials", **right})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    answer = await installation.http.post(
        "/v1/oauth/token", data={"grant_type": "client_credentials"}, headers={"Authorization": "Basic !!!"}
    )
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")


async def test_nobody_learns_from_a_refusal_whether_a_key_exists(installation: Installation, agency: Agency) -> None:
    known = await installation.token(agency.key.prefix, "wrong")
    unknown = await installation.token("uk0000000000000000", "wrong")
    changing = ("instance", "request_id", "trace_id")
    first, second = ({k: v for k, v in answer.json().items() if k not in changing} for answer in (known, unknown))
    assert first == second


async def test_whoever_guesses_has_to_wait_and_the_owner_of_the_key_does_not(
    installation: Installation, agency: Agency
) -> None:
    limit = installation.app.state.settings.token_failures_per_minute
    guess = api_keys.secret_of(agency.key.prefix, b"\0" * api_keys.SECRET_BYTES)
    for number in range(limit):
        secret = guess if number % 2 else "not even the form of a key"
        assert (await installation.token(agency.key.prefix, secret)).status_code == 401
    for secret in (guess, "not even the form of a key"):
        braked = await installation.token(agency.key.prefix, secret)
        assert braked.status_code == 429
        assert 1 <= int(braked.headers["retry-after"]) <= 60
    assert (await installation.token(agency.key.prefix, agency.key.client_secret)).status_code == 200
    assert (await installation.token(agency.key.prefix, guess)).status_code == 429


async def test_what_cannot_be_a_key_is_refused_without_asking_the_database(
    installation: Installation, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(installation.runtime.units, "for_every_tenant", None)
    for client_id, secret in ((agency.key.prefix, "wrong"), ("nobody", "nobody_x"), ("\0", "\0"), ("", "")):
        assert (await installation.token(client_id, secret)).status_code == 401


async def test_a_secret_is_shown_once_and_stored_nowhere(installation: Installation, agency: Agency) -> None:
    made = await agency.make("/v1/api-keys", {"name": "A program", "role": "viewer"})
    assert made["client_secret"].startswith(made["prefix"])
    shown = await agency.get(f"/v1/api-keys/{made['api_key_id']}")
    assert "client_secret" not in shown
    assert made["client_secret"] not in json.dumps((await agency.get("/v1/api-keys"))["data"])
    secret = made["client_secret"].split("_", 1)[1]
    async with installation.runtime.units.for_every_tenant() as uow:
        stored = await uow.session.scalar(text("select string_agg(k::text, '') from contracts.api_key k"))
        answers = await uow.session.scalar(text("select count(*) from contracts.idempotency_key"))
    assert secret not in str(stored)
    assert answers == 0


async def test_a_revoked_key_gets_no_token_any_more(installation: Installation, agency: Agency) -> None:
    made = await agency.make("/v1/api-keys", {"name": "A program", "role": "viewer"})
    assert (await installation.token(made["prefix"], made["client_secret"])).status_code == 200
    used = await agency.get(f"/v1/api-keys/{made['api_key_id']}")
    assert used["last_used_at"] == "2026-06-08T09:00:00Z"
    revoked = await agency.make(f"/v1/api-keys/{made['api_key_id']}/revoke", status=200)
    assert revoked["revoked_at"] == "2026-06-08T09:00:00Z"
    assert (await installation.token(made["prefix"], made["client_secret"])).status_code == 401


async def test_a_key_expires(installation: Installation, agency: Agency, clock: FixedClock) -> None:
    made = await agency.make(
        "/v1/api-keys", {"name": "A program", "role": "viewer", "expires_at": "2026-06-08T12:00:00+02:00"}
    )
    assert (await installation.token(made["prefix"], made["client_secret"])).status_code == 200
    clock.advance(timedelta(hours=1))
    assert (await installation.token(made["prefix"], made["client_secret"])).status_code == 401
    await agency.refused(
        422,
        "POST",
        "/v1/api-keys",
        json={"name": "Too late", "role": "viewer", "expires_at": "2026-06-08T09:00:00Z"},
    )


async def test_a_persons_key_speaks_for_the_person_until_the_person_is_disabled(
    installation: Installation, agency: Agency
) -> None:
    user = await agency.make("/v1/users", {"email": "nadia@agency.example", "name": "Nadia Benali", "role": "operator"})
    made = await agency.make("/v1/api-keys", {"name": "Nadia's laptop", "user_id": user["user_id"]})
    token = (await installation.token(made["prefix"], made["client_secret"])).json()["access_token"]
    claims = claims_of(token)
    assert (claims["kind"], claims["sub"], claims["name"]) == ("user", user["user_id"], "Nadia Benali")
    assert claims["role"] == "operator"
    await agency.refused(409, "POST", "/v1/users", json={"email": user["email"], "name": "Other", "role": "viewer"})
    changed = await agency.call(
        "PATCH", f"/v1/users/{user['user_id']}", json={"disabled": True}, headers={"If-Match": '"1"'}
    )
    assert changed.json()["disabled"] is True
    assert (await installation.token(made["prefix"], made["client_secret"])).status_code == 401
    await agency.refused(409, "POST", "/v1/api-keys", json={"name": "Again", "user_id": user["user_id"]})


async def test_roles_of_a_client_are_bound_to_one_and_others_are_not(agency: Agency) -> None:
    client = await agency.client()
    for body in (
        {"name": "x", "role": "client_decider"},
        {"name": "x", "role": "operator", "client_id": client["client_id"]},
        {"name": "x", "role": "viewer", "scopes": ["contracts:write"]},
        {"name": "x"},
        {"name": "x", "role": "emperor"},
    ):
        await agency.refused(422, "POST", "/v1/api-keys", json=body)
    body = {"name": "x", "role": "client_decider", "client_id": "0190b5c8-7d4e-7c3a-9a51-3f0f5f0d7a11"}
    await agency.refused(404, "POST", "/v1/api-keys", json=body)


async def test_only_owners_manage_people_and_keys(installation: Installation, agency: Agency) -> None:
    operator = await installation.caller(agency, role="operator")
    for method, path in (("GET", "/v1/users"), ("GET", "/v1/api-keys"), ("GET", "/v1/tenant")):
        await operator.refused(403, method, path)
    await operator.refused(403, "POST", "/v1/users", json={"email": "a@b.example", "name": "A", "role": "owner"})


async def test_nobody_makes_a_key_that_can_do_more_than_he(installation: Installation, agency: Agency) -> None:
    manager = await installation.caller(agency, role="owner", scopes=["identity:manage"])
    await manager.refused(422, "POST", "/v1/api-keys", json={"name": "x", "role": "owner"})
    await manager.make("/v1/api-keys", {"name": "x", "role": "owner", "scopes": ["identity:manage"]})
    await agency.make("/v1/api-keys", {"name": "The runner in Lyon", "role": "runner"})


async def test_nobody_lets_in_a_person_who_can_do_more_than_he(installation: Installation, agency: Agency) -> None:
    client_id = (await agency.client())["client_id"]
    manager = await installation.caller(agency, role="owner", scopes=["identity:manage"])
    decider = {"email": "me@elsewhere.example", "name": "Me", "role": "client_decider", "client_id": client_id}
    told = await manager.refused(422, "POST", "/v1/users", json=decider)
    assert told["errors"][0]["pointer"] == "#/role"
    assert "contracts:answer" in told["errors"][0]["detail"]
    await manager.refused(422, "POST", "/v1/users", json={"email": "o@a.example", "name": "O", "role": "operator"})
    await manager.make("/v1/users", {"email": "lyon@agency.example", "name": "The runner in Lyon", "role": "runner"})

    of_staff = [*sorted(ROLES["client_staff"]), "identity:manage"]
    manager = await installation.caller(agency, role="owner", scopes=of_staff)
    await manager.refused(422, "POST", "/v1/users", json=decider)
    await manager.make("/v1/users", decider | {"role": "client_staff"})

    # Nor does he open a door again that was closed; he may close it.
    person = await agency.make("/v1/users", decider | {"email": "lea@lac.example"})
    address = f"/v1/users/{person['user_id']}"
    closed = await manager.call("PATCH", address, json={"disabled": True}, headers={"If-Match": '"1"'})
    assert (closed.status_code, closed.json()["disabled"]) == (200, True)
    await manager.refused(422, "PATCH", address, json={"disabled": False}, headers={"If-Match": '"2"'})
    opened = await agency.call("PATCH", address, json={"disabled": False}, headers={"If-Match": '"2"'})
    assert (opened.status_code, opened.json()["disabled"]) == (200, False)


async def test_a_new_signing_key_is_published_before_it_signs_and_the_old_one_outlives_its_tokens(
    installation: Installation, agency: Agency, clock: FixedClock, settings: ContractsSettings
) -> None:
    async def kids() -> set[str]:
        return {key["kid"] for key in (await installation.http.get("/.well-known/jwks.json")).json()["keys"]}

    async def signing_kid() -> str:
        answer = await installation.token(agency.key.prefix, agency.key.client_secret)
        return str(jwt.get_unverified_header(answer.json()["access_token"])["kid"])

    chest = KeyChest(settings.secret_key)
    rotate = rotate_signing_keys(installation.runtime.units, chest, settings.signing_key_age)
    async with installation.runtime.units.for_every_tenant() as uow:
        await chest.reset(uow)
    old = await signing_kid()
    await rotate()
    assert await kids() == {old}
    clock.advance(timedelta(days=30))
    await rotate()
    await rotate()
    both = await kids()
    assert len(both) == 2
    assert await signing_kid() == old
    clock.advance(timedelta(minutes=14))
    last_token = await installation.bearer(agency.key.prefix, agency.key.client_secret)
    clock.advance(timedelta(minutes=1))
    new = await signing_kid()
    assert new in both - {old}
    clock.advance(timedelta(minutes=8))
    assert await kids() == both
    assert (await installation.http.get("/v1/clients", headers=last_token)).status_code == 200
    clock.advance(timedelta(minutes=8))
    await rotate()
    assert await kids() == {new}


async def test_private_keys_are_sealed_and_open_with_the_right_secret_only(
    installation: Installation, agency: Agency, settings: ContractsSettings
) -> None:
    await installation.bearer(agency.key.prefix, agency.key.client_secret)
    chest = KeyChest(settings.secret_key)
    async with installation.runtime.units.for_every_tenant() as uow:
        private = (await chest.signer(uow)).private_key.private_bytes_raw()
        stored = await uow.session.scalars(text("select encrypted_private_key from contracts.signing_key"))
        assert not [sealed for sealed in stored if private in bytes(sealed)]
        with pytest.raises(UnreadableKey, match="CONTRACTS_SECRET_KEY"):
            await KeyChest(SecretStr("another secret that is long enough to be one")).signer(uow)


async def test_the_agency_can_be_renamed(agency: Agency) -> None:
    tenant = await agency.get("/v1/tenant")
    await agency.refused(428, "PATCH", "/v1/tenant", json={"name": "New"})
    changed = await agency.call("PATCH", "/v1/tenant", json={"name": "New"}, headers={"If-Match": '"1"'})
    assert (changed.json()["name"], changed.headers["etag"]) == ("New", '"2"')
    await agency.refused(412, "PATCH", "/v1/tenant", json={"name": "Newer"}, headers={"If-Match": '"1"'})
    assert tenant["name"] == "Agence Lumière"
