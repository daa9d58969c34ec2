"""What a job has begun and not ended: each by itself, so that one that takes long keeps no other from beginning."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from incidents.domain.turns import Places, Turn

HANGS_AFTER = 5.0
"""Seconds of a talk after which its address counts as one that hangs, until one with it takes less."""
MOST_REMEMBERED = 1000
LOOK_SECONDS = 0.25
"""How often is looked for what may begin while nothing ends."""
GATHER_SECONDS = 0.02
"""So long what ends after the first waits for others, to be followed up together."""
ROUND_SECONDS = 10.0
"""A run of a job lasts no longer, whatever is under way then: that it runs at all is watched."""


class UnderWay:
    """What is under way for agencies, in places of its own; remembers in this process which addresses hang."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self._hanging: OrderedDict[str, UUID] = OrderedDict()
        self._tasks: dict[asyncio.Task[None], Turn] = {}

    @property
    def turns(self) -> Collection[Turn]:
        """What is under way."""
        return self._tasks.values()

    @property
    def hanging(self) -> Mapping[str, UUID]:
        """The addresses with which the last talk took long, and whose they are."""
        return self._hanging

    @property
    def tasks(self) -> Collection[asyncio.Task[None]]:
        return self._tasks.keys()

    def begin(self, turn: Turn, work: Coroutine[Any, Any, None]) -> None:
        """Begins a try; its places are free again when it has ended."""
        self._tasks[asyncio.create_task(work)] = turn

    @contextmanager
    def talk(self, address: str, tenant_id: UUID) -> Iterator[None]:
        """Around what the other side alone makes long: what we do before and after says nothing of its address."""
        began = time.monotonic()
        try:
            yield
        finally:
            self._hanging.pop(address, None)
            if time.monotonic() - began >= HANGS_AFTER:
                self._hanging[address] = tenant_id
                if len(self._hanging) > MOST_REMEMBERED:
                    self._hanging.popitem(last=False)

    def failures(self) -> list[BaseException]:
        """Forgets what has ended; returns why, of what failed."""
        ended = [task for task in self._tasks if task.done()]
        for task in ended:
            del self._tasks[task]
        return [error for task in ended if not task.cancelled() and (error := task.exception()) is not None]


async def work_off(begin: Callable[[], Awaitable[int]], stopping: asyncio.Event, *pools: UnderWay) -> bool:
    """Calls `begin`, which returns how many it began, whenever something ends, until nothing is left to begin or end.

    Returns whether there was anything. Goes on for `ROUND_SECONDS` at most, and until `stopping` is set: nothing begins
    then. What is under way at the end is left to the next call, or to `finish`. Raises what failed, whose leases end by
    themselves. Whoever is cancelled first ends what he has begun: else it would be done twice.
    """
    until = time.monotonic() + ROUND_SECONDS
    worked = False
    try:
        while not stopping.is_set() and (await begin() or _tasks(pools)):
            worked = True
            if tasks := _tasks(pools):
                ended, others = await asyncio.wait(tasks, timeout=LOOK_SECONDS, return_when=asyncio.FIRST_COMPLETED)
                if ended and others:
                    await asyncio.wait(others, timeout=GATHER_SECONDS)
            _raise_failures(pools)
            if time.monotonic() >= until:
                break
    except asyncio.CancelledError:
        await finish(*pools)
        raise
    return worked


async def finish(*pools: UnderWay) -> None:
    """Waits for what is under way. Raises what failed."""
    if tasks := _tasks(pools):
        await asyncio.wait(tasks)
    _raise_failures(pools)


def _tasks(pools: Collection[UnderWay]) -> list[asyncio.Task[None]]:
    return [task for pool in pools for task in pool.tasks]


def _raise_failures(pools: Collection[UnderWay]) -> None:
    failed = [error for pool in pools for error in pool.failures()]
    if failed:
        raise BaseExceptionGroup("what was under way", failed)
