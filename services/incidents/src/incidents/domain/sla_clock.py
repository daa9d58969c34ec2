"""The SLA clock: one target applied to one incident, as a pure fold over its events.

``fold_clock`` says everything about a clock at an instant, from nothing but its calendars, policies, rules and events;
the live clocks and the calculator call the same function. Time is exact: instants and ``timedelta``, whole
microseconds, never a float.

How it works, in three steps:

1. The events are followed once and cut the life of the clock into **stretches**, within which the policy in force, the
   open pauses and whether the clock is stopped do not change.
2. For a calendar, a **tally** holds what counts: its open time, in the stretches that count. It answers how much
   counted between two instants, and at which instant an amount is reached.
3. The present **laps** say where the count began: one lap from the opening, or from a restart; with ``carry_ratio`` one
   after another, each beginning with the share that was carried over.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Literal, NamedTuple

from shared.kernel.calendar import CalendarHistory
from shared.kernel.calendar import Reason as CalendarReason
from shared.kernel.intervals import Interval, intersection

SEARCH = timedelta(days=3650)
"""How far after the instant of the reading a due time is looked for."""

LONGEST_LIFE = timedelta(days=20 * 366)
"""From the opening to the reading; beyond it, a clock is refused rather than computed."""

_WINDOWS_WALKED = 200_000
_ENTRIES_TOLD = 50_000

_MICROSECOND = timedelta(microseconds=1)
_ZERO = timedelta()
_LAST_INSTANT = datetime.max.replace(tzinfo=UTC)

PolicyChange = Literal["retroactive", "restart", "carry_ratio"]
Reopening = Literal["resume", "count_through", "new_cycle"]
State = Literal["running", "paused", "met", "breached", "cancelled"]
Verdict = Literal["met", "breached"]
_LifeState = Literal["new", "running", "stopped", "cancelled"]
Why = Literal["stopped", "paused", "pause_not_allowed"] | CalendarReason


# --- What goes in ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Policy:
    """How long, by which calendar (its name), and for which reasons the clock may stand still."""

    target: timedelta
    calendar: str
    pausable: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class ClockRules:
    """What a change of policy and a reopening do to the time used."""

    on_policy_change: PolicyChange = "retroactive"
    on_reopen: Reopening = "resume"


@dataclass(frozen=True, slots=True)
class Opened:
    """The clock starts, under a policy."""

    at: datetime
    policy: str


@dataclass(frozen=True, slots=True)
class Paused:
    """A pause begins. Pauses with different ids may overlap."""

    at: datetime
    pause_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Resumed:
    """The pause with this id ends."""

    at: datetime
    pause_id: str


@dataclass(frozen=True, slots=True)
class PolicyChanged:
    """Another policy is in force from now on."""

    at: datetime
    policy: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """What was promised is done: a cycle ends with its verdict."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Reopened:
    """It was not done after all: the clock runs again."""

    at: datetime


@dataclass(frozen=True, slots=True)
class Cancelled:
    """The clock ends with no verdict."""

    at: datetime


ClockEvent = Opened | Paused | Resumed | PolicyChanged | Stopped | Reopened | Cancelled


class ClockRefusedError(ValueError):
    """These policies and events make no clock.

    :param path: where the fault is, as keys and indices into policies, events or as_of: ``("events", 3, "policy")``.
    """

    def __init__(self, detail: str, *path: str | int) -> None:
        super().__init__(detail)
        self.path = path


# --- What comes out --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Threshold:
    """When a percentage of the target is used; ``at`` is None when that is not found."""

    percent: int
    at: datetime | None
    reached: bool


@dataclass(frozen=True, slots=True)
class Breach:
    """A target that was missed: ``at`` is the last instant at which it was still met."""

    policy: str
    at: datetime
    attached_breached: bool


