"""Signatures of Standard Webhooks 1.0.0 over exactly the bytes that are sent: symmetric (v1) and asymmetric (v1a).

Of one content both are made, so that a receiver may take either: with v1 whoever can verify could also forge, with v1a
the public key is all that he has.
"""

import base64
import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET, PRIVATE, PUBLIC = "whsec_", "whsk_", "whpk_"
SECRET_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """What a webhook signs with: a shared secret (`whsec_…`) and a private key (`whsk_…`, None: v1 alone)."""

    secret: str
    private_key: str | None


def new_secret() -> str:
    """A fresh signing secret: `whsec_` and 32 random bytes in base64."""
    return SECRET + _text(secrets.token_bytes(SECRET_BYTES))


def new_key_pair() -> tuple[str, str]:
    """A fresh Ed25519 pair: `whsk_` and `whpk_`, each with 32 bytes in base64."""
    key = Ed25519PrivateKey.generate()
    return PRIVATE + _text(key.private_bytes_raw()), PUBLIC + _text(key.public_key().public_bytes_raw())


def signatures(keys: Sequence[Keys], message_id: str, timestamp: int, body: bytes) -> str:
    """The field `webhook-signature`: of each of the keys what it signs with, in their order, separated by spaces."""
    content = f"{message_id}.{timestamp}.".encode() + body
    made: list[str] = []
    for each in keys:
        shared = hmac.digest(base64.b64decode(each.secret.removeprefix(SECRET)), content, sha256)
        made.append(f"v1,{_text(shared)}")
        if each.private_key is not None:
            private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(each.private_key.removeprefix(PRIVATE)))
            made.append(f"v1a,{_text(private.sign(content))}")
    return " ".join(made)


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
