"""A brake lets a burst by, then so many a minute; looking at it counts nothing."""

import pytest

from shared.brake import Brake
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