@dataclass(frozen=True, slots=True)
class Cycle:
    """From an opening or reopening to the stop; ``elapsed`` is what the clock reads at its end."""

    opened_at: datetime
    stopped_at: datetime | None
    elapsed: timedelta
    verdict: Verdict | None


class Span(NamedTuple):
    """A piece of the explanation: ``[start, end)``, why it counted or not, by which version of which calendar."""

    start: datetime
    end: datetime
    why: Why
    calendar: str | None
    reason: str | None

    @property
    def counted(self) -> bool:
        """Whether the time of this piece was used up."""
        return self.why in ("open", "pause_not_allowed")


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What a clock says at an instant; of a clock that was stopped or cancelled, at the instant of that."""

    state: State
    policy: str
    target: timedelta
    elapsed: timedelta
    due_at: datetime | None
    breach_after: datetime | None
    thresholds: tuple[Threshold, ...]
    breaches: tuple[Breach, ...]
    cycles: tuple[Cycle, ...]
    explanation: tuple[Span, ...]

    @property
    def remaining(self) -> timedelta:
        """What is left of the target; negative when it is exceeded."""
        return self.target - self.elapsed

    @property
    def percent_used(self) -> Decimal | None:
        """The used share in percent, cut to two decimals; None for a zero target."""
        return Decimal(self.elapsed * 10_000 // self.target).scaleb(-2) if self.target else None

    @property
    def breached_at(self) -> datetime | None:
        """The instant that was passed when the clock is breached, else None."""
        return self.breach_after if self.state == "breached" else None


# --- 1. Following the events -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Time in which nothing happens to the clock.

    ``cycle`` numbers the counts that start at zero on a reopening (mode ``new_cycle``); ``pause`` is the reason that is
    told and whether the pause is effective.
    """

    start: datetime
    end: datetime
    policy: str
    cycle: int
    stopped: bool
    pause: tuple[str, bool] | None

    @property
    def counts(self) -> bool:
        return not self.stopped and not (self.pause and self.pause[1])


def _check(
    calendars: Mapping[str, CalendarHistory], policies: Mapping[str, Policy], events: Sequence[ClockEvent]
) -> None:
    """Refuse what is no life of a clock; later events are checked as well as those that count already."""
    for name, policy in policies.items():
        if policy.calendar not in calendars:
            raise ClockRefusedError(f"there is no calendar {policy.calendar!r}", "policies", name, "calendar")
    state: _LifeState = "new"
    pauses: set[str] = set()
    for index, event in enumerate(events):
        if index and event.at < events[index - 1].at:
            raise ClockRefusedError("events are in the order of their time", "events", index, "at")
        fault = _fault_in_order(event, state)
        if fault:
            raise ClockRefusedError(fault, "events", index, "type")
        if isinstance(event, Opened | PolicyChanged) and event.policy not in policies:
            raise ClockRefusedError(f"there is no policy {event.policy!r}", "events", index, "policy")
        fault = _fault_in_pauses(event, pauses)
        if fault:
            raise ClockRefusedError(fault, "events", index, "pause_id")
        if isinstance(event, Stopped | Cancelled):
            state = "stopped" if isinstance(event, Stopped) else "cancelled"
        else:
            state = "running"


def _fault_in_order(event: ClockEvent, state: _LifeState) -> str | None:
    """Why this event cannot happen to a clock in this state."""
    if state == "cancelled":
        return "nothing happens to a clock after it was cancelled"
    if state == "new":
        return None if isinstance(event, Opened) else "the first event of a clock is `opened`"
    if isinstance(event, Opened):
        return "a clock is opened once; use `reopened` after a stop"
    if state == "stopped":
        return None if isinstance(event, Reopened) else "only `reopened` can follow a stop"
    return "a clock that runs cannot be reopened" if isinstance(event, Reopened) else None


