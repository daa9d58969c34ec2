"""Networks of a test's own: Linux namespaces, entered by a thread, that touch nothing of the machine's."""

import asyncio
import ctypes
import subprocess
import threading
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")
_NEW_NETWORK = 0x40000000
_CAPABILITY_VERSION = 0x20080522


class NotPossible(Exception):
    """This machine lets us have no network of our own."""


@contextmanager
def other_networks(count: int) -> Iterator[list[int]]:
    """Networks to connect one's own with, each by the id of a process that lives in it (`ip … netns ID`)."""
    holders = [subprocess.Popen(["unshare", "--net", "sleep", "60"]) for _ in range(count)]
    try:
        ours = Path("/proc/self/ns/net").readlink()
        for holder in holders:
            while holder.poll() is None and Path(f"/proc/{holder.pid}/ns/net").readlink() == ours:
                time.sleep(0.01)
            if holder.poll() is not None:
                pytest.skip("no network of our own")
        yield [holder.pid for holder in holders]
    finally:
        for holder in holders:
            holder.kill()
            holder.wait()


def in_own_network(
    work: Callable[[], Awaitable[T]], *, prepare: Sequence[str] = (), echo: bool = False, powerless: bool = False
) -> T:
    """Runs the work in a network of its own, with loopback and what the commands (without a shell) make there.

    `echo`: every group may open datagram sockets for ICMP. `powerless`: the thread gives its capabilities away first.
    Skips the test where the system permits no such network.
    """
    found: list[T] = []
    troubles: list[BaseException] = []

    def run() -> None:
        try:
            _enter()
            for command in ("ip link set lo up", *prepare):
                subprocess.run(command.split(), check=True, capture_output=True)
            groups = "0 2147483647" if echo else "1 0"
            Path("/proc/sys/net/ipv4/ping_group_range").write_text(groups)
            if powerless:
                _give_capabilities_away()
            found.append(asyncio.run(_awaited(work)))
        except BaseException as error:
            troubles.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if troubles and isinstance(troubles[0], NotPossible):
        pytest.skip(str(troubles[0]))
    if troubles:
        raise troubles[0]
    return found[0]


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def _enter() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_NEW_NETWORK) != 0:
        raise NotPossible(f"no network of our own: error {ctypes.get_errno()}")


def _give_capabilities_away() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    none = (ctypes.c_uint32 * 6)()
    assert libc.capset(header, none) == 0
