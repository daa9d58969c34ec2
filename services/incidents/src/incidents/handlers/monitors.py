"""monitor.*: outages begin and end. An end carries its beginning, so their order of arrival does not matter.

That a monitor is watched again (`monitor.restored`) says nothing about an outage that a pause cut off: what is down
then is an outage of its own, and what is up may have been up for long.
"""

from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from incidents.application.incidents import Outage, end_observation, open_from_outage, recover, tell_after_flapping
from incidents.handlers.registration import handlers, ports
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

_TITLE_LENGTH = 200


class _Told(BaseModel):
    """As far as we read it; the rest is kept as it came."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class Watched(_Told):
    """What a monitor watches, and under which contract.

    `counts_for_sla` is of the monitor: false also for a certificate of an environment that counts in the contract.
    """

    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    counts_for_sla: bool
    name: str


class Failing(_Told):
    """A confirmed outage."""

    outage_id: UUID
    down_since: AwareDatetime
    confirmed_at: AwareDatetime
    reason: str
    detail: str | None = None
    caused_by: UUID | None = None
    flapping: bool = False


class MonitorDown(Failing, Watched):
    """The beginning of an outage."""


class MonitorRecovered(MonitorDown):
    """The end of an outage, with its beginning."""

    recovered_at: AwareDatetime


class MonitorPaused(Watched):
    """Nobody looks from `since` on. `outage` is the one that was going on; null when there was none."""

    since: AwareDatetime
    reason: str
    outage: Failing | None


class MonitorSettled(BaseModel):
    """A monitor that went up and down does so no longer; `outage_id` is its last outage, over or not."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    outage_id: UUID | None = None


@handlers.on("probes.monitor.down.v1")
async def open_incident(event: ReceivedEvent[MonitorDown], uow: UnitOfWork) -> None:
    """One incident per outage; what was caused by another outage belongs to that one's incident."""
    await open_from_outage(ports(uow), _outage(event.data, event.data, event.envelope.data))


@handlers.on("probes.monitor.recovered.v1")
async def record_recovery(event: ReceivedEvent[MonitorRecovered], uow: UnitOfWork) -> None:
    """The incident of the outage has recovered; it is opened first if the beginning has not arrived yet."""
    await recover(ports(uow), _outage(event.data, event.data, event.envelope.data), event.data.recovered_at)


@handlers.on("probes.monitor.settled.v1")
async def release_messages(event: ReceivedEvent[MonitorSettled], uow: UnitOfWork) -> None:
    """People hear how it ended: of the last outage, that it goes on or that it is over."""
    if event.data.outage_id is not None:
        await tell_after_flapping(ports(uow), event.data.outage_id)


@handlers.on("probes.monitor.paused.v1")
async def record_pause(event: ReceivedEvent[MonitorPaused], uow: UnitOfWork) -> None:
    """The outage that the pause cut off is no longer observed. A pause of a monitor without one is not our concern."""
    paused = event.data
    if paused.outage is None:
        return
    data = event.envelope.data
    # The reason at the top is the pause's; the evidence of an incident tells why its outage began.
    told = {name: data[name] for name in data.keys() - {"since", "outage", "previous_state", "previous_since"}}
    outage = _outage(paused, paused.outage, told | data["outage"])
    await end_observation(ports(uow), outage, paused.since, paused.reason)


def _outage(watched: Watched, failing: Failing, told: dict[str, Any]) -> Outage:
    return Outage(
        outage_id=failing.outage_id,
        monitor_id=watched.monitor_id,
        contract_id=watched.contract_id,
        client_id=watched.client_id,
        site_id=watched.site_id,
        environment_id=watched.environment_id,
        counts_for_sla=watched.counts_for_sla,
        name=watched.name[:_TITLE_LENGTH],
        reason=failing.reason,
        detail=failing.detail or "",
        down_since=failing.down_since,
        confirmed_at=failing.confirmed_at,
        caused_by=failing.caused_by,
        flapping=failing.flapping,
        told=told,
    )
