"""TLS checks against servers on loopback that present every kind of certificate."""

import asyncio
import ssl
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from probes.adapters.checks.finding import Finding
from probes.adapters.checks.tls import TlsChecks
from probes.application.checks.tls import TlsCheck
from probes.domain.states import Outcome, Reason
from shared.kernel.clock import FixedClock
from shared.outbound_http import AddressGuard

from ....certificates import CLIENTS_ONLY, DAY, Issued, issue, secured, server_context, trust

GUARD = AddressGuard([ip_network("127.0.0.0/8")])
HOST = "127.0.0.1"
ROOT = issue("Root", authority=True, days=3000)
AUTHORITY = issue("Authority", ROOT, authority=True, days=900)


class Looker:
    """Checks whatever is presented, trusting one root."""

    def __init__(self, folder: Path) -> None:
        self.clock = FixedClock(datetime.now(UTC))
        self.checks = TlsChecks(GUARD, trust(folder, ROOT), self.clock)

    async def finding(self, context: ssl.SSLContext, **more: Any) -> Finding:
        before: Sequence[tuple[bytes, bytes]] = more.pop("before", ())
        async with secured(context, before) as port:
            return await self.checks.check(TlsCheck.model_validate({"host": HOST, "port": port} | more), 5)

    async def verdict(self, *presented: Issued, **more: Any) -> str:
        """The verdict, having made sure that finding, failure and observation agree on it."""
        finding = await self.finding(server_context(*presented), **more)
        document = finding.observations["certificate"]
        good = document["verdict"] in ("good", "expiring")
        assert finding.outcome is (Outcome.GOOD if good else Outcome.BAD)
        if finding.failure is not None:
            assert finding.failure.reason is Reason.CERTIFICATE
            assert finding.failure.evidence["certificate"] == document
        return str(document["verdict"])


@pytest.fixture
def looker(tmp_path: Path) -> Looker:
    return Looker(tmp_path)


def leaf(by: Issued = AUTHORITY, names: Sequence[str] = (HOST,), **more: Any) -> Issued:
    return issue("hotel", by, names=names, **more)


async def test_a_good_certificate_is_described_with_the_path_that_was_verified(looker: Looker) -> None:
    shown = leaf()
    finding = await looker.finding(server_context(shown, AUTHORITY))
    assert finding.outcome is Outcome.GOOD and finding.failure is None
    assert finding.timings.tls > 0 and finding.remote_address == HOST
    document = finding.observations["certificate"]
    assert document["verdict"] == "good" and document["problems"] == []
    assert (document["subject"], document["issuer"], document["sans"]) == ("CN=hotel", "CN=Authority", [HOST])
    assert document["fingerprint_sha256"] == shown.certificate.fingerprint(hashes.SHA256()).hex()
    path: Any = document["path"]
    assert [entry["subject"] for entry in path] == ["CN=hotel", "CN=Authority", "CN=Root"]
    assert document["verified_until"] == document["not_after"] == path[0]["not_after"]
    assert document["protocol"] == "TLSv1.3" and document["cipher"] and document["key"] == "EC 256"


async def test_each_bad_certificate_has_its_own_verdict(looker: Looker) -> None:
    assert await looker.verdict(leaf(days=-1), AUTHORITY) == "expired"
    assert await looker.verdict(leaf(since=1), AUTHORITY) == "not_yet_valid"
    assert await looker.verdict(leaf(names=["other.example"]), AUTHORITY) == "host_mismatch"
    assert await looker.verdict(leaf(names=[]), AUTHORITY) == "host_mismatch"
    assert await looker.verdict(issue("hotel", names=[HOST])) == "self_signed"
    stranger = issue("Stranger", authority=True)
    assert await looker.verdict(leaf(stranger), stranger) == "unknown_issuer"
    assert await looker.verdict(leaf()) == "unknown_issuer"  # the server forgets its intermediate certificate
    assert await looker.verdict(leaf(key=rsa.generate_private_key(65537, 1024)), AUTHORITY) == "weak"
    assert await looker.verdict(leaf(usage=CLIENTS_ONLY), AUTHORITY) == "weak"
    assert await looker.verdict(leaf(days=20), AUTHORITY) == "expiring"


async def test_a_certificate_that_is_no_authority_vouches_for_nobody(looker: Looker) -> None:
    somebody = issue("somebody", ROOT, names=["somebody.example"])
    assert await looker.verdict(leaf(somebody), somebody) == "unknown_issuer"


async def test_the_sentence_says_what_is_wrong_and_what_to_do(looker: Looker) -> None:
    finding = await looker.finding(server_context(leaf(names=["other.example"]), AUTHORITY))
    assert finding.failure is not None
    expected = "The certificate is not for 127.0.0.1 but for other.example: install one that names 127.0.0.1."
    assert finding.failure.detail == expected
    assert finding.failure.evidence["phase"] == "tls"


async def test_an_expired_intermediate_does_not_matter_where_another_path_verifies(looker: Looker) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    expired = issue("Between", ROOT, authority=True, days=-3, key=key)
    fresh = issue("Between", ROOT, authority=True, days=300, key=key)
    shown = leaf(fresh)
    assert await looker.verdict(shown, expired, fresh) == "good"
    assert await looker.verdict(shown, expired) == "expired"
    finding = await looker.finding(server_context(shown, expired))
    assert finding.failure is not None and "CN=Between" in finding.failure.detail
    assert finding.observations["certificate"]["expires_first"] == "CN=Between"


