"""Names to addresses without threads: a name whose servers never answer holds up nobody but the check that asks.

The system's resolver takes a thread for as long as it tries, and a handful of hanging names would take them all. Here
/etc/hosts and the servers of /etc/resolv.conf are asked in the event loop, and whoever asks sets the deadline.
"""

import asyncio
import socket
import time
from collections.abc import Mapping, Sequence
from ipaddress import ip_address
from pathlib import Path

import dns.asyncresolver
import dns.exception
import dns.name
import dns.resolver

HOSTS = Path("/etc/hosts")
RESOLVERS = Path("/etc/resolv.conf")
LOOK_AGAIN_SECONDS = 5.0
"""How often both files are looked at again."""
LIFETIME_SECONDS = 30.0
"""The longest that a name is looked up, should nobody set a shorter deadline."""
_NO_NAME = (dns.resolver.NXDOMAIN, dns.name.LabelTooLong, dns.name.EmptyLabel, dns.name.NameTooLong)

Found = Sequence[tuple[int, str]]
"""Families and addresses, in the order in which they are to be tried."""


class NotResolved(Exception):
    """The name has no address, or nobody says which. The message says why, for people."""


class Names:
    """Looks names up as this machine is configured to."""

    def __init__(self, hosts: Path = HOSTS, resolvers: Path = RESOLVERS, *, port: int = 53) -> None:
        self._hosts_file = hosts
        self._resolvers_file = resolvers
        self._port = port
        self._hosts: Mapping[str, Found] = {}
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._sixth_first = False
        self._read_at = -LOOK_AGAIN_SECONDS

    async def addresses(self, host: str) -> Found:
        """The addresses of a name (A-labels), or the address that is given. Raises NotResolved."""
        try:
            return [_entry(host)]
        except ValueError:
            pass
        if time.monotonic() - self._read_at >= LOOK_AGAIN_SECONDS:
            self._read()
        name = host.lower().removesuffix(".")
        if known := self._hosts.get(name):
            return known
        if name == "localhost" or name.endswith(".localhost"):  # RFC 6761, 6.3
            return [_entry("127.0.0.1"), _entry("::1")]
        return await self._ask(host)

    async def _ask(self, host: str) -> Found:
        resolver = self._resolver
        if resolver is None:
            raise NotResolved("this location has no resolver")
        kinds = ["AAAA", "A"] if self._sixth_first else ["A", "AAAA"]
        answers = await asyncio.gather(
            *(resolver.resolve(host, kind, lifetime=LIFETIME_SECONDS, search=True) for kind in kinds),
            return_exceptions=True,
        )
        found = [_entry(str(record)) for each in answers if isinstance(each, dns.resolver.Answer) for record in each]
        if found:
            return found
        for trouble in answers:
            if isinstance(trouble, BaseException) and not isinstance(trouble, dns.exception.DNSException | OSError):
                raise trouble
        if any(isinstance(each, _NO_NAME) for each in answers):
            raise NotResolved("Name or service not known")
        if any(isinstance(each, dns.resolver.NoAnswer) for each in answers):
            raise NotResolved("No address associated with hostname")
        raise NotResolved("Temporary failure in name resolution")

    def _read(self) -> None:
        self._read_at = time.monotonic()
        self._hosts = _hosts(self._hosts_file)
        self._sixth_first = _reaches_the_sixth()
        try:
            self._resolver = dns.asyncresolver.Resolver(str(self._resolvers_file))
            self._resolver.port = self._port
        except (dns.exception.DNSException, OSError):
            self._resolver = None


def _hosts(file: Path) -> dict[str, list[tuple[int, str]]]:
    found: dict[str, list[tuple[int, str]]] = {}
    try:
        lines = file.read_text(errors="replace").splitlines()
    except OSError:
        return found
    for line in lines:
        address, *names = line.partition("#")[0].split() or [""]
        try:
            entry = _entry(address)
        except ValueError:
            continue
        for name in names:
            found.setdefault(name.lower(), []).append(entry)
    return found


def _entry(address: str) -> tuple[int, str]:
    parsed = ip_address(address)
    return int(socket.AF_INET if parsed.version == 4 else socket.AF_INET6), str(parsed)


def _reaches_the_sixth() -> bool:
    """Whether this machine has a way to the IPv6 Internet; nothing is sent. Without one, IPv4 is tried first."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as opened:
            opened.connect(("2001:500:2::c", 53))
    except OSError:
        return False
    return True


names = Names()
"""As this machine is configured."""
