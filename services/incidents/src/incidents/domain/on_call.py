"""On-call schedules: who is there at an instant, and why.

A schedule has layers. Each is a rotation: people in order, with a hand-over every so many days at a local time; it may
be restricted to weekly windows. The highest layer that covers an instant is in charge, and an override wins over every
layer. What nobody covers is told as such: a cover has no holes that are not said.

A hand-over is a start, and becomes an instant as the starts of calendars do (the calendar section of calculators.md): a
local time that does not exist moves forward by the length of the gap; of one that exists twice it is the first. The
shift before it ends there, so that nothing overlaps. Windows of a layer begin and end as those of a calendar.

A schedule that is edited keeps what it said before: each of its rotas counts from an instant on, until the next one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

from shared.kernel.calendar import Calendar, opening_instant
from shared.kernel.intervals import Interval, intersection, subtraction, union

_MOMENT = timedelta(microseconds=1)


class Why(StrEnum):
    """What puts somebody in charge."""

    OVERRIDE = "override"
    LAYER = "layer"
    NOBODY = "nobody"


class Shift(NamedTuple):
    """A person from an instant up to another."""

    start: datetime
    end: datetime
    person_id: UUID


@dataclass(frozen=True, slots=True)
class Rotation:
    """People in order: the first from the hand-over on `starts_on`, the next one `every_days` later, and so on.

    `minute` is the local time of the hand-over in minutes after midnight. Before the first one nobody is there.
    """

    person_ids: tuple[UUID, ...]
    every_days: int
    starts_on: date
    minute: int
    zone: ZoneInfo

    def hand_over(self, turn: int) -> datetime:
        """When turn number `turn` begins; the first is 0."""
        return opening_instant(self.starts_on + timedelta(days=turn * self.every_days), self.minute, self.zone)

    def shifts(self, start: datetime, end: datetime) -> Iterator[Shift]:
        """The turns that touch `[start, end)`, clipped to it, in order and without overlap."""
        days = (start.astimezone(self.zone).date() - self.starts_on).days
        # One turn earlier: its hand-over may still be ahead on the local date of `start`.
        turn = max(0, days // self.every_days - 1)
        begins = self.hand_over(turn)
        while begins < end:
            ends = self.hand_over(turn + 1)
            first, last = max(begins, start), min(ends, end)
            if first < last:
                yield Shift(first, last, self.person_ids[turn % len(self.person_ids)])
            turn, begins = turn + 1, ends


@dataclass(frozen=True)
class Layer:
    """A rotation, at all times or in weekly windows only."""

    name: str
    rotation: Rotation
    hours: Calendar | None = None

    def shifts(self, start: datetime, end: datetime) -> list[Shift]:
        """Who is there by this layer in `[start, end)`, in order and without overlap."""
        turns = list(self.rotation.shifts(start, end))
        if self.hours is None:
            return turns
        return _inside(turns, self.hours.open_between(start, end))


@dataclass(frozen=True, slots=True)
class Override:
    """Somebody from an instant up to another, whatever the layers say."""

    id: UUID
    person_id: UUID
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Rota:
    """The layers of a schedule from an instant on, the lowest first."""

    effective_from: datetime
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Schedule:
    """The rotas of a schedule in the order of their time, and its overrides in the order in which they were made.

    Of two overrides that overlap, the one that was made later counts.
    """

    rotas: tuple[Rota, ...]
    overrides: tuple[Override, ...] = ()


@dataclass(frozen=True, slots=True)
class Span:
    """Who is in charge in `[start, end)` and why; nobody when `person_id` is None."""

    start: datetime
    end: datetime
    person_id: UUID | None
    why: Why
    layer: str | None = None
    override_id: UUID | None = None


def cover(schedule: Schedule, start: datetime, end: datetime) -> list[Span]:
    """`[start, end)` cut into spans, in order, without holes or overlaps; adjacent spans differ."""
    spans: list[Span] = []
    for first, last, layers in _rotas(schedule, start, end):
        spans += _cover(layers, schedule.overrides, first, last)
    spans.sort(key=lambda span: span.start)
    return list(_joined(spans))


def on_call_at(schedule: Schedule, instant: datetime) -> Span:
    """Who is in charge at an instant and why. Its span is a moment long: `cover` tells how long it lasts."""
    (span,) = cover(schedule, instant, instant + _MOMENT)
    return span


def _rotas(
    schedule: Schedule, start: datetime, end: datetime
) -> Iterator[tuple[datetime, datetime, tuple[Layer, ...]]]:
    """`[start, end)` cut by rota; before the first one there are no layers."""
    edges = [start, *(rota.effective_from for rota in schedule.rotas if start < rota.effective_from < end), end]
    for first, last in pairwise(edges):
        if first < last:
            in_force = [rota for rota in schedule.rotas if rota.effective_from <= first]
            yield first, last, in_force[-1].layers if in_force else ()


def _cover(layers: Sequence[Layer], overrides: Sequence[Override], start: datetime, end: datetime) -> Iterator[Span]:
    """From the strongest to the weakest: each takes what is left of the others."""
    left = [Interval(start, end)]
    for override in reversed(overrides):
        shift = Shift(override.start, override.end, override.person_id)
        if shift.start < end and shift.end > start:
            for part in _inside([shift], left):
                yield Span(part.start, part.end, part.person_id, Why.OVERRIDE, override_id=override.id)
            left = subtraction(left, union([Interval(shift.start, shift.end)]))
    for layer in reversed(layers):
        shifts = layer.shifts(start, end)
        for part in _inside(shifts, left):
            yield Span(part.start, part.end, part.person_id, Why.LAYER, layer=layer.name)
        left = subtraction(left, union(Interval(shift.start, shift.end) for shift in shifts))
    for nobody in left:
        yield Span(nobody.start, nobody.end, None, Why.NOBODY)


def _inside(shifts: Sequence[Shift], intervals: Sequence[Interval]) -> list[Shift]:
    """The parts of shifts (in order, without overlap) that lie in the intervals."""
    starts = [shift.start for shift in shifts]
    parts = intersection([Interval(shift.start, shift.end) for shift in shifts], intervals)
    return [Shift(start, end, shifts[bisect_right(starts, start) - 1].person_id) for start, end in parts]


def _joined(spans: Sequence[Span]) -> Iterator[Span]:
    current: Span | None = None
    for span in spans:
        if current is not None and replace(span, start=current.start, end=current.end) == current:
            current = replace(current, end=span.end)
            continue
        if current is not None:
            yield current
        current = span
    if current is not None:
        yield current
