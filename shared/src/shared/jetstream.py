"""JetStream: one connection, and streams and consumers that are declared, never assumed.

Everything declares on connect: a consumer that only binds waits for ever after the server has lost its volume.
"""

import asyncio
import contextlib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import nats
import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    RetentionPolicy,
    StorageType,
    StreamConfig,
)
from nats.js.errors import BadRequestError, NotFoundError
from pydantic import SecretStr

from shared.events import stream_of

log = structlog.get_logger()

DAY = 86_400.0
STREAM_DAYS = 30
REFUSED_SECONDS = (1.0, 30.0)
"""How long a user that the server refuses waits before it asks again: at first, and at most."""
FIRST_CONNECTION_SECONDS = 2 * REFUSED_SECONDS[1]
"""How long nats-py tries by itself to connect for the first time, before it is begun anew."""
CLOSE_SECONDS = 2.0
WRONG_LAST_SEQUENCE = 10071
"""JetStream's error code for a publish whose expected last sequence is not the stream's."""

ADVISORIES = "ADVISORIES"
ADVISORY_SUBJECTS = (
    "$JS.EVENT.ADVISORY.CONSUMER.MAX_DELIVERIES.>",
    "$JS.EVENT.ADVISORY.CONSUMER.MSG_TERMINATED.>",
)


@dataclass(frozen=True)
class StreamDeclaration:
    """A stream as we want it. `max_age` and `duplicate_window` in seconds."""

    name: str
    subjects: Sequence[str]
    max_age: float = STREAM_DAYS * DAY
    max_bytes: int = 8 * 1024**3
    duplicate_window: float = 600.0
    retention: RetentionPolicy = RetentionPolicy.LIMITS
    storage: StorageType = StorageType.FILE
    discard: DiscardPolicy = DiscardPolicy.NEW
    protected: bool = True
    """No message can be deleted, no subject purged."""

    def config(self, replicas: int) -> StreamConfig:
        return StreamConfig(
            name=self.name,
            subjects=list(self.subjects),
            retention=self.retention,
            storage=self.storage,
            discard=self.discard,
            max_age=self.max_age,
            max_bytes=self.max_bytes,
            duplicate_window=self.duplicate_window,
            num_replicas=replicas,
            deny_delete=self.protected,
            deny_purge=self.protected,
        )


def event_stream(service: str, days: int = STREAM_DAYS) -> StreamDeclaration:
    """The stream of a service's events, which keeps each for `days`.

    Full means that publishing fails and the outbox grows: nothing is dropped.
    """
    return StreamDeclaration(stream_of(service), [f"{service}.>"], max_age=days * DAY)


ADVISORY_STREAM = StreamDeclaration(
    ADVISORIES, ADVISORY_SUBJECTS, max_age=7 * DAY, max_bytes=256 * 1024**2, discard=DiscardPolicy.OLD, protected=False
)
"""Keeps the server's word that a message was given up on: as plain messages they are lost when nobody listens."""


FOR_EVER = -1
"""A `max_deliver` without end."""


@dataclass(frozen=True)
class ConsumerDeclaration:
    """A durable pull consumer. `ack_wait` in seconds."""

    stream: str
    durable: str
    filter_subjects: Sequence[str]
    ack_wait: float = 30.0
    max_deliver: int = 8
    max_ack_pending: int = 64

    def config(self) -> ConsumerConfig:
        return ConsumerConfig(
            durable_name=self.durable,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.EXPLICIT,
            ack_wait=self.ack_wait,
            max_deliver=self.max_deliver,
            max_ack_pending=self.max_ack_pending,
            filter_subjects=sorted(self.filter_subjects),
        )


async def declare_stream(js: JetStreamContext, declaration: StreamDeclaration, replicas: int = 1) -> None:
    """Creates the stream, or brings its settings to the declared ones.

    Raises nats.js.errors.BadRequestError when an immutable setting differs: that needs an operator.
    """
    config = declaration.config(replicas)
    try:
        await js.stream_info(declaration.name)
    except NotFoundError:
        try:
            await js.add_stream(config)
            return
        except BadRequestError:
            pass  # another replica was first; what follows brings it to the declared settings
    await js.update_stream(config)


