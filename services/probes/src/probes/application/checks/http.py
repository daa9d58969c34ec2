"""HTTP checks: what is asked for, and what counts as good."""

from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import Field, StrictBool, StringConstraints, field_validator, model_validator

from probes.application.checks.assertions import (
    MOST_ASSERTIONS,
    OF_THE_BODY,
    Assertion,
    ContentHash,
    HeaderName,
    JsonPath,
)
from probes.application.checks.base import Configuration
from probes.application.checks.secrets import (
    HIDDEN,
    basic_credentials,
    secrets_of,
    split_credentials,
    without_credentials,
)
from shared.web_addresses import as_requested

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
WebAddress = Annotated[str, StringConstraints(min_length=1, max_length=2000)]
HeaderValue = Annotated[str, StringConstraints(max_length=4000, pattern=r"^[^\x00\r\n]*$")]
Secret = Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[^\x00\r\n]*$")]
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


class BasicAuthentication(Configuration):
    """A name and a password (RFC 7617)."""

    type: Literal["basic"]
    username: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00\r\n:]*$")]
    password: Secret


class BearerAuthentication(Configuration):
    """A token (RFC 6750)."""

    type: Literal["bearer"]
    token: Annotated[str, StringConstraints(min_length=1, max_length=4000, pattern=r"^[!-~]*$")]


Authentication: TypeAlias = Annotated[BasicAuthentication | BearerAuthentication, Field(discriminator="type")]


class Identity(Configuration):
    """As whom to ask. A redirect to another origin takes no credentials along, and no body."""

    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict, max_length=30)
    authentication: Authentication | None = None

    @field_validator("headers")
    @classmethod
    def _leaves_the_exchange_alone(cls, headers: dict[str, str]) -> dict[str, str]:
        reserved = sorted(name for name in headers if name.lower() in RESERVED_HEADERS)
        if reserved:
            raise ValueError(f"{', '.join(reserved)} cannot be set: the exchange decides it")
        return headers

    @model_validator(mode="after")
    def _has_real_secrets(self) -> Self:
        if any(HIDDEN in value for value in (*self.headers.values(), *self._credentials())):
            raise ValueError("a hidden secret was given back: give it in full")
        if self.authentication is not None and any(name.lower() == "authorization" for name in self.headers):
            raise ValueError("give authentication or an Authorization header, not both")
        return self

    def _credentials(self) -> tuple[str, ...]:
        match self.authentication:
            case BasicAuthentication(username=username, password=password):
                return password, basic_credentials(username, password)
            case BearerAuthentication(token=token):
                return (token,)
            case None:
                return ()


class WebRequest(Identity):
    """Whom to ask, as whom."""

    url: WebAddress

    @field_validator("url")
    @classmethod
    def _is_a_web_address(cls, url: str) -> str:
        try:
            as_requested(url)
        except ValueError as error:
            raise ValueError(f"is not an http or https address that can be asked for: it {error}") from None
        return url

    @property
    def address(self) -> str:
        """What is looked at, for people: without what is nobody's business."""
        return without_credentials(self.url)

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must not turn up in what is kept of an answer, the longest first."""
        in_address = split_credentials(self.url)[1]
        return secrets_of(self.headers, *self._credentials(), *([in_address] if in_address else []))


class Exchange(Configuration):
    """What to ask for, and which answers are good."""

    method: Method = "GET"
    body: Annotated[str, StringConstraints(max_length=65_536)] | None = Field(
        default=None,
        description="sent as JSON if it is that, else as text, unless a Content-Type header says so",
    )
    accepted_status: tuple[StatusRange, ...] = Field(
        default=(StatusRange(lowest=200, highest=399),), min_length=1, max_length=20
    )
    follow_redirects: StrictBool = True
    profile: Literal["desktop", "mobile"] | None = Field(
        default=None, description="whose browser to ask as; null: as what we are"
    )
    assertions: tuple[Assertion, ...] = Field(default=(), max_length=MOST_ASSERTIONS)

    @field_validator("assertions")
    @classmethod
    def _watches_one_region(cls, assertions: tuple[Assertion, ...]) -> tuple[Assertion, ...]:
        if sum(isinstance(each, ContentHash) and each.expected is None for each in assertions) > 1:
            raise ValueError("one content_hash without an expected hash is enough: add a monitor for another region")
        return assertions

    @model_validator(mode="after")
    def _has_a_real_body(self) -> Self:
        if self.body is not None and HIDDEN in self.body:
            raise ValueError("a hidden secret was given back: give it in full")
        return self

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.method == "HEAD" and self.needs_body:
            raise ValueError("an answer to HEAD has no body to assert anything about")
        if self.body is not None and self.method in ("GET", "HEAD", "OPTIONS"):
            raise ValueError(f"{self.method} sends no body")
        return self

    @property
    def needs_body(self) -> bool:
        """Whether the body must be kept, and not only read."""
        return any(isinstance(each, OF_THE_BODY) for each in self.assertions)

    @property
    def asks_json(self) -> bool:
        """Whether an assertion may take long, however short the body is."""
        return any(isinstance(each, JsonPath) for each in self.assertions)

    def accepts(self, status: int) -> bool:
        """Whether an answer with this status is good."""
        return any(accepted.lowest <= status <= accepted.highest for accepted in self.accepted_status)


class HttpCheck(Exchange, WebRequest):
    """One request and its redirects. Good is an answer with an accepted status of which every assertion holds."""

    kind: Literal["http"] = "http"


class PageConfiguration(Exchange, Identity):
    """What the checks of several pages have in common: all of an HTTP check but the address."""

    def check_of(self, url: str) -> HttpCheck:
        """The check of one page."""
        return HttpCheck.model_validate(self.document() | {"url": url})

    def document(self) -> dict[str, Any]:
        """As it is stored: whatever is not the default."""
        return self.model_dump(mode="json", exclude_defaults=True)
