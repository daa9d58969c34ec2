"""What contracts tells the portal, and what it tells nobody else."""

from typing import Any

import jwt
import pytest

from contracts.api import portal_access
from contracts.api.portal_access import MOST_PEOPLE
from shared.auth import ROLES

from .conftest import PORTAL_SECRET, Agency, Installation

pytestmark = pytest.mark.asyncio(loop_scope="module")

PORTAL = {"Authorization": f"Bearer {PORTAL_SECRET}"}


async def client_user(agency: Agency, email: str, role: str = "client_decider") -> dict[str, Any]:
    client = await agency.make("/v1/clients", {"name": "Hôtel du Lac", "contacts": []})
    person = {"email": email, "name": "Léa Martin", "role": role, "client_id": client["client_id"]}
    made: dict[str, Any] = await agency.make("/v1/users", person)
    return made


async def people(installation: Installation, email: str) -> list[Any]:
    answer = await installation.http.post("/v1/portal/people", json={"email": email}, headers=PORTAL)
    assert answer.status_code == 200, answer.text
    found: list[Any] = answer.json()["people"]
    return found


async def test_the_portal_finds_people_of_clients_by_their_address_in_any_case(
    installation: Installation, agency: Agency
) -> None:
    user = await client_user(agency, "lea@lac.example")
    (found,) = await people(installation, "LEA@lac.example")
    assert found["user_id"] == user["user_id"]
    assert (found["client_name"], found["role"]) == ("Hôtel du Lac", "client_decider")
    assert await people(installation, "nobody@lac.example") == []
    assert MOST_PEOPLE >= 1


async def test_whoever_is_let_in_by_many_agencies_is_found_by_each_of_them(
    installation: Installation, agency: Agency, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others do not use up what is told at once."""
    monkeypatch.setattr(portal_access, "MOST_PEOPLE", 1)
    other = await installation.agency()
    for each in (agency, other):
        user = await client_user(each, "kim@everywhere.example")
        body = {"email": "kim@everywhere.example", "tenant_id": str(each.tenant_id)}
        answer = await installation.http.post("/v1/portal/people", json=body, headers=PORTAL)
        assert [found["user_id"] for found in answer.json()["people"]] == [user["user_id"]]
    assert len(await people(installation, "kim@everywhere.example")) == 1


async def test_nobody_of_the_agency_is_found_or_gets_a_token(installation: Installation, agency: Agency) -> None:
    operator = await agency.make("/v1/users", {"email": "op@lac.example", "name": "Op", "role": "operator"})
    assert await people(installation, "op@lac.example") == []
    answer = await installation.http.post("/v1/portal/tokens", json={"user_id": operator["user_id"]}, headers=PORTAL)
    assert answer.status_code == 404


async def test_a_token_is_that_person_s_until_he_is_disabled(installation: Installation, agency: Agency) -> None:
    user = await client_user(agency, "sam@lac.example", "client_staff")
    body = {"user_id": user["user_id"]}
    answer = await installation.http.post("/v1/portal/tokens", json=body, headers=PORTAL)
    assert answer.status_code == 200
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert (claims["sub"], claims["client_id"]) == (user["user_id"], user["client_id"])
    assert set(claims["scope"].split()) == ROLES["client_staff"]
    await agency.call("PATCH", f"/v1/users/{user['user_id']}", json={"disabled": True}, headers={"If-Match": "*"})
    out = await installation.http.post("/v1/portal/tokens", json=body, headers=PORTAL)
    assert (out.status_code, out.json()["person"]) == (404, "unknown"), "told apart from any other 404"
    assert await people(installation, "sam@lac.example") == []


@pytest.mark.parametrize("path", ["/v1/portal/people", "/v1/portal/tokens"])
async def test_without_the_portal_s_secret_nothing_is_told(
    installation: Installation, agency: Agency, path: str
) -> None:
    user = await client_user(agency, f"{path.rpartition('/')[2]}@lac.example")
    body = {"email": user["email"]} if path.endswith("people") else {"user_id": user["user_id"]}
    for headers in ({}, {"Authorization": "Bearer wrong"}, agency.headers):
        answer = await installation.http.post(path, json=body, headers=headers)
        assert answer.status_code in {401, 429}
        assert user["user_id"] not in answer.text
