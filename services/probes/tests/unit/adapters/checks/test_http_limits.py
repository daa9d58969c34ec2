"""Targets that hang, flood or lie: each costs at most its deadline and its cap, and says what was wrong."""

import asyncio
import base64
import gzip
import resource
import time
import zlib
from collections.abc import AsyncIterator

import pytest

from probes.adapters.checks.challenges import EXAMINED_BYTES
from probes.adapters.checks.finding import Finding
from probes.adapters.checks.http import EXCERPT_BYTES, HttpEngine
from probes.application.checks.assertions import BODY_LIMIT
from probes.application.checks.http import HttpCheck
from probes.domain.states import Outcome, Reason

from ....raw_site import Answers, Asked, http_engine, raw_site, reply, says

DEADLINE = 0.6
ZEROS = 64 * 1024 * 1024
# 64 MiB of zeros as brotli (RFC 7932), for which the project has no other use.
BROTLI = base64.b64decode(
    "y///P/gnAOKxQCD3/o///3/wTwDEYRGA7v0f////4J8AiMMCAN37P/7//8E/ARCHBQC693/8//+DfwIgDgsAdO//+P//B/8EQBwWAOje//H//w/+CYA4"
    "LADQvf/j//8f/BMAcVgAoHv/Nw=="
)
KEEPS_BODY = {"assertions": [{"type": "keyword", "text": "x"}]}


@pytest.fixture
async def engine() -> AsyncIterator[HttpEngine]:
    async with http_engine() as made:
        yield made


async def cost(engine: HttpEngine, answer: Answers, seconds: float = DEADLINE) -> Finding:
    """The finding of a check that keeps the body, provided that it was in time and took little memory."""
    async with raw_site(answer) as site:
        check = HttpCheck.model_validate({"url": site.url} | KEEPS_BODY)
        began = time.monotonic()
        finding = await engine.check(check, seconds)
        assert time.monotonic() - began < seconds + 0.5
    assert finding.timings.total < (seconds + 0.2) * 1_000_000
    return finding


def reason(finding: Finding) -> Reason | None:
    return finding.failure.reason if finding.failure else None


def dripping(head: bytes, drop: bytes, every: float = 0.02) -> Answers:
    async def answer(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(drop)
            await writer.drain()
            await asyncio.sleep(every)

    return answer


def flooding(head: bytes, drop: bytes) -> Answers:
    return dripping(head, drop, every=0)


async def test_a_server_that_never_answers(engine: HttpEngine) -> None:
    async def never(_asked: Asked, _writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(30)

    finding = await cost(engine, never)
    assert reason(finding) is Reason.TIMEOUT
    assert finding.failure is not None and finding.failure.evidence["phase"] == "first_byte"


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"", b"H"),
        (b"HTTP/1.1 200 OK\r\n", b"X-Drip: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Long: ", b"x"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X-Trailer: 1\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"0"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
        (b"HTTP/1.1 302 Found\r\nLocation: /\r\nContent-Length: 1000000\r\n\r\n", b"x"),
    ],
)
async def test_a_drip_ends_with_the_deadline(engine: HttpEngine, head: bytes, drop: bytes) -> None:
    assert reason(await cost(engine, dripping(head, drop))) in (Reason.TIMEOUT, Reason.PROTOCOL)


