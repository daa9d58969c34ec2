"""Looking into a mailbox by IMAP (RFC 9051 and its forerunner): what is new, without changing anything in it.

The library blocks, so that a look runs in a thread. The name is resolved and checked before; the socket goes to the
checked address, and TLS still asks for a certificate of the name. Whoever names a mailbox may run its server too: what
one look takes in and how long it lasts are limited by us, whatever the server announces.
"""

import imaplib
import re
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from threading import Timer
from typing import Any

STEP_SECONDS = 30.0
FETCHING_SECONDS = 60.0
"""After that no other message is begun; the rest is for the next look."""
LOOK_SECONDS = 150.0
"""Then the connection is cut: a server that gives a byte now and then would keep its thread for ever."""
MOST_MESSAGES = 20
MOST_BYTES = 32 * 1024 * 1024
"""What one look fetches at most; the rest is for the next one, which follows at once."""
MOST_RECEIVED = 2 * MOST_BYTES
"""Bytes of a whole look, with whatever the server says besides."""
SLACK = 1024 * 1024
"""By how much a message may be larger than mails may be and still be read, to be refused by its real size."""

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
    """With an end in time and in bytes. `leave` it whatever happens."""

    def __init__(self, place: Place, context: ssl.SSLContext, seconds: float, largest: int) -> None:
        self._place = place
        self._context = context
        self._left = MOST_RECEIVED
        self._largest = largest + SLACK
        self._ours: socket.socket | None = None
        self._end = Timer(seconds, self._cut)
        self._end.daemon = True
        self._end.start()
        try:
            super().__init__(place.host, place.port, STEP_SECONDS)
        except BaseException:
            self._forget()
            raise

    def _create_socket(self, timeout: float | None) -> socket.socket:
        connection = socket.create_connection((self._place.address, self._place.port), timeout=timeout)
        self._ours = connection.dup()  # TLS takes the socket over; this handle stays ours
        if self._place.security != "tls":
            return connection
        return self._context.wrap_socket(connection, server_hostname=self._place.host)

    def read(self, size: int) -> bytes:
        if size > self._largest:  # several looks go on at once: what one may hold is what a mail may be
            raise ValueError("the server sends more than it said the message is")
        self._take(size)  # before a byte of it is read: memory for all of it would be asked for at once
        return super().read(size)

    def readline(self) -> bytes:
        line = super().readline()
        self._take(len(line))
        return line

    def leave(self) -> None:
        """Says goodbye, if the server listens, and closes."""
        try:
            self.logout()
        except (OSError, imaplib.IMAP4.error, ValueError):
            with suppress(OSError):
                self.shutdown()
        finally:
            self._forget()

    def _take(self, size: int) -> None:
        self._left -= size
        if self._left < 0:
            raise ValueError(f"the server sends more than {MOST_RECEIVED // 1024 // 1024} MiB at one look")

    def _cut(self) -> None:
        if self._ours is not None:
            with suppress(OSError):  # it is closed already
                self._ours.shutdown(socket.SHUT_RDWR)

    def _forget(self) -> None:
        self._end.cancel()
        if self._ours is not None:
            self._ours.close()


def look(
    place: Place,
    context: ssl.SSLContext,
    *,
    uid_validity: int | None,
    last_uid: int | None,
    since: datetime,
    largest: int,
    seconds: float = LOOK_SECONDS,
) -> Looked:
    """Everything newer than what was read: by UID, as long as the mailbox counts as before; else since a day.

    Takes no longer than so many seconds. Raises MailboxUnavailable.
    """
    try:
        connection = _Connection(place, context, seconds, largest)
    except ssl.SSLError as error:
        raise MailboxUnavailable(f"TLS fails: {error.reason or error}. Check host, port and certificate.") from error
    except (OSError, imaplib.IMAP4.error, ValueError) as error:
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
        connection.leave()


def _read(
    connection: _Connection, folder: str, known: int | None, last_uid: int | None, since: datetime, largest: int
) -> Looked:
    answer, _ = connection.select(f'"{folder}"', readonly=True)
    if answer != "OK":
        raise MailboxUnavailable(f"There is no folder {folder!r} in this mailbox.")
    validity = _uid(_only(connection.response("UIDVALIDITY")[1]))
    read = last_uid if last_uid is not None and validity == known else 0
    day = since - timedelta(days=1)  # the server's days are of a zone of its own
    asked = f"UID {read + 1}:*" if read else f"SINCE {day.day}-{_MONTHS[day.month - 1]}-{day.year}"
    _, found = connection.uid("SEARCH", asked)
    # `n:*` always gives the last message, however small its number.
    uids = sorted(uid for uid in map(_uid, (found[0] or b"").split()) if uid > read)
    messages: list[Fetched] = []
    taken = 0
    began = time.monotonic()
    for uid in uids[:MOST_MESSAGES]:
        if messages and time.monotonic() - began > FETCHING_SECONDS:
            break
        received_at, size = _described(connection, uid)
        if messages and taken + size > MOST_BYTES:
            break
        raw = _body(connection, uid) if size <= largest else None
        if raw is not None and len(raw) > largest:  # the server said less
            raw = None
        taken += len(raw or b"")
        messages.append(Fetched(uid, received_at, size, raw))
    newest = messages[-1].uid if messages else read
    return Looked(validity, newest, messages, complete=len(messages) == len(uids))


def _uid(told: bytes) -> int:
    """Raises ValueError beyond what RFC 9051 lets a UID be, and our columns hold."""
    uid = int(told)
    if not 0 < uid < 2**32:
        raise ValueError("the server counts its messages as none may")
    return uid


def _described(connection: _Connection, uid: int) -> tuple[datetime, int]:
    _, data = connection.uid("FETCH", str(uid), "(INTERNALDATE RFC822.SIZE)")
    text = b" ".join(part if isinstance(part, bytes) else b" ".join(part) for part in data if part).decode("latin-1")
    date, size = re.search(r'INTERNALDATE "([^"]+)"', text), re.search(r"RFC822\.SIZE (\d+)", text)
    if date is None or size is None:
        raise ValueError(f"the server does not describe message {uid}")
    try:
        return parsedate_to_datetime(date.group(1).strip()).astimezone(UTC), int(size.group(1))
    except OverflowError as error:
        raise ValueError(f"the server dates message {uid} beyond all years") from error


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


def _told(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(char for char in text if char.isprintable())[:200]
