"""What can be asserted about an HTTP answer besides its status."""

from datetime import timedelta
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import (
    Field,
    StrictBool,
    StrictFloat,
    StrictInt,
    StrictStr,
    StringConstraints,
    field_validator,
    model_validator,
)

from probes.application.checks.base import Configuration, Line
from shared.json_path import query_of
from shared.patterns import compiled

BODY_LIMIT = 1024 * 1024
"""Bytes of a decompressed body that are read; assertions see no more."""
MOST_ASSERTIONS = 20

Text: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=1000, pattern=r"^[^\x00]*$")]
HeaderName: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$")]
Sha256: TypeAlias = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ByteCount: TypeAlias = Annotated[int, Field(strict=True, ge=0, le=BODY_LIMIT, json_schema_extra={"format": "int32"})]
Scalar: TypeAlias = (
    StrictBool
    | StrictInt
    | Annotated[StrictFloat, Field(allow_inf_nan=False)]
    | Annotated[StrictStr, StringConstraints(max_length=1000)]
    | None
)


class Keyword(Configuration):
    """A text occurs in the body, or does not."""

    type: Literal["keyword"]
    text: Text
    present: StrictBool = True
    match_case: StrictBool = True


class Pattern(Configuration):
    """A regular expression (RE2) finds something in the body, or does not."""

    type: Literal["regex"]
    pattern: Text
    present: StrictBool = True
    match_case: StrictBool = True

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        compiled(pattern)
        return pattern


class JsonPath(Configuration):
    """What a JSONPath (RFC 9535) selects from the body.

    All that is selected must fulfil the condition, and something must be selected; `absent` is that nothing is.
    `equals` compares as JSON does (true is not 1); `contains` is about parts of texts, elements of arrays and names of
    objects; `matches` takes a regular expression; `greater` and `less` compare numbers.
    """

    type: Literal["json_path"]
    path: Text
    condition: Literal["exists", "absent", "equals", "contains", "matches", "greater", "less"] = "exists"
    value: Scalar = None

    @field_validator("path")
    @classmethod
    def _is_a_path(cls, path: str) -> str:
        query_of(path)
        return path

    @model_validator(mode="after")
    def _has_the_value_it_needs(self) -> Self:
        if self.condition in ("exists", "absent") and self.value is not None:
            raise ValueError(f"{self.condition} takes no value")
        if self.condition == "contains" and self.value is None:
            raise ValueError("contains needs a value")
        if self.condition == "matches":
            _check_pattern(self.value)
        if self.condition in ("greater", "less") and (
            isinstance(self.value, bool) or not isinstance(self.value, int | float)
        ):
            raise ValueError(f"{self.condition} needs a number as value")
        return self


class Header(Configuration):
    """A header of the last answer. One that came several times is all its values with commas between them."""

    type: Literal["header"]
    name: HeaderName
    condition: Literal["exists", "absent", "equals", "contains", "matches"] = "exists"
    value: Line | None = None

    @model_validator(mode="after")
    def _has_the_value_it_needs(self) -> Self:
        if (self.value is None) != (self.condition in ("exists", "absent")):
            raise ValueError(f"{self.condition} {'needs a' if self.value is None else 'takes no'} value")
        if self.condition == "matches":
            _check_pattern(self.value)
        return self


class Size(Configuration):
    """The decompressed body has so many bytes."""

    type: Literal["size"]
    at_least: ByteCount | None = None
    at_most: Annotated[int, Field(strict=True, ge=0, lt=BODY_LIMIT, json_schema_extra={"format": "int32"})] | None = (
        None
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("at_least or at_most is needed")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least must not exceed at_most")
        return self


class ContentHash(Configuration):
    """The body, or the region between two texts in it, is what it was: against defacement.

    White space counts as one blank, however much of it there is. Without an expected hash a change is no failure: it
    is told, as an event of its own.
    """

    type: Literal["content_hash"]
    after: Text | None = Field(default=None, description="the region begins behind the first occurrence of this text")
    before: Text | None = Field(default=None, description="and ends before the next occurrence of this one")
    expected: Sha256 | None = Field(default=None, description="SHA-256 of the region as UTF-8, white space collapsed")


class ResponseTime(Configuration):
    """The check, or one phase of it, took no longer than this. Phases are summed over the hops of a redirect."""

    type: Literal["response_time"]
    phase: Literal["total", "name_lookup", "connect", "tls", "first_byte"] = "total"
    at_most_ms: Annotated[int, Field(strict=True, ge=1, le=300_000, json_schema_extra={"format": "int32"})]


SecurityHeader: TypeAlias = Literal[
    "strict_transport_security",
    "content_security_policy",
    "no_sniff",
    "frame_protection",
    "referrer_policy",
    "permissions_policy",
]


class SecurityHeaders(Configuration):
    """The last answer carries the headers that protect its visitors, with values that do protect.

    Strict-Transport-Security counts over HTTPS only (RFC 6797, 8.1); frames are refused by X-Frame-Options or by the
    policy's frame-ancestors.
    """

    type: Literal["security_headers"]
    required: tuple[SecurityHeader, ...] = Field(
        default=("strict_transport_security", "content_security_policy", "no_sniff", "frame_protection"),
        min_length=1,
        max_length=6,
    )
    at_least_hsts_seconds: Annotated[
        int, Field(strict=True, ge=1, le=100_000_000, json_schema_extra={"format": "int32"})
    ] = int(timedelta(days=180).total_seconds())


Assertion: TypeAlias = Annotated[
    Keyword | Pattern | JsonPath | Header | Size | ContentHash | ResponseTime | SecurityHeaders,
    Field(discriminator="type"),
]
OF_THE_BODY = (Keyword, Pattern, JsonPath, ContentHash)
"""Assertions for which the body is kept. Its size is known anyway."""


def _check_pattern(value: object) -> None:
    if not isinstance(value, str) or not value:
        raise ValueError("matches needs a regular expression as value")
    try:
        compiled(value)
    except ValueError as error:
        raise ValueError(f"value {error}") from None
