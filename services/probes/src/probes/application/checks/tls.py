"""TLS checks: whether a server's certificate is good, and for how long."""

from typing import Annotated, Literal

from pydantic import Field

from probes.application.checks.base import Configuration, Host, Port
from probes.domain.certificates import DEFAULT_WARN_DAYS

WarnDays = Annotated[int, Field(strict=True, ge=1, le=3650, json_schema_extra={"format": "int32"})]
Thresholds = Annotated[tuple[WarnDays, ...], Field(min_length=1, max_length=10)]
"""Days before an expiry at which somebody is told, each once."""


class TlsCheck(Configuration):
    """The certificate that a server presents is good for its name, now; only the handshake is made."""

    kind: Literal["tls"] = "tls"
    host: Host
    port: Port = 443
    server_name: Host | None = Field(
        default=None, description="the name that is asked for and must be in the certificate; left out, the host"
    )
    protocol: Literal["tls", "smtp", "imap"] = Field(
        default="tls", description="how the connection begins: secured at once, or with STARTTLS of SMTP or IMAP"
    )
    warn_days: Thresholds = DEFAULT_WARN_DAYS
    minimum_version: Literal["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"] = Field(
        default="TLSv1.2", description="a server that agrees on less is weak"
    )

    @property
    def name(self) -> str:
        """What the certificate must be for."""
        return self.server_name or self.host

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return f"{self.protocol}://{self.host}:{self.port}"
