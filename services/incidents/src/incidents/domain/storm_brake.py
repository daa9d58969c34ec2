"""Which messages a recipient gets when much happens at once: openings that come together are told together, and in a
storm there is one summary every few minutes. An escalation or a missed target is told at once, alone, always.

A fact here is one thing that one recipient is to be told. `plan` looks at what waits for him and at what he was told,
and says what leaves now and when to look at the rest. Told so, every fact leaves in exactly one message, and never
later than `SUMMARY_EVERY` (in a storm) or `WINDOW` (otherwise) after it could.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

OPENED: Final = "opened"
URGENT: Final = frozenset({"escalation", "clock_breached"})
"""What never waits for company and is never summed up."""

WINDOW: Final = timedelta(seconds=30)
"""The first opening leaves at once; those that come within this time after it leave together at its end."""
STORM_SPAN: Final = timedelta(minutes=10)
STORM_ABOVE: Final = 10
"""More facts of one contract than this within the span, for one recipient, are a storm."""
SUMMARY_EVERY: Final = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Fact:
    """Something to tell one recipient, in the order in which it was noted. `at`: since when it may be told."""

    id: UUID
    kind: str
    item_id: UUID
    contract_id: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Told:
    """What one recipient was told lately, and how much there was to tell him.

    `came` counts by contract the facts of the last `STORM_SPAN` that are not urgent, told or not; `told_at` is when the
    newest message with such a fact of the contract left, `opening_told_at` when the newest with an opening did.
    """

    opening_told_at: datetime | None = None
    told_at: Mapping[UUID, datetime] = field(default_factory=dict)
    came: Mapping[UUID, int] = field(default_factory=dict)

    def storm(self, contract_id: UUID) -> bool:
        """Whether so much happens under a contract that only summaries leave."""
        return self.came.get(contract_id, 0) > STORM_ABOVE


@dataclass(frozen=True, slots=True)
class Plan:
    """What leaves now, each entry as one message, and until when each of the other facts waits."""

    messages: tuple[tuple[Fact, ...], ...]
    held: Mapping[UUID, datetime]


def plan(waiting: Iterable[Fact], told: Told, now: datetime) -> Plan:
    """Decides about everything that waits for one recipient. Facts of one item leave in the order of `waiting`."""
    alone: list[tuple[Fact, ...]] = []
    together: list[Fact] = []
    held: dict[UUID, datetime] = {}
    pending: dict[UUID, datetime] = {}  # item → until when something earlier about it waits
    following: set[UUID] = set()  # items of which something waits for what leaves now
    for fact in waiting:
        if fact.kind in URGENT:
            alone.append((fact,))
            continue
        storm = told.storm(fact.contract_id)
        until = max(_release(fact, told, storm), pending.get(fact.item_id, now))
        if until > now:
            held[fact.id] = pending[fact.item_id] = until
        elif fact.item_id in following:
            held[fact.id] = now
        elif storm or fact.kind == OPENED:
            together.append(fact)
            pending.setdefault(fact.item_id, now)
        elif fact.item_id in pending:
            held[fact.id] = now  # what comes before it leaves now; it follows when that has arrived
            following.add(fact.item_id)
        else:
            alone.append((fact,))
            pending[fact.item_id] = now
    return Plan((*alone, *((tuple(together),) if together else ())), held)


def _release(fact: Fact, told: Told, storm: bool) -> datetime:
    """When a fact may leave as far as earlier messages to the recipient are concerned."""
    earliest = fact.at
    if fact.kind == OPENED and told.opening_told_at is not None:
        earliest = max(earliest, told.opening_told_at + WINDOW)
    if storm and fact.contract_id in told.told_at:
        earliest = max(earliest, told.told_at[fact.contract_id] + SUMMARY_EVERY)
    return earliest
