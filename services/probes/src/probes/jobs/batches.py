"""Batches of results as rows, states and events, in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from prometheus_client import Counter, Histogram
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.announce import EventAnnouncer
from probes.adapters.check_secrets import CheckSecrets, secrets_of
from probes.adapters.check_tests import keep_answers
from probes.adapters.locations import SqlLocations
from probes.adapters.messages import CheckResult, ResultBatch, WorkItem
from probes.adapters.monitors import SqlMonitors
from probes.adapters.observations import Observation, keep_observations
from probes.adapters.reactions import react
from probes.adapters.result_rows import Partitions, StoredResult, copy_results, day_of, stored_keys
from probes.adapters.rollups import reopen_hours
from probes.application.recording import Evaluated, record_checks
from probes.domain.monitors import Monitor
from probes.domain.quarantine import Controls
from probes.domain.slots import clock_is_off
from probes.domain.states import Check, Disposition, Failure, Outcome, Reason
from probes.jobs.quarantine import Quarantine
from shared.kernel.clock import Clock
from shared.unit_of_work import UnitsOfWork

log = structlog.get_logger()

SUSPICIOUS_SKEW = timedelta(seconds=0.2)
"""Below this no interval (a second at least) is concerned, and no monitor has to be looked at."""
TRANSIT = timedelta(seconds=2)
"""A batch may be this long on its way without its runner's clock being slow. No way makes a clock fast."""

RECORDED = Counter(
    "probes_results",
    "Results, by what the check found and by what became of them",
    ["location", "outcome", "disposition"],
)
SECONDS = Histogram(
    "probes_record_seconds", "From a check's end to its commit", buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 60)
)
LATENESS = Histogram(
    "probes_start_lateness_seconds",
    "How long after it was due a check began",
    ["location"],
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30),
)
"""Told here and not by the runners: nobody reads the metrics of those at other places."""


@dataclass(frozen=True, slots=True)
class HandedIn:
    """A batch, and how far its runner's clock was off when it sent it."""

    batch: ResultBatch
    skew: timedelta


class BatchRecorder:
    """Records batches in the order in which they are given."""

    def __init__(self, units: UnitsOfWork, clock: Clock) -> None:
        self._units = units
        self._clock = clock
        self._partitions = Partitions()
        self._quarantine = Quarantine()
        self._location_numbers: dict[str, int] = {}
        self._running_since = clock.now()

    @property
    def running_since(self) -> datetime:
        """Silence that began before this is a restart."""
        return self._running_since

    async def record(self, handed_in: Sequence[HandedIn]) -> dict[str, list[WorkItem]]:
        """Commits everything or nothing; returns the re-checks that are due because of it, by location."""
        try:
            async with self._units.for_every_tenant() as unit:
                secrets = secrets_of(unit.session)
                monitors = SqlMonitors(unit.session)
                results = await self._trusted(handed_in, monitors)
                if tested := [(location, result) for location, result in results if result.test]:
                    await keep_answers(unit.session, tested, unit.now)
                    results = [(location, result) for location, result in results if not result.test]
                checks = [(result.monitor_id, _check(location, result)) for location, result in results]
                for batch in (entry.batch for entry in handed_in):
                    if batch.controls is not None:
                        self._quarantine.heard(batch.location, Controls(batch.controls.at, batch.controls.reached))
                evaluated = await record_checks(
                    checks,
                    monitors,
                    EventAnnouncer(unit),
                    running_since=self._running_since,
                    suspects=await self._quarantine.review(checks, unit),
                )
                await self._store(unit.session, results, evaluated)
                kept = await keep_observations(unit.session, _observations(results, evaluated))
                await react(kept, unit)
        except BaseException:
            self._partitions.forget()
            raise
        rechecks: dict[str, list[WorkItem]] = {}
        for entry in evaluated:
            _measure(entry.check, entry.disposition)
            if entry.recheck is not None and entry.monitor is not None:
                rechecks.setdefault(entry.check.location, []).append(_recheck(entry, entry.monitor, secrets))
        if evaluated:
            last = max(entry.check.finished_at for entry in evaluated)
            SECONDS.observe(max(0.0, (self._clock.now() - last).total_seconds()))
        return rechecks

    async def _trusted(self, handed_in: Sequence[HandedIn], monitors: SqlMonitors) -> list[tuple[str, CheckResult]]:
        """All results, less those of monitors for whose interval their runner's clock is not good enough."""
        trusted: list[tuple[str, CheckResult]] = []
        for entry in handed_in:
            batch = entry.batch
            skew = entry.skew if entry.skew > timedelta(0) else min(entry.skew + TRANSIT, timedelta(0))
            distrusted: set[UUID] = set()
            if abs(skew) > SUSPICIOUS_SKEW:
                known = await monitors.locked(sorted({result.monitor_id for result in batch.results}))
                distrusted = {key for key, found in known.items() if clock_is_off(skew, found.rules.interval)}
            trusted += [(batch.location, result) for result in batch.results if result.monitor_id not in distrusted]
            refused = [result for result in batch.results if result.monitor_id in distrusted]
            for result in refused:
                RECORDED.labels(batch.location, result.outcome.value, "clock_is_off").inc()
            if refused:
                log.error(
                    "runner_clock_is_off",
                    runner=batch.runner,
                    location=batch.location,
                    seconds=round(skew.total_seconds(), 3),
                    refused=len(refused),
                )
        return trusted

    async def _store(
        self, session: AsyncSession, results: Sequence[tuple[str, CheckResult]], evaluated: Sequence[Evaluated]
    ) -> None:
        rows: list[tuple[Disposition, StoredResult]] = []
        longest = timedelta(0)
        touched: list[tuple[datetime, UUID, int]] = []
        for (location, result), entry in zip(results, evaluated, strict=True):
            number = await self._number_of(session, location)
            if (
                entry.monitor is not None
                and number is not None
                and entry.disposition not in (Disposition.DUPLICATE, Disposition.OUTSIDE)
            ):
                rows.append((entry.disposition, _row(entry, entry.monitor, number, result)))
                longest = max(longest, timedelta(seconds=entry.monitor.cadence.interval_seconds))
                of = (entry.monitor.subject.contract_id, entry.monitor.number)
                touched += [(result.started_at, *of), (result.due_at, *of)]
        await self._partitions.ensure(session, {day_of(row.started_at) for _, row in rows})
        # What is in order is new, as its due instant was not reached before. The rest may have come before.
        doubtful = [row for disposition, row in rows if disposition is not Disposition.APPLIED]
        known = await stored_keys(session, doubtful, longest) if doubtful else set()
        fresh: list[StoredResult] = []
        for disposition, row in rows:
            if disposition is Disposition.APPLIED or row.key not in known:
                fresh.append(row)
                known.add(row.key)
        if fresh:
            await copy_results(session, fresh)
            await reopen_hours(session, touched, self._clock.now())

    async def _number_of(self, session: AsyncSession, location: str) -> int | None:
        """None for a location that was never configured: what it hands in concerns nobody."""
        if location not in self._location_numbers:
            self._location_numbers = dict(await SqlLocations(session).numbers())
        return self._location_numbers.get(location)


