"""Where "now" comes from. Rules take the instant as an argument; only the edge asks a clock for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Something that tells the time."""

    def now(self) -> datetime:
        """The current instant, aware, in UTC."""
        ...


class FixedClock:
    """A clock that stands until it is told to move: for tests, demonstrations and simulations.

    :param at: an aware instant; a naive one raises ``ValueError``.
    """

    def __init__(self, at: datetime) -> None:
        self._at = _in_utc(at)

    def now(self) -> datetime:
        """The instant that was set last, in UTC."""
        return self._at

    def advance(self, by: timedelta) -> None:
        """Move on by a length of time (backwards if it is negative)."""
        self._at += by

    def set(self, at: datetime) -> None:
        """Jump to an aware instant; a naive one raises ``ValueError``."""
        self._at = _in_utc(at)


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise ValueError(f"{at.isoformat()} has no offset: a clock needs an aware instant")
    return at.astimezone(UTC)
