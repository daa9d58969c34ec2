"""webhook.*: the agency is told by mail when a system that listens gets nothing more."""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from incidents.handlers.registration import handlers, ports
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


class DisabledWebhook(BaseModel):
    """A webhook that reporting has disabled because of its receiver."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    webhook_id: UUID
    host: str
    description: str
    reason: Literal["gone", "failing"]
    disabled_at: AwareDatetime
    failing_since: AwareDatetime | None
    last_status_code: int | None


@handlers.on("reporting.webhook.disabled.v1")
async def tell_of_disabled_webhook(event: ReceivedEvent[DisabledWebhook], uow: UnitOfWork) -> None:
    """Told once for each time, however often it is heard: the webhook's version says which time it is."""
    told = event.data
    await ports(uow).alerts.tell_agency(
        "webhook_disabled",
        fact=f"webhook {told.webhook_id} disabled {event.aggregate_version}",
        contract_id=None,
        details=told.model_dump(mode="json"),
    )
