"""Three locations, each a process in a network namespace of its own, and what they make of one world together."""

import asyncio
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from probes.settings import ProbesSettings
from shared.stack.nats_server import NatsServer
from shared.testing.databases import DatabaseUrls
from shared.testing.small_site import SmallSite

from .conftest import Contract, Service, contract, eventually, settings_for, working
from .runners import runner_url

SITES = 6
LOCATIONS = ("lyon", "oslo", "rome")
NAMESPACE = ["unshare", "--net"] if os.geteuid() == 0 else ["unshare", "--map-root-user", "--net"]
CADENCE = {"interval_seconds": 2, "timeout_seconds": 1, "rechecks": 2, "recheck_spacing_seconds": 1}


def address(number: int) -> str:
    return f"10.77.0.{number + 1}"


def namespaces_are_there() -> bool:
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        return False
    return (
        subprocess.run([*NAMESPACE, "ip", "link", "set", "lo", "up"], capture_output=True, check=False).returncode == 0
    )


needs_namespaces = pytest.mark.skipif(not namespaces_are_there(), reason="this machine makes no network namespaces")


class World:
    """Six sites of six clients, and three places from which they are looked at."""

    def __init__(self, service: Service, sites: list[SmallSite]) -> None:
        self.service = service
        self.sites = sites
        self.contracts: list[Contract] = [contract(f"http://{address(number)}/") for number in range(len(sites))]
        self.places: dict[str, subprocess.Popen[str]] = {}

    def tell(self, place: str, *orders: str) -> None:
        pipe = self.places[place].stdin
        assert pipe is not None
        pipe.write("".join(f"{order}\n" for order in orders))
        pipe.flush()

    def cut_off(self, place: str, *numbers: int) -> None:
        self.tell(place, *(f"-{address(number)}" for number in numbers))

    def mend(self, place: str, *numbers: int) -> None:
        self.tell(place, *(f"+{address(number)}" for number in numbers))

    async def states(self) -> list[str]:
        rows = await self.service.rows("select state, url from probes.monitor order by url")
        return [row["state"] for row in rows]

    async def become(self, *states: str) -> None:
        async def reached() -> bool:
            return await self.states() == list(states)

        try:
            await eventually(reached, seconds=40)
        except AssertionError:
            raise AssertionError(f"{await self.states()} instead of {states}") from None

    async def suspects(self) -> list[str]:
        rows = await self.service.rows("select name from probes.location where suspect_since is not null order by name")
        return [row["name"] for row in rows]

    async def suspect(self, *names: str) -> None:
        async def reached() -> bool:
            return await self.suspects() == list(names)

        await eventually(reached, seconds=40)

    async def ever(self, event: str) -> int:
        return sum(envelope.name.event == event for envelope in await self.service.events())


async def _lead(path: Path, port: int) -> asyncio.Server:
    """A Unix socket that leads to a port of this machine: files are not divided by network namespaces."""

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65_536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(pump(reader, there[1]), pump(there[0], writer))

    return await asyncio.start_unix_server(join, path)


def start_location(place: str, url: str, nats_port: int, sockets: Path) -> subprocess.Popen[str]:
    script = str(Path(__file__).with_name("location_process.py"))
    ways = [f"{address(number)}={sockets / str(number)}" for number in range(SITES)]
    return subprocess.Popen(
        [*NAMESPACE, sys.executable, script, str(nats_port), str(sockets / "nats"), *ways],
        stdin=subprocess.PIPE,
        text=True,
        env=os.environ | {"PROBES_NATS_URL": url, "PROBES_LOCATION": place, "PROBES_ALLOWED_NETWORKS": "10.77.0.0/16"},
    )


