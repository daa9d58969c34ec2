"""What a contract's sector asks for is watched: pages in critical periods, exports, data, from its versions alone."""

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from probes.adapters.ports import group_ports
from probes.application.promised_pages import follow_pages
from probes.jobs.critical_periods import FollowCriticalPeriods
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from ..keys import SERVICE_KEY
from .conftest import contract
from .reporting_world import Reporting

EVERY_30_S = {"interval_seconds": 30, "timeout_seconds": 10, "rechecks": 2, "recheck_spacing_seconds": 5}
PAGES: dict[str, Any] = {
    "pages": [{"name": "Offers", "path": "/offers"}, {"name": "Booking", "path": "/booking"}],
    "profile": "mobile",
    "interval_seconds": 300,
    "budget_ms": 4000,
}
SUMMER = {
    "code": "summer_season",
    "name": {"fr": "Haute saison", "en": "Summer season"},
    "first_day": "2026-07-01",
    "last_day": "2026-08-31",
    "starts_at": "2026-06-30T22:00:00Z",
    "ends_at": "2026-08-31T22:00:00Z",
    "in_force": False,
    "targets_percent": None,
    "page_interval_seconds": 60,
    "page_budget_ms": 2500,
}
EXPORTS = {"exports": [{"code": "donors", "path": "/exports/donors.csv", "max_age_hours": 26, "at_least_rows": 1}]}
RULE = {"code": "no_address", "path": "/api/quality", "json_path": "$.missing", "condition": "less", "value": 1}


def promised(kind: str, parameters: Any) -> dict[str, Any]:
    return {"code": kind, "type": kind, "parameters": parameters}


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Reporting]:
    settings = ProbesSettings(database_url=SecretStr(service_database("probes").app), secret_key=SERVICE_KEY)
    runtime = build_runtime(settings, SERVICE.registry, clock)
    yield Reporting(runtime, clock, contract("https://hotel.example/"))
    await runtime.close()


async def follow(world: Reporting, version: int, *deliverables: dict[str, Any], **state: Any) -> None:
    client = {"client_id": str(world.given.client_id), "time_zone": "Europe/Paris"}
    told = {"monitoring": EVERY_30_S, "client": client, "deliverables": list(deliverables), **state}
    await world.follow(world.given, version, **told)
    async with world.runtime.units.for_tenant(world.given.tenant_id) as unit:
        await follow_pages(world.given.contract_id, group_ports(unit), unit.now)