def _fault_in_pauses(event: ClockEvent, pauses: set[str]) -> str | None:
    """Why this event cannot happen with these pauses open; if it can, ``pauses`` is brought up to date."""
    match event:
        case Paused(pause_id=pause) if pause in pauses:
            return "a pause with this id is open already"
        case Paused(pause_id=pause):
            pauses.add(pause)
        case Resumed(pause_id=pause) if pause not in pauses:
            return "no pause with this id is open"
        case Resumed(pause_id=pause):
            pauses.remove(pause)
        case Stopped() | Cancelled():
            pauses.clear()
        case _:
            pass
    return None


def _stretches(
    policies: Mapping[str, Policy], rules: ClockRules, events: Sequence[ClockEvent], until: datetime
) -> tuple[list[_Stretch], bool]:
    """The life of the clock up to ``until``, in stretches; and whether an effective pause is open at the end."""
    stretches: list[_Stretch] = []
    policy, cycle, stopped = "", 0, False
    pauses: dict[str, str] = {}  # id to reason, the one that began first comes first

    def told() -> tuple[str, bool] | None:
        allowed = policies[policy].pausable
        for reason in pauses.values():
            if reason in allowed:
                return reason, True
        return next(((reason, False) for reason in pauses.values()), None)

    last = events[0].at
    for event in events:
        if event.at > last:
            stretches.append(_Stretch(last, event.at, policy, cycle, stopped, told()))
            last = event.at
        match event:
            case Opened() | PolicyChanged():
                policy = event.policy
            case Paused():
                pauses[event.pause_id] = event.reason
            case Resumed():
                del pauses[event.pause_id]
            case Stopped() | Cancelled():
                pauses.clear()
                stopped = rules.on_reopen != "count_through"
            case Reopened():
                stopped = False
                cycle += rules.on_reopen == "new_cycle"
    pause = told()
    if until > last:
        stretches.append(_Stretch(last, until, policy, cycle, stopped, pause))
    return stretches, pause is not None and pause[1]


# --- 2. Counting -----------------------------------------------------------------------------------------------------


class _Tally:
    """What counts, by one calendar, from the opening on.

    Up to ``now`` it is the calendar's open time in the stretches that count. After ``now`` it is all of the open time,
    as nothing else is known; that part is read from the calendar as far as somebody asks. Instants after ``limit`` are
    not found.
    """

    def __init__(
        self,
        calendar: CalendarHistory,
        countable: Sequence[Interval],
        opening: datetime,
        now: datetime,
        limit: datetime,
    ) -> None:
        self._calendar = calendar
        self._limit = limit
        # One step more than the limit shows whether the limit itself still is open time.
        self._read_limit = min(limit, _LAST_INSTANT - _MICROSECOND) + _MICROSECOND
        self._starts: list[datetime] = []
        self._ends: list[datetime] = []
        self._sums: list[timedelta] = []  # counted up to the end of each interval
        self._sum = _ZERO
        self._append(intersection(calendar.open_between(opening, now), countable))
        self._read_until = now
        self._step = timedelta(days=16)

    def between(self, start: datetime, end: datetime) -> timedelta:
        """How much counted in ``[start, end)``; neither is after ``now``."""
        return self._until(end) - self._until(start)

    def earliest(self, start: datetime, amount: timedelta) -> datetime | None:
        """The first instant at which this amount, more than nothing, has counted since ``start``."""
        return self._find(bisect_left, self._until(start) + amount)

    def latest(self, start: datetime, amount: timedelta) -> datetime | None:
        """The last instant at which no more than this amount has counted since ``start``."""
        return self._find(bisect_right, self._until(start) + amount)

    def _until(self, instant: datetime) -> timedelta:
        index = bisect_right(self._starts, instant) - 1
        if index < 0:
            return _ZERO
        return self._sums[index] - max(_ZERO, self._ends[index] - instant)

    def _find(self, bisect: Callable[[list[timedelta], timedelta], int], amount: timedelta) -> datetime | None:
        while (index := bisect(self._sums, amount)) == len(self._sums):
            if self._read_until >= self._read_limit:
                return None
            start = self._read_until
            self._read_until += min(self._step, self._read_limit - start)
            self._step *= 2
            self._append(self._calendar.open_between(start, self._read_until))
        instant = self._ends[index] - (self._sums[index] - amount)
        return instant if instant <= self._limit else None

    def _append(self, intervals: Sequence[Interval]) -> None:
        for start, end in intervals:
            self._sum += end - start
            self._starts.append(start)
            self._ends.append(end)
            self._sums.append(self._sum)


