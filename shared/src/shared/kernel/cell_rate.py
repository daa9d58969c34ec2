"""How many requests may pass: the generic cell rate algorithm (ITU-T I.371), in whole nanoseconds.

So many may pass at once, then one after each `every`. All that is remembered of whoever asks is one instant,
`whole_at`: from then on a whole burst may pass again, and nothing needs to be remembered of him any more.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class CellRate:
    """`burst` at once, then one each `every` nanoseconds. Raises ValueError for a rate that lets nothing pass."""

    burst: int
    every: int

    def __post_init__(self) -> None:
        if self.burst < 1 or self.every < 1:
            raise ValueError("at least one passes at once, and time passes before the next")

    def left(self, whole_at: int, now: int) -> int:
        """How many would pass now, one after the other."""
        return (self.burst * self.every - max(0, whole_at - now)) // self.every

    def wait(self, whole_at: int, now: int) -> int:
        """Nanoseconds until the next one may pass; 0: it passes now."""
        return max(0, max(whole_at, now) + self.every - self.burst * self.every - now)

    def after(self, whole_at: int, now: int) -> int:
        """`whole_at` once one more has passed now."""
        return max(whole_at, now) + self.every
