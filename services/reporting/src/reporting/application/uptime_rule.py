"""The door from stored facts to the one function that computes uptime."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final, TypedDict

from reporting.application.facts import UptimeRule
from reporting.domain import availability
from reporting.domain.state_line import Span, State, clipped, touching
from shared.calendar_schema import BusinessCalendar
from shared.kernel.intervals import Interval
from shared.values import number, parse_decimal, parse_duration, seconds

Number = int | float
_ANY_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Measured(TypedDict):
    """The figures of a period, as answers show them."""

    period_seconds: Number
    service_seconds: Number
    denominator_seconds: Number
    down_seconds: Number
    degraded_seconds: Number
    maintenance_seconds: Number
    unknown_seconds: Number
    paused_seconds: Number
    uptime_percent: str | None
    uptime_display: str | None
    coverage_percent: str | None
    met: bool | None
    error_budget_seconds: Number | None


def uptime_of(
    line: Sequence[Span], start: datetime, end: datetime, rule: UptimeRule, target_percent: str | None
) -> availability.Uptime:
    """Uptime over `[start, end)`, exact, from a line of states, which may reach outside of it.

    `target_percent` is a decimal string, or None where nothing was promised.
    """
    target = parse_decimal(target_percent) if target_percent is not None else None
    states = _states(touching(line, start, end))
    return availability.measure_uptime(Interval(start, end), domain_rule(rule.model_dump_json()), states, target)


def down_time(line: Sequence[Span], start: datetime, end: datetime, rule: UptimeRule) -> Sequence[Interval]:
    """When it was down in `[start, end)`, as far as that counts by the rule."""
    states = _states(touching(line, start, end))
    return availability.down_time(Interval(start, end), domain_rule(rule.model_dump_json()), states)


def _states(line: Sequence[Span]) -> list[availability.StateSpan]:
    return [
        availability.StateSpan(span.start, span.end, availability.State(span.state))
        for span in line
        if span.state != "up"
    ]


def shown(measured: availability.Uptime) -> Measured:
    """What was measured, as answers show it."""
    budget = measured.error_budget
    length_of = {state: number(seconds(length)) for state, length in measured.length_of.items()}
    return Measured(
        period_seconds=number(seconds(measured.period)),
        service_seconds=number(seconds(measured.service)),
        denominator_seconds=number(seconds(measured.denominator)),
        down_seconds=length_of[availability.State.DOWN],
        degraded_seconds=length_of[availability.State.DEGRADED],
        maintenance_seconds=length_of[availability.State.MAINTENANCE],
        unknown_seconds=length_of[availability.State.UNKNOWN],
        paused_seconds=length_of[availability.State.PAUSED],
        uptime_percent=measured.percent_text,
        uptime_display=measured.display,
        coverage_percent=measured.coverage_text,
        met=measured.met,
        error_budget_seconds=number(budget) if budget is not None else None,
    )


def measure(
    line: Sequence[Span], start: datetime, end: datetime, rule: UptimeRule, target_percent: str | None
) -> Measured:
    """Uptime over `[start, end)`, as answers show it; the parameters are those of `uptime_of`."""
    return shown(uptime_of(line, start, end, rule, target_percent))


@dataclass(frozen=True)
class RuledTime:
    """A time `[start, end)` with the one rule by which it is measured."""

    start: datetime
    end: datetime
    rule: UptimeRule


def measure_in_turn(
    line: Sequence[Span], start: datetime, end: datetime, ruled: Sequence[RuledTime], target_percent: str | None
) -> Measured:
    """The same over times of different rules: each is measured by its own, and the exact lengths are added.

    `ruled`: in the order of time, without holes in `[start, end)`, and may reach beyond it.
    """
    parts = [
        uptime_of(line, max(start, each.start), min(end, each.end), each.rule, None)
        for each in ruled
        if max(start, each.start) < min(end, each.end)
    ]
    return shown(availability.added(parts, parse_decimal(target_percent) if target_percent is not None else None))


def measure_day(line: Sequence[Span], start: datetime, end: datetime, ruled: Sequence[RuledTime]) -> Measured:
    """The same for a day of many: what depends on nothing but the states of the day is measured once.

    Whether a run of down counts depends on how long it is beyond the day, and a service window on which day it is.
    """
    near = touching(line, start, end)
    rules = [each.rule for each in ruled if each.start < end and start < each.end]
    rule = rules[0]
    if len(rules) > 1 or rule.service_window is not None or any(span.state == "down" for span in near):
        return measure_in_turn(line, start, end, ruled, None)
    states = tuple((span.state, span.start - start, span.end - start) for span in clipped(near, start, end))
    return _quiet_day(end - start, states, rule.model_dump_json())


@lru_cache(maxsize=4_096)
def _quiet_day(length: timedelta, states: tuple[tuple[State, timedelta, timedelta], ...], rule: str) -> Measured:
    line = [Span(_ANY_DAY + begin, _ANY_DAY + end, state, None, None, ()) for state, begin, end in states]
    return measure(line, _ANY_DAY, _ANY_DAY + length, UptimeRule.model_validate_json(rule), None)


@lru_cache(maxsize=256)
def domain_rule(document: str) -> availability.UptimeRule:
    """The rule of a contract as the domain takes it, from its JSON text. Kept: a calendar remembers its days."""
    rule = json.loads(document)
    window = rule["service_window"]
    return availability.UptimeRule(
        minimum_outage=parse_duration(rule["minimum_outage"]),
        whole_minutes=rule["whole_minutes"],
        maintenance=rule["maintenance"],
        unknown=rule["unknown"],
        degraded_weight=Decimal(rule["degraded_weight"]),
        service_window=BusinessCalendar.model_validate(window).calendar if window is not None else None,
    )
