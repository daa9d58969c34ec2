"""The clocks of an item: opened, stopped, read, and what is said about them.

A clock is a list of facts. Everything that is shown or said comes from folding them; the caller holds the item's
lock, which is the lock of its clocks too.

Others are told what a clock reads by every event of its item, and that it breached by one of its own. Whenever it
reads something else than they were told, because a version of the contract changed it or took something back, the
item says so with `clocks_changed`: the newest fold counts, for others as for us. So it does where others do not know
all that happened to a clock, as earlier releases did not tell it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from incidents.application import alerts
from incidents.application.ports import UPHELD, ClockView, Entry, Ports, StoredClock
from incidents.domain.promises import (
    COURSES,
    EACH_TIME,
    NOT_RESOLVED,
    UNOBSERVED,
    ClockFact,
    ContractHistory,
    Course,
    Folding,
    Metric,
    ends_without_verdict,
    folding,
    measured,
)
from incidents.domain.sla_clock import ClockReading
from incidents.domain.work_item import Kind, Milestone, Who, WorkItem
from shared.values import instant_text, number, seconds

_OPENED = "opened"

ALERTED = frozenset({"at_risk", "breached"})
"""What the agency is told about a clock while it can still do something."""

# The fold reads exact time, and a clock is over its target strictly after `breach_after`: this is the first instant of
# it that the database can store.
_TICK = timedelta(microseconds=1)


async def attach(ports: Ports, item: WorkItem, *, since: datetime | None = None) -> None:
    """Opens the clocks that the contract promises for this item and that are not there yet, and tells all what was.

    Nothing is promised for an environment that does not count, before the contract took effect, or while we do not know
    the contract: it will attach the clocks when it arrives. With `since`, none counts from an earlier instant.
    The client's time for acceptance is none of our promises: it runs in every environment.
    """
    history = await ports.contracts.history(item.subject.contract_id)
    there = {clock.metric for clock in await ports.clocks.of_item(item.id)}
    for metric in measured(item):
        if not item.subject.counts_for_sla and metric is not Metric.ACCEPTANCE:
            continue
        begins = COURSES[metric].begins
        begin = item.stamps.get(begins) if begins is not None else None
        if begin is None:
            continue
        opens_at = begin.at if since is None else max(begin.at, since)
        if metric in there or not history.promises(item.severity, metric, opens_at):
            continue
        if metric is Metric.POST_MORTEM and not await post_mortem_due(ports, item, history):
            continue
        clock = await ports.clocks.add(item, metric)
        opened = ClockFact("opened", opens_at, severity=item.severity)
        await ports.clocks.add_fact(item, clock, _OPENED, opened, actor=begin.actor, source=begin.source)
    await _follow_what_happened(ports, item)


async def post_mortem_due(ports: Ports, item: WorkItem, history: ContractHistory) -> bool:
    """Whether the contract in force at the resolution asks for a post-mortem: by severity, or because it recurs."""
    resolved = item.stamps.get(Milestone.RESOLVED)
    wanted = history.service_desk(resolved.at).post_mortem if resolved is not None else None
    if wanted is None or item.kind is not Kind.INCIDENT:
        return False
    opened_at = item.stamps[Milestone.OPENED].at
    recurred = await ports.items.incidents_like(item, opened_at - wanted.within, opened_at)
    return wanted.required(item.severity, recurred)


async def ask(ports: Ports, item: WorkItem, name: str, at: datetime, actor: Who) -> None:
    """The client has said something that wants an answer: the next-reply clock runs from the oldest such question."""
    history = await ports.contracts.history(item.subject.contract_id)
    if not item.subject.counts_for_sla or Metric.NEXT_REPLY not in measured(item):
        return
    clocks = {clock.metric: clock for clock in await ports.clocks.of_item(item.id)}
    clock = clocks.get(Metric.NEXT_REPLY)
    fact = ClockFact("reopened", at)
    if clock is None:
        if not history.promises(item.severity, Metric.NEXT_REPLY, at):
            return
        clock = await ports.clocks.add(item, Metric.NEXT_REPLY)
        fact = ClockFact("opened", at, severity=item.severity)
    elif _fold(history, item, clock).ended_at is None:
        return  # an older question waits already
    await ports.clocks.add_fact(item, clock, f"asked.{name}", fact, actor=actor, source="api")


async def answer(ports: Ports, item: WorkItem, name: str, at: datetime, actor: Who) -> None:
    """A person of the agency has answered: the next-reply clock stops."""
    for clock in await ports.clocks.of_item(item.id):
        if clock.metric is Metric.NEXT_REPLY:
            fact = ClockFact("stopped", at)
            await ports.clocks.add_fact(item, clock, f"answered.{name}", fact, actor=actor, source="api")


async def reclassify(ports: Ports, item: WorkItem, actor: Who) -> None:
    """The item has another severity from now on: its clocks go on under what is promised for that.

    What is promised only now counts from the detection, or from now where the contract does not judge what is past by
    a new target.
    """
    for clock in await ports.clocks.of_item(item.id):
        fact = ClockFact("reclassified", ports.now, severity=item.severity)
        name = f"reclassified.{item.version}"
        await ports.clocks.add_fact(item, clock, name, fact, actor=actor, source="api")
    terms = (await ports.contracts.history(item.subject.contract_id)).in_force(ports.now)
    if terms is not None and terms.response is not None and terms.response.rules.on_policy_change != "retroactive":
        await attach(ports, item, since=ports.now)


async def take_over(ports: Ports, item: WorkItem, merged: WorkItem, actor: Who) -> None:
    """The item goes on for the merged one too: its clocks count from the earlier opening, and an answer counts.

    Until the item's own opening they count what the merged one's counted: its waits, and the time in which it was
    thought to be over, do not become work. What still ran of the merged one ends without a verdict; what had stopped
    keeps its own.
    """
    history = await ports.contracts.history(item.subject.contract_id)
    theirs = {clock.metric: clock for clock in await ports.clocks.of_item(merged.id)}
    for clock in await ports.clocks.of_item(item.id):
        other = theirs.get(clock.metric)
        if other is None or clock.metric in EACH_TIME:
            continue
        earliest = min(fact.at for fact in other.facts if fact.kind == "opened")
        own = next(fact for fact in clock.facts if fact.kind == "opened")
        since = min(fact.at for fact in clock.facts if fact.kind == "opened")
        severity = own.severity or item.severity
        if earliest < since and history.promised(severity, clock.metric, earliest) is not None:
            opened = ClockFact("opened", earliest, severity=severity)
            before = [opened, *_counted_before(since, clock.metric, merged, other)]
            for number_of_fact, fact in enumerate(before):
                name = f"merged.{merged.id}.{number_of_fact}"
                await ports.clocks.add_fact(item, clock, name, fact, actor=actor, source=merged.number)
        if clock.metric is Metric.RESPONSE:
            for fact in [fact for fact in other.facts if fact.kind == "stopped"][:1]:
                name = f"answered.{merged.id}"
                await ports.clocks.add_fact(item, clock, name, fact, actor=actor, source=merged.number)
    for clock in theirs.values():
        fact = ClockFact("cancelled", ports.now)
        await ports.clocks.add_fact(merged, clock, "merged", fact, actor=actor, source=item.number)


def _counted_before(since: datetime, metric: Metric, merged: WorkItem, clock: StoredClock) -> list[ClockFact]:
    """What a merged item's clock did before an instant, at which every pause and stop of it is over."""
    facts = []
    for fact in sorted(clock.facts, key=lambda fact: fact.at):
        # That it was answered is answered for good: `take_over` tells it.
        heeded = ("paused", "resumed") if metric is Metric.RESPONSE else ("paused", "resumed", "stopped", "reopened")
        if fact.at < since and fact.kind in heeded:
            pause_id = fact.pause_id and f"{merged.id}.{fact.pause_id}"
            facts.append(replace(fact, pause_id=pause_id))
            if fact.kind == "paused":
                facts.append(ClockFact("resumed", since, pause_id=pause_id))
    ends = [fact.kind for fact in facts if fact.kind in ("stopped", "reopened")]
    return [*facts, ClockFact("reopened", since)] if ends[-1:] == ["stopped"] else facts


