"""Versions of a contract that arrive in another order give the same state line, outages and events."""

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime, timedelta
from itertools import permutations
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import PATIENCE
from probes.adapters.monitors import SqlMonitors
from probes.application.recording import record_checks
from probes.domain.states import Check, Failure, Outcome, Reason
from probes.handlers import handlers
from probes.jobs.housekeeping import FollowContracts
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.consumer import EventProcessor
from shared.events import Envelope, EventName
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import MONDAY_MORNING
from shared.worker import Runtime, build_runtime

from ..keys import SERVICE_KEY
from .conftest import contract

BROKEN = Failure(
    Reason.HTTP_STATUS,
    "The site answered with status 503.",
    {
        "checked_at": MONDAY_MORNING.isoformat(),
        "url": "https://hotel.example/",
        "addresses": [],
        "refused_addresses": [],
        "timings_ms": {"total": 12.5},
        "headers": {},
    },
)
SUSPENDED_AT = MONDAY_MORNING + timedelta(minutes=10)
RESUMED_AT = MONDAY_MORNING + timedelta(minutes=11)


class Watched:
    """A site that went down under the first version of its contract, and stays down."""

    def __init__(self, runtime: Runtime, clock: FixedClock) -> None:
        self.runtime = runtime
        self.clock = clock
        self.given = contract("https://hotel.example/")
        self.processor = EventProcessor(handlers, runtime.units, "probes")

    async def hear(self, event: str, version: int, previous: int | None, at: datetime, **changes: Any) -> None:
        name = EventName("contracts", "contract", event, 1)
        envelope = Envelope(
            id=new_id(),
            source="/services/contracts",
            type=name.type,
            subject=f"contract/{self.given.contract_id}",
            time=at,
            dataschema="urn:upheld:schema:test",
            tenantid=self.given.tenant_id,
            aggregateversion=version,
            data=self.given.state(version, previous_version=previous, effective_from=at.isoformat(), **changes),
        )
        assert await self.processor.process(envelope.to_bytes())

    async def hear_of_activation(self) -> None:
        await self.hear("activated", 5, None, MONDAY_MORNING)

    async def hear_of_suspension(self) -> None:
        await self.hear("suspended", 6, 5, SUSPENDED_AT, status="suspended")

    async def hear_of_resumption(self) -> None:
        await self.hear("activated", 9, 6, RESUMED_AT)  # 7 and 8: an amendment that was proposed and withdrawn

    async def hear_of_amendment(self) -> None:
        await self.hear("amended", 12, 9, RESUMED_AT + timedelta(seconds=10), monitoring={"interval_seconds": 60})

    async def check(self, *found: bool) -> None:
        """Checks a second apart, the first one now."""
        start = self.clock.now()
        times = [start + timedelta(seconds=number) for number in range(len(found))]
        self.clock.set(times[-1] + timedelta(milliseconds=500))
        async with self.runtime.units.for_every_tenant() as unit:
            monitors = SqlMonitors(unit.session)
            (monitor,) = await monitors.of_contract(self.given.contract_id)
            checks = [
                Check("default", slot, 0, at, at, at, Outcome.GOOD if good else Outcome.BAD, None if good else BROKEN)
                for slot, (at, good) in enumerate(zip(times, found, strict=True))
            ]
            await record_checks(
                [(monitor, check) for check in checks], monitors, EventAnnouncer(unit), running_since=start
            )

    async def follow(self) -> None:
        await FollowContracts(self.runtime.units)()

    async def rows(self, query: str) -> list[tuple[Any, ...]]:
        async with self.runtime.units.for_every_tenant() as unit:
            found = await unit.session.execute(text(query), {"id": self.given.contract_id})
            return [tuple(row) for row in found]

    async def line(self) -> list[tuple[Any, ...]]:
        return await self.rows(
            "select s.state, s.started_at, s.ended_at, s.reason, s.outage_id is not null from probes.stretch s"
            " join probes.monitor m using (monitor_id) where m.contract_id = :id order by s.version"
        )

    async def figures(self) -> Any:
        """The state line, the outages, and what was said, without ids."""
        outages = await self.rows(
            "select down_since, ended_at, ending from probes.outage where contract_id = :id order by down_since"
        )
        said = await self.rows(
            "select type, aggregate_version, envelope -> 'data' ->> 'previous_state', envelope -> 'data' ->> 'since',"
            " envelope -> 'data' ->> 'down_since' from probes.outbox"
            " where envelope -> 'data' ->> 'contract_id' = cast(:id as text) order by id"
        )
        return await self.line(), outages, said


@pytest.fixture
async def runtime(service_database: Callable[[str], DatabaseUrls], clock: FixedClock) -> AsyncIterator[Runtime]:
    settings = ProbesSettings(database_url=SecretStr(service_database("probes").app), secret_key=SERVICE_KEY)
    made = build_runtime(settings, SERVICE.registry, clock)
    yield made
    await made.close()


async def broken_then(runtime: Runtime, clock: FixedClock, order: Sequence[str]) -> Watched:
    """A site that is down when the versions arrive, all of them in effect, and is found down again after that."""
    clock.set(MONDAY_MORNING)
    watched = Watched(runtime, clock)
    await watched.hear_of_activation()
    clock.advance(timedelta(seconds=1))
    await watched.check(True, False, False)
    clock.set(RESUMED_AT + timedelta(seconds=20))
    for version in order:
        await getattr(watched, f"hear_of_{version}")()
        await watched.follow()
    clock.advance(timedelta(seconds=1))
    await watched.check(False, False)
    return watched


@pytest.mark.capability("X08")
async def test_a_suspension_and_what_follows_it_give_the_same_figures_in_any_order(
    runtime: Runtime, clock: FixedClock
) -> None:
    versions = ("suspension", "resumption", "amendment")
    in_order = await (await broken_then(runtime, clock, versions)).figures()
    line, outages, said = in_order
    assert [row[0] for row in line] == ["unknown", "up", "down", "paused", "unknown", "down"]
    assert [row[2] for row in outages] == ["paused", None]
    assert [name.split(".")[-2] for name, *_ in said].count("down") == 2
    for order in permutations(versions):
        assert await (await broken_then(runtime, clock, order)).figures() == in_order, order


async def test_a_version_waits_for_the_one_before_it_only_for_so_long(runtime: Runtime, clock: FixedClock) -> None:
    watched = await broken_then(runtime, clock, ["resumption", "amendment"])
    assert await watched.rows("select interval_seconds from probes.monitor") == [(1,)]
    clock.advance(PATIENCE)
    await watched.follow()
    assert await watched.rows("select interval_seconds from probes.monitor") == [(60,)]
    # What is heard after that is history: nobody paused, and nothing is rewritten.
    await watched.hear_of_suspension()
    await watched.follow()
    assert "paused" not in [row[0] for row in await watched.line()]
    assert await watched.rows("select count(*) from probes.contract_version where applied_at is null") == [(0,)]


async def test_a_newer_version_does_not_overtake_one_that_waits(runtime: Runtime, clock: FixedClock) -> None:
    watched = await broken_then(runtime, clock, ["resumption"])
    clock.advance(PATIENCE - timedelta(seconds=30))
    await watched.hear_of_amendment()
    assert await watched.rows("select version from probes.contract_version where applied_at is not null") == [(5,)]
    await watched.hear_of_suspension()
    assert await watched.rows("select count(*) from probes.contract_version where applied_at is null") == [(0,)]
    assert [row[0] for row in await watched.line()][-2:] == ["paused", "unknown"]