async def declare_consumer(js: JetStreamContext, declaration: ConsumerDeclaration) -> int:
    """Creates the durable consumer or updates it; how many messages it has not given out yet.

    Raises NotFoundError while its stream does not exist.
    """
    info = await js.add_consumer(declaration.stream, declaration.config())
    return int(info.num_pending or 0)


def inbox_prefix(user: str | None) -> str:
    """Where a user gets answers and pulled messages: `_INBOX_contracts`; NATS's own `_INBOX` without a user.

    The server lets a user subscribe to its own inbox only (shared.stack.nats_server): what others pull is not for it.
    """
    return f"_INBOX_{user}" if user else "_INBOX"


async def connect(url: SecretStr | str, name: str, *, ca_file: Path | None = None) -> Client:
    """A connection that waits for the server as long as it takes and says each change in one log line.

    With `tls://` the server's certificate must be one of the authorities in `ca_file` (PEM; None: the machine's). A
    server that refuses the user is asked again, less and less often: a key that was revoked may be none tomorrow.

    Without callbacks of our own nats-py prints a traceback at every disconnect.
    """
    address = url.get_secret_value() if isinstance(url, SecretStr) else url
    wait_when_refused = REFUSED_SECONDS[0]

    async def error(problem: Exception) -> None:
        nonlocal wait_when_refused
        if not _is_refusal(problem):
            log.warning("nats_error", connection=name, error=_short(problem))
            return
        log.error("nats_refuses_user", connection=name, user=_user_of(address), next_try_seconds=wait_when_refused)
        await asyncio.sleep(wait_when_refused)  # nats-py waits for us before it tries again
        wait_when_refused = min(2 * wait_when_refused, REFUSED_SECONDS[1])

    async def disconnected() -> None:
        log.warning("nats_disconnected", connection=name)

    async def reconnected() -> None:
        nonlocal wait_when_refused
        wait_when_refused = REFUSED_SECONDS[0]
        log.info("nats_reconnected", connection=name)

    options: dict[str, Any] = {
        "name": name,
        "inbox_prefix": inbox_prefix(_user_of(address)),
        "max_reconnect_attempts": -1,
        "reconnect_time_wait": 0.25,
        "connect_timeout": 5,
        "ping_interval": 10,
        "max_outstanding_pings": 2,
        "error_cb": error,
        "disconnected_cb": disconnected,
        "reconnected_cb": reconnected,
        "pending_size": 0,  # while disconnected, publishing fails at once instead of being buffered and then lost
    }
    if address.startswith("tls://"):
        # First TLS, then a word: otherwise whoever sits between says that there is no TLS, and gets the password.
        options |= {"tls": ssl.create_default_context(cafile=ca_file), "tls_handshake_first": True}
    wait = 0.05
    while True:
        client = Client()
        try:
            # nats-py waits for ever for the end of a first connection whose TLS handshake failed.
            async with asyncio.timeout(FIRST_CONNECTION_SECONDS):
                await client.connect(address, allow_reconnect=True, **options)
                return client
        except asyncio.CancelledError:
            await close(client)
            raise
        except (OSError, nats.errors.Error, TimeoutError) as problem:
            await close(client)
            log.warning("nats_unreachable", connection=name, error=_short(problem))
            await asyncio.sleep(wait)
            wait = min(wait * 2, 2.0)


async def close(client: Client) -> None:
    """Ends a connection that stands, or what there is of one that never stood: else its socket stays open.

    Not for ever: nats-py waits without end for the last word of a server that says none.
    """
    with contextlib.suppress(Exception):
        await asyncio.wait_for(client.close(), CLOSE_SECONDS)


def _user_of(address: str) -> str | None:
    """The user of `nats://user:password@host`. A name without a password is a token, which is told to nobody."""
    parts = urlsplit(address)
    return parts.username if parts.password else None


def _is_refusal(problem: Exception) -> bool:
    return "authorization violation" in str(problem).lower()


def _short(problem: BaseException) -> str:
    return f"{type(problem).__name__}: {problem}"[:300]
