"""Settling over PostgreSQL. Row-level security decides whose rows are there."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import func, literal_column, select, text, update
from sqlalchemy.dialects.postgresql import insert

from contracts.adapters.register_tables import AdvisoryRow, BreachRow
from contracts.adapters.rows import columns
from contracts.adapters.settlement_tables import (
    RemedyTableRow,
    SettlementClaimRow,
    SettlementRow,
    SettlementScheduleRow,
    SettlementVersionRow,
    TerminationRightRow,
)
from contracts.adapters.stores import Rows, locking
from contracts.application.advice import Advisory
from contracts.application.claims import SettlementClaim
from contracts.application.errors import Unknown
from contracts.application.obligations import Breach
from contracts.application.settlement_ports import SettlementStores
from contracts.application.settlement_schedule import SettlementSchedule
from contracts.application.settlement_terms import RemedyTable
from contracts.application.settling import (
    ClosedSettlement,
    ClosedSummary,
    SettlementRecord,
    SettlementStatus,
    SettlementSummary,
)
from contracts.application.termination_rights import TerminationRight
from contracts.domain.termination_right import Verdict, as_one
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork

_LOCK = 7_302_106
"""First half of the key of the advisory locks of settling; the second is of the contract."""
_TICKETS = """'$.lines[*] ? (@.kind == "ticket").why.ticket'"""
"""Where the content of a settlement names the tickets that it charges."""


def record_of(row: SettlementRow) -> SettlementRecord:
    return SettlementRecord.model_validate(columns(row))


def closed_of(row: SettlementVersionRow) -> ClosedSettlement:
    return ClosedSettlement.model_validate(columns(row))


def claim_of(row: SettlementClaimRow) -> SettlementClaim:
    return SettlementClaim.model_validate(columns(row))


def right_of(row: TerminationRightRow) -> TerminationRight:
    return TerminationRight.model_validate(columns(row))


def _verdict(commitment: Mapping[str, Any], zone: str) -> Verdict:
    missed = None if commitment["met"] is None else not commitment["met"]
    provider_percent = commitment["why"].get("provider_percent")
    if provider_percent is not None and not Decimal(provider_percent):
        missed = None  # others answer for all of it
    return Verdict(
        id=commitment["commitment_id"],
        on=datetime.fromisoformat(commitment["at"]).astimezone(ZoneInfo(zone)).date(),
        missed=missed,
    )


def table_of(row: RemedyTableRow) -> RemedyTable:
    return RemedyTable.model_validate(columns(row))


class Settlements(Rows[SettlementRow]):
    row_type, key, noun = SettlementRow, "settlement_id", "settlement"

    async def get(self, wanted: UUID) -> SettlementRecord:
        return record_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> SettlementRecord:
        return record_of(await self._row(wanted, lock=True))

    async def add(self, item: SettlementRecord) -> None:
        await self._insert(SettlementRow(tenant_id=self._tenant_id, **self._values(item)), "")

    async def save(self, item: SettlementRecord) -> None:
        await self._update(item.settlement_id, self._values(item))

    async def of_period(self, contract_id: UUID, first: date) -> SettlementRecord | None:
        row = await self._session.scalar(
            locking(
                select(SettlementRow).where(SettlementRow.contract_id == contract_id, SettlementRow.first_day == first)
            )
        )
        return None if row is None else record_of(row)

    async def close(self, closed: ClosedSettlement) -> None:
        await self._session.execute(
            insert(SettlementVersionRow).values(
                tenant_id=self._tenant_id,
                **closed.model_dump(),
                commitments=json.loads(closed.text)["commitments"],
            )
        )

    async def closed(self, settlement_id: UUID, number: int) -> ClosedSettlement:
        return await closed_version(self._uow, settlement_id, number)

    async def hold(self, contract_id: UUID) -> None:
        half = int.from_bytes(contract_id.bytes[-4:], "big", signed=True)
        await self._session.execute(
            text("select pg_advisory_xact_lock(:first, :second)"), {"first": _LOCK, "second": half}
        )

    @staticmethod
    def _values(item: SettlementRecord) -> dict[str, Any]:
        content = item.model_dump(mode="json", include={"content", "adjustments"})
        return {**item.model_dump(exclude={"content", "adjustments"}), **content}


class Schedules(Rows[SettlementScheduleRow]):
    row_type, key, noun = SettlementScheduleRow, "contract_id", "schedule of settlements"

    async def put(self, schedule: SettlementSchedule) -> None:
        values = schedule.model_dump()
        await self._session.execute(
            insert(SettlementScheduleRow)
            .values(tenant_id=self._tenant_id, **values)
            .on_conflict_do_update(
                index_elements=["contract_id"], set_={name: values[name] for name in ("next_period", "due_at")}
            )
        )

    async def look_again(self, contract_id: UUID, at: datetime) -> None:
        row = SettlementScheduleRow
        await self._session.execute(
            update(row).where(row.contract_id == contract_id, row.due_at.is_(None)).values(due_at=at)
        )


class Claims(Rows[SettlementClaimRow]):
    row_type, key, noun = SettlementClaimRow, "claim_id", "claim"

    async def get(self, wanted: UUID) -> SettlementClaim:
        return claim_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> SettlementClaim:
        return claim_of(await self._row(wanted, lock=True))

    async def add(self, item: SettlementClaim) -> None:
        await self._insert(SettlementClaimRow(tenant_id=self._tenant_id, **item.model_dump()), "")

    async def save(self, item: SettlementClaim) -> None:
        await self._update(item.claim_id, item.model_dump())


class TerminationRights(Rows[TerminationRightRow]):
    row_type, key, noun = TerminationRightRow, "termination_right_id", "right to terminate"

    async def get(self, wanted: UUID) -> TerminationRight:
        return right_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> TerminationRight:
        return right_of(await self._row(wanted, lock=True))

    async def add(self, item: TerminationRight) -> None:
        await self._insert(TerminationRightRow(tenant_id=self._tenant_id, **item.model_dump()), "")

    async def save(self, item: TerminationRight) -> None:
        await self._update(item.termination_right_id, item.model_dump())

    async def of_contract(self, contract_id: UUID) -> Sequence[TerminationRight]:
        rows = await self._session.scalars(
            select(TerminationRightRow)
            .where(TerminationRightRow.contract_id == contract_id)
            .order_by(TerminationRightRow.opened_on, TerminationRightRow.termination_right_id)
        )
        return [right_of(row) for row in rows]


class RemedyTables(Rows[RemedyTableRow]):
    row_type, key, noun = RemedyTableRow, "remedy_table_id", "table of credits and penalties"

    async def get(self, wanted: UUID) -> RemedyTable:
        return table_of(await self._row(wanted, lock=False))

    async def locked(self, wanted: UUID) -> RemedyTable:
        return table_of(await self._row(wanted, lock=True))

    async def by_code(self, code: str) -> RemedyTable | None:
        row = await self._session.scalar(select(RemedyTableRow).where(RemedyTableRow.table_code == code))
        return None if row is None else table_of(row)

    async def add(self, item: RemedyTable) -> None:
        taken = f"There is a table {item.table_code} already. Change it, or choose another code."
        await self._insert(RemedyTableRow(tenant_id=self._tenant_id, **self._values(item)), taken)

    async def save(self, item: RemedyTable) -> None:
        await self._update(item.remedy_table_id, self._values(item))

    @staticmethod
    def _values(item: RemedyTable) -> dict[str, Any]:
        content = item.model_dump(mode="json", include={"title", "tiers", "targets", "late"})
        return {**item.model_dump(exclude=set(content)), **content}


class SettlementFacts:
    """What the registers hold of a contract and a time."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._session = uow.session

    async def decided_breaches(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[Breach]:
        rows = await self._session.scalars(
            select(BreachRow)
            .where(
                BreachRow.contract_id == contract_id,
                BreachRow.since >= start,
                BreachRow.since < end,
                BreachRow.decision.is_not(None),
                BreachRow.status != "withdrawn",
            )
            .order_by(BreachRow.since, BreachRow.breach_id)
        )
        return [Breach.model_validate(columns(row)) for row in rows]

    async def late_deliveries(self, contract_id: UUID, before: datetime) -> Sequence[Breach]:
        rows = await self._session.scalars(
            select(BreachRow)
            .where(
                BreachRow.contract_id == contract_id,
                BreachRow.party == "provider",
                BreachRow.status == "ended",
                BreachRow.ended_at < before,
                BreachRow.worth.is_not(None),
            )
            .order_by(BreachRow.ended_at, BreachRow.breach_id)
        )
        return [Breach.model_validate(columns(row)) for row in rows]

    async def refused_advice(self, contract_id: UUID, start: datetime, end: datetime) -> Sequence[Advisory]:
        rows = await self._session.scalars(
            select(AdvisoryRow)
            .where(
                AdvisoryRow.contract_id == contract_id,
                AdvisoryRow.status == "refused",
                AdvisoryRow.answered_at >= start,
                AdvisoryRow.answered_at < end,
            )
            .order_by(AdvisoryRow.answered_at, AdvisoryRow.advisory_id)
        )
        return [Advisory.model_validate(columns(row)) for row in rows]

    async def tickets_charged_before(self, contract_id: UUID, first_day: date) -> set[str]:
        charged = func.jsonb_path_query(SettlementRow.content, literal_column(_TICKETS))
        rows = await self._session.scalars(
            select(charged).where(
                SettlementRow.contract_id == contract_id,
                SettlementRow.first_day < first_day,
                SettlementRow.closed_number.is_not(None),
            )
        )
        return set(rows)

    async def verdicts(self, contract_id: UUID, kind: str) -> Sequence[Verdict]:
        newest = (
            select(SettlementVersionRow.settlement_id, func.max(SettlementVersionRow.number).label("number"))
            .where(SettlementVersionRow.contract_id == contract_id)
            .group_by(SettlementVersionRow.settlement_id)
            .subquery()
        )
        rows = await self._session.execute(
            select(SettlementVersionRow.commitments, SettlementRow.content["period"]["time_zone"].astext)
            .order_by(SettlementRow.first_day)
            .join(
                newest,
                (newest.c.settlement_id == SettlementVersionRow.settlement_id)
                & (newest.c.number == SettlementVersionRow.number),
            )
            .join(SettlementRow, SettlementRow.settlement_id == SettlementVersionRow.settlement_id)
        )
        found: list[Verdict] = []
        for commitments, zone in rows:
            of_period = [_verdict(each, zone) for each in commitments if each["kind"] == kind and each["counted"]]
            found += of_period if kind != "uptime" or not of_period else [as_one(of_period)]
        return found


def settlement_stores(uow: UnitOfWork) -> SettlementStores:
    """The stores over one unit of work of a tenant."""
    return SettlementStores(
        settlements=Settlements(uow),
        schedules=Schedules(uow),
        claims=Claims(uow),
        rights=TerminationRights(uow),
        tables=RemedyTables(uow),
        facts=SettlementFacts(uow),
    )


# --- lists -----------------------------------------------------------------------------------------------------------


async def closed_version(uow: UnitOfWork, settlement_id: UUID, number: int) -> ClosedSettlement:
    """A closed version of a settlement. Raises Unknown."""
    row = await uow.session.get(SettlementVersionRow, (settlement_id, number))
    if row is None:
        raise Unknown("closed version of this settlement", str(number))
    return closed_of(row)


async def list_settlements(
    uow: UnitOfWork,
    params: Paging,
    contract_id: UUID | None,
    status: SettlementStatus | None,
    *,
    closed_only: bool,
) -> Page[SettlementSummary]:
    """Settlements in the order in which they were drafted; for a client those that were closed once."""
    query = select(SettlementRow)
    if contract_id is not None:
        query = query.where(SettlementRow.contract_id == contract_id)
    if status is not None:
        query = query.where(SettlementRow.status == status)
    if closed_only:
        query = query.where(SettlementRow.closed_number.is_not(None))
    return await paginate(
        uow.session,
        query,
        columns=(SettlementRow.created_at, SettlementRow.settlement_id),
        params=params,
        to_item=lambda row: SettlementSummary.model_validate(columns(row)),
    )


async def list_versions(uow: UnitOfWork, params: Paging, settlement_id: UUID) -> Page[ClosedSummary]:
    """Closed versions of a settlement, the first one first."""
    return await paginate(
        uow.session,
        select(SettlementVersionRow).where(SettlementVersionRow.settlement_id == settlement_id),
        columns=(SettlementVersionRow.number, SettlementVersionRow.settlement_id),
        params=params,
        to_item=lambda row: ClosedSummary.model_validate(columns(row)),
    )


async def list_claims(
    uow: UnitOfWork, params: Paging, contract_id: UUID | None, settlement_id: UUID | None
) -> Page[SettlementClaim]:
    """Claims in the order in which they were made."""
    query = select(SettlementClaimRow)
    if contract_id is not None:
        query = query.where(SettlementClaimRow.contract_id == contract_id)
    if settlement_id is not None:
        query = query.where(SettlementClaimRow.settlement_id == settlement_id)
    return await paginate(
        uow.session,
        query,
        columns=(SettlementClaimRow.created_at, SettlementClaimRow.claim_id),
        params=params,
        to_item=claim_of,
    )


async def list_rights(
    uow: UnitOfWork, params: Paging, contract_id: UUID | None, usable_on: date | None
) -> Page[TerminationRight]:
    """Rights to terminate in the order in which they were found; with a day, those that can be used on it."""
    query = select(TerminationRightRow)
    if contract_id is not None:
        query = query.where(TerminationRightRow.contract_id == contract_id)
    if usable_on is not None:
        query = query.where(
            TerminationRightRow.opened_on <= usable_on,
            TerminationRightRow.lapses_on > usable_on,
            TerminationRightRow.exercised_at.is_(None),
        )
    return await paginate(
        uow.session,
        query,
        columns=(TerminationRightRow.created_at, TerminationRightRow.termination_right_id),
        params=params,
        to_item=right_of,
    )


async def list_tables(uow: UnitOfWork, params: Paging) -> Page[RemedyTable]:
    """The agency's tables, in the order in which they were added."""
    return await paginate(
        uow.session,
        select(RemedyTableRow),
        columns=(RemedyTableRow.created_at, RemedyTableRow.remedy_table_id),
        params=params,
        to_item=table_of,
    )
