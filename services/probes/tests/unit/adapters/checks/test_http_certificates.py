"""What HTTP checks say of the certificates that they come by: apart from the answer, once an hour, and on refusal."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from probes.adapters.checks import sightings
from probes.adapters.checks.http import HttpEngine
from probes.application.checks.http import HttpCheck
from probes.domain.states import Outcome, Reason
from probes.jobs.running import Observed
from shared.outbound_http import AddressGuard

from ....certificates import Issued, issue, secured, server_context, trust

GUARD = AddressGuard([ip_network("127.0.0.0/8")])
ROOT = issue("Root", authority=True, days=3000)
AUTHORITY = issue("Authority", ROOT, authority=True, days=900)


def leaf(name: str = "hotel", **more: Any) -> Issued:
    return issue(name, AUTHORITY, **{"names": ["127.0.0.1"]} | more)


@asynccontextmanager
async def site(context: ssl.SSLContext, location: str = "", status: str = "200 OK") -> AsyncIterator[str]:
    """Answers every request, with a redirect if there is a location; yields its URL."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            head = f"HTTP/1.1 {'302 Found' if location else status}\r\nContent-Length: 0\r\nConnection: close\r\n"
            writer.write(f"{head}Location: {location}\r\n\r\n".encode() if location else f"{head}\r\n".encode())
            await writer.drain()
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpEngine]:
    monkeypatch.setattr(sightings, "LOOK_SPACING_SECONDS", 0.0)
    made = HttpEngine(GUARD, ca_file=trust(tmp_path, ROOT))
    yield made
    await made.aclose()


async def test_the_certificate_of_every_hop_is_told_with_the_path_that_was_verified(engine: HttpEngine) -> None:
    async with (
        site(server_context(leaf("end", days=10), AUTHORITY)) as end,
        site(server_context(leaf("start"), AUTHORITY), location=end) as start,
    ):
        finding = await engine.check(HttpCheck(url=start), 5)
    assert finding.outcome is Outcome.GOOD
    told = {document["subject"]: document for document in finding.observations.values()}
    assert set(told) == {"CN=start", "CN=end"}
    assert (told["CN=start"]["verdict"], told["CN=end"]["verdict"]) == ("good", "expiring")
    path: Any = told["CN=end"]["path"]
    assert [entry["subject"] for entry in path] == ["CN=end", "CN=Authority", "CN=Root"]
    assert all(name.startswith("certificate:127.0.0.1:") for name in finding.observations)


async def test_a_bad_answer_over_a_good_certificate_is_bad_for_the_answer_only(engine: HttpEngine) -> None:
    async with site(server_context(leaf(), AUTHORITY), status="503 Gone") as url:
        finding = await engine.check(HttpCheck(url=url), 5)
    assert finding.failure is not None and finding.failure.reason is Reason.HTTP_STATUS
    (document,) = finding.observations.values()
    assert document["verdict"] == "good"


async def test_it_is_described_once_and_told_to_every_monitor_once(engine: HttpEngine) -> None:
    async with site(server_context(leaf(), AUTHORITY)) as url:
        first, second = [await engine.check(HttpCheck(url=url), 5) for _ in range(2)]
    (before,), (after,) = first.observations.values(), second.observations.values()
    assert before is after
    observed, monitor, other = Observed(), uuid4(), uuid4()
    news = [bool(observed.news(each, second.observations)) for each in (monitor, monitor, other, monitor)]
    assert news == [True, False, True, False]


async def test_every_check_shakes_hands_in_full_so_that_nothing_bad_hides_behind_a_session(engine: HttpEngine) -> None:
    context = server_context(leaf(), AUTHORITY)
    async with site(context) as url:
        for _ in range(4):
            assert (await engine.check(HttpCheck(url=url), 5)).outcome is Outcome.GOOD
    assert context.session_stats()["hits"] == 0


@pytest.mark.parametrize(
    ("presented", "verdict", "told"),
    [
        ([leaf(days=-1), AUTHORITY], "expired", "expired on"),
        ([leaf(since=1), AUTHORITY], "not_yet_valid", "not valid before"),
        ([leaf(names=["other.example"]), AUTHORITY], "host_mismatch", "not for 127.0.0.1 but for other.example"),
        ([issue("hotel", names=["127.0.0.1"])], "self_signed", "self-signed"),
        ([leaf()], "unknown_issuer", "No known authority"),
    ],
)
async def test_a_refused_certificate_says_why_in_a_word_and_a_sentence(
    engine: HttpEngine, presented: list[Issued], verdict: str, told: str
) -> None:
    async with site(server_context(*presented)) as url:
        finding = await engine.check(HttpCheck(url=url), 5)
    assert finding.outcome is Outcome.BAD and finding.failure is not None
    assert finding.failure.reason is Reason.CERTIFICATE and told in finding.failure.detail
    evidence: Any = finding.failure.evidence
    assert evidence["phase"] == "tls" and evidence["certificate"]["verdict"] == verdict
    assert evidence["certificate"]["presented"]
    (document,) = finding.observations.values()
    assert document["verdict"] == verdict


async def test_a_handshake_that_fails_for_another_reason_is_no_verdict_about_a_certificate(engine: HttpEngine) -> None:
    async def hangs_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hangs_up, "127.0.0.1", 0)
    async with server:
        url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
        finding = await engine.check(HttpCheck(url=url), 5)
    assert finding.failure is not None and finding.failure.reason is Reason.TLS
    assert finding.observations == {} and "certificate" not in finding.failure.evidence


async def test_the_explanation_stays_within_the_deadline(engine: HttpEngine) -> None:
    async with secured(server_context(issue("hotel", names=["127.0.0.1"]))) as port:
        began = asyncio.get_running_loop().time()
        finding = await engine.check(HttpCheck(url=f"https://127.0.0.1:{port}/"), 1)
        assert asyncio.get_running_loop().time() - began < 1.5
    assert finding.outcome is Outcome.BAD
