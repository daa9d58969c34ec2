"""The hours of contracts over PostgreSQL. Row-level security decides whose rows are there."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import Date, Integer, cast, func, select
from sqlalchemy.dialects.postgresql import insert

from contracts.adapters.hours_announce import OutboxHoursAnnouncer
from contracts.adapters.hours_tables import (
    ClosedHoursRow,
    GrowthAlertRow,
    HoursAdjustmentRow,
    HoursApprovalRow,
    HoursEntryRow,
    HoursItemRow,
    HoursReviewRow,
    HoursThresholdRow,
    ReactionRow,
    UsageFigureRow,
)
from contracts.adapters.rows import columns
from contracts.adapters.stores import Rows
from contracts.adapters.tables import ClientRow, ContractRow, ContractStateRow
from contracts.application.errors import Unknown
from contracts.application.growth import GrowthAlert, Reaction, UsageFigure
from contracts.application.hours import (
    AgreedOverTime,
    HoursAdjustmentCause,
    HoursApproval,
    HoursEntry,
    HoursMonth,
    ReachedThreshold,
    WorkItem,
)
from contracts.application.hours_ports import HoursStores
from contracts.application.hours_reviews import HoursReview
from contracts.application.hours_terms import agreed_hours
from contracts.domain.billing_periods import begin_of_day
from contracts.domain.contract_hours import Held
from contracts.domain.contract_term import add_months
from contracts.domain.entitlements import HOURS
from contracts.domain.lifecycle import Status
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork


def entry_of(row: HoursEntryRow) -> HoursEntry:
    return HoursEntry.model_validate(columns(row))


def review_of(row: HoursReviewRow) -> HoursReview:
    return HoursReview.model_validate(row.content)


def figure_of(row: UsageFigureRow) -> UsageFigure:
    return UsageFigure.model_validate(columns(row))


class Hours(Rows[HoursEntryRow]):
    row_type, key, noun = HoursEntryRow, "hours_entry_id", "hours entry"

    async def agreed(self, contract_id: UUID) -> AgreedOverTime:
        state = ContractStateRow.state
        rows = await self._session.execute(
            select(
                ContractStateRow.effective_from,
                ContractStateRow.status,
                state["hours"],
                state["client"]["time_zone"].astext,
            )
            .where(ContractStateRow.contract_id == contract_id)
            .order_by(ContractStateRow.effective_from, ContractStateRow.version)
        )
        states = [tuple(row) for row in rows]
        if not states:
            zone = await self._session.scalar(
                select(ClientRow.time_zone)
                .join(ContractRow, ContractRow.client_id == ClientRow.client_id)
                .where(ContractRow.contract_id == contract_id)
            )
            return AgreedOverTime([], {}, ZoneInfo(zone or "UTC"), None)
        held: list[Held] = []
        names: dict[str, dict[str, str]] = {}
        begun: list[datetime] = [state[0] for state in states]
        begun[0] = begin_of_day(begun[0], ZoneInfo(states[0][3]))
        ends: list[datetime | None] = [*begun[1:], None]
        for begins, (_, status, block, _), end in zip(begun, states, ends, strict=True):
            if status == "active" and block is not None and begins != end:
                held.append(Held(begins, end, agreed_hours(block)))
                names |= {line["code"]: line["name"] for line in block["lines"]}
        last_at, last_status, _, zone = states[-1]
        ended_at = last_at if last_status in ("terminated", "expired") else None
        return AgreedOverTime(held, names, ZoneInfo(zone), ended_at)

    async def add_entry(self, entry: HoursEntry) -> None:
        row = HoursEntryRow(tenant_id=self._tenant_id, **entry.model_dump())
        await self._insert(row, "This entry is taken back already.")

    async def entry(self, entry_id: UUID) -> HoursEntry:
        return entry_of(await self._row(entry_id, lock=False))

    async def of_time_entry(self, time_entry_id: UUID) -> HoursEntry | None:
        row = await self._session.scalar(select(HoursEntryRow).where(HoursEntryRow.time_entry_id == time_entry_id))
        return None if row is None else entry_of(row)

    async def entries(self, contract_id: UUID, months: Iterable[date]) -> Sequence[HoursEntry]:
        return await self._entries(contract_id, HoursEntryRow.month.in_(list(months)))

    async def entries_between(self, contract_id: UUID, first: date, last: date) -> Sequence[HoursEntry]:
        return await self._entries(contract_id, HoursEntryRow.month.between(first, last))

    async def _entries(self, contract_id: UUID, of_months: Any) -> list[HoursEntry]:
        rows = await self._session.scalars(
            select(HoursEntryRow)
            .where(HoursEntryRow.contract_id == contract_id, of_months)
            .order_by(HoursEntryRow.recorded_at, HoursEntryRow.hours_entry_id)
        )
        return [entry_of(row) for row in rows]

    async def months_of_item(self, contract_id: UUID, work_item_id: UUID) -> Sequence[date]:
        rows = await self._session.scalars(
            select(HoursEntryRow.month)
            .where(HoursEntryRow.contract_id == contract_id, HoursEntryRow.work_item_id == work_item_id)
            .distinct()
        )
        return sorted(rows)

    async def items(self, work_item_ids: Iterable[UUID]) -> Sequence[WorkItem]:
        rows = await self._session.scalars(
            select(HoursItemRow)
            .where(HoursItemRow.work_item_id.in_(list(work_item_ids)))
            .execution_options(populate_existing=True)
        )
        return [WorkItem.model_validate(columns(row)) for row in rows]

    async def put_item(self, item: WorkItem) -> bool:
        values = item.model_dump()
        statement = insert(HoursItemRow).values(tenant_id=self._tenant_id, **values)
        kept = await self._session.scalar(
            statement.on_conflict_do_update(
                index_elements=["work_item_id"],
                set_={name: values[name] for name in ("verdict", "item_version", "changed_at")},
                where=HoursItemRow.item_version < item.item_version,
            ).returning(HoursItemRow.work_item_id)
        )
        return kept is not None

    async def add_approval(self, approval: HoursApproval) -> None:
        row = HoursApprovalRow(tenant_id=self._tenant_id, **approval.model_dump())
        await self._insert(row, "This item is approved already.")

    async def approved(self, contract_id: UUID, work_item_ids: Iterable[UUID]) -> set[UUID]:
        rows = await self._session.scalars(
            select(HoursApprovalRow.work_item_id).where(
                HoursApprovalRow.contract_id == contract_id, HoursApprovalRow.work_item_id.in_(list(work_item_ids))
            )
        )
        return set(rows)

    async def last_closed(self, contract_id: UUID) -> HoursMonth | None:
        row = await self._session.scalar(
            select(ClosedHoursRow)
            .where(ClosedHoursRow.contract_id == contract_id)
            .order_by(ClosedHoursRow.month.desc())
            .limit(1)
        )
        return None if row is None else HoursMonth.model_validate(row.figures)

    async def closed(self, contract_id: UUID, month: date) -> HoursMonth | None:
        row = await self._session.get(ClosedHoursRow, (contract_id, month))
        return None if row is None else HoursMonth.model_validate(row.figures)

    async def closed_since(self, contract_id: UUID, month: date) -> Sequence[HoursMonth]:
        rows = await self._session.scalars(
            select(ClosedHoursRow)
            .where(ClosedHoursRow.contract_id == contract_id, ClosedHoursRow.month >= month)
            .order_by(ClosedHoursRow.month)
        )
        return [HoursMonth.model_validate(row.figures) for row in rows]

    async def add_closed(self, month: HoursMonth) -> None:
        row = ClosedHoursRow(
            contract_id=month.contract_id,
            month=month.month,
            tenant_id=self._tenant_id,
            client_id=month.client_id,
            figures=month.model_dump(mode="json"),
            closed_at=month.closed_at,
            closed_by=self._uow.actor.name,
        )
        await self._insert(row, "")

    async def add_cause(self, contract: tuple[UUID, UUID], cause: HoursAdjustmentCause) -> None:
        contract_id, client_id = contract
        row = HoursAdjustmentRow(
            tenant_id=self._tenant_id, contract_id=contract_id, client_id=client_id, **cause.model_dump()
        )
        await self._insert(row, "")

    async def causes(self, contract_id: UUID, in_month: date) -> Sequence[HoursAdjustmentCause]:
        rows = await self._session.scalars(
            select(HoursAdjustmentRow)
            .where(HoursAdjustmentRow.contract_id == contract_id, HoursAdjustmentRow.in_month == in_month)
            .order_by(HoursAdjustmentRow.recorded_at, HoursAdjustmentRow.adjustment_id)
        )
        return [HoursAdjustmentCause.model_validate(columns(row)) for row in rows]

    async def thresholds(self, contract_id: UUID, months: Iterable[date]) -> Sequence[ReachedThreshold]:
        rows = await self._session.scalars(
            select(HoursThresholdRow)
            .where(HoursThresholdRow.contract_id == contract_id, HoursThresholdRow.month.in_(list(months)))
            .order_by(HoursThresholdRow.month, HoursThresholdRow.line, HoursThresholdRow.percent)
        )
        return [ReachedThreshold.model_validate({**columns(row), "line": row.line or None}) for row in rows]

    async def reach(self, threshold: ReachedThreshold) -> bool:
        values = threshold.model_dump() | {"line": threshold.line or ""}
        kept = await self._session.scalar(
            insert(HoursThresholdRow)
            .values(tenant_id=self._tenant_id, **values)
            .on_conflict_do_nothing(index_elements=["contract_id", "month", "line", "percent"])
            .returning(HoursThresholdRow.threshold_id)
        )
        return kept is not None


class Reviews(Rows[HoursReviewRow]):
    row_type, key, noun = HoursReviewRow, "review_id", "review of hours"

    async def of_year(self, contract_id: UUID, year_number: int) -> HoursReview:
        row = await self._of_year(contract_id, year_number)
        if row is None:
            raise Unknown("review of this contract for its year", str(year_number))
        return review_of(row)

    async def is_reviewed(self, contract_id: UUID, year_number: int) -> bool:
        return await self._of_year(contract_id, year_number) is not None

    async def _of_year(self, contract_id: UUID, year_number: int) -> HoursReviewRow | None:
        query = select(HoursReviewRow).where(
            HoursReviewRow.contract_id == contract_id, HoursReviewRow.year_number == year_number
        )
        return await self._session.scalar(query.execution_options(populate_existing=True))

    async def add(self, item: HoursReview) -> None:
        await self._insert(HoursReviewRow(tenant_id=self._tenant_id, **self._values(item)), "")

    async def save(self, item: HoursReview) -> None:
        await self._update(item.review_id, self._values(item))

    @staticmethod
    def _values(item: HoursReview) -> dict[str, Any]:
        named = {
            "review_id",
            "contract_id",
            "client_id",
            "version",
            "year_number",
            "status",
            "created_at",
            "updated_at",
        }
        return {**item.model_dump(include=named), "content": item.model_dump(mode="json")}


class GrowthFigures(Rows[UsageFigureRow]):
    row_type, key, noun = UsageFigureRow, "site_id", "figure of use"

    async def add_figure(self, figure: UsageFigure) -> UsageFigure:
        row = UsageFigureRow
        newest = await self._session.scalar(
            select(func.max(row.number)).where(row.site_id == figure.site_id, row.month == figure.month)
        )
        numbered = figure.model_copy(update={"number": (newest or 0) + 1})
        await self._insert(UsageFigureRow(tenant_id=self._tenant_id, **numbered.model_dump()), "")
        return numbered

    async def figures(self, site_ids: Sequence[UUID], first: date, last: date) -> Sequence[UsageFigure]:
        row = UsageFigureRow
        rows = await self._session.scalars(
            select(row).where(row.site_id.in_(site_ids), row.month.between(first, last)).order_by(row.number)
        )
        newest = {(found.site_id, found.month): found for found in rows}
        return [figure_of(found) for found in newest.values()]

    async def put_reaction(self, reaction: Reaction) -> None:
        values = reaction.model_dump()
        await self._session.execute(
            insert(ReactionRow)
            .values(tenant_id=self._tenant_id, **values)
            .on_conflict_do_update(
                index_elements=["clock_id"],
                set_={name: values[name] for name in ("clock_version", "at", "month", "elapsed_seconds")},
                where=ReactionRow.clock_version < reaction.clock_version,
            )
        )

    async def reactions(self, contract_id: UUID, first: date, last: date) -> dict[date, tuple[int, int]]:
        rows = await self._session.execute(
            select(ReactionRow.month, func.count(), func.sum(ReactionRow.elapsed_seconds))
            .where(ReactionRow.contract_id == contract_id, ReactionRow.month.between(first, last))
            .group_by(ReactionRow.month)
        )
        return {month: (count, int(seconds)) for month, count, seconds in rows}

    async def alerts(self, contract_id: UUID) -> Sequence[GrowthAlert]:
        rows = await self._session.scalars(
            select(GrowthAlertRow)
            .where(GrowthAlertRow.contract_id == contract_id)
            .order_by(GrowthAlertRow.month.desc())
            .limit(1000)
        )
        return [GrowthAlert.model_validate(row.content) for row in rows]

    async def raise_alert(self, alert: GrowthAlert) -> bool:
        kept = await self._session.scalar(
            insert(GrowthAlertRow)
            .values(
                alert_id=alert.alert_id,
                tenant_id=self._tenant_id,
                client_id=alert.client_id,
                contract_id=alert.contract_id,
                month=alert.month,
                content=alert.model_dump(mode="json"),
                raised_at=alert.raised_at,
            )
            .on_conflict_do_nothing(index_elements=["contract_id", "month"])
            .returning(GrowthAlertRow.alert_id)
        )
        return kept is not None


def hours_stores(uow: UnitOfWork) -> HoursStores:
    """The stores over one unit of work of a tenant."""
    return HoursStores(
        book=Hours(uow), reviews=Reviews(uow), growth=GrowthFigures(uow), announcer=OutboxHoursAnnouncer(uow)
    )


# --- lists -----------------------------------------------------------------------------------------------------------


async def list_entries(uow: UnitOfWork, params: Paging, contract_id: UUID, month: date | None) -> Page[HoursEntry]:
    """What was told of a contract's hours, of one month or of all, the newest first."""
    query = select(HoursEntryRow).where(HoursEntryRow.contract_id == contract_id)
    if month is not None:
        query = query.where(HoursEntryRow.month == month)
    return await paginate(
        uow.session,
        query,
        columns=(HoursEntryRow.recorded_at, HoursEntryRow.hours_entry_id),
        params=params,
        to_item=entry_of,
        descending=True,
    )


