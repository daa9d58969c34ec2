"""Groups of pages: what is watched alike, and how it stands together.

A group stands as its worst page does. Each page is a monitor of its own, with its own states and outages.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

from probes.domain.states import State

_FROM_GOOD_TO_BAD = (State.PAUSED, State.UP, State.MAINTENANCE, State.UNKNOWN, State.DEGRADED, State.DOWN)


@dataclass(frozen=True, slots=True)
class Standing:
    """How a group stands, since when. `version` numbers the changes that were said; 0 before the first."""

    state: State
    since: datetime
    version: int = 0


@dataclass(frozen=True, slots=True)
class GroupChange:
    """From `since` on a group stands otherwise. `counts` says how many of its pages are in which state then.

    `pages` are those in the state of the group.
    """

    version: int
    previous_state: State
    previous_since: datetime
    since: datetime
    state: State
    counts: Mapping[State, int] = field(default_factory=dict)
    pages: tuple[UUID, ...] = ()

    @property
    def standing(self) -> Standing:
        """What it leads to."""
        return Standing(self.state, self.since, self.version)


@dataclass(frozen=True, slots=True)
class GroupIdentity:
    """Which group, and whose."""

    group_id: UUID
    tenant_id: UUID
    client_id: UUID
    contract_id: UUID
    site_id: UUID
    environment_id: UUID
    name: str


class GroupNews(NamedTuple):
    """A change of a group, as it is told: with the names and addresses of the pages in the state of the group."""

    group: GroupIdentity
    change: GroupChange
    pages: Mapping[UUID, tuple[str, str]]


def worst(states: Iterable[State]) -> State:
    """The state of a group with pages in these states. Paused pages are not watched: only all of them pause it."""
    return max(states, key=_FROM_GOOD_TO_BAD.index, default=State.PAUSED)


def judge(before: Standing, pages: Mapping[UUID, State], at: datetime) -> GroupChange | None:
    """What changes at an instant when the pages are in these states; None when the group stands as it did."""
    state = worst(pages.values())
    if state is before.state:
        return None
    return GroupChange(
        version=before.version + 1,
        previous_state=before.state,
        previous_since=before.since,
        since=max(at, before.since),
        state=state,
        counts=Counter(pages.values()),
        pages=tuple(sorted(page for page, found in pages.items() if found is state)),
    )


def follow(
    before: Standing, pages: Mapping[UUID, State], changes: Sequence[tuple[datetime, UUID, State]]
) -> list[GroupChange]:
    """What becomes of a group when its pages change, one instant after the other.

    `pages` are their states before. What changes at one instant changes together: a group of which one page fails as
    another one recovers has stayed down.
    """
    states, standing, found = dict(pages), before, []
    for at, together in groupby(sorted(changes), key=lambda change: change[0]):
        for _, page, state in together:
            states[page] = state
        change = judge(standing, states, at)
        if change is not None:
            found.append(change)
            standing = change.standing
    return found
