"""TCP checks: the port accepts, and says what is expected of it."""

import asyncio
import time

from probes.adapters.checks.connection import EXCERPT_BYTES, CheckFailed, Connection, too_slow
from probes.adapters.checks.finding import Finding
from probes.adapters.checks.trust import client_context
from probes.application.checks.network import TcpCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard


class TcpChecks:
    """Executes TCP checks. `ca_file`: the authorities that TLS trusts."""

    def __init__(self, guard: AddressGuard, ca_file: str) -> None:
        self._guard = guard
        self._ca_file = ca_file

    async def check(self, configuration: TcpCheck, seconds: float) -> Finding:
        """Connects once; with `expect`, reads until it has come. Never raises for what a target does."""
        context = client_context(self._ca_file) if configuration.tls else None
        connection = Connection(configuration.host, configuration.port, self._guard, context)
        heard = bytearray()
        try:
            try:
                async with asyncio.timeout(seconds), connection:
                    await _converse(connection, configuration, heard)
            except TimeoutError:
                raise too_slow(seconds, connection.phase) from None
        except CheckFailed as trouble:
            failure = connection.failure(trouble, address=configuration.address, excerpt=bytes(heard))
            return Finding(Outcome.BAD, None, connection.timings, connection.remote_address, failure)
        connection.timings.total = connection.elapsed()
        return Finding(Outcome.GOOD, None, connection.timings, connection.remote_address)


async def _converse(connection: Connection, configuration: TcpCheck, heard: bytearray) -> None:
    since = time.perf_counter_ns()
    try:
        if configuration.send is not None:
            connection.writer.write(configuration.send.encode() + b"\r\n")
            await connection.writer.drain()
        if configuration.expect is None:
            return
        expected = configuration.expect.encode()
        while expected not in heard:
            chunk = await connection.reader.read(EXCERPT_BYTES - len(heard)) if len(heard) < EXCERPT_BYTES else b""
            if not heard:
                connection.timings.first_byte = (time.perf_counter_ns() - since) // 1000
            if not chunk:
                raise CheckFailed(Reason.CONTENT, "The answer does not hold the expected text.")
            heard += chunk
    except OSError as error:
        raise CheckFailed(Reason.PROTOCOL, f"The connection broke off: {error.strerror or error}", "body") from error
