"""HTTP to addresses that somebody else chose (webhooks), without becoming his way into our network.

The guard sits where the connection is made: a name is resolved once, every address it has is checked, and the socket
is opened to a checked address, so that a resolver that changes its answer gains nothing. Host header, SNI and
certificate check keep the name. No redirects, no proxies from the environment, a deadline for the whole exchange and a
limit for the answer.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, TypeAlias

import httpcore
import httpx

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Resolver: TypeAlias = Callable[[str, int], Awaitable[Sequence[str]]]
"""Host and port to the texts of its addresses; raises ``OSError`` when the name does not resolve."""

CONNECT_SECONDS = 10.0
TOTAL_SECONDS = 30.0
BODY_LIMIT = 256 * 1024

# The registries of special-purpose addresses (RFC 6890 and its updates), spelled out: what Python calls "global" has
# changed between patch releases.
_REFUSED: tuple[tuple[Network, str], ...] = tuple(
    (ip_network(text), reason)
    for text, reason in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "cloud metadata"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "special-purpose"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        ("2001::/23", "special-purpose"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
    )
)
_GLOBAL_UNICAST = IPv6Network("2000::/3")
# Prefixes whose last 32 bits are an IPv4 address that the packet ends up at.
_CARRIES_IPV4 = tuple(IPv6Network(text) for text in ("::ffff:0:0/96", "64:ff9b::/96", "::ffff:0:0:0/96", "::/96"))


class AddressRefused(httpx.ConnectError):
    """The address is one that we do not connect to on behalf of somebody. The message says which and why."""


class BodyTooLarge(httpx.TransportError):
    """The answer is longer than we are willing to read."""


class AddressGuard:
    """Says which addresses may be connected to on behalf of a user.

    :param allow: networks that are permitted although they are private, for installations that watch their own.
    """

    def __init__(self, allow: Iterable[Network | str] = ()) -> None:
        self._allow = tuple(ip_network(network) if isinstance(network, str) else network for network in allow)

    def check(self, address: Address | str) -> Address:
        """The address. Raises :class:`AddressRefused` when it is not a public one and not in the allow list."""
        parsed = ip_address(address.split("%")[0]) if isinstance(address, str) else address
        reason = None if self._allowed(parsed) else self._refusal(parsed)
        if reason is not None:
            raise AddressRefused(f"{parsed} is refused: {reason}")
        return parsed

    def _allowed(self, address: Address) -> bool:
        meant = {address, _embedded_ipv4(address) or address}
        return any(each in network for each in meant for network in self._allow)

    def _refusal(self, address: Address) -> str | None:
        """Why an address outside of the allowed networks is refused, or None when it is not."""
        reason = _refusal(address)
        return f"{reason} address" if reason else None

    async def resolve(self, host: str, port: int, resolver: Resolver | None = None) -> list[Address]:
        """The addresses of a host, all checked, in the resolver's order.

        :raises AddressRefused: when even one of them is refused: a name with a public and a private address is a trap.
        :raises OSError: when the name has no address.
        """
        texts = await (resolver or system_resolver)(host, port)
        if not texts:
            raise OSError(f"{host} has no address")
        return [self.check(text) for text in dict.fromkeys(texts)]


class PlainHttpGuard(AddressGuard):
    """Without TLS whoever is on the way reads and changes everything: only the allowed networks may be reached so."""

    def _refusal(self, address: Address) -> str | None:
        return super()._refusal(address) or "plain http, use an https address"


def _embedded_ipv4(address: Address) -> IPv4Address | None:
    if isinstance(address, IPv6Address) and any(address in network for network in _CARRIES_IPV4):
        return IPv4Address(int(address) & 0xFFFF_FFFF)
    return None


def _refusal(address: Address) -> str | None:
    """Why an address is refused, or None for a public one."""
    for network, reason in _REFUSED:
        if address in network:
            return reason
    embedded = _embedded_ipv4(address)
    if embedded is not None:
        inner = _refusal(embedded)
        return f"{inner} ({embedded})" if inner else None
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST:
        return "not globally routed"
    return None


# Names that never resolve hold a thread for as long as the system's resolver tries. In the loop's own pool of a few
# threads, a handful of them would keep every other name, and whatever else needs a thread, waiting.
_LOOKUPS = ThreadPoolExecutor(64, thread_name_prefix="lookup")


async def system_resolver(host: str, port: int) -> list[str]:
    """The operating system's resolver, without blocking the loop. An address needs none, and none of its threads."""
    try:
        return [str(ip_address(host.strip("[]")))]
    except ValueError:
        pass
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKUPS, look_up)
    return [str(entry[4][0]) for entry in found]


