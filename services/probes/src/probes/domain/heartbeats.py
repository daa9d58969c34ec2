"""Heartbeats: when a report is expected, and what comes of reports and of their absence.

A job reports by itself: that it begins, succeeded or failed. `advance` replays what came in and what did not, in the
order of its instants. It is pure, and cutting the time anywhere changes nothing: evaluated every second or after an
hour of standstill, the same reports lead to the same findings, each dated by its own instant.

Reports that could not come in because nobody was there to take them are our fault: that time is unknown.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

from probes.domain.states import Failure, Reason

CRON_FIELDS = 5
MOST_STEPS = 1000
"""Findings about absence that one evaluation makes; the rest is left to the next one."""
EARLIEST = timedelta(minutes=1)
"""A report that comes this much before the hands of the clock say so still is the one that is expected."""


class Timetable(Protocol):
    """When reports are expected."""

    def next_after(self, instant: datetime) -> datetime:
        """The first expected instant strictly after `instant`, in UTC."""
        ...

    def next_after_report(self, instant: datetime) -> datetime:
        """The first expected instant that a report at `instant` has not answered already."""
        ...


@dataclass(frozen=True, slots=True)
class Every:
    """A report at most `interval` after the one before."""

    interval: timedelta

    def next_after(self, instant: datetime) -> datetime:
        """See the protocol."""
        return instant + self.interval

    def next_after_report(self, instant: datetime) -> datetime:
        """See the protocol."""
        return instant + self.interval


@dataclass(frozen=True, slots=True)
class Cron:
    """A report at the instants of a cron expression of five fields, read in a zone as Debian's cron does.

    A job at a fixed hour that the clock leaves out runs when the clock goes on; in an hour that comes twice it runs
    the first time. A job that runs every so many minutes or hours does not notice.
    """

    expression: str
    zone: ZoneInfo

    @classmethod
    def parse(cls, expression: str, zone: ZoneInfo) -> "Cron":
        """Raises ValueError, with what is wrong, for what is no cron expression or never comes about."""
        if len(expression.split()) != CRON_FIELDS:
            raise ValueError("a cron expression has five fields: minute, hour, day of month, month, day of week")
        found = cls(" ".join(expression.split()), zone)
        try:
            found.next_after(found.next_after(datetime(2024, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            raise ValueError(f"is not a cron expression ({error})") from None
        except OverflowError:
            raise ValueError("is a cron expression for a day that never comes") from None
        return found

    def next_after(self, instant: datetime) -> datetime:
        """See the protocol. Raises OverflowError when there is none within 50 years."""
        # In an hour that comes twice the library goes by the hands of the clock, and may begin in the first one.
        for candidate in CronSim(self.expression, instant.astimezone(self.zone)):
            found = candidate.astimezone(UTC)
            if found > instant:
                return found
        raise OverflowError(f"{self.expression} has no instant after {instant}")

    def next_after_report(self, instant: datetime) -> datetime:
        """See the protocol. The clock of the job may be a little ahead of ours."""
        upcoming = self.next_after(instant)
        following = self.next_after(upcoming)
        return following if upcoming - instant <= min(EARLIEST, (following - upcoming) / 4) else upcoming


@dataclass(frozen=True, slots=True)
class PayloadRules:
    """What a report must say to be good. A rule about a figure that the report lacks is broken by it."""

    min_size_bytes: int | None = None
    max_shrink_percent: int | None = None
    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What is expected of a job. `longest` bounds the time from its start to its end."""

    timetable: Timetable
    grace: timedelta
    longest: timedelta | None = None
    rules: PayloadRules = PayloadRules()


class Signal(StrEnum):
    """What a report says."""

    START = "start"
    SUCCESS = "success"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Ping:
    """One report as it came in. `age` is that of what the job made, such as the newest backup."""

    received_at: datetime
    signal: Signal
    size_bytes: int | None = None
    duration: timedelta | None = None
    age: timedelta | None = None
    message: str | None = None


