"""Three NATS servers with the accounts of production: a stream of a service outlives the server that led it."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from pydantic import SecretStr
from write_nats_configuration import ACCOUNTS, password_variable

from shared.jetstream import connect, declare_stream, event_stream
from shared.stack.nats_server import OPERATOR, SERVICES
from shared.stack.ports import free_ports

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
                f"cluster {{ name: nats, host: 127.0.0.1, port: {ports[number]}, routes: {routes} }}\n"
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


async def published(js: JetStreamContext) -> int:
    """The place in the stream at which the cluster has taken an event, once it has a leader."""
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                return (await js.publish("contracts.contract.created.v1", b"{}")).seq
            except (NatsError, OSError):
                await asyncio.sleep(0.5)


async def test_a_stream_on_three_servers_goes_on_without_the_one_that_led_it(cluster: Cluster) -> None:
    client = await connect(cluster.address("nats-0"), "test")
    js = client.jetstream(timeout=5)
    async with asyncio.timeout(PATIENCE):
        while True:
            try:
                await declare_stream(js, event_stream("contracts"), SIZE)
                break
            except (NatsError, OSError):
                await asyncio.sleep(0.5)
    assert await published(js) == 1
    information = await js.stream_info("CONTRACTS")
    assert information.config.num_replicas == SIZE
    assert information.cluster is not None and information.cluster.leader is not None
    leader = information.cluster.leader
    other = next(name for name in cluster.servers if name != leader)
    # From a server that stays; the one that leads is killed.
    remaining = await connect(cluster.address(other), "test")
    cluster.servers[leader].kill()
    assert await published(remaining.jetstream(timeout=5)) == 2
    # What KEDA reads, under the name of the account that its triggers have.
    async with httpx.AsyncClient() as http:
        state = await http.get(f"http://127.0.0.1:{cluster.monitors[other]}/jsz?acc=UPHELD&consumers=true&config=true")
    (account,) = state.json()["account_details"]
    assert [stream["name"] for stream in account["stream_detail"]] == ["CONTRACTS"]
    for connection in (client, remaining):
        await connection.close()
