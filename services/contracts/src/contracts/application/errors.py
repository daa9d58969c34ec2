"""Why a use case refuses: plain exceptions without HTTP; `api/errors.py` gives each its problem document."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

from pydantic import ValidationError


class Unknown(Exception):
    """Nothing with this id is there, or nothing that the caller may see."""

    def __init__(self, noun: str, wanted: UUID | str) -> None:
        self.noun = noun
        self.path: tuple[str | int, ...] = ()
        """Where the body names it; empty when the address does."""
        super().__init__(f"There is no {noun} {wanted}.")


@contextmanager
def named_at(*path: str | int) -> Iterator[None]:
    """What the block looks up is named by the body at `path`: Unknown says so."""
    try:
        yield
    except Unknown as unknown:
        unknown.path = path
        raise


@dataclass(frozen=True)
class Fault:
    """One wrong value: `path` leads to it in the body, from the outside in; empty for the body as a whole."""

    path: tuple[str | int, ...]
    detail: str


class Refused(Exception):
    """Values of the request break a rule."""

    def __init__(self, detail: str, *path: str | int) -> None:
        self.faults: tuple[Fault, ...] = (Fault(path, detail),)
        super().__init__(detail)

    @classmethod
    def because_of(cls, error: ValidationError, *path: str | int) -> "Refused":
        """All faults that a model found in the value at `path`."""
        refused = cls("breaks a rule", *path)
        refused.faults = tuple(
            Fault((*path, *fault["loc"]), fault["msg"].removeprefix("Value error, "))
            for fault in error.errors(include_url=False, include_input=False)
        )
        return refused


class Taken(Exception):
    """The name is in use already; the message says which and what to do."""


class NotNow(Exception):
    """The request is right, and the present state or date does not allow it."""


class BadCredentials(Exception):
    """The credentials are not good. It says no more on purpose: whether a key exists is nobody's business."""
