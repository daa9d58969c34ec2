"""Planned work, for visitors of status pages. How it counts in a figure, the monitors' own transitions say."""

from reporting.adapters.maintenance_windows import remember_window
from reporting.application.maintenance import Window
from reporting.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


@handlers.on("contracts.maintenance.scheduled.v1")
async def keep_scheduled_window(event: ReceivedEvent[Window], uow: UnitOfWork) -> None:
    """Work is planned."""
    await remember_window(uow, event)


@handlers.on("contracts.maintenance.cancelled.v1")
async def keep_cancelled_window(event: ReceivedEvent[Window], uow: UnitOfWork) -> None:
    """Planned work is called off; what has been of it stays."""
    await remember_window(uow, event)
