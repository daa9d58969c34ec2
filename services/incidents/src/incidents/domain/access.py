"""Access to a client's systems: which grants are good at an instant."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class GrantState(StrEnum):
    PLANNED = "planned"
    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Grant:
    """A right of access over `[valid_from, valid_until)`, unless it was revoked earlier."""

    valid_from: datetime
    valid_until: datetime
    revoked_at: datetime | None = None

    def at(self, instant: datetime) -> GrantState:
        """What it is worth at an instant. A revocation counts from its own instant on."""
        if self.revoked_at is not None and instant >= self.revoked_at:
            return GrantState.REVOKED
        if instant < self.valid_from:
            return GrantState.PLANNED
        return GrantState.VALID if instant < self.valid_until else GrantState.EXPIRED


class NoAccessError(Exception):
    """A session cannot begin under a grant that is not valid at its beginning; `state` says what it is."""

    def __init__(self, state: GrantState) -> None:
        self.state = state
        super().__init__(
            {
                GrantState.PLANNED: "This grant is not valid yet: wait for its beginning, or record another one.",
                GrantState.EXPIRED: "This grant has expired: ask for a new one and record it.",
                GrantState.REVOKED: "This grant was revoked: ask for a new one and record it.",
            }[state]
        )


def admit(grant: Grant, instant: datetime) -> None:
    """Raises NoAccessError unless the grant is valid at that instant."""
    state = grant.at(instant)
    if state is not GrantState.VALID:
        raise NoAccessError(state)
