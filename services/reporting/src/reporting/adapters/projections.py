"""Writing down what was heard. Every statement gives the same rows whatever the order and number of deliveries."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update

from reporting.adapters.kept_rows import keep
from reporting.adapters.measured_months import expect_months, measure_again
from reporting.adapters.report_editions import report_again
from reporting.adapters.tables import (
    Client,
    ClockRow,
    Contract,
    ContractVersion,
    Event,
    Incident,
    Monitor,
    Site,
    SitePageRow,
    TransitionRow,
    VouchedRow,
)
from reporting.application.facts import ContractState, IncidentState
from reporting.domain.state_line import Silence, State
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


async def remember_event(uow: UnitOfWork, event: ReceivedEvent[dict[str, Any]], name: str) -> bool:
    """Keeps the bytes of an event. True when it was not known."""
    client = event.data.get("client_id")
    if client is None and isinstance(event.data.get("client"), dict):
        client = event.data["client"].get("client_id")
    return await keep(
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
        newer=(),
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
    version = {**mine, "effective_from": state.effective_from, "event_id": event.id}
    new = await keep(uow, ContractVersion, version, newer=())
    slug = state.status_page.slug if state.status_page is not None else None
    await keep(uow, Contract, {**mine, "number": state.number, "slug": slug})
    named = {key: mine[key] for key in ("contract_id", "tenant_id", "client_id", "version")}
    for page in state.site_pages:
        await keep(uow, SitePageRow, {**named, "slug": page.slug, "site_id": page.site_id})
    if not new:
        return
    await expect_months(uow, event.tenant_id, state)
    began = (
        select(func.min(ContractVersion.effective_from))
        .where(ContractVersion.contract_id == state.contract_id, ContractVersion.status == "active")
        .scalar_subquery()
    )
    await uow.session.execute(update(Contract).where(Contract.contract_id == state.contract_id).values(began_at=began))


async def remember_client(uow: UnitOfWork, event: ReceivedEvent[Any], client_id: UUID, name: str) -> None:
    """Keeps the newest name of a client."""
    await keep(
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
    await keep(
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
    """Keeps a transition, and the newest state of its monitor. `monitor` has the columns that identify it, and
    `measures_availability`, which is of the transition.
    """
    mine = {**monitor, "tenant_id": event.tenant_id}
    measures_availability = mine.pop("measures_availability")
    new = await keep(
        uow,
        TransitionRow,
        {
            **{key: mine[key] for key in ("monitor_id", "tenant_id", "client_id", "contract_id", "environment_id")},
            "number": event.aggregate_version,
            "measures_availability": measures_availability,
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
        newer=(),
    )
    await keep(uow, Monitor, {**mine, "version": event.aggregate_version, "state": entered, "since": at})
    if new:
        await measure_again(uow, mine["contract_id"], min(at, ended_since or at))


async def remember_measuring(
    uow: UnitOfWork, event: ReceivedEvent[Any], *, monitor: Mapping[str, Any], until: datetime
) -> None:
    """Keeps the latest instant until which a monitor was measured, and the event that says so."""
    row = {
        **monitor,
        "tenant_id": event.tenant_id,
        "until": until,
        "version": event.aggregate_version,
        "event_id": event.id,
    }
    await keep(uow, VouchedRow, row, newer=("until", "version"))


async def remember_incident(uow: UnitOfWork, event: ReceivedEvent[IncidentState]) -> None:
    """Keeps the newest state of an incident."""
    state = event.data
    heard = await keep(
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
    if heard:
        await report_again(uow, state.contract_id, state.began_at or event.time)


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
    heard = await keep(
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
    if heard:
        await report_again(uow, contract_id, at)
