"""Signs what was recorded, once an hour and only when there is something new."""

from datetime import timedelta

import structlog
from prometheus_client import Gauge

from reporting.adapters.audit_checkpoints import make_checkpoint, tenants_due
from reporting.adapters.secret_box import SecretBox
from reporting.application.audit import LogIsBroken
from shared.consumer import is_database_away
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

LOOK_SECONDS = 30.0

BROKEN = Gauge("audit_logs_broken", "Audit logs that do not follow from their last checkpoint, or cannot be signed")


class MakeAuditCheckpoints:
    """The job that makes checkpoints. A log that is broken gets none, and is told of each time."""

    def __init__(self, units: UnitsOfWork, box: SecretBox, every: timedelta) -> None:
        self._units = units
        self._box = box
        self._every = every

    async def run(self) -> float:
        """One checkpoint for each tenant whose last is old enough and whose log has grown."""
        async with self._units.for_every_tenant() as uow:
            due = await tenants_due(uow, uow.now - self._every)
        broken = 0
        for tenant_id in due:
            try:
                async with self._units.for_tenant(tenant_id) as uow:
                    await make_checkpoint(uow, self._box)
            except LogIsBroken as error:
                broken += 1
                log.critical("audit_log_broken", tenant_id=str(tenant_id), reason=str(error))
            except Exception as error:
                if is_database_away(error):
                    raise  # says nothing about this log; the loop tries again
                # Whoever tampers with one log must not keep the others from being signed.
                broken += 1
                log.critical("audit_log_not_signed", tenant_id=str(tenant_id), exc_info=error)
        BROKEN.set(broken)
        return LOOK_SECONDS
