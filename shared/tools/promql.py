"""Reads PromQL as far as our alert rules go: what an expression asks for, what it gives, and when an alert fires.

The arithmetic is that of Prometheus 2 and 3, which differ in whether a range contains its beginning (`left_open`). What
our rules do not use raises NotImplementedError: an expression is either evaluated as Prometheus does it, or not at all.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import promql_parser

OF_THE_TARGET = frozenset({"job", "component", "pod", "instance", "namespace"})
"""Labels that Prometheus adds to every series of ours (PodMonitor)."""

OF_THE_PLATFORM: Mapping[str, frozenset[str]] = dict.fromkeys(
    (
        "up",
        # Of each server of PostgreSQL, by CloudNativePG 1.30 (default-monitoring.yaml) and its Barman Cloud plugin 0.14
        # (internal/cnpgi/instance/metrics.go). With the plugin the operator's own `cnpg_collector_last_available_…` is
        # told as well, and stays 0.
        "cnpg_collector_up",
        "cnpg_pg_stat_archiver_last_archived_time",
        "cnpg_pg_stat_archiver_last_failed_time",
        "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp",
    ),
    frozenset(),
)
"""What is not told by our services: name of a series -> its labels, as far as we use them."""


def parts(node: Any) -> Iterator[Any]:
    """The expression and every expression in it."""
    yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector"):
        inner = getattr(node, name, None)
        if inner is not None:
            yield from parts(inner)
    for inner in getattr(node, "args", None) or ():
        yield from parts(inner)


def faults_of(expression: str, told: Mapping[str, Set[str]]) -> list[str]:
    """What of a PromQL expression nobody tells. `told`: name of a series -> its labels, those of the target aside.

    Raises ValueError when it is no PromQL.
    """
    found = []
    nodes = list(parts(promql_parser.parse(expression)))
    known = set(OF_THE_TARGET)
    for node in nodes:
        if isinstance(node, promql_parser.VectorSelector):
            name = node.name or ""
            if name not in told:
                found.append(f"nobody tells {name}")
                continue
            known |= told[name]
            found += [
                f"{name} has no label {matcher.name}"
                for matcher in node.matchers.matchers
                if matcher.name not in told[name] | OF_THE_TARGET
            ]
    for node in nodes:
        modifier = getattr(node, "modifier", None)
        if isinstance(node, promql_parser.AggregateExpr) and modifier is not None:
            found += [f"grouped by {label}, which no series has" for label in modifier.labels if label not in known]
    return found


# --- series ----------------------------------------------------------------------------------------------------------

Labels = frozenset[tuple[str, str]]
Vector = dict[Labels, float]
Samples = Sequence[tuple[float, float]]
"""(second, value) pairs, the earliest first."""

NAME = "__name__"
LOOKBACK = 300.0
_VALUES = re.compile(r"^(?P<first>[-+]?[\d.]+|_)(?:(?P<step>[-+][\d.]+))?(?:x(?P<times>\d+))?$")


def series_of(given: Sequence[Mapping[str, str]], interval: float) -> dict[Labels, Samples]:
    """`input_series` of a test of promtool: `1x30`, `0+5x30`, `_x3 1 2`, with `interval` seconds between values."""
    found: dict[Labels, Samples] = {}
    for each in given:
        selector: Any = promql_parser.parse(each["series"])
        labels = frozenset([(NAME, selector.name), *((m.name, m.value) for m in selector.matchers.matchers)])
        found[labels] = [
            (place * interval, value) for place, value in enumerate(_values(each["values"])) if value is not None
        ]
    return found


def _values(text: str) -> Iterator[float | None]:
    for word in text.split():
        match = _VALUES.match(word)
        if match is None:
            raise NotImplementedError(f"values {word!r}")
        for number in range(int(match["times"] or 0) + 1):
            if match["first"] == "_":
                if number or not match["times"]:  # `_x3` is three gaps, `1x3` is four values
                    yield None
            else:
                yield float(match["first"]) + number * float(match["step"] or 0)


# --- evaluation ------------------------------------------------------------------------------------------------------

_ARITHMETIC: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else math.nan if not a or math.isnan(a) else math.copysign(math.inf, a),
}
_COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
    "==": operator.eq,
    "!=": operator.ne,
}


def _largest(values: Sequence[float]) -> float:
    return max((value for value in values if not math.isnan(value)), default=math.nan)


def _least(values: Sequence[float]) -> float:
    return min((value for value in values if not math.isnan(value)), default=math.nan)


_AGGREGATES: Mapping[str, Callable[[Sequence[float]], float]] = {"max": _largest, "min": _least, "sum": math.fsum}
_OVER_TIME: Mapping[str, Callable[[Sequence[float]], float]] = {"min_over_time": _least, "max_over_time": _largest}


@dataclass(frozen=True)
class Evaluator:
    """Evaluates expressions over series."""

    series: Mapping[Labels, Samples]
    left_open: bool

    def value(self, node: Any, at: float) -> Vector | float:
        """An instant vector or a scalar, at a second."""
        kind = type(node).__name__
        if kind == "NumberLiteral":
            return float(node.val)
        if kind == "ParenExpr":
            return self.value(node.expr, at)
        if kind == "VectorSelector":
            found = {labels: self._window(samples, at, LOOKBACK) for labels, samples in self._selected(node)}
            return {labels: window[-1][1] for labels, window in found.items() if window}
        if kind == "AggregateExpr":
            return self._aggregate(node, at)
        if kind == "BinaryExpr":
            return self._binary(node, at)
        if kind == "Call":
            return self._call(node.func.name, node.args, at)
        raise NotImplementedError(kind)

    def vector(self, node: Any, at: float) -> Vector:
        """An instant vector."""
        found = self.value(node, at)
        if not isinstance(found, dict):
            raise NotImplementedError(f"a scalar where a vector is meant: {node.prettify()}")
        return found

    def _selected(self, node: Any) -> Iterator[tuple[Labels, Samples]]:
        if node.offset is not None or node.at is not None:
            raise NotImplementedError("offset and @")
        for labels, samples in self.series.items():
            known = dict(labels)
            if known[NAME] == node.name and all(_matches(each, known) for each in node.matchers.matchers):
                yield labels, samples

    def _window(self, samples: Samples, at: float, length: float) -> Samples:
        begins = at - length
        return [(t, v) for t, v in samples if t <= at and (t > begins or (t == begins and not self.left_open))]

    def _range(self, node: Any, at: float) -> dict[Labels, Samples]:
        length = node.range.total_seconds()
        if type(node).__name__ == "MatrixSelector":
            found = {ls: self._window(each, at, length) for ls, each in self._selected(node.vector_selector)}
        else:
            step = node.step.total_seconds()
            found = {}
            for number in range(math.ceil((at - length) / step), math.floor(at / step) + 1):
                if number * step > at - length or not self.left_open:
                    for labels, value in self.vector(node.expr, number * step).items():
                        found.setdefault(labels, []).append((number * step, value))  # type: ignore[attr-defined]
        return {labels: samples for labels, samples in found.items() if samples}

    def _call(self, name: str, args: Sequence[Any], at: float) -> Vector | float:
        if name == "time":
            return at
        if name == "vector":
            return {frozenset(): float(self.value(args[0], at))}  # type: ignore[arg-type]
        if name == "absent":
            (selector,) = args
            told = frozenset((m.name, m.value) for m in selector.matchers.matchers if str(m.op) == "MatchOp.Equal")
            return {} if self.vector(selector, at) else {told: 1.0}
        if name == "histogram_quantile":
            return _histogram_quantile(float(self.value(args[0], at)), self.vector(args[1], at))  # type: ignore[arg-type]
        found = {_unnamed(labels): samples for labels, samples in self._range(args[0], at).items()}
        if name in _OVER_TIME:
            return {labels: _OVER_TIME[name]([v for _, v in samples]) for labels, samples in found.items()}
        if name in ("rate", "increase"):
            length = args[0].range.total_seconds()
            by = length if name == "rate" else 1.0
            return {ls: _increase(each, at - length, at) / by for ls, each in found.items() if len(each) > 1}
        raise NotImplementedError(name)

    def _aggregate(self, node: Any, at: float) -> Vector:
        by: Sequence[str] = ()
        if node.modifier is not None:
            if str(node.modifier.type) != "AggModifierType.By":
                raise NotImplementedError("without")
            by = node.modifier.labels
        groups: dict[Labels, list[float]] = {}
        for labels, value in self.vector(node.expr, at).items():
            groups.setdefault(frozenset((k, v) for k, v in labels if k in by), []).append(value)
        return {labels: _AGGREGATES[str(node.op)](values) for labels, values in groups.items()}

    def _binary(self, node: Any, at: float) -> Vector | float:
        op, left, right = str(node.op), self.value(node.lhs, at), self.value(node.rhs, at)
        if node.modifier is not None and (node.modifier.matching is not None or node.modifier.return_bool):
            raise NotImplementedError("on, ignoring and bool")
        if isinstance(left, float) and isinstance(right, float):
            return _ARITHMETIC[op](left, right)
        if isinstance(left, dict) and isinstance(right, dict):
            return _of_two_vectors(op, left, right)
        if op in _COMPARISONS:
            if not isinstance(left, dict) or not isinstance(right, float):
                raise NotImplementedError("a scalar on the left of a comparison")
            return {labels: value for labels, value in left.items() if _COMPARISONS[op](value, right)}
        if isinstance(left, dict):
            return {_unnamed(labels): _ARITHMETIC[op](value, right) for labels, value in left.items()}  # type: ignore[arg-type]
        return {_unnamed(labels): _ARITHMETIC[op](left, value) for labels, value in right.items()}  # type: ignore[union-attr]


def _unnamed(labels: Labels) -> Labels:
    return frozenset((key, value) for key, value in labels if key != NAME)


def _matches(matcher: Any, labels: Mapping[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    op = str(matcher.op)
    if op in ("MatchOp.Re", "MatchOp.NotRe"):
        return (re.fullmatch(matcher.value, value) is not None) == (op == "MatchOp.Re")
    return bool((value == matcher.value) == (op == "MatchOp.Equal"))


def _of_two_vectors(op: str, left: Vector, right: Vector) -> Vector:
    """One to one, matched by all labels but the name."""
    there = {_unnamed(labels): value for labels, value in right.items()}
    if op == "and":
        return {labels: value for labels, value in left.items() if _unnamed(labels) in there}
    if op == "unless":
        return {labels: value for labels, value in left.items() if _unnamed(labels) not in there}
    if op == "or":
        known = {_unnamed(labels) for labels in left}
        return left | {labels: value for labels, value in right.items() if _unnamed(labels) not in known}
    if op not in _ARITHMETIC:
        raise NotImplementedError(f"{op} between vectors")
    pairs = {_unnamed(labels): value for labels, value in left.items()}
    return {labels: _ARITHMETIC[op](value, there[labels]) for labels, value in pairs.items() if labels in there}


def _increase(samples: Samples, begins: float, ends: float) -> float:
    """What a counter grew by within a range: seen between its samples, and extrapolated to both ends."""
    (first_at, first), (last_at, last) = samples[0], samples[-1]
    grown = last - first + math.fsum(before for (_, before), (_, after) in pairwise(samples) if after < before)
    sampled, between = last_at - first_at, (last_at - first_at) / (len(samples) - 1)
    to_start, to_end = first_at - begins, ends - last_at
    if grown > 0 and first >= 0:
        to_start = min(to_start, sampled * (first / grown))  # it was never below zero
    covered = sampled + sum(gap if gap < between * 1.1 else between / 2 for gap in (to_start, to_end))
    return grown * covered / sampled


def _histogram_quantile(quantile: float, vector: Vector) -> Vector:
    """By linear interpolation within a bucket, as of cumulative buckets that end with +Inf."""
    groups: dict[Labels, list[tuple[float, float]]] = {}
    for labels, count in vector.items():
        bound = float(dict(labels)["le"])
        groups.setdefault(frozenset((k, v) for k, v in labels if k not in ("le", NAME)), []).append((bound, count))
    return {labels: _quantile_of(quantile, sorted(buckets)) for labels, buckets in groups.items()}


def _quantile_of(quantile: float, buckets: Sequence[tuple[float, float]]) -> float:
    total = buckets[-1][1]
    if len(buckets) < 2 or not math.isinf(buckets[-1][0]) or not total:
        return math.nan
    rank = quantile * total
    place = next(number for number, (_, count) in enumerate(buckets) if count >= rank)
    if place == len(buckets) - 1:
        return buckets[-2][0]
    lower, below = buckets[place - 1] if place else (0.0, 0.0)
    upper, count = buckets[place]
    return lower + (upper - lower) * (rank - below) / (count - below)


# --- alerts ----------------------------------------------------------------------------------------------------------


def seconds(duration: str) -> float:
    """Of a duration as rules write it: `5m`."""
    return float(promql_parser.parse_duration(duration).total_seconds())


def firing(rule: Mapping[str, Any], evaluator: Evaluator, every: float, at: float) -> list[dict[str, str]]:
    """The labels of each alert of a rule that fires at a second, when it was evaluated `every` so many since 0."""
    expression, wait = promql_parser.parse(rule["expr"]), seconds(rule["for"]) if "for" in rule else 0.0
    since: dict[Labels, float] = {}
    for number in range(int(at // every) + 1):
        now = number * every
        found = {_unnamed(labels) for labels in evaluator.vector(expression, now)}
        since = {labels: since.get(labels, now) for labels in found}
    last = int(at // every) * every
    return [dict(labels) | rule.get("labels", {}) for labels, began in since.items() if last - began >= wait]


def failures_of(
    test: Mapping[str, Any], rules: Sequence[Mapping[str, Any]], every: float, *, left_open: bool
) -> list[str]:
    """What a test of promtool's, played over alert rules, expects and does not come, and the reverse."""
    evaluator = Evaluator(series_of(test["input_series"], seconds(test["interval"])), left_open)
    failures = []
    for each in test["alert_rule_test"]:
        (rule,) = [rule for rule in rules if rule["alert"] == each["alertname"]]
        fires = firing(rule, evaluator, every, seconds(each["eval_time"]))
        expected = [dict(alert["exp_labels"]) for alert in each["exp_alerts"]]
        if sorted(map(sorted, map(dict.items, fires))) != sorted(map(sorted, map(dict.items, expected))):
            failures.append(f"{each['alertname']} at {each['eval_time']}: {fires}, expected {expected}")
    return failures