class Standing(StrEnum):
    """How a job stands. `LATE`: the expected instant has passed, and the grace has not."""

    NEW = "new"
    ON_TIME = "on_time"
    RUNNING = "running"
    LATE = "late"
    MISSING = "missing"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """What is known about a job.

    `expected_at` is None while a run with a bounded length is under way. `started_at` is the beginning of that run, or
    of one that has not ended yet; `overran` when it has been judged already.
    """

    standing: Standing
    since: datetime
    expected_at: datetime | None
    started_at: datetime | None = None
    overran: bool = False
    last_report_at: datetime | None = None
    last_success_at: datetime | None = None
    last_size_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A finding like that of a check: good without a failure. It holds from `at`, and was certain at `confirmed_at`."""

    at: datetime
    confirmed_at: datetime
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Late:
    """The expected instant passed without a report; until the deadline that is no failure."""

    expected_at: datetime
    deadline: datetime


@dataclass(frozen=True, slots=True)
class Missed:
    """No report came by the deadline: the first one of a series."""

    expected_at: datetime
    deadline: datetime
    last_success_at: datetime | None


@dataclass(frozen=True, slots=True)
class Blind:
    """From `since` on nothing is known: a report may have come while nobody could take it."""

    since: datetime


Happening = Found | Late | Missed | Blind


@dataclass(frozen=True, slots=True)
class Advanced:
    """Where a job stands after an evaluation, what happened, and when to look again.

    `taken` reports have been considered; the others, if any, are for the next evaluation, which is due at once.
    """

    beat: Heartbeat
    happenings: tuple[Happening, ...]
    due_at: datetime
    taken: int


@dataclass(frozen=True, slots=True)
class Deafness:
    """A stretch `[start, end)` in which no report could be taken."""

    start: datetime
    end: datetime


def begin(plan: Plan, at: datetime) -> Heartbeat:
    """A job that is watched from `at` on. The first report is expected as if the last one had come then."""
    return Heartbeat(Standing.NEW, at, plan.timetable.next_after(at))


def replan(beat: Heartbeat, plan: Plan, at: datetime) -> Heartbeat:
    """The job under another plan, from `at` on."""
    if beat.started_at is not None and not beat.overran and plan.longest is not None:
        return replace(beat, expected_at=None)
    return replace(beat, expected_at=plan.timetable.next_after(at))


def advance(beat: Heartbeat, plan: Plan, pings: Sequence[Ping], until: datetime, deaf: Sequence[Deafness]) -> Advanced:
    """What follows from these reports, in order, and from the absence of others before `until`."""
    draft = _Draft(beat, plan, deaf)
    for taken, ping in enumerate(pings):
        if not draft.lapse_until(ping.received_at):
            return draft.advanced(taken)
        draft.take(ping)
    draft.lapse_until(until)
    return draft.advanced(len(pings))


@dataclass(slots=True)
class _Draft:
    beat: Heartbeat
    plan: Plan
    deaf: Sequence[Deafness]
    happenings: list[Happening] = field(default_factory=list)
    steps: int = 0

    def advanced(self, taken: int) -> Advanced:
        return Advanced(self.beat, tuple(self.happenings), self.due_at(), taken)

    def due_at(self) -> datetime:
        """The instant after which absence says something new."""
        beat, plan = self.beat, self.plan
        if beat.expected_at is None:
            assert beat.started_at is not None and plan.longest is not None
            return beat.started_at + plan.longest
        overdue = beat.standing in (Standing.LATE, Standing.MISSING)
        return beat.expected_at + plan.grace if overdue else beat.expected_at

    def lapse_until(self, horizon: datetime) -> bool:
        """Draws the conclusions from absence before the horizon; returns whether these are all.

        A report at the very instant is in time.
        """
        while (due_at := self.due_at()) < horizon:
            if self.steps == MOST_STEPS:
                return False
            self.steps += 1
            if self.beat.expected_at is None:
                self._overrun(due_at)
            elif self.beat.standing in (Standing.LATE, Standing.MISSING):
                self._miss(self.beat.expected_at)
            else:
                self._be_late(self.beat.expected_at)
        return True

    def _be_late(self, expected_at: datetime) -> None:
        self.beat = replace(self.beat, standing=Standing.LATE, since=expected_at)
        if not self._was_deaf(expected_at - self.plan.grace, expected_at):
            self.happenings.append(Late(expected_at, expected_at + self.plan.grace))

    def _miss(self, expected_at: datetime) -> None:
        deadline = expected_at + self.plan.grace
        upcoming = self.plan.timetable.next_after(expected_at)
        if self._was_deaf(expected_at - self.plan.grace, deadline):
            self.beat = replace(self.beat, standing=Standing.UNKNOWN, since=expected_at, expected_at=upcoming)
            self.happenings.append(Blind(expected_at))
            return
        last = self.beat.last_success_at
        told = f"The last success was at {_text(last)}." if last else "There has been no success yet."
        failure = Failure(
            Reason.MISSING,
            f"No report came by {_text(deadline)}; it was expected at {_text(expected_at)}. {told}",
            {"expected_at": _text(expected_at), "deadline": _text(deadline), "last_success_at": last and _text(last)},
        )
        if self.beat.standing is not Standing.MISSING:
            self.happenings.append(Missed(expected_at, deadline, last))
            self.beat = replace(self.beat, standing=Standing.MISSING, since=expected_at)
        self.beat = replace(self.beat, expected_at=upcoming)
        self.happenings.append(Found(expected_at, deadline, failure))

    def _overrun(self, due_at: datetime) -> None:
        started_at = self.beat.started_at
        assert started_at is not None and self.plan.longest is not None
        self.beat = replace(
            self.beat,
            overran=True,
            expected_at=self.plan.timetable.next_after(due_at),
            since=due_at,
        )
        if self._was_deaf(started_at, due_at):
            self.beat = replace(self.beat, standing=Standing.UNKNOWN)
            self.happenings.append(Blind(due_at))
            return
        self.beat = replace(self.beat, standing=Standing.FAILED)
        failure = Failure(
            Reason.THRESHOLD,
            f"The run that began at {_text(started_at)} had not ended after {_seconds(self.plan.longest)}.",
            {"started_at": _text(started_at), "max_duration_seconds": self.plan.longest.total_seconds()},
        )
        self.happenings.append(Found(due_at, due_at, failure))

    def take(self, ping: Ping) -> None:
        """What a report changes."""
        at, beat = ping.received_at, self.beat
        if ping.signal is Signal.START:
            if beat.started_at is None or beat.overran or self.plan.longest is None:
                beat = replace(beat, started_at=at, overran=False)
            expected_at = beat.expected_at if self.plan.longest is None else None
            self.beat = replace(beat, standing=Standing.RUNNING, since=at, expected_at=expected_at, last_report_at=at)
            return
        duration = ping.duration
        if duration is None and beat.started_at is not None:
            duration = at - beat.started_at
        failure = _reported(ping) if ping.signal is Signal.FAIL else _broken_rule(ping, duration, beat, self.plan)
        self.beat = replace(
            beat,
            standing=Standing.FAILED if failure else Standing.ON_TIME,
            since=at,
            expected_at=self.plan.timetable.next_after_report(at),
            started_at=None,
            overran=False,
            last_report_at=at,
        )
        if failure is None:
            size = ping.size_bytes if ping.size_bytes is not None else beat.last_size_bytes
            self.beat = replace(self.beat, last_success_at=at, last_size_bytes=size)
        self.happenings.append(Found(at, at, failure))

    def _was_deaf(self, start: datetime, end: datetime) -> bool:
        return any(gap.start < end and gap.end > start for gap in self.deaf)


def _reported(ping: Ping) -> Failure:
    told = f": {ping.message[:500]}" if ping.message else "."
    return Failure(Reason.REPORTED, f"The job reported that it failed{told}", _payload(ping))


def _broken_rule(ping: Ping, duration: timedelta | None, beat: Heartbeat, plan: Plan) -> Failure | None:
    """Why a report of success is not good, or None."""
    for reason, detail in _broken_rules(ping, duration, beat.last_size_bytes, plan):
        return Failure(reason, detail, {**_payload(ping), "last_size_bytes": beat.last_size_bytes})
    return None


def _broken_rules(
    ping: Ping, duration: timedelta | None, last_size: int | None, plan: Plan
) -> Iterator[tuple[Reason, str]]:
    rules, size = plan.rules, ping.size_bytes
    if rules.max_age is not None:
        if ping.age is None:
            yield Reason.STALE, "The report does not say how old what was made is: send age_seconds."
        elif ping.age > rules.max_age:
            yield Reason.STALE, f"What was made is {_seconds(ping.age)} old; {_seconds(rules.max_age)} are allowed."
    if size is None and (rules.min_size_bytes is not None or rules.max_shrink_percent is not None):
        yield Reason.THRESHOLD, "The report does not say how large what was made is: send size_bytes."
    elif size is not None:
        if rules.min_size_bytes is not None and size < rules.min_size_bytes:
            yield Reason.THRESHOLD, f"What was made has {size} bytes; at least {rules.min_size_bytes} are expected."
        if (
            rules.max_shrink_percent is not None
            and last_size is not None
            and size * 100 < last_size * (100 - rules.max_shrink_percent)
        ):
            yield (
                Reason.THRESHOLD,
                f"What was made has {size} bytes, more than {rules.max_shrink_percent} % less than the {last_size} of "
                "the last success.",
            )
    if plan.longest is not None and duration is not None and duration > plan.longest:
        yield Reason.THRESHOLD, f"The run took {_seconds(duration)}; {_seconds(plan.longest)} are allowed."


def _payload(ping: Ping) -> Mapping[str, object]:
    return {
        "received_at": _text(ping.received_at),
        "size_bytes": ping.size_bytes,
        "duration_seconds": ping.duration.total_seconds() if ping.duration is not None else None,
        "age_seconds": ping.age.total_seconds() if ping.age is not None else None,
        "message": ping.message[:2000] if ping.message else None,
    }


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _seconds(length: timedelta) -> str:
    return f"{length.total_seconds():g} s"
