"""The loops of a worker: kept running, watched by their own progress, ended with patience for what is under way."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import column, literal

from shared import worker
from shared.worker import OLDEST_DUE, Job, Liveness, _job_loop, _observe_due, _Supervisor, oldest


async def test_a_loop_that_failed_once_and_tells_no_progress_is_not_taken_for_stalled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "FIRST_WAIT", 0.01)
    monkeypatch.setattr(worker, "STALLED_AFTER_SECONDS", 0.05)
    liveness = Liveness()
    supervisor = _Supervisor(liveness)
    runs = 0

    async def loop() -> None:
        nonlocal runs
        runs += 1
        if runs == 1:
            raise RuntimeError("once")
        await asyncio.Event().wait()

    supervisor.start("relay", loop)
    await asyncio.sleep(0.2)
    assert runs == 2
    assert liveness.stalled() == []
    await supervisor.stop(1.0)


async def test_a_loop_that_stands_still_is_found() -> None:
    liveness = Liveness()
    liveness.tick("consume CONTRACTS")
    liveness._progress["consume CONTRACTS"] -= 2 * worker.STALLED_AFTER_SECONDS
    assert liveness.stalled() == ["consume CONTRACTS"]


async def test_a_job_may_take_longer_than_a_standstill_and_one_that_stops_the_event_loop_may_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(worker, "STALLED_AFTER_SECONDS", 0.3)
    monkeypatch.setattr(worker, "STILL_AT_IT_SECONDS", 0.05)
    liveness, stopping = Liveness(), asyncio.Event()
    seen: list[list[str]] = []

    async def settle_a_month() -> None:
        for _ in range(3):
            await asyncio.sleep(0.3)
            seen.append(liveness.stalled())
        time.sleep(0.4)  # noqa: ASYNC251  (a fault that is planted)
        seen.append(liveness.stalled())
        stopping.set()

    await _job_loop(liveness, Job("settle", settle_a_month), stopping)()
    assert seen == [[], [], [], ["job settle"]]
    await asyncio.sleep(0.4)
    assert liveness.stalled() == ["job settle"]  # nobody speaks for a job that is over


async def test_a_job_that_never_came_to_an_end_has_an_age_for_the_alert() -> None:
    async def fail() -> None:
        raise RuntimeError("from the first run on")

    started = time.time()
    loop = _job_loop(Liveness(), Job("fails from the first run on", fail), asyncio.Event())
    with pytest.raises(RuntimeError):
        await loop()
    (sample,) = [
        one.value
        for family in worker.JOB_DONE.collect()
        for one in family.samples
        if one.labels["work"] == "fails from the first run on"
    ]
    assert sample == pytest.approx(started, abs=5)


async def test_what_a_job_is_at_is_finished_before_the_process_ends() -> None:
    liveness = Liveness()
    supervisor = _Supervisor(liveness)
    done: list[str] = []

    async def send_mail() -> None:
        await asyncio.sleep(0.5)
        done.append("sent and noted")

    job = Job("send mail", send_mail)
    supervisor.start("job send mail", _job_loop(liveness, job, supervisor.stopping), patient=True)
    await asyncio.sleep(0.05)
    await supervisor.stop(5.0)
    assert done == ["sent and noted"]


async def test_a_job_that_does_not_come_to_an_end_is_cut_off_in_time() -> None:
    supervisor = _Supervisor(Liveness())

    async def hang() -> None:
        await asyncio.Event().wait()

    loop = _job_loop(Liveness(), Job("hang", hang), supervisor.stopping)
    supervisor.start("job hang", loop, patient=True)
    await asyncio.sleep(0.05)
    async with asyncio.timeout(4.0):
        await supervisor.stop(1.5)


async def test_a_loop_that_waits_for_the_broker_is_cancelled_at_once() -> None:
    supervisor = _Supervisor(Liveness())

    async def consume() -> None:
        await asyncio.Event().wait()

    supervisor.start("consume CONTRACTS", consume)
    await asyncio.sleep(0.05)
    async with asyncio.timeout(1.0):
        await supervisor.stop(10.0)


NOW = datetime(2026, 11, 2, 8, tzinfo=UTC)


class DueRows:
    """A database of which each query gives what is written here, until it goes away."""

    def __init__(self, *due: datetime | None) -> None:
        self.due: list[datetime | None] | None = list(due)
        self.liveness = Liveness()

    @property
    def units(self) -> Any:
        return self

    @asynccontextmanager
    async def for_every_tenant(self) -> AsyncIterator[Any]:
        answers = iter(self.due or [])

        async def scalar(_query: object) -> datetime | None:
            if self.due is None:
                raise ConnectionError("gone")
            return next(answers)

        yield SimpleNamespace(now=NOW, session=SimpleNamespace(scalar=scalar))


def told_of(job: str) -> float:
    return float(next(iter(OLDEST_DUE.labels(job).collect())).samples[0].value)


async def observed_once(rows: Any, *jobs: Job) -> list[float]:
    """What is told while somebody looks."""
    looking = asyncio.create_task(_observe_due(rows, jobs))
    await asyncio.sleep(0.05)
    found = [told_of(job.name) for job in jobs if job.due]
    looking.cancel()
    with suppress(asyncio.CancelledError, ConnectionError):
        await looking
    return found


async def nothing() -> None:
    """A job that is never asked: who tells how late it is does not wait for it."""


async def test_the_oldest_of_a_jobs_queues_says_how_late_it_is() -> None:
    two = Job("two queues", nothing, due=[oldest(column("due_at"))] * 2)
    an_hour_ago, later = NOW - timedelta(hours=1), NOW + timedelta(hours=1)
    assert await observed_once(DueRows(None, an_hour_ago), two) == [3600]
    assert await observed_once(DueRows(NOW - timedelta(seconds=5), an_hour_ago), two) == [3600]
    assert await observed_once(DueRows(later, None), two) == [0]
    assert await observed_once(DueRows(None, None), two) == [0]


async def test_without_a_database_there_is_no_figure_instead_of_an_old_one() -> None:
    rows, job = DueRows(NOW - timedelta(minutes=1)), Job("one queue", nothing, due=[oldest(column("due_at"))])
    assert await observed_once(rows, job, Job("no queue", nothing)) == [60]
    rows.due = None
    (told,) = await observed_once(rows, job)
    assert math.isnan(told)


def test_what_is_due_is_asked_of_open_rows_only() -> None:
    query = oldest(column("due_at"), column("enabled") == literal(1, literal_execute=True))
    assert "min(due_at)" in str(query)
    assert "WHERE enabled = " in str(query)
