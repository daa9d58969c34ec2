"""From the transitions of monitors to the one line of states that a figure is computed from.

A transition is a fact that stands alone: it says which state the monitor entered and when, and, where it ends
something, when that had begun. The line is computed from the *set* of transitions in the order of their numbers, so
it does not matter in which order, how often or how late they became known. A transition that is still missing is
bridged by what its neighbours say, and silence that one of them tells is never down, whoever else says so.

Several monitors may watch one environment. It is then down when any of them is down, degraded when any is degraded,
unknown when any is unknown, paused only where all are paused. Where the environment counts, only monitors that measure
its availability say how it is (`of_availability`): a certificate that nobody trusts is an incident, and no down time.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from types import MappingProxyType
from typing import Final, Literal, TypeAlias
from uuid import UUID

from shared.kernel.intervals import Interval, intersection, subtraction

State = Literal["up", "down", "degraded", "maintenance", "unknown", "paused"]

Silence: TypeAlias = tuple[datetime, datetime | None]
"""A stretch without results inside an outage; its end is None when it lasted as long as the outage."""

NOT_BEGUN: Final = "monitoring_not_begun"
"""The reason of unknown time before the first transition of every monitor."""

SILENT: Final = "no_fresh_result"
"""The reason of unknown time at the end of a line: nothing was heard of the hours that are over."""

SILENT_AFTER: Final = timedelta(hours=2)
"""An hour is vouched for minutes after its end, so that at any time the last one ended less than this ago."""

# Which claim wins where two overlap on one monitor; the same order as in the uptime rule.
_PRECEDENCE: Final[tuple[State, ...]] = ("paused", "maintenance", "down", "degraded", "unknown", "up")
_RANKS: Final = {state: float(rank) for rank, state in enumerate(_PRECEDENCE)}

# Silence of which both ends are told wins over down: a claim of down time only did not know of it yet. Unknown time
# whose end is not told does not, because it lasts here until whichever transition happens to be known next.
_TOLD_SILENCE: Final = _RANKS["down"] - 0.5


@dataclass(frozen=True, slots=True)
class Transition:
    """One transition of one monitor.

    `number` counts the monitor's transitions; `entered` is its state from `at` on. `ended` and `ended_since` describe
    the state that this transition ends, when the event tells it. `outage_id` belongs to the down time on either side.
    `gaps` are the silences of the outage that it ends. `measures_availability` is the same for all of a monitor.
    """

    monitor_id: UUID
    number: int
    entered: State
    at: datetime
    event_id: UUID
    ended: State | None = None
    ended_since: datetime | None = None
    outage_id: UUID | None = None
    reason: str | None = None
    gaps: tuple[Silence, ...] = ()
    measures_availability: bool = True


def of_availability(transitions: Sequence[Transition], *, counts_for_sla: bool) -> Sequence[Transition]:
    """The transitions that say how an environment is.

    `counts_for_sla`: of the environment, as its contract says. Of one that does not count nothing was promised that a
    monitor could be beside the point of: all of its monitors say how it is.
    """
    return [each for each in transitions if each.measures_availability] if counts_for_sla else transitions


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of one state, with the outage and the events that say so. `start` is before `end`.

    `outage_decision_id`: what was measured as down, and is something else by this decision.
    """

    start: datetime
    end: datetime
    state: State
    outage_id: UUID | None = None
    reason: str | None = None
    events: tuple[UUID, ...] = ()
    outage_decision_id: UUID | None = None


NOTHING: Final[Mapping[UUID, Sequence[Interval]]] = MappingProxyType({})


def environment_line(
    transitions: Iterable[Transition],
    start: datetime,
    until: datetime,
    *,
    forgiven: Mapping[UUID, Sequence[Interval]] = NOTHING,
) -> list[Span]:
    """The states of an environment over `[start, until)`, without holes or overlaps; adjacent spans differ.

    `forgiven`: by outage the time in which it is taken for up.

    Time before the first transition is unknown, and so is everything when there is no transition at all: no data is
    neither up nor down. What is still going on lasts until `until`.
    """
    if start >= until:
        return []
    by_monitor: dict[UUID, dict[int, Transition]] = {}
    for transition in transitions:
        by_monitor.setdefault(transition.monitor_id, {})[transition.number] = transition
    claims = [
        [
            part
            for claim in _claims([known[number] for number in sorted(known)], until)
            for part in _forgiving(claim, forgiven)
        ]
        for _, known in sorted(by_monitor.items(), key=lambda item: item[0].int)
    ]
    instants = sorted(
        {start, until}
        | {
            edge
            for monitor in claims
            for claim in monitor
            for edge in (claim.span.start, claim.span.end)
            if start < edge < until
        }
    )
    sweeps = [_Sweep(monitor) for monitor in claims]
    line: list[Span] = []
    for left, right in pairwise(instants):
        present = [sweep.winner(left) for sweep in sweeps]
        span = _combine([span for span in present if span is not None], left, right)
        previous = line[-1] if line else None
        if previous is not None and (previous.state, previous.outage_id, previous.reason) == (
            span.state,
            span.outage_id,
            span.reason,
        ):
            events = previous.events + tuple(event for event in span.events if event not in previous.events)
            line[-1] = Span(previous.start, right, previous.state, previous.outage_id, previous.reason, events)
        else:
            line.append(span)
    return line


