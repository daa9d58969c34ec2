"""Percentiles of merged hours: the same however the checks were spread over hours, pages and deliveries."""

import random
from itertools import pairwise
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from reporting.domain.response_times import ResponseFigure, figure_of, merged_by_environment, milliseconds
from shared.kernel.sketch import EMPTY, Sketch, as_text, from_text

SHOP, API = UUID(int=1), UUID(int=2)
CHECKS = st.lists(st.tuples(st.sampled_from([SHOP, API]), st.integers(0, 30_000_000)), max_size=120)


@given(checks=CHECKS, cuts=st.lists(st.integers(0, 120), max_size=8), shuffle=st.randoms(use_true_random=False))
def test_it_does_not_matter_how_checks_were_spread_over_hours(
    checks: list[tuple[UUID, int]], cuts: list[int], shuffle: random.Random
) -> None:
    def sketches(some: list[tuple[UUID, int]]) -> dict[UUID, Sketch]:
        return {each: Sketch.of(value for owner, value in some if owner == each) for each in (SHOP, API)}

    edges = [0, *sorted(min(cut, len(checks)) for cut in cuts), len(checks)]
    hours = [sketches(checks[start:end]) for start, end in pairwise(edges)]
    shuffle.shuffle(hours)
    days = [merged_by_environment(hours[:3]), merged_by_environment(hours[3:])]
    whole = {each: sketch for each, sketch in sketches(checks).items() if sketch.count}
    assert merged_by_environment(days) == merged_by_environment(hours) == whole


@given(values=st.lists(st.integers(1, 30_000_000), min_size=1, max_size=200))
def test_each_percentile_is_within_one_percent_of_the_check_at_its_rank(values: list[int]) -> None:
    figure = figure_of(Sketch.of(values))
    assert figure is not None and figure.checks == len(values)
    ordered = sorted(values)
    for thousandths, found in ((500, figure.p50_us), (950, figure.p95_us), (990, figure.p99_us)):
        true = ordered[thousandths * (len(values) - 1) // 1000]
        assert 100 * abs(found - true) <= true


@given(values=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=60))
def test_a_sketch_as_text_is_the_same_sketch(values: list[int]) -> None:
    assert from_text(as_text(Sketch.of(values))) == Sketch.of(values)


def test_percentiles_of_hours_are_not_averaged() -> None:
    """A busy hour of quick answers and one slow check at night: the median is that of the checks."""
    quick, slow = Sketch.of([100_000] * 119), Sketch.of([9_000_000])
    figure = figure_of(merged_by_environment([{SHOP: quick}, {SHOP: slow}])[SHOP])
    assert figure == ResponseFigure(120, 100_000, 100_000, 100_000)


def test_nothing_measured_has_no_percentiles() -> None:
    assert figure_of(EMPTY) is None
    assert merged_by_environment([{SHOP: EMPTY}]) == {}


def test_milliseconds_are_exact() -> None:
    assert milliseconds(210_448) * 1000 == 210_448
