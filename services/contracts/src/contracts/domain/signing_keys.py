"""Rotation of the keys that sign tokens: a key is published before it signs and stays until its tokens are dead.

Verifiers keep the published keys for up to ten minutes, so a key that signed as soon as it was made would be unknown
to them; and a key that vanished as soon as it was replaced would void the tokens that it just signed.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

TOKEN_LIFETIME = timedelta(minutes=10)
PUBLISHED_AHEAD = timedelta(minutes=15)
KEPT_AFTER = TOKEN_LIFETIME + timedelta(minutes=5)


@dataclass(frozen=True)
class SigningKey:
    """`kid` names the key in tokens; it signs from `signs_from` until a younger one does."""

    kid: str
    signs_from: datetime


def signer(keys: Iterable[SigningKey], now: datetime) -> SigningKey | None:
    """The key that signs at an instant; None when there is no key at all.

    When none has started yet (the clock was set back), the oldest signs: it is the one that verifiers know.
    """
    ordered = _ordered(keys)
    started = [key for key in ordered if key.signs_from <= now]
    if started:
        return started[-1]
    return ordered[0] if ordered else None


def next_key_signs_from(keys: Iterable[SigningKey], now: datetime) -> datetime:
    """When a key made now may sign: at once when it is the first, else after verifiers have had time to see it."""
    return now + PUBLISHED_AHEAD if any(True for _ in keys) else now


def rotation_due(keys: Iterable[SigningKey], now: datetime, maximum_age: timedelta) -> bool:
    """Whether a new key must be made: there is none, or the youngest has signed for longer than `maximum_age`."""
    ordered = _ordered(keys)
    return not ordered or now >= ordered[-1].signs_from + maximum_age


def dead(keys: Iterable[SigningKey], now: datetime) -> tuple[SigningKey, ...]:
    """The keys whose last token has expired: they can be forgotten."""
    ordered = _ordered(keys)
    return tuple(key for key, successor in itertools.pairwise(ordered) if now >= successor.signs_from + KEPT_AFTER)


def _ordered(keys: Iterable[SigningKey]) -> Sequence[SigningKey]:
    return sorted(keys, key=lambda key: (key.signs_from, key.kid))