@dataclass(frozen=True, slots=True)
class _Claim:
    """A stretch that a transition speaks of. Of several at one instant the lowest rank holds."""

    rank: float
    span: Span


def _forgiving(claim: _Claim, forgiven: Mapping[UUID, Sequence[Interval]]) -> list[_Claim]:
    span = claim.span
    intervals = forgiven.get(span.outage_id) if span.state == "down" and span.outage_id is not None else None
    if intervals is None:
        return [claim]
    whole = [Interval(span.start, span.end)]
    down = [_Claim(claim.rank, _cut(span, start, end)) for start, end in subtraction(whole, intervals)]
    up = [
        _Claim(_RANKS["up"], Span(start, end, "up", None, None, span.events))
        for start, end in intersection(whole, intervals)
    ]
    return [*down, *up]


@dataclass(frozen=True, slots=True)
class Vouched:
    """Measuring was there until this instant, as this event says, whatever it found."""

    until: datetime
    event_id: UUID


def with_silence(
    transitions: Sequence[Transition], vouched: Mapping[UUID, Vouched], now: datetime
) -> Sequence[Transition]:
    """The transitions, and for each monitor of which nothing was heard any more by `now` that it became unknown.

    Who measures cannot say that he is away. Monitors that nobody ever vouched for are left as they are.
    """
    newest: dict[UUID, Transition] = {}
    for transition in transitions:
        known = newest.get(transition.monitor_id)
        if known is None or known.number < transition.number:
            newest[transition.monitor_id] = transition
    silent = []
    for monitor_id, last in newest.items():
        word = vouched.get(monitor_id)
        if word is None or last.entered not in ("up", "degraded"):
            continue
        heard = max(word.until, last.at)
        if now - heard > SILENT_AFTER:
            silent.append(
                Transition(
                    monitor_id,
                    last.number + 1,
                    "unknown",
                    heard,
                    word.event_id,
                    reason=SILENT,
                    measures_availability=last.measures_availability,
                )
            )
    return [*transitions, *silent]


def _claims(transitions: Sequence[Transition], until: datetime) -> list[_Claim]:
    """What the transitions of one monitor say, each stretch on its own; they may overlap."""
    outages = _outages(transitions)
    openings: dict[tuple[State, datetime], Transition] = {}
    for transition in transitions:
        openings.setdefault((transition.entered, transition.at), transition)

    def ended(teller: Transition, state: State, since: datetime, end: datetime) -> _Claim:
        outage = outages.get(teller.outage_id) if state == "down" and teller.outage_id is not None else None
        if outage is not None:
            span = _span(state, since, end, teller.outage_id, outage.reason, outage.opening, teller.event_id)
        else:
            opening = openings.get((state, since))
            reason, first = (opening.reason, opening.event_id) if opening is not None else (None, None)
            span = _span(state, since, end, None, reason, first, teller.event_id)
        return _Claim(_TOLD_SILENCE if state == "unknown" else _RANKS[state], span)

    claims: list[_Claim] = []
    for transition, following in zip(transitions, [*transitions[1:], None], strict=True):
        end = following.at if following is not None else until
        outage = outages.get(transition.outage_id) if transition.outage_id is not None else None
        if transition.entered == "down" and outage is not None:
            goes_on = following is not None and following.outage_id == transition.outage_id
            events = (outage.opening, transition.event_id, following.event_id if following and goes_on else None)
            span = _span("down", transition.at, end, transition.outage_id, outage.reason, *events)
        else:
            reason = None if transition.entered == "up" else transition.reason
            span = _span(transition.entered, transition.at, end, None, reason, transition.event_id)
        claims.append(_Claim(_RANKS[transition.entered], span))
        if transition.ended is not None and transition.ended_since is not None:
            claims.append(ended(transition, transition.ended, transition.ended_since, transition.at))
        for start, silent_until in transition.gaps:
            claims.append(ended(transition, "unknown", start, silent_until or transition.at))
    cut = (_Claim(claim.rank, _cut(claim.span, claim.span.start, min(claim.span.end, until))) for claim in claims)
    return [claim for claim in cut if claim.span.start < claim.span.end]


