"""SMTP and IMAP checks against real servers on loopback."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import certifi
import pytest
import trustme
from aiosmtpd.smtp import SMTP
from pydantic import ValidationError

from probes.adapters.checks.finding import Finding
from probes.adapters.checks.mail import MailChecks
from probes.application.checks.kinds import configuration_of, document_of
from probes.application.checks.mail import ImapCheck, SmtpCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard

from ....network_servers import Talk, imap, listening

GUARD = AddressGuard([ip_network("127.0.0.0/8")])


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def server_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.fixture
def checks(authority: trustme.CA, tmp_path: Path) -> MailChecks:
    ca_file = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(ca_file)
    return MailChecks(GUARD, str(ca_file))


@asynccontextmanager
async def mail_server(
    starttls: ssl.SSLContext | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[int, list[str]]]:
    """A real SMTP server; yields its port and the commands that it was given."""
    commands: list[str] = []

    class Noted(SMTP):
        async def smtp_EHLO(self, hostname: str) -> None:  # noqa: N802 - aiosmtpd's name
            commands.append(f"EHLO {hostname}")
            await super().smtp_EHLO(hostname)

        async def smtp_QUIT(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
            commands.append("QUIT")
            await super().smtp_QUIT(arg)

        async def smtp_MAIL(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
            commands.append(f"MAIL {arg}")
            await super().smtp_MAIL(arg)

    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Noted(object(), hostname="mail.hotel.example", tls_context=starttls, loop=loop), "127.0.0.1", 0, ssl=tls
    )
    try:
        yield server.sockets[0].getsockname()[1], commands
    finally:
        server.close()


def says(*lines: str, then: Sequence[str] = ()) -> Talk:
    """A server that says these lines at once, and one of the others for each line that it hears."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write("".join(f"{line}\r\n" for line in lines).encode())
        for answer in then:
            await reader.readuntil(b"\n")
            writer.write(f"{answer}\r\n".encode())
        await writer.drain()
        await reader.read()

    return talk


def told(finding: Finding) -> tuple[Reason, str]:
    assert finding.outcome is Outcome.BAD and finding.failure is not None
    return finding.failure.reason, finding.failure.detail


async def test_a_mail_server_that_greets_is_good_and_gets_no_mail(checks: MailChecks) -> None:
    async with mail_server() as (port, commands):
        check = SmtpCheck(host="127.0.0.1", port=port, security="none", expect="mail.hotel.example")
        finding = await checks.smtp(check, 5)
        await asyncio.sleep(0.05)
    assert (finding.outcome, finding.status_code, finding.failure) == (Outcome.GOOD, 250, None)
    assert finding.timings.first_byte > 0 and finding.timings.tls == 0
    assert commands == ["EHLO [127.0.0.1]", "QUIT"]


async def test_starttls_is_asked_for_and_its_certificate_verified(
    checks: MailChecks, server_context: ssl.SSLContext
) -> None:
    async with mail_server(starttls=server_context) as (port, commands):
        check = SmtpCheck(host="127.0.0.1", port=port)
        good = await checks.smtp(check, 5)
        wary = await MailChecks(GUARD, certifi.where()).smtp(check, 5)
    assert (good.outcome, good.status_code) == (Outcome.GOOD, 250)
    assert good.timings.tls > 0
    assert commands.count("EHLO [127.0.0.1]") == 3  # once in the clear for both, once secured for the trusting one
    assert told(wary)[0] is Reason.TLS and "certificate" in told(wary)[1]
    assert wary.failure is not None and wary.failure.evidence["phase"] == "tls"


async def test_a_certificate_for_another_name_is_not_accepted_on_starttls(
    authority: trustme.CA, checks: MailChecks
) -> None:
    other = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mail.other.example").configure_cert(other)
    async with mail_server(starttls=other) as (port, _):
        finding = await checks.smtp(SmtpCheck(host="127.0.0.1", port=port), 5)
    assert told(finding)[0] is Reason.TLS and "127.0.0.1" in told(finding)[1]


async def test_a_mail_server_may_be_secured_from_the_first_byte(
    checks: MailChecks, server_context: ssl.SSLContext
) -> None:
    async with mail_server(tls=server_context) as (port, _):
        finding = await checks.smtp(SmtpCheck(host="127.0.0.1", port=port, security="tls"), 5)
    assert finding.outcome is Outcome.GOOD and finding.timings.tls > 0


async def test_starttls_that_is_not_offered_is_bad(checks: MailChecks) -> None:
    async with mail_server() as (port, _):
        finding = await checks.smtp(SmtpCheck(host="127.0.0.1", port=port), 5)
    assert told(finding) == (Reason.ANSWER, "The mail server does not offer STARTTLS.")


async def test_a_refusal_is_told_with_its_code(checks: MailChecks) -> None:
    async with listening(says("554-No service for you", "554 at hotel.example")) as port:
        finding = await checks.smtp(SmtpCheck(host="127.0.0.1", port=port), 5)
    assert told(finding) == (
        Reason.ANSWER,
        "The mail server answered 554: No service for you at hotel.example",
    )
    assert finding.status_code == 554 and finding.failure is not None
    assert finding.failure.evidence["status_code"] == 554
    assert finding.failure.evidence["body_excerpt"] == "554-No service for you\r\n554 at hotel.example\r\n"


async def test_text_that_was_put_in_before_the_handshake_is_noticed(checks: MailChecks) -> None:
    talk = says("220 hello", then=["250-hello\r\n250 STARTTLS", "220 go ahead\r\n250 from somebody on the way"])
    async with listening(talk) as port:
        finding = await checks.smtp(SmtpCheck(host="127.0.0.1", port=port), 5)
    assert told(finding)[0] is Reason.PROTOCOL and "in clear text" in told(finding)[1]


