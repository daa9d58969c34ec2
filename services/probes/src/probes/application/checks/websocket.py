"""WebSocket checks: the connection is upgraded, and says what is expected of it."""

from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import Field, StringConstraints, field_validator

from probes.application.checks.assertions import HeaderName
from probes.application.checks.base import Configuration
from probes.application.checks.secrets import HIDDEN, secrets_of, without_credentials
from shared.web_addresses import as_requested

RESERVED_HEADERS = frozenset({"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"})
WEB_SOCKET = frozenset({"ws", "wss"})
RESERVED_PREFIX = "sec-websocket-"
Text = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00]*$")]


class WebSocketCheck(Configuration):
    """A server upgrades a connection to a WebSocket; when something is expected, it is in one of its first messages."""

    kind: Literal["websocket"] = "websocket"
    url: Annotated[str, StringConstraints(min_length=1, max_length=2000, pattern=r"^[^\s\x00-\x1f]+$")]
    headers: dict[HeaderName, Annotated[str, StringConstraints(max_length=4000, pattern=r"^[\t -~\x80-\xff]*$")]] = (
        Field(default_factory=dict, max_length=30)
    )
    send: Text | None = Field(default=None, description="a text message to send")
    expect: Text | None = Field(
        default=None, description="text that must occur in one of the messages, within their first 64 KiB"
    )

    @field_validator("url")
    @classmethod
    def _is_a_web_socket(cls, url: str) -> str:
        as_requested(url, WEB_SOCKET)
        parts = urlsplit(url)
        if parts.fragment or "@" in parts.netloc:
            raise ValueError("has neither a fragment nor a name and password: give those in an Authorization header")
        if HIDDEN in url:
            raise ValueError("a hidden secret was given back: give it in full")
        return url

    @field_validator("headers")
    @classmethod
    def _leaves_the_exchange_alone(cls, headers: dict[str, str]) -> dict[str, str]:
        reserved = sorted(
            name for name in headers if name.lower() in RESERVED_HEADERS or name.lower().startswith(RESERVED_PREFIX)
        )
        if reserved:
            raise ValueError(f"{', '.join(reserved)} cannot be set: the exchange decides it")
        if any(HIDDEN in value for value in headers.values()):
            raise ValueError("a hidden secret was given back: give it in full")
        return headers

    @property
    def requested(self) -> str:
        """The address as it goes over the wire."""
        return as_requested(self.url, WEB_SOCKET)

    @property
    def address(self) -> str:
        """What is looked at, for people: without what is nobody's business."""
        return without_credentials(self.url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not turn up in what is kept of an answer, the longest first."""
        return secrets_of(self.headers)
