"""How long incidents lasted: each on its own, and together over a period.

An incident lasts from when something began to be wrong, as far as anybody said, until the service was back, nobody
observed it any more, or the work was declared done, whichever came first. One that was reopened lasts again from then
on. Together each instant counts once: two incidents at the same time are one wait for whoever is waiting, as pauses of
a clock and states of an uptime that overlap count once. So periods that follow one another add up exactly.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from incidents.domain.work_item import Milestone
from shared.kernel.intervals import Interval, clip, union

BEGINS = (Milestone.FIRST_FAILURE, Milestone.DETECTED)
"""What an incident lasts from: the first of these that it has."""

ENDS = (Milestone.RECOVERED, Milestone.MONITORING_PAUSED, Milestone.RESOLVED, Milestone.CLOSED)
"""What it lasts until: the earliest of these. What was merged into another incident is closed, and goes on there."""


@dataclass(frozen=True, slots=True)
class Spell:
    """One time that an incident lasted, until `ended`, by `ended_by`; both None while it does."""

    began: datetime
    ended: datetime | None
    ended_by: Milestone | None

    def until(self, now: datetime) -> Interval:
        """What is known of it by now."""
        return Interval(self.began, now if self.ended is None else self.ended)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A stretch of time without a break in which at least one of the named incidents lasted."""

    span: Interval
    names: tuple[str, ...]


def spells(cycles: Iterable[Mapping[Milestone, datetime]]) -> tuple[Spell, ...]:
    """The spells of an incident from the stamps of its cycles, which come in their order."""
    return tuple(_spell(stamps) for stamps in cycles)


def _spell(stamps: Mapping[Milestone, datetime]) -> Spell:
    begins = (Milestone.REOPENED, *BEGINS)
    began = next(stamps[milestone] for milestone in begins if milestone in stamps)
    # What is heard late of the time before a reopening does not end what lasts since then.
    ends = [(stamps[milestone], milestone) for milestone in ENDS if milestone in stamps and stamps[milestone] >= began]
    if not ends:
        return Spell(began, None, None)
    ended, ended_by = min(ends, key=lambda end: end[0])
    return Spell(began, ended, ended_by)


def over_by(of: Iterable[Spell], end: datetime) -> bool:
    """Whether an incident with these spells did not last any more at an instant."""
    return all(spell.ended is not None and spell.ended <= end for spell in of if spell.began < end)


def lasted(of: Iterable[Spell], period: Interval, now: datetime) -> list[Interval]:
    """When, in a period, an incident with these spells lasted, as far as is known by now."""
    return clip(union(spell.until(now) for spell in of), period.start, min(period.end, now))


def together(each: Mapping[str, Iterable[Interval]]) -> list[Stretch]:
    """When any of the incidents lasted, in the order of time; `each` is name to what `lasted` says of it."""
    named = [(span, name) for name, spans in each.items() for span in spans]
    stretches = union(span for span, _ in named)
    starts = [stretch.start for stretch in stretches]
    names: list[dict[str, None]] = [{} for _ in stretches]
    for span, name in sorted(named):
        names[bisect_right(starts, span.start) - 1][name] = None
    return [Stretch(stretch, tuple(found)) for stretch, found in zip(stretches, names, strict=True)]
