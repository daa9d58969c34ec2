"""API keys: `<prefix>_<secret>`. The prefix names the key and may be shown; of the secret only a hash is kept.

The secret is 32 random bytes, so a plain SHA-256 is enough: there is nothing to guess that a slow hash would protect.
"""

import base64
import hashlib
import hmac
import re
from datetime import datetime

SECRET_BYTES = 32
PREFIX_BYTES = 8

_KEY = re.compile(r"(uk[0-9a-f]{16})_[A-Za-z0-9_-]{43}")


def prefix_of(random_bytes: bytes) -> str:
    """The public name of a key from `PREFIX_BYTES` random bytes: `uk` and hexadecimal digits."""
    return "uk" + random_bytes.hex()


def secret_of(prefix: str, random_bytes: bytes) -> str:
    """The whole key from `SECRET_BYTES` random bytes: what its holder is shown once."""
    return f"{prefix}_{base64.urlsafe_b64encode(random_bytes).rstrip(b'=').decode()}"


def well_formed(prefix: str, secret: str) -> bool:
    """Whether this can be a key with this prefix at all. What cannot be one needs no look at those that exist."""
    key = _KEY.fullmatch(secret)
    return key is not None and key[1] == prefix


def digest_of(secret: str) -> bytes:
    """What is stored of a key."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).digest()


def matches(secret: str, digest: bytes) -> bool:
    """Whether the secret is the one with this digest, in constant time."""
    return hmac.compare_digest(digest_of(secret), digest)


def usable(expires_at: datetime | None, revoked_at: datetime | None, now: datetime) -> bool:
    """Whether a key may still be used: not revoked, and not at or after its expiry."""
    return revoked_at is None and (expires_at is None or now < expires_at)
