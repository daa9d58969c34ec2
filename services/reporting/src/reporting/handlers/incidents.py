"""Incidents and the verdicts of their clocks."""

from uuid import UUID

from pydantic import AwareDatetime

from reporting.adapters.projections import remember_incident, remember_verdict
from reporting.application.facts import Fact, IncidentState
from reporting.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork


class ClockVerdict(Fact):
    """The part of `clock.breached` and `clock.met` that is read."""

    clock_id: UUID
    incident_id: UUID
    contract_id: UUID
    client_id: UUID
    at: AwareDatetime
    kind: str = "incident"


@handlers.on("incidents.incident.opened.v1")
async def keep_opened(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """Something is wrong."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.acknowledged.v1")
async def keep_acknowledged(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """Somebody took it."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.mitigated.v1")
async def keep_mitigated(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """The effect is contained."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.monitoring_paused.v1")
async def keep_monitoring_paused(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """Nobody looks any more whether the service answers."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.clocks_changed.v1")
async def keep_clocks_changed(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """Its clocks read otherwise than was said; a breach may be taken back."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.recovered.v1")
async def keep_recovered(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """The service answers again."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.resolved.v1")
async def keep_resolved(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """The work is done."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.closed.v1")
async def keep_closed(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """Nothing more will happen to it."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.reopened.v1")
async def keep_reopened(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """It was not over."""
    await remember_incident(uow, event)


@handlers.on("incidents.incident.changed.v1")
async def keep_changed(event: ReceivedEvent[IncidentState], uow: UnitOfWork) -> None:
    """Its severity or something else about it is otherwise."""
    await remember_incident(uow, event)


@handlers.on("incidents.clock.breached.v1")
async def keep_breach(event: ReceivedEvent[ClockVerdict], uow: UnitOfWork) -> None:
    """A target was missed; told when it happens, not when the work ends."""
    await _keep(event, uow, "breached")


@handlers.on("incidents.clock.met.v1")
async def keep_met(event: ReceivedEvent[ClockVerdict], uow: UnitOfWork) -> None:
    """A target was reached."""
    await _keep(event, uow, "met")


async def _keep(event: ReceivedEvent[ClockVerdict], uow: UnitOfWork, verdict: str) -> None:
    data = event.data
    if data.kind != "incident":
        return  # of a request or a change, which no report shows yet
    await remember_verdict(
        uow,
        event,
        clock_id=data.clock_id,
        incident_id=data.incident_id,
        contract_id=data.contract_id,
        client_id=data.client_id,
        verdict=verdict,
        at=data.at,
    )
