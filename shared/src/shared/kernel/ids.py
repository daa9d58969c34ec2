"""Identifiers that sort by the time of their creation (UUID version 7, RFC 9562, section 5.7)."""

from __future__ import annotations

from uuid import UUID

RANDOM_BITS = 74
"""How many random bits an identifier takes."""


def uuid7(at: int, random_bits: int) -> UUID:
    """The UUIDv7 of an instant in milliseconds since 1970 (UTC) and ``RANDOM_BITS`` random bits.

    Pure on purpose: whoever calls brings the time and the chance. Raises ``ValueError`` when the instant does not fit
    in 48 bits, or the random number in 74 bits.
    """
    if not 0 <= at < 1 << 48:
        raise ValueError(f"{at} ms since 1970 does not fit in a UUIDv7: it takes 48 bits, until the year 10889")
    if not 0 <= random_bits < 1 << RANDOM_BITS:
        raise ValueError(f"random_bits must be a number of {RANDOM_BITS} bits")
    random_a, random_b = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return UUID(int=at << 80 | 0x7 << 76 | random_a << 64 | 0b10 << 62 | random_b)
