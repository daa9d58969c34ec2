"""monitor.*: outages begin and end. An end carries its beginning, so their order of arrival does not matter."""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from incidents.application.incidents import Outage, open_from_outage, recover, tell_after_flapping
from incidents.handlers.registration import handlers, ports
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

_TITLE_LENGTH = 200


class MonitorDown(BaseModel):
    """A confirmed outage, as far as we read it; the rest is kept as it came."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    counts_for_sla: bool
    name: str
    outage_id: UUID
    down_since: AwareDatetime
    confirmed_at: AwareDatetime
    reason: str
    detail: str | None = None
    caused_by: UUID | None = None
    flapping: bool = False


class MonitorRecovered(MonitorDown):
    """The end of an outage, with its beginning."""

    recovered_at: AwareDatetime


class MonitorSettled(BaseModel):
    """A monitor that went up and down does so no longer; `outage_id` is its last outage, over or not."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    outage_id: UUID | None = None


@handlers.on("probes.monitor.down.v1")
async def open_incident(event: ReceivedEvent[MonitorDown], uow: UnitOfWork) -> None:
    """One incident per outage; what was caused by another outage belongs to that one's incident."""
    await open_from_outage(ports(uow), _outage(event.data, event.envelope.data))


@handlers.on("probes.monitor.recovered.v1")
async def record_recovery(event: ReceivedEvent[MonitorRecovered], uow: UnitOfWork) -> None:
    """The incident of the outage has recovered; it is opened first if the beginning has not arrived yet."""
    await recover(ports(uow), _outage(event.data, event.envelope.data), event.data.recovered_at)


@handlers.on("probes.monitor.settled.v1")
async def release_messages(event: ReceivedEvent[MonitorSettled], uow: UnitOfWork) -> None:
    """People hear how it ended: of the last outage, that it goes on or that it is over."""
    if event.data.outage_id is not None:
        await tell_after_flapping(ports(uow), event.data.outage_id)


def _outage(told: MonitorDown, data: dict[str, Any]) -> Outage:
    return Outage(
        outage_id=told.outage_id,
        monitor_id=told.monitor_id,
        contract_id=told.contract_id,
        client_id=told.client_id,
        site_id=told.site_id,
        environment_id=told.environment_id,
        counts_for_sla=told.counts_for_sla,
        name=told.name[:_TITLE_LENGTH],
        reason=told.reason,
        detail=told.detail or "",
        down_since=told.down_since,
        confirmed_at=told.confirmed_at,
        caused_by=told.caused_by,
        flapping=told.flapping,
        told=data,
    )
