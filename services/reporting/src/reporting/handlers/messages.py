"""Messages that an agency wants sent to people of its clients."""

from reporting.adapters.sent_messages import plan_message
from reporting.application.sent_messages import WrittenMessage
from reporting.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


@handlers.on("contracts.message.written.v1")
async def send_message(event: ReceivedEvent[WrittenMessage], uow: UnitOfWork) -> None:
    """It is mailed to the person whom it is for."""
    await plan_message(uow, event)
