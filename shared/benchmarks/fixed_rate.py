"""Requests at a fixed rate, whatever the answers take.

Every request has an instant at which it is meant to leave; its latency counts from there. A server that stalls is asked
on, and the wait that this makes is in the figures of everything that was meant to leave meanwhile: a client that waits
for each answer before it asks again would leave it out.
"""

import asyncio
import json
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

LONGEST_WAIT = 30.0
"""Seconds after which an answer no longer counts as one."""


@dataclass(frozen=True)
class Ask:
    """One request: which route it stands for, and to which service."""

    route: str
    port: int
    path: str
    token: str = ""
    body: object = None
    cookie: str = ""

    def head(self) -> bytes:
        """The request as HTTP/1.1 has it."""
        body = b"" if self.body is None else json.dumps(self.body).encode()
        lines = [f"{'POST' if body else 'GET'} {self.path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*"]
        lines += ["Accept-Language: fr"]
        lines += [f"Authorization: Bearer {self.token}"] if self.token else []
        lines += [f"Cookie: {self.cookie}"] if self.cookie else []
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
        return "\r\n".join([*lines, "", ""]).encode() + body


@dataclass
class Route:
    """What became of the requests of one route: seconds from the intended instant, and what was not answered well."""

    seconds: list[float] = field(default_factory=list)
    errors: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    bytes: int = 0


Answers: TypeAlias = Mapping[str, Route]


class Client:
    """Connections that are kept open, as many as are needed at one time."""

    def __init__(self) -> None:
        self._idle: dict[int, list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]] = defaultdict(list)
        self.opened = 0

    async def ask(self, asked: Ask) -> tuple[int, bytes]:
        """Status and body. Raises OSError or TimeoutError when there is no answer."""
        async with asyncio.timeout(LONGEST_WAIT):
            connection = self._idle[asked.port].pop() if self._idle[asked.port] else None
            if connection is None or connection[0].at_eof():
                self.opened += 1
                connection = await asyncio.open_connection("127.0.0.1", asked.port, limit=2**20)
            reader, writer = connection
            try:
                writer.write(asked.head())
                status, body, stays = await _answer(reader)
            except BaseException:
                writer.close()
                raise
            if stays:
                self._idle[asked.port].append(connection)
            else:
                writer.close()
            return status, body

    def close(self) -> None:
        """Hangs up."""
        for connections in self._idle.values():
            for _, writer in connections:
                writer.close()


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    if fields.get("transfer-encoding") == "chunked":
        body = b""
        while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readuntil(b"\r\n")
    else:
        body = await reader.readexactly(int(fields.get("content-length", "0")))
    return int(first.split(" ", 2)[1]), body, fields.get("connection", "").lower() != "close"


async def at_rate(
    asks: Iterator[Ask], rate: float, seconds: float, each_second: Callable[[Answers], None] = lambda _: None
) -> tuple[Answers, dict[str, float]]:
    """Asks `rate` times a second for so many seconds: what became of each route, and how well the rate was kept.

    :param each_second: is given what has become of them by then.
    """
    client = Client()
    found: dict[str, Route] = defaultdict(Route)
    began = time.perf_counter()
    under_way: set[asyncio.Task[None]] = set()
    late, most = [], 0
    looked = began

    async def one(asked: Ask, meant: float) -> None:
        route = found[asked.route]
        try:
            status, body = await client.ask(asked)
        except (OSError, TimeoutError, EOFError) as error:
            route.errors[type(error).__name__] += 1
            return
        if status >= 400:
            route.errors[str(status)] += 1
            return
        route.seconds.append(time.perf_counter() - meant)
        route.bytes += len(body)

    for number in range(int(rate * seconds)):
        meant = began + number / rate
        if (wait := meant - time.perf_counter()) > 0:
            await asyncio.sleep(wait)
        late.append(time.perf_counter() - meant)
        task = asyncio.create_task(one(next(asks), meant))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
        most = max(most, len(under_way))
        if time.perf_counter() - looked >= 1:
            looked = time.perf_counter()
            each_second(found)
    await asyncio.gather(*under_way)
    client.close()
    lasted = time.perf_counter() - began
    late.sort()
    return found, {
        "requests": float(len(late)),
        "seconds": round(lasted, 1),
        "per_second": round(len(late) / lasted, 1),
        "client_late_ms_p99": round(1000 * late[int(len(late) * 0.99)], 1),
        "most_under_way": float(most),
        "connections_opened": float(client.opened),
    }
