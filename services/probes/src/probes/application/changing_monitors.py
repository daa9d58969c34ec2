"""What people change of a monitor: all of what somebody added, and of the others what the contract leaves open."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from probes.application.adding_monitors import NotInForce, cadence_of_reports
from probes.application.checks.kinds import (
    MonitorConfiguration,
    any_configuration_of,
    document_of,
)
from probes.application.checks.reported import CrashReports, HeartbeatReports
from probes.application.checks.secrets import SEALED, masked, with_secrets_of
from probes.application.ports import Announcer, ContractVersions, Monitors
from probes.application.recording import keep
from probes.domain.monitors import (
    ADJUSTABLE,
    HTTP,
    Cadence,
    Monitor,
    Promise,
    Source,
    Subject,
    WantedMonitor,
    adjusted,
    quickest,
    wanted_monitors,
)
from probes.domain.state_line import pause
from probes.domain.states import PauseReason, State
from shared.secret_box import Unreadable

_SEALED_ADJUSTMENTS = (
    "the secrets of monitor {monitor_id} are sealed with another key, so that what was changed of it cannot be carried "
    "over: give PROBES_PREVIOUS_SECRET_KEY back, or the secrets again in full"
)
_A_PAGE = "This monitor watches a page of a group: change the group (PATCH /v1/monitor-groups/{group_id})."


class NotAllowed(ValueError):
    """A value that is not allowed here; `path` is its place in what was asked for."""

    def __init__(self, detail: str, *path: str) -> None:
        super().__init__(detail)
        self.path = path


class CannotChange(Exception):
    """The monitor is not one that could be changed so; says why, and what to do."""


@dataclass(frozen=True, slots=True)
class Change:
    """A merge patch (RFC 7396) of a monitor. None and what is left out stays as it is."""

    name: str | None = None
    third_party: bool | None = None
    cadence: Mapping[str, int] = field(default_factory=dict)
    configuration: Mapping[str, Any] = field(default_factory=dict)


def cadence_under(promise: Promise, wanted: Mapping[str, int], before: Cadence | None = None) -> Cadence:
    """How something is checked that is added under a contract. Raises NotAllowed for what goes beyond the contract.

    What is not said is as it was before, or as the contract has it.
    """
    pace = quickest(promise)
    cadence = replace(before or replace(pace, timeout_seconds=min(pace.timeout_seconds, _longest(pace))), **wanted)
    if cadence.interval_seconds < pace.interval_seconds:
        raise NotAllowed(
            f"The contract has nothing checked more often than every {pace.interval_seconds} seconds: choose "
            "a longer interval or amend the contract.",
            *("cadence", "interval_seconds"),
        )
    if cadence.timeout_seconds > _longest(cadence):
        raise NotAllowed(
            f"A check must be over before the next one is due: with an interval of {cadence.interval_seconds} seconds "
            f"it may take {_longest(cadence)} seconds.",
            *("cadence", "timeout_seconds" if "timeout_seconds" in wanted else "interval_seconds"),
        )
    return cadence


def _longest(cadence: Cadence) -> int:
    return max(1, cadence.interval_seconds - 1)


def cadence_for(
    configuration: MonitorConfiguration,
    promise: Promise,
    wanted: Mapping[str, int],
    now: datetime,
    before: Cadence | None = None,
) -> Cadence:
    """The cadence of whatever kind. Raises NotAllowed."""
    if not isinstance(configuration, HeartbeatReports | CrashReports):
        return cadence_under(promise, wanted, before)
    if wanted:
        raise NotAllowed("This reports by itself: its configuration says when. Leave the cadence out.", "cadence")
    return cadence_of_reports(configuration, now)


async def change_monitor(
    monitor: Monitor, change: Change, versions: ContractVersions, monitors: Monitors, now: datetime
) -> None:
    """Watches it otherwise from now on.

    Raises NotInForce, CannotChange or NotAllowed, Unreadable where secrets would be lost that nothing opens now, and
    pydantic.ValidationError for a configuration that is none.
    """
    if monitor.removed:
        raise CannotChange("This monitor was removed. Add another one.")
    if monitor.subject.group_id is not None and change != Change():
        raise CannotChange(_A_PAGE)
    promise = await versions.in_force(monitor.subject.contract_id, now)
    if promise is None or promise.status != "active":
        raise NotInForce
    if monitor.subject.source is Source.ADDED:
        subject, cadence = _changed(monitor, change, promise, now)
    else:
        adjustments = _adjustments(monitor, change)
        wanted = wanted_monitors(promise).get(monitor.subject.monitor_id)
        if wanted is None:
            raise CannotChange("The contract no longer asks for this monitor, so that nothing of it can be changed.")
        subject, cadence = _within(wanted, change, monitor, adjustments)
        await monitors.adjust(monitor.subject.monitor_id, adjustments)
    if (subject, cadence) != (monitor.subject, monitor.cadence):
        await monitors.revise(monitor, subject, cadence, now, promise.version)
        await monitors.wake_scheduler()


async def remove_monitor(monitor: Monitor, monitors: Monitors, announcer: Announcer, now: datetime) -> None:
    """Watches what somebody added no more; what was measured stays. Raises CannotChange for what a contract made."""
    if monitor.subject.source is not Source.ADDED:
        raise CannotChange("The contract made this monitor: amend the contract to have it watched no more.")
    if monitor.removed:
        return
    if monitor.subject.group_id is not None:
        raise CannotChange(_A_PAGE)
    if monitor.state.state is not State.PAUSED:
        applied = pause(monitor.state, max(now, monitor.state.watched_since), PauseReason.REMOVED)
        await keep([(monitor, [applied])], monitors, announcer)
    await monitors.remove(monitor.subject.monitor_id, now)
    await monitors.wake_scheduler()


def _changed(monitor: Monitor, change: Change, promise: Promise, now: datetime) -> tuple[Subject, Cadence]:
    """What somebody added, changed."""
    subject = monitor.subject
    if change.configuration.get("kind", subject.kind) != subject.kind:
        raise NotAllowed("A monitor keeps its kind: add another one for this check.", "configuration", "kind")
    named = replace(
        subject,
        name=change.name if change.name is not None else subject.name,
        third_party=subject.third_party if change.third_party is None else change.third_party,
    )
    if SEALED in subject.configuration and not change.configuration:
        return named, cadence_under(promise, change.cadence, monitor.cadence)
    configuration = _merged(subject.configuration, change.configuration)
    cadence = cadence_for(configuration, promise, change.cadence, now, monitor.cadence)
    return replace(named, url=configuration.address, configuration=document_of(configuration)), cadence


def _adjustments(monitor: Monitor, change: Change) -> dict[str, Any]:
    """The adjustments of a monitor that a contract made, with these. Raises NotAllowed for what it does not leave."""
    if change.third_party is not None:
        raise NotAllowed(
            "Only what somebody added can be a third party's: this is what the contract is about.", "third_party"
        )
    for name in change.cadence.keys() - {"timeout_seconds"}:
        raise NotAllowed("The contract decides this: amend it, or change only the timeout.", "cadence", name)
    subject = monitor.subject
    open_keys: Sequence[str] = sorted(ADJUSTABLE) if subject.kind == HTTP else ()
    for name, value in change.configuration.items():
        if name not in open_keys and value != subject.configuration.get(name):
            leaves = f"it leaves open {', '.join(open_keys)}" if open_keys else "it leaves nothing of it open"
            raise NotAllowed(f"The contract decides this; {leaves}.", "configuration", name)
    adjustments = dict(monitor.adjustments)
    if SEALED in adjustments and not change.configuration and change != Change():
        raise _unreadable(monitor)  # opened again, they would not know of this change
    if change.name is not None:
        adjustments["name"] = change.name
    if "timeout_seconds" in change.cadence:
        adjustments["timeout_seconds"] = change.cadence["timeout_seconds"]
    if change.configuration:
        adjustments.pop(SEALED, None)  # what no key opens any more is replaced: kept, it would be taken for what holds
        merged = document_of(_merged(subject.configuration, change.configuration))
        adjustments |= {"kind": HTTP, "configuration": {name: merged[name] for name in open_keys if name in merged}}
    return adjustments


def carried_over(asked: WantedMonitor, monitor: Monitor, adjustments: Mapping[str, object]) -> WantedMonitor:
    """What a contract asks for, with the adjustments of a monitor that it has made already.

    While nothing opens these, a configuration stays sealed as it is. Raises Unreadable where it would have to change.
    """
    wanted = adjusted(asked, adjustments)
    if SEALED not in adjustments or asked.subject.kind != monitor.subject.kind:
        return wanted  # adjustments are of one kind of check: of another nothing is carried over
    kept = monitor.subject.configuration
    if masked(wanted.subject.configuration) != masked(kept) or wanted.subject.url != monitor.subject.url:
        raise _unreadable(monitor)
    return wanted._replace(subject=replace(wanted.subject, configuration=kept))


def _unreadable(monitor: Monitor) -> Unreadable:
    return Unreadable(_SEALED_ADJUSTMENTS.format(monitor_id=monitor.subject.monitor_id))


def _within(wanted: WantedMonitor, change: Change, monitor: Monitor, adjustments: Mapping[str, Any]) -> WantedMonitor:
    promised = wanted.cadence.timeout_seconds
    if change.cadence.get("timeout_seconds", 1) > promised:
        raise NotAllowed(
            f"The contract has a check take {promised} seconds at most: choose no more.", "cadence", "timeout_seconds"
        )
    return carried_over(wanted, monitor, adjustments)


def _merged(stored: Mapping[str, object], changes: Mapping[str, Any]) -> MonitorConfiguration:
    """A configuration with changes. What is secret must be given again when the check goes to another site."""
    try:
        document = with_secrets_of(patched(masked(stored), changes), stored)
    except ValueError as error:
        raise NotAllowed(f"The configuration {error}.", "configuration") from None
    return any_configuration_of(document)


def patched(document: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A merge patch (RFC 7396)."""
    merged = dict(document)
    for name, value in changes.items():
        if value is None:
            merged.pop(name, None)
        elif isinstance(value, Mapping):
            before = merged.get(name)
            merged[name] = patched(before if isinstance(before, Mapping) else {}, value)
        else:
            merged[name] = value
    return merged