async def _follow_what_happened(ports: Ports, item: WorkItem) -> None:
    """Tells the clocks what the item's stamps and pauses say; they may have been attached after it happened."""
    pauses = await ports.items.pauses(item.id)
    for clock in await ports.clocks.of_item(item.id):
        course = COURSES[clock.metric]
        opened_at = min(fact.at for fact in clock.facts if fact.kind == "opened")

        async def note(
            milestone: Milestone,
            kind: str,
            clock: StoredClock = clock,
            course: Course = course,
            since: datetime = opened_at,
        ) -> None:
            stamp = item.stamps.get(milestone)
            if stamp is None or (course.by_a_person and not stamp.actor.is_human):
                return
            if clock.metric in EACH_TIME and stamp.at < since:
                return  # it is of what happened before this was asked for
            fact = ClockFact(kind, stamp.at)
            name = f"{milestone}.{item.cycle}"
            await ports.clocks.add_fact(item, clock, name, fact, actor=stamp.actor, source=stamp.source)

        if item.cycle > 1:
            begins = course.begins if clock.metric in EACH_TIME else Milestone.REOPENED
            begin = item.stamps.get(begins) if begins is not None else None
            if begin is not None and begin.at > opened_at:
                name = f"begins.{begins}.{item.cycle}"
                fact = ClockFact("reopened", begin.at)
                await ports.clocks.add_fact(item, clock, name, fact, actor=begin.actor, source=begin.source)
        if Milestone.RECOVERED in course.ends:
            await _go_on_after_a_relapse(ports, item, clock)
        if clock.metric is Metric.POST_MORTEM:
            await _wait_while_open_again(ports, item, clock)
        without_verdict = ends_without_verdict(item.kind)
        for milestone in course.ends:
            if milestone not in without_verdict:
                await note(milestone, "stopped")
        for milestone in without_verdict:
            await note(milestone, "cancelled")
        unobserved = item.stamps.get(Milestone.MONITORING_PAUSED)
        if unobserved is not None:
            name = f"{Milestone.MONITORING_PAUSED}.{item.cycle}"
            fact = ClockFact("paused", unobserved.at, pause_id=name, reason=UNOBSERVED)
            await ports.clocks.add_fact(item, clock, name, fact, actor=unobserved.actor, source=unobserved.source)
        if not course.pausable:
            continue
        for pause in pauses:
            name = f"pause.{pause.id}"
            fact = ClockFact("paused", pause.at, pause_id=name, reason=pause.reason)
            await ports.clocks.add_fact(item, clock, name, fact, actor=pause.actor, source="api")
            if pause.resumed_at is not None and pause.resumed_by is not None:
                fact = ClockFact("resumed", pause.resumed_at, pause_id=name)
                by = pause.resumed_by
                await ports.clocks.add_fact(item, clock, f"{name}.over", fact, actor=by, source="api")


