"""A contract decides what is watched: its monitors follow each version that takes effect."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from probes.application.changing_monitors import carried_over
from probes.application.ports import Announcer, ContractVersions, Locations, Monitors
from probes.application.recording import keep
from probes.domain.monitors import Monitor, Promise, Source, wanted_monitors
from probes.domain.state_line import begin, pause, resume
from probes.domain.states import Applied, PauseReason, State

_PAUSED_BECAUSE = {
    "active": PauseReason.REMOVED_BY_AMENDMENT,
    "suspended": PauseReason.CONTRACT_SUSPENDED,
    "terminated": PauseReason.CONTRACT_TERMINATED,
    "expired": PauseReason.CONTRACT_TERMINATED,
}
"""Why a monitor is not watched under a contract of this status: an active one no longer asks for it."""


async def bring_up_to_date(
    contract_id: UUID,
    versions: ContractVersions,
    locations: Locations,
    monitors: Monitors,
    announcer: Announcer,
    now: datetime,
) -> None:
    """Follows the versions of a contract that are in effect, one after the other, if that was not done yet.

    Raises Unreadable: see `follow_contract`.
    """
    while (promise := await versions.due(contract_id, now)) is not None:
        await follow_contract(promise, await locations.active(), monitors, announcer, now)
        await versions.followed(promise, now)


async def follow_contract(
    promise: Promise, locations: Sequence[str], monitors: Monitors, announcer: Announcer, now: datetime
) -> None:
    """Makes the contract's monitors those that the promise asks for. Doing it again changes nothing.

    A monitor that is no longer asked for is paused and keeps its history. One that is asked for again goes on. Raises
    Unreadable when a check with secrets would have to become another one while nothing opens them: that has to wait.
    """
    existing = await monitors.of_contract(promise.contract_id)
    active = promise.status == "active"
    wanted = wanted_monitors(promise)
    covered = {environment.environment_id for environment in promise.environments}
    reason = _PAUSED_BECAUSE[promise.status]
    changes: list[tuple[Monitor, Sequence[Applied]]] = []
    for monitor_id, asked in wanted.items():
        monitor = existing.get(monitor_id)
        subject, cadence = carried_over(asked, monitor, monitor.adjustments) if monitor is not None else asked
        if monitor is None:
            if active:
                # Nothing was watched before now, even if the contract began earlier.
                applied = begin(monitor_id, subject.seen_from(locations), max(promise.effective_from, now))
                await monitors.add(subject, cadence, applied, promise.version)
                announcer.announce(subject, applied.transitions)
            continue
        if (subject, cadence) != (monitor.subject, monitor.cadence):
            # Until now it was checked as before, whatever a late amendment says.
            since = max(promise.effective_from, now)
            await monitors.revise(monitor, subject, cadence, since, promise.version)
        revised = replace(monitor, subject=subject, cadence=cadence)
        changes.append((revised, _resume(revised, locations, now) if active else _pause(revised, promise, reason)))
    for monitor_id, monitor in existing.items():
        if monitor_id in wanted:
            continue
        # What somebody added goes on for as long as the contract covers its environment.
        stays = active and monitor.subject.source is Source.ADDED and monitor.subject.environment_id in covered
        changes.append((monitor, _resume(monitor, locations, now) if stays else _pause(monitor, promise, reason)))
    await keep(changes, monitors, announcer)
    await monitors.wake_scheduler()


def _resume(monitor: Monitor, locations: Sequence[str], now: datetime) -> list[Applied]:
    if monitor.state.state is not State.PAUSED:
        return []
    return [resume(monitor.state, monitor.subject.seen_from(locations), max(now, monitor.state.since))]


def _pause(monitor: Monitor, promise: Promise, reason: PauseReason) -> list[Applied]:
    if monitor.state.state is State.PAUSED:
        return []
    return [pause(monitor.state, max(promise.effective_from, monitor.state.watched_since), reason)]
