"""A contract under which things report by themselves, with a clock that the test moves."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
from sqlalchemy import text

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import ContractState, SqlContractVersions
from probes.adapters.heartbeat_rows import say_receiving
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.application.adding_monitors import Addition, add_monitor, cadence_of_reports
from probes.application.checks.reported import CrashReports, HeartbeatReports
from probes.application.provisioning import bring_up_to_date
from probes.jobs.reports import FollowHeartbeats
from shared.events import Envelope
from shared.ids import new_id
from shared.kernel.clock import FixedClock
from shared.worker import Runtime

from .conftest import Contract, contract


@dataclass
class Reporting:
    """What a test does: watch, let time pass, look."""

    runtime: Runtime
    clock: FixedClock
    given: Contract

    @classmethod
    async def begin(cls, runtime: Runtime, clock: FixedClock, **state: Any) -> "Reporting":
        world = cls(runtime, clock, contract(""))
        await world.receive()
        await world.follow(world.given, **state)
        return world

    async def follow(self, given: Contract, version: int = 1, **state: Any) -> None:
        """The contract says this."""
        told = ContractState.model_validate(given.state(version, effective_from=self.clock.now().isoformat(), **state))
        async with self.runtime.units.for_tenant(given.tenant_id) as unit:
            versions = SqlContractVersions(unit.session)
            await versions.keep(given.tenant_id, told, unit.now)
            await bring_up_to_date(
                given.contract_id,
                versions,
                SqlLocations(unit.session),
                SqlMonitors(unit.session),
                EventAnnouncer(unit),
                unit.now,
            )

    async def add(self, configuration: HeartbeatReports | CrashReports, name: str = "Sauvegarde nocturne") -> UUID:
        """Watches it from now on."""
        async with self.runtime.units.for_tenant(self.given.tenant_id) as unit:
            subject = await add_monitor(
                Addition(
                    monitor_id=new_id(),
                    contract_id=self.given.contract_id,
                    environment_id=self.given.environment_id,
                    deliverable=configuration.kind,
                    name=name,
                    configuration=configuration,
                    cadence=cadence_of_reports(configuration, unit.now),
                ),
                SqlContractVersions(unit.session),
                SqlLocations(unit.session),
                SqlMonitors(unit.session),
                EventAnnouncer(unit),
                unit.now,
            )
        return subject.monitor_id

    async def receive(self) -> None:
        """Somebody is there to take reports, now."""
        async with self.runtime.units.for_every_tenant() as unit:
            await say_receiving(unit.session, unit.now)

    async def pass_time(self, length: timedelta, *, receiving: bool = True) -> None:
        """Time passes, and then somebody looks."""
        end = self.clock.now() + length
        if receiving:
            async with self.runtime.units.for_every_tenant() as unit:
                await say_receiving(unit.session, unit.now)
                # As if it had been said all the while.
                await unit.session.execute(
                    text(
                        "update probes.receiving set seen_at = :at "
                        "where seen_at = (select max(seen_at) from probes.receiving)"
                    ),
                    {"at": end},
                )
        self.clock.set(end)
        await self.look()

    async def look(self) -> None:
        """Heartbeats are judged until there is nothing left to judge."""
        while await FollowHeartbeats(self.runtime.units)() == 0.0:
            pass

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.runtime.units.for_every_tenant() as unit:
            return list((await unit.session.execute(text(query), values)).mappings())

    async def events(self) -> list[tuple[str, dict[str, Any]]]:
        """What was said since the beginning: the names of the events, with their data. No records of operations."""
        found = []
        for row in await self.rows(
            "select envelope::text as envelope from probes.outbox where aggregate_type <> 'operation' order by id"
        ):
            envelope = Envelope.parse(row["envelope"].encode())
            found.append((f"{envelope.name.aggregate}.{envelope.name.event}", envelope.data))
        return found


async def address_of(client: httpx.AsyncClient, monitor_id: UUID) -> str:
    """A new address to report to."""
    answer = await client.post(f"/v1/monitors/{monitor_id}/report-address")
    assert answer.status_code == 201, answer.text
    path: str = answer.json()["path"]
    return path
