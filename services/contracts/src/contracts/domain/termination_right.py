"""The right to terminate for cause that a pattern of misses opens, and the day on which it lapses.

A single miss costs a credit. A pattern of them ("three months in any twelve", "two months in a row", "five late
answers in a quarter") lets the client leave. Every miss that completes the pattern opens the right anew; whoever does
not use it loses it. Its days run from when the client was told of it, not from the miss: a settlement that is closed
late takes none of them away.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from contracts.domain.contract_term import add_months


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found of one promise: ``missed`` is None when nothing could be measured.

    :param id: of the period, clock or breach that the verdict is about.
    :param on: the local day on which it was certain: a month's on the day after it.
    """

    id: str
    on: date
    missed: bool | None


@dataclass(frozen=True, slots=True)
class MissesWithin:
    """So many misses (at least one) in any stretch of so many months (at least one)."""

    misses: int
    months: int


@dataclass(frozen=True, slots=True)
class MissesInARow:
    """So many misses (at least one) one after another.

    What could not be measured is neither a miss nor kept: it does not count, and does not end a row.
    """

    misses: int


@dataclass(frozen=True, slots=True)
class TerminationRule:
    """A pattern, and for how many days (at least one) the right that it opens can be used after it was told."""

    pattern: MissesWithin | MissesInARow
    days_to_use: int


@dataclass(frozen=True, slots=True)
class TerminationRight:
    """A right to terminate, usable from ``opened_on`` until the day before ``lapses_on``.

    :param because: ids of the misses that opened it.
    """

    opened_on: date
    lapses_on: date
    because: tuple[str, ...]

    def usable_on(self, day: date) -> bool:
        """Whether the contract can be terminated for it on this day."""
        return self.opened_on <= day < self.lapses_on


def as_one(parts: Sequence[Verdict]) -> Verdict:
    """The verdict of a whole period by those of its parts (at least one): what was missed in any of them is missed."""
    missed = [each for each in parts if each.missed]
    measured = [each for each in parts if each.missed is not None]
    first = (missed or measured or parts)[0]
    return Verdict(first.id, max(each.on for each in parts), bool(missed) if measured else None)


def termination_rights(rule: TerminationRule, verdicts: Iterable[Verdict], told_on: date) -> list[TerminationRight]:
    """Every right that these verdicts opened, the earliest first, whatever order they come in.

    :param told_on: the local day on which the client learns of the rights; it is not before any of the verdicts.
    """
    known = sorted(verdicts, key=lambda verdict: (verdict.on, verdict.id))
    rights = []
    for index, verdict in enumerate(known):
        if not verdict.missed:
            continue
        because = _pattern_completed(rule.pattern, known[: index + 1])
        if because:
            lapses_on = told_on + timedelta(days=rule.days_to_use)
            rights.append(TerminationRight(verdict.on, lapses_on, tuple(each.id for each in because)))
    return rights


def _pattern_completed(pattern: MissesWithin | MissesInARow, known: Sequence[Verdict]) -> list[Verdict]:
    """The misses that the last verdict completes the pattern with; none when it does not."""
    if isinstance(pattern, MissesWithin):
        last = known[-1].on
        # The months are counted forward from each miss, as every boundary is: until before the same day.
        found = [each for each in known if each.missed and last < add_months(each.on, pattern.months)]
    else:
        measured = [each for each in known if each.missed is not None]
        kept = [index for index, each in enumerate(measured) if not each.missed]
        found = measured[kept[-1] + 1 if kept else 0 :]
    return found if len(found) >= pattern.misses else []
