"""TLS checks: shake hands, look at the chain, judge it ourselves."""

import asyncio
import re
import ssl
from functools import lru_cache

from probes.adapters.checks.chains import Described, a_label, authorities, presented_by
from probes.adapters.checks.connection import CheckFailed, Connection, too_slow
from probes.adapters.checks.finding import Finding
from probes.application.checks.tls import TlsCheck
from probes.domain.states import Outcome, Reason
from shared.kernel.clock import Clock
from shared.outbound_http import AddressGuard

LONGEST_LINE = 2048
MOST_LINES = 100


@lru_cache(maxsize=1)
def looking_context() -> ssl.SSLContext:
    """Shakes hands with whoever is there, however weak and unknown: only to look, nothing is said afterwards."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


class TlsChecks:
    """Executes TLS checks. `ca_file`: the authorities that are trusted; certificates are judged at the clock's now."""

    def __init__(self, guard: AddressGuard, ca_file: str, clock: Clock) -> None:
        self._guard = guard
        self._ca_file = ca_file
        self._clock = clock

    async def check(self, configuration: TlsCheck, seconds: float) -> Finding:
        """Shakes hands once. Bad when a client would refuse the certificate. Never raises for what a target does."""
        connection = self._connection(configuration)
        try:
            found = await self._look(connection, configuration, seconds)
        except CheckFailed as trouble:
            failure = connection.failure(trouble, address=configuration.address)
            return Finding(Outcome.BAD, None, connection.timings, connection.remote_address, failure)
        connection.timings.total = connection.elapsed()
        observed = {"certificate": found.document}
        if found.verdict.acceptable:
            return Finding(Outcome.GOOD, None, connection.timings, connection.remote_address, observations=observed)
        refused = CheckFailed(Reason.CERTIFICATE, found.sentence, "tls")
        failure = connection.failure(refused, address=configuration.address, certificate=found.document)
        return Finding(Outcome.BAD, None, connection.timings, connection.remote_address, failure, observed)

    async def look(self, configuration: TlsCheck, seconds: float) -> Described:
        """The certificate that is presented now. Raises CheckFailed when there is no handshake."""
        return await self._look(self._connection(configuration), configuration, seconds)

    def _connection(self, configuration: TlsCheck) -> Connection:
        return Connection(
            a_label(configuration.host), configuration.port, self._guard, server_name=a_label(configuration.name)
        )

    async def _look(self, connection: Connection, configuration: TlsCheck, seconds: float) -> Described:
        try:
            async with asyncio.timeout(seconds), connection:
                if configuration.protocol != "tls":
                    await _ask_for_tls(connection, configuration.protocol)
                await connection.start_tls(looking_context())
                secured: ssl.SSLObject = connection.writer.get_extra_info("ssl_object")
        except TimeoutError:
            raise too_slow(seconds, connection.phase) from None
        cipher = secured.cipher()
        return authorities(self._ca_file).describe(
            presented_by(secured),
            host=configuration.name,
            port=configuration.port,
            at=self._clock.now(),
            warn_days=max(configuration.warn_days),
            protocol=secured.version(),
            cipher=cipher[0] if cipher else None,
            minimum_protocol=configuration.minimum_version,
        )


async def _ask_for_tls(connection: Connection, protocol: str) -> None:
    """The dialogue up to the point where the handshake begins. Raises CheckFailed when the server does not agree."""
    try:
        if protocol == "smtp":
            await _smtp(connection)
        else:
            await _imap(connection)
    except (OSError, ValueError, EOFError) as error:
        raise CheckFailed(
            Reason.PROTOCOL, f"The connection broke off before STARTTLS: {error or type(error).__name__}", "first_byte"
        ) from error


async def _smtp(connection: Connection) -> None:
    await _reply(connection, b"220")
    connection.writer.write(b"EHLO upheld.invalid\r\n")
    await _reply(connection, b"250")
    connection.writer.write(b"STARTTLS\r\n")
    await _reply(connection, b"220")


async def _reply(connection: Connection, code: bytes) -> None:
    """Reads a reply of any number of lines."""
    for _ in range(MOST_LINES):
        line = await _line(connection)
        if not line.startswith(code):
            raise CheckFailed(Reason.ANSWER, f"The mail server refuses STARTTLS: {_shown(line)}", "first_byte")
        if line[3:4] != b"-":
            return
    raise CheckFailed(Reason.PROTOCOL, "The mail server's reply does not end.", "first_byte")


async def _imap(connection: Connection) -> None:
    greeting = await _line(connection)
    if not re.match(rb"\* (OK|PREAUTH)\b", greeting, re.IGNORECASE):
        raise CheckFailed(Reason.ANSWER, f"The mail server refuses: {_shown(greeting)}", "first_byte")
    connection.writer.write(b"a1 STARTTLS\r\n")
    for _ in range(MOST_LINES):
        line = await _line(connection)
        if line.lower().startswith(b"a1 "):
            if line[3:5].upper() != b"OK":
                raise CheckFailed(Reason.ANSWER, f"The mail server refuses STARTTLS: {_shown(line)}", "first_byte")
            return
    raise CheckFailed(Reason.PROTOCOL, "The mail server's reply does not end.", "first_byte")


async def _line(connection: Connection) -> bytes:
    line = await connection.reader.readline()
    if not line.endswith(b"\n"):
        raise EOFError("the other side has closed it")
    if len(line) > LONGEST_LINE:
        raise ValueError("a line is too long")
    return line


def _shown(line: bytes) -> str:
    return line.decode("utf-8", "replace").strip()[:200]
