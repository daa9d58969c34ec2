"""What the configurations of all kinds of checks have in common."""

from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from shared.web_addresses import host_as_requested

HOST_PATTERN = r"^([^\s/?#@:\[\]%\x00-\x1f]+|\[[0-9a-fA-F:.]+\])$"


def is_a_host(host: str) -> str:
    """The host, which is a name that could exist or an address. Raises ValueError."""
    try:
        host_as_requested(host)
    except ValueError:
        raise ValueError("is neither a host name nor an address") from None
    return host


Host: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=253, pattern=HOST_PATTERN), AfterValidator(is_a_host)
]
"""A host name (also internationalised), or an address; an IPv6 address stands in brackets."""
Port: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=65_535, json_schema_extra={"format": "int32"})]
Line: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00\r\n]*$")]
"""One line of text, without NUL and line breaks."""


class Configuration(BaseModel):
    """Immutable; an unknown key is a mistake and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
