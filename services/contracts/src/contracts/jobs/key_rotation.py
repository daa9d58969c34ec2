"""Replaces the key that signs tokens when it is old enough, and forgets keys whose last token is dead."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from contracts.adapters.key_chest import KeyChest
from shared.unit_of_work import UnitsOfWork

IDLE_SECONDS = 60.0

_log = structlog.get_logger(__name__)


def rotate_signing_keys(
    units: UnitsOfWork, chest: KeyChest, maximum_age: timedelta
) -> Callable[[], Awaitable[float | None]]:
    """A job that looks once a minute."""

    async def run() -> float | None:
        async with units.for_every_tenant() as uow:
            kid = await chest.rotate(uow, maximum_age)
        if kid is not None:
            _log.info("signing_key_made", kid=kid)
        return IDLE_SECONDS

    return run
