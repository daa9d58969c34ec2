"""ICMP checks: a machine echoes what it is sent, often enough and fast enough.

Datagram sockets need no privilege where the system grants them to the group of this process
(net.ipv4.ping_group_range); raw sockets are the second choice, for those who hold CAP_NET_RAW.
"""

import asyncio
import secrets
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from probes.adapters.checks.connection import CheckFailed, Exchange, told, too_slow
from probes.adapters.checks.finding import Finding, plain
from probes.application.checks.network import IcmpCheck
from probes.domain.states import Failure, Outcome, Reason
from shared.outbound_http import AddressGuard

SPACING_SECONDS = 0.2
PATIENCE_SECONDS = 2.0
"""How long an echo is waited for after the last request, unless slower ones are allowed or the deadline is nearer."""
TOKEN_BYTES = 16
PAYLOAD_BYTES = 56
_REQUEST = {socket.AF_INET: 8, socket.AF_INET6: 128}
_REPLY = {socket.AF_INET: 0, socket.AF_INET6: 129}
_PROTOCOL = {socket.AF_INET: socket.IPPROTO_ICMP, socket.AF_INET6: socket.IPPROTO_ICMPV6}
_HEADER = struct.Struct("!BBHHH")


class EchoNotPermitted(Exception):
    """This process may send no echo requests, neither by a datagram socket nor by a raw one."""


@dataclass(slots=True)
class Echoes:
    """What came back: microseconds by request. `error` is what the network said last about the others."""

    sent: int = 0
    round_trips: dict[int, int] = field(default_factory=dict)
    error: str | None = None

    @property
    def mean(self) -> int | None:
        """Microseconds, over those that came back."""
        return sum(self.round_trips.values()) // len(self.round_trips) if self.round_trips else None

    def document(self) -> dict[str, object]:
        """As it stands in evidence."""
        return {
            "sent": self.sent,
            "received": len(self.round_trips),
            "round_trips_ms": [self.round_trips[number] / 1000 for number in sorted(self.round_trips)],
        }


class IcmpChecks:
    """Executes ICMP checks."""

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard

    async def check(self, configuration: IcmpCheck, seconds: float) -> Finding:
        """Sends the requests to the first address that there is a way to. Never raises for what a target does.

        Blocked when this machine may send none.
        """
        exchange = Exchange(configuration.host, 0, self._guard)
        echoes = Echoes()
        outcome = Outcome.BAD
        try:
            try:
                async with asyncio.timeout(seconds):
                    candidates = await exchange.resolve()
            except TimeoutError:
                raise too_slow(seconds, exchange.phase) from None
            exchange.phase = "first_byte"
            with _opened(candidates, exchange) as opened:
                left = seconds - exchange.elapsed() / 1_000_000
                await _exchange(opened, echoes, configuration, left)
            exchange.timings.first_byte = echoes.mean or 0
            judge(configuration, echoes)
        except EchoNotPermitted:
            outcome = Outcome.BLOCKED
            trouble = CheckFailed(
                Reason.UNREACHABLE,
                "This location may not send echo requests: include the group of its runner in "
                "net.ipv4.ping_group_range, or give the runner CAP_NET_RAW.",
                "connect",
            )
            return Finding(outcome, None, exchange.timings, None, _failure(exchange, trouble, configuration, echoes))
        except CheckFailed as trouble:
            failure = _failure(exchange, trouble, configuration, echoes)
            return Finding(outcome, None, exchange.timings, exchange.remote_address, failure)
        exchange.timings.total = exchange.elapsed()
        return Finding(Outcome.GOOD, None, exchange.timings, exchange.remote_address)


def judge(configuration: IcmpCheck, echoes: Echoes) -> None:
    """Raises CheckFailed when too few came back, or too slowly."""
    lost = configuration.count - len(echoes.round_trips)
    if echoes.mean is None:
        why = f": {echoes.error}" if echoes.error else ""
        raise CheckFailed(
            Reason.UNREACHABLE, f"None of {configuration.count} echo requests came back{why}.", "first_byte"
        )
    if lost * 100 > configuration.max_loss_percent * configuration.count:
        raise CheckFailed(
            Reason.THRESHOLD,
            f"{lost} of {configuration.count} echo requests were lost; "
            f"at most {configuration.max_loss_percent} % may be.",
        )
    limit = configuration.max_round_trip_ms
    if limit is not None and echoes.mean > limit * 1000:
        raise CheckFailed(
            Reason.THRESHOLD, f"The mean round trip took {echoes.mean / 1000:g} ms; at most {limit:g} ms is allowed."
        )


