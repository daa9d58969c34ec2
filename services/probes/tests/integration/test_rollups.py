"""Hours that are over become figures for good: exactly once, again when late results come, and after downtime."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text

from probes.adapters.locations import SqlLocations
from probes.adapters.messages import CheckResult, ResultBatch
from probes.adapters.rollups import PART, Due, claim, kept_figures, open_hours, reopen_hours, subjects_of
from probes.domain.rollup import Figures, hour_of
from probes.domain.states import Outcome, Reason
from probes.jobs.batches import BatchRecorder, HandedIn
from probes.jobs.housekeeping import KeepPartitions
from probes.jobs.rolling_up import FoldHours
from shared.kernel.clock import FixedClock
from shared.kernel.sketch import from_text
from shared.testing.databases import DatabaseUrls

from .measured import WENT_WELL, Found, Measured, measured

NINE = datetime(2026, 6, 8, 9, tzinfo=UTC)
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


@pytest.fixture
async def world(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Measured]:
    clock.set(NINE)
    async with measured(service_database("probes"), clock) as made:
        yield made


async def figures(world: Measured) -> dict[tuple[int, int], Figures]:
    """By hours after nine, and the location's number."""
    monitor = await world.monitor()
    async with world.runtime.units.for_every_tenant() as unit:
        kept = await kept_figures(unit.session, [monitor.number], 0, 2**31 - 1)
    return {(hour - hour_of(NINE), location): found for (_, location, hour), found in kept.items()}


async def test_an_hour_is_rolled_up_when_it_is_over_and_not_before(world: Measured) -> None:
    await world.check(NINE, NINE + 2 * HOUR)
    world.clock.set(NINE + HOUR + 4 * MINUTE)
    await world.roll_up()
    assert await figures(world) == {}
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    (hour,) = (await figures(world)).values()
    assert (hour.expected, hour.executed, hour.unrecorded) == (120, 120, 0)
    assert hour.outcomes == {"good": 120}
    assert hour.durations.total.sum == 120 * 100_000 and hour.durations.connect.quantile(950) == 20_000


async def test_only_good_checks_have_durations_and_every_reason_is_counted(world: Measured) -> None:
    def found(number: int) -> Found | None:
        kinds: dict[int, Found | None] = {
            0: (Outcome.BAD, Reason.TIMEOUT, 10_000_000),
            1: (Outcome.BAD, Reason.HTTP_STATUS, 5_000_000),
            2: (Outcome.MISSED, None, 0),
            3: (Outcome.BLOCKED, None, 7_000_000),
            4: None,
        }
        return kinds.get(number, WENT_WELL)

    await world.check(NINE, NINE + HOUR, found)
    world.clock.set(NINE + 2 * HOUR)
    await world.roll_up()
    (hour,) = (await figures(world)).values()
    assert hour.outcomes == {"timeout": 1, "http_status": 1, "missed": 1, "blocked": 1, "good": 115}
    assert (hour.executed, hour.missed, hour.blocked, hour.unrecorded) == (117, 1, 1, 1)
    assert hour.durations.total.count == 115 and hour.durations.total.greatest == 100_000
    (said,) = await world.said("hourly")
    assert said["starts_at"] == "2026-06-08T09:00:00Z" and said["ends_at"] == "2026-06-08T10:00:00Z"
    (monitor,) = said["monitors"]
    assert (monitor["expected"], monitor["executed"], monitor["missed"], monitor["blocked"]) == (120, 117, 1, 1)
    told = monitor["response_times"]
    assert (told["count"], told["p50_us"], told["p95_us"], told["p99_us"]) == (115, 100_000, 100_000, 100_000)
    assert from_text(told["sketch"]) == hour.durations.total


async def test_an_hour_without_a_good_check_tells_no_response_times(world: Measured) -> None:
    await world.check(NINE, NINE + HOUR, lambda _: (Outcome.BAD, Reason.TIMEOUT, 10_000_000))
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    (said,) = await world.said("hourly")
    assert said["monitors"][0]["response_times"] is None


