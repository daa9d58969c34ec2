"""Control targets: what every place should reach. A place that does not is at fault, not what it looks at."""

import asyncio
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import structlog

from probes.adapters.checks.executors import Executors
from probes.domain.quarantine import CONTROL_AGE, Controls, sighting_of
from probes.domain.states import Check
from shared.kernel.clock import Clock

log = structlog.get_logger()

SECONDS = 3.0
"""How long one target may take to answer."""
AGAIN_SECONDS = 5.0
AFTER_FAILURE_SECONDS = 60.0
"""How long after the last check that failed the targets are tried."""
KEPT = 720
"""So many readings are remembered, an hour's: results that waited for NATS are told with those of their own time."""

_NOBODYS = UUID(int=0)


def target_document(target: str) -> dict[str, Any]:
    """The check of a target: an address of the web, or `host:port` (an IPv6 address in brackets). Raises ValueError."""
    if "://" in target:
        parts = urlsplit(target)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{target} is neither a web address nor host:port")
        return {"kind": "http", "url": target}
    host, _, port = target.rpartition(":")
    if not host or not port.isascii() or not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"{target} is neither a web address nor host:port")
    return {"kind": "tcp", "host": host, "port": int(port)}


class ControlTargets:
    """Tries the targets while checks fail, and knows what came of it. Without targets it knows nothing."""

    def __init__(self, targets: Sequence[str], executors: Executors, clock: Clock) -> None:
        self._documents = [target_document(target) for target in targets]
        self._executors = executors
        self._clock = clock
        self._failed_at: float | None = None
        self._failed = asyncio.Event()
        self._readings: deque[Controls] = deque(maxlen=KEPT)

    def reading_near(self, instant: datetime) -> Controls | None:
        """The reading nearest to an instant; None when there is none that says anything about it."""
        nearest = min(self._readings, key=lambda reading: abs(reading.at - instant), default=None)
        return nearest if nearest is not None and abs(nearest.at - instant) <= CONTROL_AGE else None

    def failed(self) -> None:
        """A check has failed: is it the place?"""
        self._failed_at = time.monotonic()
        self._failed.set()

    async def run(self) -> None:
        """Until it is cancelled."""
        while self._documents:
            await self._failed.wait()
            self._readings.append(await self._read())
            await asyncio.sleep(AGAIN_SECONDS)
            if self._failed_at is None or time.monotonic() - self._failed_at > AFTER_FAILURE_SECONDS:
                self._failed.clear()

    async def _read(self) -> Controls:
        at = self._clock.now()
        answers = await asyncio.gather(*(self._reaches(document) for document in self._documents))
        reached = 2 * sum(answers) > len(answers)
        if not reached:
            log.error("control_targets_not_reached", targets=len(answers), reached=sum(answers))
        return Controls(at, reached)

    async def _reaches(self, document: dict[str, Any]) -> bool:
        now = self._clock.now()
        finding = await self._executors.check(document, SECONDS)
        check = Check("", 0, 0, now, now, now, finding.outcome, finding.failure)
        seen = sighting_of(check, _NOBODYS)
        return seen is None or seen.reached
