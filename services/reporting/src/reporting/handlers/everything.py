"""Every event of every service: kept byte for byte, and queued for the webhooks that asked for it."""

from typing import Any

from reporting.adapters.deliveries import queue_deliveries
from reporting.adapters.projections import remember_event
from reporting.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

# One per contract and hour, for ever: what it says is kept with its monitors, and probes has the figures.
NOT_KEPT = frozenset({"probes.rollup.hourly.v1"})


@handlers.on_every("contracts", "probes", "incidents", "reporting")
async def keep_and_queue(event: ReceivedEvent[dict[str, Any]], uow: UnitOfWork) -> None:
    """In the transaction of the event: a delivery exists exactly when the event took effect."""
    name = str(event.envelope.name)
    if name in NOT_KEPT or await remember_event(uow, event, name):
        await queue_deliveries(uow, event_id=event.id, name=name, payload=event.payload)
