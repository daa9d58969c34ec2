"""Version checks: asks over HTTP and reads which version the answer tells."""

import time

from probes.adapters.checks.finding import Finding, plain
from probes.adapters.checks.http import HttpEngine
from probes.adapters.checks.judging_room import NO_ROOM, NoRoom, judged
from probes.application.checks.assertions import BODY_LIMIT
from probes.application.checks.version import VersionCheck
from probes.domain.states import Outcome, Reason
from shared.json_path import NotFoundOut


class VersionChecks:
    """Executes version checks with the engine of HTTP checks."""

    def __init__(self, engine: HttpEngine) -> None:
        self._engine = engine

    async def check(self, configuration: VersionCheck, seconds: float) -> Finding:
        """Leaves the observation `version:<component>`. Never raises for what a target does."""
        deadline = time.monotonic() + seconds
        exchange = await self._engine.fetch(configuration.request(), seconds, keep=BODY_LIMIT)
        blocked = self._engine.blocked(exchange)
        if blocked is not None:
            return blocked
        if exchange.trouble is not None:
            return exchange.finding(Outcome.BAD, exchange.trouble)
        try:
            # A page may be long, and other checks are being timed in this loop.
            version = await judged(deadline, configuration.version_in, exchange.answer())
        except NoRoom:
            return NO_ROOM
        except NotFoundOut as trouble:
            return exchange.refused(
                Reason.CONTENT, f"The version of {configuration.component} cannot be read: {trouble}."
            )
        value = {"component": configuration.component, "version": plain(version)}
        return exchange.accepted({f"version:{configuration.component}": value})
