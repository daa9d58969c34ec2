"""HTTP checks: what is asked for, and what counts as good."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints, field_validator, model_validator

from probes.application.checks.base import Configuration
from probes.domain.monitors import is_web_address

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
WebAddress = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
HeaderName = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
HeaderValue = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00\r\n]*$")]
Status = Annotated[int, Field(strict=True, ge=100, le=599, json_schema_extra={"format": "int32"})]
RESERVED_HEADERS = frozenset({"connection", "content-length", "host", "te", "trailer", "transfer-encoding", "upgrade"})
"""What the exchange itself decides."""


class StatusRange(Configuration):
    """Statuses from `lowest` to `highest`, both included."""

    lowest: Status
    highest: Status

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.lowest > self.highest:
            raise ValueError("lowest must not exceed highest")
        return self


class HttpCheck(Configuration):
    """One request and its redirects. Good is an answer with an accepted status."""

    kind: Literal["http"] = "http"
    url: WebAddress
    method: Method = "GET"
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=30)
    body: Annotated[str, StringConstraints(max_length=65_536)] | None = None
    accepted_status: tuple[StatusRange, ...] = Field(
        default=(StatusRange(lowest=200, highest=399),), min_length=1, max_length=20
    )
    follow_redirects: bool = True

    @field_validator("url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        if not is_web_address(url):
            raise ValueError("is not an http or https address")
        return url

    @field_validator("headers")
    @classmethod
    def _leaves_the_exchange_alone(cls, headers: dict[str, str]) -> dict[str, str]:
        reserved = sorted(name for name in headers if name.lower() in RESERVED_HEADERS)
        if reserved:
            raise ValueError(f"{', '.join(reserved)} cannot be set: the exchange decides it")
        return headers

    @property
    def address(self) -> str:
        """What is looked at, for people."""
        return self.url

    def accepts(self, status: int) -> bool:
        """Whether an answer with this status is good."""
        return any(accepted.lowest <= status <= accepted.highest for accepted in self.accepted_status)
