"""report_delivery.*: the agency is told by mail when a report is sent to nobody."""

from datetime import date
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from incidents.handlers.registration import handlers, ports
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


class OmittedDelivery(BaseModel):
    """An edition of a report that reporting sent to nobody: nobody at the client decides."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    delivery_id: UUID
    contract_id: UUID
    contract_number: str
    client_name: str
    kind: str
    month: date
    edition: int


@handlers.on("reporting.report_delivery.omitted.v1")
async def tell_of_omitted_delivery(event: ReceivedEvent[OmittedDelivery], uow: UnitOfWork) -> None:
    """Told once, however often it is heard."""
    told = event.data
    await ports(uow).alerts.tell_agency(
        "report_to_nobody",
        fact=f"report_delivery {told.delivery_id} omitted",
        contract_id=told.contract_id,
        details=told.model_dump(mode="json"),
    )
