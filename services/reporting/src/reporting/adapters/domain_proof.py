"""Whether somebody who claims a domain may write into its zone: a TXT record that only he was told to make."""

from collections.abc import Sequence
from typing import Final

import dns.asyncresolver
import dns.exception
import dns.nameserver
import dns.resolver

LABEL: Final = "_upheld"
SECONDS: Final = 5.0
MOST_SEEN: Final = 10


def record_of(domain: str) -> str:
    """The name of the record."""
    return f"{LABEL}.{domain}"


def value_of(token: str) -> str:
    """What stands in it."""
    return f"upheld-domain-verification={token}"


class DomainProof:
    """Asks the name servers of the operator; of this machine when none are named (`address` or `address:port`)."""

    def __init__(self, servers: Sequence[str]) -> None:
        self._resolver = dns.asyncresolver.Resolver(configure=not servers)
        self._resolver.lifetime = SECONDS
        self._resolver.cache = None
        if servers:
            self._resolver.nameservers = [_server(each) for each in servers]

    async def texts(self, domain: str) -> tuple[list[str], str | None]:
        """The texts of the record, and why there are none."""
        try:
            answer = await self._resolver.resolve(f"{record_of(domain)}.", "TXT", search=False)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return [], None
        except (dns.exception.DNSException, OSError) as error:
            return [], type(error).__name__
        found = [b"".join(record.strings).decode(errors="replace") for record in answer]
        return found[:MOST_SEEN], None


def _server(text: str) -> dns.nameserver.Nameserver:
    address, _, port = text.rpartition(":") if text.count(":") == 1 or "]" in text else (text, "", "53")
    return dns.nameserver.Do53Nameserver(address.strip("[]"), int(port))
