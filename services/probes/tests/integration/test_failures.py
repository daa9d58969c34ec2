"""Brokers and databases that go away, and runners that die."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest

from probes.settings import ProbesSettings
from shared.stack.nats_server import NatsServer
from shared.stack.postgres_server import PostgresServer
from shared.testing.databases import DatabaseUrls, ServiceDatabases
from shared.testing.small_site import SmallSite

from .conftest import Service, contract, eventually, settings_for, working
from .runners import runner_url


@pytest.fixture
def own_database(own_postgres_server: PostgresServer) -> Iterator[DatabaseUrls]:
    yield ServiceDatabases(own_postgres_server).create("probes")


async def test_a_killed_broker_loses_no_result_and_an_outage_is_told_once(
    settings: ProbesSettings, own_nats_server: NatsServer
) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        async with working(settings, own_nats_server.url()) as service:
            await service.tell(given, "activated", given.state())
            await service.said("unknown", "restored")
            own_nats_server.kill()
            site.break_page()
            await asyncio.sleep(1.5)
            own_nats_server.start()
            await service.said("down")
            site.mend_page()
            names = await service.said("recovered")
    assert names.count("down") == names.count("recovered") == 1


async def test_a_database_that_is_away_loses_no_result(
    own_database: DatabaseUrls, own_postgres_server: PostgresServer, own_nats_server: NatsServer
) -> None:
    with SmallSite() as site:
        given = contract(site.url())
        async with working(settings_for(own_database, own_nats_server), own_nats_server.url()) as service:
            await service.tell(given, "activated", given.state())
            await service.said("unknown", "restored")
            own_postgres_server.kill()
            site.break_page()
            await asyncio.sleep(4)
            own_postgres_server.start()
            await service.said("down")
            down = (await service.events())[-1].data
            slots = list(await service.rows("select distinct slot from probes.result order by slot"))
            line = await service.rows("select state, started_at from probes.stretch order by started_at")
    numbers = [row["slot"] for row in slots]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    assert [row["state"] for row in line] == ["unknown", "up", "down"]
    assert down["confirmed_at"] > down["down_since"]


async def test_a_runner_of_its_own_needs_no_database_and_what_it_leaves_is_done_by_the_next(
    idle: Service, own_nats_server: NatsServer
) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "PROBES_NATS_URL": runner_url(own_nats_server, "default"),
        "PROBES_ALLOWED_NETWORKS": "127.0.0.0/8",
    }

    def start() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-m", "probes", "runner"], env=environment)

    with SmallSite() as site:
        given = contract(site.url())
        await idle.tell(given, "activated", given.state())
        runner = start()
        try:
            await idle.said("unknown", "restored")
            runner.kill()
            runner.wait()
            runner = start()
            seen = await idle.one("select max(last_at) from probes.location_state")

            async def goes_on() -> bool:
                last = await idle.one("select max(last_at) from probes.location_state")
                return bool(last > seen + timedelta(seconds=3))

            await eventually(goes_on)
            runner.send_signal(signal.SIGTERM)
            assert runner.wait(timeout=60) == 0
        finally:
            runner.kill()
            runner.wait()
