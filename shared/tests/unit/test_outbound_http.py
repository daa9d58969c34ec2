"""Addresses that users give lead to the public network and nowhere else."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import httpx
import pytest
import trustme

from shared.outbound_http import AddressGuard, AddressRefused, BodyTooLarge, guarded_client

REFUSED = [
    "0.0.0.0",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "127.8.8.8",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.168.1.1",
    "198.18.0.1",
    "203.0.113.5",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:a00:1::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "5f00::1",
    "4000::1",
]
PUBLIC = ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "64:ff9b::1.1.1.1"]


@pytest.mark.parametrize("address", REFUSED)
def test_addresses_that_are_not_public_are_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match="refused"):
        AddressGuard().check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_pass(address: str) -> None:
    assert str(AddressGuard().check(address))


def test_an_allowed_network_passes_in_every_spelling() -> None:
    guard = AddressGuard(["127.0.0.0/8"])
    for address in ("127.0.0.1", "::ffff:127.0.0.1"):
        guard.check(address)
    with pytest.raises(AddressRefused):
        guard.check("10.0.0.1")


async def test_one_private_address_of_a_name_refuses_the_name() -> None:
    async def resolver(_host: str, _port: int) -> list[str]:
        return ["1.1.1.1", "10.0.0.1"]

    with pytest.raises(AddressRefused):
        await AddressGuard().resolve("mixed.test", 443, resolver)


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def serving(handler: Handler, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on loopback that talks raw bytes; gives its port."""
    open_connections: set[asyncio.Task[None]] = set()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        open_connections.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()
        with suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()

    server = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in open_connections:
            task.cancel()
        await asyncio.gather(*open_connections, return_exceptions=True)
        await server.wait_closed()


def answering(response: bytes, seen: list[bytes] | None = None) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if seen is not None:
            seen.append(head)
        writer.write(response)
        await writer.drain()

    return handle


def to(*answers: list[str]) -> Callable[[str, int], Awaitable[list[str]]]:
    """A resolver that gives these answers one after the other, the last one for ever."""
    remaining = list(answers)

    async def resolve(_host: str, _port: int) -> list[str]:
        return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return resolve


OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://2130706433:{port}/",
    ],
)
async def test_a_server_of_ours_is_never_reached_however_it_is_spelled(url: str) -> None:
    seen: list[bytes] = []
    async with serving(answering(OK, seen)) as port, guarded_client() as client:
        with pytest.raises(AddressRefused):
            await client.post(url.format(port=port))
    assert seen == []


async def test_a_resolver_that_changes_its_answer_gains_nothing() -> None:
    # Checked as public, then private: had the client resolved the name a second time it would have reached us.
    seen: list[bytes] = []
    resolver = to(["203.0.113.9"], ["127.0.0.1"])
    async with (
        serving(answering(OK, seen)) as port,
        guarded_client(["203.0.113.0/24"], resolver=resolver, total_seconds=0.5) as client,
    ):
        with pytest.raises(httpx.TransportError):  # nobody answers at the checked address
            await client.get(f"http://rebind.test:{port}/")
        assert seen == []
        with pytest.raises(AddressRefused):  # and the next request checks the next answer
            await client.get(f"http://rebind.test:{port}/")
    assert seen == []


async def test_plain_http_is_for_allowed_networks_and_what_was_checked_is_what_is_connected_to() -> None:
    seen: list[bytes] = []
    resolver = to(["127.0.0.1"], ["1.1.1.1"], ["127.0.0.1"])
    async with serving(answering(OK, seen)) as port, guarded_client(("127.0.0.0/8",), resolver=resolver) as client:
        assert (await client.post(f"http://hooks.test:{port}/")).status_code == 200
        with pytest.raises(AddressRefused, match=r"1\.1\.1\.1 is refused: .*https"):
            await client.post(f"http://hooks.test:{port}/")
    assert len(seen) == 1


async def test_each_request_resolves_and_connects_anew() -> None:
    seen: list[bytes] = []
    resolver = to(["127.0.0.1"], ["10.0.0.1"])
    async with serving(answering(OK, seen)) as port, guarded_client(["127.0.0.0/8"], resolver=resolver) as client:
        assert (await client.get(f"http://hook.test:{port}/")).text == "ok"
        with pytest.raises(AddressRefused):
            await client.get(f"http://hook.test:{port}/")
    assert len(seen) == 1


async def test_the_name_stays_in_host_header_sni_and_certificate() -> None:
    authority = trustme.CA()
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("hook.test").configure_cert(tls)
    names: list[str | None] = []
    tls.sni_callback = lambda _socket, name, _context: names.append(name)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    seen: list[bytes] = []
    async with serving(answering(OK, seen), tls) as port:
        options = {"resolver": to(["127.0.0.1"]), "verify": trusting}
        async with guarded_client(["127.0.0.0/8"], **options) as client:  # type: ignore[arg-type]
            assert (await client.get(f"https://hook.test:{port}/")).text == "ok"
            with pytest.raises(httpx.ConnectError):
                await client.get(f"https://other.test:{port}/")
    assert names[0] == "hook.test"
    assert f"Host: hook.test:{port}".encode().lower() in seen[0].lower()


async def test_redirects_are_answers() -> None:
    redirect = b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    async with serving(answering(redirect)) as port, guarded_client(["127.0.0.0/8"]) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).status_code == 302


async def test_a_slow_answer_ends_at_the_deadline() -> None:
    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:  # each wait is short: only a total deadline ends this
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with serving(drip) as port, guarded_client(["127.0.0.0/8"], total_seconds=0.3) as client:
        with pytest.raises(httpx.ReadTimeout, match="no complete answer"):
            await client.get(f"http://127.0.0.1:{port}/")


async def test_a_long_answer_ends_at_the_limit_and_nothing_is_unpacked() -> None:
    long = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + b"x" * 300_000
    async with serving(answering(long)) as port, guarded_client(["127.0.0.0/8"]) as client:
        with pytest.raises(BodyTooLarge):
            await client.get(f"http://127.0.0.1:{port}/")
    packed = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08"
    async with serving(answering(packed)) as port, guarded_client(["127.0.0.0/8"]) as client:
        assert (await client.get(f"http://127.0.0.1:{port}/")).content == b"\x1f\x8b\x08"


async def test_a_name_without_address_is_a_connection_error() -> None:
    async def nowhere(_host: str, _port: int) -> list[str]:
        raise socket.gaierror(-2, "Name or service not known")

    async with guarded_client(resolver=nowhere) as client:
        with pytest.raises(httpx.ConnectError, match="does not resolve"):
            await client.get("http://nothing.test/")
