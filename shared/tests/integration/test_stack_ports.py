"""Ports that nobody else gets between the choice and the server's start."""

import socket

import pytest

from shared.stack.ports import LOOPBACK, free_ports, is_free


def _listen(server: socket.socket, port: int) -> None:
    server.bind((LOOPBACK, port))
    server.listen()


def test_a_port_that_was_given_is_free_for_a_server_and_taken_for_whoever_looks_for_one() -> None:
    (port,) = free_ports(1)
    with socket.socket() as somebody, pytest.raises(OSError, match="in use"):
        _listen(somebody, port)
    assert is_free(port)
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _listen(server, port)
        assert not is_free(port)
        socket.create_connection((LOOPBACK, port), timeout=5).close()
    assert is_free(port)  # a server that was killed finds its port again
