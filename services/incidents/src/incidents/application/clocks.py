"""The clocks of an incident: opened, stopped, read, and what is said about them.

A clock is a list of facts. Everything that is shown or said comes from folding them; the caller holds the incident's
lock, which is the lock of its clocks too.

Others are told what a clock reads by every event of its incident, and that it breached by one of its own. Whenever it
reads something else than they were told, because a version of the contract changed it or took something back, the
incident says so with `clocks_changed`: the newest fold counts, for others as for us.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from incidents.application import alerts
from incidents.application.ports import UPHELD, ClockView, Entry, Ports, StoredClock
from incidents.domain.incident import Incident, Milestone
from incidents.domain.promises import (
    UNOBSERVED,
    ClockFact,
    ContractHistory,
    Folding,
    Metric,
    folding,
)
from incidents.domain.sla_clock import ClockReading
from shared.values import instant_text, number, seconds

AT_RISK_PERCENT = 75
"""The share of a target at which `clock.at_risk` is said."""

ALERTED = frozenset({"at_risk", "breached"})
"""What the agency is told about a clock while it can still do something."""

# The fold reads exact time, and a clock is over its target strictly after `breach_after`: this is the first instant of
# it that the database can store.
_TICK = timedelta(microseconds=1)


async def attach(ports: Ports, incident: Incident) -> None:
    """Opens the clocks that the contract promises for this incident and that are not there yet.

    Nothing is promised for an environment that does not count, before the contract took effect, or while we do not know
    the contract: it will attach the clocks when it arrives.
    """
    if not incident.subject.counts_for_sla:
        return
    history = await ports.contracts.history(incident.subject.contract_id)
    there = {clock.metric for clock in await ports.clocks.of_incident(incident.id)}
    for metric in Metric:
        if metric in there or not history.promises(incident.severity, metric, incident.detected_at):
            continue
        clock = await ports.clocks.add(incident, metric)
        opened = ClockFact("opened", incident.detected_at)
        source = incident.stamps[Milestone.DETECTED]
        await ports.clocks.add_fact(incident, clock, "opened", opened, actor=source.actor, source=source.source)
    await _follow_what_happened(ports, incident)


async def _follow_what_happened(ports: Ports, incident: Incident) -> None:
    """Tells the clocks what the incident's stamps say; they may have been attached after it happened."""
    stops = {
        Metric.RESPONSE: (Milestone.ACKNOWLEDGED,),
        Metric.REPAIR: (Milestone.RECOVERED, Milestone.RESOLVED),
    }
    for clock in await ports.clocks.of_incident(incident.id):
        for milestone in stops[clock.metric]:
            stamp = incident.stamps.get(milestone)
            if stamp is None or not (stamp.actor.is_human or milestone is Milestone.RECOVERED):
                continue
            name = f"{milestone}.{incident.cycle}"
            fact = ClockFact("stopped", stamp.at)
            await ports.clocks.add_fact(incident, clock, name, fact, actor=stamp.actor, source=stamp.source)
        unobserved = incident.stamps.get(Milestone.MONITORING_PAUSED)
        if unobserved is not None:
            name = f"{Milestone.MONITORING_PAUSED}.{incident.cycle}"
            fact = ClockFact("paused", unobserved.at, pause_id=name, reason=UNOBSERVED)
            await ports.clocks.add_fact(incident, clock, name, fact, actor=unobserved.actor, source=unobserved.source)


async def heed(ports: Ports, incident: Incident) -> list[ClockView]:
    """Brings the clocks in line with the incident and the contract, says what is new about each, refreshes the cache.

    Returns the clocks as they read now; the caller says them with what happened to the incident (`say`).
    """
    await attach(ports, incident)
    return [view for _, view in await _look(ports, incident)]


async def say(ports: Ports, incident: Incident, what: str, views: Sequence[ClockView]) -> None:
    """Says what happened to the incident, with all of its clocks, and remembers what was told of them."""
    ports.announcer.incident(what, incident, views)
    for view in views:
        await ports.clocks.remember_told(view.id, _telling(view))


async def refresh(ports: Ports, incident: Incident) -> list[ClockView]:
    """Looks at every clock of a locked incident and says once what has become true.

    When others were told that one reads something else, the incident gets a new version that says how all read now.
    """
    looked = await _look(ports, incident)
    views = [view for _, view in looked]
    changed = [(clock, view) for clock, view in looked if clock.told != _telling(view)]
    if not changed:
        return views
    incident = replace(incident, version=incident.version + 1)
    await ports.incidents.save(incident, [])
    for clock, view in changed:
        data = {
            "clock_id": str(view.id),
            "metric": view.metric.value,
            "before": clock.told,
            "after": _telling(view),
        }
        await ports.incidents.tell(incident, Entry("clock_changed", ports.now, UPHELD, "clock", data=data))
    await say(ports, incident, "clocks_changed", views)
    return views


