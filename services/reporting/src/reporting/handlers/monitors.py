"""Transitions of monitors. Each closes what it needs to open, so none waits for another."""

from collections.abc import Iterable, Mapping
from typing import Any
from uuid import UUID

from pydantic import AwareDatetime, Field

from reporting.adapters.measured_months import measure_silent_again
from reporting.adapters.projections import remember_measuring, remember_transition
from reporting.adapters.report_editions import report_again
from reporting.adapters.response_times import sum_up_later
from reporting.adapters.rollups import remember_rollup
from reporting.application.facts import Fact
from reporting.domain.state_line import Silence, State
from reporting.handlers.registration import handlers
from shared.events import ReceivedEvent
from shared.unit_of_work import UnitOfWork

# What explains an outage and may be shown to whoever may read the report.
_DETAILS = ("detail", "confirmed_at", "down_since_uncertainty_seconds", "recovered_uncertainty_seconds", "locations")


class MonitorFact(Fact):
    """What every event of a monitor tells.

    `counts_for_sla` is here of the monitor, not of its environment as in contracts: false where the environment does
    not count, and where the monitor measures something else than availability. Which of the two it is says
    `measures_availability`, which does not change with the contract; events of the releases before do not have it.
    """

    monitor_id: UUID
    contract_id: UUID
    client_id: UUID
    site_id: UUID
    environment_id: UUID
    counts_for_sla: bool
    measures_availability: bool | None = None
    name: str = ""
    previous_state: State | None = None

    @property
    def columns(self) -> Mapping[str, Any]:
        """What identifies the monitor, and whether its states are those of its environment, where that counts."""
        named = self.model_dump(include={"monitor_id", "contract_id", "client_id", "site_id", "environment_id", "name"})
        counted = self.counts_for_sla if self.measures_availability is None else self.measures_availability
        return named | {"measures_availability": counted}


class Gap(Fact):
    """A stretch `[start, end)` of an outage without results; `end` is None while the silence lasts."""

    start: AwareDatetime
    end: AwareDatetime | None


class MonitorDown(MonitorFact):
    """A confirmed outage began."""

    outage_id: UUID
    down_since: AwareDatetime
    reason: str | None = None
    detail: str | None = None
    confirmed_at: AwareDatetime | None = None
    down_since_uncertainty_seconds: float | None = None
    locations: tuple[Mapping[str, Any], ...] = Field(default=())


class MonitorRecovered(MonitorDown):
    """A confirmed outage ended; says all that its beginning said."""

    recovered_at: AwareDatetime
    recovered_uncertainty_seconds: float | None = None
    gaps: tuple[Gap, ...] = ()


class MonitorDegraded(MonitorFact):
    """Some locations find it down and too few for an outage; the contract's rule says how much of that counts."""

    since: AwareDatetime
    reason: str | None = None
    locations: tuple[Mapping[str, Any], ...] = Field(default=())


class MonitorMaintenance(MonitorFact):
    """A window of planned work; the contract's rule says how it counts."""

    since: AwareDatetime


class MonitorUnknown(MonitorFact):
    """There is no fresh result."""

    since: AwareDatetime
    reason: str | None = None


class MonitorRestored(MonitorFact):
    """Something that was no outage ended: the monitor is up, or still down after a gap without results."""

    since: AwareDatetime
    restored_at: AwareDatetime
    state: State = "up"
    outage_id: UUID | None = None


class CutOffOutage(Fact):
    """An outage that a pause ended, with the silence in it; its last gap is open when it was silent until the pause."""

    outage_id: UUID
    down_since: AwareDatetime
    gaps: tuple[Gap, ...] = ()


class MonitorPaused(MonitorFact):
    """Nothing is checked, because the contract does not ask for it."""

    since: AwareDatetime
    reason: str | None = None
    outage: CutOffOutage | None = None


def _details(data: MonitorDown) -> dict[str, Any]:
    return {key: value for key, value in data.model_dump(mode="json").items() if key in _DETAILS}


def _stretches(gaps: Iterable[Gap]) -> tuple[Silence, ...]:
    return tuple((gap.start, gap.end) for gap in gaps)


@handlers.on("probes.monitor.down.v1")
async def keep_outage(event: ReceivedEvent[MonitorDown], uow: UnitOfWork) -> None:
    """Down from the first failing check on."""
    data = event.data
    await remember_transition(
        uow,
        event,
        monitor=data.columns,
        entered="down",
        at=data.down_since,
        outage_id=data.outage_id,
        reason=data.reason,
        details=_details(data),
    )


