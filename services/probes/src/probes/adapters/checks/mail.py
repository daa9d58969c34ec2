"""SMTP and IMAP checks: the dialogue up to where somebody would log in, and a polite end."""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from probes.adapters.checks.chains import a_label
from probes.adapters.checks.connection import EXCERPT_BYTES, CheckFailed, Connection, told, too_slow
from probes.adapters.checks.finding import Finding
from probes.adapters.checks.trust import client_context
from probes.application.checks.mail import ImapCheck, SmtpCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard

_C = TypeVar("_C", SmtpCheck, ImapCheck)
LONGEST_LINE = 8192
MOST_LINES = 100
_REPLY = re.compile(rb"([2-5]\d\d)([ -]|$)")


@dataclass(slots=True)
class _Dialogue:
    """Lines to and fro. `heard` is the beginning of what the other side said, `code` its last reply code."""

    connection: Connection
    heard: bytearray = field(default_factory=bytearray)
    code: int | None = None
    _pending: bytearray = field(default_factory=bytearray)

    async def line(self) -> bytes:
        """The next line, without its end. Raises CheckFailed when there is none."""
        while b"\n" not in self._pending:
            if len(self._pending) > LONGEST_LINE:
                raise CheckFailed(Reason.PROTOCOL, "The server's line does not end.", "first_byte")
            since = time.perf_counter_ns()
            chunk = await self.connection.reader.read(LONGEST_LINE)
            self.connection.timings.first_byte += (time.perf_counter_ns() - since) // 1000
            if not chunk:
                raise CheckFailed(Reason.PROTOCOL, "The server closed the connection.", "first_byte")
            self._pending += chunk
        line, _, rest = bytes(self._pending).partition(b"\n")
        self._pending = bytearray(rest)
        self.heard += (line + b"\n")[: EXCERPT_BYTES - len(self.heard)]
        return line.removesuffix(b"\r")

    def say(self, text: str) -> None:
        """Sends one line."""
        self.connection.writer.write(text.encode() + b"\r\n")

    async def secure(self, ca_file: str) -> None:
        """TLS from here on. What was said ahead of it is nobody's: somebody may have put it in on the way."""
        if self._pending:
            raise CheckFailed(Reason.PROTOCOL, "The server went on in clear text after agreeing to STARTTLS.", "tls")
        await self.connection.start_tls(client_context(ca_file))
        self.connection.phase = "first_byte"


class MailChecks:
    """Executes SMTP and IMAP checks. `ca_file`: the authorities that TLS trusts."""

    def __init__(self, guard: AddressGuard, ca_file: str) -> None:
        self._guard = guard
        self._ca_file = ca_file

    async def smtp(self, configuration: SmtpCheck, seconds: float) -> Finding:
        """Greeting, EHLO, STARTTLS and EHLO again. Never raises for what a target does."""
        return await self._check(configuration, seconds, self._talk_smtp)

    async def imap(self, configuration: ImapCheck, seconds: float) -> Finding:
        """Greeting, CAPABILITY, STARTTLS and CAPABILITY again. Never raises for what a target does."""
        return await self._check(configuration, seconds, self._talk_imap)

    async def _check(
        self, configuration: _C, seconds: float, talk: Callable[[_Dialogue, _C], Awaitable[None]]
    ) -> Finding:
        context = client_context(self._ca_file) if configuration.security == "tls" else None
        host = a_label(configuration.host)
        connection = Connection(host, configuration.effective_port, self._guard, context)
        dialogue = _Dialogue(connection)
        try:
            try:
                async with asyncio.timeout(seconds), connection:
                    await talk(dialogue, configuration)
            except TimeoutError:
                raise too_slow(seconds, connection.phase) from None
            except OSError as error:
                detail = f"The connection broke off: {told(error)}"
                raise CheckFailed(Reason.PROTOCOL, detail, connection.phase) from error
        except CheckFailed as trouble:
            failure = connection.failure(
                trouble, address=configuration.address, excerpt=bytes(dialogue.heard), status_code=dialogue.code
            )
            return Finding(Outcome.BAD, dialogue.code, connection.timings, connection.remote_address, failure)
        connection.timings.total = connection.elapsed()
        return Finding(Outcome.GOOD, dialogue.code, connection.timings, connection.remote_address)

    async def _talk_smtp(self, dialogue: _Dialogue, configuration: SmtpCheck) -> None:
        greeting = await _reply(dialogue, 220)
        _expect(configuration.expect, greeting)
        extensions = await _ehlo(dialogue)
        if configuration.security == "starttls":
            if "STARTTLS" not in extensions:
                raise CheckFailed(Reason.ANSWER, "The mail server does not offer STARTTLS.")
            dialogue.say("STARTTLS")
            await _reply(dialogue, 220)
            await dialogue.secure(self._ca_file)
            await _ehlo(dialogue)
        dialogue.say("QUIT")

    async def _talk_imap(self, dialogue: _Dialogue, configuration: ImapCheck) -> None:
        greeting = await dialogue.line()
        if re.match(rb"\* BYE\b", greeting, re.IGNORECASE):
            raise CheckFailed(Reason.ANSWER, f"The mail server refuses: {_shown(greeting)}")
        if not re.match(rb"\* (OK|PREAUTH)\b", greeting, re.IGNORECASE):
            raise CheckFailed(Reason.PROTOCOL, f"The server does not speak IMAP: {_shown(greeting)}")
        _expect(configuration.expect, greeting)
        capabilities = await _capabilities(dialogue, "a1")
        if configuration.security == "starttls":
            if "STARTTLS" not in capabilities:
                raise CheckFailed(Reason.ANSWER, "The mail server does not offer STARTTLS.")
            await _command(dialogue, "a2", "STARTTLS")
            await dialogue.secure(self._ca_file)
            await _capabilities(dialogue, "a3")
        dialogue.say("a4 LOGOUT")


