"""TCP checks against real servers on loopback."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import certifi
import pytest
import trustme

from probes.adapters.checks.tcp import TcpChecks
from probes.application.checks.network import TcpCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def greets(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"hello, who is there?\r\n")
    await writer.drain()
    await asyncio.sleep(0.05)


async def echoes(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"you said " + await reader.readline())
    await writer.drain()


async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


@pytest.fixture
def checks() -> TcpChecks:
    return TcpChecks(AddressGuard([ip_network("127.0.0.0/8")]), certifi.where())


async def test_an_open_port_is_good(checks: TcpChecks) -> None:
    async with listening(silent) as port:
        finding = await checks.check(TcpCheck(host="127.0.0.1", port=port), 5)
    assert (finding.outcome, finding.remote_address, finding.failure) == (Outcome.GOOD, "127.0.0.1", None)
    assert finding.timings.connect > 0 and finding.timings.total >= finding.timings.connect


async def test_a_closed_port_is_bad_and_says_so(checks: TcpChecks) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        finding = await checks.check(TcpCheck(host="127.0.0.1", port=taken.getsockname()[1]), 5)
    assert finding.failure is not None and finding.failure.reason is Reason.CONNECT
    assert finding.failure.evidence["phase"] == "connect"
    assert "refused" in finding.failure.detail


async def test_what_the_server_says_first_can_be_expected(checks: TcpChecks) -> None:
    async with listening(greets) as port:
        good = await checks.check(TcpCheck(host="127.0.0.1", port=port, expect="who is there"), 5)
        bad = await checks.check(TcpCheck(host="127.0.0.1", port=port, expect="welcome"), 5)
    assert good.outcome is Outcome.GOOD and good.timings.first_byte > 0
    assert bad.failure is not None and bad.failure.reason is Reason.CONTENT
    assert bad.failure.evidence["body_excerpt"] == "hello, who is there?\r\n"


async def test_an_answer_to_what_was_sent_can_be_expected(checks: TcpChecks) -> None:
    async with listening(echoes) as port:
        finding = await checks.check(TcpCheck(host="127.0.0.1", port=port, send="PING", expect="said PING"), 5)
    assert finding.outcome is Outcome.GOOD


async def test_a_silent_server_costs_its_deadline_and_no_more(checks: TcpChecks) -> None:
    async with listening(silent) as port:
        since = asyncio.get_running_loop().time()
        finding = await checks.check(TcpCheck(host="127.0.0.1", port=port, expect="x"), 0.3)
        took = asyncio.get_running_loop().time() - since
    assert finding.failure is not None and finding.failure.reason is Reason.TIMEOUT
    assert finding.failure.evidence["phase"] == "first_byte"
    assert 0.25 < took < 2


async def test_a_private_address_is_not_connected_to() -> None:
    wary = TcpChecks(AddressGuard(), certifi.where())
    async with listening(greets) as port:
        finding = await wary.check(TcpCheck(host="localhost", port=port), 5)
    assert finding.failure is not None and finding.failure.reason is Reason.ADDRESS_REFUSED
    assert "127.0.0.1" in finding.failure.evidence["refused_addresses"]  # type: ignore[operator]


async def test_tls_is_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    guard = AddressGuard([ip_network("127.0.0.0/8")])
    async with listening(greets, context) as port:
        check = TcpCheck(host="127.0.0.1", port=port, tls=True, expect="hello")
        trusting = await TcpChecks(guard, str(ca_file)).check(check, 5)
        wary = await TcpChecks(guard, certifi.where()).check(check, 5)
    assert trusting.outcome is Outcome.GOOD and trusting.timings.tls > 0
    assert wary.failure is not None and wary.failure.reason is Reason.TLS
    assert wary.failure.evidence["phase"] == "tls"
