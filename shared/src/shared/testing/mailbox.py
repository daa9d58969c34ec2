"""A real SMTP server on loopback that keeps what it receives: for tests, and for mails of the embedded stack."""

import logging
import threading
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Self

from aiosmtpd.controller import Controller

from shared.stack.ports import free_ports

# Its log of every connection would land in the output of whatever else a test runs in this process.
logging.getLogger("mail.log").setLevel(logging.WARNING)


class Mailbox:
    """Accepts every mail. `messages` holds them in order; with a folder, each is also written there as `0001.eml`."""

    def __init__(self, *, port: int | None = None, folder: Path | None = None) -> None:
        self.messages: list[EmailMessage] = []
        self._folder = folder
        self._arrived = threading.Condition()
        # aiosmtpd connects to its own port to see that it listens, so that "any port" cannot be asked of it.
        self.port = free_ports(1)[0] if port is None else port
        self._controller = Controller(self, hostname="127.0.0.1", port=self.port, ready_timeout=10)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (aiosmtpd's name)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        with self._arrived:
            self.messages.append(message)
            if self._folder is not None:
                name = f"{len(self.messages):04d}.eml"
                self._folder.joinpath(name).write_bytes(envelope.content)
            self._arrived.notify_all()
        return "250 kept"

    def wait_for(self, count: int, seconds: float = 20.0) -> list[EmailMessage]:
        """The messages once there are `count` of them. Raises TimeoutError when they do not come."""
        with self._arrived:
            if not self._arrived.wait_for(lambda: len(self.messages) >= count, timeout=seconds):
                raise TimeoutError(f"{len(self.messages)} of {count} mails arrived within {seconds:g} s")
            return list(self.messages)

    def __enter__(self) -> Self:
        self._controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._controller.stop()