async def _go_on_after_a_relapse(ports: Ports, item: WorkItem, clock: StoredClock) -> None:
    """What recovered and was wrong again had not recovered; what somebody had contained before stays contained."""
    relapsed = item.stamps.get(Milestone.RELAPSED)
    if relapsed is None:
        return
    if any(end in item.stamps and item.stamps[end].at <= relapsed.at for end in COURSES[clock.metric].ends):
        return
    fact, name = ClockFact("reopened", relapsed.at), f"{Milestone.RELAPSED}.{item.cycle}"
    await ports.clocks.add_fact(item, clock, name, fact, actor=relapsed.actor, source=relapsed.source)


async def _wait_while_open_again(ports: Ports, item: WorkItem, clock: StoredClock) -> None:
    """Nobody completes the post-mortem of what is not resolved: its clock stands still from reopening to resolution."""
    name = f"open_again.{item.cycle}"
    reopened, resolved = (item.stamps.get(each) for each in (Milestone.REOPENED, Milestone.RESOLVED))
    if reopened is None:
        return
    fact = ClockFact("paused", reopened.at, pause_id=name, reason=NOT_RESOLVED)
    await ports.clocks.add_fact(item, clock, name, fact, actor=reopened.actor, source=reopened.source)
    if resolved is not None:
        fact = ClockFact("resumed", resolved.at, pause_id=name)
        await ports.clocks.add_fact(item, clock, f"{name}.over", fact, actor=resolved.actor, source=resolved.source)


