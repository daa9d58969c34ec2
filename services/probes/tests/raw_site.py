"""A web server of the tests' own: it says what it is told to, byte by byte, and remembers what it was asked."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_network
from pathlib import Path

import certifi

from probes.adapters.checks.http import HttpEngine
from shared.outbound_http import AddressGuard, Network

LOOPBACK: list[Network] = [ip_network("127.0.0.0/8")]


@dataclass(frozen=True)
class Asked:
    """A request as it came. Names of headers in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


Answers = Callable[[Asked, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawSite:
    """Its address, and everything that it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])


@asynccontextmanager
async def raw_site(answer: Answers, tls: ssl.SSLContext | None = None) -> AsyncIterator[RawSite]:
    """Answers each connection once."""
    site = RawSite()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            method, path, _ = head[0].split(" ")
            headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:-2])}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            asked = Asked(method, path, headers, body)
            site.asked.append(asked)
            await answer(asked, writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    site.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield site
    finally:
        server.close()


def reply(body: bytes | str, status: str = "200 OK", *headers: str) -> bytes:
    """A whole answer with its length."""
    raw = body.encode() if isinstance(body, str) else body
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(raw)}", "Connection: close", *headers]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n" + raw


def says(raw: bytes) -> Answers:
    """The same bytes whatever it is asked."""

    async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(raw)

    return answer


@asynccontextmanager
async def http_engine(allowed: Sequence[Network] = LOOPBACK, ca_file: Path | None = None) -> AsyncIterator[HttpEngine]:
    engine = HttpEngine(AddressGuard(allowed), ca_file=str(ca_file or certifi.where()))
    try:
        yield engine
    finally:
        await engine.aclose()
