"""What margins and lead times are computed from: the agency's rates, closed settlements, worked time, ends of items."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import distinct_on, insert

from reporting.adapters.cost_tables import CostRates
from reporting.adapters.history import DATA
from reporting.adapters.report_tables import ToldFactRow
from reporting.adapters.tables import Event
from reporting.adapters.told_facts import A_DAY, noon
from reporting.application import told
from reporting.application.margins import EndedItem, ItemKind, Rates, Revenue
from reporting.domain.margins import Worked
from shared.unit_of_work import UnitOfWork
from shared.values import parse_instant

ENDS: Final[Mapping[str, tuple[ItemKind, str]]] = {
    "incidents.incident.resolved.v1": ("incident", "resolved"),
    "incidents.request.resolved.v1": ("request", "resolved"),
    "incidents.change.deployed.v1": ("change", "deployed"),
    "incidents.work_order.completed.v1": ("work_order", "completed"),
}
"""The events that bring an item to its end: its kind, and the timestamp of it."""


async def rates_row(uow: UnitOfWork) -> CostRates | None:
    """What the agency has said of its costs; None while that is nothing."""
    return await uow.session.get(CostRates, uow.tenant_id)


async def locked_rates(uow: UnitOfWork) -> CostRates:
    """What the agency has said of its costs, for whoever writes it: one at a time, also the first time. Version 0 while
    that is nothing.
    """
    first: dict[str, Any] = {"tenant_id": uow.tenant_id, "version": 0, "content": [], "changed_at": uow.now}
    await uow.session.execute(insert(CostRates).values(first).on_conflict_do_nothing())
    return await uow.session.get_one(CostRates, uow.tenant_id, with_for_update=True)


async def rates_of(uow: UnitOfWork) -> Rates:
    """The agency's rates."""
    row = await rates_row(uow)
    return Rates(rates=[]) if row is None else Rates.model_validate({"rates": row.content})


def keep_rates(uow: UnitOfWork, row: CostRates, rates: Rates) -> None:
    """The next version of the rates in their locked row."""
    row.version += 1
    row.content = rates.model_dump(mode="json")["rates"]
    row.changed_at = uow.now


async def worked_in(
    uow: UnitOfWork, contract_ids: Sequence[UUID], first: date, last: date
) -> Mapping[UUID, Sequence[Worked]]:
    """Who worked how long under each contract on these days. Who it was, only the event says."""
    row = ToldFactRow
    found = await uow.session.execute(
        select(
            row.contract_id,
            row.content,
            DATA["person_id"].astext.label("person_id"),
            DATA["person_name"].astext.label("person_name"),
        )
        .join(Event, Event.event_id == row.event_id)
        .where(
            row.kind == "time_entry",
            row.contract_id.in_(contract_ids),
            row.starts_at >= noon(first) - A_DAY,
            row.starts_at <= noon(last) + A_DAY,
        )
    )
    worked: dict[UUID, list[Worked]] = defaultdict(list)
    for contract_id, content, person_id, person_name in found:
        entry = told.TimeEntry.model_validate(content)
        if contract_id is not None and first <= entry.worked_on <= last:
            who = None if person_id is None else UUID(person_id)
            worked[contract_id].append(Worked(who, person_name or "", entry.worked_on, entry.real_minutes))
    return worked


async def settled_in(
    uow: UnitOfWork, contract_ids: Sequence[UUID], start: datetime, end: datetime
) -> Mapping[UUID, Sequence[Revenue]]:
    """The newest closed settlements whose periods end in `(start, end]`."""
    row = ToldFactRow
    found = await uow.session.scalars(
        select(row).where(
            row.kind == "settlement", row.contract_id.in_(contract_ids), row.ends_at > start, row.ends_at <= end
        )
    )
    settled: dict[UUID, list[Revenue]] = defaultdict(list)
    for each in found:
        if each.content and each.contract_id is not None:
            closed = told.Settlement.model_validate(each.content)
            content = closed.settlement
            settled[each.contract_id].append(
                Revenue(
                    settlement_id=closed.settlement_id,
                    starts_at=content.period.starts_at,
                    ends_at=content.period.ends_at,
                    number=closed.number,
                    currency=content.currency,
                    net=Decimal(content.totals.net),
                )
            )
    return settled


async def ended_items(uow: UnitOfWork, client_id: UUID, contract_id: UUID) -> Sequence[EndedItem]:
    """What was brought to its end under a contract, each by the first event that says so."""
    rows = await uow.session.execute(
        select(
            Event.aggregate_id,
            Event.name,
            DATA["number"].astext.label("number"),
            DATA["timestamps"].label("timestamps"),
        )
        .where(
            Event.client_id == client_id,
            Event.name.in_(ENDS),
            DATA["contract_id"].astext == str(contract_id),
        )
        .ext(distinct_on(Event.aggregate_id))
        .order_by(Event.aggregate_id, Event.aggregate_version)
    )
    found = []
    for item_id, name, number, stamps in rows:
        kind, end = ENDS[name]
        opened, ended = stamps.get("opened"), stamps.get(end)
        if opened is None or ended is None:
            continue
        found.append(
            EndedItem(UUID(item_id), kind, number or "", parse_instant(opened["at"]), parse_instant(ended["at"]))
        )
    return found
