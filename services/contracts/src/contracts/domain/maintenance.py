"""Maintenance windows: how long planned work may take, and what is left of it when it is called off.

When it is planned is a window of local time (`shared.kernel.wall_clock`).
"""

from collections.abc import Iterable
from datetime import datetime, timedelta

from shared.kernel.intervals import Interval

LONGEST = timedelta(days=31)


def cut_short(occurrences: Iterable[Interval], at: datetime) -> list[Interval]:
    """What is left of occurrences that are called off at `at`: what has been stays."""
    return [Interval(start, min(end, at)) for start, end in occurrences if start < at]