@pytest.mark.parametrize(
    ("greeting", "reason"),
    [
        ("SSH-2.0-OpenSSH_9.6", Reason.PROTOCOL),
        ("220" + "x" * 20, Reason.PROTOCOL),
        ("999 what", Reason.PROTOCOL),
        ("421 too busy", Reason.ANSWER),
        ("\r\n".join(["220-and so on"] * 200), Reason.PROTOCOL),
        ("220 " + "x" * 20_000, Reason.PROTOCOL),
    ],
)
async def test_what_is_no_greeting_is_told(checks: MailChecks, greeting: str, reason: Reason) -> None:
    async with listening(says(greeting)) as port:
        assert told(await checks.smtp(SmtpCheck(host="127.0.0.1", port=port), 5))[0] is reason


async def test_a_silent_server_costs_its_deadline_and_no_more(checks: MailChecks) -> None:
    async with listening(says()) as port:
        since = asyncio.get_running_loop().time()
        smtp = await checks.smtp(SmtpCheck(host="127.0.0.1", port=port), 0.3)
        imap_too = await checks.imap(ImapCheck(host="127.0.0.1", port=port), 0.3)
        took = asyncio.get_running_loop().time() - since
    assert told(smtp)[0] is told(imap_too)[0] is Reason.TIMEOUT
    assert smtp.failure is not None and smtp.failure.evidence["phase"] == "first_byte"
    assert 0.5 < took < 2


async def test_a_private_address_is_not_connected_to() -> None:
    async with listening(says("220 hello")) as port:
        finding = await MailChecks(AddressGuard(), certifi.where()).smtp(SmtpCheck(host="localhost", port=port), 5)
    assert told(finding)[0] is Reason.ADDRESS_REFUSED


@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_a_mailbox_server_that_greets_is_good(
    checks: MailChecks, server_context: ssl.SSLContext, security: Any
) -> None:
    heard: list[str] = []
    tls = server_context if security == "tls" else None
    async with listening(imap(heard, starttls=server_context), tls) as port:
        check = ImapCheck(host="127.0.0.1", port=port, security=security, expect="Bellevue")
        finding = await checks.imap(check, 5)
        await asyncio.sleep(0.05)
    assert (finding.outcome, finding.failure) == (Outcome.GOOD, None)
    assert (finding.timings.tls > 0) is (security != "none")
    secured = ["a2 STARTTLS", "a3 CAPABILITY"] if security == "starttls" else []
    assert heard == ["a1 CAPABILITY", *secured, "a4 LOGOUT"]


async def test_the_certificate_of_a_mailbox_server_is_verified(server_context: ssl.SSLContext) -> None:
    async with listening(imap([], starttls=server_context)) as port:
        finding = await MailChecks(GUARD, certifi.where()).imap(ImapCheck(host="127.0.0.1", port=port), 5)
    assert told(finding)[0] is Reason.TLS


@pytest.mark.parametrize(
    ("greeting", "answers", "reason", "detail"),
    [
        ("* BYE too many connections", [], Reason.ANSWER, "The mail server refuses: * BYE too many connections"),
        ("220 mail.hotel.example ESMTP", [], Reason.PROTOCOL, "The server does not speak IMAP: 220 mail.hotel.example"),
        ("* OK", ["a1 BAD what"], Reason.ANSWER, "The mail server refuses CAPABILITY: a1 BAD what"),
        ("* OK", ["* CAPABILITY IMAP4rev1\r\na1 OK"], Reason.ANSWER, "The mail server does not offer STARTTLS."),
        ("* OK", ["* CAPABILITY X\r\na1 OK"], Reason.PROTOCOL, "The server does not name IMAP4"),
        ("* OK", ["b9 OK"], Reason.PROTOCOL, "The server does not speak IMAP: b9 OK"),
    ],
)
async def test_what_a_mailbox_server_should_not_say_is_told(
    checks: MailChecks, greeting: str, answers: list[str], reason: Reason, detail: str
) -> None:
    async with listening(says(greeting, then=answers)) as port:
        finding = await checks.imap(ImapCheck(host="127.0.0.1", port=port), 5)
    assert told(finding)[0] is reason and told(finding)[1].startswith(detail)


async def test_a_greeting_without_the_expected_text_is_bad(checks: MailChecks) -> None:
    async with listening(says("220 mail.other.example")) as port:
        check = SmtpCheck(host="127.0.0.1", port=port, security="none", expect="mail.hotel.example")
        assert told(await checks.smtp(check, 5))[0] is Reason.CONTENT


@pytest.mark.parametrize("wrong", [{"host": ""}, {"port": 0}, {"security": "ssl"}, {"expect": "a\nb"}, {"user": "x"}])
@pytest.mark.parametrize("kind", ["smtp", "imap"])
def test_what_cannot_be_meant_is_refused(kind: str, wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        configuration_of({"kind": kind, "host": "mail.hotel.example"} | wrong)


@pytest.mark.parametrize(
    ("document", "address"),
    [
        ({"kind": "smtp"}, "smtp://mail.example:25"),
        ({"kind": "smtp", "security": "tls"}, "smtps://mail.example:465"),
        ({"kind": "smtp", "port": 587}, "smtp://mail.example:587"),
        ({"kind": "imap", "security": "none"}, "imap://mail.example:143"),
        ({"kind": "imap", "security": "tls"}, "imaps://mail.example:993"),
    ],
)
def test_the_usual_port_follows_from_protocol_and_security(document: dict[str, Any], address: str) -> None:
    document = document | {"host": "mail.example"}
    configuration = configuration_of(document)
    assert configuration.address == address
    assert document_of(configuration) == document
