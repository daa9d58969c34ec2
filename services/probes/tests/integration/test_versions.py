"""From a page that names its software to a component that is listed as outdated, through the running service."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from probes.application.checks.reported import HeartbeatReports
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.time_source import SystemClock
from shared.worker import build_runtime

from ..raw_site import Asked, raw_site, reply
from .added import watch
from .conftest import Service, contract, eventually
from .reporting_world import Reporting, address_of


@pytest.mark.capability("P15")
async def test_an_outdated_component_is_listed_and_told_of_once(service: Service, api_client: ApiClient) -> None:
    version = ["8.1.30"]

    async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("", "200 OK", f"X-Powered-By: PHP/{version[0]}"))

    given = contract("https://hotel.example/")
    tokens = TokenMint(SystemClock())
    app = tokens.trust(create_app(SERVICE, service.runtime.settings, runtime=service.runtime))
    async with (
        raw_site(answer) as site,
        api_client(app, tokens.mint(role="viewer", tenant_id=given.tenant_id)) as client,
    ):
        await service.tell(given, "activated", given.state() | {"monitoring": None})
        source = {"type": "header", "name": "X-Powered-By"}
        await watch(service, given, {"kind": "version", "url": site.url, "component": "php", "source": source})

        async def listed() -> list[dict[str, object]]:
            found: list[dict[str, object]] = (await client.get("/v1/components")).json()["data"]
            return found

        (component,) = await eventually(listed)
        assert (component["component"], component["version"], component["cycle"]) == ("php", "8.1.30", "8.1")
        assert (component["verdict"], component["end_of_life"]) == ("end_of_life", "2025-12-31")
        since = component["since"]
        version[0] = "99.1"
        await eventually(lambda: service.one("select version = '99.1' from probes.component"))
        assert (await client.get("/v1/components", params={"outdated": "true"})).json()["data"] == []
        version[0] = "8.1.30"
        await eventually(lambda: service.one("select version = '8.1.30' from probes.component"))
        (component,) = (await client.get("/v1/components", params={"verdict": "end_of_life"})).json()["data"]
        assert component["since"] != since
        assert (await client.get("/v1/components", params={"component": "drupal"})).json()["data"] == []
    told = [event for event in await service.events() if event.name.event == "outdated"]
    (event,) = told
    assert event.data["component"] == "php" and event.data["behind"] == "patch" and event.data["latest"] == "8.1.32"
    assert event.data["days_left"] < 0 and event.tenantid == given.tenant_id


@pytest.fixture
async def world(settings: ProbesSettings, clock: FixedClock) -> AsyncIterator[Reporting]:
    runtime = build_runtime(settings, SERVICE.registry, clock)
    yield await Reporting.begin(runtime, clock)
    await runtime.close()


async def test_a_heartbeat_tells_versions_that_nobody_can_see_from_outside(
    world: Reporting, tokens: TokenMint, api_client: ApiClient
) -> None:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with api_client(app, tokens.mint(tenant_id=world.given.tenant_id, lifetime=timedelta(days=9))) as client:
        address = await address_of(client, await world.add(HeartbeatReports(every_seconds=86_400)))
        versions = [{"component": "postgres", "version": "12.22"}, {"component": "mysql", "version": "8.4.5"}]
        assert (await client.post(address, json={"versions": versions})).status_code == 200
        await world.pass_time(timedelta(minutes=1))
        found = (await client.get("/v1/components")).json()["data"]
        assert [(each["component"], each["verdict"]) for each in found] == [
            ("mysql", "current"),
            ("postgresql", "end_of_life"),
        ]
    assert [data["component"] for name, data in await world.events() if name == "component.outdated"] == ["postgresql"]