async def read_clocks(ports: Ports, incident: Incident, *, clock_id: UUID | None = None) -> list[ClockView]:
    """The clocks of an incident folded now, without changing anything; with `clock_id`, only that one."""
    history = await ports.contracts.history(incident.subject.contract_id)
    return [
        _view(ports, clock, _fold(history, incident, clock))
        for clock in await ports.clocks.of_incident(incident.id)
        if clock_id in (None, clock.id)
    ]


async def _look(ports: Ports, incident: Incident) -> list[tuple[StoredClock, ClockView]]:
    """Reads every clock now, says once what has become true of it, and caches when to look again."""
    history = await ports.contracts.history(incident.subject.contract_id)
    looked = []
    for clock in await ports.clocks.of_incident(incident.id):
        found = _fold(history, incident, clock)
        view = _view(ports, clock, found)
        await _say_what_is_new(ports, incident, clock, found, view)
        await ports.clocks.cache(
            incident, view, next_due_at=_next_due(found, view.reading, clock, ports.now), ended_at=found.ended_at
        )
        looked.append((clock, replace(view, version=clock.version)))
    return looked


def _fold(history: ContractHistory, incident: Incident, clock: StoredClock) -> Folding:
    return folding(history, incident.severity, clock.metric, clock.facts)


def _view(ports: Ports, clock: StoredClock, found: Folding) -> ClockView:
    return ClockView(clock.id, clock.metric, found.read(ports.now, [AT_RISK_PERCENT]), clock.version)


def _telling(view: ClockView) -> dict[str, Any]:
    """What must not change without being told: all but what the passing of time does to it.

    A clock that stands still is due later with every instant, and one that runs has used more.
    """
    reading = view.reading
    verdict = reading.cycles[-1].verdict
    telling: dict[str, Any] = {
        "policy": reading.policy,
        "target_seconds": number(seconds(reading.target)),
        "state": reading.state,
        "verdict": verdict,
    }
    if reading.state != "paused":
        for name, at in (("due_at", reading.due_at), ("breach_after", reading.breach_after)):
            telling[name] = instant_text(at) if at else None
    if verdict is not None or reading.state == "cancelled":
        telling["elapsed_seconds"] = number(seconds(reading.elapsed))
    return telling


async def _say_what_is_new(
    ports: Ports, incident: Incident, clock: StoredClock, found: Folding, view: ClockView
) -> None:
    reading = view.reading
    opened = 1 + found.reopenings(ports.now)
    # Warnings belong to a count from zero: a reopened clock that goes on counting has been warned about already.
    counted = opened if found.rules.on_reopen == "new_cycle" else 1
    news: list[tuple[tuple[int, str, int], datetime]] = [
        ((counted, "at_risk", threshold.percent), threshold.at)
        for threshold in reading.thresholds
        if threshold.reached and threshold.at is not None
    ]
    if reading.breaches:
        news.append(((counted, "breached", 100), reading.breaches[-1].at))
    if reading.state == "met":
        stopped_at = reading.cycles[-1].stopped_at
        assert stopped_at is not None
        news.append(((opened, "met", 0), stopped_at))
    for notice, at in news:
        if notice in clock.said:
            continue
        _, what, percent = notice
        await ports.clocks.say(incident, clock, notice, at)
        ports.announcer.clock(
            what, incident, view, version=clock.version, at=at, percent=percent if what == "at_risk" else None
        )
        if what == "breached" and clock.told is not None:
            clock.told = {**clock.told, "state": "breached"}
            await ports.clocks.remember_told(clock.id, clock.told)
        data: dict[str, Any] = {"clock_id": str(clock.id), "metric": clock.metric.value}
        if what == "at_risk":
            data["percent"] = percent
        await ports.incidents.tell(incident, Entry(f"clock_{what}", at, UPHELD, "clock", data=data))
        stale = what == "at_risk" and reading.breaches  # whoever is late needs no warning that he may be late
        if what in ALERTED and found.ended_at is None and not stale:
            fact = f"{clock.metric}.{notice[0]}.{percent}"
            await alerts.alert(ports, incident, f"clock_{what}", fact=fact, details=data)


def _next_due(found: Folding, reading: ClockReading, clock: StoredClock, now: datetime) -> datetime | None:
    """When something about the clock may become true next, if no new fact arrives; None when nothing will."""
    candidates = [found.next_change_after(now)]
    if reading.state == "running":
        candidates += [threshold.at for threshold in reading.thresholds if not threshold.reached]
        candidates.append(reading.breach_after + _TICK if reading.breach_after is not None else None)
    return min((at for at in candidates if at is not None), default=None)
