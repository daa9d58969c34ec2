"""Identifiers that sort by the time of their creation (UUID version 7, RFC 9562, section 5.7)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import UUID

RANDOM_BITS = 74
"""How many random bits an identifier takes."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


def uuid7(at: datetime, random_bits: int) -> UUID:
    """The UUIDv7 of an aware instant (cut to the millisecond) and ``RANDOM_BITS`` random bits.

    Pure on purpose: whoever calls brings the time and the chance. Raises ``ValueError`` when the instant does not fit in
    48 bits of milliseconds since 1970, or the random number in 74 bits.
    """
    milliseconds = (at - _EPOCH) // _MILLISECOND
    if not 0 <= milliseconds < 1 << 48:
        raise ValueError(f"{at.isoformat()} does not fit in a UUIDv7: it must lie between 1970 and 10889")
    if not 0 <= random_bits < 1 << RANDOM_BITS:
        raise ValueError(f"random_bits must be a number of {RANDOM_BITS} bits")
    random_a, random_b = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b)
