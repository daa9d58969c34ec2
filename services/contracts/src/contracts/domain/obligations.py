"""Obligations: who owes what by when, what keeps one, and what becomes a breach.

An obligation that comes back (a password to change every ninety days, a list that must not be older than thirty) is due
again that long after it was last kept. Its days have 24 hours each.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

Owner = Literal["provider", "client"]


class Status(StrEnum):
    """Where an obligation stands."""

    OPEN = "open"
    BREACHED = "breached"
    """Its time is over and it is still not kept."""
    FULFILLED = "fulfilled"
    RELEASED = "released"
    """Whoever it is owed to does not ask for it any more."""
    LAPSED = "lapsed"
    """The contract ended first."""


OVER = frozenset({Status.FULFILLED, Status.RELEASED, Status.LAPSED})


class NotPossible(Exception):
    """The obligation's state does not allow this; the message says why."""


class BadInstant(Exception):
    """This instant cannot be; `field` says which."""

    def __init__(self, field: str, detail: str) -> None:
        self.field = field
        super().__init__(detail)


@dataclass(frozen=True)
class Standing:
    """Where an obligation stands. `kept_at`: when it was last kept. While `paused_at` is set its time stands still."""

    status: Status
    due_at: datetime
    every: timedelta | None = None
    kept_at: datetime | None = None
    paused_at: datetime | None = None


@dataclass(frozen=True)
class Kept:
    """An obligation that was kept: how it stands then, which due time was kept, and whether too late."""

    standing: Standing
    was_due_at: datetime
    late: bool


def overdue(standing: Standing, now: datetime) -> bool:
    """Whether it is breached at `now`. What is done at the due instant itself is in time."""
    return standing.status is Status.OPEN and standing.paused_at is None and now > standing.due_at


def keep(standing: Standing, at: datetime, now: datetime) -> Kept:
    """Kept at `at`, which is told at `now`. One that comes back is open again, and due a turn after `at`.

    Raises NotPossible when it is over, BadInstant for the future, or before the last time that it was kept.
    """
    if standing.status in OVER:
        raise NotPossible(f"This obligation is {standing.status} already.")
    if at > now:
        raise BadInstant("at", "is in the future: say when it was done")
    if standing.kept_at is not None and at < standing.kept_at:
        raise BadInstant("at", "is before the last time that it was kept")
    # While it is paused the time that it has left does not pass.
    judged_at = at if standing.paused_at is None else min(at, standing.paused_at)
    late = judged_at > standing.due_at
    if standing.every is None:
        return Kept(replace(standing, status=Status.FULFILLED, kept_at=at), standing.due_at, late)
    # Kept during a pause, a turn begins with it: what the pause takes of it is given back at its end.
    again = replace(standing, status=Status.OPEN, due_at=judged_at + standing.every, kept_at=at)
    return Kept(again, standing.due_at, late)


def postpone(standing: Standing, due_at: datetime, now: datetime) -> Standing:
    """Due at another, later time to come; one that was kept, but not well, is open again.

    Raises NotPossible when it is overdue (the breach stands) or nobody asks for it any more, BadInstant for the past.
    """
    if standing.status is Status.BREACHED or overdue(standing, now):
        raise NotPossible("It is overdue already, and the breach is in the register: decide on it there.")
    if standing.status in (Status.RELEASED, Status.LAPSED):
        raise NotPossible(f"This obligation is {standing.status}.")
    if due_at <= now:
        raise BadInstant("due_at", "must be in the future")
    return replace(standing, status=Status.OPEN, due_at=due_at)


def pause(standing: Standing, at: datetime) -> Standing:
    """The contract is suspended at `at`: an open obligation keeps the time that it has left."""
    if standing.status is not Status.OPEN or standing.paused_at is not None:
        return standing
    return replace(standing, paused_at=at)


def resume(standing: Standing, at: datetime) -> Standing:
    """The contract is in force again at `at`: due as long after it as was left at the pause."""
    if standing.paused_at is None:
        return standing
    return replace(standing, paused_at=None, due_at=standing.due_at + (at - standing.paused_at))


def end(standing: Standing, status: Status) -> Standing:
    """Released, or lapsed with the contract. Raises NotPossible when it is over already."""
    if standing.status in OVER:
        raise NotPossible(f"This obligation is {standing.status} already.")
    return replace(standing, status=status, paused_at=None)


def check_shares(provider_percent: int, client_percent: int, third_party_percent: int) -> None:
    """Raises ValueError unless the shares together answer for the whole breach."""
    shares = (provider_percent, client_percent, third_party_percent)
    if sum(shares) != 100 or min(shares) < 0:
        raise ValueError("the shares of provider, client and third party must make 100 together")
