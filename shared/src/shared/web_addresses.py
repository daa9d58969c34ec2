"""Addresses of the web: from what a person writes to what is requested.

Browsers take `https://hôtel.example/été` and ask for `https://xn--htel-vqa.example/%C3%A9t%C3%A9`. Whoever stores an
address and whoever asks for it agree here on which texts are addresses and what they stand for.
"""

import re
from collections.abc import Collection
from functools import lru_cache
from ipaddress import IPv6Address
from urllib.parse import quote, urlsplit, urlunsplit

import idna

WEB = frozenset({"http", "https"})
LONGEST_HOST = 253
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_PLACE = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::[0-9]*)?")
_USERINFO = "%!$&'()*+,;=:-._~"
_LABEL = re.compile(r"[A-Za-z0-9_-]{1,63}")
_ENCODED = re.compile(r"[^!#-;=?-_a-z|~]+")
"""What a browser puts into percent-encoding wherever it stands (WHATWG URL, path and query percent-encode sets)."""


@lru_cache(maxsize=20_000)
def as_requested(address: str, schemes: Collection[str] = WEB) -> str:
    """The address as it goes over the wire: an ASCII host (A-labels, IDNA 2008), path and query percent-encoded.

    User name and password stay in it, a fragment does not. Raises ValueError when it is none of these schemes' URL that
    anything could be asked of.
    """
    if _CONTROL.search(address) or address != address.strip():
        raise ValueError("holds control characters, or space around it")
    parts = urlsplit(address)
    if parts.scheme not in schemes:
        raise ValueError(f"does not begin with {' or '.join(f'{scheme}://' for scheme in sorted(schemes))}")
    userinfo, at, place = parts.netloc.rpartition("@")
    found = _PLACE.fullmatch(place)
    if found is None:
        raise ValueError("has no host name that can be connected to")
    if parts.port == 0:
        raise ValueError("has a port that is not a number from 1 to 65535")
    port = f":{parts.port}" if parts.port is not None else ""
    netloc = f"{quote(userinfo, safe=_USERINFO)}{at}{host_as_requested(found[1])}{port}"
    return urlunsplit((parts.scheme, netloc, _encoded(parts.path), _encoded(parts.query), ""))


@lru_cache(maxsize=20_000)
def host_as_requested(host: str) -> str:
    """A host name in A-labels and lower case, or an address, of IPv6 in brackets. Raises ValueError for anything else.

    Underscores are let through: names with them exist, whatever the standards say.
    """
    if host.startswith("["):
        try:
            address = IPv6Address(host[1:-1])
        except ValueError:
            raise ValueError("has no host name that can be connected to") from None
        if not host.endswith("]") or address.scope_id is not None:
            raise ValueError("has no host name that can be connected to")
        return f"[{address}]"
    if not host.isascii():
        try:
            host = idna.encode(host, uts46=True).decode()
        except idna.IDNAError as error:
            raise ValueError(f"has no host name that can be connected to: {error}") from error
    host = host.lower()
    labels = host.removesuffix(".").split(".")
    if len(host) > LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise ValueError("has no host name that can be connected to")
    return host


def _encoded(text: str) -> str:
    return _ENCODED.sub(lambda found: quote(found[0], safe=""), text)
