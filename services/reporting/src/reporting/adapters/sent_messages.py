"""Messages by mail: kept as editions, and sent with the machinery of reports."""

from zoneinfo import ZoneInfo

from reporting.adapters.kept_rows import Gathering
from reporting.adapters.report_deliveries import plan_delivery
from reporting.adapters.report_editions import add_edition, report_month
from reporting.adapters.report_tables import ReportDelivery
from reporting.application.editions import NextEdition
from reporting.application.report import Brand
from reporting.application.report_template import TemplateContent
from reporting.application.sent_messages import WrittenMessage, sent_message
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


async def plan_message(uow: UnitOfWork, event: ReceivedEvent[WrittenMessage]) -> None:
    """A message is to be sent, once: neither a repetition nor a rebuild sends it again.

    Its three days begin when it was written: heard of after them, it is kept, and ends as too late.
    """
    if isinstance(uow, Gathering):
        return
    written = event.data
    if await uow.session.get(ReportDelivery, written.message_id) is not None:
        return
    message = sent_message(written, event.time)
    month = event.time.astimezone(ZoneInfo(written.time_zone)).date().replace(day=1)
    row = await report_month(uow, event.tenant_id, written.client_id, written.contract_id, month, "message")
    following = NextEdition(row.edition + 1, "scheduled", [], keep_content=False)
    brand = Brand(written.agency_name, None, None, None, None)
    edition = add_edition(uow, row, following, message, brand, None, TemplateContent())
    plan_delivery(
        uow,
        edition,
        delivery_id=written.message_id,
        contact_id=written.contact_id,
        name=written.recipient.name,
        address=written.recipient.email,
        language=written.language,
        planned_at=event.time,
        due_at=uow.now,
    )
