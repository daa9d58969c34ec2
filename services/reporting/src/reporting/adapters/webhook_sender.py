"""Sending one webhook: Standard Webhooks signatures over exactly the bytes that are sent."""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from uuid import UUID

import httpx
from standardwebhooks import Webhook as Signer

from reporting.adapters.deliveries import Tried
from shared.events import CONTENT_TYPE
from shared.time_source import SystemClock

SYSTEM_CLOCK = SystemClock()
EXCERPT = 2_000
"""Characters of the answer that are kept for whoever looks for the fault."""


class WebhookSender:
    """Sends over the guarded client, and says how it went; never raises for what a receiver does.

    Which addresses may be reached, and whether without TLS, is the client's to say, where it connects.
    """

    def __init__(
        self,
        http: httpx.AsyncClient,
        *,
        timeout_seconds: float,
        wall_clock: Callable[[], datetime] = SYSTEM_CLOCK.now,
    ) -> None:
        """`wall_clock` dates the signature. It is the real time even where the clock of the stack is shifted: the
        receiver compares it with its own."""
        self._http = http
        self._timeout = timeout_seconds
        self._wall_clock = wall_clock

    async def send(
        self, url: str, event_id: UUID, payload: bytes, secrets: Sequence[str], at: datetime
    ) -> tuple[Tried, timedelta | None]:
        """One try, dated `at`. Also returns how long the receiver asks us to wait (Retry-After)."""
        stamp = self._wall_clock().astimezone(UTC)
        text = payload.decode()
        headers = {
            "content-type": CONTENT_TYPE,
            "webhook-id": str(event_id),
            "webhook-timestamp": str(int(stamp.timestamp())),
            "webhook-signature": " ".join(Signer(secret).sign(str(event_id), stamp, text) for secret in secrets),
        }
        started = time.perf_counter()
        status: int | None = None
        error: str | None = None
        excerpt: str | None = None
        wait: timedelta | None = None
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._http.post(url, content=payload, headers=headers)
            status = response.status_code
            excerpt = _plain(response.content.decode("utf-8", "replace")[:EXCERPT])
            wait = retry_after(response.headers.get("retry-after"), stamp)
            if response.is_redirect:
                error = "the receiver redirects; redirects are not followed, give the final address"
        except TimeoutError:
            error = f"no complete answer within {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            error = _plain(f"{type(failure).__name__}: {failure}")[:500]
        duration = round((time.perf_counter() - started) * 1000)
        return Tried(at, duration, status, error, excerpt), wait


def retry_after(field: str | None, now: datetime) -> timedelta | None:
    """The pause that a Retry-After field asks for, in seconds or by a date; None when it makes no sense."""
    if field is None:
        return None
    if re.fullmatch(r"\d{1,9}", field.strip()):
        return timedelta(seconds=int(field))
    try:
        until = parsedate_to_datetime(field)
    except ValueError:
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(until - now, timedelta(0))


def _plain(text: str) -> str:
    """What can be stored as text: PostgreSQL takes no NUL."""
    return text.replace("\x00", "\ufffd")
