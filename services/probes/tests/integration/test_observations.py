"""What checks have seen, over the API."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from probes.adapters.monitors import SqlMonitors
from probes.adapters.observations import Observation, keep_observations
from probes.adapters.reactions import react
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from ..keys import SERVICE_KEY
from .conftest import Contract
from .test_api import World, monitor_id

BAD = (
    ("/v1/certificates?cursor=AAAA", 400),
    ("/v1/certificates?limit=0", 422),
    ("/v1/certificates?expiring_within_days=-1", 422),
    ("/v1/certificates?expiring_within_days=99999999999", 422),
    ("/v1/certificates?client_id=me", 422),
    ("/v1/monitors/{monitor}/observations?name=%00", 422),
    ("/v1/monitors/{monitor}/observations?name=Certificate", 422),
    ("/v1/monitors/{monitor}/observations?cursor=AAAA", 400),
    ("/v1/monitors/{monitor}/observations?from=2026-06-09T00:00:00Z&to=2026-06-08T00:00:00Z", 422),
    ("/v1/monitors/00000000-0000-0000-0000-000000000000/observations", 404),
)


def certificate(now: datetime, days: float, host: str, **changes: Any) -> dict[str, Any]:
    """As a check describes it, with so many days left."""
    ends = (now + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    member = {
        "subject": f"CN={host}",
        "issuer": "CN=Authority",
        "not_before": "2026-01-01T00:00:00Z",
        "not_after": ends,
        "fingerprint_sha256": "aa",
    }
    return {
        **member,
        "host": host,
        "port": 443,
        "sans": [host],
        "sans_count": 1,
        "key": "EC 256",
        "protocol": "TLSv1.3",
        "cipher": None,
        "path": [member],
        "presented": [member],
        "verified_until": ends,
        "expires_first": f"CN={host}",
        "verdict": "good",
        "problems": [],
        "weaknesses": [],
        **changes,
    }


class Seen:
    """Keeps observations of monitors in the world, at the clock's now."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def sees(self, given: Contract, name: str, value: dict[str, Any], ago: timedelta = timedelta(0)) -> None:
        async with self.world.runtime.units.for_every_tenant() as unit:
            (monitor,) = (await SqlMonitors(unit.session).of_contract(given.contract_id)).values()
            at = self.world.clock.now() - ago
            await keep_observations(unit.session, [Observation(monitor.subject, name, "default", at, value)])


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[World]:
    settings = ProbesSettings(database_url=SecretStr(service_database("probes").app), secret_key=SERVICE_KEY)
    runtime = build_runtime(settings, SERVICE.registry, clock)
    made = World(runtime, clock)
    await made.prepare()
    yield made
    await runtime.close()


@pytest.fixture
def seen(world: World) -> Seen:
    return Seen(world)


