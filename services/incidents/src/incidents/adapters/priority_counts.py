"""What came in, month by month, as it stood when each month ended: counted in the database, judged by the domain."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import ColumnElement, DateTime, Integer, Select, Values, and_, column, exists, func, or_, select, values
from sqlalchemy.orm import aliased

from incidents.adapters.repository import SqlContracts
from incidents.adapters.tables import ContractTermsRow, TimelineRow, WorkItemRow
from incidents.domain.priorities import CameIn
from incidents.domain.service_desk_terms import UrgentQuota
from incidents.domain.work_item import Kind
from shared.kernel.intervals import Interval
from shared.unit_of_work import UnitOfWork

_INSTANT: Final = timedelta(microseconds=1)
"""As exact as instants are kept."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whose items are asked for; without either all of the agency's."""

    client_id: UUID | None = None
    contract_id: UUID | None = None
    client_ids: tuple[UUID, ...] | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        """The same as conditions on items."""
        found: list[ColumnElement[bool]] = [WorkItemRow.kind.in_([Kind.INCIDENT, Kind.REQUEST])]
        if self.client_id is not None:
            found.append(WorkItemRow.client_id == self.client_id)
        if self.client_ids is not None:
            found.append(WorkItemRow.client_id.in_(self.client_ids))
        if self.contract_id is not None:
            found.append(WorkItemRow.contract_id == self.contract_id)
        return found


def severity_at(end: ColumnElement[datetime]) -> ColumnElement[str]:
    """The severity of an item just before an instant: the next judgement tells what it was until then."""
    later = (
        select(TimelineRow.data["before"].astext)
        .where(TimelineRow.item_id == WorkItemRow.id, TimelineRow.kind == "classified", TimelineRow.at >= end)
        .order_by(TimelineRow.at, TimelineRow.id)
        .limit(1)
        .scalar_subquery()
    )
    return func.coalesce(later, WorkItemRow.severity)


def whole_at(end: ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whether an item was one of its own just before an instant: merged, it counts as the other one."""
    merged = aliased(TimelineRow)
    return or_(
        WorkItemRow.merged_into_id.is_(None),
        exists().where(merged.item_id == WorkItemRow.id, merged.kind == "merged", merged.at >= end),
    )


def numbered(spans: Sequence[Interval]) -> Values:
    """Rows to join with: `number` from 0 on, `starts`, `ends`."""
    return values(
        column("number", Integer),
        column("starts", DateTime(timezone=True)),
        column("ends", DateTime(timezone=True)),
        name="months",
    ).data([(number, span.start, span.end) for number, span in enumerate(spans)])


async def came_in(uow: UnitOfWork, spans: Sequence[Interval], wanted: Wanted) -> list[dict[tuple[UUID, UUID], CameIn]]:
    """Of each span: (client, contract) to what came in. With three statements, however many spans and contracts."""
    months = numbered(spans)
    severity = severity_at(months.c.ends)
    keys = (months.c.number, WorkItemRow.client_id, WorkItemRow.contract_id, severity)
    counted = await uow.session.execute(
        select(*keys, func.count())
        .join(months, and_(WorkItemRow.opened_at >= months.c.starts, WorkItemRow.opened_at < months.c.ends))
        .where(*wanted.conditions(), whole_at(months.c.ends))
        .group_by(*keys)
    )
    found: list[dict[tuple[UUID, UUID], dict[str, int]]] = [defaultdict(dict) for _ in spans]
    for number, client_id, contract_id, named, count in counted:
        found[number][client_id, contract_id][named] = count
    contracts = SqlContracts(uow)
    await contracts.read_ahead({contract_id for month in found for _, contract_id in month})
    told: list[dict[tuple[UUID, UUID], CameIn]] = []
    for span, month in zip(spans, found, strict=True):
        told.append(
            {key: CameIn(counts, await quota_of(contracts, key[1], span, uow.now)) for key, counts in month.items()}
        )
    return told


async def quota_of(contracts: SqlContracts, contract_id: UUID, span: Interval, now: datetime) -> UrgentQuota:
    """What a contract called urgent when a span ended, or by now while it has not: the terms that were in force at its
    last instant. Those that take effect with the next span are not among them.
    """
    last = min(span.end - _INSTANT, now)
    return (await contracts.history(contract_id)).service_desk(last).urgent


async def arbitrated(uow: UnitOfWork, spans: Sequence[Interval], wanted: Wanted) -> list[tuple[int, int]]:
    """Of each span: how often the client's decider was asked what is urgent, and how many items he gave a place."""
    months = numbered(spans)
    rows = await uow.session.execute(
        select(
            months.c.number,
            func.count().filter(TimelineRow.kind == "arbitration_required"),
            func.count().filter(TimelineRow.kind == "ranked"),
        )
        .join(WorkItemRow, WorkItemRow.id == TimelineRow.item_id)
        .join(months, and_(TimelineRow.at >= months.c.starts, TimelineRow.at < months.c.ends))
        .where(*wanted.conditions(), TimelineRow.kind.in_(["arbitration_required", "ranked"]))
        .group_by(months.c.number)
    )
    counts = {number: (asked, ranked) for number, asked, ranked in rows}
    return [counts.get(number, (0, 0)) for number in range(len(spans))]


def clients_of_contracts() -> Select[UUID]:
    """The clients that have a contract here, unordered."""
    return select(ContractTermsRow.client_id).distinct()
