"""The way to an address, hop by hop: datagrams that live so long, and the routers that say where they died.

Needs no privilege: Linux hands ICMP errors about a datagram to the socket that sent it (IP_RECVERR, ip(7)). Elsewhere
the way stays unknown.
"""

import asyncio
import os
import socket
import struct
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from shared.outbound_http import AddressGuard, AddressRefused

MOST_HOPS = 20
SECONDS = 2.0
QUIET_SECONDS = 0.5
"""Once the end of the way is known, routers that have been silent for this long are not waited for."""
FIRST_PORT = 33_434
"""Where traceroute has always sent to: nobody listens there."""

_IP_RECVERR, _IPV6_RECVERR = 11, 25
_ERROR = struct.Struct("=IBBBBII")  # sock_extended_err: errno, origin, type, code, padding, info, data
_ORIGIN_ICMP, _ORIGIN_ICMP6 = 2, 3
_TIME_EXCEEDED = {_ORIGIN_ICMP: 11, _ORIGIN_ICMP6: 3}


@dataclass(slots=True)
class Hop:
    """Who answered a datagram that lived for `number` hops, and after how many microseconds; None: nobody did.

    `address` is None as well where it is none that the guard lets us name. `error` is what a router said that turned
    the datagram away.
    """

    number: int
    address: str | None = None
    round_trip: int | None = None
    error: str | None = None


@dataclass(slots=True)
class Way:
    """The way to an address, filled in as answers come; `end` is the hop at which it ended, reached or turned away."""

    address: str
    hops: list[Hop] = field(default_factory=list)
    reached: bool = False
    end: int | None = None

    def document(self) -> dict[str, object]:
        """As it stands in evidence: silent hops behind the last one that answered are left out."""
        last = self.end or max((hop.number for hop in self.hops if hop.round_trip is not None), default=0)
        return {
            "address": self.address,
            "reached": self.reached,
            "hops": [
                {
                    "hop": hop.number,
                    "address": hop.address,
                    "round_trip_ms": None if hop.round_trip is None else hop.round_trip / 1000,
                    "error": hop.error,
                }
                for hop in self.hops[:last]
            ],
        }


async def trace(way: Way, guard: AddressGuard, *, seconds: float = SECONDS) -> None:
    """Fills in the way, within so many seconds: one datagram per hop, all at once.

    An address that the guard refuses is sent nothing, and a router that has such an address is not named.
    """
    if sys.platform != "linux":
        return
    try:
        guard.check(way.address)
    except (AddressRefused, ValueError):
        return
    loop = asyncio.get_running_loop()
    news = asyncio.Event()
    probes: list[_Probe] = []
    try:
        for number in range(1, MOST_HOPS + 1):
            hop = Hop(number)
            way.hops.append(hop)
            try:
                probes.append(_Probe(way, hop, guard, news.set))
            except OSError as error:
                hop.error = os.strerror(error.errno or 0)
                way.end = number
                return  # this machine knows no way to it at all
        deadline = loop.time() + seconds
        while not _is_known(way) and loop.time() < deadline:
            patience = QUIET_SECONDS if way.end is not None else seconds
            news.clear()
            try:
                async with asyncio.timeout(min(patience, deadline - loop.time())):
                    await news.wait()
            except TimeoutError:
                return
    finally:
        for probe in probes:
            probe.close()


def _is_known(way: Way) -> bool:
    return way.end is not None and all(hop.round_trip is not None for hop in way.hops[: way.end])


class _Probe:
    """One datagram and the socket that hears what became of it."""

    def __init__(self, way: Way, hop: Hop, guard: AddressGuard, tell: Callable[[], None]) -> None:
        self._way = way
        self._hop = hop
        self._guard = guard
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        sixth = ":" in way.address
        self._socket = socket.socket(socket.AF_INET6 if sixth else socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.setblocking(False)
            if sixth:
                self._socket.setsockopt(socket.IPPROTO_IPV6, _IPV6_RECVERR, 1)
                self._socket.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_UNICAST_HOPS, hop.number)
            else:
                self._socket.setsockopt(socket.IPPROTO_IP, _IP_RECVERR, 1)
                self._socket.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, hop.number)
            self._socket.connect((way.address, FIRST_PORT + hop.number - 1))
            self._sent = time.perf_counter_ns()
            self._socket.send(bytes(8))
        except OSError:
            self._socket.close()
            raise
        self._loop.add_reader(self._socket, self._hear)

    def close(self) -> None:
        self._loop.remove_reader(self._socket)
        self._socket.close()

    def _hear(self) -> None:
        at = time.perf_counter_ns()
        try:
            _, told, _, _ = self._socket.recvmsg(512, 512, socket.MSG_ERRQUEUE)
        except OSError:
            told = []
        if not told:
            try:
                self._socket.recv(512)
            except OSError:
                return
            self._note(at, self._way.address)  # somebody does listen there
            self._ended(reached=True)
        for _, _, data in told:
            self._read(data, at)
        self._tell()

    def _read(self, data: bytes, at: int) -> None:
        if len(data) < _ERROR.size + 8:
            return
        number, origin, kind, _, _, _, _ = _ERROR.unpack_from(data)
        if origin not in _TIME_EXCEEDED:
            self._hop.error = os.strerror(number)
            self._ended(reached=False)
            return
        router = _offender(data[_ERROR.size :])
        self._note(at, router)
        if kind == _TIME_EXCEEDED[origin]:
            return
        reached = router == self._way.address
        if not reached:
            self._hop.error = os.strerror(number)
        self._ended(reached=reached)

    def _note(self, at: int, address: str | None) -> None:
        self._hop.round_trip = (at - self._sent) // 1000
        try:
            self._hop.address = str(self._guard.check(address)) if address else None
        except (AddressRefused, ValueError):
            self._hop.address = None

    def _ended(self, *, reached: bool) -> None:
        self._way.reached |= reached
        self._way.end = min(self._hop.number, self._way.end or MOST_HOPS)


def _offender(data: bytes) -> str | None:
    """The address in a sockaddr, whose family is in the machine's own order."""
    family = int.from_bytes(data[:2], sys.byteorder)
    if family == socket.AF_INET:
        return socket.inet_ntop(socket.AF_INET, data[4:8])
    if family == socket.AF_INET6 and len(data) >= 24:
        return socket.inet_ntop(socket.AF_INET6, data[8:24])
    return None
