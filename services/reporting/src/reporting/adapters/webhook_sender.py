"""Sending one webhook, and writing down how it went without what should not be kept."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final
from uuid import UUID

import httpx

from reporting.adapters.deliveries import Tried
from reporting.adapters.webhook_signatures import Keys, signatures
from shared.events import CONTENT_TYPE
from shared.time_source import SystemClock

SYSTEM_CLOCK = SystemClock()
EXCERPT = 2_000
"""Characters of the answer that are kept for whoever looks for the fault."""
READ_BYTES = 4 * EXCERPT
"""More of an answer is not read."""
READ_SECONDS = 2.0
"""After the status has come; the status is the answer, and its body is worth no more waiting."""
KEPT_HEADERS: Final = ("content-type", "retry-after", "server", "x-request-id")
"""Fields of an answer that are kept. Others may open the receiver's doors, such as cookies."""
HEADER_LENGTH = 200

_SECRETS = re.compile(r"(wh(?:sec|sk)_)[A-Za-z0-9+/=_-]+|((?:Bearer|Basic)\s+)[A-Za-z0-9+/=._~-]+", re.IGNORECASE)


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
        self, url: str, event_id: UUID, payload: bytes, keys: Sequence[Keys], at: datetime
    ) -> tuple[Tried, timedelta | None]:
        """One try, dated `at`, signed with each of the keys. Also returns how long the receiver asks us to wait
        (Retry-After)."""
        stamp = self._wall_clock().astimezone(UTC)
        timestamp = int(stamp.timestamp())
        headers = {
            "content-type": CONTENT_TYPE,
            "webhook-id": str(event_id),
            "webhook-timestamp": str(timestamp),
            "webhook-signature": signatures(keys, str(event_id), timestamp, payload),
        }
        started = time.perf_counter()
        status: int | None = None
        error: str | None = None
        kept: dict[str, str] | None = None
        excerpt: str | None = None
        wait: timedelta | None = None
        try:
            async with (
                asyncio.timeout(self._timeout) as deadline,
                self._http.stream("POST", url, content=payload, headers=headers, timeout=self._timeout) as response,
            ):
                status = response.status_code
                kept = _kept(response.headers)
                wait = retry_after(response.headers.get("retry-after"), stamp)
                if response.is_redirect:
                    error = "the receiver redirects; redirects are not followed, give the final address"
                end = asyncio.get_running_loop().time() + READ_SECONDS
                deadline.reschedule(min(end, deadline.when() or end))
                excerpt = await _beginning(response)
        except (TimeoutError, httpx.TimeoutException):
            error = error if status is not None else f"no complete answer within {self._timeout:g} s"
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
            error = error if status is not None else _plain(f"{type(failure).__name__}: {failure}")[:500]
        duration = round((time.perf_counter() - started) * 1000)
        return Tried(at, duration, status, error, timestamp, kept, excerpt), wait


async def _beginning(response: httpx.Response) -> str:
    """The first characters of an answer, whatever it goes on with."""
    read = b""
    async for chunk in response.aiter_raw():
        read += chunk
        if len(read) >= READ_BYTES:
            break
    return _plain(read[:READ_BYTES].decode("utf-8", "replace"))[:EXCERPT]


def _kept(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: _plain(headers[name])[:HEADER_LENGTH] for name in KEPT_HEADERS if name in headers}


def retry_after(field: str | None, now: datetime) -> timedelta | None:
    """The pause that a Retry-After field asks for, in seconds or by a date; None when it makes no sense."""
    if field is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", field.strip()):
        return timedelta(seconds=int(field))
    try:
        until = parsedate_to_datetime(field)
    except (ValueError, OverflowError):  # no date, or one with a year or a zone beyond every number
        return None
    if until.tzinfo is None:
        until = until.replace(tzinfo=UTC)
    return max(until - now, timedelta(0))


def _plain(text: str) -> str:
    """What may be kept: no NUL, which PostgreSQL takes as no text, and no secret that a receiver repeats to us."""
    return _SECRETS.sub(lambda found: f"{found[1] or found[2]}…", text.replace("\x00", "\ufffd"))
