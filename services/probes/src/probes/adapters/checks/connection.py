"""A guarded connection of our own, for kinds of checks that libcurl does not speak.

The name is resolved once, every address is checked before a socket is opened to it, and the phases are timed by a
monotonic clock. One deadline covers everything: whoever opens a connection puts it inside `asyncio.timeout`.
"""

import asyncio
import os
import socket
import ssl
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from probes.adapters.checks.finding import Timings, plain
from probes.adapters.checks.names import NotResolved, names
from probes.domain.states import Failure, Reason
from shared.outbound_http import AddressGuard, AddressRefused
from shared.web_addresses import host_as_requested

ADDRESSES_TRIED = 6
EXCERPT_BYTES = 2048


class CheckFailed(Exception):
    """The check is bad, for this reason, told in this sentence; `phase` is where the exchange broke off."""

    def __init__(self, reason: Reason, detail: str, phase: str | None = None) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
        self.phase = phase


@dataclass(slots=True)
class Exchange:
    """What is said with one host, whatever the protocol. Filled in as it goes: a failure can tell how far it came.

    `addresses` are those that were tried, `refused` those that the guard refused.
    """

    host: str
    port: int
    guard: AddressGuard
    timings: Timings = field(default_factory=Timings, kw_only=True)
    addresses: list[str] = field(default_factory=list, kw_only=True)
    refused: list[str] = field(default_factory=list, kw_only=True)
    remote_address: str | None = field(default=None, kw_only=True)
    phase: str = field(default="name_lookup", kw_only=True)
    _began: int = field(default_factory=time.perf_counter_ns, kw_only=True)

    def elapsed(self) -> int:
        """Microseconds since the check began."""
        return (time.perf_counter_ns() - self._began) // 1000

    async def resolve(self) -> Sequence[tuple[int, str]]:
        """The host's addresses that may be spoken to, each with its family. Raises CheckFailed when there is none."""
        since = time.perf_counter_ns()
        try:
            found = await names.addresses(host_as_requested(self.host).strip("[]"))
        except NotResolved as error:
            raise CheckFailed(Reason.DNS, f"The name does not resolve: {error}", "name_lookup") from error
        finally:
            self.timings.name_lookup = (time.perf_counter_ns() - since) // 1000
        allowed = []
        for family, address in found:
            try:
                self.guard.check(address)
            except (AddressRefused, ValueError):
                self.refused.append(address)
            else:
                allowed.append((family, address))
        if not allowed:
            raise CheckFailed(
                Reason.ADDRESS_REFUSED,
                f"The name leads to {', '.join(self.refused[:5])}, which is not a public address. An administrator can "
                "allow that network.",
                "connect",
            )
        return list(dict.fromkeys(allowed))[:ADDRESSES_TRIED]

    def failure(self, trouble: CheckFailed, *, address: str, excerpt: bytes = b"", **more: object) -> Failure:
        """The trouble with everything that was seen until then; `more` adds to that or replaces it."""
        self.timings.total = self.elapsed()
        return Failure(
            trouble.reason,
            plain(trouble.detail)[:1000],
            {
                "url": address[:2000],
                "status_code": None,
                "phase": trouble.phase,
                "error": plain(trouble.detail)[:1000],
                "remote_address": self.remote_address,
                "addresses": self.addresses[:20],
                "refused_addresses": self.refused[:20],
                "timings_ms": self.timings.in_milliseconds(),
                "headers": {},
                "body_excerpt": plain(excerpt[:EXCERPT_BYTES].decode("utf-8", "replace")) if excerpt else None,
                **more,
            },
        )


@dataclass(slots=True)
class Connection(Exchange):
    """A stream to the first address that answers."""

    tls: ssl.SSLContext | None = None
    server_name: str | None = None
    _reader: asyncio.StreamReader | None = None
    _writer: asyncio.StreamWriter | None = None

    async def __aenter__(self) -> Self:
        """Raises CheckFailed when there is no connection."""
        candidates = await self.resolve()
        self.phase = "connect"
        since = time.perf_counter_ns()
        opened = await self._open(candidates)
        self.timings.connect = (time.perf_counter_ns() - since) // 1000
        try:
            self._reader, self._writer = await asyncio.open_connection(sock=opened)
            if self.tls is not None:
                await self.start_tls(self.tls)
        except BaseException:
            if self._writer is not None:
                self._writer.transport.abort()
            opened.close()
            raise
        self.phase = "first_byte"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._writer is not None:
            self._writer.transport.abort()  # a check says no goodbye: whoever keeps us waiting gains nothing

    async def start_tls(self, context: ssl.SSLContext) -> None:
        """Secures the connection; also in the middle of a dialogue, for STARTTLS. Raises CheckFailed."""
        self.phase = "tls"
        since = time.perf_counter_ns()
        try:
            await self.writer.start_tls(context, server_hostname=self.server_name or self.host.strip("[]"))
        except ssl.SSLError as error:
            raise CheckFailed(Reason.TLS, told(error), "tls") from error
        except OSError as error:
            raise CheckFailed(
                Reason.TLS, f"The connection broke off during the TLS handshake: {told(error)}", "tls"
            ) from error
        except ValueError as error:
            raise CheckFailed(Reason.INVALID_TARGET, f"No server can be asked for by this name: {error}") from error
        finally:
            self.timings.tls += (time.perf_counter_ns() - since) // 1000

    @property
    def reader(self) -> asyncio.StreamReader:
        """What the other side says."""
        assert self._reader is not None
        return self._reader

    @property
    def writer(self) -> asyncio.StreamWriter:
        """What we say."""
        assert self._writer is not None
        return self._writer

    async def _open(self, candidates: Sequence[tuple[int, str]]) -> socket.socket:
        loop = asyncio.get_running_loop()
        last: OSError | None = None
        for family, address in candidates:
            self.addresses.append(address)
            made = socket.socket(family, socket.SOCK_STREAM)
            made.setblocking(False)
            try:
                await loop.sock_connect(made, (address, self.port))
            except OSError as error:
                made.close()
                last = error
            except BaseException:
                made.close()
                raise
            else:
                self.remote_address = address
                return made
        assert last is not None
        raise CheckFailed(Reason.CONNECT, f"The connection was not accepted: {told(last)}", "connect") from last


def too_slow(seconds: float, phase: str) -> CheckFailed:
    """What a check is when its deadline has passed."""
    return CheckFailed(Reason.TIMEOUT, f"There was no complete answer within {seconds:g} s.", phase)


def told(error: Exception) -> str:
    """What the system, its resolver or the TLS library says about an error."""
    if isinstance(error, ssl.SSLError):
        return (getattr(error, "verify_message", "") or error.reason or str(error))[:300]
    if isinstance(error, OSError) and error.strerror:
        # asyncio puts its own words in the place of the system's.
        return os.strerror(error.errno) if error.errno else error.strerror
    return str(error)[:300] or type(error).__name__
