"""Lists of the registers: from SQL to what is answered, a fixed number of queries per page."""

from collections import defaultdict
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import InstrumentedAttribute

from contracts.adapters.register_stores import versions_of
from contracts.adapters.register_tables import (
    AdvisoryRow,
    BreachRow,
    CompatibilityRuleRow,
    ConfigurationItemRow,
    ConfigurationVersionRow,
    DeliveryRow,
    ObligationRow,
    RecordRow,
    RegisterEntryRow,
    RegisterVersionRow,
    SupportEndRow,
)
from contracts.adapters.rows import columns
from contracts.application.advice import Advisory
from contracts.application.client_registers import ClientRegister, RegisterEntry, register_of
from contracts.application.configuration import (
    CompatibilityRule,
    ConfigurationItem,
    ConfigurationVersion,
    ItemState,
    SupportEnd,
    item_state,
)
from contracts.application.deliveries import Delivery
from contracts.application.obligation_terms import REGISTERS, register_code
from contracts.application.obligations import Breach, Obligation
from contracts.application.register_records import Record, RegisterVersion
from contracts.domain.obligations import Status
from shared.pagination import Page, Paging, paginate
from shared.unit_of_work import UnitOfWork

A = TypeVar("A", bound=Record)
Filters = dict[InstrumentedAttribute[Any], Any]


async def _page(
    uow: UnitOfWork,
    params: Paging,
    row: type[RecordRow],
    key: InstrumentedAttribute[Any],
    record: type[A],
    where: Filters,
) -> Page[A]:
    """Records in the order in which they were made, those that match every value that is not None."""
    query = select(row).where(*(column == value for column, value in where.items() if value is not None))
    return await paginate(
        uow.session,
        query,
        columns=(row.created_at, key),
        params=params,
        to_item=lambda found: record.model_validate(columns(found)),
    )


async def list_items(
    uow: UnitOfWork, params: Paging, client_id: UUID | None, site_id: UUID | None, kind: str | None
) -> Page[ConfigurationItem]:
    row = ConfigurationItemRow
    where: Filters = {row.client_id: client_id, row.site_id: site_id, row.kind: kind}
    return await _page(uow, params, row, row.configuration_item_id, ConfigurationItem, where)


async def list_versions(uow: UnitOfWork, params: Paging, item_id: UUID) -> Page[ConfigurationVersion]:
    """Everything that was recorded of an item, in the order in which it was."""
    row = ConfigurationVersionRow
    return await paginate(
        uow.session,
        select(row).where(row.configuration_item_id == item_id),
        columns=(row.number, row.configuration_item_id),
        params=params,
        to_item=lambda found: ConfigurationVersion.model_validate(columns(found)),
    )


async def list_states(
    uow: UnitOfWork, params: Paging, client_id: UUID | None, site_id: UUID | None, at: datetime, known_at: datetime
) -> Page[ItemState]:
    """Every item as it was at an instant, by what was known at another."""
    items = await list_items(uow, params, client_id, site_id, None)
    recorded: dict[UUID, list[ConfigurationVersion]] = defaultdict(list)
    for version in await versions_of(uow, [item.configuration_item_id for item in items.data]):
        recorded[version.configuration_item_id].append(version)
    states = [item_state(item, recorded[item.configuration_item_id], at, known_at) for item in items.data]
    return Page(data=states, next_cursor=items.next_cursor)


async def list_rules(uow: UnitOfWork, params: Paging, client_id: UUID | None) -> Page[CompatibilityRule]:
    row = CompatibilityRuleRow
    return await _page(uow, params, row, row.rule_id, CompatibilityRule, {row.client_id: client_id})


async def list_support_ends(
    uow: UnitOfWork, params: Paging, client_id: UUID | None, item_id: UUID | None
) -> Page[SupportEnd]:
    row = SupportEndRow
    where: Filters = {row.client_id: client_id, row.configuration_item_id: item_id}
    return await _page(uow, params, row, row.support_end_id, SupportEnd, where)


async def list_deliveries(
    uow: UnitOfWork, params: Paging, contract_id: UUID | None, item_id: UUID | None, audience: str | None
) -> Page[Delivery]:
    row = DeliveryRow
    where: Filters = {row.contract_id: contract_id, row.configuration_item_id: item_id, row.audience: audience}
    return await _page(uow, params, row, row.delivery_id, Delivery, where)


async def list_obligations(
    uow: UnitOfWork,
    params: Paging,
    contract_id: UUID | None,
    owner: str | None,
    status: str | None,
    work_item_id: UUID | None,
) -> Page[Obligation]:
    row = ObligationRow
    where: Filters = {
        row.contract_id: contract_id,
        row.owner: owner,
        row.status: status,
        row.work_item_id: work_item_id,
    }
    return await _page(uow, params, row, row.obligation_id, Obligation, where)


async def list_breaches(
    uow: UnitOfWork, params: Paging, contract_id: UUID | None, party: str | None, status: str | None
) -> Page[Breach]:
    row = BreachRow
    where: Filters = {row.contract_id: contract_id, row.party: party, row.status: status}
    return await _page(uow, params, row, row.breach_id, Breach, where)


async def list_advisories(
    uow: UnitOfWork, params: Paging, client_id: UUID | None, contract_id: UUID | None, status: str | None
) -> Page[Advisory]:
    row = AdvisoryRow
    where: Filters = {row.client_id: client_id, row.contract_id: contract_id, row.status: status}
    return await _page(uow, params, row, row.advisory_id, Advisory, where)


async def list_entries(
    uow: UnitOfWork, params: Paging, contract_id: UUID | None, kind: str | None
) -> Page[RegisterEntry]:
    row = RegisterEntryRow
    return await _page(uow, params, row, row.entry_id, RegisterEntry, {row.contract_id: contract_id, row.kind: kind})


async def list_client_registers(uow: UnitOfWork, params: Paging, contract_id: UUID | None) -> Page[ClientRegister]:
    """How fresh the registers are whose freshness was agreed, and still is."""
    row = ObligationRow
    kinds = [register_code(register) for register in REGISTERS]
    query = select(row).where(row.kind.in_(kinds), row.status.in_([Status.OPEN.value, Status.BREACHED.value]))
    if contract_id is not None:
        query = query.where(row.contract_id == contract_id)

    return await paginate(
        uow.session,
        query,
        columns=(row.created_at, row.obligation_id),
        params=params,
        to_item=lambda found: register_of(Obligation.model_validate(columns(found)), uow.now),
    )


async def list_history(uow: UnitOfWork, params: Paging, record_id: UUID) -> Page[RegisterVersion]:
    """Every version of a record of any register, first to last."""
    row = RegisterVersionRow
    return await paginate(
        uow.session,
        select(row).where(row.record_id == record_id),
        columns=(row.version, row.record_id),
        params=params,
        to_item=lambda found: RegisterVersion.model_validate(found, from_attributes=True),
    )
