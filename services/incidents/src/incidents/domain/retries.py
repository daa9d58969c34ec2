"""When a change is told to another tool again, and when it is given up."""

from datetime import datetime, timedelta
from typing import Final

PAUSES: Final = tuple(timedelta(seconds=s) for s in (5, 60, 300, 1_800, 7_200, 18_000, 36_000, 72_000))
"""The pauses after each try: nine tries over about a day and a half."""
GONE: Final = 410


def next_try(attempt: int, status: int | None, now: datetime) -> datetime | None:
    """When to try again after try number `attempt` (from 1) was answered with `status` (None: no answer); None: never.

    Only 2xx is success; a receiver that is gone is not asked again.
    """
    if status is not None and (200 <= status < 300 or status == GONE):
        return None
    return now + PAUSES[attempt - 1] if attempt <= len(PAUSES) else None
