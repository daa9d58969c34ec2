"""A brake for addresses that need no token: so many requests in a burst, then so many a minute."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable

from shared.problems import TooManyRequests

MOST_KEYS = 10_000


class Brake:
    """Counts in this process only, and remembers at most `MOST_KEYS` of whoever came last."""

    def __init__(self, per_minute: int, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._burst = float(per_minute)
        self._per_second = per_minute / 60
        self._monotonic = monotonic
        self._left: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def pass_by(self, key: Hashable) -> None:
        """Counts a request. Raises TooManyRequests when there were too many of this key."""
        now = self._monotonic()
        left = self._left_of(key, now)
        allowed = left >= 1
        self._left.pop(key, None)
        self._left[key] = (left - 1 if allowed else left, now)
        while len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)
        if not allowed:
            wait = max(1, round((1 - left) / self._per_second))
            raise TooManyRequests(
                f"Too many requests. Try again in {wait} seconds.", headers={"Retry-After": str(wait)}
            )

    def lets_by(self, key: Hashable) -> bool:
        """Whether a request of this key would pass now; counts nothing."""
        return self._left_of(key, self._monotonic()) >= 1

    def _left_of(self, key: Hashable, now: float) -> float:
        left, at = self._left.get(key, (self._burst, now))
        return min(self._burst, left + (now - at) * self._per_second)
