"""The loops of what reports by itself: judging heartbeats and promised restores, and forgetting reports in time."""

from collections.abc import Sequence
from datetime import timedelta

import structlog
from sqlalchemy import text

from probes.adapters.announce import EventAnnouncer
from probes.adapters.crash_rows import counts_since
from probes.adapters.heartbeat_rows import SqlHeartbeatNotices, SqlHeartbeats
from probes.adapters.monitors import SqlMonitors
from probes.adapters.observations import Observation, keep_observations
from probes.adapters.reactions import react
from probes.adapters.restore_rows import judge_restore_periods
from probes.application.checks.reported import CrashReports
from probes.application.crashes import follow_crashes, last_judged
from probes.application.heartbeats import TakenPing, follow_heartbeats
from probes.domain.monitors import CRASH_RATE, Subject
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

BATCH = 50
LOOK_EVERY_SECONDS = 1.0
FORGET_EVERY_SECONDS = 60.0
FORGOTTEN_TOGETHER = 10_000
RESTORES_EVERY_SECONDS = 10.0
CRASHES_EVERY_SECONDS = 10.0


class FollowHeartbeats:
    """Judges heartbeats whose instant has come, or that have reported. Any number of processes may do it."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def __call__(self) -> float:
        """One batch."""
        async with self._units.for_every_tenant() as unit:
            count, taken = await follow_heartbeats(
                unit.now,
                SqlHeartbeats(unit.session),
                SqlMonitors(unit.session),
                EventAnnouncer(unit),
                SqlHeartbeatNotices(unit),
                running_since=unit.now,
                limit=BATCH,
            )
            kept = await keep_observations(unit.session, _observations(taken))
            await react(kept, unit)
        return 0.0 if count == BATCH else LOOK_EVERY_SECONDS


def _observations(taken: Sequence[tuple[Subject, TakenPing]]) -> list[Observation]:
    return [
        Observation(
            subject=subject,
            name=f"version:{component}",
            location=subject.kind,
            seen_at=report.ping.received_at,
            value={"component": component, "version": version},
        )
        for subject, report in taken
        for component, version in report.versions
    ]


class FollowCrashes:
    """Judges crash rates again when a period leaves their window, though nobody reports anything new."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def __call__(self) -> float:
        """Every monitor of which something may be known: applications are few."""
        async with self._units.for_every_tenant() as unit:
            watched = list(await unit.session.scalars(_CRASH_RATES, {"kind": CRASH_RATE}))
        for monitor_id in watched:
            async with self._units.for_every_tenant() as unit:
                monitors = SqlMonitors(unit.session)
                monitor = (await monitors.locked([monitor_id]))[monitor_id]
                last = last_judged(monitor)
                if last is None:
                    continue
                window = CrashReports.model_validate(monitor.subject.configuration).threshold().window
                counts = await counts_since(unit.session, monitor_id, last - window)
                await follow_crashes(monitor, counts, monitors, EventAnnouncer(unit), unit.now)
        return CRASHES_EVERY_SECONDS


_CRASH_RATES = text("""
select monitor_id from probes.monitor
where kind = :kind and removed_at is null and state in ('up', 'down', 'degraded', 'maintenance') order by monitor_id
""")


class ForgetReports:
    """Lets go of reports that have served their time, as of every other raw result."""

    def __init__(self, units: UnitsOfWork, retention_days: int) -> None:
        self._units = units
        self._retention = timedelta(days=retention_days)

    async def __call__(self) -> float:
        """A bounded number at a time, so that no transaction is long."""
        async with self._units.for_every_tenant() as unit:
            forgotten = await unit.session.scalar(
                text("select probes.forget_reports_before(:before, :most)"),
                {"before": unit.now - self._retention, "most": FORGOTTEN_TOGETHER},
            )
            await unit.session.execute(
                text("delete from probes.crash_report where period_end < :before"),
                {"before": unit.now - self._retention},
            )
        return 0.0 if forgotten == FORGOTTEN_TOGETHER else FORGET_EVERY_SECONDS


class JudgeRestores:
    """Says which promised restores a period that is over has lacked."""

    def __init__(self, units: UnitsOfWork) -> None:
        self._units = units

    async def __call__(self) -> float:
        """One batch. After a standstill every period that is over is looked at, one after the other."""
        async with self._units.for_every_tenant() as unit:
            judged = await judge_restore_periods(unit, BATCH)
        return 0.0 if judged else RESTORES_EVERY_SECONDS
