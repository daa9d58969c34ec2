"""Every event of every service: kept byte for byte, recorded in the audit log, queued for the webhooks that asked."""

from typing import Any

from reporting.adapters.audit_chain import record_event
from reporting.adapters.deliveries import queue_deliveries
from reporting.adapters.projections import remember_event
from reporting.handlers.registration import handlers
from shared.events import OperationRecorded, ReceivedEvent
from shared.unit_of_work import UnitOfWork

# One per contract and hour, for ever: what it says is kept with its monitors, and probes has the figures.
NOT_KEPT = frozenset({"probes.rollup.hourly.v1"})


@handlers.on_every("contracts", "probes", "incidents", "reporting")
async def keep_and_queue(event: ReceivedEvent[dict[str, Any]], uow: UnitOfWork) -> None:
    """In the transaction of the event: entry and delivery exist exactly when the event took effect.

    The record of an operation is delivered to nobody. It is there for the log, and what carries the log outside is the
    event of a checkpoint.
    """
    name = str(event.envelope.name)
    if name not in NOT_KEPT:
        if not await remember_event(uow, event, name):
            return
        await record_event(uow, event, name)
    if event.envelope.name.aggregate != OperationRecorded.AGGREGATE:
        await queue_deliveries(uow, event_id=event.id, name=name, payload=event.payload)
