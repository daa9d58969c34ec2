"""A day comes to what it comes to by itself, and by the rule of its time, however many days are measured with it."""

from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from reporting.application.facts import UptimeRule
from reporting.application.uptime_rule import RuledTime, measure, measure_day, measure_in_turn
from reporting.domain.state_line import Span, State

START = datetime(2026, 3, 20, 23, tzinfo=UTC)
stretches = st.lists(st.tuples(st.sampled_from(get_args(State)), st.integers(1, 40)), min_size=1, max_size=12)
rules = st.builds(
    lambda minimum, whole, maintenance, unknown, weight: UptimeRule.model_validate(
        {
            "minimum_outage": f"PT{minimum}M",
            "whole_minutes": whole,
            "maintenance": maintenance,
            "unknown": unknown,
            "degraded_weight": weight,
            "service_window": None,
        }
    ),
    st.integers(0, 90),
    st.booleans(),
    *(st.sampled_from(("up", "down", "exclude")) for _ in range(2)),
    st.sampled_from(("0", "0.5", "1")),
)


def line_of(found: list[tuple[State, int]]) -> list[Span]:
    line, at = [], START
    for state, hours in found:
        line.append(Span(at, at + timedelta(hours=hours), state, None, None, ()))
        at += timedelta(hours=hours)
    return line


@given(stretches, rules)
def test_every_day_of_a_line_comes_to_the_same(found: list[tuple[State, int]], rule: UptimeRule) -> None:
    line = line_of(found)
    for day in range(6):
        start = START + timedelta(days=day, hours=-3)
        end = start + timedelta(days=1)
        ruled = [RuledTime(START - timedelta(days=1), START + timedelta(days=7), rule)]
        assert measure_day(line, start, end, ruled) == measure(line, start, end, rule, None)


@given(stretches, rules, rules, st.integers(0, 72))
def test_a_time_in_which_the_rule_changes_comes_to_what_its_parts_come_to(
    found: list[tuple[State, int]], before: UptimeRule, after: UptimeRule, hours: int
) -> None:
    line = line_of(found)
    start, changed, end = START, START + timedelta(hours=hours), START + timedelta(hours=72)
    ruled = [RuledTime(START - timedelta(days=9), changed, before), RuledTime(changed, end + timedelta(days=9), after)]
    whole = measure_in_turn(line, start, end, ruled, None)
    parts = [
        measure(line, left, right, rule, None)
        for left, right, rule in ((start, changed, before), (changed, end, after))
        if left < right
    ]
    for length in ("period_seconds", "service_seconds", "denominator_seconds", "down_seconds", "unknown_seconds"):
        assert whole[length] == sum(part[length] for part in parts)


@given(stretches, rules, st.integers(1, 71))
def test_a_bound_at_which_no_rule_changes_changes_nothing(
    found: list[tuple[State, int]], rule: UptimeRule, hours: int
) -> None:
    line, cut, end = line_of(found), START + timedelta(hours=hours), START + timedelta(hours=72)
    ruled = [RuledTime(START, cut, rule), RuledTime(cut, end, rule)]
    assert measure_in_turn(line, START, end, ruled, "99.9") == measure(line, START, end, rule, "99.9")