@pytest.fixture
async def world(
    service_database: Callable[[str], DatabaseUrls], own_nats_server: NatsServer, tmp_path: Path
) -> AsyncIterator[World]:
    settings: ProbesSettings = settings_for(
        service_database("probes"), own_nats_server, execute_checks=False, locations=LOCATIONS
    )
    urls = {place: runner_url(own_nats_server, place) for place in LOCATIONS}
    nats_port = own_nats_server.port
    with ExitStack() as stack:
        sites = [stack.enter_context(SmallSite()) for _ in range(SITES)]
        servers = [await _lead(tmp_path / "nats", nats_port)]
        for number, site in enumerate(sites):
            servers.append(await _lead(tmp_path / str(number), int(site.url().rsplit(":", 1)[1].strip("/"))))
        async with working(settings, own_nats_server.url()) as service:
            made = World(service, sites)
            for place in LOCATIONS:
                made.places[place] = start_location(place, urls[place], nats_port, tmp_path)
            try:
                for given in made.contracts:
                    await service.tell(given, "activated", given.state(monitoring=CADENCE))
                await made.become(*["up"] * 6)
                yield made
            finally:
                for process in made.places.values():
                    assert process.stdin is not None
                    process.stdin.close()
                for process in made.places.values():
                    process.wait(timeout=20)
        for server in servers:
            server.close()


async def flags(world: World) -> dict[str, Any]:
    rows = await world.service.rows(
        "select l.name, count(*) filter (where r.status_code >= 2000) as put_aside, count(*) as all "
        "from probes.result r join probes.location l on l.number = r.location_number group by l.name"
    )
    return {row["name"]: (row["put_aside"], row["all"]) for row in rows}


@needs_namespaces
@pytest.mark.slow
@pytest.mark.capability("P29")
async def test_one_of_three_locations_is_no_outage_two_are_and_the_same_way_back(world: World) -> None:
    world.cut_off("oslo", 0)
    await world.become("degraded", *["up"] * 5)
    assert await world.ever("down") == 0
    world.cut_off("rome", 0)
    await world.become("down", *["up"] * 5)
    outage = (await world.service.rows("select locations from probes.outage"))[0]["locations"]
    assert [found["verdict"] for found in outage] == ["up", "down", "down"]
    world.mend("rome", 0)
    await world.become("degraded", *["up"] * 5)
    assert await world.ever("recovered") == 1
    world.mend("oslo", 0)
    await world.become(*["up"] * 6)
    assert await world.ever("down") == 1 and await world.ever("suspected") == 0
    line = await world.service.rows(
        "select s.state, s.reason from probes.stretch s join probes.monitor m using (monitor_id) "
        "where m.url like '%10.77.0.1/' order by started_at"
    )
    assert [row["state"] for row in line] == ["unknown", "up", "degraded", "down", "degraded", "up"]
    assert line[2]["reason"] == "regional"


@needs_namespaces
@pytest.mark.slow
async def test_a_location_that_loses_its_network_is_the_suspect_and_what_it_says_decides_nothing(
    world: World,
) -> None:
    world.cut_off("rome", *range(6))
    await world.suspect("rome")
    await asyncio.sleep(3)
    assert await world.states() == ["up"] * 6
    put_aside = await flags(world)
    assert put_aside["rome"][0] > 6 and put_aside["lyon"][0] == put_aside["oslo"][0] == 0
    world.mend("rome", *range(6))
    await world.suspect()
    assert await world.ever("degraded") == await world.ever("down") == await world.ever("unknown") - 6 == 0
    # Each of the six agencies is told once of the suspicion and once of its end.
    assert await world.ever("suspected") == await world.ever("trusted") == 6


@needs_namespaces
@pytest.mark.slow
async def test_what_every_location_sees_is_real_however_many_fail(world: World) -> None:
    for place in LOCATIONS:
        world.cut_off(place, *range(6))
    await world.become(*["down"] * 6)
    assert await world.suspects() == []
    for place in LOCATIONS:
        world.mend(place, *range(6))
    await world.become(*["up"] * 6)
    assert await world.ever("down") == await world.ever("recovered") == 6