@handlers.on("probes.monitor.recovered.v1")
async def keep_recovery(event: ReceivedEvent[MonitorRecovered], uow: UnitOfWork) -> None:
    """Up from the first good check on; was down since the first failing one, but for the gaps in it."""
    data = event.data
    await remember_transition(
        uow,
        event,
        monitor=data.columns,
        entered="up",
        at=data.recovered_at,
        ended="down",
        ended_since=data.down_since,
        outage_id=data.outage_id,
        reason=data.reason,
        gaps=_stretches(data.gaps),
        details=_details(data),
    )


@handlers.on("probes.monitor.degraded.v1")
async def keep_degradation(event: ReceivedEvent[MonitorDegraded], uow: UnitOfWork) -> None:
    """Neither wholly up nor down from then on."""
    data = event.data
    await remember_transition(
        uow,
        event,
        monitor=data.columns,
        entered="degraded",
        at=data.since,
        reason=data.reason,
        details=data.model_dump(mode="json", include={"locations"}),
    )


@handlers.on("probes.monitor.maintenance.v1")
async def keep_maintenance(event: ReceivedEvent[MonitorMaintenance], uow: UnitOfWork) -> None:
    """Planned work from then on; an outage that goes on beneath is told again when the window is over."""
    data = event.data
    await remember_transition(uow, event, monitor=data.columns, entered="maintenance", at=data.since, details={})


@handlers.on("probes.monitor.unknown.v1")
async def keep_unknown(event: ReceivedEvent[MonitorUnknown], uow: UnitOfWork) -> None:
    """Neither up nor down from then on."""
    data = event.data
    await remember_transition(
        uow, event, monitor=data.columns, entered="unknown", at=data.since, reason=data.reason, details={}
    )


@handlers.on("probes.monitor.restored.v1")
async def keep_restoration(event: ReceivedEvent[MonitorRestored], uow: UnitOfWork) -> None:
    """Up, or down again, from then on; before, since when and what is told by the event itself."""
    data = event.data
    await remember_transition(
        uow,
        event,
        monitor=data.columns,
        entered=data.state,
        at=data.restored_at,
        ended=data.previous_state,
        ended_since=data.since if data.previous_state is not None else None,
        outage_id=data.outage_id if data.state == "down" else None,
        details={},
    )


@handlers.on("probes.monitor.paused.v1")
async def keep_pause(event: ReceivedEvent[MonitorPaused], uow: UnitOfWork) -> None:
    """Not checked from then on; an outage that was going on ends there, and was not down where it was silent."""
    data = event.data
    outage = data.outage
    await remember_transition(
        uow,
        event,
        monitor=data.columns,
        entered="paused",
        at=data.since,
        ended="down" if outage is not None else None,
        ended_since=outage.down_since if outage is not None else None,
        outage_id=outage.outage_id if outage is not None else None,
        reason=data.reason,
        gaps=_stretches(outage.gaps) if outage is not None else (),
        details={},
    )


class ResponseTimesTold(Fact):
    """How long the good checks of a page took; releases before it was told say nothing of it."""

    count: int
    p50_us: int
    p95_us: int
    p99_us: int
    sketch: str


class MeasuredMonitor(Fact):
    """The part of a monitor in `rollup.hourly` that is read."""

    monitor_id: UUID
    response_times: ResponseTimesTold | None = None


class HourlyRollup(Fact):
    """The part of `rollup.hourly` that is read: of whom probes says that it was there until when."""

    rollup_id: UUID
    contract_id: UUID
    client_id: UUID
    starts_at: AwareDatetime
    ends_at: AwareDatetime
    monitors: tuple[MeasuredMonitor, ...] = ()


@handlers.on("probes.rollup.hourly.v1")
async def keep_rollup(event: ReceivedEvent[HourlyRollup], uow: UnitOfWork) -> None:
    """Evidence that somebody looked; a month that ended in silence may have been measured after all."""
    hour = event.data
    heard = await remember_rollup(
        uow,
        event,
        rollup_id=hour.rollup_id,
        contract_id=hour.contract_id,
        client_id=hour.client_id,
        at=hour.starts_at,
    )
    if not heard:
        return
    await measure_silent_again(uow, hour.contract_id)
    if any(monitor.response_times is not None for monitor in hour.monitors):
        await sum_up_later(uow, event.tenant_id, hour.client_id, hour.contract_id, hour.starts_at)
        await report_again(uow, hour.contract_id, hour.starts_at)


@handlers.on("probes.rollup.hourly.v1")
async def keep_measured_hour(event: ReceivedEvent[HourlyRollup], uow: UnitOfWork) -> None:
    """An hour was measured, whatever was found in it: transitions tell that."""
    for measured in event.data.monitors:
        monitor = {
            "monitor_id": measured.monitor_id,
            "contract_id": event.data.contract_id,
            "client_id": event.data.client_id,
        }
        await remember_measuring(uow, event, monitor=monitor, until=event.data.ends_at)
