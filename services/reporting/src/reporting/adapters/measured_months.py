"""The months of contracts that are to be measured once they are over, and again when late facts touch them.

A row says when to look; the job over due rows decides what is there to see. So a row may be due too early.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.tables import UptimePeriod
from reporting.application.facts import ContractState
from reporting.domain.period import always, month_of, next_month
from shared.unit_of_work import UnitOfWork

OVER_EVERYWHERE = time(12)
"""At this time of the first day after it, in UTC, a month is over in every zone."""


async def expect_months(uow: UnitOfWork, tenant_id: UUID, state: ContractState) -> None:
    """A version of a contract is known: its month will be measured, and what it changes of measured months is again.

    The months after it follow one from the other.
    """
    month = month_of(state.effective_from, always(ZoneInfo(state.client.time_zone)))
    await expect_month(uow, tenant_id, state.client.client_id, state.contract_id, month)
    await measure_again(uow, state.contract_id, state.effective_from)


async def expect_month(uow: UnitOfWork, tenant_id: UUID, client_id: UUID, contract_id: UUID, month: date) -> None:
    """A month that will be measured, unless it is known already.

    Due when it begins: whoever looks finds out when it is over, by the zone of the versions known then.
    """
    row = {
        "contract_id": contract_id,
        "month": month,
        "tenant_id": tenant_id,
        "client_id": client_id,
        "ends_at": datetime.combine(next_month(month), OVER_EVERYWHERE, UTC),
        "version": 0,
        "silent": False,
        "due_at": datetime.combine(month, time(), UTC),
    }
    await uow.session.execute(insert(UptimePeriod).values(row).on_conflict_do_nothing())


async def measure_again(uow: UnitOfWork, contract_id: UUID, since: datetime) -> None:
    """Something became known that may be otherwise from `since` on: months that are over and end later are due.

    Rows that are due already are written too: the job may hold one, and not know of this any more.
    """
    row = UptimePeriod
    await uow.session.execute(
        update(row)
        .where(row.contract_id == contract_id, row.ends_at > since, row.ends_at <= uow.now)
        .values(due_at=_soon(uow))
    )


async def measure_silent_again(uow: UnitOfWork, contract_id: UUID) -> None:
    """Somebody measures: months whose end was silent are due."""
    row = UptimePeriod
    await uow.session.execute(update(row).where(row.contract_id == contract_id, row.silent).values(due_at=_soon(uow)))


def _soon(uow: UnitOfWork) -> Any:
    return func.least(UptimePeriod.due_at, uow.now)


@dataclass(frozen=True)
class DueMonth:
    """A month to look at."""

    tenant_id: UUID
    contract_id: UUID
    month: date


async def due_months(uow: UnitOfWork, limit: int) -> list[DueMonth]:
    """The months that are due, those that waited longest first."""
    row = UptimePeriod
    found = await uow.session.execute(
        select(row.tenant_id, row.contract_id, row.month)
        .where(row.due_at <= uow.now)
        .order_by(row.due_at, row.contract_id, row.month)
        .limit(limit)
    )
    return [DueMonth(*each) for each in found]


async def claim(uow: UnitOfWork, due: DueMonth) -> UptimePeriod | None:
    """The month under a lock, if it is still due and nobody else looks at it."""
    row = UptimePeriod
    found: UptimePeriod | None = await uow.session.scalar(
        select(row)
        .where(row.contract_id == due.contract_id, row.month == due.month, row.due_at <= uow.now)
        .with_for_update(skip_locked=True)
    )
    return found


async def set_aside(uow: UnitOfWork, due: DueMonth, wait: timedelta) -> None:
    """The month cannot be looked at now."""
    row = UptimePeriod
    which = update(row).where(row.contract_id == due.contract_id, row.month == due.month)
    await uow.session.execute(which.values(due_at=uow.now + wait))
