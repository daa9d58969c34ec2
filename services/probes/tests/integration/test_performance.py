"""Drift from stored checks to the event and the API, for the monitors whose contract promises it."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from probes.adapters.performance import enrol
from probes.adapters.rollups import keep_figures
from probes.domain.rollup import Tally, hour_of
from probes.domain.states import Outcome
from probes.jobs import watching_performance
from probes.jobs.watching_performance import WatchPerformance
from probes.main import SERVICE
from shared.kernel.clock import FixedClock
from shared.service import create_app
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint

from .measured import Measured, measured, reading

FIRST = datetime(2026, 6, 1, tzinfo=UTC)
DAY = timedelta(days=1)
PROMISED = [{"type": "performance_monitoring", "parameters": {}}]


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Measured]:
    clock.set(FIRST)
    async with measured(service_database("probes"), clock) as made:
        yield made


@pytest.fixture
async def client(world: Measured, tokens: TokenMint, api_client: ApiClient) -> AsyncIterator[httpx.AsyncClient]:
    app = tokens.trust(create_app(SERVICE, world.runtime.settings, runtime=world.runtime))
    async with reading(world, app, tokens, api_client) as opened:
        yield opened


async def live(world: Measured, first: int, last: int, first_byte: int) -> None:
    """Days `[first, last)` with a rolled-up hour each, and the job after every one of them."""
    monitor = await world.monitor()
    for number in range(first, last):
        tally = Tally(())
        for check in range(60):
            wait = (first_byte + check % 10) * 1000
            tally.began(Outcome.GOOD, (2_000, 8_000, 15_000, wait, wait + 30_000))
        async with world.runtime.units.for_every_tenant() as unit:
            hour = hour_of(FIRST + number * DAY)
            await keep_figures(unit.session, hour + 12, {(monitor.number, 1): tally.figures()})
        await world.rows("update probes.rollup_progress set next_hour = :hour returning 1", hour=hour + 24)
        await world.rows("with gone as (delete from probes.rollup_due returning 1) select count(*) from gone")
        world.clock.set(FIRST + (number + 1) * DAY + timedelta(minutes=10))
        await WatchPerformance(world.runtime.units)()


async def performance(client: httpx.AsyncClient, world: Measured) -> dict[str, Any]:
    monitor = (await world.monitor()).subject.monitor_id
    answer = await client.get(f"/v1/monitors/{monitor}/performance")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.capability("P23")
async def test_a_drift_is_told_once_with_its_beginning_and_its_phase_and_so_is_its_end(
    world: Measured, client: httpx.AsyncClient
) -> None:
    await world.activate(version=2, deliverables=PROMISED)
    await live(world, 0, 15, first_byte=50)
    before = await performance(client, world)
    assert (before["watched"], before["verdict"], before["threshold_percent"]) == (True, "steady", 20)
    assert before["drift"] is None and before["baseline"]["checks"] == 12 * 60
    await live(world, 15, 20, first_byte=100)
    (drifted,) = await world.said("drifted")
    assert (drifted["since"], drifted["phase"], drifted["threshold_percent"]) == ("2026-06-16", "first_byte", 20)
    assert drifted["percent"] > 50 and drifted["baseline"]["last_day"] == "2026-06-15"
    found = await performance(client, world)
    assert found["verdict"] == "drifted" and found["drift"]["since"] == "2026-06-16"
    assert found["now"]["first_byte"]["p50"] > 99 and 49 < found["baseline"]["first_byte"]["p50"] < 60
    assert found["assessed_day"] == "2026-06-20"
    await live(world, 20, 25, first_byte=50)
    (recovered,) = await world.said("recovered")
    assert (recovered["since"], recovered["recovered_on"]) == ("2026-06-16", "2026-06-21")
    assert (await performance(client, world))["verdict"] == "steady"
    assert len(await world.said("drifted")) == 1


async def test_only_monitors_whose_contract_promises_it_are_watched(world: Measured, client: httpx.AsyncClient) -> None:
    await live(world, 0, 15, first_byte=50)
    found = await performance(client, world)
    assert (found["watched"], found["verdict"], found["threshold_percent"]) == (False, None, None)
    await world.activate(version=2, deliverables=[{"type": "performance_stabilization", "parameters": {}}])
    await live(world, 15, 16, first_byte=50)
    assert (await performance(client, world))["verdict"] == "steady"
    await world.activate(version=3, deliverables=[])
    await live(world, 16, 22, first_byte=200)
    found = await performance(client, world)
    assert (found["watched"], found["verdict"], found["assessed_day"]) == (False, "steady", "2026-06-16")
    assert await world.said("drifted") == []


async def test_the_threshold_is_the_one_that_the_contract_names(world: Measured, client: httpx.AsyncClient) -> None:
    deliverable = {"type": "performance_monitoring", "parameters": {"threshold_percent": 150}}
    await world.activate(version=2, deliverables=[deliverable])
    await live(world, 0, 12, first_byte=50)
    await live(world, 12, 18, first_byte=100)
    found = await performance(client, world)
    assert (found["threshold_percent"], found["verdict"]) == (150, "steady")


async def test_a_monitor_that_is_watched_is_not_written_again_until_its_promise_changes(world: Measured) -> None:
    async def enrolled() -> Any:
        async with world.runtime.units.for_every_tenant() as unit:
            await enrol(unit.session, unit.now)
        columns = "cast(ctid as text) as place, cast(xmax as text) as locked_by, promised, threshold_percent"
        (row,) = await world.rows(f"select {columns} from probes.performance")
        return row

    await world.activate(version=2, deliverables=PROMISED)
    world.clock.set(FIRST + DAY)
    before = await enrolled()
    assert (before.locked_by, before.promised, before.threshold_percent) == ("0", True, 20)
    assert await enrolled() == before
    await world.activate(version=3, deliverables=[PROMISED[0] | {"parameters": {"threshold_percent": 150}}])
    assert (await enrolled()).threshold_percent == 150
    await world.activate(version=4, deliverables=[])
    assert (await enrolled()).promised is False


async def test_who_is_watched_is_compared_every_ten_minutes_and_as_a_day_begins(world: Measured) -> None:
    async def watched_after(job: WatchPerformance, wait: timedelta) -> bool:
        world.clock.advance(wait)
        await job()
        (row,) = await world.rows("select promised from probes.performance")
        return bool(row.promised)

    await world.activate(version=2, deliverables=PROMISED)
    await live(world, 0, 1, first_byte=50)  # until ten minutes past midnight
    job = WatchPerformance(world.runtime.units)
    assert await watched_after(job, timedelta(minutes=1)) is True
    await world.activate(version=3, deliverables=[])
    assert await watched_after(job, timedelta(minutes=9)) is True
    assert await watched_after(job, timedelta(minutes=1)) is False

    await world.activate(version=4, deliverables=PROMISED)
    world.clock.set(FIRST + 2 * DAY - timedelta(minutes=1))
    assert await watched_after(job, timedelta(0)) is True
    await world.activate(version=5, deliverables=[])
    await world.rows("update probes.rollup_progress set next_hour = next_hour + 24 returning 1")
    assert await watched_after(job, timedelta(minutes=2)) is False


async def test_a_comparison_that_failed_is_made_again_at_once_and_so_is_one_after_the_clock_was_put_back(
    world: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = []

    async def failing_once(session: AsyncSession, now: datetime) -> None:
        compared.append(now)
        if len(compared) == 1:
            raise ConnectionError("the database is away")

    await live(world, 0, 1, first_byte=50)
    monkeypatch.setattr(watching_performance, "enrol", failing_once)
    job = WatchPerformance(world.runtime.units)
    with pytest.raises(ConnectionError):
        await job()
    for _ in range(2):
        await job()
    assert len(compared) == 2
    world.clock.advance(timedelta(minutes=-5))
    await job()
    assert compared[2] == compared[1] - timedelta(minutes=5)


async def test_a_day_is_not_assessed_before_its_figures_are_there(world: Measured) -> None:
    await world.activate(version=2, deliverables=PROMISED)
    await live(world, 0, 11, first_byte=50)
    (before,) = await world.rows("select assessed_day from probes.performance")
    world.clock.set(FIRST + 12 * DAY + timedelta(minutes=10))
    await WatchPerformance(world.runtime.units)()
    (after,) = await world.rows("select assessed_day from probes.performance")
    assert after.assessed_day == before.assessed_day
    await live(world, 11, 12, first_byte=50)
    (after,) = await world.rows("select assessed_day from probes.performance")
    assert after.assessed_day == before.assessed_day + 1
