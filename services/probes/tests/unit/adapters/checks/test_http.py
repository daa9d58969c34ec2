"""The engine against real servers on loopback: what it measures, what it refuses, what it keeps as evidence."""

import asyncio
import gzip
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import certifi
import pytest
import trustme
from pydantic import ValidationError

from probes.adapters.checks.http import HttpEngine
from probes.application.checks.assertions import BODY_LIMIT
from probes.application.checks.http import HttpCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard, Network

Answer = Callable[[bytes, asyncio.StreamWriter], Awaitable[None]]
LOOPBACK: list[Network] = [ip_network("127.0.0.0/8")]


@asynccontextmanager
async def site(answer: Answer, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that answers each request, given its path, and closes; yields its base URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await reader.readuntil(b"\r\n\r\n")
            await answer(request.split(b" ")[1], writer)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    finally:
        server.close()


def reply(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def fine(_path: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(reply(b"<h1>fine</h1>", "200 OK", "Server: little", "Set-Cookie: secret=1"))


def http_engine(allowed: Sequence[Network] = LOOPBACK, ca_file: Path | None = None) -> HttpEngine:
    return HttpEngine(AddressGuard(allowed), ca_file=str(ca_file or certifi.where()))


@pytest.fixture
async def engine() -> AsyncIterator[HttpEngine]:
    made = http_engine()
    yield made
    await made.aclose()


def target(url: str, seconds: float = 5) -> tuple[HttpCheck, float]:
    """What to ask for (also what no monitor could be configured with) and the deadline."""
    return HttpCheck.model_construct(url=url), seconds


async def test_a_good_answer_is_measured_by_phase(engine: HttpEngine) -> None:
    async with site(fine) as url:
        finding = await engine.check(*target(url))
    assert (finding.outcome, finding.status_code, finding.remote_address) == (Outcome.GOOD, 200, "127.0.0.1")
    assert finding.failure is None
    timings = finding.timings
    assert timings.connect > 0 and timings.first_byte > 0 and timings.tls == 0
    assert timings.total >= timings.name_lookup + timings.connect + timings.first_byte


async def test_many_checks_run_at_the_same_time(engine: HttpEngine) -> None:
    async def slow(_path: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.3)
        writer.write(reply(b"done"))

    async with site(slow) as url:
        started = asyncio.get_running_loop().time()
        findings = await asyncio.gather(*(engine.check(*target(url)) for _ in range(50)))
        assert asyncio.get_running_loop().time() - started < 3
    assert {finding.outcome for finding in findings} == {Outcome.GOOD}


async def test_a_server_error_keeps_headers_and_the_beginning_of_the_body(engine: HttpEngine) -> None:
    async def broken(_path: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"\x00" + b"x" * 5000, "503 Service Unavailable", "Retry-After: 30", "Set-Cookie: a=b"))

    async with site(broken) as url:
        finding = await engine.check(*target(url))
    assert finding.outcome is Outcome.BAD and finding.status_code == 503
    assert finding.failure is not None and finding.failure.reason is Reason.HTTP_STATUS
    evidence = finding.failure.evidence
    assert evidence["status_code"] == 503 and evidence["phase"] is None
    assert evidence["headers"]["retry-after"] == "30"  # type: ignore[index]
    assert "set-cookie" not in evidence["headers"]  # type: ignore[operator]
    excerpt = evidence["body_excerpt"]
    assert isinstance(excerpt, str) and len(excerpt) == 2048 and "\x00" not in excerpt


async def test_redirects_are_followed_and_their_phases_summed(engine: HttpEngine) -> None:
    async def chain(path: bytes, writer: asyncio.StreamWriter) -> None:
        step = int(path.strip(b"/") or 0)
        await asyncio.sleep(0.05)
        writer.write(reply(b"", "302 Found", f"Location: /{step + 1}") if step < 3 else reply(b"", "500 Oops"))

    async with site(chain) as url:
        finding = await engine.check(*target(url))
    assert finding.failure is not None and finding.timings.first_byte >= 200_000
    hops = finding.failure.evidence["hops"]
    assert isinstance(hops, list)
    assert [(hop["url"].removeprefix(url), hop["status_code"]) for hop in hops] == [
        ("", 302),
        ("/1", 302),
        ("/2", 302),
        ("/3", 500),
    ]


async def test_a_redirect_loop_ends(engine: HttpEngine) -> None:
    async def loop(_path: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", "301 Moved", "Location: /again"))

    async with site(loop) as url:
        finding = await engine.check(*target(url))
    assert finding.failure is not None and finding.failure.reason is Reason.REDIRECT


async def test_a_redirect_to_another_protocol_is_not_followed(engine: HttpEngine) -> None:
    async def files(_path: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", "302 Found", "Location: file:///etc/passwd"))

    async with site(files) as url:
        finding = await engine.check(*target(url))
    assert finding.failure is not None and finding.failure.reason is Reason.REDIRECT


async def test_one_deadline_covers_a_body_that_drips(engine: HttpEngine) -> None:
    async def drip(_path: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    async with site(drip) as url:
        started = asyncio.get_running_loop().time()
        finding = await engine.check(*target(url, 0.4))
        assert asyncio.get_running_loop().time() - started < 1
    assert finding.failure is not None and finding.failure.reason is Reason.TIMEOUT
    assert finding.failure.evidence["phase"] == "body"


async def test_one_deadline_covers_all_hops(engine: HttpEngine) -> None:
    async def slow_chain(path: bytes, writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(0.2)
        writer.write(reply(b"", "302 Found", f"Location: {path.decode()}x"))

    async with site(slow_chain) as url:
        started = asyncio.get_running_loop().time()
        finding = await engine.check(*target(url + "/", 0.5))
        assert asyncio.get_running_loop().time() - started < 1
    assert finding.failure is not None and finding.failure.reason is Reason.TIMEOUT


async def test_a_refused_connection(engine: HttpEngine) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    finding = await engine.check(*target(f"http://127.0.0.1:{port}"))
    assert finding.failure is not None and finding.failure.reason is Reason.CONNECT
    assert finding.failure.evidence["phase"] == "connect"
    assert finding.failure.evidence["addresses"] == ["127.0.0.1"]


async def test_a_name_that_does_not_exist(engine: HttpEngine) -> None:
    finding = await engine.check(*target("http://nowhere.invalid/"))
    assert finding.failure is not None and finding.failure.reason is Reason.DNS
    assert finding.failure.evidence["phase"] == "name_lookup"


async def test_an_answer_that_is_not_http(engine: HttpEngine) -> None:
    async def silent(_path: bytes, _writer: asyncio.StreamWriter) -> None:
        return

    async with site(silent) as url:
        finding = await engine.check(*target(url))
    assert finding.failure is not None and finding.failure.reason is Reason.PROTOCOL


async def test_a_body_over_the_limit_costs_no_more_than_the_limit(engine: HttpEngine) -> None:
    sent = 0

    async def flood(_path: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for _ in range(4000):
            writer.write(b"x" * 65536)
            sent += 65536
            await writer.drain()

    async with site(flood) as url:
        finding = await engine.check(*target(url))
    assert finding.outcome is Outcome.GOOD
    assert sent < 64 * BODY_LIMIT, "the connection was closed long before the server was done"


async def test_a_decompression_bomb_costs_no_more_than_the_limit(engine: HttpEngine) -> None:
    bomb = gzip.compress(b"\x00" * (64 * 1024 * 1024))

    async def explode(_path: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(bomb, "200 OK", "Content-Encoding: gzip"))

    async with site(explode) as url:
        finding = await engine.check(*target(url))
    assert finding.outcome is Outcome.GOOD and finding.timings.total < 2_000_000


async def test_private_addresses_are_refused_when_connecting() -> None:
    connections = 0

    async def count(_path: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        writer.write(reply(b""))

    guarded = http_engine(())
    try:
        async with site(count) as url:
            for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "0x7f.1", "2130706433"):
                finding = await guarded.check(*target(url.replace("127.0.0.1", host)))
                assert finding.failure is not None and finding.failure.reason is Reason.ADDRESS_REFUSED, host
                assert finding.failure.evidence["refused_addresses"]
                assert finding.failure.evidence["addresses"] == []
            metadata = await guarded.check(*target("http://169.254.169.254/latest/meta-data/"))
            assert metadata.failure is not None and metadata.failure.reason is Reason.ADDRESS_REFUSED
        assert connections == 0
    finally:
        await guarded.aclose()


async def test_a_redirect_to_a_refused_address_is_refused(engine: HttpEngine) -> None:
    async def lure(_path: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"", "302 Found", "Location: http://10.0.0.1/admin"))

    async with site(lure) as url:
        finding = await engine.check(*target(url))
    assert finding.failure is not None and finding.failure.reason is Reason.ADDRESS_REFUSED
    assert finding.failure.evidence["refused_addresses"] == ["10.0.0.1"]
    assert finding.status_code is None


async def test_an_address_is_asked_for_as_a_browser_would(engine: HttpEngine) -> None:
    asked = []

    async def answer(path: bytes, writer: asyncio.StreamWriter) -> None:
        asked.append(path)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

    async with site(answer) as url:
        finding = await engine.check(HttpCheck(url=f"{url}/été à la mer?prix=5 €#haut"), 5)
    assert finding.outcome is Outcome.GOOD
    assert asked == [b"/%C3%A9t%C3%A9%20%C3%A0%20la%20mer?prix=5%20%E2%82%AC"]


async def test_an_internationalised_name_is_looked_up_by_its_a_label(engine: HttpEngine) -> None:
    finding = await engine.check(HttpCheck(url="https://münchen.invalid/"), 5)
    assert finding.failure is not None and finding.failure.reason is Reason.DNS
    assert finding.failure.evidence["url"] == "https://xn--mnchen-3ya.invalid/"


def test_what_is_not_a_web_address_is_no_target() -> None:
    for url in (
        "file:///etc/passwd",
        "http://",
        "http://\udc80",
        "http://a b/",
        f"http://{'a' * 300}/",
        "http://a..b/",
    ):
        with pytest.raises(ValidationError):
            HttpCheck(url=url)


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


async def test_tls_is_verified_against_the_configured_authority(authority: trustme.CA, tmp_path: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    trusting, wary = http_engine(ca_file=ca_file), http_engine()
    try:
        async with site(fine, context) as url:
            good = await trusting.check(*target(url))
            assert good.outcome is Outcome.GOOD and good.timings.tls > 0
            wrong_host = await trusting.check(*target(url.replace("127.0.0.1", "127.0.0.2")))
            unknown = await wary.check(*target(url))
    finally:
        await trusting.aclose()
        await wary.aclose()
    assert unknown.failure is not None and unknown.failure.reason is Reason.CERTIFICATE
    assert unknown.failure.evidence["phase"] == "tls"
    assert wrong_host.failure is not None and wrong_host.failure.reason in (Reason.CERTIFICATE, Reason.CONNECT)


async def test_cancelling_a_check_leaves_the_engine_usable(engine: HttpEngine) -> None:
    async def never(_path: bytes, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    async with site(never) as slow_url, site(fine) as url:
        task = asyncio.create_task(engine.check(*target(slow_url)))
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await engine.check(*target(url))).outcome is Outcome.GOOD
