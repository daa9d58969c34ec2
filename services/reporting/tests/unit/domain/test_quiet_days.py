"""A day that is measured once for all days like it comes to what it comes to by itself."""

from datetime import UTC, datetime, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from reporting.application.facts import UptimeRule
from reporting.application.uptime_rule import measure, measure_day
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


@given(stretches, rules)
def test_every_day_of_a_line_comes_to_the_same(found: list[tuple[State, int]], rule: UptimeRule) -> None:
    line, at = [], START
    for state, hours in found:
        line.append(Span(at, at + timedelta(hours=hours), state, None, None, ()))
        at += timedelta(hours=hours)
    for day in range(6):
        start = START + timedelta(days=day, hours=-3)
        end = start + timedelta(days=1)
        assert measure_day(line, start, end, rule) == measure(line, start, end, rule, None)
