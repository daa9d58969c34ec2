"""How fast a desk answers, over time: what its response clocks say of a month.

A verdict counts in the month in which it fell, as in reports: a met one where the answer was given, a missed one where
the promised time was over. How long an answer took counts in the month in which it was given. So a month that is over
stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from incidents.domain.sla_clock import ClockReading, Verdict
from shared.kernel.intervals import Interval

MEDIAN = 50
NINETIETH = 90


@dataclass(frozen=True, slots=True)
class Reaction:
    """One promise to answer, and the first answer to it.

    `took` is what the clock had counted when the answer came: open hours without pauses. Both None: not answered yet.
    A reaction without a verdict is one that can still be met.
    """

    verdict: Verdict | None
    decided_at: datetime | None
    answered_at: datetime | None
    took: timedelta | None

    def touches(self, month: Interval) -> bool:
        """Whether something of it counts in this month."""
        return _within(self.decided_at, month) or _within(self.answered_at, month)


@dataclass(frozen=True, slots=True)
class Reactivity:
    """The figures of a month. `median` and `ninetieth` are None when nothing was answered in it."""

    met: int
    breached: int
    answered: int
    median: timedelta | None
    ninetieth: timedelta | None


def reaction(reading: ClockReading) -> Reaction:
    """What a response clock says of the first answer; whoever reopens has had one."""
    first = reading.cycles[0]
    late = first.stopped_at is None and reading.state == "breached"
    verdict: Verdict | None = "breached" if late else first.verdict
    decided_at = first.stopped_at if verdict == "met" else None
    if verdict == "breached":
        decided_at = min(breach.at for breach in reading.breaches)
    answered = first.verdict is not None
    return Reaction(verdict, decided_at, first.stopped_at if answered else None, first.elapsed if answered else None)


def reactivity(known: Iterable[Reaction], month: Interval) -> Reactivity:
    """The figures of a month."""
    known = list(known)
    verdicts = [each.verdict for each in known if _within(each.decided_at, month)]
    took = sorted(each.took for each in known if each.took is not None and _within(each.answered_at, month))
    return Reactivity(
        met=verdicts.count("met"),
        breached=verdicts.count("breached"),
        answered=len(took),
        median=nearest_rank(took, MEDIAN),
        ninetieth=nearest_rank(took, NINETIETH),
    )


def nearest_rank(ordered: Sequence[timedelta], percent: int) -> timedelta | None:
    """The smallest of these that at least so many percent of them do not exceed: always one that was measured."""
    return ordered[-(-percent * len(ordered) // 100) - 1] if ordered else None


def _within(at: datetime | None, month: Interval) -> bool:
    return at is not None and month.start <= at < month.end
