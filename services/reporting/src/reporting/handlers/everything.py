"""Every event of every service: kept byte for byte, recorded in the audit log, queued for the webhooks that asked."""

from typing import Any

from reporting.adapters.audit_chain import record_event
from reporting.adapters.delivery_queue import Said, queue_deliveries
from reporting.adapters.projections import remember_event
from reporting.adapters.status_subscriptions import look_at_pages
from reporting.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

# One per contract and hour, for ever: `adapters.rollups` keeps the newest of each hour, compressed.
NOT_KEPT = frozenset({"probes.rollup.hourly.v1"})


@handlers.on_every("contracts", "probes", "incidents", "reporting")
async def keep_and_queue(event: ReceivedEvent[dict[str, Any]], uow: UnitOfWork) -> None:
    """In the transaction of the event: entry and delivery exist exactly when the event took effect.

    The record of an operation is delivered to nobody (`domain/subscriptions.py`). It is there for the log, and what
    carries the log outside is the event of a checkpoint.
    """
    name = str(event.envelope.name)
    if name not in NOT_KEPT:
        if not await remember_event(uow, event, name):
            return
        await record_event(uow, event, name)
        await look_at_pages(uow, event.data, name)
    await queue_deliveries(uow, Said.of(event.envelope, event.payload), event.tenant_id)
