"""The brake of the token endpoint: whose refusals it counts, and for how long."""

import pytest

from contracts.api.tokens import TokenBrake
from shared.problems import TooManyRequests


def test_refusals_are_forgotten_after_a_minute() -> None:
    now = 100.0
    brake = TokenBrake(2, lambda: now)
    brake.refused("192.0.2.1", "uk1")
    now += 20
    brake.refused("192.0.2.1", "uk1")
    now += 20
    with pytest.raises(TooManyRequests) as braked:
        brake.refused("192.0.2.1", "uk1")
    assert braked.value.headers["Retry-After"] == "20"
    brake.refused("192.0.2.2", "uk1")  # another address
    brake.refused("192.0.2.1", "uk2")  # another key
    now += 21
    brake.refused("192.0.2.1", "uk1")
