"""What the clocks of a contract's items came to, from what clocks and items told, in whatever order it was heard.

A clock tells by itself that it was breached or met; its item tells with every event how the clock reads. Of the two the
newer counts: a breach that was taken back since is none. A clock that begins again at zero (at each question of the
client's, or at each reopening) has several counts, and each has a verdict of its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Told:
    """What a clock told of itself.

    :param version: of the clock's own events: what has a higher one is newer.
    :param count: which count from zero it is about, the first being 1.
    :param at: when the verdict fell: for a miss, the last instant at which it was none.
    """

    event_id: UUID
    clock_id: UUID
    item_id: UUID
    metric: str
    policy: str
    version: int
    count: int
    missed: bool
    target: timedelta
    elapsed: timedelta
    at: datetime


@dataclass(frozen=True, slots=True)
class Reading:
    """How an item told that one of its clocks reads.

    :param item_version: of the item's event.
    :param clock_version: of the newest event of the clock's own that had been told by then.
    :param verdict: of a count that has stopped; None while it goes on.
    :param stopped_at: when it stopped; None while it goes on, and where nobody told.
    """

    event_id: UUID
    clock_id: UUID
    item_id: UUID
    metric: str
    policy: str
    item_version: int
    clock_version: int
    count: int
    state: Literal["running", "paused", "met", "breached", "cancelled"]
    verdict: Literal["met", "breached"] | None
    target: timedelta
    elapsed: timedelta
    breach_after: datetime | None
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """How one count of a clock came out.

    :param at: when the verdict fell.
    :param elapsed: the counted time as it was last told.
    :param final: the count has stopped, so that ``elapsed`` does not grow any more.
    :param stopped_at: when it stopped, as far as that is known.
    :param event_ids: the events that it is known from.
    """

    clock_id: UUID
    count: int
    item_id: UUID
    metric: str
    policy: str
    missed: bool
    at: datetime
    target: timedelta
    elapsed: timedelta
    final: bool
    stopped_at: datetime | None
    event_ids: tuple[UUID, ...]

    @property
    def overrun(self) -> timedelta:
        """By how much the target was missed, as far as it is known; none when it was met."""
        return max(self.elapsed - self.target, timedelta(0)) if self.missed else timedelta(0)


def verdicts(told: Iterable[Told], readings: Iterable[Reading]) -> list[Verdict]:
    """The verdict of every count that has one, by the instant at which it fell; told twice, nothing changes."""
    facts: dict[tuple[UUID, int], Told] = {}
    for each in told:
        known = facts.get((each.clock_id, each.count))
        if known is None or known.version < each.version:
            facts[each.clock_id, each.count] = each
    newest: dict[tuple[UUID, int], Reading] = {}
    for reading in readings:
        seen = newest.get((reading.clock_id, reading.count))
        if seen is None or seen.item_version < reading.item_version:
            newest[reading.clock_id, reading.count] = reading
    found = [_verdict(facts.get(key), newest.get(key)) for key in facts.keys() | newest.keys()]
    return sorted((each for each in found if each), key=lambda each: (each.at, each.clock_id, each.count))


def _verdict(told: Told | None, reading: Reading | None) -> Verdict | None:
    if told is not None and (reading is None or told.version > reading.clock_version):
        return Verdict(
            clock_id=told.clock_id,
            count=told.count,
            item_id=told.item_id,
            metric=told.metric,
            policy=told.policy,
            missed=told.missed,
            at=told.at,
            target=told.target,
            elapsed=told.elapsed,
            final=not told.missed,
            stopped_at=None if told.missed else told.at,
            event_ids=(told.event_id,),
        )
    assert reading is not None
    said_at = told.at if told is not None and told.missed is (reading.state == "breached") else None
    # When a clock stopped in time only the clock itself tells; that it is over its target, its item tells as well.
    at = reading.breach_after or said_at if reading.state == "breached" else said_at
    if reading.state not in ("breached", "met") or at is None:
        return None
    return Verdict(
        clock_id=reading.clock_id,
        count=reading.count,
        item_id=reading.item_id,
        metric=reading.metric,
        policy=reading.policy,
        missed=reading.state == "breached",
        at=at,
        target=reading.target,
        elapsed=reading.elapsed,
        final=reading.verdict is not None,
        stopped_at=None if reading.verdict is None else reading.stopped_at,
        event_ids=tuple(each.event_id for each in (told, reading) if each is not None),
    )
