"""Documents under control: versions, who approved them, and from when on they hold."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True)
class Version:
    """One version: usable once approved, from its effective date on."""

    number: int
    effective_on: date
    approved: bool


def usable(versions: Sequence[Version], on: date) -> Version | None:
    """The newest version that is approved and in force on a day; None when there is none."""
    good = [version for version in versions if version.approved and version.effective_on <= on]
    return max(good, key=lambda version: version.number, default=None)


def newest(versions: Sequence[Version], on: date) -> Version | None:
    """The newest version in force on a day, approved or not; None when none is in force yet."""
    begun = [version for version in versions if version.effective_on <= on]
    return max(begun, key=lambda version: version.number, default=None)
