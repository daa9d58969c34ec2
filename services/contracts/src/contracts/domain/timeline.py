"""What held when: states that begin at an instant and hold until the next one begins.

The past of a contract is a list of such states and only ever grows at its end: a state that begins at an instant
changes nothing of what is read for any instant before it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from shared.kernel.intervals import Interval

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Entry(Generic[S]):
    """Something that holds from an instant on. Of two from the same instant the one with the higher version holds."""

    begins: datetime
    version: int
    value: S


@dataclass(frozen=True, slots=True)
class Stretch(Generic[S]):
    """Something that held from ``start`` until before ``end``."""

    start: datetime
    end: datetime
    value: S


def in_force_at(entries: Iterable[Entry[S]], at: datetime) -> Entry[S] | None:
    """What held at an instant, in whatever order it is told; None before the first."""
    begun = [entry for entry in entries if entry.begins <= at]
    return max(begun, key=_order, default=None)


def stretches(entries: Iterable[Entry[S]], within: Interval) -> list[Stretch[S]]:
    """What held in a time, one after the other and without overlaps; nothing for the time before the first entry."""
    ordered = sorted((entry for entry in entries if entry.begins < within.end), key=_order)
    ends = [*(after.begins for after in ordered[1:]), within.end]
    clipped = [
        Stretch(max(entry.begins, within.start), end, entry.value) for entry, end in zip(ordered, ends, strict=False)
    ]
    return [stretch for stretch in clipped if stretch.start < stretch.end]


def _order(entry: Entry[S]) -> tuple[datetime, int]:
    return entry.begins, entry.version
