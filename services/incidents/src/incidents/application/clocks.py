"""The clocks of an incident: opened, stopped, read, and what is said about them.

A clock is a list of facts. Everything that is shown or said comes from folding them; the caller holds the incident's
lock, which is the lock of its clocks too.
"""

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
    NotPromisedError,
    folding,
)
from incidents.domain.sla_clock import ClockReading

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
    """Brings the clocks in line with the incident and the contract, says what is new about them, refreshes the cache.

    Returns the clocks as they read now.
    """
    await attach(ports, incident)
    return await refresh(ports, incident)


async def refresh(ports: Ports, incident: Incident) -> list[ClockView]:
    """Reads every clock of a locked incident now, says once what has become true, and caches when to look again."""
    history = await ports.contracts.history(incident.subject.contract_id)
    views = []
    for clock in await ports.clocks.of_incident(incident.id):
        found = fold_of(history, incident, clock)
        if found is None:
            continue
        view = ClockView(clock.id, clock.metric, found.read(ports.now, [AT_RISK_PERCENT]))
        await _say_what_is_new(ports, incident, clock, found, view)
        await ports.clocks.cache(
            incident, view, next_due_at=_next_due(found, view.reading, clock, ports.now), ended_at=found.ended_at
        )
        views.append(view)
    return views


def fold_of(history: ContractHistory, incident: Incident, clock: StoredClock) -> Folding | None:
    """What to fold a clock from; None when the version that promised it is unknown here, which a bootstrap mends."""
    try:
        return folding(history, incident.severity, clock.metric, clock.facts)
    except NotPromisedError:
        return None


async def read_clocks(ports: Ports, incident: Incident, *, clock_id: UUID | None = None) -> list[ClockView]:
    """The clocks of an incident folded now, without changing anything; with `clock_id`, only that one."""
    history = await ports.contracts.history(incident.subject.contract_id)
    views = []
    for clock in await ports.clocks.of_incident(incident.id):
        found = fold_of(history, incident, clock) if clock_id in (None, clock.id) else None
        if found is not None:
            views.append(ClockView(clock.id, clock.metric, found.read(ports.now, [AT_RISK_PERCENT])))
    return views


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
