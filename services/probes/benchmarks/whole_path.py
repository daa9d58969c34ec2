"""Measures the whole path on this machine and prints JSON: schedule → queue → check → record → state → event.

    python services/probes/benchmarks/whole_path.py [--monitors 200] [--interval 5] [--seconds 30] [--outages 40]
        [--secure] [--restart] [--runner-apart]

Starts a PostgreSQL and a NATS of its own, nginx as the site that is watched, and the worker of probes with its runner
in this process, whose CPU and memory are "ours". Database, broker and site share the machine and are told apart.
`--runner-apart` makes the runner a process of its own, as at another location; both count as ours then.
"failing check → event" is from the end of the check that confirms an outage to the event's arrival at a consumer.
`--restart` stops the worker, starts it again and tells how long after that the last monitor was checked. On a busy
machine every figure is worse: look at `load`.
"""

import argparse
import asyncio
import json
import os
import platform
import resource
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from typing import Any
from uuid import uuid4

import psutil
from pydantic import SecretStr
from sqlalchemy import text
from target_site import TargetSite, target_site

from probes.adapters.announce import EventAnnouncer
from probes.adapters.contract_versions import ContractState, SqlContractVersions
from probes.adapters.locations import SqlLocations
from probes.adapters.monitors import SqlMonitors
from probes.application.provisioning import bring_up_to_date
from probes.domain.slots import EPOCH, Schedule
from probes.main import SERVICE
from probes.settings import ProbesSettings
from shared.events import Envelope
from shared.jetstream import connect
from shared.service_process import new_loop
from shared.stack.nats_server import NatsServer
from shared.telemetry import configure_logging
from shared.testing.databases import ServiceDatabases
from shared.testing.servers import running_nats, running_postgres
from shared.worker import Runtime, build_runtime, run_worker

ENVIRONMENTS_OF_A_CONTRACT = 100


