"""Checks of what speaks no HTTP: a port that answers."""

from typing import Literal

from pydantic import Field

from probes.application.checks.base import Configuration, Host, Line, Port


class TcpCheck(Configuration):
    """A port accepts a connection; when something is expected, it is what the other side says first, or in answer."""

    kind: Literal["tcp"] = "tcp"
    host: Host
    port: Port
    tls: bool = False
    send: Line | None = Field(default=None, description="a line to send, without its line break")
    expect: Line | None = Field(default=None, description="text that must occur in the first 2 KiB of the answer")

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return f"{'tls' if self.tls else 'tcp'}://{self.host}:{self.port}"
