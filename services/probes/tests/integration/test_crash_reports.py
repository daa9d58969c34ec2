"""Crash rates over HTTP: counted once, judged exactly, an outage beyond the threshold."""

from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import httpx
import pytest
from pydantic import SecretStr

from probes.application.checks.reported import CrashReports, HeartbeatReports
from probes.jobs.reports import FollowCrashes
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import build_runtime

from ..keys import SERVICE_KEY
from .reporting_world import Reporting, address_of

HOUR = timedelta(hours=1)
APP = CrashReports(app="Hôtel Bellevue", max_crash_percent=Decimal("0.5"), min_sessions=1000, window_seconds=6 * 3600)


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Reporting]:
    database = service_database("probes")
    runtime = build_runtime(
        ProbesSettings(database_url=SecretStr(database.app), secret_key=SERVICE_KEY), SERVICE.registry, clock
    )
    yield await Reporting.begin(runtime, clock)
    await runtime.close()


@pytest.fixture
async def client(world: Reporting, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with api_client(app, tokens.mint(tenant_id=world.given.tenant_id, lifetime=timedelta(days=9))) as opened:
        yield opened


def counts(world: Reporting, sessions: int, crashes: int, **changes: Any) -> dict[str, Any]:
    end = world.clock.now()
    count = {
        "period_start": (end - HOUR).isoformat(),
        "period_end": end.isoformat(),
        "platform": "ios",
        "version": "4.2.0",
        "sessions": sessions,
        "crashes": crashes,
    }
    return {"counts": [count | changes]}


@pytest.mark.capability("P14")
async def test_a_spike_of_crashes_is_an_outage_until_the_window_is_good_again(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    monitor = await world.add(APP, "Application iOS et Android")
    address = await address_of(client, monitor)
    assert address.startswith("/v1/crash-reports/")
    assert (await client.post(address, json=counts(world, 1000, 5))).json() == {
        "sessions": 1000,
        "crashes": 5,
        "conclusive": True,
        "good": True,
    }
    assert (await world.events())[-1][0] == "monitor.restored"
    world.clock.set(world.clock.now() + HOUR)
    answer = await client.post(address, json=counts(world, 200, 2, version="4.3.0"))
    assert answer.json()["good"] is False  # 7 of 1200 are more than 0.5 %
    name, data = (await world.events())[-1]
    assert (name, data["reason"]) == ("monitor.down", "threshold")
    assert data["detail"] == "7 of 1200 sessions crashed (0.583 %); 0.5 % are allowed."
    (outage,) = (await client.get("/v1/outages")).json()["data"]
    details = (await client.get(f"/v1/outages/{outage['outage_id']}")).json()
    assert details["failures"][0]["evidence"]["by_version"][0]["version"] == "4.2.0"
    world.clock.set(world.clock.now() + 5 * HOUR)
    assert (await client.post(address, json=counts(world, 1000, 1))).json()["good"] is True
    assert (await world.events())[-1][0] == "monitor.recovered"


async def test_what_leaves_the_window_is_judged_again_at_its_instant_though_nothing_new_is_reported(
    world: Reporting, client: httpx.AsyncClient
) -> None:
    monitor = await world.add(APP)
    address = await address_of(client, monitor)
    began = world.clock.now()
    assert (await client.post(address, json=counts(world, 1000, 50))).json()["good"] is False
    world.clock.set(began + HOUR)
    assert (await client.post(address, json=counts(world, 2000, 0))).json()["good"] is False
    world.clock.set(began + 9 * HOUR)  # nobody looked for hours
    await FollowCrashes(world.runtime.units)()
    recovered, unknown = (await world.events())[-2:]
    assert recovered[0] == "monitor.recovered" and unknown[0] == "monitor.unknown"
    assert datetime.fromisoformat(recovered[1]["recovered_at"]) == began + 6 * HOUR
    assert datetime.fromisoformat(unknown[1]["since"]) == began + 7 * HOUR, "nobody reports any more: that is not good"
    told = len(await world.events())
    await FollowCrashes(world.runtime.units)()
    assert len(await world.events()) == told
    assert (await client.post(address, json=counts(world, 1000, 0))).json()["good"] is True
    assert (await world.events())[-1][0] == "monitor.restored"


async def test_the_same_period_told_again_counts_once(world: Reporting, client: httpx.AsyncClient) -> None:
    monitor = await world.add(APP)
    address = await address_of(client, monitor)
    for _ in range(3):
        answer = await client.post(address, json=counts(world, 400, 400))
    assert answer.json() == {"sessions": 400, "crashes": 400, "conclusive": False, "good": None}
    (listed,) = (await client.get(f"/v1/monitors/{monitor}/crash-reports")).json()["data"]
    assert listed["sessions"] == 400
    assert (await client.get(f"/v1/monitors/{uuid4()}/crash-reports")).status_code == 404


async def test_impossible_counts_and_foreign_addresses_are_refused(world: Reporting, client: httpx.AsyncClient) -> None:
    address = await address_of(client, await world.add(APP))
    later = (world.clock.now() + HOUR).isoformat()
    bodies: tuple[dict[str, Any], ...] = (
        counts(world, 10, 11),
        counts(world, -1, 0),
        counts(world, 10, 1, users=5),
        counts(world, 10, 1, users=5, crash_free_users=6),
        counts(world, 10, 1, period_end=later),
        counts(world, 10, 1, period_start=world.clock.now().isoformat()),
        counts(world, 10, 1, platform=""),
        {"counts": []},
    )
    for body in bodies:
        answer = await client.post(address, json=body)
        assert answer.status_code == 422, (body, answer.text)
    heartbeat = await address_of(client, await world.add(HeartbeatReports(every_seconds=60)))
    mixed_up = heartbeat.replace("/v1/pings/", "/v1/crash-reports/")
    assert (await client.post(mixed_up, json=counts(world, 1, 0))).status_code == 404
    assert (await client.post(address.replace("/v1/crash-reports/", "/v1/pings/"))).status_code == 404
