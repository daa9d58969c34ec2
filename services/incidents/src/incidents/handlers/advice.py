"""advisory.*: what the client is told is mailed to each of its recipients, in his language, every time it is sent."""

from collections.abc import Iterator
from typing import Any, Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert

from incidents.adapters.advice_tables import AdviceMailRow
from incidents.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.ids import new_id
from shared.unit_of_work import UnitOfWork

_WAITS = frozenset({"issued", "delivered"})
"""States in which the client still has to acknowledge it."""


class _Tolerant(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)


class Words(_Tolerant):
    fr: str
    en: str


class Recipient(_Tolerant):
    name: str
    email: str
    language: Literal["fr", "en"]


class Advisory(_Tolerant):
    """An advisory, as far as its mails are concerned."""

    advisory_id: UUID
    client_id: UUID
    contract_id: UUID | None
    title: Words
    body: Words
    status: str
    issued_at: AwareDatetime
    times_sent: int = Field(ge=1)
    recipients: list[Recipient]


@handlers.on("contracts.advisory.issued.v1")
async def mail_advice(event: ReceivedEvent[Advisory], uow: UnitOfWork) -> None:
    """The client is told something."""
    await _queue(event, uow)


@handlers.on("contracts.advisory.resent.v1")
async def mail_advice_again(event: ReceivedEvent[Advisory], uow: UnitOfWork) -> None:
    """He has not acknowledged it, and is told again."""
    await _queue(event, uow)


@handlers.on("contracts.advisory.changed.v1")
async def drop_what_is_settled(event: ReceivedEvent[Advisory], uow: UnitOfWork) -> None:
    """What he has acknowledged, or what does not hold any more, is not mailed after that."""
    await _drop(event, uow)


@handlers.on("contracts.advisory.refused.v1")
async def drop_what_is_refused(event: ReceivedEvent[Advisory], uow: UnitOfWork) -> None:
    """He has decided against it, so he knows."""
    await _drop(event, uow)


async def _queue(event: ReceivedEvent[Advisory], uow: UnitOfWork) -> None:
    """Queues one sending; the same is queued once, however often it is heard, and not at all once it is settled."""
    for row in _rows(event, uow, "pending"):
        await uow.session.execute(insert(AdviceMailRow).values(row).on_conflict_do_nothing())


async def _drop(event: ReceivedEvent[Advisory], uow: UnitOfWork) -> None:
    """What has not left stays here, also what was sent before and a sending that is yet to be heard of."""
    if event.data.status in _WAITS:
        return
    dropped = {"state": "dropped", "next_attempt_at": None}
    await uow.session.execute(
        update(AdviceMailRow)
        .where(AdviceMailRow.advisory_id == event.data.advisory_id, AdviceMailRow.state == "pending")
        .values(dropped)
    )
    for row in _rows(event, uow, "dropped"):
        await uow.session.execute(insert(AdviceMailRow).values(row).on_conflict_do_nothing())


def _rows(
    event: ReceivedEvent[Advisory], uow: UnitOfWork, state: Literal["pending", "dropped"]
) -> Iterator[dict[str, Any]]:
    told = event.data
    for recipient in {recipient.email.lower(): recipient for recipient in told.recipients}.values():
        yield {
            "id": new_id(),
            "tenant_id": event.tenant_id,
            "client_id": told.client_id,
            "contract_id": told.contract_id,
            "advisory_id": told.advisory_id,
            "sending": told.times_sent,
            "recipient": recipient.email,
            "name": recipient.name,
            "language": recipient.language,
            "title": getattr(told.title, recipient.language),
            "body": getattr(told.body, recipient.language),
            "first_sent_at": told.issued_at,
            "state": state,
            "attempts": 0,
            "created_at": uow.now,
            "next_attempt_at": uow.now if state == "pending" else None,
        }