def _failure(exchange: Exchange, trouble: CheckFailed, configuration: IcmpCheck, echoes: Echoes) -> Failure:
    return exchange.failure(trouble, address=configuration.address, echoes=echoes.document())


def _opened(candidates: Sequence[tuple[int, str]], exchange: Exchange) -> socket.socket:
    """A socket connected to the first address that there is a way to."""
    last: OSError | None = None
    for family, address in candidates:
        exchange.addresses.append(address)
        try:
            opened = echo_socket(family)
        except OSError as error:
            last = error  # this machine does not speak that version of IP
            continue
        try:
            opened.connect((address, 0))
        except OSError as error:
            opened.close()
            last = error
        else:
            exchange.remote_address = address
            return opened
    assert last is not None
    raise CheckFailed(Reason.UNREACHABLE, f"There is no way to the machine: {told(last)}.", "connect")


def echo_socket(family: int) -> socket.socket:
    """A socket for echo requests that does not block. Raises EchoNotPermitted."""
    protocol = _PROTOCOL[socket.AddressFamily(family)]
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            opened = socket.socket(family, kind, protocol)
        except PermissionError:
            continue
        opened.setblocking(False)
        return opened
    raise EchoNotPermitted


async def _exchange(opened: socket.socket, echoes: Echoes, configuration: IcmpCheck, seconds: float) -> None:
    """Sends the requests one after the other and notes what comes back, for at most so many seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + seconds
    spacing = min(SPACING_SECONDS, seconds / (2 * configuration.count))
    patience = max(PATIENCE_SECONDS, (configuration.max_round_trip_ms or 0) / 1000)
    token = secrets.token_bytes(TOKEN_BYTES)
    sent_at: dict[int, int] = {}
    listening = asyncio.create_task(_listen(opened, token, sent_at, echoes, configuration.count))
    try:
        for number in range(configuration.count):
            sent_at[number] = time.perf_counter_ns()
            echoes.sent += 1
            try:
                await loop.sock_sendall(opened, request(opened.family, number, token))
            except OSError as error:
                echoes.error = plain(told(error))
            last = number == configuration.count - 1
            left = max(0.0, deadline - loop.time())
            await asyncio.wait({listening}, timeout=min(patience if last else spacing, left))
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _listen(opened: socket.socket, token: bytes, sent_at: dict[int, int], echoes: Echoes, expected: int) -> None:
    loop = asyncio.get_running_loop()
    while len(echoes.round_trips) < expected:
        try:
            packet = await loop.sock_recv(opened, 2048)
        except OSError as error:  # an ICMP error about one of our requests
            echoes.error = plain(told(error))
            continue
        at = time.perf_counter_ns()
        number = answered(opened, packet, token)
        if number in sent_at:
            echoes.round_trips.setdefault(number, (at - sent_at[number]) // 1000)


def request(family: int, number: int, token: bytes) -> bytes:
    """An echo request. A raw socket's identifier is the token's first bytes; the kernel sets a datagram socket's."""
    kind = _REQUEST[socket.AddressFamily(family)]
    identifier = int.from_bytes(token[:2], "big")
    payload = token.ljust(PAYLOAD_BYTES, b"\0")
    checksum = _checksum(_HEADER.pack(kind, 0, 0, identifier, number) + payload)  # of version 6: by the kernel
    return _HEADER.pack(kind, 0, checksum, identifier, number) + payload


def answered(opened: socket.socket, packet: bytes, token: bytes) -> int | None:
    """The number of the request that a packet is the echo of; None when it is something else."""
    if opened.type == socket.SOCK_RAW and opened.family == socket.AF_INET and packet:
        packet = packet[(packet[0] & 0x0F) * 4 :]  # the IP header comes along
    if len(packet) < _HEADER.size + TOKEN_BYTES:
        return None
    kind, _, _, _, number = _HEADER.unpack_from(packet)
    ours = packet[_HEADER.size : _HEADER.size + TOKEN_BYTES] == token
    return int(number) if kind == _REPLY[socket.AddressFamily(opened.family)] and ours else None


def _checksum(packet: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(packet) // 2}H", packet))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
