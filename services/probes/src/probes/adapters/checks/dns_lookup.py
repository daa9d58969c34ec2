"""Questions to name servers: over UDP, over TCP when the answer does not fit, along aliases to their end."""

import asyncio
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.resolver
from dns.rdtypes.txtbase import TXTBase

from probes.adapters.checks.connection import CheckFailed, Connection, Exchange, told
from probes.adapters.checks.finding import plain
from probes.domain.states import Reason
from shared.outbound_http import AddressGuard, AddressRefused

ATTEMPTS = 3
"""How often a question is put over UDP before its time is over: a single datagram may get lost."""
PAYLOAD_BYTES = 1232
"""What fits a datagram everywhere without fragments (DNS Flag Day 2020)."""
MOST_ALIASES = 16
MOST_VALUES = 50
VALUE_LENGTH = 500
INNER = "an address that is not public"
EVERYWHERE = AddressGuard(["0.0.0.0/0", "::/0"])
"""For the resolver that this machine was given: whoever runs the machine chose it."""


@dataclass(slots=True)
class Answer:
    """What was answered to one question, filled in as it comes. `response_code` is None until a server has answered.

    `aliases` are the names that were led to on the way. `error` is why there is no answer. `guard` says
    which addresses may be told (None: all).
    """

    name: str
    record_type: str
    server: str | None = None
    response_code: str | None = None
    aliases: list[str] = field(default_factory=list)
    values: list[str] = field(default_factory=list)
    over_tcp: bool = False
    error: str | None = None
    guard: AddressGuard | None = None

    def shown(self, value: str) -> str:
        """A value as it may be told: what the location's own resolver says of inner networks is nobody's business."""
        try:
            if self.guard is not None and self.record_type in ("A", "AAAA"):
                self.guard.check(value)
        except (AddressRefused, ValueError):
            return INNER
        return value

    def document(self) -> dict[str, object]:
        """As it stands in evidence."""
        return {
            "name": plain(self.name)[:300],
            "record_type": self.record_type,
            "server": self.server,
            "response_code": self.response_code,
            "aliases": [plain(alias)[:300] for alias in self.aliases],
            "values": [plain(self.shown(value))[:VALUE_LENGTH] for value in self.values[:MOST_VALUES]],
            "over_tcp": self.over_tcp,
            "error": plain(self.error)[:500] if self.error else None,
        }


def system_name_servers() -> list[str]:
    """The addresses of this machine's resolvers, at most three. Raises CheckFailed when it has none."""
    try:
        found = [str(server) for server in dns.resolver.Resolver().nameservers]
    except (dns.exception.DNSException, OSError) as error:
        raise CheckFailed(Reason.DNS, f"This location has no resolver: {error}", "name_lookup") from error
    return found[:ATTEMPTS]


def name_of(text: str) -> dns.name.Name:
    """The name, absolute. Raises CheckFailed when it cannot be one."""
    try:
        return dns.name.from_text(text, idna_codec=dns.name.IDNA_2008_Practical)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise CheckFailed(Reason.INVALID_TARGET, f"{text} is no name of the DNS: {error}") from error


def canonical(record_type: str, value: str) -> str:
    """A value in one notation, so that two that mean the same are equal."""
    if record_type in ("A", "AAAA"):
        return str(ip_address(value))
    if record_type == "TXT":
        return value
    words = value.replace('"', "").split()
    return " ".join(word.removesuffix(".").lower() if word != "." else word for word in words)


async def look_up(
    answer: Answer, servers: Sequence[str], port: int, exchange: Exchange, *, guard: AddressGuard, seconds: float
) -> None:
    """Puts the question of `answer` to the servers, in turn until one answers, and fills it in.

    Raises CheckFailed when there is no usable answer. Takes about `seconds`; the caller sets the deadline.
    """
    asked = _Asked(servers, port, exchange, guard, seconds, answer)
    wanted = dns.rdatatype.from_text(answer.record_type)
    name = name_of(answer.name)
    passed = {name}
    while True:
        response = await asked.put(name, wanted)
        answer.response_code = dns.rcode.to_text(response.rcode())
        led_on = False
        while True:
            found = response.get_rrset(response.answer, name, dns.rdataclass.IN, wanted)
            if found is not None:
                answer.values = sorted(_text(record) for record in found)
                return
            alias = response.get_rrset(response.answer, name, dns.rdataclass.IN, dns.rdatatype.CNAME)
            if alias is None:
                break
            name = alias[0].target
            led_on = True
            answer.aliases.append(name.to_text(omit_final_dot=True))
            if name in passed or len(passed) > MOST_ALIASES:
                way = " → ".join([answer.name, *answer.aliases])
                what = "lead in a circle" if name in passed else "never end"
                raise CheckFailed(Reason.ANSWER, f"The aliases of the name {what}: {way[:600]}")
            passed.add(name)
        # A resolver follows aliases by itself and says so; a server that does not know where they lead does not.
        followed = response.flags & dns.flags.RA or response.authority
        if not led_on or followed or response.rcode() != dns.rcode.NOERROR:
            return


