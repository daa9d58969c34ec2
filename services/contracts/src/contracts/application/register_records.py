"""What the records of all registers share: whose they are, versions, and their words in both languages."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar, TypeAlias, TypeVar
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from contracts.application.register_words import Words, named
from contracts.application.values import NO_NUL, PRINTABLE, Name, Reason, Request
from contracts.domain.version_ranges import VersionRange
from shared.values import Instant

Long: TypeAlias = Annotated[str, StringConstraints(max_length=5000, pattern=NO_NUL)]
Label: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=PRINTABLE)]
"""A version as its vendor writes it, or the value of a parameter that is no secret."""


def _readable(text: str) -> str:
    VersionRange.parse(text)
    return text


RangeText: TypeAlias = Annotated[
    str, StringConstraints(min_length=1, max_length=200, pattern=PRINTABLE), AfterValidator(_readable)
]
"""A range of versions: `>=8.1,<8.4`, `8.4.*`, `*`."""


class LongTexts(Request):
    """The same text in the languages of everything that a client reads."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"fr": "Mettez à jour.", "en": "Update."}]}
    )

    fr: Annotated[str, StringConstraints(min_length=1, max_length=5000, pattern=NO_NUL)]
    en: Annotated[str, StringConstraints(min_length=1, max_length=5000, pattern=NO_NUL)]


class Evidence(Request):
    """What shows that something was done: in words, and where it can be found."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"what": "Account created", "reference": "ticket 4711"}]}
    )

    what: Reason
    reference: Name | None = Field(default=None, description="A link, a document, a hash, the id of a record.")


class Record(BaseModel):
    """A record of a register, as stored. Every version of it stays in its history."""

    NAMED: ClassVar[tuple[str, ...]] = ()
    """The fields whose codes are said in words."""

    client_id: UUID
    version: int = Field(ge=1, description="Grows with every change; the ETag.")
    created_at: Instant
    updated_at: Instant
    in_words: dict[str, Words] = Field(
        max_length=20, description="Field to what its code is called in French and English."
    )

    @model_validator(mode="before")
    @classmethod
    def _say_in_words(cls, data: Any) -> Any:
        return {**data, "in_words": in_words(cls.NAMED, data)}


def in_words(fields: tuple[str, ...], values: Mapping[str, Any]) -> dict[str, Words]:
    """What the codes of these fields are called."""
    return {field: named(str(values[field])) for field in fields if values.get(field) is not None}


R = TypeVar("R", bound=Record)


def changed(record: R, now: datetime, **changes: Any) -> R:
    """The next version of a record, with other values."""
    next_version = {"version": record.version + 1, "updated_at": now}
    return type(record).model_validate({**record.model_dump(), **changes, **next_version})


class RegisterVersion(BaseModel):
    """One version of a record as it was written: who, when, and the whole of it."""

    record_id: UUID
    version: int = Field(ge=1)
    kind: str
    at: Instant
    by: str
    state: dict[str, Any]
