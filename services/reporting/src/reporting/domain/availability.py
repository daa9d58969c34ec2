"""Uptime over a period, by a rule that a contract names: exact, explained, never from a rounded figure.

States of a monitor over time go in, in any order, overlapping and repeated as they come; what no state covers was up.
The live reports, the status page and the calculator call the same function.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from itertools import count
from typing import Literal

from shared.kernel.calendar import Calendar
from shared.kernel.intervals import Interval, intersection, subtraction, total, union
from shared.kernel.money import round_half_away

LONGEST_PERIOD = timedelta(days=20 * 366)
"""A longer period is refused rather than computed."""

_WINDOWS_WALKED = 300_000

_MICROSECOND = timedelta(microseconds=1)
_MINUTE = timedelta(minutes=1)

Treatment = Literal["exclude", "up", "down"]


class State(StrEnum):
    """What a stretch of time was, other than up; of several at one instant, the first one here wins."""

    PAUSED = "paused"
    MAINTENANCE = "maintenance"
    DOWN = "down"
    DEGRADED = "degraded"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class StateSpan:
    """A state over ``[start, end)``."""

    start: datetime
    end: datetime
    state: State


@dataclass(frozen=True, slots=True)
class UptimeRule:
    """How time is weighed. Nothing here has a default: it decides money.

    :param minimum_outage: a run of down that is shorter counts as up.
    :param whole_minutes: only the whole UTC clock minutes inside a run count as down.
    :param maintenance: maintenance leaves the denominator, counts as up, or counts as down.
    :param unknown: the same for time without data.
    :param degraded_weight: which part of degraded time counts as down, 0 to 1.
    :param service_window: the only time that matters; None is all the time.
    """

    minimum_outage: timedelta
    whole_minutes: bool
    maintenance: Treatment
    unknown: Treatment
    degraded_weight: Decimal
    service_window: Calendar | None


@dataclass(frozen=True, slots=True)
class Uptime:
    """What a period came to. Lengths are exact; the shares are computed from them, never stored rounded."""

    period: timedelta
    service: timedelta
    length_of: Mapping[State, timedelta]
    denominator: timedelta
    lost: Fraction
    target: Decimal | None

    @property
    def percent(self) -> Fraction | None:
        """The exact percentage; None when nothing is left in the denominator."""
        if not self.denominator:
            return None
        return 100 * (1 - self.lost / _seconds(self.denominator))

    @property
    def met(self) -> bool | None:
        """Whether the exact percentage reaches the target; None without a target, or with nothing to judge."""
        if self.percent is None or self.target is None:
            return None
        return self.percent >= Fraction(self.target)

    @property
    def percent_text(self) -> str | None:
        """The percentage with 6 decimals, truncated."""
        return None if self.percent is None else _truncated(self.percent, 6)

    @property
    def display(self) -> str | None:
        """What a person reads: two decimals, rounded half up, or as many more as honesty needs."""
        return None if self.percent is None else uptime_display(self.percent, self.target)

    @property
    def coverage_text(self) -> str | None:
        """The share of the service time that was measured, in percent with 2 decimals, truncated; None without any."""
        if not self.service:
            return None
        blind = self.length_of[State.UNKNOWN] + self.length_of[State.PAUSED]
        return _truncated(100 * _seconds(self.service - blind) / _seconds(self.service), 2)

    @property
    def error_budget(self) -> Fraction | None:
        """The seconds that may still be lost, negative when over; None without a target, or with nothing to judge."""
        if self.target is None or not self.denominator:
            return None
        return _seconds(self.denominator) * (1 - Fraction(self.target) / 100) - self.lost


class PeriodTooLongError(ValueError):
    """The period, or the windows in it, are more than we are ready to walk over at once."""


def measure_uptime(
    period: Interval, rule: UptimeRule, states: Iterable[StateSpan], target: Decimal | None = None
) -> Uptime:
    """The uptime of a period.

    :param states: in any order; they may overlap, repeat, and reach outside of the period. Pass those that touch its
        bounds with their whole length: whether a run of down is long enough is judged before it is clipped.
    :param target: percentage from 0 to 100.

    Raises :class:`PeriodTooLongError`.
    """
    _check_size(period, rule)
    service = _service(period, rule)
    layers = _layers(states)
    layers[State.DOWN] = _outages(layers[State.DOWN], rule)
    lengths = {state: total(intersection(layer, service)) for state, layer in layers.items()}

    denominator = total(service) - lengths[State.PAUSED]
    lost = _seconds(lengths[State.DOWN]) + _seconds(lengths[State.DEGRADED]) * Fraction(rule.degraded_weight)
    for state, treatment in ((State.MAINTENANCE, rule.maintenance), (State.UNKNOWN, rule.unknown)):
        if treatment == "exclude":
            denominator -= lengths[state]
        elif treatment == "down":
            lost += _seconds(lengths[state])
    return Uptime(period.length, total(service), lengths, denominator, lost, target)


def down_time(period: Interval, rule: UptimeRule, states: Iterable[StateSpan]) -> Sequence[Interval]:
    """When it was down in a period, as far as that counts: what `measure_uptime` gives the length of.

    Raises :class:`PeriodTooLongError`.
    """
    _check_size(period, rule)
    return intersection(_outages(_layers(states)[State.DOWN], rule), _service(period, rule))


def _service(period: Interval, rule: UptimeRule) -> Sequence[Interval]:
    """The only time of a period that matters."""
    return [period] if rule.service_window is None else rule.service_window.open_between(*period)


def added(parts: Sequence[Uptime], target: Decimal | None) -> Uptime:
    """What periods that do not overlap come to together, each measured by its own rule."""
    return Uptime(
        period=sum((part.period for part in parts), timedelta()),
        service=sum((part.service for part in parts), timedelta()),
        length_of={state: sum((part.length_of[state] for part in parts), timedelta()) for state in State},
        denominator=sum((part.denominator for part in parts), timedelta()),
        lost=sum((part.lost for part in parts), Fraction()),
        target=target,
    )


def uptime_display(percent: Fraction, target: Decimal | None) -> str:
    """An uptime as a person reads it, without a sign: two decimals, rounded half up, unless they lie.

    They lie when they show the target as reached though it was missed, as missed though it was reached, or 100 though
    something was lost. Then it is the fewest further decimals that do not: 99.899977 against 99.9 reads ``99.89998``.
    """
    for decimals in count(2):
        shown = round_half_away(percent, decimals)
        hides_loss = shown == 100 and percent != 100
        flips_verdict = target is not None and (shown >= target) != (percent >= Fraction(target))
        if not hides_loss and not flips_verdict:
            return format(shown, "f")
    raise AssertionError("with enough decimals, the figure itself is shown")


def _layers(states: Iterable[StateSpan]) -> dict[State, list[Interval]]:
    """For each state, when it wins over the others."""
    spans: dict[State, list[Interval]] = {state: [] for state in State}
    for each in states:
        spans[each.state].append(Interval(each.start, each.end))
    layers: dict[State, list[Interval]] = {}
    covered: list[Interval] = []
    for state in State:
        own = union(spans[state])
        layers[state] = subtraction(own, covered)
        covered = union([*covered, *own])
    return layers


def _outages(runs: Iterable[Interval], rule: UptimeRule) -> list[Interval]:
    """The part of the runs of down that counts as down."""
    long_enough = [run for run in runs if run.length >= rule.minimum_outage]
    return [_whole_minutes(run) for run in long_enough] if rule.whole_minutes else long_enough


def _whole_minutes(run: Interval) -> Interval:
    """From the first to the last full minute inside; empty or reversed when there is none, which counts for nothing."""
    start, end = (instant.replace(second=0, microsecond=0) for instant in run)
    return Interval(start if start in (run.start, end) else start + _MINUTE, end)


def _check_size(period: Interval, rule: UptimeRule) -> None:
    if period.length > LONGEST_PERIOD:
        raise PeriodTooLongError("a period is at most 20 years long")
    if rule.service_window is not None:
        weeks = period.length // timedelta(weeks=1)
        if weeks * rule.service_window.windows_a_week > _WINDOWS_WALKED:
            raise PeriodTooLongError("the service window has too many windows for so long a period")


def _seconds(length: timedelta) -> Fraction:
    return Fraction(length // _MICROSECOND, 1_000_000)


def _truncated(value: Fraction, decimals: int) -> str:
    """A figure that is not negative, cut to that many decimals."""
    units = value.numerator * 10**decimals // value.denominator
    return f"{units // 10**decimals}.{units % 10**decimals:0{decimals}}"
