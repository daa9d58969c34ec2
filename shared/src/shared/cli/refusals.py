"""Why a command ends without having done what it should."""

from collections.abc import Mapping
from typing import Any


class CannotGoOn(Exception):
    """A command cannot be done. The message says why, `next_step` what to do."""

    def __init__(self, message: str, next_step: str = "") -> None:
        super().__init__(message)
        self.next_step = next_step


class WrongUsage(CannotGoOn):
    """The command line, or the environment, asks for something that makes no sense: exit status 2."""


class NotOurs(CannotGoOn):
    """An answer that says it is a good one and is not what Upheld answers."""

    def __init__(self, message: str) -> None:
        super().__init__(
            message, "Is the address right (upheld contexts list), or does a proxy or a login page stand before it?"
        )


class Problem(Exception):
    """An API refused, or failed. `document` is its problem document, `retry_after` seconds if it named some."""

    def __init__(self, document: Mapping[str, Any], retry_after: str | None = None) -> None:
        super().__init__(str(document.get("title", "Refused")))
        self.document = document
        self.retry_after = retry_after
