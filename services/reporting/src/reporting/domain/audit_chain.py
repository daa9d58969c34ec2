"""The chain of an audit log: what is hashed, what is signed, and what must follow from what.

Every entry holds the hash of the entry before it, so that none can be changed, added or taken out in the middle without
changing all that come after it. A checkpoint is a signature under one hash: whoever keeps it elsewhere can tell whether
the log up to there is still the one that was signed. The stand-alone verifier (`adapters/audit_verifier.py`) states the
same rules once more, on purpose: who checks must not depend on who is checked.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

GENESIS: Final = "0" * 64
"""What the first entry holds for the hash of the one before."""

ENTRY: Final = b"upheld audit entry v1\n"
CHECKPOINT: Final = b"upheld audit checkpoint v1\n"
KEY: Final = b"upheld audit key v1\n"
"""What is hashed or signed begins with what it is, so that a signature under one thing is none under another."""

CHECKPOINT_FIELDS: Final = ("key_id", "made_at", "sequence", "hash", "tenant_id")
KEY_FIELDS: Final = ("key_id", "made_at", "public_key", "tenant_id")


def canonical(value: Mapping[str, Any]) -> bytes:
    """The one byte form: JSON with sorted keys, without spaces, in UTF-8 (as RFC 8785 for what occurs here)."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def entry_hash(entry: bytes) -> str:
    """Hexadecimal SHA-256 of the canonical bytes of an entry."""
    return sha256(ENTRY + entry).hexdigest()


def key_id_of(public_key: bytes) -> str:
    """The name of a key: the first half of the SHA-256 of its 32 bytes, in hexadecimal."""
    return sha256(public_key).hexdigest()[:32]


def checkpoint_statement(checkpoint: Mapping[str, Any]) -> bytes:
    """What the signature of a checkpoint is made of."""
    return CHECKPOINT + canonical({name: checkpoint[name] for name in CHECKPOINT_FIELDS})


def key_statement(key: Mapping[str, Any]) -> bytes:
    """What the key before signs for the next one."""
    return KEY + canonical({name: key[name] for name in KEY_FIELDS})


@dataclass(frozen=True)
class Link:
    """An entry as it is stored: its place, its bytes, and the hash that is stored beside them."""

    sequence: int
    entry: bytes
    hash: str


@dataclass(frozen=True)
class Broken:
    """The first entry that does not follow, and why."""

    sequence: int
    reason: str


def first_break(links: Sequence[Link], *, after: int, previous: str) -> Broken | None:
    """Where these entries stop following from entry `after`, whose hash is `previous`; None when all follow."""
    for link in links:
        after += 1
        if link.sequence != after:
            return Broken(after, "is missing")
        if not _follows(link.entry, after, previous):
            return Broken(after, "does not follow the entry before it")
        if entry_hash(link.entry) != link.hash:
            return Broken(after, "was changed after it was recorded")
        previous = link.hash
    return None


def _follows(entry: bytes, sequence: int, previous: str) -> bool:
    try:
        content = json.loads(entry)
    except (ValueError, RecursionError):
        return False  # whoever changed it left no entry at all
    return isinstance(content, dict) and content.get("previous") == previous and content.get("sequence") == sequence


def key_due(newest: datetime | None, now: datetime, maximum_age: timedelta) -> bool:
    """Whether a new signing key must be made: there is none, or the newest is too old."""
    return newest is None or now >= newest + maximum_age
