"""What a deployment did to the versions of its configuration item, and how a changed record of it is followed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Result = Literal["planned", "succeeded", "failed", "rolled_back"]


@dataclass(frozen=True)
class Installed:
    """A version that a deployment put in service, from an instant on."""

    label: str
    at: datetime


@dataclass(frozen=True)
class Noted(Installed):
    """The same, as it was recorded under a number."""

    number: int


@dataclass(frozen=True)
class Change:
    """What is to be recorded: without `installed`, that what it corrects never was; without `corrects`, one more."""

    installed: Installed | None
    corrects: int | None


def installed(
    result: Result, released: str, deployed_at: datetime | None, previous: str | None, rolled_back_at: datetime | None
) -> list[Installed]:
    """What a deployment put in service: the released version, and after a roll-back the one before it again.

    Without `previous` nobody knows what it was rolled back to, so the first part alone is told.
    """
    if result not in ("succeeded", "rolled_back") or deployed_at is None:
        return []
    first = Installed(released, deployed_at)
    if result == "rolled_back" and rolled_back_at is not None and previous is not None:
        return [first, Installed(previous, rolled_back_at)]
    return [first]


def changes(noted: Sequence[Noted], wanted: Sequence[Installed]) -> list[Change]:
    """What has to be recorded so that the standing versions of a deployment are the wanted ones, and no more.

    `noted`: those that stand, in the order in which they took effect.
    """
    told = []
    for index in range(max(len(noted), len(wanted))):
        old = noted[index] if index < len(noted) else None
        new = wanted[index] if index < len(wanted) else None
        if old is None or new is None or (old.label, old.at) != (new.label, new.at):
            told.append(Change(new, None if old is None else old.number))
    return told
