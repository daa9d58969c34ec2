"""Free loopback ports: what is free is for the operating system to say, which ones we ask for is for us."""

import random
import socket
from pathlib import Path

LOOPBACK = "127.0.0.1"
_LOWEST = 10_000
_OUTGOING_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_OUTGOING_FROM = 32_768
_TRIES = 200


def free_ports(count: int, host: str = LOOPBACK) -> list[int]:
    """Give `count` different TCP ports on which nobody listens, and keep them for whoever this process tells.

    They come from below the range that the kernel lends to outgoing connections: from that range ("port 0") a port
    that is free now is often somebody's own end of a connection when the server starts a second later, or at the next
    run.

    A port stays bound, without listening, as long as this process lives: nobody else who asks here is given it between
    now and the server's start, nor while a killed server is down. A server can listen on it all the same, because
    both it and the socket that is held say that the address may be used again. A program that takes ports without
    such an option is refused; one that takes them with it is not: whoever starts a server must be ready to ask again.
    """
    held = [_hold(host) for _ in range(count)]
    ports = [int(one.getsockname()[1]) for one in held]
    for one in held:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # only now: before, two of us could take the same
        one.detach()  # the descriptor stays open on purpose
    return ports


def _hold(host: str) -> socket.socket:
    below = _outgoing_from()
    dice = random.SystemRandom()
    for _ in range(_TRIES if below > _LOWEST else 0):
        one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            one.bind((host, dice.randrange(_LOWEST, below)))
        except OSError:
            one.close()
            continue
        return one
    one = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    one.bind((host, 0))
    return one


def _outgoing_from() -> int:
    try:
        return int(_OUTGOING_RANGE.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return _USUAL_OUTGOING_FROM


def is_free(port: int, host: str = LOOPBACK) -> bool:
    """Tell whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # A port whose last connections are still in TIME_WAIT is free for a server: servers set this option as well.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True
