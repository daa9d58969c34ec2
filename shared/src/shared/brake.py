"""A brake on whoever asks too often: so many requests in a burst, then so many a minute."""

import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import NamedTuple

from shared.kernel.cell_rate import CellRate
from shared.problems import TooManyRequests

MOST_KEYS = 10_000
SECOND = 10**9


class Counted(NamedTuple):
    """What became of a request: how many more would pass now, and in how many whole seconds (0: it passed)."""

    left: int
    wait: int


class Brake:
    """Counts in this process only. Forgets who may do it all again, and of more than `MOST_KEYS` who came first.

    :param burst: how many at once; None: as many as in a minute.
    """

    def __init__(
        self, per_minute: float, monotonic: Callable[[], float] = time.monotonic, *, burst: int | None = None
    ) -> None:
        self._rate = CellRate(burst or int(per_minute), round(60 * SECOND / per_minute))
        self._monotonic = monotonic
        self._whole_at: OrderedDict[Hashable, int] = OrderedDict()

    def __len__(self) -> int:
        """How many keys something is remembered of."""
        return len(self._whole_at)

    def count(self, key: Hashable) -> Counted:
        """Counts a request, unless there were too many of this key."""
        now = self._now()
        whole_at = self._whole_at.pop(key, now)
        wait = self._rate.wait(whole_at, now)
        if not wait:
            whole_at = self._rate.after(whole_at, now)
        self._whole_at[key] = whole_at
        self._forget(now)
        return Counted(self._rate.left(whole_at, now), -(-wait // SECOND))

    def pass_by(self, key: Hashable) -> None:
        """Counts a request. Raises TooManyRequests when there were too many of this key."""
        wait = self.count(key).wait
        if wait:
            detail = f"Too many requests. Try again in {wait} seconds."
            raise TooManyRequests(detail, headers={"Retry-After": str(wait)}, limit="place")

    def lets_by(self, key: Hashable) -> bool:
        """Whether a request of this key would pass now; counts nothing."""
        now = self._now()
        return not self._rate.wait(self._whole_at.get(key, now), now)

    def _now(self) -> int:
        return round(self._monotonic() * SECOND)

    def _forget(self, now: int) -> None:
        """Each request forgets more than it brings, so that nothing has to look through all of them."""
        for _ in range(2):
            first = next(iter(self._whole_at))
            if self._whole_at[first] > now and len(self._whole_at) <= MOST_KEYS:
                return
            del self._whole_at[first]
