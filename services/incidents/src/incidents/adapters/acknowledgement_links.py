"""Links in messages by which the one whom a message reached takes the item: signed, bound to item and recipient,
good once and for a while.

The token names the message; item, recipient and end are those of its row, and the signature binds them. Nothing secret
is stored: the text of a message is kept without its link.
"""

import base64
import binascii
from datetime import timedelta
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from incidents.adapters.secret_box import SecretBox
from incidents.adapters.tables import NotificationRow

LINK_LIFE: Final = timedelta(hours=72)
PATH: Final = "/acknowledge"
OFFERED_FOR: Final = frozenset({"opened", "reopened", "clock_at_risk", "clock_breached", "escalation"})
"""Kinds of messages that ask somebody to take an item."""


def link_of(box: SecretBox, public_url: str, row: NotificationRow) -> str:
    """The address to put into the message of a row. The token is in the query: paths are written to access logs."""
    return f"{public_url.rstrip('/')}{PATH}?{urlencode({'token': token_of(box, row)})}"


def token_of(box: SecretBox, row: NotificationRow) -> str:
    """The token of a row that offers a link."""
    signature = base64.urlsafe_b64encode(box.sign(_signed(row))).rstrip(b"=").decode()
    return f"{row.id.hex}.{signature}"


def message_named(token: str) -> UUID | None:
    """The id of the message that a token names; None for nonsense. Says nothing about the signature."""
    try:
        return UUID(hex=token.partition(".")[0])
    except ValueError:
        return None


def is_token_of(box: SecretBox, token: str, row: NotificationRow) -> bool:
    """Whether the token was made here for this row as it is."""
    encoded = token.partition(".")[2]
    try:
        signature = base64.b64decode(
            encoded.encode("ascii") + b"=" * (-len(encoded) % 4), altchars=b"-_", validate=True
        )
    except (ValueError, binascii.Error):
        return False
    return row.link_expires_at is not None and box.is_signed(_signed(row), signature)


def _signed(row: NotificationRow) -> bytes:
    assert row.link_expires_at is not None
    end = int(row.link_expires_at.timestamp() * 1_000_000)
    return f"{row.tenant_id} {row.item_id} {row.person_id} {row.recipient} {row.id} {end}".encode()
