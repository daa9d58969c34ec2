"""WebSocket checks: the protocol by a library that does no input or output, over our guarded connection."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, InvalidURI
from websockets.frames import CloseCode, Frame, Opcode
from websockets.http11 import Response
from websockets.protocol import Event, State
from websockets.uri import parse_uri

from probes.adapters.checks.connection import EXCERPT_BYTES, CheckFailed, Connection, told, too_slow
from probes.adapters.checks.finding import Finding, plain
from probes.adapters.checks.http import HEADER_LENGTH, MAX_HEADERS, USER_AGENT
from probes.adapters.checks.trust import client_context
from probes.application.checks.judging import UNSEEN_HEADERS
from probes.application.checks.secrets import without_credentials, without_secrets
from probes.application.checks.websocket import WebSocketCheck
from probes.domain.states import Outcome, Reason
from shared.outbound_http import AddressGuard

READ_BYTES = 64 * 1024
"""Of an answer, of a message and of all messages together."""


@dataclass(slots=True)
class _Seen:
    """What came back: the answer to the upgrade, and the beginning of what was said or of the answer's body."""

    status_code: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    excerpt: bytes = b""


class WebSocketChecks:
    """Executes WebSocket checks. `ca_file`: the authorities that TLS trusts."""

    def __init__(self, guard: AddressGuard, ca_file: str) -> None:
        self._guard = guard
        self._ca_file = ca_file

    async def check(self, configuration: WebSocketCheck, seconds: float) -> Finding:
        """Upgrades one connection and reads until the expected has come. Never raises for what a target does.

        A redirect is not followed: it is an answer with another status.
        """
        parts = urlsplit(configuration.requested)
        secure = parts.scheme.lower() == "wss"
        context = client_context(self._ca_file) if secure else None
        port = parts.port or (443 if secure else 80)
        connection = Connection(parts.hostname or "", port, self._guard, context)
        seen = _Seen()
        try:
            try:
                async with asyncio.timeout(seconds), connection:
                    await _converse(connection, configuration, seen)
            except TimeoutError:
                raise too_slow(seconds, connection.phase) from None
            except OSError as error:
                detail = f"The connection broke off: {told(error)}"
                raise CheckFailed(Reason.PROTOCOL, detail, connection.phase) from error
        except CheckFailed as trouble:
            secrets = configuration.secrets
            trouble.detail = without_secrets(secrets, trouble.detail)  # it may quote what the server sent back
            failure = connection.failure(
                trouble,
                address=without_secrets(secrets, without_credentials(configuration.url)),
                excerpt=without_secrets(secrets, seen.excerpt.decode("utf-8", "replace")).encode(),
                status_code=seen.status_code,
                headers=_shown(seen.headers, secrets),
            )
            return Finding(Outcome.BAD, seen.status_code, connection.timings, connection.remote_address, failure)
        connection.timings.total = connection.elapsed()
        return Finding(Outcome.GOOD, seen.status_code, connection.timings, connection.remote_address)


async def _converse(connection: Connection, configuration: WebSocketCheck, seen: _Seen) -> None:
    protocol = _protocol(configuration)
    request = protocol.connect()
    request.headers.update({"User-Agent": USER_AGENT})
    for name, value in configuration.headers.items():
        if name.lower() == "user-agent":
            del request.headers[name]
        request.headers[name] = value
    since = time.perf_counter_ns()
    protocol.send_request(request)
    await _flush(protocol, connection)
    events: list[Event] = []
    while not events and protocol.handshake_exc is None:
        events = await _receive(protocol, connection)
        if not connection.timings.first_byte:
            connection.timings.first_byte = (time.perf_counter_ns() - since) // 1000
    _upgraded(protocol, events[0] if events else None, seen)
    connection.phase = "body"
    if configuration.send is not None:
        protocol.send_text(configuration.send.encode())
        await _flush(protocol, connection)
    if configuration.expect is not None:
        await _hear(protocol, connection, configuration.expect.encode(), events[1:], seen)
    if protocol.state is State.OPEN:
        protocol.send_close(CloseCode.NORMAL_CLOSURE)
        await _flush(protocol, connection)


def _protocol(configuration: WebSocketCheck) -> ClientProtocol:
    try:
        return ClientProtocol(parse_uri(configuration.requested), max_size=READ_BYTES)
    except (InvalidURI, UnicodeError, ValueError) as error:
        raise CheckFailed(Reason.INVALID_TARGET, "The address is not that of a WebSocket.") from error


def _upgraded(protocol: ClientProtocol, answer: Event | None, seen: _Seen) -> None:
    """Raises CheckFailed unless the server agreed, and with the proof that it understood (RFC 6455, 4.1)."""
    if isinstance(answer, Response):
        seen.status_code = answer.status_code
        seen.headers = {name.lower(): value for name, value in answer.headers.raw_items()}
        seen.excerpt = bytes(answer.body[:EXCERPT_BYTES])
    trouble = protocol.handshake_exc
    if isinstance(trouble, InvalidStatus):
        raise CheckFailed(Reason.HTTP_STATUS, f"The server answered with status {seen.status_code}, not with 101.")
    if trouble is not None:
        cause = f": {trouble.__cause__}" if trouble.__cause__ else ""
        detail = f"The server did not upgrade the connection properly: {trouble}{cause}"
        raise CheckFailed(Reason.PROTOCOL, detail, "first_byte") from trouble


async def _hear(
    protocol: ClientProtocol, connection: Connection, expected: bytes, events: Sequence[Event], seen: _Seen
) -> None:
    message = bytearray()
    heard = 0
    while True:
        for frame in events:
            assert isinstance(frame, Frame)
            if frame.opcode is Opcode.CLOSE:
                raise CheckFailed(Reason.CONTENT, "The server closed the WebSocket before it said what is expected.")
            if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
                continue
            if frame.opcode is not Opcode.CONT:
                message.clear()
            message += frame.data
            heard += len(frame.data)
            seen.excerpt += bytes(frame.data[: EXCERPT_BYTES - len(seen.excerpt)])
            if expected in message:
                return
        if protocol.parser_exc is not None:
            raise CheckFailed(Reason.PROTOCOL, f"The server broke the protocol: {protocol.parser_exc}", "body")
        if heard > READ_BYTES:
            raise CheckFailed(Reason.CONTENT, "The first 64 KiB of messages do not hold the expected text.")
        events = await _receive(protocol, connection)


async def _receive(protocol: ClientProtocol, connection: Connection) -> list[Event]:
    """What comes of the next bytes, or of their end. Answers pings on the way."""
    data = await connection.reader.read(READ_BYTES)
    if data:
        protocol.receive_data(data)
    else:
        protocol.receive_eof()
    await _flush(protocol, connection)
    return protocol.events_received()


async def _flush(protocol: ClientProtocol, connection: Connection) -> None:
    for data in protocol.data_to_send():
        connection.writer.write(data)  # an empty one means that nothing more will come, which closing says, too
    await connection.writer.drain()


def _shown(headers: Mapping[str, str], secrets: Sequence[str]) -> dict[str, str]:
    """As evidence keeps them; what may hold a secret of a visitor is not kept."""
    kept = [(name, value) for name, value in headers.items() if name not in UNSEEN_HEADERS][:MAX_HEADERS]
    return {name[:HEADER_LENGTH]: without_secrets(secrets, plain(value))[:HEADER_LENGTH] for name, value in kept}
