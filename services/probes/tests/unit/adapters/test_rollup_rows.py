"""Roll-ups as bytes: what is written comes back, and how much room it takes."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from probes.adapters.rollup_rows import BLOCK, folded, packed, unfolded, unpacked
from probes.domain.rollup import NOTHING, Durations, Figures, Tally
from probes.domain.states import Outcome, Reason
from shared.kernel.sketch import Sketch

NAMES = [*(outcome.value for outcome in Outcome if outcome is not Outcome.BAD), Reason.DNS.value, Reason.TIMEOUT.value]
COUNTS = st.integers(0, 100_000)
SKETCHES = st.lists(st.integers(0, 2**31 - 1), max_size=30).map(Sketch.of)
FIGURES = st.builds(
    Figures,
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    st.dictionaries(st.sampled_from(NAMES), st.integers(1, 100_000)),
    st.tuples(*[SKETCHES] * 5).map(Durations._make),
)


@given(figures=FIGURES)
def test_what_is_stored_comes_back(figures: Figures) -> None:
    assert unpacked(packed(figures)) == figures


def test_nothing_takes_next_to_no_room() -> None:
    assert unpacked(packed(NOTHING)) == NOTHING
    assert len(packed(NOTHING)) < 4


@pytest.mark.parametrize("content", [b"", b"\x00", b"\x02\xff"])
def test_bytes_of_no_known_form_are_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="No roll-up has the form"):
        unpacked(content)


def test_bytes_that_end_too_early_are_refused() -> None:
    with pytest.raises(ValueError, match="end before"):
        unpacked(b"\x01")


def test_an_hour_of_a_check_every_30_seconds_takes_under_200_bytes() -> None:
    chance = random.Random(1)
    tally = Tally((range(120),))
    for slot in range(120):
        lookup, connect, tls, wait = (int(mean * chance.lognormvariate(0, 0.25)) for mean in (3e3, 12e3, 25e3, 42e3))
        tally.began(Outcome.GOOD, (lookup, connect, tls, wait, lookup + connect + tls + wait + 2000))
        tally.was_due(slot, Outcome.GOOD)
    assert len(packed(tally.figures())) < 200


@given(hours=st.dictionaries(st.integers(0, BLOCK - 1), st.binary(max_size=600)))
def test_a_block_gives_its_hours_back(hours: dict[int, bytes]) -> None:
    assert unfolded(folded(hours)) == hours


def test_a_block_that_is_cut_off_is_refused() -> None:
    with pytest.raises(ValueError, match="cut off"):
        unfolded(folded({1: b"abc"})[:-1])
