"""Where answers are judged that take too long for a loop in which other checks are being timed.

A few threads of their own: whatever else needs threads cannot take them, and a storm of long answers not the others'.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from probes.adapters.checks.finding import Finding
from probes.domain.states import Failure, Outcome, Reason

_ROOM = ThreadPoolExecutor(4, thread_name_prefix="judge")
_P = ParamSpec("_P")
_T = TypeVar("_T")

NO_ROOM = Finding(
    Outcome.BLOCKED,
    failure=Failure(
        Reason.TIMEOUT, "The answer came, and this location had no room to judge it in time: it says nothing.", {}
    ),
)
"""What a check finds that could not be judged: it is we who were too slow."""


class NoRoom(Exception):
    """There was no time left to judge, or nobody to do it."""


async def judged(deadline: float, judge: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> _T:
    """What the function gives, by this instant of the monotonic clock. Raises NoRoom."""
    waiting = _ROOM.submit(judge, *args, **kwargs)
    try:
        async with asyncio.timeout(max(0.0, deadline - time.monotonic())):
            return await asyncio.wrap_future(waiting)
    except TimeoutError:
        raise NoRoom from None