@dataclass(slots=True)
class _Asked:
    servers: Sequence[str]
    port: int
    exchange: Exchange
    guard: AddressGuard
    seconds: float
    answer: Answer

    async def put(self, name: dns.name.Name, wanted: dns.rdatatype.RdataType) -> dns.message.Message:
        query = dns.message.make_query(name, wanted, use_edns=0, payload=PAYLOAD_BYTES)
        self.exchange.phase = "first_byte"
        since = time.perf_counter_ns()
        connecting = self.exchange.timings.connect
        try:
            response = await self._over_udp(query)
            if response.flags & dns.flags.TC:
                response = await self._over_tcp(query)
        except dns.exception.DNSException as error:
            raise CheckFailed(Reason.PROTOCOL, f"The answer is not DNS: {error}", "first_byte") from error
        finally:
            connecting = self.exchange.timings.connect - connecting
            self.exchange.timings.first_byte += (time.perf_counter_ns() - since) // 1000 - connecting
        return response

    async def _over_udp(self, query: dns.message.Message) -> dns.message.Message:
        wire = query.to_wire()
        trouble: OSError | None = None
        for attempt in range(max(ATTEMPTS, len(self.servers))):
            server = self.servers[attempt % len(self.servers)]
            self._turn_to(server)
            try:
                async with asyncio.timeout(self.seconds / ATTEMPTS):
                    return await self._datagrams(server, query, wire)
            except TimeoutError:
                continue
            except OSError as error:
                trouble = error
                if attempt + 1 >= len(self.servers):
                    break
        if trouble is not None:
            raise CheckFailed(Reason.CONNECT, f"The name server takes no questions: {told(trouble)}", "connect")
        raise TimeoutError

    def _turn_to(self, server: str) -> None:
        self.answer.server = server
        self.exchange.remote_address = server
        if server not in self.exchange.addresses:
            self.exchange.addresses.append(server)

    async def _datagrams(self, server: str, query: dns.message.Message, wire: bytes) -> dns.message.Message:
        loop = asyncio.get_running_loop()
        family = socket.AF_INET6 if ":" in server else socket.AF_INET
        # Connected: the kernel lets nobody else answer, and says when nobody listens.
        with socket.socket(family, socket.SOCK_DGRAM) as opened:
            opened.setblocking(False)
            await loop.sock_connect(opened, (server, self.port))
            await loop.sock_sendall(opened, wire)
            while True:
                received = await loop.sock_recv(opened, 65_535)
                if received[:2] != wire[:2]:
                    continue  # the late answer to another question
                response = dns.message.from_wire(received)
                if query.is_response(response):
                    return response

    async def _over_tcp(self, query: dns.message.Message) -> dns.message.Message:
        assert self.answer.server is not None
        self.answer.over_tcp = True
        server = self.answer.server
        connection = Connection(f"[{server}]" if ":" in server else server, self.port, self.guard)
        async with connection:
            self.exchange.timings.connect += connection.timings.connect
            wire = query.to_wire()
            connection.writer.write(len(wire).to_bytes(2, "big") + wire)
            try:
                await connection.writer.drain()
                length = int.from_bytes(await connection.reader.readexactly(2), "big")
                response = dns.message.from_wire(await connection.reader.readexactly(length))
            except (OSError, asyncio.IncompleteReadError) as error:
                raise CheckFailed(Reason.PROTOCOL, f"The name server broke off over TCP: {told(error)}") from error
        if not query.is_response(response):
            raise CheckFailed(Reason.PROTOCOL, "The name server answered another question over TCP.")
        return response


def _text(record: dns.rdata.Rdata) -> str:
    if isinstance(record, TXTBase):
        return b"".join(record.strings).decode("utf-8", "replace")
    return record.to_text()