async def list_reviews(uow: UnitOfWork, params: Paging, contract_id: UUID | None) -> Page[HoursReview]:
    """Annual reviews of one contract or of all, the newest first."""
    query = select(HoursReviewRow)
    if contract_id is not None:
        query = query.where(HoursReviewRow.contract_id == contract_id)
    return await paginate(
        uow.session,
        query,
        columns=(HoursReviewRow.created_at, HoursReviewRow.review_id),
        params=params,
        to_item=review_of,
        descending=True,
    )


async def list_figures(uow: UnitOfWork, params: Paging, site_id: UUID | None) -> Page[UsageFigure]:
    """Figures of use of one site or of all, those that were replaced too."""
    row = UsageFigureRow
    query = select(row)
    if site_id is not None:
        query = query.where(row.site_id == site_id)
    return await paginate(
        uow.session, query, columns=(row.recorded_at, row.site_id, row.month, row.number), params=params,
        to_item=figure_of,
    )  # fmt: skip


# --- due -------------------------------------------------------------------------------------------------------------


async def due_for_review(uow: UnitOfWork, after: UUID, limit: int) -> list[tuple[UUID, UUID, int]]:
    """(tenant, contract, year) of contracts with hours whose last full year is not reviewed; by UTC, so a day early.

    Needs a unit of work for every tenant.
    """
    starts_on = func.to_date(ContractRow.terms["starts_on"].astext, "YYYY-MM-DD")
    tomorrow = cast(uow.now + timedelta(days=1), Date)
    years = cast(func.date_part("year", func.age(tomorrow, starts_on)), Integer)
    reviewed = select(HoursReviewRow.review_id).where(
        HoursReviewRow.contract_id == ContractRow.contract_id, HoursReviewRow.year_number == years
    )
    rows = await uow.session.execute(
        select(ContractRow.tenant_id, ContractRow.contract_id, years)
        .where(
            ContractRow.contract_id > after,
            ContractRow.status.in_([Status.ACTIVE.value, Status.SUSPENDED.value]),
            ContractRow.deliverables.contains([{"type": HOURS}]),
            years >= 1,
            ~reviewed.exists(),
        )
        .order_by(ContractRow.contract_id)
        .limit(limit)
    )
    return [(tenant_id, contract_id, year) for tenant_id, contract_id, year in rows]


async def due_for_watch(uow: UnitOfWork, after: UUID, limit: int) -> list[tuple[UUID, UUID]]:
    """(tenant, contract) of contracts in force with reactions last month; needs a unit of work for every tenant."""
    last_month = add_months(uow.now.date().replace(day=1), -1)
    reacted = select(ReactionRow.clock_id).where(
        ReactionRow.contract_id == ContractRow.contract_id, ReactionRow.month == last_month
    )
    alerted = select(GrowthAlertRow.alert_id).where(
        GrowthAlertRow.contract_id == ContractRow.contract_id, GrowthAlertRow.month == last_month
    )
    rows = await uow.session.execute(
        select(ContractRow.tenant_id, ContractRow.contract_id)
        .where(
            ContractRow.contract_id > after,
            ContractRow.status == Status.ACTIVE.value,
            reacted.exists(),
            ~alerted.exists(),
        )
        .order_by(ContractRow.contract_id)
        .limit(limit)
    )
    return [(tenant_id, contract_id) for tenant_id, contract_id in rows]