async def test_every_part_of_the_monitors_of_a_large_installation_can_be_read(world: Measured) -> None:
    """The part that holds monitor 32,767, the last smallint, could not, and every roll-up waited behind it."""
    monitor = await world.monitor()
    async with world.runtime.units.for_every_tenant() as unit:
        for part in (0, 65, 66, 4_000_000):
            found = await subjects_of(unit.session, Due(hour_of(NINE), world.contract.contract_id, part))
            assert [subject.number for subject in found] == ([monitor.number] if monitor.number // PART == part else [])


async def test_silence_shows_as_checks_that_were_expected(world: Measured) -> None:
    """Downtime of the whole installation: every hour of it is made good afterwards, and none is called complete."""
    await world.check(NINE, NINE + HOUR / 2)
    world.clock.set(NINE + 30 * HOUR)
    await world.roll_up()
    found = await figures(world)
    assert len(found) == 29
    assert [found[hour, 1].unrecorded for hour in (0, 1, 28)] == [60, 120, 120]
    assert [entry["monitors"][0]["executed"] for entry in await world.said("hourly")] == [60] + [0] * 28


async def test_rolling_up_again_changes_nothing_and_says_nothing(world: Measured) -> None:
    await world.check(NINE, NINE + HOUR)
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    before = await figures(world)
    async with world.runtime.units.for_every_tenant() as unit:
        await unit.session.execute(text("update probes.rollup_progress set next_hour = next_hour - 1"))
    await world.roll_up()
    assert await figures(world) == before
    assert len(await world.said("hourly")) == 1


async def test_an_hour_in_which_nothing_was_due_is_vouched_for_too(world: Measured) -> None:
    """A monitor that is looked at once a day is watched in every hour of it."""
    await world.activate(version=2, interval=86_400)
    world.clock.set(NINE + 4 * HOUR + 5 * MINUTE)
    await world.roll_up()
    said = await world.said("hourly")
    assert len(said) == 4 and all(len(entry["monitors"]) == 1 for entry in said)
    assert sum(entry["monitors"][0]["expected"] for entry in said) <= 1
    async with world.runtime.units.for_every_tenant() as unit:
        monitor = await world.monitor()
        touched = [(NINE, monitor.subject.contract_id, monitor.number)]
        await reopen_hours(unit.session, touched, unit.now)
    await world.roll_up()
    assert len(await world.said("hourly")) == 4


async def test_a_late_result_opens_its_hour_again(world: Measured) -> None:
    monitor = await world.monitor()
    schedule = monitor.rules.schedule
    last = schedule.first_from(NINE + HOUR) - 1
    await world.check(NINE, schedule.start_of(last))
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    assert (await figures(world))[0, 1].unrecorded == 1
    await record(world, last)
    await world.roll_up()
    assert (await figures(world))[0, 1].unrecorded == 0
    assert [entry["monitors"][0]["executed"] for entry in await world.said("hourly")] == [119, 120]
    versions = await world.rows(
        "select aggregate_id, aggregate_version from probes.outbox where type like '%.hourly.%'"
    )
    assert versions[0].aggregate_id == versions[1].aggregate_id
    assert versions[0].aggregate_version < versions[1].aggregate_version


async def record(world: Measured, slot: int) -> None:
    """As a runner hands it in, now."""
    monitor = await world.monitor()
    due = monitor.rules.schedule.start_of(slot)
    result = CheckResult(
        monitor_id=monitor.subject.monitor_id, slot=slot, due_at=due, started_at=due, took_us=9, outcome=Outcome.GOOD
    )
    batch = ResultBatch(runner="r", location="default", sent_at=world.clock.now(), results=(result,))
    await BatchRecorder(world.runtime.units, world.clock).record([HandedIn(batch, timedelta(0))])


async def test_a_result_that_is_being_recorded_holds_its_hour_back(world: Measured) -> None:
    monitor = await world.monitor()
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    async with world.runtime.units.for_every_tenant() as unit:
        assert await open_hours(unit.session, unit.now, 0) == 1
    touched = [(NINE, monitor.subject.contract_id, monitor.number)]
    async with world.runtime.units.for_every_tenant() as recording:
        await reopen_hours(recording.session, touched, recording.now)
        async with world.runtime.units.for_every_tenant() as rolling_up:
            assert await claim(rolling_up.session, rolling_up.now, 10) == []
    async with world.runtime.units.for_every_tenant() as rolling_up:
        assert len(await claim(rolling_up.session, rolling_up.now, 10)) == 1


async def test_an_hour_that_is_being_rolled_up_can_be_asked_for_again(world: Measured) -> None:
    slot = (await world.monitor()).rules.schedule.first_from(NINE)
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    async with world.runtime.units.for_every_tenant() as unit:
        await open_hours(unit.session, unit.now, 0)
    async with world.runtime.units.for_every_tenant() as rolling_up:
        assert len(await claim(rolling_up.session, rolling_up.now, 10)) == 1
        recording = asyncio.create_task(record(world, slot))
        await asyncio.wait({recording}, timeout=0.5)
        assert not recording.done()  # it asks for the hour anew, and waits until that can be seen
    await recording
    await world.roll_up()
    assert (await figures(world))[0, 1].executed == 1


async def test_two_workers_share_the_work(world: Measured) -> None:
    await world.check(NINE, NINE + 3 * HOUR)
    world.clock.set(NINE + 20 * HOUR)
    await asyncio.gather(world.roll_up(), world.roll_up())
    assert len(await figures(world)) == 19
    assert len(await world.said("hourly")) == 19


async def test_an_amendment_within_the_hour_changes_what_was_expected_of_its_rest(world: Measured) -> None:
    await world.check(NINE, NINE + HOUR / 2)
    world.clock.set(NINE + HOUR / 2)
    await world.activate(version=2, interval=60)
    await world.check(NINE + HOUR / 2, NINE + HOUR)
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    (hour,) = (await figures(world)).values()
    assert (hour.expected, hour.executed) == (90, 90)


async def test_nothing_is_expected_of_a_suspended_contract(world: Measured) -> None:
    await world.check(NINE, NINE + HOUR / 2)
    world.clock.set(NINE + HOUR / 2)
    await world.activate(version=2, status="suspended")
    world.clock.set(NINE + 5 * HOUR)
    await world.roll_up()
    found = await figures(world)
    assert {key: value.expected for key, value in found.items()} == {(0, 1): 60}


async def test_the_last_slot_of_an_hour_may_begin_in_the_next_one(world: Measured) -> None:
    """A check that waits belongs to its slot; where it began, its duration counts."""
    await world.check(NINE, NINE + 2 * HOUR, late=timedelta(seconds=29))
    world.clock.set(NINE + 2 * HOUR + 5 * MINUTE)
    await world.roll_up()
    found = await figures(world)
    assert [(found[hour, 1].expected, found[hour, 1].executed) for hour in (0, 1)] == [(120, 120), (120, 120)]
    assert sum(hour.durations.total.count for hour in found.values()) in (239, 240)


async def test_a_new_location_is_expected_from_its_first_check_on(world: Measured) -> None:
    await world.check(NINE, NINE + 2 * HOUR)
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    async with world.runtime.units.for_every_tenant() as unit:
        await SqlLocations(unit.session).configure(["default", "paris"], unit.now)
    await world.check(NINE + HOUR + HOUR / 2, NINE + 2 * HOUR, location="paris", late=timedelta(0))
    world.clock.set(NINE + 2 * HOUR + 5 * MINUTE)
    await world.roll_up()
    found = await figures(world)
    async with world.runtime.units.for_every_tenant() as unit:
        paris = (await SqlLocations(unit.session).numbers())["paris"]
    assert {key: (value.expected, value.executed) for key, value in found.items()} == {
        (0, 1): (120, 120),
        (1, 1): (120, 120),
        (1, paris): (60, 60),
    }


async def test_hours_whose_results_are_gone_keep_their_figures(world: Measured) -> None:
    monitor = await world.monitor()
    await world.check(NINE, NINE + HOUR)
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    before = await figures(world)
    world.clock.set(NINE + timedelta(days=40))
    await KeepPartitions(world.runtime.units, 35, 25)()
    await record(world, monitor.rules.schedule.first_from(NINE) + 5)
    await world.roll_up()
    assert {key: value for key, value in (await figures(world)).items() if key == (0, 1)} == before


async def fold(world: Measured) -> None:
    while not await FoldHours(world.runtime.units)():
        pass


async def test_eight_hours_become_one_row_and_keep_their_figures(world: Measured) -> None:
    await world.check(NINE, NINE + 20 * HOUR)
    world.clock.set(NINE + 30 * HOUR + 30 * MINUTE)
    await world.roll_up()
    before = await figures(world)
    assert len(before) == 30
    await fold(world)
    assert await world.rows("select from probes.rollup_block") == []
    world.clock.set(NINE + 31 * HOUR)
    await fold(world)
    (row,) = await world.rows("select block from probes.rollup_block")
    assert row.block * 8 == hour_of(NINE) - 1
    assert len(await world.rows("select from probes.rollup")) == 30 - 7
    assert await figures(world) == before
    monitor = await world.monitor()
    async with world.runtime.units.for_every_tenant() as unit:
        part = await kept_figures(unit.session, [monitor.number], hour_of(NINE) + 2, hour_of(NINE) + 9)
    assert [hour - hour_of(NINE) for _, _, hour in part] == [2, 3, 4, 5, 6, 7, 8]


async def test_a_late_result_counts_in_hours_that_are_folded_up(world: Measured) -> None:
    slot = (await world.monitor()).rules.schedule.first_from(NINE)
    await world.check(NINE + HOUR, NINE + 2 * HOUR)
    world.clock.set(NINE + timedelta(days=3))
    await world.roll_up()
    await fold(world)
    assert (await figures(world))[0, 1].executed == 0
    await record(world, slot)
    await world.roll_up()
    assert (await figures(world))[0, 1].executed == 1
    await fold(world)
    assert (await figures(world))[0, 1].executed == 1 and (await figures(world))[1, 1].executed == 120


async def test_rollups_are_dropped_by_the_month(world: Measured) -> None:
    await world.check(NINE, NINE + HOUR)
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    world.clock.set(NINE + timedelta(days=2))
    await fold(world)
    world.clock.set(datetime(2028, 7, 1, tzinfo=UTC))
    await KeepPartitions(world.runtime.units, 35, 25)()
    assert len(await figures(world)) == 1
    world.clock.set(datetime(2028, 8, 1, tzinfo=UTC))
    await KeepPartitions(world.runtime.units, 35, 25)()
    assert await figures(world) == {}


async def test_another_tenants_monitor_has_no_figures_of_ours(world: Measured) -> None:
    await world.check(NINE, NINE + HOUR)
    world.clock.set(NINE + HOUR + 5 * MINUTE)
    await world.roll_up()
    (row,) = await world.rows("select envelope from probes.outbox where type like '%.hourly.%'")
    assert UUID(row.envelope["tenantid"]) == world.contract.tenant_id
