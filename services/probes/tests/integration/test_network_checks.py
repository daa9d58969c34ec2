"""Every kind of check of the network through the whole path: schedule, runner, recorder, state line and event."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiosmtpd.smtp import SMTP
from websockets.asyncio.server import ServerConnection, serve

from probes.adapters.checks.icmp import EchoNotPermitted, echo_socket
from probes.settings import ProbesSettings
from shared.stack.nats_server import NatsServer
from shared.testing.small_site import SmallSite

from ..network_servers import imap, listening, name_server
from .added import watch
from .conftest import Service, contract, working

Target = Callable[[int], AbstractAsyncContextManager[int]]
"""A server on this port, or on any free one for 0."""


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
async def trusting(
    settings: ProbesSettings, own_nats_server: NatsServer, authority: trustme.CA, tmp_path: Path
) -> AsyncIterator[Service]:
    """The service with a runner that trusts the test's authority."""
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    async with working(settings.model_copy(update={"ca_file": ca_file}), own_nats_server.url()) as running:
        yield running


def mail(context: ssl.SSLContext) -> Target:
    @asynccontextmanager
    async def target(port: int) -> AsyncIterator[int]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(
            lambda: SMTP(object(), hostname="mail.hotel.example", tls_context=context, loop=loop), "127.0.0.1", port
        )
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()

    return target


@asynccontextmanager
async def live(port: int) -> AsyncIterator[int]:
    async def welcome(connection: ServerConnection) -> None:
        await connection.send("welcome")
        await connection.wait_closed()

    async with serve(welcome, "127.0.0.1", port) as server:
        yield server.sockets[0].getsockname()[1]


async def goes_down_and_comes_back(
    service: Service, target: Target, document: Callable[[int], Mapping[str, Any]]
) -> dict[str, Any]:
    """What the event says of the outage that the target's absence makes."""
    async with target(0) as port:
        await watch(service, contract(""), document(port))
        await service.said("unknown", "restored")
    await service.said("down")
    async with target(port):
        assert await service.said("recovered") == ["unknown", "restored", "down", "recovered"]
    down, recovered = (await service.events())[-2:]
    assert recovered.data["outage_id"] == down.data["outage_id"]
    assert await service.one("select count(*) from probes.outage where ending = 'recovered'") == 1
    return down.data


@pytest.mark.capability("P28")
@pytest.mark.parametrize("kind", ["tcp", "smtp", "imap", "websocket"])
async def test_a_server_that_leaves_and_comes_back_is_an_outage_of_every_kind(
    trusting: Service, server_context: ssl.SSLContext, kind: str
) -> None:
    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello\r\n")
        await writer.drain()

    def talking(talk: Callable[..., Awaitable[None]]) -> Target:
        return lambda port: listening(talk, port=port)

    targets: dict[str, Target] = {
        "tcp": talking(greet),
        "smtp": mail(server_context),
        "imap": talking(imap([], starttls=server_context)),
        "websocket": live,
    }
    more: dict[str, dict[str, Any]] = {
        "tcp": {"expect": "hello"},
        "websocket": {"expect": "welcome"},
    }

    def document(port: int) -> Mapping[str, Any]:
        if kind == "websocket":
            return {"kind": kind, "url": f"ws://127.0.0.1:{port}/"} | more[kind]
        return {"kind": kind, "host": "127.0.0.1", "port": port} | more.get(kind, {})

    down = await goes_down_and_comes_back(trusting, targets[kind], document)
    assert (down["reason"], down["detail"]) == ("connect", "The connection was not accepted: Connection refused")
    assert down["evidence"]["phase"] == "connect" and down["evidence"]["addresses"] == ["127.0.0.1"]
    assert down["url"].startswith({"websocket": "ws"}.get(kind, kind) + "://127.0.0.1:")


@pytest.mark.capability("P28")
async def test_a_name_that_leads_elsewhere_is_an_outage(service: Service) -> None:
    async with name_server() as server:
        server.records["hotel.example", "A"] = ["192.0.2.7"]
        document = {
            "kind": "dns", "name": "hotel.example", "resolver": "127.0.0.1", "resolver_port": server.port,
            "values": ["192.0.2.7"], "values_match": "exact",
        }  # fmt: skip
        await watch(service, contract(""), document)
        await service.said("unknown", "restored")
        server.records["hotel.example", "A"] = ["203.0.113.9"]
        await service.said("down")
        server.records["hotel.example", "A"] = ["192.0.2.7"]
        await service.said("recovered")
    down = (await service.events())[-2].data
    assert down["reason"] == "content"
    assert down["detail"] == "The answer differs: 192.0.2.7 is missing, 203.0.113.9 is there too."
    assert down["evidence"]["dns"][0]["values"] == ["203.0.113.9"]


@pytest.mark.capability("P28")
async def test_a_machine_that_echoes_is_up_and_one_that_echoes_too_slowly_is_down(service: Service) -> None:
    try:
        echo_socket(2).close()
    except EchoNotPermitted:
        pytest.skip("this machine lets nobody send echo requests")
    given = contract("")
    await watch(service, given, {"kind": "icmp", "host": "127.0.0.1", "count": 2})
    await service.said("unknown", "restored")
    await watch(service, given, {"kind": "icmp", "host": "127.0.0.1", "count": 2, "max_round_trip_ms": 0.0001})
    await service.said("down")
    down = (await service.events())[-1].data
    assert down["reason"] == "threshold" and "at most 0.0001 ms is allowed" in down["detail"]
    assert await service.one("select count(*) from probes.monitor where state = 'up'") == 1


@pytest.mark.capability("P30")
async def test_the_event_of_an_outage_carries_what_was_seen_and_what_was_found_out(
    settings: ProbesSettings, own_nats_server: NatsServer
) -> None:
    loopback = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    async with working(settings.model_copy(update={"allowed_networks": loopback}), own_nats_server.url()) as service:
        await breaks_and_then_leaves(service)


async def breaks_and_then_leaves(service: Service) -> None:
    site = SmallSite()
    port = site.url().rpartition(":")[2].strip("/")
    given = contract(f"http://localhost:{port}/")
    with site:
        await service.tell(given, "activated", given.state(monitoring={"interval_seconds": 2, "timeout_seconds": 2}))
        await service.said("unknown", "restored")
        site.break_page()
        await service.said("down")
        site.mend_page()
        await service.said("recovered")
    await service.said("down")
    answered, gone = [event.data["evidence"] for event in await service.events() if event.name.event == "down"]
    assert answered["status_code"] == 503 and "content-type" in answered["headers"]
    assert answered["timings_ms"]["total"] > 0
    assert "Database connection failed" in answered["body_excerpt"]
    assert answered["dns"] is None and answered["traceroute"] is None
    assert gone["status_code"] is None and gone["phase"] == "connect" and gone["timings_ms"]["total"] > 0
    assert [(answer["name"], answer["record_type"]) for answer in gone["dns"]] == [
        ("localhost", "A"),
        ("localhost", "AAAA"),
    ]
    assert gone["traceroute"]["reached"] is True
    assert [hop["address"] for hop in gone["traceroute"]["hops"]] == [gone["traceroute"]["address"]]
    kept = await service.one("select failures from probes.outage where ended_at is null")
    assert [failure["evidence"]["traceroute"] for failure in kept if "traceroute" in failure["evidence"]] == [
        gone["traceroute"]
    ]
