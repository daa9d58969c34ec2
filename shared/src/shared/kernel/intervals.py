"""Half-open intervals ``[start, end)`` over aware UTC instants, and their algebra.

A *set of instants* is a list of intervals in **normal form**: ascending, none empty, none touching the next.
:func:`union` brings any intervals into that form; the other functions expect it and keep it. Lengths are
``timedelta``, hence exact to the microsecond. Everything is linear, but for the sort in :func:`union`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple


class Interval(NamedTuple):
    """The instants from ``start`` up to, and without, ``end``; empty when ``end`` is not after ``start``."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it is; negative when reversed."""
        return self.end - self.start


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """The instants in at least one of the intervals, given in any order, empty ones and overlaps allowed."""
    result: list[Interval] = []
    start: datetime | None = None
    end: datetime | None = None
    for each in sorted(intervals):
        if each.end <= each.start:
            continue
        if start is None or end is None:
            start, end = each
        elif each.start > end:
            result.append(Interval(start, end))
            start, end = each
        elif each.end > end:
            end = each.end
    if start is not None and end is not None:
        result.append(Interval(start, end))
    return result


def intersection(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """The instants in both sets. The result is in normal form as both sides are."""
    result: list[Interval] = []
    i = j = 0
    while i < len(left) and j < len(right):
        start = max(left[i].start, right[j].start)
        end = min(left[i].end, right[j].end)
        if start < end:
            result.append(Interval(start, end))
        if left[i].end <= right[j].end:
            i += 1
        else:
            j += 1
    return result


def subtraction(left: Sequence[Interval], right: Sequence[Interval]) -> list[Interval]:
    """The instants of the left set that are not in the right one."""
    result: list[Interval] = []
    j = 0
    for start, end in left:
        while j < len(right) and right[j].end <= start:
            j += 1
        at = start
        k = j
        while k < len(right) and right[k].start < end:
            if right[k].start > at:
                result.append(Interval(at, right[k].start))
            at = max(at, right[k].end)
            k += 1
        if at < end:
            result.append(Interval(at, end))
    return result


def clip(intervals: Sequence[Interval], start: datetime, end: datetime) -> list[Interval]:
    """The instants of a set that lie in ``[start, end)``."""
    return intersection(intervals, [Interval(start, end)])


def total(intervals: Iterable[Interval]) -> timedelta:
    """The length of a set."""
    return sum((end - start for start, end in intervals), timedelta())
