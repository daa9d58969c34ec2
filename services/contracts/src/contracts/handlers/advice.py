"""advice.delivered: mail of ours has reached somebody at the client."""

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from contracts.adapters.workspace import workspace_of
from contracts.application import advice
from contracts.application.errors import Unknown
from contracts.handlers.registration import handlers
from shared.consumer import PermanentError
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


class Delivered(BaseModel):
    """As far as we read it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    advisory_id: UUID
    recipient: str
    delivered_at: AwareDatetime
    message_id: str


@handlers.on("incidents.advice.delivered.v1")
async def take_delivery(event: ReceivedEvent[Delivered], uow: UnitOfWork) -> None:
    """The advisory has been delivered to this recipient at that instant."""
    work, told = workspace_of(uow), event.data
    try:
        advisory = await work.registers.advisories.locked(told.advisory_id)
    except Unknown as unknown:
        raise PermanentError(str(unknown)) from unknown
    await advice.heard_delivery(work, advisory, told.recipient, told.delivered_at, told.message_id)
