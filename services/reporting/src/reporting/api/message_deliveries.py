"""Messages that an agency had sent: to whom, when they left, when they were opened first, and what they said."""

import json
from typing import Annotated, Any, Literal, cast
from uuid import UUID

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Select, and_, select

from reporting.adapters.facts import StoredFacts
from reporting.adapters.report_editions import issued_message
from reporting.adapters.report_tables import ReportDelivery, ReportEdition
from reporting.api.edition_lists import ReportDeliveryLine
from reporting.api.report_editions import edition_response
from reporting.application.sent_messages import MessageEdition
from shared.auth import Principal
from shared.pagination import Page, PageParams, paginate
from shared.problems import NotFound, responses_for
from shared.service import Unit, require
from shared.values import Instant

router = APIRouter(prefix="/v1/contracts/{contract_id}/message-deliveries", tags=["reports"])

READINGS = frozenset({"get_sent_message"})
"""Who reads what was written to a client is written into the audit log."""
Reader = Annotated[Principal, Depends(require("reports:read"))]
OfTheContract = Annotated[Principal, Depends(require("contracts:read"))]
"""What a message says may be about prices."""


class MessageDelivery(BaseModel):
    """A message for one person by mail. Of its opening only the first instant is known."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "message_id": "0198f000-0000-7000-8000-000000000f01",
                    "template_code": "hours_explanation",
                    "template_version": 0,
                    "subject": "Maintenance annuelle – Explication",
                    "contact_id": "0198f000-0000-7000-8000-000000000102",
                    "name": "Léa Martin",
                    "language": "fr",
                    "state": "seen",
                    "planned_at": "2026-06-08T09:00:00Z",
                    "sent_at": "2026-06-08T09:00:07Z",
                    "seen_at": "2026-06-08T12:12:00Z",
                    "ended_because": None,
                }
            ]
        }
    )

    message_id: UUID
    template_code: str
    template_version: int = Field(ge=0, description="0: ours")
    subject: str
    contact_id: UUID
    name: str
    language: str
    state: Literal["planned", "sent", "seen", "not_sent"]
    planned_at: Instant
    sent_at: Instant | None = Field(description="when the mail server took it")
    seen_at: Instant | None = Field(description="when its link was opened first, by somebody who may be watched")
    ended_because: Literal["superseded", "refused", "template", "too_late"] | None

    @classmethod
    def of(cls, delivery: ReportDelivery, content: str) -> "MessageDelivery":
        """From a delivery with what was sent."""
        message = json.loads(content)
        told = ReportDeliveryLine.of(delivery).model_dump(exclude={"delivery_id", "edition"})
        named = {name: message[name] for name in ("message_id", "template_code", "template_version", "subject")}
        return cls.model_validate(told | named)


_OF_ITS_DELIVERY = and_(
    ReportEdition.contract_id == ReportDelivery.contract_id,
    ReportEdition.kind == ReportDelivery.kind,
    ReportEdition.month == ReportDelivery.month,
    ReportEdition.edition == ReportDelivery.edition,
)


@router.get("", summary="List to whom messages were sent", responses=responses_for(NotFound))
async def list_message_deliveries(
    contract_id: UUID, unit: Unit, _reader: Reader, params: PageParams
) -> Page[MessageDelivery]:
    """Every message about the contract that was to be sent: when it left, and when its link was opened first. What
    `POST /v1/contracts/{contract_id}/sent-messages` of contracts answered is here within seconds.
    """
    row = ReportDelivery
    sent = (
        select(row, ReportEdition.content)
        .join(ReportEdition, _OF_ITS_DELIVERY)
        .where(row.contract_id == contract_id, row.kind == "message")
    )
    page = await paginate(
        unit.session,
        cast(Select[Any], sent),
        columns=(row.planned_at, row.delivery_id),
        params=params,
        to_item=lambda row: MessageDelivery.of(row[0], row[1]),
    )
    if not page.data and not await StoredFacts(unit).versions(contract_id):
        raise NotFound("There is no contract with this id that was ever active, and nothing was sent about it.")
    return page


@router.get(
    "/{message_id}",
    summary="Read a message that was sent",
    response_model=MessageEdition,
    responses=responses_for(NotFound),
)
async def get_sent_message(contract_id: UUID, message_id: UUID, unit: Unit, _reader: OfTheContract) -> Response:
    """What was written, byte for byte, for those who may read the contract: it may be about prices. `content_hash` is
    the SHA-256 of `report` as it stands here.
    """
    delivery = await unit.session.get(ReportDelivery, message_id)
    if delivery is None or (delivery.contract_id, delivery.kind) != (contract_id, "message"):
        raise NotFound("No message with this id was sent about this contract. List those that were.")
    issued = await issued_message(unit, contract_id, delivery.month, delivery.edition)
    return edition_response(issued.text)