async def _reply(dialogue: _Dialogue, expected: int) -> bytes:
    """The text of a reply with this code, all its lines. Raises CheckFailed for another one."""
    lines = []
    for _ in range(MOST_LINES):
        line = await dialogue.line()
        form = _REPLY.match(line)
        if form is None:
            raise CheckFailed(Reason.PROTOCOL, f"The server does not speak SMTP: {_shown(line)}")
        dialogue.code = int(form[1])
        lines.append(line[4:])
        if form[2] != b"-":
            break
    else:
        raise CheckFailed(Reason.PROTOCOL, "The server's reply does not end.")
    if dialogue.code != expected:
        raise CheckFailed(Reason.ANSWER, f"The mail server answered {dialogue.code}: {_shown(b' '.join(lines))}")
    return b"\n".join(lines)


async def _ehlo(dialogue: _Dialogue) -> set[str]:
    """The extensions that the server offers to somebody who calls himself by his address (RFC 5321, 4.1.3)."""
    own = str(dialogue.connection.writer.get_extra_info("sockname")[0])
    dialogue.say(f"EHLO [IPv6:{own}]" if ":" in own else f"EHLO [{own}]")
    reply = await _reply(dialogue, 250)
    return {words[0].decode("ascii", "replace").upper() for words in map(bytes.split, reply.split(b"\n")[1:]) if words}


async def _capabilities(dialogue: _Dialogue, tag: str) -> set[str]:
    found: set[str] = set()
    for line in await _command(dialogue, tag, "CAPABILITY"):
        words = line.decode("ascii", "replace").upper().split()
        if words[:2] == ["*", "CAPABILITY"]:
            found.update(words[2:])
    if not any(capability.startswith("IMAP4") for capability in found):
        raise CheckFailed(Reason.PROTOCOL, "The server does not name IMAP4 among its capabilities.")
    return found


async def _command(dialogue: _Dialogue, tag: str, command: str) -> list[bytes]:
    """What the server says on the way to its OK. Raises CheckFailed when it refuses."""
    dialogue.say(f"{tag} {command}")
    untagged = []
    for _ in range(MOST_LINES):
        line = await dialogue.line()
        if line.startswith(b"* "):
            untagged.append(line)
            continue
        if not line.lower().startswith(f"{tag} ".encode()):
            raise CheckFailed(Reason.PROTOCOL, f"The server does not speak IMAP: {_shown(line)}")
        if line[len(tag) + 1 :].split(b" ")[0].upper() != b"OK":
            raise CheckFailed(Reason.ANSWER, f"The mail server refuses {command}: {_shown(line)}")
        return untagged
    raise CheckFailed(Reason.PROTOCOL, "The server's reply does not end.")


def _expect(expected: str | None, greeting: bytes) -> None:
    if expected is not None and expected.encode() not in greeting:
        raise CheckFailed(Reason.CONTENT, "The greeting does not hold the expected text.")


def _shown(text: bytes) -> str:
    return text.decode("utf-8", "replace").strip()[:300]