async def test_of_two_paths_the_one_that_lasts_longer_says_until_when(looker: Looker) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    short = issue("Between", ROOT, authority=True, days=5, key=key)
    long = issue("Between", ROOT, authority=True, days=300, key=key)
    shown = leaf(long)
    assert await looker.verdict(shown, short, long) == "good"
    assert await looker.verdict(shown, short) == "expiring"


async def test_the_clock_decides_and_not_the_machine(looker: Looker) -> None:
    context = server_context(leaf(days=90), AUTHORITY)
    for days, expected in ((0, "good"), (61, "expiring"), (91, "expired"), (-31, "not_yet_valid")):
        looker.clock.set(datetime.now(UTC) + days * DAY)
        finding = await looker.finding(context)
        assert finding.observations["certificate"]["verdict"] == expected


async def test_the_instant_after_the_expiry_is_expired(looker: Looker) -> None:
    shown = leaf()
    for seconds, expected in ((0, "expiring"), (1, "expired")):
        looker.clock.set(shown.certificate.not_valid_after_utc + timedelta(seconds=seconds))
        assert await looker.verdict(shown, AUTHORITY) == expected


async def test_an_internationalised_name_is_asked_for_and_compared_as_the_dns_spells_it(looker: Looker) -> None:
    shown = leaf(names=["xn--htel-vqa.example"])
    assert await looker.verdict(shown, AUTHORITY, server_name="hôtel.example") == "good"
    assert await looker.verdict(shown, AUTHORITY, server_name="HÔTEL.example") == "good"
    assert await looker.verdict(shown, AUTHORITY, server_name="hotel.example") == "host_mismatch"


async def test_the_last_of_many_names_counts_and_only_some_are_told(looker: Looker) -> None:
    names = [f"shop-{number}.example" for number in range(600)]
    finding = await looker.finding(server_context(leaf(names=names), AUTHORITY), server_name="shop-599.example")
    document = finding.observations["certificate"]
    assert finding.outcome is Outcome.GOOD and document["sans_count"] == 600
    sans: Any = document["sans"]
    assert len(sans) == 50


async def test_the_name_that_is_asked_for_is_told_to_the_server(looker: Looker) -> None:
    asked = []
    context = server_context(leaf(names=["hotel.example"]), AUTHORITY)
    context.sni_callback = lambda _socket, name, _context: asked.append(name)
    finding = await looker.finding(context, server_name="hotel.example")
    assert finding.outcome is Outcome.GOOD and asked == ["hotel.example"]


async def test_an_old_protocol_is_weak(looker: Looker) -> None:
    context = server_context(leaf(), AUTHORITY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    finding = await looker.finding(context)
    document = finding.observations["certificate"]
    assert (document["verdict"], document["protocol"]) == ("weak", "TLSv1.1")
    assert (await looker.finding(context, minimum_version="TLSv1.1")).outcome is Outcome.GOOD


SMTP = (
    (b"220-mail.example\r\n220 ready\r\n", b"EHLO"),
    (b"250-mail.example\r\n250 STARTTLS\r\n", b"STARTTLS"),
    (b"220 go on\r\n", b""),
)
IMAP = ((b"* OK ready\r\n", b"STARTTLS"), (b"* CAPABILITY IMAP4rev1\r\na1 OK go on\r\n", b""))


@pytest.mark.parametrize(("protocol", "before"), [("smtp", SMTP), ("imap", IMAP)])
async def test_a_mail_server_is_asked_to_secure_the_connection_first(
    looker: Looker, protocol: str, before: Sequence[tuple[bytes, bytes]]
) -> None:
    assert await looker.verdict(leaf(), AUTHORITY, protocol=protocol, before=before) == "good"
    assert await looker.verdict(leaf(days=-1), AUTHORITY, protocol=protocol, before=before) == "expired"


@pytest.mark.parametrize(
    ("protocol", "said", "reason"),
    [
        ("smtp", b"554 go away\r\n", Reason.ANSWER),
        ("imap", b"* BYE busy\r\n", Reason.ANSWER),
        ("smtp", b"220 " + b"x" * 100_000, Reason.PROTOCOL),
        ("smtp", b"220-and\r\n" * 200, Reason.PROTOCOL),
    ],
)
async def test_a_mail_server_that_does_not_agree_is_bad_without_a_verdict(
    looker: Looker, protocol: str, said: bytes, reason: Reason
) -> None:
    finding = await looker.finding(server_context(leaf(), AUTHORITY), protocol=protocol, before=[(said, b"never")])
    assert finding.failure is not None and finding.failure.reason is reason
    assert finding.observations == {}


async def test_who_speaks_no_tls_or_nothing_at_all_is_bad(looker: Looker) -> None:
    async def talks(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.0 400 Bad Request\r\n\r\n")
        writer.close()

    async def hangs(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read()
        finally:
            writer.close()

    for serve, seconds, reason in ((talks, 5.0, Reason.TLS), (hangs, 0.3, Reason.TIMEOUT)):
        server = await asyncio.start_server(serve, HOST, 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            finding = await looker.checks.check(TlsCheck(host=HOST, port=port), seconds)
        assert finding.failure is not None and finding.failure.reason is reason
        assert finding.failure.evidence["phase"] == "tls"