@pytest.fixture
async def client(world: Reporting, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    """Of an operator, however far the clock is set."""

    async def authorize(request: httpx.Request) -> None:
        token = tokens.mint(role="operator", tenant_id=world.given.tenant_id)
        request.headers.setdefault("Authorization", f"Bearer {token}")

    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with api_client(app) as opened:
        opened.event_hooks = {"request": [authorize]}
        yield opened


async def watched(client: httpx.AsyncClient, **params: Any) -> list[Any]:
    found = (await client.get("/v1/monitors", params={"limit": 200, **params})).json()["data"]
    return [each for each in found if each["removed_at"] is None]


@pytest.mark.capability("K63", "P24")
async def test_the_pages_of_a_hotel_are_watched_as_on_a_mobile_and_more_closely_in_its_season(
    world: Reporting, client: httpx.AsyncClient, clock: FixedClock
) -> None:
    await follow(world, 1, promised("watched_pages", PAGES), critical_periods=[SUMMER])
    await follow(world, 2, promised("watched_pages", PAGES), critical_periods=[SUMMER])
    (line,) = (await client.get("/v1/monitor-groups")).json()["data"]
    where = f"/v1/monitor-groups/{line['group_id']}"
    group = (await client.get(where)).json()
    assert sorted(page["url"] for page in group["pages"]) == [
        "https://hotel.example/booking",
        "https://hotel.example/offers",
    ]
    assert group["configuration"]["profile"] == "mobile"
    assert group["configuration"]["assertions"][0]["at_most_ms"] == 4000
    (period,) = group["critical_periods"]
    assert (period["starts"], period["duration"]) == ("2026-07-01T00:00", "PT1488H")

    async def pace() -> set[int]:
        pages = await watched(client, group_id=line["group_id"])
        return {page["cadence"]["interval_seconds"] for page in pages}

    assert await pace() == {300}
    for instant, interval in (
        ("2026-06-30T21:59:00Z", 300),
        ("2026-06-30T22:00:00Z", 60),
        ("2026-08-31T22:00:00Z", 300),
    ):
        clock.set(datetime.fromisoformat(instant))
        await FollowCriticalPeriods(world.runtime.units)()
        assert (instant, await pace()) == (instant, {interval})


async def test_promised_pages_keep_their_monitors_through_versions_and_end_with_the_promise(
    world: Reporting, client: httpx.AsyncClient, clock: FixedClock
) -> None:
    await follow(world, 1, promised("watched_pages", PAGES))
    before = {page["url"]: page["monitor_id"] for page in await watched(client) if page["group_id"]}
    clock.advance(timedelta(hours=1))
    fewer = PAGES | {"pages": [PAGES["pages"][0], {"name": "Spa", "path": "/spa"}], "interval_seconds": 120}
    await follow(world, 2, promised("watched_pages", fewer))
    after = {page["url"]: page for page in await watched(client) if page["group_id"]}
    assert sorted(after) == ["https://hotel.example/offers", "https://hotel.example/spa"]
    offers = after["https://hotel.example/offers"]
    assert (offers["monitor_id"], offers["cadence"]["interval_seconds"]) == (before[offers["url"]], 120)
    clock.advance(timedelta(hours=1))
    await follow(world, 3)
    assert not [page for page in await watched(client) if page["group_id"]]
    clock.advance(timedelta(hours=1))
    await follow(world, 4, promised("watched_pages", PAGES))
    again = [page for page in await watched(client) if page["group_id"]]
    assert len(again) == 2
    await follow(world, 5, promised("watched_pages", PAGES), status="suspended")
    assert {page["state"] for page in await watched(client)} == {"paused"}
    await follow(world, 6, promised("watched_pages", PAGES))
    assert "paused" not in {page["state"] for page in await watched(client)}


async def test_pages_move_with_their_site_and_take_no_password_for_the_old_one_along(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    await follow(world, 1, promised("watched_pages", PAGES))
    (group,) = (await client.get("/v1/monitor-groups")).json()["data"]
    where = f"/v1/monitor-groups/{group['group_id']}"
    given = {"configuration": {"headers": {"Authorization": "Bearer s3cret-word"}}}
    assert (await client.patch(where, json=given, headers={"If-Match": "*"})).status_code == 200
    await follow(world, 2, promised("watched_pages", PAGES | {"interval_seconds": 120}))
    assert (await client.get(where)).json()["configuration"]["headers"]
    world.given = replace(world.given, url="https://spa.example/")
    await follow(world, 3, promised("watched_pages", PAGES))
    moved = (await client.get(where)).json()
    assert sorted(page["url"] for page in moved["pages"]) == [
        "https://spa.example/booking",
        "https://spa.example/offers",
    ]
    assert not moved["configuration"].get("headers")


async def test_pages_can_be_watched_every_second_in_a_period(world: Reporting, client: httpx.AsyncClient) -> None:
    closely = SUMMER | {"page_interval_seconds": 1}
    await follow(world, 1, promised("watched_pages", PAGES), critical_periods=[closely])
    (group,) = (await client.get("/v1/monitor-groups")).json()["data"]
    told = (await client.get(f"/v1/monitor-groups/{group['group_id']}")).json()
    assert [period["interval_seconds"] for period in told["critical_periods"]] == [1]


async def test_pages_that_cannot_be_watched_are_told_once_per_reason_and_listed_until_that_is_over(
    world: Reporting, client: httpx.AsyncClient, clock: FixedClock
) -> None:
    twice = [SUMMER, SUMMER]
    slower = [SUMMER | {"page_interval_seconds": 600}]

    async def listed(**params: Any) -> list[Any]:
        page = (await client.get("/v1/unwatched-pages", params=params)).json()
        return list(page["data"])

    await follow(world, 1, promised("watched_pages", PAGES), critical_periods=twice)
    clock.advance(timedelta(minutes=1))
    await follow(world, 2, promised("watched_pages", PAGES), critical_periods=twice)
    (found,) = await listed(contract_id=str(world.given.contract_id))
    assert found["environment_id"] == str(world.given.environment_id)
    assert (found["contract_version"], found["ended_at"]) == (1, None)
    assert "Another period has this name" in found["reason"]
    assert not [page for page in await watched(client) if page["group_id"]]

    clock.advance(timedelta(minutes=1))
    await follow(world, 3, promised("watched_pages", PAGES), critical_periods=slower)
    otherwise, before = await listed()
    assert "only tightens" in otherwise["reason"]
    assert (before["unwatched_pages_id"], before["ended_at"]) == (found["unwatched_pages_id"], otherwise["found_at"])
    await follow(world, 4, promised("watched_pages", PAGES), status="suspended", critical_periods=slower)
    assert [each["reason"] for each in await listed(open="true")] == [otherwise["reason"]]

    clock.advance(timedelta(minutes=1))
    await follow(world, 5, promised("watched_pages", PAGES), critical_periods=[SUMMER])
    assert await listed(open="true") == []
    assert len([page for page in await watched(client) if page["group_id"]]) == 2
    told = [(name, data) for name, data in await world.events() if name.startswith("unwatched_pages.")]
    first, second = found["unwatched_pages_id"], otherwise["unwatched_pages_id"]
    assert [(name.split(".")[1], data["unwatched_pages_id"]) for name, data in told] == [
        ("found", first),
        ("ended", first),
        ("found", second),
        ("ended", second),
    ]
    assert told[0][1]["reason"] == found["reason"]


async def test_pages_of_a_contract_that_has_ended_need_not_be_watched(
    world: Reporting, client: httpx.AsyncClient, clock: FixedClock
) -> None:
    await follow(world, 1, promised("watched_pages", PAGES), critical_periods=[SUMMER, SUMMER])
    clock.advance(timedelta(minutes=1))
    await follow(world, 2, promised("watched_pages", PAGES), status="terminated", critical_periods=[SUMMER, SUMMER])
    (ended,) = (await client.get("/v1/unwatched-pages", params={"open": "false"})).json()["data"]
    assert ended["ended_at"] is not None


@pytest.mark.capability("K64", "P25")
async def test_the_exports_and_the_data_of_an_ngo_are_looked_at_every_hour(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    await follow(world, 1, promised("export_check", EXPORTS), promised("data_quality_check", {"rules": [RULE]}))
    found = {}
    for line in await watched(client):
        found[line["deliverable"]] = (await client.get(f"/v1/monitors/{line['monitor_id']}")).json()
    export, data = found["export_check"], found["data_quality_check"]
    assert (export["kind"], export["url"]) == ("export", "https://hotel.example/exports/donors.csv")
    assert export["configuration"]["max_age_seconds"] == 26 * 3600
    assert data["url"] == "https://hotel.example/api/quality"
    (assertion,) = data["configuration"]["assertions"]
    assert (assertion["path"], assertion["condition"], assertion["value"]) == ("$.missing", "less", 1)
    assert {each["cadence"]["interval_seconds"] for each in (export, data)} == {3600}
    assert not export["counts_for_sla"]
    await follow(world, 2, promised("export_check", EXPORTS))
    states = {line["deliverable"]: line["state"] for line in await watched(client)}
    assert (states["data_quality_check"], states["export_check"]) == ("paused", "unknown")