async def heed(ports: Ports, item: WorkItem) -> list[ClockView]:
    """Brings the clocks in line with the item and the contract, says what is new about each, refreshes the cache.

    Returns the clocks as they read now; the caller says them with what happened to the item (`say`).
    """
    await attach(ports, item)
    return [view for _, view in await _look(ports, item)]


async def say(ports: Ports, item: WorkItem, what: str, views: Sequence[ClockView]) -> None:
    """Says what happened to the item, with all of its clocks, and remembers what was told of them."""
    ports.announcer.item(what, item, views)
    for view in views:
        await ports.clocks.remember_told(view.id, _telling(view))


async def refresh(ports: Ports, item: WorkItem) -> list[ClockView]:
    """Looks at every clock of a locked item and says once what has become true.

    When others were told that one reads something else, or not all that happened to it, the item gets a new version
    that says how all read now. Its timeline has a line for each that reads something else.
    """
    looked = await _look(ports, item)
    views = [view for _, view in looked]
    changed = [(clock, view) for clock, view in looked if clock.told != _telling(view)]
    if not changed:
        return views
    item = replace(item, version=item.version + 1)
    await ports.items.save(item, [])
    for clock, view in changed:
        before, after = clock.told and _read(clock.told), _read(_telling(view))
        if before == after:
            continue
        data = {"clock_id": str(view.id), "metric": view.metric.value, "before": before, "after": after}
        await ports.items.tell(item, Entry("clock_changed", ports.now, UPHELD, "clock", data=data))
    await say(ports, item, "clocks_changed", views)
    return views


async def read_clocks(ports: Ports, item: WorkItem, *, clock_id: UUID | None = None) -> list[ClockView]:
    """The clocks of an item folded now, without changing anything; with `clock_id`, only that one."""
    history = await ports.contracts.history(item.subject.contract_id)
    return [
        _view(ports, history, clock, _fold(history, item, clock))
        for clock in await ports.clocks.of_item(item.id)
        if clock_id in (None, clock.id)
    ]


async def _look(ports: Ports, item: WorkItem) -> list[tuple[StoredClock, ClockView]]:
    """Reads every clock now, says once what has become true of it, and caches when to look again."""
    history = await ports.contracts.history(item.subject.contract_id)
    looked = []
    for clock in await ports.clocks.of_item(item.id):
        found = _fold(history, item, clock)
        view = _view(ports, history, clock, found)
        await _say_what_is_new(ports, item, clock, found, view)
        next_due_at = _next_due(history, found, view.reading, ports.now)
        await ports.clocks.cache(item, view, next_due_at=next_due_at, ended_at=found.ended_at)
        looked.append((clock, replace(view, version=clock.version)))
    return looked


def _fold(history: ContractHistory, item: WorkItem, clock: StoredClock) -> Folding:
    return folding(history, item.severity, clock.metric, clock.facts)


def _view(ports: Ports, history: ContractHistory, clock: StoredClock, found: Folding) -> ClockView:
    """Warned is at the percentages of the terms in force now; of a clock that has ended, of those then."""
    percents = history.service_desk(min(ports.now, found.ended_at or ports.now)).warnings_percent
    reading = found.read(ports.now, percents)
    return ClockView(clock.id, clock.metric, reading, clock.version, found.count(ports.now), tuple(clock.facts))


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
        "facts": len(view.facts),
    }
    if reading.state != "paused":
        for name, at in (("due_at", reading.due_at), ("breach_after", reading.breach_after)):
            telling[name] = instant_text(at) if at else None
    if verdict is not None or reading.state == "cancelled":
        telling["elapsed_seconds"] = number(seconds(reading.elapsed))
    return telling