@pytest.fixture
async def client(world: World, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with api_client(app, tokens.mint(role="viewer", tenant_id=world.ours.tenant_id)) as opened:
        yield opened


async def listed(client: httpx.AsyncClient, **params: Any) -> list[dict[str, Any]]:
    answer = await client.get("/v1/certificates", params=params)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["data"]
    return found


async def test_certificates_are_listed_as_they_are_now_those_that_end_first_before_the_others(
    client: httpx.AsyncClient, world: World, seen: Seen
) -> None:
    now = world.clock.now()
    await seen.sees(world.ours, "certificate", certificate(now, 5, "old.example"), timedelta(hours=2))
    await seen.sees(world.ours, "certificate", certificate(now, 89.5, "hotel.example"))
    await seen.sees(world.ours, "certificate:www.hotel.example", certificate(now, 12.5, "www.hotel.example"))
    await seen.sees(world.colleague, "certificate", certificate(now, -0.5, "late.example"))
    await seen.sees(world.ours, "certificate:gone.example", certificate(now, 3, "gone.example"), timedelta(days=8))
    await seen.sees(world.ours, "version:php", {"version": "8.3"})
    found = await listed(client)
    assert [(entry["host"], entry["days_left"], entry["verdict"]) for entry in found] == [
        ("late.example", -1, "expired"),
        ("www.hotel.example", 12, "good"),
        ("hotel.example", 89, "good"),
    ]
    assert found[0]["problems"] == ["expired"]  # it has ended since it was seen, and nothing has looked again
    assert found[2]["contract_id"] == str(world.ours.contract_id)
    assert found[2]["name"] == "Bellevue – production" and len(found[2]["path"]) == 1
    assert {entry["host"] for entry in await listed(client, expiring_within_days=13)} == {
        "late.example",
        "www.hotel.example",
    }
    assert [entry["host"] for entry in await listed(client, client_id=str(world.colleague.client_id))] == [
        "late.example"
    ]
    assert len(await listed(client, contract_id=str(world.ours.contract_id))) == 2
    assert await listed(client, site_id=str(uuid4())) == []


async def test_certificates_come_in_pages(client: httpx.AsyncClient, world: World, seen: Seen) -> None:
    now = world.clock.now()
    for number in range(7):
        # Two with the same end: the page breaks between them.
        value = certificate(now, 10 + number // 2, f"h{number}.example")
        await seen.sees(world.ours, f"certificate:h{number}.example", value)
    path: str | None = "/v1/certificates?limit=2"
    found = []
    while path:
        answer = await client.get(path)
        assert answer.status_code == 200, answer.text
        found += [entry["host"] for entry in answer.json()["data"]]
        path = answer.links["next"]["url"] if "next" in answer.links else None
    assert found == [f"h{number}.example" for number in range(7)]


async def test_a_certificate_without_a_path_ends_when_it_ends_itself(
    client: httpx.AsyncClient, world: World, seen: Seen
) -> None:
    problems = ["self_signed", "host_mismatch"]
    value = certificate(
        world.clock.now(), 40, "own.example", path=[], verified_until=None, verdict="self_signed", problems=problems
    )
    await seen.sees(world.ours, "certificate", value)
    (found,) = await listed(client)
    assert (found["verdict"], found["problems"], found["days_left"]) == ("self_signed", problems, 40)


async def test_the_history_of_a_fact_can_be_read(client: httpx.AsyncClient, world: World, seen: Seen) -> None:
    for hours, version in ((5, "8.1"), (4, "8.1"), (3, "8.3")):
        await seen.sees(world.ours, "version:php", {"version": version}, timedelta(hours=hours))
    await seen.sees(world.ours, "domain", {"domain": "hotel.example"})
    path = f"/v1/monitors/{await monitor_id(client, world.ours)}/observations"

    async def history(**params: str) -> list[tuple[str, Any]]:
        answer = await client.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return [(entry["name"], entry["value"].get("version")) for entry in answer.json()["data"]]

    assert await history() == [("domain", None), ("version:php", "8.3"), ("version:php", "8.1")]
    assert await history(name="version:php") == [("version:php", "8.3"), ("version:php", "8.1")]
    now = world.clock.now()
    early = {"from": (now - timedelta(hours=4.5)).isoformat(), "to": (now - timedelta(hours=3.5)).isoformat()}
    assert await history(**early) == [("version:php", "8.1")]
    first = (await client.get(path, params={"limit": 2})).json()
    rest = (await client.get(path, params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert [entry["value"] for entry in rest["data"]] == [{"version": "8.1"}]
    assert rest["data"][0]["last_seen_at"] > rest["data"][0]["since"]


async def test_what_others_have_seen_is_not_shown(
    client: httpx.AsyncClient, world: World, seen: Seen, tokens: TokenMint
) -> None:
    await seen.sees(world.ours, "certificate", certificate(world.clock.now(), 40, "hotel.example"))
    path = f"/v1/monitors/{await monitor_id(client, world.ours)}/observations"
    stranger = tokens.headers(tenant_id=world.theirs.tenant_id)
    bound = tokens.headers(role="client_staff", tenant_id=world.ours.tenant_id, client_id=world.colleague.client_id)
    for headers in (stranger, bound):
        assert (await client.get("/v1/certificates", headers=headers)).json()["data"] == []
        assert (await client.get(path, headers=headers)).status_code == 404
    runner = tokens.headers(role="runner", tenant_id=world.ours.tenant_id)
    assert (await client.get("/v1/certificates", headers=runner)).status_code == 403


async def test_bad_input_is_a_problem_document(client: httpx.AsyncClient, world: World) -> None:
    monitor: UUID = await monitor_id(client, world.ours)
    for path, status in BAD:
        answer = await client.get(path.format(monitor=monitor))
        assert answer.status_code == status, (path, answer.text)
        assert answer.headers["content-type"].startswith("application/problem+json")


async def test_locations_that_see_different_pages_are_no_change_and_one_change_is_told_once(world: World) -> None:
    given = world.ours
    async with world.runtime.units.for_every_tenant() as unit:
        (monitor,) = (await SqlMonitors(unit.session).of_contract(given.contract_id)).values()
    start = world.clock.now()

    async def see(minute: int, location: str, seen: str) -> None:
        at = start + timedelta(minutes=minute)
        value = {"hash": seen, "size": 1, "region": "all"}
        async with world.runtime.units.for_every_tenant() as unit:
            kept = await keep_observations(unit.session, [Observation(monitor.subject, "content", location, at, value)])
            await react(kept, unit)

    told = "select envelope->'data'->>'sha256' from probes.outbox where type like '%content.changed%' order by id"

    async def changes() -> list[str]:
        async with world.runtime.units.for_every_tenant() as unit:
            return list(await unit.session.scalars(text(told)))

    for minute in range(6):  # a page in the language of the country
        await see(2 * minute, "paris", "fr")
        await see(2 * minute + 1, "bern", "de")
    assert await changes() == []
    await see(20, "paris", "defaced")
    await see(21, "bern", "defaced")
    assert await changes() == ["defaced"]
    await see(22, "paris", "fr")
    await see(23, "bern", "de")
    assert await changes() == ["defaced", "fr", "de"]
