"""The queue, read in one query: what orders it is computed from the contract's newest terms and the cached clocks."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Integer, Select, String, case, cast, func, literal, literal_column, select
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.tables import ClockDueRow, ContractTermsRow, WorkItemRow
from incidents.domain.service_desk_terms import DEFAULT_SEVERITIES, contract_rank_of
from incidents.domain.work_item import DONE
from shared.pagination import SortColumn

_NEVER = "9999-12-31T00:00:00+00:00"
_LAST = 2_000_000_000

_terms = (
    select(ContractTermsRow.contract_id, ContractTermsRow.state)
    .ext(distinct_on(ContractTermsRow.contract_id))
    .order_by(ContractTermsRow.contract_id, ContractTermsRow.version.desc())
    .subquery("newest_terms")
)
_breach = (
    select(ClockDueRow.item_id, func.min(ClockDueRow.breach_after).label("breach_after"))
    .where(ClockDueRow.ended_at.is_(None), ClockDueRow.state.in_(["running", "breached"]))
    .group_by(ClockDueRow.item_id)
    .subquery("first_breach")
)

_contract_rank = func.coalesce(
    cast(_terms.c.state["service_desk"]["priority"]["rank"].astext, Integer),
    # As `contract_rank_of`; PostgreSQL's greatest passes over nulls, so none may reach it.
    func.greatest(1, contract_rank_of(0) - func.coalesce(cast(_terms.c.state["plan"]["priority"].astext, Integer), 0)),
)
_listed = func.jsonb_path_query_first(
    _terms.c.state,
    literal_column("'$.service_desk.severities[*] ? (@.code == $code).rank'::jsonpath"),
    func.jsonb_build_object("code", WorkItemRow.severity),
)
_severity_rank = func.coalesce(
    cast(cast(_listed, String), Integer),
    case({known.code: known.rank for known in DEFAULT_SEVERITIES}, value=WorkItemRow.severity, else_=1000),
)
_decided = func.coalesce(WorkItemRow.decided_rank, _LAST)
_breach_order = func.coalesce(_breach.c.breach_after, literal(datetime.fromisoformat(_NEVER)))


def waiting(contract_id: UUID | None) -> Select[Any]:
    """What waits, with what orders it."""
    statement = (
        select(
            WorkItemRow,
            _contract_rank.label("contract_rank"),
            _severity_rank.label("severity_rank"),
            _breach.c.breach_after.label("breach_after"),
        )
        .outerjoin(_terms, _terms.c.contract_id == WorkItemRow.contract_id)
        .outerjoin(_breach, _breach.c.item_id == WorkItemRow.id)
        .where(WorkItemRow.status.not_in(DONE))
    )
    return statement.where(WorkItemRow.contract_id == contract_id) if contract_id is not None else statement


def order() -> Sequence[SortColumn]:
    """By severity, contract, decision, time to breach; the id makes it whole.

    At equal severity the rank of the contract counts: that is what the contracts say.
    """
    return (_severity_rank, _contract_rank, _decided, _breach_order, WorkItemRow.id)


@dataclass(frozen=True)
class Waiting:
    """One item of the backlog, as far as figures need it."""

    number: str
    severity: str
    opened_at: datetime
    assignee_name: str | None
    arbitration: bool


async def backlog(session: AsyncSession) -> dict[UUID, list[Waiting]]:
    """What waits under each contract that has a version here, oldest first; one without any has an empty list."""
    contracts = (await session.execute(select(ContractTermsRow.contract_id).distinct())).scalars()
    found: dict[UUID, list[Waiting]] = defaultdict(list, {contract_id: [] for contract_id in contracts})
    statement = (
        select(
            WorkItemRow.contract_id,
            WorkItemRow.number,
            WorkItemRow.severity,
            WorkItemRow.opened_at,
            WorkItemRow.assignee_name,
            WorkItemRow.details["arbitration_required"].astext,
        )
        .where(WorkItemRow.status.not_in(DONE))
        .order_by(WorkItemRow.opened_at, WorkItemRow.id)
    )
    for contract_id, number, severity, opened_at, assignee, arbitration in await session.execute(statement):
        found[contract_id].append(Waiting(number, severity, opened_at, assignee, arbitration == "true"))
    return dict(found)
