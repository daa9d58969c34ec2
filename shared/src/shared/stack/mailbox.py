"""A mail server that delivers into a folder: what the services send can be read, and nothing leaves the machine."""

import asyncio
import itertools
import os
import sys
import time
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP

from shared.stack.folders import DataFolder, cannot_write
from shared.stack.ports import LOOPBACK, free_ports, is_free
from shared.stack.problems import StackProblem
from shared.stack.processes import ChildProcess
from shared.stack.waiting import Patience


class Mailbox:
    """The mail server as a process of its own."""

    def __init__(self, folder: DataFolder, *, port: int | None = None) -> None:
        """`port` is used when it is free; otherwise the operating system chooses."""
        self.folder = folder.path / "mail"
        self.port = port if port and is_free(port) else free_ports(1)[0]
        self.process: ChildProcess | None = None
        self._log = folder.logs / "mail.log"

    def start(self, patience: Patience) -> None:
        """Start it and wait until it listens. Raises StackProblem when it does not."""
        try:
            self.folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.folder, error) from error
        self.process = ChildProcess(
            "the mailbox",
            [sys.executable, "-m", "shared.stack.mailbox", str(self.port), str(self.folder)],
            log=self._log,
            environment={name: value for name, value in os.environ.items() if not name.startswith("UPHELD_")},
        )
        self.process.start()
        deadline = time.monotonic() + patience.seconds
        while is_free(self.port):
            if not self.process.running or time.monotonic() > deadline:
                raise StackProblem(f"The mailbox cannot start on port {self.port}; see {self._log}.")
            patience.pause(0.03)

    def stop(self) -> None:
        """Stop it."""
        if self.process is not None:
            self.process.stop(2.0)


class _Deliver:
    """Writes each message to a file of its own: `0001.eml`, `0002.eml` …"""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        taken = [int(file.stem) for file in folder.glob("*.eml") if file.stem.isdigit()]
        self._numbers = itertools.count(max(taken, default=0) + 1)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        header = f"X-Envelope-To: {', '.join(envelope.rcpt_tos)}\r\n".encode()
        file = self._folder / f"{next(self._numbers):04d}.eml"
        half = file.with_suffix(".part")
        try:
            half.write_bytes(header + bytes(envelope.content))
            half.replace(file)  # whoever watches the folder never reads half a message
        except OSError as error:
            return f"452 {error.strerror}"
        return "250 Delivered into the folder"


def serve(port: int, folder: Path) -> None:
    """Receive mail until the process is told to stop."""
    loop = asyncio.new_event_loop()
    handler = _Deliver(folder)
    loop.run_until_complete(loop.create_server(lambda: SMTP(handler, hostname="upheld.local"), LOOPBACK, port))
    loop.run_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]))