def _read(told: Mapping[str, Any]) -> dict[str, Any]:
    """What a clock that is told so reads, however much happened to it."""
    return {name: each for name, each in told.items() if name != "facts"}


async def _say_what_is_new(ports: Ports, item: WorkItem, clock: StoredClock, found: Folding, view: ClockView) -> None:
    reading = view.reading
    opened = 1 + found.reopenings(ports.now)
    # Warnings belong to a count from zero: a reopened clock that goes on counting has been warned about already.
    counted = found.count(ports.now)
    # What was said of a larger share stands for the smaller ones: terms that warn more often warn of no past share.
    warned = max(
        (percent for cycle, kind, percent in clock.said if cycle == counted and kind in ("at_risk", "breached")),
        default=0,
    )
    news: list[tuple[tuple[int, str, int], datetime]] = [
        ((counted, "at_risk", threshold.percent), threshold.at)
        for threshold in reading.thresholds
        if threshold.reached and threshold.at is not None and threshold.percent > warned
    ]
    taken_back = sum(cycle == counted and kind == "taken_back" for cycle, kind, _ in clock.said)
    breach = (counted, "breached", 100) if not taken_back else (counted, "breached_again", taken_back)
    if breach in clock.said and reading.state not in ("breached", "cancelled"):
        # The breach that was said is none any more, so the next one is news.
        taken_back += 1
        await ports.clocks.note(item, clock, (counted, "taken_back", taken_back), ports.now)
        breach = (counted, "breached_again", taken_back)
    happened = reading.state == "breached" if taken_back else bool(reading.breaches)
    # Who lets the time for acceptance run out has accepted in time.
    if happened and clock.metric is not Metric.ACCEPTANCE:
        news.append((breach, reading.breaches[-1].at))
    if reading.state == "met":
        stopped_at = reading.cycles[-1].stopped_at
        assert stopped_at is not None
        news.append(((opened, "met", 0), stopped_at))
    for notice, at in news:
        if notice in clock.said:
            continue
        _, kind, percent = notice
        what = "breached" if kind == "breached_again" else kind
        await ports.clocks.say(item, clock, notice, at)
        ports.announcer.clock(
            what, item, view, version=clock.version, at=at, percent=percent if what == "at_risk" else None
        )
        # A breach after one that was taken back is told by the item too, as the taking back was.
        if kind == "breached" and clock.told is not None:
            clock.told = {**clock.told, "state": "breached"}
            await ports.clocks.remember_told(clock.id, clock.told)
        data: dict[str, Any] = {"clock_id": str(clock.id), "metric": clock.metric.value}
        if what == "at_risk":
            data["percent"] = percent
        await ports.items.tell(item, Entry(f"clock_{what}", at, UPHELD, "clock", data=data))
        # Whoever is late needs no warning that he may be late.
        stale = what == "at_risk" and percent <= 100 and reading.breaches
        if what in ALERTED and found.ended_at is None and not stale:
            again = "again." if kind == "breached_again" else ""
            fact = f"{clock.metric}.{notice[0]}.{again}{percent}"
            await alerts.alert(ports, item, f"clock_{what}", fact=fact, details=data)


def _next_due(history: ContractHistory, found: Folding, reading: ClockReading, now: datetime) -> datetime | None:
    """When something about the clock may become true next, if no new fact arrives; None when nothing will."""
    candidates = [found.next_change_after(now)]
    if found.ended_at is None:
        # Other terms may warn at other shares, also where they promise the same.
        candidates += [terms.effective_from for terms in history.changes_after(now)]
    if reading.state in ("running", "breached") and reading.cycles[-1].stopped_at is None:
        candidates += [threshold.at for threshold in reading.thresholds if not threshold.reached]
    if reading.state == "running" and reading.breach_after is not None:
        candidates.append(reading.breach_after + _TICK)
    return min((at for at in candidates if at is not None), default=None)
