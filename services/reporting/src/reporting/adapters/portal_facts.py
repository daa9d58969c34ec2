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
from reporting.domain.review_periods import LENGTHS, ReportKind, ReviewKind, months_from
from shared.unit_of_work import UnitOfWork

_ORDER = {"active": 0, "suspended": 1}


async def contracts_seen(uow: UnitOfWork) -> Sequence[ContractState]:
    """The newest state of every contract of the unit's client that ever began: those in force first.

    Raises ValueError for a unit of no client.
    """
    if uow.client_id is None:
        raise ValueError("whose contracts?")
    # The policy of the table lets no other client through, but it reads the contracts of all of them.
    his = select(Contract).where(Contract.client_id == uow.client_id, Contract.began_at.is_not(None))
    rows = await uow.session.scalars(his.order_by(Contract.began_at, Contract.contract_id))
    return sorted(
        (ContractState.model_validate(row.state) for row in rows), key=lambda state: _ORDER.get(state.status, 2)
    )


@dataclass(frozen=True)
class ToldEdition:
    """An edition of a month's report, or of a review, as a list shows it."""

    month: date
    edition: int
    issued_at: datetime
    reason: Reason
    changes: Sequence[ReportChange]
    commentary: Commentary


async def editions_told(
    uow: UnitOfWork, contract_id: UUID, first: date, last: date, *, money: bool, kind: ReportKind = "monthly"
) -> Mapping[date, Sequence[ToldEdition]]:
    """The editions of the months from `first` to `last`, by month, each month's newest first.

    Without `money` changes of what is owed are left out. Of reviews: by the first month of their period, and without
    their notes.
    """
    row = ReportEdition
    rows = await uow.session.execute(
        select(row.month, row.edition, row.issued_at, row.reason, row.changes, row.commentary)
        .where(row.contract_id == contract_id, row.kind == kind, row.month.between(first, last))
        .order_by(row.month.desc(), row.edition.desc())
    )
    found: dict[date, list[ToldEdition]] = {}
    for month, edition, issued_at, reason, changes, commentary in rows:
        told = [ReportChange.model_validate(each) for each in changes]
        shown = [each for each in told if money or each.subject != "settlement"]
        said = Commentary.model_validate(commentary) if kind == "monthly" else Commentary()
        each = ToldEdition(month, edition, issued_at, reason, shown, said)
        found.setdefault(month, []).append(each)
    return found


async def newest_month_told(uow: UnitOfWork, contract_id: UUID) -> ToldEdition | None:
    """The newest edition of the newest month of which there is one."""
    months = select(func.max(ReportEdition.month)).where(
        ReportEdition.contract_id == contract_id, ReportEdition.kind == "monthly"
    )
    month = await uow.session.scalar(months)
    if month is None:
        return None
    return (await editions_told(uow, contract_id, month, month, money=False))[month][0]


@dataclass(frozen=True)
class ToldReview:
    """A review that was issued, with its newest edition."""

    kind: ReviewKind
    first_month: date
    last_month: date
    newest: ToldEdition


async def reviews_told(uow: UnitOfWork, contract_id: UUID, first: date, last: date) -> Sequence[ToldReview]:
    """The reviews whose period ended with a month from `first` to `last`, those that ended last first."""
    found = []
    for kind, length in LENGTHS.items():
        earliest = first.replace(year=first.year - 1) if length > 1 and first.year > 1 else first
        told = await editions_told(uow, contract_id, earliest, last, money=False, kind=kind)
        for month, editions in told.items():
            last_month = months_from(month, kind)[-1]
            if first <= last_month <= last:
                found.append(ToldReview(kind, month, last_month, editions[0]))
    return sorted(found, key=lambda each: (each.last_month, each.kind), reverse=True)


async def note_read(
    uow: UnitOfWork, contract_id: UUID, kind: ReportKind, month: date, edition: int, email: str
) -> None:
    """Somebody reads an edition in the portal: it counts as if he had opened the link that was mailed to him.

    Only the first time is kept, and nothing of who was not sent it.
    """
    row = ReportDelivery
    await uow.session.execute(
        update(row)
        .where(
            row.contract_id == contract_id,
            row.kind == kind,
            row.month == month,
            row.edition == edition,
            func.lower(row.address) == email.lower(),
            row.seen_at.is_(None),
        )
        .values(seen_at=uow.now)
    )
