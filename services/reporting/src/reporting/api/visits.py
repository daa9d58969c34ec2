"""Many visitors of one page: it is read once for all who wait for it, and written as HTML as often as it changes.

Whoever comes while a page is being read waits for the next reading and shares that one: nobody is shown what was read
before he asked, and of each page one reading is under way, however many come.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, Final, Generic, TypeVar

from fastapi import Request

from reporting.adapters.rendering import RenderedPage
from reporting.api.dependencies import of_process
from reporting.application.status_page import ShownPage

T = TypeVar("T")
MOST_RENDERINGS: Final = 50
"""Pages as HTML that are kept, each with what it was made of: half a megabyte. The one that was not asked for the
longest goes first. A page says something else each minute, so that more help only where more are asked for in one.
"""


class Shared(Generic[T]):
    """Work that all who wait for the same share."""

    def __init__(self) -> None:
        self._to_come: dict[Hashable, asyncio.Task[T]] = {}
        self._under_way: dict[Hashable, asyncio.Lock] = {}

    async def share(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """What `work` gives, begun after this call; raises what it raises. It goes on when a visitor goes away."""
        task = self._to_come.get(key)
        if task is None:
            task = self._to_come[key] = asyncio.create_task(self._work(key, work))
            task.add_done_callback(_looked_at)
        return await asyncio.shield(task)

    async def _work(self, key: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        async with self._under_way.setdefault(key, asyncio.Lock()):
            del self._to_come[key]  # whoever comes from now on gets the next one
            try:
                return await work()
            finally:
                if key not in self._to_come:
                    del self._under_way[key]


def _looked_at(task: asyncio.Task[Any]) -> None:
    """Nobody may be left to take the error."""
    if not task.cancelled():
        task.exception()


class Renderings:
    """Pages as HTML, each as long as what it says is the same."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[ShownPage, RenderedPage]] = OrderedDict()

    def of(self, page: ShownPage, how: Hashable, render: Callable[[], RenderedPage]) -> RenderedPage:
        """The page; `how` names everything besides it that `render` depends on."""
        key = page.tenant_id, page.content.slug, how
        known, rendered = self._kept.get(key, (None, None))
        if rendered is None or known != page:
            rendered = render()
        self._kept[key] = page, rendered
        self._kept.move_to_end(key)
        if len(self._kept) > MOST_RENDERINGS:
            self._kept.popitem(last=False)
        return rendered


class Visits:
    """What the visitors of an application share."""

    def __init__(self) -> None:
        self.readings: Shared[Any] = Shared()
        self.renderings = Renderings()


def visits_of(request: Request) -> Visits:
    """What the visitors of this application share."""
    return of_process(request, "visits", Visits)
