"""Looking into a mailbox by IMAP (RFC 9051 and its forerunner): what is new, without changing anything in it.

The library blocks, so that a look runs in a thread. The name is resolved and checked before; the socket goes to the
checked address, and TLS still asks for a certificate of the name.
"""

import imaplib
import re
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

STEP_SECONDS = 30.0
MOST_MESSAGES = 20
MOST_BYTES = 50 * 1024 * 1024
"""What one look fetches at most; the rest is for the next one, which follows at once."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class MailboxUnavailable(Exception):
    """The mailbox cannot be looked into; the message says what to do."""


@dataclass(frozen=True)
class Place:
    """Where a mailbox is. `address` is the checked one that `host` resolves to."""

    host: str
    address: str
    port: int
    security: str
    username: str
    password: str = field(repr=False)
    folder: str = "INBOX"


@dataclass(frozen=True)
class Fetched:
    """One message. `raw` None: larger than we take."""

    uid: int
    received_at: datetime
    size: int
    raw: bytes | None = field(repr=False)


@dataclass(frozen=True)
class Looked:
    """What a look found. `complete`: nothing newer is left."""

    uid_validity: int
    last_uid: int
    messages: Sequence[Fetched]
    complete: bool


class _Connection(imaplib.IMAP4):
    def __init__(self, place: Place, context: ssl.SSLContext) -> None:
        self._place = place
        self._context = context
        super().__init__(place.host, place.port, STEP_SECONDS)

    def _create_socket(self, timeout: float | None) -> socket.socket:
        connection = socket.create_connection((self._place.address, self._place.port), timeout)
        if self._place.security != "tls":
            return connection
        return self._context.wrap_socket(connection, server_hostname=self._place.host)


def look(
    place: Place,
    context: ssl.SSLContext,
    *,
    uid_validity: int | None,
    last_uid: int | None,
    since: datetime,
    largest: int,
) -> Looked:
    """Everything newer than what was read: by UID, as long as the mailbox counts as before; else since a day.

    Raises MailboxUnavailable.
    """
    try:
        connection = _Connection(place, context)
    except ssl.SSLError as error:
        raise MailboxUnavailable(f"TLS fails: {error.reason or error}. Check host, port and certificate.") from error
    except (OSError, imaplib.IMAP4.error) as error:
        raise MailboxUnavailable(f"No connection to {place.host}:{place.port}: {_told(error)}.") from error
    try:
        if place.security == "starttls":
            connection.starttls(context)
        try:
            connection.login(place.username, place.password)
        except imaplib.IMAP4.error:
            raise MailboxUnavailable("The server refuses name or password. Give them again.") from None
        return _read(connection, place.folder, uid_validity, last_uid, since, largest)
    except ssl.SSLError as error:
        raise MailboxUnavailable(f"TLS fails: {error.reason or error}. Check host and certificate.") from error
    except (OSError, imaplib.IMAP4.error, ValueError) as error:
        raise MailboxUnavailable(f"The conversation with the server failed: {_told(error)}.") from error
    finally:
        _leave(connection)


def _read(
    connection: _Connection, folder: str, known: int | None, last_uid: int | None, since: datetime, largest: int
) -> Looked:
    answer, _ = connection.select(f'"{folder}"', readonly=True)
    if answer != "OK":
        raise MailboxUnavailable(f"There is no folder {folder!r} in this mailbox.")
    validity = int(_only(connection.response("UIDVALIDITY")[1]))
    read = last_uid if last_uid is not None and validity == known else 0
    day = since - timedelta(days=1)  # the server's days are of a zone of its own
    asked = f"UID {read + 1}:*" if read else f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}"
    _, found = connection.uid("SEARCH", asked)
    # `n:*` always gives the last message, however small its number.
    uids = sorted(uid for uid in map(int, (found[0] or b"").split()) if uid > read)
    messages: list[Fetched] = []
    taken = 0
    for uid in uids[:MOST_MESSAGES]:
        received_at, size = _described(connection, uid)
        if messages and taken + size > MOST_BYTES:
            break
        raw = _body(connection, uid) if size <= largest else None
        taken += len(raw or b"")
        messages.append(Fetched(uid, received_at, size, raw))
    newest = messages[-1].uid if messages else read
    return Looked(validity, newest, messages, complete=len(messages) == len(uids))


def _described(connection: _Connection, uid: int) -> tuple[datetime, int]:
    _, data = connection.uid("FETCH", str(uid), "(INTERNALDATE RFC822.SIZE)")
    text = b" ".join(part if isinstance(part, bytes) else b" ".join(part) for part in data if part).decode("latin-1")
    date, size = re.search(r'INTERNALDATE "([^"]+)"', text), re.search(r"RFC822\.SIZE (\d+)", text)
    if date is None or size is None:
        raise ValueError(f"the server does not describe message {uid}")
    return parsedate_to_datetime(date.group(1).strip()).astimezone(UTC), int(size.group(1))


def _body(connection: _Connection, uid: int) -> bytes:
    _, data = connection.uid("FETCH", str(uid), "(BODY.PEEK[])")
    for part in data:
        if isinstance(part, tuple):
            return bytes(part[1])
    raise ValueError(f"the server does not give message {uid}")


def _only(data: Any) -> bytes:
    if not data or data[0] is None:
        raise ValueError("the server does not say its UIDVALIDITY")
    return bytes(data[0])


def _leave(connection: _Connection) -> None:
    try:
        connection.logout()
    except (OSError, imaplib.IMAP4.error):
        connection.shutdown()


def _told(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(char for char in text if char.isprintable())[:200]
