"""Interval algebra against sets of single instants."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.intervals import Interval, clip, intersection, subtraction, total, union

START = datetime(2026, 1, 1, tzinfo=UTC)
STEP = timedelta(microseconds=1)

intervals = st.lists(
    st.builds(lambda a, b: Interval(START + a * STEP, START + b * STEP), st.integers(0, 30), st.integers(0, 30)),
    max_size=8,
)


def instants(each: list[Interval]) -> set[datetime]:
    return {START + n * STEP for n in range(31) if any(start <= START + n * STEP < end for start, end in each)}


def in_normal_form(each: list[Interval]) -> bool:
    return all(start < end for start, end in each) and all(left.end < right.start for left, right in pairwise(each))


@given(intervals)
def test_a_union_holds_the_same_instants_in_normal_form(given_: list[Interval]) -> None:
    assert instants(union(given_)) == instants(given_)
    assert in_normal_form(union(given_))
    assert total(union(given_)) == len(instants(given_)) * STEP


@given(intervals, intervals)
def test_intersection_and_subtraction_are_those_of_the_instants(a: list[Interval], b: list[Interval]) -> None:
    left, right = union(a), union(b)
    assert instants(intersection(left, right)) == instants(left) & instants(right)
    assert in_normal_form(intersection(left, right))
    assert instants(subtraction(left, right)) == instants(left) - instants(right)
    assert in_normal_form(subtraction(left, right))


def test_clipping_keeps_what_lies_inside() -> None:
    day = timedelta(days=1)
    assert clip([Interval(START, START + 3 * day)], START + day, START + 2 * day) == [
        Interval(START + day, START + 2 * day)
    ]
    assert Interval(START, START + day).length == day
