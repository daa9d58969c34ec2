"""Crash counts that came in become a finding on the state line of their monitor."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from probes.application.checks.reported import CrashReports
from probes.application.ports import Announcer, Monitors
from probes.application.recording import keep, record_checks
from probes.domain.crashes import CrashCount, CrashVerdict, judge
from probes.domain.monitors import Monitor
from probes.domain.state_line import lose_sight
from probes.domain.states import Check, Outcome, UnknownReason

_MICROSECOND = timedelta(microseconds=1)


async def judge_crashes(
    monitor: Monitor, counts: Sequence[CrashCount], monitors: Monitors, announcer: Announcer, now: datetime
) -> CrashVerdict:
    """Judges the window that ends now. The monitor is held; too few sessions change nothing."""
    verdict = judge(counts, CrashReports.model_validate(monitor.subject.configuration).threshold(), now)
    if verdict.conclusive:
        last = last_judged(monitor)
        at = max(now, last + _MICROSECOND) if last is not None else now
        await _record(monitor, verdict, at, monitors, announcer)
    return verdict


async def follow_crashes(
    monitor: Monitor, counts: Sequence[CrashCount], monitors: Monitors, announcer: Announcer, now: datetime
) -> None:
    """What time alone has done by now: at each instant at which a period left the window, the rest is judged.

    From the instant on at which too few sessions are left, nothing is known. `counts` reach back to the window before
    the last judgement; the monitor is held.
    """
    threshold = CrashReports.model_validate(monitor.subject.configuration).threshold()
    last = last_judged(monitor)
    if last is None:
        return
    for at in sorted({left for count in counts if last < (left := count.end + threshold.window) <= now}):
        verdict = judge(counts, threshold, at)
        if verdict.conclusive:
            await _record(monitor, verdict, at, monitors, announcer)
        else:
            held = (await monitors.locked([monitor.subject.monitor_id]))[monitor.subject.monitor_id]
            await keep([(held, [lose_sight(held.state, at, UnknownReason.NO_FRESH_RESULT)])], monitors, announcer)


def last_judged(monitor: Monitor) -> datetime | None:
    """The end of the window that was judged last; None when none was."""
    return max((place.last_due for place in monitor.state.locations.values() if place.last_due), default=None)


async def _record(
    monitor: Monitor, verdict: CrashVerdict, at: datetime, monitors: Monitors, announcer: Announcer
) -> None:
    subject, failure = monitor.subject, verdict.failure
    if failure is not None:
        evidence: dict[str, object] = {
            "checked_at": at.isoformat(),
            "url": subject.url[:2000],
            "addresses": [],
            "refused_addresses": [],
            "timings_ms": {},
            "headers": {},
        }
        failure = replace(failure, evidence=evidence | dict(failure.evidence))
    outcome = Outcome.BAD if failure else Outcome.GOOD
    check = Check(subject.kind, 0, 0, at, at, at, outcome, failure)
    await record_checks([(subject.monitor_id, check)], monitors, announcer, running_since=at)
