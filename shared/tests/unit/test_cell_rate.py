"""A rate lets a burst by and then one each interval, whatever came before, and remembers one instant for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.kernel.cell_rate import CellRate

RATES = st.builds(CellRate, st.integers(1, 50), st.integers(1, 10**9))
PAUSES = st.lists(st.integers(0, 10**9), max_size=200)


def passed(rate: CellRate, pauses: list[int]) -> list[int]:
    """The instants at which requests pass that come after these pauses."""
    now, whole_at, found = 0, 0, []
    for pause in pauses:
        now += pause
        if not rate.wait(whole_at, now):
            whole_at = rate.after(whole_at, now)
            found.append(now)
    return found


def test_after_a_burst_one_passes_each_interval() -> None:
    assert passed(CellRate(3, 100), [0, 0, 0, 0, 99, 1, 0, 100, 200, 0, 0]) == [0, 0, 0, 100, 200, 400, 400]


@given(RATES, PAUSES)
def test_in_no_span_pass_more_than_a_burst_and_one_each_interval(rate: CellRate, pauses: list[int]) -> None:
    instants = passed(rate, pauses)
    for first in range(len(instants)):
        for last in range(first, len(instants)):
            span = instants[last] - instants[first]
            assert last - first + 1 <= rate.burst + span // rate.every


@given(RATES, PAUSES)
def test_what_is_said_to_be_left_passes_and_no_more_and_after_the_wait_the_next(
    rate: CellRate, pauses: list[int]
) -> None:
    now, whole_at = sum(pauses), 0
    for instant in passed(rate, pauses):
        whole_at = rate.after(whole_at, instant)
    for _ in range(rate.left(whole_at, now)):
        assert rate.wait(whole_at, now) == 0
        whole_at = rate.after(whole_at, now)
    wait = rate.wait(whole_at, now)
    assert wait > 0
    assert (rate.wait(whole_at, now + wait - 1), rate.wait(whole_at, now + wait)) == (1, 0)


@given(RATES, st.integers(0, 10**12))
def test_whoever_rested_until_all_is_whole_again_is_as_one_who_never_came(rate: CellRate, whole_at: int) -> None:
    assert rate.left(whole_at, whole_at) == rate.left(0, whole_at) == rate.burst


@pytest.mark.parametrize(("burst", "every"), [(0, 1), (1, 0), (-1, 5)])
def test_a_rate_that_lets_nothing_or_everything_pass_is_none(burst: int, every: int) -> None:
    with pytest.raises(ValueError, match="at least one"):
        CellRate(burst, every)
