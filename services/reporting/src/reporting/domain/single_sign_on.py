"""Whether what an OpenID provider says lets somebody in. Rules of values: signatures, network and clock are elsewhere.

Sources: OpenID Connect Core 1.0, section 3.1.3.7 (what is checked of an ID token) and 5.1 (claims); RFC 9207 (who
answered).
"""

import math
from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

FLOW_LIFE: Final = timedelta(minutes=10)
"""From the way to the provider until the way back: enough for a second factor, and for a password that is reset."""
LEEWAY: Final = timedelta(seconds=30)
"""How far the provider's clock and ours may disagree."""
VISIT_LIFE: Final = timedelta(hours=12)
"""How long a status page stays open to whoever signed in: a working day, for who leaves an organisation is not told."""
LONGEST_SUBJECT: Final = 255


class NotProven(Exception):
    """The token does not prove who signed in. The message is the name of the claim that is wrong, never its value."""


class NoAddress(Exception):
    """The provider names no mail address."""


class NotVerified(Exception):
    """The provider names an address and does not vouch for it."""


def check_claims(claims: Mapping[str, Any], *, issuer: str, audience: str, nonce: str, now: datetime) -> None:
    """Checks an ID token whose signature was found good. Raises NotProven.

    :param audience: our name at the provider. Where the token names others beside us, `azp` must be us.
    :param nonce: what this browser was sent to the provider with.
    """
    if claims.get("iss") != issuer:
        raise NotProven("iss")
    named = claims.get("aud")
    audiences = named if isinstance(named, list) else [named]
    if audience not in audiences:
        raise NotProven("aud")
    authorized = claims.get("azp")
    if (authorized is not None or len(audiences) > 1) and authorized != audience:
        raise NotProven("azp")
    subject = claims.get("sub")
    if not isinstance(subject, str) or not 0 < len(subject) <= LONGEST_SUBJECT:
        raise NotProven("sub")
    if claims.get("nonce") != nonce:
        raise NotProven("nonce")
    at, leeway = now.timestamp(), LEEWAY.total_seconds()
    if at >= _seconds(claims, "exp") + leeway:
        raise NotProven("exp")
    if at < _seconds(claims, "iat") - leeway:
        raise NotProven("iat")
    if "nbf" in claims and at < _seconds(claims, "nbf") - leeway:
        raise NotProven("nbf")


def _seconds(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e12 or math.isnan(value):
        raise NotProven(name)
    return float(value)


def verified_address(claims: Mapping[str, Any], verified_claim: str) -> str:
    """The address that the provider vouches for. Raises NoAddress, NotVerified.

    Some providers write the claim as a text or a number; whatever else it is does not vouch.
    """
    address, verified = claims.get("email"), claims.get(verified_claim)
    if not isinstance(address, str) or not address:
        raise NoAddress
    if verified is not True and verified not in ("true", "1") and not (type(verified) is int and verified == 1):
        raise NotVerified
    return address


def is_of(address: str, domains: Collection[str]) -> bool:
    """Whether an address is directly below one of the domains (in lower case): `a@x.example` is not of `example`."""
    return address.rpartition("@")[2].lower() in domains


def meets(claims: Mapping[str, Any], required: Mapping[str, Collection[str]]) -> bool:
    """Whether every required claim has one of the values wanted of it; of a claim that is a list, one is enough."""
    return all(any(each in wanted for each in _texts(claims.get(name))) for name, wanted in required.items())


def _texts(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [str(each) for each in values if isinstance(each, str | int) and not isinstance(each, bool)]
