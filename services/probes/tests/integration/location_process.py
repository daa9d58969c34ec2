"""A location of its own: run in a network namespace, it has loopback, the sites' addresses, and a runner.

`python location_process.py NATS_PORT NATS_SOCKET ADDRESS=SOCKET …`: what connects to 127.0.0.1:NATS_PORT or to port 80
of an address is led through a Unix socket to the world outside. Lines on standard input cut an address off
(`-10.0.0.1`) and give it back (`+10.0.0.1`); the end of the input ends everything.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Awaitable, Callable


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    writer.close()


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def leading_to(path: str) -> Handler:
    """A handler that joins a connection with a Unix socket."""

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there = await asyncio.open_unix_connection(path)
        except OSError:
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    return join


def ip(*arguments: str) -> None:
    """The network of this namespace is changed."""
    subprocess.run(["ip", *arguments], check=True)


async def main(nats_port: str, nats_socket: str, *sites: str) -> None:
    """Until standard input ends."""
    ip("link", "set", "lo", "up")
    servers = [await asyncio.start_server(leading_to(nats_socket), "127.0.0.1", int(nats_port))]
    for site in sites:
        address, _, path = site.partition("=")
        ip("addr", "add", f"{address}/32", "dev", "lo")
        servers.append(await asyncio.start_server(leading_to(path), address, 80))
    runner = await asyncio.create_subprocess_exec(sys.executable, "-m", "probes", "runner")
    try:
        while line := (await asyncio.to_thread(sys.stdin.readline)).strip():
            ip("addr", "add" if line[0] == "+" else "del", f"{line[1:]}/32", "dev", "lo")
    finally:
        runner.terminate()
        await runner.wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
