"""When reactions became slower although the volume stayed."""

from fractions import Fraction

import pytest

from contracts.domain.growth import MonthOfGrowth, trend_of


def months(volume: int = 600, then: int = 100, now: int = 100, users: int | None = 10) -> list[MonthOfGrowth]:
    before = [MonthOfGrowth(10, 600, 1, then)] * 3
    return [*before, *[MonthOfGrowth(users, volume, 1, now)] * 3]


@pytest.mark.parametrize(
    ("values", "degraded"),
    [
        (months(), False),
        (months(now=119), False),
        (months(now=120), True),
        (months(now=300, volume=630), True),
        (months(now=300, volume=631), False),
        (months(now=300, volume=500), False),
        (months(then=0, now=300), False),
    ],
)
def test_a_fifth_slower_at_the_same_volume_is_too_slow(values: list[MonthOfGrowth], degraded: bool) -> None:
    assert trend_of(values).degraded is degraded


def test_what_nobody_told_is_not_compared_and_reactions_weigh_by_their_number() -> None:
    assert trend_of(months(users=None)).users_percent is None
    assert trend_of(months(users=15)).users_percent == 50
    quiet = [MonthOfGrowth(None, 0, 0, 0)] * 6
    assert trend_of(quiet) == type(trend_of(quiet))(None, None, None, False)
    weighed = [
        *months()[:3],
        MonthOfGrowth(10, 600, 9, 900),
        MonthOfGrowth(10, 600, 1, 200),
        MonthOfGrowth(1, 600, 0, 0),
    ]
    assert trend_of(weighed).reaction_percent == Fraction(10)
