"""Seals what lies in the database in clear: what a release before this one wrote."""

import time

import structlog

from probes.adapters.check_secrets import CheckSecrets
from probes.adapters.sealed_secrets import reseal_all
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

ROLL_OUT_SECONDS = 600.0
"""How long after its start a process lets be what is in clear: pods of the release before may still read it."""
EVERY_SECONDS = 86_400.0


class SealSecrets:
    """Looks once a roll-out is over, and once a day after that: what was rolled back may have written in clear."""

    def __init__(self, units: UnitsOfWork, secrets: CheckSecrets, wait_seconds: float = ROLL_OUT_SECONDS) -> None:
        self._units = units
        self._secrets = secrets
        self._due = time.monotonic() + wait_seconds

    async def __call__(self) -> float:
        """Seconds until it is due. Whoever runs it asks more often than that: documents are read only when it is."""
        if (wait := self._due - time.monotonic()) > 0:
            return wait
        sealed, unreadable = await reseal_all(self._units, self._secrets)
        if sealed:
            log.info("secrets_sealed", documents=sealed)
        if unreadable:
            log.error("secrets_unreadable", documents=len(unreadable), first=unreadable[0])
        self._due = time.monotonic() + EVERY_SECONDS
        return EVERY_SECONDS
