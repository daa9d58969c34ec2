"""Patterns of misses that open a right to terminate, and the day on which it lapses."""

from datetime import date, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.contract_term import add_months
from contracts.domain.termination_right import (
    MissesInARow,
    MissesWithin,
    TerminationRule,
    Verdict,
    as_one,
    termination_rights,
)

CLOSED = date(2027, 7, 1)
"""When the client was told."""


def months(pattern: str) -> list[Verdict]:
    """Months of 2026 from January on: x is missed, o is kept, ? could not be measured."""
    missed = {"x": True, "o": False, "?": None}
    return [
        Verdict(f"2026-{number:02}", add_months(date(2026, 1, 1), number), missed[each])
        for number, each in enumerate(pattern, 1)
    ]


def opened(rule: TerminationRule, pattern: str) -> list[tuple[str, tuple[str, ...]]]:
    return [(str(right.opened_on), right.because) for right in termination_rights(rule, months(pattern), CLOSED)]


def test_three_misses_in_any_six_months_open_a_right_that_lapses_after_thirty_days() -> None:
    rule = TerminationRule(MissesWithin(3, 6), days_to_use=30)
    assert termination_rights(rule, months("xooxo"), CLOSED) == []
    (right,) = termination_rights(rule, months("xooxox"), date(2026, 7, 1))
    assert (right.opened_on, right.lapses_on) == (date(2026, 7, 1), date(2026, 7, 31))
    assert right.because == ("2026-01", "2026-04", "2026-06")
    assert not right.usable_on(date(2026, 6, 30))
    assert right.usable_on(date(2026, 7, 1)) and right.usable_on(date(2026, 7, 30))
    assert not right.usable_on(date(2026, 7, 31))


def test_the_days_run_from_when_the_client_was_told_however_late_that_was() -> None:
    rule = TerminationRule(MissesWithin(2, 6), days_to_use=30)
    (right,) = termination_rights(rule, months("xx"), date(2026, 5, 20))
    assert (right.opened_on, right.lapses_on) == (date(2026, 3, 1), date(2026, 6, 19))
    assert right.usable_on(date(2026, 6, 18)) and not right.usable_on(date(2026, 6, 19))


def test_a_miss_that_is_too_old_does_not_count() -> None:
    assert opened(TerminationRule(MissesWithin(3, 6), 30), "xooxoox") == []


def test_every_further_miss_that_completes_the_pattern_opens_the_right_anew() -> None:
    rule = TerminationRule(MissesWithin(2, 3), 10)
    assert opened(rule, "xxox") == [("2026-03-01", ("2026-01", "2026-02")), ("2026-05-01", ("2026-02", "2026-04"))]


def test_a_row_is_ended_by_what_was_kept_and_not_by_what_could_not_be_measured() -> None:
    rule = TerminationRule(MissesInARow(2), 30)
    assert opened(rule, "xoxox") == []
    assert opened(rule, "x?x") == [("2026-04-01", ("2026-01", "2026-03"))]
    assert opened(rule, "oxxxo") == [
        ("2026-04-01", ("2026-02", "2026-03")),
        ("2026-05-01", ("2026-02", "2026-03", "2026-04")),
    ]


def test_no_data_is_no_miss() -> None:
    assert opened(TerminationRule(MissesWithin(1, 12), 30), "???") == []
    assert opened(TerminationRule(MissesInARow(1), 30), "???") == []


def test_many_misses_of_one_day_are_a_pattern_too() -> None:
    late = [Verdict(f"clock-{number}", date(2026, 6, 8), missed=True) for number in range(3)]
    (right,) = termination_rights(TerminationRule(MissesWithin(3, 1), 14), late, CLOSED)
    assert right.because == ("clock-0", "clock-1", "clock-2")


verdicts = st.lists(
    st.builds(
        Verdict,
        id=st.uuids().map(str),
        on=st.dates(date(2026, 1, 1), date(2027, 6, 30)),
        missed=st.sampled_from([True, True, False, None]),
    ),
    max_size=12,
)


@given(verdicts, st.integers(1, 3), st.integers(1, 12), st.integers(1, 90), st.randoms(use_true_random=False))
def test_rights_are_what_looking_back_from_every_day_finds_in_whatever_order_verdicts_come(
    known: list[Verdict], misses: int, within: int, days: int, random: Random
) -> None:
    rule = TerminationRule(MissesWithin(misses, within), days)
    rights = termination_rights(rule, random.sample(known, len(known)), CLOSED)
    assert rights == termination_rights(rule, known, CLOSED)
    day = date(2025, 12, 1)
    while day < date(2027, 8, 1):
        on_this_day = [each for each in known if each.missed and each.on == day]
        counted = [each for each in known if each.missed and each.on <= day < add_months(each.on, within)]
        assert any(right.opened_on == day for right in rights) == (bool(on_this_day) and len(counted) >= misses)
        day += timedelta(days=1)
    assert all(right.lapses_on - CLOSED == timedelta(days=days) for right in rights)


@pytest.mark.parametrize("pattern", [MissesWithin(2, 12), MissesInARow(2)])
def test_nothing_known_opens_nothing(pattern: MissesWithin | MissesInARow) -> None:
    assert termination_rights(TerminationRule(pattern, 30), [], CLOSED) == []


def test_a_period_is_missed_when_any_part_of_it_was_and_unknown_when_nothing_was_measured() -> None:
    kept, missed, unknown = (Verdict(str(each), date(2026, 7, 1), each) for each in (False, True, None))
    assert as_one([unknown, kept, missed]) == missed
    assert as_one([unknown, kept]) == kept
    assert as_one([unknown]) == unknown
    later = Verdict("later", date(2026, 7, 15), False)
    assert as_one([missed, later]).on == later.on
