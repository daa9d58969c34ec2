"""Writing down what was heard. Every statement gives the same rows whatever the order and number of deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, inspect, select, text, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import DeclarativeBase

from reporting.adapters.measured_months import expect_months, measure_again
from reporting.adapters.tables import (
    Client,
    ClockRow,
    Contract,
    ContractVersion,
    Event,
    Incident,
    Monitor,
    Site,
    TransitionRow,
    VouchedRow,
)
from reporting.application.facts import ContractState, IncidentState
from reporting.domain.state_line import Silence, State
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


async def _once(uow: UnitOfWork, table: type[DeclarativeBase], row: Mapping[str, Any]) -> bool:
    """Writes a fact unless it is there. True when it is new."""
    statement = insert(table).values(row).on_conflict_do_nothing().returning(text("1"))
    return (await uow.session.execute(statement)).first() is not None


async def _newest(uow: UnitOfWork, table: type[DeclarativeBase], row: Mapping[str, Any]) -> None:
    """Writes a state unless a newer version is there."""
    columns = table.__table__.c
    statement = insert(table).values(row)
    key = [column.name for column in inspect(table).primary_key]
    changes = {name: statement.excluded[name] for name in row if name not in key}
    await uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=key, set_=changes, where=columns.version < statement.excluded.version
        )
    )


async def remember_event(uow: UnitOfWork, event: ReceivedEvent[dict[str, Any]], name: str) -> bool:
    """Keeps the bytes of an event. True when it was not known."""
    client = event.data.get("client_id")
    if client is None and isinstance(event.data.get("client"), dict):
        client = event.data["client"].get("client_id")
    return await _once(
        uow,
        Event,
        {
            "event_id": event.id,
            "tenant_id": event.tenant_id,
            "client_id": _uuid(client),
            "name": name,
            "aggregate_id": event.envelope.subject.partition("/")[2],
            "aggregate_version": event.aggregate_version,
            "occurred_at": event.time,
            "payload": event.payload,
        },
    )


def _uuid(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None


async def remember_contract(uow: UnitOfWork, event: ReceivedEvent[ContractState]) -> None:
    """Keeps a version of a contract, and the newest state of it."""
    state = event.data
    stored = state.model_dump(mode="json")
    mine = {
        "contract_id": state.contract_id,
        "tenant_id": event.tenant_id,
        "client_id": state.client.client_id,
        "version": event.aggregate_version,
        "status": state.status,
        "state": stored,
    }
    new = await _once(uow, ContractVersion, {**mine, "effective_from": state.effective_from, "event_id": event.id})
    if not new:
        return
    await expect_months(uow, event.tenant_id, state)
    slug = state.status_page.slug if state.status_page is not None else None
    await _newest(uow, Contract, {**mine, "number": state.number, "slug": slug})
    began = (
        select(func.min(ContractVersion.effective_from))
        .where(ContractVersion.contract_id == state.contract_id, ContractVersion.status == "active")
        .scalar_subquery()
    )
    await uow.session.execute(update(Contract).where(Contract.contract_id == state.contract_id).values(began_at=began))


async def remember_client(uow: UnitOfWork, event: ReceivedEvent[Any], client_id: UUID, name: str) -> None:
    """Keeps the newest name of a client."""
    await _newest(
        uow,
        Client,
        {"client_id": client_id, "tenant_id": event.tenant_id, "version": event.aggregate_version, "name": name},
    )


async def remember_site(
    uow: UnitOfWork,
    event: ReceivedEvent[Any],
    *,
    site_id: UUID,
    client_id: UUID,
    name: str,
    environment_names: Mapping[str, str],
) -> None:
    """Keeps the newest names of a site and its environments."""
    await _newest(
        uow,
        Site,
        {
            "site_id": site_id,
            "tenant_id": event.tenant_id,
            "client_id": client_id,
            "version": event.aggregate_version,
            "name": name,
            "environment_names": dict(environment_names),
        },
    )


async def remember_transition(
    uow: UnitOfWork,
    event: ReceivedEvent[Any],
    *,
    monitor: Mapping[str, Any],
    entered: State,
    at: datetime,
    ended: State | None = None,
    ended_since: datetime | None = None,
    outage_id: UUID | None = None,
    reason: str | None = None,
    gaps: Sequence[Silence] = (),
    details: Mapping[str, Any],
) -> None:
    """Keeps a transition, and the newest state of its monitor. `monitor` has the columns that identify it."""
    mine = {**monitor, "tenant_id": event.tenant_id}
    await measure_again(uow, mine["contract_id"], min(at, ended_since or at))
    await _once(
        uow,
        TransitionRow,
        {
            **{key: mine[key] for key in ("monitor_id", "tenant_id", "client_id", "contract_id", "environment_id")},
            "number": event.aggregate_version,
            "entered": entered,
            "at": at,
            "ended": ended,
            "ended_since": ended_since,
            "outage_id": outage_id,
            "reason": reason,
            "gaps": [[start.isoformat(), end.isoformat() if end is not None else None] for start, end in gaps],
            "details": dict(details),
            "event_id": event.id,
        },
    )
    await _newest(uow, Monitor, {**mine, "version": event.aggregate_version, "state": entered, "since": at})


async def remember_measuring(
    uow: UnitOfWork, event: ReceivedEvent[Any], *, monitor: Mapping[str, Any], until: datetime
) -> None:
    """Keeps the latest instant until which a monitor was measured, and the event that says so."""
    statement = insert(VouchedRow).values(
        {
            **monitor,
            "tenant_id": event.tenant_id,
            "until": until,
            "version": event.aggregate_version,
            "event_id": event.id,
        }
    )
    new = statement.excluded
    await uow.session.execute(
        statement.on_conflict_do_update(
            index_elements=["monitor_id"],
            set_={name: new[name] for name in ("until", "version", "event_id")},
            where=tuple_(VouchedRow.until, VouchedRow.version) < tuple_(new.until, new.version),
        )
    )


async def remember_incident(uow: UnitOfWork, event: ReceivedEvent[IncidentState]) -> None:
    """Keeps the newest state of an incident."""
    state = event.data
    await _newest(
        uow,
        Incident,
        {
            "incident_id": state.incident_id,
            "tenant_id": event.tenant_id,
            "client_id": state.client_id,
            "contract_id": state.contract_id,
            "version": event.aggregate_version,
            "number": state.number,
            "status": state.status,
            "began_at": state.began_at or event.time,
            "ended_at": state.ended_at,
            "state": state.model_dump(mode="json"),
        },
    )


async def remember_verdict(
    uow: UnitOfWork,
    event: ReceivedEvent[Any],
    *,
    clock_id: UUID,
    incident_id: UUID,
    contract_id: UUID,
    client_id: UUID,
    verdict: str,
    at: datetime,
) -> None:
    """Keeps the newest verdict of a clock."""
    await _newest(
        uow,
        ClockRow,
        {
            "clock_id": clock_id,
            "tenant_id": event.tenant_id,
            "client_id": client_id,
            "contract_id": contract_id,
            "incident_id": incident_id,
            "version": event.aggregate_version,
            "verdict": verdict,
            "at": at,
            "event_id": event.id,
        },
    )
