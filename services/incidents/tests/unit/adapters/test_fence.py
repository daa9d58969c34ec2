"""The fence around threads that send: nothing local, no private address, whatever a name resolves to."""

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest

from incidents.adapters.fence import Fence, FencedError
from shared.outbound_http import AddressGuard


def a_process() -> None:
    subprocess.run(["true"], check=True)


def a_file() -> None:
    Path("/etc/passwd").read_text()


def a_written_file() -> None:
    Path(json.__file__).with_name("evil.py").write_text("x")


def a_datagram() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.sendto(b"x", ("127.0.0.1", 514))


def a_local_socket() -> None:
    with socket.socket(socket.AF_UNIX) as one:
        one.connect("/run/dbus/system_bus_socket")


def a_private_address() -> None:
    with socket.socket() as one:
        one.connect(("10.0.0.1", 80))


def a_name() -> None:
    with socket.socket() as one:
        one.connect(("localhost", 80))


def a_listener() -> None:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))


@pytest.mark.parametrize(
    "what",
    [a_process, a_file, a_written_file, a_datagram, a_local_socket, a_private_address, a_name, a_listener],
)
def test_what_a_fenced_thread_may_not_do(what: Any) -> None:
    fence = Fence(AddressGuard())
    with fence, pytest.raises(FencedError):
        what()
    assert fence.refused


def test_outside_of_the_fence_nothing_is_refused() -> None:
    with Fence(AddressGuard()):
        pass
    a_process()
    a_file()
