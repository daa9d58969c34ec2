"""Groups of pages: described, changed and deleted as a whole, and followed through their critical periods."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from probes.application.adding_monitors import NotInForce, environment_of, watch
from probes.application.changing_monitors import CannotChange, NotAllowed, cadence_under, patched
from probes.application.checks.http import PageConfiguration
from probes.application.checks.secrets import HIDDEN, masked, origin_of, with_secrets_of, without_credentials
from probes.application.critical_periods import CriticalPeriodRule, Group
from probes.application.ports import (
    Announcer,
    ContractVersions,
    Locations,
    MonitorGroups,
    Monitors,
    UnwatchedPagesRegister,
)
from probes.domain.critical_periods import Regime, Regimes, loosened_by, tightened
from probes.domain.groups import GroupIdentity
from probes.domain.monitors import Cadence, Monitor, Promise, Subject
from probes.domain.state_line import pause
from probes.domain.states import PauseReason, State
from shared.ids import new_id
from shared.kernel.wall_clock import RecurrenceError

HORIZON = timedelta(days=2)
"""So far ahead the schedule knows what critical periods do, whatever happens to whoever plans."""


@dataclass(frozen=True, slots=True)
class Ports:
    """What the use cases of groups need from outside."""

    versions: ContractVersions
    locations: Locations
    monitors: Monitors
    groups: MonitorGroups
    unwatched: UnwatchedPagesRegister
    announcer: Announcer


@dataclass(frozen=True, slots=True)
class NewGroup:
    """What somebody wants watched alike. `pages` are addresses with their names; without an id it gets a new one."""

    contract_id: UUID
    environment_id: UUID
    name: str
    pages: Mapping[str, str]
    configuration: PageConfiguration
    cadence: Mapping[str, int] = field(default_factory=dict)
    critical_periods: tuple[CriticalPeriodRule, ...] = ()
    group_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class GroupPatch:
    """A merge patch (RFC 7396) of a group. None and what is left out stays as it is; lists are given as a whole."""

    name: str | None = None
    pages: Mapping[str, str] | None = None
    configuration: Mapping[str, Any] = field(default_factory=dict)
    cadence: Mapping[str, int] = field(default_factory=dict)
    critical_periods: tuple[CriticalPeriodRule, ...] | None = None


async def create_group(new: NewGroup, ports: Ports, now: datetime) -> UUID:
    """Begins to watch the pages. Raises NotInForce, NotCovered or NotAllowed."""
    promise = await _in_force(new.contract_id, ports, now)
    environment = environment_of(promise, new.environment_id)
    group = Group(
        identity=GroupIdentity(
            new.group_id or new_id(),
            promise.tenant_id,
            promise.client_id,
            promise.contract_id,
            environment.site_id,
            environment.environment_id,
            new.name,
        ),
        configuration=new.configuration,
        cadence=cadence_under(promise, new.cadence),
        critical_periods=new.critical_periods,
        contract_version=promise.version,
        created_at=now,
        planned_until=now,
    )
    _check_addresses(new.pages, {})
    regimes = _regimes(group, promise)
    pages = [group.page(new_id(), name, url, regimes.at(now)) for url, name in new.pages.items()]
    await _keep(group, regimes, ports, now)
    await _begin(pages, regimes, promise, ports, now)
    await ports.groups.plan(pages, [(now, regimes.at(now)), *regimes.changes(now, now + HORIZON)], promise.version)
    await ports.monitors.wake_scheduler()
    return group.identity.group_id


async def change_group(group: Group, page_ids: Sequence[UUID], patch: GroupPatch, ports: Ports, now: datetime) -> None:
    """Watches the pages otherwise from now on; a page keeps its monitor for as long as it keeps its address.

    The group is held. Raises NotInForce, CannotChange or NotAllowed, and pydantic.ValidationError for a configuration
    that is none.
    """
    if group.removed_at is not None:
        raise CannotChange("This group was removed. Create another one.")
    promise = await _in_force(group.identity.contract_id, ports, now)
    before = group.regimes().at(now)
    known = {page.subject.url: page for page in (await ports.monitors.locked(page_ids)).values()}
    wanted = patch.pages if patch.pages is not None else {url: page.subject.name for url, page in known.items()}
    changed = replace(
        group,
        identity=replace(group.identity, name=patch.name if patch.name is not None else group.identity.name),
        configuration=_configuration(group.configuration, patch.configuration, known, wanted),
        cadence=cadence_under(promise, patch.cadence, group.cadence) if patch.cadence else group.cadence,
        critical_periods=patch.critical_periods if patch.critical_periods is not None else group.critical_periods,
        contract_version=promise.version,
        edition=group.edition + 1,
    )
    _check_addresses(wanted, known)
    regimes = _regimes(changed, promise, patch)
    regime = regimes.at(now)
    added = [changed.page(new_id(), name, url, regime) for url, name in wanted.items() if url not in known]
    stay = {
        url: changed.page(page.subject.monitor_id, wanted[url], url, regime)
        for url, page in known.items()
        if url in wanted
    }
    await _take_out([page for url, page in known.items() if url not in wanted], ports, now)
    await _keep(changed, regimes, ports, now)
    await _begin(added, regimes, promise, ports, now)
    await _hold([(known[url], page) for url, page in stay.items()], regime, ports)
    await ports.groups.forget_plans(group.identity.group_id, now)
    if regime != before:
        await ports.groups.plan([*stay.values()], [(now, regime)], promise.version)
    await ports.groups.plan(added, [(now, regime)], promise.version)
    await ports.groups.plan([*stay.values(), *added], regimes.changes(now, now + HORIZON), promise.version)
    await _settle(group.identity.group_id, ports, now)
    await ports.monitors.wake_scheduler()


async def remove_group(group: Group, page_ids: Sequence[UUID], ports: Ports, now: datetime) -> None:
    """Watches none of the pages any more; what was measured stays. The group is held."""
    if group.removed_at is not None:
        return
    pages = await ports.monitors.locked(page_ids)
    await _take_out(list(pages.values()), ports, now)
    await ports.groups.forget_plans(group.identity.group_id, now)
    removed = replace(group, removed_at=now, edition=group.edition + 1)
    await ports.groups.keep(removed, planned_until=now, due_at=now)
    await _settle(group.identity.group_id, ports, now)
    await ports.monitors.wake_scheduler()


async def follow_periods(group: Group, page_ids: Sequence[UUID], ports: Ports, now: datetime) -> None:
    """Makes how the pages are watched what is in force by now, and plans what comes. The group is held.

    The schedule changed at the very instant, by what was planned before; this is what everybody else goes by.
    """
    regimes = group.regimes()
    regime = regimes.at(now)
    pages = {
        each.subject.monitor_id: (
            each,
            group.page(each.subject.monitor_id, each.subject.name, each.subject.url, regime),
        )
        for each in (await ports.monitors.locked(page_ids)).values()
    }
    await _hold(list(pages.values()), regime, ports)
    coming = regimes.changes(group.planned_until, now + HORIZON)
    await ports.groups.plan([page for _, page in pages.values()], coming, group.contract_version)
    await _keep(group, regimes, ports, now)
    await ports.monitors.wake_scheduler()


async def _in_force(contract_id: UUID, ports: Ports, now: datetime) -> Promise:
    promise = await ports.versions.in_force(contract_id, now)
    if promise is None or promise.status != "active":
        raise NotInForce
    return promise


def _configuration(
    before: PageConfiguration, changes: Mapping[str, Any], known: Mapping[str, Monitor], wanted: Mapping[str, str]
) -> PageConfiguration:
    """The configuration with changes. Stored secrets are not sent to a site that no page was on."""
    stored = before.document()
    document = patched(masked(stored), changes)
    if HIDDEN in str(document):
        origins = {origin_of(url) for url in known}
        for index, url in enumerate(wanted):
            if origin_of(url) not in origins:
                raise NotAllowed(
                    "This page is on another site than those that the stored secrets are for: give them in full.",
                    *("pages", str(index), "url"),
                )
    try:
        return PageConfiguration.model_validate(with_secrets_of(document, stored))
    except ValidationError:
        raise
    except ValueError as error:
        raise NotAllowed(f"The configuration {error}.", "configuration") from None


def _check_addresses(wanted: Mapping[str, str], known: Mapping[str, Monitor]) -> None:
    for index, url in enumerate(wanted):
        if url not in known and without_credentials(url) != url:
            raise NotAllowed(
                "The address of a page is shown to everybody and must hold no secret: put it into the headers or the "
                "authentication of the configuration.",
                *("pages", str(index), "url"),
            )


def _regimes(group: Group, promise: Promise, patch: GroupPatch | None = None) -> Regimes:
    """When the group is watched how. Raises NotAllowed for a period that loosens or goes beyond the contract."""
    given = patch is None or patch.critical_periods is not None
    pace = cadence_under(promise, {}).interval_seconds
    tightest = group.ordinary
    names: set[str] = set()
    for index, rule in enumerate(group.critical_periods):
        here = ("critical_periods", str(index))
        try:
            period = rule.period()
            empty = not period.window.occurrences()
        except RecurrenceError as error:
            raise NotAllowed(str(error), *here, "recurrence") from None
        if empty:
            raise NotAllowed("The period has no time in it: the clocks change then.", *here, "starts")
        if rule.name in names:
            raise NotAllowed("Another period has this name: choose one that tells them apart.", *here, "name")
        names.add(rule.name)
        loosened = loosened_by(period, group.ordinary)
        if loosened == "interval_seconds":
            raise NotAllowed(
                f"A critical period only tightens: the group is checked every {group.cadence.interval_seconds} seconds "
                f"anyway, and {rule.name!r} asks for {rule.interval_seconds}.",
                *((*here, "interval_seconds") if given else ("cadence", "interval_seconds")),
            )
        if loosened is not None:
            place = next(at for at, limit in enumerate(rule.response_times) if limit.phase == loosened)
            raise NotAllowed(
                f"A critical period only tightens: the group allows {group.ordinary.limits[loosened]} ms for "
                f"{loosened} anyway, and {rule.name!r} asks for {period.limits[loosened]}.",
                *((*here, "response_times", str(place), "at_most_ms") if given else ("configuration", "assertions")),
            )
        if timedelta(seconds=rule.interval_seconds or 0) > rule.duration:
            raise NotAllowed(
                "The period may be over before it has one check: choose an interval no longer than its duration.",
                *here,
                "interval_seconds",
            )
        if rule.interval_seconds is not None:
            _check_pace(rule.interval_seconds, pace, group.cadence, given, *here)
        tightest = tightened(tightest, period)
    try:
        group.page(group.identity.group_id, group.identity.name, "https://page.example/", tightest)
    except ValidationError:
        raise NotAllowed(
            "With the response times of the critical periods a check has more assertions than it may: assert less.",
            *(("critical_periods",) if given else ("configuration", "assertions")),
        ) from None
    return group.regimes()


def _check_pace(interval: int, pace: int, cadence: Cadence, given: bool, *here: str) -> None:
    if interval < pace:
        raise NotAllowed(
            f"The contract has nothing checked more often than every {pace} seconds: choose a longer interval or amend "
            "the contract.",
            *((*here, "interval_seconds") if given else ("cadence",)),
        )
    if cadence.timeout_seconds > max(1, interval - 1):
        raise NotAllowed(
            f"A check must be over before the next one is due: with an interval of {interval} seconds it may take "
            f"{max(1, interval - 1)} seconds, and the group's takes {cadence.timeout_seconds}.",
            *((*here, "interval_seconds") if given else ("cadence", "timeout_seconds")),
        )


async def _keep(group: Group, regimes: Regimes, ports: Ports, now: datetime) -> None:
    change = regimes.next_change(now)
    look = now + HORIZON / 2
    await ports.groups.keep(
        group, planned_until=now + HORIZON, due_at=min(change, look) if change is not None else look
    )


async def _begin(pages: Sequence[Subject], regimes: Regimes, promise: Promise, ports: Ports, now: datetime) -> None:
    regime = regimes.at(now)
    for page in pages:
        await watch(page, regime.cadence, promise, ports.locations, ports.monitors, ports.announcer, now)
    if regime.periods:
        await ports.groups.hold([(page, regime.cadence) for page in pages], regime.periods)


async def _hold(pages: Sequence[tuple[Monitor, Subject]], regime: Regime, ports: Ports) -> None:
    """Brings those pages up to date that differ from what is in force."""
    await ports.groups.hold(
        [
            (page, regime.cadence)
            for known, page in pages
            if (known.subject, known.cadence, known.critical_periods) != (page, regime.cadence, regime.periods)
        ],
        regime.periods,
    )


async def _take_out(pages: Sequence[Monitor], ports: Ports, now: datetime) -> None:
    """Removes pages. What becomes of their group is settled when all of its changes are done."""
    paused = [
        (page, pause(page.state, max(now, page.state.watched_since), PauseReason.REMOVED))
        for page in pages
        if page.state.state is not State.PAUSED
    ]
    await ports.monitors.save([(page, [applied]) for page, applied in paused])
    for page, applied in paused:
        ports.announcer.announce(page.subject, applied.transitions)
    for page in pages:
        await ports.monitors.remove(page.subject.monitor_id, now)


async def _settle(group_id: UUID, ports: Ports, now: datetime) -> None:
    news = await ports.groups.settle(group_id, now)
    if news is not None:
        ports.announcer.announce_group(news)
