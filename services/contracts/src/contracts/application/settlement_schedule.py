"""When the periods of contracts are over: what the job that drafts settlements works off."""

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

if TYPE_CHECKING:
    from contracts.application.ports import Workspace


class SettlementSchedule(BaseModel):
    """Which period of a contract is drafted next, and when; `due_at` is None when nothing comes any more."""

    contract_id: UUID
    client_id: UUID
    next_period: int
    due_at: datetime | None


async def begin(work: "Workspace", contract_id: UUID, client_id: UUID, at: datetime) -> None:
    """A contract is in force for the first time: from now on its periods are settled when they are over.

    It is due at once: only then it is known from its documents when its first period ends.
    """
    schedule = SettlementSchedule(contract_id=contract_id, client_id=client_id, next_period=0, due_at=at)
    await work.settlements.schedules.put(schedule)
