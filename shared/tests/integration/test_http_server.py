"""What a client may cost before it has said anything: time and bytes have an end, over real sockets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from shared import http_server
from shared.service_process import _server
from shared.settings import ServiceSettings

GET = b"GET / HTTP/1.1\r\nHost: x\r\n"
Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def app(scope: Any, receive: Any, send: Any) -> None:
    more = scope["path"] != "/unread"
    size = 0
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"7")]})
    await send({"type": "http.response.body", "body": f"{size:07}".encode()})


@pytest.fixture
async def port(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[int]:
    monkeypatch.setattr(http_server, "HEAD_SECONDS", 0.4)
    monkeypatch.setattr(http_server, "BODY_SECONDS", 0.8)
    settings = ServiceSettings.model_construct(trusted_proxies=(), drain_seconds=1.0)
    server = _server(app, settings, lifespan="off")
    server.config.host, server.config.port = "127.0.0.1", 0
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110  (uvicorn tells it in no other way)
        await asyncio.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    await serving


async def connected(port: int) -> Streams:
    return await asyncio.open_connection("127.0.0.1", port)


async def everything(reader: asyncio.StreamReader, seconds: float = 5.0) -> bytes:
    """What comes until the other side is gone; a failure when it is not in time."""
    async with asyncio.timeout(seconds):
        try:
            return await reader.read(-1)
        except ConnectionResetError:
            return b""


@pytest.mark.parametrize(
    "sent",
    [b"", b"G", GET, GET + b"X-Slow: ", b"\r\n", b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf"],
    ids=["nothing", "a letter", "no end of the head", "half a header", "empty lines", "half a body"],
)
async def test_a_request_that_does_not_come_is_not_waited_for(port: int, sent: bytes) -> None:
    reader, writer = await connected(port)
    writer.write(sent)
    assert await everything(reader) == b""
    writer.close()


async def test_a_byte_now_and_then_prolongs_nothing(port: int) -> None:
    reader, writer = await connected(port)

    async def dribble() -> None:
        for byte in GET * 100:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    dribbling = asyncio.create_task(dribble())
    assert await everything(reader) == b""
    dribbling.cancel()
    writer.close()


@pytest.mark.parametrize(
    "head",
    [
        b"GET /" + b"x" * 200_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        GET + b"X: " + b"x" * 200_000 + b"\r\n\r\n",
        GET + b"X: y\r\n" * 20_000 + b"\r\n",
        GET + b"X: " + b"x" * 200_000,
        b"\r\n" * 100_000,
    ],
    ids=["address", "one header", "many headers", "a header without end", "empty lines"],
)
async def test_a_head_of_more_than_64_kib_is_refused(port: int, head: bytes) -> None:
    reader, writer = await connected(port)
    writer.write(head)
    answer = await everything(reader)
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
    writer.close()


async def test_an_ordinary_client_notices_nothing(port: int) -> None:
    reader, writer = await connected(port)
    for _ in range(2):  # on one connection, with a rest between that is longer than a head may take
        writer.write(GET + b"Cookie: " + b"x" * 50_000 + b"\r\n\r\n")
        answer = await reader.readuntil(b"0000000")
        assert answer.startswith(b"HTTP/1.1 200 ")
        await asyncio.sleep(0.6)
    body = b"x" * 4_000_000
    writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000000\r\n\r\n" + body)
    assert (await reader.readuntil(b"4000000")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_nobody_speaks_websocket(port: int) -> None:
    reader, writer = await connected(port)
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    writer.write(GET + upgrade + b"\r\n")
    assert (await reader.readuntil(b"0000000")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_whoever_is_refused_before_his_file_is_read_reads_why_and_goes_on(port: int) -> None:
    reader, writer = await connected(port)
    file = b"x" * 4_000_000
    for _ in range(2):
        writer.write(b"POST /unread HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(file) + file)
        await asyncio.wait_for(writer.drain(), 5)
        assert (await asyncio.wait_for(reader.readuntil(b"0000000"), 5)).startswith(b"HTTP/1.1 200 ")
    writer.close()
