"""What a contract promises about reactions, over its versions, and what that means for one clock.

A clock stores only its own facts (opened, stopped, paused …). Which target, calendar and pauses applied when is not
stored with it but derived here from the versions of the contract, each from the instant at which it took effect. So a
version that arrives late is counted from its own time, and nothing has to be corrected afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType

from incidents.domain.service_desk_terms import DEFAULT_TERMS, ServiceDeskTerms
from incidents.domain.sla_clock import (
    Cancelled,
    ClockEvent,
    ClockReading,
    ClockRules,
    Opened,
    Paused,
    Policy,
    PolicyChanged,
    Reopened,
    Resumed,
    Stopped,
    fold_clock,
)
from incidents.domain.work_item import Category, Kind, Milestone, WorkItem
from shared.kernel.calendar import CalendarHistory

SUSPENDED = "contract_suspended"
"""Reason of the pause while the contract is suspended: nothing is owed then, under every policy."""

UNOBSERVED = "monitoring_paused"
"""Reason of the pause from the instant on at which an outage is no longer observed, under every policy.

Whether its site works again nobody can see then. If it is still down when it is watched again, that is an outage of its
own, with clocks of its own; this one's stand still until a person says what became of it.
"""

NOT_PROMISED = "not_promised"
"""Reason of the pause while the item has a severity for which the contract promises nothing of this metric.

