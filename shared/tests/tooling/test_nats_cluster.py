"""Three NATS servers with the accounts of production: a stream of a service outlives the server that led it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from pydantic import SecretStr
from write_nats_configuration import ACCOUNTS, password_variable

from shared.jetstream import connect, declare_stream, event_stream
from shared.stack.nats_server import OPERATOR, SERVICES
from shared.stack.ports import free_ports

T = TypeVar("T")
SIZE = 3
PATIENCE = 60


@dataclass
class Cluster:
    servers: dict[str, subprocess.Popen[bytes]]
    ports: dict[str, int]
    monitors: dict[str, int]

    def address(self, name: str) -> SecretStr:
        return SecretStr(f"nats://contracts:made@127.0.0.1:{self.ports[name]}")


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    for folder, file, text in (
        ("nats-accounts", "accounts.conf", ACCOUNTS.read_text(encoding="utf-8")),
        ("nats-runners", "runners.conf", ""),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_text(text, encoding="utf-8")
    ports = free_ports(3 * SIZE)
    routes = json.dumps([f"nats://127.0.0.1:{port}" for port in ports[:SIZE]])
    environment = os.environ | {password_variable(user): "made" for user in (*SERVICES, OPERATOR)}
    made = Cluster({}, {}, {})
    try:
        for number in range(SIZE):
            name = f"nats-{number}"
            made.ports[name], made.monitors[name] = ports[SIZE + number], ports[2 * SIZE + number]
            configuration = tmp_path / name / "nats.conf"
            configuration.parent.mkdir()
            configuration.write_text(
                f"include ../nats-accounts/accounts.conf;\nserver_name: {name}\nhost: 127.0.0.1\n"
                f'port: {made.ports[name]}\nhttp: "127.0.0.1:{made.monitors[name]}"\n'
                f"cluster {{ name: nats, host: 127.0.0.1, port: {ports[number]}, no_advertise: true\n"
                f"  routes: {routes} }}\n"
                f'jetstream {{ store_dir: "{tmp_path}/{name}/data", sync_interval: always, max_file_store: 60GB }}\n',
                encoding="utf-8",
            )
            made.servers[name] = subprocess.Popen(
                [str(Path(sys.executable).parent / "nats-server"), "-c", str(configuration)],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        yield made
    finally:
        for server in made.servers.values():
            server.kill()
            server.wait()


async def patiently(act: Callable[[], Awaitable[T]]) -> T:
    """The outcome of an act, once the cluster has leaders for it."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return await act()
            except (NatsError, OSError):
                await asyncio.sleep(0.5)


async def published(js: JetStreamContext, event: str) -> int:
    """The place of an event in the stream. It has an id: when only the answer was lost, it is not taken twice."""
    acknowledged = await patiently(
        lambda: js.publish("contracts.contract.created.v1", b"{}", headers={"Nats-Msg-Id": event})
    )
    return acknowledged.seq


async def test_a_stream_on_three_servers_goes_on_without_the_one_that_led_it(cluster: Cluster) -> None:
    async with contextlib.AsyncExitStack() as connections:

        async def connected(server: str) -> JetStreamContext:
            client = await connect(cluster.address(server), "test")
            connections.push_async_callback(client.close)
            return client.jetstream(timeout=5)

        js = await connected("nats-0")
        await patiently(lambda: declare_stream(js, event_stream("contracts"), SIZE))
        assert await published(js, "first") == 1
        information = await patiently(lambda: js.stream_info("CONTRACTS"))
        assert information.config.num_replicas == SIZE
        assert information.cluster is not None and information.cluster.leader is not None
        leader = information.cluster.leader
        other = next(name for name in cluster.servers if name != leader)
        await connections.aclose()  # a connection to who is killed would be tried again for the rest of the test
        remaining = await connected(other)
        cluster.servers[leader].kill()
        assert await published(remaining, "second") == 2
    # What KEDA reads, under the name of the account that its triggers have.
    async with httpx.AsyncClient() as http:
        state = await http.get(f"http://127.0.0.1:{cluster.monitors[other]}/jsz?acc=UPHELD&consumers=true&config=true")
    (account,) = state.json()["account_details"]
    assert [stream["name"] for stream in account["stream_detail"]] == ["CONTRACTS"]
