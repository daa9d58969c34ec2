"""What must be there before the work can be done: expected, communicated by the client, and found to be so."""

from typing import Literal

Standing = Literal["met", "gap", "unknown"]


def standing(expected: str, effective: str | None) -> Standing:
    """Whether what was found is what was expected. Not looked at yet is unknown, not a gap.

    Capitals and white space make no difference: they are how people write, not what they found.
    """
    if effective is None:
        return "unknown"
    return "met" if _plain(expected) == _plain(effective) else "gap"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
