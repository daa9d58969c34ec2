"""Hands out the checks that people want made now, and forgets them in time."""

import asyncio
from collections.abc import Callable

import structlog
from nats.js import JetStreamContext
from nats.js.errors import NotFoundError

from probes.adapters.check_tests import forget_tests, mark_sent, unsent
from probes.adapters.messages import WorkBatch, declare_streams, publish, to_bytes, work_subject
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

LOOK_EVERY_SECONDS = 0.5
FORGET_EVERY_SECONDS = 300.0
BATCH = 20


class HandOutTests:
    """Puts tests on the work queue of their location. Any number of processes may do it; raises when NATS fails."""

    def __init__(
        self,
        units: UnitsOfWork,
        js: JetStreamContext,
        *,
        replicas: int = 1,
        progress: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._units = units
        self._js = js
        self._replicas = replicas
        self._progress = progress

    async def run(self) -> None:
        """Never returns."""
        while True:
            self._progress("check tests")
            try:
                handed_out = await self._hand_out()
            except NotFoundError:
                await declare_streams(self._js, self._replicas)
                continue
            if handed_out < BATCH:
                await asyncio.sleep(LOOK_EVERY_SECONDS)

    async def _hand_out(self) -> int:
        async with self._units.for_every_tenant() as unit:
            tests = await unsent(unit.session, unit.now, BATCH)
            for location, item in tests:
                # Its own id: handed out again after a commit that failed, it is still executed once.
                await publish(
                    self._js, work_subject(location), to_bytes(WorkBatch(items=(item,))), str(item.monitor_id)
                )
            if tests:
                await mark_sent(unit.session, [item.monitor_id for _, item in tests], unit.now)
        return len(tests)


class ForgetTests:
    """Lets go of tests that are a day old."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def __call__(self) -> float:
        """Cheap when there is nothing to forget."""
        async with self._units.for_every_tenant() as unit:
            await forget_tests(unit.session, unit.now)
        return FORGET_EVERY_SECONDS
