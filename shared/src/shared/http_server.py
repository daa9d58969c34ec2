"""How long a request may take to arrive, and how long its head may be: uvicorn alone would wait and collect for ever.

A connection that says nothing, a head that comes a byte at a time, a body that never ends: each keeps memory and a
place for nothing, and whoever opens thousands of them keeps everybody else out. A proxy in front may be stricter; none
is needed for this.
"""

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

KEEP_ALIVE_SECONDS: Final = 75
"""Longer than a load balancer's minute, so that it never finds a closed connection."""
HEAD_SECONDS: float = 20.0
"""From the first byte of a request to the end of its headers; also until a new connection says anything."""
BODY_SECONDS: float = 180.0
"""From there to the end of the body: our largest files over a slow line."""
HEAD_LIMIT: Final = 64 * 1024
"""Bytes of the request line and the headers."""


class _HeadTooLong(Exception):
    """Ends the parsing of a request."""


class BoundedHttp(HttpToolsProtocol):
    """uvicorn's protocol with an end for what a client sends. What takes too long is closed without a word."""

    _deadline: asyncio.TimerHandle | None = None
    _in_head = True
    _received = 0
    """Bytes since the head began, as they came."""
    _head_size = 0
    """Bytes of the head that were understood."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait_at_most(HEAD_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._received += len(data)
        super().data_received(data)
        # A header is told of once it is complete: one that never ends is only seen here.
        if self._in_head and self._received > HEAD_LIMIT and not self.transport.is_closing():
            self.send_400_response(f"The head of the request is longer than {HEAD_LIMIT} bytes.")
        # Empty lines before a request begin none, and yet end uvicorn's own waiting for the next one.
        if self._deadline is None and self._in_head and (self.cycle is None or self.cycle.response_complete):
            self._wait_at_most(HEAD_SECONDS)

    def on_message_begin(self) -> None:
        self._in_head, self._received, self._head_size = True, 0, 0
        self._wait_at_most(HEAD_SECONDS)
        super().on_message_begin()

    def on_url(self, url: bytes) -> None:
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        self._count(len(name) + len(value) + len(": \r\n"))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._in_head = False
        self._wait_at_most(BODY_SECONDS)
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._stop_waiting()
        self._in_head, self._received = True, 0
        super().on_message_complete()

    def _count(self, size: int) -> None:
        self._head_size += size
        if self._head_size > HEAD_LIMIT:
            raise _HeadTooLong

    def _wait_at_most(self, seconds: float) -> None:
        self._stop_waiting()
        self._deadline = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        # Not close(): a client that does not read either would keep the connection until it does.
        self.transport.abort()
