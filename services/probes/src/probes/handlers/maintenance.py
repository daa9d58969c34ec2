"""Planned work: a window is full state, the newest version counts. What it does to monitors, time does."""

from probes.adapters.maintenance import Window, keep_window
from probes.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


@handlers.on("contracts.maintenance.scheduled.v1")
async def keep_scheduled_window(event: ReceivedEvent[Window], uow: UnitOfWork) -> None:
    """Work is planned."""
    await keep_window(uow.session, event.tenant_id, event.data)


@handlers.on("contracts.maintenance.cancelled.v1")
async def keep_cancelled_window(event: ReceivedEvent[Window], uow: UnitOfWork) -> None:
    """Planned work is called off; what has been of it stays."""
    await keep_window(uow.session, event.tenant_id, event.data)
