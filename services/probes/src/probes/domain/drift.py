"""Whether a site has become slower for good: its last days against a baseline of the weeks before.

One slow day is a slow day. A drift is confirmed when on several days in a row the median or the 95th percentile lies
more than a threshold above that of the baseline; it began on the first of these days. The baseline then stays as it
was until the site is as fast again, on as many days in a row.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NamedTuple

from probes.domain.rollup import Durations

TRANSFER: Final = "transfer"
"""What is left of the total after the phases that are measured by themselves: the body on its way."""
_PARTS: Final = ("name_lookup", "connect", "tls", "first_byte")
MEASURES: Final = {"p95": 950, "median": 500}


class Standing(StrEnum):
    """What is said of a monitor's performance."""

    LEARNING = "learning"
    STEADY = "steady"
    DRIFTED = "drifted"


class Day(NamedTuple):
    """The durations of one day (number of the day since 1970)."""

    day: int
    durations: Durations


@dataclass(frozen=True, slots=True)
class DriftRule:
    """`threshold_percent` above the baseline, on `confirming_days` in a row, is a drift.

    The baseline is made of the days that have enough checks among `baseline_days`, and needs a week of them.
    """

    threshold_percent: int = 20
    confirming_days: int = 3
    baseline_days: int = 28
    fewest_baseline_days: int = 7
    fewest_checks: int = 20
    longest_look_back: int = 14


@dataclass(frozen=True, slots=True)
class Level:
    """How fast a site was over the days `first_day` to `last_day`, both included."""

    first_day: int
    last_day: int
    durations: Durations

    @classmethod
    def of(cls, days: Sequence[Day]) -> "Level":
        """Of days in their order; there is one at least."""
        durations = days[0].durations
        for day in days[1:]:
            durations = Durations._make(a + b for a, b in zip(durations, day.durations, strict=True))
        return cls(days[0].day, days[-1].day, durations)


@dataclass(frozen=True, slots=True)
class Drift:
    """From `since_day` on the site is slower by `percent` in this measure, most of it in `phase`."""

    since_day: int
    measure: str
    phase: str
    percent: int


@dataclass(frozen=True, slots=True)
class Assessment:
    """What the last days say. `baseline` is None while there is too little to compare with.

    After a drift no day before `steady_from` is part of a baseline: it would take the slow days for usual ones.
    """

    standing: Standing
    baseline: Level | None = None
    now: Level | None = None
    drift: Drift | None = None
    steady_from: int | None = None


LEARNING: Final = Assessment(Standing.LEARNING)


def assess(days: Sequence[Day], before: Assessment, rule: DriftRule) -> Assessment:
    """The assessment after the last of these days, which are in their order, one entry per day.

    `before` is the one of the day before: a drift in it goes on until it is over.
    """
    usable = [day for day in days if day.durations.total.count >= rule.fewest_checks]
    recent = usable[-rule.confirming_days :]
    if len(recent) < rule.confirming_days:
        return before
    now = Level.of(recent)
    if before.standing is Standing.DRIFTED and before.baseline is not None and before.drift is not None:
        baseline = before.baseline
        if all(_slower(baseline, day.durations, rule) is None for day in recent):
            return Assessment(Standing.STEADY, baseline, now, None, recent[0].day)
        return Assessment(Standing.DRIFTED, baseline, now, _drift(baseline, now, before.drift.since_day, rule))
    return _look_for_drift(usable, now, before, rule)


def _look_for_drift(usable: Sequence[Day], now: Level, before: Assessment, rule: DriftRule) -> Assessment:
    """Beginning with the longest run of slow days, so that the change is dated from the first of them."""
    for length in range(min(rule.longest_look_back, len(usable)), rule.confirming_days - 1, -1):
        run = usable[-length:]
        baseline = _baseline(usable[:-length], run[0].day, before, rule)
        if baseline is not None and all(_slower(baseline, day.durations, rule) for day in run):
            return Assessment(Standing.DRIFTED, baseline, now, _drift(baseline, now, run[0].day, rule))
    baseline = _baseline(usable[: -rule.confirming_days], now.first_day, before, rule)
    return Assessment(Standing.STEADY, baseline, now, None, before.steady_from) if baseline is not None else LEARNING


def _baseline(usable: Sequence[Day], until: int, before: Assessment, rule: DriftRule) -> Level | None:
    """Of the days that are no older than a baseline reaches; after a drift that is over, at first the one before it."""
    first = max(until - rule.baseline_days, before.steady_from or 0)
    days = [day for day in usable if day.day >= first]
    if len(days) >= rule.fewest_baseline_days:
        return Level.of(days)
    return before.baseline if before.steady_from is not None and until >= before.steady_from else None


def _slower(baseline: Level, durations: Durations, rule: DriftRule) -> str | None:
    """The measure in which these durations lie more than the threshold above the baseline; p95 is looked at first."""
    for measure in MEASURES:
        was, is_now = _value(baseline.durations, measure), _value(durations, measure)
        if 100 * is_now > (100 + rule.threshold_percent) * was:
            return measure
    return None


def _drift(baseline: Level, now: Level, since_day: int, rule: DriftRule) -> Drift:
    measure = _slower(baseline, now.durations, rule) or "median"
    was, is_now = _value(baseline.durations, measure), _value(now.durations, measure)
    percent = (100 * is_now - 100 * was) // was if was else 0
    return Drift(since_day, measure, _phase_that_moved(baseline, now, measure), percent)


def _phase_that_moved(baseline: Level, now: Level, measure: str) -> str:
    """The part of a check that grew most, in absolute terms."""
    grown = {part: _value(now.durations, measure, part) - _value(baseline.durations, measure, part) for part in _PARTS}
    whole = _value(now.durations, measure) - _value(baseline.durations, measure)
    grown[TRANSFER] = whole - sum(grown.values())
    return max(grown, key=lambda part: grown[part])


def _value(durations: Durations, measure: str, part: str = "total") -> int:
    value: int | None = durations._asdict()[part].quantile(MEASURES[measure])
    return value or 0
