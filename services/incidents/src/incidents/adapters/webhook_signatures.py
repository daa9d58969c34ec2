"""Signatures of webhooks: Standard Webhooks both ways, and the plain HMAC that most other systems send."""

import base64
import binascii
import hmac
import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

Scheme = Literal["none", "standard_webhooks", "hmac_sha256"]
PREFIX = "whsec_"
SECRET_BYTES = 32


class BadSignature(Exception):
    """The delivery is not what its sender signed, or too old. The message says what to do."""


def new_secret() -> str:
    """A fresh secret in the form of Standard Webhooks: `whsec_` and 32 random bytes."""
    return PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def key_of(secret: str) -> bytes:
    """The bytes to sign with. Standard Webhooks encodes them; any other secret is its own bytes."""
    if secret.startswith(PREFIX):
        try:
            return base64.b64decode(secret.removeprefix(PREFIX), validate=True)
        except binascii.Error:
            return secret.encode()
    return secret.encode()


def sign(secret: str, message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The headers of Standard Webhooks for exactly these bytes."""
    stamp = str(int(at.timestamp()))
    return {
        "webhook-id": message_id,
        "webhook-timestamp": stamp,
        "webhook-signature": _standard(secret, message_id, stamp, body),
    }


def verify(
    scheme: Scheme,
    known: Sequence[str],
    headers: Mapping[str, str],
    body: bytes,
    *,
    header: str,
    now: datetime,
    window: timedelta,
) -> None:
    """Raises BadSignature unless one of the known secrets signed the body.

    `header` names the field of plain HMAC: hexadecimal, with or without `sha256=`. It dates nothing, so that only
    Standard Webhooks refuses what is older than `window`.
    """
    if scheme == "none":
        return
    if scheme == "hmac_sha256":
        given = headers.get(header, "").strip()
        given = given.removeprefix("sha256=").lower()
        wanted = [hmac.new(key_of(secret), body, sha256).hexdigest() for secret in known]
        plain = [hmac.new(secret.encode(), body, sha256).hexdigest() for secret in known]
        if not _any_equal([given], [*wanted, *plain]):
            raise BadSignature(f"Sign the body with HMAC-SHA256 and send it in hexadecimal as {header}.")
        return
    message_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not message_id or not stamp.isascii() or not stamp.isdecimal() or len(stamp) > 12:
        raise BadSignature("Send webhook-id, webhook-timestamp and webhook-signature (Standard Webhooks).")
    if abs(now.timestamp() - int(stamp)) > window.total_seconds():
        raise BadSignature(
            f"webhook-timestamp is more than {int(window.total_seconds())} seconds from our clock. Sign at each try,"
            " and set the sender's clock."
        )
    signatures = headers.get("webhook-signature", "").split()[:10]
    if not _any_equal(signatures, [_standard(secret, message_id, stamp, body) for secret in known]):
        raise BadSignature("webhook-signature does not fit body and secret. Use the source's newest secret.")


def _standard(secret: str, message_id: str, stamp: str, body: bytes) -> str:
    content = f"{message_id}.{stamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(key_of(secret), content, sha256).digest()).decode()


def _any_equal(given: Sequence[str], wanted: Sequence[str]) -> bool:
    found = False
    for one in given:
        for other in wanted:
            found |= hmac.compare_digest(one.encode(), other.encode())
    return found
