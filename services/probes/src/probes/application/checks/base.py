"""What the configurations of all kinds of checks have in common."""

from typing import Annotated, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

HOST_PATTERN = r"^([^\s/?#@:\[\]%\x00-\x1f]+|\[[0-9a-fA-F:.]+\])$"
Host: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=253, pattern=HOST_PATTERN)]
"""A host name (also internationalised), or an address; an IPv6 address stands in brackets."""
Port: TypeAlias = Annotated[int, Field(strict=True, ge=1, le=65_535, json_schema_extra={"format": "int32"})]
Line: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=r"^[^\x00\r\n]*$")]
"""One line of text, without NUL and line breaks."""


class Configuration(BaseModel):
    """Immutable; an unknown key is a mistake and is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")
