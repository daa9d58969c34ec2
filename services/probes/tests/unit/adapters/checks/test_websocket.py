"""WebSocket checks against real servers on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import certifi
import pytest
import trustme
from pydantic import ValidationError
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from probes.adapters.checks.finding import Finding
from probes.adapters.checks.websocket import WebSocketChecks
from probes.application.checks.kinds import configuration_of, document_of
from probes.application.checks.websocket import WebSocketCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard

from ....network_servers import Talk, listening

Handle = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def web_socket(handle: Handle, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A real WebSocket server; yields its port."""

    async def patiently(connection: ServerConnection) -> None:
        with suppress(ConnectionClosed):
            await handle(connection)

    async with serve(patiently, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


def answers(text: str) -> Talk:
    """A server that answers a request with these lines, and then waits."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()
        await reader.read()

    return talk


async def echo(connection: ServerConnection) -> None:
    async for message in connection:
        await connection.send(f"you said {message!r}")


async def silent(connection: ServerConnection) -> None:
    await connection.wait_closed()


@pytest.fixture
def checks() -> WebSocketChecks:
    return WebSocketChecks(AddressGuard([ip_network("127.0.0.0/8")]), certifi.where())


def at(port: int, path: str = "/live", **more: Any) -> WebSocketCheck:
    return WebSocketCheck(url=f"ws://127.0.0.1:{port}{path}", **more)


def told(finding: Finding) -> tuple[Reason, str]:
    assert finding.outcome is Outcome.BAD and finding.failure is not None
    return finding.failure.reason, finding.failure.detail


async def test_a_connection_that_is_upgraded_is_good_and_closed_properly(checks: WebSocketChecks) -> None:
    closed: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

    async def note(connection: ServerConnection) -> None:
        await connection.wait_closed()
        closed.set_result(connection.close_code)

    async with web_socket(note) as port:
        finding = await checks.check(at(port), 5)
        code = await asyncio.wait_for(closed, 5)
    assert (finding.outcome, finding.status_code, finding.failure) == (Outcome.GOOD, 101, None)
    assert finding.remote_address == "127.0.0.1" and code == 1000
    assert finding.timings.connect > 0 and finding.timings.first_byte > 0


async def test_headers_and_path_reach_the_server(checks: WebSocketChecks) -> None:
    async def tell(connection: ServerConnection) -> None:
        assert connection.request is not None
        headers = connection.request.headers
        await connection.send(f"{connection.request.path} {headers['X-Hotel']} {headers.get_all('User-Agent')}")
        await connection.wait_closed()

    async with web_socket(tell) as port:
        check = at(port, "/live?a=1", headers={"X-Hotel": "Bellevue"}, expect="/live?a=1 Bellevue ['Upheld/")
        own = at(port, headers={"X-Hotel": "Bellevue", "user-agent": "Mine/1"}, expect="Bellevue ['Mine/1']")
        assert (await checks.check(check, 5)).outcome is Outcome.GOOD
        assert (await checks.check(own, 5)).outcome is Outcome.GOOD


async def test_an_answer_to_what_was_sent_can_be_expected(checks: WebSocketChecks) -> None:
    async with web_socket(echo) as port:
        good = await checks.check(at(port, send='{"type":"ping"}', expect='"ping"'), 5)
        slow = await checks.check(at(port, send="hello", expect="welcome"), 0.4)
    assert good.outcome is Outcome.GOOD
    assert told(slow)[0] is Reason.TIMEOUT and slow.failure is not None
    assert slow.failure.evidence["body_excerpt"] == "you said 'hello'"
    assert (slow.failure.evidence["phase"], slow.failure.evidence["status_code"]) == ("body", 101)


async def test_the_expected_may_come_in_pieces(checks: WebSocketChecks) -> None:
    async def pieces(connection: ServerConnection) -> None:
        await connection.send("something else")
        await connection.send(iter(["wel", "come"]))
        await connection.wait_closed()

    async with web_socket(pieces) as port:
        assert (await checks.check(at(port, expect="welcome"), 5)).outcome is Outcome.GOOD
        assert told(await checks.check(at(port, expect="elsewel"), 0.3))[0] is Reason.TIMEOUT


async def test_a_server_that_closes_without_the_expected_is_bad(checks: WebSocketChecks) -> None:
    async def leave(connection: ServerConnection) -> None:
        await connection.close(1011, "going")

    async with web_socket(leave) as port:
        finding = await checks.check(at(port, expect="welcome"), 5)
    assert told(finding) == (Reason.CONTENT, "The server closed the WebSocket before it said what is expected.")


@pytest.mark.parametrize("size", [1000, 100_000])
async def test_a_flood_of_messages_is_not_read_for_ever(checks: WebSocketChecks, size: int) -> None:
    async def flood(connection: ServerConnection) -> None:
        while True:
            await connection.send("x" * size)

    async with web_socket(flood) as port:
        finding = await checks.check(at(port, expect="welcome"), 5)
    assert told(finding)[0] in (Reason.CONTENT, Reason.PROTOCOL)


async def test_another_status_is_told_with_its_answer_and_without_secrets(checks: WebSocketChecks) -> None:
    headers = "Server: nginx\nSet-Cookie: a=b\nX-Echo: s3cr3t-token\nContent-Length: 22"
    text = f"HTTP/1.1 403 No\n{headers}\n\nnot with s3cr3t-token!"
    async with listening(answers(text)) as port:
        check = at(port, "/live?api_key=hush", headers={"Authorization": "Bearer s3cr3t-token"})
        finding = await checks.check(check, 5)
    assert told(finding) == (Reason.HTTP_STATUS, "The server answered with status 403, not with 101.")
    assert finding.status_code == 403 and finding.failure is not None
    evidence = finding.failure.evidence
    assert evidence["headers"] == {"server": "nginx", "x-echo": "••••••••", "content-length": "22"}
    assert evidence["body_excerpt"] == "not with ••••••••!"
    assert "hush" not in str(evidence)


@pytest.mark.parametrize(
    "text",
    [
        "HTTP/1.1 101 Sure\nUpgrade: websocket\nConnection: Upgrade\nSec-WebSocket-Accept: bm9uc2Vuc2U=\n\n",
        "HTTP/1.1 101 Sure\nUpgrade: websocket\nConnection: Upgrade\n\n",
        "HTTP/1.1 101 Sure\nSec-WebSocket-Accept: bm9uc2Vuc2U=\n\n",
        "SSH-2.0-OpenSSH_9.6\n\n",
    ],
    ids=["wrong proof", "no proof", "no upgrade", "no HTTP"],
)
async def test_an_upgrade_without_its_proof_is_none(checks: WebSocketChecks, text: str) -> None:
    async with listening(answers(text)) as port:
        finding = await checks.check(at(port), 5)
    assert told(finding)[0] is Reason.PROTOCOL
    assert told(finding)[1].startswith("The server did not upgrade the connection properly: ")


async def test_a_server_that_hangs_up_is_told(checks: WebSocketChecks) -> None:
    async def hang_up(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        return

    async with listening(hang_up) as port:
        assert told(await checks.check(at(port), 5))[0] is Reason.PROTOCOL


async def test_a_silent_server_costs_its_deadline_and_no_more(checks: WebSocketChecks) -> None:
    async with web_socket(silent) as port:
        since = asyncio.get_running_loop().time()
        finding = await checks.check(at(port, expect="x"), 0.3)
        took = asyncio.get_running_loop().time() - since
    assert told(finding)[0] is Reason.TIMEOUT
    assert 0.25 < took < 2


async def test_a_redirect_is_not_followed(checks: WebSocketChecks) -> None:
    text = "HTTP/1.1 302 There\nLocation: ws://127.0.0.1:1/\nContent-Length: 0\n\n"
    async with listening(answers(text)) as port:
        finding = await checks.check(at(port), 5)
    assert told(finding)[0] is Reason.HTTP_STATUS and finding.status_code == 302


async def test_a_private_address_is_not_connected_to() -> None:
    wary = WebSocketChecks(AddressGuard(), certifi.where())
    async with web_socket(silent) as port:
        finding = await wary.check(WebSocketCheck(url=f"ws://localhost:{port}/"), 5)
    assert told(finding)[0] is Reason.ADDRESS_REFUSED


async def test_tls_is_verified(tmp_path: Path) -> None:
    authority = trustme.CA()
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    guard = AddressGuard([ip_network("127.0.0.0/8")])
    async with web_socket(echo, context) as port:
        check = WebSocketCheck(url=f"WSS://127.0.0.1:{port}", send="hello", expect="hello")
        trusting = await WebSocketChecks(guard, str(ca_file)).check(check, 5)
        wary = await WebSocketChecks(guard, certifi.where()).check(check, 5)
    assert trusting.outcome is Outcome.GOOD and trusting.timings.tls > 0
    assert told(wary)[0] is Reason.TLS


@pytest.mark.parametrize(
    "wrong",
    [
        {"url": "https://live.example/"},
        {"url": "ws://"},
        {"url": "ws://a b/"},
        {"url": "ws://live.example:0/"},
        {"url": "ws://live.example/#there"},
        {"url": "ws://anna:secret@live.example/"},
        {"url": "ws://[::1/"},
        {"url": "wss://live.example/?token=••••••••"},
        {"headers": {"Sec-WebSocket-Key": "x"}},
        {"headers": {"Upgrade": "x"}},
        {"headers": {"X-Y": "a\r\nb"}},
        {"headers": {"Authorization": "••••••••"}},
        {"send": ""},
    ],
)
def test_what_cannot_be_meant_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        configuration_of({"kind": "websocket", "url": "wss://live.example/"} | wrong)


def test_a_configuration_comes_back_from_its_document() -> None:
    configuration = WebSocketCheck(url="wss://live.example/", headers={"X-A": "b"}, send="hi", expect="ho")
    assert configuration_of(document_of(configuration)) == configuration
