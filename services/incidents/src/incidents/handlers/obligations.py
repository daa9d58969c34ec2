"""obligation.*: what the client owes for an item. While he owes an access or an answer, the item waits for him.

Every event carries the whole obligation, so one handler takes them all, in any order. What keeps the item waiting, and
what ended that, is the evidence of the pause.
"""

from typing import Literal
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from incidents.application.obligations import Owed, follow
from incidents.handlers.registration import handlers, ports
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


class Evidence(BaseModel):
    """What shows that it was kept."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    what: str
    reference: str | None = None


class Texts(BaseModel):
    """What is owed, in both languages."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    fr: str
    en: str


class ObligationState(BaseModel):
    """As far as we read it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    obligation_id: UUID
    version: int
    contract_id: UUID
    work_item_id: UUID | None
    owner: Literal["provider", "client"]
    kind: str
    title: Texts
    status: Literal["open", "breached", "fulfilled", "released", "lapsed"]
    created_at: AwareDatetime
    due_at: AwareDatetime
    every_days: int | None
    kept_at: AwareDatetime | None
    evidence: tuple[Evidence, ...] = ()


@handlers.on("contracts.obligation.opened.v1")
async def heed_new_obligation(event: ReceivedEvent[ObligationState], uow: UnitOfWork) -> None:
    """The client was asked for something."""
    await _take(event, uow)


@handlers.on("contracts.obligation.changed.v1")
async def heed_changed_obligation(event: ReceivedEvent[ObligationState], uow: UnitOfWork) -> None:
    """It is asked for again, due later, or not asked for any more."""
    await _take(event, uow)


@handlers.on("contracts.obligation.breached.v1")
async def heed_breached_obligation(event: ReceivedEvent[ObligationState], uow: UnitOfWork) -> None:
    """He is late; the item goes on waiting."""
    await _take(event, uow)


@handlers.on("contracts.obligation.fulfilled.v1")
async def heed_fulfilled_obligation(event: ReceivedEvent[ObligationState], uow: UnitOfWork) -> None:
    """He has given what he owed."""
    await _take(event, uow)


async def _take(event: ReceivedEvent[ObligationState], uow: UnitOfWork) -> None:
    told = event.data
    # What comes back (a password every ninety days) belongs to no item alone.
    if told.work_item_id is None or told.owner != "client" or told.every_days is not None:
        return
    waits = told.status in ("open", "breached")
    owed = Owed(
        obligation_id=told.obligation_id,
        version=told.version,
        contract_id=told.contract_id,
        item_id=told.work_item_id,
        kind=told.kind,
        asked=told.title.model_dump(),
        asked_at=told.created_at,
        due_at=told.due_at,
        said_at=event.time,
        kept_at=told.kept_at,
        ended_at=None if waits else (told.kept_at if told.status == "fulfilled" else None) or event.time,
        outcome=told.status,
        shown_by=tuple(each.model_dump(exclude_none=True) for each in told.evidence),
    )
    await follow(ports(uow), owed)