def _span(
    state: State, start: datetime, end: datetime, outage_id: UUID | None, reason: str | None, *events: UUID | None
) -> Span:
    told = tuple(dict.fromkeys(event for event in events if event is not None))
    return Span(start, end, state, outage_id, reason, told)


@dataclass(frozen=True, slots=True)
class _Outage:
    """Why a monitor is down, and the event that said so first; None while that is not known."""

    reason: str | None
    opening: UUID | None


def _outages(transitions: Iterable[Transition]) -> dict[UUID, _Outage]:
    """The outages that the transitions of one monitor speak of.

    The one that confirms an outage gives a reason. One that only leads back to it after silence gives none, and
    neither may hide why the monitor was down.
    """
    found: dict[UUID, _Outage] = {}
    for transition in transitions:
        if transition.outage_id is None:
            continue
        known = found.get(transition.outage_id, _Outage(None, None))
        confirms = transition.entered == "down" and transition.reason is not None
        repeats = transition.entered == "up"  # a recovery says again what its outage was
        found[transition.outage_id] = _Outage(
            known.reason or (transition.reason if confirms or repeats else None),
            known.opening or (transition.event_id if confirms else None),
        )
    return found


class _Sweep:
    """Walks once over the claims of one monitor, for instants that only go forward."""

    def __init__(self, claims: Iterable[_Claim]) -> None:
        self._to_come = sorted(claims, key=lambda claim: claim.span.start, reverse=True)
        self._here: list[_Claim] = []

    def winner(self, at: datetime) -> Span | None:
        """The claim that holds at an instant: of two with one state the one that names its outage or more events."""
        while self._to_come and self._to_come[-1].span.start <= at:
            self._here.append(self._to_come.pop())
        self._here = [claim for claim in self._here if claim.span.end > at]
        best = min(
            self._here,
            key=lambda claim: (claim.rank, claim.span.outage_id is None, -len(claim.span.events)),
            default=None,
        )
        return best.span if best is not None else None


def _combine(present: Sequence[Span], start: datetime, end: datetime) -> Span:
    """One state out of the states of several monitors at one time."""
    if not present:
        return Span(start, end, "unknown", None, NOT_BEGUN)
    measuring = [span for span in present if span.state != "paused"]
    chosen = min(measuring or present, key=lambda span: _PRECEDENCE.index(span.state))
    same = [span for span in (measuring or present) if span.state == chosen.state]
    events = tuple(dict.fromkeys(event for span in same for event in span.events))
    return Span(start, end, chosen.state, chosen.outage_id, chosen.reason, events)


def with_pauses(line: Sequence[Span], pauses: Sequence[tuple[datetime, datetime]], reason: str) -> list[Span]:
    """The line with stretches in which nothing was promised: they are paused, whatever the monitors say."""
    result = list(line)
    for start, end in pauses:
        replaced: list[Span] = []
        for span in result:
            left, right = max(span.start, start), min(span.end, end)
            if left >= right:
                replaced.append(span)
                continue
            if span.start < left:
                replaced.append(_cut(span, span.start, left))
            replaced.append(Span(left, right, "paused", None, reason))
            if right < span.end:
                replaced.append(_cut(span, right, span.end))
        result = replaced
    return result


def clipped(line: Sequence[Span], start: datetime, end: datetime) -> list[Span]:
    """What of the line lies in `[start, end)`."""
    return [
        _cut(span, max(span.start, start), min(span.end, end))
        for span in line
        if max(span.start, start) < min(span.end, end)
    ]


def touching(line: Sequence[Span], start: datetime, end: datetime) -> Sequence[Span]:
    """The stretches of a line that touch `[start, end)`, with the whole of a run of down time that crosses a bound.

    Nothing else can change a figure of the period, and a long line need not be walked for each of its days.
    """
    first = bisect_right(line, start, key=lambda span: span.end)
    last = bisect_left(line, end, key=lambda span: span.start)
    while 0 < first < len(line) and line[first].state == line[first - 1].state == "down":
        first -= 1
    while 0 < last < len(line) and line[last].state == line[last - 1].state == "down":
        last += 1
    return line[first:last]


def _cut(span: Span, start: datetime, end: datetime) -> Span:
    return replace(span, start=start, end=end)
