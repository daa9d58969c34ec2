"""A receiver of webhooks that tests look over the shoulder of, and how they let the service send."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from reporting.worker import build_jobs
from shared.ids import new_id


@dataclass
class Receiver:
    """A small HTTP server that keeps what it is sent and answers what it is told to."""

    answers: list[tuple[int, dict[str, str], bytes]] = field(default_factory=list)
    received: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    port: int = 0
    on_request: Callable[[], object] = lambda: None
    keep_open: bool = False
    """Leaves a connection as it is after the answer, until `released`."""
    released: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in head.split("\r\n")[1:] if line)
        }
        body = await reader.readexactly(int(headers["content-length"]))
        self.received.append((headers, body))
        self.on_request()
        status, extra, content = self.answers.pop(0) if self.answers else (204, {}, b"")
        fields = {"Content-Length": str(len(content)), "Connection": "close", **extra}
        lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in fields.items())]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + content)
        with suppress(ConnectionError):  # whoever has read enough goes
            await writer.drain()
        if self.keep_open:
            await self.released.wait()
        writer.close()


@asynccontextmanager
async def receiving(*answers: tuple[int, dict[str, str], bytes]) -> AsyncIterator[Receiver]:
    receiver = Receiver(list(answers))
    server = await asyncio.start_server(receiver.handle, "127.0.0.1", 0)
    receiver.port = server.sockets[0].getsockname()[1]
    async with server:
        yield receiver


async def work(service: Any, rounds: int = 3) -> None:
    """Lets the sending job work off what is due, in rounds of which each is finished before the next begins."""
    job = build_jobs(service.runtime)[0]
    assert job.finish is not None
    for _ in range(rounds):
        await job.run()
        await job.finish()


@asynccontextmanager
async def never_answering() -> AsyncIterator[str]:
    """The address of a receiver that takes every connection and says nothing."""
    released = asyncio.Event()

    async def hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await released.wait()
        writer.close()

    async with await asyncio.start_server(hang, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        released.set()


async def add(service: Any, story: Any, url: str, **body: Any) -> dict[str, Any]:
    async with service.client(story) as client:
        answer = await client.post("/v1/webhooks", json={"url": url, **body})
    assert answer.status_code == 201, answer.text
    webhook: dict[str, Any] = answer.json()
    return webhook


async def deliveries(service: Any, story: Any, webhook: dict[str, Any], **query: str) -> list[dict[str, Any]]:
    async with service.client(story) as client:
        answer = await client.get(f"/v1/webhooks/{webhook['webhook_id']}/deliveries", params=query)
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    return data


def outage(service: Any, story: Any) -> bytes:
    event: bytes = story.down(new_id(), service.clock.now())
    return event


async def replay_all(service: Any) -> None:
    """Lets the job over replays queue everything that it has been told to."""
    job = next(job for job in build_jobs(service.runtime) if job.name == "replay webhooks")
    while await job.run() == 0.0:
        pass
