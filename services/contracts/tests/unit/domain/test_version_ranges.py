"""Versions as vendors write them: which comes first, and which are in a range."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.domain.version_ranges import BadRange, VersionRange, order

RISING = ["8.0", "8.0.30", "8.1-dev", "8.1-alpha2", "8.1-beta1", "8.1-rc1", "8.1-rc2", "8.1", "8.1-p1", "8.1.2", "8.10"]


def test_versions_rise_by_number_and_what_is_before_a_release_comes_before_it() -> None:
    assert [order(label) for label in RISING] == sorted(order(label) for label in RISING)
    assert len({order(label) for label in RISING}) == len(RISING)


@pytest.mark.parametrize(
    ("one", "other"),
    [("8.1", "8.1.0"), ("v2.4", "2.4"), ("1.0+build7", "1.0"), ("22.04 LTS", "22.04-lts"), ("0", "0.0")],
)
def test_some_are_written_in_two_ways(one: str, other: str) -> None:
    assert order(one) == order(other)


@pytest.mark.parametrize(
    ("text", "within", "outside"),
    [
        ("*", ["8.1", "Bordeaux"], []),
        ("8.1", ["8.1", "8.1.0"], ["8.1.1"]),
        (">=8.1,<8.4", ["8.1", "8.3.14", "8.4-rc1"], ["8.0.30", "8.4"]),
        ("8.0.*", ["8", "8.0.30"], ["8.1", "80.0"]),
        ("!=8.2.*", ["8.1"], ["8.2.7"]),
        ("> 8.1, != 8.3", ["8.2"], ["8.1", "8.3.0"]),
    ],
)
def test_a_range_holds_what_meets_all_its_conditions(text: str, within: list[str], outside: list[str]) -> None:
    versions = VersionRange.parse(text)
    assert [label for label in [*within, *outside] if label in versions] == within


@pytest.mark.parametrize("text", ["", ",", "8.1,", ">", "=>8", ">=8.*", "8 9", "8.*.1", "-", "rc.*", "<=*"])
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(BadRange):
        VersionRange.parse(text)


labels = st.text("0123456789.-+vabcrx", min_size=1, max_size=12)


@given(labels, labels)
def test_of_two_versions_exactly_one_is_lower_unless_they_are_the_same(one: str, other: str) -> None:
    assert (order(one) < order(other)) + (order(other) < order(one)) + (order(one) == order(other)) == 1


@given(st.lists(st.integers(0, 99), min_size=1, max_size=4), st.lists(st.integers(0, 99), min_size=1, max_size=4))
def test_a_range_from_a_version_and_the_one_below_it_share_every_version(bound: list[int], tried: list[int]) -> None:
    at, label = ".".join(map(str, bound)), ".".join(map(str, tried))
    assert (label in VersionRange.parse(f">={at}")) is not (label in VersionRange.parse(f"<{at}"))
