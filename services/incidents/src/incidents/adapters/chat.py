"""Sends a message to a channel through Apprise: in threads of our own, fenced in, with an end."""

import asyncio
import logging
import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Network, IPv6Network
from threading import get_ident
from typing import Final

from incidents.adapters.channel_addresses import UnusableAddressError, check_address, guard_of, plugin_of
from incidents.adapters.fence import Fence

AT_ONCE: Final = 16
SEND_SECONDS: Final = 30.0
"""For one message, from waiting for a thread to the service's last word; less than the lease of its row."""
LONGEST_ERROR: Final = 500

_apprise = logging.getLogger("apprise")


class ChannelRefusedError(Exception):
    """The message can never be delivered at this address; trying again does not help."""


class ChannelDelayedError(Exception):
    """The service did not take the message now; try again later."""


class _Said(logging.Handler):
    """What Apprise says while a thread is inside a stay; it gives no other reason. It never goes to our log."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        lines = self._lines.get(record.thread or 0)
        if lines is not None:
            lines.append(record.getMessage())

    def listen(self, thread: int) -> list[str]:
        return self._lines.setdefault(thread, [])

    def forget(self, thread: int) -> None:
        self._lines.pop(thread, None)


_SAID: Final = _Said()


class Chat:
    """Threads that send. One per process; a service that does not answer keeps at most its own thread busy."""

    def __init__(self, allowed_networks: Iterable[IPv4Network | IPv6Network]) -> None:
        self._allowed = tuple(allowed_networks)
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="channel")
        # Addresses are secrets, and both libraries write them into their logs.
        _apprise.handlers[:], _apprise.propagate = [_SAID], False
        _apprise.setLevel(logging.WARNING)
        logging.getLogger("urllib3").setLevel(logging.ERROR)

    async def send(self, url: str, title: str, body: str) -> None:
        """Returns when the service has taken the message. Raises ChannelRefusedError, ChannelDelayedError."""
        fence = Fence(guard_of(url, self._allowed))
        sending = asyncio.get_running_loop().run_in_executor(self._threads, self._send, url, title, body, fence)
        try:
            async with asyncio.timeout(SEND_SECONDS):
                said = await asyncio.shield(sending)
        except TimeoutError:
            sending.cancel()
            fence.cut()
            raise ChannelDelayedError(f"no complete answer within {SEND_SECONDS:g} s") from None
        if fence.refused is not None:
            raise ChannelRefusedError(fence.refused)
        if said is not None:
            raise ChannelDelayedError(said)

    def _send(self, url: str, title: str, body: str, fence: Fence) -> str | None:
        """In a thread: None when it was taken, else what was said instead, without anything of the address."""
        try:
            check_address(url, self._allowed)
        except UnusableAddressError as error:
            fence.refused = str(error)
            return None
        plugin = plugin_of(url)
        assert plugin is not None  # checked just now
        thread = get_ident()
        lines = _SAID.listen(thread)
        try:
            with fence:
                taken = plugin.notify(title=title, body=body, notify_type="info", body_format="text")
        except Exception as error:  # a plugin's fault with the answer of a service: not ours to end the job with
            return f"{type(error).__name__} while sending"
        finally:
            _SAID.forget(thread)
        return None if taken else without_secrets("; ".join(lines) or "the service did not take it", url)


def without_secrets(text: str, url: str) -> str:
    """The text, if no part of the address is in it; else that it is kept back."""
    parts = {part.lower() for part in re.split(r"[^A-Za-z0-9_-]+", url.partition("://")[2]) if len(part) >= 6}
    if any(part in text.lower() for part in parts):
        found = re.search(r"error=(\d{3})", text)
        text = f"the service answered {found[1]}" if found else "the service did not take it"
    return "".join(char if char.isprintable() else " " for char in text)[:LONGEST_ERROR]