# --- 3. The present laps ---------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Lap:
    """A count under one policy: from ``start`` on, beginning with what was carried over."""

    policy: str
    start: datetime
    carried: timedelta = _ZERO


class _Laps:
    """The laps that make the present figures, the last one under the policy in force.

    Every lap but the last ended where the next one starts, and its used share went on into that one.
    """

    def __init__(self, policies: Mapping[str, Policy], tally: Callable[[str], _Tally], first: _Lap) -> None:
        self._policies = policies
        self._tally = tally
        self._laps = [first]

    @property
    def policy(self) -> str:
        """The name of the policy in force."""
        return self._laps[-1].policy

    @property
    def target(self) -> timedelta:
        """Of the policy in force."""
        return self._policies[self.policy].target

    def start_over(self, policy: str, at: datetime) -> None:
        """Count from this instant, from zero."""
        self._laps = [_Lap(policy, at)]

    def carry(self, policy: str, at: datetime) -> None:
        """Go on under another policy with the same used share; neither target is zero."""
        carried = self.elapsed(at) // _MICROSECOND * (self._policies[policy].target // _MICROSECOND)
        self._laps.append(_Lap(policy, at, carried // (self.target // _MICROSECOND) * _MICROSECOND))

    def elapsed(self, at: datetime) -> timedelta:
        """What the clock reads at an instant of the last lap."""
        lap = self._laps[-1]
        return lap.carried + self._counter(lap).between(lap.start, at)

    def over(self, at: datetime) -> bool:
        """Whether more than the target is used at an instant of the last lap."""
        return self.elapsed(at) > self.target

    def due_at(self) -> datetime | None:
        """The first instant at which the target is used; of a zero target, the first that counts."""
        return self.reaches(100) if self.target else self.breach_after()

    def breach_after(self) -> datetime | None:
        """The last instant at which no more than the target is used."""
        for lap in reversed(self._laps):
            left = self._policies[lap.policy].target - lap.carried
            if left >= _ZERO:  # else the share was exceeded before this lap
                return self._counter(lap).latest(lap.start, left)
        raise AssertionError("the first lap carries nothing")

    def reaches(self, percent: int) -> datetime | None:
        """The first instant at which this share of the target is used; the target is not zero."""
        for index, lap in enumerate(self._laps):
            share = -(-self._policies[lap.policy].target * percent // 100)  # up: instants are whole µs
            amount = share - lap.carried
            following = self._laps[index + 1] if index + 1 < len(self._laps) else None
            if following is None or self._counter(lap).between(lap.start, following.start) >= amount:
                return self._counter(lap).earliest(lap.start, amount)
        raise AssertionError("there is at least one lap")

    def _counter(self, lap: _Lap) -> _Tally:
        return self._tally(self._policies[lap.policy].calendar)


# --- The fold --------------------------------------------------------------------------------------------------------


class _Record:
    """What the events make of a clock: its present laps, the cycles that ended and the breaches that happened."""

    def __init__(
        self, policies: Mapping[str, Policy], rules: ClockRules, tally: Callable[[str], _Tally], opened: Opened
    ) -> None:
        self._policies = policies
        self._rules = rules
        self._breaches: dict[tuple[str, datetime], bool] = {}
        self._cycle_start = opened.at
        self._count_start = opened.at
        self.laps = _Laps(policies, tally, _Lap(opened.policy, opened.at))
        self.cycles: list[Cycle] = []
        self.counted_by = [opened.policy]
        """The policy that counted last, for each count that began at zero on an opening or reopening."""

    @property
    def breaches(self) -> tuple[Breach, ...]:
        """Every breach that happened, each once, in the order in which the policies were in force."""
        return tuple(Breach(policy, at, attached) for (policy, at), attached in self._breaches.items())

    def apply(self, event: ClockEvent) -> None:
        """Take in the next event."""
        match event:
            case PolicyChanged(at=at, policy=policy) if policy != self.laps.policy:
                self._change_policy(policy, at)
            case Stopped(at=at):
                self._end_cycle(at, "breached" if self.laps.over(at) else "met", stopped_at=at)
            case Cancelled(at=at):
                self._end_cycle(at, None, stopped_at=at)
            case Reopened(at=at):
                self._cycle_start = at
                if self._rules.on_reopen == "new_cycle":
                    self._count_start = at
                    self.laps.start_over(self.laps.policy, at)
                    self.counted_by.append(self.laps.policy)
            case _:  # pauses are in the stretches; the opening is where we began; a policy may change to itself
                pass

    def read_running(self, now: datetime) -> None:
        """Take in that nothing more happened up to now."""
        self._end_cycle(now, None, stopped_at=None)

    def _end_cycle(self, at: datetime, verdict: Verdict | None, *, stopped_at: datetime | None) -> None:
        self._note_breach(at)
        self.cycles.append(Cycle(self._cycle_start, stopped_at, self.laps.elapsed(at), verdict))

    def _change_policy(self, policy: str, at: datetime) -> None:
        self._note_breach(at)
        if self._rules.on_policy_change == "retroactive":
            self.laps.start_over(policy, self._count_start)
        elif self._rules.on_policy_change == "carry_ratio" and self.laps.target and self._policies[policy].target:
            self.laps.carry(policy, at)
        else:
            self.laps.start_over(policy, at)
        self._note_breach(at, attached=True)
        self.counted_by[-1] = policy

    def _note_breach(self, at: datetime, *, attached: bool = False) -> None:
        passed = self.laps.breach_after() if self.laps.over(at) else None
        if passed is not None:
            self._breaches.setdefault((self.laps.policy, passed), attached)


def fold_clock(
    calendars: Mapping[str, CalendarHistory],
    policies: Mapping[str, Policy],
    rules: ClockRules,
    thresholds: Sequence[int],
    events: Sequence[ClockEvent],
    as_of: datetime,
) -> ClockReading:
    """What the clock says at ``as_of``.

    :param thresholds: positive percentages of the target to find the instants of.
    :param events: in the order of their time, the first one ``Opened``. Later ones than ``as_of`` are checked and
        otherwise ignored; events at the same instant apply in the order given.
    :param as_of: an aware instant. Nothing is supposed to happen after it: an open pause ends there.

    Raises :class:`ClockRefusedError` when these policies and events make no clock, when it is not opened at ``as_of``,
    or when it would take too long to read.
    """
    _check(calendars, policies, events)
    past = [event for event in events if event.at <= as_of]
    if not past:
        raise ClockRefusedError("the clock is not opened at this instant", "as_of")
    opened, last = past[0], past[-1]
    assert isinstance(opened, Opened)
    ended = isinstance(last, Stopped | Cancelled)
    now = last.at if ended else as_of
    _check_size(calendars, policies, past, opened.at, now)

    stretches, paused = _stretches(policies, rules, past, now)
    countable = [Interval(each.start, each.end) for each in stretches if each.counts]
    limit = now + min(SEARCH, _LAST_INSTANT - now)

    @cache
    def tally(calendar: str) -> _Tally:
        return _Tally(calendars[calendar], countable, opened.at, now, limit)

    record = _Record(policies, rules, tally, opened)
    for event in past:
        record.apply(event)
    if not ended:
        record.read_running(now)
    laps = record.laps
    due_at = laps.due_at()
    found = [(percent, laps.reaches(percent) if laps.target else due_at) for percent in thresholds]
    return ClockReading(
        state=_state(last, paused=paused, over=laps.over(now)),
        policy=laps.policy,
        target=laps.target,
        elapsed=laps.elapsed(now),
        due_at=due_at,
        breach_after=laps.breach_after(),
        thresholds=tuple(Threshold(percent, at, at is not None and at <= now) for percent, at in found),
        breaches=record.breaches,
        cycles=tuple(record.cycles),
        explanation=_explain(
            calendars, policies, stretches, record.counted_by if rules.on_policy_change == "retroactive" else None
        ),
    )


def _state(last: ClockEvent, *, paused: bool, over: bool) -> State:
    if isinstance(last, Cancelled):
        return "cancelled"
    if over:
        return "breached"
    if isinstance(last, Stopped):
        return "met"
    return "paused" if paused else "running"


def _check_size(
    calendars: Mapping[str, CalendarHistory],
    policies: Mapping[str, Policy],
    past: Sequence[ClockEvent],
    opening: datetime,
    now: datetime,
) -> None:
    """Refuse a clock that would take more than a moment to read."""
    if now - opening > LONGEST_LIFE:
        raise ClockRefusedError("a clock is read at most 20 years after its opening", "as_of")
    used = {policies[event.policy].calendar for event in past if isinstance(event, Opened | PolicyChanged)}
    days = (now - opening) // timedelta(days=1) * len(used) + SEARCH // timedelta(days=1)
    if days * max(7, *(calendars[name].windows_a_week for name in used)) > 7 * _WINDOWS_WALKED:
        raise ClockRefusedError("too many windows in too long a time: use fewer windows or an earlier instant", "as_of")


# --- The explanation -------------------------------------------------------------------------------------------------


def _explain(
    calendars: Mapping[str, CalendarHistory],
    policies: Mapping[str, Policy],
    stretches: Sequence[_Stretch],
    counted_by: Sequence[str] | None,
) -> tuple[Span, ...]:
    """The life of the clock without holes; neighbours that say the same are one piece.

    :param counted_by: the policy that tells, for each cycle of the stretches; None is the one in force in the stretch.
    """
    spans: list[Span] = []
    begins = ends = None
    said: _Told | None = None
    for stretch in stretches:
        name = policies[counted_by[stretch.cycle] if counted_by else stretch.policy].calendar
        for start, end, told in _pieces(stretch, name, calendars[name]):
            if told != said:
                if begins is not None and ends is not None and said is not None:
                    spans.append(Span(begins, ends, *said))
                if len(spans) == _ENTRIES_TOLD:
                    raise ClockRefusedError("the explanation would be too long: use an earlier instant", "as_of")
                begins, said = start, told
            ends = end
    if begins is not None and ends is not None and said is not None:
        spans.append(Span(begins, ends, *said))
    return tuple(spans)


_Told = tuple[Why, str | None, str | None]


def _pieces(stretch: _Stretch, name: str, calendar: CalendarHistory) -> Iterator[tuple[datetime, datetime, _Told]]:
    """A stretch, cut by what is told about it: from, to, (why, calendar, reason)."""
    if stretch.stopped:
        yield stretch.start, stretch.end, ("stopped", None, None)
        return
    reason, effective = stretch.pause or (None, False)
    in_open_time: Why = "open" if reason is None else "paused" if effective else "pause_not_allowed"
    for begins, ends, number, version in calendar.spans(stretch.start, stretch.end):
        if version is None:
            yield begins, ends, ("closed", None, None)
            continue
        label = f"{name}#{number}"
        while_open: _Told = (in_open_time, label, reason)
        for start, end, why in version.pieces(begins, ends):
            yield start, end, while_open if why == "open" else (why, label, None)