async def provision(runtime: Runtime, url: str, count: int, interval: int, rechecks: int) -> None:
    """Contracts with `count` environments in all, followed as if contracts had told of them."""
    for first in range(0, count, ENVIRONMENTS_OF_A_CONTRACT):
        numbers = range(first, min(first + ENVIRONMENTS_OF_A_CONTRACT, count))
        environments = [{"environment_id": str(uuid4()), "name": f"environment {n}", "url": url} for n in numbers]
        tenant = uuid4()
        state = ContractState.model_validate(
            {
                "contract_id": str(uuid4()),
                "version": 1,
                "status": "active",
                "effective_from": datetime.now(UTC).isoformat(),
                "client": {"client_id": str(uuid4())},
                "sites": [{"site_id": str(uuid4()), "name": "benchmark", "environments": environments}],
                "monitoring": {
                    "interval_seconds": interval,
                    "timeout_seconds": min(interval, 10),
                    "rechecks": rechecks,
                    "recheck_spacing_seconds": 0,
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


def percentiles(values: list[float]) -> dict[str, float]:
    """Count, median, 99th percentile and maximum."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {
        "count": len(ordered),
        "p50": round(statistics.median(ordered), 2),
        "p99": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], 2),
        "max": round(ordered[-1], 2),
    }


async def rows(runtime: Runtime, query: str) -> list[Any]:
    """Of every tenant."""
    async with runtime.units.for_every_tenant() as unit:
        return list(await unit.session.execute(text(query)))


async def listen(nats: NatsServer, found: list[float]) -> None:
    """Milliseconds from the end of the confirming check to the event's arrival."""
    client = await connect(nats.url(), "benchmark")
    js = client.jetstream()
    while True:
        try:
            await js.stream_info("PROBES")
            break
        except Exception:
            await asyncio.sleep(0.1)
    subscription = await js.subscribe("probes.monitor.*.down.v1", ordered_consumer=True)
    while True:
        message = await subscription.next_msg(timeout=None)
        confirmed = datetime.fromisoformat(Envelope.parse(message.data).data["confirmed_at"])
        found.append((datetime.now(UTC) - confirmed) / timedelta(milliseconds=1))


def cpu_of_children() -> dict[str, float]:
    """CPU seconds so far by the name of the program: PostgreSQL, NATS, the site, and python, a runner apart."""
    used: dict[str, float] = {}
    for child in psutil.Process().children(recursive=True):
        try:
            times = child.cpu_times()
            name = child.name().partition(":")[0]
        except psutil.NoSuchProcess:
            continue
        seconds = times.user + times.system + times.children_user + times.children_system
        used[name] = used.get(name, 0.0) + seconds
    return used


@contextmanager
def runner_apart(settings: ProbesSettings) -> Iterator[subprocess.Popen[bytes]]:
    """A runner as a process of its own."""
    variables = {
        "PROBES_NATS_URL": settings.nats_url.get_secret_value(),
        "PROBES_ALLOWED_NETWORKS": ",".join(map(str, settings.allowed_networks)),
        "PROBES_CA_FILE": str(settings.ca_file),
        "PROBES_LOG_LEVEL": "error",
    }
    process = subprocess.Popen([sys.executable, "-m", "probes", "runner"], env=os.environ | variables)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(10)


@asynccontextmanager
async def working(runtime: Runtime) -> AsyncIterator[None]:
    """The worker with its runner, in this process."""
    assert SERVICE.extra_loops is not None
    worker = asyncio.create_task(
        run_worker(runtime, None, SERVICE.jobs(runtime), extra_loops=SERVICE.extra_loops(runtime))
    )
    try:
        yield
    finally:
        runtime.stopping.set()
        await worker
        runtime.stopping.clear()  # the next one may begin


def measured(arguments: argparse.Namespace, site: TargetSite) -> dict[str, Any]:
    """One scenario, as JSON, in the event loop that the services run in."""
    with asyncio.Runner(loop_factory=new_loop) as loop:
        return loop.run(measure(arguments, site))


async def measure(arguments: argparse.Namespace, site: TargetSite) -> dict[str, Any]:
    """One scenario, as JSON."""
    url = site.secure_url if arguments.secure else site.url
    with running_postgres() as postgres, running_nats() as nats:
        settings = ProbesSettings(
            database_url=SecretStr(ServiceDatabases(postgres).create("probes").app),
            secret_key=SecretStr(secrets.token_urlsafe(32)),
            nats_url=SecretStr(nats.url("probes")),
            allowed_networks=(ip_network("127.0.0.0/8"),),
            ca_file=site.ca_file,
            log_level="error",
            execute_checks=not arguments.runner_apart,
        )
        configure_logging(settings, service="probes")
        runtime = build_runtime(settings, SERVICE.registry)
        await provision(runtime, url + "/", arguments.monitors, arguments.interval, 2)
        await provision(runtime, url + "/broken", arguments.outages, 2, 0)
        latencies: list[float] = []
        listening = asyncio.create_task(listen(nats, latencies))
        with runner_apart(settings) if arguments.runner_apart else nullcontext() as runner:
            async with working(runtime):
                await asyncio.sleep(2 * arguments.interval)
                found = await _steady(arguments, runtime, site)
            if arguments.restart:
                found |= await _restarted(arguments, runtime)
            of_runner = psutil.Process(runner.pid).memory_info().rss / 2**20 if runner is not None else 0.0
        listening.cancel()
        await runtime.close()
    return {
        "machine": {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()},
        "monitors": arguments.monitors + arguments.outages,
        "interval_seconds": arguments.interval,
        "secure": arguments.secure,
        **found,
        "failing_check_to_event_ms": percentiles(latencies),
        "peak_rss_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 + of_runner, 1),
    }


async def _steady(arguments: argparse.Namespace, runtime: Runtime, site: TargetSite) -> dict[str, Any]:
    first = (await rows(runtime, "select count(*) from probes.result"))[0][0]
    others, cpu, began, now = cpu_of_children(), time.process_time(), time.monotonic(), datetime.now(UTC)
    for _ in range(max(1, arguments.seconds // 10)):
        await asyncio.sleep(5)
        if arguments.outages:
            site.broken.touch()
        await asyncio.sleep(5)
        site.broken.unlink(missing_ok=True)
    used, lasted = time.process_time() - cpu, time.monotonic() - began
    used_by_others = {name: seconds - others.get(name, 0.0) for name, seconds in cpu_of_children().items()}
    by_worker = used
    used += sum(used_by_others.pop(name) for name in list(used_by_others) if name.startswith("python"))
    checks = (await rows(runtime, "select count(*) from probes.result"))[0][0] - first
    since = int((now - EPOCH) / timedelta(milliseconds=1))
    starts = await rows(
        runtime,
        "select m.monitor_id, m.interval_seconds, r.day * 86400000::bigint + r.started_ms, r.slot "
        "from probes.result r join probes.monitor m on m.number = r.monitor_number "
        f"where r.attempt_and_outcome < 32 and r.day * 86400000::bigint + r.started_ms >= {since}",
    )
    missed = (await rows(runtime, "select count(*) from probes.result where attempt_and_outcome % 32 = 1"))[0][0]
    gaps = await rows(
        runtime,
        "select count(*) from (select slot - lag(slot) over (partition by monitor_number order by slot) as step "
        "from probes.result where attempt_and_outcome < 32) as s where step > 1",
    )
    size = await rows(
        runtime,
        "select sum(pg_total_relation_size(inhrelid)), (select count(*) from probes.result) from pg_inherits "
        "where inhparent = 'probes.result'::regclass",
    )
    return {
        "measured_at": now.isoformat(timespec="seconds"),
        "seconds": round(lasted, 1),
        "checks": checks,
        "checks_per_second": round(checks / lasted, 1),
        "missed": missed,
        "slots_without_result": gaps[0][0],
        "cpu_ms_per_check_ours_whole_path": round(1000 * used / checks, 3),
        # With a runner apart: scheduler, recorder and relay, of which an installation has one that works.
        "cpu_ms_per_check_of_worker": round(1000 * by_worker / checks, 3),
        "cpu_ms_per_check_of_others": {
            name: round(1000 * seconds / checks, 3) for name, seconds in sorted(used_by_others.items()) if seconds > 0
        },
        "start_lateness_ms": percentiles(_lateness(starts)),
        "bytes_per_stored_check_index_included": round(float(size[0][0]) / size[0][1], 1),
    }


async def _restarted(arguments: argparse.Namespace, runtime: Runtime) -> dict[str, Any]:
    """Seconds from the start of the worker until the last monitor had been checked."""
    since = datetime.now(UTC)
    async with working(runtime):
        deadline = time.monotonic() + 3 * arguments.interval
        while True:
            waiting = await rows(
                runtime, f"select count(*) from probes.location_state where last_at < '{since.isoformat()}'"
            )
            if not waiting[0][0] or time.monotonic() > deadline:
                break
            await asyncio.sleep(0.5)
    lasted = (datetime.now(UTC) - since).total_seconds()
    return {"restart": {"seconds_until_all_were_checked": round(lasted, 1), "not_checked_by_then": waiting[0][0]}}


def _lateness(found: list[Any]) -> list[float]:
    late = []
    for monitor_id, interval, started_ms, slot in found:
        schedule = Schedule.of(monitor_id, timedelta(seconds=interval))
        due_ms = (schedule.start_of(slot) - EPOCH) / timedelta(milliseconds=1)
        late.append(started_ms - due_ms)
    return late


def main() -> None:
    """Prints one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--monitors", type=int, default=200)
    parser.add_argument("--interval", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--outages", type=int, default=40)
    parser.add_argument("--secure", action="store_true", help="over HTTPS")
    parser.add_argument("--runner-apart", action="store_true", help="the runner is a process of its own")
    parser.add_argument("--restart", action="store_true", help="also measure a restart of the worker")
    arguments = parser.parse_args()
    with target_site() as site:
        print(json.dumps(measured(arguments, site), indent=2))


if __name__ == "__main__":
    main()
