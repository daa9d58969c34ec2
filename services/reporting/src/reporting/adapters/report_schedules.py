"""Which documents are sent after every month of a contract: as its agency said, else as is usual."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from reporting.adapters.report_tables import ReportSchedule
from reporting.application.facts import ContractState, KnownContract
from reporting.application.scheduled_reports import is_usual, is_usual_after
from reporting.domain.review_periods import ScheduledKind
from shared.unit_of_work import UnitOfWork


@dataclass(frozen=True)
class Schedule:
    """Whether a document is sent after every month; version 0: its agency said nothing, it is as is usual."""

    kind: ScheduledKind
    enabled: bool
    version: int
    changed_at: datetime | None


async def schedule_of(uow: UnitOfWork, state: ContractState, kind: ScheduledKind, *, lock: bool = False) -> Schedule:
    """What holds now of a contract in this state."""
    row = await uow.session.get(ReportSchedule, (state.contract_id, kind), with_for_update=lock or None)
    if row is None:
        return Schedule(kind, is_usual(kind, state), 0, None)
    return Schedule(kind, row.enabled, row.version, row.changed_at)


async def is_wanted(uow: UnitOfWork, versions: Sequence[KnownContract], kind: ScheduledKind, month: date) -> bool:
    """Whether a document of a month is to be made, by what its agency says now, else by what the month was like."""
    row = await uow.session.get(ReportSchedule, (versions[-1].state.contract_id, kind))
    return is_usual_after(kind, versions, month) if row is None else row.enabled


async def is_wanted_first(
    uow: UnitOfWork, versions: Sequence[KnownContract], kind: ScheduledKind, month: date, goes_out: datetime
) -> bool:
    """Whether the first edition of a document of a month is to be made: what was switched on after the morning on which
    it goes out begins with the next month.
    """
    row = await uow.session.get(ReportSchedule, (versions[-1].state.contract_id, kind))
    if row is None or (row.enabled and row.version == 1 and row.changed_at > goes_out):
        return is_usual_after(kind, versions, month)  # its agency had said nothing by then
    return row.enabled and row.changed_at <= goes_out


async def keep_schedule(
    uow: UnitOfWork, tenant_id: UUID, state: ContractState, kind: ScheduledKind, *, enabled: bool
) -> Schedule:
    """What an agency says of a document, as its next version. To say the same again changes nothing."""
    key: dict[str, Any] = {"contract_id": state.contract_id, "kind": kind}
    first = key | {"tenant_id": tenant_id, "client_id": state.client.client_id, "version": 0, "enabled": enabled}
    await uow.session.execute(insert(ReportSchedule).values(first | {"changed_at": uow.now}).on_conflict_do_nothing())
    row = await uow.session.get(ReportSchedule, (state.contract_id, kind), with_for_update=True)
    assert row is not None  # it was written just now, or was there
    if row.version == 0 or row.enabled != enabled:
        row.version, row.enabled, row.changed_at = row.version + 1, enabled, uow.now
    return Schedule(kind, row.enabled, row.version, row.changed_at)
