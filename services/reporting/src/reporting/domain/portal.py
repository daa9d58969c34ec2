"""How long somebody is let into the portal, and when asking again is refused. Rules of instants; no clock here.

The lives follow OWASP's session management: a link that opens a door is short and used once, a session ends when nobody
uses it and after a while in any case.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

LINK_LIFE: Final = timedelta(minutes=15)
"""From the mail that carries a link to its end. Used or not, a later one is a new one."""
IDLE_LIFE: Final = timedelta(hours=12)
"""How long a session lasts that nobody uses: a working day."""
LONGEST_LIFE: Final = timedelta(days=7)
"""How long a session lasts at most, however much it is used."""
SEEN_EVERY: Final = timedelta(minutes=1)
"""How exactly it is known when a session was used last: reading a page is not a write each time."""

DRAFT_LIFE: Final = timedelta(days=1)
"""How long what somebody wrote and could not send is kept for him: long enough to sign in again."""

ASKING: Final = timedelta(hours=1)
"""The stretch of time over which askings are counted."""
MOST_FOR_ONE_ADDRESS: Final = 5
"""Links that are mailed to one address in that time; whoever asks more often is told the same and mailed nothing."""
MOST_FROM_ONE_PLACE: Final = 30
"""Askings that are taken from one place (one address of the network) in that time."""


@dataclass(frozen=True)
class Link:
    """A link that was mailed: when it ends, and when somebody signed in with it."""

    expires_at: datetime
    used_at: datetime | None

    def opens(self, now: datetime) -> bool:
        """Whether somebody may sign in with it: not used, and not at or after its end."""
        return self.used_at is None and now < self.expires_at


@dataclass(frozen=True)
class Session:
    """A browser that was let in."""

    began_at: datetime
    seen_at: datetime
    ended_at: datetime | None

    @property
    def ends_at(self) -> datetime:
        """When it ends by itself unless it is used before: never later than its longest life."""
        return min(self.seen_at + IDLE_LIFE, self.began_at + LONGEST_LIFE)

    def goes_on(self, now: datetime) -> bool:
        """Whether it still lets in."""
        return self.ended_at is None and now < self.ends_at

    def seen_anew(self, now: datetime) -> bool:
        """Whether that it is used now is worth writing down."""
        return now - self.seen_at >= SEEN_EVERY


def is_mailed(earlier_for_address: int) -> bool:
    """Whether one more link is mailed to an address that was asked for so often lately."""
    return earlier_for_address < MOST_FOR_ONE_ADDRESS


def is_taken(earlier_from_place: int) -> bool:
    """Whether one more asking is taken from a place that asked so often lately."""
    return earlier_from_place < MOST_FROM_ONE_PLACE
