"""The queue, read in one query: what orders it is computed from the terms in force and the cached clocks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    DateTime,
    Integer,
    Select,
    SQLColumnExpression,
    and_,
    case,
    cast,
    func,
    literal,
    literal_column,
    not_,
    or_,
    select,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, distinct_on
from sqlalchemy.ext.asyncio import AsyncSession

from incidents.adapters.on_call_tables import AgencyMessageRow
from incidents.adapters.tables import (
    DECIDED_BY_CLIENTS,
    RUNNING,
    WAITING,
    ClockDueRow,
    ContractTermsRow,
    TimelineRow,
    WorkItemRow,
)
from incidents.application.ports import UPHELD
from incidents.application.work_orders import UPDATE
from incidents.domain.service_desk_terms import DEFAULT_SEVERITIES, contract_rank_of
from incidents.domain.work_item import Kind, Status
from shared.pagination import SortColumn

_NEVER = "9999-12-31T00:00:00+00:00"
_LAST = 2_000_000_000

_breach = (
    select(ClockDueRow.item_id, func.min(ClockDueRow.breach_after).label("breach_after"))
    .where(text(RUNNING))
    .group_by(ClockDueRow.item_id)
    .subquery("first_breach")
)
_decided = func.coalesce(WorkItemRow.decided_rank, _LAST)
_breach_order = func.coalesce(_breach.c.breach_after, literal(datetime.fromisoformat(_NEVER)))

# As `ServiceDeskTerms.freezes_between`: local days of the client, first and last included.
_PERIODS = """'$.freezes[*] ? (@."from" <= $last && @."to" >= $first)'::jsonpath"""
_NAMES = """'$.freezes[*] ? (@."from" <= $last && @."to" >= $first).name'::jsonpath"""
# What is no number, `null` for one, counts as not told. JSON's 1.0 is 1.
_CONTRACT_RANK = """'$.priority.rank ? (@.type() == "number")'::jsonpath"""
_SEVERITY_RANK = """'$.severities[*] ? (@.code == $code).rank ? (@.type() == "number")'::jsonpath"""
_NONE: ColumnElement[Any] = literal_column("'[]'::jsonb")


class Queue:
    """What waits at an instant, under the terms in force then: of all contracts, or of one."""

    def __init__(self, now: datetime, contract_id: UUID | None) -> None:
        self._contract_id = contract_id
        row = ContractTermsRow
        waits = select(WorkItemRow.contract_id).where(text(WAITING))
        # As `ContractHistory.in_force`, without whole terms: they are large, and each would be read and unpacked. Of
        # contracts under which something waits: what an ended one says must not disturb the queue.
        versions = (
            select(row.contract_id, row.service_desk, row.time_zone, row.plan_priority)
            .where(row.effective_from <= now, row.contract_id.in_(waits))
            .ext(distinct_on(row.contract_id))
            .order_by(row.contract_id, row.version.desc())
        )
        told = self._of_the_contract(versions, row.contract_id).subquery("in_force").c
        today = _day(told.time_zone, literal(now, DateTime(timezone=True)))
        frozen = func.jsonb_path_exists(told.service_desk, literal_column(_PERIODS), _days(today, today))
        contract_rank = func.coalesce(
            cast(func.jsonb_path_query_first(told.service_desk, literal_column(_CONTRACT_RANK), type_=JSONB), Integer),
            # As `contract_rank_of`; PostgreSQL's greatest passes over nulls, so none may reach it.
            func.greatest(1, contract_rank_of(0) - func.coalesce(told.plan_priority, 0)),
        )
        self._terms = (
            select(
                told.contract_id,
                told.time_zone,
                told.service_desk,
                today.label("today"),
                func.coalesce(frozen, False).label("in_freeze"),
                contract_rank.label("contract_rank"),
            )
            .cte("terms_in_force")
            .prefix_with("MATERIALIZED")  # else days and freezes are computed per item: they are dear
        )
        desk = self._terms.c.service_desk
        # An item whose contract is not known has none of it.
        self._contract_rank = func.coalesce(self._terms.c.contract_rank, contract_rank_of(0))
        self._in_freeze = func.coalesce(self._terms.c.in_freeze, False)
        listed = func.jsonb_path_query_first(
            desk,
            literal_column(_SEVERITY_RANK),
            func.jsonb_build_object("code", WorkItemRow.severity),
            type_=JSONB,
        )
        self._severity_rank = func.coalesce(
            cast(listed, Integer),
            case({known.code: known.rank for known in DEFAULT_SEVERITIES}, value=WorkItemRow.severity, else_=1000),
        )
        window = WorkItemRow.details["estimate"]["window"]
        first, last = (
            _day(self._terms.c.time_zone, cast(window[end].astext, DateTime(timezone=True))) for end in ("from", "to")
        )
        done_on = func.greatest(WorkItemRow.details["planned_on"].astext, self._terms.c.today)
        days = case((WorkItemRow.status == Status.ESTIMATED, _days(first, last)), else_=_days(done_on, done_on))
        self._freezes = func.coalesce(
            func.jsonb_path_query_array(desk, literal_column(_NAMES), days), _NONE, type_=JSONB
        )

    def _of_the_contract(self, statement: Select[Any], contract_id: SQLColumnExpression[UUID]) -> Select[Any]:
        return statement if self._contract_id is None else statement.where(contract_id == self._contract_id)

    def waiting(self) -> Select[Any]:
        """What waits, with what orders it."""
        statement = (
            select(
                WorkItemRow,
                self._contract_rank.label("contract_rank"),
                self._severity_rank.label("severity_rank"),
                self._in_freeze.label("in_freeze"),
                _breach.c.breach_after.label("breach_after"),
            )
            .outerjoin(self._terms, self._terms.c.contract_id == WorkItemRow.contract_id)
            .outerjoin(_breach, _breach.c.item_id == WorkItemRow.id)
            .where(text(WAITING))
        )
        return self._of_the_contract(statement, WorkItemRow.contract_id)

    def decisions(self) -> Select[Any]:
        """What waits for the client's decider, with the freezes that it falls into: changes that he approves or
        accepts, and updates in freezes that he has not approved by name (as `freezes_to_approve`).
        """
        change = and_(WorkItemRow.kind == Kind.CHANGE, WorkItemRow.status.in_([Status.ESTIMATED, Status.DEPLOYED]))
        approved = func.coalesce(WorkItemRow.details["approval"]["approved_freezes"], _NONE)
        update = and_(
            WorkItemRow.kind == Kind.WORK_ORDER,
            WorkItemRow.status == Status.PLANNED,
            WorkItemRow.details["work"].astext == UPDATE,
            not_(self._freezes.contained_by(approved)),
        )
        return (
            self.waiting()
            .add_columns(self._freezes.label("freezes"))
            .where(text(DECIDED_BY_CLIENTS), or_(change, update))
        )

    def order(self) -> Sequence[SortColumn]:
        """By severity, contract, freeze, decision, time to breach; the id makes it whole.

        At equal severity the rank of the contract counts: that is what the contracts say. Of equal ones whoever is in a
        freeze period of his comes first: what is so important that nothing may change then must not be down then
        either.
        """
        frozen_first = case((self._in_freeze, 0), else_=1)
        return (self._severity_rank, self._contract_rank, frozen_first, _decided, _breach_order, WorkItemRow.id)


def _day(time_zone: ColumnElement[Any], at: ColumnElement[datetime]) -> ColumnElement[str]:
    """The day of a client at an instant, or null where the contract is not known."""
    return func.to_char(func.timezone(time_zone, at), "YYYY-MM-DD")


def _days(first: ColumnElement[str], last: ColumnElement[str]) -> ColumnElement[Any]:
    return func.jsonb_build_object("first", first, "last", last)


def contracts() -> Select[Any]:
    """The contracts that have a version here, unordered."""
    return select(ContractTermsRow.contract_id).distinct()


@dataclass(frozen=True)
class Waiting:
    """One item of the backlog, as far as figures need it. `touched_at`: when somebody last did something about it."""

    number: str
    severity: str
    opened_at: datetime
    touched_at: datetime
    assignee_id: str | None
    assignee_name: str | None
    arbitration: bool


async def backlog(session: AsyncSession, contract_ids: Sequence[UUID]) -> dict[UUID, list[Waiting]]:
    """What waits under each of these contracts, oldest first; one without any has an empty list."""
    touched = (
        select(func.max(TimelineRow.recorded_at))
        # What a clock or a monitor says by itself is no work on it.
        .where(TimelineRow.item_id == WorkItemRow.id, TimelineRow.actor_kind != UPHELD.kind)
        .scalar_subquery()
    )
    found: dict[UUID, list[Waiting]] = {contract_id: [] for contract_id in contract_ids}
    statement = (
        select(
            WorkItemRow.contract_id,
            WorkItemRow.number,
            WorkItemRow.severity,
            WorkItemRow.opened_at,
            func.coalesce(touched, WorkItemRow.opened_at),
            WorkItemRow.assignee_id,
            WorkItemRow.assignee_name,
            func.coalesce(WorkItemRow.details["arbitration_required"].astext == "true", False),
        )
        .where(text(WAITING), WorkItemRow.contract_id.in_(contract_ids))
        .order_by(WorkItemRow.opened_at, WorkItemRow.id)
    )
    for contract_id, *told in await session.execute(statement):
        found[contract_id].append(Waiting(*told))
    return found


async def quota_told(session: AsyncSession, contract_ids: Sequence[UUID]) -> dict[UUID, datetime]:
    """When the agency was last told that too much is urgent, for the contracts of which it ever was."""
    told = (
        select(AgencyMessageRow.contract_id, func.max(AgencyMessageRow.created_at))
        .where(AgencyMessageRow.kind == "urgent_quota", AgencyMessageRow.contract_id.in_(contract_ids))
        .group_by(AgencyMessageRow.contract_id)
    )
    return {row[0]: row[1] for row in await session.execute(told) if row[0] is not None}
