"""Which contracts a client has, as far as reporting has heard of them, and what was told of their months."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import func, select, update

from reporting.adapters.report_tables import ReportDelivery, ReportEdition
from reporting.adapters.tables import Contract
from reporting.application.editions import Commentary, Reason, ReportChange
from reporting.application.facts import ContractState
from shared.unit_of_work import UnitOfWork

_ORDER = {"active": 0, "suspended": 1}


async def contracts_seen(uow: UnitOfWork) -> Sequence[ContractState]:
    """The newest state of every contract that the unit may see and that ever began: those in force first."""
    rows = await uow.session.scalars(
        select(Contract).where(Contract.began_at.is_not(None)).order_by(Contract.began_at, Contract.contract_id)
    )
    return sorted(
        (ContractState.model_validate(row.state) for row in rows), key=lambda state: _ORDER.get(state.status, 2)
    )


@dataclass(frozen=True)
class ToldEdition:
    """An edition of a month's report as a list shows it."""

    month: date
    edition: int
    issued_at: datetime
    reason: Reason
    changes: Sequence[ReportChange]
    commentary: Commentary


async def editions_told(
    uow: UnitOfWork, contract_id: UUID, first: date, last: date, *, money: bool
) -> Mapping[date, Sequence[ToldEdition]]:
    """The editions of the months from `first` to `last`, by month, each month's newest first.

    Without `money` changes of what is owed are left out.
    """
    row = ReportEdition
    rows = await uow.session.execute(
        select(row.month, row.edition, row.issued_at, row.reason, row.changes, row.commentary)
        .where(row.contract_id == contract_id, row.month.between(first, last))
        .order_by(row.month.desc(), row.edition.desc())
    )
    found: dict[date, list[ToldEdition]] = {}
    for month, edition, issued_at, reason, changes, commentary in rows:
        told = [ReportChange.model_validate(each) for each in changes]
        shown = [each for each in told if money or each.subject != "settlement"]
        each = ToldEdition(month, edition, issued_at, reason, shown, Commentary.model_validate(commentary))
        found.setdefault(month, []).append(each)
    return found


async def newest_month_told(uow: UnitOfWork, contract_id: UUID) -> ToldEdition | None:
    """The newest edition of the newest month of which there is one."""
    months = select(func.max(ReportEdition.month)).where(ReportEdition.contract_id == contract_id)
    month = await uow.session.scalar(months)
    if month is None:
        return None
    return (await editions_told(uow, contract_id, month, month, money=False))[month][0]


async def note_read(uow: UnitOfWork, contract_id: UUID, month: date, edition: int, email: str) -> None:
    """Somebody reads an edition in the portal: it counts as if he had opened the link that was mailed to him.

    Only the first time is kept, and nothing of who was not sent it.
    """
    row = ReportDelivery
    await uow.session.execute(
        update(row)
        .where(
            row.contract_id == contract_id,
            row.month == month,
            row.edition == edition,
            func.lower(row.address) == email.lower(),
            row.seen_at.is_(None),
        )
        .values(seen_at=uow.now)
    )
