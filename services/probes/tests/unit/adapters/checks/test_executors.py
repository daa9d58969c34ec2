"""Whatever a target says, a check has a finding, and a fault of ours is no outage of it."""

import asyncio
import random
import ssl
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from probes.adapters.checks.executors import Executors
from probes.domain.states import Outcome, Reason

from ....certificates import Issued, issue, secured
from ....raw_site import LOOPBACK, raw_site, reply, says

NO_END = datetime(9999, 12, 31, 23, 59, 59)  # noqa: DTZ001  (the library takes it as UTC)
SAN = x509.ObjectIdentifier("2.5.29.17")


@pytest.fixture
async def executors() -> AsyncIterator[Executors]:
    made = Executors(LOOPBACK)
    yield made
    await made.aclose()


def presenting(issued: Issued, der: bytes) -> ssl.SSLContext:
    """A server's context with a certificate that no library of ours would make."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    private = issued.key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    with NamedTemporaryFile() as file:
        file.write(private + ssl.DER_cert_to_PEM_cert(der).encode())
        file.flush()
        context.load_cert_chain(file.name)
    return context


def with_odd_name() -> ssl.SSLContext:
    """Its subject alternative name is an X.400 address."""
    issued = issue("hotel", extensions=[x509.UnrecognizedExtension(SAN, b"\x30\x04\xa3\x02\x30\x00")])
    return presenting(issued, issued.der)


def of_version_six() -> ssl.SSLContext:
    issued = issue("hotel", names=["127.0.0.1"])
    return presenting(issued, issued.der.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1))


def of_the_year_500() -> ssl.SSLContext:
    issued = issue("hotel", names=["127.0.0.1"], days=20_000)
    ends = issued.certificate.not_valid_after_utc.strftime("%Y%m%d%H%M%SZ").encode()
    return presenting(issued, issued.der.replace(ends, b"05000101000000Z", 1))


@pytest.mark.parametrize("context", [with_odd_name, of_version_six, of_the_year_500])
@pytest.mark.parametrize("kind", ["http", "tls"])
async def test_a_certificate_that_nobody_expects_is_bad_and_not_our_fault(
    executors: Executors, context: Callable[[], ssl.SSLContext], kind: str
) -> None:
    async with secured(context()) as port:
        documents: dict[str, dict[str, Any]] = {
            "http": {"kind": "http", "url": f"https://127.0.0.1:{port}/"},
            "tls": {"kind": "tls", "host": "127.0.0.1", "port": port},
        }
        finding = await executors.check(documents[kind], 5)
    assert finding.outcome is Outcome.BAD and finding.failure is not None
    assert finding.failure.reason in (Reason.CERTIFICATE, Reason.TLS)
    for observed in finding.observations.values():
        assert observed["not_after"] == "0500-01-01T00:00:00Z"


async def test_a_certificate_without_an_end_has_one_path(executors: Executors, tmp_path: Path) -> None:
    root = issue("Root", authority=True, until=NO_END)
    leaf = issue("hotel", root, names=["127.0.0.1"], until=NO_END)
    roots = tmp_path / "roots.pem"
    roots.write_bytes(root.pem)
    trusting = Executors(LOOPBACK, ca_file=roots)
    async with secured(presenting(leaf, leaf.der)) as port:
        finding = await trusting.check({"kind": "tls", "host": "127.0.0.1", "port": port}, 5)
    await trusting.aclose()
    assert finding.outcome is Outcome.GOOD
    assert finding.observations["certificate"]["verified_until"] == "9999-12-31T23:59:59Z"


ANSWERS = {
    "a host of no encoding": b"Location: http://\xe9\xff.example/",
    "a host of UTF-8": "Location: http://hôtel..example/".encode(),
    "an open bracket": b"Location: http://[::1/",
    "a port beyond": b"Location: https://127.0.0.1:99999/",
    "a label of 300": b"Location: http://" + b"a" * 300 + b".example/",
    "a NUL": b"Location: http://[\x00",
}


@pytest.mark.parametrize("header", ANSWERS.values(), ids=ANSWERS.keys())
@pytest.mark.parametrize("body", [b"", b"x" * 2_000_000])
async def test_a_redirect_to_nowhere_is_bad(executors: Executors, header: bytes, body: bytes) -> None:
    async with raw_site(says(b"HTTP/1.1 302 Found\r\n" + header + b"\r\nConnection: close\r\n\r\n" + body)) as site:
        finding = await executors.check({"kind": "http", "url": site.url}, 5)
    assert finding.outcome is Outcome.BAD and finding.failure is not None
    assert finding.failure.reason in (Reason.REDIRECT, Reason.DNS, Reason.PROTOCOL), finding.failure


def documents(port: int) -> list[dict[str, Any]]:
    """Every kind of check that connects to a port."""
    web = {"url": f"http://127.0.0.1:{port}/"}
    there = {"host": "127.0.0.1", "port": port}
    return [
        {"kind": "http", **web, "assertions": [{"type": "json_path", "path": "$..a", "condition": "exists"}]},
        {"kind": "http", "url": f"https://127.0.0.1:{port}/"},
        {"kind": "version", **web, "component": "php", "source": {"type": "generator"}},
        {"kind": "export", **web, "freshness": {"source": "last_modified"}, "max_age_seconds": 3600},
        {"kind": "websocket", "url": f"ws://127.0.0.1:{port}/", "expect": "ready"},
        {"kind": "tcp", **there, "expect": "ready"},
        {"kind": "tls", **there},
        {"kind": "tls", **there, "protocol": "smtp"},
        {"kind": "tls", **there, "protocol": "imap"},
        {"kind": "smtp", **there},
        {"kind": "imap", **there},
        {"kind": "dns", "name": "hotel.example", "resolver": "127.0.0.1", "resolver_port": port},
    ]


def nonsense(chance: random.Random) -> bytes:
    """A beginning that some protocol knows, and what nobody does behind it."""
    beginnings = [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-16\r\n\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: ",
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nLast-Modified: ",
        b"220 ready\r\n250-",
        b"* OK ready\r\na1 ",
        b"\x16\x03\x03\x00\x40\x02\x00",
    ]
    return chance.choice(beginnings) + chance.randbytes(chance.randint(0, 300))


@pytest.mark.parametrize("seed", range(6))
async def test_no_answer_makes_a_check_fail_by_our_own_fault(executors: Executors, seed: int) -> None:
    chance = random.Random(seed)

    async def serve(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(nonsense(chance))
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        findings = [await executors.check(document, 2) for document in documents(port) for _ in range(3)]
    assert {finding.outcome for finding in findings} <= {Outcome.GOOD, Outcome.BAD}


async def test_a_fault_of_ours_is_blocked_and_says_so(executors: Executors, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(_configuration: object, _seconds: float) -> None:
        raise ZeroDivisionError("seldom")

    monkeypatch.setattr(executors, "_by_kind", {"tcp": fails})
    finding = await executors.check({"kind": "tcp", "host": "127.0.0.1", "port": 9}, 1)
    assert finding.outcome is Outcome.BLOCKED and finding.failure is not None
    assert "ZeroDivisionError" in finding.failure.detail and "seldom" not in finding.failure.detail


async def test_what_is_no_configuration_is_nobodys_outage(executors: Executors) -> None:
    async with raw_site(says(reply("ok"))):
        finding = await executors.check({"kind": "http", "url": "no address"}, 1)
    assert finding.outcome is Outcome.BLOCKED and finding.failure is not None
    assert finding.failure.reason is Reason.INVALID_TARGET


@pytest.mark.parametrize("name", [".example.com", "a..b", "a" * 70 + ".example"])
async def test_a_name_that_no_server_can_be_asked_for_is_nobodys_outage(executors: Executors, name: str) -> None:
    async with secured(presenting(made := issue("hotel", names=["127.0.0.1"]), made.der)) as port:
        document = {"kind": "tls", "host": "127.0.0.1", "port": port, "server_name": name}
        finding = await executors.check(document, 3)
    assert finding.outcome is Outcome.BLOCKED and finding.failure is not None
    assert finding.failure.reason is Reason.INVALID_TARGET