Whoever ranks an item down and up again gets the clock back as it was; one that stops meanwhile for good ends without a
verdict.
"""

NOT_RESOLVED = "not_resolved"
"""Reason of the pause of a post-mortem clock while its incident is open again: there is nothing to look back on yet."""

RESERVED_REASONS = frozenset({SUSPENDED, UNOBSERVED, NOT_PROMISED, NOT_RESOLVED})
"""Reasons that only the service itself gives."""

_OVER = frozenset({"terminated", "expired"})


class Metric(StrEnum):
    """What a clock measures: until somebody starts, until the damage is contained, until it works again, until the next
    answer, until the client accepts, until the post-mortem is there.
    """

    RESPONSE = "response"
    MITIGATION = "mitigation"
    REPAIR = "repair"
    NEXT_REPLY = "next_reply"
    ACCEPTANCE = "acceptance"
    POST_MORTEM = "post_mortem"


EACH_TIME = frozenset({Metric.NEXT_REPLY, Metric.ACCEPTANCE, Metric.POST_MORTEM})
"""Metrics that begin anew each time: the next question has the whole time, whatever the last one took."""


@dataclass(frozen=True, slots=True)
class ResponseTerms:
    """The reaction part of a contract version. A severity and metric without an entry are not promised."""

    calendar: str
    pausable: frozenset[str]
    rules: ClockRules
    targets: Mapping[tuple[str, Metric], timedelta]
    for_all: Mapping[Metric, timedelta] = field(default_factory=dict)
    """Targets that hold whatever the severity: acceptance, post-mortem."""

    def policy(self, severity: str, metric: Metric) -> Policy | None:
        target = self.targets.get((severity, metric), self.for_all.get(metric))
        if target is None:
            return None
        return Policy(target, self.calendar, self.pausable | RESERVED_REASONS)


@dataclass(frozen=True, slots=True)
class Terms:
    """One version of a contract, as far as clocks care. `calendars`: name to its versions."""

    version: int
    status: str
    effective_from: datetime
    response: ResponseTerms | None
    calendars: Mapping[str, CalendarHistory]
    service_desk: ServiceDeskTerms = DEFAULT_TERMS

    def policy(self, severity: str, metric: Metric) -> Policy | None:
        """None when nothing is promised, or not any more."""
        if self.status in _OVER or self.response is None:
            return None
        return self.response.policy(severity, metric)


@dataclass(frozen=True, slots=True)
class ClockFact:
    """One stored fact of a clock. `kind`: opened, paused, resumed, stopped, reopened, cancelled, reclassified.

    `severity` is the item's from this fact on, of an opening and a reclassification.
    """

    kind: str
    at: datetime
    pause_id: str | None = None
    reason: str | None = None
    severity: str | None = None


@dataclass(frozen=True, slots=True)
class Folding:
    """Everything that a clock is folded from, but the instant to fold at. `ended_at` is None while it runs."""

    calendars: Mapping[str, CalendarHistory]
    policies: Mapping[str, Policy]
    rules: ClockRules
    events: tuple[ClockEvent, ...]
    ended_at: datetime | None

    def read(self, as_of: datetime, thresholds: Sequence[int] = ()) -> ClockReading:
        """The clock at an instant; at its opening when that is later, as clocks of two machines may have it."""
        at = max(as_of, self.events[0].at)
        return fold_clock(self.calendars, self.policies, self.rules, thresholds, self.events, at)

    def next_change_after(self, instant: datetime) -> datetime | None:
        """When the next known event lies in the future: what was read now holds until then."""
        return next((event.at for event in self.events if event.at > instant), None)

    def reopenings(self, until: datetime) -> int:
        """How often it had been reopened by then."""
        return sum(isinstance(event, Reopened) and event.at <= until for event in self.events)

    def count(self, until: datetime) -> int:
        """Which count from zero it was in by then: the first, unless a reopening begins at zero again."""
        return 1 + self.reopenings(until) if self.rules.on_reopen == "new_cycle" else 1


@dataclass(frozen=True, slots=True)
class ContractHistory:
    """The known versions of one contract, by version number."""

    versions: tuple[Terms, ...]

    def before(self, end: datetime | None) -> ContractHistory:
        """Only the versions that had taken effect by then; None is all of them.

        A clock that has ended heeds no others: a later amendment or an edited calendar does not change a verdict.
        """
        if end is None:
            return self
        return ContractHistory(tuple(terms for terms in self.versions if terms.effective_from <= end))

    def in_force(self, at: datetime) -> Terms | None:
        """The newest version among those that had taken effect; None before the first."""
        return max((t for t in self.versions if t.effective_from <= at), key=lambda t: t.version, default=None)

    def service_desk(self, at: datetime) -> ServiceDeskTerms:
        """How the desk of the contract worked at an instant; before its first version, by the defaults."""
        terms = self.in_force(at)
        return DEFAULT_TERMS if terms is None else terms.service_desk

    def changes_after(self, at: datetime) -> Iterator[Terms]:
        """The versions that came into force after an instant, in the order of time.

        A version that takes effect when a newer one already has never comes into force.
        """
        current = self.in_force(at)
        newest = current.version if current else -1
        for terms in sorted(self.versions, key=lambda t: (t.effective_from, t.version)):
            if terms.effective_from > at and terms.version > newest:
                newest = terms.version
                yield terms

    def promised(self, severity: str, metric: Metric, at: datetime) -> Terms | None:
        """The newest version among those that had taken effect and promise this, in force or not; None without one."""
        return max(
            (t for t in self.versions if t.effective_from <= at and t.policy(severity, metric) is not None),
            key=lambda t: t.version,
            default=None,
        )

    def promises(self, severity: str, metric: Metric, at: datetime) -> bool:
        """Whether a clock of this metric opens for an incident that was detected then."""
        terms = self.in_force(at)
        return terms is not None and terms.policy(severity, metric) is not None

    def calendars(self) -> dict[str, CalendarHistory]:
        """Every calendar by name, each as the newest version that names it tells it."""
        found: dict[str, CalendarHistory] = {}
        for terms in sorted(self.versions, key=lambda t: t.version):
            found.update(terms.calendars)
        return found


@dataclass(frozen=True, slots=True)
class Course:
    """Between which instants of an item a clock counts; one without a beginning begins with a question (`ask`).

    `by_a_person`: what a machine does by itself does not stop it. `pausable`: whether a pause of the item is one of
    this clock, if the contract lists its reason.
    """

    begins: Milestone | None
    ends: tuple[Milestone, ...]
    by_a_person: bool = False
    pausable: bool = True


COURSES: Mapping[Metric, Course] = MappingProxyType(
    {
        Metric.RESPONSE: Course(Milestone.DETECTED, (Milestone.ACKNOWLEDGED,), by_a_person=True),
        Metric.MITIGATION: Course(Milestone.DETECTED, (Milestone.MITIGATED, Milestone.RECOVERED, Milestone.RESOLVED)),
        Metric.REPAIR: Course(Milestone.DETECTED, (Milestone.RECOVERED, Milestone.RESOLVED)),
        Metric.NEXT_REPLY: Course(
            None, (Milestone.RESOLVED, Milestone.DECLINED, Milestone.ACCEPTED, Milestone.CLOSED), by_a_person=True
        ),
        Metric.ACCEPTANCE: Course(Milestone.DEPLOYED, (Milestone.ACCEPTED, Milestone.REJECTED), pausable=False),
        Metric.POST_MORTEM: Course(Milestone.RESOLVED, (Milestone.POST_MORTEM,)),
    }
)


def ends_without_verdict(kind: Kind) -> tuple[Milestone, ...]:
    """What becomes of an item that is not worked on: its clocks are cancelled.

    A change that the client declines is no such item: it may be scoped again, and he may ask about it again.
    """
    return (Milestone.CANCELLED,) if kind is Kind.CHANGE else (Milestone.DECLINED, Milestone.CANCELLED)


def measured(item: WorkItem) -> tuple[Metric, ...]:
    """What is measured of an item if the contract promises it. Only corrective work has a repair clock."""
    match item.kind:
        case Kind.INCIDENT:
            return (Metric.RESPONSE, Metric.MITIGATION, Metric.REPAIR, Metric.NEXT_REPLY, Metric.POST_MORTEM)
        case Kind.REQUEST if item.category is Category.CORRECTIVE:
            return (Metric.RESPONSE, Metric.REPAIR, Metric.NEXT_REPLY)
        case Kind.REQUEST:
            return (Metric.RESPONSE, Metric.NEXT_REPLY)
        case Kind.CHANGE:
            return (Metric.NEXT_REPLY, Metric.ACCEPTANCE)
        case _:
            return ()


class NotPromisedError(Exception):
    """No known version ever promised this by the opening, so there is nothing to count."""


def folding(history: ContractHistory, severity: str, metric: Metric, facts: Iterable[ClockFact]) -> Folding:
    """The event list of a clock: its own facts woven with what the contract's versions did, in order of time.

    Facts may be stored in any order and may contradict one another, as late facts do: of several stops in one cycle the
    earliest counts, a stop before the opening counts at the opening, what comes after a cancel does not count.

    A clock whose promise had ended before it opened, as a version that was heard late says, is cancelled as it opens,
    under the policy by which it was opened. `severity` is the one at the opening, unless that fact says another.

    Of several openings, as a merge adds them, the earliest counts.

    Raises NotPromisedError when no version that had taken effect at the opening promises this.
    """
    ordered = sorted(facts, key=lambda fact: fact.at)
    opened = next((fact for fact in ordered if fact.kind == "opened"), None)
    if opened is None:
        raise NotPromisedError("the clock was never opened")
    severity = opened.severity or severity
    # A first weaving finds the end; the second one heeds only what had taken effect by then.
    end = _weave(history, severity, metric, opened, ordered).ended_at
    heeded = history.before(end)
    weaver = _weave(heeded, severity, metric, opened, ordered)
    return Folding(
        calendars=heeded.calendars(),
        policies=weaver.policies,
        rules=weaver.rules,
        events=tuple(weaver.events),
        ended_at=weaver.ended_at,
    )


def _weave(
    history: ContractHistory, severity: str, metric: Metric, opened: ClockFact, ordered: Sequence[ClockFact]
) -> _Weaver:
    first = history.promised(severity, metric, opened.at)
    policy = first.policy(severity, metric) if first else None
    if first is None or policy is None or first.response is None:
        raise NotPromisedError(f"no version promised {metric} for {severity} by {opened.at.isoformat()}")
    rules = first.response.rules
    reopened = max((max(fact.at, opened.at) for fact in ordered if fact.kind == "reopened"), default=None)
    weaver = _Weaver(
        metric,
        severity,
        replace(rules, on_reopen="new_cycle") if metric in EACH_TIME else rules,
        first,
        last_reopening=reopened,
    )
    weaver.open(opened.at, first, policy)
    if first is not history.in_force(opened.at):
        weaver.cancel(opened.at)
    steps: list[tuple[datetime, int, ClockFact | Terms]] = [
        (max(fact.at, opened.at), 1, fact) for fact in ordered if fact is not opened
    ]
    # At one instant the contract's change comes first: what stops then is stopped under the new terms.
    steps += [(terms.effective_from, 0, terms) for terms in history.changes_after(opened.at)]
    for at, _, step in sorted(steps, key=lambda item: (item[0], item[1])):
        if isinstance(step, Terms):
            weaver.take_terms(at, step)
        else:
            weaver.take_fact(at, step)
    return weaver


@dataclass(slots=True)
class _Weaver:
    """Turns facts and contract changes into events that are legal in the order given."""

    metric: Metric
    severity: str
    rules: ClockRules
    terms: Terms
    last_reopening: datetime | None = None
    ended_at: datetime | None = None
    events: list[ClockEvent] = field(default_factory=list)
    policies: dict[str, Policy] = field(default_factory=dict)
    _policy: str = ""
    _wanted: str = ""
    _running: bool = True
    _over: bool = False
    _suspended: bool = False
    _pauses: set[str] = field(default_factory=set)
    _suspensions: int = 0
    _unpromised: bool = False

    def open(self, at: datetime, terms: Terms, policy: Policy) -> None:
        self._policy = self._wanted = self._name(terms, policy)
        self.events.append(Opened(at, self._policy))
        self._suspend(at, terms.status == "suspended")

    def take_terms(self, at: datetime, terms: Terms) -> None:
        if self._over:
            return
        promised_before = not self._unpromised
        policy = terms.policy(self.severity, self.metric)
        self.terms = terms
        if policy is None and not promised_before and terms.status not in _OVER:
            self._suspend(at, terms.status == "suspended")
            return  # nothing was promised for this severity, and nothing is now
        if policy is None:
            # A stopped clock keeps its verdict; a running one has nothing left to keep.
            if self._running:
                self.cancel(at)
            return
        self._promise_again(at)
        self._wanted = self._name(terms, policy)
        self._change_policy(at)
        self._suspend(at, terms.status == "suspended")

    def take_fact(self, at: datetime, fact: ClockFact) -> None:
        if self._over:
            return
        match fact.kind:
            case "stopped" if self._running and self._unpromised and not self._reopened_after(at):
                self.cancel(at)
            case "stopped" if self._running:
                self._running = self._unpromised = False
                self.ended_at = at
                self._pauses.clear()
                self.events.append(Stopped(at))
            case "reopened" if not self._running:
                self._running = True
                self.ended_at = None
                self.events.append(Reopened(at))
                self._change_policy(at)
                if self.terms.policy(self.severity, self.metric) is None:
                    self._unpromised = True
                    self.events.append(Paused(at, NOT_PROMISED, NOT_PROMISED))
                suspended, self._suspended = self._suspended, False
                self._suspend(at, suspended)
            case "cancelled" if self._running:
                self.cancel(at)
            case "reclassified" if fact.severity is not None and fact.severity != self.severity:
                self._reclassify(at, fact.severity)
            case "paused" if self._running and fact.pause_id and fact.pause_id not in self._pauses:
                self._pauses.add(fact.pause_id)
                self.events.append(Paused(at, fact.pause_id, fact.reason or ""))
            case "resumed" if self._running and fact.pause_id is not None and fact.pause_id in self._pauses:
                self._pauses.discard(fact.pause_id)
                self.events.append(Resumed(at, fact.pause_id))
            case _:
                pass  # a later stop, a pause of a stopped clock: told, and of no effect

    def cancel(self, at: datetime) -> None:
        self._over = True
        self.ended_at = at
        self.events.append(Cancelled(at))

    def _reopened_after(self, at: datetime) -> bool:
        """A clock that was cancelled cannot be reopened, and what is promised after a reopening has to be counted."""
        return self.last_reopening is not None and self.last_reopening >= at

    def _reclassify(self, at: datetime, severity: str) -> None:
        self.severity = severity
        policy = self.terms.policy(severity, self.metric)
        if policy is not None:
            self._promise_again(at)
            self._wanted = self._name(self.terms, policy)
            self._change_policy(at)
        elif not self._unpromised and self._running:
            self._unpromised = True
            self.events.append(Paused(at, NOT_PROMISED, NOT_PROMISED))

    def _promise_again(self, at: datetime) -> None:
        if self._unpromised:
            self._unpromised = False
            self.events.append(Resumed(at, NOT_PROMISED))

    def _name(self, terms: Terms, policy: Policy) -> str:
        """The name of a policy: the same while nothing in it changes, else it names the version that changed it."""
        for name, known in self.policies.items():
            if known == policy:
                return name
        name = f"{self.severity}-{self.metric}@{terms.version}"
        self.policies[name] = policy
        return name

    def _change_policy(self, at: datetime) -> None:
        if self._running and self._wanted != self._policy:
            self._policy = self._wanted
            self.events.append(PolicyChanged(at, self._policy))

    def _suspend(self, at: datetime, suspended: bool) -> None:
        if self._running and suspended != self._suspended:
            if suspended:
                self._suspensions += 1
            pause_id = f"{SUSPENDED}.{self._suspensions}"
            self.events.append(Paused(at, pause_id, SUSPENDED) if suspended else Resumed(at, pause_id))
        self._suspended = suspended