@pytest.mark.parametrize(
    ("head", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-Flood: " + b"y" * 8000 + b"\r\n"),
        (b"HTTP/1.1 200 OK\r\nX-Flood: ", b"y" * 65536),
        (b"HTTP/1.1 200 OK\r\n", b"a:b\r\n" * 10_000),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
        (b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X-Trailer: yyyyyyyy\r\n" * 1000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"extension=1;" * 1000),
    ],
)
async def test_a_flood_of_anything_but_a_body_is_a_fault(engine: HttpEngine, head: bytes, drop: bytes) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert reason(await cost(engine, flooding(head, drop), 3)) in (Reason.TIMEOUT, Reason.PROTOCOL)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000, "kibibytes"


@pytest.mark.parametrize(
    ("encoding", "bomb"),
    [
        ("gzip", gzip.compress(b"\x00" * ZEROS)),
        ("deflate", zlib.compress(b"\x00" * ZEROS)),
        ("br", BROTLI),
        ("gzip, gzip", gzip.compress(gzip.compress(b"\x00" * ZEROS))),
        ("gzip, br", None),
    ],
)
async def test_a_decompression_bomb_costs_its_cap(engine: HttpEngine, encoding: str, bomb: bytes | None) -> None:
    if bomb is None:  # brotli is applied last, and undone first: what it holds is no gzip
        bomb = BROTLI
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    finding = await cost(engine, says(reply(bomb, "200 OK", f"Content-Encoding: {encoding}")), 5)
    assert finding.timings.total < 2_000_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000, "kibibytes"
    if encoding == "gzip, br":
        assert reason(finding) is Reason.PROTOCOL
    else:
        assert finding.failure is not None and "first 1048576 bytes" in finding.failure.detail


async def test_encodings_upon_one_another_without_end_are_refused(engine: HttpEngine) -> None:
    body = b"x" * 1000
    for _ in range(20):
        body = gzip.compress(body)
    assert reason(await cost(engine, says(reply(body, "200 OK", "Content-Encoding: " + ", ".join(["gzip"] * 20))))) is (
        Reason.PROTOCOL
    )


async def test_an_exchange_keeps_no_more_of_a_body_than_it_was_told_to(engine: HttpEngine) -> None:
    async def lead(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply(b"x" * (4 * BODY_LIMIT), "302 Found" if asked.path == "/" else "200 OK", "Location: /next"))

    async with raw_site(lead) as site:
        for keep in (EXAMINED_BYTES, BODY_LIMIT):
            exchange = await engine.fetch(HttpCheck(url=site.url), 5, keep=keep)
            assert exchange.trouble is None
            assert [len(hop.kept) for hop in exchange.hops] == [EXCERPT_BYTES, keep]
            assert all(hop.cut_off and hop.body_size < BODY_LIMIT + 100_000 for hop in exchange.hops)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nxshort", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx and more than was said", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nx", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\nx", None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nx", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nx", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx", Reason.CONTENT),
        (b"HTTP/1.1 200 OK\r\nX-Nul: a\x00b\r\nContent-Length: 1\r\n\r\nx", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nX-Raw: \xff\xfe\r\nContent-Length: 3\r\n\r\nx\x00\xff", None),
        (b"HTTP/1.1 200 OK\r\nno colon here\r\nContent-Length: 1\r\n\r\nx", Reason.PROTOCOL),
        (b"HTTP/1.1 999 Odd\r\nContent-Length: 1\r\n\r\nx", Reason.HTTP_STATUS),
        (b"HTTP/1.1 99 Odd\r\nContent-Length: 1\r\n\r\nx", Reason.PROTOCOL),
        (b"HTTP/9.9 200 OK\r\n\r\nx", Reason.PROTOCOL),
        (b"ICY 200 OK\r\n\r\nx", Reason.PROTOCOL),
        (b"<html>x</html>", Reason.PROTOCOL),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Reason.PROTOCOL),
        (b"\x15\x03\x01\x00\x02\x02\x46", Reason.PROTOCOL),
    ],
)
async def test_an_answer_that_lies_is_told_from_one_that_does_not(
    engine: HttpEngine, answer: bytes, expected: Reason | None
) -> None:
    finding = await cost(engine, says(answer), 3)
    assert reason(finding) is expected
    assert "\x00" not in str(finding.failure.evidence) if finding.failure else True


async def test_trailers_do_not_pass_for_headers(engine: HttpEngine) -> None:
    head = b"HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\nTrailer: X-Late\r\n\r\n"
    finding = await cost(engine, says(head + b"1\r\nx\r\n0\r\nX-Late: 1\r\nServer: forged\r\n\r\n"))
    assert finding.failure is not None
    assert set(finding.failure.evidence["headers"]) == {"transfer-encoding", "trailer"}  # type: ignore[call-overload]


async def test_headers_before_the_real_answer_do_not_count(engine: HttpEngine) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nX-Hint: 1\r\n\r\n" * 3
    finding = await cost(engine, says(hints + reply("x", "500 Oops", "X-Real: 1")))
    assert finding.failure is not None and "x-hint" not in finding.failure.evidence["headers"]  # type: ignore[operator]
    assert finding.status_code == 500


async def test_a_server_that_keeps_the_connection_open_does_not_hold_the_check(engine: HttpEngine) -> None:
    async def stay(_asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\nx")
        await writer.drain()
        await asyncio.sleep(5)

    finding = await cost(engine, stay, 3)
    assert finding.outcome is Outcome.GOOD and finding.timings.total < 1_000_000


async def test_evidence_stays_small_whatever_a_site_sends(engine: HttpEngine) -> None:
    lines = [f"X-{number}: {'v' * 2000}" for number in range(100)]
    long_path = "/" + "p" * 60_000

    async def huge(asked: Asked, writer: asyncio.StreamWriter) -> None:
        writer.write(reply("b" * 100_000, "500 Oops", *lines) if len(asked.path) > 9 else _to(long_path))

    def _to(path: str) -> bytes:
        return reply("", "302 Found", f"Location: {path}")

    finding = await cost(engine, huge, 3)
    assert finding.failure is not None and finding.failure.reason is Reason.HTTP_STATUS
    assert len(str(finding.failure.evidence)) < 60_000
