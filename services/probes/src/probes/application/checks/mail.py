"""Checks of mail servers: they greet, say what they can do, and secure the connection. Nobody logs in or sends mail."""

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from probes.application.checks.base import Configuration, Host, Line, Port

Security: TypeAlias = Literal["none", "starttls", "tls"]


class _MailCheck(Configuration):
    PORT: ClassVar[int]
    SECURE_PORT: ClassVar[int]

    host: Host
    port: Port | None = Field(default=None, description="left out, the usual one of the protocol and its security")
    security: Security = Field(
        default="starttls", description="none; secured on request (starttls); or from the first byte (tls)"
    )
    expect: Line | None = Field(default=None, description="text that must occur in the greeting")

    @property
    def effective_port(self) -> int:
        """The port that is connected to."""
        return self.port or (self.SECURE_PORT if self.security == "tls" else self.PORT)


class SmtpCheck(_MailCheck):
    """A mail server takes part in SMTP: greeting, EHLO, and a certificate that is good when it is secured."""

    PORT: ClassVar[int] = 25
    SECURE_PORT: ClassVar[int] = 465

    kind: Literal["smtp"] = "smtp"

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return f"{'smtps' if self.security == 'tls' else 'smtp'}://{self.host}:{self.effective_port}"


class ImapCheck(_MailCheck):
    """A mailbox server takes part in IMAP: greeting, CAPABILITY, and a certificate that is good when it is secured."""

    PORT: ClassVar[int] = 143
    SECURE_PORT: ClassVar[int] = 993

    kind: Literal["imap"] = "imap"

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return f"{'imaps' if self.security == 'tls' else 'imap'}://{self.host}:{self.effective_port}"
