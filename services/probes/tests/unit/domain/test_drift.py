"""Drift: a site that has become slower, told from one that had a bad day."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import pytest

from probes.domain.drift import LEARNING, TRANSFER, Assessment, Day, Drift, DriftRule, Standing, assess
from probes.domain.rollup import Durations
from shared.kernel.sketch import Sketch

RULE = DriftRule()
FIRST = 20_000


def day(number: int, total: int = 100, *, checks: int = 100, **phases: int) -> Day:
    """A day with checks around these milliseconds."""
    usual = {"name_lookup": 5, "connect": 10, "tls": 20, "first_byte": 50, "total": total} | phases
    return Day(
        FIRST + number,
        Durations._make(
            Sketch.of(usual[name] * 1000 + 100 * (check % 10) for check in range(checks)) for name in Durations._fields
        ),
    )


def lived(days: Sequence[Day], before: Assessment = LEARNING, rule: DriftRule = RULE) -> list[Assessment]:
    """The assessments after each day."""
    found = []
    for count in range(1, len(days) + 1):
        before = assess(days[max(0, count - 45) : count], before, rule)
        found.append(before)
    return found


def standings(days: Sequence[Day]) -> list[Standing]:
    return [assessment.standing for assessment in lived(days)]


def test_ten_days_are_needed_before_anything_is_said() -> None:
    assert standings([day(number) for number in range(10)]) == [Standing.LEARNING] * 9 + [Standing.STEADY]


def test_a_site_that_gets_slower_for_good_has_drifted_on_the_third_day_and_since_the_first() -> None:
    days = [day(number) for number in range(20)] + [day(number, 150, first_byte=100) for number in range(20, 25)]
    found = lived(days)
    assert [assessment.standing for assessment in found[20:]] == [Standing.STEADY] * 2 + [Standing.DRIFTED] * 3
    drift = found[22].drift
    assert drift is not None and (drift.since_day, drift.phase) == (FIRST + 20, "first_byte")
    assert 47 <= drift.percent <= 52
    assert found[22].baseline is not None and found[22].baseline.last_day == FIRST + 19


def test_one_bad_day_and_the_next_one_are_no_drift() -> None:
    days = [day(number, 300 if number in (15, 16, 20) else 100) for number in range(30)]
    assert Standing.DRIFTED not in standings(days)


def test_a_change_below_the_threshold_is_none() -> None:
    days = [day(number, 100 if number < 20 else 115) for number in range(40)]
    assert Standing.DRIFTED not in standings(days)
    assert lived(days, rule=replace(RULE, threshold_percent=10))[22].standing is Standing.DRIFTED


def test_a_site_that_gets_faster_has_not_drifted() -> None:
    assert Standing.DRIFTED not in standings([day(number, 100 if number < 20 else 40) for number in range(40)])


def test_a_drift_stays_until_the_site_is_as_fast_again_for_three_days() -> None:
    totals = [100] * 20 + [150] * 40 + [100, 150] + [100] * 4
    found = lived([day(number, total) for number, total in enumerate(totals)])
    assert [assessment.standing for assessment in found[22:64]] == [Standing.DRIFTED] * 42
    assert found[59].baseline == found[22].baseline and found[59].drift is not None
    assert found[59].drift.since_day == FIRST + 20
    assert [assessment.standing for assessment in found[64:]] == [Standing.STEADY] * 2


def test_slow_days_of_a_drift_that_is_over_are_no_baseline() -> None:
    totals = [100] * 20 + [150] * 30 + [100] * 5 + [150] * 3 + [100] * 3 + [140] * 3
    found = lived([day(number, total) for number, total in enumerate(totals)])
    changes = [
        (place, later.standing)
        for place, (earlier, later) in enumerate(pairwise(found), start=1)
        if earlier.standing is not later.standing
    ]
    assert changes == [
        (9, Standing.STEADY),
        (22, Standing.DRIFTED),
        (52, Standing.STEADY),
        (57, Standing.DRIFTED),
        (60, Standing.STEADY),
        (63, Standing.DRIFTED),
    ]


@pytest.mark.parametrize("part", ["name_lookup", "connect", "tls", "first_byte", TRANSFER])
def test_the_phase_that_moved_is_named(part: str) -> None:
    usual = {"name_lookup": 5, "connect": 10, "tls": 20, "first_byte": 50}
    phases = {part: usual[part] + 60} if part != TRANSFER else {}
    days = [day(number) for number in range(20)] + [day(number, 160, **phases) for number in range(20, 23)]
    drift = lived(days)[-1].drift
    assert drift is not None and drift.phase == part


def test_a_slower_tail_is_a_drift_of_the_95th_percentile() -> None:
    def with_tail(number: int) -> Day:
        usual = day(number)
        slow = Sketch.of([400_000] * 10)
        return Day(usual.day, usual.durations._replace(total=usual.durations.total + slow))

    days = [day(number) for number in range(20)] + [with_tail(number) for number in range(20, 23)]
    drift = lived(days)[-1].drift
    assert drift is not None and drift.measure == "p95" and drift.percent > 200


def test_days_with_few_checks_say_nothing() -> None:
    days = [day(number) for number in range(20)] + [day(number, 500, checks=19) for number in range(20, 30)]
    assert standings(days)[20:] == [Standing.STEADY] * 10


def test_a_job_that_was_away_dates_the_change_from_its_first_day() -> None:
    days = [day(number) for number in range(20)] + [day(number, 150) for number in range(20, 27)]
    found = assess(days, LEARNING, RULE)
    assert found.standing is Standing.DRIFTED and found.drift is not None and found.drift.since_day == FIRST + 20


def test_no_days_change_nothing() -> None:
    drifted = Assessment(Standing.DRIFTED, None, None, Drift(FIRST, "p95", "tls", 30))
    assert assess([], drifted, RULE) is drifted
