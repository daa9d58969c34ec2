"""Measures what results and roll-ups take on disk, and what rolling up costs, and prints JSON.

    python services/probes/benchmarks/storage.py [--monitors 50] [--interval 30] [--hours 96]

Starts a PostgreSQL of its own, stores a check per monitor and interval as the recorder does, and lets the jobs roll up
every hour and fold eight of them into a row. Durations are drawn: each phase log-normal, one answer in fifty five times
slower. "wide" spreads them three times as far as "steady", more than a site does that is worth watching. A monitor-year
is 8760 hours.
"""

import argparse
import asyncio
import json
import os
import platform
import random
import secrets
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from pydantic import SecretStr
from sqlalchemy import text

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import ContractState, SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.adapters.result_rows import Partitions, StoredResult, copy_results, day_of
from probes.application.provisioning import bring_up_to_date
from probes.domain.monitors import Monitor
from probes.domain.rollup import HOUR
from probes.domain.states import Outcome
from probes.jobs.rolling_up import LOOK_EVERY_SECONDS, FoldHours, RollUp
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.kernel.clock import FixedClock
from shared.testing.databases import ServiceDatabases
from shared.testing.servers import running_postgres
from shared.worker import Runtime, build_runtime

START = datetime(2026, 6, 1, tzinfo=UTC)
HOURS_PER_YEAR = 8760
MONITORS_PER_CONTRACT = 5
PROFILES = {"steady": 0.12, "wide": 0.36}
MEANS = (3_000, 12_000, 25_000, 42_000)
REST = 9_000


async def provision(runtime: Runtime, monitors: int, interval: int) -> list[Monitor]:
    """Contracts with a few environments each."""
    found: list[Monitor] = []
    for first in range(0, monitors, MONITORS_PER_CONTRACT):
        count = min(MONITORS_PER_CONTRACT, monitors - first)
        environments = [
            {"environment_id": str(uuid4()), "name": f"site {number}", "url": "https://example.org/"}
            for number in range(count)
        ]
        tenant = uuid4()
        state = ContractState.model_validate(
            {
                "contract_id": str(uuid4()),
                "version": 1,
                "status": "active",
                "effective_from": START.isoformat(),
                "client": {"client_id": str(uuid4())},
                "sites": [{"site_id": str(uuid4()), "name": "benchmark", "environments": environments}],
                "monitoring": {
                    "interval_seconds": interval,
                    "timeout_seconds": min(interval, 10),
                    "rechecks": 2,
                    "recheck_spacing_seconds": 5,
                    "recoveries": 1,
                },
            }
        )
        async with runtime.units.for_tenant(tenant) as unit:
            versions = SqlContractVersions(unit.session)
            await versions.keep(tenant, state, unit.now)
            await bring_up_to_date(
                state.contract_id,
                versions,
                SqlLocations(unit.session),
                SqlMonitors(unit.session),
                EventAnnouncer(unit),
                unit.now,
            )
            found += (await SqlMonitors(unit.session).of_contract(state.contract_id)).values()
    return found


def checks(monitors: list[Monitor], hour: datetime, sigma: float, chance: random.Random) -> Iterator[StoredResult]:
    """An hour of checks of every monitor in the order of their beginnings, as a recorder meets them."""
    due = sorted(
        (monitor.rules.schedule.start_of(slot), slot, monitor.number)
        for monitor in monitors
        for slot in range(monitor.rules.schedule.first_from(hour), monitor.rules.schedule.first_from(hour + HOUR))
    )
    for at, slot, number in due:
        slow = 5 if chance.random() < 0.02 else 1
        phases = [int(mean * chance.lognormvariate(0, sigma)) for mean in MEANS]
        phases[3] *= slow
        rest = int(REST * chance.lognormvariate(0, sigma))
        yield StoredResult(
            number, 1, slot, 0, at, Outcome.GOOD, None, 200, phases[0], phases[1], phases[2], phases[3],
            sum(phases) + rest,
        )  # fmt: skip