def _measure(check: Check, disposition: Disposition) -> None:
    RECORDED.labels(check.location, check.outcome.value, disposition.value).inc()
    if check.outcome is not Outcome.MISSED and disposition is not Disposition.DUPLICATE:
        LATENESS.labels(check.location).observe(max(0.0, (check.started_at - check.due_at).total_seconds()))


def _observations(results: Sequence[tuple[str, CheckResult]], evaluated: Sequence[Evaluated]) -> list[Observation]:
    return [
        Observation(entry.monitor.subject, name, location, result.started_at, value)
        for (location, result), entry in zip(results, evaluated, strict=True)
        if entry.monitor is not None and entry.disposition is Disposition.APPLIED
        for name, value in (result.observations or {}).items()
    ]


def _recheck(entry: Evaluated, monitor: Monitor, secrets: CheckSecrets) -> WorkItem:
    assert entry.recheck is not None
    return WorkItem(
        monitor_id=monitor.subject.monitor_id,
        slot=entry.recheck.slot,
        attempt=entry.recheck.attempt,
        due_at=entry.recheck.due_at,
        interval_seconds=monitor.cadence.interval_seconds,
        check=secrets.for_location(monitor.subject.configuration, entry.check.location),
        timeout_seconds=monitor.cadence.timeout_seconds,
        conclusive=entry.recheck.attempt >= monitor.cadence.rechecks,
    )


def _check(location: str, result: CheckResult) -> Check:
    failure = None
    if result.outcome is Outcome.BAD:
        failure = Failure(result.reason or Reason.PROTOCOL, result.detail, result.evidence or {})
    return Check(
        location=location,
        slot=result.slot,
        attempt=result.attempt,
        due_at=result.due_at,
        started_at=result.started_at,
        finished_at=result.started_at + timedelta(microseconds=result.took_us),
        outcome=result.outcome,
        failure=failure,
    )


def _row(entry: Evaluated, monitor: Monitor, location_number: int, result: CheckResult) -> StoredResult:
    return StoredResult(
        monitor_number=monitor.number,
        location_number=location_number,
        slot=result.slot,
        attempt=result.attempt,
        started_at=result.started_at,
        outcome=result.outcome,
        reason=entry.check.failure.reason if entry.check.failure else None,
        status_code=result.status_code,
        name_lookup=result.name_lookup_us,
        connect=result.connect_us,
        tls=result.tls_us,
        first_byte=result.first_byte_us,
        total=result.took_us,
        maintenance=any(start <= result.started_at < end for start, end in monitor.windows),
        quarantined=entry.disposition is Disposition.QUARANTINED,
    )
