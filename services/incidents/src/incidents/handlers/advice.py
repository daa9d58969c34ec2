"""advisory.*: what the client is told is mailed to each of its recipients, in his language, every time it is sent."""

from typing import Literal
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
    await _drop(event.data, uow)


@handlers.on("contracts.advisory.refused.v1")
async def drop_what_is_refused(event: ReceivedEvent[Advisory], uow: UnitOfWork) -> None:
    """He has decided against it, so he knows."""
    await _drop(event.data, uow)


async def _queue(event: ReceivedEvent[Advisory], uow: UnitOfWork) -> None:
    told = event.data
    by_address = {recipient.email.lower(): recipient for recipient in told.recipients}
    for recipient in by_address.values():
        # The same sending is queued once, however often it is heard.
        await uow.session.execute(
            insert(AdviceMailRow)
            .values(
                id=new_id(),
                tenant_id=event.tenant_id,
                client_id=told.client_id,
                contract_id=told.contract_id,
                advisory_id=told.advisory_id,
                sending=told.times_sent,
                recipient=recipient.email,
                name=recipient.name,
                language=recipient.language,
                title=getattr(told.title, recipient.language),
                body=getattr(told.body, recipient.language),
                first_sent_at=told.issued_at,
                state="pending",
                attempts=0,
                created_at=uow.now,
                next_attempt_at=uow.now,
            )
            .on_conflict_do_nothing()
        )


async def _drop(told: Advisory, uow: UnitOfWork) -> None:
    if told.status in _WAITS:
        return
    await uow.session.execute(
        update(AdviceMailRow)
        .where(AdviceMailRow.advisory_id == told.advisory_id, AdviceMailRow.state == "pending")
        .values(state="dropped", next_attempt_at=None)
    )