async def one(runtime: Runtime, query: str) -> int:
    async with runtime.units.for_every_tenant() as unit:
        return int(await unit.session.scalar(text(query)) or 0)


def _size(table: str) -> str:
    return f"select sum(pg_total_relation_size(inhrelid)) from pg_inherits where inhparent = 'probes.{table}'::regclass"


async def measure_profile(runtime: Runtime, clock: FixedClock, arguments: argparse.Namespace, sigma: float) -> Any:
    monitors = await provision(runtime, arguments.monitors, arguments.interval)
    chance = random.Random(1)
    partitions = Partitions()
    stored = 0
    for number in range(arguments.hours):
        hour = START + number * HOUR
        rows = list(checks(monitors, hour, sigma, chance))
        for first in range(0, len(rows), 500):
            async with runtime.units.for_every_tenant() as unit:
                await partitions.ensure(unit.session, {day_of(row.started_at) for row in rows})
                await copy_results(unit.session, rows[first : first + 500])
        stored += len(rows)
    clock.set(START + arguments.hours * HOUR + timedelta(minutes=5))
    job = RollUp(runtime.units, 35)
    cpu, began = time.process_time(), time.monotonic()
    while await job() < LOOK_EVERY_SECONDS:
        pass
    cpu, lasted = time.process_time() - cpu, time.monotonic() - began
    results = await one(runtime, _size("result"))
    hours = await one(runtime, "select count(*) from probes.rollup")
    content = await one(runtime, "select sum(length(content)) from probes.rollup")
    recent = await one(runtime, "select pg_total_relation_size('probes.rollup')")
    clock.set(clock.now() + timedelta(days=2))
    fold = FoldHours(runtime.units)
    while not await fold():
        pass
    rollups = await one(runtime, _size("rollup_block"))
    events = await one(runtime, "select count(*) from probes.outbox where type like '%.hourly.%'")
    payload = await one(runtime, "select sum(length(envelope::text)) from probes.outbox where type like '%.hourly.%'")
    return {
        "checks": stored,
        "bytes_per_check_index_included": round(results / stored, 1),
        "hours_rolled_up": hours,
        "bytes_per_hour_packed": round(content / hours, 1),
        "bytes_per_hour_of_the_last_day_index_included": round(recent / hours, 1),
        "bytes_per_hour_folded_index_included": round(rollups / hours, 1),
        "megabytes_per_monitor_year_of_rollups": round(rollups / hours * HOURS_PER_YEAR / 1e6, 2),
        "rolling_up_cpu_ms_per_monitor_hour": round(1000 * cpu / hours, 2),
        "rolling_up_seconds_per_1000_monitor_hours": round(1000 * lasted / hours, 2),
        "events": events,
        "event_bytes_per_monitor_hour": round(payload / hours, 1),
    }


async def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with running_postgres() as postgres:
        databases = ServiceDatabases(postgres)
        for profile, sigma in PROFILES.items():
            clock = FixedClock(START)
            database = databases.create("probes")
            settings = ProbesSettings(
                database_url=SecretStr(database.app), secret_key=SecretStr(secrets.token_urlsafe(32)), log_level="error"
            )
            runtime = build_runtime(settings, SERVICE.registry, clock)
            found[profile] = await measure_profile(runtime, clock, arguments, sigma)
            await runtime.close()
    return {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()},
        "monitors": arguments.monitors,
        "interval_seconds": arguments.interval,
        **found,
        "targets": {"bytes_per_check_index_included": 80, "megabytes_per_monitor_year_of_rollups": 2},
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--monitors", type=int, default=50)
    parser.add_argument("--interval", type=int, default=30)
    parser.add_argument("--hours", type=int, default=96)
    print(json.dumps(asyncio.run(measure(parser.parse_args())), indent=2))