class _GuardedBackend(httpcore.AsyncNetworkBackend):
    """Opens connections for httpcore, to checked addresses only."""

    def __init__(self, guard: AddressGuard, resolver: Resolver) -> None:
        self._guard = guard
        self._resolver = resolver
        self._backend = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's signature)
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._guard.resolve(host, port, self._resolver)
        except TimeoutError:
            raise httpcore.ConnectTimeout(f"{host} did not resolve in time") from None
        except (OSError, UnicodeError, ValueError) as error:
            raise httpcore.ConnectError(f"{host} does not resolve: {error}") from error
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for address in addresses:
            try:
                return await self._backend.connect_tcp(str(address), port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109  (httpcore's signature)
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise AddressRefused(f"{path} is refused: a socket of this machine")

    async def sleep(self, seconds: float) -> None:
        await self._backend.sleep(seconds)


class _LimitedStream(httpx.AsyncByteStream):
    """Passes the bytes of an answer on until there are too many."""

    def __init__(self, stream: httpx.AsyncByteStream, limit: int) -> None:
        self._stream = stream
        self._limit = limit

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = 0
        async for chunk in self._stream:
            size += len(chunk)
            if size > self._limit:
                raise BodyTooLarge(f"the answer is longer than {self._limit} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


@cache
def usual_authorities() -> ssl.SSLContext:
    """TLS as every client of this process speaks it by default. To read all authorities takes 20 ms: once is enough."""
    return httpx.create_ssl_context(trust_env=False)


@cache
def authorities_of_the_machine() -> ssl.SSLContext:
    """TLS with mail servers and others of the operator's, who may trust an authority of his own; read once as well."""
    return ssl.create_default_context()


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's transport with our way of opening connections and a limit for answers."""

    def __init__(
        self,
        guard: AddressGuard,
        *,
        resolver: Resolver = system_resolver,
        verify: Any = True,
        body_limit: int = BODY_LIMIT,
    ) -> None:
        context = usual_authorities() if verify is True else verify
        super().__init__(verify=context, trust_env=False)
        self._body_limit = body_limit
        # One connection per request: an idle one would outlive the check of its address.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=context,
            max_connections=100,
            max_keepalive_connections=0,
            network_backend=_GuardedBackend(guard, resolver),
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        response = await super().handle_async_request(request)
        assert isinstance(response.stream, httpx.AsyncByteStream)
        # Without its Content-Encoding the body stays as it came: a small answer cannot unpack into a huge one.
        headers = [(name, value) for name, value in response.headers.raw if name.lower() != b"content-encoding"]
        return httpx.Response(
            status_code=response.status_code,
            headers=headers,
            stream=_LimitedStream(response.stream, self._body_limit),
            extensions=response.extensions,
        )


class _DeadlineClient(httpx.AsyncClient):
    """A client whose requests end after a total time; httpx itself only limits each single wait."""

    total_seconds: float = TOTAL_SECONDS

    async def send(self, request: httpx.Request, **options: Any) -> httpx.Response:
        try:
            async with asyncio.timeout(self.total_seconds):
                return await super().send(request, **options)
        except TimeoutError:
            raise httpx.ReadTimeout(f"no complete answer within {self.total_seconds:g} s", request=request) from None


def guarded_client(
    allow_networks: Iterable[Network | str] = (),
    *,
    resolver: Resolver = system_resolver,
    verify: Any = True,
    total_seconds: float = TOTAL_SECONDS,
    body_limit: int = BODY_LIMIT,
) -> httpx.AsyncClient:
    """A client for addresses that users gave. Close it when done.

    :param allow_networks: private networks that may be reached nevertheless, and the only ones without TLS.
    :param resolver: how names become addresses; tests pass their own.
    :param verify: an ``ssl.SSLContext`` for other certificate authorities than the usual ones.
    :param total_seconds: for resolving, connecting, sending and reading the whole answer.
    :param body_limit: bytes of an answer; more raises :class:`BodyTooLarge`.

    Requests raise :class:`AddressRefused` or other ``httpx.TransportError``; 3xx is an answer like any other.
    """
    allowed = tuple(allow_networks)
    context = usual_authorities() if verify is True else verify
    secure, plain = (
        GuardedTransport(guard, resolver=resolver, verify=context, body_limit=body_limit)
        for guard in (AddressGuard(allowed), PlainHttpGuard(allowed))
    )
    client = _DeadlineClient(
        transport=secure,
        mounts={"http://": plain},
        timeout=httpx.Timeout(CONNECT_SECONDS),
        follow_redirects=False,
        trust_env=False,
        headers={"Accept-Encoding": "identity", "User-Agent": "Upheld/0.1 (+https://upheld.dev)"},
    )
    client.total_seconds = total_seconds
    return client
