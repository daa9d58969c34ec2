"""Crash counts that came in become a finding on the state line of their monitor."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from probes.application.checks.reported import CrashReports
from probes.application.ports import Announcer, Monitors
from probes.application.recording import record_checks
from probes.domain.crashes import CrashCount, CrashVerdict, judge
from probes.domain.monitors import Monitor
from probes.domain.states import Check, Outcome

_MICROSECOND = timedelta(microseconds=1)


async def judge_crashes(
    monitor: Monitor, counts: Sequence[CrashCount], monitors: Monitors, announcer: Announcer, now: datetime
) -> CrashVerdict:
    """Judges the window that ends now. The monitor is held; too few sessions change nothing."""
    subject = monitor.subject
    verdict = judge(counts, CrashReports.model_validate(subject.configuration).threshold(), now)
    if verdict.conclusive:
        last = max((place.last_due for place in monitor.state.locations.values() if place.last_due), default=None)
        at = max(now, last + _MICROSECOND) if last is not None else now
        failure = verdict.failure
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
        await record_checks([(subject.monitor_id, check)], monitors, announcer, running_since=now)
    return verdict
