"""A monitor with as many stored checks as a test wants, in a real database, at an hour that the test sets."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import httpx
from fastapi import FastAPI
from pydantic import SecretStr
from sqlalchemy import text

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import ContractState, SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.adapters.result_rows import Partitions, StoredResult, copy_results, day_of
from probes.application.provisioning import bring_up_to_date
from probes.domain.monitors import Monitor
from probes.domain.states import Outcome, Reason
from probes.jobs.rolling_up import LOOK_EVERY_SECONDS, RollUp
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.testing.databases import DatabaseUrls
from shared.testing.plugin import ApiClient
from shared.testing.tokens import TokenMint
from shared.worker import Runtime, build_runtime

from ..keys import SERVICE_KEY
from .conftest import Contract, contract

Found = tuple[Outcome, Reason | None, int]
"""What a check found and its total in microseconds; the phases before it take a tenth, two, three and three tenths."""

WENT_WELL: Found = (Outcome.GOOD, None, 100_000)


class Measured:
    """One contract with one monitor, checked every 30 seconds from the clock's instant on."""

    def __init__(self, runtime: Runtime, clock: FixedClock) -> None:
        self.runtime = runtime
        self.clock = clock
        self.contract: Contract = contract("https://example.org/")

    async def activate(self, version: int = 1, interval: int = 30, **changes: Any) -> None:
        monitoring = {"interval_seconds": interval, "rechecks": 2, "recheck_spacing_seconds": 5}
        changes.setdefault("effective_from", self.clock.now().isoformat())
        state = ContractState.model_validate(self.contract.state(version, monitoring=monitoring, **changes))
        async with self.runtime.units.for_tenant(self.contract.tenant_id) as unit:
            versions = SqlContractVersions(unit.session)
            await versions.keep(self.contract.tenant_id, state, unit.now)
            await bring_up_to_date(
                self.contract.contract_id,
                versions,
                SqlLocations(unit.session),
                SqlMonitors(unit.session),
                EventAnnouncer(unit),
                unit.now,
            )

    async def monitor(self) -> Monitor:
        async with self.runtime.units.for_every_tenant() as unit:
            (found,) = (await SqlMonitors(unit.session).of_contract(self.contract.contract_id)).values()
        return found

    async def check(
        self,
        start: datetime,
        end: datetime,
        found: Callable[[int], Found | None] = lambda _: WENT_WELL,
        *,
        late: timedelta = timedelta(milliseconds=20),
        location: str = "default",
    ) -> int:
        """Stores a check of every slot that begins in `[start, end)`; `found` is asked per check, None is no check."""
        monitor = await self.monitor()
        schedule = monitor.rules.schedule
        first = schedule.first_from(start)
        slots = range(first, schedule.first_from(end))
        told = ((slot, schedule.start_of(slot) + late, found(slot - first)) for slot in slots)
        return await self.store(monitor, ((slot, 0, at, what) for slot, at, what in told if what), location)

    async def store(
        self, monitor: Monitor, checks: Iterable[tuple[int, int, datetime, Found]], location: str = "default"
    ) -> int:
        """Stores checks: slot, attempt, beginning and what was found. Returns how many."""
        stored = 0
        async with self.runtime.units.for_every_tenant() as unit:
            number = (await SqlLocations(unit.session).numbers())[location]
            rows: list[StoredResult] = []

            async def write() -> None:
                await Partitions().ensure(unit.session, {day_of(row.started_at) for row in rows})
                await copy_results(unit.session, rows)
                rows.clear()

            for slot, attempt, at, (outcome, reason, total) in checks:
                phases = (total // 10, total // 5, total * 3 // 10, total * 3 // 10, total)
                code = 200 if outcome is Outcome.GOOD else 503 if reason is Reason.HTTP_STATUS else None
                rows.append(
                    StoredResult(monitor.number, number, slot, attempt, at, outcome, reason, code, *phases),
                )
                stored += 1
                if len(rows) == 10_000:
                    await write()
            await write()
        return stored

    async def roll_up(self) -> None:
        """Runs the job until nothing waits any more."""
        job = RollUp(self.runtime.units, 35)
        while await job() < LOOK_EVERY_SECONDS:
            pass

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.runtime.units.for_every_tenant() as unit:
            return list(await unit.session.execute(text(query), values))

    async def said(self, name: str) -> list[dict[str, Any]]:
        """The data of the events of this name that were said, in their order."""
        rows = await self.rows(
            "select envelope from probes.outbox where type like :name order by id", name=f"%.{name}.v1"
        )
        return [row.envelope["data"] for row in rows]


@asynccontextmanager
async def measured(database: DatabaseUrls, clock: FixedClock, **settings: Any) -> AsyncIterator[Measured]:
    """Activated at the clock's instant."""
    runtime = build_runtime(
        ProbesSettings(database_url=SecretStr(database.app), secret_key=SERVICE_KEY, **settings),
        SERVICE.registry,
        clock,
    )
    world = Measured(runtime, clock)
    await world.activate()
    yield world
    await runtime.close()


@asynccontextmanager
async def reading(
    world: Measured, app: FastAPI, tokens: TokenMint, api_client: ApiClient
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the API that reads as a viewer of the tenant, however far the clock is set."""

    async def authorize(request: httpx.Request) -> None:
        request.headers.setdefault(
            "Authorization", f"Bearer {tokens.mint(role='viewer', tenant_id=world.contract.tenant_id)}"
        )

    async with api_client(app) as opened:
        opened.event_hooks = {"request": [authorize]}
        yield opened
