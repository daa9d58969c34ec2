"""A brake lets a burst by, then so many a minute; looking at it counts nothing."""

import pytest

from shared.brake import MOST_KEYS, Brake
from shared.problems import TooManyRequests


def test_a_brake_lets_a_burst_by_and_then_as_many_as_time_gives_back() -> None:
    now = 0.0
    brake = Brake(2, lambda: now)
    for _ in range(2):
        for _ in range(10):
            assert brake.lets_by("x"), "whoever only looks is not counted"
        brake.pass_by("x")
    assert not brake.lets_by("x")
    assert brake.lets_by("y")
    with pytest.raises(TooManyRequests, match="30 seconds"):
        brake.pass_by("x")
    now = 30.0
    assert brake.lets_by("x")
    brake.pass_by("x")
    assert not brake.lets_by("x")


def test_a_burst_may_be_larger_than_what_a_minute_gives_back() -> None:
    now = 0.0
    brake = Brake(60, lambda: now, burst=3)
    assert [brake.count("x") for _ in range(4)] == [(2, 0), (1, 0), (0, 0), (0, 1)]
    now = 2.0
    assert [brake.count("x") for _ in range(3)] == [(1, 0), (0, 0), (0, 1)]


def test_whoever_rests_is_forgotten_and_of_a_crowd_who_came_first() -> None:
    now = 0.0
    brake = Brake(60, lambda: now, burst=1)
    for number in range(MOST_KEYS + 100):
        brake.pass_by(number)
    assert len(brake) == MOST_KEYS
    assert not brake.lets_by(MOST_KEYS + 99)
    assert brake.lets_by(0)
    now = 1.0
    for number in range(MOST_KEYS):
        brake.pass_by(("later", number))
    assert len(brake) == MOST_KEYS, "each brings one, and the rested go before them"
    now = 2.0
    for _ in range(MOST_KEYS):
        brake.count("x")
    assert len(brake) == 1
