"""A sketch against the values that went into it."""

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.kernel.sketch import (
    BUCKETS,
    EMPTY,
    LARGEST,
    BitReader,
    BitsEnd,
    BitWriter,
    Sketch,
    bucket_of,
    merged,
    read_sketch,
    write_sketch,
)

DURATIONS = st.lists(st.integers(0, 120_000_000) | st.integers(0, 300), max_size=200)
EXTREMES = st.lists(st.integers(0, LARGEST), min_size=1, max_size=50)


def round_trip(sketch: Sketch) -> Sketch:
    bits = BitWriter()
    write_sketch(sketch, bits)
    return read_sketch(BitReader(bits.to_bytes()))


@given(values=EXTREMES, thousandths=st.integers(0, 1000))
@example(values=[LARGEST], thousandths=1000)
@example(values=[0, 1, 99, 100, 101, 102], thousandths=500)
def test_a_quantile_is_within_one_percent_of_the_true_one(values: list[int], thousandths: int) -> None:
    true = sorted(values)[thousandths * (len(values) - 1) // 1000]
    found = Sketch.of(values).quantile(thousandths)
    assert found is not None and 100 * abs(found - true) <= true


@given(values=DURATIONS)
def test_count_sum_least_and_greatest_are_exact(values: list[int]) -> None:
    sketch = Sketch.of(values)
    assert (sketch.count, sketch.sum) == (len(values), sum(values))
    if values:
        assert (sketch.least, sketch.greatest) == (min(values), max(values))
        assert (sketch.quantile(0), sketch.quantile(1000)) != (None, None)
    else:
        assert sketch.quantile(500) is None


@given(parts=st.lists(DURATIONS, max_size=5), seed=st.randoms())
def test_it_does_not_matter_how_values_were_spread_over_sketches(parts: list[list[int]], seed: object) -> None:
    whole = Sketch.of(value for part in parts for value in part)
    sketches = [Sketch.of(part) for part in parts]
    assert merged(sketches) == whole
    seed.shuffle(sketches)  # type: ignore[attr-defined]
    assert merged(sketches) == whole


@given(a=DURATIONS, b=DURATIONS, c=DURATIONS)
def test_merging_is_associative_and_commutative(a: list[int], b: list[int], c: list[int]) -> None:
    first, second, third = Sketch.of(a), Sketch.of(b), Sketch.of(c)
    assert (first + second) + third == first + (second + third)
    assert first + second == second + first
    assert first + EMPTY == first == EMPTY + first


@given(values=DURATIONS | EXTREMES)
def test_what_is_stored_comes_back(values: list[int]) -> None:
    assert round_trip(Sketch.of(values)) == Sketch.of(values)


@given(values=DURATIONS, size=st.integers(0, 40), flipped=st.integers(0, 400))
def test_damaged_bytes_are_an_error_or_a_sketch_and_never_run_on(values: list[int], size: int, flipped: int) -> None:
    bits = BitWriter()
    write_sketch(Sketch.of(values), bits)
    content = bytearray(bits.to_bytes())
    if flipped < 8 * len(content):
        content[flipped // 8] ^= 1 << flipped % 8
    try:
        found = read_sketch(BitReader(bytes(content[:size])))
    except ValueError:
        return
    assert len(found.counts) <= BUCKETS


@given(numbers=st.lists(st.integers(0, 2**40)), signed=st.lists(st.integers(-(2**40), 2**40)))
def test_numbers_come_back_in_their_order(numbers: list[int], signed: list[int]) -> None:
    bits = BitWriter()
    for number in numbers:
        bits.number(number)
    for number in signed:
        bits.signed(number)
        bits.below(abs(number) % 7, 7)
        bits.around(abs(number) % 50, abs(number) % 5)
    reader = BitReader(bits.to_bytes())
    assert [reader.number() for _ in numbers] == numbers
    for number in signed:
        assert (reader.signed(), reader.below(7)) == (number, abs(number) % 7)
        assert reader.around(abs(number) % 5) == abs(number) % 50


def test_reading_beyond_the_end_is_an_error() -> None:
    with pytest.raises(BitsEnd):
        BitReader(b"").number()
    with pytest.raises(BitsEnd):
        BitReader(b"\x01").number()
    with pytest.raises(BitsEnd):
        BitReader(b"\xff").around(3)


def test_a_width_out_of_damaged_bytes_is_an_error_and_takes_no_memory() -> None:
    with pytest.raises(BitsEnd):
        BitReader(b"\xef").around(10**12)


def test_values_outside_of_what_is_stored_count_as_the_nearest_one() -> None:
    assert Sketch.of([-5, LARGEST + 1]) == Sketch.of([0, LARGEST])


def test_buckets_are_in_order_and_few() -> None:
    assert BUCKETS < 1000
    values = [0, 1, 2, 100, 101, 102, 103, 10_000, 10_203, 10_400, LARGEST]
    assert all(bucket_of(low) <= bucket_of(high) for low, high in pairwise(values))
    assert bucket_of(LARGEST) == BUCKETS - 1


def test_an_hour_of_checks_takes_few_bytes() -> None:
    bits = BitWriter()
    write_sketch(Sketch.of(80_000 + (37 * n % 120 - 60) * 400 for n in range(120)), bits)
    assert len(bits.to_bytes()) < 40
