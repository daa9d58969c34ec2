"""Servers on loopback that the checks of the network are tried on: each says what the test tells it to."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ssl import SSLContext
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(
    talk: Talk, tls: SSLContext | None = None, *, port: int = 0, taken: socket.socket | None = None
) -> AsyncIterator[int]:
    """A TCP server whose connections are talked to in this way; yields its port.

    That is any free one, or the one asked for, or that of a socket that is bound already.
    """

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    taken = taken or socket.create_server(("127.0.0.1", port))
    server = await asyncio.start_server(serve, sock=taken, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


class NameServer(asyncio.DatagramProtocol):
    """A name server over UDP and TCP. It knows `records`, lines of a zone file, by name and type; they may be changed.

    `codes` are response codes by name; `truncated`: nothing fits a datagram; `silent` drops every question, `lost` so
    many of them; `garbled` answers nonsense; what is not `recursive` does not follow aliases. What it was asked is in
    `asked`: (over TCP, name, type).
    """

    def __init__(self) -> None:
        self.records: dict[tuple[str, str], list[str]] = {}
        self.codes: dict[str, str] = {}
        self.truncated = False
        self.silent = False
        self.garbled = False
        self.recursive = True
        self.lost = 0
        self.asked: list[tuple[bool, str, str]] = []
        self.port = 0
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        assert self._transport is not None
        if self.lost:
            self.lost -= 1
        elif self.garbled:
            self._transport.sendto(data[:2] + b"no DNS at all", addr)
        elif not self.silent:
            answer = self.answer(data, over_tcp=False)
            self._transport.sendto(answer, addr)

    def answer(self, wire: bytes, *, over_tcp: bool) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), question.rdtype.name
        self.asked.append((over_tcp, name, kind))
        response = dns.message.make_response(query, recursion_available=self.recursive)
        if self.truncated and not over_tcp:
            response.flags |= dns.flags.TC
            return response.to_wire()
        response.set_rcode(dns.rcode.from_text(self.codes.get(name, "NOERROR")))
        told: set[str] = set()
        while name not in told:
            told.add(name)
            if (name, kind) in self.records:
                response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *self.records[name, kind]))
                break
            if (name, "CNAME") in self.records:
                alias = self.records[name, "CNAME"][0]
                response.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", alias))
                if self.recursive:
                    name = alias.removesuffix(".")
        return response.to_wire(max_size=65_535)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One question over TCP."""
        length = int.from_bytes(await reader.readexactly(2), "big")
        answer = self.answer(await reader.readexactly(length), over_tcp=True)
        writer.write(len(answer).to_bytes(2, "big") + answer)
        await writer.drain()


def _pair() -> tuple[socket.socket, socket.socket]:
    """A UDP and a TCP socket on the same free port."""
    while True:
        stream = socket.create_server(("127.0.0.1", 0))
        datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            datagrams.bind(stream.getsockname())
        except OSError:  # somebody has that one: take another
            stream.close()
            datagrams.close()
        else:
            return datagrams, stream


@asynccontextmanager
async def name_server() -> AsyncIterator[NameServer]:
    """A name server on one loopback port, over UDP and TCP."""
    server = NameServer()
    datagrams, stream = _pair()
    server.port = stream.getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(lambda: server, sock=datagrams)
    try:
        async with listening(server.talk, taken=stream):
            yield server
    finally:
        transport.close()


def imap(heard: list[str], *, starttls: SSLContext) -> Talk:
    """A mailbox server's dialogue, with what the client said."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK Bellevue ready\r\n")
        while line := (await reader.readline()).decode().strip():
            heard.append(line)
            tag, command = line.split(" ", 1)
            if command == "CAPABILITY":
                writer.write(f"* CAPABILITY IMAP4rev1 STARTTLS\r\n{tag} OK done\r\n".encode())
            elif command == "STARTTLS":
                writer.write(f"{tag} OK go ahead\r\n".encode())
                await writer.start_tls(starttls)
            elif command == "LOGOUT":
                writer.write(f"* BYE\r\n{tag} OK done\r\n".encode())
                return

    return talk
